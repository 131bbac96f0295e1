/*
 * Backend raw: it sends only. The kernel routes what it is given, finds the neighbour, and has it pass
 * the host's OUTPUT and POSTROUTING; it neither counts the hop again nor fragments what is longer than
 * the device's MTU.
 */
#include "io_raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_ethernet.h"

enum {
	SEND_BATCH = 32,
	BUFFER_LEN = 4 << 20,
	USUAL_MTU = 1500, /* where the kernel chooses the device */
};

struct raw {
	struct mmsghdr messages[SEND_BATCH];
	struct iovec octets[SEND_BATCH];
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to[SEND_BATCH];
	int fd4, fd6; /* fd6 -1: the kernel has no IPv6 */
};

struct raw_io {
	struct io io;
	char device[IFNAMSIZ]; /* "": the kernel chooses */
	uint32_t index, mtu;
	struct nl *nl;
	struct raw *worker[];
};

static int open_socket(int domain, uint32_t mark)
{
	const int len = BUFFER_LEN;
	int fd = socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		return -errno;
	if (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &len, sizeof(len)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof(len));
	return fd;
}

int raw_open(struct raw **raw, uint32_t mark)
{
	struct raw *r = calloc(1, sizeof(*r));
	int error = 0;

	if (!r)
		return -ENOMEM;
	r->fd4 = open_socket(AF_INET, mark);
	r->fd6 = open_socket(AF_INET6, mark);
	if (r->fd4 < 0)
		error = r->fd4;
	else if (r->fd6 < 0 && r->fd6 != -EAFNOSUPPORT)
		error = r->fd6;
	if (error) {
		raw_close(r);
		return error;
	}
	*raw = r;
	return 0;
}

void raw_close(struct raw *raw)
{
	if (!raw)
		return;
	if (raw->fd4 >= 0)
		close(raw->fd4);
	if (raw->fd6 >= 0)
		close(raw->fd6);
	free(raw);
}

/* By number, which needs no right beyond that to have the socket. */
static int bind_to(int fd, int level, int option, uint32_t index)
{
	const int number = (int)index;

	return fd >= 0 && setsockopt(fd, level, option, &number, sizeof(number)) < 0 ? -errno : 0;
}

int raw_bind(struct raw *raw, uint32_t index)
{
	int r = bind_to(raw->fd4, SOL_SOCKET, SO_BINDTOIFINDEX, index);

	return r ? r : bind_to(raw->fd6, SOL_SOCKET, SO_BINDTOIFINDEX, index);
}

static void address(struct raw *raw, size_t i, const struct pkt *p)
{
	struct msghdr *m = &raw->messages[i].msg_hdr;

	if (p->version == 4) {
		raw->to[i].v4 = (struct sockaddr_in){ .sin_family = AF_INET };
		memcpy(&raw->to[i].v4.sin_addr, pkt_destination(p), 4);
		m->msg_namelen = sizeof(raw->to[i].v4);
	} else {
		raw->to[i].v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
		memcpy(&raw->to[i].v6.sin6_addr, pkt_destination(p), 16);
		m->msg_namelen = sizeof(raw->to[i].v6);
	}
	m->msg_name = &raw->to[i];
	raw->octets[i] = (struct iovec){ p->ip, p->len };
	m->msg_iov = &raw->octets[i];
	m->msg_iovlen = 1;
}

/* How many from the first on are of its version, and are ready to be sent. */
static size_t prepare(struct raw *raw, struct frame *const *frames, size_t count)
{
	size_t i;

	count = count < SEND_BATCH ? count : SEND_BATCH;
	for (i = 0; i < count && frames[i]->p.version == frames[0]->p.version; i++)
		address(raw, i, &frames[i]->p);
	return i;
}

enum reason raw_send(struct raw *raw, struct frame *const *frames, size_t count, size_t *sent)
{
	for (*sent = 0; *sent < count;) {
		size_t ready = prepare(raw, frames + *sent, count - *sent);
		int fd = frames[*sent]->p.version == 4 ? raw->fd4 : raw->fd6;
		int r = sendmmsg(fd, raw->messages, (unsigned int)ready, MSG_DONTWAIT);

		if (r < 0)
			return io_send_reason(errno);
		*sent += (size_t)r;
	}
	return REASON_NONE;
}

static void raw_io_close(struct io *io)
{
	struct raw_io *r = (struct raw_io *)io;

	for (uint16_t i = 0; i < io->workers; i++)
		raw_close(r->worker[i]);
	nl_close(r->nl);
	free(r);
}

static int bind_workers(struct raw_io *r, const struct conf_interface *c, struct io_error *error)
{
	struct nl_link link;
	int e = device_find(&r->nl, &link, c, error);

	if (e < 0)
		return e;
	r->index = link.index;
	ethernet_note(&r->io, &link, r->mtu);
	for (uint16_t i = 0; e == 0 && i < r->io.workers; i++)
		e = raw_bind(r->worker[i], link.index);
	return e ? io_refuse(error, e, "%s: cannot send by \"%s\": %s", c->name, c->device,
			     strerror(-e)) : 0;
}

static int equip(struct raw_io *r, const struct conf_interface *c, struct io_error *error)
{
	int e = 0;

	for (uint16_t i = 0; e == 0 && i < r->io.workers; i++)
		e = raw_open(&r->worker[i], c->mark);
	if (e == -EPERM)
		return io_refuse(error, e,
				 "%s: may not open a raw socket: run as root, with CAP_NET_RAW (and "
				 "CAP_NET_ADMIN for mark), or below unshare -Urn", c->name);
	return e ? io_refuse(error, e, "%s: raw sockets: %s", c->name, strerror(-e)) : 0;
}

static int raw_io_open(struct io **io, const struct conf_interface *c, uint16_t workers,
		       bool offload, struct io_error *error)
{
	struct raw_io *r = calloc(1, sizeof(*r) + workers * sizeof(r->worker[0]));
	int e;

	(void)offload; /* the kernel takes nothing unfinished from a raw socket */
	if (!r)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	r->io.backend = &io_raw;
	r->io.workers = workers;
	r->mtu = c->mtu;
	memcpy(r->device, c->device, sizeof(r->device));
	io_note(&r->io, c->mtu ? c->mtu : USUAL_MTU, true);
	e = equip(r, c, error);
	if (e == 0 && *r->device)
		e = bind_workers(r, c, error);
	if (e < 0) {
		raw_io_close(&r->io);
		return e;
	}
	*io = &r->io;
	return 0;
}

static int raw_io_descriptor(const struct io *io, uint16_t worker)
{
	(void)io, (void)worker;
	return -1;
}

static int raw_io_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	(void)io, (void)worker, (void)frames, (void)count;
	return 0;
}

static enum reason raw_io_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
			       size_t *sent)
{
	return raw_send(((struct raw_io *)io)->worker[worker], frames, count, sent);
}

static bool raw_io_refresh(struct io *io)
{
	struct raw_io *r = (struct raw_io *)io;
	struct nl_link link;
	int e = *r->device ? nl_link(r->nl, r->device, &link) : -EAGAIN;

	if (e == -EAGAIN)
		return true;
	if (e < 0 || link.index != r->index) {
		io_note(io, io_mtu(io), false);
		return e < 0 && e != -ENODEV;
	}
	ethernet_note(io, &link, r->mtu);
	return true;
}

const struct io_backend io_raw = {
	.open = raw_io_open,
	.close = raw_io_close,
	.descriptor = raw_io_descriptor,
	.recv = raw_io_recv,
	.send = raw_io_send,
	.refresh = raw_io_refresh,
};
