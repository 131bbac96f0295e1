/*
 * New sessions: how many a second with as many live ones as end, and the longest turn of a worker.
 *
 * Sessions are opened in turns of a full batch; virtual time passes so that as many are over as are
 * opened. way: step is a worker's whole turn over the backend mem, nat is nat_expire() and
 * nat_process_batch() alone. kind: one UDP datagram, one SYN, or a whole connection of six segments.
 * The clock is the thread's: what others do on the machine is not counted.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"
#include "nat/checksum.h"
#include "router/gateway.h"

enum { DATAGRAM = 64, PORTS_PER_HOST = 32, BATCH = FRAME_BATCH, BUDGET = 512 };
enum { LARGE_PAGE = 2 << 20, SAMPLES_MOST = 1 << 21, TICK_MS = 256 };
enum { SESSIONS_PER_ADDRESS = 16384, POOL_LEAST = 16 };
enum { STEADY_LEAST = 1 << 20, SESSIONS_MOST = 1 << 24 };

enum way { WAY_STEP, WAY_NAT, WAY_COUNT };
enum kind { KIND_UDP, KIND_SYN, KIND_CLOSE, KIND_COUNT };
static const char *const way_names[] = { "step", "nat" };
static const char *const kind_names[] = { "udp", "syn", "close" };

struct options {
	uint32_t sessions; /* 0: each of the usual */
	int way, kind;	   /* -1: each */
	bool json;
};

/* Nanoseconds that turns took. */
struct turns {
	uint32_t *ns;
	size_t count;
	uint64_t sum;
};

/* Microseconds. */
struct spread { double p50, p999, most; };

struct result {
	enum way way;
	enum kind kind;
	uint32_t sessions;
	double ns, octets_resident, octets_reserved, start_ms;
	struct spread steady, growth, ending;
};

struct bench {
	enum way way;
	enum kind kind;
	uint32_t sessions;
	struct gateway *g; /* WAY_STEP */
	struct conf *c;	   /* WAY_NAT */
	struct nat *nat;
	void *arena;
	size_t size;
	uint32_t begun;	   /* sessions so far */
	uint64_t now_ms;
	struct turns turns;
	uint8_t d[BATCH][DATAGRAM];
};

static void die(const char *what)
{
	fprintf(stderr, "cps: %s\n", what);
	exit(1);
}

/* Random numbers by their place in the sequence. */
static uint64_t mix(uint64_t place)
{
	uint64_t state = (place - 1) * 0x9e3779b97f4a7c15;

	return random_next(&state);
}

static struct conf *make_conf(uint32_t sessions)
{
	char file[] = "/tmp/cps-XXXXXX";
	int fd = mkstemp(file);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	uint32_t pool = sessions / SESSIONS_PER_ADDRESS + POOL_LEAST;
	struct conf *c;

	if (!f)
		die("cannot write a configuration");
	fprintf(f, "workers = 1; seed = 1;\n"
		   "limits = { sessions = %u; sessions_per_host = 4096; };\n"
		   "interfaces = ( { name = \"lan0\"; type = \"mem\"; side = \"inside\";"
		   " address = [ \"10.0.0.1/8\" ]; },"
		   " { name = \"wan0\"; type = \"mem\"; side = \"outside\";"
		   " address = [ \"203.0.113.1/24\" ]; } );\n"
		   "routes = ( { prefix = \"0.0.0.0/0\"; interface = \"wan0\";"
		   " via = \"203.0.113.254\"; } );\n"
		   "nat = ( { name = \"all\"; match = \"10.0.0.0/8\"; type = \"napt44\";"
		   " pool = [ \"198.18.0.1-198.18.%u.%u\" ]; } );\n",
		sessions + sessions / 4 + 4 * BUDGET, pool >> 8, pool & 255);
	fclose(f);
	c = conf_read(file, stderr);
	unlink(file);
	if (!c)
		die("the configuration is refused");
	return c;
}

static void open_nat(struct bench *b)
{
	static const uint8_t seed[32] = { 1 };

	b->size = (nat_size(&b->c->nat) + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
	b->arena = mmap(NULL, b->size + LARGE_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->arena == MAP_FAILED)
		die("out of memory");
	madvise(b->arena, b->size + LARGE_PAGE, MADV_HUGEPAGE);
	b->nat = nat_init_zeroed((void *)(((uintptr_t)b->arena + LARGE_PAGE - 1) &
					  -(uintptr_t)LARGE_PAGE), &b->c->nat, seed);
}

static void open_gateway(struct bench *b)
{
	struct io_error error = { "" };

	b->size = nat_size(&b->c->nat);
	if (gateway_open(&b->g, b->c, &error))
		die(error.text);
}

static void bench_open(struct bench *b)
{
	b->c = make_conf(b->sessions);
	b->now_ms = 1;
	if (b->way == WAY_NAT)
		open_nat(b);
	else
		open_gateway(b);
}

static void bench_close(struct bench *b)
{
	free(b->turns.ns);
	if (b->way == WAY_STEP) {
		gateway_stop(b->g);
		return;
	}
	munmap(b->arena, b->size + LARGE_PAGE);
	conf_free(b->c);
}

static void note_turn(struct turns *t, uint64_t ns)
{
	if (!t->ns && !(t->ns = malloc(SAMPLES_MOST * sizeof(*t->ns))))
		die("out of memory");
	if (t->count == SAMPLES_MOST)
		die("too many turns");
	t->ns[t->count++] = (uint32_t)ns;
	t->sum += ns;
}

static void turn_gateway(struct bench *b, enum nat_side from)
{
	struct io *in = b->g->ios[from == SIDE_INSIDE ? 0 : 1];
	struct io *out = b->g->ios[from == SIDE_INSIDE ? 1 : 0];
	uint64_t begin;

	for (int i = 0; i < BATCH; i++)
		if (io_mem_push(in, 0, b->d[i], DATAGRAM))
			die("out of memory");
	begin = thread_ns();
	worker_step(b->g->workers[0], (nat_time){ b->now_ms });
	note_turn(&b->turns, thread_ns() - begin);
	for (int i = 0; i < BATCH; i++)
		if (io_mem_pull(out, 0, b->d[i], DATAGRAM) != DATAGRAM)
			die("a datagram was not forwarded");
}

static void turn_nat(struct bench *b, enum nat_side from)
{
	struct nat_job jobs[BATCH];
	struct pkt views[BATCH];
	uint64_t begin;

	for (int i = 0; i < BATCH; i++) {
		if (pkt_parse(&views[i], b->d[i], DATAGRAM, NULL) != REASON_NONE)
			die("a datagram is malformed");
		jobs[i] = (struct nat_job){ .p = &views[i], .from = from };
	}
	begin = thread_ns();
	nat_expire(b->nat, (nat_time){ b->now_ms }, BUDGET);
	nat_process_batch(b->nat, (nat_time){ b->now_ms }, jobs, BATCH);
	note_turn(&b->turns, thread_ns() - begin);
	for (int i = 0; i < BATCH; i++)
		if (jobs[i].verdict != NAT_FORWARD)
			die(reason_name(jobs[i].reason));
}

static void turn(struct bench *b, enum nat_side from)
{
	if (b->way == WAY_NAT)
		turn_nat(b, from);
	else
		turn_gateway(b, from);
}

/* Hosts in random order, ports all over the ephemeral range; the same comes again after twice as many
 * sessions as live. */
static void make_opening(const struct bench *b, uint8_t *d, uint32_t session)
{
	static const uint8_t header[20] = { 0x45, 0, 0, DATAGRAM, 0, 0, 0x40, 0, 64 };
	uint32_t power = 1, place;
	uint64_t chance = mix(session);

	while (power < 2 * b->sessions)
		power *= 2;
	place = session * 0x9e3779b1u & (power - 1);
	memset(d, 0, DATAGRAM);
	memcpy(d, header, sizeof(header));
	d[9] = b->kind == KIND_UDP ? PROTO_UDP : PROTO_TCP;
	store32(d + 12, 0x0a010000u + place / PORTS_PER_HOST);
	store32(d + 16, 0x0b000000u + (uint32_t)(((chance & UINT32_MAX) * 0x70000000u) >> 32));
	csum_store(d + 10, csum_of(d, 20));
	store16(d + 20, (uint16_t)(32768 + place % PORTS_PER_HOST * 1024 +
				   mix(place / PORTS_PER_HOST) % 1024));
	store16(d + 22, 443);
	store16(d + 24, DATAGRAM - 20);
}

enum { FIN = 1, SYN = 2, ACK = 16, ISN = 1000 };

static void make_segment(uint8_t *d, uint8_t flags, uint32_t sequence, uint32_t acknowledged)
{
	uint8_t *tcp = d + 20;

	store32(tcp + 4, sequence);
	store32(tcp + 8, acknowledged);
	store16(tcp + 12, (uint16_t)(0xb000 | flags)); /* all header: options of no operation */
	memset(tcp + 20, 1, DATAGRAM - 40);
	store16(tcp + 14, 0x4000);
}

static void exchange_ends(uint8_t *d)
{
	uint8_t was[4];

	memcpy(was, d + 12, 4);
	memcpy(d + 12, d + 16, 4);
	memcpy(d + 16, was, 4);
	memcpy(was, d + 20, 2);
	memcpy(d + 20, d + 22, 2);
	memcpy(d + 22, was, 2);
}

/* What left by one side comes back as an answer. */
static void answer(struct bench *b, enum nat_side from, uint8_t flags, uint32_t sequence,
		   uint32_t acknowledged)
{
	for (int i = 0; i < BATCH; i++) {
		exchange_ends(b->d[i]);
		make_segment(b->d[i], flags, sequence, acknowledged);
	}
	turn(b, from);
}

static void converse(struct bench *b)
{
	const uint32_t x = ISN, y = 2 * ISN;

	answer(b, SIDE_OUTSIDE, SYN | ACK, y, x + 1);
	answer(b, SIDE_INSIDE, ACK, x + 1, y + 1);
	answer(b, SIDE_OUTSIDE, FIN | ACK, y + 1, x + 1);
	answer(b, SIDE_INSIDE, FIN | ACK, x + 1, y + 2);
	answer(b, SIDE_OUTSIDE, ACK, y + 2, x + 2);
}

static void begin_batch(struct bench *b)
{
	for (int i = 0; i < BATCH; i++) {
		make_opening(b, b->d[i], b->begun++);
		if (b->kind != KIND_UDP)
			make_segment(b->d[i], SYN, ISN, 0);
	}
	turn(b, SIDE_INSIDE);
	if (b->kind == KIND_CLOSE)
		converse(b);
}

static uint32_t lifetime_ms(const struct bench *b)
{
	const struct nat_config c = nat_config_default();

	return c.timeout_ms[b->kind == KIND_UDP	 ? TIMEOUT_UDP
			    : b->kind == KIND_SYN ? TIMEOUT_TCP_OPENING
						  : TIMEOUT_TCP_CLOSING];
}

/* Open so many, in as much time as makes them a share of the live ones. */
static void pass(struct bench *b, uint32_t count)
{
	uint64_t begin = b->now_ms;

	b->turns.count = b->turns.sum = 0;
	for (uint32_t opened = 0; opened < count; opened += BATCH) {
		b->now_ms = begin + (uint64_t)opened * lifetime_ms(b) / b->sessions;
		begin_batch(b);
	}
}

/* The same at once. */
static void fill(struct bench *b)
{
	b->turns.count = b->turns.sum = 0;
	for (uint32_t opened = 0; opened < b->sessions; opened += BATCH)
		begin_batch(b);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static struct spread spread_of(struct turns *t)
{
	qsort(t->ns, t->count, sizeof(*t->ns), by_size);
	return (struct spread){ t->ns[t->count / 2] / 1e3,
				t->ns[t->count - 1 - t->count / 1000] / 1e3,
				t->ns[t->count - 1] / 1e3 };
}

/* All sessions are over at once, while more are opened. */
static void end_all(struct bench *b)
{
	b->now_ms += lifetime_ms(b) + TICK_MS;
	b->turns.count = b->turns.sum = 0;
	for (uint32_t ended = 0; ended < b->sessions; ended += BUDGET)
		begin_batch(b);
}

static struct result measure(enum way way, enum kind kind, uint32_t sessions)
{
	struct bench b = { .way = way, .kind = kind, .sessions = sessions };
	struct result r = { .way = way, .kind = kind, .sessions = sessions };
	uint32_t count = sessions > STEADY_LEAST ? sessions : STEADY_LEAST;
	size_t before = resident();
	uint64_t begin = thread_ns();

	bench_open(&b);
	r.start_ms = (double)(thread_ns() - begin) / 1e6;
	fill(&b);
	r.growth = spread_of(&b.turns);
	r.octets_resident = (double)(resident() - before) / sessions;
	r.octets_reserved = (double)b.size / b.c->nat.sessions;
	end_all(&b);
	r.ending = spread_of(&b.turns);
	pass(&b, sessions);
	pass(&b, count);
	r.ns = (double)b.turns.sum / count;
	r.steady = spread_of(&b.turns);
	bench_close(&b);
	return r;
}

static void print_spread(const char *name, struct spread s, bool json)
{
	printf(json ? ", \"%s_us\": { \"p50\": %.1f, \"p99.9\": %.1f, \"max\": %.1f }"
		    : "  %s %.1f / %.1f / %.1f",
	       name, s.p50, s.p999, s.most);
}

static void print_result(const struct result *r, bool json)
{
	printf(json ? "\"%s-%s-%u\": { \"sessions_per_second\": %.0f, \"ns_per_session\": %.1f"
		    : "%-4s %-5s %8u  %9.0f sessions/s, %6.1f ns; turns in us (p50 / p99.9 / max):",
	       way_names[r->way], kind_names[r->kind], r->sessions, 1e9 / r->ns, r->ns);
	print_spread("steady", r->steady, json);
	print_spread("growth", r->growth, json);
	print_spread("ending", r->ending, json);
	printf(json ? ", \"octets_resident\": %.1f, \"octets_reserved\": %.1f, \"start_ms\": %.1f }"
		    : "; octets per session %.1f resident, %.1f reserved; start %.1f ms",
	       r->octets_resident, r->octets_reserved, r->start_ms);
	if (!json)
		putchar('\n');
	fflush(stdout);
}

static void usage(void)
{
	fputs("usage: cps [--sessions N] [--way step|nat] [--kind udp|syn|close] [--json]\n", stderr);
	exit(2);
}

static int named(const char *name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return i;
	usage();
	return -1;
}

static struct options parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "sessions", required_argument, NULL, 's' }, { "way", required_argument, NULL, 'w' },
		{ "kind", required_argument, NULL, 'k' }, { "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .way = -1, .kind = -1 };
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (c) {
		case 's': o.sessions = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'w': o.way = named(optarg, way_names, WAY_COUNT); break;
		case 'k': o.kind = named(optarg, kind_names, KIND_COUNT); break;
		case 'j': o.json = true; break;
		default: usage();
		}
	if (o.sessions && (o.sessions < BUDGET || o.sessions > SESSIONS_MOST))
		usage();
	return o;
}

/* One of a kind and way, or all. */
static void run(const struct options *o, uint32_t sessions, bool *first)
{
	for (int way = 0; way < WAY_COUNT; way++)
		for (int kind = 0; kind < KIND_COUNT; kind++) {
			struct result r;

			if ((o->way >= 0 && o->way != way) || (o->kind >= 0 && o->kind != kind))
				continue;
			r = measure((enum way)way, (enum kind)kind, sessions);
			if (o->json)
				printf(*first ? "{ " : ", ");
			print_result(&r, o->json);
			*first = false;
		}
}

int main(int argc, char **argv)
{
	static const uint32_t usual[] = { 65536, 1048576 };
	struct options o = parse(argc, argv);
	bool first = true;

	if (o.sessions)
		run(&o, o.sessions, &first);
	for (size_t i = 0; !o.sessions && i < sizeof(usual) / sizeof(usual[0]); i++)
		run(&o, usual[i], &first);
	if (o.json)
		puts(" }");
	return 0;
}
