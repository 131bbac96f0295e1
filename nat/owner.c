#include "nat/owner.h"

#include "helper.h"
#include "seen6.h"
#include "six.h"
#include "stateless.h"
#include "transport.h"
#include "tuple_common.h"

/* x mod workers for x below 2^16: the fraction x / workers, times workers. */
static uint16_t modulo(const struct nat *n, uint16_t x)
{
	uint32_t fraction = n->workers_inverse * x;

	return (uint16_t)(((uint64_t)fraction * n->config.workers) >> 32);
}

/* All that a host of a planned policy does belongs to one worker, which alone has its ranges. */
static uint16_t owner_of_host(const struct nat *n, uint64_t inside)
{
	return modulo(n, (uint16_t)hash_words(&n->hash, inside, PROTO_TCP));
}

/* Datagrams without ports: all of one remote address and protocol to one worker. */
static uint16_t owner_by_remote(const struct nat *n, const void *remote, size_t len,
				uint8_t protocol)
{
	uint64_t words[2] = { 0, protocol };

	memcpy(words, remote, len);
	return modulo(n, (uint16_t)hash_words(&n->hash, words[0], words[1]));
}

/* The same for protocols of which only addresses are translated, by the address that the remote one
 * has outside. */
static uint16_t owner_of_pair(const struct nat *n, const struct tuple *t)
{
	const struct nat_policy *p = t->side == SIDE_INSIDE ? policy_of4(&n->config, t->local) : NULL;
	be32 remote = p ? policy_far(p, t->remote, SIDE_OUTSIDE) : t->remote;

	return owner_by_remote(n, &remote, sizeof(remote), t->protocol);
}

/* Who gives an outside port away: of a share, the owner of its host; of blocks, each its own. */
static uint16_t owner_of_outside(const struct nat *n, struct endpoint e)
{
	uint16_t port = be16_host(e.port), index;
	const struct nat_policy *p = NULL;
	struct port_range blocks;
	be32 inside;

	if (n->pool.planned && pool_has(n, e.address, &index))
		p = planned_at(n, index);
	if (!p)
		return modulo(n, port >> 1);
	if (nat_policy_share_at(p, index, port, &inside))
		return owner_of_host(n, inside.raw);
	blocks = nat_block_ports(p);
	return port >= blocks.first && port <= blocks.last ? modulo(n, port / p->block_size)
							   : modulo(n, port >> 1);
}

static uint16_t owner_of_inside(const struct nat *n, const struct tuple *t)
{
	return planned_of(n, t->local, t->remote) ? owner_of_host(n, t->local.raw)
						  : modulo(n, be16_host(t->local_port) >> 1);
}

/* What a forwarded endpoint sends must reach the worker that holds the outside port. */
static const struct nat_forward *find_forward(const struct nat_config *c, enum nat_side side,
					      uint8_t protocol, const struct place *at,
					      be16 *external)
{
	const struct nat_forward *f;
	struct place internal;

	if (side == SIDE_INSIDE)
		return forward_at_internal(c, protocol, at, external);
	f = forward_at_external(c, protocol, at);
	if (!f)
		return NULL;
	internal = (struct place){ f->internal,
				   nat_is_v6_beside(f->internal) ? &f->internal6 : NULL,
				   forward_internal_port(f, at->port),
				   !nat_is_v6_beside(f->external) };
	return forward_at_internal(c, protocol, &internal, external);
}

const struct nat_forward *nat_owner_forward(const struct nat_config *c, enum nat_side side,
					    uint8_t protocol, struct endpoint e,
					    struct endpoint *external)
{
	const struct place at = { .v4 = e.address, .port = e.port };
	const struct nat_forward *f = find_forward(c, side, protocol, &at, &external->port);

	if (f)
		external->address = f->external;
	return f;
}

bool nat_has_six(const struct nat_config *c)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].version == 6 || c->policies[i].type == NAT_SIIT)
			return true;
	return false;
}

/* Of the session that t is of. */
static uint16_t owner_of(const struct nat *n, const struct tuple *t)
{
	const struct nat_config *c = &n->config;
	struct endpoint e = { t->local, t->local_port }, external;
	struct tuple tunnel = *t;
	be32 host;

	if (transport_is_paired(t->protocol))
		return owner_of_pair(n, t);
	if (helper_tunnels(n, t)) {
		tunnel.protocol = PROTO_GRE;
		return owner_of_pair(n, &tunnel);
	}
	if (helper_gathers(n, t, &host))
		return owner_of_host(n, host.raw);
	if (c->forward_count &&
	    nat_owner_forward(c, (enum nat_side)t->side, t->protocol, e, &external))
		return owner_of_outside(n, external);
	return t->side == SIDE_OUTSIDE ? owner_of_outside(n, e) : owner_of_inside(n, t);
}

/* The same where the local end is of IPv6; to_v4: and has an IPv4 address outside. Of protocols of which
 * only addresses are translated, by the first half of the remote one. */
static uint16_t owner_of_six(const struct nat *n, const struct seen6 *s)
{
	const struct place at = { .v6 = &s->local, .port = s->ports[0], .to_v4 = s->to_v4 };
	const struct nat_forward *f = NULL;
	const struct nat_policy *p;
	be16 external;

	if (transport_is_paired(s->protocol))
		return owner_by_remote(n, &s->remote, sizeof(uint64_t), s->protocol);
	if (n->config.forward_count)
		f = find_forward(&n->config, s->side, s->protocol, &at, &external);
	if (f && !nat_is_v6_beside(f->external))
		return owner_of_outside(n, (struct endpoint){ f->external, external });
	if (f)
		return modulo(n, be16_host(external) >> 1);
	p = n->pool.planned && s->side == SIDE_INSIDE ? policy_of6(&n->config, &s->local, s->to_v4)
						       : NULL;
	return p && nat_policy_is_planned(p) ? owner_of_host(n, ip6_word(n, &s->local))
					     : modulo(n, be16_host(s->ports[0]) >> 1);
}

/* Where no host and no forward has a worker of its own, ports say it all. */
static bool goes_by_ports(const struct nat *n)
{
	return !n->config.forward_count && !n->pool.planned && !n->gathers;
}

/* tuple_is_common(), of IPv6. */
static bool is_common6(const struct pkt *p)
{
	return p->version == 6 && (p->protocol == PROTO_TCP || p->protocol == PROTO_UDP) &&
	       !(p->flags & (PKT_FRAGMENT_LATER | PKT_NO_PORTS));
}

/* Of a quoted datagram, where p is an error. */
static bool see_four(const struct nat *n, const struct pkt *p, enum nat_side from, struct tuple *t)
{
	enum reason r = REASON_NO_TRANSPORT;
	struct pkt inner;

	if (!(p->flags & PKT_ICMP_ERROR)) {
		r = tuple_of(t, p, from);
		if (r == REASON_NOT_A_QUERY && n->one_to_one)
			r = tuple_of_query(t, p, from);
	} else if (pkt_parse_quoted(&inner, p) == REASON_NONE) {
		r = tuple_of_quoted(t, &inner, from);
		if (r == REASON_NOT_A_QUERY && n->one_to_one)
			r = tuple_of_quoted_query(t, &inner, from);
	}
	return r == REASON_NONE;
}

static bool see_six(const struct nat *n, const struct pkt *p, enum nat_side from, struct seen6 *s)
{
	struct pkt inner;

	if (!(p->flags & PKT_ICMP_ERROR))
		return seen6_of(n, s, p, from) == REASON_NONE;
	return pkt_parse_quoted(&inner, p) == REASON_NONE &&
	       seen6_of_quoted(n, s, &inner, from) == REASON_NONE;
}

uint16_t nat_owner(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	bool whole = !pkt_is_fragment(p) || (p->flags & PKT_PORTS_KNOWN);
	struct seen6 six;
	struct tuple t;

	if (n->config.workers == 1)
		return 0;
	if (tuple_is_common(p) && !pkt_is_fragment(p) && goes_by_ports(n)) {
		tuple_fill_common(&t, p, from);
		if (!helper_tunnels(n, &t))
			return modulo(n, be16_host(t.local_port) >> 1);
	}
	if (n->six && !n->stateless && is_common6(p) && !pkt_is_fragment(p) && goes_by_ports(n))
		return modulo(n, load16(pkt_transport(p) + (from == SIDE_INSIDE ? 0 : 2)) >> 1);
	/* Anybody may do it. */
	if (n->stateless && stateless_policy(n, p, from, false))
		return n->config.worker;
	if (n->six && p->version == 6 && pkt_is_fragment(p) && !six_covers(n, p, from))
		return n->config.worker;
	if (p->version == 4 && whole && see_four(n, p, from, &t))
		return owner_of(n, &t);
	if (n->six && p->version == 6 && whole && see_six(n, p, from, &six))
		return owner_of_six(n, &six);
	return owner_by_remote(n, from == SIDE_INSIDE ? pkt_destination(p) : pkt_source(p),
			       p->version == 4 ? 4 : 8,
			       p->version == 6 && pkt_is_fragment(p) ? PROTO_V6_FRAGMENT : p->protocol);
}

static uint16_t owner_of_key(const struct nat *n, const struct tuple *t)
{
	struct seen6 s;

	if (!is_name(t->local))
		return owner_of(n, t);
	s = seen6_of_tuple(n, t);
	return owner_of_six(n, &s);
}

bool owner_is_another(const struct nat *n, const struct tuple *key)
{
	return n->config.workers > 1 && owner_of_key(n, key) != n->config.worker;
}

bool owner_is_other(const struct nat *n, const struct session *s)
{
	return owner_is_another(n, &s->key[SIDE_INSIDE]) || owner_is_another(n, &s->key[SIDE_OUTSIDE]);
}
