/*
 * A change of routes is made on a draft of what is known of one prefix. The forwarding table gets the
 * number that the draft deserves with one store, and only then the draft becomes what is known: there
 * is no moment without a route between two, and what fails has changed nothing.
 */
#include "rib_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is to be known of a prefix: it refers to the hops by itself. */
struct draft {
	struct candidate at[ROUTES_MOST];
	unsigned count;
};

static void draft_open(struct routes *r, struct draft *d, const struct destination *from)
{
	d->count = from->count;
	memcpy(d->at, candidates_of(from), from->count * sizeof(d->at[0]));
	for (unsigned i = 0; i < d->count; i++)
		hops_hold(&r->hops, d->at[i].hop);
}

static void drop_all(struct routes *r, const struct candidate *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		hops_drop(&r->hops, c[i].hop);
}

static void draft_erase(struct routes *r, struct draft *d, unsigned at)
{
	struct candidate *from = d->at + at;

	hops_drop(&r->hops, from->hop);
	d->count--;
	memmove(from, from + 1, (d->count - at) * sizeof(*from));
}

/* Behind those that are as good; nothing if it is there already. */
static int draft_put(struct routes *r, struct draft *d, const struct route *like,
		     const struct hop *hop, bool doubted)
{
	struct candidate c = { .metric = like->metric, .origin = (uint8_t)like->origin,
			       .doubted = doubted };
	struct hop plain = hop_plain(hop);
	unsigned at = d->count;
	int number = hops_take(&r->hops, &plain);

	if (number < 0)
		return number;
	c.hop = (uint16_t)number;
	for (unsigned i = 0; i < d->count; i++)
		if (d->at[i].hop == c.hop && order_compare(r, &d->at[i], &c) == 0) {
			hops_drop(&r->hops, c.hop);
			return 0;
		}
	if (d->count == ROUTES_MOST) {
		hops_drop(&r->hops, c.hop);
		return -ENOSPC;
	}
	while (at > 0 && order_compare(r, &c, &d->at[at - 1]) < 0)
		at--;
	memmove(d->at + at + 1, d->at + at, (d->count - at) * sizeof(c));
	d->at[at] = c;
	d->count++;
	return 0;
}

/* Make the forwarding table say what the draft says. */
static int install(struct routes *r, const struct destination *to, const struct draft *d)
{
	struct fib *fib = r->rib.tables[to->table];
	int number = order_take(r, d->at, d->count), error = 0;
	uint16_t was = fib_get(fib, &to->prefix);

	if (number < 0)
		return number;
	if (number != was) {
		error = number ? fib_set(fib, &to->prefix, (uint16_t)number) :
				 fib_remove(fib, &to->prefix);
		if (!error)
			rib_changed(&r->rib);
	}
	if (error)
		was = (uint16_t)number;
	if (was)
		hops_drop(&r->hops, was);
	return error;
}

static int commit(struct routes *r, struct destination *to, const struct draft *d)
{
	struct candidate *many = d->count > 1 ? malloc(d->count * sizeof(*many)) : NULL;
	int error = d->count > 1 && !many ? -ENOMEM : install(r, to, d);

	if (error) {
		free(many);
		return error;
	}
	drop_all(r, candidates_of(to), to->count);
	if (to->count > 1)
		free(to->many);
	to->count = (uint8_t)d->count;
	if (many)
		to->many = memcpy(many, d->at, d->count * sizeof(*many));
	else if (d->count)
		to->one = d->at[0];
	return 0;
}

/* error: that the draft could not be made. The draft ends, and a destination without routes. */
static int finish(struct routes *r, uint32_t i, const struct draft *d, int error)
{
	if (!error)
		error = commit(r, &r->all[i], d);
	if (error)
		drop_all(r, d->at, d->count);
	store_drop_empty(r, i);
	return error;
}

static bool is_valid_hop(const struct hop *hop)
{
	return hop->kind > HOP_NONE && hop->kind < HOP_GROUP &&
	       (!hop_is_unicast(hop) || hop->interface < RIB_INTERFACES);
}

static bool is_valid(const struct routes *r, const struct route *route)
{
	const struct address *a = &route->prefix.address;

	return route->table < r->rib.table_count && (a->version == 4 || a->version == 6) &&
	       route->prefix.len <= address_bits(a);
}

/* Which candidate a route is; d->count: none. */
static unsigned position(const struct routes *r, const struct destination *d,
			 const struct route *route)
{
	const struct candidate *c = candidates_of(d);
	struct hop hop = hop_plain(&route->hop);
	unsigned at = 0;

	while (at < d->count && (c[at].metric != route->metric || c[at].origin != route->origin ||
				 !hop_equal(&r->hops.all[c[at].hop], &hop)))
		at++;
	return at;
}

static struct candidate *candidate_at(struct destination *d, unsigned at)
{
	return (d->count > 1 ? d->many : &d->one) + at;
}

int routes_add(struct routes *r, const struct route *route, bool doubted)
{
	struct prefix prefix = prefix_masked(route->prefix);
	struct draft d;
	uint32_t i;
	unsigned at;

	if (!is_valid(r, route) || !is_valid_hop(&route->hop))
		return -EINVAL;
	i = store_find(r, route->table, &prefix);
	at = i ? position(r, &r->all[i], route) : 0;
	if (i && at < r->all[i].count) {
		candidate_at(&r->all[i], at)->doubted = doubted;
		return 0;
	}
	if (!i)
		i = store_make(r, route->table, &prefix);
	if (!i)
		return -ENOMEM;
	draft_open(r, &d, &r->all[i]);
	return finish(r, i, &d, draft_put(r, &d, route, &route->hop, doubted));
}

int rib_add(struct rib *rib, const struct route *route)
{
	return routes_add((struct routes *)rib, route, false);
}

/* Take one out and, if there is one, put another one in. */
static int exchange(struct routes *r, const struct route *was, const struct route *now)
{
	struct prefix prefix = prefix_masked(was->prefix);
	uint32_t i = store_find(r, was->table, &prefix);
	unsigned at = i ? position(r, &r->all[i], was) : 0;
	struct draft d;

	if (!i || at == r->all[i].count)
		return -ENOENT;
	draft_open(r, &d, &r->all[i]);
	draft_erase(r, &d, at);
	return finish(r, i, &d, now ? draft_put(r, &d, now, &now->hop, false) : 0);
}

int rib_remove(struct rib *rib, const struct route *route)
{
	return exchange((struct routes *)rib, route, NULL);
}

int rib_replace(struct rib *rib, const struct route *was, const struct route *now)
{
	struct routes *r = (struct routes *)rib;
	struct prefix from = prefix_masked(was->prefix), to = prefix_masked(now->prefix);

	if (!is_valid(r, now) || !is_valid_hop(&now->hop) || was->table != now->table ||
	    !prefix_equal(&from, &to))
		return -EINVAL;
	return exchange(r, was, now);
}

static int set(struct routes *r, uint32_t i, const struct route *route, const struct hop *hops,
	       size_t count)
{
	struct draft d;
	int error = 0;

	draft_open(r, &d, &r->all[i]);
	for (unsigned at = d.count; at-- > 0;)
		if (d.at[at].metric == route->metric && d.at[at].origin == route->origin)
			draft_erase(r, &d, at);
	for (size_t k = 0; !error && k < count; k++)
		error = draft_put(r, &d, route, &hops[k], false);
	return finish(r, i, &d, error);
}

int rib_set(struct rib *rib, const struct route *route, const struct hop *hops, size_t count)
{
	struct routes *r = (struct routes *)rib;
	struct prefix prefix = prefix_masked(route->prefix);
	bool valid = is_valid(r, route);
	uint32_t i;

	for (size_t k = 0; k < count; k++)
		valid &= is_valid_hop(&hops[k]);
	if (!valid)
		return -EINVAL;
	i = store_find(r, route->table, &prefix);
	if (!i && !count)
		return 0;
	if (!i)
		i = store_make(r, route->table, &prefix);
	return i ? set(r, i, route, hops, count) : -ENOMEM;
}

static bool is_of(const struct destination *d, uint8_t version)
{
	return !version || d->prefix.address.version == version;
}

void rib_doubt(struct rib *rib, enum route_origin origin, uint8_t version)
{
	struct routes *r = (struct routes *)rib;

	for (uint32_t i = 1; i < r->used; i++)
		for (unsigned at = 0; is_of(&r->all[i], version) && at < r->all[i].count; at++) {
			struct candidate *c = candidate_at(&r->all[i], at);

			c->doubted |= c->origin == origin;
		}
}

static bool is_doubted(const struct candidate *c, enum route_origin origin)
{
	return c->doubted && c->origin == origin;
}

static int sweep(struct routes *r, uint32_t i, enum route_origin origin)
{
	const struct candidate *c = candidates_of(&r->all[i]);
	struct draft d;
	unsigned at = 0;

	while (at < r->all[i].count && !is_doubted(&c[at], origin))
		at++;
	if (at == r->all[i].count)
		return 0;
	draft_open(r, &d, &r->all[i]);
	for (at = d.count; at-- > 0;)
		if (is_doubted(&d.at[at], origin))
			draft_erase(r, &d, at);
	return finish(r, i, &d, 0);
}

int rib_sweep(struct rib *rib, enum route_origin origin, uint8_t version)
{
	struct routes *r = (struct routes *)rib;
	int first = 0;

	for (uint32_t i = 1; i < r->used; i++) {
		int error = is_of(&r->all[i], version) ? sweep(r, i, origin) : 0;

		first = first ? first : error;
	}
	return first;
}

/* In the same table or, with the one behind it, the next. */
static uint32_t next_destination(const struct routes *r, uint32_t i)
{
	struct fib_cursor place = { .started = i > 0 };
	struct prefix p;
	uint16_t hop;

	if (i)
		place.at = r->all[i].prefix;
	for (uint8_t table = i ? r->all[i].table : 0; table < r->rib.table_count; table++) {
		if (fib_next(r->rib.tables[table], &place, &p, &hop))
			return store_find(r, table, &p);
		place = (struct fib_cursor){ .started = false };
	}
	return 0;
}

/* The cursor is where the next one would be: destination in the upper bits, candidate in 16. */
bool rib_next(const struct rib *rib, size_t *cursor, struct route *route, bool *best)
{
	const struct routes *r = (const struct routes *)rib;
	uint32_t i = (uint32_t)(*cursor >> 16), at = *cursor & 0xffff;
	const struct destination *d;
	const struct candidate *c;

	if (!i || at >= r->all[i].count) {
		i = next_destination(r, i);
		at = 0;
	}
	if (!i)
		return false;
	d = &r->all[i];
	c = candidates_of(d) + at;
	*route = (struct route){ d->prefix, r->hops.all[c->hop], c->metric, c->origin, d->table };
	*best = order_is_best(r, candidates_of(d), d->count, at);
	*cursor = (size_t)i << 16 | (at + 1);
	return true;
}
