/* Kernels that agree to less: made by taking the request away, as a kernel that does not know it. */
#include "netns.h"

#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum { TCP_LEN = 4 << 20, TCP_PORT = 5001, USO = 0x60, EVERY_BIT = 0xff };

/* From now on the system call fails with EINVAL, for good; if it is ioctl(), only requests for
 * offloads with one of these bits. */
static bool forget(uint32_t number, uint32_t bits)
{
	uint8_t others = number == SYS_ioctl ? 0 : 4;
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, others, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TUNSETOFFLOAD, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(rules) / sizeof(rules[0]), rules };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static struct io *open_io(const struct conf_interface *c)
{
	struct io_error error = { "" };
	struct io *io = NULL;

	if (io_open(&io, c, 1, true, &error) < 0)
		fail_msg("%s", error.text);
	return io;
}

static bool tells(const struct io *io, unsigned takes, const char *name)
{
	const char *remark = takes & IO_USO ? ""
			     : ": no UDP super-packets before Linux 6.2; cut here";
	size_t device = strcspn(io_remark(io), ":");

	return io_takes(io) == takes && !strcmp(io_takes_name(io_takes(io)), name) &&
	       !strcmp(io_remark(io) + device, remark) && !!device == !!*remark;
}

/* TCP between two hosts, a TUN device each, both as much as the kernel agrees to. */
static bool carries_tcp(unsigned takes, const char *name)
{
	struct prefix address[2] = { prefix_of("10.0.0.1/24"), prefix_of("10.0.0.2/24") };
	struct wire_end end[2] = { 0 };
	pid_t server, client;
	bool good = true;

	for (int i = 0; i < 2; i++) {
		struct conf_interface c = { .type = IO_TUN, .mtu = 1500,
					    .host_address_count = 1,
					    .host_addresses = &address[i] };

		c.netns = (char *)(uintptr_t)(i ? "b" : "a");
		snprintf(c.name, sizeof(c.name), "tun%d", i);
		memcpy(c.device, c.name, sizeof(c.device));
		end[i].io = open_io(&c);
		good &= tells(end[i].io, takes, name);
	}
	server = tcp_server("a", "10.0.0.1", TCP_PORT, TCP_LEN);
	client = tcp_client("b", "10.0.0.1", TCP_PORT, TCP_LEN);
	good &= wire_run(&end[0], &end[1], 1, client) == 0;
	good &= exit_status(server) == 0;
	good &= no_checksum_errors("a") && no_checksum_errors("b");
	good &= (end[0].longest > 20000) == !!(takes & IO_TSO);
	io_close(end[0].io);
	io_close(end[1].io);
	return good;
}

static void tun_takes_what_there_is(void **state)
{
	static const struct { uint32_t forgotten; unsigned takes; const char *name; } cases[] = {
		{ 0, IO_CHECKSUM | IO_TSO | IO_USO, "tcp+udp" },
		{ USO, IO_CHECKSUM | IO_TSO, "tcp" },
		{ USO | TUN_F_TSO4, IO_CHECKSUM, "checksum" },
		{ EVERY_BIT, 0, "off" },
	};

	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip netns add a && ip netns add b"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t child = fork_in(NULL);

		if (child == 0)
			_exit(forget(SYS_ioctl, cases[i].forgotten) &&
					      carries_tcp(cases[i].takes, cases[i].name) ? 0 : 1);
		assert_int_equal(exit_status(child), 0);
	}
}

static bool packet_takes(unsigned takes, const char *name)
{
	struct conf_interface c = { .name = "v0", .device = "v0", .type = IO_PACKET };
	struct io *io = open_io(&c);
	bool good = tells(io, takes, name);

	io_close(io);
	return good;
}

/* A packet socket cannot be asked: the kernel's version decides. */
static void packet_takes_what_the_kernel_knows(void **state)
{
	pid_t child;

	NETNS_TEST(state);
	assert_true(shell("ip link add v0 type veth peer name v1 && ip link set v0 up &&"
			  "ip link set v1 up"));
	assert_true(packet_takes(IO_CHECKSUM | IO_TSO | IO_USO, "tcp+udp"));
	child = fork_in(NULL);
	if (child == 0)
		_exit(forget(SYS_uname, 0) && packet_takes(IO_CHECKSUM | IO_TSO, "tcp") ? 0 : 1);
	assert_int_equal(exit_status(child), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tun_takes_what_there_is),
		cmocka_unit_test(packet_takes_what_the_kernel_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
