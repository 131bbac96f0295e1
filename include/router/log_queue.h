/*
 * Events on their way from one worker to the thread that logs.
 *
 * Laws     As those of ring.h, for values: in order, each once, in a bounded number of steps. A full
 *          queue refuses what is new.
 * Memory   log_queue_new() to log_queue_free(), which takes NULL; capacity is a power of two.
 * Errors   log_queue_push() returns false when full, and counts it; log_queue_pop() when empty.
 */
#ifndef ROUTER_LOG_QUEUE_H
#define ROUTER_LOG_QUEUE_H

#include "nat/event.h"

struct log_queue;

struct log_queue *log_queue_new(uint32_t capacity);
void log_queue_free(struct log_queue *q);

/* One thread pushes, one pops. */
bool log_queue_push(struct log_queue *q, const struct nat_event *e);
bool log_queue_pop(struct log_queue *q, struct nat_event *e);

/* How many were refused; for any thread. */
uint64_t log_queue_lost(const struct log_queue *q);

#endif
