/*
 * Addresses and prefixes of either IP version, as values and as text.
 *
 * Sources  RFC 4291 section 2.2, RFC 5952 (text of IPv6), RFC 4632 section 3.1 (prefixes).
 * Order    Octets are in network order; an IPv4 address occupies the first four, the rest is zero.
 * Errors   Parsers return false and write nothing.
 */
#ifndef ROUTER_ADDRESS_H
#define ROUTER_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address {
	uint8_t octets[16];
	uint8_t version; /* 4 or 6; 0: no address */
};

struct prefix {
	struct address address;
	uint8_t len; /* bits; at most 32 or 128 */
};

enum { ADDRESS_TEXT = 46, PREFIX_TEXT = 50, ENDPOINT_TEXT = 54 };

/* The usual text of one address: dotted decimal, or RFC 4291 section 2.2 without a zone. */
bool address_parse(struct address *a, const char *text);

/* "10.0.0.0/8"; without "/": a host. Bits behind len are kept: "192.168.7.1/24" is an address
 * with its network. prefix_masked() clears them. */
bool prefix_parse(struct prefix *p, const char *text);
struct prefix prefix_masked(struct prefix p);
bool prefix_contains(const struct prefix *p, const struct address *a);

static inline uint8_t address_bits(const struct address *a)
{
	return a->version == 4 ? 32 : 128;
}

static inline size_t address_len(const struct address *a)
{
	return a->version == 4 ? 4 : 16;
}

/* Values: the same version and octets; made from octets in network order. */
bool address_equal(const struct address *a, const struct address *b);
/* The same length, too; and the same ones in the same order. */
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefixes_equal(const struct prefix *a, size_t a_count, const struct prefix *b, size_t b_count);
struct address address_v4(const uint8_t octets[static 4]);
struct address address_v6(const uint8_t octets[static 16]);

/* Return text, for use in an argument list; "-" for no address. */
const char *address_format(const struct address *a, char text[static ADDRESS_TEXT]);
const char *prefix_format(const struct prefix *p, char text[static PREFIX_TEXT]);

#endif
