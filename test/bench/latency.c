/*
 * How long an answer takes: one question of 64 octets at a time, the next when its answer is there.
 *
 *     latency serve ADDRESS PORT                          answers by UDP and TCP until it is killed
 *     latency ask udp|tcp ADDRESS PORT COUNT PAUSE_US     prints the times of COUNT round trips, in
 *                                                         nanoseconds: median, 99th and 99.9th percentile, most
 *
 * PAUSE_US: from an answer to the next question. 0 finds everybody awake, 1000 finds them asleep.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

enum { OCTETS = 64, WARM_UP = 100, COUNT_MOST = 1000000 };

static int fail(const char *what)
{
	fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
	return 1;
}

static int usage(void)
{
	fputs("usage: latency serve ADDRESS PORT | "
	      "latency ask udp|tcp ADDRESS PORT COUNT PAUSE_US\n", stderr);
	return 2;
}

static void send_at_once(int s)
{
	int yes = 1;

	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static void answer_datagram(int s)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char octets[OCTETS];
	ssize_t got = recvfrom(s, octets, sizeof(octets), 0, (struct sockaddr *)&from, &len);

	if (got > 0)
		sendto(s, octets, (size_t)got, 0, (const struct sockaddr *)&from, len);
}

/* False when the other end has gone. */
static bool answer_stream(int s)
{
	char octets[OCTETS];
	ssize_t got = recv(s, octets, sizeof(octets), 0);

	return got > 0 && send(s, octets, (size_t)got, MSG_NOSIGNAL) == got;
}

static int serve(const struct sockaddr_in *at)
{
	int datagrams = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
	const struct sockaddr *address = (const struct sockaddr *)at;
	struct pollfd wait[3] = { { datagrams, POLLIN, 0 }, { listener, POLLIN, 0 },
				  { -1, POLLIN, 0 } };

	if (bind(datagrams, address, sizeof(*at)) || bind(listener, address, sizeof(*at)) ||
	    listen(listener, 1))
		return fail("bind");
	for (;;) {
		if (poll(wait, 3, -1) < 0)
			return fail("poll");
		if (wait[0].revents)
			answer_datagram(datagrams);
		if (wait[1].revents && wait[2].fd < 0) {
			wait[2].fd = accept(listener, NULL, NULL);
			send_at_once(wait[2].fd);
		} else if (wait[2].revents && !answer_stream(wait[2].fd)) {
			close(wait[2].fd);
			wait[2].fd = -1;
		}
	}
}

/* Nanoseconds; 0 if no answer comes. */
static uint64_t round_trip(int s)
{
	char octets[OCTETS] = { 0 };
	uint64_t begin = wall_ns();

	if (send(s, octets, sizeof(octets), 0) != OCTETS ||
	    recv(s, octets, sizeof(octets), MSG_WAITALL) != OCTETS)
		return 0;
	return wall_ns() - begin;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int ask(int s, size_t count, unsigned pause_us)
{
	const struct timespec pause = { .tv_nsec = (long)pause_us * 1000 };
	uint64_t *times = calloc(count, sizeof(*times));

	if (!times)
		return fail("memory");
	for (size_t i = 0; i < WARM_UP + count; i++) {
		uint64_t ns = round_trip(s);

		if (!ns)
			return fail("no answer");
		if (i >= WARM_UP)
			times[i - WARM_UP] = ns;
		if (pause_us)
			nanosleep(&pause, NULL);
	}
	qsort(times, count, sizeof(*times), by_size);
	printf("%llu %llu %llu %llu\n", (unsigned long long)times[count / 2],
	       (unsigned long long)times[count * 99 / 100],
	       (unsigned long long)times[count * 999 / 1000], (unsigned long long)times[count - 1]);
	free(times);
	return 0;
}

static int connect_to(const struct sockaddr_in *peer, bool tcp)
{
	const struct timeval patience = { .tv_sec = 2 };
	int s = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    connect(s, (const struct sockaddr *)peer, sizeof(*peer)))
		return -1;
	if (tcp)
		send_at_once(s);
	return s;
}

static bool parse_peer(struct sockaddr_in *peer, const char *address, const char *port)
{
	peer->sin_family = AF_INET;
	peer->sin_port = htons((uint16_t)atoi(port));
	return inet_pton(AF_INET, address, &peer->sin_addr) == 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in peer = { 0 };
	int count, pause_us, s;

	if (argc == 4 && !strcmp(argv[1], "serve") && parse_peer(&peer, argv[2], argv[3]))
		return serve(&peer);
	if (argc != 7 || strcmp(argv[1], "ask") || !parse_peer(&peer, argv[3], argv[4]))
		return usage();
	count = atoi(argv[5]);
	pause_us = atoi(argv[6]);
	if (count < 1 || count > COUNT_MOST || pause_us < 0 || pause_us > 999999)
		return usage();
	s = connect_to(&peer, !strcmp(argv[2], "tcp"));
	return s < 0 ? fail("connect") : ask(s, (size_t)count, (unsigned)pause_us);
}
