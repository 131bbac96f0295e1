#include "crossing_error.h"

#define EXTENSION "2000 dcf0 0008 0101 00d8e101"

/* RFC 4884 section 4: an extension structure behind a quote of so many octets with their padding. */
static struct built extended(const char *header, const char *icmp, const struct built *quoted,
			     size_t octets, size_t padded)
{
	struct quoting q = { header, icmp, quoted, octets, padded, EXTENSION };

	return error(&q);
}

static const struct extended {
	const char *what, *icmp4, *icmp6;
	size_t payload, octets4, padded4, octets6, padded6;
} extensions[] = {
	{ "quote shorter than 128", "0b00 0000 00200000", "0300 0000 10000000", 20, 48, 128, 68, 128 },
	{ "quote of 128 octets", "0b00 0000 00200000", "0300 0000 13000000", 500, 128, 128, 148, 152 },
	{ "quote of 128 octets and less", "0303 0000 00200000", "0104 0000 11000000", 88, 116, 128, 136,
	  136 },
	{ "an odd quote, and its padding", "0303 0000 00200000", "0104 0000 12000000", 89, 117, 128, 137,
	  144 },
	{ "long quote", "0b00 0000 00410000", "0300 0000 23000000", 500, 260, 260, 280, 280 },
	{ "the longest that ICMP can say", "0b01 0000 00ff0000", "0301 0000 82000000", 1400, 1020, 1020,
	  1040, 1040 },
};

enum { EXTENSION_COUNT = sizeof(extensions) / sizeof(extensions[0]) };

static void test_extensions_to_v6(void **state)
{
	(void)state;
	for (int i = 0; i < EXTENSION_COUNT; i++) {
		const struct extended *x = &extensions[i];
		struct built v4 = sent(&kinds[0], 4, x->payload), v6 = sent(&kinds[0], 6, x->payload);
		struct built a = extended(HEADER4, x->icmp4, &v4, x->octets4, x->padded4);
		struct built b = extended(HEADER6, x->icmp6, &v6, x->octets6, x->padded6);

		assert_error(&a, &b, x->what);
	}
}

/* Quote, padding and length go down by the header's difference, but never below 128. */
static void test_extensions_to_v4(void **state)
{
	static const struct extended back[] = {
		{ "quote shorter than 128", "0b00 0000 00200000", "0300 0000 10000000", 20, 48, 128, 68,
		  128 },
		{ "quote of 128 octets", "0b00 0000 00200000", "0300 0000 10000000", 500, 108, 128, 128,
		  128 },
		{ "quote of 152 octets", "0303 0000 00210000", "0104 0000 13000000", 500, 132, 132, 152,
		  152 },
		{ "an odd quote, and its padding", "0b00 0000 00210000", "0300 0000 13000000", 101, 129,
		  132, 149, 152 },
		{ "a quote of more than ICMP can say", "0b00 0000 00ff0000", "0300 0000 8f000000", 1300,
		  1020, 1020, 1144, 1144 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
		const struct extended *x = &back[i];
		struct built v4 = sent(&kinds[0], 4, x->payload), v6 = sent(&kinds[0], 6, x->payload);
		struct built a, b;

		if (v4.len > 1260) {
			v4.octets[6] = 0x40;
			octets_seal(v4.octets);
		}
		a = extended(HEADER4, x->icmp4, &v4, x->octets4, x->padded4);
		b = extended(HEADER6, x->icmp6, &v6, x->octets6, x->padded6);
		assert_error(&b, &a, x->what);
	}
}

/* RFC 4884 section 4: these ICMPv6 messages have no place for a length. */
static void test_extensions_that_cannot_be(void **state)
{
	static const char *const messages[][2] = {
		{ "0304 0000 00200578", "0200 0000 0000058c" },
		{ "0302 0000 00200000", "0401 0000 00000006" },
		{ "0c00 0000 09200000", "0400 0000 00000006" },
	};
	struct built v4 = sent(&kinds[0], 4, 500), v6 = sent(&kinds[0], 6, 500);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct built a = extended(HEADER4, messages[i][0], &v4, 128, 128);
		struct quoting q = { HEADER6, messages[i][1], &v6, 148, 0, NULL };
		struct built b = error(&q);

		assert_error(&a, &b, "extensions without a place");
	}
}

/* Octets behind what was quoted, of which no length speaks, are nobody's. */
static void test_what_follows_a_quote(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 20), v6 = sent(&kinds[0], 6, 20);
	struct built a = extended(HEADER4, EXPIRED4, &v4, 0, 128);
	struct built b = extended(HEADER6, EXPIRED6, &v6, 0, 128);
	struct built plain4 = expired(&v4, 0), plain6 = expired(&v6, 0);

	(void)state;
	assert_error(&a, &plain6, "old extensions");
	assert_error(&b, &plain4, "old extensions");
}

/* A length beyond the end says nothing; one inside the headers makes no sense. */
static void test_lengths_that_cannot_be(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 20), v6 = sent(&kinds[0], 6, 20);
	struct built beyond = extended(HEADER4, "0b00 0000 00240000", &v4, 0, 128);
	struct built within = extended(HEADER4, "0b00 0000 00060000", &v4, 0, 128);
	struct built plain6 = expired(&v6, 0);
	struct crossing_error x = crossing_error(&within, 100);

	(void)state;
	assert_error(&beyond, &plain6, "length beyond the end");
	assert_error_refused(&x, REASON_ICMP_QUOTE, "length inside the header");
}

/* RFC 7915 section 4.2: the quote gives way, as far as it may, and then the extensions do. */
static void test_extensions_that_do_not_fit(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 1400), v6 = sent(&kinds[0], 6, 1400);
	struct quoting in = { HEADER4, "0b00 0000 00200000", &v4, 128, 128, NULL };
	struct quoting out = { HEADER6, "0300 0000 10000000", &v6, 128, 128, NULL };
	char rest[2 * 1232 + 1] = "";
	struct built a, b;

	(void)state;
	memset(rest, '1', sizeof(rest) - 1);
	in.rest = out.rest = rest;
	rest[2 * 1184] = 0;
	a = error(&in);
	rest[2 * 1104] = 0;
	b = error(&out);
	assert_int_equal(b.len, 1280);
	assert_error(&a, &b, "extensions of more than there is room for");
}

static void test_quote_gives_way(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 1400), v6 = sent(&kinds[0], 6, 1400);
	struct quoting in = { HEADER4, "0b00 0000 00ff0000", &v4, 1020, 1020, NULL };
	struct quoting out = { HEADER6, "0300 0000 7d000000", &v6, 1000, 1000, NULL };
	char rest[2 * 228 + 1] = "";
	struct built a, b;

	(void)state;
	memset(rest, '1', sizeof(rest) - 1);
	in.rest = out.rest = rest;
	a = error(&in);
	b = error(&out);
	assert_error(&a, &b, "a quote that gives way");
}

/* What is cut off is padded, and is still whole words; behind the shortest quote at least one. */
static void test_extensions_cut_off(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 0), v6 = sent(&kinds[0], 6, 0);
	struct built a = extended(HEADER4, "0b00 0000 00070000", &v4, 28, 28), plain = expired(&v6, 0);
	struct quoting q = { HEADER6, "0300 0000 10000000", &v6, 48, 128, "2000 dcf0" };
	struct built one = error(&q);

	(void)state;
	/* It has 40 octets behind the ICMP header. */
	for (size_t more = 88; more < 96; more++) {
		struct crossing_error x = crossing_error(&a, more);

		assert_error_as(&x, more < 92 ? &plain : &one, "an extension that is cut off");
	}
}

/* A checksum that would lie where the extensions begin was not quoted. */
static void test_extensions_are_left_alone(void **state)
{
	struct built v4 = sent(&kinds[1], 4, 40), v6 = sent(&kinds[1], 6, 40);
	struct built a = extended(HEADER4, "0b00 0000 00090000", &v4, 36, 36);
	struct built b = extended(HEADER6, "0300 0000 10000000", &v6, 56, 128);

	(void)state;
	assert_error(&a, &b, "extensions behind half a header");
}

static void test_room_with_extensions(void **state)
{
	struct built v4 = sent(&kinds[0], 4, 500), v6 = sent(&kinds[0], 6, 500);
	struct built a = extended(HEADER4, "0b00 0000 00200000", &v4, 128, 128);
	struct built whole = extended(HEADER6, "0300 0000 10000000", &v6, 128, 128);
	struct built longer = extended(HEADER6, "0300 0000 11000000", &v6, 136, 136);

	(void)state;
	for (size_t more = 0; more < 16; more++) {
		struct crossing_error x = crossing_error(&a, more);

		assert_error_as(&x, more < 8 ? &whole : &longer, "room with extensions");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extensions_to_v6),
		cmocka_unit_test(test_extensions_to_v4),
		cmocka_unit_test(test_extensions_that_cannot_be),
		cmocka_unit_test(test_what_follows_a_quote),
		cmocka_unit_test(test_lengths_that_cannot_be),
		cmocka_unit_test(test_extensions_that_do_not_fit),
		cmocka_unit_test(test_quote_gives_way),
		cmocka_unit_test(test_extensions_cut_off),
		cmocka_unit_test(test_extensions_are_left_alone),
		cmocka_unit_test(test_room_with_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
