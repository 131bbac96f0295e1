/*
 * What every target shares: the face that libFuzzer or main.c calls, and a cursor over an input.
 *
 * Shape    Behind the end of an input there are zeros, so that every input means something and a
 *          reader checks nothing. A target demands with assert().
 * Order    Numbers of several octets are in network order.
 * Memory   input_take() points into the input. copy_exactly() allocates no octet more than asked
 *          for, so that AddressSanitizer sees whatever is read behind it.
 * Errors   None.
 */
#ifndef FUZZ_H
#define FUZZ_H

#undef NDEBUG
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Run the target on one input; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len);

struct input { const uint8_t *at, *end; };

static inline struct input input_of(const uint8_t *octets, size_t len)
{
	return (struct input){ octets, octets + len };
}

static inline size_t input_left(const struct input *in)
{
	return (size_t)(in->end - in->at);
}

static inline uint8_t input_u8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline uint16_t input_u16(struct input *in)
{
	uint8_t high = input_u8(in);

	return (uint16_t)(high << 8 | input_u8(in));
}

static inline uint32_t input_u32(struct input *in)
{
	uint32_t high = input_u16(in);

	return high << 16 | input_u16(in);
}

/* One of count values; count is at most 256. */
static inline uint8_t input_below(struct input *in, unsigned count)
{
	return (uint8_t)(input_u8(in) % count);
}

/* The next octets, *len of them or as many as there are. */
static inline const uint8_t *input_take(struct input *in, size_t *len)
{
	const uint8_t *at = in->at;

	if (*len > input_left(in))
		*len = input_left(in);
	in->at += *len;
	return at;
}

static inline uint8_t *copy_exactly(const uint8_t *octets, size_t len)
{
	uint8_t *copy = calloc(len, 1);

	assert(copy || !len);
	if (len)
		memcpy(copy, octets, len);
	return copy;
}

#endif
