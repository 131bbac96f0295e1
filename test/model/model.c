#include "visit.h"

#include "choice.h"
#include "embed.h"
#include "rules.h"
#include "stateless.h"

enum { MTU_LEAST_FOUR = 68, MTU_LEAST_SIX = 1280 };

/* Towards an address of ours from inside: back in by the other end. */
static enum nat_verdict way_on(const struct visit *v, const struct model_session *s)
{
	return v->from == SIDE_INSIDE && s->hairpin ? NAT_HAIRPIN : NAT_FORWARD;
}

static bool is_redirected(const struct visit *v, const struct model_session *s)
{
	return v->from == SIDE_INSIDE &&
	       s->remote[SIDE_INSIDE].address != s->remote[SIDE_OUTSIDE].address;
}

void visit_check_ident(struct visit *v)
{
	find_fault(v, choice_ident_fault(v->m, v->d, v->choice->ident, v->segments));
}

/* RFC 7857 section 10. */
static void rename_datagram(struct visit *v)
{
	struct datagram *d = v->d;

	if (v->from != SIDE_INSIDE || d->version == 6 || !v->m->config.unique_idents ||
	    (d->dont_fragment && !d->first_fragment && !d->later_fragment))
		return;
	visit_check_ident(v);
	datagram_write_ident(d, v->choice->ident);
}

struct terms visit_terms(const struct visit *v, const struct model_session *s)
{
	const struct nat_config *c = &v->m->config;

	return (struct terms){ rule_policy(c, s->inside.address, s->outside.address), c->mtu,
			       SIDE_OUTSIDE, v->choice->ident };
}

static bool is_of_both(const struct model_session *s)
{
	return ip_is_six(s->inside.address) != ip_is_six(s->outside.address);
}

static uint16_t piece_of(const struct visit *v, const struct model_session *s)
{
	struct terms t = visit_terms(v, s);

	return is_of_both(s) ? translate_piece(v->d, &t) : 0;
}

static void write_ends(struct visit *v, const struct model_session *s, struct place source,
		       struct place destination)
{
	struct terms t = visit_terms(v, s);
	bool names = v->d->version == 6 && !v->d->fragment;

	if (!is_of_both(s)) {
		datagram_write(v->d, source, destination);
		rename_datagram(v);
		return;
	}
	translate(v->d, source, destination, &t);
	if (names && !v->d->dont_fragment)
		visit_check_ident(v);
}

struct model_answer visit_pass(struct visit *v, struct model_session *s)
{
	struct place near = v->from == SIDE_INSIDE ? s->outside : s->inside;
	struct place far = s->remote[side_other(v->from)];
	struct model_answer answer = conclude(way_on(v, s), REASON_NONE);

	s->packets[v->from]++;
	s->octets[v->from] += v->d->len;
	if (s->protocol == PROTO_ICMP)
		far.port = near.port;
	write_ends(v, s, v->from == SIDE_INSIDE ? near : far, v->from == SIDE_INSIDE ? far : near);
	answer.session = s->id;
	answer.redirected = is_redirected(v, s);
	answer.piece = piece_of(v, s);
	return answer;
}

/* RFC 4787 REQ-6: who keeps a session alive is the policy's choice. */
static bool refreshes(const struct visit *v, const struct model_session *s)
{
	enum nat_refresh refresh = v->m->mappings[s->mapping].refresh;

	return refresh == NAT_REFRESH_BOTH ||
	       refresh == (v->from == SIDE_INSIDE ? NAT_REFRESH_OUTBOUND : NAT_REFRESH_INBOUND);
}

static struct model_answer go_on(struct visit *v, struct model_session *s)
{
	bool refresh = false, was_half_open = is_half_open(s);
	enum reason r = REASON_NONE;

	if (s->protocol == PROTO_TCP)
		r = tcp_take(&s->tcp, v->from, &v->d->tcp, &refresh);
	else
		refresh = refreshes(v, s);
	if (r != REASON_NONE)
		return drop(r);
	if (refresh)
		s->seen_ms = v->now;
	if (is_half_open(s) && !was_half_open)
		s->half_open_since = ++v->m->begun;
	return visit_pass(v, s);
}

/* Hosts that have an address of their own outside are asked from there, too (RFC 5508 REQ-7b). */
static bool has_basic(const struct nat_config *c)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].type == NAT_ONE_TO_ONE)
			return true;
	return false;
}

static bool is_basic(const struct nat_config *c, ip_number local, ip_number remote,
		     enum nat_side seen)
{
	const struct nat_policy *p = seen == SIDE_OUTSIDE ? NULL
			: rule_policy(c, local, rule_across(c, local, remote));
	const struct nat_policy *other;
	ip_number inside;

	other = seen == SIDE_OUTSIDE || ip_is_six(local) ? rule_basic_inwards(c, local, &inside)
							 : NULL;
	if (ip_is_six(local) && seen == SIDE_OUTSIDE)
		p = rule_policy(c, local, local);
	return (p && p->type == NAT_ONE_TO_ONE) || (other && other->type == NAT_ONE_TO_ONE);
}

/* RFC 1112 section 4: addresses that are nobody's. */
static bool is_reserved(const struct datagram *d)
{
	return d->source.address >> 28 == 15 || d->destination.address >> 28 == 15;
}

/* The ends that a session would have as seen from a side, false if none. A quoted datagram was sent
 * towards the side that it comes from. */
static bool ends_of(const struct nat_config *c, const struct datagram *d, enum nat_side seen,
		    struct place *local, struct place *remote)
{
	bool outwards = (seen == SIDE_INSIDE) != d->quoted;

	*local = outwards ? d->source : d->destination;
	*remote = outwards ? d->destination : d->source;
	if (is_reserved(d))
		return false;
	if (d->protocol == PROTO_ICMP)
		remote->port = 0;
	if (seen == SIDE_INSIDE)
		remote->address = rule_plain(c, local->address, remote->address);
	if (d->kind == KIND_REQUEST || d->kind == KIND_REPLY)
		return d->kind == (outwards ? KIND_REQUEST : KIND_REPLY) ||
		       (d->quoted && d->version == 4
				? has_basic(c)
				: is_basic(c, local->address, remote->address, seen));
	return d->kind == KIND_PORTS;
}

/* Whether an entry with sessions speaks of the inside end of an IPv6 datagram; what none speaks of is
 * for routes to judge. */
static bool is_covered(const struct visit *v)
{
	const struct nat_config *c = &v->m->config;
	ip_number inside = v->d->source.address, across = v->d->destination.address;
	const struct nat_policy *p;

	if (v->from == SIDE_INSIDE)
		across = rule_across(c, inside, across);
	else
		inside = across;
	p = rule_policy(c, inside, across);
	return (p && p->type != NAT_NONE) ||
	       (v->from == SIDE_OUTSIDE && (rule_is_ours(c, inside) || rule_is_forwarded(c, inside)));
}

static bool is_routed(const struct visit *v)
{
	return v->d->version == 6 && !is_covered(v);
}

/* Without a session it passes as it is: policy none, or not for the NAT to judge. */
static bool is_exempt(const struct visit *v)
{
	return v->known_only || rule_exempts(&v->m->config, v->d, v->from == SIDE_INSIDE);
}

/* RFC 6146 section 3.5, RFC 6052 section 3.1. */
static bool embeds_wrongly(const struct visit *v)
{
	const struct datagram *d = v->d;
	const struct nat_policy *p;
	const struct ip6_prefix *prefix = d->version == 6 && v->from == SIDE_INSIDE
		? rule_prefix(&v->m->config, d->source.address, d->destination.address, &p) : NULL;

	return prefix && embed_is_wrong(prefix, embed_taken_out(prefix, d->destination.address));
}

static struct model_answer without_ends(const struct visit *v)
{
	if (v->d->first_fragment || v->d->later_fragment)
		return drop(REASON_FRAGMENT);
	if (v->from == SIDE_OUTSIDE)
		return conclude(NAT_UNMATCHED, REASON_NO_MAPPING);
	if (is_reserved(v->d))
		return drop(REASON_MARTIAN_SOURCE);
	if (v->d->version == 6 && rule_across(&v->m->config, v->d->source.address,
					      v->d->destination.address) >> 28 == 15)
		return drop(REASON_EMBEDDED);
	return drop(v->d->protocol == PROTO_ICMP ? REASON_NOT_A_QUERY : REASON_NO_TRANSPORT);
}

static bool passes_firewall(const struct visit *v)
{
	const struct nat_config *c = &v->m->config;
	ip_number from = v->d->source.address, to = v->d->destination.address;

	return v->from == SIDE_OUTSIDE
		       ? rule_passes_firewall(c, to, to, v->d, v->from)
		       : rule_passes_firewall(c, from, rule_across(c, from, to), v->d, v->from);
}

/* What passed anyway has no session. */
static bool is_about_passed(const struct visit *v, const struct datagram *inner)
{
	bool inwards = v->from == SIDE_OUTSIDE;
	ip_number inside = inwards ? inner->source.address : inner->destination.address;

	return inner->version == 6 && rule_passes_firewall(&v->m->config, inside, inside, inner,
							   side_other(v->from));
}

static struct model_answer refuse_protocol(void)
{
	struct model_answer answer = drop(REASON_NO_TRANSPORT);

	answer.answer = NAT_ANSWER_PROTOCOL;
	return answer;
}

static struct model_answer open_outwards(struct visit *v, const struct nat_policy *policy,
					 struct place remote)
{
	if (embeds_wrongly(v))
		return drop(REASON_EMBEDDED);
	if (v->d->kind == KIND_REPLY && v->d->version == 6)
		return drop(REASON_NOT_A_QUERY);
	/* RFC 4787 section 6: nothing is translated on the way out, if it need not be. */
	if (policy->hairpin == NAT_HAIRPIN_INTERNAL && policy->type != NAT_NAT64 &&
	    rule_is_ours(&v->m->config, remote.address))
		return conclude(NAT_HAIRPIN, REASON_NONE);
	if (v->d->kind == KIND_REPLY)
		return drop(REASON_NOT_A_QUERY);
	return visit_open_outwards(v, policy, remote);
}

static struct model_answer without_session(struct visit *v, bool has_ends, struct place remote)
{
	const struct nat_config *c = &v->m->config;
	ip_number source = v->d->source.address;
	bool from_inside = v->from == SIDE_INSIDE;
	const struct nat_policy *policy =
		rule_policy(c, source, rule_across(c, source, v->d->destination.address));

	if (!v->known_only && v->d->version == 6 && rule_is_embedded(c, source))
		return drop(REASON_PREFIX_SOURCE);
	if (is_exempt(v) || is_routed(v) || passes_firewall(v))
		return conclude(NAT_FORWARD, REASON_NONE);
	if (rule_refuses(c, v->d, v->from))
		return refuse_protocol();
	if (from_inside && !policy)
		return drop(REASON_NO_POLICY);
	if (!has_ends)
		return without_ends(v);
	return from_inside ? open_outwards(v, policy, remote) : visit_open_inwards(v, remote);
}

/* What NAT64 cannot carry leaves sessions alone. */
static enum reason carrying_fault(const struct visit *v, const struct model_session *s)
{
	const struct nat_policy *p;

	if (v->from == SIDE_OUTSIDE)
		return s && is_of_both(s) ? translate_fault(v->d, visit_terms(v, s).policy)
					  : REASON_NONE;
	if (v->d->version == 4 || (v->known_only && !s) || rule_is_embedded(&v->m->config, v->d->source.address) || embeds_wrongly(v) ||
	    !rule_prefix(&v->m->config, v->d->source.address, v->d->destination.address, &p))
		return REASON_NONE;
	return translate_fault(v->d, p);
}

/* What an inside host is exempt from by now is nothing of a session's, whatever it was. */
static struct model_session *session_of(const struct visit *v, uint8_t protocol,
					struct place local, struct place remote)
{
	struct model_session *s = session_with(v->m, v->from, protocol, local, remote);
	const struct nat_policy *p;
	bool leads = !s || v->from == SIDE_OUTSIDE || !is_of_both(s) ||
		     rule_prefix(&v->m->config, local.address, remote.address, &p);

	return leads ? s : NULL;
}

static struct model_answer query_or_ports(struct visit *v)
{
	struct model_session *s = NULL;
	struct place local, remote;
	bool has_ends = ends_of(&v->m->config, v->d, v->from, &local, &remote) &&
			!v->d->first_fragment;
	enum reason r = REASON_NONE;

	if (has_ends)
		s = session_of(v, v->d->protocol, local, remote);
	if (has_ends)
		r = carrying_fault(v, s);
	if (r != REASON_NONE)
		return drop(r);
	return s ? go_on(v, s) : without_session(v, has_ends, remote);
}

/* Errors. */

/* The address of who sent or gets an error, as the other side knows it. */
static ip_number theirs_beyond(const struct visit *v, const struct model_session *s,
			       ip_number theirs)
{
	if (is_of_both(s) && v->from == SIDE_INSIDE)
		return s->remote[SIDE_OUTSIDE].address;
	if (theirs == s->remote[v->from].address)
		return s->remote[side_other(v->from)].address;
	return is_of_both(s) ? embed_put_in(rule_prefix_with(&v->m->config, s->inside.address,
							     s->remote[SIDE_INSIDE].address), theirs)
			     : theirs;
}

/* RFC 5508 REQ-4, REQ-5: the quoted datagram becomes what its sender has sent, the error's own
 * address on our end becomes the sender's, and the remote host's what the other side knows. */
static struct model_answer pass_error(struct visit *v, const struct model_session *s,
				      struct datagram *inner)
{
	struct datagram *d = v->d;
	bool inwards = v->from == SIDE_OUTSIDE, names = d->version == 6 && !d->fragment;
	struct place near = inwards ? s->inside : s->outside;
	struct place far = s->remote[side_other(v->from)];
	ip_number theirs = inwards ? d->source.address : d->destination.address;
	ip_number beyond = theirs_beyond(v, s, theirs);
	struct place ends[] = { inwards ? near : far, inwards ? far : near };
	struct place outer[] = { { inwards ? beyond : near.address, 0 },
				 { inwards ? near.address : beyond, 0 } };
	struct model_answer answer = conclude(way_on(v, s), REASON_NONE);
	struct terms t = visit_terms(v, s);

	if (place_equal(s->inside, s->outside))
		outer[0].address = d->source.address;
	answer.redirected = (is_of_both(s) || theirs == s->remote[v->from].address) &&
			    is_redirected(v, s);
	if (s->protocol == PROTO_ICMP)
		ends[0].port = ends[1].port = near.port;
	if (is_of_both(s)) {
		translate_error(d, outer, ends, &t);
		if (names && !d->dont_fragment)
			visit_check_ident(v);
		answer.piece = piece_of(v, s);
		return answer;
	}
	datagram_write(inner, ends[0], ends[1]);
	datagram_write_error(d, outer[0].address, outer[1].address);
	rename_datagram(v);
	return answer;
}

/* What went untranslated outwards, anybody may report; inwards, only whom it was for, as nobody else
 * inside is known outside. */
static bool error_is_exempt(const struct visit *v, const struct datagram *inner)
{
	bool outwards = v->from == SIDE_OUTSIDE;
	bool tells = !outwards && rule_reveals(&v->m->config, v->d, inner);

	return v->known_only || (is_exempt(v) && !tells) ||
	       ((outwards || inner->destination.address == v->d->source.address) &&
		rule_exempts(&v->m->config, inner, outwards));
}

/* RFC 791 and RFC 8200: no link demands that; but NAT64 guesses what is not said. */
static bool mtu_is_absurd(const struct datagram *d, const struct model_session *s)
{
	if (d->mtu < 0 || (d->mtu == 0 && d->version == 4 && is_of_both(s)))
		return false;
	return d->mtu < (d->version == 4 ? MTU_LEAST_FOUR : MTU_LEAST_SIX);
}

/* What is wrong with an error about a session. */
static enum reason error_fault(const struct visit *v, const struct model_session *s,
			       const struct datagram *inner)
{
	const struct nat_policy *p = rule_policy(&v->m->config, s->inside.address,
						 s->outside.address);

	if (p && p->drop_icmp_errors)
		return REASON_ICMP_ERRORS_OFF;
	if (s->protocol == PROTO_TCP &&
	    !tcp_may_quote(&s->tcp, side_other(v->from), inner->tcp.seq))
		return REASON_TCP_WINDOW;
	if (mtu_is_absurd(v->d, s))
		return REASON_ICMP_MTU;
	if (v->from == SIDE_INSIDE && v->d->version == 4 &&
	    (v->d->route_option || inner->route_option))
		return REASON_SOURCE_ROUTE;
	return is_of_both(s) ? translate_error_fault(v->d, inner, p) : REASON_NONE;
}

/* For whom the quote, whoever made it up, says that it was. */
static bool quotes_hidden(const struct visit *v)
{
	const uint8_t *quote = v->d->octets + v->d->header + 8;

	return v->d->version == 6 && v->d->header + 8 + 40 <= v->d->len && quote[0] >> 4 == 6 &&
	       rule_hides(&v->m->config, ip_of_octets(quote + 24, 16));
}

/* What belongs to no session is not for the NAT to judge if it must not be translated; what is wrong
 * though it does, is. */
static struct model_answer error(struct visit *v)
{
	struct model_answer without = conclude(NAT_FORWARD, REASON_NONE);
	struct datagram inner;
	struct place local, remote;
	struct model_session *s;
	enum reason r;
	bool outwards = v->from == SIDE_INSIDE && !v->known_only;
	bool hidden = outwards && rule_hides(&v->m->config, v->d->source.address);
	bool tells = hidden || (outwards && quotes_hidden(v));
	bool not_ours = v->known_only || (is_routed(v) && !tells);

	if (!datagram_icmp_right(v->d))
		return not_ours ? without : drop(REASON_ICMP_SUM);
	if (datagram_read_quoted(&inner, v->d) != REASON_NONE ||
	    !ends_of(&v->m->config, &inner, v->from, &local, &remote) ||
	    inner.source.address != v->d->destination.address)
		return not_ours ? without : drop(REASON_ICMP_QUOTE);
	s = session_of(v, inner.protocol, local, remote);
	if (!s)
		return !tells && (not_ours || error_is_exempt(v, &inner) || is_about_passed(v, &inner))
			       ? without : drop(REASON_ICMP_NO_SESSION);
	r = error_fault(v, s, &inner);
	/* A firewall speaks for nobody. */
	if (r == REASON_NONE && hidden && place_equal(s->inside, s->outside))
		r = REASON_ICMP_NO_SESSION;
	return r == REASON_NONE ? pass_error(v, s, &inner) : drop(r);
}

struct model_answer model_process(struct model *m, const struct model_arrival *a,
				  struct datagram *d, const struct model_choice *choice)
{
	struct visit v = { m, a->now, a->from, a->known_only, a->hairpinned,
			   a->segments, d, choice, NULL };
	const struct nat_policy *stateless = stateless_entry(&v);
	struct model_answer answer;

	if (stateless)
		answer = stateless_pass(&v, stateless);
	else if (d->kind == KIND_ERROR && !d->first_fragment)
		answer = error(&v);
	else
		answer = query_or_ports(&v);
	answer.fault = v.fault;
	return answer;
}

int model_owner(const struct nat_config *c, struct datagram *d, enum nat_side from)
{
	struct datagram inner;
	struct place local, remote;
	struct model m = { .config = *c };
	struct visit v = { .m = &m, .from = from, .d = d };

	if (d->first_fragment || d->later_fragment || stateless_entry(&v) || embeds_wrongly(&v))
		return -1;
	if (d->kind == KIND_ERROR && datagram_read_quoted(&inner, d) != REASON_NONE)
		return -1;
	if (d->kind == KIND_ERROR)
		d = &inner;
	if (!ends_of(c, d, from, &local, &remote) ||
	    rule_across(c, local.address, remote.address) >> 28 == 15)
		return -1;
	return rule_owner(c, d->protocol, local, from == SIDE_OUTSIDE ? local.address
				: rule_across(c, local.address, remote.address), from);
}
