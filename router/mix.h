/*
 * Hashes of the router's own: every bit of a word made to depend on all of it; a sum of octets.
 *
 * Sources  Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
 * Errors   None.
 */
#ifndef ROUTER_MIX_H
#define ROUTER_MIX_H

#include <stddef.h>
#include <stdint.h>

#define FNV1A_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* FNV-1a, 64 bits, of octets behind others: where nobody gains by a collision. */
static inline uint64_t fnv1a(uint64_t sum, const void *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ ((const uint8_t *)octets)[i]) * UINT64_C(0x100000001b3);
	return sum;
}

#endif
