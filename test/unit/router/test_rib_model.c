/* Routes, rules and links change at random, and each answer is that of the simplest model: a list that
 * is searched from one end to the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rib_rig.h"

enum { ROUTES = 120, RULES = 6, TABLES = 4, LINKS = 3, STEPS = 30000 };

struct model {
	struct route routes[ROUTES];
	size_t route_count;
	struct rule rules[RULES];
	size_t rule_count;
	uint32_t down;
	uint64_t seed;
};

static uint32_t random_below(struct model *m, uint32_t end)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 7;
	m->seed ^= m->seed << 17;
	return (uint32_t)(m->seed >> 20) % end;
}

static bool route_equal(const struct route *a, const struct route *b)
{
	return a->metric == b->metric && a->origin == b->origin && a->table == b->table &&
	       prefix_equal(&a->prefix, &b->prefix) && a->hop.kind == b->hop.kind &&
	       a->hop.interface == b->hop.interface && address_equal(&a->hop.via, &b->hop.via);
}

static bool is_unicast(const struct hop *hop)
{
	return hop->kind == HOP_VIA || hop->kind == HOP_LINK;
}

/* Less than nothing: a is the better one; 0: they share. */
static int order(const struct route *a, const struct route *b)
{
	if (a->prefix.len != b->prefix.len)
		return b->prefix.len - a->prefix.len;
	if (a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	if (a->origin != b->origin)
		return (int)a->origin - (int)b->origin;
	return is_unicast(&b->hop) - is_unicast(&a->hop);
}

/* The best routes of a table to an address; returns how many. */
static size_t best_of(const struct model *m, uint8_t table, const struct address *to,
		      const struct route *out[])
{
	size_t count = 0;

	for (const struct route *it = m->routes; it < m->routes + m->route_count; it++) {
		if (it->table != table || !prefix_contains(&it->prefix, to) ||
		    (is_unicast(&it->hop) && m->down >> it->hop.interface & 1))
			continue;
		if (count && order(it, out[0]) < 0)
			count = 0;
		if (!count || order(it, out[0]) == 0)
			out[count++] = it;
	}
	/* The first of those that end a packet, which do not share. */
	return count && !is_unicast(&out[0]->hop) ? 1 : count;
}

static bool is_ours(const struct route *it)
{
	return it->hop.kind == HOP_POOL;
}

static bool rule_before(const struct rule *a, const struct rule *b)
{
	return a->origin != b->origin ? a->origin < b->origin : a->priority < b->priority;
}

/* By rules in their order: of those that are left, the first of the first. */
static size_t answer(const struct model *m, const struct address *from, const struct address *to,
		     const struct route *out[])
{
	size_t count = best_of(m, 0, to, out);
	bool asked[RULES] = { false };

	if (count && is_ours(out[0]))
		return count;
	for (size_t n = 0; n < m->rule_count; n++) {
		size_t next = RULES;

		for (size_t i = 0; i < m->rule_count; i++)
			if (!asked[i] && (next == RULES || rule_before(&m->rules[i], &m->rules[next])))
				next = i;
		asked[next] = true;
		if (!prefix_contains(&m->rules[next].from, from))
			continue;
		count = best_of(m, m->rules[next].table, to, out);
		if (count)
			return count;
	}
	return best_of(m, 0, to, out);
}

static void compare(const struct rib *r, struct model *m, const char *from_text)
{
	const struct route *best[ROUTES];
	struct address from = address(from_text), to = address("10.0.0.0");
	size_t count;
	uint16_t n;

	to.octets[3] = (uint8_t)random_below(m, 8);
	to.octets[2] = (uint8_t)random_below(m, 2);
	count = answer(m, &from, &to, best);
	n = rib_lookup(r, &from, to.octets);
	if (!count)
		assert_int_equal(n, 0);
	for (uint32_t i = 0; count && i < 8; i++) {
		const struct hop *hop = rib_hop(r, n, hash_of(random_below(m, 1 << 24)));
		size_t at = 0;

		while (at < count && (hop->kind != best[at]->hop.kind ||
				      hop->interface != best[at]->hop.interface ||
				      !address_equal(&hop->via, &best[at]->hop.via)))
			at++;
		assert_int_not_equal(at, count);
	}
}

static struct route random_route(struct model *m)
{
	static const uint8_t lens[] = { 8, 15, 23, 24, 30, 32, 32, 32 };
	static const enum hop_kind kinds[] = { HOP_VIA, HOP_VIA, HOP_VIA, HOP_LINK, HOP_BLACKHOLE };
	struct route it = { .prefix = prefix("10.0.0.0/32") };

	it.prefix.address.octets[3] = (uint8_t)random_below(m, 8);
	it.prefix.len = lens[random_below(m, sizeof(lens))];
	it.prefix = prefix_masked(it.prefix);
	it.metric = random_below(m, 3);
	it.origin = random_below(m, 2) ? ORIGIN_STATIC : ORIGIN_KERNEL;
	it.table = (uint8_t)random_below(m, TABLES);
	it.hop.kind = kinds[random_below(m, 5)];
	if (is_unicast(&it.hop))
		it.hop.interface = (uint16_t)random_below(m, LINKS);
	if (it.hop.kind == HOP_VIA) {
		it.hop.via = address("192.0.2.1");
		it.hop.via.octets[3] = (uint8_t)random_below(m, 3);
	}
	return it;
}

/* Add what is not there, remove what is, or put another in its place. */
static void change_route(struct rib *r, struct model *m)
{
	struct route it = random_route(m), other = random_route(m);
	size_t at = 0;

	while (at < m->route_count && !route_equal(&m->routes[at], &it))
		at++;
	other.prefix = it.prefix;
	other.table = it.table;
	if (at == m->route_count && at < ROUTES) {
		assert_int_equal(rib_add(r, &it), 0);
		m->routes[m->route_count++] = it;
		return;
	}
	if (at == m->route_count)
		at = random_below(m, ROUTES);
	it = m->routes[at];
	memmove(&m->routes[at], &m->routes[at + 1], (--m->route_count - at) * sizeof(it));
	other.prefix = it.prefix;
	other.table = it.table;
	for (at = 0; at < m->route_count && !route_equal(&m->routes[at], &other);)
		at++;
	if (at < m->route_count || random_below(m, 2)) {
		assert_int_equal(rib_remove(r, &it), 0);
	} else {
		assert_int_equal(rib_replace(r, &it, &other), 0);
		m->routes[m->route_count++] = other;
	}
}

/* Priorities that differ: of equal ones the first to come is asked first, as is tested elsewhere. */
static void change_rule(struct rib *r, struct model *m)
{
	static const char *const froms[] = { "0.0.0.0/0", "192.168.0.0/16", "192.168.7.64/26" };
	size_t at = random_below(m, RULES);
	struct rule it = { prefix(froms[random_below(m, 3)]), random_below(m, 1 << 30),
			   random_below(m, 2) ? ORIGIN_STATIC : ORIGIN_KERNEL,
			   (uint8_t)random_below(m, TABLES) };

	if (at < m->rule_count) {
		assert_int_equal(rib_rule_remove(r, &m->rules[at]), 0);
		m->rules[at] = m->rules[--m->rule_count];
	} else {
		assert_int_equal(rib_rule_add(r, &it), 0);
		m->rules[m->rule_count++] = it;
	}
}

static void change(struct rib *r, struct model *m)
{
	uint16_t link;

	switch (random_below(m, 20)) {
	case 0:
		change_rule(r, m);
		break;
	case 1:
		link = (uint16_t)random_below(m, LINKS);
		m->down ^= 1u << link;
		rib_link(r, link, !(m->down >> link & 1));
		break;
	default:
		change_route(r, m);
	}
}

static void agrees_with_the_model(void **state)
{
	static const struct prefix ours = { .len = 32 };
	struct model m = { .seed = 20260101 };
	struct rib *r = rib_new();
	struct route pool = { .prefix = ours, .hop = { .kind = HOP_POOL }, .origin = ORIGIN_LOCAL };

	(void)state;
	for (int i = 1; i < TABLES; i++)
		assert_int_equal(rib_table(r, 0), i);
	pool.prefix.address = address("10.0.0.7");
	m.routes[m.route_count++] = pool;
	assert_int_equal(rib_add(r, &pool), 0);
	for (int i = 0; i < STEPS; i++) {
		change(r, &m);
		compare(r, &m, "192.168.7.65");
		compare(r, &m, "192.168.8.1");
		compare(r, &m, "203.0.113.1");
		if (i % 50 == 0)
			rib_reclaim(r);
		if (i % 1000 == 0)
			assert_int_equal(route_count(r), m.route_count);
	}
	rib_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
