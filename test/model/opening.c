/* How the model opens sessions, outwards and inwards. */
#include "visit.h"

#include "choice.h"
#include "embed.h"
#include "limits.h"
#include "rules.h"

/* A session that is about to begin: of mapping known, or of a new one. */
struct beginning {
	struct model_mapping *known;
	struct model_mapping new;
	struct place remote[SIDE_COUNT];
};

static enum reason tcp_may_open(const struct datagram *d)
{
	if (d->protocol != PROTO_TCP || tcp_class(d->tcp.flags) == CLASS_SYN)
		return REASON_NONE;
	return tcp_class(d->tcp.flags) == CLASS_BAD ? REASON_TCP_FLAGS : REASON_TCP_NO_SESSION;
}

static bool is_short(const struct nat_config *c, const struct model_session *s)
{
	const struct nat_policy *p = rule_policy(c, s->inside.address, s->outside.address);

	for (int i = 0; p && i < NAT_SHORT_PORTS_MOST && p->short_ports[i]; i++)
		if (p->short_ports[i] == s->remote[SIDE_OUTSIDE].port)
			return true;
	return false;
}

/* Its first datagram. */
static struct model_answer begin(struct visit *v, struct beginning *b)
{
	struct model *m = v->m;
	const struct model_mapping *p = b->known ? b->known : &b->new;
	struct model_session *s;

	if (session_with(m, SIDE_INSIDE, p->protocol, p->inside, b->remote[SIDE_INSIDE]) ||
	    session_with(m, SIDE_OUTSIDE, p->protocol, p->outside, b->remote[SIDE_OUTSIDE]))
		return drop(REASON_SESSION_CONFLICT);
	if (session_numbered(m, v->choice->session))
		find_fault(v, "the number of the session is another's");
	s = session_add(m, b->known ? b->known : mapping_add(m, p), b->remote);
	s->id = v->choice->session;
	s->seen_ms = v->now;
	s->short_lived = is_short(&m->config, s);
	s->hairpin = rule_is_ours(&m->config, s->remote[SIDE_OUTSIDE].address);
	if (s->protocol == PROTO_TCP && tcp_class(v->d->tcp.flags) == CLASS_ACK)
		tcp_pick_up(&s->tcp);
	else if (s->protocol == PROTO_TCP)
		tcp_open(&s->tcp, v->from, &v->d->tcp);
	if (is_half_open(s))
		s->half_open_since = ++m->begun;
	if (s->protocol == PROTO_TCP)
		syn_forget(m, s);
	return visit_pass(v, s);
}

/* Outwards. */

/* An outside endpoint of its own, or, where there is none, somebody else's (RFC 7857 section 3). */
static enum reason choose(struct visit *v, const struct nat_policy *policy, struct beginning *b)
{
	struct model_mapping *new = &b->new;
	struct place remote = b->remote[SIDE_OUTSIDE];
	bool overload = policy->exhausted == NAT_EXHAUSTED_OVERLOAD;
	bool empty = choice_is_empty(v->m, policy, new), crowded;
	const char *fault;

	crowded = choice_is_crowded(v->m, policy, new, remote);
	empty |= overload && crowded;
	if (v->choice->reason == REASON_SESSION_CONFLICT)
		choice_forget(v->m, new->protocol);
	if (v->choice->reason == REASON_SESSION_CONFLICT && crowded && !overload)
		return REASON_SESSION_CONFLICT; /* with who shared it by the policy of before */
	if (v->choice->verdict == NAT_DROP)
		return empty && (!overload || choice_shared_is_empty(v->m, policy, new, remote))
			       ? REASON_OUT_OF_PORTS : REASON_NONE;
	new->outside = v->choice->source;
	new->holds = true;
	fault = choice_fault(v->m, policy, new);
	if (!fault || !overload || !empty) {
		find_fault(v, fault);
		return REASON_NONE;
	}
	new->remote = b->remote[policy->type == NAT_NAT64 ? SIDE_OUTSIDE : SIDE_INSIDE];
	/* Or its own towards this remote endpoint, that others have kept since another policy. */
	b->known = mapping_inside(v->m, new);
	if (b->known)
		return REASON_NONE;
	find_fault(v, choice_shared_fault(v->m, policy, new, remote));
	new->alone = true;
	new->holds = false;
	new->filtering = NAT_ADDRESS_PORT_DEPENDENT;
	return REASON_NONE;
}

static bool same_inside(const struct model_mapping *p, const struct model_mapping *q)
{
	return p->protocol == q->protocol && place_equal(p->inside, q->inside);
}

/* Basic NAT: what is reserved for a forward, or still another's from before, cannot be had; what a forward
 * of before has left to the same endpoint can. */
static enum reason take_basic(struct model *m, struct beginning *b, struct place outside)
{
	b->new.outside = outside;
	b->new.basic = true;
	b->known = mapping_outside(m, b->new.protocol, outside);
	return rule_forward(&m->config, b->new.protocol, outside) ||
			       (b->known && !same_inside(b->known, &b->new))
		       ? REASON_SESSION_CONFLICT : REASON_NONE;
}

static enum reason seek_own(struct visit *v, const struct nat_policy *policy, struct beginning *b)
{
	struct model *m = v->m;
	struct place outside = b->new.inside;
	enum reason r;

	b->known = mapping_inside(m, &b->new);
	if (b->known)
		return REASON_NONE;
	r = limit_of_ports(m, policy, b->new.inside.address);
	if (r != REASON_NONE)
		return r;
	if (!rule_is_basic(policy))
		return choose(v, policy, b);
	outside.address = rule_basic_outwards(policy, outside.address);
	return take_basic(m, b, outside);
}

/* RFC 4787 REQ-1: a forwarded endpoint speaks from where it is reached; else by policy. */
static enum reason seek_mapping(struct visit *v, const struct nat_policy *policy,
				struct beginning *b)
{
	struct model_mapping *new = &b->new;
	enum nat_dependence depends = policy->behaviour[nat_class_of(new->protocol)].mapping;
	struct rule_speaker speaker = { new->protocol, new->inside, b->remote[SIDE_OUTSIDE].address,
					false };

	new->from_forward = rule_forward_outwards(&v->m->config, &speaker, &new->outside);
	if (new->from_forward) {
		b->known = mapping_outside(v->m, new->protocol, new->outside);
		new->filtering = NAT_ENDPOINT_INDEPENDENT;
		return b->known && !same_inside(b->known, new) ? REASON_SESSION_CONFLICT
							       : REASON_NONE;
	}
	if (rule_is_basic(policy))
		depends = NAT_ENDPOINT_INDEPENDENT;
	new->remote = place_depended_on(depends, policy->type == NAT_NAT64
							 ? b->remote[SIDE_OUTSIDE]
							 : b->remote[SIDE_INSIDE]);
	new->six = ip_is_six(b->remote[SIDE_OUTSIDE].address);
	new->filtering = policy->behaviour[nat_class_of(new->protocol)].filtering;
	return seek_own(v, policy, b);
}

static enum reason may_begin_outwards(struct visit *v, const struct nat_policy *policy,
				      struct place remote)
{
	struct model *m = v->m;
	enum reason r = tcp_may_open(v->d);

	/* RFC 6092 REC-31: it may have begun before the firewall did. */
	if (r == REASON_TCP_NO_SESSION && policy->type == NAT_FIREWALL &&
	    tcp_class(v->d->tcp.flags) == CLASS_ACK)
		r = REASON_NONE;
	if (policy->type == NAT_NAT64)
		remote.address = rule_far(policy, remote.address, SIDE_INSIDE);
	if (r == REASON_NONE && policy->hairpin == NAT_HAIRPIN_OFF &&
	    rule_is_ours(&m->config, remote.address))
		r = REASON_HAIRPIN_OFF;
	if (r == REASON_NONE)
		r = limit_of_sessions(m, v->d->source.address);
	if (r == REASON_NONE)
		r = limit_of_rate(m, policy, v->d->source.address, v->now);
	return r;
}

/* What the host is told, and the log. */
static struct model_answer refuse(struct visit *v, const struct nat_policy *policy, enum reason r)
{
	struct model_answer answer = drop(r);
	bool exhausted = r == REASON_OUT_OF_PORTS || r == REASON_SESSION_LIMIT;
	bool quota = r == REASON_SESSION_LIMIT || r == REASON_HOST_LIMIT ||
		     r == REASON_PORT_LIMIT || r == REASON_RATE_LIMIT;

	if (exhausted && policy->exhausted == NAT_EXHAUSTED_PROHIBITED)
		answer.answer = NAT_ANSWER_PROHIBITED;
	if (exhausted && policy->exhausted == NAT_EXHAUSTED_SILENT)
		answer.answer = NAT_ANSWER_SILENT;
	if (quota || r == REASON_OUT_OF_PORTS)
		model_tell(v->m, &(struct nat_event){
			.kind = quota ? EVENT_QUOTA_EXCEEDED : EVENT_PORTS_EXHAUSTED,
			.protocol = v->d->protocol, .reason = (uint8_t)r,
			.inside = endpoint_of(v->d->source),
		});
	return answer;
}

struct model_answer visit_open_outwards(struct visit *v, const struct nat_policy *policy,
					struct place remote)
{
	struct beginning b = {
		.new = { .protocol = v->d->protocol, .inside = v->d->source,
			 .refresh = policy->refresh },
		.remote = { [SIDE_INSIDE] = remote, [SIDE_OUTSIDE] = remote },
	};
	struct model_answer answer;
	enum reason r = may_begin_outwards(v, policy, remote);

	b.remote[SIDE_OUTSIDE].address = rule_far(policy, remote.address, SIDE_INSIDE);
	if (r == REASON_NONE)
		r = seek_mapping(v, policy, &b);
	if (r != REASON_NONE)
		return refuse(v, policy, r);
	answer = begin(v, &b);
	if (answer.verdict != NAT_DROP)
		limit_spend(v->m, policy, b.new.inside.address, v->now);
	return answer;
}

/* Inwards. */

/* RFC 4787 REQ-8; REQ-9: what may be reached by hairpin is not for the filter to say. */
static bool filter_passes(const struct visit *v, const struct model_mapping *p, struct place remote)
{
	const struct model *m = v->m;

	if (p->from_forward || p->filtering == NAT_ENDPOINT_INDEPENDENT || v->hairpinned)
		return true;
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &m->sessions[i];

		if (s->alive && &m->mappings[s->mapping] == p &&
		    s->remote[SIDE_OUTSIDE].address == remote.address)
			return p->filtering == NAT_ADDRESS_DEPENDENT;
	}
	return false;
}

/* Of a forward or basic NAT that is no more, or leads elsewhere by now: for its sessions only. */
static bool is_stale(const struct model *m, const struct model_mapping *p)
{
	const struct nat_forward *f = rule_forward(&m->config, p->protocol, p->outside);
	ip_number inside;

	if (p->basic)
		return !rule_basic_inwards(&m->config, p->outside.address, &inside) ||
		       inside != p->inside.address;
	return p->from_forward && (!f || f->grouped ||
				   !place_equal(rule_target(f, p->outside), p->inside));
}

static struct place seen_from(const struct model *m, struct place inside, struct place remote)
{
	const struct nat_policy *policy = rule_policy(&m->config, inside.address, remote.address);

	if (policy)
		remote.address = rule_far(policy, remote.address, SIDE_OUTSIDE);
	return remote;
}

/* Which of several targets it was that could have no session, nobody can tell. */
static struct place some_target(const struct visit *v, const struct nat_forward *f,
				const struct beginning *b)
{
	struct place remote = b->remote[SIDE_OUTSIDE];
	enum reason said = v->choice->reason;
	bool full = said == REASON_HOST_LIMIT || said == REASON_SESSION_LIMIT;

	for (size_t i = 0; i < f->targets; i++) {
		struct place inside = rule_target(&f[i], b->new.outside);
		bool taken = session_with(v->m, SIDE_INSIDE, b->new.protocol, inside,
					  seen_from(v->m, inside, remote));

		if (said == REASON_SESSION_CONFLICT
			    ? taken
			    : limit_of_strangers(v->m, inside.address, b->new.protocol) == (full ? said : REASON_NONE))
			return inside;
	}
	return rule_target(f, b->new.outside);
}

/* A forward with one target is one mapping for all, unless that is another still. */
static void seek_forward(struct visit *v, const struct nat_forward *f, bool stale,
			 struct beginning *b)
{
	struct model_mapping *new = &b->new;

	new->inside = !f->grouped ? rule_target(f, new->outside)
		      : v->choice->verdict == NAT_DROP ? some_target(v, f, b)
						       : v->choice->destination;
	new->from_forward = true;
	new->alone = f->grouped || stale;
	new->filtering = NAT_ENDPOINT_INDEPENDENT;
	struct model_visitor visitor = { new->protocol, new->outside, b->remote[SIDE_OUTSIDE],
					 new->inside };
	if (v->choice->verdict != NAT_DROP)
		find_fault(v, choice_target_fault(v->m, f, visitor));
}

static enum reason seek_inwards(struct visit *v, struct beginning *b)
{
	struct model *m = v->m;
	struct model_mapping *new = &b->new;
	const struct nat_forward *f = rule_forward(&m->config, new->protocol, new->outside);
	const struct nat_policy *policy;
	bool stale;

	b->known = mapping_outside(m, new->protocol, new->outside);
	stale = b->known && is_stale(m, b->known);
	if (b->known && !stale) {
		new->inside = b->known->inside;
		return filter_passes(v, b->known, b->remote[SIDE_OUTSIDE]) ? REASON_NONE
									   : REASON_FILTERED;
	}
	b->known = NULL;
	if (f) {
		seek_forward(v, f, stale, b);
		return REASON_NONE;
	}
	new->inside = new->outside;
	policy = rule_basic_inwards(&m->config, new->outside.address, &new->inside.address);
	if (!policy || policy->type == NAT_FIREWALL)
		return REASON_NO_MAPPING;
	new->basic = true;
	new->filtering = policy->behaviour[nat_class_of(new->protocol)].filtering;
	return filter_passes(v, new, b->remote[SIDE_OUTSIDE]) ? REASON_NONE : REASON_FILTERED;
}

/* Twice NAT: by the forward's word, or by that of the policy. */
static void disguise(struct visit *v, struct beginning *b)
{
	struct model *m = v->m;
	const struct model_mapping *p = b->known ? b->known : &b->new;
	const struct nat_forward *f = p->from_forward
					      ? rule_forward(&m->config, p->protocol, p->outside)
					      : NULL;
	struct place *seen = &b->remote[SIDE_INSIDE];

	*seen = seen_from(m, p->inside, *seen);
	if (!f || !be32_host(f->source))
		return;
	seen->address = be32_host(f->source);
	if (v->choice->verdict == NAT_DROP) { /* there is always some port */
		while (session_with(m, SIDE_INSIDE, p->protocol, p->inside, *seen))
			seen->port++;
		return;
	}
	find_fault(v, choice_disguise_fault(m, p->protocol, p->inside, *seen, v->choice->source));
	*seen = v->choice->source;
}

/* What NAT64 cannot carry to an inside host. */
static enum reason joining_fault(const struct visit *v, ip_number inside)
{
	const struct nat_policy *p = rule_policy(&v->m->config, inside,
						 v->d->destination.address);

	if (!ip_is_six(inside) || ip_is_six(v->d->destination.address))
		return REASON_NONE;
	if (!p || p->type != NAT_NAT64)
		return REASON_UNTRANSLATABLE; /* the policy of before had a prefix */
	return embed_is_wrong(&p->v6.prefixes[0], v->d->source.address)
		       ? REASON_EMBEDDED : translate_fault(v->d, p);
}

static enum reason may_begin_inwards(struct visit *v, struct beginning *b)
{
	struct model *m = v->m;
	ip_number inside = b->new.inside.address;
	enum reason r = tcp_may_open(v->d);

	if (r == REASON_NONE)
		r = limit_of_strangers(m, inside, b->new.protocol);
	if (r == REASON_NONE && b->known)
		r = limit_of_mapping(m, b->known);
	if (r == REASON_NONE && !b->known && !b->new.from_forward &&
	    (mapping_inside(m, &b->new) || mapping_outside(m, b->new.protocol, b->new.outside)))
		r = REASON_SESSION_CONFLICT; /* either end still has a mapping from before */
	if (r == REASON_NONE)
		r = joining_fault(v, inside);
	if (r == REASON_NONE && v->d->protocol == PROTO_TCP)
		r = limit_of_half_open(m, v->now);
	if (b->known && !b->known->alive) { /* what gave way was its last session */
		b->new = *b->known;
		b->known = NULL;
	}
	return r;
}

struct model_answer visit_open_inwards(struct visit *v, struct place remote)
{
	struct beginning b = {
		.new = { .protocol = v->d->protocol, .outside = v->d->destination,
			 .six = ip_is_six(v->d->destination.address) },
		.remote = { [SIDE_INSIDE] = remote, [SIDE_OUTSIDE] = remote },
	};
	const struct nat_policy *policy;
	enum reason r = seek_inwards(v, &b);

	if ((r == REASON_NO_MAPPING || r == REASON_FILTERED) && v->d->protocol == PROTO_TCP &&
	    tcp_may_open(v->d) == REASON_NONE)
		syn_hold(v->m, v->d, v->now);
	if (r == REASON_NO_MAPPING)
		return conclude(NAT_UNMATCHED, r);
	if (r == REASON_NONE)
		r = may_begin_inwards(v, &b);
	if (r != REASON_NONE)
		return drop(r);
	policy = rule_policy(&v->m->config, b.new.inside.address, v->d->destination.address);
	b.new.refresh = policy ? policy->refresh : NAT_REFRESH_OUTBOUND;
	disguise(v, &b);
	return begin(v, &b);
}
