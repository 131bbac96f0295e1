/*
 * What the file leaves to the devices: addresses of interfaces that share the kernel's, and what
 * follows from them, which is pools, matches and forwards of "interface:NAME".
 */
#include <errno.h>
#include <stdlib.h>

#include "gateway_core.h"
#include "io_backend.h"
#include "router/nl.h"

int gateway_addresses(struct nl *nl, const struct conf_interface *i, struct prefix *found)
{
	struct nl_link link;
	int r = nl_link(nl, i->device, &link);

	if (r == -ENODEV)
		return 0;
	return r ? r : nl_addresses(nl, link.index, found, LEARNED_MOST);
}

int gateway_set_addresses(struct conf_interface *i, const struct prefix *found, size_t count)
{
	struct prefix *own = calloc(count ? count : 1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	memcpy(own, found, count * sizeof(*own));
	free(i->addresses);
	i->addresses = own;
	i->address_count = count;
	return 0;
}

static int learn_interfaces(struct conf *c, struct nl *nl)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->interface_count; i++) {
		struct prefix found[LEARNED_MOST];

		if (!c->interfaces[i].shares_address)
			continue;
		r = gateway_addresses(nl, &c->interfaces[i], found);
		if (r >= 0)
			r = gateway_set_addresses(&c->interfaces[i], found, (size_t)r);
	}
	return r;
}

/* Marks interfaces that share; whether there are any. */
static bool find_sharers(struct conf *c)
{
	bool found = false;

	for (size_t i = 0; i < c->interface_count; i++) {
		struct conf_interface *n = &c->interfaces[i];

		n->shares_address |= conf_may_share(n) && !n->address_count;
		found |= n->shares_address;
	}
	return found;
}

static int learn_addresses(struct conf *c, struct io_error *error)
{
	struct nl *nl;
	int r;

	if (!find_sharers(c))
		return 0;
	r = nl_open(&nl);
	if (r == 0) {
		r = learn_interfaces(c, nl);
		nl_close(nl);
	}
	return r < 0 ? io_refuse(error, r, "rtnetlink: %s", strerror(-r)) : 0;
}

static bool is_v4(const struct prefix *p)
{
	return p->address.version == 4;
}

/* The IPv4 address that the kernel names first, or the one in use as long as it is there. */
static be32 pool_address(const struct conf_interface *i, be32 in_use)
{
	const struct prefix *first = NULL;

	for (const struct prefix *p = i->addresses; p < i->addresses + i->address_count; p++) {
		if (!is_v4(p))
			continue;
		if (be32_equal(be32_load(p->address.octets), in_use))
			return in_use;
		first = first ? first : p;
	}
	return first ? be32_load(first->address.octets) : (be32){ 0 };
}

/* Its network, in the same way. */
static struct prefix match_network(const struct conf_interface *i, const struct prefix *in_use,
				   be32 unknown)
{
	const struct prefix *first = NULL;

	for (const struct prefix *p = i->addresses; p < i->addresses + i->address_count; p++) {
		struct prefix network = prefix_masked(*p);

		if (!is_v4(p))
			continue;
		if (prefix_equal(&network, in_use))
			return network;
		first = first ? first : p;
	}
	if (first)
		return prefix_masked(*first);
	return (struct prefix){ address_v4((const uint8_t *)&unknown), 32 };
}

static void learn_match(struct conf *c, size_t at)
{
	size_t interface = c->nats[at].match_interface;
	struct nat_policy *p = &c->policies[at];
	struct prefix in_use = { address_v4((const uint8_t *)&p->prefix), p->prefix_len }, now;

	if (interface == SIZE_MAX || !c->interfaces[interface].shares_address)
		return;
	now = match_network(&c->interfaces[interface], &in_use, conf_unknown_address(interface));
	p->prefix = be32_load(now.address.octets);
	p->prefix_len = now.len;
}

static void learn_pool(struct conf *c, size_t at)
{
	size_t interface = c->nats[at].pool_interface;
	struct nat_policy *p = &c->policies[at];

	if (interface == SIZE_MAX || !c->interfaces[interface].shares_address)
		return;
	pool_set(c->pool, p, pool_address(&c->interfaces[interface], c->pool[p->pool_first]));
	/* What looks unsolicited may be for a service of the kernel's, which answers. */
	p->unsolicited = NAT_UNSOLICITED_SILENT;
}

static be32 external_of(const struct conf *c, size_t interface)
{
	for (size_t i = 0; i < c->nat_count; i++)
		if (c->nats[i].pool_interface == interface && c->pool[c->policies[i].pool_first].raw)
			return c->pool[c->policies[i].pool_first];
	return (be32){ 0 };
}

static const struct conf_nat *holder_of(const struct conf *c, size_t place)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (place + 1 == p->left ||
		    (place >= p->pool_first && place - p->pool_first < p->pool_count))
			return &c->nats[i];
	}
	return &c->nats[0];
}

static int refuse_twice(const struct conf *c, size_t place, size_t earlier, struct io_error *error)
{
	const struct conf_nat *n = holder_of(c, place), *other = holder_of(c, earlier);
	struct address a = address_v4((const uint8_t *)&c->pool[place]);
	char text[ADDRESS_TEXT];

	return io_refuse(error, -EINVAL, "%s:%d: %s is now in the pools of nat \"%s\" and of \"%s\" in "
			 "line %d; every address once", c->file, n->line, address_format(&a, text),
			 n->name, other->name, other->line);
}

/* Two places of a pool must not have one address, and the plan of ports may not fit another match. */
static int check(const struct conf *c, struct io_error *error)
{
	const char *fault = nat_config_fault(&c->nat);

	for (size_t i = 0; i < c->nat.pool_count; i++)
		for (size_t k = 0; c->pool[i].raw && k < i; k++)
			if (be32_equal(c->pool[i], c->pool[k]))
				return refuse_twice(c, i, k, error);
	return fault ? io_refuse(error, -EINVAL, "%s: %s", c->file, fault) : 0;
}

int gateway_settle(struct conf *c, struct io_error *error)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		learn_pool(c, i);
		learn_match(c, i);
	}
	for (size_t i = 0; i < c->nat.forward_count; i++)
		if (c->forward_interfaces[i] != SIZE_MAX)
			c->forwards[i].external = external_of(c, c->forward_interfaces[i]);
	return check(c, error);
}

int gateway_learn(struct conf *c, struct io_error *error)
{
	int r;

	gateway_replace_xdp(c);
	gateway_learn_macs(c);
	r = learn_addresses(c, error);
	if (!r)
		r = gateway_settle(c, error);
	return r ? r : gateway_check_xdp(c, error);
}
