/*
 * Checksums cover addresses, and are changed by what their sums gain. ICMP's covers none in IPv4 and
 * those of the pseudo-header in IPv6, so that a whole pseudo-header comes or goes.
 */
#include "family_header.h"
#include "icmp_map.h"
#include "transport.h"

enum { ICMP_IDENTIFIER = 4, UDP_HEADER = 8, UDP_LEN = 4, UDP_CHECKSUM = 6, V6_HIP = 139 };

static bool is_icmp(const struct family_header *h)
{
	return h->protocol == PROTO_ICMP || h->protocol == PROTO_ICMPV6;
}

/* RFC 7915 section 1.1: the pseudo-header of a fragmented message has the length of the whole. */
static enum reason admits_icmp(const struct pkt *p, const struct family_ends *e)
{
	const struct icmp_row *row;

	if (pkt_is_fragment(p) && !(p->flags & PKT_QUOTED) && !e->whole)
		return REASON_ICMP_FRAGMENT;
	if (p->flags & PKT_FRAGMENT_LATER)
		return REASON_NONE;
	row = icmp_map(pkt_transport(p), p->version);
	return row && row->word == ICMP_KEPT ? REASON_NONE : REASON_ICMP_TYPE;
}

/* RFC 768: none was sent; what IPv6 has lies in the pseudo-header, and so it must. */
static bool needs_checksum(const struct pkt *p)
{
	return p->version == 4 && !p->checksum && !(p->flags & (PKT_FRAGMENT_LATER | PKT_QUOTED));
}

/* RFC 7915 section 4.5, RFC 6146 section 3.4. */
static enum reason admits_udp(const struct pkt *p, const struct family_ends *e,
			      const struct family_rules *r)
{
	if (!needs_checksum(p))
		return REASON_NONE;
	if (r->no_checksum_drops || (pkt_is_fragment(p) && !e->whole))
		return REASON_NO_CHECKSUM;
	return REASON_NONE;
}

enum reason family_admits(const struct pkt *p, const struct family_header *h,
			  const struct family_ends *e, const struct family_rules *r)
{
	if (is_icmp(h))
		return admits_icmp(p, e);
	if (h->protocol == PROTO_UDP)
		return admits_udp(p, e, r);
	if (h->protocol == PROTO_TCP)
		return REASON_NONE;
	/* A device completes no checksum behind headers that it does not know. */
	if (r->unknown_drops || (p->flags & PKT_PARTIAL))
		return REASON_NO_TRANSPORT;
	return REASON_NONE;
}

/* The sum of nothing but zeros is zero, and its complement not: the one case in which the difference
 * cannot tell the two zeros apart. */
static void tell_zeros_apart(struct pkt *p)
{
	if (!load16(p->ip + p->checksum) &&
	    csum_of(pkt_transport(p), p->len - p->transport).raw == 0)
		store16(p->ip + p->checksum, 0xffff);
}

/* Of a fragment that is quoted nobody knows the whole, and nobody will sum it up. */
static csum_t pseudo_v6(const struct pkt *p, const struct family_header *h,
			const struct family_ends *e)
{
	uint32_t len = pkt_is_fragment(p) && e->whole ? e->whole : h->carries;

	if (p->version == 4)
		return csum_pseudo(e->source6.octets, e->destination6.octets, 16, PROTO_ICMPV6, len);
	return csum_negate(csum_pseudo(pkt_source(p), pkt_destination(p), 16, PROTO_ICMPV6, len));
}

static void carry_icmp(struct pkt *p, const struct family_header *h, const struct family_ends *e)
{
	uint8_t *icmp = pkt_transport(p);
	const struct icmp_row *row = icmp_map(icmp, p->version);
	uint8_t was[2];
	csum_t gained = pseudo_v6(p, h, e);

	memcpy(was, icmp, sizeof(was));
	icmp_map_apply(icmp, row);
	gained = csum_add(gained, csum_diff(was, icmp, sizeof(was)));
	if (e->has_ports) {
		be16_store(icmp + ICMP_IDENTIFIER, e->ports[0]);
		gained = csum_add(gained, e->port_sum);
	}
	if (!p->checksum)
		return;
	csum_patch(p->ip + p->checksum, gained);
	tell_zeros_apart(p);
}

/* What lies behind a UDP datagram does not count (RFC 768). */
static void give_checksum(struct pkt *p, const struct family_ends *e)
{
	uint8_t *udp = pkt_transport(p);
	uint16_t len = load16(udp + UDP_LEN);
	csum_t sum = csum_pseudo(e->source6.octets, e->destination6.octets, 16, PROTO_UDP, len);

	if (pkt_is_fragment(p))
		sum = csum_add(sum, csum_add(csum_of(udp, UDP_HEADER), e->sum));
	else
		sum = csum_add(sum, csum_of(udp, len));
	p->checksum = (uint16_t)(p->transport + UDP_CHECKSUM);
	csum_store_udp(p->ip + p->checksum, sum);
}

static void patch(struct pkt *p, csum_t addresses, csum_t ports)
{
	uint8_t *field = p->ip + p->checksum;

	if (p->flags & PKT_PARTIAL)
		csum_patch_partial(field, addresses);
	else if (p->protocol == PROTO_UDP || p->protocol == PROTO_UDPLITE)
		csum_patch_udp(field, csum_add(addresses, ports));
	else
		csum_patch(field, csum_add(addresses, ports));
}

static void carry_ports(struct pkt *p, const struct family_ends *e)
{
	const csum_t none = { 0 };

	if (e->has_ports) {
		be16_store(pkt_transport(p), e->ports[0]);
		be16_store(pkt_transport(p) + 2, e->ports[1]);
	}
	if (p->checksum)
		patch(p, e->addresses, e->has_ports ? e->port_sum : none);
	else if (p->protocol == PROTO_UDP && needs_checksum(p))
		give_checksum(p, e);
}

void family_carry(struct pkt *p, const struct family_header *h, const struct family_ends *e)
{
	if (p->flags & PKT_FRAGMENT_LATER)
		return;
	if (is_icmp(h))
		carry_icmp(p, h, e);
	else if (transport_naming(h->protocol) == BY_PORTS)
		carry_ports(p, e);
}

static uint16_t flags_of(const struct pkt *p, const struct family_header *h)
{
	uint16_t kept = PKT_PARTIAL | PKT_QUOTED | PKT_FRAGMENT_FIRST | PKT_FRAGMENT_LATER |
			PKT_PORTS_KNOWN | PKT_NO_PORTS;
	uint16_t flags = h->dont_fragment ? PKT_DONT_FRAGMENT : 0;

	if (is_icmp(h))
		kept |= PKT_ICMP_ERROR | PKT_ICMP_QUERY;
	if (p->version == 4 && (h->protocol == PROTO_ESP || h->protocol == PROTO_AH ||
				h->protocol == V6_HIP))
		flags |= PKT_IPSEC;
	return (uint16_t)((p->flags & kept) | flags);
}

void family_turn(struct pkt *p, const struct family_header *h, const struct family_ends *e)
{
	uint8_t version = p->version == 4 ? 6 : 4;
	uint16_t header = family_header_len(h, version);
	uint8_t *carried = p->ip + h->at;

	p->flags = flags_of(p, h);
	if (p->checksum)
		p->checksum = h->at == p->transport ? (uint16_t)(p->checksum - h->at + header) : 0;
	p->len = p->len - h->at + header;
	p->ip = family_header_put(carried, h, version, e);
	p->transport = header;
	p->version = version;
	p->protocol = h->protocol;
	p->fragment = version == 6 && h->has_fragment ? FAMILY_V6 : 0;
	p->routing = 0;
}

static enum reason inspect(struct family_header *h, const struct pkt *p, const struct family_ends *e,
			   const struct family_rules *r)
{
	enum reason why = family_header_of(h, p, r);

	return why == REASON_NONE ? family_admits(p, h, e, r) : why;
}

enum reason family_refuses(const struct pkt *p, const struct family_ends *e,
			   const struct family_rules *r)
{
	struct family_header h;

	return inspect(&h, p, e, r);
}

enum reason family_to_v6(struct pkt *p, const struct family_ends *e, const struct family_rules *r)
{
	struct family_header h;
	enum reason why = inspect(&h, p, e, r);

	if (why != REASON_NONE)
		return why;
	family_carry(p, &h, e);
	family_turn(p, &h, e);
	p->ident = h.ident;
	return REASON_NONE;
}

/* The segments of a super-packet are what will have the bit. */
static uint32_t len_in_v4(const struct pkt *p, const struct family_header *h)
{
	uint32_t len = p->gso_size ? pkt_segment_len(p) : h->at + h->carries;

	return len - h->at + FAMILY_V4;
}

enum reason family_to_v4(struct pkt *p, const struct family_ends *e, const struct family_rules *r)
{
	struct family_header h;
	enum reason why = inspect(&h, p, e, r);

	if (why != REASON_NONE)
		return why;
	family_header_settle(&h, len_in_v4(p, &h));
	family_carry(p, &h, e);
	family_turn(p, &h, e);
	return REASON_NONE;
}
