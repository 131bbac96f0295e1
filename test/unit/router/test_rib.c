/* Which of several routes is used, how hops are numbered, and what a configuration implies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/rib.h"

static struct address address(const char *text)
{
	struct address a;

	assert_true(address_parse(&a, text));
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(&p, text));
	return p;
}

static struct hop via(const char *text)
{
	return (struct hop){ .kind = HOP_VIA, .interface = 1, .via = address(text) };
}

static struct hop kind(enum hop_kind k)
{
	return (struct hop){ .kind = k };
}

static struct route route(const char *text, struct hop hop, uint32_t metric,
			  enum route_origin origin)
{
	return (struct route){ prefix(text), hop, metric, origin };
}

static void add(struct rib *r, const char *text, struct hop hop, uint32_t metric,
		enum route_origin origin)
{
	struct route it = route(text, hop, metric, origin);

	assert_int_equal(rib_add(r, &it), 0);
}

static void drop(struct rib *r, const char *text, struct hop hop, uint32_t metric,
		 enum route_origin origin)
{
	struct route it = route(text, hop, metric, origin);

	assert_int_equal(rib_remove(r, &it), 0);
}

static uint16_t number_of(struct rib *r, const struct address *a)
{
	return a->version == 4 ? fib_lookup4(rib_fib(r), be32_load(a->octets)) :
				 fib_lookup6(rib_fib(r), a->octets);
}

static uint16_t number(struct rib *r, const char *text)
{
	struct address a = address(text);

	return number_of(r, &a);
}

static const struct hop *hop_to(struct rib *r, const char *text)
{
	return rib_hop(r, number(r, text), 0);
}

static void leads_via(struct rib *r, const char *to, const char *gateway)
{
	struct address a = address(gateway);
	const struct hop *hop = hop_to(r, to);

	assert_int_equal(hop->kind, HOP_VIA);
	assert_true(address_equal(&hop->via, &a));
}

static size_t route_count(const struct rib *r)
{
	struct route it;
	size_t cursor = 0, count = 0;
	bool best;

	while (rib_next(r, &cursor, &it, &best))
		count++;
	return count;
}

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
	static const char *const gateways[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4" };
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

/* How often each of some gateways 192.0.2.0 … is chosen among hashes 0 … 479. */
static void count_shares(struct rib *r, const char *to, unsigned shares[32])
{
	uint16_t n = number(r, to);

	memset(shares, 0, 32 * sizeof(shares[0]));
	for (uint32_t hash = 0; hash < 480; hash++) {
		const struct hop *hop = rib_hop(r, n, hash);

		assert_int_equal(hop->kind, HOP_VIA);
		shares[hop->via.octets[3]]++;
	}
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
	assert_int_equal(shares[1], 160);
	assert_int_equal(shares[2], 160);
	assert_int_equal(shares[3], 160);
	drop(r, "0.0.0.0/0", via("192.0.2.2"), 10, ORIGIN_STATIC);
	count_shares(r, "198.51.100.1", shares);
	assert_int_equal(shares[1], 240);
	assert_int_equal(shares[3], 240);
	drop(r, "0.0.0.0/0", via("192.0.2.1"), 10, ORIGIN_STATIC);
	count_shares(r, "198.51.100.1", shares);
	assert_int_equal(shares[3], 480);
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
		assert_int_equal(shares[i], i < HOP_GROUP_MOST ? 480 / HOP_GROUP_MOST : 0);
	while (rib_next(r, &cursor, &it, &best))
		used += best;
	assert_int_equal(used, HOP_GROUP_MOST);
	rib_free(r);
}

static void equal_hops_have_one_number(void **state)
{
	struct rib *r = rib_new();
	struct hop odd = via("192.0.2.1");

	(void)state;
	/* What does not belong to a kind makes no difference. */
	odd.group_count = 3;
	odd.group[1] = 17;
	add(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	add(r, "11.0.0.0/8", odd, 2, ORIGIN_KERNEL);
	add(r, "12.0.0.0/8", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "fd00::/8", via("192.0.2.1"), 3, ORIGIN_STATIC);
	assert_int_equal(number(r, "10.0.0.1"), number(r, "11.0.0.1"));
	assert_int_equal(number(r, "10.0.0.1"), number(r, "fd00::1"));
	assert_int_not_equal(number(r, "10.0.0.1"), number(r, "12.0.0.1"));
	/* So do groups, in whatever way they came to be. */
	add(r, "10.0.0.0/8", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "13.0.0.0/8", via("192.0.2.1"), 9, ORIGIN_STATIC);
	add(r, "13.0.0.0/8", via("192.0.2.2"), 9, ORIGIN_STATIC);
	assert_int_equal(number(r, "10.0.0.1"), number(r, "13.0.0.1"));
	rib_free(r);
}

/* A reader may still hold the number of a hop that is no longer used. */
static void numbers_are_used_again_after_reclaim(void **state)
{
	struct rib *r = rib_new();
	uint16_t alone, group;

	(void)state;
	add(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	alone = number(r, "10.0.0.1");
	add(r, "10.0.0.0/8", via("192.0.2.2"), 1, ORIGIN_STATIC);
	group = number(r, "10.0.0.1");
	drop(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	drop(r, "10.0.0.0/8", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "11.0.0.0/8", via("192.0.2.3"), 1, ORIGIN_STATIC);
	assert_int_not_equal(number(r, "11.0.0.1"), alone);
	assert_int_not_equal(number(r, "11.0.0.1"), group);
	assert_int_equal(rib_hop(r, alone, 0)->via.octets[3], 1);
	assert_int_equal(rib_hop(r, group, 0)->via.octets[3], 1);
	assert_int_equal(rib_hop(r, group, 1)->via.octets[3], 2);
	/* The group is free now, then its members, which it held. */
	rib_reclaim(r);
	rib_reclaim(r);
	assert_int_equal(rib_hop(r, alone, 0)->kind, HOP_NONE);
	assert_int_equal(rib_hop(r, group, 0)->kind, HOP_NONE);
	for (uint8_t i = 0; i < 3; i++) {
		struct hop hop = via("192.0.2.0");

		hop.via.octets[3] = (uint8_t)(100 + i);
		add(r, "12.0.0.0/8", hop, i, ORIGIN_STATIC);
	}
	assert_true(number(r, "12.0.0.1") <= 4);
	leads_via(r, "11.0.0.1", "192.0.2.3");
	rib_free(r);
}

static void refuses_one_hop_too_many(void **state)
{
	struct rib *r = rib_new();
	struct route it = route("10.0.0.0/32", via("192.0.2.0"), 1, ORIGIN_STATIC);
	uint32_t i;

	(void)state;
	for (i = 0; i < FIB_HOP_MOST; i++) {
		store32(it.hop.via.octets, i);
		store32(it.prefix.address.octets, 0x0a000000 + i);
		assert_int_equal(rib_add(r, &it), 0);
	}
	store32(it.hop.via.octets, i);
	store32(it.prefix.address.octets, 0x0a000000 + i);
	assert_int_equal(rib_add(r, &it), -ENOSPC);
	assert_int_equal(route_count(r), FIB_HOP_MOST);
	assert_int_equal(number_of(r, &it.prefix.address), 0);
	/* A group needs a number too. */
	store32(it.hop.via.octets, 1);
	store32(it.prefix.address.octets, 0x0a000000);
	assert_int_equal(rib_add(r, &it), -ENOSPC);
	assert_int_equal(route_count(r), FIB_HOP_MOST);
	/* Room again, once nobody can hold a number that is free. */
	store32(it.prefix.address.octets, 0x0a000001);
	assert_int_equal(rib_remove(r, &it), 0);
	store32(it.hop.via.octets, i);
	assert_int_equal(rib_add(r, &it), -ENOSPC);
	rib_reclaim(r);
	assert_int_equal(rib_add(r, &it), 0);
	assert_int_equal(load32(rib_hop(r, number_of(r, &it.prefix.address), 0)->via.octets), i);
	rib_free(r);
}

/* To take one of three away needs a group of two, and that a number. */
static void fails_without_change(void **state)
{
	struct rib *r = rib_new();
	struct route it = route("10.0.0.0/32", via("192.0.2.0"), 1, ORIGIN_STATIC);
	unsigned shares[32];
	int error = 0;

	(void)state;
	add(r, "::/0", via("192.0.2.1"), 1, ORIGIN_STATIC);
	add(r, "::/0", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "::/0", via("192.0.2.3"), 1, ORIGIN_STATIC);
	for (uint32_t i = 0; !error; i++) {
		store32(it.hop.via.octets, i);
		store32(it.prefix.address.octets, 0x0a000000 + i);
		error = rib_add(r, &it);
	}
	assert_int_equal(error, -ENOSPC);
	it = route("::/0", via("192.0.2.1"), 1, ORIGIN_STATIC);
	assert_int_equal(rib_remove(r, &it), -ENOSPC);
	count_shares(r, "2001:db8::1", shares);
	for (int i = 1; i <= 3; i++)
		assert_int_equal(shares[i], 160);
	rib_reclaim(r);
	assert_int_equal(rib_remove(r, &it), 0);
	count_shares(r, "2001:db8::1", shares);
	assert_int_equal(shares[1], 0);
	assert_int_equal(shares[2], 240);
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
		{ "0.0.0.0/0", 5, true },   { "0.0.0.0/0", 6, false },	  { "10.0.0.0/8", 1, true },
		{ "10.0.0.0/24", 1, true }, { "10.0.0.0/24", 2, false }, { "10.0.0.0/24", 3, false },
		{ "10.0.1.0/24", 4, true }, { "::/0", 1, true },	  { "fd00::/8", 1, true },
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

/* The model: routes in the order they came, searched from one end to the other. */
enum { MODEL_MOST = 200 };

struct model { struct route routes[MODEL_MOST]; size_t count; };

static bool route_equal(const struct route *a, const struct route *b)
{
	return a->metric == b->metric && a->origin == b->origin && a->prefix.len == b->prefix.len &&
	       address_equal(&a->prefix.address, &b->prefix.address) &&
	       a->hop.kind == b->hop.kind && address_equal(&a->hop.via, &b->hop.via);
}

static bool model_better(const struct route *a, const struct route *b)
{
	bool unicast = a->hop.kind == HOP_VIA && b->hop.kind != HOP_VIA;

	if (a->metric != b->metric)
		return a->metric < b->metric;
	return a->origin != b->origin ? a->origin < b->origin : unicast;
}

/* The best routes to a prefix, those that share; returns how many. */
static size_t model_best(const struct model *m, const struct prefix *p, const struct route *out[])
{
	size_t count = 0;

	for (size_t i = 0; i < m->count; i++) {
		const struct route *it = &m->routes[i];

		if (it->prefix.len != p->len || !address_equal(&it->prefix.address, &p->address))
			continue;
		if (count && model_better(out[0], it))
			continue;
		if (count && (model_better(it, out[0]) || it->hop.kind != HOP_VIA))
			count = model_better(it, out[0]) ? 0 : count;
		if (!count || it->hop.kind == HOP_VIA)
			out[count++] = it;
	}
	return count;
}

static void compare(struct rib *r, const struct model *m, const struct prefix *p)
{
	const struct route *best[MODEL_MOST];
	size_t count = model_best(m, p, best);
	uint16_t n = number_of(r, &p->address);

	if (!count)
		assert_int_equal(n, 0);
	for (uint32_t i = 0; i < count && i < HOP_GROUP_MOST; i++) {
		const struct hop *hop = rib_hop(r, n, i);

		assert_int_equal(hop->kind, best[i]->hop.kind);
		assert_true(address_equal(&hop->via, &best[i]->hop.via));
	}
}

static struct route random_route(uint64_t *state)
{
	static const enum hop_kind kinds[] = { HOP_VIA, HOP_VIA, HOP_VIA, HOP_BLACKHOLE };
	struct route it = { .prefix = prefix("10.0.0.0/32") };
	uint64_t v;

	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	v = *state;
	it.prefix.address.octets[3] = (uint8_t)(v % 5);
	it.metric = (uint32_t)(v >> 8) % 3;
	it.origin = (v >> 16) % 2 ? ORIGIN_STATIC : ORIGIN_KERNEL;
	it.hop.kind = kinds[(v >> 24) % 4];
	if (it.hop.kind == HOP_VIA)
		it.hop.via = address("192.0.2.1");
	it.hop.via.octets[3] = it.hop.kind == HOP_VIA ? (uint8_t)(v >> 32) % 8 : 0;
	return it;
}

static void agrees_with_the_model(void **state)
{
	struct rib *r = rib_new();
	struct model m = { .count = 0 };
	uint64_t seed = 20260101;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct route it = random_route(&seed);
		size_t at = 0;

		while (at < m.count && !route_equal(&m.routes[at], &it))
			at++;
		if (at < m.count) {
			assert_int_equal(rib_remove(r, &it), 0);
			memmove(&m.routes[at], &m.routes[at + 1],
				(--m.count - at) * sizeof(it));
		} else if (m.count < MODEL_MOST) {
			assert_int_equal(rib_add(r, &it), 0);
			m.routes[m.count++] = it;
		}
		compare(r, &m, &it.prefix);
		if (i % 100 == 0) {
			rib_reclaim(r);
			assert_int_equal(route_count(r), m.count);
		}
	}
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
		cmocka_unit_test(nothing_leads_nowhere),
		cmocka_unit_test(takes_the_least_metric_and_falls_back),
		cmocka_unit_test(decides_ties_by_origin),
		cmocka_unit_test(equal_routes_share),
		cmocka_unit_test(at_most_so_many_share),
		cmocka_unit_test(equal_hops_have_one_number),
		cmocka_unit_test(numbers_are_used_again_after_reclaim),
		cmocka_unit_test(refuses_one_hop_too_many),
		cmocka_unit_test(fails_without_change),
		cmocka_unit_test(knows_a_route_once),
		cmocka_unit_test(refuses_what_is_no_route),
		cmocka_unit_test(lists_by_prefix_and_metric),
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(holds_many_prefixes),
		cmocka_unit_test(fills_in_addresses_and_networks),
		cmocka_unit_test(fills_in_pools),
		cmocka_unit_test(fills_in_static_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
