/* Whether what a configuration says about IPv6 contradicts itself. */
#include "config_fault6.h"

#include "nat/eam.h"
#include "nat/family.h"
#include "nat/npt66.h"
#include "nat/rfc6052.h"

enum { LEN_MOST = 128 };

/* Which versions inside hosts of a type may have, and what its pool holds. */
static const struct { bool v4, v6, pool, pool6; } types[] = {
	[NAT_NONE] = { .v4 = true, .v6 = true },
	[NAT_NAPT44] = { .v4 = true, .pool = true },
	[NAT_ONE_TO_ONE] = { .v4 = true, .v6 = true },
	[NAT_NAPT66] = { .v6 = true, .pool6 = true },
	[NAT_FIREWALL] = { .v6 = true },
	[NAT_NAT64] = { .v6 = true, .pool = true },
	[NAT_NPTV6] = { .v6 = true },
	[NAT_SIIT] = { .v4 = true, .v6 = true, .pool = true },
};

_Static_assert(sizeof(types) / sizeof(types[0]) == NAT_SIIT + 1, "a row for each type");

static bool overlap(const struct ip6_prefix *a, const struct ip6_prefix *b)
{
	return ip6_prefix_has(a->len < b->len ? a : b, a->len < b->len ? &b->address : &a->address);
}

static bool equal(const struct ip6_prefix *a, const struct ip6_prefix *b)
{
	return a->len == b->len && ip6_equal(&a->address, &b->address);
}

static const char *prefix_fault(const struct ip6_prefix *p)
{
	if (p->len > LEN_MOST)
		return "prefix longer than 128 bits";
	return ip6_prefix_is_clean(p) ? NULL : "prefix with bits behind its length";
}

static bool is_known(const struct nat_policy *p)
{
	return !ip6_is_zero(&p->v6.translated.address);
}

/* RFC 6296 has one prefix in place of another, and so has one-to-one translation. */
static const char *translated_fault(const struct nat_policy *p)
{
	const struct ip6_prefix *to = &p->v6.translated;

	if (prefix_fault(to))
		return prefix_fault(to);
	if (p->type == NAT_NPTV6 && (p->v6.match.len > NPT66_LEN_MOST || to->len > NPT66_LEN_MOST))
		return "prefixes of which NPTv6 leaves no word to adjust";
	/* Only an interface's may come later. */
	if (!is_known(p))
		return p->type == NAT_NPTV6 ? NULL : "one-to-one translation to no prefix";
	if (p->type == NAT_ONE_TO_ONE && to->len != p->v6.match.len)
		return "one-to-one translation between prefixes of different lengths";
	return overlap(to, &p->v6.match) ? "inside and outside prefix overlap" : NULL;
}

/* RFC 6052 section 2.2; of overlapping prefixes of one entry nobody could tell which is meant. */
static const char *embedding_fault(const struct nat_policy6 *p)
{
	for (int i = 0; i < p->prefix_count; i++) {
		if (prefix_fault(&p->prefixes[i]))
			return prefix_fault(&p->prefixes[i]);
		if (!rfc6052_is_legal(&p->prefixes[i]))
			return "prefix that cannot hold IPv4 addresses";
		for (int j = 0; j < i; j++)
			if (overlap(&p->prefixes[i], &p->prefixes[j]))
				return "prefixes for IPv4 addresses overlap";
	}
	return NULL;
}

/* What hosts of a NAT64 send to a prefix is translated, and what they send from it dropped. */
static bool is_within_own_prefix(const struct nat_policy *p)
{
	for (int i = 0; i < p->v6.prefix_count; i++)
		if (p->v6.match.len >= p->v6.prefixes[i].len &&
		    ip6_prefix_has(&p->v6.prefixes[i], &p->v6.match.address))
			return true;
	return false;
}

static const char *families_fault(const struct nat_policy *p)
{
	const char *fault;

	if (p->v6.prefix_count > NAT_PREFIXES_MOST)
		return "too many prefixes for IPv4 addresses";
	if (p->v6.lowest_mtu && p->v6.lowest_mtu < FAMILY_MTU_LEAST)
		return "IPv6 cut into pieces below 1280 octets";
	fault = embedding_fault(&p->v6);
	if (fault)
		return fault;
	if (p->type == NAT_SIIT)
		return p->v6.prefix_count || p->v6.eam_count ? eam_fault(&p->v6)
							     : "SIIT without prefix or explicit mapping";
	if (!p->v6.prefix_count)
		return "NAT64 without a prefix";
	return is_within_own_prefix(p) ? "inside prefix of NAT64 within that for IPv4 addresses" : NULL;
}

/* Addresses that are not the Internet's, so that errors from them help nobody (RFC 6791 section 3). */
static bool is_private(be32 a)
{
	uint32_t host = be32_host(a);

	return host >> 24 == 0x0a000000 >> 24 || host >> 20 == 0xac100000 >> 20 ||
	       host >> 16 == 0xc0a80000 >> 16 || host >> 22 == 0x64400000 >> 22;
}

/* An address that the entry's type can have; 0: one that is not known yet. */
static const char *address_fault(const struct nat_config *c, const struct nat_policy *p, size_t i)
{
	be32 a = c->pool[i];

	if (nat_is_v6_beside(a))
		return !types[p->type].pool6 || !c->pool6 ? "IPv6 address in a pool of IPv4" : NULL;
	if (!a.raw)
		return NULL;
	if (!types[p->type].pool)
		return "IPv4 address in a pool of IPv6";
	if (p->type == NAT_SIIT && is_private(a))
		return "private address as source of errors";
	return NULL;
}

const char *pool_fault6(const struct nat_config *c, const struct nat_policy *p)
{
	const char *fault = NULL;

	if (!types[p->type].pool && !types[p->type].pool6)
		return NULL;
	if ((size_t)p->pool_first + p->pool_count > c->pool_count)
		return "pool that there is not";
	for (size_t i = 0; !fault && i < p->pool_count; i++)
		fault = address_fault(c, p, p->pool_first + i);
	return fault;
}

/* What only IPv4 has. */
static const char *beyond_v6(const struct nat_policy *p)
{
	if (p->helpers)
		return "helpers for IPv6";
	if (p->twice.len)
		return "twice NAT of IPv6";
	if (p->port_selection == NAT_PORT_DETERMINISTIC)
		return "deterministic ports for IPv6";
	if (p->port_selection == NAT_PORT_BLOCK && p->type == NAT_NAPT66)
		return "blocks of ports of IPv6 addresses";
	if (p->destination.len)
		return "IPv4 destination of an entry for IPv6";
	return prefix_fault(&p->v6.match);
}

const char *policy_fault6(const struct nat_policy *p)
{
	const char *fault = NULL;

	if (p->version != 0 && p->version != 4 && p->version != 6)
		return "version of IP that there is not";
	if (p->version == 6 ? !types[p->type].v6 : !types[p->type].v4)
		return "inside hosts of a version that the type is not for";
	if (p->version == 6)
		fault = beyond_v6(p);
	if (!fault && p->version == 6 && (p->type == NAT_NPTV6 || p->type == NAT_ONE_TO_ONE))
		fault = translated_fault(p);
	if (!fault && (p->type == NAT_NAT64 || p->type == NAT_SIIT))
		fault = families_fault(p);
	return fault;
}

/* One prefix may serve entries for several inside prefixes, but not a part of it another one. */
static bool prefixes_clash(const struct nat_policy6 *a, const struct nat_policy6 *b)
{
	for (int i = 0; i < a->prefix_count; i++)
		for (int j = 0; j < b->prefix_count; j++)
			if (overlap(&a->prefixes[i], &b->prefixes[j]) &&
			    !equal(&a->prefixes[i], &b->prefixes[j]))
				return true;
	return false;
}

/* A prefix that stands for another must be the only one that does. */
static bool has_outside_prefix(const struct nat_policy *p)
{
	return p->version == 6 && (p->type == NAT_NPTV6 || p->type == NAT_ONE_TO_ONE) && is_known(p);
}

static bool is_inside4(const struct nat_policy *p, be32 a)
{
	return p->version != 6 && p->type != NAT_NONE && p->prefix_len &&
	       (be32_host(a) ^ be32_host(p->prefix)) >> (32 - p->prefix_len) == 0;
}

/* What comes for the pool would be taken for what comes for an inside host. */
static bool has_pool_inside(const struct nat_config *c, const struct nat_policy *nat64,
			    const struct nat_policy *p)
{
	for (size_t i = 0; nat64->type == NAT_NAT64 && i < nat64->pool_count; i++)
		if (is_inside4(p, c->pool[nat64->pool_first + i]))
			return true;
	return false;
}

static const char *pair_fault(const struct nat_config *c, const struct nat_policy *a,
			      const struct nat_policy *b)
{
	if (prefixes_clash(&a->v6, &b->v6))
		return "prefix for IPv4 addresses within that of another entry";
	if (has_outside_prefix(a) && has_outside_prefix(b) &&
	    overlap(&a->v6.translated, &b->v6.translated))
		return "outside prefixes of two entries overlap";
	if (has_pool_inside(c, a, b) || has_pool_inside(c, b, a))
		return "pool of NAT64 among inside addresses";
	return NULL;
}

const char *policies_fault6(const struct nat_config *c)
{
	const char *fault = NULL;

	for (size_t i = 0; !fault && i < c->policy_count; i++)
		for (size_t j = 0; !fault && j < i; j++)
			fault = pair_fault(c, &c->policies[i], &c->policies[j]);
	return fault;
}

static const char *nat64_forward_fault(const struct nat_config *c, const struct nat_forward *f)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].type == NAT_NAT64 &&
		    ip6_prefix_has(&c->policies[i].v6.match, &f->internal6))
			return NULL;
	return "forward to an IPv6 host that no NAT64 entry is for";
}

const char *forward_fault6(const struct nat_config *c, const struct nat_forward *f)
{
	bool outside = nat_is_v6_beside(f->external), inside = nat_is_v6_beside(f->internal);

	if (outside && !inside)
		return "forward from IPv6 to IPv4";
	if (inside && f->source.raw)
		return "twice NAT of IPv6";
	return inside && !outside && f->external.raw ? nat64_forward_fault(c, f) : NULL;
}
