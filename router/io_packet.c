/*
 * Backend packet: an Ethernet device of the kernel's, shared with it through AF_PACKET.
 *
 * The kernel keeps the device and everything on it; we see a copy of what arrives, and the guard
 * (router/guard.h) keeps it from answering what is ours. What we send takes its queueing
 * discipline, unless told otherwise. Neighbours are the kernel's too.
 *
 * The socket always exchanges virtio-net headers: the peer of a veth device hands over
 * super-packets and partial checksums whatever we ask for, and without the header nobody could
 * tell. If offloads are off, they are cut and completed here.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_ethernet.h"
#include "io_packet_ring.h"
#include "neigh.h"
#include "router/segment.h"
#include "router/steer.h"

/* Since Linux 5.16; before, it is ignored. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

enum {
	HEADER_LEN = sizeof(struct virtio_net_hdr),
	FRONT_LEN = HEADER_LEN + ETH_HLEN, /* what precedes the IP header */
	BUFFER_LEN = 4 << 20,		   /* of the socket: some sixty super-packets */
	RECV_OCTETS = 256 << 10, /* of a batch: what the cache holds until it is sent */
	SEND_BATCH = 32, /* what a refused frame makes us prepare again */
};

struct packet_worker {
	/* What one system call sends. */
	struct mmsghdr messages[SEND_BATCH];
	struct iovec octets[SEND_BATCH];
	int fd; /* -1: no queue of its own */
	struct packet_ring *ring;    /* NULL: packets come by system call */
	struct neigh *neigh;
	struct segmenter *segmenter; /* NULL: offloads are on */
} __attribute__((aligned(64)));

struct packet {
	struct io io;
	char device[IFNAMSIZ];
	struct nl_link link; /* as it was opened */
	uint32_t mtu; /* of the configuration; 0: the device's */
	bool rings, bypass_qdisc;
	struct nl *nl;
	uint16_t queues;
	struct packet_worker worker[];
};

/* IPv4 and IPv6 for us or for all of the link, without VLAN tag; not what we or the kernel sent. */
static const struct sock_filter for_us[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PACKET_MULTICAST, 5, 0),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct ethhdr, h_proto)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
};

/* For a socket that is not one of the fan-out group yet and would see everything twice. */
static const struct sock_filter for_nobody[] = { BPF_STMT(BPF_RET | BPF_K, 0) };

static int attach_filter(int fd, const struct sock_filter *code, size_t count)
{
	const struct sock_fprog program = {
		.len = (unsigned short)count,
		.filter = (struct sock_filter *)(uintptr_t)code,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void set_buffer(int fd, int forced, int limited)
{
	const int len = BUFFER_LEN;

	if (setsockopt(fd, SOL_SOCKET, forced, &len, sizeof(len)) < 0)
		setsockopt(fd, SOL_SOCKET, limited, &len, sizeof(len));
}

/* A new group: its number follows. Its members get packets by a program if the kernel lets us. */
static int new_group(const struct conf_interface *c)
{
	int by = c->steering && steer_probe() == 0 ? PACKET_FANOUT_EBPF : PACKET_FANOUT_HASH;

	return (by | PACKET_FANOUT_FLAG_UNIQUEID | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;
}

/* *group: as new_group() says, and then what the others join. */
static int join_group(int fd, int *group)
{
	socklen_t len = sizeof(*group);

	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, len) < 0)
		return -1;
	return getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &len);
}

static int set_options(int fd, bool bypass_qdisc)
{
	const int on = 1;

	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	if (bypass_qdisc &&
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0)
		return -1;
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		return -1;
	return setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
}

/* Without one, packets come by system call. Where no virtio-net header describes the super-packets
 * of UDP, a ring would not last. */
static void give_ring(struct packet *p, struct packet_worker *w)
{
	int r = 0;

	if (p->rings)
		r = io_kernel_has_uso() ? packet_ring_new(&w->ring, w->fd) : -EOPNOTSUPP;
	p->rings &= r == 0;
	if (r < 0)
		io_set_remark(&p->io,
			      "%s: no receive ring (%s); packets are received by system call",
			      p->device, strerror(-r));
}

static int bind_socket(int fd, uint32_t index, int *group)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = be16_from(ETH_P_ALL).raw,
		.sll_ifindex = (int)index,
	};

	if (attach_filter(fd, for_nobody, sizeof(for_nobody) / sizeof(for_nobody[0])) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	if (group && join_group(fd, group) < 0)
		return -1;
	return attach_filter(fd, for_us, sizeof(for_us) / sizeof(for_us[0]));
}

static int open_queue(struct packet *p, const struct conf_interface *c, int *group,
		      struct io_error *error)
{
	struct packet_worker *w = &p->worker[p->queues];

	w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0 && errno == EPERM)
		return io_refuse(error, -EPERM,
				 "%s: may not open a packet socket: run as root, with "
				 "CAP_NET_RAW, or below unshare -Urn",
				 c->name);
	if (w->fd >= 0 && set_options(w->fd, p->bypass_qdisc) == 0) {
		give_ring(p, w);
		if (bind_socket(w->fd, p->link.index, group) == 0) {
			p->queues++;
			return 0;
		}
	}
	return io_refuse(error, -errno, "%s: cannot attach to \"%s\": %s", c->name, p->device,
			 strerror(errno));
}

/* Asking sets the kernel's number back to zero. */
static void count_missed(struct packet *p)
{
	struct tpacket_stats s;

	for (uint16_t i = 0; i < p->queues; i++) {
		const struct packet_worker *w = &p->worker[i];
		socklen_t len = sizeof(s);

		if (getsockopt(w->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) < 0)
			continue;
		io_miss(&p->io, s.tp_drops);
		if (w->ring && s.tp_drops && s.tp_packets == s.tp_drops)
			packet_ring_rescue(w->ring);
	}
}

/* A socket loses its device for ever, also where that comes back with the same number. */
static bool is_bound(const struct packet *p)
{
	struct sockaddr_ll address;
	socklen_t len = sizeof(address);

	return getsockname(p->worker[0].fd, (struct sockaddr *)&address, &len) < 0 ||
	       address.sll_ifindex == (int)p->link.index;
}

static bool packet_refresh(struct io *io)
{
	struct packet *p = (struct packet *)io;

	count_missed(p);
	return ethernet_refresh(io, p->nl, p->device, &p->link, p->mtu) && is_bound(p);
}

/* What a worker needs beside a queue. */
static int equip(struct packet *p)
{
	for (uint16_t i = 0; i < p->io.workers; i++) {
		int r = neigh_new(&p->worker[i].neigh, p->link.index, &p->io.neighbours);

		if (r < 0)
			return r;
		if (p->io.offload)
			continue;
		p->worker[i].segmenter = segmenter_new();
		if (!p->worker[i].segmenter)
			return -ENOMEM;
	}
	return 0;
}

static int attach(struct packet *p, const struct conf_interface *c, struct io_error *error)
{
	uint16_t queues = io_queues(c, p->io.workers);
	int group = queues > 1 ? new_group(c) : 0;
	int r = ethernet_find(&p->nl, &p->link, c, error);

	if (r < 0)
		return r;
	ethernet_note(&p->io, &p->link, p->mtu);
	r = equip(p);
	if (r < 0)
		return io_refuse(error, r, "%s: %s", c->name, strerror(-r));
	while (r == 0 && p->queues < queues)
		r = open_queue(p, c, queues > 1 ? &group : NULL, error);
	return r;
}

static void packet_close(struct io *io)
{
	struct packet *p = (struct packet *)io;

	for (uint16_t i = 0; i < io->workers; i++) {
		packet_ring_free(p->worker[i].ring);
		if (p->worker[i].fd >= 0)
			close(p->worker[i].fd);
		neigh_free(p->worker[i].neigh);
		segmenter_free(p->worker[i].segmenter);
	}
	nl_close(p->nl);
	free(p);
}

static int packet_open(struct io **io, const struct conf_interface *c, uint16_t workers,
		       bool offload, struct io_error *error)
{
	size_t len = sizeof(struct packet) + workers * sizeof(struct packet_worker);
	struct packet *p = aligned_alloc(_Alignof(struct packet), len);
	int r;

	if (!p)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	memset(p, 0, len);
	p->io.backend = &io_packet;
	p->io.workers = workers;
	p->io.offload = offload;
	if (offload)
		io_take_what_is_known(&p->io, c->device);
	p->mtu = c->mtu;
	p->rings = c->rings;
	p->bypass_qdisc = c->bypass_qdisc;
	memcpy(p->device, c->device, sizeof(p->device));
	for (uint16_t i = 0; i < workers; i++)
		p->worker[i].fd = -1;
	r = attach(p, c, error);
	if (r < 0) {
		packet_close(&p->io);
		return r;
	}
	*io = &p->io;
	return 0;
}

static int packet_descriptor(const struct io *io, uint16_t worker)
{
	return ((const struct packet *)io)->worker[worker].fd;
}

static ssize_t receive_octets(struct packet *p, struct packet_worker *w, uint8_t *at)
{
	const size_t room = FRONT_LEN + FRAME_LEN_MOST;
	uint64_t missed = 0;
	ssize_t len;

	if (w->ring && packet_ring_works(w->ring)) {
		len = packet_ring_next(w->ring, at, room, &missed);
		if (missed)
			io_miss(&p->io, missed);
		return len;
	}
	do {
		len = recv(w->fd, at, room, MSG_DONTWAIT);
		/* EINVAL: a kind of super-packet that the header cannot describe. It is gone. */
	} while (len < 0 && errno == EINVAL);
	return len < 0 ? -errno : len;
}

/* One frame: 1, none: 0, or a negative errno. */
static int receive(struct packet *p, struct packet_worker *w, struct frame *f)
{
	uint8_t *at = frame_ip(f) - FRONT_LEN;
	ssize_t len;

	do
		len = receive_octets(p, w, at);
	while (len >= 0 && len < FRONT_LEN);
	if (len < 0)
		return len == -EAGAIN ? 0 : (int)len;
	f->len = (uint32_t)(len - FRONT_LEN);
	f->link_multicast = at[HEADER_LEN] & 1; /* first octet of the destination */
	frame_load_offload(f, ETH_HLEN);
	return 1;
}

static int packet_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	struct packet *p = (struct packet *)io;
	struct packet_worker *w = &p->worker[worker];
	size_t octets = 0, i = 0;

	while (i < count && octets < RECV_OCTETS && w->fd >= 0) {
		int r;

		if (w->segmenter && segmenter_next(w->segmenter, frames[i])) {
			i++;
			continue;
		}
		r = receive(p, w, frames[i]);
		if (r <= 0)
			return i ? (int)i : r;
		octets += frames[i]->len;
		if (!w->segmenter || !segmenter_take(w->segmenter, frames[i]))
			i++;
	}
	return (int)i;
}

/* Lay the headers in front of the datagram; returns where the virtio-net header begins. */
static uint8_t *dress(const struct packet *p, const struct frame *f, const uint8_t *mac)
{
	uint8_t *at = frame_store_offload(f, ETH_HLEN);

	ethernet_header(at + HEADER_LEN, mac, p->link.mac, f->p.version);
	return at;
}

/* How many frames from the first on are ready to be sent: up to one without a neighbour. */
static size_t prepare(const struct packet *p, struct packet_worker *w, struct frame **frames,
		      size_t count)
{
	uint64_t now = ethernet_now_ms();

	count = count < SEND_BATCH ? count : SEND_BATCH;
	for (size_t i = 0; i < count; i++) {
		const struct frame *f = frames[i];
		const uint8_t *mac = neigh_find(w->neigh, &f->next_hop, now);

		if (!mac)
			return i;
		w->octets[i].iov_base = dress(p, f, mac);
		w->octets[i].iov_len = FRONT_LEN + f->p.len;
		w->messages[i].msg_hdr.msg_iov = &w->octets[i];
		w->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return count;
}

static enum reason packet_send(struct io *io, uint16_t worker, struct frame **frames,
			       size_t count, size_t *sent)
{
	struct packet *p = (struct packet *)io;
	struct packet_worker *w = &p->worker[worker];
	/* Workers beyond the queues send through another's, which the kernel allows. */
	int fd = p->worker[worker % p->queues].fd;

	/* Only of the first one does the kernel say what is wrong with it. */
	for (*sent = 0; *sent < count;) {
		size_t ready = prepare(p, w, frames + *sent, count - *sent);
		int r = ready ? sendmmsg(fd, w->messages, (unsigned int)ready, MSG_DONTWAIT) : 0;

		if (!ready)
			return REASON_NEIGHBOUR;
		if (r < 0)
			return io_send_reason(errno);
		*sent += (size_t)r;
	}
	return REASON_NONE;
}

static int packet_steer(struct io *io, int program)
{
	const struct packet *p = (const struct packet *)io;

	if (p->queues == 1)
		return 0;
	return setsockopt(p->worker[0].fd, SOL_PACKET, PACKET_FANOUT_DATA, &program,
			  sizeof(program)) < 0 ? -errno : 0;
}

const struct io_backend io_packet = {
	.steer = packet_steer,
	.open = packet_open,
	.close = packet_close,
	.descriptor = packet_descriptor,
	.recv = packet_recv,
	.send = packet_send,
	.refresh = packet_refresh,
	.has_neighbours = true,
};
