/*
 * Datagrams made wrong, and some only made to look so.
 *
 * Errors   None. The version stays 4 or becomes one that is neither 4 nor 6.
 */
#ifndef MODEL_MALFORM_H
#define MODEL_MALFORM_H

#include "chance.h"
#include "nat/packet.h"

/* octets has room for 64 more than *len. */
void malform(struct chance *c, uint8_t *octets, size_t *len, struct pkt_offload *offload);

/* A datagram before it is quoted. */
void malform_quoted(struct chance *c, uint8_t *octets, size_t len);

#endif
