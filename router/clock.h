/*
 * Clocks of the kernel, in milliseconds.
 *
 * Errors   None.
 */
#ifndef ROUTER_CLOCK_H
#define ROUTER_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#endif
