/* NPTv6 through the face of the library. Requirements 6296-N2 and 6296-N4 to 6296-N7; the arithmetic is
 * test_npt66's matter. */
#include "crossed.h"

#define INSIDE "fd01:203:405::/48"
#define OUTSIDE "2001:db8:1::/48"
#define HOST "fd01:203:405:1::1234"
#define HOST_OUT "2001:db8:1:d550::1234"
#define PEER "fd01:203:405:2::9"
#define PEER_OUT "2001:db8:1:d551::9"
#define FAR "2001:db8:f::1"
#define UDP "1388 0035 0010 0000 0102030405060708"
#define NO_PORT "0104 0000 00000000"
#define TOO_BIG "0200 0000 00000500"

enum { ESP = 50, ICMP6 = 58, SCTP = 132, FRAGMENT = 44, SOME_PROTOCOL = 253 };

static void prefixes(struct world *w, const char *inside, const char *outside)
{
	*w = (struct world){ .config.workers = 1 };
	w->policies[0] = (struct nat_policy){
		.version = 6, .type = NAT_NPTV6,
		.v6 = { .match = prefix6_of(inside), .translated = prefix6_of(outside) },
	};
}

/* 6296-N5: nothing but the address, of whatever there is; checksums stay right by themselves. */
static void nothing_but_the_address(void **state)
{
	static const struct { uint8_t protocol; const char *rest; } cases[] = {
		{ PROTO_UDP, UDP },
		{ PROTO_TCP, "1388 0050 00000001 00000000 5002 ffff 0000 0000" },
		{ ICMP6, "8000 0000 0001 0002" },
		{ ESP, "00000001 00000002 0102030405060708" },
		{ SCTP, "1388 0b59 00000001 12345678 0a00 0004" },
		{ SOME_PROTOCOL, "010203" },
		{ FRAGMENT, "1100000112345678 1388003500120000 0102030405060708" },
		{ FRAGMENT, "1100001012345678 0102" },
		{ 59, "" },
	};
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	world_begin(&w, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct built in = v6(HOST, FAR, cases[i].protocol, cases[i].rest);
		struct built out = v6(HOST_OUT, FAR, cases[i].protocol, cases[i].rest);

		assert_crossed(&w, SIDE_INSIDE, &in, &out, "out");
		in = v6(FAR, HOST, cases[i].protocol, cases[i].rest);
		out = v6(FAR, HOST_OUT, cases[i].protocol, cases[i].rest);
		assert_crossed(&w, SIDE_OUTSIDE, &out, &in, "in");
	}
	world_end(&w);
}

static struct built error(const char *from, const char *to, const char *first, const struct built *about)
{
	struct built m = message(first, about);

	return v6_with(from, to, ICMP6, &m);
}

/* 6296-N6: both directions, and from routers on the way. */
static void quoted_addresses_follow(void **state)
{
	struct built in = v6(HOST, FAR, PROTO_UDP, UDP), out = v6(HOST_OUT, FAR, PROTO_UDP, UDP);
	struct built back_in = v6(FAR, HOST, PROTO_UDP, UDP);
	struct built back_out = v6(FAR, HOST_OUT, PROTO_UDP, UDP);
	struct built big_out = error("2001:db8:e::1", HOST_OUT, TOO_BIG, &out);
	struct built big_in = error("2001:db8:e::1", HOST, TOO_BIG, &in);
	struct built port_in = error(HOST, FAR, NO_PORT, &back_in);
	struct built port_out = error(HOST_OUT, FAR, NO_PORT, &back_out);
	struct built hop_in = error("2001:db8:d::1", FAR, NO_PORT, &back_in);
	struct built hop_out = error("2001:db8:d::1", FAR, NO_PORT, &back_out);
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	world_begin(&w, 1);
	assert_crossed(&w, SIDE_OUTSIDE, &big_out, &big_in, "from outside");
	assert_crossed(&w, SIDE_INSIDE, &port_in, &port_out, "from the host");
	assert_crossed(&w, SIDE_INSIDE, &hop_in, &hop_out, "from a router inside");
	world_end(&w);
}

/* What is cut off within the quoted header, or is about somebody else, is not looked at. */
static void other_quotes_stay(void **state)
{
	struct built cut = text_built("60000000 0010 1140 20010db80001d5500000000000001234");
	struct built about = v6("2001:db8:e::1", "2001:db8:e::2", PROTO_UDP, UDP);
	struct built out = error(FAR, HOST_OUT, TOO_BIG, &cut), in = error(FAR, HOST, TOO_BIG, &cut);
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	world_begin(&w, 1);
	assert_crossed(&w, SIDE_OUTSIDE, &out, &in, "cut off");
	out = error(FAR, HOST_OUT, TOO_BIG, &about);
	in = error(FAR, HOST, TOO_BIG, &about);
	assert_crossed(&w, SIDE_OUTSIDE, &out, &in, "about others");
	world_end(&w);
}

/* 6296-N7: the one sees the other's outside address. */
static void inside_hosts_reach_each_other(void **state)
{
	struct built sent = v6(HOST, PEER_OUT, PROTO_UDP, UDP), seen = v6(HOST_OUT, PEER, PROTO_UDP, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	world_begin(&w, 1);
	crossed_through(&w, &c, &sent, SIDE_INSIDE);
	assert_verdict(&c, NAT_HAIRPIN, REASON_NONE);
	c.job = (struct nat_job){ .p = &c.p, .from = SIDE_OUTSIDE, .hairpinned = true };
	crossed_go(&w, &c);
	assert_came_out(&c, NAT_FORWARD, &seen, "hairpinned");
	world_end(&w);
}

/* Of a pool, or by one-to-one translation. */
static void outside_addresses_of_others(void **state)
{
	static const struct { const char *destination; enum nat_verdict verdict; } cases[] = {
		{ "2001:db8:2::5", NAT_HAIRPIN }, { "2001:db8:2::6", NAT_FORWARD },
		{ "2001:db8:3::1", NAT_HAIRPIN }, { "2001:db8:4::1", NAT_FORWARD },
		{ "2001:db8:3::9", NAT_FORWARD }, /* whose host the pool is for */
	};
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	w.pool[0] = nat_v6_beside();
	w.pool6[0] = v6_of("2001:db8:2::5");
	w.policies[1] = (struct nat_policy){ .version = 6, .type = NAT_NAPT66, .pool_count = 1,
					     .ports = { 1024, 65535 },
					     .v6.match = prefix6_of("fd03::8/125") };
	w.policies[2] = (struct nat_policy){ .version = 6, .type = NAT_ONE_TO_ONE,
					     .v6 = { .match = prefix6_of("fd03::/64"),
						     .translated = prefix6_of("2001:db8:3::/64") } };
	world_begin(&w, 3);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct built b = v6(HOST, cases[i].destination, PROTO_UDP, UDP);
		struct crossed c;

		crossed_through(&w, &c, &b, SIDE_INSIDE);
		assert_verdict(&c, cases[i].verdict, REASON_NONE);
	}
	world_end(&w);
}

static void what_has_no_word_is_dropped(void **state)
{
	struct built subnet = v6("fd01:203:405:ffff::1", FAR, PROTO_UDP, UDP);
	struct built back = v6(FAR, "2001:db8:1:ffff::1", PROTO_UDP, UDP);
	struct built ones = v6("fd01:203:405:1:ffff:ffff:ffff:ffff", FAR, PROTO_UDP, UDP);
	struct built outside = v6("2001:db8:1:d550:ffff:ffff:ffff:ffff", FAR, PROTO_UDP, UDP);
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	world_begin(&w, 1);
	assert_stays(&w, SIDE_INSIDE, &subnet, NAT_DROP, REASON_NPT_WORD);
	assert_stays(&w, SIDE_OUTSIDE, &back, NAT_DROP, REASON_NPT_WORD);
	assert_crossed(&w, SIDE_INSIDE, &ones, &outside, "a short prefix leaves identifiers alone");
	w.policies[0].v6.match.len = w.policies[0].v6.translated.len = 64;
	w.policies[0].v6.match.address.octets[7] = 1;
	nat_configure(w.nat, &w.config);
	assert_stays(&w, SIDE_INSIDE, &ones, NAT_DROP, REASON_NPT_WORD);
	world_end(&w);
}

/* 6296-N4: subnet-router anycast addresses are dropped only by the letter of the RFC. */
static void zero_identifiers(void **state)
{
	struct built in = v6("fd01:203:405:1::", FAR, PROTO_UDP, UDP);
	struct built out = v6("2001:db8:1:d550::", FAR, PROTO_UDP, UDP);
	struct built back = v6(FAR, "2001:db8:1:d550::", PROTO_UDP, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	world_begin(&w, 1);
	w.policies[0].v6.drops_zero_ids = true;
	nat_configure(w.nat, &w.config);
	assert_crossed(&w, SIDE_INSIDE, &in, &out, "a short prefix leaves identifiers alone");
	w.policies[0].v6.match = prefix6_of("fd01:203:405::/56");
	w.policies[0].v6.translated = prefix6_of("2001:db8:1:d500::/56");
	nat_configure(w.nat, &w.config);
	assert_stays(&w, SIDE_INSIDE, &in, NAT_DROP, REASON_NPT_WORD);
	assert_stays(&w, SIDE_OUTSIDE, &back, NAT_DROP, REASON_NPT_WORD);
	w.policies[0].v6.drops_zero_ids = false;
	nat_configure(w.nat, &w.config);
	crossed_through(&w, &c, &in, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	world_end(&w);
}

/* Of unequal lengths the longer counts, so some of the inside has no counterpart; nor has anybody while
 * the prefix of an interface is not known. */
static void what_has_no_counterpart_is_dropped(void **state)
{
	struct built beyond = v6("fd01:203:405:100::1", FAR, PROTO_UDP, UDP);
	struct built in = v6(HOST, FAR, PROTO_UDP, UDP);
	struct built back = v6(FAR, "::1:2:3", PROTO_UDP, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, "2001:db8:1:ff00::/56");
	world_begin(&w, 1);
	assert_stays(&w, SIDE_INSIDE, &beyond, NAT_DROP, REASON_UNTRANSLATABLE);
	crossed_through(&w, &c, &in, SIDE_INSIDE);
	assert_verdict(&c, NAT_FORWARD, REASON_NONE);
	w.policies[0].v6.translated = (struct ip6_prefix){ .len = 0 };
	nat_configure(w.nat, &w.config);
	assert_stays(&w, SIDE_INSIDE, &in, NAT_DROP, REASON_UNTRANSLATABLE);
	assert_stays(&w, SIDE_OUTSIDE, &back, NAT_FORWARD, REASON_NONE);
	world_end(&w);
}

static void others_are_routed(void **state)
{
	struct built out = v6("2001:db8:c::1", FAR, PROTO_UDP, UDP);
	struct built four = v4("192.0.2.1", "198.51.100.1", PROTO_UDP, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	world_begin(&w, 1);
	assert_stays(&w, SIDE_INSIDE, &out, NAT_FORWARD, REASON_NONE);
	crossed_through(&w, &c, &four, SIDE_OUTSIDE);
	assert_octets(&c.p, &four, "IPv4");
	world_end(&w);
}

/* The first entry that has the source counts, and in the other direction nobody else's host is reached. */
static void the_first_entry_counts(void **state)
{
	struct built in = v6(HOST, FAR, PROTO_UDP, UDP), out = v6(HOST_OUT, FAR, PROTO_UDP, UDP);
	struct built back = v6(FAR, HOST_OUT, PROTO_UDP, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	w.policies[1] = (struct nat_policy){ .version = 6, .type = NAT_NONE,
					     .v6.match = prefix6_of(INSIDE) };
	world_begin(&w, 2);
	assert_crossed(&w, SIDE_INSIDE, &in, &out, "first");
	w.policies[2] = w.policies[0];
	w.config.policies = w.policies + 1;
	nat_configure(w.nat, &w.config);
	assert_stays(&w, SIDE_INSIDE, &in, NAT_FORWARD, REASON_NONE);
	crossed_through(&w, &c, &back, SIDE_OUTSIDE);
	assert_octets(&c.p, &back, "of another entry's host");
	world_end(&w);
}

static void the_router_can_take_it_back(void **state)
{
	struct built in = v6(HOST, FAR, PROTO_UDP, UDP);
	struct crossed c;
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	world_begin(&w, 1);
	crossed_through(&w, &c, &in, SIDE_INSIDE);
	assert_true(nat_undo(w.nat, &c.job));
	assert_octets(&c.p, &in, "as it was");
	world_end(&w);
}

/* Whichever worker has it: there is nothing that one knows and another does not. */
static void any_worker_does_it(void **state)
{
	struct built in = v6(HOST, FAR, ESP, "00000001 00000002 0102030405060708");
	struct built out = v6(HOST_OUT, FAR, ESP, "00000001 00000002 0102030405060708");
	struct crossed c;
	struct world w;

	(void)state;
	prefixes(&w, INSIDE, OUTSIDE);
	w.config.workers = 4;
	for (uint16_t i = 0; i < 4; i++) {
		w.config.worker = i;
		world_begin(&w, 1);
		crossed_take(&c, &in, SIDE_INSIDE);
		assert_int_equal(nat_owner(w.nat, &c.p, SIDE_INSIDE), i);
		assert_crossed(&w, SIDE_INSIDE, &in, &out, "by any");
		world_end(&w);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_but_the_address),
		cmocka_unit_test(quoted_addresses_follow),
		cmocka_unit_test(other_quotes_stay),
		cmocka_unit_test(inside_hosts_reach_each_other),
		cmocka_unit_test(outside_addresses_of_others),
		cmocka_unit_test(what_has_no_word_is_dropped),
		cmocka_unit_test(zero_identifiers),
		cmocka_unit_test(what_has_no_counterpart_is_dropped),
		cmocka_unit_test(others_are_routed),
		cmocka_unit_test(the_first_entry_counts),
		cmocka_unit_test(the_router_can_take_it_back),
		cmocka_unit_test(any_worker_does_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
