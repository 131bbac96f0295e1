/* What a ring must do beside what every packet interface must (test_io_packet.c). */
#include "packet_rig.h"

#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { SUPER = 65500, MSS = 1448, HEADERS = 40, ROOM = sizeof(struct virtio_net_hdr) + ETH_HLEN + SUPER };

/* A TCP segment in IPv4 that is to be known again by its number; longer ones are super-packets. */
static void put_numbered(uint8_t *ip, size_t len, uint16_t number)
{
	static const uint8_t header[HEADERS] = {
		0x45, 0, 0, 0, 0, 0, 0, 0, 64, PROTO_TCP, 0, 0, 10, 1, 0, 2, 10, 1, 0, 1,
		[32] = 0x50, 0x10,
	};

	memcpy(ip, header, sizeof(header));
	store16(ip + 2, (uint16_t)len);
	store16(ip + 4, number);
	csum_store(ip + 10, csum_of(ip, 20));
	for (size_t i = HEADERS; i < len; i++)
		ip[i] = (uint8_t)(i * 7 + i / 251 + number);
}

/* Raw socket of the peer that says what the kernel shall leave undone. */
static int super_socket(void)
{
	const int on = 1;
	int fd = peer_socket();

	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	/* No other packets than ours. */
	assert_true(shell("ip netns exec peer sh -c 'echo 1 >/proc/sys/net/ipv6/conf/v1/disable_ipv6'"));
	return fd;
}

/* fd: a socket or a TAP device. */
static void send_numbered(int fd, size_t len, uint16_t number)
{
	static const uint8_t ethernet[ETH_HLEN] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	uint8_t packet[ROOM] = { 0 };
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .csum_start = ETH_HLEN + 20,
				    .csum_offset = 16 };
	size_t front = sizeof(h) + ETH_HLEN;

	if (len > 1500) {
		h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		h.gso_size = MSS;
		h.hdr_len = ETH_HLEN + HEADERS;
	}
	memcpy(packet, &h, sizeof(h));
	memcpy(packet + sizeof(h), ethernet, ETH_HLEN);
	put_numbered(packet + front, len, number);
	assert_int_equal(write(fd, packet, front + len), front + len);
}

static void assert_numbered(const struct frame *f, size_t len, uint16_t number)
{
	static uint8_t expected[SUPER];

	put_numbered(expected, len, number);
	assert_int_equal(f->len, len);
	/* The pseudo-header's sum is the sender's business. */
	assert_memory_equal(frame_ip(f), expected, len);
	assert_int_equal(f->offload.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(f->offload.csum_start, 20);
	assert_int_equal(f->offload.gso_type,
			 len > 1500 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE);
	assert_int_equal(f->offload.gso_size, len > 1500 ? MSS : 0);
}

/* Lengths round the end of a slot, wherever its headers leave off, among the usual ones. */
static size_t length_of(size_t i)
{
	static const size_t usual[] = { 41, SUPER, 1500, 60, 9000, 1501, 1500, 2048 };

	return i % 2 ? 1900 + i / 2 % 160 : usual[i / 2 % 8];
}

static void brings_long_and_short_in_order(void **state)
{
	enum { ROUNDS = 20, EACH = 200 };
	struct conf_interface c = packet("v0", true);
	struct batch *b;
	struct io *io;
	int fd;

	NETNS_TEST(state);
	make_link();
	b = batch_new();
	fd = super_socket();
	io = open_io(&c, 1, true);
	assert_string_equal(io_remark(io), "");
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t at = round * EACH, end = at + EACH;

		for (size_t i = at; i < end; i++)
			send_numbered(fd, length_of(i), (uint16_t)i);
		while (at < end) {
			int count = io_recv(io, 0, b->frames, FRAME_BATCH);

			assert_true(count > 0);
			for (int i = 0; i < count; i++, at++)
				assert_numbered(b->frames[i], length_of(at), (uint16_t)at);
		}
	}
	assert_int_equal(io_recv(io, 0, b->frames, FRAME_BATCH), 0);
	io_refresh(io);
	assert_int_equal(io_missed(io), 0);
	io_close(io);
	close(fd);
	batch_free(b);
}

/* How many there are now; all must be whole, and in the order of their numbers. */
static size_t count_whole(struct io *io, struct batch *b, size_t len)
{
	size_t all = 0;
	int count, last = -1;

	while ((count = io_recv(io, 0, b->frames, FRAME_BATCH)) > 0) {
		for (int i = 0; i < count; i++) {
			uint16_t number = load16(frame_ip(b->frames[i]) + 4);

			assert_true(number > last);
			assert_numbered(b->frames[i], len, number);
			last = number;
		}
		all += (size_t)count;
	}
	assert_int_equal(count, 0);
	return all;
}

/* Send more than anything has room for, and then a few. */
static void overflow(bool rings, size_t len, size_t count)
{
	struct conf_interface c = packet("v0", rings);
	struct batch *b = batch_new();
	int fd = super_socket();
	struct io *io = open_io(&c, 1, true);
	uint64_t missed = 0;

	for (int round = 0; round < 2; round++) {
		size_t got;

		/* While nothing but losses comes, too. */
		for (size_t i = 0; i < count; i++) {
			if (i % (count / 4) == 0)
				io_refresh(io);
			send_numbered(fd, len, (uint16_t)i);
		}
		io_refresh(io);
		got = count_whole(io, b, len);
		assert_in_range(got, 1, count - 1);
		io_refresh(io);
		missed += count - got;
		assert_int_equal(io_missed(io), missed);
		for (uint16_t i = 0; i < 20; i++)
			send_numbered(fd, len, i);
		assert_int_equal(count_whole(io, b, len), 20);
	}
	io_refresh(io);
	assert_int_equal(io_missed(io), missed);
	io_close(io);
	close(fd);
	batch_free(b);
}

static void counts_what_does_not_fit_the_ring(void **state)
{
	NETNS_TEST(state);
	make_link();
	overflow(true, 60, 5000);
}

static void counts_super_packets_that_do_not_fit(void **state)
{
	NETNS_TEST(state);
	make_link();
	overflow(true, SUPER, 300);
}

static void counts_without_a_ring(void **state)
{
	NETNS_TEST(state);
	make_link();
	overflow(false, SUPER, 300);
}

/* A TAP device with the name and the address of ours, whose other end sends what no stack would. */
static int make_tap(void)
{
	struct ifreq r = { .ifr_name = "v0", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	assert_true(tap >= 0);
	assert_int_equal(ioctl(tap, TUNSETIFF, &r), 0);
	assert_true(shell("ip link set v0 address 02:00:00:00:00:01 up &&"
			  "echo 1 >/proc/sys/net/ipv6/conf/v0/disable_ipv6"));
	return tap;
}

/* UDP as a super-packet to be fragmented, which headers towards us cannot say. */
static void send_undescribable(int tap)
{
	uint8_t packet[sizeof(struct virtio_net_hdr) + ETH_HLEN + 4000] = { 0 };
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .gso_type = VIRTIO_NET_HDR_GSO_UDP,
				    .gso_size = 1400,
				    .hdr_len = ETH_HLEN + 28,
				    .csum_start = ETH_HLEN + 20,
				    .csum_offset = 6 };
	uint8_t *ip = packet + sizeof(h) + ETH_HLEN;

	memcpy(packet, &h, sizeof(h));
	memcpy(packet + sizeof(h), "\2\0\0\0\0\1\2\0\0\0\0\2\10\0", ETH_HLEN);
	put_udp(ip, 1000);
	store16(ip + 2, 4000);
	store16(ip + 24, 3980);
	assert_int_equal(write(tap, packet, sizeof(packet)), sizeof(packet));
}

static void outlives_what_jams_a_ring(void **state)
{
	struct conf_interface c = packet("v0", true);
	struct batch *b;
	struct io *io;
	size_t got = 0;
	int tap;

	NETNS_TEST(state);
	TUN_TEST();
	b = batch_new();
	tap = make_tap();
	io = open_io(&c, 1, true);
	send_numbered(tap, 60, 0);
	assert_int_equal(io_recv(io, 0, b->frames, FRAME_BATCH), 1);
	io_refresh(io);
	send_undescribable(tap);
	for (uint16_t i = 0; i < 10; i++)
		send_numbered(tap, i % 2 ? SUPER : 60, i);
	got = (size_t)io_recv(io, 0, b->frames, FRAME_BATCH);
	io_refresh(io);
	assert_int_equal(got + io_missed(io), 11);
	for (uint16_t i = 0; i < 10; i++)
		send_numbered(tap, i % 2 ? SUPER : 60, i);
	for (uint16_t i = 0; i < 10; i++) {
		assert_int_equal(io_recv(io, 0, b->frames, 1), 1);
		assert_numbered(b->frames[0], i % 2 ? SUPER : 60, i);
	}
	io_close(io);
	close(tap);
	batch_free(b);
}

static void sends_past_the_queueing_discipline(void **state)
{
	struct conf_interface c = packet("v0", true);
	struct batch *b;

	NETNS_TEST(state);
	make_link();
	/* One that lets nothing through. */
	assert_true(shell("tc qdisc add dev v0 root blackhole"));
	b = batch_new();
	for (int bypass = 0; bypass <= 1; bypass++) {
		uint8_t frame[128];
		struct io *io;
		size_t sent;
		int fd = peer_socket();

		assert_true(shell("ip neigh replace 10.1.0.2 lladdr 02:00:00:00:00:02 dev v0"));
		c.bypass_qdisc = bypass;
		io = open_io(&c, 1, true);
		put_udp(frame_ip(b->frames[0]), 1000);
		b->frames[0]->len = 60;
		b->frames[0]->offload = (struct virtio_net_hdr){ 0 };
		view(b->frames[0]);
		b->frames[0]->next_hop = address_of("10.1.0.2");
		assert_int_equal(io_send(io, 0, b->frames, 1, &sent), REASON_NONE);
		usleep(20000);
		assert_int_equal(recv(fd, frame, sizeof(frame), 0) > 0, bypass);
		io_close(io);
		close(fd);
	}
	batch_free(b);
}

/* Answer a system call with EPERM where an argument's low half, masked, is value. */
static void deny(uint32_t call, unsigned int argument, uint32_t mask, uint32_t value)
{
	const uint32_t at = (uint32_t)(offsetof(struct seccomp_data, args) + 8 * argument);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* Where the kernel refuses part of it, it is said, and everything comes all the same. */
static void check_without_ring(void)
{
	struct conf_interface c = packet("v0", true);
	struct batch *b = batch_new();
	struct io *io;
	int fd;

	make_link();
	fd = super_socket();
	io = open_io(&c, 1, true);
	assert_non_null(strstr(io_remark(io), "v0: no receive ring (Operation not permitted)"));
	for (uint16_t i = 0; i < 100; i++)
		send_numbered(fd, i % 2 ? SUPER : 60, i);
	for (uint16_t i = 0; i < 100; i++) {
		assert_int_equal(io_recv(io, 0, b->frames, 1), 1);
		assert_numbered(b->frames[0], i % 2 ? SUPER : 60, i);
	}
	io_close(io);
	close(fd);
	batch_free(b);
}

/* The last two: what is denied stays denied. */
static void does_without_a_ring_that_cannot_be_mapped(void **state)
{
	NETNS_TEST(state);
	deny(SYS_mmap, 3, MAP_SHARED | MAP_ANONYMOUS, MAP_SHARED);
	check_without_ring();
}

static void does_without_a_ring(void **state)
{
	NETNS_TEST(state);
	deny(SYS_setsockopt, 2, UINT32_MAX, PACKET_RX_RING);
	check_without_ring();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(brings_long_and_short_in_order),
		cmocka_unit_test(counts_what_does_not_fit_the_ring),
		cmocka_unit_test(counts_super_packets_that_do_not_fit),
		cmocka_unit_test(counts_without_a_ring),
		cmocka_unit_test(outlives_what_jams_a_ring),
		cmocka_unit_test(sends_past_the_queueing_discipline),
		cmocka_unit_test(does_without_a_ring_that_cannot_be_mapped),
		cmocka_unit_test(does_without_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
