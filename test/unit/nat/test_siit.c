/*
 * Translation between families without sessions. Requirements 7757-E1, 6877-C1, 6052-W1, 6052-P3,
 * 7915-U1 and 7915-P1; header fields and ICMP are test_family's matter.
 */
#include "data_centre.h"

#define UDP_BACK "0035 1388 0010 0000 0102030405060708"
#define ECHO6 "8000 0000 1234 0001 61626364"
#define ECHO4 "0800 0000 1234 0001 61626364"

enum { SOME_PROTOCOL = 253 };

/* Applications inside that have IPv4 only; RFC 6877. */
static void clat(struct world *w)
{
	*w = (struct world){ .pool = { v4_of("192.0.0.8") } };
	w->policies[0] = (struct nat_policy){
		.type = NAT_SIIT, .prefix = v4_of("192.0.0.0"), .prefix_len = 29, .pool_count = 1,
		.v6 = { .prefixes = { prefix6_of("64:ff9b::/96") }, .prefix_count = 1 },
	};
	world_has_eam(w, "192.0.0.0", 29, "2001:db8:c::/125");
}

static void both_ways(void **state)
{
	static const struct { uint8_t four, six; const char *rest4, *rest6; } cases[] = {
		{ UDP_NUMBER, UDP_NUMBER, UDP, UDP },
		{ ICMP4, ICMP6, ECHO4, ECHO6 },
		{ SOME_PROTOCOL, SOME_PROTOCOL, "0102030405", "0102030405" },
	};
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct built six = v6(HOST_A, FAR6, cases[i].six, cases[i].rest6);
		struct built four = v4(A4, FAR4, cases[i].four, cases[i].rest4);

		four.octets[6] = 0; /* RFC 7915 section 5.1: so short, it may be fragmented */
		octets_seal(four.octets);
		assert_crossed(&w, SIDE_INSIDE, &six, &four, "out");
		six = v6(FAR6, HOST_A, cases[i].six, cases[i].rest6);
		four = v4(FAR4, A4, cases[i].four, cases[i].rest4);
		assert_crossed(&w, SIDE_OUTSIDE, &four, &six, "in");
	}
	world_end(&w);
}

/* Any prefix stands for IPv4; the first for what comes from there. */
static void other_prefixes_lead_there_as_well(void **state)
{
	struct built six = v6(HOST_A, "2001:db8:65::cb00:710a", UDP_NUMBER, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	crossed_through(&w, &c, &six, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	assert_v4(be32_load(pkt_destination(&c.p)), FAR4);
	assert_true(c.job.redirected);
	assert_false(nat_has_session(w.nat, &c.job));
	world_end(&w);
}

static void what_has_no_counterpart_is_not_for_it(void **state)
{
	struct built plain = v6(HOST_A, "2001:db8:f::1", UDP_NUMBER, UDP);
	struct built neighbour = v6(HOST_A, HOST_B, UDP_NUMBER, UDP);
	struct built stranger = v6("2001:db8:b::1", FAR6, UDP_NUMBER, UDP);
	struct built nobody = v4(FAR4, "198.51.100.3", UDP_NUMBER, UDP);
	struct built nameless = v6(NOBODY, FAR6, UDP_NUMBER, UDP);
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	assert_stays(&w, SIDE_INSIDE, &plain, NAT_FORWARD, REASON_NONE);
	assert_stays(&w, SIDE_INSIDE, &neighbour, NAT_FORWARD, REASON_NONE);
	assert_stays(&w, SIDE_INSIDE, &stranger, NAT_FORWARD, REASON_NONE);
	assert_stays(&w, SIDE_OUTSIDE, &nobody, NAT_UNMATCHED, REASON_NO_MAPPING);
	assert_stays(&w, SIDE_INSIDE, &nameless, NAT_DROP, REASON_UNTRANSLATABLE);
	world_end(&w);
}

static void embedded_addresses_are_judged(void **state)
{
	static const char *const bad[] = { "2001:db8:64::7f00:1", "2001:db8:64::e000:1",
					   "2001:db8:64::", "2001:db8:64::f000:1" };
	struct built private = v6(HOST_A, "2001:db8:64::a00:1", UDP_NUMBER, UDP);
	struct built private4 = v4(A4, "10.0.0.1", UDP_NUMBER, UDP);
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	private4.octets[6] = 0;
	octets_seal(private4.octets);
	assert_crossed(&w, SIDE_INSIDE, &private, &private4, "network-specific prefix");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct built b = v6(HOST_A, bad[i], UDP_NUMBER, UDP);

		assert_stays(&w, SIDE_INSIDE, &b, NAT_DROP, REASON_EMBEDDED);
	}
	world_end(&w);
}

/* 6052-W1: nothing that is not global, from either side. */
static void the_well_known_prefix_holds_global_addresses(void **state)
{
	struct built out = v6(HOST_A, "64:ff9b::a00:1", UDP_NUMBER, UDP);
	struct built in = v4("192.168.1.1", A4, UDP_NUMBER, UDP);
	struct built global = v6(HOST_A, "64:ff9b::808:808", UDP_NUMBER, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	w.policies[0].v6.prefixes[0] = prefix6_of("64:ff9b::/96");
	world_begin(&w, 1);
	assert_stays(&w, SIDE_INSIDE, &out, NAT_DROP, REASON_EMBEDDED);
	assert_stays(&w, SIDE_OUTSIDE, &in, NAT_DROP, REASON_EMBEDDED);
	crossed_through(&w, &c, &global, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	world_end(&w);
}

static void applications_of_a_clat(void **state)
{
	struct built out4 = v4("192.0.0.1", "8.8.8.8", UDP_NUMBER, UDP);
	struct built out6 = v6("2001:db8:c::1", "64:ff9b::808:808", UDP_NUMBER, UDP);
	struct built in6 = v6("64:ff9b::808:808", "2001:db8:c::1", UDP_NUMBER, UDP_BACK);
	struct built in4 = v4("8.8.8.8", "192.0.0.1", UDP_NUMBER, UDP_BACK);
	struct built private = v4("192.0.0.1", "10.0.0.1", UDP_NUMBER, UDP);
	struct built native = v6("2001:db8:f::1", "2001:db8:c::1", UDP_NUMBER, UDP);
	struct built other = v6("64:ff9b::808:808", "2001:db8:c::9", UDP_NUMBER, UDP);
	struct built quoted6 = v6("2001:db8:c::1", "64:ff9b::808:808", UDP_NUMBER, UDP);
	struct built quoted4 = v4("192.0.0.1", "8.8.8.8", UDP_NUMBER, UDP);
	struct built m6 = message(TTL_OUT6, &quoted6), m4;
	struct built hop6 = v6_with("2001:db8:f::1", "2001:db8:c::1", ICMP6, &m6), hop4;
	struct world w;

	(void)state;
	clat(&w);
	world_begin(&w, 1);
	in4.octets[6] = quoted4.octets[6] = 0;
	octets_seal(in4.octets);
	octets_seal(quoted4.octets);
	m4 = message(TTL_OUT4, &quoted4);
	hop4 = v4_with("192.0.0.8", "192.0.0.1", ICMP4, &m4);
	hop4.octets[6] = 0;
	assert_crossed(&w, SIDE_INSIDE, &out4, &out6, "out");
	assert_crossed(&w, SIDE_OUTSIDE, &in6, &in4, "in");
	assert_crossed(&w, SIDE_OUTSIDE, &hop6, &hop4, "hop on the way");
	assert_stays(&w, SIDE_INSIDE, &private, NAT_DROP, REASON_EMBEDDED);
	assert_stays(&w, SIDE_OUTSIDE, &native, NAT_DROP, REASON_UNTRANSLATABLE);
	assert_stays(&w, SIDE_OUTSIDE, &other, NAT_FORWARD, REASON_NONE);
	world_end(&w);
}

/* 7915-V64g: what fits is what the links beside it let through, and IPv6 is outside here. */
static void links_of_a_clat(void **state)
{
	static const struct { uint16_t in, out, said, least; } cases[] = {
		{ 0, 0, 1480, 1460 }, { 1500, 1400, 1480, 1380 }, { 1400, 1500, 1480, 1400 },
		{ 1500, 1500, 1300, 1280 },
	};
	struct built quoted = v6("2001:db8:c::1", "64:ff9b::808:808", UDP_NUMBER, UDP);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct built m = message("0200 0000 00000000", &quoted), too_big;
		struct crossed c;
		struct world w;

		store16(m.octets + 6, cases[i].said);
		too_big = v6_with("64:ff9b::101:101", "2001:db8:c::1", ICMP6, &m);
		clat(&w);
		w.config.mtu[SIDE_INSIDE] = cases[i].in;
		w.config.mtu[SIDE_OUTSIDE] = cases[i].out;
		world_begin(&w, 1);
		crossed_through(&w, &c, &too_big, SIDE_OUTSIDE);
		assert_verdict(&c, NAT_FORWARD, REASON_NONE);
		assert_int_equal(load16(c.p.ip + 26), cases[i].least);
		world_end(&w);
	}
}

/* Of IPv4, the first entry counts. */
static void entries_beside_a_clat(void **state)
{
	struct built four = v4("192.0.0.1", "8.8.8.8", UDP_NUMBER, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	clat(&w);
	w.policies[1] = w.policies[0];
	w.policies[0] = (struct nat_policy){ .type = NAT_NONE, .prefix_len = 0,
					     .destination = { .prefix = v4_of("8.8.8.0"), .len = 24 } };
	world_begin(&w, 2);
	assert_stays(&w, SIDE_INSIDE, &four, NAT_FORWARD, REASON_NONE);
	w.policies[0].destination.prefix = v4_of("9.9.9.0");
	nat_configure(w.nat, &w.config);
	crossed_through(&w, &c, &four, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	assert_int_equal(c.p.version, 6);
	w.policies[0] = (struct nat_policy){ .type = NAT_NAPT44, .pool_count = 1,
					     .ports = { 1024, 65535 } };
	nat_configure(w.nat, &w.config);
	crossed_through(&w, &c, &four, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	assert_v4(be32_load(pkt_source(&c.p)), "192.0.0.8");
	world_end(&w);
}

static void what_may_be_cut_says_how(void **state)
{
	struct built four = v4(FAR4, A4, UDP_NUMBER, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	w.policies[0].v6.lowest_mtu = 1400;
	world_begin(&w, 1);
	crossed_through(&w, &c, &four, SIDE_OUTSIDE);
	assert_int_equal(c.job.piece, 0);
	four.octets[6] = 0;
	octets_seal(four.octets);
	crossed_through(&w, &c, &four, SIDE_OUTSIDE);
	assert_int_equal(c.job.piece, 1400);
	assert_false(c.job.redirected);
	w.policies[0].v6.lowest_mtu = 0;
	nat_configure(w.nat, &w.config);
	crossed_through(&w, &c, &four, SIDE_OUTSIDE);
	assert_int_equal(c.job.piece, 1280);
	world_end(&w);
}

/* One by one; of ICMP, and of UDP without a checksum, there is no other way than the whole. */
static void fragments(void **state)
{
	struct built first = v6(HOST_A, FAR6, 44, "1100000112345678 13880035 0fa01234 0102030405060708");
	struct built later = v6(HOST_A, FAR6, 44, "1100001012345678 0102030405060708");
	struct built echo = v6(HOST_A, FAR6, 44, "3a00000112345678 80001234 00010002 0102030405060708");
	struct built zero = v4(FAR4, A4, UDP_NUMBER, "13880035 0fa00000 0102030405060708");
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	crossed_through(&w, &c, &first, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	assert_int_equal(load32(c.p.ip + 4), 0x56782000);
	crossed_through(&w, &c, &later, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	assert_int_equal(load32(c.p.ip + 4), 0x56780002);
	assert_stays(&w, SIDE_INSIDE, &echo, NAT_DROP, REASON_ICMP_FRAGMENT);
	store16(zero.octets + 6, 0x2000);
	store16(zero.octets + 26, 0);
	octets_seal(zero.octets);
	assert_stays(&w, SIDE_OUTSIDE, &zero, NAT_DROP, REASON_NO_CHECKSUM);
	world_end(&w);
}

static void the_router_can_take_it_back(void **state)
{
	struct built six = v6(HOST_A, FAR6, UDP_NUMBER, UDP), four = v4(FAR4, A4, UDP_NUMBER, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	crossed_through(&w, &c, &six, SIDE_INSIDE);
	assert_int_equal(c.p.version, 4);
	assert_true(nat_undo(w.nat, &c.job));
	assert_octets(&c.p, &six, "IPv6 again");
	crossed_through(&w, &c, &four, SIDE_OUTSIDE);
	assert_int_equal(c.p.version, 6);
	assert_true(nat_undo(w.nat, &c.job));
	assert_octets(&c.p, &four, "IPv4 again");
	world_end(&w);
}

/* What another entry has outside is for the inside too. */
static void outside_addresses_of_others(void **state)
{
	struct built six = v6(HOST_A, "2001:db8:64::c000:264", UDP_NUMBER, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	w.policies[1] = (struct nat_policy){ .type = NAT_NAPT44, .prefix = v4_of("10.0.0.0"),
					     .prefix_len = 8, .pool_count = 1, .ports = { 1024, 65535 } };
	world_begin(&w, 2);
	crossed_through(&w, &c, &six, SIDE_INSIDE);
	assert_verdict(&c, NAT_HAIRPIN, REASON_NONE);
	assert_v4(be32_load(pkt_destination(&c.p)), STAND_IN);
	world_end(&w);
}

static void within_a_side_nothing_happens(void **state)
{
	struct built six = v6(HOST_A, FAR6, UDP_NUMBER, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	world_begin(&w, 1);
	crossed_take(&c, &six, SIDE_INSIDE);
	c.job.known_only = true;
	crossed_go(&w, &c);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	assert_octets(&c.p, &six, "within the inside");
	world_end(&w);
}

/* What is left alone before an entry is; a firewall for the rest is no obstacle. */
static void entries_beside_it(void **state)
{
	struct built six = v6(HOST_A, FAR6, UDP_NUMBER, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	data_centre(&w);
	w.policies[1] = w.policies[0];
	w.policies[0] = (struct nat_policy){ .version = 6, .type = NAT_NONE,
					     .v6.match = prefix6_of("2001:db8:a::/120") };
	world_begin(&w, 2);
	assert_stays(&w, SIDE_INSIDE, &six, NAT_FORWARD, REASON_NONE);
	w.policies[0].type = NAT_FIREWALL;
	nat_configure(w.nat, &w.config);
	crossed_through(&w, &c, &six, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	assert_int_equal(c.p.version, 4);
	world_end(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(other_prefixes_lead_there_as_well),
		cmocka_unit_test(what_has_no_counterpart_is_not_for_it),
		cmocka_unit_test(embedded_addresses_are_judged),
		cmocka_unit_test(the_well_known_prefix_holds_global_addresses),
		cmocka_unit_test(applications_of_a_clat),
		cmocka_unit_test(links_of_a_clat),
		cmocka_unit_test(entries_beside_a_clat),
		cmocka_unit_test(what_may_be_cut_says_how),
		cmocka_unit_test(fragments),
		cmocka_unit_test(the_router_can_take_it_back),
		cmocka_unit_test(outside_addresses_of_others),
		cmocka_unit_test(within_a_side_nothing_happens),
		cmocka_unit_test(entries_beside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
