/*
 * The engine alone: parse, session, rewrite and route of small datagrams, over the backend mem.
 *
 * Half of the datagrams come from inside and half are the replies, in random session order. Copying
 * in and counting out are part of what is measured, devices are not. With --one-queue all of them come
 * in by the first worker, which hands to the others what is theirs. With --type nat64 the inside is
 * IPv6, and the same datagrams there are longer by the difference of the headers.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common.h"
#include "nat/checksum.h"
#include "router/gateway.h"

enum { HEADER4 = 20, HEADER6 = 40, DATAGRAM = 64, DATAGRAM6 = DATAGRAM - HEADER4 + HEADER6 };
enum { PORTS_PER_HOST = 32, POOL = 128, FIRST_PORT = 2048 };

struct options {
	uint32_t sessions, routes;
	uint16_t workers;
	double seconds;
	bool nat64, one_queue, json;
};

struct result {
	double ns_per_packet, packets_per_second, handed_off, dropped;
	size_t octets_per_session, resident_per_session;
};

static double seconds_now(void)
{
	return (double)thread_ns() / 1e9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "engine: %s\n", what);
	exit(1);
}

/* The entry of nat, and the inside interface's address. */
static const char *const entries[2][2] = {
	{ "match = \"10.0.0.0/8\"; type = \"napt44\";", "10.0.0.1/8" },
	{ "match = \"2001:db8::/64\"; type = \"nat64\"; prefix = \"2001:db8:64::/96\";", "2001:db8::1:0:1/64" },
};

static struct gateway *make_gateway(const struct options *o)
{
	char file[] = "/tmp/engine-XXXXXX";
	int fd = mkstemp(file);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	struct io_error error = { "" };
	struct gateway *g;
	struct conf *c;

	if (!f)
		die("cannot write a configuration");
	fprintf(f, "workers = %u; seed = 1;\n"
		   "limits = { sessions = %u; sessions_per_host = 4096; };\n"
		   "interfaces = ( { name = \"lan0\"; type = \"mem\"; side = \"inside\";"
		   " address = [ \"%s\" ]; },"
		   " { name = \"wan0\"; type = \"mem\"; side = \"outside\";"
		   " address = [ \"203.0.113.1/24\" ]; } );\n"
		   "routes = ( { prefix = \"0.0.0.0/0\"; interface = \"wan0\";"
		   " via = \"203.0.113.254\"; } );\n"
		   "nat = ( { name = \"all\"; %s pool = [ \"198.18.0.1-198.18.0.%u\" ]; } );\n",
		o->workers, o->sessions + o->workers * 8192u, entries[o->nat64][1],
		entries[o->nat64][0], POOL);
	fclose(f);
	c = conf_read(file, stderr);
	unlink(file);
	if (!c || gateway_open(&g, c, &error))
		die(error.text);
	return g;
}

/* Random prefixes with lengths as in the Internet's table: six in ten are /24. */
static void add_routes(struct gateway *g, uint32_t count)
{
	static const uint8_t lens[] = { 24, 24, 24, 24, 24, 24, 23, 22, 20, 16 };
	uint64_t state = 7;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t a = (uint32_t)random_next(&state) % 0xd0000000u + 0x0b000000u;
		struct route r = { .origin = ORIGIN_STATIC };
		uint8_t octets[4];

		if (a >> 24 == 127 || a >> 16 == 0xc612 || a >> 24 == 203)
			continue;
		store32(octets, a);
		r.prefix = prefix_masked((struct prefix){ address_v4(octets), lens[i % 10] });
		r.hop = (struct hop){ .kind = HOP_VIA, .interface = 1,
				      .via = address_v4((uint8_t[]){ 203, 0, 113, (uint8_t)(i % 200 + 2) }) };
		rib_add(g->snapshot->rib, &r);
	}
}

static uint32_t random_remote(uint64_t *state)
{
	uint32_t remote;

	do
		remote = 0x0b000000u + (uint32_t)random_next(state) % 0xb0000000u;
	while (remote >> 24 == 127 || remote >> 16 == 0xa9fe || remote >> 16 == 0xc612);
	return remote;
}

static void make_udp(uint8_t *udp, uint32_t session)
{
	store16(udp, (uint16_t)(FIRST_PORT + session % PORTS_PER_HOST));
	store16(udp + 2, 53);
	store16(udp + 4, DATAGRAM - HEADER4);
}

static void make_datagram4(uint8_t *d, uint32_t session, uint64_t *state)
{
	static const uint8_t header[HEADER4] = { 0x45, 0, 0, DATAGRAM, 0, 0, 0x40, 0, 64, PROTO_UDP };

	memcpy(d, header, sizeof(header));
	store32(d + 12, 0x0a010000u + session / PORTS_PER_HOST);
	store32(d + 16, random_remote(state));
	csum_store(d + 10, csum_of(d, HEADER4));
	make_udp(d + HEADER4, session);
}

/* Where IPv6 must have a checksum of UDP. */
static void make_datagram6(uint8_t *d, uint32_t session, uint64_t *state)
{
	static const uint8_t prefixes[HEADER6] = {
		0x60, 0, 0, 0, 0, DATAGRAM - HEADER4, PROTO_UDP, 64, 0x20, 0x01, 0x0d, 0xb8,
		[24] = 0x20, 0x01, 0x0d, 0xb8, 0, 0x64,
	};
	uint8_t *udp = d + HEADER6, pseudo[4] = { 0, PROTO_UDP, 0, DATAGRAM - HEADER4 };
	csum_t sum;

	memcpy(d, prefixes, sizeof(prefixes));
	store32(d + 20, 0x00020000u + session / PORTS_PER_HOST);
	store32(d + 36, random_remote(state));
	make_udp(udp, session);
	sum = csum_add(csum_of(d + 8, 32), csum_of(pseudo, sizeof(pseudo)));
	csum_store(udp + 6, csum_add(sum, csum_of(udp, DATAGRAM - HEADER4)));
}

static size_t inside_len(const struct options *o)
{
	return o->nat64 ? DATAGRAM6 : DATAGRAM;
}

static const uint8_t *inside_port(const struct options *o, const uint8_t *d)
{
	return d + (o->nat64 ? HEADER6 : HEADER4);
}

static void make_reply(uint8_t *reply, const uint8_t *sent)
{
	memcpy(reply, sent, DATAGRAM);
	memcpy(reply + 12, sent + 16, 4);
	memcpy(reply + 16, sent + 12, 4);
	memcpy(reply + 20, sent + 22, 2);
	memcpy(reply + 22, sent + 20, 2);
}

static uint16_t owner_of(const uint8_t *port, uint16_t workers)
{
	return (load16(port) >> 1) % workers;
}

static uint16_t queue_of(const struct options *o, const uint8_t *port)
{
	return o->one_queue ? 0 : owner_of(port, o->workers);
}

/* Open every session once; out: what was sent, back: its reply. Both are all zero before. */
static void open_sessions(struct gateway *g, const struct options *o, uint8_t *out, uint8_t *back)
{
	uint64_t state = 3;

	for (uint32_t i = 0; i < o->sessions; i++) {
		uint8_t *d = out + i * inside_len(o);
		uint8_t sent[DATAGRAM];
		uint16_t owner;

		(o->nat64 ? make_datagram6 : make_datagram4)(d, i, &state);
		owner = owner_of(inside_port(o, d), o->workers);
		if (io_mem_push(g->ios[0], owner, d, inside_len(o)))
			die("out of memory");
		worker_step(g->workers[owner], (nat_time){ 1 });
		if (io_mem_pull(g->ios[1], owner, sent, sizeof(sent)) != DATAGRAM)
			die("a session was not opened");
		make_reply(back + (size_t)i * DATAGRAM, sent);
	}
}

static void push_all(struct gateway *g, const struct options *o, const uint8_t *out,
		     const uint8_t *back)
{
	uint32_t *order = malloc(o->sessions * sizeof(*order));
	uint64_t state = 5;

	if (!order)
		die("out of memory");
	for (uint32_t i = 0; i < o->sessions; i++)
		order[i] = i;
	for (uint32_t i = o->sessions; i > 1; i--) {
		uint32_t j = (uint32_t)(random_next(&state) % i), was = order[i - 1];

		order[i - 1] = order[j];
		order[j] = was;
	}
	for (uint32_t i = 0; i < o->sessions; i++) {
		const uint8_t *d = out + order[i] * inside_len(o);
		const uint8_t *r = back + (size_t)order[o->sessions - 1 - i] * DATAGRAM;

		io_mem_push(g->ios[0], queue_of(o, inside_port(o, d)), d, inside_len(o));
		io_mem_push(g->ios[1], queue_of(o, r + 22), r, DATAGRAM);
	}
	for (uint16_t w = 0; w < o->workers; w++) {
		io_mem_loop(g->ios[0], w, true);
		io_mem_loop(g->ios[1], w, true);
	}
	free(order);
}

struct lane {
	struct gateway *gateway;
	uint16_t worker;
	double seconds, taken;
	uint64_t sent;
};

static uint64_t sent_by(const struct lane *lane)
{
	return io_mem_sent(lane->gateway->ios[0], lane->worker) +
	       io_mem_sent(lane->gateway->ios[1], lane->worker);
}

static void *drive(void *argument)
{
	struct lane *lane = argument;
	double begin = seconds_now();
	uint64_t sent = sent_by(lane);

	do {
		for (int i = 0; i < 64; i++)
			worker_step(lane->gateway->workers[lane->worker], (nat_time){ 2 });
		lane->taken = seconds_now() - begin;
	} while (lane->taken < lane->seconds);
	lane->sent = sent_by(lane) - sent;
	return NULL;
}

static void drive_all(struct gateway *g, const struct options *o, struct lane *lanes, double seconds)
{
	pthread_t threads[NAT_WORKERS_MOST];

	for (uint16_t w = 0; w < o->workers; w++) {
		lanes[w] = (struct lane){ .gateway = g, .worker = w, .seconds = seconds };
		if (w && pthread_create(&threads[w], NULL, drive, &lanes[w]))
			die("cannot start a thread");
	}
	drive(&lanes[0]);
	for (uint16_t w = 1; w < o->workers; w++)
		pthread_join(threads[w], NULL);
}

/* Every datagram must have been forwarded, or the figures would be of something else; but from one
 * queue more may come than others take over. */
static void demand_all_sent(const struct gateway *g, const struct options *o, struct result *r)
{
	double handed = 0, dropped = 0, received = 0;

	for (uint16_t w = 0; w < o->workers; w++) {
		struct counters c = worker_counters(g->workers[w]);

		for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
			if (c.reasons[i] && !(o->one_queue && i == REASON_HANDOFF_FULL))
				die(reason_name((enum reason)i));
		handed += (double)c.handed_off;
		dropped += (double)c.reasons[REASON_HANDOFF_FULL];
		received += (double)(c.links[0].packets_in + c.links[1].packets_in);
	}
	r->handed_off = handed / received;
	r->dropped = dropped / received;
}

static struct result measure(const struct options *o)
{
	struct gateway *g = make_gateway(o);
	uint8_t *out = malloc(o->sessions * inside_len(o));
	uint8_t *back = malloc((size_t)o->sessions * DATAGRAM);
	struct lane lanes[NAT_WORKERS_MOST];
	struct result r = { 0 };
	double seconds = 0, sent = 0;
	size_t before;

	if (!out || !back)
		die("out of memory");
	add_routes(g, o->routes);
	memset(out, 0, o->sessions * inside_len(o));
	memset(back, 0, (size_t)o->sessions * DATAGRAM);
	before = resident();
	open_sessions(g, o, out, back);
	r.resident_per_session = (resident() - before) / o->sessions;
	push_all(g, o, out, back);
	drive_all(g, o, lanes, o->seconds / 4);
	drive_all(g, o, lanes, o->seconds);
	demand_all_sent(g, o, &r);
	for (uint16_t w = 0; w < o->workers; w++) {
		sent += (double)lanes[w].sent;
		seconds += lanes[w].taken / o->workers;
	}
	r.packets_per_second = sent / seconds;
	r.ns_per_packet = seconds * 1e9 * o->workers / sent;
	r.octets_per_session = o->workers * nat_size(&g->snapshot->conf->nat) /
			       g->snapshot->conf->nat.sessions;
	gateway_stop(g);
	free(out);
	free(back);
	return r;
}

static void usage(void)
{
	fputs("usage: engine [--type napt44|nat64] [--sessions N] [--workers N] [--routes N]"
	      " [--seconds S] [--one-queue] [--json]\n", stderr);
	exit(2);
}

static struct options parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "sessions", required_argument, NULL, 's' }, { "workers", required_argument, NULL, 'w' },
		{ "routes", required_argument, NULL, 'r' }, { "seconds", required_argument, NULL, 't' },
		{ "one-queue", no_argument, NULL, 'q' }, { "json", no_argument, NULL, 'j' },
		{ "type", required_argument, NULL, 'y' }, { NULL, 0, NULL, 0 },
	};
	struct options o = { .sessions = 65536, .workers = 1, .seconds = 2 };
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (c) {
		case 's': o.sessions = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'w': o.workers = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'r': o.routes = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 't': o.seconds = strtod(optarg, NULL); break;
		case 'q': o.one_queue = true; break;
		case 'j': o.json = true; break;
		case 'y':
			o.nat64 = !strcmp(optarg, "nat64");
			if (!o.nat64 && strcmp(optarg, "napt44"))
				usage();
			break;
		default: usage();
		}
	if (!o.sessions || !o.workers || o.workers > NAT_WORKERS_MOST || o.seconds <= 0)
		usage();
	return o;
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	struct result r = measure(&o);

	if (o.json)
		printf("{\"sessions\": %u, \"workers\": %u, \"routes\": %u, \"ns_per_packet\": %.1f, "
		       "\"packets_per_second\": %.0f, \"handed_off\": %.3f, \"dropped\": %.3f, "
		       "\"octets_per_session\": %zu, \"resident_per_session\": %zu}\n",
		       o.sessions, o.workers, o.routes, r.ns_per_packet, r.packets_per_second,
		       r.handed_off, r.dropped, r.octets_per_session, r.resident_per_session);
	else
		printf("%u sessions, %u worker(s), %u routes: %.1f ns per packet, %.2f M packets/s, "
		       "%.2f handed off, %zu octets per session, %zu of them resident\n", o.sessions,
		       o.workers, o.routes, r.ns_per_packet, r.packets_per_second / 1e6, r.handed_off,
		       r.octets_per_session, r.resident_per_session);
	return 0;
}
