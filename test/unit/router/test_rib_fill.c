/* The routes that a configuration implies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rib_rig.h"

struct expected { const char *to; enum hop_kind kind; uint16_t interface; };

static void expect_all(struct rib *r, const struct expected *e, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct hop *hop = hop_to(r, e[i].to);

		if (hop->kind != e[i].kind || hop->interface != e[i].interface)
			fail_msg("%s: kind %d at %u", e[i].to, hop->kind, hop->interface);
	}
}

static void fills_in_addresses_and_networks(void **state)
{
	struct prefix inside[] = { prefix("192.168.7.1/24"), prefix("fd07::1/64") };
	struct prefix outside[] = { prefix("203.0.113.5/31"), prefix("198.51.100.9/32"),
				    prefix("2001:db8::9/128"), prefix("192.0.2.9/30") };
	struct conf_interface interfaces[] = { { .addresses = inside, .address_count = 2 },
					       { .addresses = outside, .address_count = 4 } };
	struct conf c = { .interfaces = interfaces, .interface_count = 2 };
	static const struct expected expected[] = {
		{ "192.168.7.1", HOP_LOCAL, 0 },      { "192.168.7.77", HOP_LINK, 0 },
		{ "192.168.7.0", HOP_BROADCAST, 0 },  { "192.168.7.255", HOP_BROADCAST, 0 },
		{ "192.168.8.0", HOP_NONE, 0 },	      { "255.255.255.255", HOP_BROADCAST, 0 },
		{ "fd07::1", HOP_LOCAL, 0 },	      { "fd07::", HOP_LINK, 0 },
		{ "fd07::ffff:ffff:ffff:ffff", HOP_LINK, 0 }, { "fd07:0:0:1::", HOP_NONE, 0 },
		{ "203.0.113.4", HOP_LINK, 1 },	      { "203.0.113.5", HOP_LOCAL, 1 },
		{ "203.0.113.6", HOP_NONE, 0 },	      { "198.51.100.9", HOP_LOCAL, 1 },
		{ "198.51.100.8", HOP_NONE, 0 },      { "2001:db8::9", HOP_LOCAL, 1 },
		{ "2001:db8::8", HOP_NONE, 0 },	      { "192.0.2.8", HOP_BROADCAST, 1 },
		{ "192.0.2.9", HOP_LOCAL, 1 },	      { "192.0.2.10", HOP_LINK, 1 },
		{ "192.0.2.11", HOP_BROADCAST, 1 },
	};
	struct rib *r = rib_new();

	(void)state;
	assert_int_equal(rib_fill(r, &c), 0);
	expect_all(r, expected, sizeof(expected) / sizeof(expected[0]));
	assert_int_equal(route_count(r), 15);
	rib_free(r);
}

static struct ip6 v6(const char *text)
{
	struct address a = address(text);

	return ip6_load(a.octets);
}

static void fills_in_pools(void **state)
{
	struct prefix addresses[] = { prefix("203.0.113.5/24") };
	struct conf_interface interfaces[] = { { .address_count = 0 },
					       { .addresses = addresses, .address_count = 1 } };
	be32 pool[] = { be32_from(0xcb007105), be32_from(0xcb007106), be32_from(0),
			be32_from(0xc6336401) };
	struct conf c = { .interfaces = interfaces, .interface_count = 2, .pool = pool,
			  .nat = { .pool = pool, .pool_count = 4 } };
	static const struct expected expected[] = {
		{ "203.0.113.5", HOP_POOL_LOCAL, 1 }, { "203.0.113.6", HOP_POOL, 0 },
		{ "203.0.113.7", HOP_LINK, 1 },	      { "198.51.100.1", HOP_POOL, 0 },
		{ "198.51.100.2", HOP_NONE, 0 },      { "0.0.0.0", HOP_NONE, 0 },
	};
	struct rib *r = rib_new();

	(void)state;
	assert_int_equal(rib_fill(r, &c), 0);
	expect_all(r, expected, sizeof(expected) / sizeof(expected[0]));
	assert_int_equal(route_count(r), 7);
	rib_free(r);
}

/* What IPv6 hosts reach IPv4 by, and what stands for inside hosts; a longer prefix of a route goes before
 * (requirement 7915-R1). What hosts are inside is reached by ordinary routes. */
static void fills_in_what_is_translated(void **state)
{
	struct prefix addresses[] = { prefix("2001:db8:f::1/64"), prefix("2001:db8:5:1::1/64") };
	struct conf_interface interfaces[] = { { .addresses = addresses, .address_count = 2 } };
	struct conf_route routes[] = {
		{ .prefix = prefix("2001:db8:64::c000:200/120"), .via = address("2001:db8:f::2") },
		{ .prefix = prefix("::/0"), .via = address("2001:db8:f::2") },
		{ .prefix = prefix("0.0.0.0/0"), .via = address("2001:db8:f::2") },
	};
	be32 pool[] = { nat_v6_beside(), nat_v6_beside() };
	struct ip6 pool6[] = { v6("2001:db8:6::5"), v6("2001:db8:f::1") };
	const struct nat_eam eams[] = { { be32_from(0xc0000250), 28, { v6("2001:db8:a::50"), 124 } } };
	struct nat_policy policies[] = {
		{ .type = NAT_NAT64, .version = 6,
		  .v6 = { .prefixes = { { v6("2001:db8:64::"), 96 } }, .prefix_count = 1 } },
		{ .type = NAT_NAT64, .version = 6, /* the same for other hosts */
		  .v6 = { .prefixes = { { v6("2001:db8:64::"), 96 } }, .prefix_count = 1 } },
		{ .type = NAT_SIIT, .version = 6,
		  .v6 = { .match = { v6("2001:db8:96::c633:6400"), 120 }, .eams = eams, .eam_count = 1,
			  .prefixes = { { v6("2001:db8:96::"), 96 } }, .prefix_count = 1 } },
		{ .type = NAT_SIIT, .version = 4,
		  .v6 = { .eams = eams, .eam_count = 1,
			  .prefixes = { { v6("2001:db8:97::"), 96 } }, .prefix_count = 1 } },
		{ .type = NAT_NPTV6, .version = 6, .v6.translated = { v6("2001:db8:5::"), 48 } },
		{ .type = NAT_NPTV6, .version = 6, .v6.translated = { v6("::"), 48 } }, /* not known yet */
		{ .type = NAT_ONE_TO_ONE, .version = 6, .v6.translated = { v6("2001:db8:7::"), 64 } },
		{ .type = NAT_FIREWALL, .version = 6, .v6.match = { v6("2001:db8:8::"), 64 } },
	};
	struct conf c = { .interfaces = interfaces, .interface_count = 1, .routes = routes,
			  .route_count = sizeof(routes) / sizeof(routes[0]), .policies = policies,
			  .nat_count = sizeof(policies) / sizeof(policies[0]), .pool = pool,
			  .pool6 = pool6, .nat = { .pool = pool, .pool6 = pool6, .pool_count = 2 } };
	static const struct expected expected[] = {
		{ "2001:db8:64::808:808", HOP_POOL, 0 }, { "2001:db8:64::c000:209", HOP_VIA, 0 },
		{ "2001:db8:96::808:808", HOP_POOL, 0 }, { "2001:db8:97::808:808", HOP_VIA, 0 },
		{ "192.0.2.81", HOP_POOL, 0 },		 { "192.0.2.96", HOP_VIA, 0 },
		{ "198.51.100.7", HOP_POOL, 0 },	 { "198.51.101.7", HOP_VIA, 0 },
		{ "2001:db8:a::51", HOP_POOL, 0 },	 { "2001:db8:a::60", HOP_VIA, 0 },
		{ "2001:db8:5:2::9", HOP_POOL, 0 },	 { "2001:db8:5:1::9", HOP_LINK, 0 },
		{ "2001:db8:7::9", HOP_POOL, 0 },	 { "2001:db8:8::9", HOP_VIA, 0 },
		{ "2001:db8:6::5", HOP_POOL, 0 },	 { "2001:db8:f::1", HOP_POOL_LOCAL, 0 },
		{ "::1", HOP_VIA, 0 },
	};
	struct rib *r = rib_new();

	(void)state;
	assert_int_equal(rib_fill(r, &c), 0);
	expect_all(r, expected, sizeof(expected) / sizeof(expected[0]));
	assert_int_equal(route_count(r), 16);
	rib_free(r);
}

/* Requirement 1812-V18: the four kinds, and the longest prefix decides. */
static void fills_in_static_routes(void **state)
{
	struct prefix addresses[] = { prefix("192.0.2.1/24") };
	struct conf_interface interfaces[] = { { .addresses = addresses, .address_count = 1 },
					       { .address_count = 0 } };
	struct conf_route routes[] = {
		{ .prefix = prefix("0.0.0.0/0"), .via = address("192.0.2.254"), .metric = 100 },
		{ .prefix = prefix("10.0.0.0/8"), .kind = ROUTE_BLACKHOLE },
		{ .prefix = prefix("10.1.0.0/16"), .kind = ROUTE_UNREACHABLE },
		{ .prefix = prefix("10.1.1.0/24"), .kind = ROUTE_PROHIBIT },
		{ .prefix = prefix("10.1.1.1/32"), .interface = 1 },
		{ .prefix = prefix("192.0.2.0/24"), .kind = ROUTE_BLACKHOLE },
		{ .prefix = prefix("::/0"), .interface = 1, .via = address("fe80::1") },
	};
	struct conf c = { .interfaces = interfaces, .interface_count = 2, .routes = routes,
			  .route_count = sizeof(routes) / sizeof(routes[0]) };
	static const struct expected expected[] = {
		{ "8.8.8.8", HOP_VIA, 0 },	    { "10.2.0.1", HOP_BLACKHOLE, 0 },
		{ "10.1.2.1", HOP_UNREACHABLE, 0 }, { "10.1.1.2", HOP_PROHIBIT, 0 },
		{ "10.1.1.1", HOP_LINK, 1 },	    { "192.0.2.7", HOP_LINK, 0 },
		{ "2001:db8::1", HOP_VIA, 1 },
	};
	struct rib *r = rib_new();

	(void)state;
	assert_int_equal(rib_fill(r, &c), 0);
	expect_all(r, expected, sizeof(expected) / sizeof(expected[0]));
	leads_via(r, "8.8.8.8", "192.0.2.254");
	leads_via(r, "2001:db8::1", "fe80::1");
	rib_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_in_addresses_and_networks),
		cmocka_unit_test(fills_in_pools),
		cmocka_unit_test(fills_in_what_is_translated),
		cmocka_unit_test(fills_in_static_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
