/* IPv4 addresses inside IPv6 ones. Requirements 6052-P1, 6052-P2, 6052-P3 and 6052-W1. */
#include "addresses.h"

#include "nat/rfc6052.h"

/* RFC 6052 section 2.4. */
static const struct { const char *prefix, *address; } examples[] = {
	{ "2001:db8::/32", "2001:db8:c000:221::" },
	{ "2001:db8:100::/40", "2001:db8:1c0:2:21::" },
	{ "2001:db8:122::/48", "2001:db8:122:c000:2:2100::" },
	{ "2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::" },
	{ "2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0" },
	{ "2001:db8:122:344::/96", "2001:db8:122:344::c000:221" },
	{ "64:ff9b::/96", "64:ff9b::c000:221" },
};

static void examples_of_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct ip6_prefix prefix = prefix6_of(examples[i].prefix);
		struct ip6 a = rfc6052_embed(&prefix, v4_of("192.0.2.33"));

		assert_true(rfc6052_is_legal(&prefix));
		assert_v6(&a, examples[i].address);
		assert_v4(rfc6052_extract(&prefix, &a), "192.0.2.33");
	}
}

static void suffix_and_octet_u_are_not_looked_at(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct ip6_prefix prefix = prefix6_of(examples[i].prefix);
		struct ip6 ones, a;

		memset(&ones, 0xff, sizeof(ones));
		for (unsigned bits = 0; bits < 256; bits++) {
			a = rfc6052_embed(&prefix, v4_of("192.0.2.33"));
			a = prefix.len < 96 ? ip6_joined(&a, 104, &ones) : a;
			if (prefix.len < 96)
				a.octets[8] = (uint8_t)bits;
			assert_v4(rfc6052_extract(&prefix, &a), "192.0.2.33");
		}
	}
}

static void lengths_that_there_are(void **state)
{
	struct ip6_prefix prefix = prefix6_of("2001:db8::/32");

	(void)state;
	for (unsigned len = 0; len <= 128; len++) {
		prefix.len = (uint8_t)len;
		assert_int_equal(rfc6052_is_legal(&prefix),
				 len == 32 || len == 40 || len == 48 || len == 56 || len == 64 || len == 96);
	}
	prefix = prefix6_of("2001:db8::100:0:0:0/96");
	assert_false(rfc6052_is_legal(&prefix));
}

static void the_well_known_prefix(void **state)
{
	static const struct { const char *prefix; bool is; } cases[] = {
		{ "64:ff9b::/96", true }, { "64:ff9b::/64", false }, { "64:ff9b:1::/96", false },
		{ "64:ff9b:1::/48", false }, { "2001:db8::/96", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip6_prefix prefix = prefix6_of(cases[i].prefix);

		assert_int_equal(rfc6052_is_well_known(&prefix), cases[i].is);
	}
}

/* Both ends of each block, and their neighbours: RFC 6890 section 2.2.2, and who can be spoken to. */
static void which_addresses_are_whose(void **state)
{
	static const struct { const char *address; bool global, unicast; } cases[] = {
		{ "0.0.0.0", false, false },	     { "0.255.255.255", false, false },
		{ "1.0.0.0", true, true },	     { "9.255.255.255", true, true },
		{ "10.0.0.0", false, true },	     { "10.255.255.255", false, true },
		{ "11.0.0.0", true, true },	     { "100.63.255.255", true, true },
		{ "100.64.0.0", false, true },	     { "100.127.255.255", false, true },
		{ "100.128.0.0", true, true },	     { "126.255.255.255", true, true },
		{ "127.0.0.0", false, false },	     { "127.255.255.255", false, false },
		{ "128.0.0.0", true, true },	     { "169.253.255.255", true, true },
		{ "169.254.0.0", false, false },     { "169.254.255.255", false, false },
		{ "169.255.0.0", true, true },	     { "172.15.255.255", true, true },
		{ "172.16.0.0", false, true },	     { "172.31.255.255", false, true },
		{ "172.32.0.0", true, true },	     { "191.255.255.255", true, true },
		{ "192.0.0.0", false, true },	     { "192.0.0.255", false, true },
		{ "192.0.1.0", true, true },	     { "192.0.1.255", true, true },
		{ "192.0.2.0", false, true },	     { "192.0.2.255", false, true },
		{ "192.0.3.0", true, true },	     { "192.88.99.1", true, true },
		{ "192.167.255.255", true, true },   { "192.168.0.0", false, true },
		{ "192.168.255.255", false, true },  { "192.169.0.0", true, true },
		{ "198.17.255.255", true, true },    { "198.18.0.0", false, true },
		{ "198.19.255.255", false, true },   { "198.20.0.0", true, true },
		{ "198.51.99.255", true, true },     { "198.51.100.0", false, true },
		{ "198.51.100.255", false, true },   { "198.51.101.0", true, true },
		{ "203.0.112.255", true, true },     { "203.0.113.0", false, true },
		{ "203.0.113.255", false, true },    { "203.0.114.0", true, true },
		{ "223.255.255.255", true, true },   { "224.0.0.0", false, false },
		{ "239.255.255.255", false, false }, { "240.0.0.0", false, false },
		{ "255.255.255.255", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ip4_is_global(v4_of(cases[i].address)), cases[i].global);
		assert_int_equal(ip4_is_unicast(v4_of(cases[i].address)), cases[i].unicast);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_rfc),
		cmocka_unit_test(suffix_and_octet_u_are_not_looked_at),
		cmocka_unit_test(lengths_that_there_are),
		cmocka_unit_test(the_well_known_prefix),
		cmocka_unit_test(which_addresses_are_whose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
