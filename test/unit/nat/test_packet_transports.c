#include "datagrams.h"

#include "nat/tuple.h"

/* Protocols beside TCP, UDP and ICMP: what of the transport must be there, of a datagram and of a
 * quote, and where the checksum is. RFC 3828, RFC 4340, RFC 9260, RFC 2637, RFC 4303. */
static const struct transport {
	const char *what, *octets;
	uint8_t protocol, least, quoted, checksum;
} transports[] = {
	{ "UDP-Lite", "1388 0035 0008 1234 01020304", 136, 8, 8, 26 },
	{ "UDP-Lite, all covered", "1388 0035 0000 1234 01020304", 136, 8, 8, 26 },
	{ "UDP-Lite with the zero that must not be", "1388 0035 0008 0000 01020304", 136, 8, 8, 0 },
	{ "DCCP data, 24-bit numbers", "1388 1389 03 00 1234 04 000001", 33, 12, 8, 26 },
	{ "DCCP data, 48-bit numbers", "1388 1389 04 00 1234 05 00 000000000001", 33, 16, 8, 26 },
	{ "SCTP data", "1388 0f1c 00000001 01020304 00030004", 132, 16, 8, 0 },
	{ "SCTP INIT", "1388 0f1c 00000000 01020304 01000014 11110001 00010000 000a 000a 00000001",
	  132, 32, 8, 0 },
	{ "ESP", "000000a1 00000001 0102", 50, 8, 8, 0 },
	{ "GRE", "0000 0800 0102", 47, 4, 4, 0 },
	{ "GRE with a key", "2000 0800 00000001 02", 47, 4, 4, 0 },
	{ "GRE of PPTP", "2001 880b 0004 0007 01020304", 47, 8, 8, 0 },
	{ "protocol 41", "60", 41, 0, 0, 0 },
};

enum { TRANSPORT_COUNT = sizeof(transports) / sizeof(transports[0]) };

/* The first len octets of the transport behind an IPv4 header that is right. */
static size_t datagram(uint8_t *room, const struct transport *t, size_t len)
{
	size_t all = octets_read(room, V4("0000", "00"));
	uint8_t whole[OCTETS_ROOM];

	octets_read(whole, t->octets);
	memcpy(room + all, whole, len);
	room[9] = t->protocol;
	store16(room + 2, (uint16_t)(all + len));
	octets_seal(room);
	return all + len;
}

static size_t whole_of(const struct transport *t)
{
	uint8_t room[OCTETS_ROOM];

	return octets_read(room, t->octets);
}

static void test_every_truncation(void **state)
{
	(void)state;
	for (int i = 0; i < TRANSPORT_COUNT; i++)
		for (size_t len = 0; len <= whole_of(&transports[i]); len++) {
			const struct transport *t = &transports[i];
			uint8_t room[OCTETS_ROOM];
			size_t all = datagram(room, t, len);
			uint8_t *exact = octets_exact(room, all);
			struct pkt p;
			enum reason r = pkt_parse(&p, exact, all, NULL);

			if (r != (len < t->least ? REASON_TRANSPORT_SHORT : REASON_NONE))
				fail_msg("%s of %zu: %s", t->what, len, reason_name(r));
			if (r == REASON_NONE && p.checksum != t->checksum)
				fail_msg("%s: checksum at %u", t->what, p.checksum);
			free(exact);
		}
}

/* The error is whole, the quote in it ends after each octet. */
static void test_every_truncated_quote(void **state)
{
	(void)state;
	for (int i = 0; i < TRANSPORT_COUNT; i++)
		for (size_t len = 0; len <= whole_of(&transports[i]); len++) {
			const struct transport *t = &transports[i];
			uint8_t inner_room[OCTETS_ROOM], room[OCTETS_ROOM];
			size_t error = octets_read(room, V4("0000", "01") "0303 0000 00000000");
			struct pkt outer, inner;
			uint8_t *exact;
			enum reason r;

			datagram(inner_room, t, whole_of(t));
			memcpy(room + error, inner_room, 20 + len);
			store16(room + 2, (uint16_t)(error + 20 + len));
			octets_seal(room);
			exact = octets_exact(room, error + 20 + len);
			assert_int_equal(pkt_parse(&outer, exact, error + 20 + len, NULL), REASON_NONE);
			r = pkt_parse_quoted(&inner, &outer);
			if (r != (len < t->quoted ? REASON_TRANSPORT_SHORT : REASON_NONE))
				fail_msg("%s quoted to %zu: %s", t->what, len, reason_name(r));
			free(exact);
		}
}

static void test_malformed_transports(void **state)
{
	static const struct transport bad[] = {
		{ "UDP-Lite coverage 7", "1388 0035 0007 1234 01020304", 136, 0, 0, 0 },
		{ "UDP-Lite coverage 1", "1388 0035 0001 1234 01020304", 136, 0, 0, 0 },
		{ "UDP-Lite coverage beyond", "1388 0035 000d 1234 01020304", 136, 0, 0, 0 },
		{ "DCCP data offset in the header", "1388 1389 02 00 1234 04 000001", 33, 0, 0, 0 },
		{ "DCCP data offset in the long header",
		  "1388 1389 03 00 1234 05 00 000000000001", 33, 0, 0, 0 },
		{ "DCCP data offset beyond", "1388 1389 05 00 1234 05 00 000000000001", 33, 0, 0, 0 },
		{ "SCTP chunk of three octets", "1388 0f1c 00000001 01020304 00030003", 132, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t room[OCTETS_ROOM];
		size_t len = datagram(room, &bad[i], whole_of(&bad[i]));
		uint8_t *exact = octets_exact(room, len);
		struct pkt p;
		enum reason r = pkt_parse(&p, exact, len, NULL);

		if (r != REASON_TRANSPORT_LEN)
			fail_msg("%s: %s", bad[i].what, reason_name(r));
		free(exact);
	}
}

static void check_tuple(const char *octets, uint8_t protocol, enum nat_side from,
			const struct tuple *expected)
{
	struct transport t = { "", octets, protocol, 0, 0, 0 };
	uint8_t room[OCTETS_ROOM];
	size_t len = datagram(room, &t, whole_of(&t));
	struct tuple found;
	struct pkt p;

	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	assert_int_equal(tuple_of(&found, &p, from), REASON_NONE);
	assert_int_equal(be16_host(found.local_port), be16_host(expected->local_port));
	assert_int_equal(be16_host(found.remote_port), be16_host(expected->remote_port));
	assert_int_equal(be16_host(found.tag), be16_host(expected->tag));
}

/* What tells conversations apart: ports, inwards with the tag; the SPI; the receiver's call ID. */
static void test_tuples(void **state)
{
	(void)state;
	const char *sctp = "1388 0f1c 11110001 01020304 00030004";
	struct tuple none = { 0 };

	check_tuple(sctp, 132, SIDE_INSIDE,
		    &(struct tuple){ .local_port = be16_from(5000), .remote_port = be16_from(3868) });
	check_tuple(sctp, 132, SIDE_OUTSIDE,
		    &(struct tuple){ .local_port = be16_from(3868), .remote_port = be16_from(5000),
				     .tag = be16_from(0x1110) });
	check_tuple("1388 0f1c 11111111 01020304 00030004", 132, SIDE_OUTSIDE,
		    &(struct tuple){ .local_port = be16_from(3868), .remote_port = be16_from(5000),
				     .tag = be16_from(1) });
	check_tuple("000000a1 00000001", 50, SIDE_INSIDE,
		    &(struct tuple){ .remote_port = be16_from(0xa1) });
	check_tuple("2001 880b 0004 0007 01020304", 47, SIDE_INSIDE,
		    &(struct tuple){ .remote_port = be16_from(7) });
	check_tuple("2001 880b 0004 0007 01020304", 47, SIDE_OUTSIDE,
		    &(struct tuple){ .local_port = be16_from(7) });
	check_tuple("2000 0800 0004 0007", 47, SIDE_OUTSIDE, &none);
	check_tuple("60", 41, SIDE_OUTSIDE, &none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_truncated_quote),
		cmocka_unit_test(test_malformed_transports),
		cmocka_unit_test(test_tuples),
	};

	return cmocka_run_group_tests_name("packet transports", tests, NULL, NULL);
}
