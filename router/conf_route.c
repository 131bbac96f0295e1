/* The list routes. */
#include "conf_read.h"

#include <string.h>

#include "router/rib.h"

/* The interface whose network an address lies in; SIZE_MAX: none. */
static size_t link_of(const struct conf *c, const struct address *a)
{
	for (size_t i = 0; i < c->interface_count; i++)
		for (size_t j = 0; j < c->interfaces[i].address_count; j++)
			if (prefix_contains(&c->interfaces[i].addresses[j], a))
				return i;
	return SIZE_MAX;
}

static bool is_own(const struct conf *c, const struct address *a)
{
	for (size_t i = 0; i < c->interface_count; i++)
		for (size_t j = 0; j < c->interfaces[i].address_count; j++)
			if (address_equal(&c->interfaces[i].addresses[j].address, a))
				return true;
	return false;
}

/* Whether the interface has networks of the address's version, and none of them holds it. */
static bool is_off_link(const struct conf_interface *n, const struct address *a)
{
	bool network = false;

	for (size_t i = 0; i < n->address_count; i++) {
		const struct prefix *p = &n->addresses[i];

		if (prefix_contains(p, a))
			return false;
		network |= p->address.version == a->version && p->len < address_bits(a);
	}
	return network;
}

static void check_via(const struct section *s, const struct conf_route *route)
{
	static const uint8_t link_local[] = { 0xfe, 0x80 };
	const struct conf *c = s->r->conf;
	const struct address *via = &route->via;
	int line = section_line(s, "via");
	char text[ADDRESS_TEXT];

	address_format(via, text);
	if (via->version != route->prefix.address.version)
		reader_fault(s->r, line,
			     "via %s is of IP version %u and prefix of %u; use one version", text,
			     via->version, route->prefix.address.version);
	else if (is_own(c, via))
		reader_fault(s->r, line, "via %s is the router itself; give the next router", text);
	else if (route->interface < c->interface_count && memcmp(via->octets, link_local, 2) &&
		 is_off_link(&c->interfaces[route->interface], via))
		reader_fault(s->r, line,
			     "via %s is in no network of interface \"%s\"; give a router on "
			     "that link", text, c->interfaces[route->interface].name);
}

/* Where a unicast route leads: by interface, by next router, or by both. */
static void read_target(const struct section *s, struct conf_route *route)
{
	struct item name = section_text(s, "interface");
	struct item via = section_text(s, "via");

	if (!section_has(s, "interface") && !section_has(s, "via")) {
		reader_fault(s->r, s->line,
			     "route leads nowhere; add interface or via, or a type such as "
			     "\"blackhole\"");
		return;
	}
	if (*via.text && !address_parse(&route->via, via.text)) {
		reader_fault(s->r, via.line,
			     "\"%s\" is no address; write it like 192.0.2.1 or 2001:db8::1",
			     via.text);
		via.text = "";
	}
	if (*name.text) {
		route->interface = conf_interface_named(s->r, name);
	} else if (*via.text) {
		route->interface = link_of(s->r->conf, &route->via);
		if (route->interface == SIZE_MAX)
			reader_fault(s->r, via.line,
				     "via %s is in no network of an interface; add interface",
				     via.text);
	}
	if (*via.text)
		check_via(s, route);
}

static void check_no_target(const struct section *s)
{
	static const char *const keys[] = { "interface", "via" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (section_has(s, keys[i]))
			reader_fault(s->r, section_line(s, keys[i]),
				     "route ends packets here but has "
				     "%s; leave that out, or the type", keys[i]);
}

/* Sources of a route, and which table of routes they have: that of the same ones before, or one
 * more. */
static void read_from(const struct section *s, struct conf_route *route)
{
	struct item text = section_text(s, "from");
	const struct conf *c = s->r->conf;
	uint8_t tables = 0;

	if (!*text.text || !conf_network(s->r, text, &route->from))
		return;
	if (route->from.address.version != route->prefix.address.version)
		reader_fault(s->r, text.line,
			     "from %s is of IP version %u and prefix of %u; use one version",
			     text.text, route->from.address.version, route->prefix.address.version);
	for (const struct conf_route *e = c->routes; e < c->routes + c->route_count; e++) {
		if (prefix_equal(&e->from, &route->from))
			route->table = e->table;
		if (e->table > tables)
			tables = e->table;
	}
	if (!route->table)
		route->table = (uint8_t)(tables + 1);
	if (route->table == RIB_TABLES)
		reader_fault(s->r, text.line,
			     "routes are from more than %d prefixes; give some the same one",
			     RIB_TABLES - 1);
}

static bool read_route(const struct section *s, struct conf_route *route)
{
	struct item prefix = section_text(s, "prefix");

	route->line = s->line;
	route->metric = (uint32_t)section_number(s, "metric");
	route->kind = (enum route_kind)section_word(s, "type");
	if (!*prefix.text || !conf_network(s->r, prefix, &route->prefix))
		return false;
	read_from(s, route);
	if (route->kind == ROUTE_UNICAST)
		read_target(s, route);
	else
		check_no_target(s);
	return true;
}

static bool same_prefix(const struct conf_route *a, const struct conf_route *b)
{
	return prefix_equal(&a->prefix, &b->prefix) && prefix_equal(&a->from, &b->from) &&
	       a->metric == b->metric;
}

static bool same_target(const struct conf_route *a, const struct conf_route *b)
{
	return a->kind == b->kind && a->interface == b->interface &&
	       address_equal(&a->via, &b->via);
}

/* Routes of one prefix, source and metric share the load: unicast, different, and not too many. */
static void check_sharing(struct reader *r, const struct conf_route *route)
{
	size_t shares = 1;

	for (const struct conf_route *e = r->conf->routes; e < route; e++) {
		if (!same_prefix(e, route))
			continue;
		shares++;
		if (same_target(e, route))
			reader_fault(r, route->line,
				     "route is the same as in line %d; leave one out", e->line);
		else if (e->kind != ROUTE_UNICAST || route->kind != ROUTE_UNICAST)
			reader_fault(r, route->line,
				     "route contradicts that of line %d; give them "
				     "different metrics", e->line);
	}
	if (shares == HOP_GROUP_MOST + 1)
		reader_fault(r, route->line,
			     "more than %d routes share one prefix and metric; give some "
			     "another metric", HOP_GROUP_MOST);
}

void conf_read_routes(struct reader *r)
{
	struct conf *c = r->conf;
	struct section s;

	c->routes = reader_array(r, section_count(r, "routes"), sizeof(*c->routes));
	for (size_t i = 0; c->routes && section_next(r, "routes", &i, &s);) {
		struct conf_route *route = &c->routes[c->route_count];

		if (!read_route(&s, route))
			continue;
		check_sharing(r, route);
		c->route_count++;
	}
}
