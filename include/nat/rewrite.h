/*
 * What to write into a datagram, with the checksum differences that makes.
 *
 * Sources  RFC 1624 eqn. 3, RFC 3022 section 4.1; requirements 3022-C7 and 768-C3.
 * Shape    A value: made once per session and direction, applied by copying.
 * Promise  Only address, port or identifier (of GRE: call ID) and checksum fields change. A
 *          checksum that was wrong stays wrong by the same amount, and SCTP's is not touched.
 * Errors   None: the view says which fields are there.
 */
#ifndef NAT_REWRITE_H
#define NAT_REWRITE_H

#include "nat/checksum.h"
#include "nat/packet.h"
#include "nat/tuple.h"

struct rewrite {
	be32 source, destination; /* side by side as in a datagram, and so are the ports */
	be16 source_port, destination_port; /* for ICMP queries both hold the identifier */
	csum_t addresses; /* what the sum gains by the new addresses */
	csum_t ports;	  /* and by the new ports or identifier */
};

/* The rewrite that turns a datagram of tuple was into one of tuple now. outward: from inside
 * to outside, so that local is the source; otherwise local is the destination. What undoes it
 * is rewrite_make(now, was, outward). */
struct rewrite rewrite_make(const struct tuple *was, const struct tuple *now, bool outward);

/* Where both addresses and both ports lie, and how many octets they are. */
enum {
	REWRITE_ADDRESSES = offsetof(struct rewrite, source), REWRITE_ADDRESSES_LEN = 8,
	REWRITE_PORTS = offsetof(struct rewrite, source_port), REWRITE_PORTS_LEN = 4,
};

_Static_assert(offsetof(struct rewrite, destination) == REWRITE_ADDRESSES + 4 &&
	       offsetof(struct rewrite, destination_port) == REWRITE_PORTS + 2,
	       "fields lie as in a datagram");

/* TCP, UDP, UDP-Lite and DCCP: pseudo-header and ports always count (RFC 3022 section 4.1, RFC 3828
 * section 3.1, RFC 5597 REQ-11). Returns what the transport's octets, the checksum among them,
 * gained. */
static inline csum_t rewrite_ports(struct pkt *p, const struct rewrite *r)
{
	uint8_t *field = p->ip + p->checksum;

	memcpy(pkt_transport(p), (const uint8_t *)r + REWRITE_PORTS, REWRITE_PORTS_LEN);
	if (!p->checksum)
		return r->ports;
	/* The device adds the ports up when it completes the sum. */
	if (p->flags & PKT_PARTIAL)
		csum_patch_partial(field, r->addresses);
	else if (p->protocol == PROTO_UDP || p->protocol == PROTO_UDPLITE)
		csum_patch_udp(field, csum_add(r->addresses, r->ports));
	else
		csum_patch(field, csum_add(r->addresses, r->ports));
	return csum_negate(r->addresses);
}

/* What rewrite_apply() leaves to it: everything but the addresses of what is not TCP or UDP, or a
 * later fragment. */
csum_t rewrite_rest(struct pkt *p, const struct rewrite *r);

/* Write r into p: addresses always; ports or identifier unless p is a later fragment. Returns
 * what the sum of all octets of p gained, which an enclosing ICMP checksum must absorb. */
static inline csum_t rewrite_apply(struct pkt *p, const struct rewrite *r)
{
	enum { V4_CHECKSUM = 10, V4_SOURCE = 12 };

	/* The header's own checksum makes up for the addresses, so that its octets gain nothing. */
	memcpy(p->ip + V4_SOURCE, (const uint8_t *)r + REWRITE_ADDRESSES, REWRITE_ADDRESSES_LEN);
	csum_patch(p->ip + V4_CHECKSUM, r->addresses);
	if ((p->protocol == PROTO_TCP || p->protocol == PROTO_UDP) &&
	    !(p->flags & PKT_FRAGMENT_LATER))
		return rewrite_ports(p, r);
	return rewrite_rest(p, r);
}

#endif
