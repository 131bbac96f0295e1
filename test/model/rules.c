#include "rules.h"

#include "embed.h"

enum { IKE = 500 };

struct place place_of(struct nat_endpoint e)
{
	return (struct place){ e.is_v6 ? ip_of_six(&e.address6) : be32_host(e.address),
			       be16_host(e.port) };
}

static bool covers(be32 prefix, unsigned len, ip_number address)
{
	return !ip_is_six(address) && ip_covers(be32_host(prefix), len, 32, address);
}

bool rule_has_host(const struct nat_policy *p, ip_number inside)
{
	return p->version == 6 ? ip_is_six(inside) && embed_has(&p->v6.match, inside)
			       : covers(p->prefix, p->prefix_len, inside);
}

static bool is_exception(const struct nat_policy *p)
{
	return p->destination.len || p->destination.protocol || p->destination.ports.last;
}

static bool is_stateless(const struct nat_policy *p)
{
	return p->type == NAT_NPTV6 || p->type == NAT_SIIT;
}

/* NAT64 for what changes the family; for all else, all else. What is exempt is so from both. */
static bool is_for(const struct nat_policy *p, bool changes)
{
	return (p->type == NAT_NONE && p->version == 6) || (p->type == NAT_NAT64) == changes;
}

const struct nat_policy *rule_policy(const struct nat_config *c, ip_number inside, ip_number across)
{
	bool changes = ip_is_six(inside) != ip_is_six(across);

	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (!is_stateless(p) && is_for(p, changes) && !is_exception(p) &&
		    rule_has_host(p, inside))
			return p;
	}
	return NULL;
}

const struct ip6_prefix *rule_prefix(const struct nat_config *c, ip_number inside, ip_number remote,
				     const struct nat_policy **policy)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		*policy = p;
		if (!rule_has_host(p, inside))
			continue;
		if (p->type == NAT_NONE)
			return NULL;
		if (p->type == NAT_NAT64 && embed_prefix_of(p, remote))
			return embed_prefix_of(p, remote);
	}
	return NULL;
}

ip_number rule_across(const struct nat_config *c, ip_number inside, ip_number remote)
{
	const struct nat_policy *p;
	const struct ip6_prefix *prefix = rule_prefix(c, inside, remote, &p);

	return prefix ? embed_taken_out(prefix, remote) : remote;
}

ip_number rule_plain(const struct nat_config *c, ip_number inside, ip_number remote)
{
	const struct nat_policy *p;
	const struct ip6_prefix *prefix = rule_prefix(c, inside, remote, &p);

	return prefix ? embed_put_in(prefix, embed_taken_out(prefix, remote)) : remote;
}

const struct ip6_prefix *rule_prefix_with(const struct nat_config *c, ip_number inside, ip_number remote)
{
	const struct ip6_prefix *prefix = NULL;

	for (size_t i = 0; i < c->policy_count && !prefix; i++)
		if (c->policies[i].type == NAT_NAT64 && rule_has_host(&c->policies[i], inside))
			prefix = embed_prefix_of(&c->policies[i], remote);
	return prefix;
}

bool rule_hides(const struct nat_config *c, ip_number inside)
{
	for (size_t i = 0; ip_is_six(inside) && i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (p->version == 6 && p->type != NAT_SIIT && p->type != NAT_NAT64 && rule_has_host(p, inside))
			return p->type != NAT_FIREWALL && p->type != NAT_NONE;
	}
	return false;
}

bool rule_reveals(const struct nat_config *c, const struct datagram *error, const struct datagram *inner)
{
	const struct nat_policy *p = rule_policy(c, inner->destination.address, inner->source.address);

	return error->version == 4 && p && p->type != NAT_NONE && !rule_exempts(c, inner, false);
}

bool rule_is_embedded(const struct nat_config *c, ip_number six)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].type == NAT_NAT64 && embed_prefix_of(&c->policies[i], six))
			return true;
	return false;
}

/* RFC 6888 REQ-6. */
static bool is_bound_for(const struct nat_policy *p, const struct datagram *d, struct place remote)
{
	struct port_range ports = p->destination.ports;

	if (!is_exception(p))
		return true;
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

		if (p->type == NAT_NAT64 || is_stateless(p) || !rule_has_host(p, inside.address))
			continue;
		if (p->type == NAT_NONE && is_bound_for(p, d, remote))
			return true;
		if (!is_exception(p))
			return false;
	}
	return false;
}

static ip_number moved(ip_number address, be32 to, unsigned len)
{
	return ip_join(be32_host(to), len, 32, address);
}

bool rule_is_basic(const struct nat_policy *p)
{
	return p->type == NAT_ONE_TO_ONE || p->type == NAT_FIREWALL;
}

const struct nat_policy *rule_basic_inwards(const struct nat_config *c, ip_number outside,
					    ip_number *inside)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];
		bool six = p->version == 6 && ip_is_six(outside);
		const struct ip6_prefix *to = p->type == NAT_FIREWALL ? &p->v6.match
								      : &p->v6.translated;

		if (!rule_is_basic(p) ||
		    !(six ? embed_has(to, outside)
			  : p->version != 6 && covers(p->translated, p->prefix_len, outside)))
			continue;
		*inside = six ? embed_moved(&p->v6.match, to->len, outside)
			      : moved(outside, p->prefix, p->prefix_len);
		if (rule_policy(c, *inside, outside) == p)
			return p;
	}
	return NULL;
}

ip_number rule_basic_outwards(const struct nat_policy *p, ip_number inside)
{
	if (p->type == NAT_FIREWALL)
		return inside;
	return ip_is_six(inside) ? embed_moved(&p->v6.translated, p->v6.match.len, inside)
				 : moved(inside, p->translated, p->prefix_len);
}

ip_number rule_far(const struct nat_policy *p, ip_number remote, enum nat_side from)
{
	bool outwards = from == SIDE_INSIDE;
	be32 known = outwards ? p->twice.seen : p->twice.real;

	if (p->type == NAT_NAT64)
		return outwards ? embed_taken_out(embed_prefix_of(p, remote), remote)
				: embed_put_in(&p->v6.prefixes[0], remote);
	if (!p->twice.len || !covers(known, p->twice.len, remote))
		return remote;
	return moved(remote, outwards ? p->twice.real : p->twice.seen, p->twice.len);
}

ip_number rule_pool(const struct nat_config *c, size_t place)
{
	return nat_is_v6_beside(c->pool[place]) ? ip_of_six(&c->pool6[place])
						: be32_host(c->pool[place]);
}

const struct nat_policy *rule_giver(const struct nat_config *c, ip_number address)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		for (size_t k = 0; rule_gives_ports(p) && k < p->pool_count; k++)
			if (rule_pool(c, p->pool_first + k) == address)
				return p;
	}
	return NULL;
}

bool rule_in_pool(const struct nat_config *c, ip_number address)
{
	for (size_t i = 0; i < c->pool_count; i++)
		if (rule_pool(c, i) == address)
			return true;
	return false;
}

bool rule_is_ours(const struct nat_config *c, ip_number address)
{
	ip_number inside;
	const struct nat_policy *p = rule_basic_inwards(c, address, &inside);

	return rule_in_pool(c, address) || (p && p->type == NAT_ONE_TO_ONE);
}

static ip_number one_of_both(be32 four, const struct ip6 *six)
{
	return nat_is_v6_beside(four) ? ip_of_six(six) : be32_host(four);
}

ip_number rule_external(const struct nat_forward *f)
{
	return one_of_both(f->external, &f->external6);
}

bool rule_is_forwarded(const struct nat_config *c, ip_number address)
{
	for (size_t i = 0; i < c->forward_count; i++)
		if (rule_external(&c->forwards[i]) == address)
			return true;
	return false;
}

const struct nat_forward *rule_forward(const struct nat_config *c, uint8_t protocol,
				       struct place outside)
{
	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];

		if (f->protocol == protocol && rule_external(f) == outside.address &&
		    outside.port >= f->first && outside.port <= f->last)
			return f;
	}
	return NULL;
}

struct place rule_target(const struct nat_forward *f, struct place outside)
{
	return (struct place){ one_of_both(f->internal, &f->internal6),
			       (uint16_t)(f->internal_first + outside.port - f->first) };
}

bool rule_forward_outwards(const struct nat_config *c, const struct rule_speaker *s,
			   struct place *outside)
{
	bool found = false;

	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];
		struct place external = { .address = rule_external(f) };

		if (f->protocol != s->protocol || (f->grouped && !s->grouped) ||
		    ip_is_six(external.address) != ip_is_six(s->across) ||
		    rule_target(f, external).address != s->inside.address)
			continue;
		for (unsigned port = f->first; port <= f->last; port++) {
			external.port = (uint16_t)port;
			if (!place_equal(rule_target(f, external), s->inside) ||
			    (found && outside->port <= port))
				continue;
			*outside = external;
			found = true;
		}
	}
	return found;
}

bool rule_refuses(const struct nat_config *c, const struct datagram *d, enum nat_side from)
{
	const struct nat_policy *p;

	if (d->protocol == PROTO_TCP || d->protocol == PROTO_UDP || d->protocol == PROTO_ICMP)
		return false;
	if (from == SIDE_INSIDE)
		return d->version == 6 &&
		       rule_prefix(c, d->source.address, d->destination.address, &p);
	p = d->version == 4 ? rule_giver(c, d->destination.address) : NULL;
	return p && p->type == NAT_NAT64;
}

bool rule_passes_firewall(const struct nat_config *c, ip_number inside, ip_number across,
			  const struct datagram *d, enum nat_side from)
{
	const struct nat_policy *p = rule_policy(c, inside, across);

	if (!p || p->type != NAT_FIREWALL || d->first_fragment || d->later_fragment)
		return false;
	if (d->ipsec)
		return !p->v6.blocks_ipsec;
	if (!p->v6.blocks_ipsec && from == SIDE_OUTSIDE && d->protocol == PROTO_UDP &&
	    d->destination.port == IKE)
		return true;
	return !p->v6.blocks_ping && (d->kind == KIND_REQUEST || d->kind == KIND_REPLY);
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

int rule_owner(const struct nat_config *c, uint8_t protocol, struct place local, ip_number across,
	       enum nat_side from)
{
	const struct nat_forward *f = rule_forward(c, protocol, local);
	struct rule_speaker s = { protocol, local, across, true };
	struct place outside = local;

	if (from == SIDE_OUTSIDE && !f)
		return class_of(c, local.port);
	if (from == SIDE_OUTSIDE)
		s.inside = rule_target(f, local);
	rule_forward_outwards(c, &s, &outside);
	return class_of(c, outside.port);
}
