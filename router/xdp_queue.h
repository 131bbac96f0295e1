/*
 * One queue of a device through an AF_XDP socket: four rings shared with the kernel, and the memory
 * that they speak of.
 *
 * Sources  The kernel's Documentation/networking/af_xdp.rst.
 * Shape    Memory is in chunks of a page. Half of them wait for frames or hold received ones, the
 *          other half is for sending. Frames are copied between them and the workers' buffers.
 * Memory   xdp_queue_new() to xdp_queue_free(), which takes NULL. Belongs to one worker.
 * Promise  No system call to receive, one per batch to send, and of both only those that the kernel
 *          says it needs.
 * Errors   xdp_queue_new() a negative errno.
 */
#ifndef ROUTER_XDP_QUEUE_H
#define ROUTER_XDP_QUEUE_H

#include "router/frame.h"

struct xdp_queue;

enum {
	XDP_CHUNK = 4096,
	XDP_MTU_MOST = XDP_CHUNK - 256 - 18, /* the kernel's headroom; Ethernet header, VLAN tag */
};

/* zero_copy: the device itself reads and writes the chunks, or it fails. sends: not only receives. */
int xdp_queue_new(struct xdp_queue **q, const char *device, uint32_t number, bool zero_copy,
		  bool sends);
void xdp_queue_free(struct xdp_queue *q);

/* Readable when something was received; what the map of sockets holds. */
int xdp_queue_descriptor(const struct xdp_queue *q);

/* Receive up to count Ethernet frames into the buffers of frames, their headers left out. */
size_t xdp_queue_recv(struct xdp_queue *q, struct frame **frames, size_t count);

/* Take back the chunks of what was sent meanwhile. */
void xdp_queue_reap(struct xdp_queue *q);

/* A free chunk, XDP_CHUNK octets; the same one until xdp_queue_put() takes it. NULL: none. */
uint8_t *xdp_queue_chunk(const struct xdp_queue *q);

/* Put len octets at at, in that chunk, in line; xdp_queue_flush() sends what is in line. */
void xdp_queue_put(struct xdp_queue *q, const uint8_t *at, size_t len);
void xdp_queue_flush(struct xdp_queue *q);

#endif
