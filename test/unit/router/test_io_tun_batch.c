/* Backend tun by batches, with io_uring and without: the same packets in the same order, and the
 * same said about what could not be sent. */
#include "netns.h"

#include <sys/syscall.h>

#include "forbid.h"
#include "nat/checksum.h"

enum { PORT = 5000, HEADERS = 28, TCP_LEN = 8 << 20, SENT = 100000 };

static const bool with_ring = true;

/* tun0 with the kernel at 10.0.0.1, and a socket of the kernel's there. */
struct device {
	struct io *io;
	int s;
	struct batch *b;
};

static struct conf_interface tun(const char *name, const struct prefix *host, bool ring)
{
	struct conf_interface c = { .type = IO_TUN, .mtu = 1500, .offload = true, .io_uring = ring };

	strcpy(c.name, name);
	strcpy(c.device, name);
	c.host_addresses = (struct prefix *)(uintptr_t)host;
	c.host_address_count = 1;
	return c;
}

static struct io *open_io(const struct conf_interface *c)
{
	struct io_error error = { "" };
	struct io *io = NULL;

	if (io_open(&io, c, 1, c->offload, &error) < 0)
		fail_msg("%s", error.text);
	return io;
}

static struct device device_open(bool ring)
{
	const struct prefix host = prefix_of("10.0.0.1/24");
	const struct sockaddr_in at = socket_address("10.0.0.1", PORT);
	const struct sockaddr_in peer = socket_address("10.0.0.2", PORT);
	struct conf_interface c = tun("tun0", &host, ring);
	struct device d = { open_io(&c), socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), batch_new() };

	assert_int_equal(bind(d.s, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(connect(d.s, (const struct sockaddr *)&peer, sizeof(peer)), 0);
	return d;
}

static void device_close(struct device *d)
{
	batch_free(d->b);
	close(d->s);
	io_close(d->io);
}

static bool is_ours(const struct frame *f)
{
	return f->len == HEADERS + 4 && frame_ip(f)[0] == 0x45 && frame_ip(f)[9] == PROTO_UDP;
}

/* Numbers first … from the kernel: all must come, in order, while more are on their way. */
static void receive(struct device *d, uint32_t first, uint32_t count)
{
	uint32_t said = first, heard = first;

	while (heard != first + count) {
		int got;

		for (int i = 0; i < 100 && said != first + count; i++, said++)
			assert_int_equal(send(d->s, &said, sizeof(said), 0), sizeof(said));
		got = io_recv(d->io, 0, d->b->frames, FRAME_BATCH);
		assert_true(got > 0);
		for (int i = 0; i < got; i++)
			if (is_ours(d->b->frames[i])) {
				assert_memory_equal(frame_ip(d->b->frames[i]) + HEADERS, &heard, 4);
				heard++;
			}
	}
}

/* A datagram to the kernel's socket that holds a number. */
static void write_number(struct frame *f, uint32_t number)
{
	static const uint8_t headers[HEADERS] = {
		0x45, 0, 0, HEADERS + 4, 0, 0, 0, 0, 64, PROTO_UDP, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1,
		PORT >> 8, PORT & 255, PORT >> 8, PORT & 255, 0, 12, 0, 0,
	};
	uint8_t *ip = frame_ip(f);

	memcpy(ip, headers, HEADERS);
	memcpy(ip + HEADERS, &number, 4);
	csum_store(ip + 10, csum_of(ip, 20));
	f->len = HEADERS + 4;
	f->offload = (struct virtio_net_hdr){ 0 };
	view(f);
}

static void prepare(struct device *d, uint32_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		write_number(d->b->frames[i], first + (uint32_t)i);
}

static bool arrives(struct device *d, uint32_t number)
{
	uint32_t heard;

	return recv(d->s, &heard, sizeof(heard), 0) == sizeof(heard) && heard == number;
}

static void keeps_order(void **state)
{
	uint32_t number = 0;
	struct device d;
	size_t sent;

	NETNS_TEST(state);
	TUN_TEST();
	d = device_open(*state == &with_ring);
	for (size_t count = 1; count <= FRAME_BATCH; count++) {
		receive(&d, number, (uint32_t)count * 3);
		prepare(&d, number, count);
		assert_int_equal(io_send(d.io, 0, d.b->frames, count, &sent), REASON_NONE);
		assert_int_equal(sent, count);
		for (size_t i = 0; i < count; i++)
			assert_true(arrives(&d, number + (uint32_t)i));
		number += (uint32_t)count * 3;
	}
	device_close(&d);
}

/* Numbers 1 … from a child that sends bursts as it pleases: some come while a batch is being read. */
static pid_t burst(struct device *d)
{
	pid_t child = fork_in(NULL);

	if (child)
		return child;
	for (uint32_t number = 1; number <= SENT; number++) {
		if (send(d->s, &number, sizeof(number), 0) != sizeof(number))
			_exit(1);
		for (volatile uint32_t i = 0; number % 16 == 0 && i < number % 1000; i++)
			;
	}
	_exit(0);
}

static void keeps_order_while_more_come(void **state)
{
	uint32_t last = 0;
	struct device d;
	int status, got;
	bool sends;
	pid_t child;

	NETNS_TEST(state);
	TUN_TEST();
	d = device_open(*state == &with_ring);
	child = burst(&d);
	do {
		sends = waitpid(child, &status, WNOHANG) == 0;
		wait_readable(d.io, 10);
		got = io_recv(d.io, 0, d.b->frames, FRAME_BATCH);
		for (int i = 0; i < got; i++) {
			uint32_t number;

			memcpy(&number, frame_ip(d.b->frames[i]) + HEADERS, 4);
			if (!is_ours(d.b->frames[i]))
				continue;
			assert_true(number > last);
			last = number;
		}
	} while (sends || got > 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_in_range(last, 1000, SENT);
	device_close(&d);
}

/* The kernel refuses what is neither IPv4 nor IPv6. */
static void stops_at_what_is_refused(void **state)
{
	struct device d;
	size_t sent;

	NETNS_TEST(state);
	TUN_TEST();
	d = device_open(*state == &with_ring);
	prepare(&d, 0, 40);
	frame_ip(d.b->frames[17])[0] = 0;
	assert_int_equal(io_send(d.io, 0, d.b->frames, 40, &sent), REASON_SEND_ERROR);
	assert_int_equal(sent, 17);
	for (uint32_t i = 0; i < 17; i++)
		assert_true(arrives(&d, i));
	assert_false(arrives(&d, 18));
	assert_int_equal(io_send(d.io, 0, d.b->frames + 18, 22, &sent), REASON_NONE);
	assert_int_equal(sent, 22);
	for (uint32_t i = 18; i < 40; i++)
		assert_true(arrives(&d, i));
	device_close(&d);
}

static void notices_a_device_that_goes(void **state)
{
	struct device d;
	size_t sent;

	NETNS_TEST(state);
	TUN_TEST();
	d = device_open(*state == &with_ring);
	receive(&d, 0, 300);
	prepare(&d, 0, 40);
	assert_true(shell("ip link set tun0 down"));
	assert_int_equal(io_send(d.io, 0, d.b->frames, 40, &sent), REASON_INTERFACE_DOWN);
	assert_int_equal(sent, 0);
	assert_true(shell("ip link set tun0 up"));
	assert_int_equal(io_send(d.io, 0, d.b->frames, 40, &sent), REASON_NONE);
	assert_true(shell("ip link del tun0"));
	assert_int_equal(io_send(d.io, 0, d.b->frames, 40, &sent), REASON_INTERFACE_DOWN);
	assert_int_equal(sent, 0);
	/* A batch may have been expected: then the next look says it. */
	if (io_recv(d.io, 0, d.b->frames, FRAME_BATCH) == 0)
		assert_true(io_recv(d.io, 0, d.b->frames, FRAME_BATCH) < 0);
	device_close(&d);
}

/* Many small segments, between two hosts. */
static void carries_tcp(void **state)
{
	const struct prefix host[2] = { prefix_of("10.0.0.1/24"), prefix_of("10.0.0.2/24") };
	struct wire_end end[2] = { 0 };
	pid_t server, client;

	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip netns add a && ip netns add b"));
	for (int i = 0; i < 2; i++) {
		struct conf_interface c = tun("tun0", &host[i], *state == &with_ring);

		c.netns = i ? (char[]){ "b" } : (char[]){ "a" };
		c.offload = false;
		end[i].io = open_io(&c);
	}
	server = tcp_server("a", "10.0.0.1", PORT, TCP_LEN);
	client = tcp_client("b", "10.0.0.1", PORT, TCP_LEN);
	assert_int_equal(wire_run(&end[0], &end[1], 1, client), 0);
	assert_int_equal(exit_status(server), 0);
	io_close(end[0].io);
	io_close(end[1].io);
}

/* Said in one line, and everything goes on by single calls. */
static void does_without_where_it_is_forbidden(void **state)
{
	pid_t child;

	NETNS_TEST(state);
	TUN_TEST();
	child = fork_in(NULL);
	if (child == 0) {
		struct device d;
		size_t sent;

		if (!forbid(SYS_io_uring_setup))
			_exit(99);
		d = device_open(true);
		if (!strstr(io_remark(d.io), "tun0: no io_uring (Operation not permitted)"))
			_exit(1);
		receive(&d, 0, 300);
		prepare(&d, 0, 40);
		if (io_send(d.io, 0, d.b->frames, 40, &sent) != REASON_NONE || sent != 40)
			_exit(2);
		for (uint32_t i = 0; i < 40; i++)
			if (!arrives(&d, i))
				_exit(3);
		_exit(0);
	}
	assert_int_equal(exit_status(child), 0);
}

#define WITH_RING(test) { #test "_with_io_uring", test, NULL, NULL, (void *)(uintptr_t)&with_ring }

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order),
		WITH_RING(keeps_order),
		cmocka_unit_test(keeps_order_while_more_come),
		WITH_RING(keeps_order_while_more_come),
		cmocka_unit_test(stops_at_what_is_refused),
		WITH_RING(stops_at_what_is_refused),
		cmocka_unit_test(notices_a_device_that_goes),
		WITH_RING(notices_a_device_that_goes),
		cmocka_unit_test(carries_tcp),
		WITH_RING(carries_tcp),
		cmocka_unit_test(does_without_where_it_is_forbidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
