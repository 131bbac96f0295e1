/*
 * Datagrams of either family, made and judged.
 *
 * Shape    A leg is what the addressing of a datagram is on one side of a NAT; a part is what its
 *          transport says. Checksums are whole: made from the octets, and verified over all of them.
 * Errors   A text that says what is wrong, or NULL.
 */
#ifndef ENDURANCE_DATAGRAM_H
#define ENDURANCE_DATAGRAM_H

#include "nat/packet.h"

enum { DATAGRAM_MOST = 128, DATA_MOST = 48 };
enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_PSH = 8, FLAG_ACK = 16 };

/* Addresses: the first four octets of IPv4. Of an echo both ports are the identifier. */
struct leg {
	uint8_t version, protocol; /* PROTO_ICMP for ICMPv6, too */
	uint8_t source[16], destination[16];
	uint16_t ports[2];
};

struct part {
	uint8_t flags; /* of TCP */
	bool reply;    /* of ICMP */
	uint32_t sequence, acknowledged;
	uint8_t data[DATA_MOST];
	uint16_t data_len;
	bool edited; /* a helper may have changed its data, or those before it, and so its numbers */
};

/* Returns the length; at has room for DATAGRAM_MOST. */
uint32_t datagram_make(uint8_t *at, const struct leg *leg, const struct part *part);

/* What keeps the octets from being exactly that datagram. */
const char *datagram_fault(uint8_t *at, uint32_t len, const struct leg *leg, const struct part *part);

#endif
