#include "packet_rig.h"

/* XDP programs are for root, not for that of a user namespace. */
#define XDP_TEST()                                            \
	do {                                                  \
		if (xdp_program_probe() < 0) {                \
			print_message("SKIP: no AF_XDP\n");   \
			skip();                               \
		}                                             \
		make_link();                                  \
	} while (0)

int xdp_program_probe(void);

enum { V4_LEN = 60, V6_LEN = 80 };

static const uint8_t ours[] = { 2, 0, 0, 0, 0, 1 };

static struct conf_interface xdp(enum xdp_mode mode)
{
	return (struct conf_interface){ .name = "wan0", .device = "v0", .type = IO_XDP,
					.xdp_mode = mode };
}

static void assert_refused(const struct conf_interface *c, int error_number, const char *text)
{
	struct io_error error = { "" };
	struct io *io;

	assert_int_equal(io_open(&io, c, 1, true, &error), error_number);
	if (!strstr(error.text, text) || strchr(error.text, '\n'))
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

/* A datagram that may arrive: without payload but zeroes, all checksums right. */
struct datagram {
	const char *to;
	uint8_t protocol, type; /* the latter is the first octet of the transport */
};

static void put_checksum(uint8_t *ip, size_t transport, size_t len, size_t at, bool partial)
{
	size_t address_len = ip[0] >> 4 == 4 ? 4 : 16;
	const uint8_t *source = ip + transport - 2 * address_len;
	csum_t sum = csum_pseudo(source, source + address_len, address_len,
				 ip[address_len == 4 ? 9 : 6], (uint32_t)(len - transport));

	store16(ip + transport + at, 0);
	if (partial)
		be16_store(ip + transport + at, (be16){ sum.raw });
	else
		csum_store(ip + transport + at, csum_add(sum, csum_of(ip + transport, len - transport)));
}

static size_t put_datagram(uint8_t *ip, const struct datagram *d)
{
	struct address to = address_of(d->to);
	bool v4 = to.version == 4;
	size_t len = v4 ? V4_LEN : V6_LEN, transport = v4 ? 20 : 40;

	memset(ip, 0, len);
	ip[0] = v4 ? 0x45 : 0x60;
	store16(ip + (v4 ? 2 : 4), (uint16_t)(v4 ? V4_LEN : V6_LEN - 40));
	ip[v4 ? 8 : 7] = 64;
	ip[v4 ? 9 : 6] = d->protocol;
	memcpy(ip + (v4 ? 12 : 8), address_of(v4 ? "10.1.0.2" : "fd01::2").octets, v4 ? 4 : 16);
	memcpy(ip + (v4 ? 16 : 24), to.octets, address_len(&to));
	if (v4)
		csum_store(ip + 10, csum_of(ip, 20));
	ip[transport] = d->type;
	if (d->protocol == PROTO_TCP)
		ip[transport + 12] = 0x50;
	if (d->protocol == PROTO_UDP)
		store16(ip + transport + 4, (uint16_t)(len - transport));
	return len;
}

static void send_frame(int fd, const uint8_t *mac, uint16_t type, const uint8_t *ip, size_t len)
{
	uint8_t frame[128];

	memcpy(frame, mac, 6);
	memcpy(frame + 6, "\2\0\0\0\0\2", 6);
	store16(frame + 12, type);
	memcpy(frame + 14, ip, len);
	assert_int_equal(send(fd, frame, len + 14, 0), len + 14);
}

static int receive(struct io *io, struct batch *b)
{
	wait_readable(io, 30);
	return io_recv(io, 0, b->frames, FRAME_BATCH);
}

/* Each is one row of the program. */
static void takes_what_is_not_the_kernels(void **state)
{
	static const struct {
		uint8_t mac[6];
		uint16_t type;
		struct datagram datagram;
		bool ours;
	} cases[] = {
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IP, { "10.1.0.9", PROTO_UDP, 0 }, true },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IP, { "192.0.2.1", PROTO_TCP, 0 }, true },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IP, { "10.1.0.1", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IP, { "10.9.0.1", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 0, 9 }, ETH_P_IP, { "10.1.0.9", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 9, 1 }, ETH_P_IP, { "10.1.0.9", PROTO_UDP, 0 }, false },
		{ { 255, 255, 255, 255, 255, 255 }, ETH_P_IP, { "10.1.0.9", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_ARP, { "10.1.0.9", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_8021Q, { "10.1.0.9", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fd01::9", PROTO_UDP, 0 }, true },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fd01::1", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fe80::9", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "febf::9", PROTO_UDP, 0 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fec0::9", PROTO_UDP, 0 }, true },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fd01::9", PROTO_ICMPV6, 128 }, true },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fd01::9", PROTO_ICMPV6, 132 }, true },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fd01::9", PROTO_ICMPV6, 133 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fd01::9", PROTO_ICMPV6, 137 }, false },
		{ { 2, 0, 0, 0, 0, 1 }, ETH_P_IPV6, { "fd01::9", PROTO_ICMPV6, 138 }, true },
	};
	struct conf_interface c = xdp(XDP_ZERO_COPY_MODE);
	struct batch *b;
	int fd;

	NETNS_TEST(state);
	XDP_TEST();
	assert_true(shell("ip addr add 10.9.0.1/32 dev lo"));
	b = batch_new();
	fd = peer_socket();
	for (c.xdp_mode = XDP_NATIVE_MODE; c.xdp_mode <= XDP_GENERIC_MODE; c.xdp_mode++) {
		struct io *io = open_io(&c, 1, true);

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			uint8_t ip[V6_LEN];
			size_t len = put_datagram(ip, &cases[i].datagram);

			send_frame(fd, cases[i].mac, cases[i].type, ip, len);
			if (receive(io, b) != cases[i].ours)
				fail_msg("case %zu", i);
			if (!cases[i].ours)
				continue;
			assert_int_equal(b->frames[0]->len, len);
			assert_memory_equal(frame_ip(b->frames[0]), ip, len);
			assert_false(b->frames[0]->link_multicast);
		}
		io_close(io);
	}
	close(fd);
	batch_free(b);
}

/* What a virtual device leaves undone is found, and nothing else is touched. */
static void finds_partial_checksums(void **state)
{
	static const struct { struct datagram datagram; size_t field; } cases[] = {
		{ { "10.1.0.9", PROTO_TCP, 7 }, 16 }, { { "10.1.0.9", PROTO_UDP, 7 }, 6 },
		{ { "fd01::9", PROTO_TCP, 7 }, 16 },  { { "fd01::9", PROTO_UDP, 7 }, 6 },
	};
	struct conf_interface c = xdp(XDP_ZERO_COPY_MODE);
	struct batch *b;
	int fd;

	NETNS_TEST(state);
	XDP_TEST();
	b = batch_new();
	fd = peer_socket();
	for (int offload = 0; offload <= 1; offload++) {
		struct io *io = open_io(&c, 1, offload);

		for (size_t i = 0; i < 8; i++) {
			const struct datagram *d = &cases[i / 2].datagram;
			const struct frame *f = b->frames[0];
			bool v4 = d->to[0] == '1', partial = i % 2;
			uint8_t sent[V6_LEN], whole[V6_LEN];
			size_t len = put_datagram(sent, d), transport = v4 ? 20 : 40;

			memcpy(whole, sent, len);
			put_checksum(sent, transport, len, cases[i / 2].field, partial);
			put_checksum(whole, transport, len, cases[i / 2].field, false);
			send_frame(fd, ours, v4 ? ETH_P_IP : ETH_P_IPV6, sent, len);
			assert_int_equal(receive(io, b), 1);
			assert_memory_equal(frame_ip(f), offload ? sent : whole, len);
			assert_int_equal(frame_offload(f).partial, partial && offload);
			if (partial && offload)
				assert_int_equal(f->offload.csum_start + f->offload.csum_offset,
						 transport + cases[i / 2].field);
		}
		io_close(io);
	}
	close(fd);
	batch_free(b);
}

/* A wrong checksum stays wrong, none stays none, and a fragment has no say. */
static void leaves_other_checksums(void **state)
{
	static const struct datagram udp = { "10.1.0.9", PROTO_UDP, 7 };
	struct conf_interface c = xdp(XDP_ZERO_COPY_MODE);
	uint8_t sent[V4_LEN];
	struct batch *b;
	struct io *io;
	int fd;

	NETNS_TEST(state);
	XDP_TEST();
	b = batch_new();
	fd = peer_socket();
	io = open_io(&c, 1, false);
	for (int i = 0; i < 3; i++) {
		put_datagram(sent, &udp);
		if (i == 1)
			store16(sent + 26, 0x1234);
		if (i == 2) {
			put_checksum(sent, 20, V4_LEN, 6, true);
			sent[6] = 0x20;
			store16(sent + 10, 0);
			csum_store(sent + 10, csum_of(sent, 20));
		}
		send_frame(fd, ours, ETH_P_IP, sent, V4_LEN);
		assert_int_equal(receive(io, b), 1);
		assert_memory_equal(frame_ip(b->frames[0]), sent, V4_LEN);
	}
	io_close(io);
	close(fd);
	batch_free(b);
}

static enum reason send_some(struct io *io, uint16_t worker, struct batch *b, size_t count,
			     size_t *sent)
{
	for (size_t i = 0; i < count; i++) {
		static const struct datagram d = { "10.1.0.2", PROTO_UDP, 7 };

		b->frames[i]->len = (uint32_t)put_datagram(frame_ip(b->frames[i]), &d);
		view(b->frames[i]);
		b->frames[i]->next_hop = address_of(d.to);
	}
	return io_send(io, worker, b->frames, count, sent);
}

/* Chunks come back, in any number of rounds; workers without a queue send too. */
static void sends_from_every_worker(void **state)
{
	enum { ROUNDS = 100, WORKERS = 2 };
	struct conf_interface c = xdp(XDP_ZERO_COPY_MODE);
	struct batch *b;
	struct io *io;
	size_t sent;

	NETNS_TEST(state);
	XDP_TEST();
	assert_true(shell("ip neigh add 10.1.0.2 dev v0 lladdr 02:00:00:00:00:02"));
	b = batch_new();
	io = open_io(&c, WORKERS, true);
	assert_true(io_descriptor(io, 0) >= 0);
	assert_int_equal(io_descriptor(io, 1), -1);
	assert_int_equal(io_recv(io, 1, b->frames, FRAME_BATCH), 0);
	for (uint16_t w = 0; w < WORKERS; w++) {
		for (int i = 0; i < ROUNDS; i++) {
			assert_int_equal(send_some(io, w, b, FRAME_BATCH, &sent), REASON_NONE);
			assert_int_equal(sent, FRAME_BATCH);
		}
	}
	assert_true(shell("test $(ip -n peer -s link show v1 | awk '/RX:/ { getline; print $2 }') "
			  "-ge %d", ROUNDS * WORKERS * FRAME_BATCH));
	b->frames[0]->next_hop = address_of("10.1.0.77");
	assert_int_equal(io_send(io, 0, b->frames, 2, &sent), REASON_NEIGHBOUR);
	assert_int_equal(sent, 0);
	assert_true(shell("ip link set v0 down"));
	io_refresh(io);
	assert_int_equal(send_some(io, 0, b, 1, &sent), REASON_INTERFACE_DOWN);
	io_close(io);
	batch_free(b);
}

/* One worker, and all of a device's queues: one descriptor stands for them. */
static void serves_all_queues(void **state)
{
	enum { FRAMES = 200 };
	static const struct datagram d = { "10.1.0.9", PROTO_UDP, 0 };
	struct conf_interface c = xdp(XDP_ZERO_COPY_MODE);
	uint8_t ip[V4_LEN];
	struct batch *b;
	struct io *io;
	int fd, got, count = 0;

	NETNS_TEST(state);
	XDP_TEST();
	if (!shell("ethtool -L v0 rx 2 tx 2 2>/dev/null && ip netns exec peer ethtool -L v1 rx 2 tx 2"))
		skip(); /* a machine with one processor */
	b = batch_new();
	fd = peer_socket();
	io = open_io(&c, 1, true);
	assert_non_null(strstr(io_remark(io), "2 queues"));
	for (uint16_t i = 0; i < FRAMES; i++) {
		put_datagram(ip, &d);
		store16(ip + 20, (uint16_t)(2000 + i));
		send_frame(fd, ours, ETH_P_IP, ip, V4_LEN);
	}
	while ((got = receive(io, b)) > 0)
		count += got;
	assert_int_equal(count, FRAMES);
	io_close(io);
	close(fd);
	batch_free(b);
}

static void refuses_with_one_line(void **state)
{
	struct conf_interface c = xdp(XDP_ZERO_COPY_MODE), other;
	struct io *io;

	NETNS_TEST(state);
	XDP_TEST();
	io = open_io(&c, 1, true);
	assert_non_null(strstr(io_remark(io), "v0: AF_XDP native"));
	assert_refused(&c, -EBUSY, "wan0: another program has XDP on the device: end it, or ip link");
	other = xdp(XDP_GENERIC_MODE);
	assert_refused(&other, -EEXIST, "wan0: another program has XDP on the device");
	io_close(io);
	strcpy(other.device, "eth9");
	assert_refused(&other, -ENODEV, "wan0: no device \"eth9\": plug it in or create it");
	strcpy(other.device, "lo");
	assert_refused(&other, -EINVAL, "\"lo\" is not an Ethernet device");
	assert_true(shell("ip link set v0 mtu 4000"));
	assert_refused(&c, -EMSGSIZE, "MTU 4000 is too large for AF_XDP: ip link set v0 mtu 3822");
	assert_true(shell("ip link set v0 mtu 1500 down"));
	assert_refused(&c, -ENETDOWN, "ip link set v0 up");
	assert_true(shell("ip link set v0 up"));
	/* The kernel lets go of a queue a moment after its socket was closed. */
	for (int i = 0; i < 8; i++)
		io_close(open_io(&c, 1, true));
	assert_false(shell("ip link show v0 | grep -q xdp"));
}

static void notices_changes_of_the_link(void **state)
{
	struct conf_interface c = xdp(XDP_ZERO_COPY_MODE);
	struct io *io;

	NETNS_TEST(state);
	XDP_TEST();
	io = open_io(&c, 1, true);
	assert_int_equal(io_mtu(io), 1500);
	assert_true(io_is_up(io));
	assert_true(shell("ip link set v0 mtu 1400 && ip -n peer link set v1 down"));
	io_refresh(io);
	assert_int_equal(io_mtu(io), 1400);
	assert_false(io_is_up(io));
	io_close(io);
	c.mtu = 1300;
	io = open_io(&c, 1, true);
	assert_int_equal(io_mtu(io), 1300);
	io_close(io);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_not_the_kernels),
		cmocka_unit_test(finds_partial_checksums),
		cmocka_unit_test(leaves_other_checksums),
		cmocka_unit_test(sends_from_every_worker),
		cmocka_unit_test(serves_all_queues),
		cmocka_unit_test(refuses_with_one_line),
		cmocka_unit_test(notices_changes_of_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
