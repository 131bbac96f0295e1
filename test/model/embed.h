/*
 * What an address becomes in the other family, or in another prefix.
 *
 * Sources  RFC 6052 sections 2 and 3.1, RFC 7757 section 3, RFC 6296 sections 3.1 to 3.7, RFC 6890.
 * Order    Host order.
 * Errors   false, or a reason: it has no counterpart.
 */
#ifndef MODEL_EMBED_H
#define MODEL_EMBED_H

#include "address.h"
#include "nat/config.h"

static inline bool embed_has(const struct ip6_prefix *p, ip_number a)
{
	return ip_covers(ip_of_six(&p->address), p->len, 128, a);
}

/* The same place in another prefix, of whose bits the first len count. */
static inline ip_number embed_moved(const struct ip6_prefix *to, unsigned len, ip_number a)
{
	return ip_join(ip_of_six(&to->address), len, 128, a);
}

/* The first of a policy's prefixes that has the address, or NULL. */
const struct ip6_prefix *embed_prefix_of(const struct nat_policy *p, ip_number six);

ip_number embed_put_in(const struct ip6_prefix *p, ip_number four);
ip_number embed_taken_out(const struct ip6_prefix *p, ip_number six);

/* Whether the IPv4 address may not stand in that prefix: no host's, or not of the public Internet in
 * the well-known one. */
bool embed_is_wrong(const struct ip6_prefix *p, ip_number four);

/* SIIT: by the longest explicit mapping, or by a prefix; REASON_UNTRANSLATABLE: by nothing. */
enum reason embed_four_of(const struct nat_policy *p, ip_number six, ip_number *four);
enum reason embed_six_of(const struct nat_policy *p, ip_number four, ip_number *six);

/* The same, by the prefix alone. */
enum reason embed_six_by_prefix(const struct nat_policy *p, ip_number four, ip_number *six);

/* NPTv6: from one prefix to the other, outwards or inwards. */
bool embed_npt(const struct nat_policy *p, bool outwards, ip_number a, ip_number *out);

#endif
