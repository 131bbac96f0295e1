/*
 * Fragments of hosts that nothing translates, or nothing does any more: they pass untouched, and yet
 * belong to the sessions that are there.
 */
#include "pieces.h"

static const struct setting plain[] = RIG_WIDTHS();
/* All of inside, 10.9.0.0/16 too. */
static const struct setting translated[] = RIG_WIDTHS(.nat =
	"{ name = \"all\"; match = \"10.0.0.0/8\"; type = \"napt44\";"
	"  pool = [ \"198.51.100.2\" ]; }");
static const struct setting nothing[] = RIG_WIDTHS(.nat =
	"{ name = \"all\"; match = \"10.0.0.0/8\"; type = \"none\"; }");
static const struct setting forwarding[] = RIG_WIDTHS(.forwards =
	"{ proto = \"udp\"; external = \"198.51.100.2:8080\"; internal = \"10.0.0.20:83\"; }");

static const uint8_t protocols[] = { PROTO_UDP, PROTO_TCP, PROTO_ICMP, 47, 132 };
static const char *const ways[] = { "10.9.0.1 > 203.0.113.9", "203.0.113.9 > 10.9.0.1" };
static const size_t in[] = { LAN0, WAN0 }, to[] = { WAN0, LAN0 };
enum { WAYS = 2, CASES = sizeof(protocols) * WAYS };

/* As much of a header as is looked at. */
static struct packet untranslated(size_t i)
{
	uint8_t protocol = protocols[i / WAYS % sizeof(protocols)];
	struct packet p = packet_make(ways[i % WAYS], protocol, LEN);

	if (protocol == PROTO_TCP)
		packet_transport(&p)[12] = 5 << 4;
	return with_id(p, (unsigned)i);
}

/* RFC 6888 REQ-6 and its like: where nothing is translated nobody waits, whatever it is. */
static void nobody_waits_where_nothing_is_translated(void **state)
{
	for (size_t i = 0; i < CASES * ORDERS; i++) {
		struct packet sent = untranslated(i);

		for (size_t k = 0; k < 3; k++) {
			struct packet p = third(&sent, orders[i / CASES][k]), out;

			out = with_ttl(rig_pass(*state, in[i % WAYS], &p, to[i % WAYS]), 64);
			assert_int_equal(out.len, p.len);
			assert_memory_equal(out.octets, p.octets, p.len);
		}
	}
}

/* Elsewhere a host that is not translated may have sessions; so its fragments wait for the first
 * one, and pass as they are if it is of none. */
static void untranslated_passes_untouched(void **state)
{
	struct pile piles[PILES];

	for (size_t i = 0; i < CASES * ORDERS * 2; i++) {
		struct packet sent = untranslated(i);

		push_thirds(*state, in[i % WAYS], &sent, orders[i / CASES % ORDERS],
			    i / CASES / ORDERS);
		assert_int_equal(collect(*state, to[i % WAYS], piles), 1);
		assert_int_equal(piles[0].pieces, 3);
		assert_int_equal(piles[0].end, sent.len - 20);
		assert_memory_equal(piles[0].whole.octets + 12, sent.octets + 12, sent.len - 12);
	}
}

/* An untranslated host that speaks to an outside address comes in from outside. */
static void untranslated_hosts_reach_the_outside_address(void **state)
{
	struct packet sent = udp("10.9.0.1:5000 > 198.51.100.2:8080", LEN);

	for (size_t o = 0; o < ORDERS * 2; o++) {
		struct packet out;

		push_thirds(*state, LAN0, &sent, orders[o % ORDERS], o / ORDERS);
		out = collect_one(*state, LAN0);
		assert_way(&out, "10.9.0.1:5000 > 10.0.0.20:83");
		assert_same_payload(&out, &sent);
	}
}

/* And is answered from there, though the answer stays inside: in order, because what stays inside
 * is not held until its first fragment comes. */
static void untranslated_hosts_are_answered_from_it(void **state)
{
	struct packet opener = udp("10.9.0.1:5000 > 198.51.100.2:8080", 20);
	struct packet sent = udp("10.0.0.20:83 > 10.9.0.1:5000", LEN);

	rig_pass(*state, LAN0, &opener, LAN0);
	for (size_t way = 0; way < 2; way++) {
		struct packet out;

		push_thirds(*state, LAN0, &sent, orders[0], way);
		out = collect_one(*state, LAN0);
		assert_way(&out, "198.51.100.2:8080 > 10.9.0.1:5000");
		assert_same_payload(&out, &sent);
	}
}

/* Sessions stay when a reload takes their host out of translation; what belongs to none of them is
 * not translated any more. */
static void sessions_outlive_their_policy(void **state)
{
	struct rig *r = *state;
	struct setting s = { .workers = r->workers };
	struct packet gre = packet_make("10.9.0.1 > 203.0.113.9", 47, LEN);
	struct pile piles[PILES];
	struct io_error error;

	for (unsigned port = 5000; port < 5008; port++) {
		struct packet sent = udp(WAY("10.9.0.1:%u > 203.0.113.9:53", port), 20);

		rig_pass(r, LAN0, &sent, WAN0);
	}
	assert_int_equal(gateway_reload(r->gateway, rig_conf(&s), &error), 0);
	for (unsigned i = 0; i < 8 * ORDERS; i++) {
		unsigned port = 5000 + i % 8;
		struct packet sent = udp(WAY("10.9.0.1:%u > 203.0.113.9:53", port), LEN), out;

		push_thirds(r, LAN0, &sent, orders[i / 8], i & 1);
		out = collect_one(r, WAN0);
		assert_way(&out, WAY("198.51.100.2:%u > 203.0.113.9:53", port));
		push_thirds(r, LAN0, &gre, orders[i / 8], i & 1);
		assert_int_equal(collect(r, WAN0, piles), 1);
		assert_memory_equal(piles[0].whole.octets + 12, gre.octets + 12, gre.len - 12);
	}
}

/* Requirement 2827-V21: which worker has the session is not known to the one that gathers. */
static void a_single_session_outlives_its_policy(void **state)
{
	struct rig *r = *state;
	struct setting s = { .workers = r->workers };
	struct io_error error;

	for (unsigned host = 1; host < 17; host++) {
		struct packet sent = udp(WAY("10.9.0.%u:%u > 203.0.113.9:53", host, 5000 + host), 20);

		rig_pass(r, LAN0, &sent, WAN0);
	}
	assert_int_equal(gateway_reload(r->gateway, rig_conf(&s), &error), 0);
	for (unsigned i = 0; i < 16 * ORDERS; i++) {
		unsigned host = 1 + i % 16;
		struct packet sent = udp(WAY("10.9.0.%u:%u > 203.0.113.9:53", host, 5000 + host), LEN);
		struct packet out;

		push_thirds(r, LAN0, &sent, orders[i / 16], i & 1);
		out = collect_one(r, WAN0);
		assert_way(&out, WAY("198.51.100.2:%u > 203.0.113.9:53", 5000 + host));
	}
}

/* From inside to inside there is nothing to translate, unless it answers somebody as above. What
 * has no ports cannot. */
static void what_stays_inside_is_not_lost(void **state)
{
	struct rig *r = *state;
	struct packet answer = echo("10.9.0.1 > 10.0.0.10", 7, LEN);
	const struct packet sent[] = {
		udp("10.0.0.10:5000 > 10.9.0.1:53", LEN), echo("10.0.0.10 > 10.9.0.1", 7, LEN),
		reply(&answer), packet_make("10.0.0.10 > 10.9.0.1", 47, LEN),
		udp("10.9.0.1:53 > 10.0.0.10:5000", LEN), icmp("10.0.0.10 > 10.9.0.1", 3, 3, LEN),
	};

	for (size_t i = 0; i < ORDERS * sizeof(sent) / sizeof(sent[0]); i++) {
		struct packet whole = with_id(sent[i / ORDERS], (unsigned)i);
		struct pile piles[PILES];

		push_thirds(r, LAN0, &whole, orders[i % ORDERS], i & 1);
		assert_int_equal(collect(r, LAN0, piles), 1);
		assert_int_equal(piles[0].pieces, 3);
		assert_int_equal(piles[0].end, whole.len - 20);
		assert_memory_equal(piles[0].whole.octets + 20, whole.octets + 20, piles[0].end);
		rig_expect_silence(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(nobody_waits_where_nothing_is_translated, nothing),
		RIG_ROWS(untranslated_passes_untouched, plain),
		RIG_ROWS(untranslated_hosts_reach_the_outside_address, forwarding),
		RIG_ROWS(untranslated_hosts_are_answered_from_it, forwarding),
		RIG_ROWS(sessions_outlive_their_policy, translated),
		RIG_ROWS(a_single_session_outlives_its_policy, translated),
		RIG_ROWS(what_stays_inside_is_not_lost, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
