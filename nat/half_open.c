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
	return nat_config_part(c, c->half_open ? c->half_open : (c->sessions + 3) / 4);
}

uint32_t half_open_room(const struct nat_config *c)
{
	return 2 * sessions_of_worker(c);
}

static uint32_t position(const struct half_open *h, uint32_t i)
{
	return wrap_at(h->first, i, h->room);
}

/* The first in the ring is the one that began first. */
static void drop_gaps(struct half_open *h)
{
	while (h->listed && h->ring[h->first] == SLAB_NONE) {
		h->first = position(h, 1);
		h->listed--;
	}
}

static bool end_oldest(struct nat *n)
{
	struct half_open *h = &n->half_open;
	uint32_t number = h->listed ? h->ring[h->first] : SLAB_NONE;

	if (number == SLAB_NONE || (uint32_t)n->now.ms - session_at(n, number)->seen_ms < PRESSURE_MS)
		return false;
	wheel_take(&n->wheel, number);
	session_end(n, number);
	return true;
}

bool half_open_admits(struct nat *n, uint32_t mapping)
{
	bool admits = n->half_open.count < n->half_open.most;
	struct mapping *m = &n->mappings[mapping];

	if (admits)
		return true;
	/* What ends may be the last session that the mapping has, or its host. */
	m->sessions++;
	n->hosts[m->host].sessions++;
	admits = end_oldest(n);
	n->hosts[m->host].sessions--;
	m->sessions--;
	return admits;
}

static void put(struct nat *n, uint32_t i, uint32_t session)
{
	uint32_t at = position(&n->half_open, i);

	n->half_open.ring[at] = session;
	session_at(n, session)->half_open = at;
}

/* As there is room for twice as many as there can be, many gaps are closed at once. (There may be
 * more than the limit: a connection that begins anew after it was over needs no admission.) */
static void close_gaps(struct nat *n)
{
	struct half_open *h = &n->half_open;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < h->listed; i++) {
		uint32_t session = h->ring[position(h, i)];

		if (session != SLAB_NONE)
			put(n, kept++, session);
	}
	h->listed = kept;
}

void half_open_note(struct nat *n, uint32_t session, bool begins)
{
	struct half_open *h = &n->half_open;
	uint32_t at = session_at(n, session)->half_open;

	h->count += begins ? 1 : UINT32_MAX;
	if (!begins) {
		h->ring[at] = SLAB_NONE;
		drop_gaps(h);
		return;
	}
	if (h->listed == h->room)
		close_gaps(n);
	put(n, h->listed++, session);
}
