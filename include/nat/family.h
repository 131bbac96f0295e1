/*
 * A datagram of one family turned into one of the other, in place.
 *
 * Sources  RFC 7915 (IP/ICMP translation), RFC 6145's golden rules in it, RFC 4884 (extensions of
 *          ICMP messages), RFC 1191 section 7 (plateaus).
 * Shape    The transport stays where it is; the new header ends where it begins, so p->ip moves:
 *          by up to FAMILY_HEADROOM octets to the front for IPv6 (a fragment header among them), to
 *          the back for IPv4. In an ICMP error the quoted datagram changes its length too, and what
 *          follows it moves.
 * Memory   p's own buffer. Room in front: FAMILY_HEADROOM; behind: as family_rules.room says.
 * Promise  What comes out has right lengths and checksums if what went in had; a checksum that was
 *          wrong stays wrong, one that is partial stays partial, and super-packets stay what they
 *          are (their segments become longer or shorter by the header's difference). The view is of
 *          what came out. Options and extension headers that have no counterpart are gone.
 * Errors   A reason, and nothing has been changed.
 */
#ifndef NAT_FAMILY_H
#define NAT_FAMILY_H

#include "nat/ip6.h"
#include "nat/packet.h"

enum { FAMILY_HEADROOM = 28, FAMILY_MTU_LEAST = 1280, FAMILY_ALONE_MOST = 1260 };

/* Both ends as they will be. ports: what to write where ports or the identifier lie (source first,
 * as in the datagram), and what the sum gains by that; all as it is if there is nothing to change. */
struct family_ends {
	union { struct ip6 source6; be32 source4; };
	union { struct ip6 destination6; be32 destination4; };
	csum_t addresses; /* what a sum gains by the new addresses */
	bool has_ports;
	be16 ports[2];
	csum_t port_sum;
	/* Of a fragment, if known: transport octets of the whole datagram (0: not known), and the sum of
	 * those behind the UDP header. Without, fragments of ICMP and of UDP without a checksum to IPv6
	 * do not pass. */
	uint32_t whole;
	csum_t sum;
};

struct family_rules {
	be16 ident;	   /* to IPv4: the identification, where it needs one and brings none */
	uint16_t piece;	   /* to IPv6: as nat_policy.lowest_mtu */
	bool fixed_tos;	   /* RFC 7915 sections 4.1 and 5.1: the traffic class is not copied */
	bool no_checksum_drops; /* UDP without a checksum is dropped; otherwise it gets one */
	bool unknown_drops; /* only TCP, UDP and ICMP pass (RFC 6146 section 3); others otherwise as they are */
	uint16_t mtu4, mtu6; /* of the links on either side, for what errors say; 0: unknown */
	uint32_t room; /* for errors: octets from p->ip on that may be used, p->len at least */
};

/* TCP, UDP, ICMP queries, fragments (of queries and of what a first fragment says), and if they may,
 * all other protocols. IPv6 that comes out carries no fragment header unless p was a fragment; if p
 * was IPv4 that may be fragmented, its view lacks PKT_DONT_FRAGMENT, has the identification in
 * p->ident, and it is for the sender to cut it into pieces of r->piece. */
enum reason family_to_v6(struct pkt *p, const struct family_ends *e, const struct family_rules *r);
enum reason family_to_v4(struct pkt *p, const struct family_ends *e, const struct family_rules *r);

/* Why one of these would refuse, without doing it; of e only whole counts. */
enum reason family_refuses(const struct pkt *p, const struct family_ends *e,
			   const struct family_rules *r);

/* An ICMP error: outer for the error itself, inner for what it quotes (whose source is inner's
 * source, and so on, as they will be). quoted: the view of the quote, as pkt_parse_quoted() made it.
 * The error's checksum must have been right, and is made anew. */
enum reason family_error(struct pkt *p, const struct pkt *quoted, const struct family_ends *outer,
			 const struct family_ends *inner, const struct family_rules *r);

#endif
