#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "router/address.h"

static const struct { const char *text, *printed; } addresses[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "192.168.7.1", "192.168.7.1" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "::", "::" },
	{ "::1", "::1" },
	/* RFC 4291 section 2.2 */
	{ "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789" },
	{ "2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a" },
	{ "FF01:0:0:0:0:0:0:101", "ff01::101" },
	{ "::FFFF:129.144.52.38", "::ffff:129.144.52.38" },
	/* RFC 5952 sections 4.1 to 4.3 */
	{ "2001:0db8::0001", "2001:db8::1" },
	{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
};

static const char *const no_addresses[] = {
	"", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4", "1.2.3.x",
	"0x1.2.3.4", "1.2.3.4/24", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::",
	"fe80::1%eth0", "[::1]", "localhost",
};

static void parses_and_prints_addresses(void **state)
{
	char text[ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct address a;

		assert_true(address_parse(&a, addresses[i].text));
		assert_int_equal(a.version, strchr(addresses[i].text, ':') ? 6 : 4);
		assert_string_equal(address_format(&a, text), addresses[i].printed);
	}
}

static void refuses_what_is_no_address(void **state)
{
	struct address before, a;

	(void)state;
	memset(&a, 0x5a, sizeof(a));
	before = a;
	for (size_t i = 0; i < sizeof(no_addresses) / sizeof(no_addresses[0]); i++) {
		assert_false(address_parse(&a, no_addresses[i]));
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void prints_no_address_as_a_dash(void **state)
{
	const struct address none = { 0 };
	char text[ADDRESS_TEXT];

	(void)state;
	assert_string_equal(address_format(&none, text), "-");
}

static const struct { const char *text, *printed, *masked; } prefixes[] = {
	{ "192.168.7.1/24", "192.168.7.1/24", "192.168.7.0/24" },
	{ "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8" },
	{ "10.255.255.255/9", "10.255.255.255/9", "10.128.0.0/9" },
	{ "1.2.3.4/0", "1.2.3.4/0", "0.0.0.0/0" },
	{ "1.2.3.5/31", "1.2.3.5/31", "1.2.3.4/31" },
	{ "1.2.3.4/32", "1.2.3.4/32", "1.2.3.4/32" },
	{ "1.2.3.4", "1.2.3.4/32", "1.2.3.4/32" },
	{ "fd07::1/64", "fd07::1/64", "fd07::/64" },
	{ "2001:db8:ffff::/33", "2001:db8:ffff::/33", "2001:db8:8000::/33" },
	{ "::1/0", "::1/0", "::/0" },
	{ "::1", "::1/128", "::1/128" },
	{ "1111:2222:3333:4444:5555:6666:7777:8888/128",
	  "1111:2222:3333:4444:5555:6666:7777:8888/128",
	  "1111:2222:3333:4444:5555:6666:7777:8888/128" },
};

static const char *const no_prefixes[] = {
	"", "/", "/24", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08",
	"10.0.0.0/8 ", "10.0.0.0/ 8", "10.0.0.0/8/8", "10.0.0.0/x", "10.0.0.0/256", "10.0.0.0/1000",
	"::/129", "10.0.0/8", "10.0.0.0/255.0.0.0",
	"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/1",
};

static void parses_prints_and_masks_prefixes(void **state)
{
	char text[PREFIX_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct prefix p;

		assert_true(prefix_parse(&p, prefixes[i].text));
		assert_string_equal(prefix_format(&p, text), prefixes[i].printed);
		p = prefix_masked(p);
		assert_string_equal(prefix_format(&p, text), prefixes[i].masked);
	}
}

static void refuses_what_is_no_prefix(void **state)
{
	struct prefix before, p;

	(void)state;
	memset(&p, 0x5a, sizeof(p));
	before = p;
	for (size_t i = 0; i < sizeof(no_prefixes) / sizeof(no_prefixes[0]); i++) {
		assert_false(prefix_parse(&p, no_prefixes[i]));
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static const struct { const char *prefix, *address; bool inside; } containments[] = {
	{ "192.168.7.1/24", "192.168.7.0", true },
	{ "192.168.7.1/24", "192.168.7.255", true },
	{ "192.168.7.1/24", "192.168.8.0", false },
	{ "10.128.0.0/9", "10.127.255.255", false },
	{ "10.128.0.0/9", "10.128.0.0", true },
	{ "0.0.0.0/0", "255.255.255.255", true },
	{ "1.2.3.4/32", "1.2.3.4", true },
	{ "1.2.3.4/32", "1.2.3.5", false },
	{ "2001:db8:8000::/33", "2001:db8:ffff::1", true },
	{ "2001:db8:8000::/33", "2001:db8:7fff::1", false },
	{ "::/0", "ffff::", true },
	{ "::/0", "0.0.0.0", false },
	{ "0.0.0.0/0", "::", false },
	{ "::1/128", "::2", false },
};

static void knows_what_a_prefix_contains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(containments) / sizeof(containments[0]); i++) {
		struct address a;
		struct prefix p;

		assert_true(prefix_parse(&p, containments[i].prefix));
		assert_true(address_parse(&a, containments[i].address));
		assert_int_equal(prefix_contains(&p, &a), containments[i].inside);
	}
}

static void compares_and_makes_addresses(void **state)
{
	static const uint8_t octets[16] = { 192, 0, 2, 1 };
	struct address a, b = address_v4(octets), c = address_v6(octets);

	(void)state;
	assert_true(address_parse(&a, "192.0.2.1"));
	assert_true(address_equal(&a, &b));
	assert_false(address_equal(&b, &c));
	assert_int_equal(address_bits(&b), 32);
	assert_int_equal(address_bits(&c), 128);
	assert_int_equal(address_len(&b), 4);
	assert_int_equal(address_len(&c), 16);
	b.octets[3] = 2;
	assert_false(address_equal(&a, &b));
	assert_true(address_parse(&a, "c000:201::"));
	assert_true(address_equal(&a, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_prints_addresses),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(prints_no_address_as_a_dash),
		cmocka_unit_test(parses_prints_and_masks_prefixes),
		cmocka_unit_test(refuses_what_is_no_prefix),
		cmocka_unit_test(knows_what_a_prefix_contains),
		cmocka_unit_test(compares_and_makes_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
