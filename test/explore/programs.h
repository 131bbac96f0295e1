/* What is explored: litmus.c, ring.c (rings, and the queue of the log), exchange.c (workers that wait, are
 * asked, and go from a snapshot to the next). */
#ifndef TEST_EXPLORE_PROGRAMS_H
#define TEST_EXPLORE_PROGRAMS_H

#include "explore.h"

size_t litmus_count(void);
const char *litmus_run(size_t i, bool *good);

extern const struct program ring_programs[], exchange_programs[]; /* the last has no name */

#endif
