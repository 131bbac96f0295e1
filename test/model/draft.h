/*
 * Datagrams to be sent: what stands in them, and how they become octets.
 *
 * Order    Host order.
 * Memory   Octets are written to the caller's array, which must have room.
 * Errors   None.
 */
#ifndef MODEL_DRAFT_H
#define MODEL_DRAFT_H

#include "datagram.h"

enum { DRAFT_MOST = 4096 };

enum sum { SUM_RIGHT, SUM_WRONG, SUM_NONE, SUM_PARTIAL };

struct draft {
	uint8_t protocol;
	struct place source, destination;
	uint8_t icmp_type, icmp_code; /* the identifier is the port of the local end */
	uint16_t identifier, sequence;
	struct segment tcp; /* len does not count */
	uint16_t payload_len;
	uint16_t first_word; /* of the payload */
	uint16_t fragment;   /* as in the header of IPv4 */
	uint8_t options_len; /* of the IP header */
	uint8_t option;	     /* the type of all of them, if it is not 0 */
	uint8_t tos;
	/* IPv6: extension headers, the last of them 0xff; with a routing header of a type, and with
	 * segments left or not. */
	const uint8_t *chain;
	uint8_t routing, segments_left;
	enum sum sum;
};

/* The whole datagram; returns its length. IPv6 if its ends are. And the length of its header. */
size_t draft_write(const struct draft *x, uint8_t *out);
size_t draft_header(const struct draft *x);

/* Choose the first word of the payload so that the transport's checksum is 0000, or in UDP ffff, once
 * source and destination are these. */
void draft_tune(struct draft *x, struct place source, struct place destination);

/* An ICMP error from source to destination that quotes len octets. */
struct draft_error {
	ip_number source, destination;
	uint8_t type, code;
	uint16_t mtu;
	uint16_t word; /* in front of that: pointer, or length of the quote */
	enum sum sum;
};

size_t draft_write_error(const struct draft_error *x, const uint8_t *quoted, size_t len,
			 uint8_t *out);

/* Write the IP header's checksum for what the header says now. */
void draft_fix_header(uint8_t *octets, size_t len);

#endif
