#include "rules.h"

static bool prefix_has(const struct nat_policy *p, uint32_t address)
{
	for (int bit = 0; bit < p->prefix_len; bit++)
		if ((address ^ be32_host(p->prefix)) >> (31 - bit) & 1)
			return false;
	return true;
}

const struct nat_policy *rule_policy(const struct nat_config *c, uint32_t inside)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (prefix_has(&c->policies[i], inside))
			return &c->policies[i];
	return NULL;
}

bool rule_in_pool(const struct nat_config *c, uint32_t address)
{
	for (size_t i = 0; i < c->pool_count; i++)
		if (be32_host(c->pool[i]) == address)
			return true;
	return false;
}

bool rule_forward_inwards(const struct nat_config *c, uint8_t protocol, struct place outside,
			  struct place *inside)
{
	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];

		if (f->protocol != protocol || be32_host(f->external) != outside.address ||
		    outside.port < f->first || outside.port > f->last)
			continue;
		inside->address = be32_host(f->internal);
		inside->port = (uint16_t)(f->internal_first + outside.port - f->first);
		return true;
	}
	return false;
}

bool rule_forward_outwards(const struct nat_config *c, uint8_t protocol, struct place inside,
			   struct place *outside)
{
	bool found = false;

	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];

		for (unsigned port = f->first; port <= f->last; port++) {
			unsigned internal = f->internal_first + port - f->first;

			if (f->protocol != protocol || be32_host(f->internal) != inside.address ||
			    internal != inside.port || (found && outside->port <= port))
				continue;
			*outside = (struct place){ be32_host(f->external), (uint16_t)port };
			found = true;
		}
	}
	return found;
}

/* RFC 4787 REQ-3a: low ports stay low where the policy has such a range. */
struct port_range rule_range(const struct nat_policy *p, uint8_t protocol, uint16_t inside_port)
{
	if (protocol == PROTO_ICMP)
		return (struct port_range){ 0, 65535 };
	return inside_port < 1024 && p->low_ports.last ? p->low_ports : p->ports;
}

static int class_of(const struct nat_config *c, uint16_t port)
{
	return port / 2 % c->workers;
}

bool rule_port_allowed(const struct nat_config *c, const struct nat_policy *p, uint8_t protocol,
		       struct place inside, struct place outside)
{
	struct port_range range = rule_range(p, protocol, inside.port);
	struct place internal;

	if (outside.port < range.first || outside.port > range.last)
		return false;
	if (class_of(c, outside.port) != c->worker)
		return false;
	/* RFC 4787 REQ-4. */
	if (p->parity && protocol == PROTO_UDP && (outside.port ^ inside.port) & 1)
		return false;
	return !rule_forward_inwards(c, protocol, outside, &internal);
}

int rule_owner(const struct nat_config *c, uint8_t protocol, struct place local,
	       enum nat_side from)
{
	struct place inside = local, outside = local;

	if (from == SIDE_OUTSIDE && !rule_forward_inwards(c, protocol, local, &inside))
		return class_of(c, local.port);
	rule_forward_outwards(c, protocol, inside, &outside);
	return class_of(c, outside.port);
}
