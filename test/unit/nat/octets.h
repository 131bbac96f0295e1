/*
 * Octets for tests: written as hexadecimal text, and placed in memory of exactly their size, so
 * that the sanitizer sees every step beyond them.
 */
#ifndef UNIT_OCTETS_H
#define UNIT_OCTETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nat/bytes.h"

enum { OCTETS_ROOM = 2048 };

/* Text such as "4500 0014" as octets; returns how many. */
static inline size_t octets_read(uint8_t at[static OCTETS_ROOM], const char *text)
{
	size_t len = 0;
	unsigned octet;

	while (*text) {
		if (isspace((unsigned char)*text)) {
			text++;
			continue;
		}
		assert_int_equal(sscanf(text, "%2x", &octet), 1);
		assert_true(len < OCTETS_ROOM);
		at[len++] = (uint8_t)octet;
		text += 2;
	}
	return len;
}

/* A copy in memory of its own, to be freed. */
static inline uint8_t *octets_exact(const uint8_t *octets, size_t len)
{
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, octets, len);
	return copy;
}

/* RFC 1071 as its text says it: big-endian words added up, and the carries added in. */
static inline uint16_t octets_sum(const uint8_t *octets, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? octets[i] : (uint32_t)octets[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* Sum of a transport's octets and its pseudo-header, for a datagram with no extension headers;
 * 0xffff if the checksum in it is right. */
static inline uint16_t octets_transport_sum(const uint8_t *ip, size_t len)
{
	bool v4 = ip[0] >> 4 == 4;
	size_t header = v4 ? (size_t)(ip[0] & 15) * 4 : 40;
	size_t address = v4 ? 4 : 16;
	uint8_t protocol = v4 ? ip[9] : ip[6];
	uint8_t covered[40 + OCTETS_ROOM] = { 0 };
	size_t rest = len > header ? len - header : 0;
	size_t at = 0;

	if (protocol != 1) {
		memcpy(covered, ip + (v4 ? 12 : 8), address * 2);
		store16(covered + address * 2 + 2, (uint16_t)rest);
		covered[address * 2 + 7] = protocol;
		at = address * 2 + 8;
	}
	memcpy(covered + at, ip + header, rest);
	return octets_sum(covered, at + rest);
}

/* Make the IPv4 header checksum right. */
static inline void octets_seal(uint8_t *ip)
{
	size_t header = (size_t)(ip[0] & 15) * 4;

	store16(ip + 10, 0);
	store16(ip + 10, (uint16_t)~octets_sum(ip, header));
}

/* Where the transport checksum is: TCP 16, UDP 6, ICMP 2 octets into it; 0: not in others. */
static inline size_t octets_checksum_at(const uint8_t *ip)
{
	bool v4 = ip[0] >> 4 == 4;
	size_t header = v4 ? (size_t)(ip[0] & 15) * 4 : 40;

	switch (v4 ? ip[9] : ip[6]) {
	case 6:
		return header + 16;
	case 17:
		return header + 6;
	case 1:
	case 58:
		return header + 2;
	default:
		return 0;
	}
}

/* Make both checksums right. */
static inline void octets_complete(uint8_t *ip, size_t len)
{
	size_t at = octets_checksum_at(ip);

	if (ip[0] >> 4 == 4)
		octets_seal(ip);
	if (!at)
		return;
	store16(ip + at, 0);
	store16(ip + at, (uint16_t)~octets_transport_sum(ip, len));
}

#endif
