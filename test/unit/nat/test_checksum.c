#include "octets.h"

#include "nat/checksum.h"

static uint16_t host(csum_t sum)
{
	return be16_host((be16){ sum.raw });
}

static csum_t sum_from(uint16_t number)
{
	return (csum_t){ be16_from(number).raw };
}

/* A generator that is the same everywhere (Knuth's MMIX constants). */
static uint8_t chance(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)(*state >> 56);
}

static void test_example_of_rfc_1071(void **state)
{
	const uint8_t octets[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(host(csum_of(octets, sizeof(octets))), 0xddf2);
}

static void test_sum_of_nothing(void **state)
{
	(void)state;
	assert_int_equal(csum_of("", 0).raw, 0);
}

static void test_odd_octet_is_padded(void **state)
{
	const uint8_t octets[] = { 0x12, 0x34, 0x56 };

	(void)state;
	assert_int_equal(host(csum_of(octets, 3)), 0x1234 + 0x5600);
	assert_int_equal(host(csum_of(octets, 1)), 0x1200);
}

/* Each length at each alignment, with all carries. */
static void test_every_length_and_alignment(void **state)
{
	uint8_t octets[120];
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = chance(&seed) | 0xc0;
	for (size_t at = 0; at < 8; at++)
		for (size_t len = 0; len <= 100; len++) {
			uint8_t *exact = octets_exact(octets, at + len);

			assert_int_equal(host(csum_of(exact + at, len)),
					 octets_sum(octets + at, len));
			free(exact);
		}
}

static void test_longest_datagram_of_ones(void **state)
{
	uint8_t *octets = malloc(65535);

	(void)state;
	assert_non_null(octets);
	memset(octets, 0xff, 65535);
	assert_int_equal(host(csum_of(octets, 65535)), octets_sum(octets, 65535));
	assert_int_equal(host(csum_of(octets, 65534)), 0xffff);
	free(octets);
}

static void test_add_and_sub(void **state)
{
	static const struct { uint16_t a, b, sum; } cases[] = {
		{ 0x0001, 0x0002, 0x0003 }, { 0xffff, 0x0001, 0x0001 },
		{ 0x8000, 0x8000, 0x0001 }, { 0xfffe, 0x0001, 0xffff },
		{ 0xffff, 0xffff, 0xffff }, { 0x0000, 0x0000, 0x0000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		csum_t a = sum_from(cases[i].a), b = sum_from(cases[i].b);
		csum_t sum = csum_add(a, b);

		assert_int_equal(host(sum), cases[i].sum);
		/* Taking away what was added leaves the same value, zero in either shape. */
		assert_true(csum_is_zero(csum_sub(csum_sub(sum, b), a)));
		assert_true(csum_is_zero(csum_add(a, csum_negate(a))));
	}
}

static void test_zero_has_two_shapes(void **state)
{
	(void)state;
	assert_true(csum_is_zero((csum_t){ 0 }));
	assert_true(csum_is_zero((csum_t){ 0xffff }));
	assert_false(csum_is_zero((csum_t){ 1 }));
}

static void test_diff_is_what_the_sum_gains(void **state)
{
	uint8_t was[40], now[40];
	uint64_t seed = 2;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		for (size_t i = 0; i < sizeof(was); i++) {
			was[i] = chance(&seed);
			now[i] = chance(&seed);
		}
		csum_t gained = csum_add(csum_of(was, sizeof(was)),
					 csum_diff(was, now, sizeof(was)));

		assert_true(csum_is_zero(csum_sub(gained, csum_of(now, sizeof(now)))));
	}
}

/* Field, what was and is in the words it covers, field afterwards. The first is RFC 1624 section 4
 * (K1), the second a TTL that goes down (K2); RFC 1141's formula gives ffff for both. */
static void test_patch(void **state)
{
	static const struct { uint16_t field, was, now, patched; } cases[] = {
		{ 0xdd2f, 0x5555, 0x3285, 0x0000 }, { 0xfeff, 0x4006, 0x3f06, 0x0000 },
		{ 0x0000, 0x3285, 0x5555, 0xdd2f }, { 0x1234, 0x0001, 0x0002, 0x1233 },
		{ 0x0000, 0x0001, 0x0002, 0xfffe }, { 0x1234, 0xabcd, 0xabcd, 0x1234 },
		{ 0x0000, 0xabcd, 0xabcd, 0x0000 }, { 0xffff, 0xabcd, 0xabcd, 0xffff },
		{ 0x0000, 0x0000, 0xffff, 0x0000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[3], was[2], now[2];

		store16(was, cases[i].was);
		store16(now, cases[i].now);
		for (int odd = 0; odd < 2; odd++) {
			store16(octets + odd, cases[i].field);
			csum_patch(octets + odd, csum_diff(was, now, 2));
			assert_int_equal(load16(octets + odd), cases[i].patched);
		}
	}
}

/* Requirement 3022-C7. */
static void test_patch_keeps_right_right_and_wrong_wrong(void **state)
{
	uint8_t octets[64], was[64];
	uint64_t seed = 3;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		uint16_t wrong = round % 2 ? load16((uint8_t[2]){ chance(&seed), 1 }) : 0;
		uint32_t field;

		for (size_t i = 0; i < sizeof(octets); i++)
			octets[i] = was[i] = chance(&seed);
		store16(octets, 0);
		field = (uint32_t)(uint16_t)~octets_sum(octets, sizeof(octets)) + wrong;
		store16(octets, (uint16_t)(field % 0xffff));
		octets[20] = chance(&seed);
		octets[33] = chance(&seed);
		csum_patch(octets, csum_diff(was + 20, octets + 20, 14));
		field = load16(octets);
		store16(octets, 0);
		assert_int_equal(field, ((uint32_t)(uint16_t)~octets_sum(octets, sizeof(octets)) +
					 wrong) % 0xffff);
	}
}

/* Requirements 768-C3, 768-C4, 768-C5; the vectors U1, U2, U3: what the addresses change. */
static void test_patch_udp(void **state)
{
	static const uint8_t inside[] = { 10, 0, 0, 11 }, outside[] = { 198, 51, 100, 1 };
	static const struct { uint16_t field; bool outward; uint16_t patched; } cases[] = {
		{ 0x202a, true, 0xffff },  { 0xdfd5, false, 0xffff }, { 0xffff, true, 0xdfd5 },
		{ 0xffff, false, 0x202a }, { 0x0000, true, 0x0000 },  { 0x0000, false, 0x0000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t field[2];

		store16(field, cases[i].field);
		csum_patch_udp(field, cases[i].outward ? csum_diff(inside, outside, 4)
						       : csum_diff(outside, inside, 4));
		assert_int_equal(load16(field), cases[i].patched);
	}
}

static void test_patch_udp_by_nothing(void **state)
{
	uint8_t field[2] = { 0xff, 0xff };

	(void)state;
	csum_patch_udp(field, (csum_t){ 0 });
	assert_int_equal(load16(field), 0xffff);
	csum_patch_udp(field, (csum_t){ 0xffff });
	assert_int_equal(load16(field), 0xffff);
}

/* The field holds a sum, not its complement. */
static void test_patch_partial(void **state)
{
	const uint8_t was[] = { 10, 0, 0, 11 }, now[] = { 198, 51, 100, 1 };
	const uint8_t remote[] = { 203, 0, 113, 10 };
	uint8_t field[2];
	csum_t before = csum_pseudo(was, remote, 4, 6, 1000);
	csum_t after = csum_pseudo(now, remote, 4, 6, 1000);

	(void)state;
	store16(field, host(before));
	csum_patch_partial(field, csum_diff(was, now, 4));
	assert_int_equal(load16(field), host(after));
}

static void test_store_makes_valid(void **state)
{
	uint8_t octets[] = { 0x45, 0x00, 0x00, 0x28, 0xf5, 0xba, 0x40, 0x00, 0x40, 0x06,
			     0x00, 0x00, 0x0a, 0x00, 0x00, 0x0b, 0xcb, 0x00, 0x71, 0x0a };

	(void)state;
	csum_store(octets + 10, csum_of(octets, sizeof(octets)));
	assert_int_equal(load16(octets + 10), 0xfeff);
	assert_int_equal(csum_of(octets, sizeof(octets)).raw, 0xffff);
}

static void test_pseudo_header(void **state)
{
	uint8_t v4[12], v6[40];
	size_t len4 = 0, len6 = 0;
	uint8_t room[OCTETS_ROOM];

	(void)state;
	len4 = octets_read(room, "0a00000b cb00710a 00 11 03e8");
	memcpy(v4, room, len4);
	len6 = octets_read(room, "20010db8000000010000000000000011 20010db8000f00000000000000000001"
				 "000186a0 0000003a");
	memcpy(v6, room, len6);
	assert_int_equal(host(csum_pseudo(v4, v4 + 4, 4, 17, 1000)), octets_sum(v4, len4));
	/* RFC 8200 section 8.1: the length has 32 bits. */
	assert_int_equal(host(csum_pseudo(v6, v6 + 16, 16, 58, 100000)), octets_sum(v6, len6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_of_rfc_1071),
		cmocka_unit_test(test_sum_of_nothing),
		cmocka_unit_test(test_odd_octet_is_padded),
		cmocka_unit_test(test_every_length_and_alignment),
		cmocka_unit_test(test_longest_datagram_of_ones),
		cmocka_unit_test(test_add_and_sub),
		cmocka_unit_test(test_zero_has_two_shapes),
		cmocka_unit_test(test_diff_is_what_the_sum_gains),
		cmocka_unit_test(test_patch),
		cmocka_unit_test(test_patch_keeps_right_right_and_wrong_wrong),
		cmocka_unit_test(test_patch_udp),
		cmocka_unit_test(test_patch_udp_by_nothing),
		cmocka_unit_test(test_patch_partial),
		cmocka_unit_test(test_store_makes_valid),
		cmocka_unit_test(test_pseudo_header),
	};

	return cmocka_run_group_tests_name("checksum", tests, NULL, NULL);
}
