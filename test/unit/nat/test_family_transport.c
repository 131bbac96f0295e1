#include "crossing.h"

#define PAYLOAD "68656c6c6f 21 7f"
#define UDP "1388 0035 0000 0000"
#define TCP "1388 0050 00000001 00000002 5018 ffff 0000 0000"

static struct built without_checksum(const char *header, const char *rest)
{
	struct built b = built(header, rest);

	store16(b.octets + place_of(b.octets).at + 6, 0);
	return b;
}

/* RFC 7915 section 4.5: it gets one, or is dropped. */
static void test_none_was_sent(void **state)
{
	struct built none = without_checksum(V4("11"), UDP PAYLOAD), v6 = built(V6("11"), UDP PAYLOAD);
	struct crossing c = crossing(&none);

	(void)state;
	assert_crosses(&none, &v6, "UDP without a checksum");
	c.r.no_checksum_drops = true;
	assert_refused_as(&c, REASON_NO_CHECKSUM, "UDP without a checksum");
}

static void test_none_was_sent_with_ports(void **state)
{
	static const uint16_t was[2] = { 5000, 53 }, now[2] = { 40001, 54 };
	struct built none = without_checksum(V4("11"), UDP PAYLOAD);
	struct built v6 = built(V6("11"), "9c41 0036 0000 0000" PAYLOAD);
	struct crossing c = crossing(&none);

	(void)state;
	ends_change(&c.e, was, now, false);
	assert_crosses_as(&c, &v6, "UDP without a checksum gets ports and a checksum");
}

/* RFC 768: octets behind what its length counts belong to nobody. */
static void test_none_was_sent_and_more_follows(void **state)
{
	struct built none = without_checksum(V4("11"), "1388 0035 000b 0000 010203 04 050607");
	struct built v6 = built(V6("11"), "1388 0035 000b 0000 010203");

	(void)state;
	v6.len += octets_read(v6.octets + v6.len, "04 050607");
	store16(v6.octets + 4, 15);
	assert_crosses(&none, &v6, "octets behind UDP");
}

/* 0000 would say that none was sent. */
static void test_a_sum_of_nothing(void **state)
{
	struct built v6 = built(V6("11"), UDP "0000"), v4 = built(V4("11"), UDP "0000");

	(void)state;
	memcpy(v6.octets + 48, v6.octets + 46, 2);
	memcpy(v4.octets + 28, v6.octets + 46, 2);
	put_checksum(&v6);
	put_checksum(&v4);
	assert_int_equal(load16(v6.octets + 46), 0xffff);
	assert_crosses(&v4, &v6, "a checksum that becomes ffff");
	assert_crosses(&v6, &v4, "a checksum of ffff");
	store16(v4.octets + 26, 0);
	assert_crosses(&v4, &v6, "none, and ffff is made");
}

/* RFC 6936 section 5: between tunnels there may be none in IPv6 either. */
static void test_none_in_v6(void **state)
{
	struct built v4 = without_checksum(V4("11"), UDP PAYLOAD);
	struct built v6 = without_checksum(V6("11"), UDP PAYLOAD);

	(void)state;
	assert_crosses(&v6, &v4, "IPv6 without a checksum");
}

static const struct { const char *v4, *v6, *rest; } covered[] = {
	{ V4("11"), V6("11"), UDP PAYLOAD },
	{ V4("06"), V6("06"), TCP PAYLOAD },
	{ V4("88"), V6("88"), UDP PAYLOAD },
	{ V4("21"), V6("21"), "1388 0035 0300 0000 0a000001" PAYLOAD },
	{ V4("01"), V6("3a"), "0800 0000 1234 0001" PAYLOAD },
};

enum { COVERED_COUNT = sizeof(covered) / sizeof(covered[0]) };

/* What was changed on the way is still seen by the receiver. */
static void test_wrong_stays_wrong(void **state)
{
	(void)state;
	for (int i = 0; i < COVERED_COUNT; i++) {
		struct built v4 = built(covered[i].v4, covered[i].rest);
		struct built v6 = built(covered[i].v6, covered[i].rest);
		struct crossing a, b;

		if (v6.octets[6] == 58)
			v6.octets[40] = 128;
		put_checksum(&v6);
		v4.octets[v4.len - 1] ^= 0x10;
		v6.octets[v6.len - 1] ^= 0x10;
		a = crossing(&v4);
		b = crossing(&v6);
		assert_int_equal(cross(&a), REASON_NONE);
		assert_int_equal(cross(&b), REASON_NONE);
		assert_octets(&a.p, &v6, "wrong checksum");
		assert_octets(&b.p, &v4, "wrong checksum");
		assert_false(pkt_checksum_valid(&a.p));
		assert_false(pkt_checksum_valid(&b.p));
		crossing_end(&a);
		crossing_end(&b);
	}
}

/* The field holds the pseudo-header's sum, and no complement. */
static struct built partial(const char *header, const char *transport, size_t payload)
{
	struct built b = sized(header, transport, payload);
	struct place at = place_of(b.octets);

	store16(b.octets + at.at + field_of(at.protocol),
		pseudo_sum(b.octets, at.protocol, b.len - at.at));
	return b;
}

static struct crossing offloaded(const struct built *b, uint16_t gso_size)
{
	struct place at = place_of(b->octets);
	struct pkt_offload o = { true, (uint16_t)at.at, (uint16_t)field_of(at.protocol), gso_size };

	return crossing_roomy(b, &o, 0);
}

static void assert_partial(const struct built *b, const struct built *expected, uint16_t gso_size,
			   bool ports)
{
	static const uint16_t was[2] = { 5000, 80 }, now[2] = { 40001, 81 };
	struct crossing c = offloaded(b, gso_size);

	if (ports)
		ends_change(&c.e, was, now, false);
	assert_int_equal(cross(&c), REASON_NONE);
	assert_octets(&c.p, expected, "partial checksum");
	assert_view(&c.p, "partial checksum");
	assert_true(c.p.flags & PKT_PARTIAL);
	assert_int_equal(c.p.gso_size, gso_size);
	crossing_end(&c);
}

#define UDP_80 "1388 0050 0000 0000"
#define UDP_81 "9c41 0051 0000 0000"
#define TCP_81 "9c41 0051 00000001 00000002 5018 ffff 0000 0000"
static void test_partial(void **state)
{
	static const struct { const char *v4, *v6, *before, *after; } cases[] = {
		{ V4("06"), V6("06"), TCP, TCP_81 }, { V4("11"), V6("11"), UDP_80, UDP_81 },
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct built v4 = partial(cases[i].v4, cases[i].before, 100);
		struct built v6 = partial(cases[i].v6, cases[i].before, 100);
		struct built v4_other = partial(cases[i].v4, cases[i].after, 100);
		struct built v6_other = partial(cases[i].v6, cases[i].after, 100);

		assert_partial(&v4, &v6, 0, false);
		assert_partial(&v6, &v4, 0, false);
		assert_partial(&v4, &v6_other, 0, true);
		assert_partial(&v6, &v4_other, 0, true);
	}
}

/* The datagrams that leave decide whether they may be fragmented. */
static void test_super_packets(void **state)
{
	struct built v4 = partial(V4("06"), TCP, 1900), v4_whole = partial(V4_DF("06"), TCP, 1900);
	struct built v6 = partial(V6("06"), TCP, 1900);

	(void)state;
	assert_partial(&v4, &v6, 500, false);
	assert_partial(&v6, &v4, 1220, false);
	assert_partial(&v6, &v4_whole, 1221, false);
}

/* A device cannot find what is behind an authentication header. */
static void test_partial_behind_authentication(void **state)
{
	struct built v6 = built(V6("33") "0604000000000001 00000002 0000000000000000 00000000", TCP);
	struct pkt_offload o = { true, 64, 16, 0 };
	struct crossing c = crossing_roomy(&v6, &o, 0);

	(void)state;
	assert_refused_as(&c, REASON_NO_TRANSPORT, "partial behind an authentication header");
}

/* A UDP datagram of any size, its payload all zero. */
static struct crossing large(const char *header, size_t carried)
{
	struct built b = { .len = octets_read(b.octets, header) };
	size_t len = b.len + carried;
	struct crossing c = { .memory = calloc(1, FAMILY_HEADROOM + len) };
	uint8_t *ip = c.memory + FAMILY_HEADROOM;

	assert_non_null(c.memory);
	memcpy(ip, b.octets, b.len);
	store16(ip + b.len + 4, (uint16_t)carried);
	store16(ip + b.len + 6, 0x1234);
	if (b.len == 40) {
		store16(ip + 4, (uint16_t)carried);
	} else {
		store16(ip + 2, (uint16_t)len);
		octets_seal(ip);
	}
	assert_int_equal(pkt_parse(&c.p, ip, len, NULL), REASON_NONE);
	c.e = ends_from(c.p.version);
	return c;
}

/* IPv4 counts its header in the length, and IPv6 does not. */
static void test_sixteen_bits_of_length(void **state)
{
	struct crossing most4 = large(V4("11"), 65515), most6 = large(V6("11"), 65515);
	struct crossing more6 = large(V6("11"), 65516);

	(void)state;
	assert_int_equal(cross(&most4), REASON_NONE);
	assert_int_equal(most4.p.len, 65555);
	assert_view(&most4.p, "largest of IPv4");
	assert_int_equal(cross(&most6), REASON_NONE);
	assert_int_equal(most6.p.len, 65535);
	assert_view(&most6.p, "largest to IPv4");
	assert_int_equal(cross(&more6), REASON_TOO_BIG);
	crossing_end(&most4);
	crossing_end(&most6);
	crossing_end(&more6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_was_sent),
		cmocka_unit_test(test_none_was_sent_with_ports),
		cmocka_unit_test(test_none_was_sent_and_more_follows),
		cmocka_unit_test(test_a_sum_of_nothing),
		cmocka_unit_test(test_none_in_v6),
		cmocka_unit_test(test_wrong_stays_wrong),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_super_packets),
		cmocka_unit_test(test_partial_behind_authentication),
		cmocka_unit_test(test_sixteen_bits_of_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
