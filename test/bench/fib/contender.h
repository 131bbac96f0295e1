/*
 * A forwarding table that takes part in the comparison.
 *
 * Shape    Its operations, and for each way to ask a function that looks up all queries and returns
 *          the sum of the hops found, none counting as 0: so the sums of all must be the same.
 * Memory   make() to free(). A table is what octets() grows by from before make(), where there is
 *          none yet, to when it is full.
 * Errors   make() NULL, change() false: out of memory, or not possible on this machine.
 */
#ifndef BENCH_FIB_CONTENDER_H
#define BENCH_FIB_CONTENDER_H

#include "routes.h"

/* One at a time, many under way; the same by arrays; by arrays and vector instructions; each
 * waiting for the answer of the one before. */
enum way { WAY_SINGLE, WAY_BATCH, WAY_VECTOR, WAY_DEPENDENT, WAY_COUNT };

enum { BATCH = 64 };
#define CANNOT UINT64_MAX /* instead of a sum: not on this processor */

struct contender {
	const char *name;
	uint8_t version;
	void *(*make)(const struct routes *r);
	/* Hop 0: take it away. What that leaves behind is freed at once. */
	bool (*change)(void *table, const struct prefix *p, uint16_t hop);
	size_t (*octets)(void *table);
	void (*free)(void *table);
	uint64_t (*look_up[WAY_COUNT])(void *table, const struct queries *q);
};

extern const struct contender ours4, ours6;

/* From DPDK, where there is one: rte_lpm, rte_fib of type dir24_8, rte_fib6 of type trie. */
extern const struct contender lpm4, dir24_8, trie6;

/* Before any of them; false: it does not start here. */
bool dpdk_start(void);

#endif
