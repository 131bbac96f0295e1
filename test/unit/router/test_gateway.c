/* The gateway as a whole: reloads, questions to running workers, start and stop. */
#include "rig.h"

#include <errno.h>
#include <time.h>

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting brief = {
	.workers = 1,
	.limits = "sessions = 32768; sessions_per_host = 32768;",
	.timeouts = "udp = 1; allow_short = true;",
};

#define PROHIBITED ", { prefix = \"203.0.113.128/25\"; type = \"prohibit\"; }"
#define FORWARD \
	"{ proto = \"udp\"; external = \"198.51.100.2:8080\"; internal = \"10.0.0.20:80\"; }"

static struct setting as(const struct rig *r)
{
	return (struct setting){ .workers = r->workers };
}

static int reload_with(struct rig *r, const struct setting *s, struct io_error *error)
{
	return gateway_reload(r->gateway, rig_conf(s), error);
}

static void reload(struct rig *r, const struct setting *s)
{
	struct io_error error;

	if (reload_with(r, s, &error))
		fail_msg("%s", error.text);
}

static void a_reload_changes_routes(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);

	rig_pass(r, LAN0, &sent, WAN0);
	s.routes = RIG_ROUTES ", { prefix = \"203.0.113.0/24\"; type = \"blackhole\"; }";
	reload(r, &s);
	rig_refuse(r, LAN0, &sent, REASON_BLACKHOLE);
	s.routes = RIG_ROUTES ", { prefix = \"203.0.113.0/24\"; via = \"10.0.1.9\"; }";
	reload(r, &s);
	rig_pass(r, LAN0, &sent, LAN1);
	s.routes = NULL;
	reload(r, &s);
	rig_pass(r, LAN0, &sent, WAN0);
}

static void a_reload_changes_forwards(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);
	struct packet sent = udp("203.0.113.9:53 > 198.51.100.2:8080", 10), out;

	rig_refuse(r, WAN0, &sent, REASON_NO_MAPPING);
	s.forwards = FORWARD;
	reload(r, &s);
	out = rig_pass(r, WAN0, &sent, LAN0);
	assert_way(&out, "203.0.113.9:53 > 10.0.0.20:80");
	s.forwards = NULL;
	reload(r, &s);
	sent = udp("203.0.113.77:53 > 198.51.100.2:8081", 10);
	rig_refuse(r, WAN0, &sent, REASON_NO_MAPPING);
}

/* What a forward that is gone had let in goes on (gateway.h: sessions stay). */
static void sessions_of_a_forward_stay(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);
	struct packet sent = udp("203.0.113.9:53 > 198.51.100.2:8080", 10), out;

	s.forwards = FORWARD;
	reload(r, &s);
	rig_pass(r, WAN0, &sent, LAN0);
	s.forwards = NULL;
	reload(r, &s);
	out = rig_pass(r, WAN0, &sent, LAN0);
	out = reply(&out);
	out = rig_pass(r, LAN0, &out, WAN0);
	assert_way(&out, "198.51.100.2:8080 > 203.0.113.9:53");
}

static void a_reload_changes_policies_and_rules(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10), out;
	struct packet stranger = udp("203.0.113.77:53 > 198.51.100.2:5002", 10);

	s.nat = RIG_NAT("\"198.51.100.2\"", "filtering = \"endpoint-independent\";");
	s.rewrite = "{ match = \"out wan0\"; ttl = 99; }";
	reload(r, &s);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(*packet_ttl(&out), 99);
	sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 10);
	rig_pass(r, LAN0, &sent, WAN0);
	rig_pass(r, WAN0, &stranger, LAN0);
}

static void a_reload_changes_timeouts(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);
	struct packet answer = udp("203.0.113.9:53 > 198.51.100.2:5000", 10);

	s.timeouts = "udp = 600;";
	rig_pass(r, LAN0, &sent, WAN0);
	reload(r, &s);
	rig_later(r, 599000);
	rig_pass(r, WAN0, &answer, LAN0);
	s.timeouts = "udp = 120;";
	reload(r, &s);
	rig_later(r, 2000);
	rig_refuse(r, WAN0, &answer, REASON_NO_MAPPING);
	rig_pass(r, LAN0, &sent, WAN0);
	rig_later(r, 119000);
	rig_pass(r, WAN0, &answer, LAN0);
	rig_later(r, 1500);
	rig_refuse(r, WAN0, &answer, REASON_NO_MAPPING);
}

/* A shorter timeout is one for sessions that are there, too. */
static void a_shorter_timeout_ends_sessions_sooner(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);
	struct packet answer = udp("203.0.113.9:53 > 198.51.100.2:5000", 10);

	rig_pass(r, LAN0, &sent, WAN0);
	s.timeouts = "udp = 120;";
	reload(r, &s);
	rig_later(r, 119000);
	rig_pass(r, WAN0, &answer, LAN0);
	rig_later(r, 1500);
	rig_refuse(r, WAN0, &answer, REASON_NO_MAPPING);
}

static void sessions_stay(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);

	for (unsigned i = 0; i < 100; i++) {
		struct packet sent = udp(WAY("10.0.0.%u:5000 > 203.0.113.9:53", 10 + i), 10);
		struct packet before = rig_pass(r, LAN0, &sent, WAN0), after;

		s.routes = i % 2 ? NULL : RIG_ROUTES PROHIBITED;
		reload(r, &s);
		after = rig_pass(r, LAN0, &sent, WAN0);
		assert_memory_equal(before.octets, after.octets, before.len);
		after = reply(&after);
		rig_pass(r, WAN0, &after, LAN0);
	}
}

/* What sized the gateway cannot change, and then nothing does. */
static void refuse_reload(struct rig *r, struct setting s, const char *what)
{
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10), out;
	const struct snapshot *before = r->gateway->snapshot;
	struct io_error error = { "" };

	s.routes = RIG_INNER;
	s.rewrite = "{ match = \"out wan0\"; ttl = 99; }";
	assert_int_equal(reload_with(r, &s, &error), -EINVAL);
	if (!strstr(error.text, what))
		fail_msg("\"%s\" does not speak of %s", error.text, what);
	assert_null(strchr(error.text, '\n'));
	assert_ptr_equal(r->gateway->snapshot, before);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_way(&out, "198.51.100.2:5000 > 203.0.113.9:53");
	assert_int_equal(*packet_ttl(&out), 63);
	out = reply(&out);
	rig_pass(r, WAN0, &out, LAN0);
}

static void what_sized_the_gateway_stays(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);

	s.nat = RIG_NAT("\"198.51.100.2-198.51.100.3\"", "");
	refuse_reload(r, s, "pool");
	s = as(r);
	s.limits = "sessions = 8192; sessions_per_host = 4096; fragments = 64;";
	refuse_reload(r, s, "sessions");
	s.limits = "sessions = 4096; sessions_per_host = 4096; fragments = 65;";
	refuse_reload(r, s, "fragments");
	s = as(r);
	s.workers = r->workers + 1u;
	refuse_reload(r, s, "workers");
	s = as(r);
	s.mtu[LAN0] = 1400;
	refuse_reload(r, s, "interfaces");
	s = as(r);
	s.lan1 = "\"10.0.1.1/25\"";
	refuse_reload(r, s, "interfaces");
}

/* Between two workers, when everything it was routed by is replaced. */
static void frames_on_their_way_survive_a_reload(void **state)
{
	struct rig *r = *state;
	struct setting s = as(r);
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 10), out;

	for (unsigned i = 0; i < 20; i++) {
		rig_push_at(r, LAN0, 0, &sent);
		worker_step(r->gateway->workers[0], r->now);
		s.routes = i % 2 ? NULL : "{ prefix = \"0.0.0.0/0\"; via = \"198.51.100.200\"; }";
		reload(r, &s);
		rig_settle(r);
		out = rig_take(r, WAN0);
		assert_way(&out, "198.51.100.2:5002 > 203.0.113.9:53");
	}
}

static void open_sessions(struct rig *r, unsigned count)
{
	r->now = gateway_now();
	rig_push_sessions(r, count);
	assert_int_equal(rig_drain(r, WAN0), count);
}

/* All sessions of all workers by their inside ports, each once. */
static size_t list_sessions(struct rig *r, uint8_t seen[static 65536])
{
	struct worker_answer *a = calloc(1, sizeof(*a));
	const struct gateway *g = r->gateway;
	size_t count = 0;

	assert_non_null(a);
	for (uint16_t i = 0; i < r->workers; i++) {
		a->more = true;
		for (a->cursor = 0; a->more;) {
			assert_int_equal(worker_ask(g->workers[i], ASK_SESSIONS, a->cursor, a), 0);
			assert_true(a->count <= WORKER_ANSWER_MOST);
			for (size_t k = 0; k < a->count; k++)
				seen[be16_host(a->sessions[k].inside.port)]++;
			count += a->count;
			assert_true(count <= 65536);
		}
	}
	free(a);
	return count;
}

static void running_workers_list_all_sessions(void **state)
{
	enum { SESSIONS = 3000 };
	struct rig *r = *state;
	uint8_t *seen = calloc(1, 65536);

	assert_non_null(seen);
	open_sessions(r, SESSIONS);
	rig_start_threads(r);
	assert_int_equal(list_sessions(r, seen), SESSIONS);
	for (unsigned i = 0; i < SESSIONS; i++)
		assert_int_equal(seen[5000 + i], 1);
	rig_stop_threads(r);
	free(seen);
}

static void running_workers_list_mappings_and_gauges(void **state)
{
	struct rig *r = *state;
	struct worker_answer *a = calloc(1, sizeof(*a));
	size_t mappings = 0, sessions = 0;

	assert_non_null(a);
	open_sessions(r, 700);
	rig_start_threads(r);
	for (uint16_t i = 0; i < r->workers; i++) {
		struct worker *w = r->gateway->workers[i];

		assert_int_equal(worker_ask(w, ASK_GAUGES, 0, a), 0);
		sessions += a->gauges.sessions;
		a->more = true;
		for (a->cursor = 0; a->more; mappings += a->count) {
			assert_int_equal(worker_ask(w, ASK_MAPPINGS, a->cursor, a), 0);
			assert_true(mappings < 65536);
		}
	}
	assert_int_equal(sessions, 700);
	assert_int_equal(mappings, 700);
	rig_stop_threads(r);
	free(a);
}

/* Without a packet to wake it: what is over does not stay for longer than it takes to end it. */
static void idle_workers_end_sessions(void **state)
{
	enum { SESSIONS = 30000 };
	struct rig *r = *state;
	struct worker_answer *a = calloc(1, sizeof(*a));
	const struct timespec half_a_second = { .tv_nsec = 500000000 };

	assert_non_null(a);
	r->now.ms = gateway_now().ms - 2000;
	rig_push_sessions(r, SESSIONS);
	assert_int_equal(rig_drain(r, WAN0), SESSIONS);
	rig_start_threads(r);
	/* To ask would wake it. */
	nanosleep(&half_a_second, NULL);
	assert_int_equal(worker_ask(r->gateway->workers[0], ASK_GAUGES, 0, a), 0);
	assert_int_equal(a->gauges.sessions, 0);
	assert_int_equal(a->gauges.sessions_ended, SESSIONS);
	rig_stop_threads(r);
	free(a);
}

/* A worker that does not run is stuck; it is not harmed by having been asked. */
static void stuck_workers_are_given_up(void **state)
{
	struct rig *r = *state;
	struct worker_answer *a = calloc(1, sizeof(*a));
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);

	assert_non_null(a);
	assert_int_equal(worker_ask(r->gateway->workers[0], ASK_GAUGES, 0, a), -ETIMEDOUT);
	free(a);
	rig_pass(r, LAN0, &sent, WAN0);
}

/* Traffic without end, while routes change and somebody asks. */
static void everything_at_once(void **state)
{
	static const enum worker_question questions[] = { ASK_SESSIONS, ASK_MAPPINGS, ASK_GAUGES };
	struct rig *r = rig_new(*state);
	struct gateway *g = r->gateway;
	struct setting s = as(r);
	struct worker_answer *a = calloc(1, sizeof(*a));
	uint64_t sent = 0;

	assert_non_null(a);
	for (unsigned i = 0; i < 256; i++) {
		const char *way = WAY("10.0.0.10:%u > 203.0.113.%u:53", 5000 + i, i);
		struct packet p = i % 16 ? udp(way, 10) : with_ttl(udp(way, 10), 1);
		rig_push(r, LAN0, &p);
	}
	for (uint16_t i = 0; i < r->workers; i++)
		for (size_t k = 0; k < INTERFACES; k++)
			io_mem_loop(g->ios[k], i, true);
	rig_start_threads(r);
	for (unsigned i = 0; i < 24; i++) {
		s.routes = i % 2 ? NULL : RIG_ROUTES PROHIBITED;
		s.forwards = i % 3 ? FORWARD : NULL;
		reload(r, &s);
		for (uint16_t k = 0; k < r->workers; k++)
			assert_int_equal(worker_ask(g->workers[k], questions[i % 3], 0, a), 0);
		gateway_tick(g);
		sent = rig_counters(r).reasons[REASON_NONE];
	}
	assert_true(sent > 0);
	gateway_stop(g);
	free(a);
	free(r);
}

static void starts_and_stops(void **state)
{
	const struct setting *s = *state;
	struct worker_answer *a = calloc(1, sizeof(*a));
	struct io_error error;
	struct gateway *g;

	assert_non_null(a);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(gateway_start(&g, rig_conf(s), &error), 0);
		assert_int_equal(g->threads_running, s->workers);
		for (uint16_t k = 0; i % 2 && k < s->workers; k++) {
			assert_int_equal(worker_ask(g->workers[k], ASK_GAUGES, 0, a), 0);
			assert_int_equal(a->gauges.sessions, 0);
		}
		gateway_stop(g);
	}
	free(a);
}

/* Frames that lie in rings, in queues and among the held ones. */
static void stops_with_frames_on_their_way(void **state)
{
	struct rig *r = rig_new(*state);
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 10);
	struct packet later = with_fragment(sent, 0x2002);

	for (unsigned i = 0; i < 100; i++) {
		rig_push_at(r, LAN0, 0, &sent);
		rig_push_at(r, LAN0, 0, &later);
	}
	worker_step(r->gateway->workers[0], r->now);
	worker_step(r->gateway->workers[r->workers - 1], r->now);
	gateway_stop(r->gateway);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(a_reload_changes_routes, plain),
		RIG_ROWS(a_reload_changes_forwards, plain),
		RIG_ROWS(sessions_of_a_forward_stay, plain),
		RIG_ROWS(a_reload_changes_policies_and_rules, plain),
		RIG_ROWS(a_reload_changes_timeouts, plain),
		RIG_ROWS(a_shorter_timeout_ends_sessions_sooner, plain),
		RIG_ROWS(sessions_stay, plain),
		RIG_ROWS(what_sized_the_gateway_stays, plain),
		RIG_ROWS(frames_on_their_way_survive_a_reload, plain),
		RIG_ROWS(running_workers_list_all_sessions, plain),
		RIG_ROWS(running_workers_list_mappings_and_gauges, plain),
		RIG_ROW(idle_workers_end_sessions, &brief, "1 worker"),
		RIG_ROW(stuck_workers_are_given_up, &plain[0], "1 worker"),
		RIG_BARE_ROWS(everything_at_once, plain),
		RIG_BARE_ROWS(starts_and_stops, plain),
		RIG_BARE_ROWS(stops_with_frames_on_their_way, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
