/*
 * Numbers of free records: last given back, first taken, so that memory stays warm and untouched
 * records stay untouched.
 *
 * Memory   None of its own: a free record holds the number of the next one, in a field of its own that
 *          nobody reads while it is free.
 * Errors   SLAB_NONE when all are taken.
 */
#ifndef NAT_SLAB_H
#define NAT_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { SLAB_NONE = UINT32_MAX };

struct slab {
	uint8_t *links; /* that field of record 0 */
	size_t stride;
	uint32_t capacity;
	uint32_t first;	   /* of the free ones, or SLAB_NONE */
	uint32_t returned; /* free ones */
	uint32_t high;	   /* records from here on were never used */
};

/* link: a uint32_t in the first of capacity records, stride octets apart. */
static inline struct slab slab_over(uint32_t *link, size_t stride, uint32_t capacity)
{
	return (struct slab){ .links = (uint8_t *)link, .stride = stride, .capacity = capacity,
			      .first = SLAB_NONE };
}

static inline uint32_t *slab_link(const struct slab *s, uint32_t record)
{
	return (uint32_t *)(void *)(s->links + record * s->stride);
}

static inline uint32_t slab_used(const struct slab *s)
{
	return s->high - s->returned;
}

static inline uint32_t slab_take(struct slab *s)
{
	uint32_t record = s->first;

	if (record == SLAB_NONE)
		return s->high < s->capacity ? s->high++ : SLAB_NONE;
	s->first = *slab_link(s, record);
	s->returned--;
	return record;
}

static inline void slab_give(struct slab *s, uint32_t record)
{
	*slab_link(s, record) = s->first;
	s->first = record;
	s->returned++;
}

#endif
