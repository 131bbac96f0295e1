/*
 * Datagrams read from nothing but their octets: the judge of what the library does. It shares no
 * line with it but loads and stores.
 *
 * Sources  RFC 791, RFC 8200 section 4, RFC 9293 section 3.1, RFC 768, RFC 792, RFC 1071.
 * Shape    Octets may be anything; what is not there is not read.
 * Errors   anatomy_of() returns false without a complete IP header.
 */
#ifndef FUZZ_DATAGRAM_H
#define FUZZ_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nat/packet.h"

struct anatomy {
	uint8_t version, protocol;
	size_t header;	 /* octets in front of the transport */
	size_t len;	 /* of the datagram, as far as it is there */
	size_t next_at;	 /* where the transport's protocol is named */
	size_t fragment_at; /* IPv6: offset of the fragment header, or 0 */
	size_t checksum; /* offset of the transport's; 0: it has none, or it is not there */
	bool fragment;	 /* first or later */
	bool later;
	bool error;	 /* ICMP or ICMPv6 that quotes a datagram */
};

bool anatomy_of(struct anatomy *a, const uint8_t *octets, size_t len);

/* The IPv4 header's checksum is right; IPv6 has none. */
bool header_is_right(const uint8_t *octets, const struct anatomy *a);

/* The transport's checksum is there and right, or is UDP's that says none was sent. Of fragments
 * this cannot be said. */
bool transport_is_right(const uint8_t *octets, const struct anatomy *a);

/* One's-complement sum over pseudo-header and len octets of transport, for a datagram with the
 * addresses of octets. */
uint16_t transport_sum(const uint8_t *octets, const struct anatomy *a, const uint8_t *transport,
		       size_t len);

/* What a sender leaves to its device: the sum of the pseudo-header alone. */
uint16_t pseudo_sum(const uint8_t *octets, const struct anatomy *a, size_t len);

/* Make lengths and checksums right wherever they are there, in a quoted header too. */
void datagram_repair(uint8_t *octets, size_t len);

#endif
