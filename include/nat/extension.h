/*
 * Extension headers of IPv6, in a view that was parsed.
 *
 * Sources  RFC 8200 section 4, RFC 7045.
 * Shape    The chain is walked as far as the view goes: up to the transport, or in a later fragment up
 *          to the fragment header. Offsets count octets from the IP header.
 * Errors   None.
 */
#ifndef NAT_EXTENSION_H
#define NAT_EXTENSION_H

#include "nat/packet.h"

/* Headers by number: a set of 256 bits. */
struct headers { uint8_t bits[32]; };

static inline bool headers_has(const struct headers *s, uint8_t header)
{
	return s->bits[header / 8] >> header % 8 & 1;
}

static inline void headers_add(struct headers *s, uint8_t header)
{
	s->bits[header / 8] = (uint8_t)(s->bits[header / 8] | 1 << header % 8);
}

/* Whether any of them is there, the transport among them. */
bool extension_is_any(const struct pkt *p, const struct headers *s);

/* Where the number of the transport is: in the IPv6 header, or in the extension header before it. */
uint32_t extension_transport_field(const struct pkt *p);

/* The first hop-by-hop option that nobody who does not know it may pass over, as its two highest bits
 * say; 0: there is none. */
uint32_t extension_refused_option(const struct pkt *p);

#endif
