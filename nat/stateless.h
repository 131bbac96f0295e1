/*
 * Translation without sessions: NPTv6 (RFC 6296) and SIIT (RFC 7915, RFC 7757, RFC 6877). Private to
 * nat/.
 *
 * Shape    Whether an entry of these types is for a datagram depends on its addresses alone, so any
 *          worker may do it.
 * Errors   The verdict, as always.
 */
#ifndef NAT_STATELESS_H
#define NAT_STATELESS_H

#include "core.h"

/* The entry that translates this datagram, coming from that side; NULL: none does. Cheap where there
 * is no such entry: n->stateless says that. */
const struct nat_policy *stateless_policy(const struct nat *n, const struct pkt *p,
					  enum nat_side from, bool hairpinned);

/* The first entry that has an inside host of IPv6, but for those that go by the destination; NULL: none. */
const struct nat_policy *stateless_first(const struct nat *n, const struct ip6 *inside);

/* Translate it by that entry: verdict, reason, redirected and before are set. */
void stateless_process(struct nat *n, struct nat_job *job, const struct nat_policy *p);

#endif
