#include "model.h"

#include "choice.h"
#include "rules.h"

/* One datagram's visit. */
struct visit {
	struct model *m;
	uint64_t now;
	enum nat_side from;
	bool known_only, hairpinned;
	struct datagram *d;
	const struct model_choice *choice;
};

static struct model_answer conclude(enum nat_verdict verdict, enum reason r)
{
	return (struct model_answer){ .verdict = verdict, .reason = r, .session = NAT_NO_SESSION };
}

static struct model_answer drop(enum reason r)
{
	return conclude(NAT_DROP, r);
}

/* Towards a pool address from inside: back in by the other end. */
static enum nat_verdict way_on(const struct visit *v, struct place remote)
{
	return v->from == SIDE_INSIDE && rule_in_pool(&v->m->config, remote.address) ? NAT_HAIRPIN
										     : NAT_FORWARD;
}

/* A datagram of session s, rewritten. */
static struct model_answer pass(struct visit *v, struct model_session *s)
{
	struct place near = v->from == SIDE_INSIDE ? s->outside : s->inside, far = s->remote;
	struct model_answer answer = conclude(way_on(v, s->remote), REASON_NONE);

	if (s->protocol == PROTO_ICMP)
		far.port = near.port;
	if (v->from == SIDE_INSIDE)
		datagram_write(v->d, near, far);
	else
		datagram_write(v->d, far, near);
	s->packets[v->from]++;
	s->octets[v->from] += v->d->len;
	answer.session = s->id;
	return answer;
}

/* RFC 4787 REQ-6: who keeps a session alive is the policy's choice. */
static bool policy_refreshes(const struct visit *v, const struct model_session *s)
{
	const struct nat_policy *p = rule_policy(&v->m->config, s->inside.address);
	enum nat_refresh refresh = p && p->type == NAT_NAPT44 ? p->refresh : NAT_REFRESH_OUTBOUND;

	return refresh == NAT_REFRESH_BOTH ||
	       refresh == (v->from == SIDE_INSIDE ? NAT_REFRESH_OUTBOUND : NAT_REFRESH_INBOUND);
}

static struct model_answer go_on(struct visit *v, struct model_session *s)
{
	bool refresh = false;
	enum reason r = REASON_NONE;

	if (s->protocol == PROTO_TCP)
		r = tcp_take(&s->tcp, v->from, &v->d->tcp, &refresh);
	else
		refresh = policy_refreshes(v, s);
	if (r != REASON_NONE)
		return drop(r);
	if (refresh)
		s->seen_ms = v->now;
	return pass(v, s);
}

static enum reason tcp_may_open(const struct datagram *d)
{
	if (d->protocol != PROTO_TCP || tcp_class(d->tcp.flags) == CLASS_SYN)
		return REASON_NONE;
	return tcp_class(d->tcp.flags) == CLASS_BAD ? REASON_TCP_FLAGS : REASON_TCP_NO_SESSION;
}

/* The first datagram of a session of mapping p, which may be a new one. */
static struct model_answer begin(struct visit *v, const struct model_mapping *p,
				 struct place remote)
{
	struct model *m = v->m;
	bool used = session_numbered(m, v->choice->session);
	struct model_session *s;
	struct model_answer answer;

	if (session_with(m, SIDE_INSIDE, p->protocol, p->inside, remote) ||
	    session_with(m, SIDE_OUTSIDE, p->protocol, p->outside, remote))
		return drop(REASON_SESSION_CONFLICT);
	s = session_add(m, p, remote);
	s->id = v->choice->session;
	s->seen_ms = v->now;
	if (p->protocol == PROTO_TCP)
		tcp_open(&s->tcp, v->from, &v->d->tcp);
	answer = pass(v, s);
	answer.fault = used ? "the number of the session is another's" : NULL;
	return answer;
}

static struct model_answer begin_chosen(struct visit *v, const struct nat_policy *policy,
					struct model_mapping *new)
{
	struct model_answer answer;
	const char *fault;

	if (v->choice->verdict == NAT_DROP && choice_is_empty(v->m, policy, new))
		return drop(REASON_OUT_OF_PORTS);
	new->outside = v->choice->source;
	fault = choice_fault(v->m, policy, new);
	answer = begin(v, new, new->remote);
	if (fault)
		answer.fault = fault;
	return answer;
}

static struct model_answer begin_outwards(struct visit *v, const struct nat_policy *policy,
					  struct place remote)
{
	struct model *m = v->m;
	struct model_mapping new = { .protocol = v->d->protocol, .inside = v->d->source,
				     .remote = remote };
	const struct model_mapping *known;
	enum reason r = tcp_may_open(v->d);

	if (r == REASON_NONE && policy->hairpin == NAT_HAIRPIN_OFF &&
	    rule_in_pool(&m->config, remote.address))
		r = REASON_HAIRPIN_OFF;
	if (r == REASON_NONE)
		r = model_limit(m, new.inside.address);
	if (r != REASON_NONE)
		return drop(r);
	new.from_forward = rule_forward_outwards(&m->config, new.protocol, new.inside,
						 &new.outside);
	if (new.from_forward)
		return begin(v, &new, remote);
	new.filtering = policy->behaviour[nat_class_of(new.protocol)].filtering;
	known = mapping_inside(m, policy->behaviour[nat_class_of(new.protocol)].mapping, &new);
	return known ? begin(v, known, remote) : begin_chosen(v, policy, &new);
}

/* RFC 4787 REQ-8; REQ-9: what may be reached by hairpin is not for the filter to say. */
static bool filter_passes(const struct visit *v, const struct model_mapping *p, struct place remote)
{
	const struct model *m = v->m;

	if (p->from_forward || p->filtering == NAT_ENDPOINT_INDEPENDENT || v->hairpinned)
		return true;
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &m->sessions[i];

		if (s->alive && &m->mappings[s->mapping] == p &&
		    s->remote.address == remote.address)
			return p->filtering == NAT_ADDRESS_DEPENDENT;
	}
	return false;
}

static struct model_answer begin_inwards(struct visit *v, struct place remote)
{
	struct model *m = v->m;
	struct model_mapping new = { .protocol = v->d->protocol, .outside = v->d->destination,
				     .from_forward = true };
	const struct model_mapping *p = mapping_outside(m, new.protocol, new.outside);
	enum reason r;

	if (!p && !rule_forward_inwards(&m->config, new.protocol, new.outside, &new.inside))
		return conclude(NAT_UNMATCHED, REASON_NO_MAPPING);
	if (p && !filter_passes(v, p, remote))
		return drop(REASON_FILTERED);
	if (!p)
		p = &new;
	r = tcp_may_open(v->d);
	if (r == REASON_NONE)
		r = model_limit(m, p->inside.address);
	return r == REASON_NONE ? begin(v, p, remote) : drop(r);
}

/* The ends that a session would have; outwards: d was sent from inside to outside. False if it has
 * none. */
static bool ends_of(const struct datagram *d, bool outwards, struct place *local,
		    struct place *remote)
{
	*local = outwards ? d->source : d->destination;
	*remote = outwards ? d->destination : d->source;
	if (d->protocol == PROTO_ICMP)
		remote->port = 0;
	return d->kind == KIND_PORTS || d->kind == (outwards ? KIND_REQUEST : KIND_REPLY);
}

/* Without a session it passes as it is: policy none, or not for the NAT to judge. */
static bool is_exempt(const struct visit *v)
{
	struct place inside = v->from == SIDE_INSIDE ? v->d->source : v->d->destination;
	const struct nat_policy *p = rule_policy(&v->m->config, inside.address);

	return v->known_only || (p && p->type == NAT_NONE);
}

static struct model_answer without_ends(const struct visit *v)
{
	if (v->d->first_fragment || v->d->later_fragment)
		return drop(REASON_FRAGMENT);
	if (v->from == SIDE_OUTSIDE)
		return conclude(NAT_UNMATCHED, REASON_NO_MAPPING);
	return drop(v->d->protocol == PROTO_ICMP ? REASON_NOT_A_QUERY : REASON_NO_TRANSPORT);
}

static struct model_answer query_or_ports(struct visit *v)
{
	const struct nat_policy *policy = rule_policy(&v->m->config, v->d->source.address);
	bool from_inside = v->from == SIDE_INSIDE;
	struct model_session *s = NULL;
	struct place local, remote;
	bool has_ends = ends_of(v->d, from_inside, &local, &remote) && !v->d->first_fragment;

	if (has_ends)
		s = session_with(v->m, v->from, v->d->protocol, local, remote);
	if (s)
		return go_on(v, s);
	if (is_exempt(v))
		return conclude(NAT_FORWARD, REASON_NONE);
	if (from_inside && !policy)
		return drop(REASON_NO_POLICY);
	if (!has_ends)
		return without_ends(v);
	return from_inside ? begin_outwards(v, policy, remote) : begin_inwards(v, remote);
}

/* The datagram that d quotes was sent towards the side that d comes from. */
static bool quoted_of(struct datagram *inner, const struct datagram *d, enum nat_side from,
		      struct place *local, struct place *remote)
{
	return datagram_read_quoted(inner, d) == REASON_NONE &&
	       ends_of(inner, from == SIDE_OUTSIDE, local, remote);
}

/* RFC 5508 REQ-4, REQ-5: the quoted datagram becomes what its sender has sent, and the error's own
 * address on our end becomes the sender's. */
static struct model_answer pass_error(struct visit *v, const struct model_session *s,
				      struct datagram *inner)
{
	struct datagram *d = v->d;
	struct place near = v->from == SIDE_OUTSIDE ? s->inside : s->outside, far = s->remote;

	if (s->protocol == PROTO_ICMP)
		far.port = near.port;
	if (v->from == SIDE_OUTSIDE) {
		datagram_write(inner, near, far);
		datagram_write_error(d, d->source.address, near.address);
	} else {
		datagram_write(inner, far, near);
		datagram_write_error(d, near.address, d->destination.address);
	}
	return conclude(way_on(v, s->remote), REASON_NONE);
}

static struct model_answer error(struct visit *v)
{
	struct datagram inner;
	struct place local, remote;
	struct model_session *s;

	if (!datagram_icmp_right(v->d))
		return drop(REASON_ICMP_SUM);
	if (!quoted_of(&inner, v->d, v->from, &local, &remote) ||
	    inner.source.address != v->d->destination.address)
		return drop(REASON_ICMP_QUOTE);
	s = session_with(v->m, v->from, inner.protocol, local, remote);
	if (!s)
		return is_exempt(v) ? conclude(NAT_FORWARD, REASON_NONE)
				    : drop(REASON_ICMP_NO_SESSION);
	if (s->protocol == PROTO_TCP &&
	    !tcp_may_quote(&s->tcp, side_other(v->from), inner.tcp.seq))
		return drop(REASON_TCP_WINDOW);
	if (v->d->mtu >= 0 && v->d->mtu < 68)
		return drop(REASON_ICMP_MTU);
	if (v->from == SIDE_INSIDE && (v->d->route_option || inner.route_option))
		return drop(REASON_SOURCE_ROUTE);
	return pass_error(v, s, &inner);
}

struct model_answer model_process(struct model *m, const struct model_arrival *a,
				  struct datagram *d, const struct model_choice *choice)
{
	struct visit v = { m, a->now, a->from, a->known_only, a->hairpinned, d, choice };
	struct model_answer answer;

	if (d->kind != KIND_ERROR || d->first_fragment)
		return query_or_ports(&v);
	answer = error(&v);
	/* What belongs to no session is not for the NAT to judge; what is wrong though it does, is. */
	if (a->known_only && answer.verdict == NAT_DROP && answer.reason != REASON_TCP_WINDOW &&
	    answer.reason != REASON_ICMP_MTU && answer.reason != REASON_SOURCE_ROUTE)
		return conclude(NAT_FORWARD, REASON_NONE);
	return answer;
}

int model_owner(const struct nat_config *c, const struct datagram *d, enum nat_side from)
{
	struct datagram inner;
	struct place local, remote;

	if (d->first_fragment || d->later_fragment)
		return -1;
	if (d->kind == KIND_ERROR)
		return quoted_of(&inner, d, from, &local, &remote)
			       ? rule_owner(c, inner.protocol, local, from)
			       : -1;
	return ends_of(d, from == SIDE_INSIDE, &local, &remote)
		       ? rule_owner(c, d->protocol, local, from)
		       : -1;
}
