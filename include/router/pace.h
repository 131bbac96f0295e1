/*
 * Whether a worker that finds nothing to do stays awake, and looks for more.
 *
 * Where work comes so densely that it came within poll_us the last times, the worker stays awake for
 * as long: to fall asleep and to be woken takes its time. Sparse work is not worth that: it would
 * cost processor time, and gain little. And a worker that finds that, while it looked for work, its
 * processor was taken away competes with others for it, and leaves it to them for a while.
 */
#ifndef ROUTER_PACE_H
#define ROUTER_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* So often in a row work must have come soon; longer than any turn without work takes by itself;
 * for how long others come first. */
enum { PACE_DENSE = 2, PACE_TAKEN_US = 100, PACE_YIELD_US = 100000 };

/* Zeroed at first. */
struct pace {
	bool busy, awake;  /* found work in the turn before; did not sleep after it */
	uint64_t turn_us;  /* when that turn began */
	uint64_t idle_us;  /* when work was over */
	uint64_t yield_us; /* until when others come first */
	unsigned soon;	   /* how often in a row more work came within poll_us */
};

/* After a turn that began at now_us: true to stay awake, false to sleep. */
bool pace_keep(struct pace *p, bool worked, uint64_t now_us, uint32_t poll_us);

#endif
