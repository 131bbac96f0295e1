/*
 * What TUN and TAP devices have in common: how they are made, read and written. Private to router/.
 *
 * Shape    A backend's own struct begins with its struct tun. A queue per worker, or fewer.
 * Errors   As in router/io.h.
 */
#ifndef ROUTER_IO_TUN_H
#define ROUTER_IO_TUN_H

#include <sys/stat.h>

#include "io_backend.h"
#include "router/nl.h"
#include "router/uring.h"

struct tun_worker {
	struct uring *ring; /* NULL: a system call for each datagram */
	size_t expected;    /* that this many will be there */
	size_t front;	    /* octets read in front of the IP header: where there are tags, a guess */
} __attribute__((aligned(64)));

struct tun {
	struct io io;
	char device[IFNAMSIZ];
	struct nl *nl;	   /* where the device is */
	char *netns;	   /* as in the configuration; NULL: ours */
	struct stat home;  /* what netns was */
	size_t header_len; /* of the virtio-net header; 0: none */
	struct tun_worker *worker;
	uint16_t queues;
	int *fd;
};

/* Make the device of c, of its type; t is zeroed but for its backend. After an error too, what there
 * is of it is undone by tun_remove(), which leaves t itself. */
int tun_make(struct tun *t, const struct conf_interface *c, uint16_t workers, bool offload,
	     struct io_error *error);
void tun_remove(struct tun *t);

/* Parts of a backend. */
int tun_descriptor(const struct io *io, uint16_t worker);
bool tun_refresh(struct io *io);
int tun_steer(struct io *io, int program);

/* Read frames: len is what lies behind the virtio-net header, which begins front octets before the
 * place of the IP header. */
int tun_read(const struct tun *t, uint16_t worker, struct frame **frames, size_t count);

/* Write as many as can be of up to URING_MOST, each with its header in front; the reason tells why the
 * next one was not. */
enum reason tun_write(const struct tun *t, uint16_t worker, struct uring_part *parts, size_t count,
		      size_t *written);

/* Workers beyond the queues send through another's, which the kernel allows. */
static inline int tun_sending_descriptor(const struct tun *t, uint16_t worker)
{
	return t->fd[worker % t->queues];
}

#endif
