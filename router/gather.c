/*
 * Fragments on their way to the NAT. Which worker owns the session is not known until the first
 * fragment has come; until then the owner by remote address keeps them, a few and for a while.
 */
#include "worker_core.h"

enum { PATIENCE_MS = 1000 };

static struct held *longest_held(struct worker *w)
{
	struct held *longest = &w->held[0];

	for (size_t i = 0; i < HELD_MOST; i++) {
		if (!w->held[i].frame)
			return &w->held[i];
		if (w->held[i].until_ms < longest->until_ms)
			longest = &w->held[i];
	}
	return longest;
}

/* Where there is no room, who has waited for a while gives way. */
static void hold(struct worker *w, struct frame *f, uint32_t datagram)
{
	uint64_t wait = worker_conf(w)->nat.timeout_ms[TIMEOUT_FRAGMENT];
	struct held *h = longest_held(w);

	if (h->frame && h->until_ms + PATIENCE_MS > w->now.ms + wait) {
		frame_drop(w, f, REASON_FRAGMENT_LIMIT);
		return;
	}
	if (h->frame)
		frame_drop(w, h->frame, REASON_FRAGMENT);
	else
		w->held_count++;
	*h = (struct held){ f, datagram, w->now.ms + wait };
}

static void release_some(struct worker *w, const struct frame *known, uint32_t datagram, uint16_t which)
{
	for (size_t i = 0; w->held_count && i < HELD_MOST; i++) {
		struct frame *f = w->held[i].frame;

		if (!f || w->held[i].datagram != datagram || !(f->p.flags & which))
			continue;
		pkt_follow(&f->p, &known->p);
		w->held[i].frame = NULL;
		w->held_count--;
		frame_again(w, f);
	}
}

/* What waited for the first fragment follows it; where all had to wait for the last one to come, the
 * first goes first. False: this one is to wait for its turn as well. */
static bool release(struct worker *w, struct frame *f, uint32_t datagram)
{
	release_some(w, f, datagram, PKT_FRAGMENT_FIRST);
	release_some(w, f, datagram, PKT_FRAGMENT_LATER);
	if (f->p.flags & PKT_FRAGMENT_FIRST)
		return true;
	frame_again(w, f);
	return false;
}

static bool learn(struct worker *w, struct frame *f)
{
	struct nat_fragment_note note;
	enum nat_fragment what = nat_learn(w->nat, w->now, &f->p, f->job.from, &note);

	/* What stays inside and cannot be told to belong to a session is routed as it is. */
	if (f->job.known_only && what != FRAGMENT_KNOWN) {
		f->p.flags |= PKT_PORTS_KNOWN;
		return true;
	}
	if (what == FRAGMENT_HOLD)
		hold(w, f, note.datagram);
	else if (what == FRAGMENT_DROP)
		frame_drop(w, f, note.reason);
	else if (note.release)
		return release(w, f, note.datagram);
	return what == FRAGMENT_KNOWN;
}

/* False: the frame is held, handed to the worker that gathers its datagram, or dropped. */
static bool gather(struct worker *w, struct frame *f)
{
	uint16_t owner;

	if (!f->translate || !pkt_is_fragment(&f->p) || (f->p.flags & PKT_PORTS_KNOWN))
		return true;
	/* Of what stays inside, only TCP and UDP can be an answer from an outside address. */
	if (f->job.known_only && f->p.protocol != PROTO_TCP && f->p.protocol != PROTO_UDP)
		return true;
	/* Once its ports are known it can be looked up. */
	f->sought = false;
	owner = nat_owner(w->nat, &f->p, f->job.from);
	if (owner == w->id)
		return learn(w, f);
	frame_hand(w, f, owner);
	return false;
}

size_t stage_gather(struct worker *w, struct frame **frames, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (gather(w, frames[i]))
			frames[kept++] = frames[i];
	return kept;
}

void gather_expire(struct worker *w)
{
	for (size_t i = 0; w->held_count && i < HELD_MOST; i++) {
		struct frame *f = w->held[i].frame;

		if (!f || w->now.ms < w->held[i].until_ms)
			continue;
		w->held[i].frame = NULL;
		w->held_count--;
		frame_drop(w, f, REASON_FRAGMENT);
	}
}
