#include "octets.h"

#include "nat/rewrite.h"

/* Inside 10.0.0.11:5000, outside 198.51.100.1:40001, remote 203.0.113.10:53. */
#define INSIDE "0a00000b"
#define OUTSIDE "c6336401"
#define REMOTE "cb00710a"
#define V4(len, proto, addresses) "4500 " len " f5ba 4000 40 " proto " 0000 " addresses " "
#define TCP_REST "00000001 00000002 5018 ffff 0000 0000 "
#define PAYLOAD "01020304050607"

/* Before and after, each made right from nothing. */
static const struct way {
	const char *what, *before, *after;
	bool outward;
} ways[] = {
	{ "UDP out", V4("0023", "11", INSIDE REMOTE) "1388 0035 000f 0000" PAYLOAD,
	  V4("0023", "11", OUTSIDE REMOTE) "9c41 0035 000f 0000" PAYLOAD, true },
	{ "UDP in", V4("0023", "11", REMOTE OUTSIDE) "0035 9c41 000f 0000" PAYLOAD,
	  V4("0023", "11", REMOTE INSIDE) "0035 1388 000f 0000" PAYLOAD, false },
	{ "TCP out", V4("002f", "06", INSIDE REMOTE) "1388 0035" TCP_REST PAYLOAD,
	  V4("002f", "06", OUTSIDE REMOTE) "9c41 0035" TCP_REST PAYLOAD, true },
	{ "TCP in", V4("002f", "06", REMOTE OUTSIDE) "0035 9c41" TCP_REST PAYLOAD,
	  V4("002f", "06", REMOTE INSIDE) "0035 1388" TCP_REST PAYLOAD, false },
	{ "echo out", V4("0023", "01", INSIDE REMOTE) "0800 0000 1388 0001" PAYLOAD,
	  V4("0023", "01", OUTSIDE REMOTE) "0800 0000 9c41 0001" PAYLOAD, true },
	{ "echo in", V4("0023", "01", REMOTE OUTSIDE) "0000 0000 9c41 0001" PAYLOAD,
	  V4("0023", "01", REMOTE INSIDE) "0000 0000 1388 0001" PAYLOAD, false },
	{ "UDP behind options", "4700 001f f5ba 4000 40 11 0000" INSIDE REMOTE "9404000001010101"
	  "1388 0035 000b 0000 010203", "4700 001f f5ba 4000 40 11 0000" OUTSIDE REMOTE
	  "9404000001010101 9c41 0035 000b 0000 010203", true },
};

enum { WAY_COUNT = sizeof(ways) / sizeof(ways[0]) };

/* The tuples of a session of a protocol, seen from inside and from outside. */
static struct tuple tuple(uint8_t protocol, bool inside)
{
	struct tuple t = {
		.local = be32_from(inside ? 0x0a00000b : 0xc6336401),
		.remote = be32_from(0xcb00710a),
		.local_port = be16_from(inside ? 5000 : 40001),
		.remote_port = be16_from(protocol == PROTO_ICMP ? 0 : 53),
		.protocol = protocol,
	};

	return t;
}

static struct rewrite rewrite_of(uint8_t protocol, bool outward)
{
	struct tuple inside = tuple(protocol, true), outside = tuple(protocol, false);

	return outward ? rewrite_make(&inside, &outside, true)
		       : rewrite_make(&outside, &inside, false);
}

static struct rewrite undo_of(uint8_t protocol, bool outward)
{
	struct tuple inside = tuple(protocol, true), outside = tuple(protocol, false);

	return outward ? rewrite_make(&outside, &inside, true)
		       : rewrite_make(&inside, &outside, false);
}

/* Octets of a case with right checksums; the options of the last one count, too. */
static size_t make(uint8_t at[static OCTETS_ROOM], const char *text)
{
	size_t len = octets_read(at, text);

	store16(at + 2, (uint16_t)len);
	if (at[9] == PROTO_UDP)
		store16(at + (at[0] & 15) * 4 + 4, (uint16_t)(len - (at[0] & 15u) * 4));
	octets_complete(at, len);
	return len;
}

static void test_ways(void **state)
{
	(void)state;
	for (int i = 0; i < WAY_COUNT; i++) {
		uint8_t before[OCTETS_ROOM], after[OCTETS_ROOM];
		size_t len = make(before, ways[i].before);
		struct rewrite r = rewrite_of(before[9], ways[i].outward);
		struct rewrite undo = undo_of(before[9], ways[i].outward);
		uint8_t *exact = octets_exact(before, len);
		struct pkt p;

		assert_int_equal(make(after, ways[i].after), len);
		assert_int_equal(pkt_parse(&p, exact, len, NULL), REASON_NONE);
		rewrite_apply(&p, &r);
		if (memcmp(exact, after, len) != 0)
			fail_msg("%s", ways[i].what);
		rewrite_apply(&p, &undo);
		if (memcmp(exact, before, len) != 0)
			fail_msg("%s, undone", ways[i].what);
		free(exact);
	}
}

/* What it returns makes an enclosing sum right: with the checksum in the octets, without one, and
 * with the checksum cut off. */
static void test_gain(void **state)
{
	(void)state;
	for (int i = 0; i < WAY_COUNT; i++)
		for (int sent = 0; sent < 2; sent++) {
			uint8_t room[OCTETS_ROOM];
			size_t len = make(room, ways[i].before);
			struct rewrite r = rewrite_of(room[9], ways[i].outward);
			csum_t before, gain;
			struct pkt p;

			if (!sent && room[9] == PROTO_UDP)
				store16(room + octets_checksum_at(room), 0);
			assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
			before = csum_of(room, len);
			gain = rewrite_apply(&p, &r);
			if (!csum_is_zero(csum_sub(csum_sub(csum_of(room, len), before), gain)))
				fail_msg("%s, checksum %d", ways[i].what, sent);
		}
}

/* An ICMP error around octets, whose own checksum is right; returns where the quote begins. */
static size_t wrap(uint8_t at[static OCTETS_ROOM], const uint8_t *inner, size_t len)
{
	size_t head = octets_read(at, V4("0000", "01", REMOTE OUTSIDE) "0303 0000 00000000");

	memcpy(at + head, inner, len);
	store16(at + 2, (uint16_t)(head + len));
	octets_complete(at, head + len);
	return head;
}

/* A quote may end anywhere behind eight octets of the transport: what is there is as it would be in
 * the whole, except half a checksum, and the sum of the error follows by the gain. */
static void test_quoted_at_every_length(void **state)
{
	(void)state;
	for (int i = 0; i < WAY_COUNT; i++) {
		uint8_t before[OCTETS_ROOM], after[OCTETS_ROOM], around[OCTETS_ROOM];
		size_t len = make(before, ways[i].before);
		struct rewrite r = rewrite_of(before[9], ways[i].outward);
		size_t half = octets_checksum_at(before) + 1;

		make(after, ways[i].after);
		for (size_t cut = (before[0] & 15u) * 4 + 8; cut <= len; cut++) {
			size_t head = wrap(around, before, cut);
			uint8_t *exact = octets_exact(around, head + cut);
			struct pkt outer, inner;

			assert_int_equal(pkt_parse(&outer, exact, head + cut, NULL), REASON_NONE);
			assert_int_equal(pkt_parse_quoted(&inner, &outer), REASON_NONE);
			csum_patch(exact + 22, rewrite_apply(&inner, &r));
			size_t same = cut == half ? cut - 1 : cut;

			if (memcmp(exact + head, after, same) != 0)
				fail_msg("%s cut to %zu", ways[i].what, cut);
			if (octets_sum(exact + 20, head + cut - 20) != 0xffff)
				fail_msg("%s cut to %zu: sum of the error", ways[i].what, cut);
			free(exact);
		}
	}
}

/* Requirement 3022-C7: wrong by how much, before and after. */
static void test_wrong_stays_wrong(void **state)
{
	static const uint16_t wrong[] = { 1, 2, 0x100, 0x1234, 0xfffe };

	(void)state;
	for (int i = 0; i < WAY_COUNT; i++)
		for (size_t n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
			uint8_t before[OCTETS_ROOM], after[OCTETS_ROOM];
			size_t len = make(before, ways[i].before);
			struct rewrite r = rewrite_of(before[9], ways[i].outward);
			size_t at = octets_checksum_at(before);
			struct pkt p;
			uint32_t field;

			make(after, ways[i].after);
			store16(before + at, (uint16_t)(((uint32_t)load16(before + at) + wrong[n]) % 0xffff));
			assert_int_equal(pkt_parse(&p, before, len, NULL), REASON_NONE);
			rewrite_apply(&p, &r);
			field = ((uint32_t)load16(after + at) + wrong[n]) % 0xffff;
			assert_int_equal(load16(before + at) % 0xffff, field);
		}
}

/* Requirement 768-C3. */
static void test_udp_without_checksum(void **state)
{
	uint8_t before[OCTETS_ROOM], after[OCTETS_ROOM];
	size_t len = make(before, ways[0].before);
	struct rewrite r = rewrite_of(PROTO_UDP, true);
	struct pkt p;

	(void)state;
	make(after, ways[0].after);
	store16(before + 26, 0);
	store16(after + 26, 0);
	assert_int_equal(pkt_parse(&p, before, len, NULL), REASON_NONE);
	rewrite_apply(&p, &r);
	assert_memory_equal(before, after, len);
}

/* Requirement 3022-C9: the first fragment holds the checksum of all, a later one nothing. */
static void test_fragments(void **state)
{
	uint8_t room[OCTETS_ROOM], was[OCTETS_ROOM];
	struct rewrite r = rewrite_of(PROTO_UDP, true);
	struct pkt p;
	size_t len = octets_read(room, "4500 001c f5ba 2000 40 11 0000" INSIDE REMOTE "1388 0035 0fa0 1234");

	(void)state;
	octets_seal(room);
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	memcpy(was, room, len);
	rewrite_apply(&p, &r);
	assert_int_equal(load16(room + 20), 40001);
	assert_int_equal(octets_sum(room, 20), 0xffff);
	csum_patch_udp(was + 26, csum_add(csum_diff(was + 12, room + 12, 4), csum_diff(was + 20, room + 20, 2)));
	assert_memory_equal(room + 26, was + 26, 2);

	len = octets_read(room, "4500 001c f5ba 00b9 40 11 0000" INSIDE REMOTE "1388 0035 0fa0 1234");
	octets_seal(room);
	memcpy(was, room, len);
	assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
	rewrite_apply(&p, &r);
	assert_int_equal(load32(room + 12), 0xc6336401);
	assert_int_equal(octets_sum(room, 20), 0xffff);
	assert_memory_equal(room + 20, was + 20, 8);
}

/* A partial sum gets the new addresses but not the ports, which the device will add. */
static void test_partial(void **state)
{
	static const struct { int way; uint16_t offset; } cases[] = { { 0, 6 }, { 1, 6 }, { 2, 16 }, { 3, 16 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[OCTETS_ROOM], after[OCTETS_ROOM];
		size_t len = make(room, ways[cases[i].way].before);
		struct rewrite r = rewrite_of(room[9], ways[cases[i].way].outward);
		struct pkt_offload o = { true, 20, cases[i].offset, 0 };
		struct pkt p;
		csum_t pseudo = csum_pseudo(room + 12, room + 16, 4, room[9], (uint32_t)len - 20);

		make(after, ways[cases[i].way].after);
		memcpy(room + 20 + cases[i].offset, &pseudo.raw, 2);
		assert_int_equal(pkt_parse(&p, room, len, &o), REASON_NONE);
		rewrite_apply(&p, &r);
		/* As the device: sum over the transport with the partial sum in it, complemented. */
		store16(room + 20 + cases[i].offset, (uint16_t)~octets_sum(room + 20, len - 20));
		assert_memory_equal(room, after, len);
	}
}

/* Vectors U1, U2, U3. */
static void test_vectors(void **state)
{
	static const struct { const char *octets; bool outward; uint16_t sum; } cases[] = {
		{ V4("001e", "11", INSIDE REMOTE) "9c40 1388 000a 202a e9d1", true, 0xffff },
		{ V4("001e", "11", REMOTE OUTSIDE) "1388 9c40 000a dfd5 09fc", false, 0xffff },
		{ V4("001e", "11", INSIDE REMOTE) "9c40 1388 000a ffff 09fc", true, 0xdfd5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tuple inside = tuple(PROTO_UDP, true), outside = tuple(PROTO_UDP, false);
		uint8_t room[OCTETS_ROOM];
		size_t len = octets_read(room, cases[i].octets);
		struct rewrite r;
		struct pkt p;

		inside.local_port = outside.local_port = be16_from(40000);
		inside.remote_port = outside.remote_port = be16_from(5000);
		r = cases[i].outward ? rewrite_make(&inside, &outside, true)
				     : rewrite_make(&outside, &inside, false);
		octets_seal(room);
		assert_int_equal(octets_transport_sum(room, len), 0xffff);
		assert_int_equal(pkt_parse(&p, room, len, NULL), REASON_NONE);
		rewrite_apply(&p, &r);
		assert_int_equal(load16(room + 26), cases[i].sum);
		assert_int_equal(octets_transport_sum(room, len), 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_gain),
		cmocka_unit_test(test_quoted_at_every_length),
		cmocka_unit_test(test_wrong_stays_wrong),
		cmocka_unit_test(test_udp_without_checksum),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests_name("rewrite", tests, NULL, NULL);
}
