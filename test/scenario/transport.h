/*
 * Transport headers of a story's datagrams, with their checksums.
 *
 * Sources  RFC 768, RFC 9293, RFC 792, RFC 4443, RFC 3828, RFC 4340, RFC 9260 (with RFC 3720
 *          appendix B.4 for the CRC32c), RFC 2784, RFC 2890, RFC 2637, RFC 4303.
 * Errors   None.
 */
#ifndef SCENARIO_TRANSPORT_H
#define SCENARIO_TRANSPORT_H

#include "datagram.h"

/* Header and body at at, as d says; value holds its fields. Returns octets of both. */
size_t transport_put(uint8_t *at, const struct datagram *d, const struct number *value,
		     const struct octets *body);

/* The number of its protocol. */
uint8_t transport_protocol(const struct datagram *d);

/* RFC 1071; and what a story makes of a right checksum. */
uint16_t internet_checksum(const uint8_t *octets, size_t len);
uint16_t sum_spoilt(uint16_t right, const struct sum *s);

/* Source and destination of a version; returns their octets. */
size_t put_addresses(uint8_t *at, uint8_t version, const struct number *value);

void put16(uint8_t *at, uint32_t number);
void put32(uint8_t *at, uint32_t number);

#endif
