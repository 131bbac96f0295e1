#include "datagrams.h"

static void test_wire_len(void **state)
{
	uint8_t room[OCTETS_ROOM];
	struct pkt_offload o = { true, 20, 16, 0 };
	struct pkt p;
	size_t len = octets_read(room, V4("0430", "06") TCP_SYN_OPTIONS);

	(void)state;
	memset(room + len, 0, 0x400);
	octets_seal(room);
	len += 0x400;
	assert_int_equal(pkt_parse(&p, room, len, &o), REASON_NONE);
	assert_int_equal(pkt_wire_len(&p), len);
	o.gso_size = 512;
	assert_int_equal(pkt_parse(&p, room, len, &o), REASON_NONE);
	assert_int_equal(pkt_wire_len(&p), 20 + 28 + 512);
	o.gso_size = 60000;
	assert_int_equal(pkt_parse(&p, room, len, &o), REASON_NONE);
	assert_int_equal(pkt_wire_len(&p), len);
}

/* Vector K2: the wrong formula leaves ffff. */
static void test_ttl(void **state)
{
	uint8_t room[OCTETS_ROOM];
	size_t len = octets_read(room, "4500 0028 f5ba 4000 40 06 feff " V4_END TCP);
	struct pkt p;

	(void)state;
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	pkt_decrement_ttl(&p);
	assert_int_equal(room[8], 63);
	assert_int_equal(load16(room + 10), 0x0000);
	for (int ttl = 62; ttl >= 0; ttl--) {
		pkt_decrement_ttl(&p);
		assert_int_equal(room[8], ttl);
		assert_int_equal(octets_sum(room, 20), 0xffff);
	}
}

static void test_hop_limit(void **state)
{
	uint8_t room[OCTETS_ROOM], was[OCTETS_ROOM];
	size_t len = octets_read(room, V6("0008", "11") UDP("0008"));
	struct pkt p;

	(void)state;
	memcpy(was, room, len);
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	pkt_decrement_ttl(&p);
	was[7] = 0x3f;
	assert_memory_equal(room, was, len);
}

static void test_checksum_valid(void **state)
{
	(void)state;
	for (int i = 0; i < GOOD_COUNT; i++) {
		const struct good *g = &good[i];
		uint8_t room[OCTETS_ROOM];
		size_t len = make(room, g);
		struct pkt p;

		if (!g->checksum || pkt_parse(&p, room, len, NULL) != REASON_NONE ||
		    (g->version == 6 && g->transport != 40) || pkt_is_fragment(&p))
			continue;
		if (!pkt_checksum_valid(&p))
			fail_msg("%s: right, but not valid", g->what);
		for (size_t at = g->transport; at < len; at++) {
			room[at] ^= 0x04;
			if (load16(room + g->checksum) && pkt_checksum_valid(&p))
				fail_msg("%s: wrong at %zu, but valid", g->what, at);
			room[at] ^= 0x04;
		}
	}
}

/* RFC 768: UDP has a length of its own; octets behind it are not covered. */
static void test_checksum_valid_with_octets_behind_udp(void **state)
{
	uint8_t room[OCTETS_ROOM];
	size_t len = octets_read(room, V4("0024", "11") UDP("000c") "01020304" "deadbeef");
	struct pkt p;

	(void)state;
	octets_complete(room, 32);
	octets_seal(room);
	assert_int_equal(octets_transport_sum(room, 32), 0xffff);
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	assert_true(pkt_checksum_valid(&p));
}

/* RFC 768: none was sent, which is right over IPv4 and wrong over IPv6 (RFC 8200 section 8.1). */
static void test_checksum_that_was_not_sent(void **state)
{
	uint8_t room[OCTETS_ROOM];
	size_t len = octets_read(room, V4("001c", "11") UDP("0008"));
	struct pkt p;

	(void)state;
	octets_seal(room);
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	assert_true(pkt_checksum_valid(&p));
	len = octets_read(room, V6("0008", "11") UDP("0008"));
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	assert_false(pkt_checksum_valid(&p));
}

static void test_type_of_service(void **state)
{
	uint8_t room[OCTETS_ROOM];
	size_t len = octets_read(room, "45b8 001c 0000 0000 4011 0000 " V4_END UDP("0008"));
	struct pkt p;

	(void)state;
	octets_seal(room);
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	assert_int_equal(pkt_tos(&p), 0xb8);
	len = octets_read(room, "6b812345 0008 11 40 " V6_END UDP("0008"));
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	assert_int_equal(pkt_tos(&p), 0xb8);
}

/* Where the fragment header is (RFC 6946: of a datagram that is whole, too), and the first routing header
 * with segments left. */
static void test_where_extension_headers_are(void **state)
{
	static const struct { const char *octets; uint16_t fragment, routing; bool more; } cases[] = {
		{ V6("0008", "11") UDP("0008"), 0, 0, false },
		{ V6("0018", "00") "3c00010400000000" "1100010400000000" UDP("0008"), 0, 0, false },
		{ V6("0010", "2c") "1100000012345678" UDP("0008"), 40, 0, false },
		{ V6("0010", "2c") "1100000112345678" UDP("0fa0"), 40, 0, true },
		{ V6("0010", "2c") "1100059912345678" UDP("0fa0"), 40, 0, true },
		{ V6("000b", "2c") "1100059812345678" "010203", 40, 0, false },
		{ V6("0020", "3c") "2c00010400000000" "3c00000012345678" "1100010400000000" UDP("0008"),
		  48, 0, false },
		{ V6("0010", "2b") "1100000100000000" UDP("0008"), 0, 40, false },
		{ V6("0010", "2b") "1100020100000000" UDP("0008"), 0, 40, false },
		{ V6("0010", "2b") "1100020000000000" UDP("0008"), 0, 0, false },
		{ V6("0028", "3c") "2b00010400000000" "2b00040000000000" "2b00040100000000"
		  "1100040200000000" UDP("0008"), 0, 56, false },
		{ V6("0020", "2b") "2c00040100000000" "2b00000112345678" "1100040200000000" UDP("0008"),
		  48, 40, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = octets_read(room, cases[i].octets);
		struct pkt p;

		assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
		if (p.fragment != cases[i].fragment || p.routing != cases[i].routing ||
		    pkt_has_more(&p) != cases[i].more)
			fail_msg("%s: fragment %u routing %u", cases[i].octets, p.fragment, p.routing);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_len),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_hop_limit),
		cmocka_unit_test(test_checksum_valid),
		cmocka_unit_test(test_checksum_valid_with_octets_behind_udp),
		cmocka_unit_test(test_checksum_that_was_not_sent),
		cmocka_unit_test(test_type_of_service),
		cmocka_unit_test(test_where_extension_headers_are),
	};

	return cmocka_run_group_tests_name("packet_fields", tests, NULL, NULL);
}
