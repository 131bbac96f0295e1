/* Where a datagram is going, as it came in: to us, through the NAT, or straight on. */
#include "worker_core.h"

/* One session always takes the same of several equal ways. */
static uint32_t hash_ways(const struct pkt *p)
{
	uint32_t h = p->protocol;
	uint32_t words = p->version == 4 ? 2 : 8;

	for (uint32_t i = 0; i < words; i++)
		h = (h ^ load32(pkt_source(p) + 4 * i)) * 0x9e3779b1u;
	if (!pkt_is_fragment(p) && (p->protocol == PROTO_TCP || p->protocol == PROTO_UDP))
		h = (h ^ load32(pkt_transport(p))) * 0x9e3779b1u;
	return h ^ h >> 15;
}

void route_from_here(struct frame *f)
{
	const uint8_t *source = pkt_source(&f->p);

	f->source = f->p.version == 4 ? address_v4(source) : address_v6(source);
}

/* By rules, which ask for the source, it is where an answer would go. */
uint16_t route_back(const struct worker *w, const struct pkt *p)
{
	const uint8_t *from = pkt_destination(p);
	struct address source = p->version == 4 ? address_v4(from) : address_v6(from);

	return rib_lookup(w->snapshot->rib, &source, pkt_source(p));
}

const struct hop *route_find(const struct worker *w, const struct frame *f,
			     const uint8_t *address, uint16_t *number)
{
	const struct rib *rib = w->snapshot->rib;

	*number = rib_main(rib, f->p.version, address);
	if (!w->plain)
		*number = rib_ask(rib, &f->source, address, *number);
	if (rib_is_group(rib, *number))
		*number = rib_choose(rib, *number, hash_ways(&f->p));
	return rib_hop(rib, *number, 0);
}

enum reason route_reason(enum hop_kind kind)
{
	switch (kind) {
	case HOP_BLACKHOLE: return REASON_BLACKHOLE;
	case HOP_UNREACHABLE: return REASON_UNREACHABLE;
	case HOP_PROHIBIT: return REASON_PROHIBIT;
	case HOP_BROADCAST: return REASON_MULTICAST;
	default: return REASON_NO_ROUTE;
	}
}

/* Whether hosts at the destination may have answered somebody inside who called them by an outside
 * address and kept his own source. The first policy that matches counts, as in the NAT. */
static bool may_be_called(const struct conf *c, const struct pkt *p)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		struct prefix match = { address_v4((const uint8_t *)&c->policies[i].prefix),
					c->policies[i].prefix_len };
		struct address to = address_v4(pkt_destination(p));

		if (c->policies[i].version != 6 && prefix_contains(&match, &to))
			return c->policies[i].type == NAT_NONE ||
			       c->policies[i].hairpin == NAT_HAIRPIN_INTERNAL;
	}
	return false;
}

/* Twice NAT: whether inside hosts that answer there mean somebody outside. */
static bool stands_for_others(const struct conf *c, const struct pkt *p)
{
	for (size_t i = 0; p->version == 4 && i < c->nat.forward_count; i++)
		if (c->nat.forwards[i].source.raw &&
		    be32_equal(c->nat.forwards[i].source, be32_load(pkt_destination(p))))
			return true;
	return false;
}

/* A CLAT's IPv4 (RFC 6877) needs no way to where it says that it is going, which lies behind IPv6. */
static bool may_become_six(const struct worker *w, const struct frame *f)
{
	const struct conf *c = worker_conf(w);
	struct address from = address_v4(pkt_source(&f->p));

	for (size_t i = 0; f->p.version == 4 && f->job.from == SIDE_INSIDE && i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];
		struct prefix match = { address_v4((const uint8_t *)&p->prefix), p->prefix_len };

		if (p->type == NAT_SIIT && p->version != 6 && prefix_contains(&match, &from))
			return true;
	}
	return false;
}

/* IPv4 that crosses between the sides is translated, whatever else. IPv6 is, where some entry is for it. What stays inside is not, but
 * for answers to a host that spoke to an outside address with its inside one, or that is but a name
 * for others. From outside everything but what is for the router alone may belong to a mapping, or
 * to a prefix that passes untranslated. */
static bool route_onwards(struct worker *w, struct frame *f, const struct hop *hop)
{
	const struct conf *c = worker_conf(w);
	enum nat_side to = c->interfaces[hop->interface].side;
	enum reason r = REASON_NONE;

	f->job.known_only = f->job.from == SIDE_INSIDE && to == SIDE_INSIDE;
	if (f->p.version == 6) {
		f->translate = w->six && !f->job.known_only;
		r = admit6_onwards(w, f, hop);
	} else {
		f->translate = !f->job.known_only || may_be_called(c, &f->p) ||
			       stands_for_others(c, &f->p);
	}
	if (r == REASON_NONE && f->job.from == SIDE_OUTSIDE && to == SIDE_OUTSIDE)
		r = REASON_OUTSIDE_TRANSIT;
	if (r != REASON_NONE)
		local_refuse(w, f, r);
	return r == REASON_NONE;
}

/* Requirement 2827-V21: the router's own inside addresses are not seen outside either. */
static bool is_hidden(const struct worker *w, const struct frame *f, const struct hop *hop)
{
	return f->p.version == 4 && f->job.from == SIDE_OUTSIDE &&
	       worker_conf(w)->interfaces[hop->interface].side == SIDE_INSIDE;
}

/* False: it went no further. */
static bool route_to_us(struct worker *w, struct frame *f, const struct hop *hop)
{
	if (f->job.from == SIDE_INSIDE && stands_for_others(worker_conf(w), &f->p)) {
		f->job.known_only = true;
		f->translate = true;
		return true;
	}
	if (is_hidden(w, f, hop))
		local_refuse(w, f, REASON_LOCAL_SERVICE);
	else
		local_deliver(w, f);
	return false;
}

static bool route(struct worker *w, struct frame *f)
{
	const struct hop *hop;

	route_from_here(f);
	hop = route_find(w, f, pkt_destination(&f->p), &f->hop);
	route_date(w, f);
	f->egress = hop->interface;
	f->routed = true;
	switch (hop->kind) {
	case HOP_VIA:
	case HOP_LINK:
		return route_onwards(w, f, hop);
	case HOP_POOL:
	case HOP_POOL_LOCAL:
		f->translate = true;
		return true;
	case HOP_LOCAL:
		return route_to_us(w, f, hop);
	default:
		if (hop->kind == HOP_NONE && may_become_six(w, f)) {
			f->translate = true;
			return true;
		}
		local_refuse(w, f, route_reason(hop->kind));
		return false;
	}
}

size_t stage_route(struct worker *w, struct frame **frames, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (frames[i]->recalled || route(w, frames[i]))
			frames[kept++] = frames[i];
	return kept;
}
