/*
 * The other family of what nearly all datagrams are: whole, TCP or UDP with a checksum, nothing between
 * the headers. Private to nat/.
 *
 * Shape    Does what family_to_v4() and family_to_v6() do to these, in a tenth of the steps; all others
 *          are theirs.
 * Errors   None.
 */
#ifndef NAT_PLAIN_H
#define NAT_PLAIN_H

#include "nat/ip6.h"
#include "nat/rewrite.h"

enum { PLAIN_V4 = 20, PLAIN_V6 = 40, PLAIN_MOST = 65000 };

static inline bool plain_is(const struct pkt *p)
{
	return (p->protocol == PROTO_TCP || p->protocol == PROTO_UDP) && p->checksum &&
	       !(p->flags & ~(PKT_DONT_FRAGMENT | PKT_PARTIAL)) && !p->fragment &&
	       p->transport == (p->version == 4 ? PLAIN_V4 : PLAIN_V6) && p->len < PLAIN_MOST;
}

/* r: all that is to be written but the header, and of IPv4 the addresses. ident: where it may be
 * fragmented. */
void plain_to_v4(struct pkt *p, const struct rewrite *r, be16 ident, bool fixed_tos);
void plain_to_v6(struct pkt *p, const struct rewrite *r, const struct ip6 *source,
		 const struct ip6 *destination, bool fixed_tos);

/* Whether it will be small enough to be fragmented (RFC 7915 section 5.1). */
bool plain_needs_ident(const struct pkt *p);

#endif
