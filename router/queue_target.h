/*
 * The NFQUEUE target of xtables as a rule of nftables, for kernels that have no queue statement.
 *
 * Sources  linux/netfilter/nf_tables_compat.h, linux/netfilter/xt_NFQUEUE.h.
 * Errors   Negative errno: -ENOENT or -EOPNOTSUPP where the kernel does not have it either.
 */
#ifndef ROUTER_QUEUE_TARGET_H
#define ROUTER_QUEUE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

/* A chain of a table of the family inet: what comes there goes to one of count queues by its
 * addresses. bypass: and goes on where nobody reads that queue. */
struct queue_target {
	const char *table, *chain;
	uint16_t first, count;
	bool bypass;
};

/* Put the target first in its chain. */
int queue_target_insert(const struct queue_target *t);

#endif
