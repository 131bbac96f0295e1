/*
 * Backend tun: a device whose other end is a host of its own, the kernel of some network namespace.
 * What makes a device, and what ends it, serves type tap as well.
 *
 * The device is made in our namespace, with a queue per worker, and then moved; its descriptors
 * stay good. It is not persistent, so that it goes, with the addresses and routes put on it, when
 * the last descriptor is closed: io_close() has nothing else to undo, and nothing is left behind
 * however the process ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io_tun.h"

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

void tun_remove(struct tun *t)
{
	for (uint16_t i = 0; t->worker && i < t->io.workers; i++)
		uring_free(t->worker[i].ring);
	free(t->worker);
	for (uint16_t i = 0; i < t->queues; i++)
		close(t->fd[i]);
	free(t->fd);
	nl_close(t->nl);
	free(t->netns);
}

static void tun_close(struct io *io)
{
	struct tun *t = (struct tun *)io;

	tun_remove(t);
	free(t);
}

static int refuse_node(const struct conf_interface *c, int error_number, struct io_error *error)
{
	if (error_number == EACCES || error_number == EPERM)
		return io_refuse(error, -error_number,
				 "%s: no access to /dev/net/tun: run as root", c->name);
	return io_refuse(error, -EOPNOTSUPP, "%s: no /dev/net/tun (%s): modprobe tun", c->name,
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
	int flags = (c->type == IO_TAP ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_MULTI_QUEUE;

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

/* What the namespace is, to be recognized. */
static int note_netns(struct tun *t, const struct conf_interface *c)
{
	int fd = nl_netns(c->netns), r = 0;

	if (fd < 0)
		return fd;
	t->netns = strdup(c->netns);
	if (!t->netns || fstat(fd, &t->home) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int open_nl(struct tun *t, const struct conf_interface *c, struct io_error *error)
{
	int r = c->netns ? note_netns(t, c) : 0;

	if (r == 0)
		r = c->netns ? nl_open_in(&t->nl, c->netns) : nl_open(&t->nl);
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

static int refuse_taken(const struct conf_interface *c, struct io_error *error)
{
	return io_refuse(error, -EEXIST,
			 "%s: a device \"%s\" exists already in network namespace \"%s\": choose "
			 "another name, or remove it", c->name, c->device, c->netns);
}

/* Before a device is made in vain, and perhaps again and again. */
static int check_name(const struct tun *t, const struct conf_interface *c, struct io_error *error)
{
	struct nl_link link;

	return c->netns && nl_link(t->nl, c->device, &link) == 0 ? refuse_taken(c, error) : 0;
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
		return refuse_taken(c, error);
	if (r < 0)
		return io_refuse(error, r, "%s: cannot place \"%s\"%s%s: %s", c->name, c->device,
				 c->netns ? " in " : "", c->netns ? c->netns : "", strerror(-r));
	return 0;
}

/* Where there is Ethernet, the router behind a route has an address. */
static struct address via_of(const struct conf_interface *c, const struct prefix *route)
{
	for (size_t i = 0; c->type == IO_TAP && i < c->address_count; i++)
		if (c->addresses[i].address.version == route->address.version)
			return c->addresses[i].address;
	return (struct address){ 0 };
}

/* What the configuration wants the kernel's end to be. */
static int furnish(struct tun *t, const struct conf_interface *c, struct io_error *error)
{
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
		const struct address via = via_of(c, &c->host_routes[i]);

		r = nl_route_add(t->nl, link.index, &c->host_routes[i], &via);
		if (r < 0)
			return io_refuse(error, r, "%s: host_route %s: %s", c->name,
					 prefix_format(&c->host_routes[i], text), strerror(-r));
	}
	return 0;
}

/* Whether the namespace still has its name; what is no namespace cannot tell. */
static bool is_at_home(const struct tun *t)
{
	int fd = t->netns ? nl_netns(t->netns) : -EACCES;
	struct stat now;
	bool other;

	if (fd < 0)
		return fd != -ENOENT;
	other = ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET && fstat(fd, &now) == 0 &&
		(now.st_dev != t->home.st_dev || now.st_ino != t->home.st_ino);
	close(fd);
	return !other;
}

/* Whether the device is neither deleted nor renamed. */
static bool has_device(const struct tun *t)
{
	struct ifreq request = { 0 };

	return ioctl(t->fd[0], TUNGETIFF, &request) == 0 &&
	       strcmp(request.ifr_name, t->device) == 0;
}

bool tun_refresh(struct io *io)
{
	struct tun *t = (struct tun *)io;
	bool there = has_device(t) && is_at_home(t);
	struct nl_link link;

	if (there && nl_link(t->nl, t->device, &link) == 0)
		io_note(io, link.mtu, link.up && link.carrier);
	else
		io_note(io, io_mtu(io), false);
	return there;
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

/* Rings for all workers, or for none. */
static void make_rings(struct tun *t)
{
	int r = 0;

	for (uint16_t i = 0; !r && i < t->io.workers; i++)
		r = uring_new(&t->worker[i].ring, tun_sending_descriptor(t, i));
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
	for (uint16_t i = 0; i < t->io.workers; i++)
		t->worker[i].front = t->header_len + (c->type == IO_TAP ? ETH_HLEN : 0);
	if (c->io_uring)
		make_rings(t);
	return 0;
}

int tun_make(struct tun *t, const struct conf_interface *c, uint16_t workers, bool offload,
	     struct io_error *error)
{
	uint16_t queues = io_queues(c, workers);
	int r;

	t->io.workers = workers;
	t->io.offload = offload;
	t->header_len = offload ? sizeof(struct virtio_net_hdr) : 0;
	memcpy(t->device, c->device, sizeof(t->device));
	t->fd = calloc(queues, sizeof(*t->fd));
	if (!t->fd)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	r = open_nl(t, c, error);
	if (r == 0)
		r = check_name(t, c, error);
	if (r == 0)
		r = make_device(t, c, queues, error);
	if (r == 0)
		r = make_workers(t, c, error);
	if (r == 0)
		r = furnish(t, c, error);
	if (r == 0)
		tun_refresh(&t->io);
	return r;
}

static int tun_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
		    struct io_error *error)
{
	struct tun *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	t->io.backend = &io_tun;
	r = tun_make(t, c, workers, offload, error);
	if (r < 0) {
		tun_close(&t->io);
		return r;
	}
	*io = &t->io;
	return 0;
}

/* A frame has been read, with its header. */
static void take(const struct tun *t, struct frame *f)
{
	f->link_multicast = false;
	if (t->header_len)
		frame_load_offload(f, 0);
	else
		f->offload = (struct virtio_net_hdr){ 0 };
}

static int tun_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	const struct tun *t = (const struct tun *)io;
	int got = tun_read(t, worker, frames, count);

	for (int i = 0; i < got; i++)
		take(t, frames[i]);
	return got;
}

static size_t prepare(const struct tun *t, struct frame **frames, size_t count,
		      struct uring_part *parts)
{
	count = count < URING_MOST ? count : URING_MOST;
	for (size_t i = 0; i < count; i++) {
		const struct frame *f = frames[i];

		parts[i].at = t->header_len ? frame_store_offload(f, 0) : f->p.ip;
		parts[i].len = (uint32_t)t->header_len + f->p.len;
	}
	return count;
}

static enum reason tun_send(struct io *io, uint16_t worker, struct frame **frames,
			    size_t count, size_t *sent)
{
	const struct tun *t = (const struct tun *)io;
	struct uring_part parts[URING_MOST];
	enum reason r = REASON_NONE;

	for (*sent = 0; r == REASON_NONE && *sent < count;) {
		size_t ready = prepare(t, frames + *sent, count - *sent, parts), written;

		r = tun_write(t, worker, parts, ready, &written);
		*sent += written;
	}
	return r;
}

int tun_steer(struct io *io, int program)
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
