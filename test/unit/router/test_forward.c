/* Where datagrams go, what is too long for the way, and who is told. */
#include "rig.h"

#define ENDS \
	", { prefix = \"192.0.2.0/25\"; type = \"blackhole\"; }" \
	", { prefix = \"192.0.2.128/25\"; type = \"unreachable\"; }" \
	", { prefix = \"203.0.113.128/25\"; type = \"prohibit\"; }" \
	", { prefix = \"203.0.113.200/32\"; interface = \"wan0\"; via = \"198.51.100.9\"; }" \
	", { prefix = \"10.0.5.0/24\"; type = \"blackhole\"; }" \
	", { prefix = \"2001:db8:b::/48\"; type = \"blackhole\"; }" \
	", { prefix = \"2001:db8:a::/48\"; type = \"unreachable\"; }" \
	", { prefix = \"2001:db8:c::/48\"; type = \"prohibit\"; }"
#define LEADS_TO(address) \
	"{ proto = \"udp\"; external = \"198.51.100.2:7000\"; internal = \"" address ":7000\"; }"

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting ends[] = RIG_WIDTHS(.routes = RIG_ROUTES ENDS,
						.forwards = LEADS_TO("10.0.5.5"));
static const struct setting closed[] = RIG_WIDTHS(.routes = RIG_INNER,
						  .forwards = LEADS_TO("10.0.77.7"));
static const struct setting loop[] = RIG_WIDTHS(.forwards = LEADS_TO("10.0.77.7"));
static const struct setting narrow[] = RIG_WIDTHS(.mtu = { 1300, 1290, 1400 });

static struct packet to_host(const char *to)
{
	return udp_between(strchr(to, ':') ? "2001:db8:1::9" : "10.0.0.10", to);
}

static struct packet from_stranger(const char *to)
{
	return udp_between(strchr(to, ':') ? "2001:db8:9::9" : "203.0.113.9", to);
}

struct ending { const char *to; enum reason reason; uint8_t type, code; bool is_told_outside; };

static void assert_ending(struct rig *r, const struct ending *e)
{
	struct packet sent = to_host(e->to), stranger = from_stranger(e->to), error;

	if (e->type && e->is_told_outside) {
		error = rig_error(r, WAN0, &stranger, e->reason);
		assert_error(&error, e->type, e->code, "2001:db8:f::1 > 2001:db8:9::9", &stranger);
	} else {
		rig_refuse(r, WAN0, &stranger, e->reason);
	}
	if (!e->type) {
		rig_refuse(r, LAN0, &sent, e->reason);
		return;
	}
	error = rig_error(r, LAN0, &sent, e->reason);
	assert_error(&error, e->type, e->code, packet_is_v4(error.octets) ? "10.0.0.1 > 10.0.0.10"
		     : "2001:db8:1::1 > 2001:db8:1::9", &sent);
}

/* Requirements 1812-V18 and 4443-R12; outside nobody is told by IPv4. */
static void routes_that_end_datagrams(void **state)
{
	static const struct ending cases[] = {
		{ "192.0.2.1", REASON_BLACKHOLE, 0, 0, false },
		{ "192.0.2.200", REASON_UNREACHABLE, 3, 1, false },
		{ "203.0.113.199", REASON_PROHIBIT, 3, 13, false },
		{ "2001:db8:b::1", REASON_BLACKHOLE, 0, 0, false },
		{ "2001:db8:a::1", REASON_UNREACHABLE, 1, 3, true },
		{ "2001:db8:c::1", REASON_PROHIBIT, 1, 6, true },
	};
	struct packet sent = to_host("203.0.113.200");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_ending(*state, &cases[i]);
	rig_pass(*state, LAN0, &sent, WAN0);
}

static void no_route_at_all(void **state)
{
	static const struct ending cases[] = {
		{ "203.0.113.9", REASON_NO_ROUTE, 3, 0, false }, { "10.0.2.1", REASON_NO_ROUTE, 3, 0, false },
		{ "2001:db8:9::9", REASON_NO_ROUTE, 1, 0, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_ending(*state, &cases[i]);
}

/* Where a mapping leads is looked up like anything else. */
static void a_mapping_into_a_blackhole(void **state)
{
	struct packet sent = udp("203.0.113.9:53 > 198.51.100.2:7000", 10);

	rig_refuse(*state, WAN0, &sent, REASON_BLACKHOLE);
}

static void a_mapping_to_nowhere(void **state)
{
	struct packet sent = udp("198.51.100.77:53 > 198.51.100.2:7000", 10);

	rig_refuse(*state, WAN0, &sent, REASON_NO_ROUTE);
}

static void a_mapping_that_leads_back_outside(void **state)
{
	struct packet sent = udp("203.0.113.9:53 > 198.51.100.2:7000", 10);

	rig_refuse(*state, WAN0, &sent, REASON_OUTSIDE_TRANSIT);
}

static void outside_does_not_pass_through(void **state)
{
	struct rig *r = *state;
	static const char *const to[] = { "203.0.113.77", "198.51.100.77", "2001:db8:8::8" };

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		struct packet sent = from_stranger(to[i]);

		rig_refuse(r, WAN0, &sent, REASON_OUTSIDE_TRANSIT);
	}
}

static void every_datagram_loses_one_hop(void **state)
{
	static const uint8_t before[] = { 255, 128, 64, 3, 2 };

	for (size_t i = 0; i < sizeof(before); i++) {
		struct packet sent = with_ttl(to_host("203.0.113.9"), before[i]);
		struct packet out = rig_pass(*state, LAN0, &sent, WAN0);

		assert_int_equal(*packet_ttl(&out), before[i] - 1);
		sent = with_ttl(to_host("2001:db8:9::9"), before[i]);
		out = rig_pass(*state, LAN0, &sent, WAN0);
		assert_int_equal(*packet_ttl(&out), before[i] - 1);
	}
}

/* UDP that makes a datagram of so many octets, which must not be fragmented. */
static struct packet whole(const char *way, size_t len)
{
	return with_fragment(udp(way, len - 28), 0x4000);
}

static void assert_too_big(struct rig *r, size_t interface, const struct packet *sent, uint16_t mtu,
			   const char *way)
{
	struct packet error = rig_error(r, interface, sent, REASON_TOO_BIG);

	assert_error(&error, 3, 4, way, sent);
	assert_int_equal(load16(packet_transport(&error) + 4), 0);
	assert_int_equal(load16(packet_transport(&error) + 6), mtu);
}

/* RFC 1191 section 4, RFC 4787 REQ-13: of the link it would leave by, about what was sent. */
static void too_big_both_ways(void **state)
{
	struct rig *r = *state;
	static const char way[] = "10.0.0.10:5002 > 203.0.113.9:53";
	struct packet fits = whole(way, 1400), sent = whole(way, 1401), out;

	assert_too_big(r, LAN0, &sent, 1400, "10.0.0.1 > 10.0.0.10");
	out = rig_pass(r, LAN0, &fits, WAN0);
	assert_int_equal(load16(out.octets + 6), 0x4000);
	fits = whole("203.0.113.9:53 > 198.51.100.2:5002", 1300);
	sent = whole("203.0.113.9:53 > 198.51.100.2:5002", 1301);
	assert_too_big(r, WAN0, &sent, 1300, "198.51.100.1 > 203.0.113.9");
	out = rig_pass(r, WAN0, &fits, LAN0);
	assert_int_equal(load16(out.octets + 6), 0x4000);
}

static void too_big_inside(void **state)
{
	struct rig *r = *state;
	struct packet sent = whole("10.0.0.10:5002 > 10.0.1.9:53", 1291);

	assert_too_big(r, LAN0, &sent, 1290, "10.0.0.1 > 10.0.0.10");
}

/* The sender hears about the endpoint it spoke to, from the router's inside. */
static void too_big_for_a_hairpin(void **state)
{
	struct rig *r = *state;
	struct packet opener = udp("10.0.1.12:5002 > 203.0.113.9:53", 1);
	struct packet sent = whole("10.0.0.11:5000 > 198.51.100.2:5002", 1291);

	rig_pass(r, LAN1, &opener, WAN0);
	assert_too_big(r, LAN0, &sent, 1290, "10.0.0.1 > 10.0.0.11");
}

/* RFC 4443 section 3.2: no matter what, an IPv6 datagram is not fragmented on its way. */
static void too_big_in_ipv6(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("[2001:db8:1::9]:5000 > [2001:db8:9::9]:53", 1401 - 48);
	struct packet fits = udp("[2001:db8:1::9]:5000 > [2001:db8:9::9]:53", 1400 - 48);
	struct packet error = rig_error(r, LAN0, &sent, REASON_TOO_BIG);

	assert_error(&error, 2, 0, "2001:db8:1::1 > 2001:db8:1::9", &sent);
	assert_int_equal(load32(packet_transport(&error) + 4), 1400);
	rig_pass(r, LAN0, &fits, WAN0);
	sent = udp("[2001:db8:9::9]:53 > [2001:db8:1::9]:5000", 1400 - 48);
	error = rig_error(r, WAN0, &sent, REASON_TOO_BIG);
	assert_error(&error, 2, 0, "2001:db8:f::1 > 2001:db8:9::9", &sent);
	assert_int_equal(load32(packet_transport(&error) + 4), 1300);
}

static void ipv6_is_routed_as_it_is(void **state)
{
	struct rig *r = *state;
	static const char *const ways[] = {
		"2001:db8:1::9 > 2001:db8:9::9", "2001:db8:1::9 > 2001:db8:2::9",
		"2001:db8:1::9 > 2001:db8:f::9",
	};
	static const size_t out_by[] = { WAN0, LAN1, WAN0 };

	for (size_t i = 0; i < 3; i++) {
		struct packet sent = echo(ways[i], 7, 500);
		struct packet out = rig_pass(r, LAN0, &sent, out_by[i]), answer = reply(&out);
		struct packet back = rig_pass(r, out_by[i], &answer, LAN0);

		sent = with_ttl(sent, 63);
		assert_int_equal(out.len, sent.len);
		assert_memory_equal(out.octets, sent.octets, out.len);
		answer = with_ttl(answer, 63);
		assert_memory_equal(back.octets, answer.octets, back.len);
	}
}

/* Requirement 7045-R4: extension headers are not the router's business. */
static void ipv6_extensions_pass(void **state)
{
	static const uint8_t headers[] = { 0, 44, 50, 51, 60, 135, 139, 140, 200 };

	for (size_t i = 0; i < sizeof(headers); i++) {
		struct packet out, sent;

		sent = packet_make("2001:db8:1::9 > 2001:db8:9::9", headers[i], 48);
		memset(sent.octets + 40, 0, 48);
		sent.octets[40] = 59;
		out = rig_pass(*state, LAN0, &sent, WAN0);
		assert_memory_equal(out.octets + 40, sent.octets + 40, 48);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(routes_that_end_datagrams, ends),
		RIG_ROWS(no_route_at_all, closed),
		RIG_ROWS(a_mapping_into_a_blackhole, ends),
		RIG_ROWS(a_mapping_to_nowhere, closed),
		RIG_ROWS(a_mapping_that_leads_back_outside, loop),
		RIG_ROWS(outside_does_not_pass_through, plain),
		RIG_ROWS(every_datagram_loses_one_hop, plain),
		RIG_ROWS(too_big_both_ways, narrow),
		RIG_ROWS(too_big_inside, narrow),
		RIG_ROWS(too_big_for_a_hairpin, narrow),
		RIG_ROWS(too_big_in_ipv6, narrow),
		RIG_ROWS(ipv6_is_routed_as_it_is, plain),
		RIG_ROWS(ipv6_extensions_pass, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
