/*
 * Which of the routes to a prefix are used, and what is put into the forwarding table for them.
 *
 * Candidates stand in levels of equally good ones, the best first. The forwarding table has the first
 * level, a hop or a group; or, where another level leads elsewhere, an order of these two, which again
 * may be one. So lookups find at once what is left when a link goes down, and nothing has to be done for
 * the many routes that lead there. What leads only through interfaces of better levels is left out: if
 * one of them is up, that is better.
 */
#include "rib_core.h"

static bool is_unicast(const struct routes *r, const struct candidate *c)
{
	return hop_is_unicast(&r->hops.all[c->hop]);
}

int order_compare(const struct routes *r, const struct candidate *a, const struct candidate *b)
{
	if (a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	if (a->origin != b->origin)
		return a->origin - b->origin;
	return is_unicast(r, b) - is_unicast(r, a);
}

/* Those that are not unicast do not share. */
unsigned order_level(const struct routes *r, const struct candidate *c, unsigned count)
{
	unsigned n = 1;

	if (!count || !is_unicast(r, c))
		return count ? 1 : 0;
	while (n < count && n < HOP_GROUP_MOST && order_compare(r, c, c + n) == 0)
		n++;
	return n;
}

static uint32_t links_of(const struct routes *r, const struct candidate *c, unsigned count)
{
	uint32_t links = 0;

	for (unsigned i = 0; i < count; i++)
		links |= 1u << r->hops.all[c[i].hop].interface;
	return links;
}

static int take_level(struct routes *r, const struct candidate *c, unsigned count)
{
	struct hop group = { .kind = HOP_GROUP, .group_count = count };

	if (count == 1) {
		hops_hold(&r->hops, c->hop);
		return c->hop;
	}
	for (unsigned i = 0; i < count; i++)
		group.group[i] = c[i].hop;
	return hops_take(&r->hops, &group);
}

/* tried: interfaces of better levels. */
static int take_from(struct routes *r, const struct candidate *c, unsigned count, uint32_t tried)
{
	unsigned n = order_level(r, c, count);
	struct hop order = { .kind = HOP_ORDER, .group_count = 2 };
	int first = take_level(r, c, n), rest, number;

	if (first < 0 || !is_unicast(r, c))
		return first;
	tried |= links_of(r, c, n);
	while (n < count && is_unicast(r, c + n) && !(links_of(r, c + n, 1) & ~tried))
		n++;
	if (n == count)
		return first;
	rest = take_from(r, c + n, count - n, tried);
	if (rest < 0) {
		hops_drop(&r->hops, (uint16_t)first);
		return rest;
	}
	order.group[0] = (uint16_t)first;
	order.group[1] = (uint16_t)rest;
	number = hops_take(&r->hops, &order);
	hops_drop(&r->hops, (uint16_t)first);
	hops_drop(&r->hops, (uint16_t)rest);
	return number;
}

int order_take(struct routes *r, const struct candidate *c, unsigned count)
{
	return count ? take_from(r, c, count, 0) : 0;
}

bool order_is_best(const struct routes *r, const struct candidate *c, unsigned count, unsigned at)
{
	unsigned from = 0, n;
	bool up = false;

	for (; from <= at; from += n) {
		n = order_level(r, c + from, count - from);
		for (unsigned i = from; i < from + n; i++)
			up |= hop_is_up(&r->hops.all[c[i].hop], r->rib.down);
		if (up)
			return at < from + n && hop_is_up(&r->hops.all[c[at].hop], r->rib.down);
	}
	return false;
}
