/* How often the router says something by ICMP: RFC 1812 section 4.3.2.8, requirement 1812-V12. */
#include "rig.h"

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting slow[] = RIG_WIDTHS(.limits = RIG_LIMITS " icmp_errors = 2;");

/* A datagram that is answered with time exceeded: the number tells ports, destination and protocol
 * apart, as traceroutes of different kinds do. */
static struct packet probe(unsigned host, unsigned number)
{
	const char *way = WAY("10.0.0.%u:%u > 203.0.113.%u:%u", host, 5000 + 2 * number,
			      number % 200, 33434 + number);
	const char *bare = WAY("10.0.0.%u > 203.0.113.%u", host, number % 200);

	switch (number % 3) {
	case 0: return with_ttl(udp(way, 8), 1);
	case 1: return with_ttl(tcp(way, SYN, 1, 0, 0), 1);
	default: return with_ttl(echo(bare, (uint16_t)number, 8), 1);
	}
}

/* Probes of a host at this moment; returns how many were answered. */
static size_t probe_often(struct rig *r, unsigned host, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct packet p = probe(host, i);

		rig_push(r, LAN0, &p);
		if (i % RIG_BURST == RIG_BURST - 1)
			rig_settle(r);
	}
	rig_settle(r);
	return rig_drain(r, LAN0);
}

static void a_burst_of_ten_then_ten_a_second(void **state)
{
	struct rig *r = *state;

	assert_int_equal(probe_often(r, 10, 30), 10);
	assert_int_equal(rig_reason(r, REASON_TTL), 30);
	assert_int_equal(rig_reason(r, REASON_ERROR_LIMIT), 20);
	assert_int_equal(rig_counters(r).errors_sent, 10);
	rig_later(r, 99);
	assert_int_equal(probe_often(r, 10, 30), 0);
	rig_later(r, 1);
	assert_int_equal(probe_often(r, 10, 30), 1);
	rig_later(r, 1000);
	assert_int_equal(probe_often(r, 10, 30), 10);
	rig_later(r, 10000);
	assert_int_equal(probe_often(r, 10, 30), 10);
}

/* Requirement 4443-R11: how many is for the operator to say. */
static void as_many_as_configured(void **state)
{
	struct rig *r = *state;

	assert_int_equal(probe_often(r, 10, 30), 2);
	rig_later(r, 499);
	assert_int_equal(probe_often(r, 10, 30), 0);
	rig_later(r, 1);
	assert_int_equal(probe_often(r, 10, 30), 1);
	rig_later(r, 5000);
	assert_int_equal(probe_often(r, 10, 30), 2);
}

/* Time in small steps gives no more and no less than in one. */
static void ten_a_second_for_a_minute(void **state)
{
	struct rig *r = *state;
	size_t answered = probe_often(r, 10, 30);

	for (unsigned i = 0; i < 60 * 40; i++) {
		r->now.ms += 25;
		answered += probe_often(r, 10, 2);
	}
	assert_in_range(answered, 609, 610);
}

static void workers_count_each_for_itself(void **state)
{
	struct rig *r = *state;

	assert_in_range(probe_often(r, 10, 200), 10, 10u * r->workers);
	assert_in_range(probe_often(r, 10, 200), 0, 0);
}

/* The groups of destinations are fewer than destinations, but many. */
static void others_have_their_own(void **state)
{
	struct rig *r = *state;
	unsigned whole = 0;

	probe_often(r, 10, 100);
	for (unsigned host = 11; host < 43; host++)
		whole += probe_often(r, host, 10) == 10;
	assert_true(whole >= 24);
}

/* Requirement ABU-8: who empties the bucket for all cannot tell from his own errors how many others
 * got: the same run with other seeds ends elsewhere. */
static void how_many_is_left_to_chance(void **state)
{
	size_t least = SIZE_MAX, most = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 8; seed++) {
		struct setting s = { .workers = 1, .seed = seed };
		size_t answered = 0;
		struct rig *r;
		void *at = &s;

		assert_int_equal(rig_set_up(&at), 0);
		r = at;

		for (unsigned host = 2; host < 252; host++)
			answered += probe_often(r, host, 10);
		least = answered < least ? answered : least;
		most = answered > most ? answered : most;
		rig_tear_down(&at);
	}
	assert_true(most > least);
}

static void a_thousand_tokens_in_all(void **state)
{
	struct rig *r = *state;
	size_t answered = 0;

	for (unsigned host = 2; host < 252; host++)
		answered += probe_often(r, host, 10);
	/* An error takes one to three of a thousand tokens. */
	assert_in_range(answered, 450, 550);
	rig_later(r, 500);
	answered = 0;
	for (unsigned host = 2; host < 252; host++)
		answered += probe_often(r, host, 10);
	assert_in_range(answered, 210, 290);
}

/* Answers to pings are no errors. */
static void pings_are_not_limited(void **state)
{
	struct rig *r = *state;
	struct packet ping = echo("10.0.0.10 > 10.0.0.1", 1, 8);

	for (unsigned i = 0; i < 60; i++)
		rig_push(r, LAN0, &ping);
	rig_settle(r);
	assert_int_equal(rig_drain(r, LAN0), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROW(a_burst_of_ten_then_ten_a_second, &plain[0], "1 worker"),
		RIG_ROW(as_many_as_configured, &slow[0], "1 worker"),
		RIG_ROW(ten_a_second_for_a_minute, &plain[0], "1 worker"),
		RIG_ROWS(workers_count_each_for_itself, plain),
		RIG_ROW(others_have_their_own, &plain[0], "1 worker"),
		cmocka_unit_test(how_many_is_left_to_chance),
		RIG_ROW(a_thousand_tokens_in_all, &plain[0], "1 worker"),
		RIG_ROWS(pings_are_not_limited, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
