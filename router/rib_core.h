/*
 * The whole of a rib; private to rib*.c.
 *
 * Shape    A destination is a prefix of a table and the routes to it, the best first. Most have one
 *          route, which lies in the destination itself: 32 octets.
 * Memory   Destinations are numbered, and move when there are more of them; number 0 is none.
 */
#ifndef ROUTER_RIB_CORE_H
#define ROUTER_RIB_CORE_H

#include "rib_hops.h"

/* A route to a known prefix. */
struct candidate {
	uint32_t metric;
	uint16_t hop;
	uint8_t origin;
	bool doubted;
};

struct destination {
	struct prefix prefix;
	uint8_t table;
	uint8_t count; /* 0: it is free */
	uint32_t next; /* with the same hash; or free */
	union {
		struct candidate one;
		struct candidate *many;
	};
};

/* In the order they are asked. What lookups read is never changed, but replaced. */
struct rules {
	struct rules *retired; /* the next one that waits for rib_reclaim() */
	size_t count, asked; /* the others, at the end, ask main, and so are not needed */
	struct rule at[];
};

struct routes {
	struct rib rib; /* the part that everybody knows; it comes first */
	struct hops hops;
	struct destination *all; /* all[0] is not used */
	uint32_t used, most, free;
	uint32_t *chains;
	uint32_t chain_count, count;
	uint32_t names[RIB_TABLES];
	struct rules *rules, *retired;
};

/* Lookups have something new to see. */
static inline void rib_changed(struct rib *r)
{
	__atomic_store_n(&r->version, r->version + 1, __ATOMIC_RELEASE);
}

static inline bool hop_is_unicast(const struct hop *hop)
{
	return hop->kind == HOP_VIA || hop->kind == HOP_LINK;
}

/* Any but a group or an order. */
static inline bool hop_is_up(const struct hop *hop, uint32_t down)
{
	return hop_is_unicast(hop) ? !(down >> hop->interface & 1) : hop->kind != HOP_NONE;
}

static inline const struct candidate *candidates_of(const struct destination *d)
{
	return d->count > 1 ? d->many : &d->one;
}

/* rib_store.c: the destination of a prefix, 0 if there is none; a new one, 0 without memory, which is
 * free again unless it gets a route; give up one that has none. */
int store_init(struct routes *r);
void store_end(struct routes *r);
uint32_t store_find(const struct routes *r, uint8_t table, const struct prefix *p);
uint32_t store_make(struct routes *r, uint8_t table, const struct prefix *p);
void store_drop_empty(struct routes *r, uint32_t i);

/* rib_order.c: how many of the first candidates are equally good, and so share; negative if a is the
 * better one, 0 if they are equal. The number of what lookups should find, referred to; 0: nothing. */
unsigned order_level(const struct routes *r, const struct candidate *c, unsigned count);
int order_compare(const struct routes *r, const struct candidate *a, const struct candidate *b);
int order_take(struct routes *r, const struct candidate *c, unsigned count);

/* Whether the candidate at a place is in use, as links are now. */
bool order_is_best(const struct routes *r, const struct candidate *c, unsigned count, unsigned at);

/* rib.c: rib_add() of a route that may be doubted. */
int routes_add(struct routes *r, const struct route *route, bool doubted);

#endif
