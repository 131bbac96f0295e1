/*
 * What io.c and the backends share: a new backend is one file with a row like these, and one line
 * in the table of io.c.
 *
 * Shape    A backend's own struct begins with its struct io.
 * Errors   As in router/io.h.
 */
#ifndef ROUTER_IO_BACKEND_H
#define ROUTER_IO_BACKEND_H

#include <stdatomic.h>

#include "neigh.h"
#include "router/io.h"

struct io_backend {
	int (*open)(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
		    struct io_error *error);
	void (*close)(struct io *io);
	int (*descriptor)(const struct io *io, uint16_t worker);
	int (*recv)(struct io *io, uint16_t worker, struct frame **frames, size_t count);
	enum reason (*send)(struct io *io, uint16_t worker, struct frame **frames,
			    size_t count, size_t *sent);
	bool (*refresh)(struct io *io);
	/* NULL: nothing depends on the rest of the configuration. */
	int (*follow)(struct io *io, const struct conf *c, size_t interface, struct io_error *error);
	/* NULL: datagrams belong to us once they are received. */
	void (*settle)(struct io *io, uint16_t worker, struct frame *f);
	void (*flush)(struct io *io, uint16_t worker);
	const struct queue_host *(*host)(const struct io *io); /* NULL: nothing is changed */
	int (*steer)(struct io *io, int program); /* NULL: the device gives queues as it likes */
	bool sorts; /* what it receives has ingress, priority and refused set, and may be Ethernet */
	bool has_neighbours; /* its links lead to several, told apart by frame.next_hop */
};

extern const struct io_backend io_tun, io_tap, io_packet, io_xdp, io_mem, io_nfqueue, io_raw;

struct io {
	const struct io_backend *backend;
	uint16_t workers;
	bool offload;  /* virtio-net headers are exchanged */
	uint8_t takes; /* IO_CHECKSUM and the like */
	_Atomic uint32_t mtu;
	atomic_bool up;
	_Atomic uint64_t missed;
	struct neigh_news neighbours; /* as the kernel tells */
	char remark[320];
};

/* Queues for c, at most one per worker: one nobody reads would swallow packets. */
static inline uint16_t io_queues(const struct conf_interface *c, uint16_t workers)
{
	return c->queues && c->queues < workers ? c->queues : workers;
}

/* Whether the kernel knows UDP super-packets (Linux 6.2), for sockets that cannot be asked. */
bool io_kernel_has_uso(void);

/* What may be left to the device; a remark says so if that is not everything. Of sockets that cannot
 * be asked, by the kernel's version. */
void io_take(struct io *io, unsigned takes, const char *device);
void io_take_what_is_known(struct io *io, const char *device);

/* Note what the device says about itself. */
void io_note(struct io *io, uint32_t mtu, bool up);

/* So many packets more were missed. By any thread. */
void io_miss(struct io *io, uint64_t count);

/* Write the remark, in io_open(). A later one stands behind it. */
void io_set_remark(struct io *io, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write the one line, and return error_number (negative), so that a refusal is one statement. */
int io_refuse(struct io_error *error, int error_number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Why a frame was not sent, by errno. */
enum reason io_send_reason(int error_number);

#endif
