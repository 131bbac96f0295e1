/*
 * Backend tun: a device whose other end is a host of its own, the kernel of some network namespace.
 *
 * The device is made in our namespace, with a queue per worker, and then moved; its descriptors
 * stay good. It is not persistent, so that it goes, with the addresses and routes put on it, when
 * the last descriptor is closed: io_close() has nothing else to undo, and nothing is left behind
 * however the process ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "io_backend.h"
#include "router/nl.h"
#include "router/uring.h"

/* Since Linux 6.2; headers may be older than the kernel. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* What the kernel shall hand us unfinished. It takes the same from us. */
enum {
	TUN_CHECKSUM = TUN_F_CSUM,
	TUN_TSO = TUN_CHECKSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
	TUN_USO = TUN_TSO | TUN_F_USO4 | TUN_F_USO6,
};

/* A batch of super-packets shall not be more than the cache holds until it is sent. */
enum { RECV_OCTETS = 128 << 10 };

/* Fewer datagrams than this are read and written one by one. */
enum { BATCH_LEAST = 8 };

struct tun_worker {
	struct uring *ring; /* NULL: a system call for each datagram */
	size_t expected;    /* that this many will be there */
} __attribute__((aligned(64)));

struct tun {
	struct io io;
	char device[IFNAMSIZ];
	struct nl *nl;	   /* where the device is */
	size_t header_len; /* of the virtio-net header; 0: none */
	struct tun_worker *worker;
	uint16_t queues;
	int fd[];
};

static void tun_close(struct io *io)
{
	struct tun *t = (struct tun *)io;

	for (uint16_t i = 0; t->worker && i < io->workers; i++)
		uring_free(t->worker[i].ring);
	free(t->worker);
	for (uint16_t i = 0; i < t->queues; i++)
		close(t->fd[i]);
	nl_close(t->nl);
	free(t);
}

static int refuse_node(const struct conf_interface *c, int error_number, struct io_error *error)
{
	if (error_number == EACCES || error_number == EPERM)
		return io_refuse(error, -error_number,
				 "%s: no access to /dev/net/tun: run as root", c->name);
	return io_refuse(error, -error_number, "%s: no /dev/net/tun (%s): modprobe tun", c->name,
			 strerror(error_number));
}

static int refuse_device(const struct conf_interface *c, int error_number, struct io_error *error)
{
	if (error_number == EBUSY)
		return io_refuse(error, -EEXIST,
				 "%s: a device \"%s\" exists already: choose another name, "
				 "or remove it (ip link del %s)",
				 c->name, c->device, c->device);
	if (error_number == EPERM)
		return io_refuse(error, -EPERM,
				 "%s: may not create \"%s\": run as root, with CAP_NET_ADMIN, "
				 "or below unshare -Urn",
				 c->name, c->device);
	return io_refuse(error, -error_number, "%s: cannot create \"%s\": %s", c->name, c->device,
			 strerror(error_number));
}

/* One more queue; the first one makes the device. */
static int open_queue(struct tun *t, const struct conf_interface *c, struct io_error *error)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq request = { 0 };
	int flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE;

	if (fd < 0)
		return refuse_node(c, errno, error);
	if (t->header_len)
		flags |= IFF_VNET_HDR;
	if (!t->queues)
		flags |= IFF_TUN_EXCL;
	request.ifr_flags = (short)flags;
	memcpy(request.ifr_name, c->device, sizeof(request.ifr_name));
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		int error_number = errno;

		close(fd);
		return refuse_device(c, error_number, error);
	}
	t->fd[t->queues++] = fd;
	return 0;
}

/* The most that it agrees to. */
static void agree_on_offloads(struct tun *t)
{
	static const struct { unsigned int wish, takes; } wishes[] = {
		{ TUN_USO, IO_CHECKSUM | IO_TSO | IO_USO },
		{ TUN_TSO, IO_CHECKSUM | IO_TSO },
		{ TUN_CHECKSUM, IO_CHECKSUM },
	};

	unsigned takes = 0;

	for (size_t i = 0; !takes && i < sizeof(wishes) / sizeof(wishes[0]); i++)
		if (ioctl(t->fd[0], TUNSETOFFLOAD, wishes[i].wish) == 0)
			takes = wishes[i].takes;
	io_take(&t->io, takes, t->device);
}

static int open_nl(struct tun *t, const struct conf_interface *c, struct io_error *error)
{
	int r = c->netns ? nl_open_in(&t->nl, c->netns) : nl_open(&t->nl);

	if (r == -ENOENT)
		return io_refuse(error, r, "%s: no network namespace \"%s\": ip netns add %s",
				 c->name, c->netns, c->netns);
	if (r == -EPERM)
		return io_refuse(error, r, "%s: may not enter network namespace \"%s\": run as root",
				 c->name, c->netns);
	if (r < 0)
		return io_refuse(error, r, "%s: rtnetlink: %s", c->name, strerror(-r));
	return 0;
}

/* Find the device in our namespace and, if it shall live in another, move it there. */
static int place(struct nl *ours, const struct conf_interface *c, struct io_error *error)
{
	struct nl_link link;
	int r = nl_link(ours, c->device, &link);

	if (r == 0 && c->netns) {
		int netns = nl_netns(c->netns);

		if (netns < 0)
			return io_refuse(error, netns, "%s: network namespace \"%s\": %s", c->name,
					 c->netns, strerror(-netns));
		r = nl_link_move(ours, link.index, netns);
		close(netns);
	}
	if (r == -EEXIST)
		return io_refuse(error, r,
				 "%s: a device \"%s\" exists already in network namespace \"%s\": "
				 "choose another name, or remove it",
				 c->name, c->device, c->netns);
	if (r < 0)
		return io_refuse(error, r, "%s: cannot place \"%s\"%s%s: %s", c->name, c->device,
				 c->netns ? " in " : "", c->netns ? c->netns : "", strerror(-r));
	return 0;
}

/* What the configuration wants the kernel's end to be. */
static int furnish(struct tun *t, const struct conf_interface *c, struct io_error *error)
{
	const struct address direct = { 0 };
	char text[PREFIX_TEXT];
	struct nl_link link;
	int r = nl_link(t->nl, t->device, &link);

	if (r == 0)
		r = nl_link_up(t->nl, link.index, c->mtu);
	if (r < 0)
		return io_refuse(error, r, "%s: cannot bring up \"%s\" with MTU %u: %s", c->name,
				 t->device, c->mtu, strerror(-r));
	for (size_t i = 0; i < c->host_address_count; i++) {
		r = nl_address_add(t->nl, link.index, &c->host_addresses[i]);
		if (r < 0)
			return io_refuse(error, r, "%s: host_address %s: %s", c->name,
					 prefix_format(&c->host_addresses[i], text), strerror(-r));
	}
	for (size_t i = 0; i < c->host_route_count; i++) {
		r = nl_route_add(t->nl, link.index, &c->host_routes[i], &direct);
		if (r < 0)
			return io_refuse(error, r, "%s: host_route %s: %s", c->name,
					 prefix_format(&c->host_routes[i], text), strerror(-r));
	}
	return 0;
}

static void tun_refresh(struct io *io)
{
	struct tun *t = (struct tun *)io;
	struct nl_link link;

	if (nl_link(t->nl, t->device, &link) < 0)
		io_note(io, io_mtu(io), false);
	else
		io_note(io, link.mtu, link.up && link.carrier);
}

static int make_device(struct tun *t, const struct conf_interface *c, uint16_t queues,
		       struct io_error *error)
{
	struct nl *ours;
	int r;

	while (t->queues < queues) {
		r = open_queue(t, c, error);
		if (r < 0)
			return r;
	}
	if (t->io.offload)
		agree_on_offloads(t);
	r = nl_open(&ours);
	if (r < 0)
		return io_refuse(error, r, "%s: rtnetlink: %s", c->name, strerror(-r));
	r = place(ours, c, error);
	nl_close(ours);
	return r;
}

/* Workers beyond the queues send through another's, which the kernel allows. */
static int sending_descriptor(const struct tun *t, uint16_t worker)
{
	return t->fd[worker % t->queues];
}

/* Rings for all workers, or for none. */
static void make_rings(struct tun *t)
{
	int r = 0;

	for (uint16_t i = 0; !r && i < t->io.workers; i++)
		r = uring_new(&t->worker[i].ring, sending_descriptor(t, i));
	if (!r)
		return;
	for (uint16_t i = 0; i < t->io.workers; i++) {
		uring_free(t->worker[i].ring);
		t->worker[i].ring = NULL;
	}
	io_set_remark(&t->io, "%s: no io_uring (%s); a system call for each packet", t->device,
		      strerror(-r));
}

static int make_workers(struct tun *t, const struct conf_interface *c, struct io_error *error)
{
	size_t len = t->io.workers * sizeof(*t->worker);

	t->worker = aligned_alloc(_Alignof(struct tun_worker), len);
	if (!t->worker)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	memset(t->worker, 0, len);
	if (c->io_uring)
		make_rings(t);
	return 0;
}

static int tun_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
		    struct io_error *error)
{
	uint16_t queues = io_queues(c, workers);
	struct tun *t = calloc(1, sizeof(*t) + queues * sizeof(t->fd[0]));
	int r;

	if (!t)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	t->io.backend = &io_tun;
	t->io.workers = workers;
	t->io.offload = offload;
	t->header_len = offload ? sizeof(struct virtio_net_hdr) : 0;
	memcpy(t->device, c->device, sizeof(t->device));
	r = open_nl(t, c, error);
	if (r == 0)
		r = make_device(t, c, queues, error);
	if (r == 0)
		r = make_workers(t, c, error);
	if (r == 0)
		r = furnish(t, c, error);
	if (r < 0) {
		tun_close(&t->io);
		return r;
	}
	tun_refresh(&t->io);
	*io = &t->io;
	return 0;
}

static int tun_descriptor(const struct io *io, uint16_t worker)
{
	const struct tun *t = (const struct tun *)io;

	return worker < t->queues ? t->fd[worker] : -1;
}

/* A frame has been read, with its header. */
static void take(const struct tun *t, struct frame *f, size_t len)
{
	f->len = (uint32_t)(len - t->header_len);
	f->link_multicast = false;
	if (t->header_len)
		frame_load_offload(f, 0);
	else
		f->offload = (struct virtio_net_hdr){ 0 };
}

static int recv_each(const struct tun *t, int fd, struct frame **frames, size_t count,
		     size_t *octets)
{
	size_t i;

	for (i = 0; i < count && *octets < RECV_OCTETS; i++) {
		struct frame *f = frames[i];
		ssize_t len = read(fd, frame_ip(f) - t->header_len, t->header_len + FRAME_LEN_MOST);

		if (len < (ssize_t)t->header_len) {
			if (len < 0 && errno != EAGAIN && i == 0)
				return -errno;
			break;
		}
		take(t, f, (size_t)len);
		*octets += f->len;
	}
	return (int)i;
}

static int recv_batch(const struct tun *t, struct uring *ring, struct frame **frames, size_t count,
		      size_t *octets)
{
	struct uring_part parts[URING_MOST];
	size_t got = 0;

	for (size_t i = 0; i < count; i++) {
		parts[i].at = frame_ip(frames[i]) - t->header_len;
		parts[i].len = (uint32_t)t->header_len + FRAME_LEN_MOST;
	}
	uring_read(ring, parts, count);
	for (size_t i = 0; i < count; i++) {
		struct frame *f = frames[got], *filled = frames[i];
		uint8_t *at = f->octets;

		if (parts[i].done < (int32_t)t->header_len)
			continue;
		/* It may have come just after the part before it found nothing. */
		f->octets = filled->octets;
		filled->octets = at;
		take(t, f, (size_t)parts[i].done);
		*octets += f->len;
		got++;
	}
	return (int)got;
}

/* How many datagrams the next batch may bring, by how many there were of those expected. */
static size_t expect(size_t expected, size_t got, size_t octets)
{
	size_t next = got < expected ? got + 1 : 2 * got;
	size_t most = octets > RECV_OCTETS / URING_MOST * got ? RECV_OCTETS * got / octets : URING_MOST;

	return next < most ? next : most;
}

static int tun_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	const struct tun *t = (const struct tun *)io;
	struct tun_worker *w = &t->worker[worker];
	int fd = tun_descriptor(io, worker), got;
	size_t octets = 0;

	if (fd < 0)
		return 0;
	if (w->expected < count)
		count = w->ring && w->expected >= BATCH_LEAST ? w->expected : count;
	if (w->ring && w->expected >= BATCH_LEAST && uring_works(w->ring))
		got = recv_batch(t, w->ring, frames, count, &octets);
	else
		got = recv_each(t, fd, frames, count, &octets);
	if (got >= 0)
		w->expected = expect(count, (size_t)got, octets);
	return got;
}

/* In the order given, up to the first that cannot be. */
static size_t send_batch(const struct tun *t, struct uring *ring, struct frame **frames,
			 size_t count)
{
	struct uring_part parts[URING_MOST];

	for (size_t i = 0; i < count; i++) {
		const struct frame *f = frames[i];

		parts[i].at = t->header_len ? frame_store_offload(f, 0) : f->p.ip;
		parts[i].len = (uint32_t)t->header_len + f->p.len;
	}
	return uring_write(ring, parts, count);
}

static enum reason tun_send(struct io *io, uint16_t worker, struct frame **frames,
			    size_t count, size_t *sent)
{
	const struct tun *t = (const struct tun *)io;
	struct uring *ring = t->worker[worker].ring;
	int fd = sending_descriptor(t, worker);

	*sent = 0;
	if (ring && count >= BATCH_LEAST && count <= URING_MOST && uring_works(ring))
		*sent = send_batch(t, ring, frames, count);
	/* What a batch leaves is tried again for the sake of the reason. */
	for (; *sent < count; ++*sent) {
		const struct frame *f = frames[*sent];
		const uint8_t *at = t->header_len ? frame_store_offload(f, 0) : f->p.ip;

		if (write(fd, at, t->header_len + f->p.len) < 0)
			return io_send_reason(errno);
	}
	return REASON_NONE;
}

static int tun_steer(struct io *io, int program)
{
	const struct tun *t = (const struct tun *)io;

	return ioctl(t->fd[0], TUNSETSTEERINGEBPF, &program) < 0 ? -errno : 0;
}

const struct io_backend io_tun = {
	.steer = tun_steer,
	.open = tun_open,
	.close = tun_close,
	.descriptor = tun_descriptor,
	.recv = tun_recv,
	.send = tun_send,
	.refresh = tun_refresh,
};
