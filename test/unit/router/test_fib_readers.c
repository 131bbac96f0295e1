/* Lookups while the table changes. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fib_rig.h"

/* A reader that looks without end while a writer changes what it looks at. */
struct race {
	struct fib *fib;
	struct address v4[2], v6[2];
	uint64_t rounds;   /* passed by the reader; between two of them it holds nothing */
	uint64_t unwanted; /* answers that were never right */
	bool stop;
};

static void race_judge(struct race *r, const uint16_t hops[2])
{
	for (size_t i = 0; i < 2; i++)
		r->unwanted += hops[i] != 6 && hops[i] != 7;
}

static void *race_read(void *argument)
{
	struct race *r = argument;
	be32 v4[2] = { be32_load(r->v4[0].octets), be32_load(r->v4[1].octets) };
	uint8_t v6[2][16];
	uint16_t hops[2];

	for (size_t i = 0; i < 2; i++)
		memcpy(v6[i], r->v6[i].octets, sizeof(v6[i]));
	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		for (size_t i = 0; i < 2; i++)
			hops[i] = fib_lookup4(r->fib, v4[i]);
		race_judge(r, hops);
		for (size_t i = 0; i < 2; i++)
			hops[i] = fib_lookup6(r->fib, v6[i]);
		race_judge(r, hops);
		fib_lookup4_batch(r->fib, v4, hops, 2);
		race_judge(r, hops);
		fib_lookup6_batch(r->fib, (const uint8_t (*)[16])v6, hops, 2);
		race_judge(r, hops);
		__atomic_add_fetch(&r->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Wait until the reader holds nothing that it found before, and free. */
static void race_reclaim(struct race *r)
{
	uint64_t round = __atomic_load_n(&r->rounds, __ATOMIC_ACQUIRE);

	while (__atomic_load_n(&r->rounds, __ATOMIC_ACQUIRE) < round + 2)
		sched_yield();
	fib_reclaim(r->fib);
}

/* The outer prefix has hop 5 only while the inner one, with hop 7, lies over it: whoever sees 5
 * has put together two versions of the table. */
static void race_flap(struct race *r, const char *outer, const char *inner)
{
	set(r->fib, outer, 6);
	drop(r->fib, inner);
	set(r->fib, inner, 7);
	set(r->fib, outer, 5);
	race_reclaim(r);
	set(r->fib, outer, 6);
	drop(r->fib, inner);
	set(r->fib, inner, 7);
	set(r->fib, outer, 5);
}

/* Other prefixes near the ones that flap, too many for lists: there are nodes at all levels. */
static void set_neighbours(struct fib *f)
{
	struct prefix p4 = prefix("10.1.1.0/32"), p6 = prefix("2001:db8:1:2:8000::/128");

	for (uint8_t i = 0; i < 128; i++) {
		p4.address.octets[3] = i;
		p6.address.octets[15] = i;
		assert_int_equal(fib_set(f, &p4, 1), 0);
		assert_int_equal(fib_set(f, &p6, 1), 0);
	}
	p4 = prefix("10.1.1.192/32");
	for (uint8_t i = 0; i < 64; i++, p4.address.octets[3]++)
		assert_int_equal(fib_set(f, &p4, 1), 0);
}

static void readers_see_old_or_new(void **state)
{
	static const char *const pairs[][2] = {
		{ "10.0.0.0/8", "10.1.1.128/29" },	{ "10.1.0.0/20", "10.1.1.128/29" },
		{ "10.1.1.128/25", "10.1.1.128/29" },	{ "10.1.0.0/17", "10.1.0.0/18" },
		{ "2001:db8::/32", "2001:db8:1:2::/96" }, { "2000::/3", "2001:db8:1::/48" },
		{ "2001:db8:1::/48", "2001:db8:1:2::/64" },
	};
	struct race r = { .fib = fib_new(),
			  .v4 = { address("10.1.1.129"), address("10.1.1.130") },
			  .v6 = { address("2001:db8:1:2::3"), address("2001:db8:1:2::4") } };
	pthread_t reader;

	(void)state;
	set(r.fib, "0.0.0.0/0", 6);
	set(r.fib, "::/0", 6);
	set_neighbours(r.fib);
	assert_int_equal(pthread_create(&reader, NULL, race_read, &r), 0);
	for (size_t i = 0; i < 2000; i++) {
		const char *const *pair = pairs[i % (sizeof(pairs) / sizeof(pairs[0]))];

		race_flap(&r, pair[0], pair[1]);
		set(r.fib, pair[0], 6);
		drop(r.fib, pair[1]);
		drop(r.fib, pair[0]);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_true(r.rounds > 0);
	assert_int_equal(r.unwanted, 0);
	fib_free(r.fib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_old_or_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
