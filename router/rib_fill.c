#include "router/rib.h"

#include "router/own.h"

static int add(struct rib *r, struct prefix p, struct hop hop, enum route_origin origin)
{
	struct route route = { .prefix = p, .hop = hop, .origin = origin };

	return rib_add(r, &route);
}

static struct prefix host(const struct address *a)
{
	return (struct prefix){ *a, address_bits(a) };
}

static bool is_in_pool(const struct conf *c, const struct address *a)
{
	for (size_t i = 0; i < c->nat.pool_count; i++) {
		struct address in_pool = conf_pool_address(c, i);

		if (address_equal(&in_pool, a))
			return true;
	}
	return false;
}

/* The last address of an IPv4 network. */
static struct address broadcast_of(const struct prefix *p)
{
	struct address a = p->address;

	store32(a.octets, load32(a.octets) | 0xffffffff >> p->len);
	return a;
}

/* RFC 1812 section 5.3.5: to all of a network, by its last address or, of old, by its first. A
 * link of two hosts has neither (RFC 3021). */
static int add_broadcasts(struct rib *r, const struct prefix *p, uint16_t interface)
{
	struct hop hop = { .kind = HOP_BROADCAST, .interface = interface };
	struct prefix network = prefix_masked(*p);
	struct address last;
	int error;

	if (p->address.version != 4 || p->len >= 31)
		return 0;
	last = broadcast_of(p);
	error = add(r, host(&network.address), hop, ORIGIN_CONNECTED);
	return error ? error : add(r, host(&last), hop, ORIGIN_CONNECTED);
}

/* RFC 4787 REQ-7: whether the provider numbers its link as a network inside. There the inside goes
 * first; outside only what lies behind a router is reached. */
static bool is_inside_too(const struct conf *c, const struct prefix *p, uint16_t interface)
{
	if (c->interfaces[interface].side == SIDE_INSIDE)
		return false;
	for (uint16_t i = 0; i < c->interface_count; i++)
		for (size_t j = 0; j < c->interfaces[i].address_count; j++) {
			const struct prefix *other = &c->interfaces[i].addresses[j];

			if (c->interfaces[i].side == SIDE_INSIDE &&
			    (prefix_contains(p, &other->address) ||
			     prefix_contains(other, &p->address)))
				return true;
		}
	return false;
}

/* An address of the router and the network it is in. */
static int add_address(struct rib *r, const struct conf *c, const struct prefix *p,
		       uint16_t interface)
{
	enum hop_kind kind = is_in_pool(c, &p->address) ? HOP_POOL_LOCAL : HOP_LOCAL;
	struct hop own = { .kind = kind, .interface = interface };
	struct hop link = { .kind = HOP_LINK, .interface = interface };
	int error = add(r, host(&p->address), own, ORIGIN_LOCAL);

	if (error || is_inside_too(c, p, interface))
		return error;
	if (p->len < address_bits(&p->address))
		error = add(r, *p, link, ORIGIN_CONNECTED);
	return error ? error : add_broadcasts(r, p, interface);
}

/* The networks of interfaces in another table than main. What else belongs to an address is looked up
 * in main first. */
static int add_networks(struct rib *r, const struct conf *c, uint8_t table)
{
	int error = 0;

	for (uint16_t i = 0; i < c->interface_count; i++)
		for (size_t j = 0; !error && j < c->interfaces[i].address_count; j++) {
			const struct prefix *p = &c->interfaces[i].addresses[j];
			struct route route = { .prefix = *p, .table = table,
					       .hop = { .kind = HOP_LINK, .interface = i },
					       .origin = ORIGIN_CONNECTED };

			if (p->len < address_bits(&p->address) && !is_inside_too(c, p, i))
				error = rib_add(r, &route);
		}
	return error;
}

static int add_interfaces(struct rib *r, const struct conf *c)
{
	int error = 0;

	for (uint16_t i = 0; i < c->interface_count; i++)
		for (size_t j = 0; !error && j < c->interfaces[i].address_count; j++)
			error = add_address(r, c, &c->interfaces[i].addresses[j], i);
	return error;
}

static bool is_own(const struct conf *c, const struct address *a)
{
	for (size_t i = 0; i < c->interface_count; i++)
		for (size_t j = 0; j < c->interfaces[i].address_count; j++)
			if (address_equal(&c->interfaces[i].addresses[j].address, a))
				return true;
	return false;
}

/* By addresses that are outside and inside the same, nobody is reached but by ordinary routes. */
static bool is_inside(const struct nat_policy *p, const struct prefix *outside)
{
	struct prefix inside = { address_v4((const uint8_t *)&p->prefix), p->prefix_len };

	if (p->version == 6)
		inside = conf_prefix6(&p->v6.match);
	return prefix_equal(&inside, outside);
}

/* Whether an earlier entry has it as well. */
static bool is_shared(const struct conf *c, size_t at, const struct ip6_prefix *pref64)
{
	for (size_t i = 0; i < at; i++)
		for (size_t k = 0; c->policies[i].version == 6 && k < c->policies[i].v6.prefix_count; k++) {
			const struct ip6_prefix *other = &c->policies[i].v6.prefixes[k];

			if (other->len == pref64->len && ip6_equal(&other->address, &pref64->address))
				return true;
		}
	return false;
}

/* What an entry translates from and to: prefixes that stand for its hosts outside, and what IPv6 hosts
 * reach IPv4 by. RFC 7915 section 1.1: a longer prefix of an ordinary route goes before it. */
static int add_entry(struct rib *r, const struct conf *c, size_t at)
{
	const struct nat_policy *p = &c->policies[at];
	const struct hop hop = { .kind = HOP_POOL };
	struct prefix outside;
	int error = 0;

	for (size_t i = 0; !error && own_prefix_at(p, i, &outside); i++)
		if (!is_inside(p, &outside))
			error = add(r, outside, hop, ORIGIN_LOCAL);
	for (size_t i = 0; !error && p->version == 6 && i < p->v6.prefix_count; i++)
		if (!is_shared(c, at, &p->v6.prefixes[i]))
			error = add(r, conf_prefix6(&p->v6.prefixes[i]), hop, ORIGIN_LOCAL);
	return error;
}

/* Those that are own addresses too are there already. */
static int add_pool(struct rib *r, const struct conf *c)
{
	int error = 0;

	for (size_t i = 0; !error && i < c->nat.pool_count; i++) {
		struct address a = conf_pool_address(c, i);

		if (a.version && !is_own(c, &a))
			error = add(r, host(&a), (struct hop){ .kind = HOP_POOL }, ORIGIN_LOCAL);
	}
	for (size_t i = 0; !error && i < c->nat_count; i++)
		error = add_entry(r, c, i);
	return error;
}

static struct hop static_hop(const struct conf_route *route)
{
	static const enum hop_kind kinds[] = {
		[ROUTE_UNICAST] = HOP_LINK,
		[ROUTE_BLACKHOLE] = HOP_BLACKHOLE,
		[ROUTE_UNREACHABLE] = HOP_UNREACHABLE,
		[ROUTE_PROHIBIT] = HOP_PROHIBIT,
	};
	struct hop hop = { .kind = kinds[route->kind] };

	_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == ROUTE_PROHIBIT + 1, "a hop per kind");
	if (route->kind != ROUTE_UNICAST)
		return hop;
	hop.interface = (uint16_t)route->interface;
	if (route->via.version) {
		hop.kind = HOP_VIA;
		hop.via = route->via;
	}
	return hop;
}

/* The first route with its `from` makes the table. Longer ones are asked first. */
static int add_table(struct rib *r, const struct conf *c, const struct conf_route *route)
{
	struct rule rule = { .from = route->from, .table = route->table, .origin = ORIGIN_STATIC,
			     .priority = 128u - route->from.len };
	int error;

	if (route->table < r->table_count)
		return 0;
	error = rib_table(r, 0);
	if (error < 0)
		return error;
	error = add_networks(r, c, route->table);
	return error ? error : rib_rule_add(r, &rule);
}

/* Where the kernel's address is to come and has not, nobody speaks for us by IPv4, and what has an
 * address of before must not leave. */
static bool waits_for_address(const struct conf *c, const struct conf_route *route)
{
	const struct conf_interface *i = &c->interfaces[route->interface];

	return route->kind == ROUTE_UNICAST && route->prefix.address.version == 4 &&
	       i->shares_address && !conf_first_v4(i);
}

static int add_static(struct rib *r, const struct conf *c)
{
	int error = 0;

	for (const struct conf_route *it = c->routes; !error && it < c->routes + c->route_count; it++) {
		struct route route = { it->prefix, static_hop(it), it->metric, ORIGIN_STATIC,
				       it->table };

		error = add_table(r, c, it);
		if (!error && !waits_for_address(c, it))
			error = rib_add(r, &route);
	}
	return error;
}

/* RFC 7084 WPD-5: what is not in use of a delegated prefix does not go back to who has delegated it.
 * Any route to the same prefix goes first. */
static int add_delegated(struct rib *r, const struct conf *c)
{
	int error = 0;

	for (size_t i = 0; !error && i < c->ipv6.delegated_count; i++) {
		struct route route = { .prefix = c->ipv6.delegated[i], .metric = UINT32_MAX,
				       .hop = { .kind = HOP_UNREACHABLE }, .origin = ORIGIN_STATIC };

		error = rib_add(r, &route);
	}
	return error;
}

/* RFC 919 section 7: the limited broadcast. */
static int add_limited_broadcast(struct rib *r)
{
	static const uint8_t ones[4] = { 255, 255, 255, 255 };
	struct address a = address_v4(ones);

	return add(r, host(&a), (struct hop){ .kind = HOP_BROADCAST }, ORIGIN_LOCAL);
}

int rib_fill(struct rib *r, const struct conf *c)
{
	int error = add_interfaces(r, c);

	if (!error)
		error = add_pool(r, c);
	if (!error)
		error = add_limited_broadcast(r);
	if (!error)
		error = add_delegated(r, c);
	return error ? error : add_static(r, c);
}
