/*
 * Pools across a reload. Ports are counted by the place that an address has in the pool, so an address
 * keeps its place for as long as the gateway runs. One that the new configuration does not name is
 * nobody's there: it may come back, or an address that is new in the entry takes the place. The address
 * of an interface has its place, and another to change to.
 */
#include "gateway_core.h"

#include <stdlib.h>
#include <string.h>

/* Pools on their way from one configuration to the next. */
struct moving {
	const struct conf *was;
	struct conf *now;
	struct address *pool;   /* by place: what now has there; of version 0: nothing */
	struct address *places; /* and who it belongs to */
};

void pool_set(struct conf *c, struct nat_policy *p, const struct address *now)
{
	const struct address nobody = { 0 };
	bool idle = p->on_address_change == NAT_CHANGE_IDLE;
	uint16_t at = p->pool_first, other = (uint16_t)(p->left - 1);
	struct address here = conf_pool_address(c, at), spare = nobody;

	if (p->left && !idle)
		conf_pool_put(c, other, &nobody);
	else if (p->left)
		spare = conf_pool_address(c, other);
	/* What is to move waits until it knows where to. */
	if (address_equal(&here, now) || (!now->version && p->on_address_change == NAT_CHANGE_MOVE))
		return;
	if (p->left && idle && (here.version || address_equal(&spare, now))) {
		conf_pool_put(c, other, now);
		p->pool_first = other;
		p->left = (uint16_t)(at + 1);
	} else {
		conf_pool_put(c, at, now);
	}
}

/* The entry of before that had the same pool: of the same interface, or by its name. */
static const struct nat_policy *policy_before(const struct moving *m, size_t at)
{
	const struct conf_nat *n = &m->now->nats[at];

	for (size_t i = 0; i < m->was->nat_count; i++) {
		const struct conf_nat *w = &m->was->nats[i];
		bool same = m->now->policies[at].left
				    ? w->pool_interface == n->pool_interface &&
					      conf_pool_version(&m->was->policies[i]) ==
						      conf_pool_version(&m->now->policies[at])
				    : w->name && n->name && strcmp(w->name, n->name) == 0;

		if (same && m->was->policies[i].pool_count &&
		    !m->was->policies[i].left == !m->now->policies[at].left)
			return &m->was->policies[i];
	}
	return NULL;
}

/* As it was, whatever it is to be: gateway_settle() will see. */
static bool keep_interface(struct moving *m, size_t at)
{
	const struct nat_policy *was = policy_before(m, at);
	struct nat_policy *p = &m->now->policies[at];

	if (!was)
		return false;
	p->pool_first = was->pool_first;
	p->left = was->left;
	m->pool[p->pool_first] = conf_pool_address(m->was, p->pool_first);
	m->pool[p->left - 1] = conf_pool_address(m->was, p->left - 1u);
	return true;
}

static size_t place_of(const struct moving *m, const struct address *a)
{
	size_t i = 0;

	while (i < m->was->nat.pool_count && !address_equal(&m->places[i], a))
		i++;
	return i;
}

static bool is_named(const struct conf *c, const struct address *a)
{
	for (size_t i = 0; i < c->nat.pool_count; i++) {
		struct address named = conf_pool_address(c, i);

		if (address_equal(&named, a))
			return true;
	}
	return false;
}

/* A place in the entry's old pool whose address is not named any more. */
static size_t free_place(const struct moving *m, size_t at)
{
	const struct nat_policy *was = policy_before(m, at);
	size_t i = was ? was->pool_first : 0, end = was ? i + was->pool_count : 0;

	while (i < end && is_named(m->now, &m->places[i]))
		i++;
	return i < end ? i : m->was->nat.pool_count;
}

/* Where the addresses of an entry were, or now are: it must have all between the first and the last
 * alone, and one with a plan of ports the same number as before. */
static bool keep_entry(struct moving *m, size_t at)
{
	struct nat_policy *p = &m->now->policies[at];
	size_t first = SIZE_MAX, last = 0;

	for (size_t i = 0; i < p->pool_count; i++) {
		struct address address = conf_pool_address(m->now, p->pool_first + i);
		size_t place = place_of(m, &address);

		if (place == m->was->nat.pool_count)
			place = free_place(m, at);
		if (place == m->was->nat.pool_count)
			return false;
		m->pool[place] = m->places[place] = address;
		first = place < first ? place : first;
		last = place > last ? place : last;
	}
	if (p->port_selection >= NAT_PORT_BLOCK && last - first + 1 != p->pool_count)
		return false;
	p->pool_first = (uint16_t)first;
	p->pool_count = (uint16_t)(last - first + 1);
	return true;
}

/* The address that a has left is one of b's. */
static bool has_left(const struct nat_policy *a, const struct nat_policy *b)
{
	return a->left > b->pool_first && a->left <= b->pool_first + b->pool_count;
}

static bool overlap(const struct nat_policy *a, const struct nat_policy *b)
{
	return a->pool_count && b->pool_count &&
	       ((a->pool_first < b->pool_first + b->pool_count &&
		 b->pool_first < a->pool_first + a->pool_count) || has_left(a, b) || has_left(b, a));
}

static bool keep_all(struct moving *m)
{
	for (size_t i = 0; i < m->now->nat_count; i++) {
		struct nat_policy *p = &m->now->policies[i];

		if (p->pool_count && !(p->left ? keep_interface(m, i) : keep_entry(m, i)))
			return false;
		for (size_t k = 0; k < i; k++)
			if (overlap(&m->now->policies[k], p))
				return false;
	}
	return true;
}

/* The pools as they are now, in the places that they had. */
static bool adopt(struct moving *m, size_t count)
{
	struct conf *c = m->now;
	be32 *pool = calloc(count ? count : 1, sizeof(*pool));
	struct ip6 *pool6 = calloc(count ? count : 1, sizeof(*pool6));

	if (!pool || !pool6) {
		free(pool);
		free(pool6);
		return false;
	}
	free(c->pool);
	free(c->pool6);
	free(c->places);
	c->pool = pool;
	c->pool6 = pool6;
	c->places = m->places;
	for (size_t i = 0; i < count; i++)
		conf_pool_put(c, i, &m->pool[i]);
	c->nat.pool = pool;
	c->nat.pool6 = pool6;
	c->nat.pool_count = count;
	return true;
}

const char *gateway_keep_places(const struct conf *was, struct conf *now)
{
	size_t count = was->nat.pool_count, room = count ? count : 1;
	struct moving m = { was, now, calloc(room, sizeof(*m.pool)), calloc(room, sizeof(*m.places)) };
	bool kept = false;

	for (size_t i = 0; m.places && i < count; i++)
		m.places[i] = was->places ? was->places[i] : conf_pool_address(was, i);
	if (m.pool && m.places && keep_all(&m))
		kept = adopt(&m, count);
	free(m.pool);
	if (kept)
		return NULL;
	free(m.places);
	return "a nat pool";
}
