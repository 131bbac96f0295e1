/*
 * Pseudo-random choices: the same seed, the same choices.
 *
 * Sources  Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64).
 * Order    C leaves open in which order arguments and initializers are evaluated; so that every
 *          compiler makes the same choices, no expression makes two.
 * Errors   None; the numbers are good enough for tests and for nothing else.
 */
#ifndef MODEL_CHANCE_H
#define MODEL_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chance { uint64_t state; };

static inline uint64_t chance_bits(struct chance *c)
{
	uint64_t z = c->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* A number below most, which is above zero. */
static inline uint32_t chance_below(struct chance *c, uint32_t most)
{
	return (uint32_t)(chance_bits(c) >> 32) % most;
}

static inline bool chance_one_in(struct chance *c, uint32_t times)
{
	return chance_below(c, times) == 0;
}

/* Any element of an array. */
#define CHANCE_OF(c, array) ((array)[chance_below(c, sizeof(array) / sizeof((array)[0]))])

#endif
