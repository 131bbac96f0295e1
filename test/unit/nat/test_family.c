#include "crossing.h"

#define TCP_REST " 00000001 00000002 5018 ffff 0000 0000 "
#define PAYLOAD "68656c6c6f 21 7f"

/* What both headers are followed by: the same, but for types of ICMP and checksums. */
static const struct way {
	const char *what, *v4_protocol, *v6_protocol, *v4, *v6;
} ways[] = {
	{ "TCP", "06", "06", "1388 0050" TCP_REST PAYLOAD, "1388 0050" TCP_REST PAYLOAD },
	{ "UDP", "11", "11", "1388 0035 0000 0000" PAYLOAD, "1388 0035 0000 0000" PAYLOAD },
	{ "UDP without a payload", "11", "11", "1388 0035 0000 0000", "1388 0035 0000 0000" },
	{ "echo request", "01", "3a", "0800 0000 1234 0001" PAYLOAD, "8000 0000 1234 0001" PAYLOAD },
	{ "echo reply", "01", "3a", "0000 0000 1234 0001" PAYLOAD, "8100 0000 1234 0001" PAYLOAD },
	{ "echo request with a code", "01", "3a", "0805 0000 1234 0001", "8005 0000 1234 0001" },
	{ "UDP-Lite", "88", "88", "1388 0035 0000 0000" PAYLOAD, "1388 0035 0000 0000" PAYLOAD },
	{ "DCCP", "21", "21", "1388 0035 0300 0000 0a000001" PAYLOAD,
	  "1388 0035 0300 0000 0a000001" PAYLOAD },
	{ "SCTP", "84", "84", "1388 0035 00000007 deadbeef 06000004",
	  "1388 0035 00000007 deadbeef 06000004" },
	{ "ESP", "32", "32", "0000000700000001" PAYLOAD, "0000000700000001" PAYLOAD },
	{ "GRE", "2f", "2f", "00000800" PAYLOAD, "00000800" PAYLOAD },
	{ "IPv4 in IP", "04", "04", PAYLOAD, PAYLOAD },
	{ "IPv6 in IP", "29", "29", PAYLOAD, PAYLOAD },
	{ "one that nobody knows", "fd", "fd", PAYLOAD, PAYLOAD },
	{ "nothing at all", "fd", "fd", "", "" },
};

enum { WAY_COUNT = sizeof(ways) / sizeof(ways[0]) };

static struct built way_in(const struct way *w, uint8_t version, const char *body)
{
	char header[128];

	snprintf(header, sizeof(header), version == 4 ? V4("%s") : V6("%s"),
		 version == 4 ? w->v4_protocol : w->v6_protocol);
	return built(header, body);
}

/* RFC 7915 sections 4.1 and 5.1, and a small datagram, so that IPv4's DF is off. */
static void test_ways(void **state)
{
	(void)state;
	for (int i = 0; i < WAY_COUNT; i++) {
		struct built v4 = way_in(&ways[i], 4, ways[i].v4), v6 = way_in(&ways[i], 6, ways[i].v6);

		assert_crosses(&v4, &v6, ways[i].what);
		assert_crosses(&v6, &v4, ways[i].what);
	}
}

/* Ports 5000 and 53, or identifier 5000, become 40001 and 54. */
static void assert_ports_change(const char *v4, const char *v6, const char *v4_changed,
				const char *v6_changed, const struct way *w)
{
	static const uint16_t was[2] = { 5000, 53 }, now[2] = { 40001, 54 };
	bool identifier = w->v4_protocol[1] == '1' && w->v4_protocol[0] == '0';
	struct built a = way_in(w, 4, v4), b = way_in(w, 6, v6_changed);
	struct built c = way_in(w, 6, v6), d = way_in(w, 4, v4_changed);
	struct crossing to6 = crossing(&a), to4 = crossing(&c);

	ends_change(&to6.e, was, now, identifier);
	ends_change(&to4.e, was, now, identifier);
	assert_crosses_as(&to6, &b, w->what);
	assert_crosses_as(&to4, &d, w->what);
}

static void test_ports(void **state)
{
	static const struct way tcp = { "TCP", "06", "06", "", "" }, udp = { "UDP", "11", "11", "", "" },
		lite = { "UDP-Lite", "88", "88", "", "" }, dccp = { "DCCP", "21", "21", "", "" },
		echo = { "echo", "01", "3a", "", "" };

	(void)state;
#define CHANGED(rest, w) \
	assert_ports_change("1388 0035" rest, "1388 0035" rest, "9c41 0036" rest, "9c41 0036" rest, w)
	CHANGED(TCP_REST PAYLOAD, &tcp);
	CHANGED("0000 0000" PAYLOAD, &udp);
	CHANGED("0000 0000" PAYLOAD, &lite);
	CHANGED("0300 0000 0a000001" PAYLOAD, &dccp);
	assert_ports_change("0800 0000 1388 0001" PAYLOAD, "8000 0000 1388 0001" PAYLOAD,
			    "0800 0000 9c41 0001" PAYLOAD, "8000 0000 9c41 0001" PAYLOAD, &echo);
}

/* A message of nothing but zeros has a checksum of ffff, and never 0000. */
static void test_reply_of_zeros(void **state)
{
	static const uint16_t was[2] = { 1, 1 }, now[2] = { 0, 0 };
	struct built v6 = built(V6("3a"), "8100 0000 0001 0000");
	struct built v4 = built(V4("01"), "0000 0000 0000 0000");
	struct crossing c = crossing(&v6);

	(void)state;
	ends_change(&c.e, was, now, true);
	assert_crosses_as(&c, &v4, "reply of zeros");
}

static struct built with_tos(unsigned tos, uint8_t version)
{
	struct built b = built(version == 4 ? V4("11") : V6("11"), "1388 0035 0000 0000" PAYLOAD);

	if (version == 4) {
		b.octets[1] = (uint8_t)tos;
		octets_seal(b.octets);
	} else {
		store32(b.octets, 0x60000000 | tos << 20);
	}
	return b;
}

static void test_every_tos(void **state)
{
	(void)state;
	for (unsigned tos = 0; tos < 256; tos++) {
		struct built v4 = with_tos(tos, 4), v6 = with_tos(tos, 6);
		struct built v4_plain = with_tos(0, 4), v6_plain = with_tos(0, 6);
		struct crossing a = crossing(&v4), b = crossing(&v6);

		assert_crosses(&v4, &v6, "copied to the traffic class");
		assert_crosses(&v6, &v4, "copied from the traffic class");
		a.r.fixed_tos = b.r.fixed_tos = true;
		assert_crosses_as(&a, &v6_plain, "fixed traffic class");
		assert_crosses_as(&b, &v4_plain, "fixed type of service");
	}
}

/* It is lowered once, and not here; a flow label says nothing in IPv4. */
static void test_every_ttl(void **state)
{
	(void)state;
	for (unsigned ttl = 0; ttl < 256; ttl++) {
		struct built v4 = with_tos(0, 4), v6 = with_tos(0, 6);

		v4.octets[8] = v6.octets[7] = (uint8_t)ttl;
		octets_seal(v4.octets);
		assert_crosses(&v4, &v6, "TTL to hop limit");
		store32(v6.octets, 0x600abcde);
		assert_crosses(&v6, &v4, "hop limit to TTL");
	}
}

/* RFC 7915 section 5.1: up to 1260 octets may be fragmented. */
static void test_dont_fragment_by_size(void **state)
{
	static const struct { size_t len; bool alone; } sizes[] = {
		{ 28, false }, { 1259, false }, { 1260, false }, { 1261, true }, { 1480, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct built v6 = sized(V6("11"), "1388 0035 0000 0000", sizes[i].len - 28);
		struct built v4 = sized(sizes[i].alone ? V4_DF("11") : V4("11"), "1388 0035 0000 0000",
					sizes[i].len - 28);

		assert_int_equal(v4.len, sizes[i].len);
		assert_crosses(&v6, &v4, "DF by size");
	}
}

/* What may be fragmented says so, and by which identification; no header is added for it. */
static void test_may_be_cut(void **state)
{
	struct built may = sized(V4("11"), "1388 0035 0000 0000", 1472);
	struct built may_not = sized(V4_DF("11"), "1388 0035 0000 0000", 1472);
	struct crossing a = crossing(&may), b = crossing(&may_not);

	(void)state;
	assert_int_equal(cross(&a), REASON_NONE);
	assert_int_equal(cross(&b), REASON_NONE);
	assert_false(a.p.flags & PKT_DONT_FRAGMENT);
	assert_true(b.p.flags & PKT_DONT_FRAGMENT);
	assert_int_equal(be16_host(a.p.ident), 0x4321);
	assert_int_equal(a.p.len, 1520);
	assert_int_equal(b.p.len, 1520);
	assert_int_equal(a.p.fragment, 0);
	crossing_end(&a);
	crossing_end(&b);
}

/* RFC 7915 section 4.1: options are ignored, but for a source route with hops left. */
#define V4_OPTIONS(first) first "00 0000 4321 0000 4011 0000 " SOURCE4 DESTINATION4
static void test_options(void **state)
{
	static const char udp[] = "1388 0035 0000 0000" PAYLOAD;
	struct built v6 = built(V6("11"), udp);
	struct built harmless = built(V4_OPTIONS("47") "94040000 01010100", udp);
	struct built most = built(V4_OPTIONS("4f") "0727040000000000000000000000000000000000"
				  "0000000000000000000000000000000000000000", udp);
	struct built spent = built(V4_OPTIONS("47") "01 830708 cb007101", udp);
	struct built loose = built(V4_OPTIONS("47") "01 830704 cb007101", udp);
	struct built strict = built(V4_OPTIONS("48") "94040000 890704 cb007101 00", udp);

	(void)state;
	assert_crosses(&harmless, &v6, "router alert");
	assert_crosses(&most, &v6, "record route");
	assert_crosses(&spent, &v6, "spent source route");
	assert_refused(&loose, REASON_SOURCE_ROUTE, "loose source route");
	assert_refused(&strict, REASON_SOURCE_ROUTE, "strict source route");
}

/* RFC 7915 section 5.1: these are skipped, but not a routing header with segments left. */
static void test_extension_headers(void **state)
{
	static const char udp[] = "1388 0035 0000 0000" PAYLOAD;
	struct built v4 = built(V4("11"), udp), hip4 = built(V4("8b"), "3b00010400000000");
	struct built skipped = built(V6("00") "3c00010400000000" "2b01010400000000 0000000000000000"
				     "1100020000000000", udp);
	struct built left = built(V6("2b") "1100020100000000", udp);
	struct built hip6 = built(V6("8b"), "3b00010400000000");
	struct crossing c = crossing(&hip6);

	(void)state;
	assert_crosses(&skipped, &v4, "hop-by-hop, destination options, spent routing header");
	assert_refused(&left, REASON_SOURCE_ROUTE, "segments left");
	assert_int_equal(cross(&c), REASON_NONE);
	assert_octets(&c.p, &hip4, "HIP");
	crossing_end(&c);
}

/* RFC 7915 section 5.1: an authentication header is carried, and fails at the peer. */
static void test_authentication_header(void **state)
{
	static const char ah[] = "0604000000000001 00000002 0000000000000000 00000000"
				 "1388 0050" TCP_REST;
	struct built v6 = built(V6("3c") "3300010400000000", ah), v4 = built(V4("33"), ah);
	struct crossing to6 = crossing(&v4), to4 = crossing(&v6);

	(void)state;
	assert_int_equal(cross(&to4), REASON_NONE);
	assert_octets(&to4.p, &v4, "authentication header");
	assert_view(&to4.p, "authentication header");
	v6 = built(V6("33"), ah);
	assert_int_equal(cross(&to6), REASON_NONE);
	assert_octets(&to6.p, &v6, "authentication header");
	crossing_end(&to4);
	crossing_end(&to6);
}

/* Numbers that mean another thing in the other family, and one that speaks about one link. */
static void test_protocols_of_one_family(void **state)
{
	static const uint8_t v4_only[] = { 0, 2, 43, 44, 58, 60 }, v6_only[] = { 1, 2 };
	struct built v4 = built(V4("fd"), "0102030405060708"), v6 = built(V6("fd"), "0102030405060708");

	(void)state;
	for (size_t i = 0; i < sizeof(v4_only); i++) {
		v4.octets[9] = v4_only[i];
		octets_seal(v4.octets);
		assert_refused(&v4, REASON_NO_TRANSPORT, "IPv4's protocol");
	}
	for (size_t i = 0; i < sizeof(v6_only); i++) {
		v6.octets[6] = v6_only[i];
		assert_refused(&v6, REASON_NO_TRANSPORT, "IPv6's next header");
	}
}

/* RFC 6146 section 3. */
static void test_unknown_drops(void **state)
{
	(void)state;
	for (int i = 0; i < WAY_COUNT; i++) {
		struct built v4 = way_in(&ways[i], 4, ways[i].v4), v6 = way_in(&ways[i], 6, ways[i].v6);
		struct crossing a = crossing(&v4), b = crossing(&v6);
		uint8_t protocol = v4.octets[9];

		a.r.unknown_drops = b.r.unknown_drops = true;
		if (protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_ICMP) {
			assert_crosses_as(&a, &v6, ways[i].what);
			assert_crosses_as(&b, &v4, ways[i].what);
		} else {
			assert_refused_as(&a, REASON_NO_TRANSPORT, ways[i].what);
			assert_refused_as(&b, REASON_NO_TRANSPORT, ways[i].what);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_reply_of_zeros),
		cmocka_unit_test(test_every_tos),
		cmocka_unit_test(test_every_ttl),
		cmocka_unit_test(test_dont_fragment_by_size),
		cmocka_unit_test(test_may_be_cut),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_authentication_header),
		cmocka_unit_test(test_protocols_of_one_family),
		cmocka_unit_test(test_unknown_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
