/*
 * As many datagrams as one thread can send, and a socket that takes them: the load of test/bench/net.sh.
 *
 *     udp send ADDRESS PORT OCTETS SECONDS FLOWS [RUN]   prints how many were sent, in how many ns
 *     udp sink ADDRESS PORT                              until it is killed
 *
 * RUN: the kernel is given so many datagrams as one super-packet (UDP_SEGMENT), as QUIC's senders do.
 *
 * The sink never reads. Once its socket is full, the kernel counts each datagram that arrives as an
 * error of the receive buffer (RcvbufErrors of /proc/net/snmp): every one counts, none is copied.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

enum { BATCH = 64, OCTETS_MOST = 1472, RUN_OCTETS_MOST = 65000, FLOWS_MOST = 64 };

/* Of either family. */
struct peer {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

struct load {
	int octets, run, flow_count;
	double seconds;
};

static int fail(const char *what)
{
	fprintf(stderr, "udp: %s: %s\n", what, strerror(errno));
	return 1;
}

static int usage(void)
{
	fputs("usage: udp send ADDRESS PORT OCTETS SECONDS FLOWS [RUN] | udp sink ADDRESS PORT\n", stderr);
	return 2;
}

static int sink(const struct peer *at)
{
	int s = socket(at->any.sa_family, SOCK_DGRAM, 0), least = 1;

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) ||
	    bind(s, &at->any, at->len))
		return fail("sink");
	for (;;)
		pause();
}

/* One batch by each flow in turn. A queue that is full is the load's purpose, not an error. */
static uint64_t send_all(const int *flows, const struct load *load, uint64_t end)
{
	static const char zeros[RUN_OCTETS_MOST];
	struct iovec payload = { (void *)(uintptr_t)zeros, (size_t)(load->octets * load->run) };
	struct mmsghdr batch[BATCH];
	uint64_t sent = 0;

	for (int i = 0; i < BATCH; i++)
		batch[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &payload, .msg_iovlen = 1 } };
	while (wall_ns() < end)
		for (int i = 0; i < load->flow_count; i++) {
			int count = sendmmsg(flows[i], batch, BATCH, 0);

			sent += count > 0 ? (uint64_t)(count * load->run) : 0;
		}
	return sent;
}

static int open_flow(const struct peer *to, const struct load *load)
{
	int s = socket(to->any.sa_family, SOCK_DGRAM, 0);

	if (s < 0 || connect(s, &to->any, to->len) ||
	    (load->run > 1 &&
	     setsockopt(s, IPPROTO_UDP, UDP_SEGMENT, &load->octets, sizeof(load->octets))))
		return -1;
	return s;
}

static int send_flows(const struct peer *to, const struct load *load)
{
	int flows[FLOWS_MOST];
	uint64_t begin, sent;

	for (int i = 0; i < load->flow_count; i++) {
		flows[i] = open_flow(to, load);
		if (flows[i] < 0)
			return fail("connect");
	}
	begin = wall_ns();
	sent = send_all(flows, load, begin + (uint64_t)(load->seconds * 1e9));
	printf("%llu %llu\n", (unsigned long long)sent, (unsigned long long)(wall_ns() - begin));
	return 0;
}

static bool load_valid(const struct load *l)
{
	return l->octets >= 0 && l->octets <= OCTETS_MOST && l->flow_count >= 1 &&
	       l->flow_count <= FLOWS_MOST && l->run >= 1 && l->run <= 64 &&
	       l->octets * l->run <= RUN_OCTETS_MOST;
}

static bool read_peer(struct peer *p, const char *address, const char *port)
{
	memset(p, 0, sizeof(*p));
	p->v4.sin_family = AF_INET;
	p->len = sizeof(p->v4);
	if (inet_pton(AF_INET, address, &p->v4.sin_addr) != 1) {
		p->v6.sin6_family = AF_INET6;
		p->len = sizeof(p->v6);
		if (inet_pton(AF_INET6, address, &p->v6.sin6_addr) != 1)
			return false;
	}
	p->v4.sin_port = htons((uint16_t)atoi(port)); /* the same place in both */
	return true;
}

int main(int argc, char **argv)
{
	struct peer peer;
	struct load load;

	if (argc < 4 || !read_peer(&peer, argv[2], argv[3]))
		return usage();
	if (!strcmp(argv[1], "sink"))
		return argc == 4 ? sink(&peer) : usage();
	if (argc < 7 || argc > 8 || strcmp(argv[1], "send"))
		return usage();
	load = (struct load){ .octets = atoi(argv[4]), .seconds = strtod(argv[5], NULL),
			      .flow_count = atoi(argv[6]), .run = argc == 8 ? atoi(argv[7]) : 1 };
	return load_valid(&load) ? send_flows(&peer, &load) : usage();
}
