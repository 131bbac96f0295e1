/*
 * What IPv6 may come in, and what of it may go on: addresses by their scope (RFC 4291, RFC 6092 section
 * 3.1), extension headers (RFC 7045), and ICMPv6 that belongs to its link (RFC 4890 section 4.3).
 */
#include "nat/extension.h"

#include "worker_core.h"

/* Addresses by their first word. */
struct block { uint32_t word, mask; };

/* Of sites, and ORCHIDs: no host has one that others could reach (RFC 6092 REC-3, RFC 7343). */
static const struct block martians[] = {
	{ 0xfec00000, 0xffc00000 }, { 0x20010010, 0xfffffff0 }, { 0x20010020, 0xfffffff0 },
};
static const struct block documentation[] = { /* RFC 3849, RFC 9637 */
	{ 0x20010db8, 0xffffffff }, { 0x3fff0000, 0xfffff000 },
};
static const struct block link_local = { 0xfe800000, 0xffc00000 };
static const struct block unique_local = { 0xfc000000, 0xfe000000 };

static bool is_in(const uint8_t *a, const struct block *b)
{
	return (load32(a) & b->mask) == b->word;
}

/* Compatible with IPv4, or mapped; unspecified and loopback are among the first. */
static bool is_v4_in_v6(const uint8_t *a)
{
	static const uint8_t zero[10];

	return memcmp(a, zero, sizeof(zero)) == 0 && (load16(a + 10) == 0 || load16(a + 10) == 0xffff);
}

static bool is_martian(const struct conf *c, const uint8_t *a)
{
	for (size_t i = 0; i < sizeof(martians) / sizeof(martians[0]); i++)
		if (is_in(a, &martians[i]))
			return true;
	if (!c->ipv6.documentation && (is_in(a, &documentation[0]) || is_in(a, &documentation[1])))
		return true;
	return is_v4_in_v6(a);
}

/* RFC 6092 REC-7, RFC 4193 section 4.3. */
static bool crosses_site(const struct conf *c, const struct pkt *p)
{
	return !c->ipv6.unique_local && (is_in(pkt_source(p), &unique_local) ||
					 is_in(pkt_destination(p), &unique_local));
}

static enum reason check_addresses(const struct conf *c, const struct frame *f)
{
	const uint8_t *source = pkt_source(&f->p), *destination = pkt_destination(&f->p);

	if (destination[0] == 0xff || f->link_multicast)
		return REASON_MULTICAST;
	if (source[0] == 0xff || is_martian(c, source))
		return REASON_MARTIAN_SOURCE;
	if (is_martian(c, destination) || is_in(destination, &link_local))
		return REASON_MARTIAN_DESTINATION;
	if (is_in(source, &link_local) || (f->job.from == SIDE_OUTSIDE && crosses_site(c, &f->p)))
		return REASON_SCOPE;
	return REASON_NONE;
}

static bool is_for_us(const struct worker *w, const struct pkt *p)
{
	const struct rib *rib = w->snapshot->rib;

	return rib_hop(rib, rib_main(rib, 6, pkt_destination(p)), 0)->kind == HOP_LOCAL;
}

/* Nobody beyond its link is to see it (RFC 4890 section 4.3.3): multicast listeners, neighbours and
 * routers, their certificates and multicast routers. What was cut into fragments is ignored where it
 * is for, too (RFC 6980). */
static bool is_of_link(uint8_t type)
{
	return (type >= 130 && type <= 137) || (type >= 141 && type <= 143) || type == 148 ||
	       type == 149 || (type >= 151 && type <= 153);
}

static enum reason check_icmp(const struct conf *c, const struct pkt *p)
{
	uint8_t type = *pkt_transport(p);

	return is_of_link(type) || headers_has(&c->ipv6.denied_icmp, type) ? REASON_ICMP_TYPE
									   : REASON_NONE;
}

static enum reason check_headers(const struct worker *w, const struct pkt *p)
{
	const struct conf *c = worker_conf(w);

	if (p->routing && is_for_us(w, p))
		return REASON_SEGMENTS_LEFT;
	if (p->flags & PKT_ROUTE_OPTION)
		return REASON_SOURCE_ROUTE;
	if (c->ipv6.denies_headers && extension_is_any(p, &c->ipv6.denied_headers))
		return REASON_EXTENSION_TYPE;
	if (c->ipv6.obeys_options && extension_refused_option(p))
		return REASON_UNKNOWN_OPTION;
	if (p->protocol == PROTO_ICMPV6 && !(p->flags & PKT_FRAGMENT_LATER))
		return check_icmp(c, p);
	return REASON_NONE;
}

/* RFC 6092 REC-6: whether it is in use or not. */
static bool claims_delegated(const struct conf *c, const struct frame *f)
{
	struct address source = address_v6(pkt_source(&f->p));

	for (size_t i = 0; f->job.from == SIDE_OUTSIDE && i < c->ipv6.delegated_count; i++)
		if (prefix_contains(&c->ipv6.delegated[i], &source))
			return true;
	return false;
}

static bool is_spoofed(const struct worker *w, const struct frame *f)
{
	return claims_delegated(worker_conf(w), f) || admit_is_spoofed(w, f);
}

enum reason admit6(const struct worker *w, const struct frame *f)
{
	enum reason r = check_addresses(worker_conf(w), f);

	if (r == REASON_NONE && is_spoofed(w, f))
		r = REASON_SPOOFED;
	return r == REASON_NONE ? check_headers(w, &f->p) : r;
}

/* A source that would lead an answer to ourselves. */
static bool is_ours(const struct worker *w, const struct pkt *p)
{
	const struct rib *rib = w->snapshot->rib;
	enum hop_kind kind = rib_hop(rib, rib_main(rib, 6, pkt_source(p)), 0)->kind;

	return kind == HOP_LOCAL || kind == HOP_POOL || kind == HOP_POOL_LOCAL;
}

/* Between neighbours, and with ourselves, an address of the link is as good as any. */
static bool stays_on_link(const struct worker *w, const struct pkt *p)
{
	return is_for_us(w, p) || (p->protocol == PROTO_ICMPV6 && !(p->flags & PKT_FRAGMENT_LATER) &&
				   is_of_link(*pkt_transport(p)));
}

/* RFC 7084 L-14, and RFC 4443 section 3.1 for what has an address of its link only: no route leads back
 * to such a source, but it is on the link. */
static bool is_told_on_link(const struct worker *w, const struct frame *f, enum reason r)
{
	if (r == REASON_SPOOFED)
		return f->job.from == SIDE_INSIDE && !is_ours(w, &f->p) && !stays_on_link(w, &f->p);
	return r == REASON_SCOPE && is_in(pkt_source(&f->p), &link_local) && !stays_on_link(w, &f->p);
}

void admit6_refuse(struct worker *w, struct frame *f, enum reason r)
{
	if (is_told_on_link(w, f, r))
		local_refuse_on_link(w, f, r);
	else if (r == REASON_SEGMENTS_LEFT || r == REASON_EXTENSION_TYPE || r == REASON_UNKNOWN_OPTION)
		local_refuse(w, f, r);
	else
		frame_drop(w, f, r);
}

/* Octets of a fragment that cannot be right: their sender is told (RFC 8200 section 4.5, RFC 7112), if
 * he is who he says. */
void admit6_refuse_octets(struct worker *w, struct frame *f, enum reason r)
{
	bool told = f->p.fragment && (r == REASON_EXTENSION || r == REASON_TRANSPORT_SHORT ||
				      r == REASON_FRAGMENT_BAD);

	if (told && check_addresses(worker_conf(w), f) == REASON_NONE && !is_spoofed(w, f))
		local_refuse(w, f, r);
	else
		frame_drop(w, f, r);
}

/* RFC 4443 section 3.1: on a link of two what is for nobody would go to and fro. */
static bool would_bounce(const struct worker *w, const struct frame *f, const struct hop *hop)
{
	return hop->kind == HOP_LINK && hop->interface == f->ingress &&
	       !(w->neighbours & 1u << hop->interface);
}

bool admit6_leaves(const struct worker *w, const struct frame *f)
{
	const struct conf *c = worker_conf(w);

	return f->job.from == SIDE_OUTSIDE || c->interfaces[f->egress].side == SIDE_INSIDE ||
	       !crosses_site(c, &f->p);
}

enum reason admit6_onwards(const struct worker *w, const struct frame *f, const struct hop *hop)
{
	if (would_bounce(w, f, hop))
		return REASON_UNREACHABLE;
	return f->translate || admit6_leaves(w, f) ? REASON_NONE : REASON_SCOPE;
}
