#include "core.h"

#define ROW(id, name, number) { name, number },
static const struct { const char *name; uint8_t number; } kinds[] = { EVENT_LIST(ROW) };

const char *nat_event_name(enum nat_event_kind k)
{
	return kinds[k].name;
}

uint8_t nat_event_number(enum nat_event_kind k)
{
	return kinds[k].number;
}

void event_note(struct nat *n, struct nat_event e)
{
	struct events *q = &n->events;

	if (!event_is_wanted(n, e.kind))
		return;
	if (q->count == q->most) {
		q->lost++;
		return;
	}
	e.at = n->now;
	q->ring[wrap_at(q->first, q->count++, q->most)] = e;
}

bool nat_event_next(struct nat *n, struct nat_event *out)
{
	struct events *q = &n->events;

	if (!q->count)
		return false;
	*out = q->ring[q->first];
	q->first = wrap_at(q->first, 1, q->most);
	q->count--;
	return true;
}
