/*
 * What ICMP messages of one family are called in the other.
 *
 * Sources  RFC 7915 sections 4.2 and 5.2, RFC 1191 section 7.1, RFC 4884 section 4.
 * Shape    A row says what a message becomes, and what its second word is by that.
 * Errors   NULL or false: the other family has no such message, and nobody is told.
 */
#ifndef NAT_ICMP_MAP_H
#define NAT_ICMP_MAP_H

#include "nat/family.h"

enum icmp_word {
	ICMP_KEPT,     /* identifier and number of a query */
	ICMP_UNUSED,   /* of an error: nothing but the length of the quote (RFC 4884) */
	ICMP_MTU,
	ICMP_POINTER,
	ICMP_PROTOCOL, /* to IPv6 only: the pointer to the next header */
};

struct icmp_row {
	uint8_t type, first, last; /* codes */
	uint8_t to_type;
	int16_t to_code; /* or ICMP_SAME */
	enum icmp_word word;
};

enum { ICMP_SAME = -1 };

/* The row of a message of a family. */
const struct icmp_row *icmp_map(const uint8_t icmp[static 2], uint8_t version);

/* Type and code as the row says. */
void icmp_map_apply(uint8_t icmp[static 2], const struct icmp_row *row);

/* Which octet of a header of the family the pointer to one of the other becomes. */
bool icmp_map_pointer(uint32_t *pointer, uint8_t version);

/* Whether errors of this type say how long the quote is (in words of 8 octets in ICMPv6, of 4 in
 * ICMP), and in which octet of the message. */
uint8_t icmp_length_at(uint8_t type, uint8_t version);

/* What a path MTU of the other family means: total is the length of the datagram that was too big,
 * by its header, and has_fragment says that it had a fragment header. */
uint32_t icmp_mtu6(uint32_t mtu4, uint32_t total, const struct family_rules *r);
uint32_t icmp_mtu4(uint32_t mtu6, bool has_fragment, const struct family_rules *r);

#endif
