#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway_core.h"
#include "router/nl.h"

enum { ADDRESSES_MOST = 32 };

static int refuse(struct io_error *error, const struct conf *c, int line, const char *what,
		  const char *name)
{
	snprintf(error->text, sizeof(error->text), "%s:%d: %s: %s", c->file, line, name, what);
	return -EINVAL;
}

/* The device's addresses become the interface's own. */
static int learn_address(const struct conf *c, struct conf_interface *i, struct nl *nl,
			 struct io_error *error)
{
	struct nl_link link;
	struct prefix found[ADDRESSES_MOST];
	int count;

	if (nl_link(nl, i->device, &link))
		return refuse(error, c, i->line, "no such device; create it, or correct device",
			      i->device);
	count = nl_addresses(nl, link.index, found, ADDRESSES_MOST);
	if (count <= 0)
		return refuse(error, c, i->line,
			      "has no address; give it one, or set address", i->device);
	i->addresses = calloc((size_t)count, sizeof(*i->addresses));
	if (!i->addresses)
		return -ENOMEM;
	memcpy(i->addresses, found, (size_t)count * sizeof(*found));
	i->address_count = (size_t)count;
	i->shares_address = true;
	return 0;
}

static int learn_addresses(struct conf *c, struct io_error *error)
{
	struct nl *nl;
	int r = nl_open(&nl);

	if (r) {
		snprintf(error->text, sizeof(error->text), "rtnetlink: %s", strerror(-r));
		return r;
	}
	for (size_t i = 0; !r && i < c->interface_count; i++)
		if (c->interfaces[i].type == IO_PACKET && !c->interfaces[i].address_count)
			r = learn_address(c, &c->interfaces[i], nl, error);
	nl_close(nl);
	return r;
}

static const struct prefix *first_v4(const struct conf_interface *i)
{
	for (size_t a = 0; a < i->address_count; a++)
		if (i->addresses[a].address.version == 4)
			return &i->addresses[a];
	return NULL;
}

static int learn_pools(struct conf *c, struct io_error *error)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct conf_interface *from;
		const struct prefix *own;

		if (c->nats[i].pool_interface == SIZE_MAX)
			continue;
		from = &c->interfaces[c->nats[i].pool_interface];
		own = first_v4(from);
		if (!own)
			return refuse(error, c, c->nats[i].line,
				      "has no IPv4 address for the pool; set its address", from->name);
		c->pool[c->policies[i].pool_first] = be32_load(own->address.octets);
		/* What looks unsolicited may be for a service of the kernel's, which answers. */
		if (from->shares_address)
			c->policies[i].unsolicited = NAT_UNSOLICITED_SILENT;
	}
	return 0;
}

int gateway_learn(struct conf *c, struct io_error *error)
{
	bool shares = false;
	int r = 0;

	gateway_replace_xdp(c);
	for (size_t i = 0; i < c->interface_count; i++)
		shares |= c->interfaces[i].type == IO_PACKET && !c->interfaces[i].address_count;
	if (shares)
		r = learn_addresses(c, error);
	if (!r)
		r = learn_pools(c, error);
	return r ? r : gateway_check_xdp(c, error);
}

static bool same_prefixes(const struct prefix *a, size_t a_count, const struct prefix *b,
			  size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!address_equal(&a[i].address, &b[i].address) || a[i].len != b[i].len)
			return false;
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_interface(const struct conf_interface *a, const struct conf_interface *b)
{
	return same_prefixes(a->addresses, a->address_count, b->addresses, b->address_count) &&
	       same_prefixes(a->host_addresses, a->host_address_count, b->host_addresses,
			     b->host_address_count) &&
	       same_prefixes(a->host_routes, a->host_route_count, b->host_routes,
			     b->host_route_count) &&
	       same_text(a->netns, b->netns) && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->device, b->device) == 0 &&
	       a->type == b->type && a->side == b->side && a->mtu == b->mtu &&
	       a->queues == b->queues && a->offload == b->offload && a->rings == b->rings &&
	       a->bypass_qdisc == b->bypass_qdisc && a->xdp_mode == b->xdp_mode &&
	       a->io_uring == b->io_uring;
}

static const char *difference(const struct conf *was, const struct conf *now)
{
	if (was->workers != now->workers)
		return "workers";
	if (was->steering != now->steering)
		return "steering";
	if (was->seed != now->seed || !same_text(was->control, now->control))
		return "seed or control";
	if (was->nat.sessions != now->nat.sessions || was->nat.fragments != now->nat.fragments)
		return "limits.sessions or limits.fragments";
	if (was->nat.half_open != now->nat.half_open || was->nat.held_ports != now->nat.held_ports ||
	    was->nat.unsolicited != now->nat.unsolicited)
		return "limits.half_open, limits.held_ports or limits.unsolicited";
	if (was->interface_count != now->interface_count)
		return "interfaces";
	for (size_t i = 0; i < was->interface_count; i++)
		if (!same_interface(&was->interfaces[i], &now->interfaces[i]))
			return "interfaces";
	return NULL;
}

int gateway_same_shape(const struct conf *was, struct conf *now, struct io_error *error)
{
	const char *what = difference(was, now);

	if (!what)
		what = gateway_keep_places(was, now);
	if (!what)
		return 0;
	snprintf(error->text, sizeof(error->text),
		 "%s: %s changed, which needs a restart; nothing was changed", now->file, what);
	return -EINVAL;
}
