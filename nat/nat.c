/*
 * The face of the library: from datagrams to verdicts.
 *
 * A batch is looked up as a whole (seek.c); then one datagram after the other is translated, in order,
 * as if alone.
 */
#include "ahead.h"
#include "before.h"
#include "helper.h"
#include "plain.h"
#include "six.h"
#include "stateless.h"
#include "transport.h"
#include "tuple_common.h"

enum { BATCH = 64, OPEN_BATCH = 32, PAUSE_MOST_MS = 1 << 30 };

_Static_assert(TIMEOUT_MOST_S * 1000ll < PAUSE_MOST_MS, "a pause outlasts every timeout");

void conclude(struct nat_job *job, enum nat_verdict verdict, enum reason reason)
{
	job->verdict = verdict;
	job->reason = reason;
}

static void count(struct session *s, const struct nat_job *job)
{
	tally_add(&s->tally[job->from], job->p->len);
}

/* A move to another timeout class may bring the deadline nearer than the wheel has it. */
static void reschedule(struct nat *n, nat_time now, uint32_t number)
{
	wheel_take(&n->wheel, number);
	wheel_put(&n->wheel, number, session_deadline(n, session_at(n, number), now));
}

/* Of a session that has a state, or help. */
static __attribute__((noinline)) enum reason step(struct nat *n, nat_time now, const struct nat_job *job,
						  uint32_t number)
{
	struct session *s = session_at(n, number);
	bool refresh = s->flags & (SESSION_REFRESH_INSIDE << job->from);
	bool half_open = session_is_half_open(s);
	uint8_t was = s->timeout;
	enum reason r;

	if (s->state != TCP_NONE) {
		bool helped = (s->flags & SESSION_HELPED) && !(job->p->flags & PKT_FRAGMENT_LATER);

		r = helped ? helper_step(n, job, s, &refresh)
			   : transport_step(n, number, job->p, job->from, &refresh);
		if (r != REASON_NONE)
			return r;
	} else {
		helper_read(n, job, s);
	}
	if (refresh)
		s->seen_ms = (uint32_t)now.ms;
	if (session_is_half_open(s) != half_open)
		half_open_note(n, number, !half_open);
	if (s->timeout != was)
		reschedule(n, now, number);
	return REASON_NONE;
}

static inline enum reason take_account(struct nat *n, nat_time now, const struct nat_job *job,
				       uint32_t number)
{
	struct session *s = session_at(n, number);

	if (s->state != TCP_NONE || (s->flags & SESSION_HELPED)) {
		enum reason r = step(n, now, job, number);

		if (r != REASON_NONE)
			return r;
	} else if (s->flags & (SESSION_REFRESH_INSIDE << job->from)) {
		s->seen_ms = (uint32_t)now.ms;
	}
	count(s, job);
	return REASON_NONE;
}

/* What to write is the other side's tuple, and the differences are kept: nothing is summed. */
static inline struct rewrite rewrite_of(const struct session *s, enum nat_side from)
{
	const struct tuple *now = &s->key[side_other(from)];
	struct rewrite r = { .addresses = s->addresses, .ports = s->ports };
	uint64_t addresses;
	uint32_t ports;

	memcpy(&addresses, (const uint8_t *)now + TUPLE_ADDRESSES, sizeof(addresses));
	memcpy(&ports, (const uint8_t *)now + TUPLE_PORTS, sizeof(ports));
	if (from == SIDE_OUTSIDE) {
		addresses = swap_addresses(addresses);
		ports = swap_ports(ports);
		r.addresses = csum_negate(r.addresses);
		r.ports = csum_negate(r.ports);
	}
	memcpy((uint8_t *)&r + REWRITE_ADDRESSES, &addresses, sizeof(addresses));
	memcpy((uint8_t *)&r + REWRITE_PORTS, &ports, sizeof(ports));
	if (now->protocol == PROTO_ICMP)
		r.source_port = r.destination_port = now->local_port;
	else if (now->protocol == PROTO_GRE && from == SIDE_OUTSIDE)
		r.destination_port = be16_from((uint16_t)s->end[SIDE_INSIDE]);
	return r;
}

static void translate(struct nat *n, struct nat_job *job, uint32_t number, bool plain)
{
	struct session *s = session_at(n, number);
	struct rewrite r = rewrite_of(s, job->from);

	if (n->sixes && session_is_six(s)) {
		enum reason failed = six_translate(n, job, s, &r, plain);

		if (failed != REASON_NONE) {
			conclude(job, NAT_DROP, failed);
			return;
		}
	} else {
		rewrite_apply(job->p, &r);
	}
	job->session = number;
	job->way = &s->way;
	conclude(job, NAT_FORWARD, REASON_NONE);
	if (job->from == SIDE_OUTSIDE)
		return;
	if (s->flags & SESSION_HAIRPIN)
		job->verdict = NAT_HAIRPIN;
	job->redirected |= session_is_redirected(s);
	if (n->config.unique_idents && !session_is_six(s))
		ident_rewrite(n, job->p);
}

/* No session yet: make one if this side may open it. */
void open_session(struct nat *n, struct nat_job *job, const struct tuple *t)
{
	uint32_t number = SLAB_NONE;
	enum reason r = session_open(n, job, t, &number);

	if (r == REASON_NONE) {
		count(session_at(n, number), job);
		translate(n, job, number, plain_is(job->p));
	} else {
		conclude(job, r == REASON_NO_MAPPING ? NAT_UNMATCHED : NAT_DROP, r);
	}
}

/* RFC 4787 section 6: hairpinned with the inside source, there is nothing to translate on this
 * leg. */
bool keeps_source(const struct nat *n, const struct nat_job *job, const struct nat_sought *k)
{
	const struct nat_policy *p;

	if (job->from != SIDE_INSIDE || k->reason != REASON_NONE)
		return false;
	p = policy_of(n, k->tuple.local, k->tuple.remote);
	/* An IPv6 source is nothing that IPv4 could keep. */
	return p && p->type != NAT_NAT64 && policy_hairpins(n, p, NAT_HAIRPIN_INTERNAL, k->tuple.remote);
}

/* An ICMP reply from inside that nobody asked for. */
bool answers_nothing(const struct nat_job *job, const struct nat_sought *k)
{
	return k->reason == REASON_NONE && k->tuple.protocol == PROTO_ICMP &&
	       job->from == SIDE_INSIDE && !icmp_is_request(pkt_transport(job->p)[0]);
}

static void refuse_protocol(struct nat_job *job)
{
	job->answer = NAT_ANSWER_PROTOCOL;
	conclude(job, NAT_DROP, REASON_NO_TRANSPORT);
}

/* Neither session nor tuple: what policy says about it. */
static void without_session(struct nat *n, struct nat_job *job, const struct nat_sought *k)
{
	if (job->known_only || policy_passes(n, job->p, job->from))
		conclude(job, NAT_FORWARD, REASON_NONE);
	else if (six_refuses(n, job->p, job->from))
		refuse_protocol(job);
	else if (job->from == SIDE_INSIDE && !policy_of4(&n->config, be32_load(pkt_source(job->p))))
		conclude(job, NAT_DROP, REASON_NO_POLICY);
	else if (keeps_source(n, job, k))
		conclude(job, NAT_HAIRPIN, REASON_NONE);
	else if (job->p->flags & PKT_FRAGMENT_LATER)
		conclude(job, NAT_DROP, REASON_FRAGMENT);
	else if (answers_nothing(job, k))
		conclude(job, NAT_DROP, REASON_NOT_A_QUERY);
	else if (k->reason == REASON_NONE)
		open_session(n, job, &k->tuple);
	else if (job->from == SIDE_INSIDE || k->reason == REASON_FRAGMENT)
		conclude(job, NAT_DROP, k->reason);
	else
		conclude(job, NAT_UNMATCHED, REASON_NO_MAPPING);
}

/* Reasons that only an error about a session can have. */
bool is_about_session(enum reason r)
{
	return r != REASON_ICMP_SUM && r != REASON_ICMP_QUOTE && r != REASON_ICMP_NO_SESSION;
}

static void process_error(struct nat *n, struct nat_job *job)
{
	icmp_error_process(n, job);
	/* The rest is for the NAT to judge only if it had to be translated. */
	if (job->verdict != NAT_DROP || is_about_session(job->reason))
		return;
	if (job->known_only || (job->reason == REASON_ICMP_NO_SESSION && icmp_error_passes(n, job)))
		conclude(job, NAT_FORWARD, REASON_NONE);
}

/* Rounded up to ticks, as the wheel has it. */
static bool is_over(int64_t deadline, nat_time now)
{
	return (deadline + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS <= (int64_t)(now.ms / WHEEL_TICK_MS);
}

/* Most are younger than any timeout. */
static bool is_young(const struct nat *n, nat_time now, uint32_t number)
{
	return n->sweep == UINT32_MAX &&
	       (uint32_t)now.ms - session_at(n, number)->seen_ms < n->timeout_least;
}

/* The session a datagram belongs to. One that is over but was not reached by nat_expire() yet ends
 * here. */
static uint32_t living(struct nat *n, nat_time now, uint32_t number)
{
	if (number == SLAB_NONE || is_young(n, now, number))
		return number;
	if (!is_over(session_deadline(n, session_at(n, number), now), now))
		return number < n->sweep || session_settle(n, number) ? number : SLAB_NONE;
	wheel_take(&n->wheel, number);
	session_end(n, number);
	return SLAB_NONE;
}

/* One that has not moved yet, of a datagram for where it moves to. */
static uint32_t find_by_address_before(struct nat *n, const struct nat_job *job)
{
	struct tuple t = job->sought.tuple;
	uint32_t number;

	if (job->from != SIDE_OUTSIDE || !address_before(n, t.local, &t.local))
		return SLAB_NONE;
	number = session_find(n, &t);
	return number == SLAB_NONE && transport_is_paired(t.protocol) ? pair_find(n, job->p, &t)
									: number;
}

static uint32_t find_living(struct nat *n, nat_time now, struct nat_job *job)
{
	struct nat_sought *k = &job->sought;
	uint32_t number;

	k->value = table_find(&n->sessions_by, k->hash, &k->tuple);
	number = living(n, now, k->value == TABLE_NONE ? SLAB_NONE : k->value >> 1);
	if (number == SLAB_NONE && transport_is_paired(k->tuple.protocol))
		number = living(n, now, pair_find(n, job->p, &k->tuple));
	if (number == SLAB_NONE)
		number = living(n, now, find_by_address_before(n, job));
	/* It may have another address by now, and the datagram is for the old one. */
	return number != SLAB_NONE &&
		       be32_equal(session_at(n, number)->key[job->from].local, k->tuple.local)
		       ? number : SLAB_NONE;
}

static void pass(struct nat *n, nat_time now, struct nat_job *job, uint32_t number)
{
	bool joins = n->sixes && session_joins_families(session_at(n, number));
	bool plain = joins && plain_is(job->p);
	enum reason r = REASON_NONE;

	if (joins && !plain)
		r = six_refuses_family(n, job->p, six_policy(n, session_at(n, number)));
	if (r == REASON_NONE)
		r = take_account(n, now, job, number);
	if (r == REASON_NONE)
		translate(n, job, number, plain);
	else
		conclude(job, NAT_DROP, r);
}

/* What has no session, or is about one, or is of one that is near its end. */
static __attribute__((noinline)) void finish_slowly(struct nat *n, nat_time now, struct nat_job *job)
{
	uint32_t number = SLAB_NONE;
	bool six = job->p->version == 6;

	if (job->sought.stateless) {
		stateless_process(n, job, job->sought.stateless);
		return;
	}
	if ((!six || n->sixes) && (job->p->flags & PKT_ICMP_ERROR) && !pkt_is_fragment(job->p)) {
		if (six)
			six_process_error(n, job);
		else
			process_error(n, job);
		return;
	}
	if (six_is_nameless(&job->sought))
		six_take_names(n, job);
	if (job->sought.reason == REASON_NONE)
		number = find_living(n, now, job);
	if (number == SLAB_NONE && six)
		six_without_session(n, job, &job->sought);
	else if (number == SLAB_NONE)
		without_session(n, job, &job->sought);
	else
		pass(n, now, job, number);
}

/* Since it was sought, an earlier one of the batch may have opened the session, or ended it. */
static inline void finish(struct nat *n, nat_time now, struct nat_job *job)
{
	const struct nat_sought *k = &job->sought;

	job->session = NAT_NO_SESSION;
	job->way = NULL;
	job->answer = NAT_ANSWER_REASON;
	job->redirected = job->kept = false;
	job->piece = 0;
	if (session_is_of(n, k->value, &k->tuple) && is_young(n, now, k->value >> 1))
		pass(n, now, job, k->value >> 1);
	else
		finish_slowly(n, now, job);
}

static void finish_part(struct nat *n, nat_time now, struct nat_job *const *jobs, size_t count)
{
	struct ahead ahead[OPEN_BATCH], *next = ahead;

	ahead_open(n, jobs, count, ahead);
	for (size_t i = 0; i < count; i++)
		if (ahead_opens(jobs[i])) {
			n->hashes = &next++->hashes;
			finish(n, now, jobs[i]);
			n->hashes = &n->none;
		} else {
			finish(n, now, jobs[i]);
		}
}

void nat_finish(struct nat *n, nat_time now, struct nat_job *const *jobs, size_t count)
{
	clock_to(n, now);
	for (size_t at = 0; at < count; at += OPEN_BATCH)
		finish_part(n, now, jobs + at, count - at < OPEN_BATCH ? count - at : OPEN_BATCH);
	/* Not before: what was sought together goes by names of then. */
	names_sweep(n);
}

void nat_process(struct nat *n, nat_time now, struct nat_job *job)
{
	nat_seek(n, &job, 1);
	nat_finish(n, now, &job, 1);
}

void nat_process_batch(struct nat *n, nat_time now, struct nat_job *jobs, size_t count)
{
	struct nat_job *part[BATCH];

	for (size_t at = 0; at < count;) {
		size_t in_part = 0;

		while (in_part < BATCH && at < count)
			part[in_part++] = &jobs[at++];
		nat_seek(n, part, in_part);
		nat_finish(n, now, part, in_part);
	}
}

bool nat_has_session(const struct nat *n, const struct nat_job *job)
{
	const struct tuple *t = &job->sought.tuple, *own;

	if (job->session == NAT_NO_SESSION)
		return false;
	own = &session_at(n, job->session)->key[job->from];
	/* By another name, it is still the one. */
	if (transport_is_paired(t->protocol))
		return own->protocol == t->protocol && be32_equal(own->local, t->local) &&
		       be32_equal(own->remote, t->remote);
	return tuple_equal(own, t);
}

/* The session has another address than the datagram left with. */
static bool has_moved(const struct nat *n, const struct nat_job *job)
{
	be32 outside = session_at(n, job->session)->key[SIDE_OUTSIDE].local;

	return job->from == SIDE_INSIDE && !be32_equal(be32_load(pkt_source(job->p)), outside);
}

bool nat_undo(const struct nat *n, struct nat_job *job)
{
	struct rewrite r;

	/* A quote that was moved stays so: of an error nobody is told anything. */
	if (job->kept && (job->before.view.flags & PKT_ICMP_ERROR))
		return false;
	if (before_restore(job)) {
		job->session = NAT_NO_SESSION;
		return true;
	}
	if (job->session == NAT_NO_SESSION)
		return true;
	if (!nat_has_session(n, job) || has_moved(n, job))
		return false;
	r = rewrite_of(session_at(n, job->session), side_other(job->from));
	/* Written where they came from, in the direction they came. */
	r = (struct rewrite){ .source = r.destination, .destination = r.source,
			      .source_port = r.destination_port, .destination_port = r.source_port,
			      .addresses = r.addresses, .ports = r.ports };
	rewrite_apply(job->p, &r);
	if (job->from == SIDE_INSIDE)
		ident_restore(n, job->p);
	helper_undo(n, session_at(n, job->session), job->p, job->from);
	job->session = NAT_NO_SESSION;
	return true;
}

static size_t expire_at(struct nat *n, nat_time now, size_t budget)
{
	size_t visited = 0;

	for (; visited < budget; visited++) {
		uint32_t number = wheel_due(&n->wheel, now.ms);
		int64_t deadline;

		if (number == WHEEL_NONE)
			break;
		n->hashes = ahead_end(n, number);
		deadline = session_deadline(n, session_at(n, number), now);
		if (is_over(deadline, now))
			session_end(n, number);
		else
			wheel_put(&n->wheel, number, deadline);
	}
	n->hashes = &n->none;
	return visited;
}

/* A session's clock tells half its range apart: a longer pause is gone through in steps, the first
 * of which is longer than any timeout. */
size_t nat_expire(struct nat *n, nat_time now, size_t budget)
{
	size_t visited;

	clock_to(n, now);
	ports_wake(&n->ports, now.ms);
	blocks_wake(n, now.ms);
	plans_note(n);
	visited = settle_some(n, budget);
	while (visited < budget) {
		bool far = now.ms - n->expired_ms > PAUSE_MOST_MS;
		nat_time until = { far ? n->expired_ms + PAUSE_MOST_MS : now.ms };

		visited += expire_at(n, until, budget - visited);
		if (visited == budget)
			break;
		n->expired_ms = until.ms;
		if (!far)
			break;
	}
	names_sweep(n);
	return visited;
}
