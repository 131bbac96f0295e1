#include "notes.h"

#include <string.h>

static size_t seen_len(const struct pkt *p)
{
	return p->len < NAT_REJECTED_MOST ? p->len : NAT_REJECTED_MOST;
}

void notes_refused(struct notes *s, nat_time now, const struct pkt *p)
{
	struct syn *syn = &s->syns[s->syn_count];

	if (nat_class_of(p->protocol) != NAT_CLASS_TCP || s->syn_count == SYNS_MOST)
		return;
	s->syn_count++;
	syn->at_ms = now.ms;
	syn->len = seen_len(p);
	memcpy(syn->octets, p->ip, syn->len);
}

static bool is_due(const struct notes *s, const struct syn *syn, nat_time now)
{
	return syn->at_ms + s->wait_ms <= now.ms;
}

static void forget(struct notes *s, size_t at)
{
	s->syns[at] = s->syns[--s->syn_count];
}

static const char *reject(struct notes *s, nat_time now, const struct pkt *p)
{
	for (size_t i = 0; i < s->syn_count; i++) {
		struct syn *syn = &s->syns[i];

		if (syn->len != p->len || memcmp(syn->octets, p->ip, p->len) != 0 ||
		    !is_due(s, syn, now))
			continue;
		forget(s, i);
		s->rejected++;
		return NULL;
	}
	return "a SYN is rejected that did not come, or too early";
}

static const char *count_event(struct notes *s, nat_time now, const struct nat_event *e)
{
	bool of_session = e->kind == EVENT_SESSION_CREATED || e->kind == EVENT_SESSION_DELETED;

	if (e->kind >= EVENT_COUNT || e->at.ms != now.ms)
		return "an event of no kind, or another time";
	if (!of_session && e->kind != EVENT_PLAN &&
	    (e->remote.address.raw || e->remote.port.raw || e->remote.is_v6))
		return "an event that is not about a session says a destination";
	s->events[e->kind]++;
	return NULL;
}

const char *notes_fetch(struct notes *s, nat_time now, struct nat *n)
{
	const char *fault = NULL;
	struct nat_event e;
	struct pkt p;

	while (!fault && nat_rejected_next(n, now, &p))
		fault = reject(s, now, &p);
	while (!fault && nat_event_next(n, &e))
		fault = count_event(s, now, &e);
	if (!fault && nat_gauges(n).events_lost)
		fault = "events are lost, though there is room for all";
	return fault;
}

/* What was due and is not rejected never will be. */
void notes_settle(struct notes *s, nat_time now)
{
	for (size_t i = s->syn_count; i-- > 0;)
		if (is_due(s, &s->syns[i], now))
			forget(s, i);
}

void notes_begin(struct notes *s, const struct nat_gauges *g)
{
	bool ranges = s->events[EVENT_BLOCK_ASSIGNED] || s->events[EVENT_PLAN];

	s->events[EVENT_SESSION_CREATED] = s->events[EVENT_SESSION_DELETED] + g->sessions;
	if (!ranges)
		s->events[EVENT_MAPPING_CREATED] = s->events[EVENT_MAPPING_DELETED] + g->mappings;
	s->syn_count = 0;
}

const char *notes_check(const struct notes *s, const struct nat_gauges *g)
{
	uint32_t mappings = s->events[EVENT_MAPPING_CREATED] - s->events[EVENT_MAPPING_DELETED];
	/* Of mappings with ports out of ranges nothing is told. */
	bool ranges = s->events[EVENT_BLOCK_ASSIGNED] || s->events[EVENT_PLAN];

	if (s->events[EVENT_SESSION_CREATED] - s->events[EVENT_SESSION_DELETED] != g->sessions ||
	    (ranges ? mappings > g->mappings : mappings != g->mappings))
		return "events and gauges disagree";
	return NULL;
}
