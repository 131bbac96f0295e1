#include "rules.h"

static bool covers(be32 prefix, int len, uint32_t address)
{
	for (int bit = 0; bit < len; bit++)
		if ((address ^ be32_host(prefix)) >> (31 - bit) & 1)
			return false;
	return true;
}

static bool is_exception(const struct nat_policy *p)
{
	return p->destination.len || p->destination.protocol || p->destination.ports.last;
}

const struct nat_policy *rule_policy(const struct nat_config *c, uint32_t inside)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (!is_exception(&c->policies[i]) &&
		    covers(c->policies[i].prefix, c->policies[i].prefix_len, inside))
			return &c->policies[i];
	return NULL;
}

/* RFC 6888 REQ-6. */
static bool is_bound_for(const struct nat_policy *p, const struct datagram *d, struct place remote)
{
	struct port_range ports = p->destination.ports;

	if (!covers(p->destination.prefix, p->destination.len, remote.address))
		return false;
	if (p->destination.protocol && p->destination.protocol != d->protocol)
		return false;
	return !ports.last || (d->kind == KIND_PORTS && remote.port >= ports.first &&
			       remote.port <= ports.last);
}

bool rule_exempts(const struct nat_config *c, const struct datagram *d, bool outwards)
{
	struct place inside = outwards ? d->source : d->destination;
	struct place remote = outwards ? d->destination : d->source;

	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (!covers(p->prefix, p->prefix_len, inside.address))
			continue;
		if (p->type == NAT_NONE && is_bound_for(p, d, remote))
			return true;
		if (!is_exception(p))
			return false;
	}
	return false;
}

static uint32_t moved(uint32_t address, be32 to, int len)
{
	uint32_t host_part = len == 32 ? 0 : UINT32_MAX >> len;

	return (be32_host(to) & ~host_part) | (address & host_part);
}

const struct nat_policy *rule_basic_inwards(const struct nat_config *c, uint32_t outside,
					    uint32_t *inside)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (p->type != NAT_ONE_TO_ONE || !covers(p->translated, p->prefix_len, outside))
			continue;
		*inside = moved(outside, p->prefix, p->prefix_len);
		return p;
	}
	return NULL;
}

uint32_t rule_basic_outwards(const struct nat_policy *p, uint32_t inside)
{
	return moved(inside, p->translated, p->prefix_len);
}

uint32_t rule_far(const struct nat_policy *p, uint32_t remote, enum nat_side from)
{
	bool outwards = from == SIDE_INSIDE;
	be32 known = outwards ? p->twice.seen : p->twice.real;

	if (!p->twice.len || !covers(known, p->twice.len, remote))
		return remote;
	return moved(remote, outwards ? p->twice.real : p->twice.seen, p->twice.len);
}

static bool in_pool(const struct nat_config *c, uint32_t address)
{
	for (size_t i = 0; i < c->pool_count; i++)
		if (be32_host(c->pool[i]) == address)
			return true;
	return false;
}

bool rule_is_ours(const struct nat_config *c, uint32_t address)
{
	uint32_t inside;

	return in_pool(c, address) || rule_basic_inwards(c, address, &inside);
}

const struct nat_forward *rule_forward(const struct nat_config *c, uint8_t protocol,
				       struct place outside)
{
	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];

		if (f->protocol == protocol && be32_host(f->external) == outside.address &&
		    outside.port >= f->first && outside.port <= f->last)
			return f;
	}
	return NULL;
}

struct place rule_target(const struct nat_forward *f, struct place outside)
{
	return (struct place){ be32_host(f->internal),
			       (uint16_t)(f->internal_first + outside.port - f->first) };
}

bool rule_forward_outwards(const struct nat_config *c, uint8_t protocol, struct place inside,
			   bool grouped, struct place *outside)
{
	bool found = false;

	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];

		for (unsigned port = f->first; port <= f->last; port++) {
			struct place external = { be32_host(f->external), (uint16_t)port };

			if (f->protocol != protocol || (f->grouped && !grouped) ||
			    !place_equal(rule_target(f, external), inside) ||
			    (found && outside->port <= port))
				continue;
			*outside = external;
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

bool rule_share_allowed(const struct nat_config *c, const struct nat_policy *p, uint8_t protocol,
			struct place inside, struct place outside)
{
	struct port_range range = rule_range(p, protocol, inside.port);

	return outside.port >= range.first && outside.port <= range.last &&
	       class_of(c, outside.port) == c->worker && !rule_forward(c, protocol, outside);
}

/* RFC 4787 REQ-4. */
static bool keeps_parity(const struct nat_policy *p, uint8_t protocol)
{
	if (p->port_selection == NAT_PORT_PARITY || p->port_selection == NAT_PORT_CONTIGUOUS)
		return protocol != PROTO_ICMP;
	return p->parity && protocol == PROTO_UDP;
}

bool rule_port_allowed(const struct nat_config *c, const struct nat_policy *p, uint8_t protocol,
		       struct place inside, struct place outside)
{
	if (keeps_parity(p, protocol) && (outside.port ^ inside.port) & 1)
		return false;
	return rule_share_allowed(c, p, protocol, inside, outside);
}

int rule_owner(const struct nat_config *c, uint8_t protocol, struct place local,
	       enum nat_side from)
{
	const struct nat_forward *f = rule_forward(c, protocol, local);
	struct place inside = local, outside = local;

	if (from == SIDE_OUTSIDE && !f)
		return class_of(c, local.port);
	if (from == SIDE_OUTSIDE)
		inside = rule_target(f, local);
	rule_forward_outwards(c, protocol, inside, true, &outside);
	return class_of(c, outside.port);
}
