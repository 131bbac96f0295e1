#include "packet_rig.h"

enum { TCP_LEN = 8 << 20, TCP_PORT = 5001 };

/* Tests that receive run twice: with this and without a state. */
static const bool rings = true;

static bool is_ringed(void **state)
{
	return *state == &rings;
}

static void assert_refused(const char *device, int error_number, const char *text)
{
	struct conf_interface c = packet(device, true);
	struct io_error error = { "" };
	struct io *io;

	assert_int_equal(io_open(&io, &c, 1, true, &error), error_number);
	if (!strstr(error.text, text) || strchr(error.text, '\n'))
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
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
	struct conf_interface c = packet("v0", is_ringed(state));
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
	struct conf_interface c = packet("v0", is_ringed(state));
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
	struct conf_interface c = packet("v0", is_ringed(state));
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
	struct conf_interface c = packet("v0", is_ringed(state));
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

/* Source ports of what the peer got are 1000, 1001, …, but for those that were refused. */
static void assert_sent(int fd, uint16_t first, size_t count)
{
	uint8_t frame[128];

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(recv(fd, frame, sizeof(frame), 0), ETH_HLEN + 60);
		assert_int_equal(load16(frame + ETH_HLEN + 20), first + i);
	}
}

static void sends_all_but_what_is_refused(void **state)
{
	enum { TOO_LONG = 10, STRANGER = 50 };
	struct conf_interface c = packet("v0", true);
	struct address peer = address_of("10.1.0.2");
	struct batch *b;
	struct io *io;
	size_t sent;
	int fd;

	NETNS_TEST(state);
	make_link();
	b = batch_new();
	fd = peer_socket();
	io = open_io(&c, 1, true);
	assert_true(reachable_before_long(io, b, "10.1.0.2"));
	last_destination(fd);
	for (uint16_t i = 0; i < FRAME_BATCH; i++) {
		put_udp(frame_ip(b->frames[i]), (uint16_t)(1000 + i));
		b->frames[i]->len = i == TOO_LONG ? 1501 : 60;
		b->frames[i]->offload = (struct virtio_net_hdr){ 0 };
		view(b->frames[i]);
		b->frames[i]->next_hop = i == STRANGER ? address_of("10.1.0.77") : peer;
	}
	assert_int_equal(io_send(io, 0, b->frames, FRAME_BATCH, &sent), REASON_TOO_BIG);
	assert_int_equal(sent, TOO_LONG);
	assert_sent(fd, 1000, TOO_LONG);
	assert_int_equal(io_send(io, 0, b->frames + TOO_LONG + 1, FRAME_BATCH - TOO_LONG - 1, &sent),
			 REASON_NEIGHBOUR);
	assert_int_equal(sent, STRANGER - TOO_LONG - 1);
	assert_sent(fd, 1000 + TOO_LONG + 1, sent);
	assert_int_equal(io_send(io, 0, b->frames + STRANGER + 1, FRAME_BATCH - STRANGER - 1, &sent),
			 REASON_NONE);
	assert_sent(fd, 1000 + STRANGER + 1, FRAME_BATCH - STRANGER - 1);
	io_close(io);
	close(fd);
	batch_free(b);
}

static void shares_frames_among_queues(void **state)
{
	enum { WORKERS = 3, FRAMES = 300 };
	static const struct arrival ours = { { 2, 0, 0, 0, 0, 1 }, false, ETH_P_IP, true, false };
	struct conf_interface c = packet("v0", is_ringed(state));
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
	assert_refused("eth9", -ENODEV, "wan0: no device \"eth9\": plug it in or create it");
	assert_refused("lo", -EINVAL, "\"lo\" is not an Ethernet device");
	assert_refused("v0", -ENETDOWN, "ip link set v0 up");
}

/* A ring has what came before, and tells of its socket only now and then. */
static bool is_told_once(struct io *io, struct batch *b, int error)
{
	int told = 0;

	for (int i = 0; i < 100; i++) {
		int r = io_recv(io, 0, b->frames, 1);

		told += r == error;
		assert_true(r >= 0 || r == error);
	}
	return told == 1;
}

static void notices_changes_of_the_link(void **state)
{
	struct conf_interface c = packet("v0", is_ringed(state));
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
	assert_true(is_told_once(io, b, -ENETDOWN));
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
		      const char *server_address, struct conf_interface ethernet, bool offload)
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
	struct conf_interface c = packet("v0", is_ringed(state));

	NETNS_TEST(state);
	TUN_TEST();
	make_link();
	assert_true(shell("ip netns add inside && ip -n peer route add 10.0.0.0/24 via 10.1.0.1 &&"
			  "ping -q -c 1 10.1.0.2 >/dev/null"));
	check_tcp("peer", "inside", "10.1.0.2", c, true);
	check_tcp("peer", "inside", "10.1.0.2", c, false);
	check_tcp("inside", "peer", "10.0.0.2", c, true);
	check_tcp("inside", "peer", "10.0.0.2", c, false);
}

#define WITH_RINGS(test) { #test "_with_rings", test, NULL, NULL, (void *)(uintptr_t)&rings }

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(receives_what_is_for_us),
		WITH_RINGS(receives_what_is_for_us),
		cmocka_unit_test(tells_of_partial_checksums),
		WITH_RINGS(tells_of_partial_checksums),
		cmocka_unit_test(does_not_receive_what_we_send),
		WITH_RINGS(does_not_receive_what_we_send),
		cmocka_unit_test(asks_the_kernel_for_neighbours),
		cmocka_unit_test(sends_all_but_what_is_refused),
		cmocka_unit_test(shares_frames_among_queues),
		WITH_RINGS(shares_frames_among_queues),
		cmocka_unit_test(refuses_with_one_line),
		cmocka_unit_test(notices_changes_of_the_link),
		WITH_RINGS(notices_changes_of_the_link),
		cmocka_unit_test(carries_tcp_with_and_without_offloads),
		WITH_RINGS(carries_tcp_with_and_without_offloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
