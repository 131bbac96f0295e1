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
	be32 *pool;   /* by place: what now has there; 0: nothing */
	be32 *places; /* and who it belongs to */
};

void pool_set(be32 *pool, struct nat_policy *p, be32 now)
{
	bool idle = p->on_address_change == NAT_CHANGE_IDLE;
	uint16_t here = p->pool_first, spare = (uint16_t)(p->left - 1);

	if (p->left && !idle)
		pool[spare] = (be32){ 0 };
	/* What is to move waits until it knows where to. */
	if (be32_equal(pool[here], now) || (!now.raw && p->on_address_change == NAT_CHANGE_MOVE))
		return;
	if (p->left && idle && (pool[here].raw || be32_equal(pool[spare], now))) {
		pool[spare] = now;
		p->pool_first = spare;
		p->left = (uint16_t)(here + 1);
	} else {
		pool[here] = now;
	}
}

/* The entry of before that had the same pool: of the same interface, or by its name. */
static const struct nat_policy *policy_before(const struct moving *m, size_t at)
{
	const struct conf_nat *n = &m->now->nats[at];

	for (size_t i = 0; i < m->was->nat_count; i++) {
		const struct conf_nat *w = &m->was->nats[i];
		bool same = m->now->policies[at].left
				    ? w->pool_interface == n->pool_interface
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
	m->pool[p->pool_first] = m->was->pool[p->pool_first];
	m->pool[p->left - 1] = m->was->pool[p->left - 1];
	return true;
}

static size_t place_of(const struct moving *m, be32 address)
{
	size_t i = 0;

	while (i < m->was->nat.pool_count && !be32_equal(m->places[i], address))
		i++;
	return i;
}

static bool is_named(const struct conf *c, be32 address)
{
	for (size_t i = 0; i < c->nat.pool_count; i++)
		if (be32_equal(c->pool[i], address))
			return true;
	return false;
}

/* A place in the entry's old pool whose address is not named any more. */
static size_t free_place(const struct moving *m, size_t at)
{
	const struct nat_policy *was = policy_before(m, at);
	size_t i = was ? was->pool_first : 0, end = was ? i + was->pool_count : 0;

	while (i < end && is_named(m->now, m->places[i]))
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
		be32 address = m->now->pool[p->pool_first + i];
		size_t place = place_of(m, address);

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

const char *gateway_keep_places(const struct conf *was, struct conf *now)
{
	size_t count = was->nat.pool_count, room = (count ? count : 1) * sizeof(be32);
	struct moving m = { was, now, calloc(1, room), malloc(room) };

	if (m.places)
		memcpy(m.places, was->places ? was->places : was->pool, count * sizeof(be32));
	if (!m.pool || !m.places || !keep_all(&m)) {
		free(m.pool);
		free(m.places);
		return "a nat pool";
	}
	free(now->pool);
	free(now->places);
	now->pool = m.pool;
	now->places = m.places;
	now->nat.pool = m.pool;
	now->nat.pool_count = count;
	return NULL;
}
