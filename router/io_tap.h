/*
 * What the link layer and its backend have in common. Private to router/.
 *
 * Errors   As in router/io.h.
 */
#ifndef ROUTER_IO_TAP_H
#define ROUTER_IO_TAP_H

#include "io_tun.h"
#include "router/link.h"

/* Work as that interface of l from now on; before, nothing is received. */
void tap_attach(struct io *io, struct link *l, uint16_t interface);

/* Send a frame of our own, by any thread; what cannot be sent is lost. io: of any type. */
void tap_put(struct io *io, const uint8_t *octets, size_t len);

#endif
