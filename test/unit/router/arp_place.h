/*
 * An interface with somebody who answers ARP and neighbour discovery. v0 is ours; v1, the other end of
 * the link, is where frames are made and read.
 */
#ifndef ARP_PLACE_H
#define ARP_PLACE_H

#include "netns.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>

#include "router/arp.h"

static const uint8_t ours[] = { 2, 0, 0, 0, 0, 1 }, theirs[] = { 2, 0, 0, 0, 0, 2 };

/* A configuration of one interface, and its device. */
struct place {
	struct conf conf;
	struct conf_interface interface;
	struct prefix own[3]; /* 10.1.0.1/24, fd01::1/64, 10.3.0.1/16 */
	be32 pool[2]; /* 203.0.113.5, 203.0.113.6 */
	struct io *io;
	struct arp *arp;
	int wire; /* at v1 */
	const char *asked; /* what a failure is about */
};

static inline int open_wire(const char *device)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	a.sll_ifindex = (int)if_nametoindex(device);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static inline void open_arp(struct place *p)
{
	struct io_error error = { "" };

	if (io_open(&p->io, &p->interface, 1, true, &error) < 0 ||
	    arp_open(&p->arp, &p->conf, &p->io, &error) < 0)
		fail_msg("%s", error.text);
	assert_true(arp_descriptor(p->arp) >= 0);
}

static inline void make_link(struct place *p)
{
	assert_true(shell("ip link add v0 address 02:00:00:00:00:01 type veth "
			  "peer name v1 address 02:00:00:00:00:02 &&"
			  "echo 8 >/proc/sys/net/ipv4/conf/v0/arp_ignore &&"
			  "ip link set v0 up && ip link set v1 up"));
	p->wire = open_wire("v1");
}

static inline void place_make(struct place *p, enum nat_side side)
{
	*p = (struct place){ .interface = { .name = "wan0", .device = "v0", .type = IO_PACKET },
			      .asked = "for ours" };
	p->own[0] = prefix_of("10.1.0.1/24");
	p->own[1] = prefix_of("fd01::1/64");
	p->own[2] = prefix_of("10.3.0.1/16");
	p->pool[0] = be32_from(0xcb007105);
	p->pool[1] = be32_from(0xcb007106);
	p->interface.side = side;
	p->interface.addresses = p->own;
	p->interface.address_count = 3;
	p->conf.interfaces = &p->interface;
	p->conf.interface_count = 1;
	p->conf.nat.pool = p->conf.pool = p->pool;
	p->conf.nat.pool_count = 2;
	make_link(p);
	open_arp(p);
}

static inline void place_remove(struct place *p)
{
	arp_close(p->arp);
	io_close(p->io);
	close(p->wire);
}

static inline void send_frame(const struct place *p, const uint8_t *frame, size_t len)
{
	assert_int_equal(send(p->wire, frame, len, 0), len);
}

static inline void work(struct place *p)
{
	struct pollfd wait = { .fd = arp_descriptor(p->arp), .events = POLLIN };

	assert_int_equal(poll(&wait, 1, 2000), 1);
	arp_work(p->arp, &p->conf);
}

#endif
