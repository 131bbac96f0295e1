#include "router/log_limit.h"

static bool admit_one_more(struct log_limits *l, uint64_t second)
{
	/* The clocks of workers are a batch apart: what is late counts as of now. */
	if (second > l->second) {
		l->second = second;
		l->count = 0;
	}
	if (l->count < l->per_second) {
		l->count++;
		return true;
	}
	l->limited++;
	return false;
}

bool log_limits_admit(struct log_limits *l, const struct nat_event *e)
{
	switch ((enum nat_event_kind)e->kind) {
	case EVENT_BLOCK_ASSIGNED:
	case EVENT_BLOCK_RELEASED:
	case EVENT_PLAN:
		return true;
	case EVENT_PORTS_EXHAUSTED:
	case EVENT_QUOTA_EXCEEDED:
		l->causes[e->reason].last = *e;
		l->causes[e->reason].waiting++;
		return false;
	default:
		return admit_one_more(l, e->at.ms / 1000);
	}
}

bool log_limits_due(struct log_limits *l, nat_time now, struct nat_event *e, uint64_t *count)
{
	for (size_t i = 0; i < REASON_COUNT; i++) {
		struct log_cause *c = &l->causes[i];

		if (!c->waiting || now.ms < c->quiet_until_ms)
			continue;
		*e = c->last;
		*count = c->waiting;
		c->waiting = 0;
		c->quiet_until_ms = now.ms + LOG_CAUSE_MS;
		return true;
	}
	return false;
}
