/*
 * TCP sessions that somebody outside began and nobody inside has answered yet. They have a limit of
 * their own, so that a flood of SYNs to a forward takes no room from others; at the limit, those
 * that have waited for PRESSURE_MS give way (RFC 4987 section 3.1, RFC 6888 REQ-11: established
 * sessions never do).
 */
#include "core.h"

enum { PRESSURE_MS = 30000 };

uint32_t half_open_most(const struct nat_config *c)
{
	uint32_t most = c->half_open ? c->half_open : (c->sessions + 3) / 4;

	return (most + c->workers - 1) / c->workers;
}

/* In order of beginning; what was answered meanwhile, or is not old enough, stays. */
static bool end_oldest(struct nat *n)
{
	struct half_open *h = &n->half_open;

	while (h->listed) {
		uint32_t number = h->ring[h->first];
		struct session *s = session_at(n, number);
		bool half = s->key[SIDE_INSIDE].protocol && session_is_half_open(s);

		if (half && (uint32_t)n->now.ms - s->seen_ms < PRESSURE_MS)
			return false;
		h->first = h->first + 1 < h->most ? h->first + 1 : 0;
		h->listed--;
		if (!half)
			continue;
		wheel_take(&n->wheel, number);
		session_end(n, number);
		return true;
	}
	return false;
}

bool half_open_admits(struct nat *n, uint32_t mapping)
{
	bool admits = n->half_open.count < n->half_open.most;

	if (admits)
		return true;
	/* What ends may be the last session that the mapping has. */
	n->mappings[mapping].sessions++;
	admits = end_oldest(n);
	n->mappings[mapping].sessions--;
	return admits;
}

void half_open_note(struct nat *n, uint32_t session, bool begins)
{
	struct half_open *h = &n->half_open;
	uint32_t at;

	h->count += begins ? 1 : UINT32_MAX;
	if (!begins)
		return;
	if (h->listed == h->most) {
		h->first = h->first + 1 < h->most ? h->first + 1 : 0;
		h->listed--;
	}
	at = h->first + h->listed++;
	h->ring[at < h->most ? at : at - h->most] = session;
}
