/*
 * IPv6 addresses and prefixes as values.
 *
 * Sources  RFC 4291 section 2.
 * Shape    struct ip6 is sixteen octets as they lie in a datagram, comparable as octets. Of a
 *          prefix the octets behind its length are zero.
 * Errors   None: lengths are at most 128.
 */
#ifndef NAT_IP6_H
#define NAT_IP6_H

#include "nat/bytes.h"

struct ip6 { uint8_t octets[16]; };

struct ip6_prefix {
	struct ip6 address;
	uint8_t len;
};

static inline struct ip6 ip6_load(const uint8_t at[static 16])
{
	struct ip6 a;

	memcpy(&a, at, sizeof(a));
	return a;
}

static inline bool ip6_equal(const struct ip6 *a, const struct ip6 *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool ip6_is_zero(const struct ip6 *a)
{
	const struct ip6 zero = { { 0 } };

	return ip6_equal(a, &zero);
}

/* The bits of an octet that a prefix of so many bits left has. */
static inline uint8_t ip6_mask(unsigned bits)
{
	return (uint8_t)(bits >= 8 ? 0xff : 0xff00 >> bits);
}

/* What the first bits of two words of eight octets differ in; bits is above zero. */
static inline uint64_t ip6_differ(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap64(x ^ y) >> (64 - bits);
#else
	return (x ^ y) >> (64 - bits);
#endif
}

static inline bool ip6_prefix_has(const struct ip6_prefix *p, const struct ip6 *a)
{
	const uint8_t *x = p->address.octets, *y = a->octets;

	if (p->len <= 64)
		return !p->len || !ip6_differ(x, y, p->len);
	return !ip6_differ(x, y, 64) && !ip6_differ(x + 8, y + 8, p->len - 64u);
}

/* The address with everything behind the first len bits taken from another. */
static inline struct ip6 ip6_joined(const struct ip6 *first, uint8_t len, const struct ip6 *rest)
{
	struct ip6 a = *rest;
	unsigned whole = len / 8u, bits = len % 8u;

	memcpy(&a, first, whole);
	if (bits)
		a.octets[whole] = (uint8_t)((first->octets[whole] & ip6_mask(bits)) |
					    (rest->octets[whole] & ~ip6_mask(bits)));
	return a;
}

/* Nothing but zeros behind the length. */
static inline bool ip6_prefix_is_clean(const struct ip6_prefix *p)
{
	const struct ip6 zeros = { { 0 } };
	struct ip6 a = ip6_joined(&p->address, p->len, &zeros);

	return ip6_equal(&a, &p->address);
}

#endif
