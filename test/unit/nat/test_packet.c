#include "datagrams.h"

#include "nat/icmp_error.h"
#include "nat/mss.h"
#include "nat/tuple.h"

/* Malformed datagrams, each with its reason. Header checksums are made right, except where raw. */
static const struct bad {
	const char *what, *octets;
	enum reason reason;
	bool raw;
} bad[] = {
	{ "nothing", "", REASON_SHORT, true },
	{ "one octet of IPv4", "45", REASON_SHORT, true },
	{ "19 octets of IPv4", "45000014 00000000 40110000 0a00000b cb0071", REASON_SHORT, true },
	{ "one octet of IPv6", "60", REASON_SHORT, true },
	{ "39 octets of IPv6", "60000000 0000 3b40 20010db8000100000000000000000011"
			       "20010db8000f000000000000000000", REASON_SHORT, true },
	{ "version 0", "05000014 00000000 40110000 " V4_END, REASON_VERSION, true },
	{ "version 5", "55000014 00000000 40110000 " V4_END, REASON_VERSION, true },
	{ "version 15", "ff", REASON_VERSION, true },
	{ "header of no words", "40000014 00000000 40ff0000 " V4_END, REASON_HEADER_LEN, true },
	{ "header of four words", "44000014 00000000 40ff0000 " V4_END, REASON_HEADER_LEN, true },
	{ "header longer than all", "46000018 00000000 40ff0000 " V4_END, REASON_SHORT, true },
	{ "total length below the header", V4("0013", "ff"), REASON_TOTAL_LEN, false },
	{ "total length zero", V4("0000", "ff"), REASON_TOTAL_LEN, false },
	{ "total length below the options",
	  "46000017 00000000 40ff0000 " V4_END "01010101", REASON_TOTAL_LEN, false },
	{ "total length beyond the end", V4("0015", "ff"), REASON_TOTAL_LEN, false },
	{ "header checksum", "4500001c f5ba4000 4011ffff " V4_END UDP("0008"), REASON_HEADER_SUM, true },
	{ "header checksum of zero", V4("001c", "11") UDP("0008"), REASON_HEADER_SUM, true },
	{ "option without length",
	  "46000018 00000000 40ff0000 " V4_END "01010144", REASON_OPTION, false },
	{ "option of length zero",
	  "46000018 00000000 40ff0000 " V4_END "94000000", REASON_OPTION, false },
	{ "option of length one",
	  "46000018 00000000 40ff0000 " V4_END "94010000", REASON_OPTION, false },
	{ "option past the header",
	  "46000018 00000000 40ff0000 " V4_END "01940401", REASON_OPTION, false },
	{ "fragment of no octets", V4_FRAGMENT("0014", "2000", "11"), REASON_FRAGMENT_BAD, false },
	{ "last fragment of no octets", V4_FRAGMENT("0014", "0064", "11"), REASON_FRAGMENT_BAD, false },
	{ "fragment of twelve octets",
	  V4_FRAGMENT("0020", "2000", "11") "1388003503e8 000000000000", REASON_FRAGMENT_BAD, false },
	{ "middle fragment of one octet", V4_FRAGMENT("0015", "2064", "11") "00", REASON_FRAGMENT_BAD, false },
	{ "fragment beyond 65535",
	  V4_FRAGMENT("001c", "1fff", "11") "0001020304050607", REASON_FRAGMENT_BAD, false },
	{ "fragment over TCP flags (RFC 3128)",
	  V4_FRAGMENT("001c", "0001", "06") "0001020304050607", REASON_FRAGMENT_BAD, false },
	{ "UDP of no octets", V4("0014", "11"), REASON_TRANSPORT_SHORT, false },
	{ "UDP of seven octets", V4("001b", "11") "13880035000800", REASON_TRANSPORT_SHORT, false },
	{ "UDP length seven", V4("001c", "11") UDP("0007"), REASON_TRANSPORT_LEN, false },
	{ "UDP length zero", V4("001c", "11") UDP("0000"), REASON_TRANSPORT_LEN, false },
	{ "UDP length beyond", V4("001c", "11") UDP("0009"), REASON_TRANSPORT_LEN, false },
	{ "TCP of four octets", V4("0018", "06") "13880050", REASON_TRANSPORT_SHORT, false },
	{ "TCP of 19 octets",
	  V4("0027", "06") "1388 0050 00000001 00000002 5010 ffff 0000 00", REASON_TRANSPORT_SHORT, false },
	{ "TCP data offset four",
	  V4("0028", "06") "1388 0050 00000001 00000002 4010 ffff 0000 0000", REASON_TRANSPORT_LEN, false },
	{ "TCP data offset beyond",
	  V4("0028", "06") "1388 0050 00000001 00000002 6010 ffff 0000 0000", REASON_TRANSPORT_LEN, false },
	{ "tiny first fragment of TCP (RFC 1858)",
	  V4_FRAGMENT("001c", "2000", "06") "1388005000000001", REASON_TRANSPORT_SHORT, false },
	{ "ICMP of seven octets", V4("001b", "01") "08000000000100", REASON_TRANSPORT_SHORT, false },
	{ "IPv6 payload beyond the end", V6("0009", "11") UDP("0008"), REASON_TOTAL_LEN, false },
	{ "IPv6 UDP of seven octets", V6("0007", "11") "13880035000800", REASON_TRANSPORT_SHORT, false },
	{ "IPv6 UDP length beyond", V6("0008", "11") UDP("0009"), REASON_TRANSPORT_LEN, false },
	{ "IPv6 TCP data offset beyond",
	  V6("0014", "06") "1388 0050 00000001 00000002 6010 ffff 0000 0000", REASON_TRANSPORT_LEN, false },
	{ "ICMPv6 of four octets", V6("0004", "3a") "80000000", REASON_TRANSPORT_SHORT, false },
	{ "extension header of seven octets", V6("0007", "3c") "1100010400000000", REASON_EXTENSION, false },
	{ "extension header past the end", V6("0008", "3c") "1101010400000000", REASON_EXTENSION, false },
	{ "authentication header past the end", V6("0008", "33") "1101000000000000", REASON_EXTENSION, false },
	{ "fragment header cut off", V6("0004", "2c") "11000000", REASON_EXTENSION, false },
	{ "hop-by-hop options in second place",
	  V6("0018", "3c") "0000010400000000" "1100010400000000" UDP("0008"), REASON_EXTENSION, false },
	{ "nine extension headers",
	  V6("0050", "3c") "3c00010400000000 3c00010400000000 3c00010400000000 3c00010400000000"
			   "3c00010400000000 3c00010400000000 3c00010400000000 3c00010400000000"
			   "1100010400000000" UDP("0008"), REASON_EXTENSION, false },
	{ "IPv6 fragment of twelve octets",
	  V6("0014", "2c") "1100000112345678" "000102030405060708090a0b", REASON_FRAGMENT_BAD, false },
	{ "IPv6 fragment beyond 65535",
	  V6("0010", "2c") "1100fff812345678" "0001020304050607", REASON_FRAGMENT_BAD, false },
	{ "IPv6 fragment beyond 65535 with the options in front of it",
	  V6("0017", "3c") "2c00010400000000" "1100fff812345678" "00010203040506", REASON_FRAGMENT_BAD, false },
	{ "IPv6 fragment over TCP flags",
	  V6("0010", "2c") "0600000812345678" "0001020304050607", REASON_FRAGMENT_BAD, false },
	{ "fragment of a fragment",
	  V6("0018", "2c") "2c00000012345678" "1100000012345678" UDP("0008"), REASON_EXTENSION, false },
	{ "first fragment that ends inside options (RFC 7112)",
	  V6("0010", "2c") "3c00000112345678" "1101010400000000", REASON_EXTENSION, false },
	{ "first fragment of nothing but options",
	  V6("0010", "2c") "3c00000112345678" "1100010400000000", REASON_TRANSPORT_SHORT, false },
	{ "first fragment with half a TCP header",
	  V6("0010", "2c") "0600000112345678" "1388005000000001", REASON_TRANSPORT_SHORT, false },
	{ "jumbo payload", V6("0000", "00") "11 00 c204 00010000" UDP("0000"), REASON_EXTENSION, false },
};

enum { BAD_COUNT = sizeof(bad) / sizeof(bad[0]) };

static void test_malformed(void **state)
{
	(void)state;
	for (int i = 0; i < BAD_COUNT; i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = octets_read(room, bad[i].octets);
		struct pkt p;

		if (!bad[i].raw && room[0] >> 4 == 4)
			octets_seal(room);
		uint8_t *exact = octets_exact(room, len);
		enum reason r = pkt_parse(&p, exact, len, NULL);

		if (r != bad[i].reason)
			fail_msg("%s: %s", bad[i].what, reason_name(r));
		free(exact);
	}
}

static void test_views(void **state)
{
	(void)state;
	for (int i = 0; i < GOOD_COUNT; i++) {
		const struct good *g = &good[i];
		uint8_t room[OCTETS_ROOM];
		size_t len = make(room, g);
		uint8_t *exact = octets_exact(room, len);
		struct pkt p;
		enum reason r = pkt_parse(&p, exact, len, NULL);

		if (r != REASON_NONE || p.len != len || p.version != g->version ||
		    p.protocol != g->protocol || p.transport != g->transport ||
		    p.checksum != g->checksum || p.flags != g->flags ||
		    p.fragment_offset != g->offset || p.gso_size || p.ip != exact)
			fail_msg("%s: %s, version %u protocol %u transport %u checksum %u flags %x "
				 "offset %u", g->what, reason_name(r), p.version, p.protocol, p.transport,
				 p.checksum, p.flags, p.fragment_offset);
		assert_memory_equal(exact, room, len);
		free(exact);
	}
}

/* Whatever the view promises, the others rely on: touch all of it. */
static void use(struct pkt *p)
{
	static const uint8_t ours[16] = { 192, 0, 2, 1 };
	uint8_t out[ICMP_ERROR_MOST];
	struct icmp_error e = { .reason = REASON_TTL, .source = ours, .ttl = 64 };
	struct tuple t;
	struct pkt inner;

	assert_in_range(p->transport, 20, p->len);
	assert_true(!p->checksum || p->checksum + 2u <= p->len);
	pkt_wire_len(p);
	pkt_checksum_valid(p);
	icmp_error_make(out, &e, p);
	tuple_of(&t, p, SIDE_INSIDE);
	mss_clamp(p, 1000);
	if ((p->flags & PKT_ICMP_ERROR) && pkt_parse_quoted(&inner, p) == REASON_NONE) {
		assert_true(inner.ip + inner.len <= p->ip + p->len);
		assert_true(inner.transport <= inner.len);
		tuple_of_quoted(&t, &inner, SIDE_OUTSIDE);
	}
	icmp_echo_answer(p);
}

/* Of fragments that are refused their senders are told. */
static void tell(const struct pkt *p, enum reason r)
{
	static const uint8_t ours[16] = { 0x20, 0x01 };
	const struct icmp_error e = { .reason = r, .source = ours, .ttl = 64 };
	uint8_t out[ICMP_ERROR_MOST];

	if (p->version == 6 && p->fragment)
		icmp_error_make(out, &e, p);
}

static void parse_and_use(const uint8_t *octets, size_t len)
{
	uint8_t *exact = octets_exact(octets, len);
	struct pkt p;
	enum reason r = pkt_parse(&p, exact, len, NULL);

	if (r == REASON_NONE)
		use(&p);
	else
		tell(&p, r);
	free(exact);
}

/* Cut off behind every octet: refused, whatever is missing. */
static void test_truncated(void **state)
{
	(void)state;
	for (int i = 0; i < GOOD_COUNT; i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = make(room, &good[i]);

		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *exact = octets_exact(room, cut);
			struct pkt p;
			enum reason r = pkt_parse(&p, exact, cut, NULL);

			if (r != REASON_SHORT && r != REASON_TOTAL_LEN)
				fail_msg("%s cut to %zu: %s", good[i].what, cut, reason_name(r));
			free(exact);
		}
	}
}

/* Cut off behind every octet, and the length fields agree with that. */
static void test_truncated_with_a_fitting_length(void **state)
{
	(void)state;
	for (int i = 0; i < GOOD_COUNT; i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = make(room, &good[i]);
		size_t header = good[i].version == 6 ? 40 : (size_t)(room[0] & 15) * 4;

		for (size_t cut = header; cut < len; cut++) {
			if (good[i].version == 4) {
				store16(room + 2, (uint16_t)cut);
				octets_seal(room);
			} else {
				store16(room + 4, (uint16_t)(cut - 40));
			}
			parse_and_use(room, cut);
		}
	}
}

/* Every octet in turn lies. */
static void test_mutated(void **state)
{
	static const uint8_t lies[] = { 0x00, 0x01, 0x0f, 0x7f, 0x80, 0xff };

	(void)state;
	for (int i = 0; i < GOOD_COUNT; i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = make(room, &good[i]);

		for (size_t at = 0; at < len; at++)
			for (size_t lie = 0; lie < sizeof(lies); lie++) {
				uint8_t was = room[at];

				room[at] = lies[lie];
				if (room[0] >> 4 == 4 && (room[0] & 15u) * 4 <= len)
					octets_seal(room);
				parse_and_use(room, len);
				room[at] = was;
			}
	}
}

/* RFC 1812 section 4.2.2.11: what the link layer pads is no part of the datagram. */
static void test_padding_is_not_seen(void **state)
{
	(void)state;
	for (int i = 0; i < GOOD_COUNT; i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = make(room, &good[i]);
		struct pkt p;

		memset(room + len, 0xee, 18);
		assert_int_equal(pkt_parse(&p, room, len + 18, NULL), REASON_NONE);
		assert_int_equal(p.len, len);
	}
}

/* Metadata of the device must fit the octets. TCP and UDP of the first cases. */
static void test_offload(void **state)
{
	static const char *const tcp = V4("002a", "06") TCP "0102", *const udp = V4("0020", "11") UDP("000c") "01020304",
			  *const icmp = V4("001c", "01") ECHO, *const later = V4_FRAGMENT("001c", "0064", "11") "0001020304050607",
			  *const first = V4_FRAGMENT("001c", "2000", "11") UDP("0fa0");
	static const struct { const char *octets; struct pkt_offload offload; enum reason reason; } cases[] = {
		{ tcp, { false, 0, 0, 0 }, REASON_NONE },
		{ tcp, { true, 20, 16, 0 }, REASON_NONE },
		{ tcp, { true, 20, 16, 1 }, REASON_NONE },
		{ udp, { true, 20, 6, 0 }, REASON_NONE },
		{ udp, { true, 20, 6, 2 }, REASON_NONE },
		{ tcp, { true, 20, 6, 0 }, REASON_OFFLOAD },
		{ udp, { true, 20, 16, 0 }, REASON_OFFLOAD },
		{ tcp, { true, 24, 12, 0 }, REASON_OFFLOAD },
		{ tcp, { true, 0, 36, 0 }, REASON_OFFLOAD },
		{ tcp, { true, 20, 65535, 0 }, REASON_OFFLOAD },
		{ tcp, { true, 65535, 65535, 0 }, REASON_OFFLOAD },
		{ tcp, { false, 0, 0, 1 }, REASON_OFFLOAD },
		{ icmp, { true, 20, 2, 0 }, REASON_OFFLOAD },
		{ later, { true, 20, 6, 0 }, REASON_OFFLOAD },
		{ first, { true, 20, 6, 8 }, REASON_OFFLOAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = octets_read(room, cases[i].octets);
		struct pkt p;
		enum reason r;

		octets_seal(room);
		uint8_t *exact = octets_exact(room, len);

		r = pkt_parse(&p, exact, len, &cases[i].offload);
		if (r != cases[i].reason)
			fail_msg("offload %zu: %s", i, reason_name(r));
		if (r == REASON_NONE) {
			assert_int_equal(!!(p.flags & PKT_PARTIAL), cases[i].offload.partial);
			assert_int_equal(p.gso_size, cases[i].offload.gso_size);
		}
		free(exact);
	}
}

/* A partial sum that happens to be zero is not "none was sent". */
static void test_partial_sum_of_zero(void **state)
{
	uint8_t room[OCTETS_ROOM];
	size_t len = octets_read(room, V4("001c", "11") UDP("0008"));
	const struct pkt_offload partial = { true, 20, 6, 0 };
	struct pkt p;

	(void)state;
	octets_seal(room);
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	assert_int_equal(p.checksum, 0);
	assert_int_equal(pkt_parse(&p, room, len, &partial), REASON_NONE);
	assert_int_equal(p.checksum, 26);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_truncated_with_a_fitting_length),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_padding_is_not_seen),
		cmocka_unit_test(test_offload),
		cmocka_unit_test(test_partial_sum_of_zero),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
