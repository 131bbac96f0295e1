/*
 * What the kernel says by NFQUEUE, and what it is told: messages of nfnetlink's queue subsystem.
 *
 * Sources  linux/netfilter/nfnetlink_queue.h, netlink(7).
 * Shape    One datagram of a socket is one message. What came is read where it lies.
 * Memory   The caller's. queue_accept() writes in front of the datagram and pads behind it.
 * Errors   What is truncated, malformed or of unknown type is QUEUE_OTHER, and nothing else is said.
 */
#ifndef ROUTER_QUEUE_MESSAGE_H
#define ROUTER_QUEUE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	QUEUE_VERDICT_LEN = 32,		/* of a message without a datagram */
	QUEUE_ACCEPT_FRONT = 36,	/* what stands in front of one */
	QUEUE_PAYLOAD_MOST = 65535 - 4, /* the longest that an attribute holds */
};

/* QUEUE_REFUSED: an earlier verdict was not taken. */
enum queue_kind { QUEUE_PACKET, QUEUE_REFUSED, QUEUE_OTHER };

struct queue_message {
	uint16_t queue;	 /* that it came by */
	uint32_t packet; /* number that the verdict is to name */
	uint32_t offset; /* of the datagram, from the message */
	uint32_t len;	 /* of the datagram, as far as it was copied: perhaps 0 */
	bool partial;	 /* its transport checksum is the pseudo-header's sum only */
	bool large;	 /* a super-packet, of segments of unknown size */
};

/* Read len octets, aligned for a netlink message. m is valid for a QUEUE_PACKET. */
enum queue_kind queue_parse(struct queue_message *m, const void *octets, size_t len);

enum queue_verdict { QUEUE_DROP, QUEUE_ACCEPT };

/* Write a verdict, QUEUE_VERDICT_LEN octets. up_to: on that packet and all before it that have none. */
void queue_verdict(void *at, uint16_t queue, uint32_t packet, enum queue_verdict v, bool up_to);

/* Write the verdict that a datagram of len octets, at most QUEUE_PAYLOAD_MOST, goes on as it is now:
 * QUEUE_ACCEPT_FRONT octets in front of it, aligned for a netlink message, and up to 3 behind. Returns
 * the length of the message. */
size_t queue_accept(uint8_t *datagram, size_t len, uint16_t queue, uint32_t packet);

#endif
