/* A packet interface on one end of a veth pair, and a raw socket at the other. */
#ifndef TEST_PACKET_RIG_H
#define TEST_PACKET_RIG_H

#include "netns.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include "nat/checksum.h"

/* v0 is ours, v1 its other end, in namespace peer. Nobody waits for duplicate addresses. */
static inline void make_link(void)
{
	/* The larger of all and default counts. */
	assert_true(shell("cd /proc/sys/net/ipv6/conf && echo 0 | tee default/accept_dad all/accept_dad"
			  " >/dev/null"));
	assert_true(shell("ip netns add peer && ip netns exec peer "
			  "sh -c 'cd /proc/sys/net/ipv6/conf &&"
			  " echo 0 | tee default/accept_dad all/accept_dad >/dev/null' &&"
			  "ip link add v0 address 02:00:00:00:00:01 type veth "
			  "peer name v1 address 02:00:00:00:00:02 netns peer &&"
			  "ip addr add 10.1.0.1/24 dev v0 && ip addr add fd01::1/64 dev v0 nodad &&"
			  "ip -n peer addr add 10.1.0.2/24 dev v1 &&"
			  "ip -n peer addr add fd01::2/64 dev v1 nodad &&"
			  "ip link set v0 up && ip -n peer link set v1 up &&"
			  "ip -n peer link set lo up"));
}

static inline struct conf_interface packet(const char *device, bool rings)
{
	struct conf_interface c = { .name = "wan0", .type = IO_PACKET, .offload = true,
				    .rings = rings };

	strcpy(c.device, device);
	return c;
}

static inline struct io *open_io(const struct conf_interface *c, uint16_t workers, bool offload)
{
	struct io_error error = { "" };
	struct io *io = NULL;

	if (io_open(&io, c, workers, offload, &error) < 0)
		fail_msg("%s", error.text);
	return io;
}

/* A socket at the other end of the link that sends frames as they are, and sees IPv4. */
static inline int peer_socket(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int here = open("/proc/self/ns/net", O_RDONLY);
	int there = nl_netns("peer");
	int fd;

	assert_int_equal(setns(there, CLONE_NEWNET), 0);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	a.sll_ifindex = (int)if_nametoindex("v1");
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	close(here);
	close(there);
	return fd;
}

/* A frame as it may arrive: to that Ethernet address, tagged or not; UDP in IPv4. */
struct arrival {
	uint8_t to[6];
	bool tagged;
	uint16_t type;
	bool received, link_multicast; /* expected */
};

static inline size_t put_udp(uint8_t *ip, uint16_t source_port)
{
	static const uint8_t header[28] = { 0x45, 0, 0, 60, 0, 1, 0, 0, 64, PROTO_UDP };

	memcpy(ip, header, sizeof(header));
	store32(ip + 12, 0x0a010002);
	store32(ip + 16, 0x0a010001);
	csum_store(ip + 10, csum_of(ip, 20));
	store16(ip + 20, source_port);
	store16(ip + 22, 9);
	store16(ip + 24, 40);
	memset(ip + 28, 0xaa, 32);
	return 60;
}

static inline void inject(int fd, const struct arrival *a, uint16_t source_port)
{
	uint8_t frame[128] = { 0 };
	uint8_t *at = frame + 12;

	memcpy(frame, a->to, 6);
	memcpy(frame + 6, "\2\0\0\0\0\2", 6);
	if (a->tagged) {
		store16(at, ETH_P_8021Q);
		store16(at + 2, 7);
		at += 4;
	}
	store16(at, a->type);
	at += 2;
	at += put_udp(at, source_port);
	assert_int_equal(send(fd, frame, (size_t)(at - frame), 0), at - frame);
}

#endif
