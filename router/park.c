/*
 * Frames whose next hop has no link-layer address yet (RFC 1122 section 2.3.2.2): a few wait while
 * the kernel asks, the rest is dropped. Who waits in vain is told that the host is unreachable, as
 * after three questions a second apart.
 */
#include "worker_core.h"

enum { PARK_PER_HOP = 3, PARK_MS = 3000 };

static size_t parked_for(const struct worker *w, const struct address *next_hop)
{
	size_t count = 0;

	for (size_t i = 0; i < w->parked_count; i++)
		count += address_equal(&w->parked[i].frame->next_hop, next_hop);
	return count;
}

bool park(struct worker *w, struct frame *f)
{
	if (w->parked_count == PARKED_MOST || parked_for(w, &f->next_hop) == PARK_PER_HOP) {
		frame_drop(w, f, REASON_NEIGHBOUR);
		return false;
	}
	w->parked[w->parked_count++] = (struct parked){ f, w->now.ms + PARK_MS };
	return true;
}

/* True if it need not wait any longer. */
static bool leaves(struct worker *w, const struct parked *p)
{
	struct frame *f = p->frame;
	size_t sent = 0;
	enum reason r = io_send(w->ios[f->egress], w->id, &f, 1, &sent);

	if (sent)
		forward_sent(w, f);
	else if (r != REASON_NEIGHBOUR)
		frame_drop(w, f, r);
	else if (w->now.ms < p->until_ms)
		return false;
	else
		local_refuse(w, f, r);
	return true;
}

void park_retry(struct worker *w)
{
	size_t kept = 0, count = w->parked_count;

	if (!count || w->park_tried_ms == w->now.ms)
		return;
	w->park_tried_ms = w->now.ms;
	/* The outboxes are empty: an error of ours goes there, and nothing comes back to here. */
	for (size_t i = 0; i < count; i++)
		if (!leaves(w, &w->parked[i]))
			w->parked[kept++] = w->parked[i];
	w->parked_count = kept;
}
