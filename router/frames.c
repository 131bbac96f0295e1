#include <unistd.h>

#include "worker_core.h"

struct frame *frame_take(struct worker *w)
{
	struct frame *f = w->spare_count ? w->spare[--w->spare_count] : NULL;

	if (f) {
		f->translate = false;
		f->known_only = false;
		f->link_multicast = false;
		f->session = NAT_NO_SESSION;
		f->offload = (struct virtio_net_hdr){ 0 };
	}
	return f;
}

/* The ring back has room for every frame of its owner. */
void frame_release(struct worker *w, struct frame *f)
{
	if (f->worker == w->id)
		w->spare[w->spare_count++] = f;
	else
		ring_push(w->setup.links->returns[(size_t)w->id * w->workers + f->worker], f);
}

void frame_drop(struct worker *w, struct frame *f, enum reason r)
{
	bump(&w->counters.reasons[r], 1);
	frame_release(w, f);
}

void frame_again(struct worker *w, struct frame *f)
{
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

bool frame_hand(struct worker *w, struct frame *f, uint16_t to)
{
	if (!ring_push(w->setup.links->rings[(size_t)w->id * w->workers + to], f))
		return false;
	bump(&w->counters.handed_off, 1);
	wake(w, to);
	return true;
}
