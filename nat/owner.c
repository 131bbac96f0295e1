#include "nat/owner.h"

#include "helper.h"
#include "transport.h"
#include "tuple_common.h"

/* x mod workers for x below 2^16: the fraction x / workers, times workers. */
static uint16_t modulo(const struct nat *n, uint16_t x)
{
	uint32_t fraction = n->workers_inverse * x;

	return (uint16_t)(((uint64_t)fraction * n->config.workers) >> 32);
}

/* All that a host of a planned policy does belongs to one worker, which alone has its ranges. */
static uint16_t owner_of_host(const struct nat *n, be32 inside)
{
	return modulo(n, (uint16_t)hash_words(&n->hash, inside.raw, PROTO_TCP));
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
	const struct nat_policy *p = t->side == SIDE_INSIDE ? policy_of(&n->config, t->local) : NULL;
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
		return owner_of_host(n, inside);
	blocks = nat_block_ports(p);
	return port >= blocks.first && port <= blocks.last ? modulo(n, port / p->block_size)
							   : modulo(n, port >> 1);
}

static uint16_t owner_of_inside(const struct nat *n, const struct tuple *t)
{
	return planned_of(n, t->local) ? owner_of_host(n, t->local)
				       : modulo(n, be16_host(t->local_port) >> 1);
}

/* What a forwarded endpoint sends must reach the worker that holds the outside port. */
const struct nat_forward *nat_owner_forward(const struct nat_config *c, enum nat_side side,
					    uint8_t protocol, struct endpoint e,
					    struct endpoint *external)
{
	const struct nat_forward *f;

	if (side == SIDE_INSIDE)
		return forward_by_internal(c, protocol, e, external);
	f = forward_by_external(c, protocol, e);
	if (f)
		forward_by_internal(c, protocol, forward_internal(f, e.port), external);
	return f;
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
		return owner_of_host(n, host);
	if (c->forward_count &&
	    nat_owner_forward(c, (enum nat_side)t->side, t->protocol, e, &external))
		return owner_of_outside(n, external);
	return t->side == SIDE_OUTSIDE ? owner_of_outside(n, e) : owner_of_inside(n, t);
}

/* Where no host and no forward has a worker of its own, ports say it all. */
static bool goes_by_ports(const struct nat *n)
{
	return !n->config.forward_count && !n->pool.planned && !n->gathers;
}

uint16_t nat_owner(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	enum reason r = REASON_NO_TRANSPORT;
	struct pkt inner;
	struct tuple t;

	if (n->config.workers == 1)
		return 0;
	if (tuple_is_common(p) && !pkt_is_fragment(p) && goes_by_ports(n)) {
		tuple_fill_common(&t, p, from);
		if (!helper_tunnels(n, &t))
			return modulo(n, be16_host(t.local_port) >> 1);
	}
	if (p->version == 4 && (!pkt_is_fragment(p) || (p->flags & PKT_PORTS_KNOWN))) {
		if (!(p->flags & PKT_ICMP_ERROR)) {
			r = tuple_of(&t, p, from);
			if (r == REASON_NOT_A_QUERY && n->one_to_one)
				r = tuple_of_query(&t, p, from);
		} else if (pkt_parse_quoted(&inner, p) == REASON_NONE) {
			r = tuple_of_quoted(&t, &inner, from);
			if (r == REASON_NOT_A_QUERY && n->one_to_one)
				r = tuple_of_quoted_query(&t, &inner, from);
		}
	}
	if (r != REASON_NONE)
		return owner_by_remote(n, from == SIDE_INSIDE ? pkt_destination(p) : pkt_source(p),
				       p->version == 4 ? 4 : 8, p->protocol);
	return owner_of(n, &t);
}

bool owner_is_other(const struct nat *n, const struct session *s)
{
	return n->config.workers > 1 && (owner_of(n, &s->key[SIDE_INSIDE]) != n->config.worker ||
					 owner_of(n, &s->key[SIDE_OUTSIDE]) != n->config.worker);
}
