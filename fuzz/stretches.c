#include "stretches.h"

#include <string.h>

enum { YOUNG_MS = 1000, OLD_MS = 30000, COUNT_MOST = 12 };

static void forget_old(struct stretches *s, uint64_t now_ms)
{
	for (int i = 0; i < STRETCHES_RECORDS; i++)
		if (now_ms - s->record[i].begun_ms >= OLD_MS)
			s->record[i].used = false;
}

static int find(const struct stretches *s, uint16_t ident)
{
	for (int i = 0; i < STRETCHES_RECORDS; i++)
		if (s->record[i].used && s->record[i].ident == ident)
			return i;
	return STRETCHES_NONE;
}

/* A place for one more, perhaps the oldest's. */
static int place(const struct stretches *s, uint64_t now_ms, enum nat_side side)
{
	int oldest[SIDE_COUNT] = { STRETCHES_NONE, STRETCHES_NONE }, unused = STRETCHES_NONE;
	size_t used[SIDE_COUNT] = { 0 };

	for (int i = 0; i < STRETCHES_RECORDS; i++) {
		int *first = &oldest[s->record[i].side];

		used[s->record[i].side] += s->record[i].used;
		if (!s->record[i].used)
			unused = i;
		else if (*first == STRETCHES_NONE || s->record[i].order < s->record[*first].order)
			*first = i;
	}
	if (used[SIDE_INSIDE] + used[SIDE_OUTSIDE] < s->most)
		return unused;
	if (used[side_other(side)] > used[side])
		return oldest[side_other(side)];
	return used[side] && now_ms - s->record[oldest[side]].begun_ms >= YOUNG_MS ? oldest[side] : STRETCHES_NONE;
}

static int make(struct stretches *s, uint64_t now_ms, uint16_t ident, enum nat_side side)
{
	int i = place(s, now_ms, side);

	if (i == STRETCHES_NONE)
		return i;
	memset(&s->record[i], 0, sizeof(s->record[i]));
	s->record[i].used = true;
	s->record[i].ident = ident;
	s->record[i].side = side;
	s->record[i].begun_ms = now_ms;
	s->record[i].order = ++s->made;
	return i;
}

static size_t came(const struct stretches *s, int record, size_t begin, size_t end)
{
	size_t count = 0;

	for (size_t i = begin; i < end; i++)
		count += s->record[record].came[i];
	return count;
}

/* RFC 5722 section 4: what overlaps ends the datagram, and so do two ends; repetitions do not. */
static enum reason join(struct stretches *s, int r, const struct stretch *x)
{
	size_t known = came(s, r, x->begin, x->end), end = s->record[r].end;
	bool before = x->begin && s->record[r].came[x->begin - 1], behind = s->record[r].came[x->end];

	if (s->record[r].dead || known == x->end - x->begin)
		return REASON_FRAGMENT_OVERLAP;
	s->record[r].dead = known || (end && (x->last || x->end > end)) ||
			    (x->last && came(s, r, x->end, STRETCHES_UNITS));
	if (s->record[r].dead)
		return REASON_FRAGMENT_OVERLAP;
	if (!before && !behind && s->record[r].count == COUNT_MOST)
		return REASON_FRAGMENT_LIMIT;
	s->record[r].count += 1u - before - behind;
	memset(s->record[r].came + x->begin, true, x->end - x->begin);
	if (x->last)
		s->record[r].end = x->end;
	return REASON_NONE;
}

enum reason stretches_take(struct stretches *s, uint64_t now_ms, const struct stretch *x, int *record)
{
	forget_old(s, now_ms);
	*record = find(s, x->ident);
	if (*record == STRETCHES_NONE)
		*record = make(s, now_ms, x->ident, x->side);
	return *record == STRETCHES_NONE ? REASON_FRAGMENT_LIMIT : join(s, *record, x);
}

bool stretches_has(const struct stretches *s, int record)
{
	return s->record[record].used;
}

bool stretches_begun(const struct stretches *s, int record)
{
	return s->record[record].came[0];
}

bool stretches_complete(const struct stretches *s, int record)
{
	size_t end = s->record[record].end;

	return end && came(s, record, 0, end) == end;
}

void stretches_end(struct stretches *s, int record)
{
	if (stretches_complete(s, record))
		s->record[record].used = false;
}
