#include "compare.h"

#include <stdio.h>
#include <string.h>

#include "limits.h"
#include "rules.h"

static const char *const verdicts[] = {
	[NAT_FORWARD] = "forward", [NAT_HAIRPIN] = "hairpin",
	[NAT_UNMATCHED] = "unmatched", [NAT_DROP] = "drop",
};

/* len octets of d, padding and all, against others; both zeros of a checksum are the same. */
static bool same_octets(const struct datagram *d, const uint8_t *out, size_t len, size_t *at)
{
	uint8_t ours[DRAFT_MOST], theirs[DRAFT_MOST];
	struct datagram one = *d, other = *d;

	one.octets = memcpy(ours, d->octets, len);
	other.octets = memcpy(theirs, out, len);
	datagram_one_zero(&one);
	datagram_one_zero(&other);
	for (*at = 0; *at < len; ++*at)
		if (ours[*at] != theirs[*at])
			return false;
	return true;
}

/* What has become IPv6 and may be cut. */
static unsigned piece_of(const struct passage *p)
{
	bool four = p->event.octets[0] >> 4 == 4;

	return four && p->p.version == 6 && !(p->p.flags & PKT_DONT_FRAGMENT) ? p->job.piece : 0;
}

void compare_answers(const struct passage *p, const struct model_answer *answer,
		     const struct datagram *d, char *difference)
{
	const struct nat_job *job = &p->job;
	size_t at;

	if (job->verdict != answer->verdict || job->reason != answer->reason)
		snprintf(difference, WORLD_LINE, "the NAT says %s (%s), the model %s (%s)",
			 verdicts[job->verdict], reason_name(job->reason),
			 verdicts[answer->verdict], reason_name(answer->reason));
	else if (job->verdict == NAT_DROP && job->answer != answer->answer)
		snprintf(difference, WORLD_LINE, "the sender is told %d, by the model %d",
			 (int)job->answer, (int)answer->answer);
	else if (answer->fault)
		snprintf(difference, WORLD_LINE, "the NAT's choice is wrong: %s", answer->fault);
	else if (job->session != answer->session)
		snprintf(difference, WORLD_LINE, "the NAT says session %u, the model %u",
			 job->session, answer->session);
	else if (job->redirected != answer->redirected)
		snprintf(difference, WORLD_LINE, "the NAT says redirected %d, the model %d",
			 job->redirected, answer->redirected);
	else if (piece_of(p) != answer->piece)
		snprintf(difference, WORLD_LINE, "it leaves in pieces of %u octets, for the model %u",
			 piece_of(p), answer->piece);
	else if (p->p.ip != p->out.octets + NAT_HEADROOM && p->p.len != d->len)
		snprintf(difference, WORLD_LINE, "%u octets come out, for the model %zu", p->p.len,
			 d->len);
	else if (!same_octets(d, p->p.ip, passage_len(p), &at))
		snprintf(difference, WORLD_LINE, "octet %zu is %02x, for the model %02x", at,
			 p->p.ip[at], d->octets[at]);
}

void compare_batch(const struct nat_job *job, const struct passage *p, char *difference)
{
	if (job->verdict != p->job.verdict || job->reason != p->job.reason ||
	    job->session != p->job.session ||
	    p->batch_p.ip - p->batch_out.octets != p->p.ip - p->out.octets ||
	    memcmp(p->batch_p.ip, p->p.ip, passage_len(p)) != 0)
		snprintf(difference, WORLD_LINE,
			 "nat_process() says %s (%s), nat_process_batch() %s (%s), or other octets",
			 verdicts[p->job.verdict], reason_name(p->job.reason),
			 verdicts[job->verdict], reason_name(job->reason));
}

void compare_undo(const struct nat *n, const struct passage *p, char *difference)
{
	struct room room = p->out;
	uint8_t before[DRAFT_MOST];
	struct nat_job job = p->job;
	struct pkt view = p->p;
	struct datagram d;
	size_t at;

	if (job.verdict != NAT_FORWARD || (job.session == NAT_NO_SESSION && !job.kept) ||
	    (view.flags & PKT_ICMP_ERROR))
		return;
	view.ip = room.octets + (p->p.ip - p->out.octets);
	if (job.kept)
		job.before.view.ip = room.octets + (job.before.view.ip - p->out.octets);
	job.p = &view;
	nat_undo(n, &job);
	memcpy(before, p->event.octets, p->event.len);
	datagram_read(&d, before, p->event.len, &p->event.offload);
	if (view.len != d.len)
		snprintf(difference, WORLD_LINE, "nat_undo() leaves %u octets, there were %zu",
			 view.len, d.len);
	else if (!same_octets(&d, view.ip, p->event.len, &at))
		snprintf(difference, WORLD_LINE, "nat_undo() leaves octet %zu as %02x, it was %02x",
			 at, view.ip[at], before[at]);
}

void compare_gauges(const struct nat *n, const struct model *m, char *difference)
{
	struct nat_gauges theirs = nat_gauges(n), ours = model_gauges(m);
	const char *fault = nat_check(n);

	if (fault)
		snprintf(difference, WORLD_LINE, "nat_check(): %s", fault);
	else if (theirs.sessions != ours.sessions || theirs.mappings != ours.mappings ||
		 theirs.hosts != ours.hosts || theirs.sessions_created != ours.sessions_created ||
		 theirs.sessions_ended != ours.sessions_ended ||
		 theirs.sessions_lost != ours.sessions_lost ||
		 theirs.sessions_moved != ours.sessions_moved)
		snprintf(difference, WORLD_LINE,
			 "the NAT counts %u sessions, %u mappings, %u hosts, %llu created, %llu lost, "
			 "%llu moved; the model %u, %u, %u, %llu, %llu, %llu",
			 theirs.sessions, theirs.mappings, theirs.hosts,
			 (unsigned long long)theirs.sessions_created,
			 (unsigned long long)theirs.sessions_lost,
			 (unsigned long long)theirs.sessions_moved, ours.sessions, ours.mappings,
			 ours.hosts, (unsigned long long)ours.sessions_created,
			 (unsigned long long)ours.sessions_lost,
			 (unsigned long long)ours.sessions_moved);
}

void compare_events(struct nat *n, const struct model *m, uint64_t *sum, char *difference)
{
	struct nat_event e;

	while (nat_event_next(n, &e))
		*sum += event_weight(&e);
	if (*sum != m->told)
		snprintf(difference, WORLD_LINE, "the log was told otherwise than by the model");
	if (nat_gauges(n).events_lost)
		snprintf(difference, WORLD_LINE, "events are lost");
}

static bool same_syn(const struct pkt *p, const struct model_syn *s)
{
	return p->len == s->len && memcmp(p->ip, s->octets, s->len) == 0;
}

/* In order, and what was left to chance perhaps. */
static bool rejects(struct nat *n, uint64_t now, const struct model_syn *due, size_t count)
{
	struct pkt p;
	bool known = true;
	size_t at = 0;

	while (nat_rejected_next(n, (nat_time){ now }, &p)) {
		while (at < count && due[at].maybe && !same_syn(&p, &due[at]))
			at++;
		known = known && at < count && same_syn(&p, &due[at]);
		at += at < count;
	}
	while (at < count && due[at].maybe)
		at++;
	return known && at == count;
}

void compare_rejected(struct nat *single, struct nat *batch, struct model *m, uint64_t now,
		      char *difference)
{
	struct model_syn due[MODEL_SYNS];
	bool missed = now <= m->syns_missed_until;
	size_t count = 0;

	while (syn_rejected(m, now, &due[count]))
		count++;
	if (!rejects(single, now, due, count) + !rejects(batch, now, due, count) && !missed)
		snprintf(difference, WORLD_LINE, "a SYN is not rejected, or another is");
}

static bool same_place(struct nat_endpoint e, struct place p)
{
	return place_equal(place_of(e), p);
}

/* Milliseconds until a session is over; ticks do not count here. */
static uint64_t left_ms(const struct model *m, const struct model_session *s, uint64_t now)
{
	uint64_t end = model_end(m, s);

	return end > now ? end - now : 0;
}

static const char *session_fault(const struct nat_session *t, const struct model *m,
				 const struct model_session *s, uint64_t now)
{
	if (t->protocol != s->protocol || !same_place(t->inside, s->inside) ||
	    !same_place(t->outside, s->outside) ||
	    !same_place(t->remote, s->remote[SIDE_OUTSIDE]))
		return "endpoints";
	if (t->state != s->tcp.state)
		return "TCP state";
	if (t->idle_ms != now - s->seen_ms)
		return "idle time";
	if (t->expires_ms != left_ms(m, s, now))
		return "time left";
	if (memcmp(t->packets, s->packets, sizeof(s->packets)) != 0 ||
	    memcmp(t->octets, s->octets, sizeof(s->octets)) != 0)
		return "counters";
	if (t->from_forward != m->mappings[s->mapping].from_forward)
		return "origin";
	return NULL;
}

static bool same_mapping(const struct nat_mapping *t, const struct model *m,
			 const struct model_mapping *p)
{
	return p->alive && t->protocol == p->protocol && same_place(t->inside, p->inside) &&
	       same_place(t->outside, p->outside) && t->from_forward == p->from_forward &&
	       t->sessions == mapping_sessions(m, p);
}

static void compare_mappings(const struct nat *n, struct model *m, char *difference)
{
	struct nat_mapping t;

	for (uint32_t cursor = 0; nat_mapping_next(n, &cursor, &t);) {
		size_t i = 0;

		while (i < MODEL_SESSIONS && !same_mapping(&t, m, &m->mappings[i]))
			i++;
		if (i == MODEL_SESSIONS)
			snprintf(difference, WORLD_LINE, "mapping %u is not the model's", t.id);
	}
}

void compare_listings(const struct nat *n, uint64_t now, struct model *m, char *difference)
{
	struct nat_session t;

	for (uint32_t cursor = 0; nat_session_next(n, (nat_time){ now }, &cursor, &t);) {
		const struct model_session *s = session_numbered(m, t.id);
		const char *fault = s ? session_fault(&t, m, s, now) : "all";

		if (fault)
			snprintf(difference, WORLD_LINE,
				 "session %u: %s differs (NAT: %s, idle %u ms, %u ms left; "
				 "model: %s, idle %llu ms, %llu ms left)",
				 t.id, fault, tcp_state_name(t.state), t.idle_ms, t.expires_ms,
				 s ? tcp_state_name(s->tcp.state) : "none",
				 s ? (unsigned long long)(now - s->seen_ms) : 0,
				 s ? (unsigned long long)left_ms(m, s, now) : 0);
	}
	compare_mappings(n, m, difference);
}

static size_t describe_place(const char *between, struct place p, char *out, size_t len)
{
	unsigned four = (unsigned)p.address;
	size_t used = (size_t)snprintf(out, len, "%s", between);

	if (!ip_is_six(p.address))
		return used + (size_t)snprintf(out + used, len - used, "%u.%u.%u.%u:%u", four >> 24,
					       four >> 16 & 255, four >> 8 & 255, four & 255, p.port);
	for (int i = 7; i >= 0; i--)
		used += (size_t)snprintf(out + used, len - used, "%s%x", i == 7 ? "[" : ":",
					 (unsigned)(p.address >> 16 * i) & 0xffff);
	return used + (size_t)snprintf(out + used, len - used, "]:%u", p.port);
}

void describe(const struct datagram *d, enum nat_side from, char *out, size_t len)
{
	size_t used = (size_t)snprintf(out, len, "from %s, protocol %u, ",
				       from == SIDE_INSIDE ? "inside" : "outside", d->protocol);

	used += describe_place("", d->source, out + used, len - used);
	used += describe_place(" > ", d->destination, out + used, len - used);
	if (d->kind == KIND_PORTS && d->protocol == PROTO_TCP)
		used += (size_t)snprintf(out + used, len - used,
					 " flags %02x seq %x ack %x len %u window %u scale %d",
					 d->tcp.flags, d->tcp.seq, d->tcp.ack, d->tcp.len,
					 d->tcp.window, d->tcp.scale);
	used += (size_t)snprintf(out + used, len - used, ", %zu octets ", d->len);
	for (size_t i = 0; i < d->len && used + 3 < len && i < 80; i++)
		used += (size_t)snprintf(out + used, len - used, "%02x", d->octets[i]);
}
