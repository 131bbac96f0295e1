/*
 * Fragments that do not cross the gateway: repetitions and overlaps (requirement 8200-R8), those
 * whose first fragment never comes or is refused, and more of them than there is room for (RFC 4787
 * REQ-14a).
 */
#include "pieces.h"

/* As in router/worker_core.h: how many fragments a worker keeps that came before their first. */
enum { HELD_MOST = 48 };

#define HOST "10.0.0.10:5002 > 203.0.113.9:53"
#define BACK "203.0.113.9:53 > 198.51.100.2:5002"

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting brief[] = RIG_WIDTHS(.timeouts = "fragment = 7;");
static const struct setting few[] = RIG_WIDTHS(
	.limits = "sessions = 4096; sessions_per_host = 4096; fragments = 4;");
static const struct setting strict[] = RIG_WIDTHS(
	.nat = RIG_NAT("\"198.51.100.2\"", "filtering = \"address-and-port-dependent\";"));
static const struct setting narrow[] = RIG_WIDTHS(
	.nat = RIG_NAT("\"198.51.100.2\"", "ports = \"5000-5007\";"));

/* Ordinary traffic, and fragments that need not be held. */
static void assert_works(struct rig *r)
{
	struct packet sent = udp("10.0.0.77:7002 > 203.0.113.9:53", LEN);
	struct packet small = udp("10.0.0.77:7002 > 203.0.113.9:53", 20);

	rig_pass(r, LAN0, &small, WAN0);
	push_thirds(r, LAN0, &sent, orders[0], false);
	collect_one(r, WAN0);
}

/* Each twice, and a part of it once more, while the datagram is not complete. */
static void repetitions_pass_once(void **state)
{
	struct rig *r = *state;

	for (size_t o = 0; o < ORDERS; o++) {
		struct packet sent = with_id(udp(HOST, LEN), (unsigned)o);
		struct counters was = rig_counters(r);

		for (size_t i = 0; i < 3; i++) {
			struct packet p = third(&sent, orders[o][i]);
			size_t at = (size_t)orders[o][i] * THIRD;

			push(r, LAN0, &p);
			if (i == 2)
				break;
			push(r, LAN0, &p);
			push_piece(r, LAN0, &sent, at + 8, at + 808);
		}
		collect_one(r, WAN0);
		assert_refused(r, &was, REASON_FRAGMENT_OVERLAP, 4);
	}
}

/* What has passed cannot be called back; but neither what waits nor what comes makes a datagram of
 * it, until its time is over. */
static void overlaps_end_the_datagram(void **state)
{
	static const size_t bad[][2] = {
		{ 992, 2000 }, { 1000, 2008 }, { 992, 2008 }, { 1992, 2908 },
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < 8; i++) {
		struct packet sent = with_id(udp(HOST, LEN), i);
		struct counters was = rig_counters(r);
		bool waits = i >= 4;

		if (!waits)
			push_piece(r, LAN0, &sent, 0, 8);
		push_piece(r, LAN0, &sent, 1000, 2000);
		assert_int_equal(rig_drain(r, WAN0), waits ? 0 : 2);
		push_piece(r, LAN0, &sent, bad[i % 4][0], bad[i % 4][1]);
		push_piece(r, LAN0, &sent, 8, 1000);
		push_piece(r, LAN0, &sent, 0, 1000);
		push_piece(r, LAN0, &sent, 2000, 2908);
		assert_refused(r, &was, REASON_FRAGMENT_OVERLAP, 4);
		was = rig_counters(r);
		rig_later(r, 30000);
		assert_refused(r, &was, REASON_FRAGMENT, waits);
		push_thirds(r, LAN0, &sent, orders[0], false);
		collect_one(r, WAN0);
	}
}

/* Two ends, or something beyond the end, whichever comes first. */
static void datagrams_have_one_end(void **state)
{
	static const struct { uint16_t at, end; bool last; } pairs[][2] = {
		{ { 1496, 1500, true }, { 2000, 2800, false } },
		{ { 2000, 2800, false }, { 1496, 1500, true } },
		{ { 1496, 1500, true }, { 2000, 2100, true } },
		{ { 2000, 2100, true }, { 1496, 1500, true } },
		{ { 1496, 1500, true }, { 1496, 1508, true } },
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct packet sent = with_id(udp(HOST, LEN), i);
		struct counters was = rig_counters(r);

		push_piece(r, LAN0, &sent, 0, 1000);
		for (size_t k = 0; k < 2; k++)
			(pairs[i][k].last ? push_last : push_piece)(r, LAN0, &sent, pairs[i][k].at,
								    pairs[i][k].end);
		assert_int_equal(rig_drain(r, WAN0), 2);
		push_piece(r, LAN0, &sent, 1000, 1496);
		assert_refused(r, &was, REASON_FRAGMENT_OVERLAP, 2);
	}
}

/* Two wait, one half the time longer than the other; nobody asks for the second any more once the
 * datagram's time is over. */
static void wait_in_vain(struct rig *r, size_t in, const char *way, uint64_t ms)
{
	struct packet opener = udp(HOST, 1), sent = udp(way, LEN);
	struct counters was;

	rig_pass(r, LAN0, &opener, WAN0);
	was = rig_counters(r);
	push_piece(r, in, &sent, 1000, 2000);
	rig_later(r, ms / 2);
	push_piece(r, in, &sent, 2000, 2908);
	rig_later(r, ms / 2 - 1);
	assert_refused(r, &was, REASON_FRAGMENT, 0);
	rig_later(r, 1);
	assert_refused(r, &was, REASON_FRAGMENT, 1);
	push_piece(r, in, &sent, 0, 1000);
	assert_int_equal(rig_drain(r, WAN0) + rig_drain(r, LAN0), 1);
	rig_later(r, ms / 2 - 1);
	assert_refused(r, &was, REASON_FRAGMENT, 1);
	rig_later(r, 1);
	assert_refused(r, &was, REASON_FRAGMENT, 2);
	rig_later(r, ms);
}

static void the_first_never_comes(void **state)
{
	wait_in_vain(*state, LAN0, HOST, 30000);
	wait_in_vain(*state, WAN0, BACK, 30000);
}

static void the_first_never_comes_in_time(void **state)
{
	wait_in_vain(*state, LAN0, HOST, 7000);
	wait_in_vain(*state, WAN0, BACK, 7000);
}

/* Requirement 4787-R14, up to the last millisecond. */
static void the_first_comes_late(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp(HOST, LEN), out;

	push_piece(r, LAN0, &sent, 1000, 2000);
	rig_later(r, 6000);
	push_piece(r, LAN0, &sent, 2000, 2908);
	rig_later(r, 999);
	push_piece(r, LAN0, &sent, 0, 1000);
	out = collect_one(r, WAN0);
	assert_same_payload(&out, &sent);
}

/* More rounds than there are frames in all: what was held comes home. */
static void few_are_held(void **state)
{
	struct rig *r = *state;

	for (unsigned round = 0; round < 90; round++) {
		struct packet sent = with_id(udp(HOST, LEN), round);
		struct counters was = rig_counters(r);

		for (size_t i = 1; i <= HELD_MOST + 10; i++)
			push_piece(r, LAN0, &sent, 8 * i, 8 * i + 8);
		assert_refused(r, &was, REASON_FRAGMENT_LIMIT, 10);
		was = rig_counters(r);
		assert_works(r);
		rig_later(r, 6999);
		assert_refused(r, &was, REASON_FRAGMENT, 0);
		rig_later(r, 1);
		assert_refused(r, &was, REASON_FRAGMENT, HELD_MOST);
	}
	assert_works(r);
}

/* A trickle of orphans stops nobody: who has waited for a second gives way. */
static void orphans_give_way(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp(HOST, LEN);

	for (unsigned id = 0; id < 100; id++) {
		sent = with_id(sent, 1000 + id);
		push_piece(r, LAN0, &sent, 8, 16);
	}
	rig_later(r, 1000);
	for (unsigned o = 0; o < ORDERS; o++) {
		sent = with_id(sent, o);
		push_thirds(r, LAN0, &sent, orders[o], false);
		assert_int_equal(rig_drain(r, WAN0), 3);
	}
}

/* All from one remote host gather at one worker, which has its share of the limit. */
static void few_datagrams_are_open(void **state)
{
	struct rig *r = *state;
	unsigned share = 4u / r->workers;
	struct packet sent = udp(HOST, LEN), small = udp(HOST, 20);
	struct counters was;

	for (unsigned id = 0; id < share; id++) {
		sent = with_id(sent, id);
		push_piece(r, LAN0, &sent, id % 2 ? 1000 : 0, id % 2 ? 2000 : 1000);
	}
	assert_int_equal(rig_drain(r, WAN0), (share + 1) / 2);
	was = rig_counters(r);
	for (unsigned id = 100; id < 200; id++) {
		sent = with_id(sent, id);
		push_thirds(r, LAN0, &sent, orders[id % ORDERS], id & 1);
	}
	assert_refused(r, &was, REASON_FRAGMENT_LIMIT, 300);
	rig_pass(r, LAN0, &small, WAN0);
	/* One that is complete makes room for another. */
	sent = with_id(sent, 0);
	push_piece(r, LAN0, &sent, 1000, 2000);
	push_piece(r, LAN0, &sent, 2000, 2908);
	assert_int_equal(rig_drain(r, WAN0), 2);
	assert_works(r);
	rig_later(r, 30000);
	rig_drain(r, WAN0);
	for (unsigned id = 200; id < 220; id++) {
		sent = with_id(sent, id);
		push_thirds(r, LAN0, &sent, orders[id % ORDERS], id & 1);
		collect_one(r, WAN0);
	}
}

/* What is not translated does not count, and neither does what could not be. */
static void what_stays_inside_takes_no_room(void **state)
{
	struct rig *r = *state;
	struct packet ping = echo("10.9.0.1 > 10.0.0.10", 7, LEN);
	const struct packet sent[] = {
		reply(&ping), packet_make("10.0.0.10 > 10.9.0.1", 47, LEN),
		udp("10.0.0.10:5000 > 10.9.0.1:53", LEN), udp("10.0.0.10:5000 > 10.0.1.10:53", LEN),
		udp("10.9.0.1:53 > 10.0.0.10:5000", LEN),
		udp("10.9.0.1:5000 > 203.0.113.9:53", LEN),
	};

	for (unsigned id = 0; id < 120; id++) {
		struct packet whole = with_id(sent[id % 6], id);

		push_thirds(r, LAN0, &whole, orders[id / 6 % ORDERS], id & 1);
		assert_int_equal(rig_drain(r, LAN0) + rig_drain(r, LAN1) + rig_drain(r, WAN0), 3);
		if (id % 6 == 5)
			assert_works(r);
	}
}

/* Requirement 4787-R14: orphans without end from either side, and nothing else suffers. */
static void floods_hurt_nobody(void **state)
{
	struct rig *r = *state;
	struct packet opener = udp(HOST, 20), answer = udp(BACK, 20);

	rig_pass(r, LAN0, &opener, WAN0);
	for (unsigned i = 0; i < 200; i++) {
		for (unsigned k = 0; k < RIG_BURST; k++) {
			struct packet in = with_id(udp(HOST, 500), i * RIG_BURST + k);
			struct packet out = with_id(udp(BACK, 500), i * RIG_BURST + k);

			in = piece(&in, k % 4 * 8 + 8, 508);
			out = piece(&out, k % 4 * 8 + 8, 508);
			out.octets[14] = (uint8_t)i;
			packet_seal_header(out.octets);
			rig_push(r, LAN0, &in);
			rig_push(r, WAN0, &out);
		}
		rig_push(r, LAN0, &opener);
		rig_push(r, WAN0, &answer);
		rig_settle(r);
		assert_int_equal(rig_drain(r, WAN0), 1);
		assert_int_equal(rig_drain(r, LAN0), 1);
		rig_later(r, 10);
	}
	rig_later(r, 30000);
	assert_works(r);
}

/* The first fragment ends for this reason; those that waited and those to come end as well. What
 * is told to the sender is told once (requirement 1812-V11). */
static void refuse_all(struct rig *r, size_t in, const struct packet *sent, enum reason first,
		       enum reason others)
{
	for (size_t o = 0; o < ORDERS; o++) {
		struct counters was = rig_counters(r), is;
		bool told = first == REASON_NO_POLICY || first == REASON_OUT_OF_PORTS ||
			    first == REASON_SESSION_LIMIT || first == REASON_TTL;

		push_thirds(r, in, sent, orders[o], o & 1);
		is = rig_counters(r);
		assert_int_equal(is.errors_sent - was.errors_sent, told);
		assert_int_equal(rig_drain(r, in), told);
		assert_int_equal(is.reasons[first] - was.reasons[first], first == others ? 3 : 1);
		assert_int_equal(is.reasons[others] - was.reasons[others], first == others ? 3 : 2);
		assert_refused(r, &is, REASON_NONE, 0);
		rig_later(r, 30000);
		assert_refused(r, &is, REASON_NONE, 0);
	}
}

static void what_is_refused_whole_is_refused_in_pieces(void **state)
{
	struct rig *r = *state;
	struct packet tries[] = {
		udp("172.16.0.5:5000 > 203.0.113.9:53", LEN), udp(BACK, LEN),
		with_ttl(udp(HOST, LEN), 1),
		tcp("10.0.0.10:5002 > 203.0.113.9:80", ACK, 1, 1, LEN),
		tcp("203.0.113.9:80 > 198.51.100.2:5002", ACK, 1, 1, LEN),
	};

	refuse_all(r, LAN0, &tries[0], REASON_NO_POLICY, REASON_NO_POLICY);
	refuse_all(r, WAN0, &tries[1], REASON_NO_MAPPING, REASON_FRAGMENT);
	refuse_all(r, LAN0, &tries[2], REASON_TTL, REASON_TTL);
	refuse_all(r, LAN0, &tries[3], REASON_TCP_NO_SESSION, REASON_FRAGMENT);
	refuse_all(r, WAN0, &tries[4], REASON_NO_MAPPING, REASON_FRAGMENT);
}

static void filtered(void **state)
{
	struct packet opener = udp(HOST, 20);
	struct packet sent = udp("203.0.113.9:54 > 198.51.100.2:5002", LEN);

	rig_pass(*state, LAN0, &opener, WAN0);
	refuse_all(*state, WAN0, &sent, REASON_FILTERED, REASON_FRAGMENT);
}

static void out_of_ports(void **state)
{
	struct packet sent = udp(HOST, LEN);

	for (unsigned port = 5000; port < 5008; port++) {
		struct packet opener = udp(WAY("10.0.0.20:%u > 203.0.113.9:53", port), 20);

		rig_pass(*state, LAN0, &opener, WAN0);
	}
	refuse_all(*state, LAN0, &sent, REASON_OUT_OF_PORTS, REASON_FRAGMENT);
}

/* What has no ports to be known by does not pass in pieces. */
static void without_ports(void **state)
{
	struct rig *r = *state;
	struct packet tries[2][2] = {
		{ packet_make("10.0.0.10 > 203.0.113.9", 51, LEN),
		  icmp("10.0.0.10 > 203.0.113.9", 5, 0, LEN) },
		{ packet_make("203.0.113.9 > 198.51.100.2", 51, LEN),
		  echo("203.0.113.9 > 198.51.100.2", 7, LEN) },
	};

	for (size_t i = 0; i < 8; i++) {
		struct packet *sent = &tries[i % 2][i / 2 % 2];
		size_t in = i % 2 ? WAN0 : LAN0, later = i / 4;
		struct counters was = rig_counters(r);

		*sent = with_id(*sent, (unsigned)i);
		push_piece(r, in, sent, later ? 504 : 0, later ? sent->len - 20 : 504);
		push_piece(r, in, sent, later ? 0 : 504, later ? 504 : sent->len - 20);
		rig_later(r, 30000);
		assert_refused(r, &was, REASON_FRAGMENT, 2);
	}
}

/* Nor does an error, whose checksum could not be told right. */
static void errors_in_pieces(void **state)
{
	struct rig *r = *state;
	struct packet opener = udp(HOST, 1000), out = rig_pass(r, LAN0, &opener, WAN0);
	const struct packet errors[] = {
		icmp_about("10.0.0.10 > 203.0.113.9", 3, 3, &opener, 1028),
		icmp_about("203.0.113.9 > 198.51.100.2", 3, 3, &out, 1028),
	};

	for (size_t i = 0; i < 4; i++) {
		struct packet sent = with_id(errors[i % 2], (unsigned)i);
		size_t interface = i % 2 ? WAN0 : LAN0;
		struct counters was;

		rig_pass(r, LAN0, &opener, WAN0);
		was = rig_counters(r);
		if (i / 2)
			push_piece(r, interface, &sent, 504, sent.len - 20);
		push_piece(r, interface, &sent, 0, 504);
		if (!(i / 2))
			push_piece(r, interface, &sent, 504, sent.len - 20);
		assert_refused(r, &was, REASON_ICMP_FRAGMENT, i / 2 ? 1 : 2);
		was = rig_counters(r);
		rig_later(r, 30000);
		assert_refused(r, &was, REASON_FRAGMENT, i / 2);
	}
}

/* RFC 1858, RFC 3128, RFC 791: what no host sends is refused before it can be noted. */
static void odd_fragments(void **state)
{
	static const struct { uint8_t protocol; uint16_t word, len; enum reason reason; } odd[] = {
		{ PROTO_TCP, MORE, 8, REASON_TRANSPORT_SHORT },
		{ PROTO_TCP, MORE, 16, REASON_TRANSPORT_SHORT },
		{ PROTO_TCP, MORE | 1, 800, REASON_FRAGMENT_BAD },
		{ PROTO_TCP, 1, 800, REASON_FRAGMENT_BAD },
		{ PROTO_UDP, MORE, 801, REASON_FRAGMENT_BAD },
		{ PROTO_UDP, MORE | 10, 804, REASON_FRAGMENT_BAD },
		{ PROTO_UDP, MORE, 0, REASON_FRAGMENT_BAD },
		{ PROTO_UDP, 10, 0, REASON_FRAGMENT_BAD },
		{ PROTO_UDP, 0x1fff, 8, REASON_FRAGMENT_BAD },
		{ PROTO_UDP, 0x1fff - 3, 8, REASON_NONE },
		{ PROTO_UDP, 0x1fff - 2, 8, REASON_FRAGMENT_BAD },
		{ PROTO_UDP, MORE | 0x1fff, 8, REASON_FRAGMENT_BAD },
		{ PROTO_UDP, 0x1f00, 2049, REASON_FRAGMENT_BAD },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct packet p = packet_make(HOST, odd[i].protocol, 3000);
		struct counters was = rig_counters(r);

		p.len = 20u + odd[i].len;
		store16(p.octets + 2, (uint16_t)p.len);
		p.octets[20 + 12] = 5 << 4;
		p = with_fragment(with_id(p, (unsigned)i), odd[i].word);
		push(r, LAN0, &p);
		assert_refused(r, &was, odd[i].reason, odd[i].reason != REASON_NONE);
	}
	assert_works(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(repetitions_pass_once, plain),
		RIG_ROWS(overlaps_end_the_datagram, plain),
		RIG_ROWS(datagrams_have_one_end, plain),
		RIG_ROWS(the_first_never_comes, plain),
		RIG_ROWS(the_first_never_comes_in_time, brief),
		RIG_ROWS(the_first_comes_late, brief),
		RIG_ROWS(few_are_held, brief),
		RIG_ROWS(orphans_give_way, plain),
		RIG_ROWS(few_datagrams_are_open, few),
		RIG_ROWS(what_stays_inside_takes_no_room, few),
		RIG_ROWS(floods_hurt_nobody, plain),
		RIG_ROWS(what_is_refused_whole_is_refused_in_pieces, plain),
		RIG_ROWS(filtered, strict),
		RIG_ROWS(out_of_ports, narrow),
		RIG_ROWS(without_ports, plain),
		RIG_ROWS(errors_in_pieces, plain),
		RIG_ROWS(odd_fragments, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
