/*
 * Backend nfqueue: a device of the kernel's, which keeps it, its addresses, neighbours and routes. The
 * rules of router/queue_rules.h queue what is ours before it is routed; here it is received, and each
 * datagram ends with one verdict:
 *
 * given back	What leaves by an nfqueue interface too goes on in the kernel as it is now. That routes
 *		it by its own table, and counts the hop and fragments itself: the hop that we counted is
 *		taken back, and super-packets stay whole.
 * dropped	What leaves by another kind of interface was sent there; what ends here ends there too.
 *		So is what the kernel would not forward: it leaves by a raw socket.
 * passed	What is for the host itself goes on as it came.
 *
 * What has not come by a queue, and what we make ourselves, leaves by a raw socket, too.
 *
 * How long the segments of a super-packet are is not told. So only TCP comes whole, which may be cut
 * in other places, by queues of its own, where nothing leaves by another kind of interface, the host
 * forwards, and no device has a smaller MTU. Its checksum is complete when it is given back; that it
 * is to be cut the kernel knows, and does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_ethernet.h"
#include "io_raw.h"
#include "queue_host.h"
#include "queue_settle.h"
#include "queue_socket.h"
#include "router/queue_message.h"
#include "router/queue_rules.h"
#include "router/worker.h"

enum {
	RECV_OCTETS = 256 << 10, /* of a batch: what the cache holds until it is sent */
	USUAL_FRONT = 80,	 /* octets of a message in front of the datagram */
	KINDS = 2,		 /* TCP comes by a queue of its own where it comes whole */
};

struct queue_worker {
	struct mnl_socket *socket; /* NULL: no queues of its own */
	int fd;
	struct raw *raw;
	uint32_t front; /* octets in front of the datagram in the last message */
	uint32_t most;	/* frames of a batch */
	struct queue queues[KINDS];
	struct mmsghdr messages[FRAME_BATCH];
	struct iovec octets[FRAME_BATCH];
} __attribute__((aligned(64)));

struct nfqueue {
	struct io io;
	char device[IFNAMSIZ];
	uint32_t index, mtu, length;
	uint16_t first, queues, kinds;
	bool fail_open, may_return, is_inside;
	bool whole; /* TCP comes so, now */
	struct nl *nl;
	int list;	  /* the kernel's, of queues */
	uint64_t dropped; /* in there, as last seen */
	struct queue_host host;
	struct other_link { char device[IFNAMSIZ]; uint32_t mtu; } others[WORKER_INTERFACES_MOST];
	size_t other_count;
	struct queue_rules *rules; /* NULL: not installed yet */
	atomic_bool forwards4, forwards6;
	struct queue_worker worker[];
};

static int refuse_queue(const struct nfqueue *n, const struct conf_interface *c, uint16_t queue,
			int r, struct io_error *error)
{
	unsigned int owner;

	if (r == -EPERM && queue_list_find(n->list, queue, &owner))
		return io_refuse(error, -EBUSY,
				 "%s: queue %u belongs to another program (netlink port %u): give "
				 "another number with queue, or end that program",
				 c->name, queue, owner);
	if (r == -EPERM)
		return io_refuse(error, r,
				 "%s: may not bind to queue %u: run as root, with CAP_NET_ADMIN, or "
				 "below unshare -Urn", c->name, queue);
	if (r == -EINVAL || r == -EPROTONOSUPPORT)
		return io_refuse(error, -EOPNOTSUPP,
				 "%s: the kernel has no NFQUEUE: modprobe nfnetlink_queue, or use type "
				 "packet", c->name);
	return io_refuse(error, r, "%s: queue %u: %s", c->name, queue, strerror(-r));
}

static int open_queues(struct nfqueue *n, uint16_t worker, const struct conf_interface *c,
		       struct io_error *error)
{
	struct queue_worker *w = &n->worker[worker];

	w->socket = queue_socket_open();
	if (!w->socket)
		return refuse_queue(n, c, n->first, -errno, error);
	w->fd = mnl_socket_get_fd(w->socket);
	w->front = USUAL_FRONT;
	w->most = FRAME_BATCH;
	for (uint16_t kind = 0; kind < n->kinds; kind++) {
		uint16_t queue = (uint16_t)(n->first + kind * n->queues + worker);
		int r = queue_bind(w->socket, queue, n->length, n->fail_open);

		if (r < 0)
			return refuse_queue(n, c, queue, r, error);
		w->queues[kind].number = queue;
	}
	return 0;
}

static void nfqueue_close(struct io *io)
{
	struct nfqueue *n = (struct nfqueue *)io;

	queue_rules_remove(n->rules);
	for (uint16_t i = 0; i < io->workers; i++) {
		if (n->worker[i].socket)
			mnl_socket_close(n->worker[i].socket);
		raw_close(n->worker[i].raw);
	}
	queue_host_restore(&n->host);
	if (n->list >= 0)
		close(n->list);
	nl_close(n->nl);
	free(n);
}

static void count_missed(struct nfqueue *n)
{
	uint64_t dropped = queue_list_dropped(n->list, n->first, (uint16_t)(n->kinds * n->queues));

	if (dropped > n->dropped)
		io_miss(&n->io, dropped - n->dropped);
	n->dropped = dropped;
}

static void keep_whole(struct nfqueue *n, bool whole)
{
	for (uint16_t i = 0; i < n->queues; i++)
		queue_keep_whole(n->worker[i].socket, n->worker[i].queues[0].number, whole);
	n->whole = whole;
}

/* The device may be another one of that name by now; queues know it by name only. */
static void follow_device(struct nfqueue *n, uint32_t index)
{
	n->index = index;
	for (uint16_t i = 0; i < n->io.workers; i++)
		raw_bind(n->worker[i].raw, index);
	if (n->is_inside)
		n->may_return = queue_host_allow(&n->host, n->device) == 0;
}

/* The sizes of segments are not known: none is too long for any other device if it is for none that is
 * as long as may come in. */
static bool fits_others(const struct nfqueue *n)
{
	struct nl_link link;

	for (size_t i = 0; i < n->other_count; i++) {
		uint32_t mtu = n->others[i].mtu;

		if (nl_link(n->nl, n->others[i].device, &link) < 0)
			continue;
		if (!mtu || mtu > link.mtu)
			mtu = link.mtu;
		if (mtu < io_mtu(&n->io))
			return false;
	}
	return true;
}

static bool nfqueue_refresh(struct io *io)
{
	struct nfqueue *n = (struct nfqueue *)io;
	struct nl_link link;

	count_missed(n);
	queue_rules_keep(n->rules);
	if (nl_link(n->nl, n->device, &link) < 0) {
		io_note(io, io_mtu(io), false);
		return true;
	}
	if (link.index != n->index)
		follow_device(n, link.index);
	else if (n->may_return && n->is_inside)
		queue_host_keep(&n->host);
	ethernet_note(io, &link, n->mtu);
	atomic_store(&n->forwards4, n->may_return && queue_host_forwards(n->device, 4));
	atomic_store(&n->forwards6, n->may_return && queue_host_forwards(n->device, 6));
	if (n->kinds > 1 && n->whole != (atomic_load(&n->forwards4) && fits_others(n)))
		keep_whole(n, !n->whole);
	return true;
}

/* What leaves the host in its own name comes in by an inside device now. */
static void allow_return(struct nfqueue *n)
{
	int r = n->is_inside ? queue_host_allow(&n->host, n->device) : 0;

	n->may_return = r == 0;
	if (r < 0)
		io_set_remark(&n->io, "%s: cannot set accept_local (%s); packets are sent anew instead "
			      "of given back", n->device, strerror(-r));
}

static int equip(struct nfqueue *n, const struct conf_interface *c, struct io_error *error)
{
	int r = 0;

	for (uint16_t i = 0; r == 0 && i < n->io.workers; i++) {
		r = raw_open(&n->worker[i].raw, c->mark);
		if (r == 0)
			r = raw_bind(n->worker[i].raw, n->index);
	}
	if (r == -EPERM)
		return io_refuse(error, r,
				 "%s: may not open a raw socket: run as root, with CAP_NET_RAW, or "
				 "below unshare -Urn", c->name);
	return r ? io_refuse(error, r, "%s: raw sockets: %s", c->name, strerror(-r)) : 0;
}

static int attach(struct nfqueue *n, const struct conf_interface *c, struct io_error *error)
{
	struct nl_link link;
	int r = device_find(&n->nl, &link, c, error);

	if (r < 0)
		return r;
	if (link.bridge && queue_host_filters_bridges())
		return io_refuse(error, -EOPNOTSUPP, "%s: packets of bridge \"%s\" would be queued twice: "
				 "sysctl -w net.bridge.bridge-nf-call-iptables=0, or use type packet",
				 c->name, c->device);
	n->index = link.index;
	ethernet_note(&n->io, &link, n->mtu);
	n->list = queue_list_open();
	r = equip(n, c, error);
	for (uint16_t i = 0; r == 0 && i < n->queues; i++)
		r = open_queues(n, i, c, error);
	return r;
}

static int nfqueue_open(struct io **io, const struct conf_interface *c, uint16_t workers,
			bool offload, struct io_error *error)
{
	size_t len = sizeof(struct nfqueue) + workers * sizeof(struct queue_worker);
	struct nfqueue *n = aligned_alloc(_Alignof(struct nfqueue), len);
	int r;

	if (!n)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	memset(n, 0, len);
	n->io.backend = &io_nfqueue;
	n->io.workers = workers;
	n->io.offload = offload;
	n->mtu = c->mtu;
	n->length = c->queue_length;
	n->first = c->queue;
	n->queues = io_queues(c, workers);
	n->kinds = c->whole ? KINDS : 1;
	n->fail_open = c->fail_open;
	n->is_inside = c->side == SIDE_INSIDE;
	n->list = -1;
	n->host.accept_local = n->host.rp_filter = -1;
	memcpy(n->device, c->device, sizeof(n->device));
	for (uint16_t i = 0; i < workers; i++)
		n->worker[i].fd = -1;
	r = attach(n, c, error);
	if (r < 0) {
		nfqueue_close(&n->io);
		return r;
	}
	allow_return(n);
	*io = &n->io;
	return 0;
}

static int nfqueue_follow(struct io *io, const struct conf *c, size_t interface,
			  struct io_error *error)
{
	struct nfqueue *n = (struct nfqueue *)io;

	n->other_count = 0;
	for (size_t i = 0; i < c->interface_count; i++) {
		struct other_link *o = &n->others[n->other_count];

		if (i == interface || c->interfaces[i].type != IO_NFQUEUE)
			continue;
		memcpy(o->device, c->interfaces[i].device, sizeof(o->device));
		o->mtu = c->interfaces[i].mtu;
		n->other_count++;
	}
	return n->rules ? queue_rules_update(n->rules, c, interface, error)
			: queue_rules_install(&n->rules, c, interface, error);
}

static int nfqueue_descriptor(const struct io *io, uint16_t worker)
{
	return ((const struct nfqueue *)io)->worker[worker].fd;
}

/* As a device would have said it; its segments are as long as they may be, so that nothing is taken for
 * too long that could come in. */
static void describe_partial(struct frame *f, bool large, uint32_t mtu)
{
	struct pkt p;
	uint32_t header;

	if (pkt_parse(&p, frame_ip(f), f->len, NULL) != REASON_NONE || !p.checksum)
		return;
	f->offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	f->offload.csum_start = p.transport;
	f->offload.csum_offset = (uint16_t)(p.checksum - p.transport);
	if (!large || p.protocol != PROTO_TCP)
		return;
	header = p.transport + (uint32_t)(pkt_transport(&p)[12] >> 4) * 4;
	f->offload.hdr_len = (uint16_t)header;
	f->offload.gso_type = p.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	f->offload.gso_size = (uint16_t)(mtu - header);
}

static void describe(const struct nfqueue *n, struct frame *f, int fd, const struct queue_message *m)
{
	bool v6 = m->len && *frame_ip(f) >> 4 == 6;

	f->len = m->len;
	f->link_multicast = false;
	f->offload = (struct virtio_net_hdr){ 0 };
	f->verdict = (struct frame_verdict){
		.packet = m->packet,
		.fd = fd,
		.queue = m->queue,
		.pending = PENDING_DROP,
		.may_return = atomic_load_explicit(v6 ? &n->forwards6 : &n->forwards4,
						   memory_order_relaxed),
	};
	if (m->partial)
		describe_partial(f, m->large, io_mtu(&n->io));
}

static struct queue *queue_of(const struct nfqueue *n, struct queue_worker *w, uint16_t number)
{
	return &w->queues[n->kinds > 1 && number >= n->first + n->queues];
}

/* A message has been received, so that its datagram lies where that of the last one did. False: there
 * is none. */
static bool take(struct nfqueue *n, struct queue_worker *w, struct frame *f, uint32_t front, size_t len)
{
	uint8_t *message = frame_ip(f) - front;
	struct queue_message m;

	if (queue_parse(&m, message, len) != QUEUE_PACKET) {
		io_miss(&n->io, 1);
		return false;
	}
	if (m.len && m.offset != front)
		memmove(frame_ip(f), message + m.offset, m.len);
	if (m.len && m.offset <= FRAME_IP)
		w->front = m.offset;
	queue_of(n, w, m.queue)->due++;
	describe(n, f, w->fd, &m);
	return true;
}

static int receive(struct queue_worker *w, struct frame **frames, size_t count)
{
	int got;

	for (size_t i = 0; i < count; i++) {
		w->octets[i] = (struct iovec){ frame_ip(frames[i]) - w->front,
					       w->front + FRAME_LEN_MOST };
		w->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &w->octets[i], .msg_iovlen = 1 };
	}
	got = recvmmsg(w->fd, w->messages, (unsigned int)count, MSG_DONTWAIT, NULL);
	if (got >= 0)
		return got;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static void swap_buffers(struct frame *a, struct frame *b)
{
	uint8_t *octets = a->octets;

	a->octets = b->octets;
	b->octets = octets;
}

/* So many frames as hold RECV_OCTETS if they are as long as the last ones. */
static uint32_t expect(size_t got, size_t octets)
{
	size_t most = octets ? RECV_OCTETS * got / octets : FRAME_BATCH;

	return (uint32_t)(most < 4 ? 4 : most > FRAME_BATCH ? FRAME_BATCH : most);
}

static int nfqueue_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	struct nfqueue *n = (struct nfqueue *)io;
	struct queue_worker *w = &n->worker[worker];
	size_t kept = 0, octets = 0;
	uint32_t front = w->front;
	int got;

	if (w->fd < 0)
		return 0;
	got = receive(w, frames, count < w->most ? count : w->most);
	for (int i = 0; i < got; i++) {
		if (!take(n, w, frames[i], front, w->messages[i].msg_len))
			continue;
		octets += frames[i]->len;
		if (kept < (size_t)i) {
			swap_buffers(frames[kept], frames[i]);
			frames[kept]->len = frames[i]->len;
			frames[kept]->offload = frames[i]->offload;
			frames[kept]->verdict = frames[i]->verdict;
			frames[kept]->link_multicast = false;
			frames[i]->verdict = (struct frame_verdict){ .pending = PENDING_NOTHING };
		}
		kept++;
	}
	if (got > 0)
		w->most = expect((size_t)got, octets);
	return got < 0 ? got : (int)kept;
}

static void nfqueue_settle(struct io *io, uint16_t worker, struct frame *f)
{
	struct nfqueue *n = (struct nfqueue *)io;
	struct queue_worker *w = &n->worker[worker];

	if (f->worker == worker)
		queue_settle(queue_of(n, w, f->verdict.queue), w->fd, f);
	else
		queue_tell_at_once(f);
}

static void nfqueue_flush(struct io *io, uint16_t worker)
{
	struct nfqueue *n = (struct nfqueue *)io;
	struct queue_worker *w = &n->worker[worker];

	for (uint16_t kind = 0; kind < n->kinds; kind++)
		if (w->queues[kind].settled_count)
			queue_tell(&w->queues[kind], w->fd);
}

/* How many from the first on go the same way. */
static size_t alike(struct frame *const *frames, size_t count)
{
	size_t i = 1;

	while (i < count && queue_can_return(frames[i]) == queue_can_return(frames[0]))
		i++;
	return i;
}

static enum reason nfqueue_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
				size_t *sent)
{
	struct nfqueue *n = (struct nfqueue *)io;
	struct queue_worker *w = &n->worker[worker];

	for (*sent = 0; *sent < count;) {
		struct frame **next = frames + *sent;
		size_t ready = alike(next, count - *sent), went = 0;
		enum reason r = REASON_NONE;

		if (queue_can_return(*next))
			went = queue_give_back(w->octets, next, ready);
		else
			r = raw_send(w->raw, next, ready, &went);
		*sent += went;
		if (r != REASON_NONE)
			return r;
		if (!went)
			return io_send_reason(errno);
	}
	return REASON_NONE;
}

static const struct queue_host *nfqueue_host(const struct io *io)
{
	return &((const struct nfqueue *)io)->host;
}

const struct io_backend io_nfqueue = {
	.open = nfqueue_open,
	.close = nfqueue_close,
	.descriptor = nfqueue_descriptor,
	.recv = nfqueue_recv,
	.send = nfqueue_send,
	.refresh = nfqueue_refresh,
	.follow = nfqueue_follow,
	.settle = nfqueue_settle,
	.flush = nfqueue_flush,
	.host = nfqueue_host,
};
