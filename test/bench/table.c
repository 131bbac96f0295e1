/*
 * The index of sessions alone: nat/table.h over records of a cache line each, hashes included.
 *
 * Sessions begin in the order of their records, and are sought and end in random order. "dependent"
 * is one lookup after the other, each waiting for the one before; "batch" is 32 at a time with
 * prefetch, as the gateway does it. CPU time of the thread: medians of a few runs, and the range.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common.h"
#include "table.h"

enum { BATCH = 32, RUNS = 7, LOOKUPS = 1 << 20, LARGE_PAGE = 2 << 20, HOST_PORTS = 32 };

struct record {
	struct tuple key;
	uint8_t rest[48];
};

struct bench {
	struct table table;
	struct hash_key key;
	struct record *records;
	struct tuple *queries; /* LOOKUPS keys, in that order */
	uint32_t *order;       /* every session once, at random */
	uint32_t count;
};

struct row {
	const char *name;
	double ns[RUNS];
};

static void *allocate(size_t octets)
{
	void *at = aligned_alloc(LARGE_PAGE, (octets + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);

	if (!at) {
		fprintf(stderr, "table: not enough memory\n");
		exit(1);
	}
	madvise(at, octets, MADV_HUGEPAGE);
	return at;
}

static double now_ns(void)
{
	return (double)thread_ns();
}

static struct tuple key_of(uint32_t session)
{
	uint64_t state = session;

	return (struct tuple){
		.local = be32_from(0x0a000000u + session / HOST_PORTS),
		.remote = be32_from((uint32_t)random_next(&state)),
		.local_port = be16_from((uint16_t)(2048 + session % HOST_PORTS)),
		.remote_port = be16_from(53),
		.protocol = PROTO_UDP,
	};
}

static void shuffle(uint32_t *order, uint32_t count)
{
	uint64_t state = 5;

	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t i = count; i > 1; i--) {
		uint32_t j = (uint32_t)(random_next(&state) % i), was = order[i - 1];

		order[i - 1] = order[j];
		order[j] = was;
	}
}

static void prepare(struct bench *b, uint32_t count)
{
	*b = (struct bench){
		.key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 }, hash_has_aes() },
		.records = allocate(count * sizeof(*b->records)),
		.order = allocate(count * sizeof(*b->order)),
		.queries = allocate(LOOKUPS * sizeof(*b->queries)),
		.count = count,
	};
	for (uint32_t i = 0; i < count; i++)
		b->records[i] = (struct record){ .key = key_of(i) };
	shuffle(b->order, count);
	for (uint32_t i = 0; i < LOOKUPS; i++)
		b->queries[i] = key_of(b->order[i % count]);
	b->table.keys = 1;
	b->table.stride = sizeof(*b->records);
	b->table.records = (const uint8_t *)b->records;
	table_init(&b->table, allocate(table_size(count)), count);
}

static uint64_t hash_of(const struct bench *b, uint32_t session)
{
	return hash_tuple(&b->key, &b->records[session].key);
}

static void demand(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "table: %s\n", what);
		exit(1);
	}
}

static void insert_all(struct bench *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		demand(table_insert(&b->table, hash_of(b, i), i), "no place");
}

static void remove_all(struct bench *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		table_remove(&b->table, hash_of(b, b->order[i]), b->order[i]);
}

/* The session that is found tells, as far as the processor knows, which is sought next. */
static void find_dependent(struct bench *b)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < LOOKUPS; i++) {
		struct tuple key = key_of(at);
		uint32_t found = table_find(&b->table, hash_tuple(&b->key, &key), &key);

		demand(found == at, "not found");
		at = (uint32_t)(((uint64_t)(found * 0x9e3779b1u + i) * b->count) >> 32);
	}
}

static uint32_t find_batch(const struct bench *b, const struct tuple keys[BATCH])
{
	uint64_t hashes[BATCH];
	uint32_t found = 0;

	for (int i = 0; i < BATCH; i++) {
		hashes[i] = hash_tuple(&b->key, &keys[i]);
		table_prefetch(&b->table, hashes[i]);
	}
	for (int i = 0; i < BATCH; i++) {
		uint32_t guess = table_guess(&b->table, hashes[i]);

		if (guess != TABLE_NONE)
			__builtin_prefetch(&b->records[guess]);
	}
	for (int i = 0; i < BATCH; i++)
		found += table_find(&b->table, hashes[i], &keys[i]) != TABLE_NONE;
	return found;
}

/* protocol: that of the keys in the table, or of others. */
static uint32_t find_batches(const struct bench *b, uint8_t protocol)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < LOOKUPS; i += BATCH) {
		struct tuple keys[BATCH];

		memcpy(keys, b->queries + i, sizeof(keys));
		for (uint32_t j = 0; j < BATCH; j++)
			keys[j].protocol = protocol;
		found += find_batch(b, keys);
	}
	return found;
}

static void find_batched(struct bench *b)
{
	demand(find_batches(b, PROTO_UDP) == LOOKUPS, "not found");
}

static void miss_batched(struct bench *b)
{
	demand(find_batches(b, PROTO_TCP) == 0, "found what is not there");
}

/* In this order: from empty to empty. */
static const struct {
	const char *name;
	void (*run)(struct bench *b);
	bool all; /* of each session, not of some lookups */
} steps[] = {
	{ "insert", insert_all, true },
	{ "find_dependent", find_dependent, false },
	{ "find_batch", find_batched, false },
	{ "miss_batch", miss_batched, false },
	{ "remove", remove_all, true },
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(struct bench *b, struct row rows[STEPS])
{
	insert_all(b); /* touches the memory */
	remove_all(b);
	for (int run = 0; run < RUNS; run++)
		for (int i = 0; i < STEPS; i++) {
			double begin = now_ns();

			steps[i].run(b);
			rows[i].name = steps[i].name;
			rows[i].ns[run] = (now_ns() - begin) / (steps[i].all ? b->count : LOOKUPS);
		}
	for (int i = 0; i < STEPS; i++)
		qsort(rows[i].ns, RUNS, sizeof(rows[i].ns[0]), by_size);
}

static void print(const struct bench *b, const struct row rows[STEPS], bool json)
{
	double octets = (double)table_size(b->count) / b->count;

	printf(json ? "{\"sessions\": %u, \"octets_per_key\": %.2f" :
		      "%u sessions, %.2f octets per key\n", b->count, octets);
	for (int i = 0; i < STEPS; i++)
		printf(json ? ", \"%s_ns\": {\"median\": %.1f, \"least\": %.1f, \"most\": %.1f}" :
			      "  %-15s %6.1f ns (%.1f to %.1f)\n",
		       rows[i].name, rows[i].ns[RUNS / 2], rows[i].ns[0], rows[i].ns[RUNS - 1]);
	if (json)
		puts("}");
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "sessions", required_argument, NULL, 's' },
					       { "json", no_argument, NULL, 'j' },
					       { NULL, 0, NULL, 0 } };
	unsigned long count = 65536;
	struct row rows[STEPS];
	bool json = false;
	struct bench b;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (c == 's')
			count = strtoul(optarg, NULL, 10);
		else if (c == 'j')
			json = true;
		else
			count = 0;
	if (!count || count > 1u << 26 || optind < argc) {
		fputs("usage: table [--sessions 1..67108864] [--json]\n", stderr);
		return 2;
	}
	prepare(&b, (uint32_t)count);
	measure(&b, rows);
	print(&b, rows, json);
	return 0;
}
