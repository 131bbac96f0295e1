/*
 * What a NAT says besides its verdicts: events, and SYNs that nobody claimed in time.
 *
 * Shape    Events are counted by their kind. A SYN that is to be rejected must be one that came
 *          from outside, was refused, and has waited for its time.
 * Errors   Static text, where the library broke its promise.
 */
#ifndef SCENARIO_NOTES_H
#define SCENARIO_NOTES_H

#include "nat/nat.h"

enum { SYNS_MOST = 2048 };

struct notes {
	uint32_t wait_ms;
	uint32_t events[EVENT_COUNT];
	uint32_t rejected; /* not told about yet */
	size_t syn_count;
	struct syn {
		uint64_t at_ms;
		size_t len;
		uint8_t octets[NAT_REJECTED_MOST];
	} syns[SYNS_MOST];
};

/* A datagram from outside was refused. */
void notes_refused(struct notes *s, nat_time now, const struct pkt *p);

/* Fetch what a worker has to say now; then, that this was all of them. */
const char *notes_fetch(struct notes *s, nat_time now, struct nat *n);
void notes_settle(struct notes *s, nat_time now);

/* Another process begins with so much. */
void notes_begin(struct notes *s, const struct nat_gauges *g);

/* NULL, or that what was created and has not ended is not what is there. */
const char *notes_check(const struct notes *s, const struct nat_gauges *g);

#endif
