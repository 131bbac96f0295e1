#include "router/own.h"

#include "nat/rfc6052.h"

bool own_address_at(const struct conf *c, size_t interface, size_t at, struct address *a)
{
	const struct conf_interface *i = &c->interfaces[interface];
	size_t own = i->shares_address ? 0 : i->address_count;

	if (at < own) {
		*a = i->addresses[at].address;
		return true;
	}
	if (i->side != SIDE_OUTSIDE || at - own >= c->nat.pool_count)
		return false;
	*a = conf_pool_address(c, at - own);
	return true;
}

/* How many bits of IPv4 addresses an IPv6 prefix fixes, which lies in one that embeds them: octets 8
 * has none (RFC 6052 section 2.2). */
static unsigned embedded_bits(const struct ip6_prefix *pref64, const struct ip6_prefix *p)
{
	unsigned bits = p->len - pref64->len;

	if (pref64->len < 96 && p->len > 64)
		bits -= p->len < 72 ? p->len - 64u : 8;
	return bits < 32 ? bits : 32;
}

/* IPv4-translatable addresses of inside hosts: the match lies in a prefix (RFC 6052 section 2.4). */
static bool translatable_at(const struct nat_policy *p, size_t at, struct prefix *outside)
{
	const struct ip6_prefix *match = &p->v6.match;

	for (size_t i = 0; i < p->v6.prefix_count; i++) {
		const struct ip6_prefix *pref64 = &p->v6.prefixes[i];
		be32 v4 = rfc6052_extract(pref64, &match->address);
		unsigned bits = match->len > pref64->len ? embedded_bits(pref64, match) : 0;

		if (!bits || !ip6_prefix_has(pref64, &match->address) || at-- > 0)
			continue;
		*outside = (struct prefix){ address_v4((const uint8_t *)&v4), (uint8_t)bits };
		return true;
	}
	return false;
}

static bool eam_at(const struct nat_policy *p, size_t at, struct prefix *outside)
{
	const struct nat_eam *e = &p->v6.eams[at];

	if (p->version == 6)
		*outside = (struct prefix){ address_v4((const uint8_t *)&e->v4), e->len4 };
	else
		*outside = conf_prefix6(&e->v6);
	return true;
}

static bool siit_at(const struct nat_policy *p, size_t at, struct prefix *outside)
{
	if (at < p->v6.eam_count)
		return eam_at(p, at, outside);
	return p->version == 6 && translatable_at(p, at - p->v6.eam_count, outside);
}

bool own_prefix_at(const struct nat_policy *p, size_t at, struct prefix *outside)
{
	if (p->type == NAT_SIIT)
		return siit_at(p, at, outside);
	if (at || (p->type != NAT_ONE_TO_ONE && p->type != NAT_NPTV6))
		return false;
	*outside = p->version == 6 ? conf_prefix6(&p->v6.translated)
				   : (struct prefix){ address_v4((const uint8_t *)&p->translated),
						      p->prefix_len };
	return p->version != 6 || !ip6_is_zero(&p->v6.translated.address);
}

/* A router that we send to lies in a network, and perhaps in a prefix that is that network. */
static bool is_next_hop(const struct conf *c, const struct address *a)
{
	for (size_t i = 0; i < c->route_count; i++)
		if (address_equal(&c->routes[i].via, a))
			return true;
	return false;
}

/* An address that stands for an inside host. */
static bool is_counterpart(const struct conf *c, size_t interface, const struct address *a)
{
	struct prefix outside;

	if (c->interfaces[interface].side != SIDE_OUTSIDE || is_next_hop(c, a))
		return false;
	for (size_t i = 0; i < c->nat_count; i++)
		for (size_t k = 0; own_prefix_at(&c->policies[i], k, &outside); k++)
			if (prefix_contains(&outside, a))
				return true;
	return false;
}

bool own_has(const struct conf *c, size_t interface, const struct address *a)
{
	struct address ours;

	if (is_counterpart(c, interface, a))
		return true;
	for (size_t i = 0; own_address_at(c, interface, i, &ours); i++)
		if (address_equal(&ours, a))
			return true;
	return false;
}
