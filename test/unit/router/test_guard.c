#include "guard_plan.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include "nat/checksum.h"

enum { TCP_RST = 4, TCP_LEN = 1 << 20 };

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

static void follows_another_configuration(void **state)
{
	static const struct probe was = { 0, OURS, PROTO_TCP, 80, 2 };
	static const struct probe is = { 0, OURS, PROTO_TCP, 81, 2 };
	struct io_error error = { "" };
	struct plan plan;
	struct guard *g;
	int fd;

	NETNS_TEST(state);
	make_links();
	assert_true(shell("ping -q -c 1 10.1.0.2 >/dev/null"));
	fd = link_socket("peer", "v1");
	g = install(plan_make(&plan, "v0", "w0"));
	assert_int_equal(answers(fd, &was), 0);
	assert_int_equal(answers(fd, &is), 1);
	plan.forward.first = plan.forward.last = 81;
	plan.policy.ports.first = 30000;
	assert_int_equal(guard_update(g, &plan.conf, &error), 0);
	assert_int_equal(answers(fd, &was), 1);
	assert_int_equal(answers(fd, &is), 0);
	assert_true(local_ports_are("1024-29999"));
	/* What cannot be changes nothing. */
	plan.policy.ports.first = 1024;
	plan.forward.first = plan.forward.last = 80;
	assert_int_equal(guard_update(g, &plan.conf, &error), -EADDRINUSE);
	assert_int_equal(answers(fd, &is), 0);
	assert_true(local_ports_are("1024-29999"));
	plan.policy.ports = (struct port_range){ 4096, 8191 };
	assert_int_equal(guard_update(g, &plan.conf, &error), 0);
	assert_true(local_ports_are("32768-60999"));
	guard_remove(g);
	assert_true(shell("test -z \"`nft list tables`\""));
	close(fd);
}

static bool reads(int fd, const char *text)
{
	char got[16] = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 1000) == 1 && recv(fd, got, sizeof(got) - 1, 0) > 0 &&
	       strcmp(got, text) == 0;
}

/* Connect from a port of the NAT's range, as somebody may have done before the gateway starts. */
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
		{ 0, POOL, PROTO_UDP, 40000, 0 }, /* to the pool */
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_keeps_silent_at_ports_of_the_nat),
		cmocka_unit_test(follows_another_configuration),
		cmocka_unit_test(sockets_of_the_host_go_on_working),
		cmocka_unit_test(kernel_forwards_nothing_of_ours),
		cmocka_unit_test(kernel_masquerades_others_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
