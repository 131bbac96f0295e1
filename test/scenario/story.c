#include "story.h"

#include <stdlib.h>
#include <string.h>

enum { LOOPS_MOST = 4, HELD_MOST = 16 };

/* A story while it is read: loops that are open, whether the last step awaits its outcome, and the
 * steps whose datagrams are held, first come first. */
struct reading {
	struct story *story;
	size_t room;
	size_t loops[LOOPS_MOST], loop_count;
	bool awaiting;
	size_t held[HELD_MOST], held_count;
};

static const char *const sides[SIDE_COUNT] = { [SIDE_INSIDE] = "in>", [SIDE_OUTSIDE] = "<out" };
static const char *const exits[SIDE_COUNT] = { [SIDE_INSIDE] = "<in", [SIDE_OUTSIDE] = "out>" };

#define STATE_NAME(id, name) [TCP_##id] = name,
static const char *const states[] = { TCP_STATE_LIST(STATE_NAME) NULL };

#define REASON_NAME(id, name, help) [REASON_##id] = name,
static const char *const reasons[] = { REASON_LIST(REASON_NAME) NULL };

#define EVENT_NAME(id, name, number) [EVENT_##id] = name,
static const char *const events[] = { EVENT_LIST(EVENT_NAME) NULL };

static const char *const relations[] = {
	[EQUAL] = "=", [UNEQUAL] = "!=", [BELOW] = "<", [NOT_BELOW] = ">=",
	[EVEN] = "even", [ODD] = "odd", NULL,
};

static struct step *add_step(struct words *w, struct reading *r, enum step_kind kind)
{
	struct story *s = r->story;

	if (s->step_count == r->room) {
		struct step *more = realloc(s->steps, (r->room * 2 + 8) * sizeof(*more));

		if (!more) {
			words_fault(w, "out of memory");
			abort();
		}
		s->steps = more;
		r->room = r->room * 2 + 8;
	}
	s->steps[s->step_count] = (struct step){ .kind = kind, .line = w->line };
	return &s->steps[s->step_count++];
}

static struct value read_value(struct words *w)
{
	char text[64];

	snprintf(text, sizeof(text), "%s", words_next(w));
	return words_value_of(w, text, UINT32_MAX);
}

static void read_pass(struct words *w, struct step *s, enum nat_side from)
{
	s->kind = STEP_PASS;
	s->from = from;
	message_read(w, &s->sent);
}

static enum nat_answer read_answer(struct words *w)
{
	if (words_take(w, "prohibited"))
		return NAT_ANSWER_PROHIBITED;
	if (words_take(w, "protocol"))
		return NAT_ANSWER_PROTOCOL;
	return words_take(w, "silent") ? NAT_ANSWER_SILENT : NAT_ANSWER_REASON;
}

/* What the line behind a datagram says becomes of it. */
static void read_outcome(struct words *w, struct reading *r)
{
	struct step *s = &r->story->steps[r->story->step_count - 1];

	r->awaiting = false;
	s->outcome_line = w->line;
	s->awaited = s->sent;
	for (int side = 0; side < SIDE_COUNT; side++) {
		if (!words_take(w, exits[side]))
			continue;
		s->outcome = COMES_OUT;
		s->to = (enum nat_side)side;
		/* Whether a sum is right, and by how much not, is inherited; its value is not. */
		if (s->awaited.outer.sum.how == SUM_EXACT)
			s->awaited.outer.sum.how = SUM_RIGHT;
		if (*words_peek(w))
			message_read(w, &s->awaited);
		return;
	}
	if (words_take(w, "unmatched")) {
		s->outcome = IS_UNMATCHED;
	} else if (words_take(w, "drop")) {
		s->outcome = IS_DROPPED;
		s->reason = (enum reason)words_choice(w, reasons);
		s->answer = read_answer(w);
	} else if (words_take(w, "held") && r->held_count < HELD_MOST) {
		s->outcome = IS_HELD;
		r->held[r->held_count++] = r->story->step_count - 1;
	} else {
		words_fault(w, "what becomes of the datagram above: out>, <in, drop, unmatched or held");
	}
}

/* A datagram that was held comes next: the one that has been for the longest. */
static void read_released(struct words *w, struct reading *r, struct step *s)
{
	if (!r->held_count) {
		words_fault(w, "no datagram is held");
		return;
	}
	s->kind = STEP_RELEASED;
	s->from = r->story->steps[r->held[0]].from;
	s->sent = r->story->steps[r->held[0]].sent;
	memmove(r->held, r->held + 1, --r->held_count * sizeof(r->held[0]));
	read_outcome(w, r);
}

static void read_gauge(struct words *w, struct step *s, enum gauge gauge)
{
	static const char *const protocols[] = { "tcp", "udp", "icmp", "udplite", "dccp", NULL };

	s->kind = STEP_GAUGE;
	s->gauge = gauge == GAUGE_TCP ? GAUGE_TCP + words_choice(w, protocols) : gauge;
	s->a = read_value(w);
}

static void read_events(struct words *w, struct step *s)
{
	s->kind = STEP_EVENTS;
	s->event = (enum nat_event_kind)words_choice(w, events);
	s->a = read_value(w);
}

static void read_rejected(struct words *w, struct step *s)
{
	s->kind = STEP_REJECTED;
	s->a = read_value(w);
}

/* address 198.51.100.2 198.51.100.3 */
static void read_address(struct words *w, struct step *s)
{
	s->kind = STEP_ADDRESS;
	s->a = read_value(w);
	s->b = read_value(w);
}

/* restart, restart killed */
static void read_restart(struct words *w, struct step *s)
{
	s->kind = STEP_RESTART;
	s->killed = words_take(w, "killed");
}

static void read_state(struct words *w, struct step *s)
{
	s->kind = STEP_STATE;
	s->state = (enum tcp_state)words_choice(w, states);
}

static void read_expect(struct words *w, struct step *s)
{
	s->kind = STEP_EXPECT;
	s->a = read_value(w);
	s->relation = (enum relation)words_choice(w, relations);
	if (s->relation < EVEN)
		s->b = read_value(w);
}

/* for $i 1-200 */
static void read_for(struct words *w, struct reading *r, struct step *s)
{
	char text[32];
	char *dash;

	s->kind = STEP_FOR;
	s->a = read_value(w);
	snprintf(text, sizeof(text), "%s", words_next(w));
	dash = strchr(text, '-');
	if (!dash || !s->a.variable || s->a.number.low || r->loop_count == LOOPS_MOST) {
		words_fault(w, "for $NAME FIRST-LAST, at most %d in one another", LOOPS_MOST);
		return;
	}
	*dash++ = '\0';
	s->first = words_number_of(w, text, UINT32_MAX);
	s->last = words_number_of(w, dash, UINT32_MAX - 1);
	r->loops[r->loop_count++] = r->story->step_count - 1;
}

static void read_end(struct words *w, struct reading *r, struct step *s)
{
	s->kind = STEP_END;
	if (!r->loop_count)
		words_fault(w, "end without for");
	else
		r->story->steps[r->loops[--r->loop_count]].end = r->story->step_count - 1;
}

static void read_time(struct words *w, struct step *s)
{
	const char *word = words_peek(w);

	s->relative = true;
	if (*word < '0' || *word > '9') {
		if (*word != '+')
			return;
		w->word[w->at]++;
		s->ms = words_ms(w);
		return;
	}
	s->relative = false;
	s->ms = words_ms(w);
}

static void read_step(struct words *w, struct reading *r)
{
	static const struct { const char *word; enum gauge gauge; } gauges[] = {
		{ "sessions", GAUGE_SESSIONS }, { "mappings", GAUGE_MAPPINGS },
		{ "hosts", GAUGE_HOSTS },	{ "ports", GAUGE_TCP },
		{ "held_ports", GAUGE_HELD_PORTS }, { "lost", GAUGE_LOST },
		{ "moved", GAUGE_MOVED },	{ "kept", GAUGE_KEPT },
	};
	struct step *s = add_step(w, r, STEP_WAIT);

	read_time(w, s);
	for (int side = 0; side < SIDE_COUNT; side++) {
		if (!words_take(w, sides[side]))
			continue;
		read_pass(w, s, (enum nat_side)side);
		r->awaiting = true;
		return;
	}
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		if (words_take(w, gauges[i].word)) {
			read_gauge(w, s, gauges[i].gauge);
			return;
		}
	if (words_take(w, "released"))
		read_released(w, r, s);
	else if (words_take(w, "rejected"))
		read_rejected(w, s);
	else if (words_take(w, "events"))
		read_events(w, s);
	else if (words_take(w, "address"))
		read_address(w, s);
	else if (words_take(w, "restart"))
		read_restart(w, s);
	else if (words_take(w, "state"))
		read_state(w, s);
	else if (words_take(w, "expect"))
		read_expect(w, s);
	else if (words_take(w, "for"))
		read_for(w, r, s);
	else if (words_take(w, "end"))
		read_end(w, r, s);
}

static void read_title(struct words *w, struct story *s)
{
	size_t len = 0;

	while (!w->fault[0] && *words_peek(w) && len < TITLE_MOST)
		len += (size_t)snprintf(s->title + len, TITLE_MOST - len, "%s%s", len ? " " : "",
					words_next(w));
}

static void read_workers(struct words *w, struct story *s)
{
	s->worker_count_count = 0;
	do {
		if (s->worker_count_count == WORKER_COUNTS_MOST)
			words_fault(w, "more than %d numbers of workers", WORKER_COUNTS_MOST);
		else
			s->worker_counts[s->worker_count_count++] =
				(uint16_t)words_number(w, NAT_WORKERS_MOST);
	} while (!w->fault[0] && *words_peek(w));
}

static void read_line(struct words *w, struct reading *r)
{
	if (r->awaiting)
		read_outcome(w, r);
	else if (words_take(w, "title"))
		read_title(w, r->story);
	else if (words_take(w, "conf"))
		settings_read(w, &r->story->settings);
	else if (words_take(w, "restarts"))
		r->story->restarts = true;
	else if (words_take(w, "workers"))
		read_workers(w, r->story);
	else
		read_step(w, r);
	if (*words_peek(w))
		words_fault(w, "\"%s\" is not known here", words_peek(w));
}

static void check_whole(struct words *w, const struct reading *r)
{
	if (r->awaiting)
		words_fault(w, "what becomes of the last datagram is missing");
	if (r->loop_count)
		words_fault(w, "for without end");
	if (!r->story->title[0])
		words_fault(w, "title is missing");
	if (!r->story->step_count)
		words_fault(w, "nothing happens");
}

struct story *story_read(struct words *w)
{
	static const uint16_t usual_counts[] = { 1, 2, 4 };
	struct story *s = calloc(1, sizeof(*s));
	struct reading r = { .story = s };

	if (!s)
		abort();
	s->settings = settings_default();
	s->worker_count_count = 3;
	memcpy(s->worker_counts, usual_counts, sizeof(usual_counts));
	while (!w->fault[0] && words_line(w))
		read_line(w, &r);
	check_whole(w, &r);
	if (w->fault[0]) {
		story_free(s);
		return NULL;
	}
	settings_finish(&s->settings);
	s->names = w->names;
	return s;
}

void story_free(struct story *s)
{
	free(s->steps);
	free(s);
}
