/*
 * A ring between two threads, without locks.
 *
 * The slots form a circle. Two counters say how far each side has come: `pushed` is written by the
 * producer only, `popped` by the consumer only. They count from zero and wrap with their type; a
 * slot is the counter modulo the capacity. So
 *
 *	pushed - popped		frames are in the ring, from 0 (empty) to capacity (full),
 *
 * and no slot is wasted to tell full from empty.
 *
 * Order: the producer fills the slot, then stores `pushed` with release; the consumer loads it
 * with acquire before it reads the slot. That is law 2: whatever was written before ring_push() is
 * seen after ring_pop(). The way back is the same with `popped`: the producer fills a slot again
 * only after it has seen, with acquire, that the consumer is done with it.
 *
 * Cost: a counter that the other core writes lives in the other core's cache. Each side therefore
 * keeps the last value of the other's counter that it saw, next to its own, and looks again only
 * when by that value the ring is full or empty. The other counter can only have moved on, so an
 * old value errs on the safe side. In a busy ring one look serves many frames.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "router/ring.h"

enum { CACHE_LINE = 64 };

struct ring {
	/* Written by the producer. */
	_Alignas(CACHE_LINE) atomic_size_t pushed;
	size_t popped_seen;

	/* Written by the consumer. */
	_Alignas(CACHE_LINE) atomic_size_t popped;
	size_t pushed_seen;

	/* Written by nobody; the slots are in lines of their own. */
	_Alignas(CACHE_LINE) size_t mask;
	_Alignas(CACHE_LINE) struct frame *slots[];
};

struct ring *ring_new(size_t capacity)
{
	struct ring *r;

	if (capacity == 0 || (capacity & (capacity - 1)) != 0 ||
	    capacity > (SIZE_MAX - sizeof(*r)) / sizeof(r->slots[0])) {
		errno = EINVAL;
		return NULL;
	}
	void *mem;
	int error = posix_memalign(&mem, CACHE_LINE, sizeof(*r) + capacity * sizeof(r->slots[0]));
	if (error != 0) {
		errno = error;
		return NULL;
	}
	r = mem;
	atomic_init(&r->pushed, 0);
	atomic_init(&r->popped, 0);
	r->popped_seen = 0;
	r->pushed_seen = 0;
	r->mask = capacity - 1;
	return r;
}

void ring_free(struct ring *r)
{
	free(r);
}

size_t ring_room(struct ring *r, size_t wanted)
{
	size_t pushed = atomic_load_explicit(&r->pushed, memory_order_relaxed);

	if (r->mask + 1 - (pushed - r->popped_seen) < wanted)
		r->popped_seen = atomic_load_explicit(&r->popped, memory_order_acquire);
	return r->mask + 1 - (pushed - r->popped_seen);
}

size_t ring_push_many(struct ring *r, struct frame *const *frames, size_t count)
{
	size_t pushed = atomic_load_explicit(&r->pushed, memory_order_relaxed);
	size_t room = ring_room(r, count);

	count = room < count ? room : count;
	for (size_t i = 0; i < count; i++)
		r->slots[(pushed + i) & r->mask] = frames[i];
	atomic_store_explicit(&r->pushed, pushed + count, memory_order_release);
	return count;
}

size_t ring_pop_many(struct ring *r, struct frame **frames, size_t most)
{
	size_t popped = atomic_load_explicit(&r->popped, memory_order_relaxed);
	size_t there = r->pushed_seen - popped;

	if (there < most) {
		r->pushed_seen = atomic_load_explicit(&r->pushed, memory_order_acquire);
		there = r->pushed_seen - popped;
		most = there < most ? there : most;
	}
	for (size_t i = 0; i < most; i++)
		frames[i] = r->slots[(popped + i) & r->mask];
	if (most)
		atomic_store_explicit(&r->popped, popped + most, memory_order_release);
	return most;
}

bool ring_push(struct ring *r, struct frame *f)
{
	return ring_push_many(r, &f, 1) == 1;
}

struct frame *ring_pop(struct ring *r)
{
	struct frame *f;

	return ring_pop_many(r, &f, 1) ? f : NULL;
}

bool ring_is_empty(const struct ring *r)
{
	return atomic_load_explicit(&r->popped, memory_order_relaxed) ==
	       atomic_load_explicit(&r->pushed, memory_order_acquire);
}
