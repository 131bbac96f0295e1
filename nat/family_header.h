/*
 * What an IP header says that either family can say: read from one, written as the other's.
 *
 * Sources  RFC 7915 sections 4.1, 5.1 and 5.1.1.
 * Shape    Numbers of protocols are those of the new family. What has no counterpart is left out.
 * Memory   A header is written so that it ends at a given octet; where it begins is returned.
 * Promise  family_header_of() changes nothing, and after it nothing of the old header is needed.
 * Errors   The reason why the datagram has no counterpart.
 */
#ifndef NAT_FAMILY_HEADER_H
#define NAT_FAMILY_HEADER_H

#include "nat/family.h"

enum { FAMILY_V4 = 20, FAMILY_V6 = 40, FAMILY_FRAGMENT = 8 };

struct family_header {
	uint8_t tos, ttl, protocol;
	bool dont_fragment; /* IPv4's bit, as it was or as it will be */
	bool has_fragment;  /* it is a fragment, or has the header of one */
	uint16_t place;	    /* the fragment's: IPv4's field without that bit */
	be16 ident;
	uint16_t at;	  /* where what it carries began in the datagram */
	uint32_t carries; /* octets, though they may be cut off in a quote */
};

enum reason family_header_of(struct family_header *h, const struct pkt *p,
			     const struct family_rules *r);

/* Octets that the new header will have. */
static inline uint16_t family_header_len(const struct family_header *h, uint8_t version)
{
	return (uint16_t)(version == 4 ? FAMILY_V4
				       : FAMILY_V6 + (h->has_fragment ? FAMILY_FRAGMENT : 0));
}

/* Its DF bit, for datagrams of so many octets (RFC 7915 section 5.1). */
static inline void family_header_settle(struct family_header *h, uint32_t len)
{
	h->dont_fragment = !h->has_fragment && len > FAMILY_ALONE_MOST;
}

uint8_t *family_header_put(uint8_t *end, const struct family_header *h, uint8_t version,
			   const struct family_ends *e);

/* The rest of the way, as family_error() needs it for what it quotes. Whether what the header carries
 * may pass; and its ports and checksum, with the old header still in front. */
enum reason family_admits(const struct pkt *p, const struct family_header *h,
			  const struct family_ends *e, const struct family_rules *r);
void family_carry(struct pkt *p, const struct family_header *h, const struct family_ends *e);

/* The new header in front, and the view of it. */
void family_turn(struct pkt *p, const struct family_header *h, const struct family_ends *e);

#endif
