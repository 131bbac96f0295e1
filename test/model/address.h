/*
 * Addresses of both families as plain numbers, so that they compare and shift like any other.
 *
 * Sources  RFC 4291 section 2.2.
 * Shape    IPv4's are those below 2^32, as nobody sends to or from ::/96. 0 is nobody.
 * Order    Host order, as far as that can be said.
 * Errors   None.
 */
#ifndef MODEL_ADDRESS_H
#define MODEL_ADDRESS_H

#include "nat/ip6.h"

typedef unsigned __int128 ip_number;

static inline bool ip_is_six(ip_number a)
{
	return a >> 32 != 0;
}

static inline ip_number ip_of_octets(const uint8_t *at, size_t len)
{
	ip_number a = 0;

	for (size_t i = 0; i < len; i++)
		a = a << 8 | at[i];
	return a;
}

static inline void ip_to_octets(ip_number a, uint8_t *at, size_t len)
{
	while (len--) {
		at[len] = (uint8_t)a;
		a >>= 8;
	}
}

static inline ip_number ip_of_six(const struct ip6 *a)
{
	return ip_of_octets(a->octets, 16);
}

static inline struct ip6 ip_to_six(ip_number a)
{
	struct ip6 out;

	ip_to_octets(a, out.octets, 16);
	return out;
}

static inline be32 ip_to_four(ip_number a)
{
	return be32_from((uint32_t)a);
}

/* Where an IPv4 address is expected and the other family's lies beside it. */
static inline be32 ip_or_beside(ip_number a)
{
	return ip_is_six(a) ? be32_from(0xf0000000) : ip_to_four(a);
}

/* The last so many bits of an address of the other's length. */
static inline ip_number ip_low(ip_number a, unsigned bits)
{
	return bits >= 128 ? a : a & (((ip_number)1 << bits) - 1);
}

/* Whether the first len of all bits are those of a prefix. */
static inline bool ip_covers(ip_number prefix, unsigned len, unsigned all, ip_number a)
{
	return len == 0 || (prefix ^ a) >> (all - len) == 0;
}

/* The first len of all bits of one, the rest of another. */
static inline ip_number ip_join(ip_number first, unsigned len, unsigned all, ip_number rest)
{
	return first - ip_low(first, all - len) + ip_low(rest, all - len);
}

#endif
