/*
 * Receive ring of a packet socket: memory shared with the kernel, so that a small packet costs a
 * copy and no system call.
 *
 * Shape    Packets come as recv() would bring them, their virtio-net headers in front, in order.
 * Memory   packet_ring_new() to packet_ring_free(), which leaves the socket to be closed.
 * Errors   A negative errno.
 */
#ifndef ROUTER_IO_PACKET_RING_H
#define ROUTER_IO_PACKET_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct packet_ring;

/* Give a socket a ring, before it is bound and after it was told of virtio-net headers. On failure
 * the socket is as it was. */
int packet_ring_new(struct packet_ring **r, int fd);
void packet_ring_free(struct packet_ring *r);

/* For another thread, when nothing but losses came for a while: give up a ring that is jammed. */
void packet_ring_rescue(struct packet_ring *r);

/* Whether it has not been given up; then packets come by recv() as if there were none. */
bool packet_ring_works(const struct packet_ring *r);

/* The next packet: its length, or -EAGAIN when there is none now. An error of the device is told
 * once. A packet that was lost on its way into the ring counts in *missed. */
ssize_t packet_ring_next(struct packet_ring *r, uint8_t *at, size_t room, uint64_t *missed);

#endif
