/*
 * Addresses of one family in the other, and datagrams with them. Private to nat/.
 *
 * Sources  RFC 7915 (IP/ICMP translation), RFC 7757 (explicit mappings, hairpinning), RFC 6877 (CLAT),
 *          RFC 6791 (sources of errors).
 * Shape    An address is in an explicit mapping, or else in a prefix as RFC 6052 embeds it.
 * Errors   REASON_UNTRANSLATABLE: neither; REASON_EMBEDDED: it is, and must not be (the address is
 *          written nevertheless).
 */
#ifndef NAT_SIIT_H
#define NAT_SIIT_H

#include "core.h"

enum reason siit_to_v4(const struct nat_policy6 *p, const struct ip6 *a, be32 *v4);
enum reason siit_to_v6(const struct nat_policy6 *p, be32 a, struct ip6 *v6);

/* Both ends of job->p. */
enum reason siit_translate(struct nat *n, struct nat_job *job, const struct nat_policy *p);

#endif
