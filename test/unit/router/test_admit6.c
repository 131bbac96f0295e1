/* What IPv6 comes in and goes on: scopes, extension headers, messages that belong to their link. */
#include "rig.h"

#define HOST "2001:db8:1::9"
#define STRANGER "2001:db8:9::9"
#define GOES_OUT HOST " > " STRANGER
#define TO_US HOST " > 2001:db8:1::1"
#define US_TO_HOST "2001:db8:1::1 > " HOST

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting mute[] = RIG_WIDTHS(.mute = { [LAN0] = true });
static const struct setting denying[] = RIG_WIDTHS(
	.more = "ipv6 = { deny_headers = [ \"mobility\", \"200\" ]; deny_icmp = [ 150 ]; };");
static const struct setting obeying[] = RIG_WIDTHS(.more = "ipv6 = { hop_by_hop = \"obey\"; };");

/* Addresses that are no documentation's. */
#define REAL(text) RIG_WIDTHS(.lan0 = "\"2600:1:1::1/64\", \"fd07:1::1/64\", \"10.0.0.1/24\"", \
	.lan1 = "\"2600:1:2::1/64\", \"fd07:2::1/64\", \"10.0.1.1/24\"", \
	.wan0 = "\"2600:1:f::1/64\", \"198.51.100.1/24\"", .more = text, \
	.routes = "{ prefix = \"::/0\"; interface = \"wan0\"; via = \"2600:1:f::fe\"; }," RIG_INNER)
static const struct setting real[] = REAL("ipv6 = { documentation = false; };");
static const struct setting open_site[] = REAL("ipv6 = { unique_local = true; };");

/* Nothing leads to 2001:db8:99::/48. */
#define ASKING(word) RIG_WIDTHS(.reverse_path = { word, word, word }, .routes = RIG_INNER \
	", { prefix = \"2001:db8:9::/48\"; interface = \"wan0\"; via = \"2001:db8:f::fe\"; }")
static const struct setting strict[] = ASKING("strict"), loose[] = ASKING("loose"), off[] = ASKING("off");

#define DELEGATED "delegated = [ \"2001:db8:40::/44\", \"2001:db8:1::/56\" ];"
static const struct setting delegated[] = RIG_WIDTHS(.more = DELEGATED, .routes = RIG_ROUTES
	", { prefix = \"2001:db8:1:7::/64\"; interface = \"lan0\"; via = \"2001:db8:1::fe\"; }"
	", { prefix = \"2001:db8:40::/44\"; interface = \"lan1\"; via = \"2001:db8:2::fe\"; metric = 9; }");

static void refuse(struct rig *r, size_t in, const char *from, const char *to, enum reason reason)
{
	struct packet p = udp_between(from, to);

	rig_refuse(r, in, &p, reason);
}

static void pass(struct rig *r, size_t in, const char *from, const char *to, size_t out)
{
	struct packet p = udp_between(from, to);

	rig_pass(r, in, &p, out);
}

/* An ICMPv6 error: type, code, second word, ends. */
struct message { uint8_t type, code; uint32_t word; const char *way; };
#define SAYS(...) (&(const struct message){ __VA_ARGS__ })
#define BY_POLICY 1, 1, 0
#define BEYOND_SCOPE 1, 2, 0
#define UNREACHABLE 1, 3, 0
#define BAD_SOURCE 1, 5, 0
#define BAD_CHAIN 4, 3, 0

static void tell(struct rig *r, size_t in, const struct packet *p, enum reason reason,
		 const struct message *m)
{
	struct packet error = rig_error(r, in, p, reason);

	assert_error(&error, m->type, m->code, m->way, p);
	assert_int_equal(load32(packet_transport(&error) + 4), m->word);
}

/* Requirement 6092-REC3, RFC 4291 sections 2.5.2 and 2.5.3. */
static void addresses_of_nobody(void **state)
{
	static const char *const bad[] = {
		"::", "::1", "::192.0.2.1", "::ffff:192.0.2.1", "::ffff:10.0.0.9", "fec0::1", "feff:ffff::1",
		"2001:10::1", "2001:1f:ffff::1", "2001:20::1", "2001:2f::1",
	};
	static const char *const good[] = { "2001:f::1", "2001:30::1", "::1:0:0:1", "::fffe:0:1", "64:ff9b::1",
					    "::ffff:0:192.0.2.1" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refuse(*state, LAN0, bad[i], STRANGER, REASON_MARTIAN_SOURCE);
		refuse(*state, WAN0, bad[i], HOST, REASON_MARTIAN_SOURCE);
		refuse(*state, LAN0, HOST, bad[i], REASON_MARTIAN_DESTINATION);
		refuse(*state, WAN0, STRANGER, bad[i], REASON_MARTIAN_DESTINATION);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		pass(*state, LAN0, HOST, good[i], WAN0);
		pass(*state, WAN0, good[i], HOST, LAN0);
	}
}

static void documentation_may_be_refused(void **state)
{
	static const char *const bad[] = { "2001:db8::1", "2001:db8:ffff::1", "3fff::1", "3fff:fff::1" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refuse(*state, LAN0, bad[i], "2600:1:9::9", REASON_MARTIAN_SOURCE);
		refuse(*state, WAN0, bad[i], "2600:1:1::9", REASON_MARTIAN_SOURCE);
		refuse(*state, LAN0, "2600:1:1::9", bad[i], REASON_MARTIAN_DESTINATION);
	}
	pass(*state, LAN0, "2600:1:1::9", "2001:db9::1", WAN0);
	pass(*state, LAN0, "2600:1:1::9", "3fff:1000::1", WAN0);
	pass(*state, WAN0, "2001:db7::1", "2600:1:1::9", LAN0);
}

/* RFC 4443 section 3.1, code 2: told on the link that they are of. */
static void sources_of_a_link_stay_there(void **state)
{
	struct packet p = udp_between("fe80::9", STRANGER);

	tell(*state, LAN0, &p, REASON_SCOPE, SAYS(BEYOND_SCOPE, "2001:db8:1::1 > fe80::9"));
	p = udp_between("fe80::9", HOST);
	tell(*state, WAN0, &p, REASON_SCOPE, SAYS(BEYOND_SCOPE, "2001:db8:f::1 > fe80::9"));
	refuse(*state, LAN0, "febf::9", "2001:db8:1::1", REASON_SCOPE);
	refuse(*state, WAN0, "febf::9", "2001:db8:f::1", REASON_SCOPE);
	p = icmp("fe80::9 > 2001:db8:9::9", 135, 0, 24);
	rig_refuse(*state, LAN0, &p, REASON_SCOPE);
	p = icmp("fe80::9 > 2001:db8:9::9", 128, 0, 24);
	tell(*state, LAN0, &p, REASON_SCOPE, SAYS(BEYOND_SCOPE, "2001:db8:1::1 > fe80::9"));
	refuse(*state, LAN0, HOST, "fe80::1", REASON_MARTIAN_DESTINATION);
}

/* Requirement 6092-REC5-7. */
static void sites_keep_their_addresses(void **state)
{
	struct packet p = udp_between("fd07:1::9", "2600:1:9::9");

	tell(*state, LAN0, &p, REASON_SCOPE, SAYS(BEYOND_SCOPE, "2600:1:1::1 > fd07:1::9"));
	p = udp_between("2600:1:1::9", "fd99::9");
	tell(*state, LAN0, &p, REASON_SCOPE, SAYS(BEYOND_SCOPE, "2600:1:1::1 > 2600:1:1::9"));
	refuse(*state, WAN0, "fd99::9", "2600:1:1::9", REASON_SCOPE);
	refuse(*state, WAN0, "2600:1:9::9", "fd07:1::9", REASON_SCOPE);
	refuse(*state, WAN0, "fc00::9", "fd07:1::1", REASON_SCOPE);
	pass(*state, LAN0, "fd07:1::9", "fd07:2::9", LAN1);
	pass(*state, LAN0, "fd07:1::9", "2600:1:2::9", LAN1);
}

static void sites_may_be_open(void **state)
{
	pass(*state, LAN0, "fd07:1::9", "2600:1:9::9", WAN0);
	pass(*state, LAN0, "2600:1:1::9", "fd99::9", WAN0);
	pass(*state, WAN0, "fd99::9", "fd07:1::9", LAN0);
	refuse(*state, WAN0, "fd07:1::8", "fd07:1::9", REASON_SPOOFED);
}

/* Requirement 7084-L14: a host with an address of before is told, on its link. */
static void stale_sources_are_told(void **state)
{
	struct packet p = udp_between("2001:db8:77::9", STRANGER);

	tell(*state, LAN0, &p, REASON_SPOOFED, SAYS(BAD_SOURCE, "2001:db8:1::1 > 2001:db8:77::9"));
	p = udp_between("2001:db8:2::9", STRANGER);
	tell(*state, LAN0, &p, REASON_SPOOFED, SAYS(BAD_SOURCE, "2001:db8:1::1 > 2001:db8:2::9"));
	p = udp_between("2001:db8:f::9", "2001:db8:2::9");
	tell(*state, LAN0, &p, REASON_SPOOFED, SAYS(BAD_SOURCE, "2001:db8:1::1 > 2001:db8:f::9"));
	p = udp_between("2001:db8:77::9", HOST);
	tell(*state, LAN1, &p, REASON_SPOOFED, SAYS(BAD_SOURCE, "2001:db8:2::1 > 2001:db8:77::9"));
	refuse(*state, LAN1, "2001:db8:77::9", "2001:db8:1::1", REASON_SPOOFED);
	p = icmp("2001:db8:77::9 > " STRANGER, 136, 0, 24);
	rig_refuse(*state, LAN0, &p, REASON_SPOOFED);
	refuse(*state, LAN0, "2001:db8:1::1", STRANGER, REASON_SPOOFED);
	refuse(*state, WAN0, HOST, "2001:db8:2::9", REASON_SPOOFED);
}

static void stale_sources_may_be_left_alone(void **state)
{
	refuse(*state, LAN0, "2001:db8:77::9", STRANGER, REASON_SPOOFED);
	refuse(*state, LAN0, "fe80::9", STRANGER, REASON_SCOPE);
}

/* RFC 3704, and requirement 6092-REC5-7: from outside nobody is believed to be inside, or us. */
static bool is_believed(struct rig *r, size_t interface, const char *from)
{
	struct packet p = udp_between(from, interface == WAN0 ? HOST : STRANGER);
	uint64_t refused = rig_reason(r, REASON_SPOOFED);

	rig_push(r, interface, &p);
	rig_settle(r);
	for (size_t i = 0; i < INTERFACES; i++)
		rig_drain(r, i);
	return rig_reason(r, REASON_SPOOFED) == refused;
}

static void never_believed(struct rig *r)
{
	assert_false(is_believed(r, WAN0, "2001:db8:2::9"));
	assert_false(is_believed(r, WAN0, "2001:db8:f::1"));
	assert_false(is_believed(r, LAN0, "2001:db8:1::1"));
	assert_true(is_believed(r, LAN0, HOST));
	assert_true(is_believed(r, WAN0, STRANGER));
}

static void strict_wants_them_by_this_interface(void **state)
{
	never_believed(*state);
	assert_false(is_believed(*state, LAN0, "2001:db8:2::9"));
	assert_false(is_believed(*state, LAN0, "2001:db8:9::8"));
	assert_false(is_believed(*state, WAN0, "2001:db8:99::9"));
}

static void loose_wants_them_by_any(void **state)
{
	never_believed(*state);
	assert_true(is_believed(*state, LAN0, "2001:db8:2::9"));
	assert_false(is_believed(*state, LAN0, "2001:db8:99::9"));
	assert_false(is_believed(*state, WAN0, "2001:db8:99::9"));
}

static void off_believes_others(void **state)
{
	never_believed(*state);
	assert_true(is_believed(*state, LAN0, "2001:db8:99::9"));
	assert_true(is_believed(*state, WAN0, "2001:db8:99::9"));
}

/* A datagram with one header in front of UDP, so long that any header fits. */
static struct packet with_header(const char *way, uint8_t header, const uint8_t octets[static 8])
{
	struct packet p = packet_make(way, header, 8 + 16);

	memcpy(p.octets + 40, octets, 8);
	memset(p.octets + 48, 0, 16);
	store16(p.octets + 52, 16);
	return p;
}

/* Requirement 7045-R4: one type is refused, by its name or number, and no other. */
static void headers_are_denied_one_by_one(void **state)
{
	static const uint8_t common[8] = { 17, 0, 2 }, fragment[8] = { 17 };
	static const uint8_t good[] = { 0, 43, 44, 60, 139, 140, 253 };
	struct packet p;

	for (size_t i = 0; i < sizeof(good); i++) {
		p = with_header(GOES_OUT, good[i], good[i] == 44 ? fragment : common);
		rig_pass(*state, LAN0, &p, WAN0);
	}
	p = with_header(GOES_OUT, 135, common);
	tell(*state, LAN0, &p, REASON_EXTENSION_TYPE, SAYS(BY_POLICY, US_TO_HOST));
	p = with_header(GOES_OUT, 60, (const uint8_t[8]){ 200, 0, 1, 4 });
	tell(*state, LAN0, &p, REASON_EXTENSION_TYPE, SAYS(BY_POLICY, US_TO_HOST));
	p = with_header(STRANGER " > " HOST, 44, (const uint8_t[8]){ 135, 0, 0x10, 1 });
	tell(*state, WAN0, &p, REASON_EXTENSION_TYPE, SAYS(BY_POLICY, "2001:db8:f::1 > " STRANGER));
}

static struct packet with_option(uint8_t type)
{
	return with_header(GOES_OUT, 0, (const uint8_t[8]){ 17, 0, 1, 0, type, 2 });
}

/* Requirement 8200-R5. */
static void options_may_be_left_unread(void **state)
{
	static const uint8_t types[] = { 0x05, 0x1e, 0x5e, 0x9e, 0xde };

	for (size_t i = 0; i < sizeof(types); i++) {
		struct packet p = with_option(types[i]);
		struct packet out = rig_pass(*state, LAN0, &p, WAN0);

		assert_memory_equal(out.octets + 40, p.octets + 40, 24);
	}
}

static void options_may_be_obeyed(void **state)
{
	struct packet p = with_option(0x05);

	rig_pass(*state, LAN0, &p, WAN0);
	p = with_option(0x1e);
	rig_pass(*state, LAN0, &p, WAN0);
	p = with_option(0x5e);
	rig_refuse(*state, LAN0, &p, REASON_UNKNOWN_OPTION);
	p = with_option(0x9e);
	tell(*state, LAN0, &p, REASON_UNKNOWN_OPTION, SAYS(4, 2, 44, US_TO_HOST));
	p = with_option(0xde);
	tell(*state, LAN0, &p, REASON_UNKNOWN_OPTION, SAYS(4, 2, 44, US_TO_HOST));
}

/* RFC 2675: nobody here has a link for more than 65535 octets. */
static void jumbo_payloads_end_here(void **state)
{
	struct packet p = with_header(GOES_OUT, 0, (const uint8_t[8]){ 17, 0, 0xc2, 4, 0, 1 });

	store16(p.octets + 4, 0);
	rig_refuse(*state, LAN0, &p, REASON_EXTENSION);
}

static void empty_payloads_pass(void **state)
{
	struct packet p = packet_make(GOES_OUT, 59, 0);

	rig_pass(*state, LAN0, &p, WAN0);
}

/* Requirement 5095-R6, RFC 6092 REC-4, RFC 8200 section 4.4. */
static void routing_headers(void **state)
{
	for (uint8_t type = 0; type < 5; type++)
		for (uint8_t left = 0; left < 2; left++) {
			const uint8_t header[8] = { 17, 0, type, left };
			struct packet p = with_header(GOES_OUT, 43, header);

			if (type < 2)
				rig_refuse(*state, LAN0, &p, REASON_SOURCE_ROUTE);
			else
				rig_pass(*state, LAN0, &p, WAN0);
			p = with_header(TO_US, 43, header);
			if (left)
				tell(*state, LAN0, &p, REASON_SEGMENTS_LEFT, SAYS(4, 0, 42, US_TO_HOST));
			else if (type < 2)
				rig_refuse(*state, LAN0, &p, REASON_SOURCE_ROUTE);
		}
}

static bool is_of_link(int type)
{
	return (type >= 130 && type <= 137) || (type >= 141 && type <= 143) || type == 148 ||
	       type == 149 || (type >= 151 && type <= 153);
}

static bool is_usually_denied(int type)
{
	return type == 100 || type == 101 || type == 127 || (type >= 138 && type <= 140) ||
	       type == 200 || type == 201 || type == 255;
}

static void send_type(struct rig *r, int type, bool refused)
{
	struct packet p = icmp(GOES_OUT, (uint8_t)type, 0, 40);

	if (!refused) {
		rig_pass(r, LAN0, &p, WAN0);
		p = icmp(STRANGER " > " HOST, (uint8_t)type, 0, 40);
		rig_pass(r, WAN0, &p, LAN0);
		return;
	}
	rig_refuse(r, LAN0, &p, REASON_ICMP_TYPE);
	p = icmp(STRANGER " > " HOST, (uint8_t)type, 0, 40);
	rig_refuse(r, WAN0, &p, REASON_ICMP_TYPE);
}

/* Requirements 4890-F1 and 4890-F2. */
static void messages_of_links_stay_there(void **state)
{
	for (int type = 0; type <= UINT8_MAX; type++)
		send_type(*state, type, is_of_link(type) || is_usually_denied(type));
}

static void other_messages_may_be_denied(void **state)
{
	for (int type = 0; type <= UINT8_MAX; type++)
		send_type(*state, type, is_of_link(type) || type == 150);
}

/* RFC 6980: neither to others nor to us, be it whole or not. */
static void neighbours_do_not_speak_in_fragments(void **state)
{
	static const uint16_t words[] = { 0, 1 };

	for (size_t i = 0; i < 2; i++)
		for (uint8_t type = 133; type <= 137; type++) {
			struct packet p = packet_make(TO_US, 44, 8 + 24);

			memcpy(p.octets + 40, (const uint8_t[8]){ 58 }, 8);
			store16(p.octets + 42, words[i]);
			p.octets[48] = type;
			p.octets[7] = 255;
			rig_refuse(*state, LAN0, &p, REASON_ICMP_TYPE);
		}
}

static struct packet fragment(const char *way, uint8_t next, uint16_t word, size_t payload)
{
	struct packet p = packet_make(way, 44, 8 + payload);

	memset(p.octets + 40, 0, 8);
	p.octets[40] = next;
	store16(p.octets + 42, word);
	return p;
}

/* Requirements 7112-R7 and 8200-R9: who sends such fragments is told, if it is him. */
static void wrong_fragments_are_told(void **state)
{
	struct packet p = fragment(GOES_OUT, 60, 1, 16);

	memcpy(p.octets + 48, (const uint8_t[8]){ 17, 2, 1, 4 }, 8);
	tell(*state, LAN0, &p, REASON_EXTENSION, SAYS(BAD_CHAIN, US_TO_HOST));
	p = fragment(GOES_OUT, 6, 1, 16);
	tell(*state, LAN0, &p, REASON_TRANSPORT_SHORT, SAYS(BAD_CHAIN, US_TO_HOST));
	p = fragment(STRANGER " > " HOST, 6, 1, 8);
	tell(*state, WAN0, &p, REASON_TRANSPORT_SHORT, SAYS(BAD_CHAIN, "2001:db8:f::1 > " STRANGER));
	p = fragment(GOES_OUT, 17, 0x100 | 1, 12);
	tell(*state, LAN0, &p, REASON_FRAGMENT_BAD, SAYS(4, 0, 4, US_TO_HOST));
	p = fragment(GOES_OUT, 17, 0xfff8, 8);
	tell(*state, LAN0, &p, REASON_FRAGMENT_BAD, SAYS(4, 0, 42, US_TO_HOST));
	p = fragment("2001:db8:77::9 > " STRANGER, 17, 0xfff8, 8);
	rig_refuse(*state, LAN0, &p, REASON_FRAGMENT_BAD);
	p = fragment("fe80::9 > " STRANGER, 17, 0xfff8, 8);
	rig_refuse(*state, LAN0, &p, REASON_FRAGMENT_BAD);
	p = fragment("2001:db8:2::9 > " HOST, 17, 0xfff8, 8);
	rig_refuse(*state, WAN0, &p, REASON_FRAGMENT_BAD);
	p = fragment("fec0::9 > " HOST, 17, 0xfff8, 8);
	rig_refuse(*state, WAN0, &p, REASON_FRAGMENT_BAD);
}

/* RFC 6946: whole ones go by themselves, beside others of the same identification. */
static void fragments_pass_as_they_are(void **state)
{
	static const struct { uint8_t next; uint16_t word; } cases[] = {
		{ 17, 0x100 }, { 17, 0x101 }, { 6, 0x100 }, { 60, 0x100 }, { 59, 0 }, { 58, 0x100 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = fragment(GOES_OUT, cases[i].next, cases[i].word, 64), out;

		p.octets[48] = 135;
		out = rig_pass(*state, LAN0, &p, WAN0);
		assert_memory_equal(out.octets + 40, p.octets + 40, 72);
	}
}

/* Requirement 4443-R12: nothing goes to and fro on a link of two. */
static void nothing_bounces(void **state)
{
	struct packet p = udp_between(HOST, "2001:db8:1::77");

	tell(*state, LAN0, &p, REASON_UNREACHABLE, SAYS(UNREACHABLE, US_TO_HOST));
	p = udp_between(STRANGER, "2001:db8:f::77");
	tell(*state, WAN0, &p, REASON_UNREACHABLE, SAYS(UNREACHABLE, "2001:db8:f::1 > " STRANGER));
	pass(*state, LAN1, "2001:db8:2::9", "2001:db8:1::77", LAN0);
}

/* Requirement 7084-WPD5. */
static void what_is_delegated_does_not_go_back(void **state)
{
	struct packet p = udp_between(STRANGER, "2001:db8:1:5::1");

	tell(*state, WAN0, &p, REASON_UNREACHABLE, SAYS(UNREACHABLE, "2001:db8:f::1 > " STRANGER));
	p = udp_between(HOST, "2001:db8:1:ff::1");
	tell(*state, LAN0, &p, REASON_UNREACHABLE, SAYS(UNREACHABLE, US_TO_HOST));
	pass(*state, WAN0, STRANGER, HOST, LAN0);
	pass(*state, WAN0, STRANGER, "2001:db8:1:7::1", LAN0);
	pass(*state, WAN0, STRANGER, "2001:db8:4f::1", LAN1);
	refuse(*state, WAN0, STRANGER, "2001:db8:1:100::1", REASON_OUTSIDE_TRANSIT);
	refuse(*state, WAN0, "2001:db8:1:5::1", HOST, REASON_SPOOFED);
	pass(*state, WAN0, "2001:db8:1:100::1", HOST, LAN0);
}

/* Requirement 8200-R1: what is for us needs no hop, whatever stands in front of it. */
static void echo_to_us(void **state)
{
	static const uint8_t padding[8] = { 58, 0, 1, 4 };
	struct packet p = echo(TO_US, 7, 20), long_one, out;

	long_one = packet_make(TO_US, 60, 8 + 28);
	memcpy(long_one.octets + 40, padding, 8);
	memcpy(long_one.octets + 48, p.octets + 40, 28);
	for (uint8_t hops = 0; hops < 3; hops++) {
		struct packet asked = with_ttl(p, hops);

		out = rig_pass(*state, LAN0, &asked, LAN0);
		assert_way(&out, US_TO_HOST);
		asked = with_ttl(long_one, hops);
		out = rig_pass(*state, LAN0, &asked, LAN0);
		assert_int_equal(out.len, p.len);
		assert_int_equal(out.octets[40], 129);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(addresses_of_nobody, plain),
		RIG_ROWS(documentation_may_be_refused, real),
		RIG_ROWS(sources_of_a_link_stay_there, plain),
		RIG_ROWS(sites_keep_their_addresses, real),
		RIG_ROWS(sites_may_be_open, open_site),
		RIG_ROWS(stale_sources_are_told, plain),
		RIG_ROWS(stale_sources_may_be_left_alone, mute),
		RIG_ROWS(strict_wants_them_by_this_interface, strict),
		RIG_ROWS(loose_wants_them_by_any, loose),
		RIG_ROWS(off_believes_others, off),
		RIG_ROWS(headers_are_denied_one_by_one, denying),
		RIG_ROWS(options_may_be_left_unread, plain),
		RIG_ROWS(options_may_be_obeyed, obeying),
		RIG_ROWS(jumbo_payloads_end_here, plain),
		RIG_ROWS(empty_payloads_pass, plain),
		RIG_ROWS(routing_headers, plain),
		RIG_ROWS(messages_of_links_stay_there, plain),
		RIG_ROWS(other_messages_may_be_denied, denying),
		RIG_ROWS(neighbours_do_not_speak_in_fragments, plain),
		RIG_ROWS(wrong_fragments_are_told, plain),
		RIG_ROWS(fragments_pass_as_they_are, plain),
		RIG_ROWS(nothing_bounces, plain),
		RIG_ROWS(what_is_delegated_does_not_go_back, delegated),
		RIG_ROWS(echo_to_us, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
