/*
 * A datagram of one family written down anew as one of the other.
 *
 * Sources  RFC 7915 sections 4 and 5, RFC 4884 section 4, RFC 1191 section 7.1, RFC 6146 section 3.
 * Memory   Written over the old octets, behind which there must be room.
 * Errors   The reason why there is no such datagram.
 */
#ifndef MODEL_TRANSLATE_H
#define MODEL_TRANSLATE_H

#include "datagram.h"
#include "nat/config.h"

/* What the entry and the links say, and the identification that IPv4 gets if it brings none. */
struct terms {
	const struct nat_policy *policy;
	const uint16_t *mtu; /* of the links on either side */
	enum nat_side four;  /* on which IPv4 is */
	uint16_t ident;
};

/* Of anything but ICMP errors. */
enum reason translate_fault(const struct datagram *d, const struct nat_policy *p);

/* Other ends, ports and identifiers too, and with them the other family. What cannot be carried on
 * must not come here. */
void translate(struct datagram *d, struct place source, struct place destination,
	       const struct terms *t);

/* An ICMP error with another source and destination, and what it quotes with other ends. */
enum reason translate_error_fault(const struct datagram *d, const struct datagram *inner,
				  const struct nat_policy *p);
void translate_error(struct datagram *d, const struct place outer[static 2],
		     const struct place inner[static 2], const struct terms *t);

/* Octets of the pieces that it may leave in, once it is IPv6 and was IPv4 that may be fragmented. */
static inline uint16_t translate_piece(const struct datagram *d, const struct terms *t)
{
	uint16_t lowest = t->policy->v6.lowest_mtu;

	return d->version == 4 || d->dont_fragment ? 0 : lowest ? lowest : 1280;
}

/* Parts of the way. */

/* An IP header of either family; protocol is as in struct datagram. */
struct header {
	bool six;
	uint8_t tos, ttl, protocol;
	bool dont_fragment, in_pieces, more;
	uint16_t offset; /* octets */
	uint16_t ident;
	size_t carries; /* octets behind it, or so many that a quote says there are */
	ip_number source, destination;
};

/* The header of the other family for d; its ends are not set. */
struct header header_for(const struct datagram *d, const struct terms *t);

/* Write it; returns its length. */
size_t header_write(const struct header *h, uint8_t *out);

/* What is wrong with its headers. */
enum reason translate_header_fault(const struct datagram *d);

/* What IPv6 and IPv4 call a query, false if it has no name in the other. */
bool query_renamed(uint8_t version, uint8_t *type);

#endif
