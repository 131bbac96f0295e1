/*
 * Hand-off ring: one producer, one consumer, pointers to frames.
 *
 * Laws     1. A frame pushed is popped exactly once, in order. 2. What the producer wrote to a
 *          frame before ring_push() is seen by the consumer after ring_pop(). 3. push and pop
 *          finish in a bounded number of steps, whatever the other does. 4. Between push and pop
 *          a frame belongs to the ring: neither side touches it. 5. A full ring refuses; it never
 *          overwrites.
 * Memory   ring_new() to ring_free(); capacity is a power of two.
 * Errors   ring_push() returns false when full; ring_pop() NULL when empty.
 */
#ifndef ROUTER_RING_H
#define ROUTER_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring;
struct frame;

struct ring *ring_new(size_t capacity);
void ring_free(struct ring *r);

bool ring_push(struct ring *r, struct frame *f);
struct frame *ring_pop(struct ring *r);

/* As many of count as there is room for; as many as there are, most at the most. */
size_t ring_push_many(struct ring *r, struct frame *const *frames, size_t count);
size_t ring_pop_many(struct ring *r, struct frame **frames, size_t most);

/* For the producer: for how many there is room, at least; it looks no further than for so many. */
size_t ring_room(struct ring *r, size_t wanted);

/* For the consumer: whether there is something to pop. */
bool ring_is_empty(const struct ring *r);

#endif
