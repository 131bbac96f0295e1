#include "seen6.h"

#include "prefixes.h"
#include "transport.h"
#include "tuple_common.h"

static bool is_query(const struct pkt *p)
{
	return p->protocol == PROTO_ICMPV6 && (p->flags & PKT_ICMP_QUERY) &&
	       !(p->flags & PKT_FRAGMENT_LATER);
}

/* Hosts with an address of their own outside are asked from there, too (RFC 7857 section 12). */
static bool asks_both_ways(const struct nat_config *c, const struct ip6 *local)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (p->version == 6 && p->type == NAT_ONE_TO_ONE &&
		    (ip6_prefix_has(&p->v6.match, local) ||
		     ip6_prefix_has(&p->v6.translated, local)))
			return true;
	}
	return false;
}

static enum reason read_ports(const struct nat *n, struct seen6 *s, const struct pkt *p,
			      bool outward)
{
	const uint8_t *transport = pkt_transport(p);
	be16 ports[2];
	enum reason r;

	s->protocol = p->protocol == PROTO_ICMPV6 ? PROTO_ICMP : p->protocol;
	if ((p->protocol == PROTO_TCP || p->protocol == PROTO_UDP) && !pkt_is_fragment(p)) {
		s->ports[0] = be16_load(transport + (outward ? 0 : 2));
		s->ports[1] = be16_load(transport + (outward ? 2 : 0));
		return REASON_NONE;
	}
	if (p->protocol == PROTO_ICMP)
		return REASON_NO_TRANSPORT;
	if (is_query(p) && asks_both_ways(&n->config, &s->local)) {
		s->ports[0] = be16_load(pkt_transport(p) + 4);
		s->ports[1] = (be16){ 0 };
		return REASON_NONE;
	}
	/* RFC 6092 REC-23: by addresses alone; each direction has SPIs of its own. */
	if (p->protocol == PROTO_ESP) {
		s->ports[0] = s->ports[1] = (be16){ 0 };
		return REASON_NONE;
	}
	r = tuple_ports(p, outward, ports);
	s->ports[0] = ports[!outward];
	s->ports[1] = s->protocol == PROTO_ICMP ? (be16){ 0 } : ports[outward];
	return r;
}

static enum reason see(const struct nat *n, struct seen6 *s, const struct pkt *p, enum nat_side side,
		       bool outward)
{
	const uint8_t *local = outward ? pkt_source(p) : pkt_destination(p);
	const uint8_t *remote = outward ? pkt_destination(p) : pkt_source(p);

	s->local = ip6_load(local);
	s->remote = ip6_load(remote);
	s->side = side;
	s->tag = tuple_tag(p, side, outward);
	s->to_v4 = side == SIDE_INSIDE && prefix_leads(n, &s->local, &s->remote, &s->slot);
	s->remote4 = s->to_v4 ? rfc6052_extract(&n->prefixes.slots[s->slot].prefix, &s->remote)
			      : (be32){ 0 };
	/* These are names, and no host's addresses. */
	if (s->to_v4 && is_name(s->remote4))
		return REASON_EMBEDDED;
	return read_ports(n, s, p, outward);
}

enum reason seen6_of(const struct nat *n, struct seen6 *s, const struct pkt *p, enum nat_side from)
{
	return see(n, s, p, from, from == SIDE_INSIDE);
}

enum reason seen6_of_quoted(const struct nat *n, struct seen6 *s, const struct pkt *inner,
			    enum nat_side from)
{
	return see(n, s, inner, from, from == SIDE_OUTSIDE);
}

struct seen6 seen6_of_tuple(const struct nat *n, const struct tuple *t)
{
	struct seen6 s = {
		.local = *name_address(n, t->local),
		.ports = { t->local_port, t->remote_port },
		.tag = t->tag,
		.side = (enum nat_side)t->side,
		.protocol = t->protocol,
		.to_v4 = !is_name(t->remote),
		.remote4 = t->remote,
	};

	if (!s.to_v4)
		s.remote = *name_address(n, t->remote);
	return s;
}

static void fill(struct tuple *t, const struct seen6 *s, be32 local, be32 remote)
{
	*t = (struct tuple){
		.local = local,
		.remote = remote,
		.local_port = s->ports[0],
		.remote_port = s->ports[1],
		.protocol = s->protocol,
		.side = (uint8_t)s->side,
		.tag = s->to_v4 ? prefix_tag(s->slot) : s->tag,
	};
}

void seen6_fetch_index(const struct nat *n, struct seen6 *s)
{
	s->hash[0] = name_hash(n, &s->local);
	table_prefetch(&n->names.by, s->hash[0]);
	if (s->to_v4)
		return;
	s->hash[1] = name_hash(n, &s->remote);
	table_prefetch(&n->names.by, s->hash[1]);
}

static void fetch_guess(const struct nat *n, uint64_t hash)
{
	uint32_t number = table_guess(&n->names.by, hash);

	if (number != TABLE_NONE)
		__builtin_prefetch(&n->names.all[number]);
}

void seen6_fetch_names(const struct nat *n, const struct seen6 *s)
{
	fetch_guess(n, s->hash[0]);
	if (!s->to_v4)
		fetch_guess(n, s->hash[1]);
}

bool seen6_tuple(const struct nat *n, const struct seen6 *s, struct tuple *t)
{
	be32 local = name_find_by(n, s->hash[0], &s->local);
	be32 remote = s->to_v4 ? s->remote4 : name_find_by(n, s->hash[1], &s->remote);

	fill(t, s, local, remote);
	return local.raw && (s->to_v4 || remote.raw);
}

bool seen6_tuple_taken(struct nat *n, const struct seen6 *s, struct tuple *t)
{
	be32 local = name_take(n, &s->local);
	be32 remote = s->to_v4 ? s->remote4 : name_take(n, &s->remote);

	fill(t, s, local, remote);
	return local.raw && (s->to_v4 || remote.raw);
}
