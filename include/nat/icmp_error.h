/*
 * ICMP errors that the router itself sends.
 *
 * Sources  RFC 792, RFC 1812 section 4.3.2, RFC 1191 section 4, RFC 4443 sections 2.4 and 3, RFC 8200
 *          sections 4.2, 4.4 and 4.5, RFC 7112 section 5, RFC 7915 sections 4.4 and 5.4.
 * Shape    Which error belongs to which reason is a table; making one is a copy of the offending
 *          datagram as it came in behind new headers.
 * Memory   Written to the caller's octets; cause is only read. It may be a fragment of IPv6 that the
 *          parser has refused, once its fragment header was reached.
 * Errors   0 where no error may be sent (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e)).
 */
#ifndef NAT_ICMP_ERROR_H
#define NAT_ICMP_ERROR_H

#include "nat/packet.h"

enum { ICMP_ERROR_MOST = 1280 }; /* octets that icmp_error_make() writes at the most */

struct icmp_error {
	enum reason reason;
	const uint8_t *source; /* our address, of the version of the cause */
	uint16_t mtu;	       /* for REASON_TOO_BIG; IPv6 is told 1280 at least (RFC 8021) */
	uint16_t pointer;      /* for REASON_NPT_WORD: at the address; of others it is known */
	uint8_t ttl;	       /* of the error; 64 is usual */
};

/* Octets of the IP datagram written to out (ICMP_ERROR_MOST of room), or 0. cause must be as it
 * came in, before any rewriting. */
size_t icmp_error_make(uint8_t *out, const struct icmp_error *e, const struct pkt *cause);

/* Turn an echo request to the router itself into its reply, in place, without extension headers. False
 * if it is none or its checksum is wrong. */
bool icmp_echo_answer(struct pkt *p);

#endif
