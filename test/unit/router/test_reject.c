/* SYNs from outside that nobody claims (RFC 5382 REQ-4), what a refused host is told by policy, and
 * hairpinning with the inside source. */
#include "rig.h"

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting silent[] = RIG_WIDTHS(
	.nat = RIG_NAT("\"198.51.100.2\"", "unsolicited_syn = \"silent\";"));
static const struct setting prohibited[] = RIG_WIDTHS(
	.nat = RIG_NAT("\"198.51.100.2\"", "ports = \"1024-1031\"; on_exhaustion = \"prohibited\";"));
static const struct setting quiet[] = RIG_WIDTHS(
	.nat = RIG_NAT("\"198.51.100.2\"", "ports = \"1024-1031\"; on_exhaustion = \"silent\";"));
static const struct setting anybody[] = RIG_WIDTHS(
	.nat = RIG_NAT("\"198.51.100.2\"", "filtering = \"endpoint-independent\";"));
static const struct setting internal[] = RIG_WIDTHS(
	.nat = RIG_NAT("\"198.51.100.2\"", "hairpin = \"internal-source\";"));

#define STRANGER "203.0.113.9:4000 > 198.51.100.2:5000"

/* Turns at later times; nothing may come out anywhere before the last of them. */
static void quiet_until(struct rig *r, unsigned ms)
{
	rig_later(r, ms);
	rig_settle(r);
	for (size_t i = 0; i < INTERFACES; i++)
		assert_int_equal(rig_drain(r, i), 0);
}

static void a_stranger_is_told_after_six_seconds(void **state)
{
	struct rig *r = *state;
	struct packet syn = tcp(STRANGER, SYN, 77, 0, 0), error;

	rig_push(r, WAN0, &syn);
	rig_push(r, WAN0, &syn);
	rig_settle(r);
	quiet_until(r, 5999);
	rig_later(r, 1);
	rig_settle(r);
	assert_true(rig_pull(r, WAN0, &error));
	assert_way(&error, "198.51.100.2 > 203.0.113.9");
	assert_int_equal(packet_transport(&error)[0], 3);
	assert_int_equal(packet_transport(&error)[1], 3);
	assert_memory_equal(packet_transport(&error) + 8, syn.octets, syn.len);
	quiet_until(r, 20000);
}

static void claimed_in_time_it_is_forgotten(void **state)
{
	struct rig *r = *state;
	struct packet syn = tcp(STRANGER, SYN, 77, 0, 0);
	struct packet own = tcp("10.0.0.10:5000 > 203.0.113.9:4000", SYN, 1, 0, 0);

	rig_push(r, WAN0, &syn);
	rig_settle(r);
	quiet_until(r, 3000);
	rig_pass(r, LAN0, &own, WAN0);
	rig_pass(r, WAN0, &syn, LAN0);
	quiet_until(r, 20000);
}

static void policy_may_be_silent(void **state)
{
	struct rig *r = *state;
	struct packet syn = tcp(STRANGER, SYN, 77, 0, 0);

	rig_push(r, WAN0, &syn);
	rig_settle(r);
	quiet_until(r, 20000);
}

/* One host after the other takes all the ports there are. */
static size_t exhaust(struct rig *r)
{
	for (unsigned i = 0; i < 16; i++) {
		struct packet p = udp(WAY("10.0.0.10:%u > 203.0.113.9:53", 1024 + i), 8);

		rig_push(r, LAN0, &p);
	}
	rig_settle(r);
	return rig_drain(r, WAN0);
}

static void exhaustion_may_be_prohibited(void **state)
{
	struct rig *r = *state;
	struct packet error;

	assert_int_equal(exhaust(r), 8);
	assert_true(rig_pull(r, LAN0, &error));
	assert_int_equal(packet_transport(&error)[0], 3);
	assert_int_equal(packet_transport(&error)[1], 13);
	assert_int_equal(rig_reason(r, REASON_OUT_OF_PORTS), 8);
	assert_int_equal(rig_drain(r, LAN0), 7);
}

static void exhaustion_may_be_silent(void **state)
{
	struct rig *r = *state;

	assert_int_equal(exhaust(r), 8);
	assert_int_equal(rig_drain(r, LAN0), 0);
	assert_int_equal(rig_reason(r, REASON_OUT_OF_PORTS), 8);
}

/* RFC 6888 REQ-8 after a restart: what an old peer still sends to is not a new host's port. */
static void ports_of_old_peers_rest(void **state)
{
	struct rig *r = *state;
	struct packet old = udp("203.0.113.9:53 > 198.51.100.2:5000", 8);
	struct packet mine = udp("10.0.0.10:5000 > 203.0.113.77:53", 8);
	struct packet later = udp("10.0.0.20:5000 > 203.0.113.77:53", 8);
	struct packet out;
	char way[WAY_TEXT];

	rig_push(r, WAN0, &old);
	rig_settle(r);
	rig_later(r, 119000);
	out = rig_pass(r, LAN0, &mine, WAN0);
	assert_string_not_equal(packet_way(&out, way), "198.51.100.2:5000 > 203.0.113.77:53");
	rig_later(r, 1500);
	out = rig_pass(r, LAN0, &later, WAN0);
	assert_way(&out, "198.51.100.2:5000 > 203.0.113.77:53");
	/* No more than that: it has begun long ago now. */
	old = udp("203.0.113.9:53 > 198.51.100.2:6000", 8);
	rig_push(r, WAN0, &old);
	rig_settle(r);
	later = udp("10.0.0.20:6000 > 203.0.113.77:53", 8);
	out = rig_pass(r, LAN0, &later, WAN0);
	assert_way(&out, "198.51.100.2:6000 > 203.0.113.77:53");
}

static void the_inside_source_is_kept(void **state)
{
	struct rig *r = *state;
	struct packet open = udp("10.0.0.20:6000 > 203.0.113.9:53", 8);
	struct packet call = udp("10.0.1.10:5000 > 198.51.100.2:6000", 9);
	struct packet answer = udp("10.0.0.20:6000 > 10.0.1.10:5000", 10);
	struct packet out = rig_pass(r, LAN0, &open, WAN0);

	assert_way(&out, "198.51.100.2:6000 > 203.0.113.9:53");
	out = rig_pass(r, LAN1, &call, LAN0);
	assert_way(&out, "10.0.1.10:5000 > 10.0.0.20:6000");
	out = rig_pass(r, LAN0, &answer, LAN1);
	assert_way(&out, "198.51.100.2:6000 > 10.0.1.10:5000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(a_stranger_is_told_after_six_seconds, plain),
		RIG_ROWS(claimed_in_time_it_is_forgotten, plain),
		RIG_ROWS(policy_may_be_silent, silent),
		RIG_ROWS(exhaustion_may_be_prohibited, prohibited),
		RIG_ROWS(exhaustion_may_be_silent, quiet),
		RIG_ROWS(ports_of_old_peers_rest, anybody),
		RIG_ROWS(the_inside_source_is_kept, internal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
