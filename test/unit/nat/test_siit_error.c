/* ICMP errors without sessions, and hosts with explicit mappings that reach each other. Requirements
 * 6791-A1, 7757-H1 and 7915-V46d. */
#include "data_centre.h"

#define NO_PORT4 "0303 0000 00000000"
#define NO_PORT6 "0104 0000 00000000"

/* An error about what the far host sent to A, as a router inside sends it. */
static struct built error_of(const char *router, const char *first)
{
	struct built quoted = v6(FAR6, HOST_A, UDP_NUMBER, UDP), m = message(first, &quoted);

	return v6_with(router, FAR6, ICMP6, &m);
}

static struct built error4_of(const char *router, const char *first)
{
	struct built quoted = v4(FAR4, A4, UDP_NUMBER, UDP), m, e;

	quoted.octets[6] = 0;
	octets_seal(quoted.octets);
	m = message(first, &quoted);
	e = v4_with(router, FAR4, ICMP4, &m);
	e.octets[6] = 0;
	octets_seal(e.octets);
	return e;
}

/* 6791-A1: also from routers that are not in the entry's prefix. */
static void errors_of_routers_get_a_source(void **state)
{
	static const char *const routers[] = { NOBODY, "2001:db8:ffff::1" };
	struct built four = error4_of(STAND_IN, TTL_OUT4), own = error4_of(A4, NO_PORT4);
	struct built from_host = error_of(HOST_A, NO_PORT6);
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	for (size_t i = 0; i < 2; i++) {
		struct built six = error_of(routers[i], TTL_OUT6);

		assert_crossed(&w, SIDE_INSIDE, &six, &four, "error of a router");
	}
	assert_crossed(&w, SIDE_INSIDE, &from_host, &own, "error of the host itself");
	world_end(&w);
}

static void any_of_several_sources(void **state)
{
	struct built six = error_of(NOBODY, TTL_OUT6);
	bool seen[2] = { false, false };
	struct world w;

	(void)state;
	data_centre(&w);
	w.pool[1] = v4_of("192.0.2.101");
	w.policies[0].pool_count = 2;
	world_begin(&w, 1);
	for (int i = 0; i < 64; i++) {
		struct crossed c;

		crossed_through(&w, &c, &six, SIDE_INSIDE);
		assert_verdict(&c, NAT_FORWARD, REASON_NONE);
		for (size_t k = 0; k < 2; k++)
			seen[k] |= be32_equal(be32_load(pkt_source(&c.p)), w.pool[k]);
	}
	assert_true(seen[0] && seen[1]);
	world_end(&w);
}

static void without_a_source_errors_are_dropped(void **state)
{
	struct built six = error_of(NOBODY, TTL_OUT6);
	struct world w;

	(void)state;
	data_centre(&w);
	w.pool[0] = be32_from(0); /* not known yet */
	world_begin(&w, 1);
	assert_stays(&w, SIDE_INSIDE, &six, NAT_DROP, REASON_UNTRANSLATABLE);
	world_end(&w);
	data_centre(&w);
	w.policies[0].pool_count = 0;
	world_begin(&w, 1);
	assert_stays(&w, SIDE_INSIDE, &six, NAT_DROP, REASON_UNTRANSLATABLE);
	world_end(&w);
}

/* 7915-V46d: whoever reports an error is translated, and only then. */
static void errors_may_come_from_anywhere(void **state)
{
	struct built quoted4 = v4(A4, FAR4, UDP_NUMBER, UDP), quoted6 = v6(HOST_A, FAR6, UDP_NUMBER, UDP);
	struct built m4 = message(TTL_OUT4, &quoted4), m6 = message(TTL_OUT6, &quoted6);
	struct built four = v4_with("127.0.0.1", A4, ICMP4, &m4);
	struct built six = v6_with("2001:db8:64::7f00:1", HOST_A, ICMP6, &m6);
	struct built illegal = v4("127.0.0.1", A4, UDP_NUMBER, UDP);
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	assert_crossed(&w, SIDE_OUTSIDE, &four, &six, "error");
	assert_stays(&w, SIDE_OUTSIDE, &illegal, NAT_DROP, REASON_EMBEDDED);
	four.octets[22] ^= 1;
	assert_stays(&w, SIDE_OUTSIDE, &four, NAT_DROP, REASON_ICMP_SUM);
	world_end(&w);
}

/* The second leg, as the router does it. */
static void turn(struct world *w, struct crossed *c)
{
	assert_verdict(c, NAT_HAIRPIN, REASON_NONE);
	c->job = (struct nat_job){ .p = &c->p, .from = SIDE_OUTSIDE, .hairpinned = true,
				   .room = OCTETS_ROOM };
	crossed_go(w, c);
}

/* 7757-H1: both see each other by prefix. */
static void mapped_hosts_reach_each_other(void **state)
{
	struct built sent = v6(HOST_A, "2001:db8:64::c633:6402", UDP_NUMBER, UDP);
	struct built seen = v6("2001:db8:64::c633:6401", HOST_B, UDP_NUMBER, UDP);
	struct built m, report, reported;
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	crossed_through(&w, &c, &sent, SIDE_INSIDE);
	turn(&w, &c);
	assert_came_out(&c, NAT_FORWARD, &seen, "hairpinned");
	m = message(NO_PORT6, &seen);
	report = v6_with(HOST_B, "2001:db8:64::c633:6401", ICMP6, &m);
	m = message(NO_PORT6, &sent);
	reported = v6_with("2001:db8:64::c633:6402", HOST_A, ICMP6, &m);
	crossed_through(&w, &c, &report, SIDE_INSIDE);
	turn(&w, &c);
	assert_came_out(&c, NAT_FORWARD, &reported, "error about it");
	world_end(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_of_routers_get_a_source),
		cmocka_unit_test(any_of_several_sources),
		cmocka_unit_test(without_a_source_errors_are_dropped),
		cmocka_unit_test(errors_may_come_from_anywhere),
		cmocka_unit_test(mapped_hosts_reach_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
