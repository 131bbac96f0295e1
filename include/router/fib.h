/*
 * Forwarding table: longest-prefix match for IPv4 and IPv6.
 *
 * Sources  RFC 1812 section 5.2.4.3, RFC 4632 section 5.1.
 * Shape    A prefix maps to a next-hop number of the caller's, FIB_NONE if nothing matches.
 * Order    Addresses are network order.
 * Memory   fib_new() to fib_free(). Lookups by any number of threads, at any time; changes by one
 *          thread. What a change makes unreachable is freed by fib_reclaim(), which the caller
 *          runs after every reader has passed a quiescent state (liburcu, QSBR).
 * Promise  A lookup sees the table before a change or after it, never a mixture; it takes no lock
 *          and writes nothing.
 * Errors   -ENOMEM: the table is as it was before.
 */
#ifndef ROUTER_FIB_H
#define ROUTER_FIB_H

#include <stddef.h>
#include <stdint.h>

#include "nat/bytes.h"
#include "router/address.h"

struct fib;

enum { FIB_NONE = 0, FIB_HOP_MOST = 65535 };

struct fib *fib_new(void);
void fib_free(struct fib *f);

/* Add a prefix or change its next hop (1 … FIB_HOP_MOST); remove one (0 if it was not there). */
int fib_set(struct fib *f, const struct prefix *p, uint16_t hop);
int fib_remove(struct fib *f, const struct prefix *p);

/* Next hop of the longest prefix that holds an address, or FIB_NONE. */
uint16_t fib_lookup4(const struct fib *f, be32 address);
uint16_t fib_lookup6(const struct fib *f, const uint8_t address[static 16]);

/* The next hop of exactly this prefix, or FIB_NONE. */
uint16_t fib_get(const struct fib *f, const struct prefix *p);

/* count lookups with their cache misses overlapping: up to three times as fast as one after the
 * other in a large table, if there are 64 at once (IPv6: 32). */
void fib_lookup4_batch(const struct fib *f, const be32 *addresses, uint16_t *hops, size_t count);
void fib_lookup6_batch(const struct fib *f, const uint8_t (*addresses)[16], uint16_t *hops,
		       size_t count);

/* Fetch the first line that a lookup will read. */
void fib_prefetch4(const struct fib *f, be32 address);

/* Free what changes since the last call have left behind; returns octets freed. */
size_t fib_reclaim(struct fib *f);

/* How much it holds, and the memory that takes. */
struct fib_size { size_t prefixes4, prefixes6, octets4, octets6; };
struct fib_size fib_size(const struct fib *f);

/* Listing by version, address and length, in the thread that changes: start with *cursor zeroed.
 * The table may change between two calls. */
struct fib_cursor { struct prefix at; bool started; };
bool fib_next(const struct fib *f, struct fib_cursor *cursor, struct prefix *p, uint16_t *hop);

#endif
