#include "netns.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include "nat/checksum.h"

enum { TCP_LEN = 8 << 20, TCP_PORT = 5001 };

/* v0 is ours, v1 its other end, in namespace peer. Nobody waits for duplicate addresses. */
static void make_link(void)
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

static struct conf_interface packet(const char *device)
{
	struct conf_interface c = { .name = "wan0", .type = IO_PACKET, .offload = true };

	strcpy(c.device, device);
	return c;
}

static struct io *open_io(const struct conf_interface *c, uint16_t workers, bool offload)
{
	struct io_error error = { "" };
	struct io *io = NULL;

	if (io_open(&io, c, workers, offload, &error) < 0)
		fail_msg("%s", error.text);
	return io;
}

static void assert_refused(const char *device, int error_number, const char *text)
{
	struct conf_interface c = packet(device);
	struct io_error error = { "" };
	struct io *io;

	assert_int_equal(io_open(&io, &c, 1, true, &error), error_number);
	if (!strstr(error.text, text) || strchr(error.text, '\n'))
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

/* A socket at the other end of the link that sends frames as they are, and sees IPv4. */
static int peer_socket(void)
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

static size_t put_udp(uint8_t *ip, uint16_t source_port)
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

static void inject(int fd, const struct arrival *a, uint16_t source_port)
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

/* Receive for a while; returns how many IPv4 frames came, of which the first is in b. */
static int receive(struct io *io, struct batch *b)
{
	int count;

	wait_readable(io, 30);
	count = io_recv(io, 0, b->frames, 1);
	for (int more = count; more > 0;) {
		struct frame *rest = b->frames[1];

		if (frame_ip(b->frames[0])[0] >> 4 != 4)
			return receive(io, b); /* the kernels greet each other in IPv6 */
		more = io_recv(io, 0, &rest, 1);
		if (more > 0 && frame_ip(rest)[0] >> 4 == 4)
			count++;
	}
	return count;
}

static void receives_what_is_for_us(void **state)
{
	static const struct arrival arrivals[] = {
		{ { 2, 0, 0, 0, 0, 1 }, false, ETH_P_IP, true, false },
		{ { 2, 0, 0, 0, 0, 9 }, false, ETH_P_IP, false, false },
		{ { 255, 255, 255, 255, 255, 255 }, false, ETH_P_IP, true, true },
		{ { 1, 0, 0x5e, 0, 0, 1 }, false, ETH_P_IP, true, true },
		{ { 2, 0, 0, 0, 0, 1 }, true, ETH_P_IP, false, false },
		{ { 2, 0, 0, 0, 0, 1 }, false, ETH_P_ARP, false, false },
		{ { 2, 0, 0, 0, 0, 1 }, false, 0x88b5, false, false },
	};
	struct conf_interface c = packet("v0");
	struct batch *b;
	struct io *io;
	int fd;

	NETNS_TEST(state);
	make_link();
	b = batch_new();
	fd = peer_socket();
	for (int offload = 0; offload <= 1; offload++) {
		io = open_io(&c, 1, offload);
		for (size_t i = 0; i < sizeof(arrivals) / sizeof(arrivals[0]); i++) {
			const struct frame *f = b->frames[0];
			uint8_t expected[60];

			inject(fd, &arrivals[i], 1000);
			assert_int_equal(receive(io, b), arrivals[i].received);
			if (!arrivals[i].received)
				continue;
			put_udp(expected, 1000);
			assert_int_equal(f->len, sizeof(expected));
			assert_memory_equal(frame_ip(f), expected, sizeof(expected));
			assert_int_equal(f->link_multicast, arrivals[i].link_multicast);
			assert_int_equal(f->offload.flags, 0);
		}
		io_close(io);
	}
	close(fd);
	batch_free(b);
}

/* ENV-1: what the kernel at the other end leaves undone is told, with offsets of ours. */
static void tells_of_partial_checksums(void **state)
{
	struct conf_interface c = packet("v0");
	struct batch *b;
	struct io *io;

	NETNS_TEST(state);
	make_link();
	b = batch_new();
	for (int offload = 0; offload <= 1; offload++) {
		struct pkt_offload o;
		struct frame *f = b->frames[0];

		io = open_io(&c, 1, offload);
		assert_true(shell("ip netns exec peer bash -c 'echo hello >/dev/udp/10.1.0.1/9'"));
		assert_int_equal(receive(io, b), 1);
		o = frame_offload(f);
		assert_int_equal(o.partial, offload);
		assert_int_equal(pkt_parse(&f->p, frame_ip(f), f->len, &o), REASON_NONE);
		assert_int_equal(f->p.protocol, PROTO_UDP);
		assert_int_equal(f->p.flags & PKT_PARTIAL, offload ? PKT_PARTIAL : 0);
		if (!offload)
			assert_true(pkt_checksum_valid(&f->p));
		io_close(io);
	}
	batch_free(b);
}

static void does_not_receive_what_we_send(void **state)
{
	struct conf_interface c = packet("v0");
	struct batch *b;
	int replies = 0;

	NETNS_TEST(state);
	make_link();
	b = batch_new();
	for (uint16_t workers = 1; workers <= 2; workers++) {
		struct io *io = open_io(&c, workers, true);

		assert_true(shell("ping -q -c 3 -i 0.01 10.1.0.2 >/dev/null"));
		for (uint16_t w = 0; w < workers; w++) {
			for (int i = io_recv(io, w, b->frames, FRAME_BATCH); i-- > 0;) {
				const uint8_t *ip = frame_ip(b->frames[i]);

				if (ip[0] >> 4 != 4)
					continue;
				assert_int_equal(load32(ip + 12), 0x0a010002);
				replies++;
			}
		}
		io_close(io);
	}
	assert_int_equal(replies, 6);
	batch_free(b);
}

static enum reason send_to(struct io *io, struct batch *b, const char *next_hop)
{
	struct address hop = address_of(next_hop);
	size_t sent;
	enum reason r;

	put_udp(frame_ip(b->frames[0]), 1000);
	b->frames[0]->len = 60;
	b->frames[0]->offload = (struct virtio_net_hdr){ 0 };
	view(b->frames[0]);
	b->frames[0]->next_hop = hop;
	r = io_send(io, 0, b->frames, 1, &sent);
	assert_int_equal(sent, r == REASON_NONE);
	return r;
}

static bool reachable_before_long(struct io *io, struct batch *b, const char *next_hop)
{
	for (int i = 0; i < 1000; i++) {
		enum reason r = send_to(io, b, next_hop);

		if (r == REASON_NONE)
			return true;
		assert_int_equal(r, REASON_NEIGHBOUR);
		usleep(5000);
	}
	return false;
}

/* Destination of the last frame that the peer has got, by its last octet. */
static uint8_t last_destination(int fd)
{
	uint8_t frame[128] = { 0 };

	usleep(10000);
	while (recv(fd, frame, sizeof(frame), 0) > 0)
		continue;
	return frame[5];
}

static void asks_the_kernel_for_neighbours(void **state)
{
	struct conf_interface c = packet("v0");
	struct batch *b;
	struct io *io;
	int fd;

	NETNS_TEST(state);
	make_link();
	b = batch_new();
	fd = peer_socket();
	io = open_io(&c, 1, true);
	assert_int_equal(send_to(io, b, "10.1.0.2"), REASON_NEIGHBOUR);
	assert_true(reachable_before_long(io, b, "10.1.0.2"));
	assert_int_equal(send_to(io, b, "fd01::2"), REASON_NEIGHBOUR);
	assert_true(reachable_before_long(io, b, "fd01::2"));
	assert_int_equal(last_destination(fd), 2);
	/* A neighbour that moves is found at its new place. */
	assert_true(shell("ip -n peer link set v1 address 02:00:00:00:00:22 &&"
			  "ip neigh change 10.1.0.2 dev v0 lladdr 02:00:00:00:00:22"));
	usleep(1100000);
	assert_int_equal(send_to(io, b, "10.1.0.2"), REASON_NONE);
	assert_int_equal(last_destination(fd), 0x22);
	assert_false(reachable_before_long(io, b, "10.1.0.77"));
	io_close(io);
	close(fd);
	batch_free(b);
}

static void shares_frames_among_queues(void **state)
{
	enum { WORKERS = 3, FRAMES = 300 };
	static const struct arrival ours = { { 2, 0, 0, 0, 0, 1 }, false, ETH_P_IP, true, false };
	struct conf_interface c = packet("v0");
	size_t counts[WORKERS] = { 0 };
	struct batch *b;
	struct io *io;
	int fd;

	NETNS_TEST(state);
	make_link();
	b = batch_new();
	fd = peer_socket();
	io = open_io(&c, WORKERS, true);
	for (uint16_t i = 0; i < FRAMES; i++)
		inject(fd, &ours, (uint16_t)(2000 + i));
	usleep(50000);
	for (uint16_t w = 0; w < WORKERS; w++) {
		int count;

		while ((count = io_recv(io, w, b->frames, FRAME_BATCH)) > 0) {
			for (int i = 0; i < count; i++)
				counts[w] += frame_ip(b->frames[i])[0] == 0x45;
		}
		assert_true(counts[w] > 0);
	}
	assert_int_equal(counts[0] + counts[1] + counts[2], FRAMES);
	io_close(io);
	c.queues = 1;
	io = open_io(&c, WORKERS, true);
	assert_true(io_descriptor(io, 0) >= 0);
	assert_int_equal(io_descriptor(io, 1), -1);
	assert_int_equal(io_recv(io, 1, b->frames, FRAME_BATCH), 0);
	io_close(io);
	close(fd);
	batch_free(b);
}

static void refuses_with_one_line(void **state)
{
	NETNS_TEST(state);
	assert_true(shell("ip link add v0 type veth peer name v1"));
	assert_refused("eth9", -ENODEV, "device \"eth9\": No such device");
	assert_refused("lo", -EINVAL, "\"lo\" is not an Ethernet device");
	assert_refused("v0", -ENETDOWN, "ip link set v0 up");
}

static void notices_changes_of_the_link(void **state)
{
	struct conf_interface c = packet("v0");
	struct batch *b;
	struct io *io;

	NETNS_TEST(state);
	make_link();
	b = batch_new();
	io = open_io(&c, 1, true);
	assert_true(reachable_before_long(io, b, "10.1.0.2"));
	assert_int_equal(io_mtu(io), 1500);
	assert_true(io_is_up(io));
	assert_true(shell("ip link set v0 mtu 1400 && ip -n peer link set v1 down"));
	io_refresh(io);
	assert_int_equal(io_mtu(io), 1400);
	assert_false(io_is_up(io)); /* no carrier */
	assert_true(shell("ip link set v0 down"));
	assert_int_equal(send_to(io, b, "10.1.0.2"), REASON_INTERFACE_DOWN);
	assert_int_equal(io_recv(io, 0, b->frames, 1), -ENETDOWN); /* told once */
	assert_true(shell("ip link set v0 up && ip -n peer link set v1 up"));
	io_refresh(io);
	assert_true(io_is_up(io));
	assert_true(reachable_before_long(io, b, "10.1.0.2"));
	io_close(io);
	c.mtu = 1300;
	io = open_io(&c, 1, true);
	assert_int_equal(io_mtu(io), 1300);
	io_close(io);
	assert_true(shell("ip -o link show v0 | grep -q 'UP.* mtu 1400 '"));
	assert_true(shell("ip -o addr show v0 | grep -q ' 10.1.0.1/24 '"));
	batch_free(b);
}

/* A host behind a TUN device, a wire, and a host behind the Ethernet device, with the offloads of
 * both kernels on: TCP must arrive whole in either direction. */
static void check_tcp(const char *server_netns, const char *client_netns,
		      const char *server_address, bool offload)
{
	struct prefix address = prefix_of("10.0.0.2/24"), everywhere = prefix_of("0.0.0.0/0");
	struct conf_interface tun = { .name = "lan0",
				      .device = "lan0",
				      .type = IO_TUN,
				      .netns = (char[]){ "inside" },
				      .host_addresses = &address,
				      .host_address_count = 1,
				      .host_routes = &everywhere,
				      .host_route_count = 1 };
	struct conf_interface ethernet = packet("v0");
	struct wire_end inside = { .io = open_io(&tun, 1, offload) };
	struct wire_end outside = { .io = open_io(&ethernet, 1, offload),
				    .neighbour = address_of("10.1.0.2") };
	pid_t server, client;

	server = tcp_server(server_netns, server_address, TCP_PORT, TCP_LEN);
	client = tcp_client(client_netns, server_address, TCP_PORT, TCP_LEN);
	assert_int_equal(wire_run(&outside, &inside, 1, client), 0);
	assert_int_equal(exit_status(server), 0);
	assert_true(no_checksum_errors("inside") && no_checksum_errors("peer"));
	if (offload) {
		assert_true(inside.supers + outside.supers > 10);
	} else {
		assert_int_equal(inside.supers + outside.supers, 0);
		assert_in_range(inside.longest, 1, 1500);
		assert_in_range(outside.longest, 1, 1500);
	}
	io_close(inside.io);
	io_close(outside.io);
}

static void carries_tcp_with_and_without_offloads(void **state)
{
	NETNS_TEST(state);
	TUN_TEST();
	make_link();
	assert_true(shell("ip netns add inside && ip -n peer route add 10.0.0.0/24 via 10.1.0.1 &&"
			  "ping -q -c 1 10.1.0.2 >/dev/null"));
	check_tcp("peer", "inside", "10.1.0.2", true);
	check_tcp("peer", "inside", "10.1.0.2", false);
	check_tcp("inside", "peer", "10.0.0.2", true);
	check_tcp("inside", "peer", "10.0.0.2", false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(receives_what_is_for_us),
		cmocka_unit_test(tells_of_partial_checksums),
		cmocka_unit_test(does_not_receive_what_we_send),
		cmocka_unit_test(asks_the_kernel_for_neighbours),
		cmocka_unit_test(shares_frames_among_queues),
		cmocka_unit_test(refuses_with_one_line),
		cmocka_unit_test(notices_changes_of_the_link),
		cmocka_unit_test(carries_tcp_with_and_without_offloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
