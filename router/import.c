/*
 * The rib itself remembers what was imported; here is only what it cannot know.
 *
 * Of IPv4 routes that are equal in table, prefix and metric the kernel uses the first. The others,
 * which hardly ever exist, wait in a list until it is their turn.
 */
#include "import_core.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE_MOST = 4096 };

struct import *import_new(void)
{
	return calloc(1, sizeof(struct import));
}

void import_free(struct import *i)
{
	if (!i)
		return;
	free(i->spares);
	free(i->tables);
	free(i);
}

struct import_counters import_counters(const struct import *i)
{
	struct import_counters c = i->counters;

	c.left_out = i->left_out[0] + i->left_out[1];
	return c;
}

/* Devices that the kernel and we share. Of the others its end is another host's. */
static bool is_shared(const struct conf_interface *c)
{
	return c->type != IO_TUN && c->type != IO_TAP && c->type != IO_MEM && !c->netns;
}

static bool same_tables(const struct import *i, const struct conf *c)
{
	return i->table_count == c->import_table_count &&
	       (!c->import_table_count ||
		!memcmp(i->tables, c->import_tables, c->import_table_count * sizeof(*i->tables)));
}

bool import_configure(struct import *i, const struct conf *c)
{
	bool same = same_tables(i, c);
	uint32_t *tables;

	i->conf = c;
	if (same)
		return false;
	tables = calloc(c->import_table_count + 1, sizeof(*tables));
	if (!tables)
		return false;
	if (c->import_table_count)
		memcpy(tables, c->import_tables, c->import_table_count * sizeof(*tables));
	free(i->tables);
	i->tables = tables;
	i->table_count = c->import_table_count;
	return true;
}

int import_interface(const struct import *i, uint32_t link)
{
	for (size_t n = 0; link && n < i->conf->interface_count; n++)
		if (i->devices[n].link == link)
			return (int)n;
	return -1;
}

/* Whether a device of ours has become another one, or its state has changed: with it the kernel has
 * ended routes of IPv4, or uses ways again that were dead. */
static bool hear_link(struct import *i, const struct news *n)
{
	const struct news_link *link = &n->link;
	bool changed = false;

	for (size_t at = 0; at < i->conf->interface_count; at++) {
		const struct conf_interface *c = &i->conf->interfaces[at];
		bool is = n->kind == NEWS_IS && is_shared(c) && !strcmp(c->device, link->name);
		struct device *d = &i->devices[at], now = { .listed = is };

		if (is)
			now = (struct device){ link->index, link->up, true };
		else if (d->link != link->index)
			continue;
		changed |= d->link != now.link || d->up != now.up;
		*d = now;
	}
	return changed;
}

static bool hear_links(struct import *i, enum news_kind kind)
{
	bool changed = false;

	for (size_t at = 0; at < RIB_INTERFACES; at++) {
		struct device *d = &i->devices[at];

		if (kind == NEWS_BEGIN) {
			d->listed = false;
		} else if (d->link && !d->listed) {
			*d = (struct device){ 0 };
			changed = true;
		}
	}
	return changed;
}

static bool is_v6(const struct prefix *p)
{
	return p->address.version == 6;
}

static void tell(struct import *i, int error)
{
	if (error == -ENOENT) /* what was left out, or is gone already */
		return;
	i->counters.changes++;
	i->counters.failed += error < 0;
}

static bool is_own(const struct conf_interface *c, const struct address *a)
{
	for (size_t n = 0; n < c->address_count; n++)
		if (address_equal(&c->addresses[n].address, a))
			return true;
	return false;
}

/* The kernel may be a host on a link of ours, and we its router: not through ourselves. */
static bool way_read(const struct import *i, const struct news_way *way, struct hop *hop)
{
	int interface = import_interface(i, way->link);

	if (interface < 0 || is_own(&i->conf->interfaces[interface], &way->via))
		return false;
	*hop = (struct hop){ .kind = way->via.version ? HOP_VIA : HOP_LINK,
			     .interface = (uint16_t)interface, .via = way->via };
	return true;
}

static void ways_read(const struct import *i, const struct news_route *route, struct ways *ways,
		      bool dead)
{
	static const enum hop_kind kinds[] = {
		[ROUTE_UNICAST] = HOP_NONE,
		[ROUTE_BLACKHOLE] = HOP_BLACKHOLE,
		[ROUTE_UNREACHABLE] = HOP_UNREACHABLE,
		[ROUTE_PROHIBIT] = HOP_PROHIBIT,
	};

	_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == ROUTE_PROHIBIT + 1, "a hop per kind");
	ways->count = 0;
	if (route->protocol == RTPROT_KERNEL)
		return;
	if (route->kind != ROUTE_UNICAST)
		ways->hops[ways->count++] = (struct hop){ .kind = kinds[route->kind] };
	for (uint32_t n = 0; n < route->way_count; n++)
		if (route->kind == ROUTE_UNICAST && (dead || !route->ways[n].dead) &&
		    way_read(i, &route->ways[n], &ways->hops[ways->count]))
			ways->count++;
}

static bool same_place(const struct route *a, const struct route *b)
{
	return a->table == b->table && a->metric == b->metric &&
	       prefix_equal(&a->prefix, &b->prefix);
}

static bool same_hop(const struct hop *a, const struct hop *b)
{
	return a->kind == b->kind && a->interface == b->interface &&
	       address_equal(&a->via, &b->via);
}

/* Since a way that is dead now may have been alive, it is enough that those of one are the other's. */
static bool same_ways(const struct ways *some, const struct ways *all)
{
	for (size_t n = 0; n < some->count; n++) {
		size_t at = 0;

		while (at < all->count && !same_hop(&some->hops[n], &all->hops[at]))
			at++;
		if (at == all->count)
			return false;
	}
	return true;
}

/* The first spare route to take a place; the end: none. */
static size_t spare_find(const struct import *i, const struct route *route)
{
	size_t at = 0;

	while (at < i->spare_count && !same_place(&i->spares[at].route, route))
		at++;
	return at;
}

static void spare_erase(struct import *i, size_t at)
{
	memmove(&i->spares[at], &i->spares[at + 1], (--i->spare_count - at) * sizeof(i->spares[0]));
}

static void spare_add(struct import *i, const struct route *route, const struct ways *ways)
{
	struct spare *spares;

	for (size_t at = 0; at < i->spare_count; at++)
		if (same_place(&i->spares[at].route, route) &&
		    i->spares[at].ways.count == ways->count && same_ways(&i->spares[at].ways, ways))
			return;
	spares = i->spare_count < SPARE_MOST ?
			 realloc(i->spares, (i->spare_count + 1) * sizeof(*spares)) : NULL;
	if (!spares) {
		i->counters.failed++;
		return;
	}
	i->spares = spares;
	i->spares[i->spare_count++] = (struct spare){ *route, *ways };
}

/* One of them has gone: whether it was spare. */
static bool spare_ends(struct import *i, const struct route *route, const struct ways *ways)
{
	for (size_t at = 0; at < i->spare_count; at++)
		if (same_place(&i->spares[at].route, route) &&
		    same_ways(&i->spares[at].ways, ways)) {
			spare_erase(i, at);
			return true;
		}
	return false;
}

/* The next one takes its place. */
static void spare_use(struct import *i, struct rib *rib, const struct route *route)
{
	size_t at = spare_find(i, route);
	struct spare next;

	if (at == i->spare_count)
		return;
	next = i->spares[at];
	spare_erase(i, at);
	tell(i, rib_set(rib, &next.route, next.ways.hops, next.ways.count));
}

static void ways_add(struct import *i, struct rib *rib, struct route *route, const struct ways *ways)
{
	for (size_t n = 0; n < ways->count; n++) {
		route->hop = ways->hops[n];
		tell(i, rib_add(rib, route));
	}
}

static void ways_remove(struct import *i, struct rib *rib, struct route *route,
			const struct ways *ways)
{
	for (size_t n = 0; n < ways->count; n++) {
		route->hop = ways->hops[n];
		tell(i, rib_remove(rib, route));
	}
}

static void route_set(struct import *i, struct rib *rib, const struct route *route,
		      const struct ways *ways)
{
	tell(i, rib_set(rib, route, ways->hops, ways->count));
}

/* Whether there is one already whose place it would take, and so it is spare. */
static bool is_behind(const struct import *i, const struct route *route, enum news_place place)
{
	if (is_v6(&route->prefix) || place != ROUTE_LAST)
		return false;
	return !i->listing || same_place(route, &i->before);
}

static void route_is(struct import *i, struct rib *rib, const struct news_route *news,
		     struct route *route)
{
	struct ways ways;

	ways_read(i, news, &ways, false);
	i->left_out[is_v6(&route->prefix)] += ways.count == 0;
	if (is_behind(i, route, news->place))
		spare_add(i, route, &ways);
	else if (is_v6(&route->prefix) && news->place != ROUTE_INSTEAD)
		ways_add(i, rib, route, &ways);
	else
		route_set(i, rib, route, &ways);
	i->before = *route;
}

static void route_ends(struct import *i, struct rib *rib, const struct news_route *news,
		       struct route *route)
{
	struct ways ways;

	ways_read(i, news, &ways, true);
	if (i->spare_count && spare_find(i, route) < i->spare_count) {
		if (!spare_ends(i, route, &ways))
			spare_use(i, rib, route);
		return;
	}
	ways_remove(i, rib, route, &ways);
}

/* Links have their own, and there is no way from one to another (RFC 4291 section 2.5.6). */
static bool is_of_a_link(const struct prefix *p)
{
	const uint8_t *octets = p->address.octets;

	return is_v6(p) && p->len >= 8 &&
	       (octets[0] == 0xff || (octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80));
}

/* What the kernel has made itself is not, but it may take the place of one that is. */
static bool concerns_us(const struct import *i, const struct news *n)
{
	const struct news_route *news = &n->route;

	return import_wants(i, news->table) && !is_of_a_link(&news->prefix) &&
	       (news->protocol != RTPROT_KERNEL ||
		(n->kind == NEWS_IS && news->place == ROUTE_INSTEAD));
}

/* True: the kernel has put it in front of another one, of which we know no more than the hop. */
static bool hear_route(struct import *i, struct rib *rib, const struct news *n)
{
	const struct news_route *news = &n->route;
	struct route route = { .prefix = news->prefix, .metric = news->metric,
			       .origin = ORIGIN_KERNEL };
	int table;

	if (!concerns_us(i, n))
		return false;
	table = import_table(i, rib, news->table);
	route.table = (uint8_t)table;
	if (table < 0)
		tell(i, table);
	else if (n->kind == NEWS_IS)
		route_is(i, rib, news, &route);
	else
		route_ends(i, rib, news, &route);
	return n->kind == NEWS_IS && news->place == ROUTE_FIRST &&
	       !is_v6(&news->prefix);
}

static void hear_routes(struct import *i, struct rib *rib, const struct news *n)
{
	uint8_t version = n->route.prefix.address.version;

	i->listing = n->kind == NEWS_BEGIN;
	i->before = (struct route){ .table = UINT8_MAX };
	if (n->kind == NEWS_BEGIN) {
		i->left_out[version == 6] = 0;
		if (version == 4)
			i->spare_count = 0;
		rib_doubt(rib, ORIGIN_KERNEL, version);
	}
	if (n->kind == NEWS_END)
		tell(i, rib_sweep(rib, ORIGIN_KERNEL, version));
}

void import_forget(struct import *i, struct rib *rib)
{
	i->spare_count = 0;
	import_forget_rules(i, rib);
	rib_doubt(rib, ORIGIN_KERNEL, 0);
	tell(i, rib_sweep(rib, ORIGIN_KERNEL, 0));
}

bool import_hear(struct import *i, struct rib *rib, const struct news *n)
{
	bool one = n->kind == NEWS_IS || n->kind == NEWS_GONE;

	switch (n->subject) {
	case ABOUT_LINK:
		return one ? hear_link(i, n) : hear_links(i, n->kind);
	case ABOUT_ADDRESS: /* with it go routes of IPv4 that are to be sent from it */
		return n->kind == NEWS_GONE && n->address.prefix.address.version == 4;
	case ABOUT_RULE:
		return import_hear_rule(i, rib, n);
	case ABOUT_ROUTE:
		if (one)
			return hear_route(i, rib, n);
		if (n->kind != NEWS_DOUBT)
			hear_routes(i, rib, n);
		return n->kind == NEWS_DOUBT;
	default:
		return false;
	}
}
