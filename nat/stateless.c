/*
 * Which datagrams are translated without a session, and by which entry.
 *
 * NPTv6 goes by one end: the source from inside, the destination from outside. SIIT needs both: what has
 * no counterpart at its destination is no datagram for it. An ICMP error may be from anybody on the way,
 * so from inside it also belongs to the host that it quotes as destination.
 */
#include "stateless.h"

#include "nat/npt66.h"
#include "before.h"
#include "siit.h"

enum { ICMP_HEADER = 8, V4_HEADER = 20, V6_HEADER = 40, V6_SOURCE = 8, V6_DESTINATION = 24 };

/* The header that an ICMP error quotes; NULL: p is none, or it is cut off. */
static uint8_t *quoted_header(const struct pkt *p)
{
	uint32_t at = p->transport + (uint32_t)ICMP_HEADER;
	uint32_t len = p->version == 4 ? V4_HEADER : V6_HEADER;

	if (!(p->flags & PKT_ICMP_ERROR) || p->len < at + len || p->ip[at] >> 4 != p->version)
		return NULL;
	return p->ip + at;
}

static bool has4(const struct nat_policy *p, be32 a)
{
	return p->prefix_len == 0 || (be32_host(a) ^ be32_host(p->prefix)) >> (32 - p->prefix_len) == 0;
}

static bool has6(const struct nat_policy *p, const struct ip6 *a)
{
	return ip6_prefix_has(&p->v6.match, a);
}

/* Whether an address, as it lies in a datagram of the version that inside hosts have, is of one. */
static bool has(const struct nat_policy *p, const uint8_t *at)
{
	struct ip6 a;

	if (p->version != 6)
		return has4(p, be32_load(at));
	a = ip6_load(at);
	return has6(p, &a);
}

static bool is_from(const struct nat_policy *p, const struct pkt *d)
{
	const uint8_t *quoted = quoted_header(d);

	return has(p, pkt_source(d)) ||
	       (quoted && has(p, quoted + (pkt_destination(d) - d->ip)));
}

/* Whether the destination of a datagram from inside has a counterpart, and is not inside itself. */
static bool reaches(const struct nat_policy *p, const struct pkt *d)
{
	struct ip6 v6;
	be32 v4;

	if (has(p, pkt_destination(d)))
		return false;
	if (d->version == 4)
		return siit_to_v6(&p->v6, be32_load(pkt_destination(d)), &v6) !=
		       REASON_UNTRANSLATABLE;
	v6 = ip6_load(pkt_destination(d));
	if (p->type == NAT_NAT64)
		return prefixes_have(&p->v6, &v6);
	return siit_to_v4(&p->v6, &v6, &v4) != REASON_UNTRANSLATABLE;
}

static bool is_of_version(const struct nat_policy *p, const struct pkt *d)
{
	return (p->version == 6) == (d->version == 6);
}

const struct nat_policy *stateless_first(const struct nat *n, const struct ip6 *inside)
{
	for (size_t i = 0; i < n->config.policy_count; i++) {
		const struct nat_policy *p = &n->config.policies[i];

		if (p->version == 6 && p->type != NAT_SIIT && p->type != NAT_NAT64 && has6(p, inside))
			return p;
	}
	return NULL;
}

static bool yields(const struct nat_policy *first, const struct pkt *d)
{
	return !first || (d->version == 6 && first->type != NAT_NONE);
}

/* policy_passes() has looked at it. */
static bool is_exception4(const struct nat_policy *p)
{
	return p->type == NAT_NONE && p->version != 6;
}

/* A destination of NAT64's or SIIT's is theirs wherever they stand, except behind what is left alone;
 * but SIIT takes IPv4 only as the first entry. Of the rest the first counts. */
static const struct nat_policy *of_inside(const struct nat *n, const struct pkt *d)
{
	const struct nat_policy *first = NULL;

	if (policy_passes(n, d, SIDE_INSIDE))
		return NULL;
	for (size_t i = 0; i < n->config.policy_count; i++) {
		const struct nat_policy *p = &n->config.policies[i];

		if (!is_of_version(p, d) || is_exception4(p) || !is_from(p, d))
			continue;
		if (p->type != NAT_SIIT && p->type != NAT_NAT64)
			first = first ? first : p;
		else if (yields(first, d) && reaches(p, d))
			return p->type == NAT_SIIT ? p : NULL;
	}
	return first && first->type == NAT_NPTV6 ? first : NULL;
}

/* The prefix of an interface that has none yet. */
static bool is_unknown(const struct nat_policy6 *p)
{
	return ip6_is_zero(&p->translated.address);
}

/* Whether the destination of a datagram from outside is an inside host's. */
static bool is_to_prefix(const struct nat *n, const struct nat_policy *p, const struct pkt *d)
{
	struct ip6 a = ip6_load(pkt_destination(d));

	if (is_unknown(&p->v6) || !npt66_has(&p->v6.translated, &p->v6.match, &a))
		return false;
	return !npt66_move(&p->v6.translated, &p->v6.match, &a) || stateless_first(n, &a) == p;
}

static bool is_to_other_family(const struct nat_policy *p, const struct pkt *d)
{
	struct ip6 v6;
	be32 v4;

	if (d->version == 4)
		return siit_to_v6(&p->v6, be32_load(pkt_destination(d)), &v6) !=
		       REASON_UNTRANSLATABLE && has6(p, &v6);
	v6 = ip6_load(pkt_destination(d));
	return siit_to_v4(&p->v6, &v6, &v4) != REASON_UNTRANSLATABLE && has4(p, v4);
}

static bool is_to(const struct nat *n, const struct nat_policy *p, const struct pkt *d)
{
	if (p->type == NAT_NPTV6)
		return d->version == 6 && is_to_prefix(n, p, d);
	return p->type == NAT_SIIT && !is_of_version(p, d) && is_to_other_family(p, d);
}

static const struct nat_policy *of_outside(const struct nat *n, const struct pkt *d)
{
	for (size_t i = 0; i < n->config.policy_count; i++)
		if (is_to(n, &n->config.policies[i], d))
			return &n->config.policies[i];
	return NULL;
}

const struct nat_policy *stateless_policy(const struct nat *n, const struct pkt *p,
					  enum nat_side from, bool hairpinned)
{
	(void)hairpinned; /* another address is looked up, but in the same entry */
	if (!n->stateless)
		return NULL;
	return from == SIDE_INSIDE ? of_inside(n, p) : of_outside(n, p);
}

/* The address at a place in the other prefix; as it is if it is not in this one. */
static enum reason moved(const struct nat_policy6 *p, enum nat_side from, const uint8_t *at,
			 struct ip6 *a)
{
	const struct ip6_prefix *was = from == SIDE_INSIDE ? &p->match : &p->translated;
	const struct ip6_prefix *to = from == SIDE_INSIDE ? &p->translated : &p->match;
	static const uint8_t zero_id[8];

	*a = ip6_load(at);
	if (!ip6_prefix_has(was, a))
		return REASON_NONE;
	if (!npt66_has(was, to, a))
		return REASON_UNTRANSLATABLE;
	if (p->drops_zero_ids && npt66_adjusts_id(was, to) &&
	    memcmp(a->octets + 8, zero_id, sizeof(zero_id)) == 0)
		return REASON_NPT_WORD;
	return npt66_move(was, to, a) ? REASON_NONE : REASON_NPT_WORD;
}

/* RFC 6296: one address of the header, and of a quoted one that which the answer has in its place. No
 * sum changes. */
static enum reason translate_prefix(struct nat_job *job, const struct nat_policy *p)
{
	bool outward = job->from == SIDE_INSIDE;
	uint8_t *header = job->p->ip, *quoted = quoted_header(job->p);
	uint8_t *at = header + (outward ? V6_SOURCE : V6_DESTINATION);
	struct ip6 outer, inner;
	enum reason r = is_unknown(&p->v6) ? REASON_UNTRANSLATABLE
					   : moved(&p->v6, job->from, at, &outer);

	if (r == REASON_NONE && quoted) {
		quoted += outward ? V6_DESTINATION : V6_SOURCE;
		r = moved(&p->v6, job->from, quoted, &inner);
	}
	if (r != REASON_NONE)
		return r;
	before_keep_addresses(job);
	memcpy(at, &outer, sizeof(outer));
	if (quoted)
		memcpy(quoted, &inner, sizeof(inner));
	return REASON_NONE;
}

/* What other entries have outside. */
static bool is_outside_end(const struct nat *n, const struct pkt *p)
{
	uint16_t index;
	struct ip6 a;
	be32 name;

	if (p->version == 4)
		return is_outside_address(n, be32_load(pkt_destination(p)));
	a = ip6_load(pkt_destination(p));
	name = name_find(n, &a);
	return (name.raw && pool_has(n, name, &index)) || policy_of_outside6(n, &a);
}

/* What was sent to an outside address of ours is for the inside after all. */
static bool hairpins(const struct nat *n, const struct nat_job *job)
{
	return job->from == SIDE_INSIDE && (of_outside(n, job->p) || is_outside_end(n, job->p));
}

void stateless_process(struct nat *n, struct nat_job *job, const struct nat_policy *p)
{
	enum reason r = REASON_NONE;

	job->verdict = NAT_FORWARD;
	if (!job->known_only)
		r = p->type == NAT_SIIT ? siit_translate(n, job, p) : translate_prefix(job, p);
	if (r != REASON_NONE)
		job->verdict = NAT_DROP;
	else if (!job->known_only && hairpins(n, job))
		job->verdict = NAT_HAIRPIN;
	job->reason = r;
}
