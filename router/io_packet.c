/*
 * Backend packet: an Ethernet device of the kernel's, shared with it through AF_PACKET.
 *
 * The kernel keeps the device and everything on it; we see a copy of what arrives, and the guard
 * (router/guard.h) keeps it from answering what is ours. What we send takes its queueing
 * discipline. Neighbours are the kernel's too.
 *
 * The socket always exchanges virtio-net headers: the peer of a veth device hands over
 * super-packets and partial checksums whatever we ask for, and without the header nobody could
 * tell. If offloads are off, they are cut and completed here.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io_backend.h"
#include "neigh.h"
#include "router/nl.h"
#include "router/segment.h"

/* Since Linux 5.16; before, it is ignored. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

enum {
	HEADER_LEN = sizeof(struct virtio_net_hdr),
	FRONT_LEN = HEADER_LEN + ETH_HLEN, /* what precedes the IP header */
	BUFFER_LEN = 4 << 20,		   /* of the socket: some sixty super-packets */
};

struct packet_worker {
	int fd; /* -1: no queue of its own */
	struct neigh *neigh;
	struct segmenter *segmenter; /* NULL: offloads are on */
};

struct packet {
	struct io io;
	char device[IFNAMSIZ];
	uint8_t mac[ETH_ALEN];
	uint32_t mtu; /* of the configuration; 0: the device's */
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

/* *group: 0 makes one, and is then what the others join. */
static int join_group(int fd, int *group)
{
	socklen_t len = sizeof(*group);

	if (!*group)
		*group = (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID |
			  PACKET_FANOUT_FLAG_IGNORE_OUTGOING)
			 << 16;
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, len) < 0)
		return -1;
	return getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &len);
}

static int set_up_socket(int fd, uint32_t index, int *group)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = be16_from(ETH_P_ALL).raw,
		.sll_ifindex = (int)index,
	};
	const int on = 1;

	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    attach_filter(fd, for_nobody, sizeof(for_nobody) / sizeof(for_nobody[0])) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	if (group && join_group(fd, group) < 0)
		return -1;
	return attach_filter(fd, for_us, sizeof(for_us) / sizeof(for_us[0]));
}

static int open_queue(struct packet *p, uint32_t index, int *group, struct io_error *error)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0 && errno == EPERM)
		return io_refuse(error, -EPERM,
				 "%s: may not open a packet socket: run as root, with "
				 "CAP_NET_RAW, or below unshare -Urn",
				 p->device);
	if (fd < 0 || set_up_socket(fd, index, group) < 0) {
		r = io_refuse(error, -errno, "%s: cannot attach: %s", p->device, strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	p->worker[p->queues++].fd = fd;
	return 0;
}

static void note_link(struct packet *p, const struct nl_link *link)
{
	uint32_t mtu = p->mtu && p->mtu < link->mtu ? p->mtu : link->mtu;

	io_note(&p->io, mtu, link->up && link->carrier);
}

static void packet_refresh(struct io *io)
{
	struct packet *p = (struct packet *)io;
	struct nl_link link;

	if (nl_link(p->nl, p->device, &link) < 0)
		io_note(io, io_mtu(io), false);
	else
		note_link(p, &link);
}

/* What a worker needs beside a queue. */
static int equip(struct packet *p, uint32_t index)
{
	for (uint16_t i = 0; i < p->io.workers; i++) {
		int r = neigh_new(&p->worker[i].neigh, index);

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
	struct nl_link link;
	int group = 0;
	int r = nl_open(&p->nl);

	if (r == 0)
		r = nl_link(p->nl, p->device, &link);
	if (r < 0)
		return io_refuse(error, r, "%s: device \"%s\": %s", c->name, p->device,
				 strerror(-r));
	if (!link.ethernet)
		return io_refuse(error, -EINVAL, "%s: \"%s\" is not an Ethernet device", c->name,
				 p->device);
	if (!link.up)
		return io_refuse(error, -ENETDOWN, "%s: device \"%s\" is down: ip link set %s up",
				 c->name, p->device, p->device);
	memcpy(p->mac, link.mac, sizeof(p->mac));
	note_link(p, &link);
	r = equip(p, link.index);
	if (r < 0)
		return io_refuse(error, r, "%s: %s", c->name, strerror(-r));
	while (r == 0 && p->queues < queues)
		r = open_queue(p, link.index, queues > 1 ? &group : NULL, error);
	return r;
}

static void packet_close(struct io *io)
{
	struct packet *p = (struct packet *)io;

	for (uint16_t i = 0; i < io->workers; i++) {
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
	struct packet *p = calloc(1, sizeof(*p) + workers * sizeof(p->worker[0]));
	int r;

	if (!p)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
	p->io.backend = &io_packet;
	p->io.workers = workers;
	p->io.offload = offload;
	p->mtu = c->mtu;
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

/* One frame: 1, none: 0, or a negative errno. */
static int receive(int fd, struct frame *f)
{
	uint8_t *at = frame_ip(f) - FRONT_LEN;
	ssize_t len;

	do {
		len = recv(fd, at, FRONT_LEN + FRAME_LEN_MOST, MSG_DONTWAIT);
		/* EINVAL: a kind of super-packet that the header cannot describe. It is gone. */
	} while ((len < 0 && errno == EINVAL) || (len >= 0 && len < FRONT_LEN));
	if (len < 0)
		return errno == EAGAIN ? 0 : -errno;
	f->len = (uint32_t)(len - FRONT_LEN);
	f->link_multicast = at[HEADER_LEN] & 1; /* first octet of the destination */
	frame_load_offload(f, ETH_HLEN);
	return 1;
}

static int packet_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	struct packet_worker *w = &((struct packet *)io)->worker[worker];
	size_t i = 0;

	while (i < count && w->fd >= 0) {
		int r;

		if (w->segmenter && segmenter_next(w->segmenter, frames[i])) {
			i++;
			continue;
		}
		r = receive(w->fd, frames[i]);
		if (r <= 0)
			return i ? (int)i : r;
		if (!w->segmenter || !segmenter_take(w->segmenter, frames[i]))
			i++;
	}
	return (int)i;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Lay the headers in front of the datagram; returns where the virtio-net header begins. */
static const uint8_t *dress(const struct packet *p, const struct frame *f, const uint8_t *mac)
{
	uint8_t *at = frame_store_offload(f, ETH_HLEN);
	uint8_t *ethernet = at + HEADER_LEN;

	memcpy(ethernet, mac, ETH_ALEN);
	memcpy(ethernet + ETH_ALEN, p->mac, ETH_ALEN);
	store16(ethernet + 2 * ETH_ALEN, f->p.version == 4 ? ETH_P_IP : ETH_P_IPV6);
	return at;
}

static enum reason packet_send(struct io *io, uint16_t worker, struct frame **frames,
			    size_t count, size_t *sent)
{
	struct packet *p = (struct packet *)io;
	/* Workers beyond the queues send through another's, which the kernel allows. */
	int fd = p->worker[worker % p->queues].fd;
	uint64_t now = now_ms();

	for (*sent = 0; *sent < count; ++*sent) {
		const struct frame *f = frames[*sent];
		const uint8_t *mac = neigh_find(p->worker[worker].neigh, &f->next_hop, now);

		if (!mac)
			return REASON_NEIGHBOUR;
		if (send(fd, dress(p, f, mac), FRONT_LEN + f->p.len, MSG_DONTWAIT) < 0)
			return io_send_reason(errno);
	}
	return REASON_NONE;
}

const struct io_backend io_packet = {
	.open = packet_open,
	.close = packet_close,
	.descriptor = packet_descriptor,
	.recv = packet_recv,
	.send = packet_send,
	.refresh = packet_refresh,
	.has_neighbours = true,
};
