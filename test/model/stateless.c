#include "stateless.h"

#include "embed.h"
#include "rules.h"

static bool is_npt(const struct nat_policy *p)
{
	return p->type == NAT_NPTV6 && ip_of_six(&p->v6.translated.address);
}

/* RFC 6296 section 3.1: of prefixes of unequal length, the longer one counts for both. */
static bool npt_has(const struct nat_policy *p, const struct ip6_prefix *prefix, ip_number a)
{
	uint8_t match = p->v6.match.len, translated = p->v6.translated.len;
	struct ip6_prefix longer = { prefix->address, match > translated ? match : translated };

	return embed_has(&longer, a);
}

/* The header that an ICMP error quotes, or NULL. */
static uint8_t *quoted_header(const struct datagram *d)
{
	size_t at = d->header + 8, len = d->version == 4 ? 20 : 40;

	if (d->kind != KIND_ERROR || at + len > d->len || d->octets[at] >> 4 != d->version)
		return NULL;
	return d->octets + at;
}

/* Somebody inside sent it, or what it quotes is for somebody inside. */
static bool is_from(const struct visit *v, const struct nat_policy *p)
{
	const struct datagram *d = v->d;
	const uint8_t *quoted = quoted_header(d);
	size_t len = address_len(d);

	if (rule_has_host(p, d->source.address))
		return true;
	return quoted && rule_has_host(p, ip_of_octets(quoted + source_at(d) + len, len));
}

/* Whether a datagram from inside is for beyond the entry's translation. */
static bool is_beyond(const struct visit *v, const struct nat_policy *p)
{
	ip_number to = v->d->destination.address, other;

	if (rule_has_host(p, to))
		return false;
	if (p->type == NAT_NAT64)
		return embed_prefix_of(p, to);
	return (v->d->version == 4 ? embed_six_of(p, to, &other) : embed_four_of(p, to, &other)) !=
	       REASON_UNTRANSLATABLE;
}

/* What changes the family wins over other entries of IPv6, but not over exemptions. */
static const struct nat_policy *entry_of_inside(const struct visit *v)
{
	const struct nat_config *c = &v->m->config;
	const struct nat_policy *first = NULL;
	bool six = v->d->version == 6;

	if (!six && rule_exempts(c, v->d, true))
		return NULL;
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];
		bool changes = p->type == NAT_SIIT || p->type == NAT_NAT64;

		if ((p->version == 6) != six || (!six && p->type == NAT_NONE) || !is_from(v, p))
			continue;
		if (!changes)
			first = first ? first : p;
		else if ((!first || (six && first->type != NAT_NONE)) && is_beyond(v, p))
			return p->type == NAT_SIIT ? p : NULL;
	}
	return first && first->type == NAT_NPTV6 ? first : NULL;
}

/* Whether its destination is an inside host's name in the other family. */
static bool leads_inside(const struct visit *v, const struct nat_policy *p)
{
	ip_number to = v->d->destination.address, other;

	if ((p->version == 6) == (v->d->version == 6))
		return false;
	return (v->d->version == 4 ? embed_six_of(p, to, &other) : embed_four_of(p, to, &other)) !=
		       REASON_UNTRANSLATABLE &&
	       rule_has_host(p, other);
}

static const struct nat_policy *entry_of_outside(const struct visit *v)
{
	const struct nat_config *c = &v->m->config;

	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (is_npt(p) && v->d->version == 6 &&
		    npt_has(p, &p->v6.translated, v->d->destination.address))
			return p;
		if (p->type == NAT_SIIT && leads_inside(v, p))
			return p;
	}
	return NULL;
}

const struct nat_policy *stateless_entry(const struct visit *v)
{
	return v->from == SIDE_INSIDE ? entry_of_inside(v) : entry_of_outside(v);
}

/* The address at a place, if it is one of this side's. */
static enum reason move(const struct visit *v, const struct nat_policy *p, uint8_t *at)
{
	bool outwards = v->from == SIDE_INSIDE;
	const struct ip6_prefix *here = outwards ? &p->v6.match : &p->v6.translated;
	ip_number a = ip_of_octets(at, 16);

	if (!embed_has(here, a))
		return REASON_NONE;
	if (!npt_has(p, here, a))
		return REASON_UNTRANSLATABLE;
	if (!embed_npt(p, outwards, a, &a))
		return REASON_NPT_WORD;
	ip_to_octets(a, at, 16);
	return REASON_NONE;
}

/* What was sent to an outside address is for the inside after all. */
static struct model_answer passed(const struct visit *v)
{
	bool back = v->from == SIDE_INSIDE &&
		    (entry_of_outside(v) ||
		     rule_is_ours(&v->m->config, v->d->destination.address));

	return conclude(back ? NAT_HAIRPIN : NAT_FORWARD, REASON_NONE);
}

/* Checksums need no other value: that is what the adjusted word is for. */
static struct model_answer pass_npt(struct visit *v, const struct nat_policy *p)
{
	struct datagram *d = v->d;
	bool outwards = v->from == SIDE_INSIDE;
	uint8_t *outer = d->octets + (outwards ? 8 : 24), *quoted = quoted_header(d);
	struct ip6 was = ip6_load(outer);
	enum reason r = is_npt(p) ? move(v, p, outer) : REASON_UNTRANSLATABLE;

	if (r == REASON_NONE && quoted)
		r = move(v, p, quoted + (outwards ? 24 : 8));
	if (r == REASON_NONE)
		return passed(v);
	ip_to_octets(ip_of_six(&was), outer, 16);
	return drop(r);
}

/* SIIT. */

/* RFC 6791: who reports an error and has no IPv4 address speaks with one that is kept for that. */
static enum reason stand_in(struct visit *v, const struct nat_policy *p, ip_number *four)
{
	const struct nat_config *c = &v->m->config;

	*four = v->choice->source.address;
	for (size_t i = 0; i < p->pool_count; i++)
		if (rule_pool(c, p->pool_first + i) == *four)
			return REASON_NONE;
	if (p->pool_count && v->choice->verdict != NAT_DROP)
		find_fault(v, "source of an error is not of the pool");
	return p->pool_count ? REASON_NONE : REASON_UNTRANSLATABLE;
}

static enum reason ends_in_four(struct visit *v, const struct nat_policy *p,
				const struct datagram *d, struct place ends[static 2])
{
	enum reason r = embed_four_of(p, d->destination.address, &ends[1].address);
	bool reports = d->kind == KIND_ERROR && !d->quoted;

	if (r != REASON_NONE)
		return r;
	r = embed_four_of(p, d->source.address, &ends[0].address);
	if (r == REASON_UNTRANSLATABLE && reports)
		return stand_in(v, p, &ends[0].address);
	return r == REASON_EMBEDDED && reports ? REASON_NONE : r;
}

/* RFC 7757 section 4.2.2: back in by hairpin, the far end is one that has no explicit mapping. */
static enum reason ends_in_six(const struct visit *v, const struct nat_policy *p,
			       const struct datagram *d, struct place ends[static 2])
{
	bool far_is_source = v->hairpinned && !d->quoted, far_is_destination = v->hairpinned && d->quoted;
	ip_number from = d->source.address, to = d->destination.address;
	enum reason r = far_is_destination ? embed_six_by_prefix(p, to, &ends[1].address)
					   : embed_six_of(p, to, &ends[1].address);

	if (r != REASON_NONE)
		return r;
	r = far_is_source ? embed_six_by_prefix(p, from, &ends[0].address)
			  : embed_six_of(p, from, &ends[0].address);
	return r == REASON_EMBEDDED && d->kind == KIND_ERROR && !d->quoted ? REASON_NONE : r;
}

static enum reason ends_of(struct visit *v, const struct nat_policy *p, const struct datagram *d,
			   struct place ends[static 2])
{
	ends[0].port = d->source.port;
	ends[1].port = d->destination.port;
	return d->version == 6 ? ends_in_four(v, p, d, ends) : ends_in_six(v, p, d, ends);
}

static enum reason carry_error(struct visit *v, const struct nat_policy *p,
			       const struct place outer[static 2], const struct terms *t)
{
	struct datagram inner;
	struct place ends[2];
	enum reason r;

	if (v->d->first_fragment || v->d->later_fragment)
		return REASON_ICMP_FRAGMENT;
	if (!datagram_icmp_right(v->d))
		return REASON_ICMP_SUM;
	if (datagram_read_quoted(&inner, v->d) != REASON_NONE)
		return REASON_ICMP_QUOTE;
	r = ends_of(v, p, &inner, ends);
	if (r == REASON_NONE && inner.kind == KIND_ERROR)
		r = REASON_ICMP_QUOTE;
	if (r == REASON_NONE)
		r = translate_error_fault(v->d, &inner, p);
	if (r == REASON_NONE)
		translate_error(v->d, outer, ends, t);
	return r;
}

static enum reason carry_whole(struct visit *v, const struct nat_policy *p,
			       const struct place ends[static 2], const struct terms *t)
{
	enum reason r = translate_fault(v->d, p);

	if (r == REASON_NONE)
		translate(v->d, ends[0], ends[1], t);
	return r;
}

static struct model_answer pass_siit(struct visit *v, const struct nat_policy *p)
{
	struct terms t = { p, v->m->config.mtu, p->version == 6 ? SIDE_OUTSIDE : SIDE_INSIDE,
			   v->choice->ident };
	bool names = v->d->version == 6 && !v->d->fragment;
	struct model_answer answer;
	struct place ends[2];
	enum reason r = ends_of(v, p, v->d, ends);

	if (r == REASON_NONE)
		r = v->d->kind == KIND_ERROR ? carry_error(v, p, ends, &t)
					     : carry_whole(v, p, ends, &t);
	if (r != REASON_NONE)
		return drop(r);
	if (names && !v->d->dont_fragment)
		visit_check_ident(v);
	answer = passed(v);
	answer.redirected = v->from == SIDE_INSIDE;
	answer.piece = translate_piece(v->d, &t);
	return answer;
}

struct model_answer stateless_pass(struct visit *v, const struct nat_policy *p)
{
	if (v->known_only)
		return conclude(NAT_FORWARD, REASON_NONE);
	return p->type == NAT_SIIT ? pass_siit(v, p) : pass_npt(v, p);
}
