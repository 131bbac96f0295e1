/* Datagrams under way while sessions end or the configuration is another: one session may have another's
 * record or outside endpoint, one route another's number. */
#include "pieces.h"

enum { PRESSURE_MS = 31000, UDP_MS = 301000, SESSIONS = 3000, FRAGMENTS = 16 };

static const struct setting crowded = {
	.workers = 1,
	.limits = RIG_LIMITS " half_open = 1;",
	.forwards = "{ proto = \"tcp\"; external = \"198.51.100.2:80\";"
		    "  internal = \"10.0.0.10:80\"; },"
		    "{ proto = \"tcp\"; external = \"198.51.100.2:81\";"
		    "  internal = \"10.0.1.10:80\"; }",
};

/* What the buffers had before must not matter. */
static void fill_buffers(struct rig *r)
{
	struct packet other = udp_between("2001:db8:1::10", "2001:db8:f::9");

	for (int i = 0; i < FRAGMENTS; i++)
		rig_push(r, LAN0, &other);
	rig_settle(r);
	assert_int_equal(rig_drain(r, WAN0), FRAGMENTS);
}

/* Who has waited gives way to a datagram in pieces, which notes nothing itself. */
static void what_ended_is_not_noted_for_another(void **state)
{
	struct rig *r = *state;
	struct packet first = tcp("203.0.113.9:1000 > 198.51.100.2:80", SYN, 1, 0, 0);
	struct packet other = tcp("203.0.113.9:1000 > 198.51.100.2:81", SYN, 1, 0, 64);
	struct packet head = piece(&other, 0, 40), tail = piece(&other, 40, 84), out;

	rig_pass(r, WAN0, &first, LAN0);
	rig_later(r, PRESSURE_MS);
	fill_buffers(r);
	rig_push(r, WAN0, &first);
	rig_push(r, WAN0, &head);
	rig_push(r, WAN0, &tail);
	rig_settle(r);
	assert_int_equal(rig_drain(r, LAN0), 1);
	assert_int_equal(rig_drain(r, LAN1), 2);
	out = rig_pass(r, WAN0, &other, LAN1);
	assert_way(&out, "203.0.113.9:1000 > 10.0.1.10:80");
}

/* Nobody knows any more what its sender had sent. */
static void what_ended_is_not_quoted_as_anothers(void **state)
{
	struct rig *r = *state;
	struct packet first = tcp("203.0.113.9:1000 > 198.51.100.2:80", SYN, 1, 0, 0);
	struct packet other = tcp("203.0.113.77:1000 > 198.51.100.2:81", SYN, 1, 0, 0);
	struct packet last = with_ttl(first, 1);

	rig_pass(r, WAN0, &first, LAN0);
	rig_later(r, PRESSURE_MS);
	rig_push(r, WAN0, &last);
	rig_push(r, WAN0, &other);
	rig_settle(r);
	assert_int_equal(rig_reason(r, REASON_TTL), 1);
	assert_int_equal(rig_drain(r, LAN1), 1);
	rig_expect_silence(r);
}

/* Ports do not rest. */
static const struct setting strict = {
	.workers = 2,
	.nat = RIG_NAT("\"198.51.100.2\"", "filtering = \"address-and-port-dependent\";"),
};

/* Worker 0 hands on what comes, and worker 1 finds it all at once, when more sessions are over than it
 * ends in a turn: the first to begin is the last to end. */
static void who_has_its_port_now_is_elsewhere(void **state)
{
	struct rig *r = *state;
	struct worker **workers = r->gateway->workers;
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 10), answer, back;
	struct packet other = udp("10.0.1.20:5002 > 203.0.113.9:53", 10);
	const struct { size_t interface; const struct packet *p; } later[] = {
		{ WAN0, &answer }, { LAN1, &other }, { WAN0, &answer },
	};

	back = rig_pass(r, LAN0, &sent, WAN0);
	assert_way(&back, "198.51.100.2:5002 > 203.0.113.9:53");
	answer = reply(&back);
	rig_pass(r, WAN0, &answer, LAN0);
	rig_push_sessions(r, SESSIONS);
	rig_drain(r, WAN0);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		rig_push_at(r, later[i].interface, 0, later[i].p);
		worker_step(workers[0], r->now);
	}
	r->now.ms += UDP_MS;
	worker_step(workers[1], r->now);
	assert_int_equal(rig_reason(r, REASON_NO_MAPPING), 1);
	back = rig_take(r, WAN0);
	assert_way(&back, "198.51.100.2:5002 > 203.0.113.9:53");
	back = rig_take(r, LAN1);
	assert_way(&back, "203.0.113.9:53 > 10.0.1.20:5002");
	rig_expect_silence(r);
}

/* Numbers of routes follow from the addresses there are. */
#define POOL_OF(addresses) \
	{ .workers = 2, .nat = RIG_NAT(addresses, "ports = \"20000-60000\";") }
static const struct setting full = POOL_OF("\"198.51.100.1\", \"198.51.100.2\"");
static const struct setting reduced = POOL_OF("\"198.51.100.2\"");

static void reload(struct rig *r, const struct setting *s)
{
	struct io_error error;

	assert_int_equal(gateway_reload(r->gateway, rig_conf(s), &error), 0);
}

/* Fragments are routed before they are handed to whoever gathers them. */
static void what_was_handed_goes_where_routes_lead_now(void **state)
{
	struct rig *r = *state;

	reload(r, &reduced);
	rig_settle(r);
	for (unsigned i = 1; i <= FRAGMENTS; i++) {
		struct packet sent = udp(WAY("10.0.0.10:5000 > 203.0.113.%u:53", i), LEN);
		struct packet first = third(&sent, 0);

		rig_push_at(r, LAN0, 0, &first);
	}
	worker_step(r->gateway->workers[0], r->now);
	assert_in_range(rig_counters(r).handed_off, 1, FRAGMENTS);
	reload(r, &full);
	rig_settle(r);
	assert_int_equal(rig_drain(r, WAN0), FRAGMENTS);
	rig_expect_silence(r);
}

/* Known to worker 1 by its inside port, to worker 2 by the outside port of the forward. */
static const struct setting plain = { .workers = 4 };
static const struct setting forwarding = {
	.workers = 4,
	.forwards = "{ proto = \"udp\"; external = \"198.51.100.2:8084\";"
		    "  internal = \"10.0.0.10:5002\"; }",
};

/* Routed by one worker before a route is another, and translated by the next one after that. */
static void what_was_routed_before_is_not_noted(void **state)
{
	struct rig *r = *state;
	struct worker **workers = r->gateway->workers;
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 10);
	struct route dead = { .hop = { .kind = HOP_BLACKHOLE }, .origin = ORIGIN_STATIC };

	assert_true(prefix_parse(&dead.prefix, "203.0.113.9/32"));
	rig_push_at(r, LAN0, 0, &sent);
	worker_step(workers[0], r->now);
	reload(r, &forwarding);
	worker_step(workers[1], r->now);
	assert_int_equal(rig_counters(r).handed_off, 2);
	assert_int_equal(rib_add(r->gateway->snapshot->rib, &dead), 0);
	rig_settle(r);
	rig_drain(r, WAN0);
	rig_refuse(r, LAN0, &sent, REASON_BLACKHOLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROW(what_ended_is_not_noted_for_another, &crowded, "1 worker"),
		RIG_ROW(what_ended_is_not_quoted_as_anothers, &crowded, "1 worker"),
		RIG_ROW(who_has_its_port_now_is_elsewhere, &strict, "2 workers"),
		RIG_ROW(what_was_handed_goes_where_routes_lead_now, &full, "2 workers"),
		RIG_ROW(what_was_routed_before_is_not_noted, &plain, "4 workers"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
