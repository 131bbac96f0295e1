/*
 * IPv4 addresses inside IPv6 ones.
 *
 * Sources  RFC 6052 section 2 (where the octets lie, prefix lengths, the octet u, suffix), section
 *          3.1 (what the well-known prefix must not hold), RFC 6890.
 * Shape    A prefix has 32, 40, 48, 56, 64 or 96 bits. Bits 64 to 71 of an address are zero; the
 *          suffix is written as zero and not looked at.
 * Errors   None: what is legal is for rfc6052_is_legal() to say, once, of the configuration.
 */
#ifndef NAT_RFC6052_H
#define NAT_RFC6052_H

#include "nat/ip6.h"

enum { EMBED_LONGEST = 96 }; /* the prefix that leaves no suffix */

/* A length that there is, and zeros where the octet u lies. */
bool rfc6052_is_legal(const struct ip6_prefix *prefix);

/* 64:ff9b::/96 */
bool rfc6052_is_well_known(const struct ip6_prefix *prefix);

/* Of a legal prefix. */
struct ip6 rfc6052_embed(const struct ip6_prefix *prefix, be32 v4);
be32 rfc6052_extract(const struct ip6_prefix *prefix, const struct ip6 *address);

/* An address of the public Internet: what the well-known prefix may hold. */
bool ip4_is_global(be32 v4);

/* One that can be a host's beyond a router: not 0/8, 127/8, 169.254/16, 224/4, 240/4 (requirement
 * 6052-P3). */
bool ip4_is_unicast(be32 v4);

/* Whether a prefix may hold that address: of a host beyond a router, and by the well-known prefix a global
 * one (section 3.1). */
bool rfc6052_may_hold(const struct ip6_prefix *prefix, be32 v4);

#endif
