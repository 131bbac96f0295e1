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

/* A replay says itself what the kernel would have. */
static bool asks_kernel(const struct conf_interface *i)
{
	return i->shares_address && i->type != IO_MEM;
}

static int learn_interfaces(struct conf *c, struct nl *nl)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->interface_count; i++) {
		struct prefix found[LEARNED_MOST];

		if (!asks_kernel(&c->interfaces[i]))
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
		found |= asks_kernel(n);
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

/* One more of that version that an address of an interface can be, after the first (conf_first()). */
static bool is_alike(const struct prefix *p, const struct prefix *first)
{
	return first && p >= first && p->address.version == first->address.version;
}

/* The address that the kernel names first, or the one in use as long as it is there. */
static struct address pool_address(const struct conf_interface *i, uint8_t version,
				   const struct address *in_use)
{
	const struct prefix *first = conf_first(i, version);

	for (const struct prefix *p = i->addresses; p < i->addresses + i->address_count; p++)
		if (is_alike(p, first) && address_equal(&p->address, in_use))
			return *in_use;
	return first ? first->address : (struct address){ 0 };
}

/* Its network, in the same way; of version 0: none. */
static struct prefix network_of(const struct conf_interface *i, uint8_t version,
				const struct prefix *in_use)
{
	const struct prefix *first = conf_first(i, version);

	for (const struct prefix *p = i->addresses; p < i->addresses + i->address_count; p++) {
		struct prefix network = prefix_masked(*p);

		if (is_alike(p, first) && prefix_equal(&network, in_use))
			return network;
	}
	return first ? prefix_masked(*first) : (struct prefix){ 0 };
}

/* The interface whose network or address is the kernel's to change, or NULL. */
static const struct conf_interface *sharer(const struct conf *c, size_t interface)
{
	return interface != SIZE_MAX && c->interfaces[interface].shares_address
		       ? &c->interfaces[interface] : NULL;
}

static void learn_match4(struct nat_policy *p, const struct conf_interface *i, size_t interface)
{
	struct prefix in_use = { address_v4((const uint8_t *)&p->prefix), p->prefix_len };
	struct prefix now = network_of(i, 4, &in_use);
	be32 network = be32_load(now.address.octets);

	p->prefix = now.address.version ? network : conf_unknown_address(interface);
	p->prefix_len = now.address.version ? now.len : 32;
}

static void learn_match6(struct nat_policy *p, const struct conf_interface *i, size_t interface)
{
	struct prefix in_use = conf_prefix6(&p->v6.match), now = network_of(i, 6, &in_use);

	p->v6.match = now.address.version
			      ? (struct ip6_prefix){ ip6_load(now.address.octets), now.len }
			      : (struct ip6_prefix){ conf_unknown_address6(interface), 128 };
}

static void learn_match(struct conf *c, size_t at)
{
	size_t interface = c->nats[at].match_interface;
	const struct conf_interface *i = sharer(c, interface);
	struct nat_policy *p = &c->policies[at];

	if (i && p->version == 6)
		learn_match6(p, i, interface);
	else if (i)
		learn_match4(p, i, interface);
}

/* What a prefix is translated to: the network, or its first part that is as long as the match. A network
 * that is smaller than the match will not do. */
static int learn_prefix(struct conf *c, size_t at, struct io_error *error)
{
	const struct conf_interface *i = sharer(c, c->nats[at].prefix_interface);
	struct ip6_prefix *t = &c->policies[at].v6.translated;
	uint8_t len = c->policies[at].v6.match.len;
	struct prefix in_use, now;
	char text[PREFIX_TEXT];

	if (!i || c->policies[at].type != NAT_NPTV6)
		return 0;
	in_use = conf_prefix6(t);
	now = network_of(i, 6, &in_use);
	if (now.address.version && now.len > len)
		return io_refuse(error, -EINVAL, "%s:%d: nat \"%s\": %s has the network %s, and match "
				 "is a prefix of %u bits; one of %u", c->file, c->nats[at].line,
				 c->nats[at].name, i->name, prefix_format(&now, text), len, now.len);
	*t = (struct ip6_prefix){ ip6_load(now.address.octets), len };
	return 0;
}

static void learn_pool(struct conf *c, size_t at)
{
	const struct conf_interface *i = sharer(c, c->nats[at].pool_interface);
	struct nat_policy *p = &c->policies[at];
	struct address in_use, now;

	if (!i)
		return;
	in_use = conf_pool_address(c, p->pool_first);
	now = pool_address(i, conf_pool_version(p), &in_use);
	pool_set(c, p, &now);
	/* What looks unsolicited may be for a service of the kernel's, which answers. */
	p->unsolicited = NAT_UNSOLICITED_SILENT;
}

/* The address of an interface, where a pool has it. */
static void learn_external(const struct conf *c, struct nat_forward *f, size_t interface)
{
	bool v6_internal = nat_is_v6_beside(f->internal);
	uint8_t version = conf_external_version(c, v6_internal, interface);

	f->external = (be32){ 0 };
	for (size_t i = 0; i < c->nat_count && !f->external.raw; i++) {
		struct address a = { 0 };

		if (c->nats[i].pool_interface == interface &&
		    conf_pool_version(&c->policies[i]) == version)
			a = conf_pool_address(c, c->policies[i].pool_first);
		if (a.version == 6)
			f->external6 = ip6_load(a.octets);
		if (a.version)
			f->external = a.version == 6 ? nat_v6_beside() : be32_load(a.octets);
	}
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
	struct address a = conf_pool_address(c, place);
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
		for (size_t k = 0; c->pool[i].raw && k < i; k++) {
			struct address a = conf_pool_address(c, i), b = conf_pool_address(c, k);

			if (address_equal(&a, &b))
				return refuse_twice(c, i, k, error);
		}
	return fault ? io_refuse(error, -EINVAL, "%s: %s", c->file, fault) : 0;
}

int gateway_settle(struct conf *c, struct io_error *error)
{
	int r = 0;

	for (size_t i = 0; !r && i < c->nat_count; i++) {
		learn_pool(c, i);
		learn_match(c, i);
		r = learn_prefix(c, i, error);
	}
	for (size_t i = 0; i < c->nat.forward_count; i++)
		if (c->forward_interfaces[i] != SIZE_MAX)
			learn_external(c, &c->forwards[i], c->forward_interfaces[i]);
	return r ? r : check(c, error);
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
