/* Who may open a session, and how it begins. */
#include "helper.h"
#include "six.h"
#include "transport.h"

bool policy_hairpins(const struct nat *n, const struct nat_policy *p, enum nat_hairpin how,
		     be32 remote)
{
	return p->hairpin == how && is_outside_address(n, remote);
}

static enum reason open_from_inside(struct nat *n, const struct nat_job *job,
				    const struct tuple *t, uint32_t *mapping)
{
	const struct nat_policy *p = policy_of(n, t->local, t->remote);
	enum reason r = transport_opens(job->p, SIDE_INSIDE);

	/* RFC 6092 REC-31: also what began before we did. */
	if (r == REASON_TCP_NO_SESSION && p->type == NAT_FIREWALL && tcp_goes_on(job->p))
		r = REASON_NONE;
	if (r == REASON_NONE && policy_hairpins(n, p, NAT_HAIRPIN_OFF, t->remote))
		r = REASON_HAIRPIN_OFF;
	if (r == REASON_NONE)
		r = host_admits_opening(n, p, t->local);
	if (r == REASON_NONE && transport_is_paired(t->protocol))
		return pair_for_inside(n, job->p, t, mapping);
	return r == REASON_NONE ? mapping_for_inside(n, t, mapping) : r;
}

/* NAT64: whether the remote address, and the datagram, can be of IPv6. */
static enum reason join_families(const struct nat *n, const struct nat_job *job, const struct tuple *t,
				 const struct mapping *m)
{
	const struct nat_policy *p = policy_of(n, m->key[SIDE_INSIDE].local, t->local);
	struct tuple inside = { .remote = t->remote };
	uint16_t slot = p ? prefix_first(n, p) : PREFIX_NONE;
	enum reason r;

	if (slot == PREFIX_NONE)
		return REASON_UNTRANSLATABLE;
	inside.tag = prefix_tag(slot);
	r = six_check_embedded(n, &inside);
	return r == REASON_NONE ? six_refuses_family(n, job->p, p) : r;
}

static enum reason open_from_outside(struct nat *n, const struct nat_job *job,
				     const struct tuple *t, uint32_t *mapping)
{
	const struct opening o = { transport_opens(job->p, SIDE_OUTSIDE), job->hairpinned };
	enum reason r = transport_is_paired(t->protocol)
				? pair_for_outside(n, t, o.reason, mapping)
				: mapping_for_outside(n, t, &o, mapping);

	if (r == REASON_NO_MAPPING)
		mapping_unclaimed(n, t);
	if (transport_is_unsolicited(job->p) && (r == REASON_NO_MAPPING || r == REASON_FILTERED))
		unsolicited_hold(n, job->p, t);
	if (r == REASON_NONE && is_name(n->mappings[*mapping].key[SIDE_INSIDE].local) && !is_name(t->local))
		r = join_families(n, job, t, &n->mappings[*mapping]);
	if (nat_class_of(t->protocol) == NAT_CLASS_TCP && r == REASON_NONE &&
	    !half_open_admits(n, *mapping))
		r = REASON_HALF_OPEN_LIMIT;
	return r;
}

/* What begins with the session's first datagram. */
static void begin(struct nat *n, const struct nat_job *job, uint32_t number)
{
	struct session *s = session_at(n, number);

	if (job->from == SIDE_INSIDE)
		host_note_opening(n, s);
	transport_begin(s, job->p, job->from);
	pair_begin(n, number);
	if (s->state != TCP_NONE) {
		if (session_is_half_open(s))
			half_open_note(n, number, true);
		unsolicited_forget(n, &s->key[SIDE_OUTSIDE]);
	}
	helper_begin(n, job, number);
}

/* What the policy of the inside host says to it, and the log, when it gets no session. */
static void refuse(struct nat *n, struct nat_job *job, const struct tuple *t, enum reason r)
{
	const struct nat_policy *p = policy_of(n, t->local, t->remote);
	bool exhausted = r == REASON_OUT_OF_PORTS || r == REASON_SESSION_LIMIT;

	if (job->from != SIDE_INSIDE)
		return;
	/* RFC 5508 REQ-8: the remote address is somebody else's partner. */
	if (r == REASON_SESSION_CONFLICT && transport_is_paired(t->protocol))
		job->answer = NAT_ANSWER_PROHIBITED;
	if (p && exhausted && p->exhausted == NAT_EXHAUSTED_PROHIBITED)
		job->answer = NAT_ANSWER_PROHIBITED;
	if (p && exhausted && p->exhausted == NAT_EXHAUSTED_SILENT)
		job->answer = NAT_ANSWER_SILENT;
	if (exhausted || r == REASON_HOST_LIMIT || r == REASON_PORT_LIMIT || r == REASON_RATE_LIMIT)
		event_note(n, (struct nat_event){
			.kind = r == REASON_OUT_OF_PORTS ? EVENT_PORTS_EXHAUSTED
						       : EVENT_QUOTA_EXCEEDED,
			.protocol = t->protocol,
			.reason = (uint8_t)r,
			.inside = name_endpoint(n, (struct endpoint){ t->local,
								      t->local_port }),
		});
}

static enum reason make_session(struct nat *n, const struct nat_job *job,
				const struct tuple *t, uint32_t mapping, uint32_t *session)
{
	struct tuple other;

	if (!transport_is_paired(t->protocol))
		return session_make(n, t, mapping, session);
	other = pair_counterpart(n, job->p, t, &n->mappings[mapping]);
	return session_make_as(n, t, &other, mapping, session);
}

enum reason session_open(struct nat *n, struct nat_job *job, const struct tuple *t,
			 uint32_t *session)
{
	uint32_t mapping = SLAB_NONE;
	enum reason r = REASON_SESSION_LIMIT;

	if (!n->six || six_take_static_names(n, t))
		r = job->from == SIDE_INSIDE ? open_from_inside(n, job, t, &mapping)
					     : open_from_outside(n, job, t, &mapping);
	if (r == REASON_NONE)
		r = make_session(n, job, t, mapping, session);
	/* What was made on the way to a refusal. */
	if (mapping != SLAB_NONE)
		mapping_drop_unused(n, mapping);
	if (r == REASON_NONE) {
		begin(n, job, *session);
		save_session(n, *session);
	} else {
		refuse(n, job, t, r);
	}
	return r;
}
