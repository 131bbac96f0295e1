#include "contender.h"
#include "router/fib.h"

static void *make(const struct routes *r)
{
	(void)r;
	return fib_new();
}

static bool change(void *table, const struct prefix *p, uint16_t hop)
{
	bool good = (hop ? fib_set(table, p, hop) : fib_remove(table, p)) == 0;

	fib_reclaim(table);
	return good;
}

static size_t octets4(void *table)
{
	return table ? fib_size(table).octets4 : 0;
}

static size_t octets6(void *table)
{
	return table ? fib_size(table).octets6 : 0;
}

static void end(void *table)
{
	fib_free(table);
}

static uint64_t single4(void *table, const struct queries *q)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i++)
		sum += fib_lookup4(table, q->net[i]);
	return sum;
}

static uint64_t dependent4(void *table, const struct queries *q)
{
	uint16_t zero = q->zero, hop = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i++) {
		hop = fib_lookup4(table, (be32){ q->net[i].raw ^ (hop & zero) });
		sum += hop;
	}
	return sum;
}

static uint64_t batch4(void *table, const struct queries *q)
{
	uint16_t hops[BATCH];
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i += BATCH) {
		fib_lookup4_batch(table, q->net + i, hops, BATCH);
		for (size_t j = 0; j < BATCH; j++)
			sum += hops[j];
	}
	return sum;
}

static uint64_t single6(void *table, const struct queries *q)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i++)
		sum += fib_lookup6(table, q->octets[i]);
	return sum;
}

static uint64_t dependent6(void *table, const struct queries *q)
{
	uint16_t zero = q->zero, hop = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i++) {
		hop = fib_lookup6(table, q->octets[i + (hop & zero)]);
		sum += hop;
	}
	return sum;
}

static uint64_t batch6(void *table, const struct queries *q)
{
	uint16_t hops[BATCH];
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i += BATCH) {
		fib_lookup6_batch(table, (const uint8_t (*)[16])q->octets + i, hops, BATCH);
		for (size_t j = 0; j < BATCH; j++)
			sum += hops[j];
	}
	return sum;
}

const struct contender ours4 = {
	.name = "ours", .version = 4, .make = make, .change = change, .octets = octets4, .free = end,
	.look_up = { [WAY_SINGLE] = single4, [WAY_BATCH] = batch4, [WAY_DEPENDENT] = dependent4 },
};

const struct contender ours6 = {
	.name = "ours", .version = 6, .make = make, .change = change, .octets = octets6, .free = end,
	.look_up = { [WAY_SINGLE] = single6, [WAY_BATCH] = batch6, [WAY_DEPENDENT] = dependent6 },
};
