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

static bool is_in_prefixes(const struct nat_policy6 *p, const struct ip6 *a)
{
	for (int i = 0; i < p->prefix_count; i++)
		if (ip6_prefix_has(&p->prefixes[i], a))
			return true;
	return false;
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
		return is_in_prefixes(&p->v6, &v6);
	return siit_to_v4(&p->v6, &v6, &v4) != REASON_UNTRANSLATABLE;
}

static bool is_of_version(const struct nat_policy *p, const struct pkt *d)
{
	return (p->version == 6) == (d->version == 6);
}

/* Where NAT64 or SIIT leads is chosen by the destination; of the rest, the first entry counts. */
static const struct nat_policy *of_inside(const struct nat *n, const struct pkt *d)
{
	const struct nat_policy *first = NULL;

	if (policy_passes(n, d, SIDE_INSIDE))
		return NULL;
	for (size_t i = 0; i < n->config.policy_count; i++) {
		const struct nat_policy *p = &n->config.policies[i];

		if (!is_of_version(p, d) || p->type == NAT_NONE || !is_from(p, d))
			continue;
		if (p->type != NAT_SIIT && p->type != NAT_NAT64)
			first = first ? first : p;
		else if ((d->version == 6 || !first) && reaches(p, d))
			return p->type == NAT_SIIT ? p : NULL;
	}
	return first && first->type == NAT_NPTV6 ? first : NULL;
}

/* The address inside that the destination is; false: none by this entry. */
static bool is_to(const struct nat_policy *p, const struct pkt *d)
{
	struct ip6 v6;
	be32 v4;

	if (p->type == NAT_NPTV6 && d->version == 6) {
		v6 = ip6_load(pkt_destination(d));
		return !ip6_is_zero(&p->v6.translated.address) &&
		       npt66_has(&p->v6.translated, &p->v6.match, &v6);
	}
	if (p->type != NAT_SIIT || is_of_version(p, d))
		return false;
	if (d->version == 4)
		return siit_to_v6(&p->v6, be32_load(pkt_destination(d)), &v6) !=
		       REASON_UNTRANSLATABLE && has6(p, &v6);
	v6 = ip6_load(pkt_destination(d));
	return siit_to_v4(&p->v6, &v6, &v4) != REASON_UNTRANSLATABLE && has4(p, v4);
}

static const struct nat_policy *of_outside(const struct nat *n, const struct pkt *d)
{
	for (size_t i = 0; i < n->config.policy_count; i++)
		if (is_to(&n->config.policies[i], d))
			return &n->config.policies[i];
	return NULL;
}

const struct nat_policy *stateless_policy(const struct nat *n, const struct pkt *p,
					  enum nat_side from, bool hairpinned)
{
	(void)hairpinned;
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
	if (p->drops_zero_ids && memcmp(a->octets + 8, zero_id, sizeof(zero_id)) == 0)
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
	enum reason r = moved(&p->v6, job->from, at, &outer);

	if (ip6_is_zero(&p->v6.translated.address))
		return REASON_UNTRANSLATABLE;
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
	job->redirected = !outward;
	return REASON_NONE;
}

/* What was sent to an outside address of ours is for the inside after all. */
static bool hairpins(const struct nat *n, const struct nat_job *job)
{
	const struct pkt *p = job->p;

	if (job->from != SIDE_INSIDE)
		return false;
	return of_outside(n, p) ||
	       (p->version == 4 && is_outside_address(n, be32_load(pkt_destination(p))));
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
