/*
 * Routes as configured or learned, and the best of them put into forwarding tables.
 *
 * Sources  RFC 1812 section 5.2.4; RFC 2992 (equal ways); ip-rule(8).
 * Shape    Several routes per prefix may be known. The one of the least metric is used, among
 *          equals that of the first origin; unicast routes equal in both share, up to
 *          HOP_GROUP_MOST of them. One that leads through an interface that is down is not used, and
 *          is again when that is up. What a packet needs is a hop: where to send it, by number, in
 *          the table of hops, which all tables of routes share.
 * Rules    Table 0, main, is what there is without rules. A rule names a table for what comes from a
 *          prefix; it is asked in its turn, before main, and the next one if it has no route. What
 *          main knows to be for the router, its NAT, or for all on a link, no rule changes.
 * Memory   rib_new() to rib_free(). Changes by one thread, at any time; rib_version() and lookups by
 *          any, without a lock or a write. What changes leave behind, and numbers of hops that
 *          nobody uses, stay until rib_reclaim().
 * Promise  A lookup sees what was before a change or what is after it. So that a destination is never
 *          without a route in between, replace it by rib_replace() or rib_set(), or add first.
 * Errors   -ENOMEM, -ENOSPC (more than FIB_HOP_MOST different hops, RIB_TABLES tables, RULES_MOST
 *          rules, ROUTES_MOST routes to one prefix): nothing was changed.
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
	HOP_ORDER,	 /* the first of two whose interface is up; either may be a group or an order */
};

enum { HOP_GROUP_MOST = 16, RIB_TABLES = 16, RIB_INTERFACES = 32, RULES_MOST = 256,
       ROUTES_MOST = 255 };

struct hop {
	enum hop_kind kind;
	uint16_t interface; /* index into the configuration's */
	uint32_t group_count;
	uint16_t group[HOP_GROUP_MOST]; /* numbers of the hops that share, or of the two in order */
	struct address via; /* for HOP_VIA */
};

enum route_origin { ORIGIN_LOCAL, ORIGIN_CONNECTED, ORIGIN_STATIC, ORIGIN_KERNEL };

struct route {
	struct prefix prefix;
	struct hop hop; /* anything but HOP_GROUP and HOP_ORDER */
	uint32_t metric;
	enum route_origin origin;
	uint8_t table;
};

/* Look up in a table what comes from a prefix. Those of the first origin are asked first, then those
 * of the least priority. */
struct rule {
	struct prefix from;
	uint32_t priority;
	enum route_origin origin;
	uint8_t table;
};

/* What lookups read; the rest lies behind it. Only rib*.c change it. */
struct rib {
	const struct hop *hops;	   /* by number; they never move */
	const struct rules *rules; /* NULL: everything is looked up in main */
	uint32_t down;		   /* interfaces that are: a bit for each */
	uint32_t version;
	uint32_t table_count;
	struct fib *tables[RIB_TABLES];
};

struct rib *rib_new(void);
void rib_free(struct rib *r);

/* The forwarding table of main. */
static inline struct fib *rib_fib(const struct rib *r)
{
	return r->tables[0];
}

/* A number that is another one after each change that lookups can see. Whoever keeps an answer
 * reads it before he asks, and asks again once it is not the same: no change is missed, since it
 * grows after the change is visible. Each rib counts for itself, from 1. */
static inline uint32_t rib_version(const struct rib *r)
{
	return __atomic_load_n(&r->version, __ATOMIC_ACQUIRE);
}

/* Add a route, or remove the one equal in table, prefix, hop, metric and origin (-ENOENT: none is);
 * one in place of another to the same prefix, at once. To add what is known changes nothing. -EINVAL:
 * no such table, no prefix, or a hop that a route cannot have. */
int rib_add(struct rib *r, const struct route *route);
int rib_remove(struct rib *r, const struct route *route);
int rib_replace(struct rib *r, const struct route *was, const struct route *now);

/* All routes of this table, prefix, metric and origin lead to these hops from now on; none: there are
 * none. route->hop does not count. */
int rib_set(struct rib *r, const struct route *route, const struct hop *hops, size_t count);

/* For a list that replaces what was known: doubt all of an origin, and of an IP version if that is not
 * 0, add or set what is in the list, and sweep away the others. Returns the first error; what failed
 * stays, and is doubted. */
void rib_doubt(struct rib *r, enum route_origin origin, uint8_t version);
int rib_sweep(struct rib *r, enum route_origin origin, uint8_t version);

/* The table of a name, which is the kernel's number for it and not 0, made if need be; 0: a new one.
 * And the name of a table. */
int rib_table(struct rib *r, uint32_t name);
uint32_t rib_table_name(const struct rib *r, uint8_t table);

/* As with routes. The i-th in the order they are asked; NULL: there are no more. */
int rib_rule_add(struct rib *r, const struct rule *rule);
int rib_rule_remove(struct rib *r, const struct rule *rule);
const struct rule *rib_rule(const struct rib *r, size_t i);

/* An interface has gone down, or is up, as all are at first. However many routes lead there, this is
 * one store. */
void rib_link(struct rib *r, uint16_t interface, bool up);

/* Take over what a configuration does not say, by another rib of the same interfaces: which are up, and
 * the tables, routes and rules of the kernel. */
int rib_inherit(struct rib *now, const struct rib *was);

/* The number of the hop for a destination, octets as in an address, by main alone. */
static inline uint16_t rib_main(const struct rib *r, uint8_t version, const uint8_t *destination)
{
	return version == 4 ? fib_lookup4(r->tables[0], be32_load(destination)) :
			      fib_lookup6(r->tables[0], destination);
}

/* Whether that is all: there are no rules, and every link is up. */
static inline bool rib_is_plain(const struct rib *r)
{
	return !__atomic_load_n(&r->rules, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&r->down, __ATOMIC_RELAXED);
}

/* The same by rules and by the state of links; main: what main alone has. */
uint16_t rib_ask(const struct rib *r, const struct address *source, const uint8_t *destination,
		 uint16_t main);

/* What lookups are for: the number of a hop, a group or an order. */
static inline uint16_t rib_lookup(const struct rib *r, const struct address *source,
				  const uint8_t *destination)
{
	uint16_t number = rib_main(r, source->version, destination);

	return rib_is_plain(r) ? number : rib_ask(r, source, destination, number);
}

/* Whether there is something to choose. */
static inline bool rib_is_group(const struct rib *r, uint16_t number)
{
	return r->hops[number].kind >= HOP_GROUP;
}

/* The number of one hop of a group or order, by hash, of those that are up. One that comes or goes
 * moves only its share (RFC 2992). */
uint16_t rib_choose(const struct rib *r, uint16_t group, uint32_t hash);

/* The hop of a number that a lookup returned; hop 0 is HOP_NONE. A group is resolved by hash, so
 * that what is returned never is one. */
static inline const struct hop *rib_hop(const struct rib *r, uint16_t number, uint32_t hash)
{
	return &r->hops[rib_is_group(r, number) ? rib_choose(r, number, hash) : number];
}

/* Whether a hop, or any one that may be chosen, leads out of an interface. */
bool rib_leads_out(const struct rib *r, uint16_t number, uint16_t interface);

/* Every route known, in order of table, prefix and metric; best says whether it is in use. Start with
 * *cursor = 0. */
bool rib_next(const struct rib *r, size_t *cursor, struct route *route, bool *best);

/* Call after all readers have passed a quiescent state: frees what changes left behind. */
void rib_reclaim(struct rib *r);

/* Fill with what a configuration implies: own addresses (local), networks (connected), broadcast
 * addresses, pool addresses and static routes. Those with the same `from` are a table, which knows
 * the networks of interfaces, too, and is asked in order of its length. After an error it holds a
 * part of them. */
int rib_fill(struct rib *r, const struct conf *c);

#endif
