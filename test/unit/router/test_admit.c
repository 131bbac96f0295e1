/* What may come in at all: malformed datagrams, addresses that must not be routed, sources that
 * cannot be where they claim to be. */
#include "rig.h"

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting two_ways[] = RIG_WIDTHS(
	.routes = RIG_ROUTES
	", { prefix = \"10.8.0.0/16\"; interface = \"lan0\"; via = \"10.0.0.254\"; }"
	", { prefix = \"10.8.0.0/16\"; interface = \"lan1\"; via = \"10.0.1.254\"; }");

/* Nothing leads to 192.0.2.0/24; 203.0.113.0/24 lies behind wan0 alone. */
#define NARROW_ROUTES \
	"{ prefix = \"203.0.113.0/24\"; interface = \"wan0\"; via = \"198.51.100.254\"; }," RIG_INNER
#define ASKING(word) RIG_WIDTHS(.routes = NARROW_ROUTES, .reverse_path = { word, word, word })
static const struct setting strict[] = ASKING("strict"), loose[] = ASKING("loose"),
			    off[] = ASKING("off");
static const struct setting two_outside[] = RIG_WIDTHS(.outer = true,
						       .reverse_path = { [LAN1] = "strict" });

/* What has an address of wan0's network reaches 10.77.0.0/16 inside, by a table of its own. */
static const struct setting by_rule[] = RIG_WIDTHS(
	.routes = "{ prefix = \"10.77.0.0/16\"; interface = \"lan0\"; via = \"10.0.0.254\"; "
		  "from = \"198.51.100.0/24\"; }, " RIG_ROUTES);

static struct packet sane(void)
{
	return udp("10.0.0.10:5000 > 203.0.113.9:53", 21);
}

static void refuse_word(struct rig *r, size_t at, uint16_t value, enum reason reason)
{
	struct packet p = sane();

	store16(p.octets + at, value);
	if (at != 10)
		packet_seal_header(p.octets);
	rig_refuse(r, LAN0, &p, reason);
}

/* Requirement 1812-V1: no octet of these leaves, and nobody is told. */
static void malformed_datagrams_end_here(void **state)
{
	struct rig *r = *state;
	struct packet p = sane();

	refuse_word(r, 0, 0x5500, REASON_VERSION);
	refuse_word(r, 0, 0x4400, REASON_HEADER_LEN);
	refuse_word(r, 2, (uint16_t)(p.len + 1), REASON_TOTAL_LEN);
	refuse_word(r, 2, 19, REASON_TOTAL_LEN);
	refuse_word(r, 10, 0xbad0, REASON_HEADER_SUM);
	refuse_word(r, 6, 0x2000, REASON_FRAGMENT_BAD);
	refuse_word(r, 6, 0x1fff, REASON_FRAGMENT_BAD);
	refuse_word(r, 24, 30, REASON_TRANSPORT_LEN);
	refuse_word(r, 24, 7, REASON_TRANSPORT_LEN);
	p.len = 19;
	rig_refuse(r, LAN0, &p, REASON_SHORT);
	p.len = 0;
	rig_refuse(r, LAN0, &p, REASON_SHORT);
	p = with_options(sane(), (const uint8_t[]){ 130, 5, 0, 0 }, 4);
	rig_refuse(r, LAN0, &p, REASON_OPTION);
	p = packet_make("10.0.0.10:1 > 203.0.113.9:2", PROTO_TCP, 7);
	rig_refuse(r, LAN0, &p, REASON_TRANSPORT_SHORT);
	p = packet_make("2001:db8:1::9 > 2001:db8:9::9", 0, 4);
	rig_refuse(r, LAN0, &p, REASON_EXTENSION);
}

/* Requirement 1812-V2: what a link added behind the datagram is not part of it. */
static void padding_is_left_behind(void **state)
{
	struct rig *r = *state;
	struct packet p = sane(), out;

	p.len += 7;
	out = rig_pass(r, LAN0, &p, WAN0);
	assert_int_equal(out.len, p.len - 7);
	p = udp("[2001:db8:1::9]:5 > [2001:db8:9::9]:6", 21);
	p.len += 11;
	out = rig_pass(r, LAN0, &p, WAN0);
	assert_int_equal(out.len, p.len - 11);
}

/* A datagram between two addresses, in by each interface: it ends for this reason. */
static void refuse_everywhere(struct rig *r, const char *from, const char *to, enum reason reason)
{
	for (size_t i = 0; i < INTERFACES; i++) {
		struct packet p = udp_between(from, to);

		rig_refuse(r, i, &p, reason);
	}
}

/* A datagram to an address, from a host on each side: it ends for this reason. */
static void refuse_from_both(struct rig *r, const char *to, enum reason reason)
{
	bool v6 = strchr(to, ':');
	struct packet p = udp_between(v6 ? "2001:db8:1::9" : "10.0.0.10", to);

	rig_refuse(r, LAN0, &p, reason);
	p = udp_between(v6 ? "2001:db8:9::9" : "203.0.113.9", to);
	rig_refuse(r, WAN0, &p, reason);
}

/* RFC 1812 section 5.3.7, RFC 3927 section 2.6.2. */
static void martians_end_here(void **state)
{
	static const char *const sources[] = {
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "169.254.0.1", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255",
	};
	static const char *const destinations[] = {
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "240.0.0.1", "255.255.255.254",
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		refuse_everywhere(*state, sources[i], "203.0.113.9", REASON_MARTIAN_SOURCE);
	for (size_t i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++)
		refuse_from_both(*state, destinations[i], REASON_MARTIAN_DESTINATION);
}

/* RFC 4291 sections 2.5.2, 2.5.3 and 2.5.6: link-local ones stay on their link. */
static void martians_of_ipv6_end_here(void **state)
{
	static const char *const bad[] = { "fe80::1", "febf::1", "::", "::1" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse_from_both(*state, bad[i], REASON_MARTIAN_DESTINATION);
	for (size_t i = 2; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse_everywhere(*state, bad[i], "2001:db8:9::9", REASON_MARTIAN_SOURCE);
	refuse_everywhere(*state, "ff02::1", "2001:db8:9::9", REASON_MARTIAN_SOURCE);
}

/* RFC 2644 for directed broadcasts. */
static void groups_and_broadcasts_end_here(void **state)
{
	static const char *const to[] = {
		"224.0.0.1", "239.255.255.250", "255.255.255.255", "10.0.0.255", "10.0.0.0",
		"10.0.1.255", "198.51.100.255", "198.51.100.0", "ff02::1", "ff0e::1234",
	};

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		refuse_from_both(*state, to[i], REASON_MULTICAST);
}

static void refuse_source(struct rig *r, size_t interface, const char *from)
{
	bool v6 = strchr(from, ':');
	struct packet p = udp_between(from, v6 ? "2001:db8:9::9" : "203.0.113.9");

	rig_refuse(r, interface, &p, REASON_SPOOFED);
	p = udp_between(from, v6 ? "2001:db8:2::9" : "198.51.100.2");
	rig_refuse(r, interface, &p, REASON_SPOOFED);
}

/* RFC 3704 section 2.2: strict where hosts are. */
static void inside_sources_must_lead_back(void **state)
{
	static const char *const from[] = {
		"10.0.1.9", "203.0.113.9", "198.51.100.77", "192.0.2.1", "10.0.0.1", "10.0.1.1",
		"198.51.100.1", "198.51.100.2", "10.0.0.255", "10.0.0.0", "2001:db8:1::1",
	};

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		refuse_source(*state, LAN0, from[i]);
}

/* From outside nobody is inside, nobody is us, and no broadcast is a source (RFC 1812 section
 * 5.3.7). */
static void outside_sources_must_not_be_inside(void **state)
{
	static const char *const from[] = {
		"10.0.0.9", "10.0.1.9", "10.9.1.1", "172.16.1.1", "10.0.0.1", "198.51.100.1",
		"198.51.100.2", "10.0.0.255", "10.0.1.0", "198.51.100.255", "2001:db8:1::9",
		"2001:db8:2::9", "2001:db8:f::1",
	};

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		refuse_source(*state, WAN0, from[i]);
}

/* A source that two equal routes lead to may come by either. */
/* Where an answer would go by the rules. */
static void rules_tell_who_is_inside(void **state)
{
	struct packet p = udp_between("10.77.1.1", "198.51.100.2");

	rig_refuse(*state, WAN0, &p, REASON_SPOOFED);
	p = udp_between("203.0.113.9", "198.51.100.2");
	rig_refuse(*state, WAN0, &p, REASON_NO_MAPPING);
}

static void sources_come_by_any_of_equal_ways(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 32; i++) {
		struct packet p = udp(WAY("10.8.0.%u:%u > 10.0.1.9:53", i, 1000 + i), 10);
		rig_push(r, LAN0, &p);
		p = udp(WAY("10.8.0.%u:%u > 10.0.0.9:53", i, 1000 + i), 10);
		rig_push(r, LAN1, &p);
	}
	rig_settle(r);
	assert_int_equal(rig_reason(r, REASON_SPOOFED), 0);
	assert_int_equal(rig_drain(r, LAN0), 32);
	assert_int_equal(rig_drain(r, LAN1), 32);
}

/* Whether a datagram from there, to a host behind wan0 or to the pool, is believed. */
static bool is_believed(struct rig *r, size_t interface, const char *from)
{
	struct packet p = udp_between(from, interface == WAN0 ? "198.51.100.2" : "203.0.113.9");
	uint64_t refused = rig_reason(r, REASON_SPOOFED);

	rig_push(r, interface, &p);
	rig_settle(r);
	rig_drain(r, LAN0);
	rig_drain(r, LAN1);
	rig_drain(r, WAN0);
	return rig_reason(r, REASON_SPOOFED) == refused;
}

/* RFC 3704 section 2.2, outside too. */
static void strict_wants_them_by_this_interface(void **state)
{
	assert_true(is_believed(*state, LAN0, "10.0.0.9"));
	assert_true(is_believed(*state, WAN0, "203.0.113.9"));
	assert_false(is_believed(*state, LAN0, "10.0.1.9"));
	assert_false(is_believed(*state, WAN0, "10.0.0.9"));
	assert_false(is_believed(*state, WAN0, "192.0.2.9"));
}

static void strict_between_two_that_are_outside(void **state)
{
	assert_false(is_believed(*state, LAN1, "203.0.113.9"));
	assert_true(is_believed(*state, LAN1, "10.0.1.9"));
	assert_true(is_believed(*state, WAN0, "10.0.1.9"));
}

/* RFC 3704 section 2.4: asymmetric ways pass; what leads nowhere does not. */
static void loose_wants_them_by_any(void **state)
{
	assert_true(is_believed(*state, LAN0, "10.0.1.9"));
	assert_true(is_believed(*state, WAN0, "203.0.113.9"));
	assert_false(is_believed(*state, LAN0, "192.0.2.9"));
	assert_false(is_believed(*state, WAN0, "192.0.2.9"));
}

static void off_believes_others(void **state)
{
	assert_true(is_believed(*state, LAN0, "10.0.1.9"));
	assert_true(is_believed(*state, LAN0, "192.0.2.9"));
	assert_true(is_believed(*state, WAN0, "192.0.2.9"));
}

/* Whatever an interface asks, nobody is us, and nobody outside is inside. */
static void never_believed(void **state)
{
	static const char *const ours[] = { "10.0.0.1", "10.0.1.1", "198.51.100.1", "198.51.100.2",
					    "10.0.0.255" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		assert_false(is_believed(*state, LAN0, ours[i]));
		assert_false(is_believed(*state, WAN0, ours[i]));
	}
	assert_false(is_believed(*state, WAN0, "10.0.0.9"));
	assert_false(is_believed(*state, WAN0, "172.16.1.1"));
}

/* RFC 7126 section 4: routes and records end here; other options pass as they are. */
static void options(void **state)
{
	struct rig *r = *state;
	static const struct { uint8_t octets[8]; bool refused; } cases[] = {
		{ { 131, 7, 4, 203, 0, 113, 1, 0 }, true },
		{ { 137, 7, 4, 203, 0, 113, 1, 0 }, true },
		{ { 7, 7, 4, 0, 0, 0, 0, 0 }, true }, { { 68, 8, 5, 0, 0, 0, 0, 0 }, true },
		{ { 1, 131, 3, 4, 0, 0, 0, 0 }, true }, { { 148, 4, 0, 0, 0, 0, 0, 0 }, false },
		{ { 30, 4, 9, 9, 1, 1, 0, 131 }, false }, { { 0, 131, 7, 7, 0, 0, 0, 0 }, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = with_options(sane(), cases[i].octets, 8), out;

		if (cases[i].refused) {
			rig_refuse(r, LAN0, &p, REASON_SOURCE_ROUTE);
			continue;
		}
		out = rig_pass(r, LAN0, &p, WAN0);
		assert_way(&out, "198.51.100.2:5000 > 203.0.113.9:53");
		assert_memory_equal(out.octets + 20, cases[i].octets, 8);
		p = reply(&out);
		out = rig_pass(r, WAN0, &p, LAN0);
		assert_memory_equal(out.octets + 20, cases[i].octets, 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(malformed_datagrams_end_here, plain),
		RIG_ROWS(padding_is_left_behind, plain),
		RIG_ROWS(martians_end_here, plain),
		RIG_ROWS(martians_of_ipv6_end_here, plain),
		RIG_ROWS(groups_and_broadcasts_end_here, plain),
		RIG_ROWS(inside_sources_must_lead_back, plain),
		RIG_ROWS(outside_sources_must_not_be_inside, plain),
		RIG_ROWS(rules_tell_who_is_inside, by_rule),
		RIG_ROWS(sources_come_by_any_of_equal_ways, two_ways),
		RIG_ROWS(strict_wants_them_by_this_interface, strict),
		RIG_ROWS(strict_between_two_that_are_outside, two_outside),
		RIG_ROWS(loose_wants_them_by_any, loose),
		RIG_ROWS(off_believes_others, off),
		RIG_ROWS(never_believed, strict),
		RIG_ROWS(never_believed, loose),
		RIG_ROWS(never_believed, off),
		RIG_ROWS(options, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
