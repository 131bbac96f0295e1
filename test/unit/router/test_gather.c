/*
 * Fragments that cross the gateway (RFC 4787 REQ-14, requirement 3022-C9): what their receiver puts
 * together is what was sent, in whichever order and by whichever queues they come.
 */
#include "pieces.h"

#define HOST "10.0.0.10:5002 > 203.0.113.9:53"
#define OUTSIDE "198.51.100.2:5002 > 203.0.113.9:53"

static const struct setting plain[] = RIG_WIDTHS();
/* 8080 belongs to another worker than 83, with two as with four. */
static const struct setting forwarding[] = RIG_WIDTHS(.forwards =
	"{ proto = \"udp\"; external = \"198.51.100.2:8080\"; internal = \"10.0.0.20:83\"; }");

/* Datagrams out and their answers back, which must be as they would be without a NAT: all orders,
 * one by one and at once, each fragment by another queue. */
static void there_and_back(struct rig *r, const struct packet *sent, const char *outside)
{
	static const unsigned ids[] = { 0, 0x1234, 0xffff };

	for (size_t o = 0; o < ORDERS * 2; o++) {
		struct packet whole = with_id(*sent, ids[o % 3]), wanted = reply(&whole);
		struct packet out, answer;

		r->queue = (uint16_t)(o / 3 % r->workers);
		push_thirds(r, LAN0, &whole, orders[o % ORDERS], o / ORDERS);
		out = collect_one(r, WAN0);
		assert_way(&out, outside);
		assert_same_payload(&out, &whole);
		assert_memory_equal(out.octets + 4, whole.octets + 4, 2);
		answer = reply(&out);
		push_thirds(r, WAN0, &answer, orders[(o + o / ORDERS) % ORDERS], o % 2);
		out = with_ttl(collect_one(r, LAN0), 64);
		assert_int_equal(out.len, wanted.len);
		assert_memory_equal(out.octets, wanted.octets, wanted.len);
	}
}

/* The other host has the same ports, and gets others outside. */
static void udp_crosses(void **state)
{
	char outside[WAY_TEXT];

	for (unsigned i = 0; i < 16; i++) {
		unsigned port = 5000 + i / 2;
		const char *way = WAY("10.0.0.%u:%u > 203.0.113.%u:53", 10 + i % 2, port, port % 5);
		struct packet sent = udp(way, 20), out = rig_pass(*state, LAN0, &sent, WAN0);

		packet_way(&out, outside);
		assert_int_equal(load16(packet_transport(&out)) == port, i % 2 == 0);
		sent = udp(way, LEN);
		there_and_back(*state, &sent, outside);
		/* RFC 768: zero says that none was sent, and stays. */
		store16(packet_transport(&sent) + 6, 0);
		there_and_back(*state, &sent, outside);
	}
}

static void tcp_crosses(void **state)
{
	struct rig *r = *state;
	struct packet sent = tcp("10.0.0.10:5002 > 203.0.113.9:80", SYN, 1000, 0, LEN);

	push_thirds(r, LAN0, &sent, orders[5], false);
	collect_one(r, WAN0);
	sent = tcp("203.0.113.9:80 > 198.51.100.2:5002", SYN | ACK, 9000, 1001, LEN);
	push_thirds(r, WAN0, &sent, orders[3], false);
	collect_one(r, LAN0);
	sent = tcp("10.0.0.10:5002 > 203.0.113.9:80", ACK, 1001, 9001 + LEN, LEN);
	there_and_back(r, &sent, "198.51.100.2:5002 > 203.0.113.9:80");
}

/* Requirement ABU-3: segments in pieces count as whole ones, or the window would stay where it was,
 * and a reset far behind it would not pass. */
static void resets_pass_after_much_data(void **state)
{
	static const char out[] = "10.0.0.10:5002 > 203.0.113.9:80";
	static const char back[] = "203.0.113.9:80 > 198.51.100.2:5002";
	struct rig *r = *state;
	struct packet p = tcp(out, SYN, 999, 0, 0);
	uint32_t seq = 1000;

	rig_pass(r, LAN0, &p, WAN0);
	p = tcp(back, SYN | ACK, 8999, 1000, 0);
	rig_pass(r, WAN0, &p, LAN0);
	for (unsigned i = 0; i < 60; i++, seq += LEN) {
		p = tcp(out, ACK, seq, 9000, LEN);
		push_thirds(r, LAN0, &p, orders[i % ORDERS], false);
		collect_one(r, WAN0);
		p = tcp(back, ACK, 9000, seq + LEN, 0);
		rig_pass(r, WAN0, &p, LAN0);
	}
	p = tcp(out, RST | ACK, seq + 60000, 9000, 0);
	rig_pass(r, LAN0, &p, WAN0);
	p = tcp(out, RST | ACK, seq + 70000, 9000, 0);
	rig_refuse(r, LAN0, &p, REASON_TCP_WINDOW);
}

static void echo_crosses(void **state)
{
	for (uint16_t id = 700; id < 716; id++) {
		struct packet sent = echo(WAY("10.0.0.%u > 203.0.113.9", 10 + id % 2), id / 2, LEN);

		there_and_back(*state, &sent, "198.51.100.2 > 203.0.113.9");
	}
}

/* Requirement 3022-C9: of later fragments only the IP header is changed. */
static void later_fragments_keep_their_payload(void **state)
{
	struct packet sent = udp(HOST, LEN), first = third(&sent, 0), later = third(&sent, 1), out;
	struct rig *r = *state;

	rig_pass(r, LAN0, &first, WAN0);
	out = rig_pass(r, LAN0, &later, WAN0);
	assert_memory_equal(out.octets + 20, later.octets + 20, THIRD);
	assert_memory_equal(out.octets, later.octets, 8);
	assert_int_equal(*packet_ttl(&out), 63);
	assert_int_equal(load32(out.octets + 12), 0xc6336402);
	assert_int_equal(load32(out.octets + 16), 0xcb007109);
}

/* Every fragment of a datagram by one queue; returns how often frames were handed over. */
static uint64_t handed_over(struct rig *r, const char *way, uint16_t queue)
{
	uint64_t before = rig_counters(r).handed_off;
	struct packet sent = udp(way, LEN), out;

	for (size_t i = 3; i-- > 0;) {
		struct packet p = third(&sent, i);

		rig_push_at(r, LAN0, queue, &p);
		rig_settle(r);
	}
	out = collect_one(r, WAN0);
	assert_same_payload(&out, &sent);
	return rig_counters(r).handed_off - before;
}

/* design.md section 7: the fragments from one remote host gather at one worker, and from there go
 * to that of the session. Over all queues a fragment is handed over once for each worker that does
 * not gather, and once more for each queue if the session is elsewhere. */
static void the_session_may_be_elsewhere(void **state)
{
	struct rig *r = *state;
	uint64_t w = r->workers;

	for (unsigned host = 1; host <= 8; host++) {
		uint64_t elsewhere = 0;

		for (unsigned port = 5000; port < 5000 + 2 * w; port += 2) {
			const char *way = WAY("10.0.0.10:%u > 203.0.113.%u:53", port, host);
			uint64_t handed = 0;

			for (uint16_t queue = 0; queue < w; queue++)
				handed += handed_over(r, way, queue);
			assert_true(handed == 3 * (w - 1) || handed == 3 * (w - 1) + 3 * w);
			elsewhere += handed > 3 * (w - 1);
		}
		/* There is a port for every worker. */
		assert_int_equal(elsewhere, w - 1);
	}
}

/* Out by one worker, in again by another. Both hosts have the same port, and cannot outside. */
static void hairpins(void **state)
{
	struct rig *r = *state;
	char seen[WAY_TEXT];

	for (unsigned port = 6000; port < 6008; port += 2) {
		struct packet sent = udp(WAY("10.0.1.12:%u > 203.0.113.9:53", port), 1);
		const char *way = WAY("10.0.0.11:%u > 198.51.100.2:%u", port, port);
		struct packet out, answer;

		rig_pass(r, LAN1, &sent, WAN0);
		sent = udp(way, 20);
		out = rig_pass(r, LAN0, &sent, LAN1);
		packet_way(&out, seen);
		assert_int_not_equal(load16(packet_transport(&out)), port);
		sent = udp(way, LEN);
		for (size_t o = 0; o < ORDERS * 2; o++) {
			push_thirds(r, LAN0, &sent, orders[o % ORDERS], o / ORDERS);
			out = collect_one(r, LAN1);
			assert_way(&out, seen);
			assert_same_payload(&out, &sent);
			answer = reply(&out);
			push_thirds(r, LAN1, &answer, orders[ORDERS - 1 - o % ORDERS], o / ORDERS);
			out = with_ttl(collect_one(r, LAN0), 64);
			answer = reply(&sent);
			assert_memory_equal(out.octets, answer.octets, answer.len);
		}
	}
}

static void forwards(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("203.0.113.9:53 > 198.51.100.2:8080", LEN), wanted = reply(&sent);

	for (size_t o = 0; o < ORDERS * 2; o++) {
		struct packet out, answer;

		push_thirds(r, WAN0, &sent, orders[o % ORDERS], o / ORDERS);
		out = collect_one(r, LAN0);
		assert_way(&out, "203.0.113.9:53 > 10.0.0.20:83");
		assert_same_payload(&out, &sent);
		answer = reply(&out);
		push_thirds(r, LAN0, &answer, orders[ORDERS - 1 - o % ORDERS], o / ORDERS);
		out = with_ttl(collect_one(r, WAN0), 64);
		assert_memory_equal(out.octets, wanted.octets, wanted.len);
	}
}

/* The datagram that this one was, before it was translated. */
static const struct packet *origin_of(const struct packet *p, const struct packet *sent,
				      size_t count)
{
	const uint8_t *b = p->octets;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *a = sent[i].octets;

		if (!memcmp(a + 4, b + 4, 2) && a[9] == b[9] && !memcmp(a + 16, b + 16, 4))
			return &sent[i];
	}
	fail_msg("nobody sent this");
	return NULL;
}

/* The same identification means nothing between other ends or with another protocol. */
static void datagrams_do_not_mix(void **state)
{
	struct rig *r = *state;
	const struct packet sent[] = {
		udp(HOST, LEN), with_id(udp(HOST, LEN - 100), 7),
		with_id(udp(HOST, LEN - 200), 0x1235),
		echo("10.0.0.10 > 203.0.113.9", 700, LEN - 300),
		tcp("10.0.0.10:5002 > 203.0.113.9:80", SYN, 1, 0, LEN - 400),
		udp("10.0.0.10:5002 > 203.0.113.10:53", LEN - 500),
		udp("10.0.0.10:5004 > 203.0.113.11:53", LEN - 600),
	};
	enum { COUNT = sizeof(sent) / sizeof(sent[0]) };
	struct pile piles[PILES];

	for (size_t o = 0; o < ORDERS; o++) {
		for (size_t i = 0; i < 3 * COUNT; i++) {
			const uint8_t *order = orders[(o + i % COUNT) % ORDERS];
			struct packet p = third(&sent[i % COUNT], order[i / COUNT]);

			rig_push(r, LAN0, &p);
			if (o % 2)
				rig_settle(r);
		}
		rig_settle(r);
		assert_int_equal(collect(r, WAN0, piles), COUNT);
		for (size_t i = 0; i < COUNT; i++) {
			struct packet out = pile_whole(&piles[i]);

			assert_same_payload(&out, origin_of(&out, sent, COUNT));
		}
	}
}

/* Two hosts that chose the same identification. It stays as it is (requirement 7857-S10 is not
 * met), so that here their datagrams leave one after the other. */
static void hosts_do_not_mix(void **state)
{
	struct rig *r = *state;
	struct packet a = udp(HOST, LEN), b = udp("10.0.1.10:5004 > 203.0.113.9:53", LEN), out;

	push_piece(r, LAN0, &a, 2000, 2908);
	push_piece(r, LAN1, &b, 1000, 2000);
	push_piece(r, LAN0, &a, 1000, 2000);
	push_piece(r, LAN1, &b, 2000, 2908);
	rig_expect_silence(r);
	push_piece(r, LAN0, &a, 0, 1000);
	out = collect_one(r, WAN0);
	assert_way(&out, OUTSIDE);
	push_piece(r, LAN1, &b, 0, 1000);
	out = collect_one(r, WAN0);
	assert_way(&out, "198.51.100.2:5004 > 203.0.113.9:53");
}

static void identifications_are_used_again(void **state)
{
	struct rig *r = *state;

	for (size_t len = 2000; len < LEN; len += 100) {
		struct packet sent = udp(HOST, len), out;

		push_thirds(r, LAN0, &sent, orders[len / 100 % ORDERS], false);
		out = collect_one(r, WAN0);
		assert_same_payload(&out, &sent);
	}
}

/* What waits for one first fragment leaves with it, and what waits for another does not. */
static void all_that_waited_follows(void **state)
{
	struct rig *r = *state;
	struct packet sent[2] = { udp(HOST, 400), udp("10.0.0.10:5004 > 203.0.113.9:53", 400) };
	struct pile piles[PILES];

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 48; i++) {
			sent[i % 2] = with_id(sent[i % 2], 2 * round + i % 2);
			push_piece(r, LAN0, &sent[i % 2], 8 + i / 2 * 8, 16 + i / 2 * 8);
		}
		rig_expect_silence(r);
		for (size_t i = 2; i-- > 0;) {
			push_piece(r, LAN0, &sent[i], 0, 8);
			assert_int_equal(collect(r, WAN0, piles), 1);
			assert_int_equal(piles[0].pieces, 25);
			assert_int_equal(load16(piles[0].whole.octets + 4), 2 * round + i);
			push_piece(r, LAN0, &sent[i], 200, 408);
			assert_int_equal(rig_drain(r, WAN0), 1);
		}
	}
}

/* Requirement 1812-V11: the first fragment is told of, the others are not. */
static void time_exceeded_quotes_what_was_sent(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_ttl(udp(HOST, LEN), 1);
	struct packet first = third(&sent, 0), later = third(&sent, 1), e;

	e = rig_error(r, LAN0, &first, REASON_TTL);
	assert_error(&e, 11, 0, "10.0.0.1 > 10.0.0.10", &first);
	rig_refuse(r, LAN0, &later, REASON_TTL);
}

/* An error about a first fragment is about its session. */
static void errors_about_fragments_come_back(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp(HOST, LEN), first = third(&sent, 0), out, error;

	out = rig_pass(r, LAN0, &first, WAN0);
	error = icmp_about("203.0.113.1 > 198.51.100.2", 11, 1, &out, 28);
	error = rig_pass(r, WAN0, &error, LAN0);
	assert_way(&error, "203.0.113.1 > 10.0.0.10");
	first = with_ttl(first, 63);
	assert_memory_equal(error.octets + 28, first.octets, 28);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(udp_crosses, plain),
		RIG_ROWS(tcp_crosses, plain),
		RIG_ROWS(resets_pass_after_much_data, plain),
		RIG_ROWS(echo_crosses, plain),
		RIG_ROWS(later_fragments_keep_their_payload, plain),
		RIG_ROWS(the_session_may_be_elsewhere, plain),
		RIG_ROWS(hairpins, plain),
		RIG_ROWS(forwards, forwarding),
		RIG_ROWS(datagrams_do_not_mix, plain),
		RIG_ROWS(hosts_do_not_mix, plain),
		RIG_ROWS(identifications_are_used_again, plain),
		RIG_ROWS(all_that_waited_follows, plain),
		RIG_ROWS(time_exceeded_quotes_what_was_sent, plain),
		RIG_ROWS(errors_about_fragments_come_back, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
