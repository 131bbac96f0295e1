/*
 * Numbers as they lie on the wire, and how to read and write them.
 *
 * Shape    be16 and be32 hold network order and are types of their own, so that the
 *          compiler refuses to mix them with host numbers. Host numbers are plain integers.
 * Errors   None. Bounds are the caller's: in this library only pkt_parse() reads octets
 *          whose presence is not yet known.
 */
#ifndef NAT_BYTES_H
#define NAT_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct { uint16_t raw; } be16;
typedef struct { uint32_t raw; } be32;

static inline uint16_t load16(const uint8_t at[static 2])
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t load32(const uint8_t at[static 4])
{
	return (uint32_t)load16(at) << 16 | load16(at + 2);
}

static inline void store16(uint8_t at[static 2], uint16_t host)
{
	at[0] = (uint8_t)(host >> 8);
	at[1] = (uint8_t)host;
}

static inline void store32(uint8_t at[static 4], uint32_t host)
{
	store16(at, (uint16_t)(host >> 16));
	store16(at + 2, (uint16_t)host);
}

static inline be16 be16_load(const uint8_t at[static 2])
{
	be16 v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static inline be32 be32_load(const uint8_t at[static 4])
{
	be32 v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static inline void be16_store(uint8_t at[static 2], be16 v)
{
	memcpy(at, &v, sizeof(v));
}

static inline void be32_store(uint8_t at[static 4], be32 v)
{
	memcpy(at, &v, sizeof(v));
}

static inline be16 be16_from(uint16_t host)
{
	be16 v;

	store16((uint8_t *)&v, host);
	return v;
}

static inline be32 be32_from(uint32_t host)
{
	be32 v;

	store32((uint8_t *)&v, host);
	return v;
}

static inline uint16_t be16_host(be16 v)
{
	return load16((const uint8_t *)&v);
}

static inline uint32_t be32_host(be32 v)
{
	return load32((const uint8_t *)&v);
}

static inline bool be16_equal(be16 a, be16 b)
{
	return a.raw == b.raw;
}

static inline bool be32_equal(be32 a, be32 b)
{
	return a.raw == b.raw;
}

#endif
