/* DPDK's tables. */
#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_malloc.h>

#include "contender.h"

/* A group is a table for 8 further bits. Hops of two octets, as ours are, are the smallest and
 * fastest that rte_fib has; rte_fib6 needs so many groups that its hops must be of four. */
enum { SPARE = 4096 };

bool dpdk_start(void)
{
	static const char *const options[] = { "fib", "--no-huge", "--no-shconf", "--no-pci",
					       "--no-telemetry", "--log-level=error",
					       "--force-max-simd-bitwidth=512", "-m", "4096",
					       "-l", "0" };
	enum { COUNT = sizeof(options) / sizeof(options[0]) };
	char texts[COUNT][32], *arguments[COUNT + 1] = { NULL };

	for (size_t i = 0; i < COUNT; i++)
		arguments[i] = strcpy(texts[i], options[i]);
	return rte_eal_init(COUNT, arguments) >= 0;
}

/* Of all tables of DPDK's. */
static size_t octets(void *table)
{
	struct rte_malloc_socket_stats s;

	(void)table;
	return rte_malloc_get_socket_stats(0, &s) ? 0 : s.heap_allocsz_bytes;
}

/* At most one for each prefix that is longer than 24 bits. */
static uint32_t groups4_of(const struct routes *r)
{
	uint32_t count = SPARE;

	for (size_t i = 0; i < r->count; i++)
		count += r->prefixes[i].len > 24;
	return count;
}

static void *lpm_make(const struct routes *r)
{
	struct rte_lpm_config c = { .max_rules = (uint32_t)r->count + SPARE,
				    .number_tbl8s = groups4_of(r) };

	return rte_lpm_create("lpm", SOCKET_ID_ANY, &c);
}

static bool lpm_change(void *table, const struct prefix *p, uint16_t hop)
{
	uint32_t at = load32(p->address.octets);

	return (hop ? rte_lpm_add(table, at, p->len, hop) : rte_lpm_delete(table, at, p->len)) == 0;
}

static void lpm_free(void *table)
{
	rte_lpm_free(table);
}

static uint64_t lpm_single(void *table, const struct queries *q)
{
	uint64_t sum = 0;
	uint32_t hop;

	for (size_t i = 0; i < QUERIES; i++)
		sum += rte_lpm_lookup(table, q->host[i], &hop) ? 0 : hop;
	return sum;
}

/* What is found is waited for, even if it is nothing. */
static uint64_t lpm_dependent(void *table, const struct queries *q)
{
	uint32_t zero = q->zero, hop = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i++)
		sum += rte_lpm_lookup(table, q->host[i] ^ (hop & zero), &hop) ? 0 : hop;
	return sum;
}

static uint64_t lpm_batch(void *table, const struct queries *q)
{
	uint32_t hops[BATCH];
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i += BATCH) {
		rte_lpm_lookup_bulk(table, q->host + i, hops, BATCH);
		for (size_t j = 0; j < BATCH; j++)
			sum += hops[j] & RTE_LPM_LOOKUP_SUCCESS ? hops[j] & 0xffffff : 0;
	}
	return sum;
}

static uint64_t lpm_vector(void *table, const struct queries *q)
{
	uint32_t hops[4];
	uint64_t sum = 0;

	for (size_t i = 0; i < QUERIES; i += 4) {
		xmm_t four;

		memcpy(&four, q->host + i, sizeof(four));
		rte_lpm_lookupx4(table, four, hops, 0);
		sum += (uint64_t)hops[0] + hops[1] + hops[2] + hops[3];
	}
	return sum;
}

const struct contender lpm4 = {
	.name = "rte_lpm", .version = 4, .make = lpm_make, .change = lpm_change, .octets = octets,
	.free = lpm_free,
	.look_up = { lpm_single, lpm_batch, lpm_vector, lpm_dependent },
};

static void *fib_make(const struct routes *r)
{
	struct rte_fib_conf c = { .type = RTE_FIB_DIR24_8, .max_routes = (int)r->count + SPARE };

	c.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
	c.dir24_8.num_tbl8 = groups4_of(r);
	return rte_fib_create("fib", SOCKET_ID_ANY, &c);
}

static bool fib_change(void *table, const struct prefix *p, uint16_t hop)
{
	uint32_t at = load32(p->address.octets);

	return (hop ? rte_fib_add(table, at, p->len, hop) : rte_fib_delete(table, at, p->len)) == 0;
}

static void fib_end(void *table)
{
	rte_fib_free(table);
}

static uint64_t fib_some(void *table, const struct queries *q, enum rte_fib_lookup_type type,
			 unsigned count)
{
	uint64_t hops[BATCH], sum = 0;

	if (rte_fib_select_lookup(table, type))
		return CANNOT;
	for (size_t i = 0; i < QUERIES; i += count) {
		rte_fib_lookup_bulk(table, q->host + i, hops, (int)count);
		for (size_t j = 0; j < count; j++)
			sum += hops[j];
	}
	return sum;
}

static uint64_t fib_single(void *table, const struct queries *q)
{
	return fib_some(table, q, RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE, 1);
}

static uint64_t fib_batch(void *table, const struct queries *q)
{
	return fib_some(table, q, RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE, BATCH);
}

static uint64_t fib_vector(void *table, const struct queries *q)
{
	return fib_some(table, q, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512, BATCH);
}

static uint64_t fib_dependent(void *table, const struct queries *q)
{
	uint64_t zero = q->zero, hop = 0, sum = 0;

	rte_fib_select_lookup(table, RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE);
	for (size_t i = 0; i < QUERIES; i++) {
		uint32_t address = q->host[i] ^ (uint32_t)(hop & zero);

		rte_fib_lookup_bulk(table, &address, &hop, 1);
		sum += hop;
	}
	return sum;
}

const struct contender dir24_8 = {
	.name = "rte_fib", .version = 4, .make = fib_make, .change = fib_change, .octets = octets,
	.free = fib_end,
	.look_up = { fib_single, fib_batch, fib_vector, fib_dependent },
};

/* rte_fib6 of 22.11 loses some groups with each change: so many more, which do not count as its
 * memory. */
enum { LOST = 1 << 16, GROUP_OCTETS = 256 * 4 };

static size_t trie_octets(void *table)
{
	return octets(table) - (table ? (size_t)LOST * GROUP_OCTETS : 0);
}

/* It wants one for every 8 bits of every prefix behind the first 24. */
static uint32_t groups6_of(const struct routes *r)
{
	uint32_t count = SPARE + LOST;

	for (size_t i = 0; i < r->count; i++)
		count += r->prefixes[i].len > 24 ? (r->prefixes[i].len - 24u + 7) / 8 : 0;
	return count;
}

static void *trie_make(const struct routes *r)
{
	struct rte_fib6_conf c = { .type = RTE_FIB6_TRIE, .max_routes = (int)r->count + SPARE };

	c.trie.nh_sz = RTE_FIB6_TRIE_4B;
	c.trie.num_tbl8 = groups6_of(r);
	return rte_fib6_create("fib6", SOCKET_ID_ANY, &c);
}

static bool trie_change(void *table, const struct prefix *p, uint16_t hop)
{
	const uint8_t *at = p->address.octets;

	return (hop ? rte_fib6_add(table, at, p->len, hop) :
		      rte_fib6_delete(table, at, p->len)) == 0;
}

static void trie_end(void *table)
{
	rte_fib6_free(table);
}

static uint64_t trie_some(void *table, const struct queries *q, enum rte_fib6_lookup_type type,
			  unsigned count)
{
	uint64_t hops[BATCH], sum = 0;

	if (rte_fib6_select_lookup(table, type))
		return CANNOT;
	for (size_t i = 0; i < QUERIES; i += count) {
		rte_fib6_lookup_bulk(table, q->octets + i, hops, (int)count);
		for (size_t j = 0; j < count; j++)
			sum += hops[j];
	}
	return sum;
}

static uint64_t trie_single(void *table, const struct queries *q)
{
	return trie_some(table, q, RTE_FIB6_LOOKUP_TRIE_SCALAR, 1);
}

static uint64_t trie_batch(void *table, const struct queries *q)
{
	return trie_some(table, q, RTE_FIB6_LOOKUP_TRIE_SCALAR, BATCH);
}

static uint64_t trie_vector(void *table, const struct queries *q)
{
	return trie_some(table, q, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512, BATCH);
}

static uint64_t trie_dependent(void *table, const struct queries *q)
{
	uint64_t zero = q->zero, hop = 0, sum = 0;

	rte_fib6_select_lookup(table, RTE_FIB6_LOOKUP_TRIE_SCALAR);
	for (size_t i = 0; i < QUERIES; i++) {
		rte_fib6_lookup_bulk(table, q->octets + i + (hop & zero), &hop, 1);
		sum += hop;
	}
	return sum;
}

const struct contender trie6 = {
	.name = "rte_fib6", .version = 6, .make = trie_make, .change = trie_change,
	.octets = trie_octets, .free = trie_end,
	.look_up = { trie_single, trie_batch, trie_vector, trie_dependent },
};
