/*
 * Interfaces: how frames come in and go out, one table row per backend.
 *
 * Shape    An interface has one queue per worker. A queue is used by its worker only.
 * Memory   io_open() to io_close(). Frames given to io_recv() and io_send() stay the caller's.
 * Errors   A negative errno, and one line of text in error for what only start-up can meet.
 */
#ifndef ROUTER_IO_H
#define ROUTER_IO_H

#include "router/conf.h"
#include "router/frame.h"

struct io; /* an open interface */

struct io_error { char text[256]; };

/* Create or attach the device of an interface with a queue per worker. offload: exchange
 * virtio-net headers. On failure nothing is left behind. */
int io_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
	    struct io_error *error);

/* Undo what io_open() did: devices, addresses and routes that it made are gone afterwards. */
void io_close(struct io *io);

/* Descriptor to wait on for this worker's queue; -1 if there is nothing to wait for. */
int io_descriptor(const struct io *io, uint16_t worker);

/* Receive up to count frames into the buffers of frames[0 … count-1], setting len, offload and
 * link_multicast. Returns how many, 0 when there are none now, or a negative errno: -ENETDOWN once
 * when the device goes down, others when it is gone. */
int io_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count);

/* Send one datagram each (p is its view), to the link-layer neighbour next_hop where the link has
 * such. Sets *sent to how many were taken; the reason tells why the next one was not
 * (REASON_NONE if all were): SEND_FULL, SEND_ERROR, NEIGHBOUR, INTERFACE_DOWN. */
enum reason io_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
		    size_t *sent);

/* Look at the device again. For one thread, not a worker's; about once a second. */
void io_refresh(struct io *io);

/* MTU of the link in octets of IP, and whether it is up, as last seen. */
uint32_t io_mtu(const struct io *io);
bool io_is_up(const struct io *io);

/* Whether the device can exchange virtio-net headers (probed by io_open()). */
bool io_has_offload(const struct io *io);
bool io_has_neighbours(const struct io *io);

/* Backend mem: put datagrams where io_recv() will find them, and see what was sent. For tests and
 * benchmarks; single-threaded per worker. pull returns 0 when there is nothing. */
int io_mem_push(struct io *io, uint16_t worker, const uint8_t *octets, size_t len);
size_t io_mem_pull(struct io *io, uint16_t worker, uint8_t *octets, size_t room);

/* From now on (on) what was pushed comes again and again, and what is sent is only counted. */
void io_mem_loop(struct io *io, uint16_t worker, bool on);
uint64_t io_mem_sent(const struct io *io, uint16_t worker);

#endif
