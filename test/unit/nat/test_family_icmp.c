#include "crossing_error.h"

/* What a message becomes: RFC 7915 sections 4.2 and 5.2, as a table of everything that is translated. */
struct meaning { unsigned type, code, to_type, to_code; };

enum { ANY = 256 };
static const struct meaning to6[] = {
	{ 8, ANY, 128, ANY }, { 0, ANY, 129, ANY },
	{ 3, 0, 1, 0 }, { 3, 1, 1, 0 }, { 3, 2, 4, 1 }, { 3, 3, 1, 4 }, { 3, 4, 2, 0 }, { 3, 5, 1, 0 },
	{ 3, 6, 1, 0 }, { 3, 7, 1, 0 }, { 3, 8, 1, 0 }, { 3, 9, 1, 1 }, { 3, 10, 1, 1 }, { 3, 11, 1, 0 },
	{ 3, 12, 1, 0 }, { 3, 13, 1, 1 }, { 3, 15, 1, 1 },
	{ 11, ANY, 3, ANY },
	{ 12, 0, 4, 0 }, { 12, 2, 4, 0 },
};
static const struct meaning to4[] = {
	{ 128, ANY, 8, ANY }, { 129, ANY, 0, ANY },
	{ 1, 0, 3, 1 }, { 1, 1, 3, 10 }, { 1, 2, 3, 1 }, { 1, 3, 3, 1 }, { 1, 4, 3, 3 },
	{ 2, ANY, 3, 4 },
	{ 3, ANY, 11, ANY },
	{ 4, 0, 12, 0 }, { 4, 1, 3, 2 },
};

enum { TO6_COUNT = sizeof(to6) / sizeof(to6[0]), TO4_COUNT = sizeof(to4) / sizeof(to4[0]) };

static const struct meaning *meaning(uint8_t version, unsigned type, unsigned code)
{
	const struct meaning *m = version == 4 ? to6 : to4;
	const struct meaning *end = m + (version == 4 ? TO6_COUNT : TO4_COUNT);

	for (; m < end; m++)
		if (m->type == type && (m->code == code || m->code == ANY))
			return m;
	return NULL;
}

/* An error with a word, quoting a UDP datagram. */
static struct built error_of(uint8_t version, unsigned type, unsigned code, uint32_t word)
{
	struct built quoted = version == 4 ? built(QUOTED4("11"), UDP "01020304") : built(QUOTED6("11"), UDP "01020304");
	char icmp[64];
	struct quoting q = { .header = version == 4 ? HEADER4 : HEADER6, .icmp = icmp, .quoted = &quoted };

	snprintf(icmp, sizeof(icmp), "%02x%02x 0000 %08x", type, code, word);
	return error(&q);
}

static enum reason cross_any(struct crossing_error *x)
{
	return x->c.p.flags & PKT_ICMP_ERROR ? cross_error(x) : cross(&x->c);
}

static void assert_meaning(uint8_t version, unsigned type, unsigned code)
{
	const struct meaning *m = meaning(version, type, code);
	struct built b = error_of(version, type, code, 0);
	struct crossing_error x = crossing_error(&b, 100);
	enum reason r = cross_any(&x);
	const uint8_t *icmp = pkt_transport(&x.c.p);

	if (r != (m ? REASON_NONE : REASON_ICMP_TYPE))
		fail_msg("%u/%u of IPv%u: %s", type, code, version, reason_name(r));
	if (m && (icmp[0] != m->to_type || icmp[1] != (m->to_code == ANY ? code : m->to_code)))
		fail_msg("%u/%u of IPv%u becomes %u/%u", type, code, version, icmp[0], icmp[1]);
	if (m && !pkt_checksum_valid(&x.c.p))
		fail_msg("%u/%u of IPv%u has a wrong checksum", type, code, version);
	if (!m)
		assert_memory_equal(x.c.p.ip, b.octets, b.len);
	crossing_end(&x.c);
}

static void test_every_type_and_code(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		for (unsigned code = 0; code < 256; code++) {
			assert_meaning(4, type, code);
			assert_meaning(6, type, code);
		}
	}
}

/* The second word, of an error about a datagram of 32 octets in IPv4 and 52 in IPv6. */
static void assert_word(uint8_t version, const struct meaning *m, uint32_t was, uint32_t now)
{
	struct built b = error_of(version, m->type, m->code, was);
	struct crossing_error x = crossing_error(&b, 100);
	uint32_t word;

	assert_int_equal(cross_error(&x), REASON_NONE);
	word = load32(pkt_transport(&x.c.p) + 4);
	if (word != now)
		fail_msg("word %08x of %u/%u becomes %08x, not %08x", was, m->type, m->code, word, now);
	crossing_end(&x.c);
}

static void assert_no_pointer(uint8_t version, const struct meaning *m, uint32_t word)
{
	struct built b = error_of(version, m->type, m->code, word);
	struct crossing_error x = crossing_error(&b, 100);

	assert_error_refused(&x, REASON_ICMP_TYPE, "pointer to nothing");
}

/* RFC 7915 figures 3 and 6. */
enum { NONE = 99 };
static void test_every_pointer_of_v4(void **state)
{
	static const uint8_t pointers[20] = {
		0, 1, 4, 4, NONE, NONE, NONE, NONE, 7, 6, NONE, NONE, 8, 8, 8, 8, 24, 24, 24, 24,
	};
	static const struct meaning problems[] = { { 12, 0, 4, 0 }, { 12, 2, 4, 0 } };

	(void)state;
	for (uint32_t i = 0; i < 256; i++) {
		for (int n = 0; n < 2; n++) {
			if (i >= 20 || pointers[i] == NONE)
				assert_no_pointer(4, &problems[n], i << 24);
			else
				assert_word(4, &problems[n], i << 24, pointers[i]);
		}
	}
}

static void test_every_pointer_of_v6(void **state)
{
	static const struct { uint32_t first, last; uint8_t to; } pointers[] = {
		{ 0, 0, 0 }, { 1, 1, 1 }, { 4, 5, 2 }, { 6, 6, 9 }, { 7, 7, 8 }, { 8, 23, 12 },
		{ 24, 39, 16 },
	};
	static const struct meaning problem = { 4, 0, 12, 0 };

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		uint32_t to = NONE;

		for (int n = 0; n < 7; n++)
			if (pointers[n].first <= i && i <= pointers[n].last)
				to = pointers[n].to;
		if (to == NONE)
			assert_no_pointer(6, &problem, i);
		else
			assert_word(6, &problem, i, to << 24);
	}
	assert_no_pointer(6, &problem, 0x01000000);
	assert_no_pointer(6, &problem, UINT32_MAX);
}

/* What must be zero is, and a length without extensions says nothing. */
static void test_unused_words(void **state)
{
	static const struct meaning unused4[] = { { 3, 0, 1, 0 }, { 11, 0, 3, 0 } },
		unused6[] = { { 1, 0, 3, 1 }, { 3, 0, 11, 0 } }, protocol4 = { 3, 2, 4, 1 },
		protocol6 = { 4, 1, 3, 2 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_word(4, &unused4[i], 0xff00ffff, 0);
		assert_word(4, &unused4[i], 0x00ff0000, 0);
		assert_word(4, &unused4[i], 0x00080000, 0);
		assert_word(6, &unused6[i], 0x00ffffff, 0);
		assert_word(6, &unused6[i], 0xff000000, 0);
	}
	assert_word(4, &protocol4, 0, 6);
	assert_word(6, &protocol6, 6, 0);
	assert_word(6, &protocol6, 40, 0);
}

static const struct meaning too_big4 = { 3, 4, 2, 0 }, too_big6 = { 2, 0, 3, 4 };

/* An error about a datagram that says to be of so many octets, with or without a fragment header. */
static uint32_t mtu_said(uint8_t version, uint32_t mtu, uint16_t total, const struct family_rules *r)
{
	const struct meaning *m = version == 4 ? &too_big4 : &too_big6;
	struct built b = error_of(version, m->type, m->code, mtu);
	struct crossing_error x;
	uint32_t said;

	if (version == 4) {
		store16(b.octets + 28 + 2, total);
		octets_seal(b.octets + 28);
		put_checksum(&b);
	}
	x = crossing_error(&b, 100);
	x.c.r.mtu4 = r->mtu4;
	x.c.r.mtu6 = r->mtu6;
	assert_int_equal(cross_error(&x), REASON_NONE);
	said = load32(pkt_transport(&x.c.p) + 4);
	crossing_end(&x.c);
	return said;
}

/* RFC 7915 section 4.2: max(1280, min(m + 20, MTU6, MTU4 + 20)), and the plateaus of RFC 1191. */
static void test_mtu_to_v6(void **state)
{
	static const struct { uint32_t mtu; uint16_t total, mtu4, mtu6; uint32_t said; } mtus[] = {
		{ 68, 1500, 0, 0, 1280 }, { 576, 1500, 0, 0, 1280 }, { 1259, 1500, 0, 0, 1280 },
		{ 1260, 1500, 0, 0, 1280 }, { 1261, 1500, 0, 0, 1281 }, { 1400, 1500, 0, 0, 1420 },
		{ 9000, 9001, 0, 0, 9020 }, { 65535, 65535, 0, 0, 65555 },
		{ 9000, 9001, 0, 1500, 1500 }, { 9000, 9001, 1400, 0, 1420 },
		{ 1400, 1500, 1400, 1500, 1420 }, { 1480, 1500, 1500, 1400, 1400 },
		{ 1400, 1500, 1000, 0, 1280 }, { 1400, 1500, 0, 1280, 1280 },
		{ 0, 65535, 0, 0, 32000 }, { 0, 32001, 0, 0, 32000 }, { 0, 32000, 0, 0, 17914 },
		{ 0, 9000, 0, 0, 8166 }, { 0, 8166, 0, 0, 4352 }, { 0, 4352, 0, 0, 2002 },
		{ 0, 2002, 0, 0, 1492 }, { 0, 1500, 0, 0, 1492 }, { 0, 1492, 0, 0, 1280 },
		{ 0, 576, 0, 0, 1280 }, { 0, 9000, 1500, 9000, 1520 }, { 0, 9000, 9000, 1500, 1500 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		struct family_rules r = { .mtu4 = mtus[i].mtu4, .mtu6 = mtus[i].mtu6 };
		uint32_t said = mtu_said(4, mtus[i].mtu, mtus[i].total, &r);

		if (said != mtus[i].said)
			fail_msg("%u of %u becomes %u, not %u", mtus[i].mtu, mtus[i].total, said,
				 mtus[i].said);
	}
}

/* RFC 7915 section 5.2: min(m - 20, MTU4, MTU6 - 20); IPv6 has no links of less than 1280. */
static void test_mtu_to_v4(void **state)
{
	static const struct { uint32_t mtu; uint16_t mtu4, mtu6; uint32_t said; } mtus[] = {
		{ 1280, 0, 0, 1260 }, { 1281, 0, 0, 1261 }, { 1400, 0, 0, 1380 }, { 1500, 0, 0, 1480 },
		{ 9000, 0, 0, 8980 }, { 0, 0, 0, 1260 }, { 68, 0, 0, 1260 }, { 1279, 0, 0, 1260 },
		{ 65555, 0, 0, 65535 }, { 65556, 0, 0, 65535 }, { UINT32_MAX, 0, 0, 65535 },
		{ 9000, 1500, 0, 1500 }, { 9000, 0, 1500, 1480 }, { 1400, 1000, 1500, 1000 },
		{ 1400, 1500, 1300, 1280 }, { 9000, 1500, 1500, 1480 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		struct family_rules r = { .mtu4 = mtus[i].mtu4, .mtu6 = mtus[i].mtu6 };
		uint32_t said = mtu_said(6, mtus[i].mtu, 0, &r);

		if (said != mtus[i].said)
			fail_msg("%u becomes %u, not %u", mtus[i].mtu, said, mtus[i].said);
	}
}

/* RFC 7915 section 5.2: with a fragment header, eight octets more were in the way. */
static void test_mtu_of_a_fragment(void **state)
{
	static const struct { uint32_t mtu; uint16_t mtu6; uint32_t said; } mtus[] = {
		{ 1280, 0, 1252 }, { 1500, 0, 1472 }, { 9000, 1500, 1472 }, { 0, 0, 1252 },
	};
	struct built quoted = built(QUOTED6("2c") "11000001 00004321", UDP "01020304");
	char icmp[64];
	struct quoting q = { .header = HEADER6, .icmp = icmp, .quoted = &quoted };

	(void)state;
	for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		struct built b;
		struct crossing_error x;

		snprintf(icmp, sizeof(icmp), "0200 0000 %08x", mtus[i].mtu);
		b = error(&q);
		x = crossing_error(&b, 0);
		x.c.r.mtu6 = mtus[i].mtu6;
		assert_int_equal(cross_error(&x), REASON_NONE);
		assert_int_equal(load32(pkt_transport(&x.c.p) + 4), mtus[i].said);
		crossing_end(&x.c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type_and_code),
		cmocka_unit_test(test_every_pointer_of_v4),
		cmocka_unit_test(test_every_pointer_of_v6),
		cmocka_unit_test(test_unused_words),
		cmocka_unit_test(test_mtu_to_v6),
		cmocka_unit_test(test_mtu_to_v4),
		cmocka_unit_test(test_mtu_of_a_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
