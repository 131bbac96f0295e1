/* What is around the workers of exchange.c: a gateway without interfaces, sessions or clock. */
#ifndef TEST_EXPLORE_AROUND_H
#define TEST_EXPLORE_AROUND_H

#include <errno.h>

#include "gateway_core.h"
#include "worker_core.h"

enum { AROUND_SESSIONS = 77 };

/* Two workers that know each other, and a first snapshot. */
struct gateway *around_make(struct worker *workers[2]);
struct conf *around_conf(void);

/* kernel.c */
void kernel_begin(void);
uint64_t *kernel_event(unsigned worker); /* that wakes it */

/* exchange.c: what a worker received. */
void around_receive(const struct frame *f);

#endif
