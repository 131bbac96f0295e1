/*
 * Requirement ABU-2: tuples that were chosen to collide, by somebody who knows this code and, as nobody
 * outside can, the seed, too. What he takes is his own; what a look-up costs has a bound, and others pay
 * nothing.
 *
 * Shape    Cost is counted, not timed: buckets of the index read, and records compared.
 */
#include "octets.h"

#include "nat/nat.h"
#include "table.h"

enum { SESSIONS = 1024, KEYS = 2 * SESSIONS, CROWD = 60, HONEST = 768, DATAGRAM = 28, PORT = 5000 };
enum { BOTH_BUCKETS = 2 * TABLE_SLOTS };

static const uint8_t seed[32] = { 4, 2 };
static const uint32_t attacker = 0x0a00000b, honest = 0x0a00000c;

struct index {
	struct table table;
	struct hash_key key;
	_Alignas(64) struct bucket buckets[KEYS];
	struct tuple records[KEYS];
	uint32_t used;
};

struct cost {
	uint32_t buckets, records;
};

static struct hash_key key_of_seed(void)
{
	struct hash_key key = { .aes = hash_has_aes() };

	memcpy(key.k, seed, sizeof(key.k));
	return key;
}

static struct index *index_new(void)
{
	struct index *x = aligned_alloc(64, (sizeof(*x) + 63) / 64 * 64);

	assert_non_null(x);
	memset(x, 0, sizeof(*x));
	assert_in_range(table_size(KEYS), 1, sizeof(x->buckets));
	x->key = key_of_seed();
	x->table = (struct table){ .keys = 1, .stride = sizeof(struct tuple),
				   .records = (const uint8_t *)x->records };
	table_init(&x->table, x->buckets, KEYS);
	return x;
}

static struct tuple tuple_number(uint32_t from, uint32_t number)
{
	return (struct tuple){ .local = be32_from(from), .remote = be32_from(0xcb000000 + number),
			       .local_port = be16_from(PORT), .remote_port = be16_from(53),
			       .protocol = PROTO_UDP };
}

/* The next number from *number on whose tuple has the same two buckets as the first's. */
static struct tuple next_of_crowd(const struct table *t, const struct hash_key *key, uint32_t *number)
{
	const struct tuple first = tuple_number(attacker, 0);
	uint64_t to = hash_tuple(key, &first);
	uint32_t bucket = table_first(t, to), other = table_other(t, bucket, table_tag(to));

	for (;; ++*number) {
		struct tuple k = tuple_number(attacker, *number);
		uint64_t h = hash_tuple(key, &k);

		if (table_first(t, h) == bucket && table_other(t, bucket, table_tag(h)) == other) {
			++*number;
			return k;
		}
	}
}

static bool insert(struct index *x, const struct tuple *k)
{
	x->records[x->used] = *k;
	return table_insert(&x->table, hash_tuple(&x->key, k), x->used) && ++x->used;
}

static uint32_t bits(uint32_t word)
{
	return (uint32_t)__builtin_popcount(word);
}

/* As table_find() goes; a record is compared if its tag agrees. */
static struct cost cost_of(const struct index *x, const struct tuple *k)
{
	uint64_t h = hash_tuple(&x->key, k);
	uint16_t tag = table_tag(h);
	uint32_t first = table_first(&x->table, h);
	struct cost c = { 1, bits(bucket_match(&x->buckets[first], tag)) };

	if (bucket_find(&x->table, first, tag, k) == TABLE_NONE && x->buckets[first].spilled) {
		c.buckets++;
		c.records += bits(bucket_match(&x->buckets[table_other(&x->table, first, tag)], tag));
	}
	return c;
}

static bool is_found(const struct index *x, const struct tuple *k)
{
	uint32_t value = table_find(&x->table, hash_tuple(&x->key, k), k);

	return value != TABLE_NONE && tuple_equal(&x->records[value], k);
}

/* Two buckets full; nobody can make room there. */
static uint32_t crowd_in(struct index *x)
{
	uint32_t number = 0, taken = 0;

	for (int i = 0; i < CROWD; i++) {
		struct tuple k = next_of_crowd(&x->table, &x->key, &number);

		taken += insert(x, &k);
	}
	return taken;
}

static void a_crowd_fills_two_buckets(void **state)
{
	struct index *x = index_new();

	(void)state;
	assert_int_equal(crowd_in(x), BOTH_BUCKETS);
	for (uint32_t i = 0; i < x->used; i++) {
		struct cost c = cost_of(x, &x->records[i]);

		assert_true(is_found(x, &x->records[i]));
		assert_in_range(c.buckets, 1, 2);
		assert_in_range(c.records, 1, BOTH_BUCKETS);
	}
	free(x);
}

/* What a hundred look-ups among so many others cost, a crowd or none. */
static struct cost cost_of_others(bool crowded)
{
	struct index *x = index_new();
	struct cost sum = { 0, 0 };

	if (crowded)
		crowd_in(x);
	for (uint32_t i = 0; i < HONEST; i++) {
		struct tuple k = tuple_number(honest, i);

		assert_true(insert(x, &k));
	}
	for (uint32_t i = 0; i < HONEST; i++) {
		struct tuple k = tuple_number(honest, i);
		struct cost c = cost_of(x, &k);

		assert_true(is_found(x, &k));
		sum.buckets += c.buckets;
		sum.records += c.records;
	}
	free(x);
	return sum;
}

static void others_pay_nothing(void **state)
{
	struct cost alone = cost_of_others(false), beside = cost_of_others(true);

	(void)state;
	print_message("%u buckets and %u records, beside a crowd %u and %u\n", alone.buckets,
		      alone.records, beside.buckets, beside.records);
	assert_in_range(beside.buckets, HONEST, HONEST + HONEST / 10);
	assert_in_range(beside.records, HONEST, HONEST + HONEST / 10);
}

/* Without the seed he has to guess: keys of a crowd under one are scattered under another. */
static void without_the_seed_there_is_no_crowd(void **state)
{
	struct index *x = index_new();
	struct hash_key other = x->key;
	uint32_t number = 0;

	(void)state;
	other.k[1]++;
	for (int i = 0; i < CROWD; i++) {
		struct tuple k = next_of_crowd(&x->table, &other, &number);

		assert_true(insert(x, &k));
		assert_in_range(cost_of(x, &k).records, 1, 2);
	}
	free(x);
}

struct place {
	struct nat *nat;
	void *arena;
	struct nat_policy policy;
	be32 pool;
};

static struct place *place_new(void)
{
	struct place *p = calloc(1, sizeof(*p));
	struct nat_config c = nat_config_default();

	assert_non_null(p);
	p->pool = be32_from(0xc6336402);
	p->policy = (struct nat_policy){ .prefix = be32_from(0x0a000000), .prefix_len = 8,
					 .type = NAT_NAPT44, .pool_count = 1, .ports = { 1024, 65535 } };
	c.sessions = SESSIONS;
	c.policies = &p->policy;
	c.policy_count = 1;
	c.pool = &p->pool;
	c.pool_count = 1;
	assert_null(nat_config_fault(&c));
	p->arena = aligned_alloc(64, (nat_size(&c) + 63) / 64 * 64);
	assert_non_null(p->arena);
	p->nat = nat_init(p->arena, &c, seed);
	return p;
}

static void place_free(struct place *p)
{
	assert_null(nat_check(p->nat));
	free(p->arena);
	free(p);
}

/* UDP from inside to outside. */
static enum reason say(struct place *p, const struct tuple *t)
{
	uint8_t octets[DATAGRAM] = { 0x45 };
	struct pkt view;
	struct nat_job job = { .p = &view, .from = SIDE_INSIDE };

	store16(octets + 2, DATAGRAM);
	octets[8] = 64;
	octets[9] = PROTO_UDP;
	be32_store(octets + 12, t->local);
	be32_store(octets + 16, t->remote);
	be16_store(octets + 20, t->local_port);
	be16_store(octets + 22, t->remote_port);
	store16(octets + 24, DATAGRAM - 20);
	octets_seal(octets);
	assert_int_equal(pkt_parse(&view, octets, DATAGRAM, NULL), REASON_NONE);
	nat_process(p->nat, (nat_time){ 1000 }, &job);
	return job.verdict == NAT_FORWARD ? REASON_NONE : job.reason;
}

/* By the face of the library: the attacker is refused what does not fit into his two buckets, long
 * before any limit; the other host gets all that it wants, and keeps it. */
static void only_who_collides_is_refused(void **state)
{
	struct place *p = place_new();
	struct index *x = index_new(); /* as large as the one of sessions */
	uint32_t number = 0, refused = 0;

	(void)state;
	for (int i = 0; i < CROWD; i++) {
		struct tuple k = next_of_crowd(&x->table, &x->key, &number);
		enum reason r = say(p, &k);

		assert_true(r == REASON_NONE || r == REASON_SESSION_LIMIT);
		refused += r != REASON_NONE;
	}
	assert_in_range(refused, CROWD - BOTH_BUCKETS, CROWD - 1);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < HONEST; i++) {
			struct tuple k = tuple_number(honest, i);

			assert_int_equal(say(p, &k), REASON_NONE);
		}
	assert_int_equal(nat_gauges(p->nat).sessions, CROWD - refused + HONEST);
	free(x);
	place_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_fills_two_buckets),
		cmocka_unit_test(others_pay_nothing),
		cmocka_unit_test(without_the_seed_there_is_no_crowd),
		cmocka_unit_test(only_who_collides_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
