/*
 * Backend tap: an Ethernet device of our own, whose other end is the kernel of some network
 * namespace, or whatever that puts it to: a bridge, a virtual machine.
 *
 * Several interfaces may share a device, each with VLAN tags of its own: the first one has it, and
 * receives for all; the others send by it. The backend takes Ethernet headers off and puts them on,
 * and says by which interface a frame came; neighbours are the business of router/link.h.
 *
 * Frames are read so that the IP header comes to lie where it should if they have as many tags as the
 * last ones had. Those that have not are moved.
 */
#include "io_tap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "nat/packet.h"

enum { V6_LEN = 40, ND_FIRST = 135, ND_LAST = 136 };

struct tap {
	struct tun tun; /* of a branch: no more than its struct io */
	struct link *link;
	const struct link_port *port;
	bool is_branch;
	uint32_t mtu; /* of a branch, as configured; 0: its trunk's */
};

static struct tap *tap_of(struct io *io)
{
	return io->backend == &io_tap ? (struct tap *)io : NULL;
}

void tap_attach(struct io *io, struct link *l, uint16_t interface)
{
	struct tap *t = tap_of(io);

	if (!t)
		return;
	t->link = l;
	t->port = link_port(l, interface);
}

/* NULL: its device is not there now. */
static struct tap *trunk_of(struct tap *t)
{
	return t->is_branch ? tap_of(link_trunk(t->link, t->port)) : t;
}

void tap_put(struct io *io, const uint8_t *octets, size_t len)
{
	struct tap *t = tap_of(io);
	struct virtio_net_hdr nothing = { 0 };
	struct iovec parts[2] = { { .iov_base = &nothing },
				  { (void *)(uintptr_t)octets, len } };

	t = t && t->link ? trunk_of(t) : NULL;
	if (!t)
		return;
	parts[0].iov_len = t->tun.header_len;
	/* What gets lost is asked for again. */
	if (writev(t->tun.fd[0], parts, 2) < 0)
		return;
}

static void tap_close(struct io *io)
{
	struct tap *t = (struct tap *)io;

	tun_remove(&t->tun);
	free(t);
}

static int tap_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
		    struct io_error *error)
{
	struct tap *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	t->tun.io.backend = &io_tap;
	t->is_branch = c->is_branch;
	t->mtu = c->mtu;
	if (!t->is_branch)
		r = tun_make(&t->tun, c, workers, offload, error);
	if (r < 0) {
		tap_close(&t->tun.io);
		return r;
	}
	*io = &t->tun.io;
	return 0;
}

static bool is_link_local(const uint8_t *a)
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

/* ARP, neighbour discovery, and what is for a link-local address. */
static bool is_for_link(const struct l2 *h, const uint8_t *ip, size_t len)
{
	if (h->type == ETH_P_ARP)
		return true;
	if (h->type != ETH_P_IPV6 || len <= V6_LEN || ip[6] != PROTO_ICMPV6)
		return false;
	return (ip[V6_LEN] >= ND_FIRST && ip[V6_LEN] <= ND_LAST) || is_link_local(ip + 24);
}

/* So that the IP header is where it belongs. at: where the frame is. */
static void move(const struct tap *t, const struct frame *f, uint8_t *at, size_t header_len)
{
	size_t virtio_len = t->tun.header_len;
	uint8_t *to = frame_ip(f) - header_len;

	if (to != at)
		memmove(to - virtio_len, at - virtio_len, virtio_len + f->len);
}

/* Whose it is; REASON_NONE: a datagram, for the interface that it now says it came by. */
static enum reason judge(const struct tap *t, struct frame *f, const struct l2 *h)
{
	enum reason why;
	const struct link_port *p = link_sort(t->link, t->port->interface, h, &why);

	if (!p)
		return why;
	f->ingress = p->interface;
	f->priority = h->tags.priority;
	f->link_multicast = l2_is_group(h->to);
	if (is_for_link(h, frame_ip(f), f->len) || h->type == ETH_P_IP || h->type == ETH_P_IPV6)
		return REASON_NONE;
	return REASON_VERSION;
}

/* A frame has been read to at. False: it is the link layer's, which has got it. */
static bool take(const struct tap *t, uint16_t worker, struct frame *f, uint8_t *at)
{
	struct link_frame told = { .len = f->len };
	struct l2 h;

	f->ingress = t->port->interface;
	f->offload = (struct virtio_net_hdr){ 0 };
	f->refused = f->len < ETH_HLEN ? REASON_SHORT : REASON_VLAN;
	if (!l2_parse(&h, at, f->len))
		return true;
	f->refused = REASON_TOTAL_LEN;
	if (f->len > h.len + (size_t)FRAME_LEN_MOST)
		return true;
	move(t, f, at, h.len);
	f->len -= h.len;
	t->tun.worker[worker].front = t->tun.header_len + h.len;
	if (t->tun.header_len)
		frame_load_offload(f, h.len);
	f->refused = (uint8_t)judge(t, f, &h);
	if (f->refused || !is_for_link(&h, frame_ip(f), f->len))
		return true;
	told.interface = f->ingress;
	told.octets = frame_ip(f) - h.len;
	f->refused = REASON_HANDOFF_FULL;
	return !link_tell(t->link, worker, &told);
}

static int tap_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	struct tap *t = (struct tap *)io;
	size_t before, kept = 0;
	int got;

	if (t->is_branch || !t->link)
		return 0;
	before = t->tun.worker[worker].front - t->tun.header_len;
	got = tun_read(&t->tun, worker, frames, count);
	for (int i = 0; i < got; i++) {
		struct frame *f = frames[kept], *filled = frames[i];
		uint8_t *octets = f->octets;

		/* What is kept is to be in the first ones. */
		f->octets = filled->octets;
		f->len = filled->len;
		if (f != filled)
			filled->octets = octets;
		kept += take(t, worker, f, frame_ip(f) - before);
	}
	return got < 0 ? got : (int)kept;
}

/* What sends: by its own device, or by that of its trunk. */
struct way { struct tap *tap, *trunk; uint16_t worker; };

/* Lay the headers in front of the datagram; returns where they begin. */
static uint8_t *dress(const struct way *w, const struct frame *f, const struct neighbour *n)
{
	const struct link_port *p = w->tap->port;
	struct l2 h = { .tags = p->keep ? n->tags : p->tags,
			.type = f->p.version == 4 ? ETH_P_IP : ETH_P_IPV6 };
	size_t len = l2_len(&h.tags);

	h.tags.priority = p->priority < 0 ? f->priority : (uint8_t)p->priority;
	memcpy(h.to, n->mac, sizeof(h.to));
	memcpy(h.from, p->mac, sizeof(h.from));
	l2_write(&h, f->p.ip - len);
	return w->trunk->tun.header_len ? frame_store_offload(f, len) : f->p.ip - len;
}

/* How many frames from the first on are ready to be sent: up to one without a neighbour. */
static size_t prepare(const struct way *w, struct frame **frames, size_t count,
		      struct uring_part *parts)
{
	count = count < URING_MOST ? count : URING_MOST;
	for (size_t i = 0; i < count; i++) {
		const struct frame *f = frames[i];
		const struct neighbour *n = link_find(w->tap->link, w->worker,
						      w->tap->port->interface, &f->next_hop);
		uint8_t *at;

		if (!n)
			return i;
		at = dress(w, f, n);
		parts[i] = (struct uring_part){ .at = at,
						.len = (uint32_t)(f->p.ip + f->p.len - at) };
	}
	return count;
}

static enum reason tap_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
			    size_t *sent)
{
	struct tap *t = (struct tap *)io;
	struct way w = { t, t->link ? trunk_of(t) : NULL, worker };
	struct uring_part parts[URING_MOST];
	enum reason r = REASON_NONE;

	for (*sent = 0; r == REASON_NONE && *sent < count;) {
		size_t ready, written;

		if (!w.trunk)
			return REASON_INTERFACE_DOWN;
		ready = prepare(&w, frames + *sent, count - *sent, parts);
		if (!ready)
			return REASON_NEIGHBOUR;
		r = tun_write(&w.trunk->tun, worker, parts, ready, &written);
		*sent += written;
	}
	return r;
}

static int tap_descriptor(const struct io *io, uint16_t worker)
{
	return ((const struct tap *)io)->is_branch ? -1 : tun_descriptor(io, worker);
}

/* A branch is as its trunk was when that was looked at last. */
static bool tap_refresh(struct io *io)
{
	struct tap *t = (struct tap *)io;
	const struct io *trunk;

	if (!t->is_branch)
		return tun_refresh(io);
	trunk = t->link ? link_trunk(t->link, t->port) : NULL;
	if (trunk) {
		uint32_t mtu = io_mtu(trunk);

		io->takes = trunk->takes;
		io_note(io, t->mtu && t->mtu < mtu ? t->mtu : mtu, io_is_up(trunk));
	}
	return true;
}

static int tap_steer(struct io *io, int program)
{
	return ((struct tap *)io)->is_branch ? 0 : tun_steer(io, program);
}

const struct io_backend io_tap = {
	.steer = tap_steer,
	.open = tap_open,
	.close = tap_close,
	.descriptor = tap_descriptor,
	.recv = tap_recv,
	.send = tap_send,
	.refresh = tap_refresh,
	.has_neighbours = true,
	.sorts = true,
};
