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

enum {
	REWRITE_ADDRESSES = offsetof(struct rewrite, source),
	REWRITE_PORTS = offsetof(struct rewrite, source_port),
};

/* The rewrite that turns a datagram of tuple was into one of tuple now. outward: from inside
 * to outside, so that local is the source; otherwise local is the destination. What undoes it
 * is rewrite_make(now, was, outward). */
struct rewrite rewrite_make(const struct tuple *was, const struct tuple *now, bool outward);

/* Write r into p: addresses always; ports or identifier unless p is a later fragment. Returns
 * what the sum of all octets of p gained, which an enclosing ICMP checksum must absorb. */
csum_t rewrite_apply(struct pkt *p, const struct rewrite *r);

#endif
