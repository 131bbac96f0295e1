#include "router/rib.h"

#include <errno.h>
#include <stdlib.h>

#include "rib_hops.h"

/* A route to a known prefix. */
struct candidate {
	uint32_t metric;
	uint16_t hop;
	uint8_t origin;
};

/* A prefix and the routes to it, the best first. It has one at least, or is free. */
struct destination {
	struct prefix prefix;
	uint16_t hop;	/* that the forwarding table has; 0: none */
	uint16_t count;
	uint32_t next; /* with the same hash; or free */
	struct candidate *candidates;
};

enum { CHAINS_LEAST = 1024, CANDIDATES_MOST = UINT16_MAX };

struct routes {
	struct rib rib; /* the part that everybody knows; it comes first */
	struct hops hops;
	struct destination *all; /* all[0] is not used */
	uint32_t used, most, free;
	uint32_t *chains;
	uint32_t chain_count, count;
};

_Static_assert(sizeof(struct prefix) == 18, "a prefix is compared and hashed as octets");

struct rib *rib_new(void)
{
	struct routes *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->rib = (struct rib){ .fib = fib_new(), .version = 1 };
	r->used = 1;
	r->chain_count = CHAINS_LEAST;
	r->chains = calloc(CHAINS_LEAST, sizeof(*r->chains));
	if (hops_open(&r->hops) || !r->rib.fib || !r->chains) {
		rib_free(&r->rib);
		return NULL;
	}
	r->rib.hops = r->hops.all;
	return &r->rib;
}

void rib_free(struct rib *rib)
{
	struct routes *r = (struct routes *)rib;

	if (!r)
		return;
	for (uint32_t i = 1; i < r->used; i++)
		free(r->all[i].candidates);
	free(r->all);
	free(r->chains);
	hops_close(&r->hops);
	fib_free(r->rib.fib);
	free(r);
}

static uint32_t *chain_of(const struct routes *r, const struct prefix *p)
{
	return &r->chains[hash_octets(0, p, sizeof(*p)) & (r->chain_count - 1)];
}

static uint32_t find(const struct routes *r, const struct prefix *p)
{
	uint32_t i = *chain_of(r, p);

	while (i && memcmp(&r->all[i].prefix, p, sizeof(*p)) != 0)
		i = r->all[i].next;
	return i;
}

/* Twice as many chains, if there is memory for them; they only make it faster. */
static void lengthen(struct routes *r)
{
	uint32_t count = 2 * r->chain_count;
	uint32_t *chains = calloc(count, sizeof(*chains));

	if (!chains)
		return;
	free(r->chains);
	r->chains = chains;
	r->chain_count = count;
	for (uint32_t i = 1; i < r->used; i++) {
		uint32_t *chain = chain_of(r, &r->all[i].prefix);

		if (!r->all[i].count)
			continue;
		r->all[i].next = *chain;
		*chain = i;
	}
}

/* A destination that is free; 0: no memory. */
static uint32_t take(struct routes *r)
{
	uint32_t i = r->free, most = r->most ? 2 * r->most : 64;
	struct destination *all;

	if (i) {
		r->free = r->all[i].next;
		return i;
	}
	if (r->used >= r->most) {
		all = realloc(r->all, most * sizeof(*all));
		if (!all)
			return 0;
		r->all = all;
		r->most = most;
	}
	return r->used++;
}

static uint32_t make(struct routes *r, const struct prefix *p)
{
	uint32_t i, *chain;

	if (r->count >= r->chain_count)
		lengthen(r);
	i = take(r);
	if (!i)
		return 0;
	chain = chain_of(r, p);
	r->all[i] = (struct destination){ .prefix = *p, .next = *chain };
	*chain = i;
	r->count++;
	return i;
}

/* Its prefix stays, so that a listing that has come this far can go on. */
static void release_if_empty(struct routes *r, uint32_t i)
{
	struct destination *d = &r->all[i];
	uint32_t *at = chain_of(r, &d->prefix);

	if (d->count)
		return;
	while (*at != i)
		at = &r->all[*at].next;
	*at = d->next;
	free(d->candidates);
	d->candidates = NULL;
	d->next = r->free;
	r->free = i;
	r->count--;
}

static bool is_unicast(const struct routes *r, const struct candidate *c)
{
	enum hop_kind kind = r->hops.all[c->hop].kind;

	return kind == HOP_VIA || kind == HOP_LINK;
}

/* Negative if a is better, 0 if they are equal. */
static int compare(const struct routes *r, const struct candidate *a, const struct candidate *b)
{
	if (a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	if (a->origin != b->origin)
		return a->origin - b->origin;
	return is_unicast(r, b) - is_unicast(r, a);
}

/* How many of the first candidates are in use: equal unicast routes share. */
static uint16_t in_use(const struct routes *r, const struct destination *d)
{
	uint16_t i = 1;

	if (!d->count || !is_unicast(r, &d->candidates[0]))
		return d->count ? 1 : 0;
	while (i < d->count && i < HOP_GROUP_MOST &&
	       compare(r, &d->candidates[0], &d->candidates[i]) == 0)
		i++;
	return i;
}

/* The number of the hop a destination ought to have, referred to; 0: none. */
static int take_best(struct routes *r, const struct destination *d)
{
	struct hop group = { .kind = HOP_GROUP, .group_count = in_use(r, d) };

	if (group.group_count == 0)
		return 0;
	if (group.group_count == 1) {
		hops_hold(&r->hops, d->candidates[0].hop);
		return d->candidates[0].hop;
	}
	for (uint16_t i = 0; i < group.group_count; i++)
		group.group[i] = d->candidates[i].hop;
	return hops_take(&r->hops, &group);
}

/* What lookups find, and after that the version. */
static int publish(struct routes *r, const struct prefix *p, uint16_t number)
{
	int error = number ? fib_set(r->rib.fib, p, number) : fib_remove(r->rib.fib, p);

	if (!error)
		__atomic_store_n(&r->rib.version, r->rib.version + 1, __ATOMIC_RELEASE);
	return error;
}

/* Make the forwarding table say what the candidates say. */
static int install(struct routes *r, struct destination *d)
{
	int number = take_best(r, d), error = 0;
	uint16_t drop = d->hop;

	if (number < 0)
		return number;
	if (number != d->hop)
		error = publish(r, &d->prefix, (uint16_t)number);
	if (error)
		drop = (uint16_t)number;
	else
		d->hop = (uint16_t)number;
	if (drop)
		hops_drop(&r->hops, drop);
	return error;
}

static void insert(struct destination *d, uint16_t at, const struct candidate *c)
{
	struct candidate *to = d->candidates + at;

	memmove(to + 1, to, (size_t)(d->count - at) * sizeof(*to));
	*to = *c;
	d->count++;
}

static void erase(struct destination *d, uint16_t at)
{
	struct candidate *from = d->candidates + at;

	d->count--;
	memmove(from, from + 1, (size_t)(d->count - at) * sizeof(*from));
}

static int add_candidate(struct routes *r, struct destination *d, const struct candidate *c)
{
	struct candidate *more;
	uint16_t at = d->count;
	int error;

	if (d->count == CANDIDATES_MOST)
		return -ENOSPC;
	more = realloc(d->candidates, (d->count + 1u) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	d->candidates = more;
	/* Behind those that are as good. */
	while (at > 0 && compare(r, c, &d->candidates[at - 1]) < 0)
		at--;
	insert(d, at, c);
	error = install(r, d);
	if (error)
		erase(d, at);
	return error;
}

/* Which candidate a route is; d->count: none. */
static uint16_t position(const struct routes *r, const struct destination *d,
			 const struct route *route)
{
	struct hop hop = hop_plain(&route->hop);
	uint16_t at = 0;

	while (at < d->count && (d->candidates[at].metric != route->metric ||
				 d->candidates[at].origin != route->origin ||
				 !hop_equal(&r->hops.all[d->candidates[at].hop], &hop)))
		at++;
	return at;
}

static bool is_valid(const struct route *route)
{
	const struct address *a = &route->prefix.address;

	return route->hop.kind != HOP_NONE && route->hop.kind != HOP_GROUP &&
	       (a->version == 4 || a->version == 6) && route->prefix.len <= address_bits(a);
}

static int add_new(struct routes *r, uint32_t i, const struct route *route)
{
	struct candidate c = { .metric = route->metric, .origin = (uint8_t)route->origin };
	struct hop hop = hop_plain(&route->hop);
	int number = hops_take(&r->hops, &hop), error;

	if (number < 0)
		return number;
	c.hop = (uint16_t)number;
	error = add_candidate(r, &r->all[i], &c);
	if (error)
		hops_drop(&r->hops, c.hop);
	return error;
}

int rib_add(struct rib *rib, const struct route *route)
{
	struct routes *r = (struct routes *)rib;
	struct prefix prefix = prefix_masked(route->prefix);
	uint32_t i = find(r, &prefix);
	int error;

	if (!is_valid(route))
		return -EINVAL;
	if (i && position(r, &r->all[i], route) < r->all[i].count)
		return 0;
	if (!i)
		i = make(r, &prefix);
	if (!i)
		return -ENOMEM;
	error = add_new(r, i, route);
	release_if_empty(r, i);
	return error;
}

int rib_remove(struct rib *rib, const struct route *route)
{
	struct routes *r = (struct routes *)rib;
	struct prefix prefix = prefix_masked(route->prefix);
	uint32_t i = find(r, &prefix);
	uint16_t at = i ? position(r, &r->all[i], route) : 0;
	struct candidate c;
	int error;

	if (!i || at == r->all[i].count)
		return -ENOENT;
	c = r->all[i].candidates[at];
	erase(&r->all[i], at);
	error = install(r, &r->all[i]);
	if (error) {
		insert(&r->all[i], at, &c);
		return error;
	}
	hops_drop(&r->hops, c.hop);
	release_if_empty(r, i);
	return 0;
}

/* The cursor is where the next one would be: destination in the upper bits, candidate in 16. */
bool rib_next(const struct rib *rib, size_t *cursor, struct route *route, bool *best)
{
	const struct routes *r = (const struct routes *)rib;
	size_t i = *cursor >> 16, at = *cursor & 0xffff;
	struct fib_cursor place = { .started = i > 0 };
	struct prefix p;
	uint16_t hop;
	const struct candidate *c;

	if (i)
		place.at = r->all[i].prefix;
	if (!i || at >= r->all[i].count) {
		if (!fib_next(r->rib.fib, &place, &p, &hop))
			return false;
		i = find(r, &p);
		at = 0;
	}
	c = &r->all[i].candidates[at];
	*route = (struct route){ r->all[i].prefix, r->hops.all[c->hop], c->metric, c->origin };
	*best = at < in_use(r, &r->all[i]);
	*cursor = i << 16 | (at + 1);
	return true;
}

void rib_reclaim(struct rib *rib)
{
	struct routes *r = (struct routes *)rib;

	fib_reclaim(r->rib.fib);
	hops_reclaim(&r->hops);
}
