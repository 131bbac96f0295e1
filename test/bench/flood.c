/*
 * A flood, and a conversation that shall go on meanwhile: the load of test/bench/flood.sh.
 *
 *     flood storm KIND DEVICE MAC FROM TO:PORT SECONDS
 *                                                     prints how many were offered, and in how many ns
 *     flood ask ADDRESS PORT FLOWS PER_SECOND SECONDS prints how many questions and answers there were
 *     flood echo ADDRESS PORT                         until SIGTERM; prints how many it has answered
 *
 * Storms are put on the device as fast as one thread can, spoofed but for the kind "session", which comes
 * from FROM, port 9. In the others the low half of the source and the ports are left to chance, for
 * each datagram anew; whatever changes, another field of the same checksums changes the other way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "common.h"

enum { BATCH = 64, OCTETS_MOST = 128, FLOWS_MOST = 64, RECEIVE_ROOM = 16 << 20, TICK_NS = 1000000 };
enum { IDENT = 4, SOURCE_LOW = 14, PORTS = 20, UDP_SUM = 26, TCP_SEQ = 24 };

static int fail(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	return 1;
}

static void put(uint8_t *at, uint16_t number)
{
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}

static uint32_t add(uint32_t sum, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(octets[i] << 8 | octets[i + 1]);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

struct ends {
	uint32_t from, to; /* in network order */
	uint16_t port;
};

static void make_ip(uint8_t *ip, const struct ends *e, uint8_t protocol, uint16_t len)
{
	ip[0] = 0x45;
	put(ip + 2, len);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, &e->from, 4);
	memcpy(ip + 16, &e->to, 4);
	put(ip + 10, 0);
	put(ip + 10, fold(add(0, ip, 20)));
}

static void make_udp(uint8_t *ip, const struct ends *e, uint16_t source, uint16_t len)
{
	make_ip(ip, e, IPPROTO_UDP, len);
	put(ip + 20, source);
	put(ip + 22, e->port);
	put(ip + 24, (uint16_t)(len - 20));
}

static size_t make_session(uint8_t *ip, const struct ends *e)
{
	make_udp(ip, e, 9, 46);
	return 46;
}

static size_t make_stranger(uint8_t *ip, const struct ends *e)
{
	make_udp(ip, e, 0, 46);
	return 46;
}

static size_t make_syn(uint8_t *ip, const struct ends *e)
{
	make_ip(ip, e, IPPROTO_TCP, 40);
	put(ip + 22, e->port);
	ip[32] = 0x50;
	ip[33] = 2;
	put(ip + 34, 8192);
	put(ip + 36, fold(add(IPPROTO_TCP + 20, ip + 12, 28)));
	return 40;
}

/* The identification is left to chance: each is another datagram's first fragment. */
static size_t make_fragment(uint8_t *ip, const struct ends *e)
{
	make_udp(ip, e, 0, 44);
	ip[6] = 0x20;
	put(ip + 10, 0);
	put(ip + 10, fold(add(0, ip, 20)));
	put(ip + 24, 1400);
	return 44;
}

/* Port unreachable, about what was never sent. */
static size_t make_error(uint8_t *ip, const struct ends *e)
{
	const struct ends quoted = { .from = e->to, .to = e->from, .port = 53 };

	make_udp(ip + 28, &quoted, 0, 28);
	make_ip(ip, e, IPPROTO_ICMP, 56);
	ip[20] = ip[21] = 3;
	put(ip + 22, fold(add(0, ip + 20, 36)));
	return 56;
}

static const struct kind {
	const char *name;
	size_t (*make)(uint8_t *ip, const struct ends *e);
	bool spoofed;
	uint16_t changes, balances; /* offsets of what is left to chance, and of what makes up for it */
	bool to_any_port;
} kinds[] = {
	{ "session", make_session, false, 0, 0, false },
	{ "strangers", make_stranger, true, PORTS, 0, true },
	{ "syns", make_syn, true, PORTS, TCP_SEQ, false },
	{ "fragments", make_fragment, true, PORTS, 0, true },
	{ "errors", make_error, true, 28 + PORTS, 28 + PORTS + 6, false },
};

struct storm {
	const struct kind *kind;
	int fd;
	uint64_t chance;
	uint8_t octets[BATCH][OCTETS_MOST];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
};

/* A number and its complement, where zeros were, add nothing to a sum. Addresses are in two: that of IP
 * has the identification, and TCP's the sequence number. */
static void change(struct storm *s, uint8_t *ip)
{
	uint64_t chance = random_next(&s->chance);
	uint16_t low = (uint16_t)chance, port = (uint16_t)(chance >> 16);

	put(ip + SOURCE_LOW, low);
	put(ip + IDENT, (uint16_t)~low);
	put(ip + s->kind->changes, port);
	if (s->kind->balances)
		put(ip + s->kind->balances, (uint16_t)~port);
	if (s->kind->balances == TCP_SEQ)
		put(ip + TCP_SEQ + 2, (uint16_t)~low);
	if (s->kind->to_any_port)
		put(ip + PORTS + 2, (uint16_t)(chance >> 32));
}

static int storm_open(struct storm *s, const char *device, const char *mac, struct sockaddr_ll *to)
{
	static const int yes = 1;
	uint8_t *a = to->sll_addr;

	*to = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
				    .sll_ifindex = (int)if_nametoindex(device), .sll_halen = ETH_ALEN };
	s->fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	if (s->fd < 0 || !to->sll_ifindex ||
	    sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", a, a + 1, a + 2, a + 3, a + 4, a + 5) != 6)
		return -1;
	return setsockopt(s->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes));
}

static void storm_make(struct storm *s, struct ends e, struct sockaddr_ll *to)
{
	if (s->kind->spoofed)
		memset((uint8_t *)&e.from + 2, 0, 2);
	for (int i = 0; i < BATCH; i++) {
		uint8_t *ip = s->octets[i];

		s->parts[i] = (struct iovec){ ip, s->kind->make(ip, &e) };
		s->messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &s->parts[i], .msg_iovlen = 1,
			.msg_name = to, .msg_namelen = sizeof(*to),
		};
	}
}

/* What the device's queue refuses was offered all the same. */
static void offer(struct storm *s)
{
	for (int sent = 0; sent < BATCH;) {
		int r = sendmmsg(s->fd, s->messages + sent, (unsigned int)(BATCH - sent), 0);

		sent += r > 0 ? r : 1;
	}
}

static int storm(char **words)
{
	static struct storm s;
	struct ends e = { 0 };
	struct sockaddr_ll to;
	uint64_t began, until, count = 0;
	char *port = strchr(words[4], ':');

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		s.kind = strcmp(kinds[i].name, words[0]) ? s.kind : &kinds[i];
	if (!s.kind || !port || inet_pton(AF_INET, words[3], &e.from) != 1)
		return fail("storm: no such kind or address");
	*port = '\0';
	e.port = (uint16_t)atoi(port + 1);
	if (inet_pton(AF_INET, words[4], &e.to) != 1 || storm_open(&s, words[1], words[2], &to))
		return fail(words[1]);
	s.chance = wall_ns();
	storm_make(&s, e, &to);
	began = wall_ns();
	until = began + (uint64_t)(atof(words[5]) * 1e9);
	for (; wall_ns() < until; count += BATCH) {
		for (int i = 0; s.kind->spoofed && i < BATCH; i++)
			change(&s, s.octets[i]);
		offer(&s);
	}
	printf("{\"offered\": %lu, \"ns\": %lu}\n", count, wall_ns() - began);
	return 0;
}

static int udp_socket(const char *address, int port, struct sockaddr_in *a)
{
	static const int room = RECEIVE_ROOM;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return fd < 0 || inet_pton(AF_INET, address, &a->sin_addr) != 1 ? -1 : fd;
}

static uint64_t hear(const int *fds, size_t count)
{
	uint64_t heard = 0;
	char octets[64];

	for (size_t i = 0; i < count; i++)
		while (recv(fds[i], octets, sizeof(octets), 0) > 0)
			heard++;
	return heard;
}

/* All that have come within half a second of silence. */
static uint64_t hear_the_rest(const int *fds, size_t count)
{
	uint64_t heard = 0, now;

	for (int quiet = 0; quiet < 50; quiet = now ? 0 : quiet + 1) {
		poll(NULL, 0, 10);
		now = hear(fds, count);
		heard += now;
	}
	return heard;
}

static int ask(char **words)
{
	size_t flows = (size_t)atoi(words[2]);
	uint64_t per_tick = (uint64_t)atoi(words[3]) / (1000000000 / TICK_NS);
	uint64_t until = wall_ns() + (uint64_t)(atof(words[4]) * 1e9), sent = 0, heard = 0, ticks;
	const struct itimerspec tick = { { 0, TICK_NS }, { 0, TICK_NS } };
	int fds[FLOWS_MOST], timer = timerfd_create(CLOCK_MONOTONIC, 0);
	struct sockaddr_in to;

	if (flows < 1 || flows > FLOWS_MOST || timerfd_settime(timer, 0, &tick, NULL) < 0)
		return fail("ask");
	for (size_t i = 0; i < flows; i++) {
		fds[i] = udp_socket(words[0], atoi(words[1]), &to);
		if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&to, sizeof(to)) < 0)
			return fail(words[0]);
	}
	while (wall_ns() < until && read(timer, &ticks, sizeof(ticks)) > 0) {
		/* What was missed is not made up for in a burst. */
		for (uint64_t i = 0; i < per_tick; i++)
			sent += send(fds[sent % flows], &sent, sizeof(sent), 0) > 0;
		heard += hear(fds, flows);
	}
	heard += hear_the_rest(fds, flows);
	printf("{\"asked\": %lu, \"heard\": %lu}\n", sent, heard);
	return 0;
}

static volatile sig_atomic_t over;

static void end(int number)
{
	(void)number;
	over = 1;
}

static int echo(char **words)
{
	struct sockaddr_in own, from;
	int fd = udp_socket(words[0], atoi(words[1]), &own);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t heard = 0, answered = 0;
	char octets[64];

	signal(SIGTERM, end);
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		return fail(words[0]);
	while (!over) {
		socklen_t len = sizeof(from);
		ssize_t got = recvfrom(fd, octets, sizeof(octets), 0, (struct sockaddr *)&from, &len);

		if (got < 0) {
			poll(&p, 1, 100);
			continue;
		}
		heard++;
		answered += sendto(fd, octets, (size_t)got, 0, (struct sockaddr *)&from, len) > 0;
	}
	printf("{\"heard\": %lu, \"answered\": %lu}\n", heard, answered);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int words; int (*run)(char **words); } uses[] = {
		{ "storm", 6, storm }, { "ask", 5, ask }, { "echo", 2, echo },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(uses) / sizeof(uses[0]); i++)
		if (strcmp(argv[1], uses[i].name) == 0 && argc == uses[i].words + 2)
			return uses[i].run(argv + 2);
	fputs("usage: flood storm KIND DEVICE MAC FROM TO:PORT SECONDS | ask ADDRESS PORT FLOWS PER_SECOND SECONDS"
	      " | echo ADDRESS PORT\n", stderr);
	return 2;
}
