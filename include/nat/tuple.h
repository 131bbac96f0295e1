/*
 * Which session a datagram belongs to, as seen from one side.
 *
 * Sources  RFC 4787 section 2 (endpoint), RFC 5508 section 3.1 (query identifier), RFC 9260 section
 *          3.1 (verification tag), RFC 4303 section 2.1 (SPI), RFC 2637 section 4.1 (call ID).
 * Shape    local is the endpoint on this NAT's inner end of the conversation: the inside host
 *          seen from inside, our outside endpoint seen from outside. remote is the peer.
 *          So both directions of a session have one tuple per side. For ICMP queries the
 *          identifier is local_port and remote_port is zero. Of ESP both ports together are the
 *          SPI; of GRE the port of the receiver is the call ID, if there is one.
 * Order    Network order; no padding, so tuples compare as 16 octets.
 * Errors   The reason why a datagram has no tuple.
 */
#ifndef NAT_TUPLE_H
#define NAT_TUPLE_H

#include "nat/packet.h"

enum nat_side { SIDE_INSIDE, SIDE_OUTSIDE, SIDE_COUNT };

static inline enum nat_side side_other(enum nat_side s)
{
	return s == SIDE_INSIDE ? SIDE_OUTSIDE : SIDE_INSIDE;
}

struct endpoint {
	be32 address;
	be16 port;
};

struct tuple {
	be32 local, remote;
	be16 local_port, remote_port;
	uint8_t protocol;
	uint8_t side;
	be16 tag; /* of SCTP from outside: the verification tag, folded; otherwise zero, but in keys */
};

_Static_assert(sizeof(struct tuple) == 16, "tuples are compared as octets");

static inline bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Tuple of an IPv4 datagram that came from a side. Not for ICMP errors, and for later fragments
 * only once their ports are known. */
enum reason tuple_of(struct tuple *t, const struct pkt *p, enum nat_side from);

/* The same for ICMP queries whichever side asks: tuple_of() knows those from inside only. */
enum reason tuple_of_query(struct tuple *t, const struct pkt *p, enum nat_side from);

/* And for quoted ones; from is the side of the error. */
enum reason tuple_of_quoted_query(struct tuple *t, const struct pkt *inner, enum nat_side from);

/* Whether an ICMP type asks for a reply with the same identifier. */
bool icmp_is_request(uint8_t type);

/* Tuple of the session that a quoted datagram belongs to; the ICMP error that quotes it came
 * from a side, so the datagram itself was sent towards that side. */
enum reason tuple_of_quoted(struct tuple *t, const struct pkt *inner, enum nat_side from);

#endif
