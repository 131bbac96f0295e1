/*
 * Numbers of free records: last given back, first taken, so that memory stays warm and untouched
 * records stay untouched.
 *
 * Memory   stack: room for capacity numbers, the caller's.
 * Errors   SLAB_NONE when all are taken.
 */
#ifndef NAT_SLAB_H
#define NAT_SLAB_H

#include <stdint.h>

enum { SLAB_NONE = UINT32_MAX };

struct slab {
	uint32_t *stack;
	uint32_t capacity;
	uint32_t returned; /* on the stack */
	uint32_t high;	   /* records from here on were never used */
};

static inline uint32_t slab_used(const struct slab *s)
{
	return s->high - s->returned;
}

static inline uint32_t slab_take(struct slab *s)
{
	if (s->returned)
		return s->stack[--s->returned];
	return s->high < s->capacity ? s->high++ : SLAB_NONE;
}

static inline void slab_give(struct slab *s, uint32_t record)
{
	s->stack[s->returned++] = record;
}

#endif
