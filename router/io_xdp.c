/*
 * Backend xdp: an Ethernet device of the kernel's through AF_XDP. What is ours (router/xdp_program.h)
 * leaves the kernel before its stack has touched it, and so needs no guard; the rest stays the
 * kernel's, ARP and neighbour discovery among it.
 *
 * Queues   Every queue of the device has a socket, because what comes by a queue without one is lost.
 *	    Worker w has those whose number modulo the workers is w. Where there are more workers than
 *	    queues, the others receive what they are handed, and send through a packet socket.
 * Modes    The best that the device can: it writes into our memory itself (zero-copy); its driver
 *	    runs the program and frames are copied (native); the kernel runs it behind every driver
 *	    (generic).
 * Sums     A kernel at the other end of a virtual device leaves transport checksums to a device that
 *	    is none, and AF_XDP does not tell. But such a field holds the sum of the pseudo-header, as a
 *	    finished one does by a chance of one in 65536, for which finishing again changes nothing.
 *	    A real device has no such frames: in mode zero-copy nothing is looked for.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "io_ethernet.h"
#include "nat/checksum.h"
#include "neigh.h"
#include "xdp_program.h"
#include "xdp_queue.h"

enum { TRIES = 50 };

struct xdp_worker {
	struct neigh *neigh;
	struct xdp_queue *queue; /* that it sends through; NULL: by fd */
	int fd;
	int epoll; /* over the descriptors of several queues; -1: it has fewer */
	uint32_t turn;
	uint8_t chunk[XDP_CHUNK]; /* to send by fd from */
} __attribute__((aligned(64)));

struct xdp {
	struct io io;
	char device[IFNAMSIZ];
	struct nl_link link; /* as it was opened */
	uint32_t mtu; /* of the configuration; 0: the device's */
	enum xdp_mode mode;
	int no_native; /* the driver's answer, a negative errno; 0: none, or not asked */
	struct nl *nl;
	struct xdp_program *program;
	struct xdp_queue **queues;
	uint32_t queue_count;
	uint64_t missed; /* as last asked */
	struct xdp_worker worker[];
};

static uint32_t count_queues(const char *device)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq request = { .ifr_data = (char *)&channels };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t count = 0;

	memcpy(request.ifr_name, device, sizeof(request.ifr_name));
	if (fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0)
		count = channels.rx_count + channels.combined_count;
	if (fd >= 0)
		close(fd);
	return count ? count : 1; /* a device that cannot say has one */
}

static void close_queues(struct xdp *x)
{
	for (uint32_t i = 0; i < x->queue_count; i++) {
		xdp_queue_free(x->queues[i]);
		x->queues[i] = NULL;
	}
}

/* Another program on the device, or another socket on a queue, leaves no room in any mode. */
static bool is_taken(int error_number)
{
	return error_number == -EBUSY || error_number == -EEXIST;
}

/* The kernel lets go of what was closed only a moment later: whether to try again. */
static bool is_worth_waiting(int error_number, unsigned *tries)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	if (!is_taken(error_number) || ++*tries > TRIES)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

static int attach_program(struct xdp *x, uint32_t index)
{
	unsigned tries = 0;
	int r;

	do
		r = xdp_program_attach(x->program, index, x->mode == XDP_GENERIC_MODE);
	while (is_worth_waiting(r, &tries));
	return r;
}

static int open_queues(struct xdp *x)
{
	unsigned tries = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < x->queue_count; i++) {
		do
			r = xdp_queue_new(&x->queues[i], x->device, i,
					  x->mode == XDP_ZERO_COPY_MODE, i < x->io.workers);
		while (is_worth_waiting(r, &tries));
		if (r == 0)
			r = xdp_program_serve(x->program, i, xdp_queue_descriptor(x->queues[i]));
	}
	if (r < 0)
		close_queues(x);
	return r;
}

/* The best mode from x->mode on. */
static int take_mode(struct xdp *x, uint32_t index)
{
	int r = attach_program(x, index);

	if (r < 0 && !is_taken(r) && x->mode != XDP_GENERIC_MODE) {
		x->no_native = r;
		x->mode = XDP_GENERIC_MODE;
		r = attach_program(x, index);
	}
	if (r == 0)
		r = open_queues(x);
	if (r < 0 && !is_taken(r) && x->mode == XDP_ZERO_COPY_MODE) {
		x->mode = XDP_NATIVE_MODE;
		r = open_queues(x);
	}
	return r;
}

static int refuse_mode(const struct xdp *x, const struct conf_interface *c, int error_number,
		       struct io_error *error)
{
	if (is_taken(error_number))
		return io_refuse(error, error_number,
				 "%s: another program has XDP on the device: end it, or ip link set "
				 "%s xdp off", c->name, x->device);
	if (error_number == -EPERM)
		return io_refuse(error, error_number,
				 "%s: may not attach an XDP program: run as root, or use type "
				 "\"packet\"", c->name);
	if (error_number == -ENOBUFS)
		return io_refuse(error, error_number,
				 "%s: AF_XDP: too little memory may be locked: run with "
				 "CAP_IPC_LOCK, or ulimit -l unlimited", c->name);
	return io_refuse(error, error_number, "%s: AF_XDP: %s: use type \"packet\"", c->name,
			 strerror(-error_number));
}

/* A worker without a queue of its own sends as any program may. */
static int open_sender(uint32_t index)
{
	const struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)index };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -errno : fd;
}

static int gather_queues(struct xdp *x, uint16_t worker)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN };

	for (uint32_t q = worker; epoll >= 0 && q < x->queue_count; q += x->io.workers)
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, xdp_queue_descriptor(x->queues[q]), &e) < 0)
			return -errno;
	x->worker[worker].epoll = epoll;
	return epoll < 0 ? -errno : 0;
}

static int equip(struct xdp *x, uint16_t worker, uint32_t index)
{
	struct xdp_worker *w = &x->worker[worker];
	int r = neigh_new(&w->neigh, index, &x->io.neighbours);

	w->turn = worker;
	if (r < 0)
		return r;
	if (worker < x->queue_count)
		w->queue = x->queues[worker];
	else
		w->fd = r = open_sender(index);
	if (r >= 0 && worker + x->io.workers < x->queue_count)
		r = gather_queues(x, worker);
	return r < 0 ? r : 0;
}

static int set_up(struct xdp *x, const struct conf_interface *c, struct io_error *error)
{
	uint32_t index = x->link.index;
	int r = xdp_program_new(&x->program, x->link.mac, x->queue_count);

	if (r == 0)
		r = xdp_program_learn(x->program, x->nl);
	if (r == 0)
		r = take_mode(x, index);
	if (r < 0)
		return refuse_mode(x, c, r, error);
	for (uint16_t i = 0; r == 0 && i < x->io.workers; i++)
		r = equip(x, i, index);
	if (r < 0)
		return io_refuse(error, r, "%s: %s", c->name, strerror(-r));
	return 0;
}

static void say_mode(struct xdp *x)
{
	static const char *const modes[] = {
		[XDP_ZERO_COPY_MODE] = "zero-copy",
		[XDP_NATIVE_MODE] = "native, frames are copied",
		[XDP_GENERIC_MODE] = "generic, frames are copied",
	};

	io_set_remark(&x->io, "%s: AF_XDP %s, %u queue%s%s%s", x->device, modes[x->mode],
		      x->queue_count, x->queue_count == 1 ? "" : "s",
		      x->no_native ? "; native: " : "", x->no_native ? strerror(-x->no_native) : "");
}

static int attach(struct xdp *x, const struct conf_interface *c, struct io_error *error)
{
	int r = ethernet_find(&x->nl, &x->link, c, error);

	if (r < 0)
		return r;
	if (x->link.mtu > XDP_MTU_MOST)
		return io_refuse(error, -EMSGSIZE,
				 "%s: MTU %u is too large for AF_XDP: ip link set %s mtu %u, or use "
				 "type \"packet\"", c->name, x->link.mtu, c->device, XDP_MTU_MOST);
	ethernet_note(&x->io, &x->link, x->mtu);
	x->queue_count = count_queues(x->device);
	x->queues = calloc(x->queue_count, sizeof(struct xdp_queue *));
	if (!x->queues)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	r = set_up(x, c, error);
	if (r == 0)
		say_mode(x);
	return r;
}

/* The program first: until then what comes is dropped, and not the kernel's. */
static void xdp_close(struct io *io)
{
	struct xdp *x = (struct xdp *)io;

	for (uint16_t i = 0; i < io->workers; i++) {
		struct xdp_worker *w = &x->worker[i];

		neigh_free(w->neigh);
		if (w->fd >= 0)
			close(w->fd);
		if (w->epoll >= 0)
			close(w->epoll);
	}
	xdp_program_free(x->program);
	if (x->queues)
		close_queues(x);
	free(x->queues);
	nl_close(x->nl);
	free(x);
}

static int xdp_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
		    struct io_error *error)
{
	size_t len = sizeof(struct xdp) + workers * sizeof(struct xdp_worker);
	struct xdp *x = aligned_alloc(_Alignof(struct xdp), len);
	int r;

	if (!x)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	memset(x, 0, len);
	libbpf_set_print(NULL); /* its words beside ours */
	x->io.backend = &io_xdp;
	x->io.workers = workers;
	x->io.offload = offload;
	x->mtu = c->mtu;
	x->mode = c->xdp_mode;
	memcpy(x->device, c->device, sizeof(x->device));
	for (uint16_t i = 0; i < workers; i++)
		x->worker[i].fd = x->worker[i].epoll = -1;
	r = attach(x, c, error);
	if (r < 0) {
		xdp_close(&x->io);
		return r;
	}
	*io = &x->io;
	return 0;
}

static uint64_t missed(const struct xdp *x)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < x->queue_count; i++) {
		struct xdp_statistics s;
		socklen_t len = sizeof(s);

		if (getsockopt(xdp_queue_descriptor(x->queues[i]), SOL_XDP, XDP_STATISTICS, &s,
			       &len) == 0)
			sum += s.rx_dropped + s.rx_ring_full;
	}
	return sum;
}

static bool xdp_refresh(struct io *io)
{
	struct xdp *x = (struct xdp *)io;
	uint64_t now = missed(x);

	io_miss(io, now - x->missed);
	x->missed = now;
	xdp_program_learn(x->program, x->nl);
	return ethernet_refresh(io, x->nl, x->device, &x->link,
				x->mtu && x->mtu < XDP_MTU_MOST ? x->mtu : XDP_MTU_MOST);
}

static int xdp_descriptor(const struct io *io, uint16_t worker)
{
	const struct xdp *x = (const struct xdp *)io;
	const struct xdp_worker *w = &x->worker[worker];

	if (w->epoll >= 0)
		return w->epoll;
	return w->queue ? xdp_queue_descriptor(w->queue) : -1;
}

/* The pseudo-header's sum, as it stands in a field that was left to a device. */
static csum_t pseudo_sum(const struct pkt *p)
{
	size_t address_len = p->version == 4 ? 4 : 16;
	const uint8_t *source = pkt_source(p);

	return csum_pseudo(source, source + address_len, address_len, p->protocol,
			   p->len - p->transport);
}

/* See Sums. */
static void find_partial(struct frame *f, bool finish)
{
	struct pkt p;

	if (pkt_parse(&p, frame_ip(f), f->len, NULL) != REASON_NONE || pkt_is_fragment(&p) ||
	    (p.protocol != PROTO_TCP && p.protocol != PROTO_UDP) || !p.checksum)
		return;
	if (be16_load(p.ip + p.checksum).raw != pseudo_sum(&p).raw)
		return;
	if (!finish) {
		f->offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		f->offload.csum_start = p.transport;
		f->offload.csum_offset = (uint16_t)(p.checksum - p.transport);
		return;
	}
	pkt_complete(&p);
}

static int xdp_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	struct xdp *x = (struct xdp *)io;
	struct xdp_worker *w = &x->worker[worker];
	size_t got = 0;

	/* Another queue first each time, so that none waits for ever. */
	for (uint32_t i = worker; i < x->queue_count && got < count; i += io->workers) {
		got += xdp_queue_recv(x->queues[w->turn], frames + got, count - got);
		w->turn += io->workers;
		if (w->turn >= x->queue_count)
			w->turn = worker;
	}
	for (size_t i = 0; x->mode != XDP_ZERO_COPY_MODE && i < got; i++)
		find_partial(frames[i], !io->offload);
	return (int)got;
}

/* Where the next datagram is to be written. NULL: no room. */
static uint8_t *next_chunk(struct xdp_worker *w)
{
	return w->queue ? xdp_queue_chunk(w->queue) : w->chunk;
}

static enum reason send_one(const struct xdp *x, struct xdp_worker *w, const struct frame *f,
			    const uint8_t *mac)
{
	size_t len = ETH_HLEN + f->p.len;
	uint8_t *at = next_chunk(w);

	if (f->p.len > XDP_MTU_MOST)
		return REASON_SEND_ERROR;
	if (!at)
		return REASON_SEND_FULL;
	ethernet_header(at, mac, x->link.mac, f->p.version);
	memcpy(at + ETH_HLEN, f->p.ip, f->p.len);
	if (w->queue)
		xdp_queue_put(w->queue, at, len);
	else if (send(w->fd, at, len, MSG_DONTWAIT) < 0)
		return io_send_reason(errno);
	return REASON_NONE;
}

static enum reason xdp_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
			    size_t *sent)
{
	struct xdp *x = (struct xdp *)io;
	struct xdp_worker *w = &x->worker[worker];
	uint64_t now = ethernet_now_ms();
	enum reason r = REASON_NONE;

	*sent = 0;
	if (!io_is_up(io))
		return REASON_INTERFACE_DOWN;
	if (w->queue)
		xdp_queue_reap(w->queue);
	while (*sent < count) {
		const struct frame *f = frames[*sent];
		const uint8_t *mac = neigh_find(w->neigh, &f->next_hop, now);

		r = mac ? send_one(x, w, f, mac) : REASON_NEIGHBOUR;
		if (r != REASON_NONE)
			break;
		++*sent;
	}
	if (w->queue)
		xdp_queue_flush(w->queue);
	return r;
}

const struct io_backend io_xdp = {
	.has_neighbours = true,
	.open = xdp_open,
	.close = xdp_close,
	.descriptor = xdp_descriptor,
	.recv = xdp_recv,
	.send = xdp_send,
	.refresh = xdp_refresh,
};
