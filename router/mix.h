/*
 * Every bit of a word made to depend on all of it, for tables of the router's own.
 *
 * Sources  Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
 * Errors   None.
 */
#ifndef ROUTER_MIX_H
#define ROUTER_MIX_H

#include <stdint.h>

static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

#endif
