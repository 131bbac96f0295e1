#include "datagrams.h"

/* An error quotes the case, with as much as fits: IPv4 in ICMP, IPv6 in ICMPv6. */
static size_t quote(uint8_t at[static OCTETS_ROOM], uint8_t version, const uint8_t *inner, size_t len)
{
	size_t head = octets_read(at, version == 4 ? V4("0000", "01") "0303 0000 00000000"
						   : V6("0000", "3a") "0100 0000 00000000");

	memcpy(at + head, inner, len);
	store16(at + (version == 4 ? 2 : 4), (uint16_t)(version == 4 ? head + len : len + 8));
	octets_complete(at, head + len);
	return head + len;
}

/* What a quoted view must hold at least: the header and eight octets (RFC 792). */
static size_t needed(const struct good *g)
{
	bool known = g->protocol == 6 || g->protocol == 17 || g->protocol == 1 || g->protocol == 58 ||
		     g->protocol == PROTO_ESP;

	if (g->protocol == PROTO_GRE)
		return (size_t)g->transport + 4;
	if (!known || (g->flags & PKT_FRAGMENT_LATER))
		return g->transport;
	return (size_t)g->transport + 8;
}

static void check_quoted(const struct good *g, const struct pkt *inner, size_t cut)
{
	uint16_t checksum = g->checksum && g->checksum + 2u <= cut ? g->checksum : 0;

	if (inner->len != cut || inner->version != g->version || inner->protocol != g->protocol ||
	    inner->transport != g->transport || inner->checksum != checksum ||
	    inner->flags != (g->flags | PKT_QUOTED) || inner->fragment_offset != g->offset)
		fail_msg("%s cut to %zu: len %u protocol %u transport %u checksum %u flags %x", g->what,
			 cut, inner->len, inner->protocol, inner->transport, inner->checksum, inner->flags);
}

static void test_quoted(void **state)
{
	(void)state;
	for (int i = 0; i < GOOD_COUNT; i++) {
		const struct good *g = &good[i];
		uint8_t room[OCTETS_ROOM], around[OCTETS_ROOM];
		size_t len = make(room, g);

		for (size_t cut = 0; cut <= len; cut++) {
			size_t whole = quote(around, g->version, room, cut);
			uint8_t *exact = octets_exact(around, whole);
			struct pkt outer, inner;
			enum reason r;

			assert_int_equal(pkt_parse(&outer, exact, whole, NULL), REASON_NONE);
			r = pkt_parse_quoted(&inner, &outer);
			if ((r == REASON_NONE) != (cut >= needed(g)))
				fail_msg("%s cut to %zu: %s", g->what, cut, reason_name(r));
			if (r == REASON_NONE)
				check_quoted(g, &inner, cut);
			free(exact);
		}
	}
}

/* What is behind the quote (RFC 4884) is no part of it. */
static void test_quoted_with_padding(void **state)
{
	uint8_t room[OCTETS_ROOM], around[OCTETS_ROOM];
	size_t len = make(room, &good[0]);
	size_t whole;
	struct pkt outer, inner;

	(void)state;
	memset(room + len, 0, 128 - len);
	whole = quote(around, 4, room, 140);
	assert_int_equal(pkt_parse(&outer, around, whole, NULL), REASON_NONE);
	assert_int_equal(pkt_parse_quoted(&inner, &outer), REASON_NONE);
	check_quoted(&good[0], &inner, len);
}

static void test_quoted_malformed(void **state)
{
	static const struct { const char *what, *octets; bool seal; enum reason reason; } cases[] = {
		{ "header checksum", V4("001c", "11") UDP("0008"), false, REASON_HEADER_SUM },
		{ "header length", "44000014 00000000 40110000 " V4_END UDP("0008"), false,
		  REASON_HEADER_LEN },
		{ "total length", V4("0010", "11") UDP("0008"), true, REASON_TOTAL_LEN },
		{ "another version", V6("0008", "11") UDP("0008"), false, REASON_VERSION },
		{ "no version", "00", false, REASON_VERSION },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[OCTETS_ROOM], around[OCTETS_ROOM];
		size_t len = octets_read(room, cases[i].octets), whole;
		struct pkt outer, inner;
		enum reason r;

		if (cases[i].seal)
			octets_seal(room);
		whole = quote(around, 4, room, len);
		assert_int_equal(pkt_parse(&outer, around, whole, NULL), REASON_NONE);
		r = pkt_parse_quoted(&inner, &outer);
		if (r != cases[i].reason)
			fail_msg("%s: %s", cases[i].what, reason_name(r));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_quoted_with_padding),
		cmocka_unit_test(test_quoted_malformed),
	};

	return cmocka_run_group_tests_name("packet_quoted", tests, NULL, NULL);
}
