#include "family_header.h"

enum {
	HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60,
	IGMP = 2,
	MORE = 0x2000, DONT = 0x4000, OFFSET = 0x1fff,
};

/* Extension headers that end where they are; all others go on as what the datagram carries. */
static bool is_left_out(uint8_t header)
{
	return header == HOP_BY_HOP || header == ROUTING || header == FRAGMENT ||
	       header == DESTINATION;
}

/* RFC 8200 section 4.1, and what others have defined: no fragment begins with one (RFC 7915 section
 * 5.1.1). */
static bool is_extension(uint8_t header)
{
	return is_left_out(header) || header == PROTO_AH || header == 135 || header == 139 ||
	       header == 140;
}

/* RFC 791 section 3.1: loose or strict, and its pointer not behind its end. */
static bool has_route_left(const struct pkt *p)
{
	for (size_t at = FAMILY_V4; at < p->transport && p->ip[at] != 0;) {
		bool route = p->ip[at] == 131 || p->ip[at] == 137;

		if (route && p->ip[at + 1] >= 3 && p->ip[at + 2] <= p->ip[at + 1])
			return true;
		at += p->ip[at] == 1 ? 1 : p->ip[at + 1];
	}
	return false;
}

static enum reason read_v4(struct family_header *h, const struct pkt *p)
{
	uint16_t field = load16(p->ip + 6);

	h->protocol = p->protocol == PROTO_ICMP ? PROTO_ICMPV6 : p->protocol;
	h->dont_fragment = field & DONT;
	h->place = field & (MORE | OFFSET);
	h->has_fragment = h->place;
	h->ident = be16_load(p->ip + 4);
	h->at = p->transport;
	h->carries = (uint32_t)load16(p->ip + 2) - p->transport;
	if ((p->flags & PKT_ROUTE_OPTION) && has_route_left(p))
		return REASON_SOURCE_ROUTE;
	/* These would say something in IPv6 that they do not say in IPv4. */
	if (is_left_out(p->protocol) || p->protocol == PROTO_ICMPV6 || p->protocol == IGMP)
		return REASON_NO_TRANSPORT;
	return REASON_NONE;
}

/* Where the headers that are left out end, and what follows them. The chain was walked by the parser. */
static uint16_t end_of_chain(const struct pkt *p, uint8_t *next)
{
	uint16_t at = FAMILY_V6;

	for (*next = p->ip[6]; at < p->transport && is_left_out(*next);) {
		uint16_t len = *next == FRAGMENT ? FAMILY_FRAGMENT : (uint16_t)((p->ip[at + 1] + 1) * 8);

		*next = p->ip[at];
		at = (uint16_t)(at + len);
	}
	return at;
}

static void read_fragment(struct family_header *h, const uint8_t *fragment)
{
	uint16_t field = load16(fragment + 2);

	h->has_fragment = true;
	h->place = (uint16_t)(field >> 3 | ((field & 1) ? MORE : 0));
	h->ident = be16_load(fragment + 6);
}

static enum reason read_v6(struct family_header *h, const struct pkt *p)
{
	uint8_t next;

	h->at = end_of_chain(p, &next);
	h->protocol = next == PROTO_ICMPV6 ? PROTO_ICMP : next;
	h->carries = (uint32_t)FAMILY_V6 + load16(p->ip + 4) - h->at;
	if (p->routing)
		return REASON_SOURCE_ROUTE;
	if (p->fragment) {
		read_fragment(h, p->ip + p->fragment);
		if (is_extension(p->ip[p->fragment]))
			return REASON_EXTENSION;
	}
	if (next == PROTO_ICMP || next == IGMP)
		return REASON_NO_TRANSPORT;
	/* What is put together of fragments must fit as well. */
	if (h->carries + (h->place & OFFSET) * 8u + FAMILY_V4 > UINT16_MAX)
		return REASON_TOO_BIG;
	return REASON_NONE;
}

enum reason family_header_of(struct family_header *h, const struct pkt *p,
			     const struct family_rules *r)
{
	*h = (struct family_header){
		.tos = r->fixed_tos ? 0 : pkt_tos(p), .ttl = *pkt_ttl(p), .ident = r->ident,
	};
	return p->version == 4 ? read_v4(h, p) : read_v6(h, p);
}

static void put_fragment(uint8_t *at, const struct family_header *h)
{
	at[0] = h->protocol;
	at[1] = 0;
	store16(at + 2, (uint16_t)((h->place & OFFSET) << 3 | ((h->place & MORE) ? 1 : 0)));
	store16(at + 4, 0);
	be16_store(at + 6, h->ident);
}

static uint8_t *put_v6(uint8_t *ip, const struct family_header *h, const struct family_ends *e)
{
	uint32_t extension = h->has_fragment ? FAMILY_FRAGMENT : 0;

	store32(ip, 6u << 28 | (uint32_t)h->tos << 20);
	store16(ip + 4, (uint16_t)(h->carries + extension));
	ip[6] = h->has_fragment ? FRAGMENT : h->protocol;
	ip[7] = h->ttl;
	memcpy(ip + 8, &e->source6, 16);
	memcpy(ip + 24, &e->destination6, 16);
	if (h->has_fragment)
		put_fragment(ip + FAMILY_V6, h);
	return ip;
}

static uint8_t *put_v4(uint8_t *ip, const struct family_header *h, const struct family_ends *e)
{
	ip[0] = 0x45;
	ip[1] = h->tos;
	store16(ip + 2, (uint16_t)(FAMILY_V4 + h->carries));
	be16_store(ip + 4, h->ident);
	store16(ip + 6, (uint16_t)(h->place | (h->dont_fragment ? DONT : 0)));
	ip[8] = h->ttl;
	ip[9] = h->protocol;
	store16(ip + 10, 0);
	be32_store(ip + 12, e->source4);
	be32_store(ip + 16, e->destination4);
	csum_store(ip + 10, csum_of(ip, FAMILY_V4));
	return ip;
}

uint8_t *family_header_put(uint8_t *end, const struct family_header *h, uint8_t version,
			   const struct family_ends *e)
{
	uint8_t *ip = end - family_header_len(h, version);

	return version == 4 ? put_v4(ip, h, e) : put_v6(ip, h, e);
}
