#include "plain.h"

#include "nat/family.h"

enum { V4_DONT_FRAGMENT = 0x4000, V6_NEXT = 6, V6_HOPS = 7, LONGER = PLAIN_V6 - PLAIN_V4 };

bool plain_needs_ident(const struct pkt *p)
{
	return pkt_wire_len(p) - LONGER <= FAMILY_ALONE_MOST;
}

/* Of a header whose other fields are there. */
static void put_v4_checksum(uint8_t *ip)
{
	uint64_t words[2], sum;
	uint32_t word;

	memcpy(words, ip, sizeof(words));
	memcpy(&word, ip + sizeof(words), sizeof(word));
	sum = (words[0] & UINT32_MAX) + (words[0] >> 32) + (words[1] & UINT32_MAX) + (words[1] >> 32) +
	      word;
	sum = (sum & UINT16_MAX) + (sum >> 16 & UINT16_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	be16_store(ip + 10, (be16){ (uint16_t)~sum });
}

void plain_to_v4(struct pkt *p, const struct rewrite *r, be16 ident, bool fixed_tos)
{
	uint8_t tos = fixed_tos ? 0 : pkt_tos(p), hops = p->ip[V6_HOPS];
	bool alone = plain_needs_ident(p);
	uint8_t *ip = p->ip + LONGER;

	rewrite_ports(p, r);
	p->ip = ip;
	p->len -= LONGER;
	p->transport = PLAIN_V4;
	p->checksum -= LONGER;
	p->version = 4;
	p->flags = (uint16_t)((p->flags & PKT_PARTIAL) | (alone ? 0 : PKT_DONT_FRAGMENT));
	store16(ip, (uint16_t)(0x4500 | tos));
	store16(ip + 2, (uint16_t)p->len);
	be16_store(ip + 4, ident);
	store16(ip + 6, alone ? 0 : V4_DONT_FRAGMENT);
	ip[8] = hops;
	ip[9] = p->protocol;
	store16(ip + 10, 0);
	memcpy(ip + 12, (const uint8_t *)r + REWRITE_ADDRESSES, REWRITE_ADDRESSES_LEN);
	put_v4_checksum(ip);
}

void plain_to_v6(struct pkt *p, const struct rewrite *r, const struct ip6 *source,
		 const struct ip6 *destination, bool fixed_tos)
{
	uint8_t tos = fixed_tos ? 0 : pkt_tos(p), hops = *pkt_ttl(p);
	uint8_t *ip = p->ip - LONGER;

	p->ident = be16_load(p->ip + 4);
	rewrite_ports(p, r);
	store32(ip, 6u << 28 | (uint32_t)tos << 20);
	store16(ip + 4, (uint16_t)(p->len - PLAIN_V4));
	ip[V6_NEXT] = p->protocol;
	ip[V6_HOPS] = hops;
	memcpy(ip + 8, source, sizeof(*source));
	memcpy(ip + 24, destination, sizeof(*destination));
	p->ip = ip;
	p->len += LONGER;
	p->transport = PLAIN_V6;
	p->checksum += LONGER;
	p->version = 6;
}
