#include "visit.h"

#include "choice.h"
#include "rules.h"

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

/* RFC 7857 section 10. */
static void rename_datagram(struct visit *v)
{
	struct datagram *d = v->d;

	if (v->from != SIDE_INSIDE || !v->m->config.unique_idents ||
	    (d->dont_fragment && !d->first_fragment && !d->later_fragment))
		return;
	find_fault(v, choice_ident_fault(v->m, d, v->choice->ident, v->segments));
	datagram_write_ident(d, v->choice->ident);
}

struct model_answer visit_pass(struct visit *v, struct model_session *s)
{
	struct place near = v->from == SIDE_INSIDE ? s->outside : s->inside;
	struct place far = s->remote[side_other(v->from)];
	struct model_answer answer = conclude(way_on(v, s), REASON_NONE);

	if (s->protocol == PROTO_ICMP)
		far.port = near.port;
	if (v->from == SIDE_INSIDE)
		datagram_write(v->d, near, far);
	else
		datagram_write(v->d, far, near);
	rename_datagram(v);
	s->packets[v->from]++;
	s->octets[v->from] += v->d->len;
	answer.session = s->id;
	answer.redirected = is_redirected(v, s);
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

static bool is_basic(const struct nat_config *c, uint32_t local, enum nat_side seen)
{
	const struct nat_policy *p = rule_policy(c, local);
	uint32_t inside;

	return seen == SIDE_INSIDE ? p && p->type == NAT_ONE_TO_ONE
				   : rule_basic_inwards(c, local, &inside) != NULL;
}

/* The ends that a session would have as seen from a side, false if none. A quoted datagram was sent
 * towards the side that it comes from. */
static bool ends_of(const struct nat_config *c, const struct datagram *d, enum nat_side seen,
		    struct place *local, struct place *remote)
{
	bool outwards = (seen == SIDE_INSIDE) != d->quoted;

	*local = outwards ? d->source : d->destination;
	*remote = outwards ? d->destination : d->source;
	if (d->protocol == PROTO_ICMP)
		remote->port = 0;
	if (d->kind == KIND_REQUEST || d->kind == KIND_REPLY)
		return d->kind == (outwards ? KIND_REQUEST : KIND_REPLY) ||
		       (d->quoted ? has_basic(c) : is_basic(c, local->address, seen));
	return d->kind == KIND_PORTS;
}

/* Without a session it passes as it is: policy none, or not for the NAT to judge. */
static bool is_exempt(const struct visit *v)
{
	return v->known_only || rule_exempts(&v->m->config, v->d, v->from == SIDE_INSIDE);
}

static struct model_answer without_ends(const struct visit *v)
{
	if (v->d->first_fragment || v->d->later_fragment)
		return drop(REASON_FRAGMENT);
	if (v->from == SIDE_OUTSIDE)
		return conclude(NAT_UNMATCHED, REASON_NO_MAPPING);
	return drop(v->d->protocol == PROTO_ICMP ? REASON_NOT_A_QUERY : REASON_NO_TRANSPORT);
}

static struct model_answer without_session(struct visit *v, bool has_ends, struct place remote)
{
	const struct nat_policy *policy = rule_policy(&v->m->config, v->d->source.address);
	bool from_inside = v->from == SIDE_INSIDE;

	if (is_exempt(v))
		return conclude(NAT_FORWARD, REASON_NONE);
	if (from_inside && !policy)
		return drop(REASON_NO_POLICY);
	if (!has_ends)
		return without_ends(v);
	if (!from_inside)
		return visit_open_inwards(v, remote);
	/* RFC 4787 section 6: nothing is translated on the way out. */
	if (policy->hairpin == NAT_HAIRPIN_INTERNAL && rule_is_ours(&v->m->config, remote.address))
		return conclude(NAT_HAIRPIN, REASON_NONE);
	if (v->d->kind == KIND_REPLY)
		return drop(REASON_NOT_A_QUERY);
	return visit_open_outwards(v, policy, remote);
}

static struct model_answer query_or_ports(struct visit *v)
{
	struct model_session *s = NULL;
	struct place local, remote;
	bool has_ends = ends_of(&v->m->config, v->d, v->from, &local, &remote) &&
			!v->d->first_fragment;

	if (has_ends)
		s = session_with(v->m, v->from, v->d->protocol, local, remote);
	return s ? go_on(v, s) : without_session(v, has_ends, remote);
}

/* Errors. */

/* RFC 5508 REQ-4, REQ-5: the quoted datagram becomes what its sender has sent, the error's own
 * address on our end becomes the sender's, and the remote host's what the other side knows. */
static struct model_answer pass_error(struct visit *v, const struct model_session *s,
				      struct datagram *inner)
{
	struct datagram *d = v->d;
	bool inwards = v->from == SIDE_OUTSIDE;
	struct place near = inwards ? s->inside : s->outside;
	struct place far = s->remote[side_other(v->from)];
	uint32_t theirs = inwards ? d->source.address : d->destination.address;
	bool of_remote = theirs == s->remote[v->from].address;
	struct model_answer answer = conclude(way_on(v, s), REASON_NONE);

	answer.redirected = of_remote && is_redirected(v, s);
	if (of_remote)
		theirs = far.address;
	if (s->protocol == PROTO_ICMP)
		far.port = near.port;
	if (inwards) {
		datagram_write(inner, near, far);
		datagram_write_error(d, theirs, near.address);
	} else {
		datagram_write(inner, far, near);
		datagram_write_error(d, near.address, theirs);
	}
	rename_datagram(v);
	return answer;
}

/* What went untranslated outwards, anybody may report; inwards, only whom it was for, as nobody else
 * inside is known outside. */
static bool error_is_exempt(const struct visit *v, const struct datagram *inner)
{
	bool outwards = v->from == SIDE_OUTSIDE;

	return is_exempt(v) ||
	       ((outwards || inner->destination.address == v->d->source.address) &&
		rule_exempts(&v->m->config, inner, outwards));
}

/* What is wrong with an error about a session. */
static enum reason error_fault(const struct visit *v, const struct model_session *s,
			       const struct datagram *inner)
{
	const struct nat_policy *p = rule_policy(&v->m->config, s->inside.address);

	if (p && p->drop_icmp_errors)
		return REASON_ICMP_ERRORS_OFF;
	if (s->protocol == PROTO_TCP &&
	    !tcp_may_quote(&s->tcp, side_other(v->from), inner->tcp.seq))
		return REASON_TCP_WINDOW;
	if (v->d->mtu >= 0 && v->d->mtu < 68)
		return REASON_ICMP_MTU;
	if (v->from == SIDE_INSIDE && (v->d->route_option || inner->route_option))
		return REASON_SOURCE_ROUTE;
	return REASON_NONE;
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

	if (!datagram_icmp_right(v->d))
		return v->known_only ? without : drop(REASON_ICMP_SUM);
	if (datagram_read_quoted(&inner, v->d) != REASON_NONE ||
	    !ends_of(&v->m->config, &inner, v->from, &local, &remote) ||
	    inner.source.address != v->d->destination.address)
		return v->known_only ? without : drop(REASON_ICMP_QUOTE);
	s = session_with(v->m, v->from, inner.protocol, local, remote);
	if (!s)
		return error_is_exempt(v, &inner) ? without : drop(REASON_ICMP_NO_SESSION);
	r = error_fault(v, s, &inner);
	return r == REASON_NONE ? pass_error(v, s, &inner) : drop(r);
}

struct model_answer model_process(struct model *m, const struct model_arrival *a,
				  struct datagram *d, const struct model_choice *choice)
{
	struct visit v = { m, a->now, a->from, a->known_only, a->hairpinned,
			   a->segments, d, choice, NULL };
	struct model_answer answer = d->kind != KIND_ERROR || d->first_fragment
					     ? query_or_ports(&v) : error(&v);

	answer.fault = v.fault;
	return answer;
}

int model_owner(const struct nat_config *c, const struct datagram *d, enum nat_side from)
{
	struct datagram inner;
	struct place local, remote;

	if (d->first_fragment || d->later_fragment)
		return -1;
	if (d->kind == KIND_ERROR && datagram_read_quoted(&inner, d) != REASON_NONE)
		return -1;
	if (d->kind == KIND_ERROR)
		d = &inner;
	return ends_of(c, d, from, &local, &remote) ? rule_owner(c, d->protocol, local, from) : -1;
}
