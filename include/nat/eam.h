/*
 * Explicit address mappings: which IPv4 prefixes are which IPv6 prefixes.
 *
 * Sources  RFC 7757 section 3.
 * Shape    A table is an array of mappings sorted by IPv4 prefix, and another of the same sorted by IPv6
 *          prefix: long prefixes first, equally long ones by address. So the longest match is found
 *          by a binary search per length that there is.
 * Promise  Bits behind a prefix are those behind the other one. Where the IPv6 suffix is the longer,
 *          the rest of it is zero, and is not looked at.
 * Errors   False: no prefix has the address. eam_fault() names what is wrong with a table, or NULL.
 */
#ifndef NAT_EAM_H
#define NAT_EAM_H

#include "nat/config.h"

/* Either order. */
void eam_sort4(struct nat_eam *eams, size_t count);
void eam_sort6(struct nat_eam *eams, size_t count);

/* An address in the other family. */
bool eam_to_v6(const struct nat_policy6 *p, be32 v4, struct ip6 *v6);
bool eam_to_v4(const struct nat_policy6 *p, const struct ip6 *v6, be32 *v4);

/* What keeps a table from being one. */
const char *eam_fault(const struct nat_policy6 *p);

#endif
