/*
 * Pools across a reload. Ports are counted by the place that an address has in the pool, so an address
 * keeps its place for as long as the gateway runs: one that the new configuration does not name is
 * nobody's there, and may come back.
 */
#include "gateway_core.h"

#include <stdlib.h>
#include <string.h>

static const be32 *places_of(const struct conf *c)
{
	return c->places ? c->places : c->pool;
}

static size_t place_of(const struct conf *was, be32 address)
{
	size_t i = 0;

	while (i < was->nat.pool_count && !be32_equal(places_of(was)[i], address))
		i++;
	return i;
}

/* Where the addresses of an entry were: it must have all between the first and the last alone, and one
 * with a plan of ports the same as before. */
static bool move_policy(const struct conf *was, const struct conf *now, be32 *pool,
			struct nat_policy *p)
{
	size_t first = SIZE_MAX, last = 0;

	for (size_t i = 0; i < p->pool_count; i++) {
		be32 address = now->pool[p->pool_first + i];
		size_t at = place_of(was, address);

		if (at == was->nat.pool_count)
			return false;
		pool[at] = address;
		first = at < first ? at : first;
		last = at > last ? at : last;
	}
	if (p->port_selection >= NAT_PORT_BLOCK && last - first + 1 != p->pool_count)
		return false;
	p->pool_first = (uint16_t)first;
	p->pool_count = (uint16_t)(last - first + 1);
	return true;
}

static bool overlap(const struct nat_policy *a, const struct nat_policy *b)
{
	return a->pool_count && b->pool_count && a->pool_first < b->pool_first + b->pool_count &&
	       b->pool_first < a->pool_first + a->pool_count;
}

static bool move_policies(const struct conf *was, const struct conf *now, be32 *pool,
			  struct nat_policy *policies)
{
	for (size_t i = 0; i < now->nat_count; i++) {
		if (policies[i].pool_count && !move_policy(was, now, pool, &policies[i]))
			return false;
		for (size_t k = 0; k < i; k++)
			if (overlap(&policies[k], &policies[i]))
				return false;
	}
	return true;
}

const char *gateway_keep_places(const struct conf *was, struct conf *now)
{
	size_t count = was->nat.pool_count, room = (count ? count : 1) * sizeof(be32);
	be32 *pool = calloc(1, room), *places = malloc(room);

	if (!pool || !places || !move_policies(was, now, pool, now->policies)) {
		free(pool);
		free(places);
		return "a nat pool";
	}
	memcpy(places, places_of(was), count * sizeof(*places));
	free(now->pool);
	free(now->places);
	now->pool = pool;
	now->places = places;
	now->nat.pool = pool;
	now->nat.pool_count = count;
	return NULL;
}
