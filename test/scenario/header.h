/*
 * IP headers of a story's datagrams, of both versions, with fragments and extension headers.
 *
 * Sources  RFC 791, RFC 8200 sections 3 and 4.
 * Errors   None.
 */
#ifndef SCENARIO_HEADER_H
#define SCENARIO_HEADER_H

#include "datagram.h"

/* A datagram at out, as d says; value holds its fields. Returns its octets, as many as are there. */
size_t header_put(uint8_t *out, const struct datagram *d, const struct number *value,
		  const struct octets *body);

/* Where the transport of octets begins, and which it is; behind them if that cannot be seen. */
size_t header_end(const uint8_t *octets, size_t len, uint8_t *protocol);

#endif
