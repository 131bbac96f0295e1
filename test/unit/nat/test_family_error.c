#include "crossing_error.h"

/* RFC 7915 sections 4.3 and 5.3, with as much quoted as RFC 792 asks for, or more, or all. */
static void test_quotes(void **state)
{
	static const size_t quoted[] = { 8, 9, 20, 31, 108, 120 };

	(void)state;
	for (int i = 0; i < KIND_COUNT; i++) {
		struct built v4 = sent(&kinds[i], 4, 112), v6 = sent(&kinds[i], 6, 112);

		for (size_t n = 0; n < sizeof(quoted) / sizeof(quoted[0]); n++) {
			struct built a = expired(&v4, 20 + quoted[n]), b = expired(&v6, 40 + quoted[n]);

			assert_error(&a, &b, kinds[i].what);
			assert_error(&b, &a, kinds[i].what);
		}
	}
}

/* Ports of what is quoted are those its sender knows. */
static void test_ports_of_quotes(void **state)
{
	static const uint16_t was[2] = { 80, 5000 }, now[2] = { 81, 40001 };
	static const struct kind other = { "TCP", "", "0051 9c41 00000001 00000002 5018 ffff 0000 0000",
					   "06", "06" };
	static const size_t quoted[] = { 8, 16, 18, 60 };
	struct built v4 = sent(&kinds[1], 4, 40), v6 = sent(&other, 6, 40);

	(void)state;
	for (size_t n = 0; n < sizeof(quoted) / sizeof(quoted[0]); n++) {
		struct built a = expired(&v4, 20 + quoted[n]), b = expired(&v6, 40 + quoted[n]);
		struct crossing_error x = crossing_error(&a, 100);

		ends_change(&x.inner, was, now, false);
		assert_error_as(&x, &b, "ports in a quote");
	}
}

static void test_identifier_of_quotes(void **state)
{
	static const uint16_t was[2] = { 5000, 5000 }, now[2] = { 40001, 40001 };
	static const struct kind other = { "echo", "0800 0000 9c41 0001", "", "01", "3a" };
	struct built v6 = sent(&kinds[2], 6, 3), v4 = sent(&other, 4, 3);
	struct built a = expired(&v6, 0), b = expired(&v4, 0);
	struct crossing_error x = crossing_error(&a, 0);

	(void)state;
	ends_change(&x.inner, was, now, true);
	assert_error_as(&x, &b, "identifier in a quote");
}

/* In a quote nobody needs one that was not sent. */
static void test_quote_without_checksum(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 5), v6 = sent(&kinds[0], 6, 5);
	struct built a, b;

	(void)state;
	store16(v4.octets + 26, 0);
	store16(v6.octets + 46, 0);
	a = expired(&v4, 0);
	b = expired(&v6, 0);
	assert_error(&a, &b, "UDP without a checksum in a quote");
	assert_error(&b, &a, "UDP without a checksum in a quote");
}

/* What the quote's header says is said in the new one: hops that were left, type of service, size. */
static void test_header_of_quotes(void **state)
{
	struct built v4 = built("45b8 0000 0000 0000 0711 0000" DESTINATION4 SOURCE4, UDP);
	struct built v6 = built("6b800000 0000 1107 " DESTINATION6 SOURCE6, UDP);
	struct built large4 = sent(&kinds[0], 4, 1233), large6 = sent(&kinds[0], 6, 1233);
	struct built a, b;

	(void)state;
	store16(v4.octets + 2, 1228);
	octets_seal(v4.octets);
	store16(v6.octets + 4, 1208);
	a = expired(&v4, 0);
	b = expired(&v6, 0);
	assert_error(&a, &b, "quoted header");
	assert_error(&b, &a, "quoted header");
	large4.octets[6] = 0x40;
	octets_seal(large4.octets);
	a = expired(&large4, 100);
	b = expired(&large6, 120);
	assert_error(&b, &a, "quote of more than 1260 octets");
}

static void test_quotes_with_options(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 4), v6 = sent(&kinds[0], 6, 4);
	struct built options4 = built("4700 0000 0000 0000 0111 0000" DESTINATION4 SOURCE4
				      "94040000 01010100", "");
	struct built options6 = built(QUOTED6("3c") "1101010400000000 0000000000000000", "");
	struct built a = expired(&v4, 0), b = expired(&v6, 0), c, d;

	(void)state;
	memcpy(options4.octets + 28, v4.octets + 20, 12);
	memcpy(options6.octets + 56, v6.octets + 40, 12);
	options4.len = 40;
	options6.len = 68;
	put_lengths(&options4);
	put_lengths(&options6);
	c = expired(&options4, 0);
	d = expired(&options6, 0);
	assert_error(&c, &b, "options in a quote");
	assert_error(&d, &a, "extension headers in a quote");
}

static void test_quotes_of_fragments(void **state)
{
	struct built later4 = built(QUOTED4_AS("4321", "2064", "01", "11"), "0102030405060708");
	struct built later6 = built(QUOTED6("2c") "11000321 00004321", "0102030405060708");
	struct built first4 = built(QUOTED4_AS("4321", "2000", "01", "06"), TCP "01020304");
	struct built first6 = built(QUOTED6("2c") "06000001 00004321", TCP "01020304");
	struct built a = expired(&later4, 0), b = expired(&later6, 0);
	struct built c = expired(&first4, 0), d = expired(&first6, 0);

	(void)state;
	assert_error(&a, &b, "later fragment in a quote");
	assert_error(&b, &a, "later fragment in a quote");
	assert_error(&c, &d, "first fragment in a quote");
	assert_error(&d, &c, "first fragment in a quote");
}

/* RFC 5508 has errors about fragmented queries pass. */
static void test_quotes_of_fragmented_queries(void **state)
{
	struct built first4 = built(QUOTED4_AS("4321", "2000", "01", "01"), "0800 0000 1388 0001");
	struct built a = expired(&first4, 0);
	struct crossing_error x = crossing_error(&a, 100);

	(void)state;
	assert_int_equal(cross_error(&x), REASON_NONE);
	assert_true(pkt_checksum_valid(&x.c.p));
	assert_int_equal(x.c.p.ip[48 + 6], 44);
	assert_int_equal(x.c.p.ip[48 + 40], 58);
	assert_int_equal(x.c.p.ip[48 + 48], 128);
	crossing_end(&x.c);
}

/* RFC 4443 section 2.4 (c): an error has at most 1280 octets. */
static void test_most_of_v6(void **state)
{
	static const struct { size_t quoted4, quoted6; } sizes[] = {
		{ 1211, 1231 }, { 1212, 1232 }, { 1213, 1232 }, { 1400, 1232 },
	};
	struct built v4 = sent(&kinds[0], 4, 1400), v6 = sent(&kinds[0], 6, 1400);

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct built a = expired(&v4, sizes[i].quoted4), b = expired(&v6, sizes[i].quoted6);

		assert_error(&a, &b, "1280 octets");
	}
}

/* RFC 7915 section 5.1, though no error should be as long. */
static void test_longer_than_there_should_be(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 1220), v6 = sent(&kinds[0], 6, 1220);
	struct built a = expired(&v6, 1252), b = expired(&v4, 1232), c = expired(&v6, 1253), d;

	(void)state;
	assert_int_equal(b.len, 1260);
	assert_error(&a, &b, "1260 octets");
	d = expired(&v4, 1233);
	d.octets[6] = 0x40;
	octets_seal(d.octets);
	assert_error(&c, &d, "1261 octets");
}

/* As much as there is room for, and not less than the headers; the memory ends where the room does. */
static void test_room(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 100), v6 = sent(&kinds[0], 6, 100);
	struct built a = expired(&v4, 28), least = expired(&v4, 100);

	(void)state;
	for (size_t more = 0; more < 40; more++) {
		struct built b = expired(&v6, 100 + (more < 20 ? more : 20));
		struct crossing_error x = crossing_error(&least, more);

		assert_error_as(&x, &b, "room");
	}
	for (size_t more = 0; more < 20; more++) {
		struct crossing_error x = crossing_error(&a, more);

		assert_error_refused(&x, REASON_TOO_BIG, "no room");
	}
}

static void test_refused(void **state)
{
	struct built nested = built(QUOTED4("01"), "0301 0000 00000000"), hop = built(QUOTED4("11"), UDP "01020304");
	struct built timestamp = built(QUOTED4("01"), "0d00 0000 1388 0001 00000000 00000000 00000000");
	struct built igmp = built(QUOTED4("02"), "1600 0000 e0000001");
	struct built a = expired(&nested, 0), b = expired(&timestamp, 0), c = expired(&igmp, 0);
	struct built d = expired(&hop, 0), e = expired(&hop, 0);
	struct crossing_error x = crossing_error(&a, 100), y = crossing_error(&b, 100),
			      z = crossing_error(&c, 100), v, w;

	(void)state;
	assert_error_refused(&x, REASON_ICMP_QUOTE, "an error about an error");
	assert_error_refused(&y, REASON_ICMP_TYPE, "an error about a timestamp");
	assert_error_refused(&z, REASON_NO_TRANSPORT, "an error about IGMP");
	d.octets[6] = 0x20;
	octets_seal(d.octets);
	v = crossing_error(&d, 100);
	assert_error_refused(&v, REASON_ICMP_FRAGMENT, "an error in fragments");
	w = crossing_error(&e, 100);
	w.c.r.unknown_drops = true;
	w.quoted.protocol = PROTO_GRE;
	assert_error_refused(&w, REASON_NO_TRANSPORT, "an error about an unknown protocol");
}

static void test_refused_of_v6(void **state)
{
	struct built v6 = sent(&kinds[0], 6, 4), plain = expired(&v6, 0);
	struct quoting q = { "60000000 0000 3340 " ROUTER6 DESTINATION6 "3a01000000000001 00000002",
			     EXPIRED6, &v6, 0, 0, NULL };
	struct built behind = error(&q);
	struct crossing_error x;
	struct crossing c = crossing(&plain);

	(void)state;
	assert_refused_as(&c, REASON_ICMP_TYPE, "an error that is taken for a query");
	x = crossing_error(&behind, 0);
	assert_error_refused(&x, REASON_NO_TRANSPORT, "an error behind an authentication header");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_ports_of_quotes),
		cmocka_unit_test(test_identifier_of_quotes),
		cmocka_unit_test(test_quote_without_checksum),
		cmocka_unit_test(test_header_of_quotes),
		cmocka_unit_test(test_quotes_with_options),
		cmocka_unit_test(test_quotes_of_fragments),
		cmocka_unit_test(test_quotes_of_fragmented_queries),
		cmocka_unit_test(test_most_of_v6),
		cmocka_unit_test(test_longer_than_there_should_be),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_of_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
