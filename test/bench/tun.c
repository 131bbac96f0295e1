/*
 * What a packet costs that is read from a TUN device, or written to it, with a system call for each
 * and with a batch per system call (io_uring): tun [--json] [--rounds N]
 *
 * Two devices in a namespace of our own, which differ in nothing else, are used in turn, so that a
 * noisy machine is noisy for both; told are the medians of the batches. What is read, the kernel's
 * UDP has sent; what is written, the kernel drops, because it is for nobody.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"
#include "router/io.h"

enum { BATCHES_MOST = 20000, SUPER_OCTETS = 40 * 1472 };

/* Which of the two devices. */
enum { EACH, RING, DEVICES };

struct setting {
	const char *name;
	size_t count;  /* packets in a batch */
	int octets;    /* of payload */
	int gso_size;  /* of a super-packet; 0: none */
	bool write;
};

static const struct setting settings[] = {
	{ "read_1", 1, 18, 0, false },	 { "read_4", 4, 18, 0, false },
	{ "read_16", 16, 18, 0, false }, { "read_64", 64, 18, 0, false },
	{ "read_64_of_1400", 64, 1400, 0, false },
	{ "read_2_super", 2, SUPER_OCTETS, 1472, false },
	{ "write_4", 4, 18, 0, true },	 { "write_16", 16, 18, 0, true },
	{ "write_64", 64, 18, 0, true }, { "write_64_of_1400", 64, 1400, 0, true },
};

struct device {
	struct io *io;
	int source; /* a socket whose datagrams come out of the device */
	struct frame frames[FRAME_BATCH];
	struct frame *batch[FRAME_BATCH];
	uint64_t times[BATCHES_MOST];
};

static int fail(const char *what)
{
	fprintf(stderr, "tun: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_source(unsigned number)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(0x0a000002 | number << 16) };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return s < 0 || connect(s, (const struct sockaddr *)&to, sizeof(to)) ? -1 : s;
}

static int open_device(struct device *d, unsigned number)
{
	struct prefix address = { .len = 24 };
	struct conf_interface c = { .type = IO_TUN, .mtu = 1500, .offload = true,
				    .io_uring = number == RING, .host_addresses = &address,
				    .host_address_count = 1 };
	struct io_error error;

	snprintf(c.name, sizeof(c.name), "tun%u", number);
	memcpy(c.device, c.name, sizeof(c.device));
	address.address = address_v4((const uint8_t[]){ 10, (uint8_t)number, 0, 1 });
	if (io_open(&d->io, &c, 1, true, &error)) {
		fprintf(stderr, "tun: %s\n", error.text);
		return 1;
	}
	if (strstr(io_remark(d->io), "io_uring")) {
		fprintf(stderr, "tun: %s\n", io_remark(d->io));
		return 1;
	}
	for (size_t i = 0; i < FRAME_BATCH; i++) {
		d->frames[i].octets = malloc(FRAME_ROOM);
		d->batch[i] = &d->frames[i];
		if (!d->frames[i].octets)
			return fail("memory");
	}
	d->source = open_source(number);
	return d->source < 0 ? fail("socket") : 0;
}

/* Exactly so many, as if there were always more; returns the time it took. */
static uint64_t receive(struct device *d, size_t count)
{
	uint64_t begin = wall_ns();
	size_t got = 0;

	while (got < count) {
		int r = io_recv(d->io, 0, d->batch + got, count - got);

		if (r <= 0)
			return 0;
		got += (size_t)r;
	}
	return wall_ns() - begin;
}

static uint64_t transmit(struct device *d, size_t count)
{
	uint64_t begin;
	size_t sent;

	for (size_t i = 0; i < count; i++) {
		struct frame *f = d->batch[i];
		struct pkt_offload offload = frame_offload(f);

		if (pkt_parse(&f->p, frame_ip(f), f->len, &offload) != REASON_NONE)
			return 0;
	}
	begin = wall_ns();
	return io_send(d->io, 0, d->batch, count, &sent) == REASON_NONE ? wall_ns() - begin : 0;
}

static bool measure(struct device *d, const struct setting *s, size_t round)
{
	static const uint8_t payload[SUPER_OCTETS];

	if (setsockopt(d->source, IPPROTO_UDP, UDP_SEGMENT, &s->gso_size, sizeof(s->gso_size)))
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (send(d->source, payload, (size_t)s->octets, 0) != s->octets)
			return false;
	d->times[round] = receive(d, s->count);
	if (s->write && d->times[round])
		d->times[round] = transmit(d, s->count);
	return d->times[round] != 0;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(struct device *d, const struct setting *s, size_t rounds)
{
	qsort(d->times, rounds, sizeof(d->times[0]), by_size);
	return (double)d->times[rounds / 2] / (double)s->count;
}

static int run(struct device *devices, size_t rounds, bool json)
{
	const char *before = "{";

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		const struct setting *s = &settings[i];
		double each, ring;

		for (size_t round = 0; round < rounds; round++)
			for (unsigned d = 0; d < DEVICES; d++)
				if (!measure(&devices[(d + round) % DEVICES], s, round))
					return fail(s->name);
		each = median(&devices[EACH], s, rounds);
		ring = median(&devices[RING], s, rounds);
		printf(json ? "%s\"%s\": { \"each_ns\": %.1f, \"ring_ns\": %.1f, \"ratio\": %.3f }"
			    : "%.0s%-18s %8.1f ns each, %8.1f by io_uring, ratio %.3f\n",
		       before, s->name, each, ring, ring / each);
		before = ", ";
	}
	if (json)
		puts("}");
	return 0;
}

/* The gateway has threads, which makes each use of a descriptor dearer. */
static void *sleep_on(void *unused)
{
	pause();
	return unused;
}

int main(int argc, char **argv)
{
	struct device *devices = calloc(DEVICES, sizeof(*devices));
	size_t rounds = 4000;
	pthread_t thread;
	bool json = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strcmp(argv[i], "--rounds") && i + 1 < argc) {
			rounds = strtoul(argv[++i], NULL, 10);
		} else {
			rounds = 0;
		}
	}
	if (rounds < 1 || rounds > BATCHES_MOST) {
		fputs("usage: tun [--json] [--rounds N]\n", stderr);
		return 2;
	}
	if (!devices || unshare(CLONE_NEWNET))
		return fail("a network namespace");
	if (pthread_create(&thread, NULL, sleep_on, NULL))
		return fail("thread");
	for (unsigned i = 0; i < DEVICES; i++)
		if (open_device(&devices[i], i))
			return 1;
	return run(devices, rounds, json);
}
