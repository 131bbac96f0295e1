/*
 * A datagram seen through a view: found once, trusted afterwards.
 *
 * Sources  RFC 791, RFC 1812 section 5.2.2 (validation), RFC 8200 section 4 (extension
 *          headers), RFC 792, RFC 4443 (quoted datagrams), RFC 1858 (tiny fragments).
 * Shape    Offsets count octets from the IP header. No struct is laid over the octets.
 * Memory   The view points into the caller's buffer and is valid as long as that is.
 * Promise  After pkt_parse() returned REASON_NONE: the IP header is complete and its checksum
 *          right; len is the datagram without link-layer padding; and unless the datagram is
 *          a later fragment, the fixed header of TCP, UDP, UDP-Lite, DCCP, SCTP (with the first
 *          chunk's), ESP, GRE or ICMP lies within len, data offsets, UDP's length and UDP-Lite's
 *          coverage too. After pkt_parse_quoted(): the same for the IP header and the first eight
 *          octets of the transport, but the rest may be cut off.
 * Errors   The reason why the octets are not a datagram that may be forwarded.
 */
#ifndef NAT_PACKET_H
#define NAT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nat/checksum.h"
#include "nat/reason.h"

enum {
	PROTO_ICMP = 1, PROTO_IPIP = 4, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_DCCP = 33,
	PROTO_IPV6 = 41, PROTO_GRE = 47, PROTO_ESP = 50, PROTO_AH = 51, PROTO_ICMPV6 = 58,
	PROTO_SCTP = 132, PROTO_UDPLITE = 136,
};

/* Bits of pkt.flags. */
enum {
	PKT_PARTIAL = 1 << 0,	   /* transport checksum holds the pseudo-header sum only */
	PKT_QUOTED = 1 << 1,	   /* inside an ICMP error; may be cut off */
	PKT_DONT_FRAGMENT = 1 << 2, /* IPv4 DF; always set for IPv6 that was not made of IPv4 */
	PKT_FRAGMENT_FIRST = 1 << 3,
	PKT_FRAGMENT_LATER = 1 << 4,
	PKT_ROUTE_OPTION = 1 << 5, /* LSRR, SSRR, record route, timestamp; IPv6 routing types 0, 1 */
	PKT_ICMP_ERROR = 1 << 6,   /* ICMP or ICMPv6 message that quotes a datagram */
	PKT_ICMP_QUERY = 1 << 7,   /* ICMP or ICMPv6 request or reply with an identifier */
	PKT_PORTS_KNOWN = 1 << 8,  /* of a fragment: ports[] are those of its datagram */
	PKT_NO_PORTS = 1 << 9,	   /* of a fragment with PKT_PORTS_KNOWN: it has none after all */
	PKT_IPSEC = 1 << 10,	   /* IPv6: AH, ESP or HIP (RFC 6092 REC-21 to REC-26) */
};

struct pkt {
	uint8_t *ip;
	uint32_t len;
	uint16_t transport; /* offset of the transport header or of a later fragment's payload */
	uint16_t checksum;  /* offset of the transport checksum; 0: none was sent or it is cut off */
	uint8_t version;    /* 4 or 6 */
	uint8_t protocol;   /* of the transport; for IPv6 behind the extension headers */
	uint16_t flags;
	uint16_t gso_size;  /* payload octets per segment; 0: an ordinary datagram */
	uint16_t fragment_offset; /* octets */
	uint16_t fragment; /* IPv6: offset of the fragment header; 0: none */
	be16 ports[2]; /* source and destination, or the identifier twice; if PKT_PORTS_KNOWN */
	be16 ident; /* the same: identification to leave with; later the one it came with */
	uint32_t sequence; /* if PKT_PORTS_KNOWN. TCP: plus an offset, the sequence number there;
			    * SCTP: the verification tag; UDP: the sum behind its header */
	uint32_t whole; /* the same: octets of transport in the whole datagram, 0: not known */
	uint16_t routing; /* IPv6: offset of the first routing header with segments left; 0: none */
};

/* What a device says about a datagram beside its octets (virtio-net header). */
struct pkt_offload {
	bool partial;	   /* checksum at checksum_start + checksum_offset is partial */
	uint16_t checksum_start, checksum_offset; /* octets from the IP header */
	uint16_t gso_size; /* 0: no segmentation to be done */
};

/* Make a view of len octets. offload may be NULL. */
enum reason pkt_parse(struct pkt *p, uint8_t *octets, size_t len,
		      const struct pkt_offload *offload);

/* Make a view of the datagram that outer, a PKT_ICMP_ERROR, quotes. */
enum reason pkt_parse_quoted(struct pkt *inner, const struct pkt *outer);

static inline bool pkt_is_fragment(const struct pkt *p)
{
	return p->flags & (PKT_FRAGMENT_FIRST | PKT_FRAGMENT_LATER);
}

/* Whether other fragments follow. */
static inline bool pkt_has_more(const struct pkt *p)
{
	if (p->version == 4)
		return load16(p->ip + 6) & 0x2000;
	return p->fragment && (p->ip[p->fragment + 3] & 1);
}

/* What was learned from the first fragment is true of another one of its datagram. */
static inline void pkt_follow(struct pkt *p, const struct pkt *first)
{
	memcpy(p->ports, first->ports, sizeof(p->ports));
	p->ident = first->ident;
	p->protocol = first->protocol; /* of IPv6 other headers may lie before it in the first */
	p->sequence = first->sequence;
	p->whole = first->whole;
	p->flags |= first->flags & (PKT_PORTS_KNOWN | PKT_NO_PORTS);
}

/* Addresses: 4 octets each in IPv4, 16 in IPv6. */
static inline uint8_t *pkt_source(const struct pkt *p)
{
	return p->ip + (p->version == 4 ? 12 : 8);
}

static inline uint8_t *pkt_destination(const struct pkt *p)
{
	return p->ip + (p->version == 4 ? 16 : 24);
}

static inline uint8_t *pkt_ttl(const struct pkt *p)
{
	return p->ip + (p->version == 4 ? 8 : 7);
}

static inline uint8_t *pkt_transport(const struct pkt *p)
{
	return p->ip + p->transport;
}

/* Type of service (RFC 2474) of either version. */
static inline uint8_t pkt_tos(const struct pkt *p)
{
	return p->version == 4 ? p->ip[1] : (uint8_t)(load16(p->ip) >> 4);
}

/* Size of the largest segment of a super-packet, as an IP datagram. */
uint32_t pkt_segment_len(const struct pkt *p);

/* Size of the largest IP datagram that leaves when p is segmented: what an MTU is held against. */
static inline uint32_t pkt_wire_len(const struct pkt *p)
{
	return p->gso_size ? pkt_segment_len(p) : p->len;
}

/* One hop less; the IPv4 header checksum follows. The value must be above zero. */
static inline void pkt_decrement_ttl(struct pkt *p)
{
	--*pkt_ttl(p);
	/* The TTL is the upper half of its word. */
	if (p->version == 4)
		csum_patch(p->ip + 10, csum_negate((csum_t){ be16_from(0x0100).raw }));
}

/* Finish the checksum of TCP or UDP whose field holds the pseudo-header's sum, in the octets; the view
 * stays as it is. */
void pkt_complete(const struct pkt *p);

/* Whether the transport checksum (or ICMP's) is right. Reads the whole datagram: for
 * messages the router itself answers or must judge, never on the way through. */
bool pkt_checksum_valid(const struct pkt *p);

#endif
