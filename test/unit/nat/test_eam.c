/* Explicit address mappings. Requirements 7757-E1 and 7757-O1. */
#include "addresses.h"

#include "nat/eam.h"

struct row { const char *v4, *v6; };

enum { ROWS_MOST = 16, MANY = 4096 };

/* A table of both orders; the strings are prefixes. */
struct table {
	struct nat_eam by4[MANY], by6[MANY];
	struct nat_policy6 policy;
};

static struct nat_eam eam_of(const struct row *r)
{
	char text[32];
	const char *slash = strchr(r->v4, '/');
	size_t len = (size_t)(slash - r->v4);

	memcpy(text, r->v4, len);
	text[len] = 0;
	return (struct nat_eam){ v4_of(text), (uint8_t)atoi(slash + 1), prefix6_of(r->v6) };
}

static void sort(struct table *t, size_t count)
{
	memcpy(t->by6, t->by4, count * sizeof(t->by4[0]));
	eam_sort4(t->by4, count);
	eam_sort6(t->by6, count);
	t->policy = (struct nat_policy6){ .eams = t->by4, .eams_by6 = t->by6, .eam_count = count };
}

static void make(struct table *t, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		t->by4[i] = eam_of(&rows[i]);
	sort(t, count);
}

/* RFC 7757 section 3.1, figure 1. */
static const struct row figure[] = {
	{ "192.0.2.1/32", "2001:db8:aaaa::/128" },  { "192.0.2.2/32", "2001:db8:bbbb::b/128" },
	{ "192.0.2.16/28", "2001:db8:cccc::/124" }, { "192.0.2.128/26", "2001:db8:dddd::/64" },
	{ "192.0.2.192/29", "2001:db8:eeee:8::/62" }, { "192.0.2.224/31", "64:ff9b::/127" },
};

static const struct row addresses[] = {
	{ "192.0.2.1", "2001:db8:aaaa::" },
	{ "192.0.2.2", "2001:db8:bbbb::b" },
	{ "192.0.2.16", "2001:db8:cccc::" },
	{ "192.0.2.24", "2001:db8:cccc::8" },
	{ "192.0.2.31", "2001:db8:cccc::f" },
	{ "192.0.2.128", "2001:db8:dddd::" },
	{ "192.0.2.152", "2001:db8:dddd:0:6000::" },
	{ "192.0.2.183", "2001:db8:dddd:0:dc00::" },
	{ "192.0.2.192", "2001:db8:eeee:8::" },
	{ "192.0.2.195", "2001:db8:eeee:9:8000::" },
	{ "192.0.2.199", "2001:db8:eeee:b:8000::" },
	{ "192.0.2.224", "64:ff9b::" },
	{ "192.0.2.225", "64:ff9b::1" },
};

static void table_of_the_rfc(void **state)
{
	static struct table t;
	struct ip6 a;
	be32 v4;

	(void)state;
	make(&t, figure, sizeof(figure) / sizeof(figure[0]));
	assert_null(eam_fault(&t.policy));
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		assert_true(eam_to_v6(&t.policy, v4_of(addresses[i].v4), &a));
		assert_v6(&a, addresses[i].v6);
		assert_true(eam_to_v4(&t.policy, &a, &v4));
		assert_v4(v4, addresses[i].v4);
	}
}

static void others_are_not_in_it(void **state)
{
	static struct table t;
	static const char *const four[] = { "192.0.2.0", "192.0.2.3", "192.0.2.15", "192.0.2.32",
					    "192.0.2.200", "192.0.2.223", "192.0.2.226", "0.0.0.0" };
	static const char *const six[] = { "2001:db8:aaaa::1", "2001:db8:bbbb::a", "2001:db8:cccc::10",
					   "2001:db8:dddd:1::", "2001:db8:eeee:c::", "2001:db8:eeee:7::",
					   "64:ff9b::2", "::" };
	struct ip6 a;
	be32 v4;

	(void)state;
	make(&t, figure, sizeof(figure) / sizeof(figure[0]));
	for (size_t i = 0; i < sizeof(four) / sizeof(four[0]); i++)
		assert_false(eam_to_v6(&t.policy, v4_of(four[i]), &a));
	for (size_t i = 0; i < sizeof(six) / sizeof(six[0]); i++) {
		a = v6_of(six[i]);
		assert_false(eam_to_v4(&t.policy, &a, &v4));
	}
	t.policy.eam_count = 0;
	assert_false(eam_to_v6(&t.policy, v4_of("192.0.2.1"), &a));
}

/* RFC 7757 section 3.3.2: bits beyond the IPv4 suffix are not looked at. */
static void a_longer_suffix_is_cut(void **state)
{
	static struct table t;
	struct ip6 a = v6_of("2001:db8:dddd:0:63ff:ffff:ffff:ffff");
	be32 v4;

	(void)state;
	make(&t, figure, sizeof(figure) / sizeof(figure[0]));
	assert_true(eam_to_v4(&t.policy, &a, &v4));
	assert_v4(v4, "192.0.2.152");
}

static void the_longest_counts_either_way(void **state)
{
	static const struct row rows[] = {
		{ "0.0.0.0/0", "2001:db8:64::/96" },	 { "192.0.2.0/24", "2001:db8:a::/120" },
		{ "192.0.2.128/25", "2001:db8:b::/64" }, { "192.0.2.129/32", "2001:db8:b:0:8000::/128" },
		{ "198.51.100.1/32", "2001:db8::1/128" }, { "198.51.100.0/24", "::/0" },
	};
	static const struct { const char *v4, *v6, *back; } cases[] = {
		{ "203.0.113.1", "2001:db8:64::cb00:7101", "203.0.113.1" },
		{ "192.0.2.1", "2001:db8:a::1", "192.0.2.1" },
		{ "192.0.2.130", "2001:db8:b:0:400::", "192.0.2.130" },
		{ "192.0.2.129", "2001:db8:b:0:8000::", "192.0.2.129" },
		{ "192.0.2.192", "2001:db8:b:0:8000::", "192.0.2.129" },
		{ "198.51.100.1", "2001:db8::1", "198.51.100.1" },
		{ "198.51.100.32", "2000::", "198.51.100.32" },
		{ "198.51.100.2", "200::", "198.51.100.2" },
	};
	static struct table t;
	struct ip6 a;
	be32 v4;

	(void)state;
	make(&t, rows, sizeof(rows) / sizeof(rows[0]));
	assert_null(eam_fault(&t.policy));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(eam_to_v6(&t.policy, v4_of(cases[i].v4), &a));
		assert_v6(&a, cases[i].v6);
		assert_true(eam_to_v4(&t.policy, &a, &v4));
		assert_v4(v4, cases[i].back);
	}
}

/* As many as there may be, in an order that is none, of several lengths. */
static void all_of_many_are_found(void **state)
{
	static struct table t;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t mixed = (i * 2685 + 17) % MANY; /* each number below MANY once */
		uint8_t cut = mixed % 3 == 0 ? 4 : 0;

		t.by4[i] = (struct nat_eam){ be32_from(0x0a000000 | mixed << 8), (uint8_t)(32 - cut),
					     { v6_of("2001:db8::"), (uint8_t)(128 - cut) } };
		store16(t.by4[i].v6.address.octets + 12, (uint16_t)~mixed);
	}
	sort(&t, MANY);
	assert_null(eam_fault(&t.policy));
	for (uint32_t i = 0; i < MANY; i++) {
		struct ip6 a, expected = v6_of("2001:db8::");
		be32 v4 = be32_from(0x0a000000 | i << 8 | (i % 3 == 0 ? 9 : 0)), back;

		store16(expected.octets + 12, (uint16_t)~i);
		expected.octets[15] = i % 3 == 0 ? 9 : 0;
		assert_true(eam_to_v6(&t.policy, v4, &a));
		assert_true(ip6_equal(&a, &expected));
		assert_true(eam_to_v4(&t.policy, &a, &back));
		assert_true(be32_equal(back, v4));
		assert_false(eam_to_v6(&t.policy, be32_from(0x0a000010 | i << 8), &a));
	}
}

static const struct { struct row rows[2]; const char *fault; } tables[] = {
	{ { { "192.0.2.0/24", "2001:db8::/120" }, { "192.0.2.0/25", "2001:db8::/121" } }, NULL },
	{ { { "192.0.2.0/24", "2001:db8::/121" } },
	  "explicit mapping with a longer IPv4 than IPv6 suffix" },
	{ { { "192.0.2.1/24", "2001:db8::/64" } }, "prefix with bits behind its length" },
	{ { { "192.0.2.0/24", "2001:db8::1/64" } }, "prefix with bits behind its length" },
	{ { { "192.0.2.0/33", "2001:db8::/128" } },
	  "explicit mapping of a prefix longer than an address" },
	{ { { "192.0.2.0/32", "2001:db8::/129" } },
	  "explicit mapping of a prefix longer than an address" },
	{ { { "192.0.2.0/24", "2001:db8:1::/64" }, { "192.0.2.0/24", "2001:db8:2::/64" } },
	  "two explicit mappings of one prefix" },
	{ { { "192.0.2.0/24", "2001:db8:1::/64" }, { "192.0.3.0/24", "2001:db8:1::/64" } },
	  "two explicit mappings of one prefix" },
};

static void tables_are_judged(void **state)
{
	static struct table t;

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const char *fault;

		make(&t, tables[i].rows, tables[i].rows[1].v4 ? 2 : 1);
		fault = eam_fault(&t.policy);
		if (tables[i].fault) {
			assert_non_null(fault);
			assert_string_equal(fault, tables[i].fault);
		} else {
			assert_null(fault);
		}
	}
}

static void order_and_sameness_are_judged(void **state)
{
	static struct table t;

	(void)state;
	make(&t, figure, sizeof(figure) / sizeof(figure[0]));
	t.by4[0] = t.by4[3];
	assert_non_null(eam_fault(&t.policy));
	make(&t, figure, sizeof(figure) / sizeof(figure[0]));
	t.by6[0] = eam_of(&(struct row){ "192.0.2.1/32", "2001:db8:aaaa::1/128" });
	eam_sort6(t.by6, t.policy.eam_count);
	assert_string_equal(eam_fault(&t.policy),
			    "explicit mappings that are not the same sorted either way");
	make(&t, figure, sizeof(figure) / sizeof(figure[0]));
	t.by6[0].v4 = v4_of("192.0.2.5");
	assert_string_equal(eam_fault(&t.policy),
			    "explicit mappings that are not the same sorted either way");
	t.policy.eams_by6 = NULL;
	assert_string_equal(eam_fault(&t.policy),
			    "explicit mappings that are not the same sorted either way");
	make(&t, figure, 2);
	t.by4[0] = eam_of(&figure[1]);
	t.by4[1] = eam_of(&figure[0]);
	assert_string_equal(eam_fault(&t.policy), "explicit mappings that are not sorted");
	t.policy.eam_count = NAT_EAMS_MOST + 1;
	assert_string_equal(eam_fault(&t.policy), "too many explicit mappings");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_of_the_rfc),
		cmocka_unit_test(others_are_not_in_it),
		cmocka_unit_test(a_longer_suffix_is_cut),
		cmocka_unit_test(the_longest_counts_either_way),
		cmocka_unit_test(all_of_many_are_found),
		cmocka_unit_test(tables_are_judged),
		cmocka_unit_test(order_and_sameness_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
