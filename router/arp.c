/*
 * One socket sees the ARP of all devices, and leaves Ethernet headers to the kernel. What had a
 * VLAN tag that no device of the kernel's took off comes as if it were for another host.
 *
 * Neighbours of ours are not asked for here: the kernel does that, with a sender's address that the
 * guard puts in.
 */
#include "router/arp.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_backend.h"
#include "router/nl.h"
#include "router/worker.h"

enum {
	BATCH = 64,
	ANNOUNCEMENTS = 2,
	ANNOUNCE_MS = 1000,
};

/* Where things lie in a message about IPv4 on Ethernet; an address follows its owner's MAC. */
enum {
	OPERATION = 7, /* the low octet */
	SENDER_MAC = 8,
	SENDER = 14,
	TARGET_MAC = 18,
	TARGET = 24,
	ARP_LEN = 28,
};

static const uint8_t request[] = { 0, ARPHRD_ETHER, ETH_P_IP >> 8, ETH_P_IP & 0xff,
				   ETH_ALEN, 4, 0, ARPOP_REQUEST };
static const uint8_t everybody[ETH_ALEN] = { 255, 255, 255, 255, 255, 255 };

struct link {
	const struct io *io;
	uint32_t index; /* of the device; 0: not an interface with ARP */
	uint8_t mac[ETH_ALEN];
	unsigned int announcements; /* still to be made */
	nat_time announce_next;
};

struct arp {
	int fd;
	struct nl *nl;
	struct link links[WORKER_INTERFACES_MOST];
};

/* The addresses of ours on an interface, one after the other. False: there are no more. */
static bool address_at(const struct conf *c, size_t interface, size_t at, struct address *a)
{
	const struct conf_interface *i = &c->interfaces[interface];
	size_t own = i->shares_address ? 0 : i->address_count;

	if (at < own) {
		*a = i->addresses[at].address;
		return true;
	}
	if (i->side != SIDE_OUTSIDE || at - own >= c->nat.pool_count)
		return false;
	*a = address_v4((const uint8_t *)&c->nat.pool[at - own]);
	return true;
}

/* An address that stands for an inside host (type one_to_one). */
static bool is_counterpart(const struct conf *c, size_t interface, const struct address *a)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];
		struct prefix outside = { address_v4((const uint8_t *)&p->translated), p->prefix_len };

		if (p->type == NAT_ONE_TO_ONE && c->interfaces[interface].side == SIDE_OUTSIDE &&
		    prefix_contains(&outside, a))
			return true;
	}
	return false;
}

static bool is_ours(const struct conf *c, size_t interface, const struct address *a)
{
	struct address ours;

	if (is_counterpart(c, interface, a))
		return true;
	for (size_t i = 0; address_at(c, interface, i, &ours); i++)
		if (address_equal(&ours, a))
			return true;
	return false;
}

/* What gets lost is asked for again. */
static void send_to(const struct arp *a, const struct link *l, const uint8_t *mac,
		    const uint8_t *message)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = be16_from(ETH_P_ARP).raw,
		.sll_ifindex = (int)l->index,
		.sll_halen = ETH_ALEN,
	};

	memcpy(to.sll_addr, mac, ETH_ALEN);
	sendto(a->fd, message, ARP_LEN, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to));
}

/* Whether it is a question of somebody else's. An announcement asks for its own sender's address;
 * whoever probes an address has none yet (RFC 5227 section 1.1), and is answered. */
static bool is_question(const struct link *l, const uint8_t *message)
{
	return memcmp(message, request, sizeof(request)) == 0 && !(message[SENDER_MAC] & 1) &&
	       memcmp(message + SENDER_MAC, l->mac, ETH_ALEN) != 0 &&
	       memcmp(message + SENDER, message + TARGET, 4) != 0;
}

/* The question becomes the answer. */
static void answer(struct arp *a, const struct link *l, uint8_t *message)
{
	struct address asked = address_v4(message + TARGET);

	message[OPERATION] = ARPOP_REPLY;
	memcpy(message + TARGET_MAC, message + SENDER_MAC, ARP_LEN - TARGET_MAC);
	memcpy(message + SENDER_MAC, l->mac, ETH_ALEN);
	memcpy(message + SENDER, asked.octets, 4);
	send_to(a, l, message + TARGET_MAC, message);
}

static void receive(struct arp *a, const struct conf *c, const struct sockaddr_ll *from,
		    uint8_t *message)
{
	struct address asked = address_v4(message + TARGET);
	size_t i = 0;

	while (i < c->interface_count && a->links[i].index != (uint32_t)from->sll_ifindex)
		i++;
	if (i == c->interface_count || from->sll_pkttype > PACKET_MULTICAST)
		return;
	if (is_question(&a->links[i], message) && is_ours(c, i, &asked) &&
	    !nl_is_local(a->nl, &asked))
		answer(a, &a->links[i], message);
}

void arp_work(struct arp *a, const struct conf *c)
{
	uint8_t message[ARP_LEN];
	struct sockaddr_ll from;

	for (int i = 0; a && i < BATCH; i++) {
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(a->fd, message, sizeof(message), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &from_len);

		if (len < 0)
			return;
		if (len == sizeof(message)) /* padding was cut off */
			receive(a, c, &from, message);
	}
}

static void announce(struct arp *a, const struct conf *c, size_t interface)
{
	const struct link *l = &a->links[interface];
	uint8_t message[ARP_LEN] = { 0 };
	struct address ours;

	memcpy(message, request, sizeof(request));
	memcpy(message + SENDER_MAC, l->mac, ETH_ALEN);
	for (size_t i = 0; address_at(c, interface, i, &ours); i++) {
		if (ours.version != 4 || nl_is_local(a->nl, &ours))
			continue;
		memcpy(message + SENDER, ours.octets, 4);
		memcpy(message + TARGET, ours.octets, 4);
		send_to(a, l, everybody, message);
	}
}

void arp_tick(struct arp *a, const struct conf *c, nat_time now)
{
	for (size_t i = 0; a && i < c->interface_count; i++) {
		struct link *l = &a->links[i];

		if (!l->index)
			continue;
		if (!io_is_up(l->io)) {
			l->announcements = ANNOUNCEMENTS;
		} else if (l->announcements && now.ms >= l->announce_next.ms) {
			l->announcements--;
			l->announce_next.ms = now.ms + ANNOUNCE_MS;
			announce(a, c, i);
		}
	}
}

int arp_descriptor(const struct arp *a)
{
	return a ? a->fd : -1;
}

static int learn_links(struct arp *a, const struct conf *c, struct io *const *ios)
{
	for (size_t i = 0; i < c->interface_count; i++) {
		struct link *l = &a->links[i];
		struct nl_link found;
		int r;

		if (!conf_is_ethernet(&c->interfaces[i]))
			continue;
		r = nl_link(a->nl, c->interfaces[i].device, &found);
		if (r < 0)
			return r;
		*l = (struct link){ ios[i], found.index, .announcements = ANNOUNCEMENTS };
		memcpy(l->mac, found.mac, sizeof(l->mac));
	}
	return 0;
}

static bool has_ethernet(const struct conf *c)
{
	for (size_t i = 0; i < c->interface_count; i++)
		if (conf_is_ethernet(&c->interfaces[i]))
			return true;
	return false;
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
	a->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       be16_from(ETH_P_ARP).raw);
	r = a->fd < 0 ? -errno : nl_open(&a->nl);
	if (r == 0)
		r = learn_links(a, c, ios);
	if (r < 0) {
		arp_close(a);
		return io_refuse(error, r, "arp: %s", strerror(-r));
	}
	*out = a;
	return 0;
}

void arp_close(struct arp *a)
{
	if (!a)
		return;
	if (a->fd >= 0)
		close(a->fd);
	nl_close(a->nl);
	free(a);
}
