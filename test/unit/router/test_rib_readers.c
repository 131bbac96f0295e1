/* Lookups while routes, rules and links change, and while numbers of hops are used again. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rib_rig.h"

/* Destination i is 10.i.0.0/16, or 2001:db8:i::/48. Its routes lead to gateways 192.0.i.x by interface
 * x mod 3, whatever happens: so a hop that was meant for another one, or was half written, is seen.
 * Interface 2 never goes down, and the last way there is never taken away; but the last destination has
 * one route alone, which is replaced. */
enum { READERS = 2, DESTINATIONS = 4, ALONE = DESTINATIONS - 1, LINKS = 3, BATCH = 16, CHANGES = 4000 };

struct reader {
	pthread_t thread;
	struct rib *rib;
	uint64_t rounds;   /* passed; between two of them it holds nothing */
	uint64_t unwanted; /* answers that were never right */
	bool stop;
} __attribute__((aligned(64)));

static struct hop way(uint32_t i, uint32_t x)
{
	uint8_t octets[] = { 192, 0, (uint8_t)i, (uint8_t)x };

	return (struct hop){ .kind = HOP_VIA, .interface = (uint16_t)(x % LINKS),
			     .via = address_v4(octets) };
}

static bool is_way(const struct hop *hop, uint32_t i)
{
	return hop->kind == HOP_VIA && hop->via.octets[0] == 192 && hop->via.octets[2] == i &&
	       hop->interface == hop->via.octets[3] % LINKS;
}

static struct prefix destination(uint8_t version, uint32_t i, uint8_t len)
{
	struct prefix p = prefix(version == 4 ? "10.0.1.1/32" : "2001:db8:0:1::1/128");

	p.address.octets[version == 4 ? 1 : 5] = (uint8_t)i;
	p.len = len;
	return prefix_masked(p);
}

static void *look(void *argument)
{
	static const char *const sources[] = { "192.168.7.65", "192.168.8.1", "fd07::1" };
	struct reader *r = argument;
	uint32_t hash = 0;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		for (uint32_t n = 0; n < 3 * DESTINATIONS; n++) {
			struct address from = address(sources[n % 3]);
			uint32_t i = n / 3;
			uint8_t version = from.version;
			struct prefix to = destination(version, i, version == 4 ? 32 : 128);
			uint16_t number = rib_lookup(r->rib, &from, to.address.octets);

			r->unwanted += !is_way(rib_hop(r->rib, number, hash_of(hash++)), i);
		}
		__atomic_add_fetch(&r->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

struct writer {
	struct rib *rib;
	struct reader readers[READERS];
	struct route flapping[2][DESTINATIONS]; /* by version: what is there beside the last way */
	uint64_t seed;
};

static uint32_t random_below(struct writer *w, uint32_t end)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (uint32_t)(w->seed >> 20) % end;
}

static struct route random_route(struct writer *w, uint8_t version, uint32_t i)
{
	static const uint8_t lens[2][3] = { { 16, 24, 32 }, { 48, 64, 128 } };

	return (struct route){ .prefix = destination(version, i, lens[version == 6][random_below(w, 3)]),
			       .hop = way(i, random_below(w, 256)), .metric = random_below(w, 3),
			       .origin = ORIGIN_KERNEL, .table = (uint8_t)random_below(w, 2) };
}

/* By an interface that is always up. */
static void replace_alone(struct writer *w, struct route *is)
{
	struct route next = *is;
	struct hop ways[3];

	next.metric = random_below(w, 3);
	next.hop = way(ALONE, 3 * random_below(w, 80) + 2);
	if (random_below(w, 2)) {
		assert_int_equal(rib_replace(w->rib, is, &next), 0);
	} else {
		for (uint32_t n = 0; n < 3; n++)
			ways[n] = way(ALONE, 3 * random_below(w, 80) + 2);
		next.metric = is->metric;
		assert_int_equal(rib_set(w->rib, is, ways, 3), 0);
		assert_int_equal(rib_set(w->rib, is, &next.hop, 1), 0);
	}
	*is = next;
}

static void change_route(struct writer *w)
{
	uint8_t version = random_below(w, 2) ? 4 : 6;
	uint32_t i = random_below(w, DESTINATIONS);
	struct route *is = &w->flapping[version == 6][i], next = random_route(w, version, i);
	struct hop ways[5];

	if (i == ALONE) {
		replace_alone(w, is);
		return;
	}
	switch (random_below(w, 3)) {
	case 0:
		assert_int_equal(rib_remove(w->rib, is), 0);
		assert_int_equal(rib_add(w->rib, &next), 0);
		break;
	case 1:
		next.prefix = is->prefix;
		next.table = is->table;
		assert_int_equal(rib_replace(w->rib, is, &next), 0);
		break;
	default:
		for (uint32_t n = 0; n < 5; n++)
			ways[n] = way(i, random_below(w, 256));
		assert_int_equal(rib_set(w->rib, is, ways, 5), 0);
		assert_int_equal(rib_set(w->rib, is, NULL, 0), 0);
		assert_int_equal(rib_add(w->rib, &next), 0);
	}
	*is = next;
}

static void change(struct writer *w)
{
	struct rule rule = { prefix("192.168.7.64/26"), random_below(w, 2), ORIGIN_STATIC, 1 };

	switch (random_below(w, 16)) {
	case 0:
		if (rib_rule_remove(w->rib, &rule))
			assert_int_equal(rib_rule_add(w->rib, &rule), 0);
		break;
	case 1:
		rib_link(w->rib, (uint16_t)random_below(w, 2), random_below(w, 2));
		break;
	default:
		change_route(w);
	}
}

/* Wait until no reader holds what it found before, and free. */
static void reclaim(struct writer *w)
{
	for (size_t i = 0; i < READERS; i++) {
		uint64_t *rounds = &w->readers[i].rounds;
		uint64_t until = __atomic_load_n(rounds, __ATOMIC_ACQUIRE) + 2;

		while (__atomic_load_n(rounds, __ATOMIC_ACQUIRE) < until)
			sched_yield();
	}
	rib_reclaim(w->rib);
}

static void set_up(struct writer *w)
{
	assert_int_equal(rib_table(w->rib, 0), 1);
	for (uint8_t version = 4; version <= 6; version += 2)
		for (uint32_t i = 0; i < DESTINATIONS; i++) {
			struct route last = { .prefix = destination(version, i, version == 4 ? 16 : 48),
					      .hop = way(i, 2), .metric = 100,
					      .origin = ORIGIN_STATIC };

			assert_int_equal(rib_add(w->rib, &last), 0);
			w->flapping[version == 6][i] = last;
			if (i == ALONE)
				continue;
			w->flapping[version == 6][i] = random_route(w, version, i);
			assert_int_equal(rib_add(w->rib, &w->flapping[version == 6][i]), 0);
		}
}

static void readers_see_what_was_or_is(void **state)
{
	struct writer w = { .rib = rib_new(), .seed = 20261121 };

	(void)state;
	set_up(&w);
	for (size_t i = 0; i < READERS; i++) {
		w.readers[i].rib = w.rib;
		assert_int_equal(pthread_create(&w.readers[i].thread, NULL, look, &w.readers[i]), 0);
	}
	for (int i = 0; i < CHANGES; i++) {
		change(&w);
		if (i % BATCH == 0)
			reclaim(&w);
	}
	for (size_t i = 0; i < READERS; i++) {
		__atomic_store_n(&w.readers[i].stop, true, __ATOMIC_RELEASE);
		assert_int_equal(pthread_join(w.readers[i].thread, NULL), 0);
		assert_int_equal(w.readers[i].unwanted, 0);
	}
	rib_free(w.rib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_what_was_or_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
