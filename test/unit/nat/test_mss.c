#include "octets.h"

#include "nat/mss.h"

enum { SYN = 2, ACK = 16, OPTIONS = 40, OPTIONS_MOST = 40 };

#define V4 "4500 0000 f5ba 4000 40 06 0000 0a00000b cb00710a "
#define V6 "60000000 0000 06 40 20010db8000100000000000000000011 20010db8000f00000000000000000001 "
#define TCP "1388 0050 00000001 00000000 0002 ffff 0000 0000 "

/* A segment with options, filled up with end-of-list, some payload, and right checksums. */
static size_t make(uint8_t at[static OCTETS_ROOM], const char *ip, const uint8_t *options,
		   size_t option_len, uint8_t flags)
{
	size_t head = octets_read(at, ip);
	size_t tcp = octets_read(at + head, TCP);
	size_t padded = (option_len + 3) / 4 * 4;
	size_t len;

	memset(at + head + tcp, 0, padded);
	memcpy(at + head + tcp, options, option_len);
	at[head + 12] = (uint8_t)((tcp + padded) / 4 << 4);
	at[head + 13] = flags;
	memcpy(at + head + tcp + padded, "odd", 3);
	len = head + tcp + padded + 3;
	store16(at + (at[0] >> 4 == 4 ? 2 : 4), (uint16_t)(at[0] >> 4 == 4 ? len : len - 40));
	octets_complete(at, len);
	return len;
}

/* Clamp in memory of exact size; what comes out goes back to room. */
static bool clamp(uint8_t *room, size_t len, const struct pkt_offload *o, uint16_t most)
{
	uint8_t *exact = octets_exact(room, len);
	struct pkt p;
	bool changed;

	assert_int_equal(pkt_parse(&p, exact, len, o), REASON_NONE);
	changed = mss_clamp(&p, most);
	memcpy(room, exact, len);
	free(exact);
	return changed;
}

static const char *const versions[] = { V4, V6 };

/* NOPs in front put the option at every offset there is. */
static void test_every_alignment(void **state)
{
	(void)state;
	for (size_t v = 0; v < 2; v++)
		for (size_t nops = 0; nops + 4 <= OPTIONS_MOST; nops++) {
			uint8_t options[OPTIONS_MOST], room[OCTETS_ROOM], expected[OCTETS_ROOM];
			size_t len;

			memset(options, 1, sizeof(options));
			memcpy(options + nops, (uint8_t[4]){ 2, 4, 1460 >> 8, 1460 & 255 }, 4);
			len = make(room, versions[v], options, nops + 4, SYN);
			store16(options + nops + 2, 1399);
			make(expected, versions[v], options, nops + 4, SYN);
			assert_true(clamp(room, len, NULL, 1399));
			assert_memory_equal(room, expected, len);
		}
}

/* Requirement MSS-1: lowered, never raised; also on SYN-ACK. */
static void test_values(void **state)
{
	static const struct { uint16_t is, most, becomes; } cases[] = {
		{ 1460, 1452, 1452 }, { 1452, 1452, 1452 }, { 1451, 1452, 1451 }, { 536, 1452, 536 },
		{ 9000, 1452, 1452 }, { 65535, 1452, 1452 }, { 0, 1452, 0 },	   { 1460, 536, 536 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint8_t flags = SYN; flags <= (SYN | ACK); flags += ACK) {
			uint8_t options[4] = { 2, 4 };
			uint8_t room[OCTETS_ROOM];
			size_t len;

			store16(options + 2, cases[i].is);
			len = make(room, V4, options, 4, flags);
			assert_int_equal(clamp(room, len, NULL, cases[i].most),
					 cases[i].is != cases[i].becomes);
			assert_int_equal(load16(room + OPTIONS + 2), cases[i].becomes);
			assert_int_equal(octets_transport_sum(room, len), 0xffff);
		}
}

/* Option lists that are left as they are. Requirement MSS-2. */
static void test_left_alone(void **state)
{
	static const struct { const char *what, *options; uint8_t flags; } cases[] = {
		{ "no options", "", SYN },
		{ "no MSS", "01 030307 0402", SYN },
		{ "not a SYN", "020405b4", ACK },
		{ "behind the end of the list", "00 020405b4", SYN },
		{ "length two", "0202 05b4", SYN },
		{ "length three", "020305 b4", SYN },
		{ "length five", "020505b400", SYN },
		{ "length zero before it", "0300 020405b4", SYN },
		{ "length one before it", "0301 020405b4", SYN },
		{ "past the header", "01010102", SYN },
		{ "value past the header", "01010204", SYN },
		{ "half a value", "01020405", SYN },
		{ "TCP-AO behind it (RFC 5925)", "020405b4 1d100102030405060708090a0b0c0d0e", SYN },
		{ "TCP-AO in front of it", "1d100102030405060708090a0b0c0d0e 020405b4", SYN },
		{ "something broken behind it", "020405b4 0360", SYN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t text[OCTETS_ROOM], room[OCTETS_ROOM], was[OCTETS_ROOM];
		size_t option_len = octets_read(text, cases[i].options);
		size_t len = make(room, V4, text, option_len, cases[i].flags);

		memcpy(was, room, len);
		if (clamp(room, len, NULL, 500) || memcmp(room, was, len) != 0)
			fail_msg("%s", cases[i].what);
	}
}

/* TCP-MD5 (RFC 2385) does not cover options; unknown kinds are walked over. */
static void test_behind_other_options(void **state)
{
	static const char *const before[] = {
		"1312000102030405060708090a0b0c0d0e0f", "fd0601020304", "0402 080a0000000100000000 01",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		uint8_t options[OCTETS_ROOM], room[OCTETS_ROOM];
		size_t at = octets_read(options, before[i]), len;

		memcpy(options + at, (uint8_t[4]){ 2, 4, 5, 0xb4 }, 4);
		len = make(room, V4, options, at + 4, SYN);
		assert_true(clamp(room, len, NULL, 1000));
		assert_int_equal(load16(room + OPTIONS + at + 2), 1000);
		assert_int_equal(octets_transport_sum(room, len), 0xffff);
	}
}

/* Every octet of the options in turn lies: nothing is read or written beyond them. */
static void test_mutated(void **state)
{
	uint8_t text[OCTETS_ROOM], room[OCTETS_ROOM];
	size_t option_len = octets_read(text, "0402 080a0000000100000000 01 020405b4 030307 01 01 0101");
	size_t len = make(room, V4, text, option_len, SYN);

	(void)state;
	/* Without a payload the options are the last octets. */
	len -= 3;
	store16(room + 2, (uint16_t)len);
	octets_seal(room);
	for (size_t at = 0; at < option_len; at++)
		for (int lie = 0; lie < 256; lie++) {
			uint8_t copy[OCTETS_ROOM];

			memcpy(copy, room, len);
			copy[OPTIONS + at] = (uint8_t)lie;
			octets_complete(copy, len);
			clamp(copy, len, NULL, 500);
			assert_int_equal(octets_transport_sum(copy, len), 0xffff);
		}
}

static void test_wrong_stays_wrong(void **state)
{
	uint8_t room[OCTETS_ROOM], right[OCTETS_ROOM];
	size_t len = make(room, V4, (const uint8_t *)"\1\2\4\5\xb4", 5, SYN);

	(void)state;
	memcpy(right, room, len);
	store16(room + 36, (uint16_t)((load16(room + 36) + 1u) % 0xffff));
	assert_true(clamp(room, len, NULL, 1000));
	assert_true(clamp(right, len, NULL, 1000));
	assert_int_equal(load16(room + 36), (load16(right + 36) + 1u) % 0xffff);
}

/* The device adds the options up itself. */
static void test_partial(void **state)
{
	uint8_t room[OCTETS_ROOM];
	size_t len = make(room, V4, (const uint8_t *)"\2\4\5\xb4", 4, SYN);
	const struct pkt_offload partial = { true, 20, 16, 0 };

	(void)state;
	store16(room + 36, 0xabcd);
	assert_true(clamp(room, len, &partial, 1000));
	assert_int_equal(load16(room + OPTIONS + 2), 1000);
	assert_int_equal(load16(room + 36), 0xabcd);
}

static void test_other_datagrams(void **state)
{
	static const char *const cases[] = {
		"4500 001c f5ba 4000 40 11 0000 0a00000b cb00710a 1388 0050 0008 0000",
		"4500 0014 f5ba 4000 40 fd 0000 0a00000b cb00710a",
		/* A later fragment of TCP that looks like a SYN with the option. */
		"4500 002c f5ba 0064 40 06 0000 0a00000b cb00710a" "1388 0050 00000001 00000000 6002 ffff"
		"0000 0000 020405b4",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[OCTETS_ROOM], was[OCTETS_ROOM];
		size_t len = octets_read(room, cases[i]);

		octets_seal(room);
		memcpy(was, room, len);
		assert_false(clamp(room, len, NULL, 500));
		assert_memory_equal(room, was, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_alignment),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_behind_other_options),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_wrong_stays_wrong),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_other_datagrams),
	};

	return cmocka_run_group_tests_name("mss", tests, NULL, NULL);
}
