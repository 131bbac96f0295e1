/*
 * The only place that reads octets nobody has vouched for. Each layer checks that it is there,
 * notes where the next one begins, and is not looked at again.
 */
#include "nat/packet.h"

#include "transport.h"

enum {
	V4_HEADER = 20,
	V6_HEADER = 40,
	V6_EXTENSIONS_MOST = 8, /* RFC 8504 section 5.3 lets a node bound the chain */
	TCP_HEADER = 20,
	UDP_HEADER = 8,
	ICMP_HEADER = 8,
	DCCP_HEADER = 12, DCCP_LONG_HEADER = 16,
	SCTP_CHUNK = 12, SCTP_HEADER = 16, SCTP_INIT = 32, /* header, with a chunk's, with an INIT */
	GRE_HEADER = 4,
	ESP_HEADER = 8,
	QUOTED_TRANSPORT = 8, /* RFC 792: the header plus 64 bits */
};

/* What nearly every datagram goes through, in one piece for each of the two faces. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* RFC 791 section 3.1. Other options are harmless and pass (RFC 7126 section 4). */
enum { OPTION_END = 0, OPTION_NOP = 1 };
static bool option_is_route(uint8_t type)
{
	return type == 131 || type == 137 || type == 7 || type == 68;
}

static enum reason parse_options(struct pkt *p, size_t header)
{
	for (size_t at = V4_HEADER; at < header && p->ip[at] != OPTION_END;) {
		size_t len = 1;

		if (p->ip[at] != OPTION_NOP) {
			if (at + 1 >= header || p->ip[at + 1] < 2)
				return REASON_OPTION;
			len = p->ip[at + 1];
		}
		if (at + len > header)
			return REASON_OPTION;
		if (option_is_route(p->ip[at]))
			p->flags |= PKT_ROUTE_OPTION;
		at += len;
	}
	return REASON_NONE;
}

/* Of what is a fragment: its offset is not zero, or there is more. */
static enum reason note_fragment(struct pkt *p, uint16_t offset, bool more, size_t payload)
{
	/* RFC 791 counts the header in the length that 16 bits hold, RFC 8200 only the extension
	 * headers in front of the fragment's. */
	size_t most = 65535u - (p->version == 4 ? p->transport : p->fragment - V6_HEADER);

	p->fragment_offset = offset;
	p->flags |= offset ? PKT_FRAGMENT_LATER : PKT_FRAGMENT_FIRST;
	if (p->flags & PKT_QUOTED)
		return REASON_NONE;
	/* A piece that is not the last has a multiple of eight octets; none reaches beyond 65535;
	 * offset 8 would overwrite TCP flags (RFC 1858 section 3, RFC 3128). */
	if (!payload || (more && payload % 8) || offset + payload > most)
		return REASON_FRAGMENT_BAD;
	if (offset == 8 && p->protocol == PROTO_TCP)
		return REASON_FRAGMENT_BAD;
	return REASON_NONE;
}

static uint64_t word_at(const uint8_t *at)
{
	return be32_load(at).raw;
}

/* A header is a few whole words, and nearly always five. */
static ALWAYS_INLINE bool header_sum_is_right(const uint8_t *ip, size_t header)
{
	uint64_t sum = word_at(ip) + word_at(ip + 4) + word_at(ip + 8) + word_at(ip + 12) +
		       word_at(ip + 16);

	for (size_t at = V4_HEADER; at < header; at += 4)
		sum += word_at(ip + at);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static ALWAYS_INLINE enum reason parse_v4(struct pkt *p, size_t len)
{
	enum reason r = REASON_NONE;
	size_t header, total;
	uint16_t fragment;

	if (len < V4_HEADER)
		return REASON_SHORT;
	header = (size_t)(p->ip[0] & 15) * 4;
	if (header < V4_HEADER)
		return REASON_HEADER_LEN;
	if (len < header)
		return REASON_SHORT;
	total = load16(p->ip + 2);
	if (total < header || (total > len && !(p->flags & PKT_QUOTED)))
		return REASON_TOTAL_LEN;
	if (!header_sum_is_right(p->ip, header))
		return REASON_HEADER_SUM;
	p->len = (uint32_t)(total < len ? total : len);
	p->transport = (uint16_t)header;
	p->protocol = p->ip[9];
	fragment = load16(p->ip + 6);
	if (fragment & 0x4000)
		p->flags |= PKT_DONT_FRAGMENT;
	if (fragment & 0x3fff)
		r = note_fragment(p, (uint16_t)((fragment & 0x1fff) * 8), fragment & 0x2000,
				  total - header);
	if (r != REASON_NONE || header == V4_HEADER)
		return r;
	return parse_options(p, header);
}

enum { V6_HOP_BY_HOP = 0, V6_ROUTING = 43, V6_FRAGMENT = 44, V6_OPTIONS = 60, V6_MOBILITY = 135,
       V6_HIP = 139, V6_SHIM6 = 140 };

/* Next headers behind which there is another one (RFC 7045 section 4). */
static bool is_extension(uint8_t header)
{
	return header == V6_HOP_BY_HOP || header == V6_ROUTING || header == V6_FRAGMENT ||
	       header == PROTO_AH || header == V6_OPTIONS || header == V6_MOBILITY ||
	       header == V6_HIP || header == V6_SHIM6;
}

static enum reason parse_fragment(struct pkt *p, const uint8_t *at, size_t payload)
{
	uint16_t fragment = load16(at + 2);

	/* A fragment of a fragment would have a header of its own in front. */
	if (p->fragment)
		return REASON_EXTENSION;
	p->fragment = p->transport;
	p->transport = (uint16_t)(p->transport + 8);
	p->protocol = at[0];
	/* Whole and yet with such a header: RFC 6946. */
	if (!(fragment & 0xfff9))
		return REASON_NONE;
	return note_fragment(p, fragment & 0xfff8, fragment & 1, payload);
}

/* RFC 6092 REC-4, RFC 5095: types 0 and 1 are obsolete, wherever they have got to. */
static void note_routing(struct pkt *p, const uint8_t *at)
{
	if (at[2] <= 1)
		p->flags |= PKT_ROUTE_OPTION;
	if (at[3] && !p->routing)
		p->routing = p->transport;
}

/* One extension header at p->transport; *next is its type on entry, the following one's after. */
static enum reason parse_extension(struct pkt *p, uint8_t *next)
{
	const uint8_t *at = p->ip + p->transport;
	size_t room = p->len - p->transport;
	uint8_t type = *next;
	size_t len;

	if (room < 8)
		return REASON_EXTENSION;
	*next = at[0];
	if (type == V6_FRAGMENT)
		return parse_fragment(p, at, room - 8);
	len = type == PROTO_AH ? ((size_t)at[1] + 2) * 4 : ((size_t)at[1] + 1) * 8;
	if (len > room)
		return REASON_EXTENSION;
	if (type == V6_ROUTING)
		note_routing(p, at);
	p->transport = (uint16_t)(p->transport + len);
	return REASON_NONE;
}

static bool is_ipsec(uint8_t header)
{
	return header == PROTO_AH || header == V6_HIP || header == PROTO_ESP;
}

/* All extension headers, but for those in other fragments; a datagram with a jumbo payload (RFC 2675)
 * has no room for any. */
static enum reason parse_chain(struct pkt *p)
{
	uint8_t next = p->ip[6];
	enum reason r = REASON_NONE;

	for (int count = 0; r == REASON_NONE && is_extension(next); count++) {
		/* Hop-by-hop options stand first or not at all (RFC 8200 section 4.1). */
		if (count == V6_EXTENSIONS_MOST || (next == V6_HOP_BY_HOP && count))
			return REASON_EXTENSION;
		if (is_ipsec(next))
			p->flags |= PKT_IPSEC;
		r = parse_extension(p, &next);
		if (p->flags & PKT_FRAGMENT_LATER)
			break;
	}
	if (is_ipsec(next))
		p->flags |= PKT_IPSEC;
	p->protocol = next;
	return r;
}

static enum reason parse_v6(struct pkt *p, size_t len)
{
	size_t total;

	if (len < V6_HEADER)
		return REASON_SHORT;
	total = V6_HEADER + (size_t)load16(p->ip + 4);
	if (total > len && !(p->flags & PKT_QUOTED))
		return REASON_TOTAL_LEN;
	p->len = (uint32_t)(total < len ? total : len);
	p->flags |= PKT_DONT_FRAGMENT;
	p->transport = V6_HEADER;
	return parse_chain(p);
}

/* The transport checksum, if its two octets are there. */
static ALWAYS_INLINE void note_checksum(struct pkt *p, size_t offset)
{
	if (p->transport + offset + 2 <= p->len)
		p->checksum = (uint16_t)(p->transport + offset);
}

static ALWAYS_INLINE enum reason parse_tcp(struct pkt *p, size_t room)
{
	size_t offset = room > 12 ? (size_t)(pkt_transport(p)[12] >> 4) * 4 : 0;

	/* In a quote the rest of the header may be padding, of zeros (RFC 4884 section 5.1). */
	if (offset >= TCP_HEADER)
		note_checksum(p, 16);
	if (p->flags & PKT_QUOTED)
		return REASON_NONE;
	if (room < TCP_HEADER)
		return REASON_TRANSPORT_SHORT;
	if (offset < TCP_HEADER || offset > room)
		return REASON_TRANSPORT_LEN;
	return REASON_NONE;
}

static ALWAYS_INLINE enum reason parse_udp(struct pkt *p, size_t room)
{
	uint16_t len = load16(pkt_transport(p) + 4);

	if (load16(pkt_transport(p) + 6))
		note_checksum(p, 6);
	if (p->flags & PKT_QUOTED)
		return REASON_NONE;
	/* In a first fragment the length counts what other fragments carry. */
	if (len < UDP_HEADER || (len > room && !pkt_is_fragment(p)))
		return REASON_TRANSPORT_LEN;
	return REASON_NONE;
}

/* RFC 3828 section 3.1: the header is always covered, and 0 says that everything is. The checksum is
 * not optional; a zero is wrong and stays so. */
static enum reason parse_udplite(struct pkt *p, size_t room)
{
	uint16_t coverage = load16(pkt_transport(p) + 4);

	if (load16(pkt_transport(p) + 6))
		note_checksum(p, 6);
	if ((p->flags & PKT_QUOTED) || !coverage)
		return REASON_NONE;
	if (coverage < UDP_HEADER || (coverage > room && !pkt_is_fragment(p)))
		return REASON_TRANSPORT_LEN;
	return REASON_NONE;
}

/* RFC 4340 section 5.1: the header is longer if its X bit is set. */
static enum reason parse_dccp(struct pkt *p, size_t room)
{
	const uint8_t *dccp = pkt_transport(p);
	size_t header, offset;

	note_checksum(p, 6);
	if (p->flags & PKT_QUOTED)
		return REASON_NONE;
	header = dccp[8] & 1 ? DCCP_LONG_HEADER : DCCP_HEADER;
	offset = (size_t)dccp[4] * 4;
	if (room < header)
		return REASON_TRANSPORT_SHORT;
	return offset < header || offset > room ? REASON_TRANSPORT_LEN : REASON_NONE;
}

/* RFC 9260 section 3: a chunk at least; INIT and INIT ACK (types 1 and 2) with what they must have. */
static enum reason parse_sctp(struct pkt *p, size_t room)
{
	const uint8_t *chunk = pkt_transport(p) + SCTP_CHUNK;

	if (p->flags & PKT_QUOTED)
		return REASON_NONE;
	if ((chunk[0] == 1 || chunk[0] == 2) && room < SCTP_INIT)
		return REASON_TRANSPORT_SHORT;
	return load16(chunk + 2) < SCTP_HEADER - SCTP_CHUNK ? REASON_TRANSPORT_LEN : REASON_NONE;
}

/* RFC 5508 section 3.1: queries with an identifier; RFC 792: errors. Source quench and redirect
 * quote too, but are not errors that a NAT passes on. */
static uint16_t icmp_kind(uint8_t protocol, uint8_t type)
{
	if (protocol == PROTO_ICMPV6)
		return type == 128 || type == 129	? PKT_ICMP_QUERY
		       : type >= 1 && type <= 4 ? PKT_ICMP_ERROR
						: 0;
	switch (type) {
	case 0: case 8: case 13: case 14:
		return PKT_ICMP_QUERY;
	case 3: case 11: case 12:
		return PKT_ICMP_ERROR;
	default:
		return 0;
	}
}

static enum reason parse_other(struct pkt *p)
{
	static const uint8_t least[UINT8_MAX + 1] = {
		[PROTO_ICMP] = ICMP_HEADER,	[PROTO_ICMPV6] = ICMP_HEADER,
		[PROTO_UDPLITE] = UDP_HEADER,	[PROTO_DCCP] = DCCP_HEADER,
		[PROTO_SCTP] = SCTP_HEADER,	[PROTO_ESP] = ESP_HEADER,
		[PROTO_GRE] = GRE_HEADER,
	};
	size_t room = p->len - p->transport, wanted = least[p->protocol];

	if ((p->flags & PKT_QUOTED) && wanted > QUOTED_TRANSPORT)
		wanted = QUOTED_TRANSPORT;
	if (room < wanted)
		return REASON_TRANSPORT_SHORT;
	switch (p->protocol) {
	case PROTO_UDPLITE:
		return parse_udplite(p, room);
	case PROTO_DCCP:
		return parse_dccp(p, room);
	case PROTO_SCTP:
		return parse_sctp(p, room);
	case PROTO_GRE:
		return gre_has_call(pkt_transport(p)) && room < GRE_CALL_HEADER
			       ? REASON_TRANSPORT_SHORT : REASON_NONE;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		if ((p->protocol == PROTO_ICMP) != (p->version == 4))
			return REASON_NONE;
		note_checksum(p, 2);
		p->flags |= icmp_kind(p->protocol, *pkt_transport(p));
		return REASON_NONE;
	default:
		return REASON_NONE;
	}
}

/* TCP and UDP are nearly all there is. */
static ALWAYS_INLINE enum reason parse_transport(struct pkt *p)
{
	size_t room = p->len - p->transport;

	if (p->flags & PKT_FRAGMENT_LATER)
		return REASON_NONE;
	if (p->protocol != PROTO_TCP && p->protocol != PROTO_UDP)
		return parse_other(p);
	if (room < QUOTED_TRANSPORT)
		return REASON_TRANSPORT_SHORT;
	return p->protocol == PROTO_TCP ? parse_tcp(p, room) : parse_udp(p, room);
}

/* What the device says must fit what the octets say: the partial checksum is the transport's, and
 * segments have room for a payload. */
static enum reason note_offload(struct pkt *p, const struct pkt_offload *o)
{
	if (!o->partial && !o->gso_size)
		return REASON_NONE;
	if (p->flags & PKT_FRAGMENT_LATER)
		return REASON_OFFLOAD;
	if (o->partial) {
		size_t at = (size_t)o->checksum_start + o->checksum_offset;

		if (o->checksum_start != p->transport || at + 2 > p->len)
			return REASON_OFFLOAD;
		/* A partial sum of zero is no "none was sent". */
		if (p->protocol != PROTO_TCP && p->protocol != PROTO_UDP)
			return REASON_OFFLOAD;
		if (o->checksum_offset != (p->protocol == PROTO_TCP ? 16 : 6))
			return REASON_OFFLOAD;
		/* The device would sum to the end of the datagram. */
		if (p->protocol == PROTO_UDP && load16(pkt_transport(p) + 4) != p->len - p->transport)
			return REASON_OFFLOAD;
		p->checksum = (uint16_t)at;
		p->flags |= PKT_PARTIAL;
	}
	if (o->gso_size && (!o->partial || pkt_is_fragment(p)))
		return REASON_OFFLOAD;
	p->gso_size = o->gso_size;
	return REASON_NONE;
}

static ALWAYS_INLINE enum reason parse_ip(struct pkt *p, size_t len)
{
	if (len < 1)
		return REASON_SHORT;
	p->version = p->ip[0] >> 4;
	if (p->version == 4)
		return parse_v4(p, len);
	if (p->version == 6)
		return parse_v6(p, len);
	return REASON_VERSION;
}

enum reason pkt_parse(struct pkt *p, uint8_t *octets, size_t len,
		      const struct pkt_offload *offload)
{
	enum reason r;

	*p = (struct pkt){ .ip = octets };
	r = parse_ip(p, len);
	if (r == REASON_NONE)
		r = parse_transport(p);
	if (r == REASON_NONE && offload)
		r = note_offload(p, offload);
	return r;
}

enum reason pkt_parse_quoted(struct pkt *inner, const struct pkt *outer)
{
	size_t at = (size_t)outer->transport + ICMP_HEADER;
	enum reason r;

	*inner = (struct pkt){ .ip = outer->ip + at, .flags = PKT_QUOTED };
	r = parse_ip(inner, outer->len - at);
	if (r == REASON_NONE && inner->version != outer->version)
		r = REASON_VERSION;
	if (r == REASON_NONE)
		r = parse_transport(inner);
	return r;
}

/* Octets of headers that every segment of a super-packet repeats. */
static uint32_t header_len(const struct pkt *p)
{
	if (p->protocol == PROTO_TCP)
		return p->transport + (uint32_t)(pkt_transport(p)[12] >> 4) * 4;
	return p->transport + (uint32_t)UDP_HEADER;
}

uint32_t pkt_segment_len(const struct pkt *p)
{
	uint32_t segment = header_len(p) + p->gso_size;

	return segment < p->len ? segment : p->len;
}

void pkt_complete(const struct pkt *p)
{
	csum_t sum = csum_of(pkt_transport(p), p->len - p->transport);

	if (p->protocol == PROTO_UDP)
		csum_store_udp(p->ip + p->checksum, sum);
	else
		csum_store(p->ip + p->checksum, sum);
}

/* Octets that the checksum covers, of len: senders may leave payload out (RFC 3828 section 3.1,
 * RFC 4340 section 9.2). */
static size_t covered(const struct pkt *p, size_t len)
{
	const uint8_t *transport = pkt_transport(p);
	size_t most = len;

	if (p->protocol == PROTO_UDPLITE && load16(transport + 4))
		most = load16(transport + 4);
	if (p->protocol == PROTO_DCCP && (transport[5] & 15))
		most = ((size_t)transport[4] + (transport[5] & 15) - 1) * 4;
	return most < len ? most : len;
}

bool pkt_checksum_valid(const struct pkt *p)
{
	const uint8_t *transport = pkt_transport(p);
	size_t len = p->len - p->transport;
	csum_t sum;

	if (!p->checksum)
		return p->protocol == PROTO_UDP && p->version == 4;
	/* What lies behind a UDP datagram does not count (RFC 768). */
	if (p->protocol == PROTO_UDP && load16(transport + 4) < len)
		len = load16(transport + 4);
	sum = csum_of(transport, covered(p, len));
	if (p->protocol != PROTO_ICMP)
		sum = csum_add(sum, csum_pseudo(pkt_source(p), pkt_destination(p),
						p->version == 4 ? 4 : 16, p->protocol,
						(uint32_t)len));
	return sum.raw == 0xffff;
}
