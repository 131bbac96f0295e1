#include "octets.h"

#include "nat/checksum.h"
#include "nat/icmp_error.h"

#define V4_END "0a00000b cb00710a "
#define V4(tos, len, proto) "45" tos len " f5ba 4000 40 " proto " 0000 " V4_END
#define V6_END "20010db8000100000000000000000011 20010db8000f00000000000000000001 "
#define V6(len, next) "60000000 " len " " next " 40 " V6_END
#define UDP(len) "1388 0035 " len " 0000 "

static const uint8_t our4[4] = { 10, 0, 0, 1 };
static const uint8_t our6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 1 };

static size_t error_of(uint8_t out[static ICMP_ERROR_MOST], enum reason reason, uint16_t mtu,
		       const struct pkt *cause)
{
	const struct icmp_error e = {
		.reason = reason, .mtu = mtu, .ttl = 64,
		.source = cause->version == 4 ? our4 : our6,
	};

	return icmp_error_make(out, &e, cause);
}

/* A datagram from text in memory of its own, with right checksums, and its view. */
static uint8_t *cause_of(struct pkt *p, const char *text)
{
	uint8_t room[OCTETS_ROOM];
	size_t len = octets_read(room, text);
	uint8_t *exact;

	octets_complete(room, len);
	exact = octets_exact(room, len);
	assert_int_equal(pkt_parse(p, exact, len, NULL), REASON_NONE);
	return exact;
}

/* The error as it should be, octet by octet; returns its length. IPv4 allows a choice of the
 * identification and DF: those are taken over from what was made. */
static size_t expect4(uint8_t *at, const uint8_t *made, const struct pkt *cause, const uint8_t *type,
		      uint16_t mtu)
{
	size_t quoted = cause->len < 548 ? cause->len : 548;
	size_t len = 28 + quoted;

	memset(at, 0, 28);
	at[0] = 0x45;
	at[1] = cause->ip[1] & 0xfc;
	store16(at + 2, (uint16_t)len);
	memcpy(at + 4, made + 4, 4);
	at[8] = 64;
	at[9] = 1;
	memcpy(at + 12, our4, 4);
	memcpy(at + 16, cause->ip + 12, 4);
	memcpy(at + 20, type, 2);
	store16(at + 26, mtu);
	memcpy(at + 28, cause->ip, quoted);
	octets_complete(at, len);
	return len;
}

static size_t expect6(uint8_t *at, const struct pkt *cause, const uint8_t *type, uint16_t mtu)
{
	size_t quoted = cause->len < 1232 ? cause->len : 1232;
	size_t len = 48 + quoted;

	memset(at, 0, 48);
	at[0] = 0x60;
	store16(at + 4, (uint16_t)(len - 40));
	at[6] = 58;
	at[7] = 64;
	memcpy(at + 8, our6, 16);
	memcpy(at + 24, cause->ip + 8, 16);
	memcpy(at + 40, type, 2);
	store16(at + 46, mtu);
	memcpy(at + 48, cause->ip, quoted);
	octets_complete(at, len);
	return len;
}

/* Type and code, IPv4 and IPv6. Reasons that are not here, and type 0, are silent; what IPv6 says of
 * extension headers is in test_icmp_error6.c. */
static const struct row { enum reason reason; uint8_t v4[2], v6[2]; } rows[] = {
	{ REASON_TTL, { 11, 0 }, { 3, 0 } },
	{ REASON_TOO_BIG, { 3, 4 }, { 2, 0 } },
	{ REASON_NO_ROUTE, { 3, 0 }, { 1, 0 } },
	{ REASON_UNREACHABLE, { 3, 1 }, { 1, 3 } },
	{ REASON_NEIGHBOUR, { 3, 1 }, { 1, 3 } },
	{ REASON_PROHIBIT, { 3, 13 }, { 1, 6 } },
	{ REASON_SOURCE_ROUTE, { 3, 5 }, { 0, 0 } },
	{ REASON_EXTENSION_TYPE, { 0, 0 }, { 1, 1 } },
	{ REASON_SCOPE, { 0, 0 }, { 1, 2 } },
	{ REASON_SPOOFED, { 0, 0 }, { 1, 5 } },
	{ REASON_NO_TRANSPORT, { 3, 2 }, { 1, 4 } },
	{ REASON_EMBEDDED, { 3, 13 }, { 1, 1 } },
	{ REASON_UNTRANSLATABLE, { 3, 13 }, { 1, 1 } },
	{ REASON_NPT_WORD, { 0, 0 }, { 4, 0 } },
	{ REASON_NO_POLICY, { 3, 13 }, { 1, 1 } },
	{ REASON_LOCAL_SERVICE, { 3, 3 }, { 1, 4 } },
	{ REASON_OUT_OF_PORTS, { 3, 1 }, { 1, 3 } },
	{ REASON_SESSION_LIMIT, { 3, 1 }, { 1, 3 } },
	{ REASON_HOST_LIMIT, { 3, 1 }, { 1, 3 } },
	{ REASON_PORT_LIMIT, { 3, 1 }, { 1, 3 } },
	{ REASON_RATE_LIMIT, { 3, 1 }, { 1, 3 } },
};

/* Where there is no service because nobody speaks the protocol: it is named, by its place in IPv6. */
static const struct row no_protocol = { REASON_LOCAL_SERVICE, { 3, 2 }, { 4, 1 } };

static const struct row *row_of(enum reason r, const struct pkt *cause)
{
	/* RFC 5597 REQ-4 for DCCP. */
	if (r == REASON_LOCAL_SERVICE && cause->protocol != PROTO_TCP &&
	    cause->protocol != PROTO_UDP && cause->protocol != PROTO_DCCP)
		return &no_protocol;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].reason == r)
			return &rows[i];
	return NULL;
}

static void check(const struct pkt *cause, enum reason reason)
{
	const struct row *row = row_of(reason, cause);
	uint16_t value = reason == REASON_TOO_BIG				? 1400
			 : row == &no_protocol && cause->version == 6 ? 6
									: 0;
	uint8_t out[ICMP_ERROR_MOST], expected[ICMP_ERROR_MOST];
	size_t len = error_of(out, reason, 1400, cause), expected_len = 0;

	if (row && cause->version == 4 && row->v4[0])
		expected_len = expect4(expected, out, cause, row->v4, value);
	else if (row && cause->version == 6 && row->v6[0])
		expected_len = expect6(expected, cause, row->v6, value);
	if (len != expected_len || memcmp(out, expected, len) != 0)
		fail_msg("%s, IPv%u: %zu octets, type %u code %u", reason_name(reason), cause->version, len,
			 out[cause->version == 4 ? 20 : 40], out[cause->version == 4 ? 21 : 41]);
}

static void test_every_reason(void **state)
{
	static const char *const causes[] = {
		V4("00", "0020", "11") UDP("000c") "01020304",
		V4("b8", "0021", "11") UDP("000d") "0102030405",
		"4600 0020 f5ba 4000 40 11 0000" V4_END "94040000" UDP("0008"),
		V4("00", "001c", "01") "0800 0000 0001 0002",
		V4("00", "0014", "fd"),
		V4("00", "0020", "21") "1388 1389 03 00 1234 04 000001",
		V6("000c", "11") UDP("000c") "01020304",
		V6("0008", "3a") "8000 0000 0001 0002",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		struct pkt p;
		uint8_t *octets = cause_of(&p, causes[i]);

		for (int r = 0; r < REASON_COUNT; r++)
			check(&p, (enum reason)r);
		free(octets);
	}
}

/* A cause of some length, its payload a pattern. */
static uint8_t *long_cause(struct pkt *p, const char *header, size_t len)
{
	uint8_t room[OCTETS_ROOM] = { 0 };
	size_t head = octets_read(room, header);
	bool v4 = room[0] >> 4 == 4;

	for (size_t i = head; i < len; i++)
		room[i] = (uint8_t)i;
	store16(room + (v4 ? 2 : 4), (uint16_t)(v4 ? len : len - 40));
	store16(room + (v4 ? 24 : 44), (uint16_t)(len - (v4 ? 20 : 40)));
	octets_complete(room, len);
	uint8_t *exact = octets_exact(room, len);

	assert_int_equal(pkt_parse(p, exact, len, NULL), REASON_NONE);
	return exact;
}

/* As much as fits: 576 octets (RFC 1812 section 4.3.2.3) and 1280 (RFC 4443 section 2.4 (c)). */
static void test_long_causes(void **state)
{
	(void)state;
	for (size_t len = 540; len <= 1400; len += len < 560 || len > 1225 ? 1 : 97) {
		struct pkt p;
		uint8_t *octets = long_cause(&p, V4("00", "0000", "11") UDP("0000"), len);

		check(&p, REASON_TTL);
		free(octets);
		octets = long_cause(&p, V6("0000", "11") UDP("0000"), len);
		check(&p, REASON_TOO_BIG);
		free(octets);
	}
}

/* RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e): never about these. */
static void test_silence(void **state)
{
	static const char *const causes[] = {
		/* ICMP errors, and the older messages that RFC 1122 section 3.2.2 counts among them */
		V4("00", "0038", "01") "0303 0000 00000000 4500001c 00000000 4011 0000 cb00710a 0a00000b" UDP("0008"),
		V4("00", "001c", "01") "0400 0000 00000000",
		V4("00", "001c", "01") "0501 0000 0a000001",
		V4("00", "001c", "01") "0b00 0000 00000000",
		V4("00", "001c", "01") "0c00 0000 00000000",
		V6("0008", "3a") "0100 0000 00000000",
		V6("0008", "3a") "0200 0000 00000500",
		V6("0028", "3a") "8900 0000 00000000 20010db8000f00000000000000000001"
				 "20010db8000f00000000000000000002",
		/* fragments other than the first; in IPv6 those that may be of an error */
		"4500 001c f5ba 0064 40 11 0000" V4_END "0001020304050607",
		V6("0010", "2c") "3a00059812345678" "8000000000010002",
		/* sources that name no host */
		"4500 001c f5ba 4000 40 11 0000 00000000 cb00710a" UDP("0008"),
		"4500 001c f5ba 4000 40 11 0000 7f000001 cb00710a" UDP("0008"),
		"4500 001c f5ba 4000 40 11 0000 e0000001 cb00710a" UDP("0008"),
		"4500 001c f5ba 4000 40 11 0000 f0000001 cb00710a" UDP("0008"),
		"4500 001c f5ba 4000 40 11 0000 ffffffff cb00710a" UDP("0008"),
		"60000000 0008 11 40 00000000000000000000000000000000 20010db8000f00000000000000000001" UDP("0008"),
		"60000000 0008 11 40 00000000000000000000000000000001 20010db8000f00000000000000000001" UDP("0008"),
		"60000000 0008 11 40 ff020000000000000000000000000001 20010db8000f00000000000000000001" UDP("0008"),
		/* destinations that are many */
		"4500 001c f5ba 4000 40 11 0000 0a00000b e0000001" UDP("0008"),
		"4500 001c f5ba 4000 40 11 0000 0a00000b ffffffff" UDP("0008"),
		"60000000 0008 11 40 20010db8000100000000000000000011 ff020000000000000000000000000001" UDP("0008"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		uint8_t out[ICMP_ERROR_MOST];
		struct pkt p;
		uint8_t *octets = cause_of(&p, causes[i]);

		if (error_of(out, REASON_TTL, 0, &p) || error_of(out, REASON_NO_ROUTE, 0, &p))
			fail_msg("answered: %s", causes[i]);
		free(octets);
	}
}

/* Not forbidden: a first fragment, a query, and over IPv6 later fragments, messages that are neither
 * errors nor redirects, and Packet Too Big about a multicast. */
static void test_answered(void **state)
{
	static const struct { const char *cause; enum reason reason; } cases[] = {
		{ "4500 001c f5ba 2000 40 11 0000" V4_END UDP("0fa0"), REASON_TTL },
		{ V4("00", "001c", "01") "0800 0000 0001 0002", REASON_TTL },
		{ V4("00", "0028", "01") "0d00 0000 0001 0002 000000010000000000000000", REASON_TTL },
		{ "60000000 0008 11 40 20010db8000100000000000000000011 ff0e0000000000000000000000000001"
		  UDP("0008"), REASON_TOO_BIG },
		{ V6("0010", "2c") "1100059812345678" "0001020304050607", REASON_TTL },
		{ V6("0008", "3a") "9200 0000 00000000", REASON_TTL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pkt p;
		uint8_t *octets = cause_of(&p, cases[i].cause);

		check(&p, cases[i].reason);
		free(octets);
	}
}

/* The sender never saw a partial checksum: the quote has the one that would have gone out. */
static void test_partial_checksum_is_completed(void **state)
{
	(void)state;
	for (size_t len = 40; len <= 1000; len += 240) {
		const struct pkt_offload partial = { true, 20, 6, 0 };
		uint8_t out[ICMP_ERROR_MOST];
		struct pkt p;
		uint8_t *octets = long_cause(&p, V4("00", "0000", "11") UDP("0000"), len);
		uint16_t whole = load16(octets + 26);
		csum_t pseudo = csum_pseudo(octets + 12, octets + 16, 4, 17, (uint32_t)len - 20);

		memcpy(octets + 26, &pseudo.raw, 2);
		assert_int_equal(pkt_parse(&p, octets, len, &partial), REASON_NONE);
		assert_true(error_of(out, REASON_TTL, 0, &p) > 0);
		assert_int_equal(load16(out + 28 + 26), whole);
		free(octets);
	}
}

/* What the answer to an echo request is: ends exchanged, type of a reply, a fresh TTL, the rest as
 * it came. */
static void answer(uint8_t *at, size_t len, uint8_t ttl)
{
	bool v4 = at[0] >> 4 == 4;
	size_t address = v4 ? 4 : 16, source = v4 ? 12 : 8;
	uint8_t swap[16];

	memcpy(swap, at + source, address);
	memcpy(at + source, at + source + address, address);
	memcpy(at + source + address, swap, address);
	at[v4 ? 8 : 7] = ttl;
	at[v4 ? (at[0] & 15) * 4 : 40] = v4 ? 0 : 129;
	octets_complete(at, len);
}

static void test_echo(void **state)
{
	static const char *const requests[] = {
		V4("00", "001c", "01") "0800 0000 0001 0002",
		V4("b8", "0021", "01") "0800 0000 0001 0002 0102030405",
		"4500 001d f5ba 4000 01 01 0000" V4_END "0800 0000 ffff ffff ff",
		"4600 0020 f5ba 4000 40 01 0000" V4_END "94040000 0800 0000 0001 0002",
		V6("0008", "3a") "8000 0000 0001 0002",
		V6("000d", "3a") "8000 0000 0001 0002 0102030405",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		uint8_t expected[OCTETS_ROOM];
		struct pkt p;
		uint8_t *octets = cause_of(&p, requests[i]);

		memcpy(expected, octets, p.len);
		answer(expected, p.len, 64);
		assert_true(icmp_echo_answer(&p));
		if (memcmp(octets, expected, p.len) != 0)
			fail_msg("%s", requests[i]);
		free(octets);
	}
}

static void test_no_echo(void **state)
{
	static const struct { const char *octets; bool spoil; } cases[] = {
		{ V4("00", "001c", "01") "0800 0000 0001 0002", true },
		{ V6("0008", "3a") "8000 0000 0001 0002", true },
		{ V4("00", "001c", "01") "0000 0000 0001 0002", false },
		{ V4("00", "001c", "01") "0d00 0000 0001 0002", false },
		{ V6("0008", "3a") "8100 0000 0001 0002", false },
		{ V4("00", "001c", "11") "0800 0000 0008 0002", false },
		/* IPv6's type in IPv4, and the other way round */
		{ V4("00", "001c", "01") "8000 0000 0001 0002", false },
		{ V6("0008", "3a") "0800 0000 0001 0002", false },
		{ V4("00", "001c", "3a") "8000 0000 0001 0002", false },
		{ V6("0008", "01") "0800 0000 0001 0002", false },
		/* a fragment of one; no transport at all */
		{ "4500 001c f5ba 2000 40 01 0000" V4_END "0800 0000 0001 0002", false },
		{ V4("00", "0014", "fd"), false },
		{ V6("0000", "3b"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t was[OCTETS_ROOM];
		struct pkt p;
		uint8_t *octets = cause_of(&p, cases[i].octets);

		if (cases[i].spoil)
			octets[p.checksum] ^= 1;
		memcpy(was, octets, p.len);
		if (icmp_echo_answer(&p) || memcmp(octets, was, p.len) != 0)
			fail_msg("%s", cases[i].octets);
		free(octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_reason),
		cmocka_unit_test(test_long_causes),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_partial_checksum_is_completed),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_no_echo),
	};

	return cmocka_run_group_tests_name("icmp_error", tests, NULL, NULL);
}
