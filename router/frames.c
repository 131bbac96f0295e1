#include <unistd.h>

#include "worker_core.h"

enum { RING_KEPT = WORKER_RING / 4 };

struct frame *frame_take(struct worker *w)
{
	struct frame *f = w->spare_count ? w->spare[--w->spare_count] : NULL;

	if (f) {
		f->translate = f->sought = f->recalled = f->link_multicast = false;
		f->routed = true; /* by whoever makes it */
		f->job = (struct nat_job){ .p = &f->p, .session = NAT_NO_SESSION };
		f->offload = (struct virtio_net_hdr){ 0 };
		f->priority = 0;
	}
	return f;
}

static void give_back(struct worker *w, uint16_t to)
{
	struct outbox *box = &w->returns[to];

	/* The ring back has room for every frame of its owner. */
	ring_push_many(ring_between(w->setup.links->returns, w, w->id, to), box->frames, box->count);
	box->count = 0;
}

static void box_add(struct outbox *box, struct frame *f)
{
	box->frames[box->count++] = f;
}

/* The kernel hears what became of a datagram that it holds. */
static void settle(struct worker *w, struct frame *f)
{
	struct io *io = w->ios[f->ingress];

	if (io_settles(io))
		io_settle(io, w->id, f);
	f->verdict = (struct frame_verdict){ .pending = PENDING_NOTHING };
}

static void put_by(struct worker *w, struct frame *f)
{
	if (f->verdict.pending != PENDING_NOTHING)
		settle(w, f);
	w->spare[w->spare_count++] = f;
}

void frame_release(struct worker *w, struct frame *f)
{
	if (f->worker == w->id) {
		put_by(w, f);
		return;
	}
	if (w->returns[f->worker].count == FRAME_BATCH)
		give_back(w, f->worker);
	box_add(&w->returns[f->worker], f);
}

void frames_release(struct worker *w, struct frame *const *frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (frames[i]->worker == w->id)
			put_by(w, frames[i]);
		else
			frame_release(w, frames[i]);
}

/* The kernel holds a datagram for an address that it shares with us: what is not the NAT's, whether it
 * has no ports, or is a fragment whose ports are not known, is the host's to judge. What could not be
 * sent on, or not even to its owner, is not: the host would reset our connections. */
static bool is_for_host(const struct worker *w, const struct frame *f, enum reason r)
{
	uint16_t number;

	return f->verdict.pending == PENDING_DROP && r > REASON_OFFLOAD && r < REASON_HANDOFF_FULL &&
	       route_find(w, f, pkt_destination(&f->p), &number)->kind == HOP_POOL_LOCAL;
}

void frame_drop(struct worker *w, struct frame *f, enum reason r)
{
	if (is_for_host(w, f, r)) {
		r = REASON_NOT_OURS;
		f->verdict.pending = PENDING_ACCEPT;
		/* Its owner may sleep for a while. It may know the interface, and we not in this turn. */
		if (f->worker != w->id && io_settles(w->ios[f->ingress]))
			io_settle(w->ios[f->ingress], w->id, f);
	}
	bump(&w->counters.reasons[r], 1);
	frame_release(w, f);
}

void frames_take_back(struct worker *w, uint16_t from)
{
	struct frame **returned = w->spare + w->spare_count;
	size_t count = ring_pop_many(ring_between(w->setup.links->returns, w, from, w->id), returned,
				     w->frame_count);

	w->spare_count += count;
	/* They lie in the other core's cache: not looked at without need. */
	for (size_t i = 0; w->settles && i < count; i++)
		if (returned[i]->verdict.pending != PENDING_NOTHING)
			settle(w, returned[i]);
}

void frame_again(struct worker *w, struct frame *f)
{
	f->sought = false;
	f->recalled = false;
	if (w->again_count == AGAIN_MOST)
		frame_drop(w, f, REASON_HANDOFF_FULL);
	else
		w->again[w->again_count++] = f;
}

static void wake(const struct worker *w, uint16_t to)
{
	const uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&w->setup.links->sleeping[to], __ATOMIC_RELAXED))
		return;
	/* A full counter wakes as well. */
	if (write(w->setup.links->wakeups[to], &one, sizeof(one)) < 0)
		return;
}

/* A flood from outside does not fill the ring: a part of it is for what comes from inside. */
static size_t count_fitting(const struct worker *w, struct ring *ring, const struct outbox *box)
{
	uint16_t from = box->frames[0]->ingress; /* all others, too, but for what comes again */
	size_t kept = worker_conf(w)->interfaces[from].side == SIDE_OUTSIDE ? RING_KEPT : 0;
	size_t room = ring_room(ring, box->count + kept);

	room -= room < kept ? room : kept;
	return box->count < room ? box->count : room;
}

static void hand_over(struct worker *w, uint16_t to)
{
	struct outbox *box = &w->hands[to];
	struct ring *ring = ring_between(w->setup.links->rings, w, w->id, to);
	size_t went = ring_push_many(ring, box->frames, count_fitting(w, ring, box));

	bump(&w->counters.handed_off, went);
	wake(w, to);
	for (size_t i = went; i < box->count; i++)
		frame_drop(w, box->frames[i], REASON_HANDOFF_FULL);
	box->count = 0;
}

void frame_hand(struct worker *w, struct frame *f, uint16_t to)
{
	if (w->hands[to].count == FRAME_BATCH)
		hand_over(w, to);
	box_add(&w->hands[to], f);
}

void frames_flush(struct worker *w)
{
	for (uint16_t to = 0; to < w->workers; to++) {
		if (w->hands[to].count)
			hand_over(w, to);
		if (w->returns[to].count)
			give_back(w, to);
	}
	for (uint32_t left = w->settles; left; left &= left - 1)
		io_flush(w->ios[__builtin_ctz(left)], w->id);
}
