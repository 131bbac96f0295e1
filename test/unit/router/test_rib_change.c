/* Routes replaced, set and swept; tables, rules and links; and what another rib takes over. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rib_rig.h"

static struct hop via_by(const char *text, uint16_t interface)
{
	struct hop hop = via(text);

	hop.interface = interface;
	return hop;
}

static struct route in_table(uint8_t table, const char *text, struct hop hop)
{
	struct route it = route(text, hop, 0, ORIGIN_KERNEL);

	it.table = table;
	return it;
}

static const struct hop *asked(const struct rib *r, const char *from, const char *to)
{
	struct address source = address(from), destination = address(to);

	return rib_hop(r, rib_lookup(r, &source, destination.octets), 0);
}

static void goes_via(const struct rib *r, const char *from, const char *to, const char *gateway)
{
	struct address a = address(gateway);

	assert_int_equal(asked(r, from, to)->kind, HOP_VIA);
	assert_true(address_equal(&asked(r, from, to)->via, &a));
}

static void replaces_at_once(void **state)
{
	struct rib *r = rib_new();
	struct route a = route("10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_KERNEL);
	struct route b = route("10.0.0.0/8", via("192.0.2.2"), 5, ORIGIN_KERNEL), c = b;
	uint32_t version;

	(void)state;
	assert_int_equal(rib_replace(r, &a, &b), -ENOENT);
	assert_int_equal(rib_add(r, &a), 0);
	version = rib_version(r);
	assert_int_equal(rib_replace(r, &a, &b), 0);
	assert_int_equal(rib_version(r), version + 1);
	leads_via(r, "10.1.1.1", "192.0.2.2");
	assert_int_equal(route_count(r), 1);
	c.prefix = prefix("10.0.0.0/9");
	assert_int_equal(rib_replace(r, &b, &c), -EINVAL);
	c = b;
	c.table = 1;
	assert_int_equal(rib_replace(r, &b, &c), -EINVAL);
	c.table = 0;
	c.hop.kind = HOP_NONE;
	assert_int_equal(rib_replace(r, &b, &c), -EINVAL);
	leads_via(r, "10.1.1.1", "192.0.2.2");
	rib_free(r);
}

static void sets_all_of_a_metric(void **state)
{
	struct rib *r = rib_new();
	struct hop hops[] = { via("192.0.2.1"), via("192.0.2.2"), via("192.0.2.1") };
	struct route like = route("2001:db8::/32", kind(HOP_NONE), 7, ORIGIN_KERNEL);
	unsigned shares[32];

	(void)state;
	add(r, "2001:db8::/32", via("192.0.2.9"), 7, ORIGIN_STATIC);
	add(r, "2001:db8::/32", via("192.0.2.8"), 8, ORIGIN_KERNEL);
	assert_int_equal(rib_set(r, &like, hops, 3), 0);
	assert_int_equal(route_count(r), 4);
	drop(r, "2001:db8::/32", via("192.0.2.9"), 7, ORIGIN_STATIC);
	count_shares(r, "2001:db8::1", shares);
	is_share(shares[1], 2);
	is_share(shares[2], 2);
	assert_int_equal(rib_set(r, &like, hops + 1, 1), 0);
	leads_via(r, "2001:db8::1", "192.0.2.2");
	assert_int_equal(rib_set(r, &like, NULL, 0), 0);
	assert_int_equal(rib_set(r, &like, NULL, 0), 0);
	leads_via(r, "2001:db8::1", "192.0.2.8");
	hops[1].kind = HOP_GROUP;
	assert_int_equal(rib_set(r, &like, hops, 2), -EINVAL);
	leads_via(r, "2001:db8::1", "192.0.2.8");
	rib_free(r);
}

static void holds_so_many_routes_to_one_prefix(void **state)
{
	struct rib *r = rib_new();
	struct route it = route("10.0.0.0/8", via("192.0.2.0"), 1, ORIGIN_KERNEL);

	(void)state;
	for (it.metric = 0; it.metric < ROUTES_MOST; it.metric++)
		assert_int_equal(rib_add(r, &it), 0);
	assert_int_equal(rib_add(r, &it), -ENOSPC);
	assert_int_equal(route_count(r), ROUTES_MOST);
	rib_free(r);
}

static void sweeps_what_is_doubted(void **state)
{
	struct rib *r = rib_new();
	struct route set = route("10.3.0.0/16", kind(HOP_NONE), 1, ORIGIN_KERNEL);
	struct hop hop = via("192.0.2.3");

	(void)state;
	add(r, "10.1.0.0/16", via("192.0.2.1"), 1, ORIGIN_KERNEL);
	add(r, "10.1.0.0/16", via("192.0.2.2"), 2, ORIGIN_KERNEL);
	add(r, "10.2.0.0/16", via("192.0.2.2"), 1, ORIGIN_KERNEL);
	add(r, "10.2.0.0/16", via("192.0.2.2"), 1, ORIGIN_STATIC);
	assert_int_equal(rib_set(r, &set, &hop, 1), 0);
	rib_doubt(r, ORIGIN_KERNEL, 0);
	add(r, "10.1.0.0/16", via("192.0.2.2"), 2, ORIGIN_KERNEL);
	assert_int_equal(rib_set(r, &set, &hop, 1), 0);
	leads_via(r, "10.1.0.1", "192.0.2.1");
	assert_int_equal(rib_sweep(r, ORIGIN_KERNEL, 0), 0);
	leads_via(r, "10.1.0.1", "192.0.2.2");
	leads_via(r, "10.2.0.1", "192.0.2.2");
	leads_via(r, "10.3.0.1", "192.0.2.3");
	assert_int_equal(route_count(r), 3);
	assert_int_equal(rib_sweep(r, ORIGIN_KERNEL, 0), 0);
	assert_int_equal(route_count(r), 3);
	rib_doubt(r, ORIGIN_KERNEL, 6);
	assert_int_equal(rib_sweep(r, ORIGIN_KERNEL, 0), 0);
	rib_doubt(r, ORIGIN_KERNEL, 0);
	assert_int_equal(rib_sweep(r, ORIGIN_KERNEL, 6), 0);
	assert_int_equal(route_count(r), 3);
	assert_int_equal(rib_sweep(r, ORIGIN_KERNEL, 4), 0);
	assert_int_equal(route_count(r), 1);
	rib_free(r);
}

static void has_tables_by_name(void **state)
{
	struct rib *r = rib_new();
	struct route it = in_table(1, "10.0.0.0/8", via("192.0.2.1"));
	struct rule rule = { prefix("0.0.0.0/0"), 1, ORIGIN_KERNEL, 1 };

	(void)state;
	assert_int_equal(rib_add(r, &it), -EINVAL);
	assert_int_equal(rib_rule_add(r, &rule), -EINVAL);
	assert_int_equal(rib_table(r, 100), 1);
	assert_int_equal(rib_table(r, 0), 2);
	assert_int_equal(rib_table(r, 100), 1);
	assert_int_equal(rib_table_name(r, 1), 100);
	for (int i = 3; i < RIB_TABLES; i++)
		assert_int_equal(rib_table(r, 0), i);
	assert_int_equal(rib_table(r, 0), -ENOSPC);
	assert_int_equal(rib_table(r, 101), -ENOSPC);
	assert_int_equal(rib_add(r, &it), 0);
	add(r, "fd00::/8", via("192.0.2.1"), 0, ORIGIN_STATIC);
	assert_int_equal(route_count(r), 2);
	assert_int_equal(asked(r, "10.0.0.1", "10.0.0.2")->kind, HOP_NONE);
	assert_int_equal(rib_rule_add(r, &rule), 0);
	goes_via(r, "10.0.0.1", "10.0.0.2", "192.0.2.1");
	rib_free(r);
}

/* The first to come of equal ones is asked first; those that only say what is done anyway cost
 * lookups nothing. */
static void asks_rules_in_order(void **state)
{
	struct rib *r = rib_new();
	struct rule all = { prefix("0.0.0.0/0"), 7, ORIGIN_KERNEL, 1 }, main = all, six = all;
	struct route one, two;
	uint32_t version;

	(void)state;
	main.table = 0;
	main.priority = 8;
	six.from = prefix("::/0");
	six.priority = 1;
	six.table = 2;
	assert_int_equal(rib_table(r, 100), 1);
	assert_int_equal(rib_table(r, 200), 2);
	one = in_table(1, "0.0.0.0/0", via("192.0.2.1"));
	two = in_table(2, "0.0.0.0/0", via("192.0.2.2"));
	assert_int_equal(rib_add(r, &one), 0);
	assert_int_equal(rib_add(r, &two), 0);
	assert_int_equal(rib_rule_add(r, &main), 0);
	assert_true(rib_is_plain(r));
	assert_int_equal(rib_rule_add(r, &all), 0);
	assert_false(rib_is_plain(r));
	assert_int_equal(rib_rule_add(r, &six), 0);
	goes_via(r, "10.0.0.1", "10.0.0.2", "192.0.2.1");
	version = rib_version(r);
	all.table = 2;
	assert_int_equal(rib_rule_add(r, &all), 0);
	assert_int_not_equal(rib_version(r), version);
	goes_via(r, "10.0.0.1", "10.0.0.2", "192.0.2.1");
	assert_int_equal(rib_rule(r, 0)->from.address.version, 6);
	assert_int_equal(rib_rule(r, 2)->table, 2);
	assert_int_equal(rib_rule(r, 3)->priority, 8);
	assert_null(rib_rule(r, 4));
	all.table = 1;
	assert_int_equal(rib_rule_remove(r, &all), 0);
	goes_via(r, "10.0.0.1", "10.0.0.2", "192.0.2.2");
	assert_int_equal(rib_rule_remove(r, &all), -ENOENT);
	all.origin = ORIGIN_STATIC;
	assert_int_equal(rib_rule_add(r, &all), 0);
	goes_via(r, "10.0.0.1", "10.0.0.2", "192.0.2.1");
	rib_reclaim(r);
	rib_free(r);
}

static void holds_so_many_rules(void **state)
{
	struct rib *r = rib_new();
	struct rule rule = { prefix("10.0.0.0/8"), 0, ORIGIN_KERNEL, 0 };

	(void)state;
	for (; rule.priority < RULES_MOST; rule.priority++)
		assert_int_equal(rib_rule_add(r, &rule), 0);
	assert_int_equal(rib_rule_add(r, &rule), -ENOSPC);
	rule.priority--;
	assert_int_equal(rib_rule_add(r, &rule), 0);
	assert_int_equal(rib_rule_remove(r, &rule), 0);
	rib_free(r);
}

static bool is_best(const struct rib *r, const char *gateway)
{
	struct address a = address(gateway);
	struct route it;
	size_t cursor = 0;
	bool best;

	while (rib_next(r, &cursor, &it, &best))
		if (address_equal(&it.hop.via, &a))
			return best;
	fail_msg("no route via %s", gateway);
	return false;
}

static void goes_around_links_that_are_down(void **state)
{
	struct rib *r = rib_new();
	uint32_t version;

	(void)state;
	add(r, "0.0.0.0/0", via_by("192.0.2.1", 1), 0, ORIGIN_STATIC);
	add(r, "10.0.0.0/8", via_by("192.0.2.2", 2), 1, ORIGIN_STATIC);
	add(r, "10.0.0.0/8", via_by("192.0.2.3", 2), 2, ORIGIN_STATIC);
	add(r, "10.0.0.0/8", via_by("192.0.2.4", 3), 3, ORIGIN_STATIC);
	add(r, "10.1.1.0/24", via_by("192.0.2.5", 2), 0, ORIGIN_STATIC);
	add(r, "10.2.2.0/24", kind(HOP_BLACKHOLE), 1, ORIGIN_STATIC);
	goes_via(r, "10.0.0.1", "10.1.1.1", "192.0.2.5");
	version = rib_version(r);
	rib_link(r, 2, false);
	assert_int_equal(rib_version(r), version + 1);
	rib_link(r, 2, false);
	assert_int_equal(rib_version(r), version + 1);
	goes_via(r, "10.0.0.1", "10.1.1.1", "192.0.2.4");
	goes_via(r, "10.0.0.1", "10.9.1.1", "192.0.2.4");
	assert_true(is_best(r, "192.0.2.4"));
	assert_false(is_best(r, "192.0.2.2"));
	assert_false(is_best(r, "192.0.2.5"));
	assert_false(rib_leads_out(r, number(r, "10.9.1.1"), 2));
	assert_true(rib_leads_out(r, number(r, "10.9.1.1"), 3));
	rib_link(r, 3, false);
	goes_via(r, "10.0.0.1", "10.1.1.1", "192.0.2.1");
	assert_int_equal(asked(r, "10.0.0.1", "10.2.2.1")->kind, HOP_BLACKHOLE);
	rib_link(r, 1, false);
	assert_int_equal(asked(r, "10.0.0.1", "10.1.1.1")->kind, HOP_NONE);
	rib_link(r, 2, true);
	goes_via(r, "10.0.0.1", "10.1.1.1", "192.0.2.5");
	goes_via(r, "10.0.0.1", "10.9.1.1", "192.0.2.2");
	assert_true(is_best(r, "192.0.2.2"));
	assert_false(is_best(r, "192.0.2.3"));
	assert_false(is_best(r, "192.0.2.4"));
	assert_int_equal(asked(r, "10.0.0.1", "11.0.0.1")->kind, HOP_NONE);
	rib_free(r);
}

/* Of a group only those whose link is up share. */
static void shares_among_links_that_are_up(void **state)
{
	struct rib *r = rib_new();
	unsigned shares[32];

	(void)state;
	for (uint16_t i = 1; i <= 3; i++) {
		struct hop hop = via_by("192.0.2.0", i);

		hop.via.octets[3] = (uint8_t)i;
		add(r, "0.0.0.0/0", hop, 0, ORIGIN_STATIC);
	}
	add(r, "0.0.0.0/0", via_by("192.0.2.9", 4), 1, ORIGIN_STATIC);
	rib_link(r, 2, false);
	count_shares(r, "10.0.0.1", shares);
	is_share(shares[1], 2);
	is_share(shares[3], 2);
	rib_link(r, 1, false);
	rib_link(r, 3, false);
	goes_via(r, "10.0.0.1", "10.0.0.2", "192.0.2.9");
	rib_link(r, 2, true);
	goes_via(r, "10.0.0.1", "10.0.0.2", "192.0.2.2");
	rib_free(r);
}

static void inherits_what_is_not_configured(void **state)
{
	struct rib *was = rib_new(), *now = rib_new();
	struct rule kernel = { prefix("10.0.0.0/8"), 1, ORIGIN_KERNEL, 2 }, own = kernel;
	struct route it;

	(void)state;
	own.origin = ORIGIN_STATIC;
	own.table = 1;
	assert_int_equal(rib_table(was, 0), 1);
	assert_int_equal(rib_table(was, 100), 2);
	it = in_table(2, "0.0.0.0/0", via_by("192.0.2.1", 1));
	assert_int_equal(rib_add(was, &it), 0);
	it.hop = via_by("192.0.2.2", 2);
	it.metric = 1;
	assert_int_equal(rib_add(was, &it), 0);
	assert_int_equal(rib_rule_add(was, &kernel), 0);
	assert_int_equal(rib_rule_add(was, &own), 0);
	add(was, "0.0.0.0/0", via("192.0.2.3"), 0, ORIGIN_STATIC);
	add(was, "0.0.0.0/0", via("192.0.2.4"), 0, ORIGIN_KERNEL);
	rib_link(was, 1, false);
	rib_doubt(was, ORIGIN_KERNEL, 0);
	it.prefix = prefix("11.0.0.0/8");
	assert_int_equal(rib_add(was, &it), 0);
	assert_int_equal(rib_inherit(now, was), 0);
	rib_free(was);
	assert_int_equal(now->table_count, 2);
	assert_int_equal(rib_table_name(now, 1), 100);
	assert_null(rib_rule(now, 1));
	assert_int_equal(route_count(now), 4);
	goes_via(now, "10.0.0.1", "11.0.0.1", "192.0.2.2");
	goes_via(now, "10.0.0.1", "12.0.0.1", "192.0.2.2");
	rib_link(now, 1, true);
	goes_via(now, "10.0.0.1", "12.0.0.1", "192.0.2.1");
	goes_via(now, "11.0.0.1", "12.0.0.1", "192.0.2.4");
	/* Doubts as well. */
	assert_int_equal(rib_sweep(now, ORIGIN_KERNEL, 0), 0);
	assert_int_equal(route_count(now), 1);
	rib_free(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_at_once),
		cmocka_unit_test(sets_all_of_a_metric),
		cmocka_unit_test(holds_so_many_routes_to_one_prefix),
		cmocka_unit_test(sweeps_what_is_doubted),
		cmocka_unit_test(has_tables_by_name),
		cmocka_unit_test(asks_rules_in_order),
		cmocka_unit_test(holds_so_many_rules),
		cmocka_unit_test(goes_around_links_that_are_down),
		cmocka_unit_test(shares_among_links_that_are_up),
		cmocka_unit_test(inherits_what_is_not_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
