#include "siit.h"

#include "nat/eam.h"
#include "nat/rfc6052.h"
#include "before.h"
#include "six.h"

/* Which end has no explicit mapping although there is one. An explicitly mapped host that sends to
 * another by its IPv4 address must see the other's answers come from there, so on the second leg of a
 * hairpinned datagram the far end stays one that was embedded (RFC 7757 section 4.2.2). */
enum far_end { FAR_NONE, FAR_SOURCE, FAR_DESTINATION };

static enum reason embedded_reason(const struct ip6_prefix *prefix, be32 v4)
{
	return rfc6052_may_hold(prefix, v4) ? REASON_NONE : REASON_EMBEDDED;
}

enum reason siit_to_v4(const struct nat_policy6 *p, const struct ip6 *a, be32 *v4)
{
	if (eam_to_v4(p, a, v4))
		return REASON_NONE;
	for (int i = 0; i < p->prefix_count; i++)
		if (ip6_prefix_has(&p->prefixes[i], a)) {
			*v4 = rfc6052_extract(&p->prefixes[i], a);
			return embedded_reason(&p->prefixes[i], *v4);
		}
	return REASON_UNTRANSLATABLE;
}

static enum reason embed(const struct nat_policy6 *p, be32 a, struct ip6 *v6)
{
	if (!p->prefix_count)
		return REASON_UNTRANSLATABLE;
	*v6 = rfc6052_embed(&p->prefixes[0], a);
	return embedded_reason(&p->prefixes[0], a);
}

enum reason siit_to_v6(const struct nat_policy6 *p, be32 a, struct ip6 *v6)
{
	return eam_to_v6(p, a, v6) ? REASON_NONE : embed(p, a, v6);
}

static bool is_error(const struct pkt *p)
{
	return (p->flags & PKT_ICMP_ERROR) && !(p->flags & PKT_QUOTED);
}

/* Who an error is from when its sender has no IPv4 address: any of those kept for that (RFC 6791
 * section 3). */
static enum reason stand_in(struct nat *n, const struct nat_policy *p, be32 *v4)
{
	uint32_t first = p->pool_count ? nat_draw(n, p->pool_count) : 0;

	for (uint32_t i = 0; i < p->pool_count; i++) {
		be32 a = n->config.pool[p->pool_first + (first + i) % p->pool_count];

		if (a.raw && !nat_is_v6_beside(a)) {
			*v4 = a;
			return REASON_NONE;
		}
	}
	return REASON_UNTRANSLATABLE;
}

/* RFC 7915 section 4.1: who reports an error may have any address. */
static enum reason source_reason(const struct pkt *d, enum reason r)
{
	return r == REASON_EMBEDDED && is_error(d) ? REASON_NONE : r;
}

static enum reason ends_to_v4(struct nat *n, const struct nat_policy *p, const struct pkt *d,
			      struct family_ends *e)
{
	struct ip6 source = ip6_load(pkt_source(d)), destination = ip6_load(pkt_destination(d));
	enum reason r = siit_to_v4(&p->v6, &destination, &e->destination4);

	if (r != REASON_NONE)
		return r;
	r = source_reason(d, siit_to_v4(&p->v6, &source, &e->source4));
	if (r == REASON_UNTRANSLATABLE && is_error(d))
		r = stand_in(n, p, &e->source4);
	e->addresses = csum_sub(csum_add(csum_of(&e->source4, 4), csum_of(&e->destination4, 4)),
				csum_of(pkt_source(d), 2 * sizeof(source)));
	return r;
}

static enum reason ends_to_v6(const struct nat_policy *p, const struct pkt *d, enum far_end far,
			      struct family_ends *e)
{
	be32 source = be32_load(pkt_source(d)), destination = be32_load(pkt_destination(d));
	enum reason r = far == FAR_DESTINATION ? embed(&p->v6, destination, &e->destination6)
					       : siit_to_v6(&p->v6, destination, &e->destination6);

	if (r != REASON_NONE)
		return r;
	r = far == FAR_SOURCE ? embed(&p->v6, source, &e->source6)
			      : siit_to_v6(&p->v6, source, &e->source6);
	e->addresses = csum_sub(csum_add(csum_of(&e->source6, sizeof(e->source6)),
					 csum_of(&e->destination6, sizeof(e->destination6))),
				csum_of(pkt_source(d), 8));
	return source_reason(d, r);
}

/* Of a datagram, or of the one that it quotes. */
static enum reason ends_of(struct nat *n, const struct nat_job *job, const struct nat_policy *p,
			   const struct pkt *d, struct family_ends *e)
{
	enum far_end far = d == job->p ? FAR_SOURCE : FAR_DESTINATION;

	return d->version == 6 ? ends_to_v4(n, p, d, e)
			       : ends_to_v6(p, d, job->hairpinned ? far : FAR_NONE, e);
}

static struct family_rules rules_of(struct nat *n, const struct nat_job *job,
				    const struct nat_policy *p, const struct family_ends *outer)
{
	struct family_rules r = six_rules(n, p);

	r.unknown_drops = false;
	if (p->version != 6) {
		r.mtu4 = n->config.mtu[SIDE_INSIDE];
		r.mtu6 = n->config.mtu[SIDE_OUTSIDE];
	}
	if (job->p->version == 6 && !pkt_is_fragment(job->p))
		r.ident = ident_take(n, outer->destination4, job->p);
	return r;
}

static enum reason translate_error(struct nat *n, struct nat_job *job, const struct nat_policy *p,
				   const struct family_ends *outer)
{
	struct family_ends inner = { .has_ports = false };
	struct family_rules rules;
	struct pkt quoted;
	enum reason r;

	if (pkt_is_fragment(job->p))
		return REASON_ICMP_FRAGMENT;
	if (!pkt_checksum_valid(job->p))
		return REASON_ICMP_SUM;
	if (pkt_parse_quoted(&quoted, job->p) != REASON_NONE)
		return REASON_ICMP_QUOTE;
	r = ends_of(n, job, p, &quoted, &inner);
	if (r != REASON_NONE)
		return r;
	rules = rules_of(n, job, p, outer);
	rules.room = job->room;
	before_keep_header(job);
	job->piece = job->p->version == 4 ? rules.piece : 0;
	return family_error(job->p, &quoted, outer, &inner, &rules);
}

static enum reason translate_whole(struct nat *n, struct nat_job *job, const struct nat_policy *p,
				   const struct family_ends *ends)
{
	struct family_rules rules = rules_of(n, job, p, ends);
	bool to_v6 = job->p->version == 4;
	enum reason r;

	before_keep_header(job);
	r = to_v6 ? family_to_v6(job->p, ends, &rules) : family_to_v4(job->p, ends, &rules);
	if (to_v6 && !(job->p->flags & PKT_DONT_FRAGMENT))
		job->piece = rules.piece;
	return r;
}

enum reason siit_translate(struct nat *n, struct nat_job *job, const struct nat_policy *p)
{
	struct family_ends ends = { .has_ports = false };
	enum reason r = ends_of(n, job, p, job->p, &ends);

	if (r != REASON_NONE)
		return r;
	r = is_error(job->p) ? translate_error(n, job, p, &ends) : translate_whole(n, job, p, &ends);
	if (r != REASON_NONE)
		job->kept = false;
	else
		job->redirected = job->from == SIDE_INSIDE;
	return r;
}
