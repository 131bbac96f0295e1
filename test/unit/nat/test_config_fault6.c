/* Which configurations contradict themselves in what they say about IPv6. */
#include "addresses.h"

#include "nat/eam.h"

#define NAT64_OF(v) .version = (v), .type = NAT_NAT64, .pool_count = 1, .ports = { 1024, 65535 }
#define NAPT66_OF(v) .version = (v), .type = NAT_NAPT66, .pool_first = 2, .pool_count = 1, \
		     .ports = { 1024, 65535 }
#define NAT64 NAT64_OF(6)
#define NAPT66 NAPT66_OF(6)
#define PLAIN .version = 6

/* An entry, with the prefixes of it as text. */
struct entry {
	struct nat_policy policy;
	const char *match, *translated, *prefixes[3];
};

static struct nat_policy policy_of(const struct entry *e)
{
	struct nat_policy p = e->policy;

	if (e->match)
		p.v6.match = prefix6_of(e->match);
	if (e->translated)
		p.v6.translated = prefix6_of(e->translated);
	for (int i = 0; i < 3 && e->prefixes[i]; i++)
		p.v6.prefixes[p.v6.prefix_count++] = prefix6_of(e->prefixes[i]);
	return p;
}

/* The pool: two addresses of IPv4, one of IPv6, one that is not known, and a private one. */
static struct nat_config config_of(const struct nat_policy *policies, size_t count, be32 pool[5],
				   struct ip6 pool6[5])
{
	struct nat_config c = nat_config_default();

	pool[0] = v4_of("203.0.113.5");
	pool[1] = v4_of("203.0.113.6");
	pool[2] = nat_v6_beside();
	pool[3] = be32_from(0);
	pool[4] = v4_of("100.127.0.1");
	pool6[2] = v6_of("2001:db8:ffff::5");
	c.pool = pool;
	c.pool6 = pool6;
	c.pool_count = 5;
	c.policies = policies;
	c.policy_count = count;
	return c;
}

static void assert_fault(const struct nat_config *c, const char *expected)
{
	const char *found = nat_config_fault(c);

	if (expected && found)
		assert_string_equal(found, expected);
	else if (found || expected)
		fail_msg("%s, not %s", found ? found : "no fault", expected ? expected : "none");
}

static const struct { struct entry entry; const char *fault; } entries[] = {
	{ { { NAT64 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } }, NULL },
	{ { { NAT64 }, "::/0", NULL, { "64:ff9b::/96", "2001:db8:64::/48" } }, NULL },
	{ { { NAT64 }, "64:ff9b::/32", NULL, { "64:ff9b::/96" } }, NULL },
	{ { { NAT64 }, "2001:db8:1::/64", NULL, { NULL } }, "NAT64 without a prefix" },
	{ { { NAT64 }, "2001:db8:1::/64", NULL, { "2001:db8:64::/95" } },
	  "prefix that cannot hold IPv4 addresses" },
	{ { { NAT64 }, "2001:db8:1::/64", NULL, { "2001:db8:0:0:100::/96" } },
	  "prefix that cannot hold IPv4 addresses" },
	{ { { NAT64 }, "2001:db8:1::/64", NULL, { "64:ff9b::1/96" } }, "prefix with bits behind its length" },
	{ { { NAT64 }, "2001:db8:1::/64", NULL, { "64:ff9b::/129" } }, "prefix longer than 128 bits" },
	{ { { NAT64 }, "2001:db8:1::/64", NULL, { "2001:db8:64::/48", "2001:db8:64::/96" } },
	  "prefixes for IPv4 addresses overlap" },
	{ { { NAT64 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96", "2001:db8::/96", "64:ff9b::/96" } },
	  "prefixes for IPv4 addresses overlap" },
	{ { { NAT64, .v6.prefix_count = NAT_PREFIXES_MOST + 1 }, "2001:db8:1::/64", NULL, { NULL } },
	  "too many prefixes for IPv4 addresses" },
	{ { { NAT64 }, "2001:db8:64::/96", NULL, { "2001:db8:64::/96" } },
	  "inside prefix of NAT64 within that for IPv4 addresses" },
	{ { { NAT64 }, "2001:db8:64:1::/64", NULL, { "2001:db8:64::/48" } },
	  "inside prefix of NAT64 within that for IPv4 addresses" },
	{ { { NAT64, .v6.lowest_mtu = 1280 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } }, NULL },
	{ { { NAT64, .v6.lowest_mtu = 1279 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } },
	  "IPv6 cut into pieces below 1280 octets" },
	{ { { NAT64, .pool_first = 2 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } },
	  "IPv6 address in a pool of IPv4" },
	{ { { NAT64, .pool_first = 3 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } }, NULL },
	{ { { NAT64, .pool_first = 5 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } },
	  "policy without a pool" },
	{ { { NAT64, .helpers = NAT_HELPER_FTP }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } },
	  "helpers for IPv6" },
	{ { { NAT64, .twice.len = 8 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } }, "twice NAT of IPv6" },
	{ { { NAT64, .port_selection = NAT_PORT_DETERMINISTIC }, "2001:db8:1::/64", NULL,
	    { "64:ff9b::/96" } }, "deterministic ports for IPv6" },
	{ { { NAT64_OF(4) }, NULL, NULL, { "64:ff9b::/96" } },
	  "inside hosts of a version that the type is not for" },
	{ { { NAPT66 }, "fd00::/64", NULL, { NULL } }, NULL },
	{ { { NAPT66 }, "fd00::1/64", NULL, { NULL } }, "prefix with bits behind its length" },
	{ { { NAPT66 }, "fd00::/129", NULL, { NULL } }, "prefix longer than 128 bits" },
	{ { { NAPT66_OF(0) }, NULL, NULL, { NULL } },
	  "inside hosts of a version that the type is not for" },
	{ { { NAPT66_OF(5) }, NULL, NULL, { NULL } }, "version of IP that there is not" },
	{ { { .version = 6, .type = NAT_NAPT66, .pool_count = 1, .ports = { 1024, 65535 } }, "fd00::/64",
	    NULL, { NULL } }, "IPv4 address in a pool of IPv6" },
	{ { { .version = 6, .type = NAT_NAPT66, .pool_count = 1 }, "fd00::/64", NULL, { NULL } },
	  "policy without ports" },
	{ { { .type = NAT_NAPT44, .pool_first = 2, .pool_count = 1, .ports = { 1024, 65535 } }, NULL, NULL,
	    { NULL } }, "IPv6 address in a pool of IPv4" },
	{ { { PLAIN, .type = NAT_NAPT44, .pool_count = 1, .ports = { 1024, 65535 } }, "fd00::/64", NULL,
	    { NULL } }, "inside hosts of a version that the type is not for" },
	{ { { PLAIN, .type = NAT_NPTV6 }, "fd00::/48", "2001:db8:1::/48", { NULL } }, NULL },
	{ { { PLAIN, .type = NAT_NPTV6 }, "fd00::/48", "2001:db8:1::/56", { NULL } }, NULL },
	{ { { PLAIN, .type = NAT_NPTV6 }, "fd00::/48", NULL, { NULL } }, NULL },
	{ { { PLAIN, .type = NAT_NPTV6 }, "fd00::/112", "2001:db8:1::/112", { NULL } }, NULL },
	{ { { PLAIN, .type = NAT_NPTV6 }, "fd00::/113", "2001:db8:1::/112", { NULL } },
	  "prefixes of which NPTv6 leaves no word to adjust" },
	{ { { PLAIN, .type = NAT_NPTV6 }, "fd00::/112", "2001:db8:1::/113", { NULL } },
	  "prefixes of which NPTv6 leaves no word to adjust" },
	{ { { PLAIN, .type = NAT_NPTV6 }, "fd00::/48", "fd00::/56", { NULL } },
	  "inside and outside prefix overlap" },
	{ { { PLAIN, .type = NAT_NPTV6 }, "fd00::/48", "2001:db8:1::1/64", { NULL } },
	  "prefix with bits behind its length" },
	{ { { .type = NAT_NPTV6 }, NULL, "2001:db8:1::/48", { NULL } },
	  "inside hosts of a version that the type is not for" },
	{ { { PLAIN, .type = NAT_ONE_TO_ONE }, "fd00::/64", "2001:db8:1::/64", { NULL } }, NULL },
	{ { { PLAIN, .type = NAT_ONE_TO_ONE }, "fd00::/128", "2001:db8:1::/128", { NULL } }, NULL },
	{ { { PLAIN, .type = NAT_ONE_TO_ONE }, "fd00::/64", "2001:db8:1::/63", { NULL } },
	  "one-to-one translation between prefixes of different lengths" },
	{ { { PLAIN, .type = NAT_ONE_TO_ONE }, "fd00::/64", NULL, { NULL } },
	  "one-to-one translation to no prefix" },
	{ { { PLAIN, .type = NAT_FIREWALL }, "2001:db8:1::/56", NULL, { NULL } }, NULL },
	{ { { .type = NAT_FIREWALL }, NULL, NULL, { NULL } },
	  "inside hosts of a version that the type is not for" },
	{ { { PLAIN, .type = NAT_NONE }, "2001:db8:1::/56", NULL, { NULL } }, NULL },
	{ { { PLAIN, .type = NAT_NONE, .destination.len = 8 }, "2001:db8:1::/56", NULL, { NULL } },
	  "IPv4 destination of an entry for IPv6" },
	{ { { PLAIN, .type = NAT_SIIT, .pool_count = 2 }, "2001:db8:a::/64", NULL, { "64:ff9b::/96" } },
	  NULL },
	{ { { .type = NAT_SIIT, .prefix_len = 29 }, NULL, NULL, { "64:ff9b::/96" } }, NULL },
	{ { { PLAIN, .type = NAT_SIIT }, "2001:db8:64::c000:200/120", NULL, { "2001:db8:64::/96" } }, NULL },
	{ { { PLAIN, .type = NAT_SIIT }, "2001:db8:a::/64", NULL, { NULL } },
	  "SIIT without prefix or explicit mapping" },
	{ { { PLAIN, .type = NAT_SIIT, .pool_first = 4, .pool_count = 1 }, "2001:db8:a::/64", NULL,
	    { "64:ff9b::/96" } }, "private address as source of errors" },
	{ { { PLAIN, .type = NAT_SIIT, .pool_first = 4, .pool_count = 2 }, "2001:db8:a::/64", NULL,
	    { "64:ff9b::/96" } }, "pool that there is not" },
	{ { { PLAIN, .type = NAT_SIIT, .v6.eam_count = 1 }, "2001:db8:a::/64", NULL, { NULL } },
	  "explicit mappings that are not the same sorted either way" },
};

static void entries_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct nat_policy p = policy_of(&entries[i].entry);
		struct ip6 pool6[5];
		be32 pool[5];
		struct nat_config c = config_of(&p, 1, pool, pool6);

		assert_fault(&c, entries[i].fault);
	}
}

#define NAPT44(a, b) { .type = NAT_NAPT44, .prefix = { a }, .prefix_len = (b), .pool_first = 1, \
		       .pool_count = 1, .ports = { 1024, 65535 } }

static const struct { struct entry entries[2]; const char *fault; } pairs[] = {
	{ { { { NAT64 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } },
	    { { NAT64 }, "2001:db8:2::/64", NULL, { "64:ff9b::/96" } } }, NULL },
	{ { { { NAT64 }, "2001:db8:1::/64", NULL, { "2001:db8:64::/96" } },
	    { { PLAIN, .type = NAT_SIIT }, "2001:db8:2::/64", NULL, { "2001:db8:64::/48" } } },
	  "prefix for IPv4 addresses within that of another entry" },
	{ { { { PLAIN, .type = NAT_NPTV6 }, "fd00:1::/48", "2001:db8:1::/48", { NULL } },
	    { { PLAIN, .type = NAT_NPTV6 }, "fd00:2::/48", "2001:db8:2::/48", { NULL } } }, NULL },
	{ { { { PLAIN, .type = NAT_NPTV6 }, "fd00:1::/48", "2001:db8:1::/48", { NULL } },
	    { { PLAIN, .type = NAT_ONE_TO_ONE }, "fd00:2::/64", "2001:db8:1:1::/64", { NULL } } },
	  "outside prefixes of two entries overlap" },
	{ { { { PLAIN, .type = NAT_NPTV6 }, "fd00:1::/48", NULL, { NULL } },
	    { { PLAIN, .type = NAT_NPTV6 }, "fd00:2::/48", NULL, { NULL } } }, NULL },
	{ { { { NAT64 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } },
	    { NAPT44(0, 0), NULL, NULL, { NULL } } }, NULL },
};

static void entries_are_judged_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct nat_policy p[2] = { policy_of(&pairs[i].entries[0]),
					   policy_of(&pairs[i].entries[1]) };
		struct ip6 pool6[5];
		be32 pool[5];
		struct nat_config c = config_of(p, 2, pool, pool6);

		assert_fault(&c, pairs[i].fault);
	}
}

/* In either order. */
static void a_pool_is_not_inside(void **state)
{
	const struct entry nat64 = { { NAT64 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } };
	struct nat_policy p[2] = { policy_of(&nat64), NAPT44(0, 24) };
	struct ip6 pool6[5];
	be32 pool[5];
	struct nat_config c = config_of(p, 2, pool, pool6);

	(void)state;
	p[1].prefix = v4_of("203.0.114.0");
	assert_fault(&c, NULL);
	p[1].prefix = v4_of("203.0.113.0");
	assert_fault(&c, "pool of NAT64 among inside addresses");
	p[0] = p[1];
	p[1] = policy_of(&nat64);
	assert_fault(&c, "pool of NAT64 among inside addresses");
	p[0].type = NAT_NONE;
	assert_fault(&c, NULL);
}

static void forwards_are_judged(void **state)
{
	const struct entry nat64 = { { NAT64 }, "2001:db8:1::/64", NULL, { "64:ff9b::/96" } };
	struct nat_policy p = policy_of(&nat64);
	struct nat_forward f = { .protocol = PROTO_TCP, .first = 80, .last = 80, .internal_first = 80 };
	struct ip6 pool6[5];
	be32 pool[5];
	struct nat_config c = config_of(&p, 1, pool, pool6);

	(void)state;
	c.forwards = &f;
	c.forward_count = 1;
	f.external = v4_of("203.0.113.5");
	f.internal = nat_v6_beside();
	f.internal6 = v6_of("2001:db8:1::20");
	assert_fault(&c, NULL);
	f.internal6 = v6_of("2001:db8:2::20");
	assert_fault(&c, "forward to an IPv6 host that no NAT64 entry is for");
	f.external = be32_from(0);
	assert_fault(&c, NULL);
	f.external = nat_v6_beside();
	f.external6 = v6_of("2001:db8:ffff::5");
	assert_fault(&c, NULL);
	f.source = v4_of("192.0.2.1");
	assert_fault(&c, "twice NAT of IPv6");
	f.internal = v4_of("10.0.0.1");
	assert_fault(&c, "forward from IPv6 to IPv4");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_judged),
		cmocka_unit_test(entries_are_judged_together),
		cmocka_unit_test(a_pool_is_not_inside),
		cmocka_unit_test(forwards_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
