/* Translation of IPv6 prefixes. Requirements 6296-N1 to 6296-N4 and 6296-N7; the vectors are those of the
 * requirements' annex A, and RFC 6296 section 3.6. */
#include "addresses.h"

#include "nat/checksum.h"
#include "nat/npt66.h"

static const struct { const char *inside, *outside, *from, *to; } vectors[] = {
	{ "fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:405:1::1234", "2001:db8:1:d550::1234" },
	{ "fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:405:2ab0::1", "2001:db8:1::1" },
	{ "fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:405:0:ffff:ffff:ffff:ffff",
	  "2001:db8:1:d54f:ffff:ffff:ffff:ffff" },
	{ "fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:405:1::", "2001:db8:1:d550::" },
	{ "fd01:203:405::/48", "2001:db8:1:ff00::/56", "fd01:203:405:1::1234",
	  "2001:db8:1:ff01:d64e::1234" },
	{ "fd01:203:405::/56", "2001:db8:1:ff00::/56", "fd01:203:405:12:ffff::1",
	  "2001:db8:1:ff12:ffff:d64e:0:1" },
	{ "fd01:203:405::/56", "2001:db8:1:ff00::/56", "fd01:203:405:12:ffff:ffff:ffff:1",
	  "2001:db8:1:ff12:ffff:ffff:ffff:d64f" },
	{ "fd01:203:405:10::/60", "2001:db8:1:ff00::/56", "fd01:203:405:12:a8bb:ccff:fe00:1",
	  "2001:db8:1:ff02:7f1a:ccff:fe00:1" },
	{ "fd01:203:405:10::/60", "2001:db8:1:ff00::/60", "fd01:203:405:1f:0:ffff::",
	  "2001:db8:1:ff0f:d65e:ffff::" },
	{ "2001:db8:1::/48", "2001:db8:1::/48", "2001:db8:1::1", "2001:db8:1::1" },
	{ "fd00:1::/72", "2001:db8::/72", "fd00:1::12:0:0:1", "2001:db8::12:cf48:0:1" },
	{ "fd00:1::/112", "2001:db8::/112", "fd00:1::1", "2001:db8::cf49" },
};

enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

static csum_t sum_of(const struct ip6 *a)
{
	return csum_of(a, sizeof(*a));
}

static void vectors_go_there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct ip6_prefix inside = prefix6_of(vectors[i].inside);
		struct ip6_prefix outside = prefix6_of(vectors[i].outside);
		struct ip6 was = v6_of(vectors[i].from), a = was;

		assert_true(npt66_has(&inside, &outside, &a));
		assert_true(npt66_move(&inside, &outside, &a));
		assert_v6(&a, vectors[i].to);
		assert_true(csum_is_zero(csum_sub(sum_of(&a), sum_of(&was))));
		assert_true(npt66_has(&outside, &inside, &a));
		assert_true(npt66_move(&outside, &inside, &a));
		assert_v6(&a, vectors[i].from);
	}
}

static void some_have_no_word(void **state)
{
	static const struct { const char *inside, *outside, *address; } cases[] = {
		{ "fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:405:ffff::1" },
		{ "fd01:203::/32", "2001:db8::/32", "fd01:203:405:ffff::1" },
		{ "fd01:203:405::/56", "2001:db8:1:ff00::/56", "fd01:203:405:12:ffff:ffff:ffff:ffff" },
		{ "fd01:203:405::/48", "2001:db8:1:ff00::/56", "fd01:203:405:12:ffff:ffff:ffff:ffff" },
		{ "fd00:1::/112", "2001:db8::/112", "fd00:1::ffff" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip6_prefix inside = prefix6_of(cases[i].inside);
		struct ip6_prefix outside = prefix6_of(cases[i].outside);
		struct ip6 a = v6_of(cases[i].address);

		assert_true(npt66_has(&inside, &outside, &a));
		assert_false(npt66_move(&inside, &outside, &a));
		assert_v6(&a, cases[i].address);
	}
}

/* The shorter prefix is the longer one with zeros behind it. */
static void of_unequal_lengths_the_longer_counts(void **state)
{
	const struct ip6_prefix inside = prefix6_of("fd01:203:405::/48");
	const struct ip6_prefix outside = prefix6_of("2001:db8:1:ff00::/56");
	static const struct { const char *address; bool in, out; } cases[] = {
		{ "fd01:203:405::1", true, false },
		{ "fd01:203:405:ff::1", true, false },
		{ "fd01:203:405:100::1", false, false },
		{ "2001:db8:1:ff00::1", false, true },
		{ "2001:db8:1:ffff::1", false, true },
		{ "2001:db8:1:fe00::1", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip6 a = v6_of(cases[i].address);

		assert_int_equal(npt66_has(&inside, &outside, &a), cases[i].in);
		assert_int_equal(npt66_has(&outside, &inside, &a), cases[i].out);
	}
}

/* Every word that is adjusted, of a short and of a long prefix: none becomes what cannot go back. */
static void all_words_come_back(void **state)
{
	static const struct { const char *inside, *outside; unsigned at; } cases[] = {
		{ "fd01:203:405::/48", "2001:db8:1::/48", 6 },
		{ "fd01:203:405:10::/60", "2001:db8:1:ff00::/60", 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned word = 0; word < 0xffff; word++) {
			struct ip6_prefix inside = prefix6_of(cases[i].inside);
			struct ip6_prefix outside = prefix6_of(cases[i].outside);
			struct ip6 was = inside.address, a;

			store16(was.octets + cases[i].at, (uint16_t)word);
			was.octets[15] = 1;
			a = was;
			assert_true(npt66_move(&inside, &outside, &a));
			assert_true(csum_is_zero(csum_sub(sum_of(&a), sum_of(&was))));
			assert_int_not_equal(load16(a.octets + cases[i].at), 0xffff);
			assert_true(npt66_move(&outside, &inside, &a));
			assert_true(ip6_equal(&a, &was));
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_go_there_and_back),
		cmocka_unit_test(some_have_no_word),
		cmocka_unit_test(of_unequal_lengths_the_longer_counts),
		cmocka_unit_test(all_words_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
