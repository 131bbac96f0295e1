/*
 * A gateway with three interfaces in memory, its workers stepped by hand at a time of the test's
 * own.
 *
 * Shape    lan0 and lan1 are inside, wan0 is outside; the pool is 198.51.100.2, and a router on
 *          lan0 leads to 10.9.0.0/16, which is not translated, and to 172.16.0.0/12, which has no
 *          policy. A struct setting changes that, a part at a time.
 * Promise  Whatever leaves is judged: lengths, every checksum, and that no inside address shows
 *          outside. rig_free() balances what came, what went and what was counted.
 */
#ifndef RIG_H
#define RIG_H

#include "packets.h"

#include <unistd.h>

#include "router/gateway.h"

enum { LAN0, LAN1, WAN0, INTERFACES };
enum { RIG_BURST = 64, RIG_TURNS_MOST = 100000 };

/* Parts of the configuration; what is not given is as usual. */
struct setting {
	unsigned workers;
	unsigned mtu[INTERFACES];
	const char *lan0, *lan1, *wan0; /* addresses: "\"10.0.0.1/24\", …" */
	const char *limits, *timeouts, *routes, *nat, *forwards, *rewrite, *log;
	unsigned seed;
	bool idents; /* given anew (RFC 7857 section 10) */
	bool mute[INTERFACES]; /* no ICMP errors */
	const char *reverse_path[INTERFACES];
	bool outer; /* lan1 is outside, too */
	const char *more; /* of the file, as it stands there */
};

#define RIG_LIMITS "sessions = 4096; sessions_per_host = 4096; fragments = 64;"
#define RIG_LAN0 "\"10.0.0.1/24\", \"2001:db8:1::1/64\""
#define RIG_LAN1 "\"10.0.1.1/24\", \"2001:db8:2::1/64\""
#define RIG_WAN0 "\"198.51.100.1/24\", \"2001:db8:f::1/64\""
#define RIG_INNER \
	"{ prefix = \"10.9.0.0/16\"; interface = \"lan0\"; via = \"10.0.0.254\"; }," \
	"{ prefix = \"172.16.0.0/12\"; interface = \"lan0\"; via = \"10.0.0.254\"; }"
#define RIG_ROUTES \
	"{ prefix = \"0.0.0.0/0\"; interface = \"wan0\"; via = \"198.51.100.254\"; }," \
	"{ prefix = \"::/0\"; interface = \"wan0\"; via = \"2001:db8:f::fe\"; }," RIG_INNER
#define RIG_OPEN "{ name = \"open\"; match = \"10.9.0.0/16\"; type = \"none\"; }"
/* The translated hosts, with a pool and more keys. */
#define RIG_NAT(pool, more) RIG_OPEN \
	", { name = \"home\"; match = \"10.0.0.0/16\"; type = \"napt44\";" \
	"  pool = [ " pool " ]; " more " }"

#define RIG_WIDTHS(...) { { .workers = 1, __VA_ARGS__ }, { .workers = 2, __VA_ARGS__ }, \
			  { .workers = 4, __VA_ARGS__ } }
#define RIG_ROW(test, setting, name) \
	{ #test " (" name ")", test, rig_set_up, rig_tear_down, (void *)(uintptr_t)(setting) }
/* A test with each number of workers: three rows. */
#define RIG_ROWS(test, settings) RIG_ROW(test, &settings[0], "1 worker"), \
	RIG_ROW(test, &settings[1], "2 workers"), RIG_ROW(test, &settings[2], "4 workers")

/* The same for tests that make and free their rigs themselves, from the setting in *state. */
#define RIG_BARE_ROW(test, setting, name) \
	{ #test " (" name ")", test, NULL, NULL, (void *)(uintptr_t)(setting) }
#define RIG_BARE_ROWS(test, settings) RIG_BARE_ROW(test, &settings[0], "1 worker"), \
	RIG_BARE_ROW(test, &settings[1], "2 workers"), RIG_BARE_ROW(test, &settings[2], "4 workers")

struct rig {
	struct gateway *gateway;
	uint16_t workers;
	uint16_t queue; /* worker by which the next datagram comes in */
	nat_time now;
	uint64_t pushed, pushed_octets, pulled, pulled_octets;
	uint64_t pieces; /* datagrams that fragmentation made beyond those it cut */
};

static inline const char *rig_or(const char *text, const char *usual)
{
	return text ? text : usual;
}

static inline void rig_write(FILE *f, const struct setting *s)
{
	static const char *const names[] = { "lan0", "lan1", "wan0" };
	const char *addresses[] = { rig_or(s->lan0, RIG_LAN0), rig_or(s->lan1, RIG_LAN1),
				    rig_or(s->wan0, RIG_WAN0) };

	fprintf(f, "workers = %u; control = \"\"; seed = %u;\n", s->workers, s->seed ? s->seed : 7);
	fprintf(f, "unique_idents = %s;\n", s->idents ? "true" : "false");
	fprintf(f, "limits = { %s };\n", rig_or(s->limits, RIG_LIMITS));
	fprintf(f, "timeouts = { %s };\ninterfaces = (\n", rig_or(s->timeouts, ""));
	for (size_t i = 0; i < INTERFACES; i++)
		fprintf(f, "{ name = \"%s\"; type = \"mem\"; side = \"%s\";"
			   "  mtu = %u; icmp_errors = %s; %s%s%s address = [ %s ]; }%s\n",
			names[i], i == WAN0 || (i == LAN1 && s->outer) ? "outside" : "inside", s->mtu[i],
			s->mute[i] ? "false" : "true",
			s->reverse_path[i] ? "reverse_path = \"" : "",
			rig_or(s->reverse_path[i], ""), s->reverse_path[i] ? "\";" : "", addresses[i],
			i == WAN0 ? " );" : ",");
	fprintf(f, "routes = ( %s );\n", rig_or(s->routes, RIG_ROUTES));
	fprintf(f, "nat = ( %s );\n", rig_or(s->nat, RIG_NAT("\"198.51.100.2\"", "")));
	fprintf(f, "forwards = ( %s );\n", rig_or(s->forwards, ""));
	fprintf(f, "rewrite = ( %s );\n", rig_or(s->rewrite, ""));
	fprintf(f, "log = { %s };\n%s\n", rig_or(s->log, ""), rig_or(s->more, ""));
}

static inline struct conf *rig_conf(const struct setting *s)
{
	char name[] = P_tmpdir "/rig.XXXXXX";
	int fd = mkstemp(name);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	struct conf *c;

	assert_non_null(f);
	rig_write(f, s);
	assert_int_equal(fclose(f), 0);
	c = conf_read(name, stderr);
	unlink(name);
	assert_non_null(c);
	return c;
}

static inline struct rig *rig_new(const struct setting *s)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct io_error error;

	assert_non_null(r);
	r->workers = (uint16_t)s->workers;
	r->now = (nat_time){ 1000000 };
	if (gateway_open(&r->gateway, rig_conf(s), &error))
		fail_msg("%s", error.text);
	return r;
}

/* Turns of all workers until none has anything to do. */
static inline void rig_settle(struct rig *r)
{
	size_t worked = 1;

	for (unsigned turn = 0; worked; turn++) {
		assert_true(turn < RIG_TURNS_MOST);
		worked = 0;
		for (uint16_t i = 0; i < r->workers; i++)
			worked += worker_step(r->gateway->workers[i], r->now);
	}
}

static inline void rig_later(struct rig *r, uint64_t ms)
{
	r->now.ms += ms;
	rig_settle(r);
}

static inline struct counters rig_counters(const struct rig *r)
{
	struct counters sum = { 0 };
	uint64_t *to = (uint64_t *)(void *)&sum;

	for (uint16_t i = 0; i < r->workers; i++) {
		struct counters one = worker_counters(r->gateway->workers[i]);
		const uint64_t *from = (const uint64_t *)(const void *)&one;

		for (size_t k = 0; k < sizeof(sum) / sizeof(*to); k++)
			to[k] += from[k];
	}
	return sum;
}

static inline uint64_t rig_reason(const struct rig *r, enum reason reason)
{
	return rig_counters(r).reasons[reason];
}

/* By the queue of one worker. */
static inline void rig_push_at(struct rig *r, size_t interface, uint16_t worker,
			       const struct packet *p)
{
	assert_int_equal(io_mem_push(r->gateway->ios[interface], worker, p->octets, p->len), 0);
	r->pushed++;
	r->pushed_octets += p->len;
}

/* By the queues of all workers in turn, as from a device that knows nothing of owners. */
static inline void rig_push(struct rig *r, size_t interface, const struct packet *p)
{
	rig_push_at(r, interface, r->queue, p);
	r->queue = (uint16_t)((r->queue + 1) % r->workers);
}

/* One datagram each of so many sessions, from ports 5000 on, to 203.0.113.9:53; in bursts. */
static inline void rig_push_sessions(struct rig *r, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const char *way = WAY("10.0.0.%u:%u > 203.0.113.9:53", 2 + i % 200, 5000 + i);
		struct packet p = udp(way, 1);

		rig_push(r, LAN0, &p);
		if (i % RIG_BURST == 0)
			rig_settle(r);
	}
	rig_settle(r);
}

/* An address that must not be seen outside: an inside one that is translated. */
static inline bool rig_is_secret(const uint8_t *a)
{
	return (a[0] == 10 && a[1] != 9) || (a[0] == 172 && (a[1] & 0xf0) == 16);
}

static inline void rig_judge(size_t interface, const struct packet *p)
{
	const uint8_t *ip = p->octets, *quote = ip + packet_header(ip) + 8;

	packet_judge(p);
	if (interface != WAN0 || !packet_is_v4(ip))
		return;
	assert_false(rig_is_secret(ip + 12));
	if (!packet_is_fragment(ip) && packet_is_icmp_error(ip))
		assert_false(rig_is_secret(quote + 12) || rig_is_secret(quote + 16));
}

/* What left by an interface, the oldest of a worker first; false if there is nothing. */
static inline bool rig_pull(struct rig *r, size_t interface, struct packet *p)
{
	p->len = 0;
	for (uint16_t i = 0; !p->len && i < r->workers; i++)
		p->len = io_mem_pull(r->gateway->ios[interface], i, p->octets, PACKET_ROOM);
	if (!p->len)
		return false;
	assert_true(p->len <= PACKET_ROOM);
	rig_judge(interface, p);
	r->pulled++;
	r->pulled_octets += p->len;
	return true;
}

static inline struct packet rig_take(struct rig *r, size_t interface)
{
	struct packet p;

	assert_true(rig_pull(r, interface, &p));
	return p;
}

/* Empty an interface; returns how many there were. */
static inline size_t rig_drain(struct rig *r, size_t interface)
{
	struct packet p;
	size_t count = 0;

	while (rig_pull(r, interface, &p))
		count++;
	return count;
}

static inline void rig_expect_silence(struct rig *r)
{
	for (size_t i = 0; i < INTERFACES; i++)
		assert_int_equal(rig_drain(r, i), 0);
}

/* Reasons that grew, as text for messages: "ttl_exceeded 1 ". */
static inline void rig_assert_reasons(const struct rig *r, const struct counters *was,
				      enum reason expected)
{
	struct counters is = rig_counters(r);

	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		if (is.reasons[i] - was->reasons[i] != ((enum reason)i == expected ? 1 : 0))
			fail_msg("%s counted %d times", reason_name((enum reason)i),
				 (int)(is.reasons[i] - was->reasons[i]));
}

/* One datagram in, the one that comes of it out, and nothing else. */
static inline struct packet rig_pass(struct rig *r, size_t in, const struct packet *p, size_t out)
{
	struct counters was = rig_counters(r);
	struct packet result;

	rig_push(r, in, p);
	rig_settle(r);
	rig_assert_reasons(r, &was, REASON_NONE);
	result = rig_take(r, out);
	rig_expect_silence(r);
	return result;
}

/* One datagram in, which ends for this reason and is told to nobody. */
static inline void rig_refuse(struct rig *r, size_t in, const struct packet *p, enum reason reason)
{
	struct counters was = rig_counters(r);

	rig_push(r, in, p);
	rig_settle(r);
	rig_assert_reasons(r, &was, reason);
	rig_expect_silence(r);
}

/* One datagram in, which ends for this reason; the ICMP error that goes back. */
static inline struct packet rig_error(struct rig *r, size_t in, const struct packet *p,
				      enum reason reason)
{
	struct counters was = rig_counters(r);
	struct packet error;

	rig_push(r, in, p);
	rig_settle(r);
	rig_assert_reasons(r, &was, reason);
	assert_int_equal(rig_counters(r).errors_sent, was.errors_sent + 1);
	error = rig_take(r, in);
	rig_expect_silence(r);
	return error;
}

/* Turns in threads of their own, as gateway_start() makes them; gateway_stop() would end them. */
struct rig_runner { struct worker *worker; const bool *stop; };

static inline void *rig_run(void *argument)
{
	struct rig_runner runner = *(struct rig_runner *)argument;

	free(argument);
	worker_run(runner.worker, runner.stop);
	return NULL;
}

static inline void rig_start_threads(struct rig *r)
{
	struct gateway *g = r->gateway;

	g->stop = false;
	for (; g->threads_running < r->workers; g->threads_running++) {
		struct rig_runner *runner = malloc(sizeof(*runner));

		assert_non_null(runner);
		*runner = (struct rig_runner){ g->workers[g->threads_running], &g->stop };
		assert_int_equal(pthread_create(&g->threads[g->threads_running], NULL, rig_run,
						runner), 0);
	}
}

/* From here on turns are by hand again, at the time that is. */
static inline void rig_stop_threads(struct rig *r)
{
	struct gateway *g = r->gateway;
	const uint64_t one = 1;

	if (!g->threads_running)
		return;
	__atomic_store_n(&g->stop, true, __ATOMIC_RELAXED);
	while (g->threads_running) {
		size_t i = --g->threads_running;

		assert_int_equal(write(g->links.wakeups[i], &one, sizeof(one)), sizeof(one));
		assert_int_equal(pthread_join(g->threads[i], NULL), 0);
	}
	r->now = gateway_now();
}

/* Everything that came in went out, was cut into pieces, was answered, or ended for one reason. */
static inline void rig_balance(struct rig *r)
{
	struct counters c;
	struct link_counters sum = { 0 };
	uint64_t ends = 0;

	rig_later(r, 60000);
	for (size_t i = 0; i < INTERFACES; i++)
		rig_drain(r, i);
	c = rig_counters(r);
	for (size_t i = 0; i < INTERFACES; i++) {
		sum.packets_in += c.links[i].packets_in;
		sum.octets_in += c.links[i].octets_in;
		sum.packets_out += c.links[i].packets_out;
		sum.octets_out += c.links[i].octets_out;
	}
	for (int i = 0; i < REASON_COUNT; i++)
		ends += c.reasons[i];
	assert_int_equal(sum.packets_in, r->pushed);
	assert_int_equal(sum.octets_in, r->pushed_octets);
	assert_int_equal(sum.packets_out, r->pulled);
	assert_int_equal(sum.octets_out, r->pulled_octets);
	assert_int_equal(c.reasons[REASON_NONE], r->pulled);
	assert_int_equal(c.pieces, r->pieces);
	assert_int_equal(ends, r->pushed + r->pieces + c.errors_sent +
				       c.reasons[REASON_ERROR_LIMIT]);
}

static inline void rig_free(struct rig *r)
{
	rig_stop_threads(r);
	rig_balance(r);
	gateway_stop(r->gateway);
	free(r);
}

static inline int rig_set_up(void **state)
{
	*state = rig_new(*state);
	return 0;
}

static inline int rig_tear_down(void **state)
{
	rig_free(*state);
	return 0;
}

#endif
