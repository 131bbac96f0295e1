#include "netns.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#include "nat/checksum.h"

enum { TCP_LEN = 8 << 20, TCP_PORT = 5001 };

static struct conf_interface tun(const char *name, const char *netns)
{
	struct conf_interface c = { .type = IO_TUN, .mtu = 1500, .offload = true };

	strcpy(c.name, name);
	strcpy(c.device, name);
	c.netns = (char *)(uintptr_t)netns;
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

/* Whether io_open() fails so, with one line that says that. */
static bool refuses(const struct conf_interface *c, int error_number, const char *text)
{
	struct io_error error = { "" };
	struct io *io;
	int r = io_open(&io, c, 1, true, &error);

	if (r == error_number && strstr(error.text, text) && !strchr(error.text, '\n'))
		return true;
	print_message("%d \"%s\", not %d \"%s\"\n", r, error.text, error_number, text);
	return false;
}

static void makes_what_the_configuration_says(void **state)
{
	struct prefix addresses[2], routes[2], own;
	struct conf_interface c;
	struct io *io;

	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip netns add client && ip link add other type veth peer name keep"));
	addresses[0] = prefix_of("192.168.7.2/24");
	addresses[1] = prefix_of("fd07::2/64");
	routes[0] = prefix_of("0.0.0.0/0");
	routes[1] = prefix_of("2001:db8::/32");
	own = prefix_of("192.168.7.1/24");
	c = tun("lan0", "client");
	c.mtu = 1420;
	c.host_addresses = addresses;
	c.host_address_count = 2;
	c.host_routes = routes;
	c.host_route_count = 2;
	c.addresses = &own; /* the router's: not for the kernel's end */
	c.address_count = 1;
	io = open_io(&c, 1, true);
	assert_false(shell("ip link show lan0 2>/dev/null"));
	assert_true(shell("ip -n client -o link show lan0 | grep -q '<.*UP.*> mtu 1420 '"));
	assert_true(shell("test `ip -n client -o -4 addr show lan0 | wc -l` = 1"));
	assert_true(shell("ip -n client -o addr show lan0 | grep -q ' 192.168.7.2/24 '"));
	assert_true(shell("ip -n client -o addr show lan0 | grep -q ' fd07::2/64 '"));
	assert_true(shell("ip -n client route | grep -q '^default dev lan0 '"));
	assert_true(shell("ip -n client -6 route | grep -q '^2001:db8::/32 dev lan0 '"));
	assert_int_equal(io_mtu(io), 1420);
	assert_true(io_is_up(io));
	assert_int_equal(io_takes(io), IO_CHECKSUM | IO_TSO | IO_USO);
	io_close(io);
	assert_true(shell("test `ip -n client -o link | wc -l` = 1"));
	assert_true(shell("test -z \"`ip -n client route; ip -n client -6 route | grep lan0`\""));
	assert_true(shell("ip link show other >/dev/null && ip link show keep >/dev/null"));
}

static void refuses_with_one_line(void **state)
{
	struct prefix twice[2];
	struct conf_interface c;

	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip link add eth7 type veth peer name eth8"));
	c = tun("eth7", NULL);
	assert_true(refuses(&c, -EEXIST, "\"eth7\" exists already"));
	assert_true(shell("ip tuntap add tun7 mode tun multi_queue"));
	c = tun("tun7", NULL);
	assert_true(refuses(&c, -EEXIST, "\"tun7\" exists already"));
	assert_true(shell("ip link show eth7 >/dev/null && ip link show tun7 >/dev/null"));
	c = tun("lan0", "absent");
	assert_true(refuses(&c, -ENOENT, "ip netns add absent"));
	assert_true(shell("ip netns add client && ip -n client tuntap add lan0 mode tun"));
	assert_true(shell("ip link add i0 type veth peer name i1"));
	c = tun("lan0", "client");
	assert_true(refuses(&c, -EEXIST, "exists already in network namespace \"client\""));
	/* Nothing was made for a moment: numbers are given one after the other. */
	assert_true(shell("ip link add i2 type veth peer name i3"));
	assert_int_equal(if_nametoindex("i2") + if_nametoindex("i3"),
			 if_nametoindex("i0") + if_nametoindex("i1") + 4);
	twice[0] = twice[1] = prefix_of("10.0.0.1/24");
	c = tun("lan1", NULL);
	c.host_addresses = twice;
	c.host_address_count = 2;
	assert_true(refuses(&c, -EEXIST, "host_address 10.0.0.1/24"));
	assert_false(shell("ip link show lan0 2>/dev/null || ip link show lan1 2>/dev/null"));
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	return syscall(SYS_capset, &header, none) == 0;
}

static void tells_what_is_missing(void **state)
{
	struct conf_interface c = tun("lan0", NULL);
	pid_t child;

	NETNS_TEST(state);
	TUN_TEST();
	child = fork_in(NULL);
	if (child == 0) {
		_exit(drop_capabilities() && refuses(&c, -EPERM, "CAP_NET_ADMIN") ? 0 : 1);
	}
	assert_int_equal(exit_status(child), 0);
	child = fork_in(NULL);
	if (child == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount("tmpfs", "/dev/net", "tmpfs", 0, NULL) < 0)
			_exit(99);
		_exit(refuses(&c, -EOPNOTSUPP, "modprobe tun") ? 0 : 1);
	}
	assert_int_equal(exit_status(child), 0);
}

/* Answer an echo request in place. */
static void echo(struct frame *f)
{
	uint8_t *icmp = frame_ip(f) + 20;
	uint8_t source[4];

	memcpy(source, frame_ip(f) + 12, 4);
	memcpy(frame_ip(f) + 12, frame_ip(f) + 16, 4);
	memcpy(frame_ip(f) + 16, source, 4);
	icmp[0] = 0;
	store16(icmp + 2, 0);
	csum_store(icmp + 2, csum_of(icmp, f->len - 20));
}

static void answer_pings(struct io *io, pid_t ping)
{
	struct batch *b = batch_new();
	size_t sent;
	int status;

	while (waitpid(ping, &status, WNOHANG) == 0) {
		wait_readable(io, 10);
		for (int i = io_recv(io, 0, b->frames, FRAME_BATCH); i-- > 0;) {
			struct frame *f = b->frames[i];

			if (frame_ip(f)[0] != 0x45 || frame_ip(f)[9] != PROTO_ICMP)
				continue;
			echo(f);
			view(f);
			assert_int_equal(io_send(io, 0, &f, 1, &sent), REASON_NONE);
			assert_int_equal(sent, 1);
		}
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	batch_free(b);
}

static void carries_pings_of_the_kernel(void **state)
{
	struct prefix address;
	struct conf_interface c;

	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip netns add client"));
	address = prefix_of("10.0.0.2/24");
	c = tun("lan0", "client");
	c.host_addresses = &address;
	c.host_address_count = 1;
	for (int offload = 0; offload <= 1; offload++) {
		struct io *io = open_io(&c, 1, offload);
		pid_t ping = fork_in(NULL);

		if (ping == 0)
			_exit(shell("ip netns exec client ping -q -c 3 -i 0.01 -s 1400 10.0.0.1 "
				    "| grep -q ' 0%% packet loss'")
				      ? 0
				      : 1);
		answer_pings(io, ping);
		assert_int_equal(io_takes(io) != 0, offload);
		io_close(io);
	}
}

/* Two hosts, a TUN device each, and a wire between the devices: TCP must arrive whole, in
 * super-packets with offloads and without any when they are off. */
static void check_tcp(uint16_t workers, bool offload)
{
	struct prefix address[2] = { prefix_of("10.0.0.1/24"), prefix_of("10.0.0.2/24") };
	struct conf_interface c[2] = { tun("a0", "a"), tun("b0", "b") };
	struct wire_end end[2] = { 0 };
	pid_t server, client;

	for (int i = 0; i < 2; i++) {
		c[i].host_addresses = &address[i];
		c[i].host_address_count = 1;
		end[i].io = open_io(&c[i], workers, offload);
	}
	server = tcp_server("a", "10.0.0.1", TCP_PORT, TCP_LEN);
	client = tcp_client("b", "10.0.0.1", TCP_PORT, TCP_LEN);
	assert_int_equal(wire_run(&end[0], &end[1], workers, client), 0);
	assert_int_equal(exit_status(server), 0);
	assert_true(no_checksum_errors("a") && no_checksum_errors("b"));
	if (offload) {
		assert_true(end[0].supers > 10);
		assert_true(end[0].longest > 20000);
	} else {
		assert_int_equal(end[0].supers, 0);
		assert_in_range(end[0].longest, 1400, 1500);
	}
	io_close(end[0].io);
	io_close(end[1].io);
}

static void carries_tcp_with_and_without_offloads(void **state)
{
	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip netns add a && ip netns add b"));
	check_tcp(1, true);
	check_tcp(1, false);
	check_tcp(4, true);
}

static void has_a_queue_per_worker_or_fewer(void **state)
{
	struct conf_interface c = tun("lan0", NULL);
	struct batch *b;
	struct frame *f;
	struct io *io;
	size_t sent;

	NETNS_TEST(state);
	TUN_TEST();
	b = batch_new();
	f = b->frames[0];
	io = open_io(&c, 4, true);
	for (uint16_t i = 0; i < 4; i++)
		assert_true(io_descriptor(io, i) >= 0);
	io_close(io);
	c.queues = 2;
	io = open_io(&c, 4, true);
	assert_true(io_descriptor(io, 1) >= 0);
	assert_int_equal(io_descriptor(io, 2), -1);
	assert_int_equal(io_recv(io, 3, b->frames, FRAME_BATCH), 0);
	/* A worker without a queue sends all the same. */
	memset(frame_ip(f), 0, 20);
	frame_ip(f)[0] = 0x45;
	f->len = 20;
	view(f);
	assert_int_equal(io_send(io, 3, &f, 1, &sent), REASON_NONE);
	assert_int_equal(sent, 1);
	io_close(io);
	c.queues = 9; /* nobody would read the ninth */
	io = open_io(&c, 2, true);
	assert_int_equal(io_descriptor(io, 1) >= 0, 1);
	io_close(io);
	batch_free(b);
}

static void notices_changes_of_the_link(void **state)
{
	struct conf_interface c = tun("lan0", NULL);
	struct batch *b;
	struct io *io;
	size_t sent;

	NETNS_TEST(state);
	TUN_TEST();
	b = batch_new();
	io = open_io(&c, 1, true);
	assert_true(shell("ip link set lan0 mtu 1300 down"));
	assert_int_equal(io_mtu(io), 1500);
	io_refresh(io);
	assert_int_equal(io_mtu(io), 1300);
	assert_false(io_is_up(io));
	b->frames[0]->len = 20;
	memset(frame_ip(b->frames[0]), 0x45, 20);
	view(b->frames[0]);
	assert_int_equal(io_send(io, 0, b->frames, 1, &sent), REASON_INTERFACE_DOWN);
	assert_int_equal(sent, 0);
	assert_true(shell("ip link set lan0 up"));
	io_refresh(io);
	assert_true(io_is_up(io));
	assert_true(shell("ip link del lan0"));
	io_refresh(io);
	assert_false(io_is_up(io));
	assert_int_equal(io_send(io, 0, b->frames, 1, &sent), REASON_INTERFACE_DOWN);
	assert_true(io_recv(io, 0, b->frames, FRAME_BATCH) < 0);
	io_close(io);
	batch_free(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_what_the_configuration_says),
		cmocka_unit_test(refuses_with_one_line),
		cmocka_unit_test(tells_what_is_missing),
		cmocka_unit_test(carries_pings_of_the_kernel),
		cmocka_unit_test(carries_tcp_with_and_without_offloads),
		cmocka_unit_test(has_a_queue_per_worker_or_fewer),
		cmocka_unit_test(notices_changes_of_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
