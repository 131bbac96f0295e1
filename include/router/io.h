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

struct io_error { char text[512]; };

/* Create or attach the device of an interface with a queue per worker. offload: exchange
 * virtio-net headers, and what comes with them, if the device can. On failure nothing is left
 * behind. */
int io_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
	    struct io_error *error);

/* Do what depends on the rest of the configuration, of which this is an interface by number: after
 * io_open(), and by another one later. By the control thread. */
int io_follow(struct io *io, const struct conf *c, size_t interface, struct io_error *error);

/* What stands for an interface while its device is not there: it is down, nothing comes by it, and
 * what is to leave by it ends for REASON_INTERFACE_DOWN. */
int io_open_absent(struct io **io, uint16_t workers);
bool io_is_absent(const struct io *io);

/* Undo what io_open() did: devices, addresses and routes that it made are gone afterwards. */
void io_close(struct io *io);

/* Descriptor to wait on for this worker's queue; -1 if there is nothing to wait for. */
int io_descriptor(const struct io *io, uint16_t worker);

/* Receive up to count frames into the buffers of frames[0 … count-1], setting len, offload and
 * link_multicast; where io_sorts(), ingress, priority and refused too. Returns how many, 0 when there
 * are none now, or a negative errno: -ENETDOWN once when the device goes down, others when it is gone. */
int io_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count);

/* Send one datagram each (p is its view), to the link-layer neighbour next_hop where the link has
 * such. Sets *sent to how many were taken; the reason tells why the next one was not
 * (REASON_NONE if all were): SEND_FULL, SEND_ERROR, NEIGHBOUR, INTERFACE_DOWN. */
enum reason io_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
		    size_t *sent);

/* Whether datagrams stay in the kernel until they are settled: when a frame that came by that
 * interface is released, by the worker that owns it; by another one only if it is PENDING_ACCEPT, and
 * ahead of that. io_flush() tells the kernel, at the latest. */
bool io_settles(const struct io *io);
void io_settle(struct io *io, uint16_t worker, struct frame *f);
void io_flush(struct io *io, uint16_t worker);

/* Let the kernel choose the worker of what comes in by a program (router/steer.h), where the device
 * can; its descriptor may be closed afterwards. */
bool io_can_steer(const struct io *io);
int io_steer(struct io *io, int program);

/* Look at the device again, about once a second. For one thread, not a worker's. False: it is gone, or
 * another one has its name; only io_open() helps. */
bool io_refresh(struct io *io);

/* MTU of the link in octets of IP, and whether it is up, as last seen. */
uint32_t io_mtu(const struct io *io);
bool io_is_up(const struct io *io);

/* Packets that came faster than they were received, and were lost in the kernel; as last seen. */
uint64_t io_missed(const struct io *io);

/* What of the host was changed for it, which io_close() puts back; NULL: nothing. */
struct queue_host;
const struct queue_host *io_host(const struct io *io);

/* What io_open() could not have as it wanted and does more slowly, in one line; "": nothing. */
const char *io_remark(const struct io *io);

/* Whether it says of each frame by which interface it came, and which are none for us: several
 * interfaces share its device, or may. */
bool io_sorts(const struct io *io);

/* Whether its links lead to several neighbours, told apart by frame.next_hop. */
bool io_has_neighbours(const struct io *io);

/* What may be left to the device when something is sent, as bits; probed by io_open(). The rest is
 * done in software before. */
enum { IO_CHECKSUM = 1 << 0, IO_TSO = 1 << 1, IO_USO = 1 << 2 };
unsigned io_takes(const struct io *io);

/* Whether a device that takes so much takes p, which is PKT_PARTIAL; if not, it is to be finished
 * before. */
static inline bool io_takes_all(unsigned takes, const struct pkt *p)
{
	unsigned cut = p->protocol == PROTO_TCP ? IO_TSO : IO_USO;

	return takes & (p->gso_size ? cut : IO_CHECKSUM);
}

/* The same as a word: "off", "checksum", "tcp", "tcp+udp". */
const char *io_takes_name(unsigned takes);

/* Backend mem: put datagrams where io_recv() will find them, and see what was sent. For tests,
 * benchmarks and replays; single-threaded per worker. pull returns 0 when there is nothing. group: as
 * broadcast or multicast of a link. */
int io_mem_push(struct io *io, uint16_t worker, const uint8_t *octets, size_t len);
int io_mem_push_as(struct io *io, uint16_t worker, const uint8_t *octets, size_t len, bool group);
size_t io_mem_pull(struct io *io, uint16_t worker, uint8_t *octets, size_t room);

/* From now on (on) what was pushed comes again and again, and what is sent is only counted. */
void io_mem_loop(struct io *io, uint16_t worker, bool on);
uint64_t io_mem_sent(const struct io *io, uint16_t worker);

/* Its device is gone, as io_refresh() will say. */
void io_mem_unplug(struct io *io);

#endif
