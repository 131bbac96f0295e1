/*
 * One socket sees the ARP of all devices, another one their neighbour solicitations, and both leave
 * Ethernet headers to the kernel. What had a VLAN tag that no device of the kernel's took off comes as
 * if it were for another host.
 *
 * Neighbours of ours are not asked for here: the kernel does that, with a sender's address that the
 * guard puts in.
 */
#include "router/arp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_backend.h"
#include "nat/packet.h"
#include "router/discovery.h"
#include "router/nl.h"
#include "router/own.h"
#include "router/worker.h"

enum {
	BATCH = 64,
	ANNOUNCEMENTS = 2,
	ANNOUNCE_MS = 1000,
	MESSAGE_LEN = 512, /* longer ones have options that are not for us */
};

enum which { ARP, ND, SOCKETS };

static const uint16_t protocols[SOCKETS] = { [ARP] = ETH_P_ARP, [ND] = ETH_P_IPV6 };

struct device {
	struct io *const *io; /* where it is found: it may become another one */
	uint32_t index;	      /* 0: not an interface with ARP */
	uint8_t mac[ETH_ALEN];
	bool all_groups; /* what is asked in any of them comes in */
	unsigned int announcements; /* still to be made */
	nat_time announce_next;
};

struct arp {
	int fd[SOCKETS], events; /* the last one waits for all */
	struct nl *nl;
	struct device devices[WORKER_INTERFACES_MOST];
};

/* Neighbour solicitations, for us or for a group. */
static const struct sock_filter solicitations[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PACKET_MULTICAST, 4, 0),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROTO_ICMPV6, 0, 2),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_SOLICIT, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
};

/* What gets lost is asked for again. h: whom to. */
static void send_to(const struct arp *a, const struct device *v, const struct discovery *d, struct l2 *h)
{
	uint8_t message[DISCOVERY_MOST];
	size_t len = discovery_make(message, d, h);
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = be16_from(h->type).raw,
		.sll_ifindex = (int)v->index,
		.sll_halen = ETH_ALEN,
	};

	memcpy(to.sll_addr, h->to, ETH_ALEN);
	sendto(a->fd[d->about.version == 4 ? ARP : ND], message, len, MSG_DONTWAIT,
	       (const struct sockaddr *)&to, sizeof(to));
}

/* Whether it is a question of somebody else's. An announcement asks for its own sender's address;
 * whoever probes an address has none yet (RFC 5227 section 1.1), and is answered. */
static bool is_question(const struct device *v, const struct discovery *d)
{
	return !d->answer && !(d->has_mac && l2_same(d->mac, v->mac)) &&
	       !address_equal(&d->about, &d->peer);
}

/* RFC 4861 section 7.2.4; by IPv6, whoever probes is told with all others. */
static void answer(const struct arp *a, const struct device *v, const struct discovery *question,
		   const struct sockaddr_ll *from)
{
	struct discovery d = { .answer = true, .has_mac = true, .router = true, .override = true,
			       .solicited = question->peer.version, .about = question->about,
			       .peer = question->peer };
	struct l2 h = { 0 };

	if (question->has_mac)
		memcpy(h.to, question->mac, sizeof(h.to));
	else if (d.solicited)
		memcpy(h.to, from->sll_addr, sizeof(h.to));
	memcpy(d.mac, v->mac, sizeof(d.mac));
	send_to(a, v, &d, &h);
}

static void receive(struct arp *a, const struct conf *c, const struct sockaddr_ll *from,
		    const struct discovery *d)
{
	size_t i = 0;

	while (i < c->interface_count && a->devices[i].index != (uint32_t)from->sll_ifindex)
		i++;
	if (i == c->interface_count || from->sll_pkttype > PACKET_MULTICAST)
		return;
	if (is_question(&a->devices[i], d) && own_has(c, i, &d->about) &&
	    !nl_is_local(a->nl, &d->about))
		answer(a, &a->devices[i], d, from);
}

static void work_on(struct arp *a, const struct conf *c, enum which which)
{
	const struct l2 h = { .type = protocols[which] };
	uint8_t message[MESSAGE_LEN];
	struct sockaddr_ll from;
	struct discovery d;

	for (int i = 0; i < BATCH; i++) {
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(a->fd[which], message, sizeof(message), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &from_len);

		if (len < 0)
			return;
		if (discovery_parse(&d, &h, message, (size_t)len))
			receive(a, c, &from, &d);
	}
}

void arp_work(struct arp *a, const struct conf *c)
{
	for (int i = 0; a && i < SOCKETS; i++)
		work_on(a, c, (enum which)i);
}

/* By ARP a question about oneself, by neighbour discovery an answer to all. */
static void announce(struct arp *a, const struct conf *c, size_t interface)
{
	const struct device *v = &a->devices[interface];
	struct discovery d = { .has_mac = true, .override = true, .router = true };

	memcpy(d.mac, v->mac, sizeof(d.mac));
	for (size_t i = 0; own_address_at(c, interface, i, &d.about); i++) {
		struct l2 h = { 0 };

		d.answer = d.about.version == 6;
		d.peer = d.answer ? (struct address){ 0 } : d.about;
		if (d.about.version && !nl_is_local(a->nl, &d.about))
			send_to(a, v, &d, &h);
	}
}

/* The device lets frames to the groups in which our IPv6 addresses are asked for come in. */
static void join_groups(const struct arp *a, const struct device *v, const struct conf_interface *n)
{
	struct packet_mreq group = { .mr_ifindex = (int)v->index, .mr_type = PACKET_MR_MULTICAST,
				     .mr_alen = ETH_ALEN };

	for (size_t i = 0; !n->shares_address && i < n->address_count; i++) {
		struct address asked_in = discovery_group(&n->addresses[i].address);

		if (n->addresses[i].address.version != 6)
			continue;
		discovery_group_mac(&asked_in, group.mr_address);
		/* Without it, a device that takes all still serves. */
		if (setsockopt(a->fd[ND], SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			continue;
	}
}

/* Whether somebody may be asked for here whose group is not known beforehand, or changes. */
static bool has_counterparts(const struct conf *c, const struct conf_interface *n)
{
	struct prefix outside;

	for (size_t i = 0; n->side == SIDE_OUTSIDE && i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (p->pool_count && conf_pool_version(p) == 6)
			return true;
		for (size_t k = 0; own_prefix_at(p, k, &outside); k++)
			if (outside.address.version == 6)
				return true;
	}
	return false;
}

static void join_all(const struct arp *a, struct device *v)
{
	const struct packet_mreq all = { .mr_ifindex = (int)v->index, .mr_type = PACKET_MR_ALLMULTI };

	v->all_groups = setsockopt(a->fd[ND], SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all,
				   sizeof(all)) == 0;
}

/* The device may be another one by now. */
static void learn_device(struct arp *a, struct device *v, const struct conf_interface *n)
{
	struct nl_link found;

	if (!conf_is_asked(n) || nl_link(a->nl, n->device, &found) < 0 || !found.ethernet)
		return;
	if (v->index != found.index) {
		v->announcements = ANNOUNCEMENTS;
		v->index = found.index;
		v->all_groups = false;
		join_groups(a, v, n);
	}
	memcpy(v->mac, found.mac, sizeof(v->mac));
}

void arp_tick(struct arp *a, const struct conf *c, nat_time now)
{
	for (size_t i = 0; a && i < c->interface_count; i++) {
		struct device *v = &a->devices[i];

		learn_device(a, v, &c->interfaces[i]);
		if (!v->index)
			continue;
		if (!v->all_groups && has_counterparts(c, &c->interfaces[i]))
			join_all(a, v);
		if (!io_is_up(*v->io)) {
			v->announcements = ANNOUNCEMENTS;
		} else if (v->announcements && now.ms >= v->announce_next.ms) {
			v->announcements--;
			v->announce_next.ms = now.ms + ANNOUNCE_MS;
			announce(a, c, i);
		}
	}
}

int arp_descriptor(const struct arp *a)
{
	return a ? a->events : -1;
}

static bool has_ethernet(const struct conf *c)
{
	for (size_t i = 0; i < c->interface_count; i++)
		if (conf_is_asked(&c->interfaces[i]))
			return true;
	return false;
}

/* The filter is there before anything comes. */
static int open_socket(struct arp *a, enum which which)
{
	const struct sock_fprog filter = {
		.len = sizeof(solicitations) / sizeof(solicitations[0]),
		.filter = (struct sock_filter *)(uintptr_t)solicitations,
	};
	const struct sockaddr_ll all = { .sll_family = AF_PACKET,
					 .sll_protocol = be16_from(protocols[which]).raw };
	struct epoll_event e = { .events = EPOLLIN };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	a->fd[which] = fd;
	if (fd < 0)
		return -errno;
	if (which == ND &&
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0 ||
	    epoll_ctl(a->events, EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	return 0;
}

static int open_all(struct arp *a)
{
	int r = 0;

	a->events = epoll_create1(EPOLL_CLOEXEC);
	if (a->events < 0)
		return -errno;
	for (int i = 0; r == 0 && i < SOCKETS; i++)
		r = open_socket(a, (enum which)i);
	return r ? r : nl_open(&a->nl);
}

int arp_open(struct arp **out, const struct conf *c, struct io *const *ios, struct io_error *error)
{
	struct arp *a;
	int r;

	*out = NULL;
	if (!has_ethernet(c))
		return 0;
	a = calloc(1, sizeof(*a));
	if (!a)
		return io_refuse(error, -ENOMEM, "arp: out of memory");
	a->fd[ARP] = a->fd[ND] = -1;
	r = open_all(a);
	if (r < 0) {
		arp_close(a);
		return io_refuse(error, r, "arp: %s", strerror(-r));
	}
	for (size_t i = 0; i < c->interface_count; i++) {
		a->devices[i].io = &ios[i];
		learn_device(a, &a->devices[i], &c->interfaces[i]);
	}
	*out = a;
	return 0;
}

void arp_close(struct arp *a)
{
	if (!a)
		return;
	for (int i = 0; i < SOCKETS; i++)
		if (a->fd[i] >= 0)
			close(a->fd[i]);
	if (a->events >= 0)
		close(a->events);
	nl_close(a->nl);
	free(a);
}
