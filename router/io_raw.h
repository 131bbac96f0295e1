/*
 * Datagrams given to the kernel, which routes them as if the host itself had made them: raw sockets
 * with the IP header included. For the backends raw and nfqueue.
 *
 * Sources  raw(7), ipv6(7).
 * Memory   raw_open() to raw_close(). One worker's.
 * Errors   Negative errno; raw_send() tells a reason.
 */
#ifndef ROUTER_IO_RAW_H
#define ROUTER_IO_RAW_H

#include "io_backend.h"

struct raw;

/* mark: of what is sent (SO_MARK); 0: none. */
int raw_open(struct raw **raw, uint32_t mark);
void raw_close(struct raw *raw);

/* Send by that device only, whatever the kernel's routes say. By any thread. */
int raw_bind(struct raw *raw, uint32_t index);

/* As io_send(). Offloads must have been done already. */
enum reason raw_send(struct raw *raw, struct frame *const *frames, size_t count, size_t *sent);

#endif
