/*
 * Places in a ring that lies in an array of most entries.
 *
 * Errors   None. first and i are below most, or i is most and the place is first again.
 */
#ifndef NAT_WRAP_H
#define NAT_WRAP_H

#include <stdint.h>

/* The place of entry i behind first. */
static inline uint32_t wrap_at(uint32_t first, uint32_t i, uint32_t most)
{
	uint32_t at = first + i;

	return at < most ? at : at - most;
}

#endif
