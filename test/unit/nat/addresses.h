/*
 * Addresses and prefixes for tests, from their text.
 */
#ifndef UNIT_ADDRESSES_H
#define UNIT_ADDRESSES_H

#include "octets.h"

#include <arpa/inet.h>

#include "nat/ip6.h"

static inline struct ip6 v6_of(const char *text)
{
	struct ip6 a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static inline be32 v4_of(const char *text)
{
	be32 a;

	assert_int_equal(inet_pton(AF_INET, text, &a), 1);
	return a;
}

/* "2001:db8::/32" */
static inline struct ip6_prefix prefix6_of(const char *text)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN] = "";

	assert_non_null(slash);
	assert_true((size_t)(slash - text) < sizeof(address));
	memcpy(address, text, (size_t)(slash - text));
	return (struct ip6_prefix){ v6_of(address), (uint8_t)atoi(slash + 1) };
}

static inline void assert_v6(const struct ip6 *found, const char *expected)
{
	char text[INET6_ADDRSTRLEN];

	assert_non_null(inet_ntop(AF_INET6, found, text, sizeof(text)));
	assert_string_equal(text, expected);
}

static inline void assert_v4(be32 found, const char *expected)
{
	char text[INET_ADDRSTRLEN];

	assert_non_null(inet_ntop(AF_INET, &found, text, sizeof(text)));
	assert_string_equal(text, expected);
}

#endif
