/* The ring of ring.c with events instead of pointers; what is said there about order holds here. */
#include "router/log_queue.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CACHE_LINE = 64 };

struct log_queue {
	/* Written by the worker. */
	_Alignas(CACHE_LINE) atomic_uint pushed;
	atomic_ullong lost;

	/* Written by the logging thread. */
	_Alignas(CACHE_LINE) atomic_uint popped;

	/* Written by nobody. */
	_Alignas(CACHE_LINE) uint32_t mask;
	struct nat_event *events;
};

struct log_queue *log_queue_new(uint32_t capacity)
{
	struct log_queue *q;

	if (!capacity || capacity & (capacity - 1)) {
		errno = EINVAL;
		return NULL;
	}
	q = aligned_alloc(CACHE_LINE, sizeof(*q));
	if (!q)
		return NULL;
	atomic_init(&q->pushed, 0);
	atomic_init(&q->lost, 0);
	atomic_init(&q->popped, 0);
	q->mask = capacity - 1;
	/* Pages that no event ever reaches are never touched. */
	q->events = calloc(capacity, sizeof(*q->events));
	if (q->events)
		return q;
	free(q);
	return NULL;
}

void log_queue_free(struct log_queue *q)
{
	if (!q)
		return;
	free(q->events);
	free(q);
}

bool log_queue_push(struct log_queue *q, const struct nat_event *e)
{
	uint32_t pushed = atomic_load_explicit(&q->pushed, memory_order_relaxed);

	if (pushed - atomic_load_explicit(&q->popped, memory_order_acquire) > q->mask) {
		atomic_store_explicit(&q->lost,
				      atomic_load_explicit(&q->lost, memory_order_relaxed) + 1,
				      memory_order_relaxed);
		return false;
	}
	q->events[pushed & q->mask] = *e;
	atomic_store_explicit(&q->pushed, pushed + 1, memory_order_release);
	return true;
}

bool log_queue_pop(struct log_queue *q, struct nat_event *e)
{
	uint32_t popped = atomic_load_explicit(&q->popped, memory_order_relaxed);

	if (popped == atomic_load_explicit(&q->pushed, memory_order_acquire))
		return false;
	*e = q->events[popped & q->mask];
	atomic_store_explicit(&q->popped, popped + 1, memory_order_release);
	return true;
}

uint64_t log_queue_lost(const struct log_queue *q)
{
	return atomic_load_explicit(&q->lost, memory_order_relaxed);
}
