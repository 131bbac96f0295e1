/* What ICMPv6 says of extension headers, and where it points. */
#include "octets.h"

#include "nat/extension.h"
#include "nat/icmp_error.h"

#define V6_SOURCE "20010db8000100000000000000000011"
#define V6_END V6_SOURCE "20010db8000f00000000000000000001"
#define V6(len, next) "60000000 " len " " next " 40 " V6_END
#define GROUP(len, next) "60000000 " len " " next " 40 " V6_SOURCE "ff0e0000000000000000000000000001"
#define UDP(len) "1388 0035 " len " 0000 "

/* Hop-by-hop options of eight octets, the second of which is this one; UDP follows. */
#define OPTION(type) "1100 0101 00 " type " 0100 " UDP("0008")

struct said { const char *octets; enum reason reason; uint8_t type, code; uint32_t word; };

/* The error about octets that parsed as r: type 0 says that there is none. */
static void check(const struct said *s, enum reason parsed)
{
	static const uint8_t our[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 1 };
	const struct icmp_error e = { .reason = s->reason, .source = our, .mtu = 1000, .pointer = 24,
				      .ttl = 64 };
	uint8_t room[OCTETS_ROOM], out[ICMP_ERROR_MOST];
	size_t len = octets_read(room, s->octets), made;
	uint8_t *exact = octets_exact(room, len);
	struct pkt p;

	assert_int_equal(pkt_parse(&p, exact, len, NULL), parsed);
	made = icmp_error_make(out, &e, &p);
	if (!s->type) {
		if (made)
			fail_msg("%s: type %u code %u", s->octets, out[40], out[41]);
	} else if (made != 48 + len || out[40] != s->type || out[41] != s->code ||
		   load32(out + 44) != s->word || memcmp(out + 48, room, len) != 0) {
		fail_msg("%s: %zu octets, type %u code %u, %x", s->octets, made, out[40], out[41],
			 load32(out + 44));
	}
	free(exact);
}

/* RFC 7112 section 5, RFC 8200 section 4.5: what the parser refuses of fragments. */
static void test_fragments(void **state)
{
	static const struct said cases[] = {
		{ V6("0010", "2c") "3c00000112345678" "1101010400000000", REASON_EXTENSION, 4, 3, 0 },
		{ V6("0010", "2c") "0600000112345678" "1388005000000001", REASON_TRANSPORT_SHORT, 4, 3, 0 },
		{ V6("0010", "2c") "3c00000112345678" "3a00010400000000", REASON_TRANSPORT_SHORT, 0, 0, 0 },
		{ V6("0010", "3c") "1100010400000000" "1388003500", REASON_TOTAL_LEN, 0, 0, 0 },
		{ V6("0008", "3c") "1101010400000000", REASON_EXTENSION, 0, 0, 0 },
		{ V6("0007", "11") "13880035000800", REASON_TRANSPORT_SHORT, 0, 0, 0 },
		{ V6("0014", "2c") "1100000112345678" "000102030405060708090a0b", REASON_FRAGMENT_BAD, 4, 0, 4 },
		{ V6("0014", "2c") "1100059912345678" "000102030405060708090a0b", REASON_FRAGMENT_BAD, 4, 0, 4 },
		{ V6("0010", "2c") "1100fff812345678" "0001020304050607", REASON_FRAGMENT_BAD, 4, 0, 42 },
		{ V6("0017", "3c") "2c00010400000000" "1100fff812345678" "00010203040506",
		  REASON_FRAGMENT_BAD, 4, 0, 50 },
		{ V6("0008", "2c") "1100059812345678", REASON_FRAGMENT_BAD, 0, 0, 0 },
		{ V6("0010", "2c") "0600000812345678" "0001020304050607", REASON_FRAGMENT_BAD, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i], cases[i].reason);
}

/* RFC 8200 sections 4.2 and 4.4, RFC 7915 section 5.1, RFC 6296 section 3.6, RFC 4443 section 3.4. */
static void test_pointers(void **state)
{
	static const struct said cases[] = {
		{ V6("0018", "3c") "2b00010400000000" "1100040100000000" UDP("0008"), REASON_SEGMENTS_LEFT, 4, 0, 50 },
		{ V6("0018", "3c") "2b00010400000000" "1100040100000000" UDP("0008"), REASON_SOURCE_ROUTE, 4, 0, 51 },
		{ V6("0010", "2b") "1100000000000000" UDP("0008"), REASON_SOURCE_ROUTE, 0, 0, 0 },
		{ V6("0008", "11") UDP("0008"), REASON_NPT_WORD, 4, 0, 24 },
		{ V6("0008", "fd") "0001020304050607", REASON_LOCAL_SERVICE, 4, 1, 6 },
		{ V6("0010", "3c") "fd00010400000000" "0001020304050607", REASON_LOCAL_SERVICE, 4, 1, 40 },
		{ V6("001c", "33") "2c01000000000001 00000002" "fd00000012345678" "0001020304050607",
		  REASON_LOCAL_SERVICE, 4, 1, 52 },
		{ V6("0010", "00") OPTION("1e"), REASON_UNKNOWN_OPTION, 0, 0, 0 },
		{ V6("0010", "00") OPTION("5e"), REASON_UNKNOWN_OPTION, 0, 0, 0 },
		{ V6("0010", "00") OPTION("9e"), REASON_UNKNOWN_OPTION, 4, 2, 45 },
		{ V6("0010", "00") OPTION("de"), REASON_UNKNOWN_OPTION, 4, 2, 45 },
		{ GROUP("0010", "00") OPTION("9e"), REASON_UNKNOWN_OPTION, 4, 2, 45 },
		{ GROUP("0010", "00") OPTION("de"), REASON_UNKNOWN_OPTION, 0, 0, 0 },
		{ V6("0008", "11") UDP("0008"), REASON_UNKNOWN_OPTION, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i], REASON_NONE);
}

/* RFC 8021: nobody is told of less than what IPv6 needs. */
static void test_least_mtu(void **state)
{
	static const struct said small = { V6("0008", "11") UDP("0008"), REASON_TOO_BIG, 2, 0, 1280 };

	(void)state;
	check(&small, REASON_NONE);
}

/* The first option that says not to pass over it, behind padding and options that do not. */
static void test_refused_option(void **state)
{
	static const struct { const char *octets; uint32_t at; } cases[] = {
		{ V6("0008", "11") UDP("0008"), 0 },
		{ V6("0010", "00") "1100 0104 00000000" UDP("0008"), 0 },
		{ V6("0010", "00") "1100 0502 0000 0100" UDP("0008"), 0 },
		{ V6("0010", "00") "1100 0000 0000 0000" UDP("0008"), 0 },
		{ V6("0010", "00") "1100 0000 0000 0040" UDP("0008"), 47 },
		{ V6("0010", "00") "1100 0000 0000 0001" UDP("0008"), 0 },
		{ V6("0010", "00") "1100 01ff 8000 0000" UDP("0008"), 0 },
		{ V6("0010", "00") "1100 1e02 ffff 4300" UDP("0008"), 46 },
		{ V6("0018", "00") "1101 010c 000000000000000000000000" UDP("0008"), 0 },
		{ V6("0018", "00") "1101 0104 00000000 c204 00010000 0100" UDP("0008"), 48 },
		{ V6("0008", "00") "3b00 0000 0000 0001", 0 },
		/* options that are the destination's */
		{ V6("0010", "3c") OPTION("de"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = octets_read(room, cases[i].octets);
		uint8_t *exact = octets_exact(room, len);
		struct pkt p;

		assert_int_equal(pkt_parse(&p, exact, len, NULL), REASON_NONE);
		if (extension_refused_option(&p) != cases[i].at)
			fail_msg("%s: %u", cases[i].octets, extension_refused_option(&p));
		free(exact);
	}
}

/* RFC 7045: each of the chain, and the transport behind it, as far as the view goes. */
static void test_any_of_a_set(void **state)
{
	static const struct { const char *octets; uint8_t has[4]; } cases[] = {
		{ V6("0008", "11") UDP("0008"), { 17, 17, 17, 17 } },
		{ V6("0018", "00") "3c00010400000000" "1100010400000000" UDP("0008"), { 0, 60, 17, 0 } },
		{ V6("001c", "33") "2c01000000000001 00000002" "fd00000012345678" "0001020304050607",
		  { 51, 44, 253, 51 } },
		{ V6("0010", "2c") "8700059812345678" "0001020304050607", { 44, 135, 44, 44 } },
		{ V6("0000", "3b"), { 59, 59, 59, 59 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int header = 0; header <= UINT8_MAX; header++) {
			uint8_t room[OCTETS_ROOM];
			size_t len = octets_read(room, cases[i].octets);
			struct headers one = { { 0 } };
			struct pkt p;

			headers_add(&one, (uint8_t)header);
			assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
			if (extension_is_any(&p, &one) != (memchr(cases[i].has, header, 4) != NULL))
				fail_msg("%s: %d", cases[i].octets, header);
		}
}

/* RFC 4443 section 4.2: the reply to a request with extension headers has none. */
static void test_echo_behind_extensions(void **state)
{
	static const char *const requests[] = {
		V6("0018", "00") "3c00010400000000" "3a00010400000000" "8000 0000 0001 0002",
		V6("0015", "2b") "3a00040000000000" "8000 0000 0001 0002 0102030405",
		V6("0010", "2c") "3a00000012345678" "8000 0000 0001 0002",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		uint8_t room[OCTETS_ROOM], echo[16];
		size_t len = octets_read(room, requests[i]), rest;
		struct pkt p;

		assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
		rest = len - p.transport;
		csum_store(room + p.checksum, csum_add(csum_pseudo(room + 8, room + 24, 16, 58, (uint32_t)rest),
						       csum_of(room + p.transport, rest)));
		memcpy(echo, room + p.transport, rest);
		assert_true(icmp_echo_answer(&p));
		assert_int_equal(p.len, 40 + rest);
		assert_int_equal(load16(room + 4), rest);
		assert_int_equal(room[6], 58);
		assert_int_equal(room[40], 129);
		assert_memory_equal(room + 44, echo + 4, rest - 4);
		assert_int_equal(octets_transport_sum(room, p.len), 0xffff);
		assert_int_equal(pkt_parse(&p, room, p.len, NULL), REASON_NONE);
		assert_int_equal(p.transport, 40);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_least_mtu),
		cmocka_unit_test(test_refused_option),
		cmocka_unit_test(test_any_of_a_set),
		cmocka_unit_test(test_echo_behind_extensions),
	};

	return cmocka_run_group_tests_name("icmp_error6", tests, NULL, NULL);
}
