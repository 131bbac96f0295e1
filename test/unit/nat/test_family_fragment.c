#include "crossing.h"

#define UDP "1388 0035 0000 0000"
#define TCP "1388 0050 00000001 00000002 5018 ffff 0000 0000"
#define ECHO "0800 0000 1234 0001"
#define ECHO6 "8000 0000 1234 0001"
#define V4_PIECE(field, proto) V4_AS("00", "4321", field, "40", proto)
#define V6_PIECE(field, ident, next) V6("2c") next "00" field ident " "

/* Three pieces: of 800 and 800 octets, and the rest. */
enum { PAYLOAD_LEN = 1801, CUT = 800, CUT_AGAIN = 1600 };
static const struct {
	size_t begin, end;
	const char *v4_field, *v6_field;
} cuts[] = {
	{ 0, CUT, "2000", "0001" }, { CUT, CUT_AGAIN, "2064", "0321" }, { CUT_AGAIN, 0, "00c8", "0640" },
};

enum { CUT_COUNT = sizeof(cuts) / sizeof(cuts[0]) };

static const struct kind { const char *what, *v4, *v6, *v4_protocol, *v6_protocol; } kinds[] = {
	{ "UDP", UDP, UDP, "11", "11" }, { "TCP", TCP, TCP, "06", "06" },
	{ "GRE", "00000800", "00000800", "2f", "2f" }, { "echo", ECHO, ECHO6, "01", "3a" },
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]), KIND_ECHO = 3 };

static struct built whole(const struct kind *k, int version)
{
	char header[128];

	snprintf(header, sizeof(header), version == 4 ? V4("%s") : V6("%s"),
		 version == 4 ? k->v4_protocol : k->v6_protocol);
	return sized(header, version == 4 ? k->v4 : k->v6, PAYLOAD_LEN);
}

/* The n-th piece of the datagram. */
static struct built cut(const struct kind *k, const struct built *b, int n, const char *ident)
{
	bool v4 = b->octets[0] >> 4 == 4;
	size_t end = cuts[n].end ? cuts[n].end : b->len - place_of(b->octets).payload;
	char header[160];

	if (v4)
		snprintf(header, sizeof(header), V4_PIECE("%s", "%s"), cuts[n].v4_field, k->v4_protocol);
	else
		snprintf(header, sizeof(header), V6_PIECE("%s", "%s", "%s"), k->v6_protocol,
			 cuts[n].v6_field, ident);
	return piece(header, b, cuts[n].begin, end);
}

/* RFC 7915 sections 4.1 and 5.1.1. */
static void test_pieces(void **state)
{
	(void)state;
	for (int i = 0; i < KIND_ECHO; i++) {
		struct built v4 = whole(&kinds[i], 4), v6 = whole(&kinds[i], 6);

		for (int n = 0; n < CUT_COUNT; n++) {
			struct built a = cut(&kinds[i], &v4, n, "");
			struct built b = cut(&kinds[i], &v6, n, "00004321");
			struct built c = cut(&kinds[i], &v6, n, "abcd4321");

			assert_crosses(&a, &b, kinds[i].what);
			assert_crosses(&b, &a, kinds[i].what);
			assert_crosses(&c, &a, kinds[i].what);
		}
	}
}

static uint32_t transport_len(const struct built *b)
{
	return (uint32_t)(b->len - place_of(b->octets).at);
}

/* The pseudo-header has the length of the whole, and nobody knows it. */
static void test_echo_in_pieces(void **state)
{
	const struct kind *k = &kinds[KIND_ECHO];
	struct built v4 = whole(k, 4), v6 = whole(k, 6);

	(void)state;
	for (int n = 0; n < CUT_COUNT; n++) {
		struct built a = cut(k, &v4, n, ""), b = cut(k, &v6, n, "00004321");
		struct crossing to6 = crossing(&a), to4 = crossing(&b);

		assert_refused(&a, REASON_ICMP_FRAGMENT, "echo to IPv6");
		assert_refused(&b, REASON_ICMP_FRAGMENT, "echo to IPv4");
		to6.e.whole = to4.e.whole = transport_len(&v4);
		assert_crosses_as(&to6, &b, "echo to IPv6, and the length is known");
		assert_crosses_as(&to4, &a, "echo to IPv4, and the length is known");
	}
}

/* RFC 6146 section 3.4. */
static void test_pieces_without_checksum(void **state)
{
	const struct kind *udp = &kinds[0];
	struct built v4 = whole(udp, 4), v6 = whole(udp, 6), first, first6;
	struct crossing c;
	uint8_t sum[2];

	(void)state;
	store16(v4.octets + 26, 0);
	store16(sum, octets_sum(v4.octets + 28, v4.len - 28));
	first = cut(udp, &v4, 0, "");
	first6 = cut(udp, &v6, 0, "00004321");
	assert_refused(&first, REASON_NO_CHECKSUM, "first fragment");
	c = crossing(&first);
	c.e.whole = transport_len(&v4);
	memcpy(&c.e.sum.raw, sum, 2);
	assert_crosses_as(&c, &first6, "first fragment, and the sum is known");
	c = crossing(&first);
	c.e.whole = transport_len(&v4);
	c.r.no_checksum_drops = true;
	assert_refused_as(&c, REASON_NO_CHECKSUM, "first fragment, and it is not wanted");
}

static void test_later_pieces_without_checksum(void **state)
{
	const struct kind *udp = &kinds[0];
	struct built v4 = whole(udp, 4), v6 = whole(udp, 6);
	struct built later = cut(udp, &v4, 1, ""), later6 = cut(udp, &v6, 1, "00004321");

	(void)state;
	assert_crosses(&later, &later6, "later fragment");
}

static void test_ports_of_pieces(void **state)
{
	static const uint16_t was[2] = { 5000, 53 }, now[2] = { 40001, 54 };
	static const struct kind other = { "", "9c41 0036 0000 0000", "9c41 0036 0000 0000", "11", "11" };
	struct built v4 = whole(&kinds[0], 4), v6 = whole(&other, 6);

	(void)state;
	for (int n = 0; n < CUT_COUNT; n++) {
		struct built a = cut(&kinds[0], &v4, n, ""), b = cut(&other, &v6, n, "00004321");
		struct crossing c = crossing(&a);

		ends_change(&c.e, was, now, false);
		assert_crosses_as(&c, &b, "ports of fragments");
	}
}

/* What the first fragment said stays known, and how it may be cut further. */
static void test_what_is_known(void **state)
{
	struct built v4 = whole(&kinds[0], 4), later = cut(&kinds[0], &v4, 1, "");
	struct crossing c = crossing(&later);

	(void)state;
	c.p.flags |= PKT_PORTS_KNOWN;
	c.p.ports[0] = be16_from(5000);
	assert_int_equal(cross(&c), REASON_NONE);
	assert_true(c.p.flags & PKT_PORTS_KNOWN);
	assert_true(c.p.flags & PKT_FRAGMENT_LATER);
	assert_false(c.p.flags & PKT_DONT_FRAGMENT);
	assert_int_equal(be16_host(c.p.ports[0]), 5000);
	assert_int_equal(be16_host(c.p.ident), 0x4321);
	assert_true(pkt_has_more(&c.p));
	crossing_end(&c);
}

/* RFC 6946: it is whole. Its header says that it may be fragmented. */
static void test_atomic(void **state)
{
	static const size_t sizes[] = { 0, 100, 1232, 1233, 1452 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct built udp4 = sized(V4("11"), UDP, sizes[i]);
		struct built udp6 = sized(V6_PIECE("0000", "abcd4321", "11"), UDP, sizes[i]);
		struct built echo4 = sized(V4("01"), ECHO, sizes[i]);
		struct built echo6 = sized(V6_PIECE("0000", "abcd4321", "3a"), ECHO6, sizes[i]);
		struct crossing c = crossing(&udp6);

		assert_crosses(&echo6, &echo4, "atomic fragment");
		c.r.ident = be16_from(0x9999);
		assert_crosses_as(&c, &udp4, "atomic fragment");
	}
}

/* RFC 7915 section 5.1.1: in front of the fragment's header there may be others, but not behind it. */
static void test_extension_headers(void **state)
{
	static const char *const refused[] = { "00", "2b", "33", "3c", "87", "8b", "8c" };
	struct built v4 = whole(&kinds[0], 4), v6 = whole(&kinds[0], 6);
	struct built first4 = cut(&kinds[0], &v4, 0, "");
	struct built first6 = piece(V6("3c") "2c00010400000000" "11000001abcd4321", &v6, 0, CUT);
	struct built esp4 = built(V4("32"), "0000000700000001");
	struct built esp6 = built(V6_PIECE("0000", "abcd4321", "32"), "0000000700000001");

	(void)state;
	assert_crosses(&first6, &first4, "options in front");
	assert_crosses(&esp6, &esp4, "fragment of ESP");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char header[160];
		struct built later;

		snprintf(header, sizeof(header), V6_PIECE("0321", "abcd4321", "%s"), refused[i]);
		later = built(header, "1100010400000000");
		assert_refused(&later, REASON_EXTENSION, "later fragment of an extension header");
	}
}

static void test_extension_headers_of_the_first(void **state)
{
	struct built options = built(V6_PIECE("0001", "abcd4321", "3c") "1100010400000000", UDP);
	struct built atomic = built(V6_PIECE("0000", "abcd4321", "3c") "1100010400000000", UDP);
	struct built ah = built(V6_PIECE("0000", "abcd4321", "33") "1101000000000001 00000002",
				"1388 0035 0008 0000");

	(void)state;
	assert_refused(&options, REASON_EXTENSION, "first fragment with options");
	assert_refused(&atomic, REASON_EXTENSION, "atomic fragment with options");
	assert_refused(&ah, REASON_EXTENSION, "atomic fragment with an authentication header");
}

/* What is put together must have a length in IPv4, which counts the header. */
static void test_end_of_the_last(void **state)
{
	struct built fits = built(V6_PIECE("ffe0", "abcd4321", "11"), "0001020304050607 08090a");
	struct built too_long = built(V6_PIECE("ffe0", "abcd4321", "11"), "0001020304050607 08090a0b");
	struct built fitting = built(V4_PIECE("1ffc", "11"), "0001020304050607 08090a");

	(void)state;
	assert_crosses(&fits, &fitting, "a last fragment up to 65535");
	assert_refused(&too_long, REASON_TOO_BIG, "a last fragment up to 65536");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_echo_in_pieces),
		cmocka_unit_test(test_pieces_without_checksum),
		cmocka_unit_test(test_later_pieces_without_checksum),
		cmocka_unit_test(test_ports_of_pieces),
		cmocka_unit_test(test_what_is_known),
		cmocka_unit_test(test_atomic),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_extension_headers_of_the_first),
		cmocka_unit_test(test_end_of_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
