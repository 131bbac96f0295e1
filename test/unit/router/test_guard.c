#include "netns.h"

#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/syscall.h>

#include "nat/checksum.h"
#include "router/guard.h"

enum { OURS = 0x0a010001, PEER = 0x0a010002, LAN = 0xc0a80702, TCP_RST = 4, TCP_LEN = 1 << 20 };

/*
 *	lan (192.168.7.2) -- w0 [ours] v0 (10.1.0.1) -- v1 (10.1.0.2) peer
 *
 * The kernel of our namespace forwards whatever it is allowed to.
 */
static void make_links(void)
{
	assert_true(shell("ip netns add peer && ip netns add lan &&"
			  "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad &&"
			  "for n in peer lan; do ip netns exec $n "
			  "sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'; done;"
			  "echo 1 >/proc/sys/net/ipv4/ip_forward;"
			  "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"));
	assert_true(shell("ip link add v0 type veth peer name v1 netns peer &&"
			  "ip addr add 10.1.0.1/24 dev v0 && ip addr add fd01::1/64 dev v0 &&"
			  "ip -n peer addr add 10.1.0.2/24 dev v1 &&"
			  "ip -n peer addr add fd01::2/64 dev v1 nodad && ip link set v0 up &&"
			  "ip -n peer link set v1 up && ip -n peer route add default via 10.1.0.1 &&"
			  "ip -n peer route add default via fd01::1"));
	assert_true(shell("ip link add w0 type veth peer name w1 netns lan &&"
			  "ip addr add 192.168.7.1/24 dev w0 && ip addr add fd07::1/64 dev w0 &&"
			  "ip -n lan addr add 192.168.7.2/24 dev w1 &&"
			  "ip -n lan addr add fd07::2/64 dev w1 nodad && ip link set w0 up &&"
			  "ip -n lan link set w1 up && ip -n lan route add default via 192.168.7.1 &&"
			  "ip -n lan route add default via fd07::1"));
}

/* A configuration with its parts. */
struct plan {
	struct conf conf;
	struct conf_interface interfaces[2];
	struct nat_policy policy;
	be32 pool[2];
	struct nat_forward forward;
};

static struct conf *plan_make(struct plan *p, const char *outside, const char *inside)
{
	*p = (struct plan){ .policy = { .type = NAT_NAPT44,
					.pool_count = 2,
					.ports = { 4096, 65535 } },
			    .forward = { .protocol = PROTO_TCP,
					 .external = be32_from(OURS),
					 .first = 80,
					 .last = 80 } };
	p->pool[0] = be32_from(OURS);
	p->pool[1] = be32_from(0xcb007105); /* 203.0.113.5: not the host's */
	for (int i = 0; i < 2; i++) {
		p->interfaces[i].type = IO_PACKET;
		p->interfaces[i].side = i ? SIDE_INSIDE : SIDE_OUTSIDE;
		strcpy(p->interfaces[i].device, i ? inside : outside);
	}
	p->conf.interfaces = p->interfaces;
	p->conf.interface_count = 2;
	p->conf.nat.policies = &p->policy;
	p->conf.nat.policy_count = 1;
	p->conf.nat.pool = p->pool;
	p->conf.nat.pool_count = 2;
	p->conf.nat.forwards = &p->forward;
	p->conf.nat.forward_count = 1;
	return &p->conf;
}

static struct guard *install(const struct conf *c)
{
	struct io_error error = { "" };
	struct guard *g;

	if (guard_install(&g, c, &error) < 0)
		fail_msg("%s", error.text);
	return g;
}

/* A socket in a namespace that sees and sends whole frames. */
static int link_socket(const char *netns, const char *device)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	const int on = 1;
	int here = open("/proc/self/ns/net", O_RDONLY);
	int there = nl_netns(netns);
	int fd;

	assert_int_equal(setns(there, CLONE_NEWNET), 0);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	a.sll_ifindex = (int)if_nametoindex(device);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	close(here);
	close(there);
	return fd;
}

/* What came to a host in the meantime. */
struct heard { int resets, errors, others; };

static struct heard hear(int fd)
{
	struct heard h = { 0 };
	uint8_t frame[2048];

	usleep(50000);
	while (recv(fd, frame, sizeof(frame), 0) > 0) {
		const uint8_t *ip = frame + ETH_HLEN;

		if (load16(frame + 12) != ETH_P_IP)
			continue;
		if (ip[9] == PROTO_TCP && ip[20 + 13] & TCP_RST)
			h.resets++;
		else if (ip[9] == PROTO_ICMP && (ip[20] == 3 || ip[20] == 5 || ip[20] == 11))
			h.errors++;
		else
			h.others++;
	}
	return h;
}

/* A segment or UDP datagram; from the peer if no source is given. */
struct probe { uint32_t source, destination; uint8_t protocol; uint16_t port; uint8_t flags; };

static void get_mac(const char *device, uint8_t mac[6])
{
	struct nl_link link;
	struct nl *nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(nl_link(nl, device, &link), 0);
	memcpy(mac, link.mac, 6);
	nl_close(nl);
}

/* Let a host send to our kernel. */
static void send_probe(int fd, const struct probe *p)
{
	uint8_t frame[ETH_HLEN + 40] = { 0 }, *ip = frame + ETH_HLEN, *transport = ip + 20;
	uint8_t len = p->protocol == PROTO_TCP ? 20 : 8;

	get_mac(p->source ? "w0" : "v0", frame);
	store16(frame + 12, ETH_P_IP);
	ip[0] = 0x45;
	ip[3] = (uint8_t)(20 + len);
	ip[8] = 64;
	ip[9] = p->protocol;
	store32(ip + 12, p->source ? p->source : PEER);
	store32(ip + 16, p->destination);
	csum_store(ip + 10, csum_of(ip, 20));
	store16(transport, 7777);
	store16(transport + 2, p->port);
	if (p->protocol == PROTO_TCP) {
		transport[12] = 5 << 4;
		transport[13] = p->flags;
	} else {
		store16(transport + 4, 8);
	}
	csum_store(transport + (p->protocol == PROTO_TCP ? 16 : 6),
		   csum_add(csum_of(transport, len),
			    csum_pseudo(ip + 12, ip + 16, 4, p->protocol, len)));
	assert_int_equal(send(fd, frame, (size_t)ETH_HLEN + 20 + len, 0), ETH_HLEN + 20 + len);
}

static int answers(int fd, const struct probe *p)
{
	struct heard h;

	hear(fd);
	send_probe(fd, p);
	h = hear(fd);
	return h.resets + h.errors;
}

static int listener(uint16_t port)
{
	struct sockaddr_in a = socket_address("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* RFC 5382 REQ-4 and ENV-2: what belongs to the NAT, or fits nothing, gets no answer; beyond the
 * NAT's ports the kernel answers as before. */
static void kernel_keeps_silent_at_ports_of_the_nat(void **state)
{
	enum { SYN = 2, ACK = 16 };
	static const struct { struct probe probe; int without, with; } rows[] = {
		{ { 0, OURS, PROTO_TCP, 40000, SYN }, 1, 0 },
		{ { 0, OURS, PROTO_TCP, 40000, SYN | ACK }, 1, 0 },
		{ { 0, OURS, PROTO_TCP, 40000, ACK }, 1, 0 },
		{ { 0, OURS, PROTO_UDP, 40000, 0 }, 1, 0 },
		{ { 0, OURS, PROTO_TCP, 65535, SYN }, 1, 0 },
		{ { 0, OURS, PROTO_UDP, 4096, 0 }, 1, 0 },
		{ { 0, OURS, PROTO_TCP, 80, SYN }, 1, 0 }, /* forwarded */
		{ { 0, OURS, PROTO_UDP, 80, 0 }, 1, 1 },
		{ { 0, OURS, PROTO_TCP, 81, SYN }, 1, 1 },
		{ { 0, OURS, PROTO_TCP, 4095, SYN }, 1, 1 },
		{ { 0, OURS, PROTO_UDP, 4095, 0 }, 1, 1 },
		/* 5000: the host listens. What is no SYN it would reset. */
		{ { 0, OURS, PROTO_TCP, 5000, SYN | ACK }, 1, 0 },
		{ { 0, OURS, PROTO_TCP, 5000, ACK }, 1, 0 },
	};
	struct plan plan;
	int fd, server;

	NETNS_TEST(state);
	make_links();
	fd = link_socket("peer", "v1");
	server = listener(5000);
	/* The kernel shall not spare us errors for want of tokens. */
	assert_true(shell("echo 0 >/proc/sys/net/ipv4/icmp_ratelimit;"
			  "ping -q -c 1 10.1.0.2 >/dev/null"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(answers(fd, &rows[i].probe), rows[i].without);
	struct guard *g = install(plan_make(&plan, "v0", "w0"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(answers(fd, &rows[i].probe), rows[i].with);
	/* The administrator's firewall may be loaded anew. */
	assert_true(shell("nft flush ruleset"));
	assert_int_equal(answers(fd, &rows[0].probe), 0);
	guard_remove(g);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(answers(fd, &rows[i].probe), rows[i].without);
	close(server);
	close(fd);
}

static bool reads(int fd, const char *text)
{
	char got[16] = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 1000) == 1 && recv(fd, got, sizeof(got) - 1, 0) > 0 &&
	       strcmp(got, text) == 0;
}

/* Open a connection from a port of the NAT's range, as one might be open when the gateway starts. */
static void connect_from(uint16_t port, int *ours, int *theirs)
{
	struct sockaddr_in from = socket_address("10.1.0.1", port);
	struct sockaddr_in to = socket_address("10.1.0.2", 5002);
	int here = open("/proc/self/ns/net", O_RDONLY);
	int there = nl_netns("peer");
	int server;

	assert_int_equal(setns(there, CLONE_NEWNET), 0);
	server = listener(5002);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	*ours = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(*ours, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(*ours, (struct sockaddr *)&to, sizeof(to)), 0);
	*theirs = accept(server, NULL, NULL);
	close(server);
	close(here);
	close(there);
}

static void sockets_of_the_host_go_on_working(void **state)
{
	struct plan plan;
	struct guard *g;
	pid_t server;
	int ours, theirs, udp;
	struct sockaddr_in a;

	NETNS_TEST(state);
	make_links();
	a = socket_address("0.0.0.0", 5353);
	connect_from(45000, &ours, &theirs);
	g = install(plan_make(&plan, "v0", "w0"));
	/* Open before. */
	assert_int_equal(send(theirs, "hello", 5, 0), 5);
	assert_true(reads(ours, "hello"));
	assert_int_equal(send(ours, "and you", 7, 0), 7);
	assert_true(reads(theirs, "and you"));
	close(ours);
	close(theirs);
	/* From the host, to the host, at a port that the NAT has too, and from inside. */
	server = tcp_server("peer", "10.1.0.2", 5001, TCP_LEN);
	assert_true(tcp_fetch("10.1.0.2", 5001, TCP_LEN));
	assert_int_equal(exit_status(server), 0);
	server = tcp_server(NULL, "10.1.0.1", 22, TCP_LEN);
	assert_int_equal(exit_status(tcp_client("peer", "10.1.0.1", 22, TCP_LEN)), 0);
	assert_int_equal(exit_status(server), 0);
	server = tcp_server(NULL, "0.0.0.0", 8080, TCP_LEN);
	assert_int_equal(exit_status(tcp_client("peer", "10.1.0.1", 8080, TCP_LEN)), 0);
	assert_int_equal(exit_status(server), 0);
	server = tcp_server(NULL, "192.168.7.1", 8080, TCP_LEN);
	assert_int_equal(exit_status(tcp_client("lan", "192.168.7.1", 8080, TCP_LEN)), 0);
	assert_int_equal(exit_status(server), 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(udp, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_true(shell("ip netns exec peer bash -c 'echo -n hello >/dev/udp/10.1.0.1/5353'"));
	assert_true(reads(udp, "hello"));
	assert_true(shell("ip netns exec peer ping -q -c 1 10.1.0.1 >/dev/null"));
	assert_true(shell("ip netns exec peer ping -q -c 1 fd01::1 >/dev/null"));
	assert_true(shell("ip netns exec lan ping -q -c 1 192.168.7.1 >/dev/null"));
	assert_true(shell("ip netns exec lan ping -q -c 1 fd07::1 >/dev/null"));
	close(udp);
	guard_remove(g);
}

static bool pings(const char *netns, const char *to)
{
	return shell("ip netns exec %s ping -q -c 1 -W 0.2 %s >/dev/null", netns, to);
}

/* An IPv6 address takes a second to become usable. */
static bool pings_soon(const char *netns, const char *to)
{
	bool done = false;

	for (int i = 0; i < 20 && !done; i++)
		done = pings(netns, to);
	return done;
}

/* How many datagrams either host hears after one has sent a probe. */
static int echoes(const struct probe *p, int peer, int lan)
{
	struct heard at_peer, at_lan;

	hear(peer);
	hear(lan);
	send_probe(p->source ? lan : peer, p);
	at_peer = hear(peer);
	at_lan = hear(lan);
	return at_peer.resets + at_peer.errors + at_peer.others + at_lan.resets + at_lan.errors +
	       at_lan.others;
}

static void kernel_forwards_nothing_of_ours(void **state)
{
	static const struct probe probes[] = {
		{ 0, 0xcb007105, PROTO_UDP, 40000, 0 }, /* to the pool */
		{ 0, LAN, PROTO_UDP, 40000, 0 },
		{ LAN, PEER, PROTO_UDP, 40000, 0 },
	};
	struct plan plan;
	struct guard *g;
	int peer, lan;

	NETNS_TEST(state);
	make_links();
	peer = link_socket("peer", "v1");
	lan = link_socket("lan", "w1");
	assert_true(shell("ip route add default via 10.1.0.2"));
	assert_true(pings_soon("lan", "10.1.0.2") && pings_soon("lan", "fd01::2"));
	assert_true(pings_soon("peer", "192.168.7.2") && pings_soon("peer", "fd07::2"));
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		assert_true(echoes(&probes[i], peer, lan) > 0);
	g = install(plan_make(&plan, "v0", "w0"));
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		assert_int_equal(echoes(&probes[i], peer, lan), 0);
	assert_false(pings("lan", "fd01::2") || pings("peer", "fd07::2"));
	guard_remove(g);
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		assert_true(echoes(&probes[i], peer, lan) > 0);
	close(peer);
	close(lan);
}

/* Containers behind the same host, masqueraded by its kernel to the same address. */
static void kernel_masquerades_others_as_before(void **state)
{
	struct plan plan;
	struct guard *g;
	pid_t server;

	NETNS_TEST(state);
	make_links();
	assert_true(shell("ip netns add box && ip link add d0 type veth peer name d1 netns box &&"
			  "ip addr add 172.17.0.1/24 dev d0 && ip link set d0 up &&"
			  "ip -n box addr add 172.17.0.2/24 dev d1 && ip -n box link set d1 up &&"
			  "ip -n box route add default via 172.17.0.1"));
	if (!shell("nft 'add table ip nat; add chain ip nat out { type nat hook postrouting "
		   "priority srcnat; }; add rule ip nat out oifname v0 masquerade'"))
		skip();
	g = install(plan_make(&plan, "v0", "w0"));
	server = tcp_server("peer", "10.1.0.2", 5001, TCP_LEN);
	assert_int_equal(exit_status(tcp_client("box", "10.1.0.2", 5001, TCP_LEN)), 0);
	assert_int_equal(exit_status(server), 0);
	guard_remove(g);
}

static bool local_ports_are(const char *text)
{
	return shell("test \"`cat /proc/sys/net/ipv4/ip_local_port_range | tr '\\t' -`\" = %s", text);
}

static void moves_the_ports_of_the_host(void **state)
{
	static const struct { uint16_t first, last; const char *range; } rows[] = {
		{ 1024, 32767, "32768-60999" },	 /* nothing in common */
		{ 4096, 65535, "1024-4095" },	 /* nothing left of its own */
		{ 40000, 65535, "32768-39999" }, /* something left */
		{ 1024, 60000, "60001-60999" },
		{ 1024, 60900, "60901-65535" },	 /* too few left of its own */
	};
	struct io_error error = { "" };
	struct plan plan;
	struct guard *g;

	NETNS_TEST(state);
	make_links();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		plan_make(&plan, "v0", "w0");
		plan.policy.ports = (struct port_range){ rows[i].first, rows[i].last };
		g = install(&plan.conf);
		assert_true(local_ports_are(rows[i].range));
		guard_remove(g);
		assert_true(local_ports_are("32768-60999"));
	}
	plan.policy.ports = (struct port_range){ 1024, 65535 };
	assert_int_equal(guard_install(&g, &plan.conf, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "leaves it no ports"));
	assert_true(local_ports_are("32768-60999"));
	assert_true(shell("test -z \"`nft list tables`\""));
	/* An address of the NAT's own leaves the host all of its ports. */
	plan.conf.nat.pool = &plan.pool[1];
	plan.conf.nat.pool_count = 1;
	g = install(&plan.conf);
	assert_true(local_ports_are("32768-60999"));
	guard_remove(g);
}

static void leaves_what_others_changed(void **state)
{
	struct plan plan;
	struct guard *g;

	NETNS_TEST(state);
	make_links();
	assert_true(shell("nft 'add table inet filter; add chain inet filter input { type filter "
			  "hook input priority 0; }; add rule inet filter input tcp dport 25 drop';"
			  "nft list ruleset >/run/before"));
	g = install(plan_make(&plan, "v0", "w0"));
	assert_false(shell("nft list ruleset | cmp -s - /run/before"));
	assert_true(shell("echo 20000 30000 >/proc/sys/net/ipv4/ip_local_port_range"));
	guard_remove(g);
	assert_true(shell("nft list ruleset | cmp - /run/before"));
	assert_true(local_ports_are("20000-30000"));
}

static void ends_with_the_process(void **state)
{
	struct plan plan;
	pid_t child;

	NETNS_TEST(state);
	make_links();
	child = fork_in(NULL);
	if (child == 0) {
		struct io_error error;
		struct guard *g;

		if (guard_install(&g, plan_make(&plan, "v0", "w0"), &error) == 0 &&
		    !shell("test -z \"`nft list tables`\""))
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(exit_status(child), 128 + SIGKILL);
	assert_true(shell("test -z \"`nft list tables`\""));
}

static void needs_privilege_only_for_packet_interfaces(void **state)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	struct io_error error = { "" };
	struct plan plan;
	struct guard *g;
	pid_t child;

	NETNS_TEST(state);
	plan_make(&plan, "v0", "w0");
	child = fork_in(NULL);
	if (child == 0) {
		syscall(SYS_capset, &header, none);
		close(STDERR_FILENO); /* libnftables has a word to say too */
		_exit(guard_install(&g, &plan.conf, &error) < 0 && !g &&
				      strstr(error.text, "run as root") && !strchr(error.text, '\n')
			      ? 0
			      : 1);
	}
	assert_int_equal(exit_status(child), 0);
	plan.interfaces[0].type = plan.interfaces[1].type = IO_TUN;
	assert_null(install(&plan.conf));
	assert_true(shell("test -z \"`nft list tables`\""));
	guard_remove(NULL);
}

/* One side only, and no NAT at all. */
static void installs_for_any_set_of_interfaces(void **state)
{
	struct plan plan;

	NETNS_TEST(state);
	for (int missing = 0; missing < 8; missing++) {
		plan_make(&plan, "v0", "w0");
		if (missing & 1)
			plan.interfaces[0].type = IO_TUN;
		if (missing & 2)
			plan.interfaces[1].type = IO_TUN;
		if (missing & 4)
			plan.conf.nat.pool_count = plan.conf.nat.forward_count =
				plan.conf.nat.policy_count = 0;
		guard_remove(install(&plan.conf));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_keeps_silent_at_ports_of_the_nat),
		cmocka_unit_test(sockets_of_the_host_go_on_working),
		cmocka_unit_test(kernel_forwards_nothing_of_ours),
		cmocka_unit_test(kernel_masquerades_others_as_before),
		cmocka_unit_test(moves_the_ports_of_the_host),
		cmocka_unit_test(leaves_what_others_changed),
		cmocka_unit_test(ends_with_the_process),
		cmocka_unit_test(needs_privilege_only_for_packet_interfaces),
		cmocka_unit_test(installs_for_any_set_of_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
