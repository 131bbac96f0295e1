/*
 * Pseudo-random choices: the same seed, the same choices. Or those that somebody else has made, as long
 * as there are any.
 *
 * Sources  Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64).
 * Shape    A choice that was made is as many octets as its number needs. Zeros are the usual: what
 *          happens one in so many times does not.
 * Order    C leaves open in which order arguments and initializers are evaluated; so that every
 *          compiler makes the same choices, no expression makes two.
 * Errors   None; the numbers are good enough for tests and for nothing else.
 */
#ifndef MODEL_CHANCE_H
#define MODEL_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chance {
	uint64_t state;
	const uint8_t *made, *end; /* octets of choices; equal: there are none */
};

static inline uint32_t chance_take(struct chance *c, size_t octets)
{
	uint32_t taken = 0;

	for (; octets && c->made < c->end; octets--)
		taken = taken << 8 | *c->made++;
	return taken;
}

static inline uint64_t chance_bits(struct chance *c)
{
	uint64_t z;

	if (c->made < c->end)
		return chance_take(c, 4);
	z = c->state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* A number below most, which is above zero. */
static inline uint32_t chance_below(struct chance *c, uint32_t most)
{
	if (c->made < c->end)
		return chance_take(c, most <= 256 ? 1 : most <= 65536 ? 2 : 4) % most;
	return (uint32_t)(chance_bits(c) >> 32) % most;
}

static inline bool chance_one_in(struct chance *c, uint32_t times)
{
	return chance_below(c, times) == times - 1;
}

/* Any element of an array. */
#define CHANCE_OF(c, array) ((array)[chance_below(c, sizeof(array) / sizeof((array)[0]))])

#endif
