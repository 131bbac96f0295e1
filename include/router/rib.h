/*
 * Routes as configured or learned, and the best of them put into the forwarding table.
 *
 * Shape    Several routes per prefix may be known. The one of the least metric is used, among
 *          equals that of the first origin; unicast routes equal in both share, up to
 *          HOP_GROUP_MOST of them. What a packet needs is a hop: where to send it, by number, in
 *          the table of hops.
 * Memory   rib_new() to rib_free(). Changes by one thread. rib_version() and what asks about a hop
 *          by any, without a lock, a write or a call.
 * Errors   -ENOMEM, -ENOSPC (more than FIB_HOP_MOST different hops): nothing was changed.
 */
#ifndef ROUTER_RIB_H
#define ROUTER_RIB_H

#include "router/conf.h"
#include "router/fib.h"

enum hop_kind {
	HOP_NONE,	 /* no route */
	HOP_VIA,	 /* to a router on the interface's link */
	HOP_LINK,	 /* the destination itself is on the interface's link */
	HOP_LOCAL,	 /* an address of the router itself */
	HOP_POOL,	 /* an outside address of the NAT */
	HOP_POOL_LOCAL,	 /* both: a pool address that is also the router's own */
	HOP_BROADCAST,	 /* directed or limited broadcast */
	HOP_BLACKHOLE,
	HOP_UNREACHABLE,
	HOP_PROHIBIT,
	HOP_GROUP,	 /* several equal hops: choose by hash */
};

enum { HOP_GROUP_MOST = 16 };

struct hop {
	enum hop_kind kind;
	uint16_t interface; /* index into the configuration's */
	uint32_t group_count;
	uint16_t group[HOP_GROUP_MOST]; /* numbers of the hops that share */
	struct address via; /* for HOP_VIA */
};

enum route_origin { ORIGIN_LOCAL, ORIGIN_CONNECTED, ORIGIN_STATIC, ORIGIN_KERNEL };

struct route {
	struct prefix prefix;
	struct hop hop; /* anything but HOP_GROUP */
	uint32_t metric;
	enum route_origin origin;
};

/* What lookups read; the rest lies behind it. Only rib.c changes it. */
struct rib {
	struct fib *fib;
	const struct hop *hops; /* by number; they never move */
	uint32_t version;
};

struct rib *rib_new(void);
void rib_free(struct rib *r);

/* The forwarding table it keeps up to date. */
static inline struct fib *rib_fib(const struct rib *r)
{
	return r->fib;
}

/* A number that is another one after each change that lookups can see. Whoever keeps an answer
 * reads it before he asks, and asks again once it is not the same: no change is missed, since it
 * grows after the change is visible. Each rib counts for itself, from 1. */
static inline uint32_t rib_version(const struct rib *r)
{
	return __atomic_load_n(&r->version, __ATOMIC_ACQUIRE);
}

/* Add a route, or remove the one equal in prefix, hop, metric and origin (-ENOENT: none is).
 * To add what is known changes nothing; -EINVAL: no prefix, or a hop that a route cannot have. */
int rib_add(struct rib *r, const struct route *route);
int rib_remove(struct rib *r, const struct route *route);

/* The number of one hop of a group, chosen by hash, of which the upper bits matter most; whether
 * there is something to choose. */
static inline bool rib_is_group(const struct rib *r, uint16_t number)
{
	return r->hops[number].kind == HOP_GROUP;
}

static inline uint16_t rib_choose(const struct rib *r, uint16_t group, uint32_t hash)
{
	const struct hop *hop = &r->hops[group];

	return hop->group[(uint64_t)hash * hop->group_count >> 32];
}

/* The hop of a number that a lookup returned; hop 0 is HOP_NONE. A group is resolved by hash, so
 * that what is returned never is one. */
static inline const struct hop *rib_hop(const struct rib *r, uint16_t number, uint32_t hash)
{
	return &r->hops[rib_is_group(r, number) ? rib_choose(r, number, hash) : number];
}

/* Whether a hop, or one of a group, leads out of an interface. */
static inline bool hop_leads_out(const struct hop *hop, uint16_t interface)
{
	return (hop->kind == HOP_VIA || hop->kind == HOP_LINK) && hop->interface == interface;
}

static inline bool rib_leads_out(const struct rib *r, uint16_t number, uint16_t interface)
{
	const struct hop *hop = &r->hops[number];

	for (uint32_t i = 0; i < hop->group_count; i++)
		if (hop_leads_out(&r->hops[hop->group[i]], interface))
			return true;
	return hop_leads_out(hop, interface);
}

/* Every route known, in order of prefix and metric; best says whether it is in use. Start with
 * *cursor = 0. */
bool rib_next(const struct rib *r, size_t *cursor, struct route *route, bool *best);

/* Call after all readers have passed a quiescent state: frees what changes left behind. */
void rib_reclaim(struct rib *r);

/* Fill with what a configuration implies: own addresses (local), networks (connected), broadcast
 * addresses, pool addresses and static routes. After an error it holds a part of them. */
int rib_fill(struct rib *r, const struct conf *c);

#endif
