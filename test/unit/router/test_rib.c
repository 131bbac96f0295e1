/* Which of several routes is used, and how they are listed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rib_rig.h"

static void nothing_leads_nowhere(void **state)
{
	struct rib *r = rib_new();

	(void)state;
	assert_non_null(r);
	assert_int_equal(hop_to(r, "10.0.0.1")->kind, HOP_NONE);
	assert_int_equal(hop_to(r, "fd00::1")->kind, HOP_NONE);
	assert_int_equal(route_count(r), 0);
	rib_free(r);
	rib_free(NULL);
}

static void takes_the_least_metric_and_falls_back(void **state)
{
	struct rib *r = rib_new();

	(void)state;
	add(r, "10.0.0.0/8", via("192.0.2.1"), 100, ORIGIN_STATIC);
	add(r, "10.0.0.0/8", via("192.0.2.2"), 50, ORIGIN_KERNEL);
	add(r, "10.0.0.0/8", via("192.0.2.3"), 200, ORIGIN_LOCAL);
	leads_via(r, "10.1.1.1", "192.0.2.2");
	drop(r, "10.0.0.0/8", via("192.0.2.2"), 50, ORIGIN_KERNEL);
	leads_via(r, "10.1.1.1", "192.0.2.1");
	drop(r, "10.0.0.0/8", via("192.0.2.1"), 100, ORIGIN_STATIC);
	leads_via(r, "10.1.1.1", "192.0.2.3");
	drop(r, "10.0.0.0/8", via("192.0.2.3"), 200, ORIGIN_LOCAL);
	assert_int_equal(hop_to(r, "10.1.1.1")->kind, HOP_NONE);
	rib_free(r);
}

static void decides_ties_by_origin(void **state)
{
	static const char *const gateways[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3",
						"192.0.2.4" };
	struct rib *r = rib_new();

	(void)state;
	for (int origin = ORIGIN_KERNEL; origin >= ORIGIN_LOCAL; origin--) {
		add(r, "2001:db8::/32", via(gateways[origin]), 7, (enum route_origin)origin);
		leads_via(r, "2001:db8::1", gateways[origin]);
	}
	for (int origin = ORIGIN_LOCAL; origin < ORIGIN_KERNEL; origin++) {
		drop(r, "2001:db8::/32", via(gateways[origin]), 7, (enum route_origin)origin);
		leads_via(r, "2001:db8::1", gateways[origin + 1]);
	}
	rib_free(r);
}

static void equal_routes_share(void **state)
{
	struct rib *r = rib_new();
	unsigned shares[32];

	(void)state;
	add(r, "0.0.0.0/0", via("192.0.2.1"), 10, ORIGIN_STATIC);
	add(r, "0.0.0.0/0", via("192.0.2.2"), 10, ORIGIN_STATIC);
	add(r, "0.0.0.0/0", via("192.0.2.3"), 10, ORIGIN_STATIC);
	/* Not these: another origin, another metric, not unicast. */
	add(r, "0.0.0.0/0", via("192.0.2.4"), 10, ORIGIN_KERNEL);
	add(r, "0.0.0.0/0", via("192.0.2.5"), 11, ORIGIN_STATIC);
	add(r, "0.0.0.0/0", kind(HOP_BLACKHOLE), 10, ORIGIN_STATIC);
	count_shares(r, "198.51.100.1", shares);
	is_share(shares[1], 3);
	is_share(shares[2], 3);
	is_share(shares[3], 3);
	drop(r, "0.0.0.0/0", via("192.0.2.2"), 10, ORIGIN_STATIC);
	count_shares(r, "198.51.100.1", shares);
	is_share(shares[1], 2);
	is_share(shares[3], 2);
	drop(r, "0.0.0.0/0", via("192.0.2.1"), 10, ORIGIN_STATIC);
	count_shares(r, "198.51.100.1", shares);
	assert_int_equal(shares[3], HASHES);
	drop(r, "0.0.0.0/0", via("192.0.2.3"), 10, ORIGIN_STATIC);
	assert_int_equal(hop_to(r, "198.51.100.1")->kind, HOP_BLACKHOLE);
	rib_free(r);
}

static void at_most_so_many_share(void **state)
{
	struct rib *r = rib_new();
	struct hop hop = via("192.0.2.0");
	unsigned shares[32], used = 0;
	struct route it;
	size_t cursor = 0;
	bool best;

	(void)state;
	for (uint8_t i = 0; i < 20; i++) {
		hop.via.octets[3] = i;
		add(r, "::/0", hop, 0, ORIGIN_STATIC);
	}
	count_shares(r, "2001:db8::1", shares);
	for (int i = 0; i < 20; i++)
		if (i < HOP_GROUP_MOST)
			is_share(shares[i], HOP_GROUP_MOST);
		else
			assert_int_equal(shares[i], 0);
	while (rib_next(r, &cursor, &it, &best))
		used += best;
	assert_int_equal(used, HOP_GROUP_MOST);
	rib_free(r);
}

/* RFC 2992: nobody moves but those whose way has gone, and they come back with it. */
static void one_way_less_moves_its_share(void **state)
{
	struct rib *r = rib_new();
	uint8_t was[2000];

	(void)state;
	add(r, "::/0", via("192.0.2.1"), 1, ORIGIN_STATIC);
	add(r, "::/0", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "::/0", via("192.0.2.3"), 1, ORIGIN_STATIC);
	for (uint32_t i = 0; i < sizeof(was); i++)
		was[i] = rib_hop(r, number(r, "::1"), hash_of(i))->via.octets[3];
	drop(r, "::/0", via("192.0.2.2"), 1, ORIGIN_STATIC);
	for (uint32_t i = 0; i < sizeof(was); i++)
		if (was[i] != 2)
			assert_int_equal(rib_hop(r, number(r, "::1"), hash_of(i))->via.octets[3],
					 was[i]);
	add(r, "::/0", via("192.0.2.2"), 1, ORIGIN_STATIC);
	for (uint32_t i = 0; i < sizeof(was); i++)
		assert_int_equal(rib_hop(r, number(r, "::1"), hash_of(i))->via.octets[3], was[i]);
	rib_free(r);
}

static void knows_where_routes_lead_out(void **state)
{
	struct rib *r = rib_new();
	struct hop there = { .kind = HOP_LINK, .interface = 2 };
	struct hop own = { .kind = HOP_LOCAL, .interface = 3 };

	(void)state;
	add(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	add(r, "10.0.0.0/8", there, 1, ORIGIN_STATIC);
	add(r, "10.0.0.1/32", own, 1, ORIGIN_LOCAL);
	assert_true(rib_leads_out(r, number(r, "10.1.1.1"), 1));
	assert_true(rib_leads_out(r, number(r, "10.1.1.1"), 2));
	assert_false(rib_leads_out(r, number(r, "10.1.1.1"), 3));
	assert_false(rib_leads_out(r, number(r, "10.0.0.1"), 3));
	assert_false(rib_leads_out(r, number(r, "11.0.0.1"), 0));
	drop(r, "10.0.0.0/8", there, 1, ORIGIN_STATIC);
	assert_true(rib_leads_out(r, number(r, "10.1.1.1"), 1));
	assert_false(rib_leads_out(r, number(r, "10.1.1.1"), 2));
	rib_free(r);
}

static bool grows(const struct rib *r, uint32_t *version)
{
	uint32_t before = *version;

	*version = rib_version(r);
	return *version != before;
}

/* What lookups cannot see does not count: a route that is not the best, one that is known. */
static void version_says_what_changed(void **state)
{
	struct rib *r = rib_new();
	uint32_t version = 0;

	(void)state;
	assert_true(grows(r, &version));
	add(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	assert_true(grows(r, &version));
	add(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	add(r, "10.0.0.0/8", via("192.0.2.2"), 2, ORIGIN_STATIC);
	rib_reclaim(r);
	assert_false(grows(r, &version));
	add(r, "10.0.0.0/8", via("192.0.2.3"), 1, ORIGIN_STATIC);
	assert_true(grows(r, &version));
	drop(r, "10.0.0.0/8", via("192.0.2.3"), 1, ORIGIN_STATIC);
	assert_true(grows(r, &version));
	drop(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	assert_true(grows(r, &version));
	drop(r, "10.0.0.0/8", via("192.0.2.2"), 2, ORIGIN_STATIC);
	assert_true(grows(r, &version));
	rib_free(r);
}

static void knows_a_route_once(void **state)
{
	struct rib *r = rib_new();
	struct route it = route("10.1.2.3/8", via("192.0.2.1"), 1, ORIGIN_STATIC), other = it;

	(void)state;
	assert_int_equal(rib_remove(r, &it), -ENOENT);
	assert_int_equal(rib_add(r, &it), 0);
	it.prefix = prefix("10.0.0.0/8");
	assert_int_equal(rib_add(r, &it), 0);
	assert_int_equal(route_count(r), 1);
	other.metric = 2;
	assert_int_equal(rib_remove(r, &other), -ENOENT);
	other = it;
	other.origin = ORIGIN_KERNEL;
	assert_int_equal(rib_remove(r, &other), -ENOENT);
	other = it;
	other.hop = via("192.0.2.2");
	assert_int_equal(rib_remove(r, &other), -ENOENT);
	other = it;
	other.prefix = prefix("10.0.0.0/9");
	assert_int_equal(rib_remove(r, &other), -ENOENT);
	assert_int_equal(rib_remove(r, &it), 0);
	assert_int_equal(rib_remove(r, &it), -ENOENT);
	assert_int_equal(route_count(r), 0);
	rib_free(r);
}

static void refuses_what_is_no_route(void **state)
{
	struct rib *r = rib_new();
	struct route it = route("10.0.0.0/8", kind(HOP_NONE), 1, ORIGIN_STATIC);

	(void)state;
	assert_int_equal(rib_add(r, &it), -EINVAL);
	it.hop.kind = HOP_GROUP;
	assert_int_equal(rib_add(r, &it), -EINVAL);
	it.hop.kind = HOP_BLACKHOLE;
	it.prefix.len = 33;
	assert_int_equal(rib_add(r, &it), -EINVAL);
	it.prefix.len = 32;
	it.prefix.address.version = 0;
	assert_int_equal(rib_add(r, &it), -EINVAL);
	assert_int_equal(route_count(r), 0);
	rib_free(r);
}

static void lists_by_prefix_and_metric(void **state)
{
	static const struct { const char *prefix; uint32_t metric; bool best; } sorted[] = {
		{ "0.0.0.0/0", 5, true },    { "0.0.0.0/0", 6, false },
		{ "10.0.0.0/8", 1, true },   { "10.0.0.0/24", 1, true },
		{ "10.0.0.0/24", 2, false }, { "10.0.0.0/24", 3, false },
		{ "10.0.1.0/24", 4, true },  { "::/0", 1, true },
		{ "fd00::/8", 1, true },
	};
	enum { COUNT = sizeof(sorted) / sizeof(sorted[0]) };
	struct rib *r = rib_new();
	struct route it;
	size_t cursor = 0;
	bool best;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		size_t at = (i * 4 + 2) % COUNT;

		add(r, sorted[at].prefix, via("192.0.2.1"), sorted[at].metric, ORIGIN_STATIC);
	}
	for (size_t i = 0; i < COUNT; i++) {
		char text[PREFIX_TEXT];

		assert_true(rib_next(r, &cursor, &it, &best));
		assert_string_equal(prefix_format(&it.prefix, text), sorted[i].prefix);
		assert_int_equal(it.metric, sorted[i].metric);
		assert_int_equal(it.origin, ORIGIN_STATIC);
		assert_int_equal(it.hop.kind, HOP_VIA);
		assert_int_equal(best, sorted[i].best);
	}
	assert_false(rib_next(r, &cursor, &it, &best));
	rib_free(r);
}

/* Enough for the chains to be lengthened, and back to nothing. */
static void holds_many_prefixes(void **state)
{
	enum { COUNT = 20000 };
	struct rib *r = rib_new();
	struct route it = route("10.0.0.0/32", via("192.0.2.1"), 1, ORIGIN_KERNEL);

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		store32(it.prefix.address.octets, i * 0x10001);
		assert_int_equal(rib_add(r, &it), 0);
	}
	rib_reclaim(r);
	assert_int_equal(fib_size(rib_fib(r)).prefixes4, COUNT);
	assert_int_equal(route_count(r), COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		store32(it.prefix.address.octets, i * 0x10001);
		assert_int_not_equal(number_of(r, &it.prefix.address), 0);
		assert_int_equal(rib_remove(r, &it), 0);
		assert_int_equal(number_of(r, &it.prefix.address), 0);
	}
	assert_int_equal(route_count(r), 0);
	rib_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_leads_nowhere),
		cmocka_unit_test(takes_the_least_metric_and_falls_back),
		cmocka_unit_test(decides_ties_by_origin),
		cmocka_unit_test(equal_routes_share),
		cmocka_unit_test(at_most_so_many_share),
		cmocka_unit_test(one_way_less_moves_its_share),
		cmocka_unit_test(knows_where_routes_lead_out),
		cmocka_unit_test(version_says_what_changed),
		cmocka_unit_test(knows_a_route_once),
		cmocka_unit_test(refuses_what_is_no_route),
		cmocka_unit_test(lists_by_prefix_and_metric),
		cmocka_unit_test(holds_many_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
