/* Workers that hand frames to one another: once each, counted, and buffers come home. */
#include "rig.h"

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting forwarding[] = RIG_WIDTHS(
	.forwards = "{ proto = \"udp\"; external = \"198.51.100.2:8080\";"
		    "  internal = \"10.0.0.20:83\"; }");
/* No policy none: what stays inside cannot be the answer to an untranslated host. */
static const struct setting closed[] = RIG_WIDTHS(
	.nat = "{ name = \"home\"; match = \"10.0.0.0/16\"; type = \"napt44\";"
	       "  pool = [ \"198.51.100.2\" ]; }");
static const struct setting brief[] = RIG_WIDTHS(
	.mtu = { [WAN0] = 1400 },
	.timeouts = "udp = 2; icmp = 2; fragment = 2; allow_short = true;");

/* design.md section 7: the owner is (port >> 1) mod workers. */
static uint16_t owner_of(const struct rig *r, unsigned port)
{
	return (uint16_t)((port >> 1) % r->workers);
}

static struct packet from_host(unsigned port)
{
	return udp(WAY("10.0.0.10:%u > 203.0.113.9:53", port), 20);
}

static void a_frame_is_handed_to_its_owner_once(void **state)
{
	struct rig *r = *state;

	for (unsigned port = 5000; port < 5016; port++) {
		for (uint16_t queue = 0; queue < r->workers; queue++) {
			struct packet sent = from_host(port), out, answer;
			uint64_t before = rig_counters(r).handed_off;
			uint64_t wrong = owner_of(r, port) != queue;

			rig_push_at(r, LAN0, queue, &sent);
			rig_settle(r);
			out = rig_take(r, WAN0);
			assert_int_equal(rig_counters(r).handed_off, before + wrong);
			answer = reply(&out);
			rig_push_at(r, WAN0, queue, &answer);
			rig_settle(r);
			out = rig_take(r, LAN0);
			assert_int_equal(rig_counters(r).handed_off, before + 2 * wrong);
		}
	}
}

/* What one worker counts when it hands over, and what the other counts then. */
static void the_owner_sends_what_was_handed(void **state)
{
	struct rig *r = *state;
	uint16_t owner = (uint16_t)(r->workers - 1);
	struct packet sent = from_host(5000 + 2u * owner);
	struct counters first, last;

	assert_int_equal(owner_of(r, 5000), 0);
	rig_push_at(r, LAN0, 0, &sent);
	rig_settle(r);
	first = worker_counters(r->gateway->workers[0]);
	last = worker_counters(r->gateway->workers[owner]);
	assert_int_equal(first.links[LAN0].packets_in, 1);
	assert_int_equal(last.links[WAN0].packets_out, 1);
	assert_int_equal(last.reasons[REASON_NONE], 1);
	assert_int_equal(first.handed_off, owner ? 1 : 0);
	assert_int_equal(last.handed_off, 0);
}

static void what_needs_no_owner_stays(void **state)
{
	struct rig *r = *state;
	struct packet stays[] = {
		udp("[2001:db8:1::10]:5002 > [2001:db8:9::9]:53", 20),
		udp("[2001:db8:1::10]:5003 > [2001:db8:2::10]:53", 20),
	};

	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
		for (uint16_t queue = 0; queue < r->workers; queue++)
			rig_push_at(r, LAN0, queue, &stays[i]);
	rig_settle(r);
	assert_int_equal(rig_drain(r, LAN1), r->workers);
	assert_int_equal(rig_drain(r, WAN0), r->workers);
	assert_int_equal(rig_counters(r).handed_off, 0);
}

/* Both sides of a forward belong to the owner of the outside port. */
static void a_forward_has_one_owner(void **state)
{
	struct rig *r = *state;
	uint16_t owner = owner_of(r, 8080);
	struct packet sent = udp("203.0.113.9:53 > 198.51.100.2:8080", 20), out, answer;

	rig_push_at(r, WAN0, owner, &sent);
	rig_settle(r);
	out = rig_take(r, LAN0);
	answer = reply(&out);
	rig_push_at(r, LAN0, owner, &answer);
	rig_settle(r);
	out = rig_take(r, WAN0);
	assert_way(&out, "198.51.100.2:8080 > 203.0.113.9:53");
	assert_int_equal(rig_counters(r).handed_off, 0);
}

/* Errors go to the owner of what they quote. */
static void errors_are_handed_by_their_quote(void **state)
{
	struct rig *r = *state;
	struct packet sent = from_host(5002), out, error;

	rig_push_at(r, LAN0, owner_of(r, 5002), &sent);
	rig_settle(r);
	out = rig_take(r, WAN0);
	error = icmp_about("203.0.113.9 > 198.51.100.2", 3, 3, &out, 36);
	for (uint16_t queue = 0; queue < r->workers; queue++)
		rig_push_at(r, WAN0, queue, &error);
	rig_settle(r);
	assert_int_equal(rig_drain(r, LAN0), r->workers);
	assert_int_equal(rig_counters(r).handed_off, r->workers - 1);
}

/* The source half belongs to the owner of the sender's port, the target half to that of the
 * target's: at most twice on its way. */
static void hairpins_are_handed_half_by_half(void **state)
{
	struct rig *r = *state;
	uint16_t target = owner_of(r, 5002), source = owner_of(r, 5000);
	struct packet opener = udp("10.0.1.12:5002 > 203.0.113.9:53", 1);
	struct packet sent = udp("10.0.0.11:5000 > 198.51.100.2:5002", 77);

	rig_push_at(r, LAN1, target, &opener);
	rig_settle(r);
	assert_int_equal(rig_drain(r, WAN0), 1);
	for (uint16_t queue = 0; queue < r->workers; queue++) {
		uint64_t before = rig_counters(r).handed_off;

		rig_push_at(r, LAN0, queue, &sent);
		rig_settle(r);
		assert_int_equal(rig_drain(r, LAN1), 1);
		assert_int_equal(rig_counters(r).handed_off,
				 before + (queue != source) + (source != target));
	}
}

/* 256 fit into the ring of a worker that does not look. */
static void a_full_ring_refuses_and_counts(void **state)
{
	struct rig *r = *state;
	struct packet sent = from_host(5002);
	uint16_t owner = owner_of(r, 5002);

	for (unsigned i = 0; i < WORKER_RING + 64; i++)
		rig_push_at(r, LAN0, 0, &sent);
	for (unsigned turn = 0; turn < WORKER_RING / 64 + 1; turn++)
		worker_step(r->gateway->workers[0], r->now);
	assert_int_equal(rig_reason(r, REASON_HANDOFF_FULL), owner ? 64 : 0);
	rig_settle(r);
	assert_int_equal(rig_drain(r, WAN0), WORKER_RING + (owner ? 0 : 64));
	assert_int_equal(rig_reason(r, REASON_HANDOFF_FULL), owner ? 64 : 0);
}

/* ABU-1: what comes from outside takes three quarters of that ring at the most, so that a flood out there
 * does not stop what comes from inside. */
static void a_flood_from_outside_leaves_room(void **state)
{
	struct rig *r = *state;
	struct packet sent = from_host(5002), out, flood;
	uint16_t owner = owner_of(r, 5002);

	rig_push_at(r, LAN0, owner, &sent);
	rig_settle(r);
	out = rig_take(r, WAN0);
	flood = reply(&out);
	for (unsigned i = 0; i < WORKER_RING + 64; i++)
		rig_push_at(r, WAN0, 0, &flood);
	for (unsigned turn = 0; turn < WORKER_RING / 64 + 1; turn++)
		worker_step(r->gateway->workers[0], r->now);
	assert_int_equal(rig_reason(r, REASON_HANDOFF_FULL), owner ? WORKER_RING / 4 + 64 : 0);
	for (unsigned i = 0; i < WORKER_RING / 4; i++)
		rig_push_at(r, LAN0, 0, &sent);
	rig_settle(r);
	assert_int_equal(rig_reason(r, REASON_HANDOFF_FULL), owner ? WORKER_RING / 4 + 64 : 0);
	assert_int_equal(rig_drain(r, WAN0), WORKER_RING / 4);
	assert_int_equal(rig_drain(r, LAN0), owner ? WORKER_RING * 3 / 4 : WORKER_RING + 64);
}

/* Every way a frame can end, and one that is cut in two. */
static void push_one_of_each(struct rig *r, unsigned round)
{
	uint16_t port = (uint16_t)(6000 + round % 64);

	const char *way = WAY("10.0.0.10:%u > 203.0.113.9:53", port);
	struct packet later = udp(way, 16);
	store16(later.octets + 4, (uint16_t)round);
	struct packet outwards[] = {
		udp(way, 10), udp(way, 1600), with_ttl(udp(way, 10), 1),
		with_fragment(udp(way, 1500), 0x4000), with_fragment(later, 0x2002),
		echo("10.0.0.10 > 10.0.0.1", port, 10), echo("10.0.0.10 > 198.51.100.1", port, 10),
		udp("10.0.0.10:7000 > 10.0.0.1:53", 10), udp("127.0.0.1:1 > 203.0.113.9:53", 1),
		udp("10.0.0.11:5000 > 198.51.100.2:6000", 10), udp("10.0.0.10:1 > 10.0.1.9:1", 10),
		udp("172.16.1.1:1 > 203.0.113.9:1", 1), udp("10.0.0.10:7000 > 10.0.0.255:53", 10),
	};
	struct packet inwards[] = {
		udp("203.0.113.9:53 > 198.51.100.2:6000", 10),
		udp("203.0.113.99:53 > 198.51.100.2:6000", 10),
		with_ttl(udp("203.0.113.9:53 > 198.51.100.2:6000", 10), 1),
		udp("203.0.113.9:53 > 203.0.113.10:53", 10),
		icmp_about("203.0.113.9 > 198.51.100.2", 3, 1, &outwards[0], 36),
		echo("203.0.113.9 > 198.51.100.1", port, 10),
	};

	for (size_t i = 0; i < sizeof(outwards) / sizeof(outwards[0]); i++)
		rig_push(r, LAN0, &outwards[i]);
	for (size_t i = 0; i < sizeof(inwards) / sizeof(inwards[0]); i++)
		rig_push(r, WAN0, &inwards[i]);
	r->pieces++;
}

/* A burst that must pass to the last datagram needs all buffers. */
static void assert_bursts_pass(struct rig *r)
{
	for (unsigned burst = 0; burst < 10000 / RIG_BURST + 1; burst++) {
		uint64_t before = rig_reason(r, REASON_NONE);

		for (unsigned i = 0; i < RIG_BURST; i++) {
			struct packet sent = from_host(5000 + i);

			rig_push(r, LAN0, &sent);
		}
		rig_settle(r);
		assert_int_equal(rig_drain(r, WAN0), RIG_BURST);
		assert_int_equal(rig_reason(r, REASON_NONE) - before, RIG_BURST);
	}
}

/* More often than a worker has buffers: one lost per ending, and none would be left. */
static void buffers_come_home(void **state)
{
	struct rig *r = *state;
	size_t rounds = worker_frames(r->workers) * r->workers + 100;

	for (unsigned round = 0; round < rounds; round++) {
		push_one_of_each(r, round);
		rig_settle(r);
		for (size_t i = 0; i < INTERFACES; i++)
			rig_drain(r, i);
		if (round % 16 == 0)
			rig_later(r, 500);
	}
	assert_bursts_pass(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(a_frame_is_handed_to_its_owner_once, plain),
		RIG_ROWS(the_owner_sends_what_was_handed, plain),
		RIG_ROWS(what_needs_no_owner_stays, closed),
		RIG_ROWS(a_forward_has_one_owner, forwarding),
		RIG_ROWS(errors_are_handed_by_their_quote, plain),
		RIG_ROWS(hairpins_are_handed_half_by_half, plain),
		RIG_ROWS(a_full_ring_refuses_and_counts, plain),
		RIG_ROWS(a_flood_from_outside_leaves_room, plain),
		RIG_ROWS(buffers_come_home, brief),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
