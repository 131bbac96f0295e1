/* Fragments: those the router makes, and those that come to it. */
#include "rig.h"

enum { DF = 0x4000, MORE = 0x2000, PIECES_MOST = 2048 };

static const struct setting narrow[] = RIG_WIDTHS(.mtu = { [LAN0] = 1300, [WAN0] = 1400 });
static const struct setting narrowest[] = RIG_WIDTHS(
	.mtu = { [WAN0] = 68 }, .wan0 = "\"198.51.100.1/24\"",
	.routes = "{ prefix = \"0.0.0.0/0\"; interface = \"wan0\"; via = \"198.51.100.254\"; }");
static const struct setting plain[] = RIG_WIDTHS();
static const struct setting few[] = RIG_WIDTHS(
	.limits = "sessions = 4096; sessions_per_host = 4096; fragments = 4;");

/* Of a datagram, the piece that begins at an offset; made here, as a host would. */
static struct packet piece_of(const struct packet *whole, size_t at, size_t len)
{
	size_t header = packet_header(whole->octets);
	struct packet p = *whole;

	memmove(p.octets + header, whole->octets + header + at, len);
	p.len = header + len;
	store16(p.octets + 2, (uint16_t)p.len);
	return with_fragment(p, (uint16_t)(at / 8 | (p.len + at < whole->len ? MORE : 0)));
}

struct pile {
	struct packet whole; /* what the pieces make */
	size_t pieces;
};

static size_t offset_of(const struct packet *p)
{
	return (size_t)(load16(p->octets + 6) & 0x1fff) * 8;
}

static bool is_last(const struct packet *p)
{
	return !(load16(p->octets + 6) & MORE);
}

/* Pieces as they left, which must be in order, without gap, and cut at eight octets. */
static void put(struct pile *pile, const struct packet *p)
{
	size_t header = packet_header(p->octets), len = p->len - header;

	if (!pile->pieces++) {
		pile->whole = *p;
		assert_int_equal(offset_of(p), 0);
	} else {
		size_t first = packet_header(pile->whole.octets);

		assert_int_equal(first + offset_of(p), pile->whole.len);
		assert_memory_equal(p->octets + 4, pile->whole.octets + 4, 2);
		assert_memory_equal(p->octets + 8, pile->whole.octets + 8, 2);
		assert_memory_equal(p->octets + 12, pile->whole.octets + 12, 8);
		memcpy(pile->whole.octets + pile->whole.len, p->octets + header, len);
		pile->whole.len += len;
	}
	if (!is_last(p))
		assert_int_equal(len % 8, 0);
}

/* All that left by an interface, as one datagram, judged. */
static struct pile reassemble(struct rig *r, size_t interface, size_t mtu)
{
	struct pile pile = { .pieces = 0 };
	bool last = false;
	struct packet p;

	while (rig_pull(r, interface, &p)) {
		assert_false(last);
		assert_true(p.len <= mtu);
		put(&pile, &p);
		last = is_last(&p);
	}
	assert_true(last);
	store16(pile.whole.octets + 2, (uint16_t)pile.whole.len);
	pile.whole = with_fragment(pile.whole, 0);
	packet_judge(&pile.whole);
	return pile;
}

/* As few as fit: pieces before the last are cut at eight octets, the last is as long as it is. */
static size_t pieces_needed(size_t payload, size_t first_header, size_t header, size_t mtu)
{
	size_t count = 1;

	for (size_t room = mtu - first_header; payload > room; room = mtu - header, count++)
		payload -= room / 8 * 8;
	return count;
}

static struct pile cut(struct rig *r, size_t in, const struct packet *sent, size_t out, size_t mtu)
{
	struct counters was = rig_counters(r);
	struct pile pile;

	rig_push(r, in, sent);
	rig_settle(r);
	rig_assert_reasons(r, &was, REASON_NONE);
	pile = reassemble(r, out, mtu);
	r->pieces += pile.pieces - 1;
	rig_expect_silence(r);
	return pile;
}

/* RFC 791 section 3.2, requirement 791-V6. */
static void long_datagrams_are_cut(void **state)
{
	struct rig *r = *state;
	static const size_t lens[] = { 1401 - 28, 1408 - 28, 1500, 2748, 2749, 4000, 4001, 8000 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", lens[i]), answer;
		struct pile pile = cut(r, LAN0, &sent, WAN0, 1400);

		assert_way(&pile.whole, "198.51.100.2:5002 > 203.0.113.9:53");
		assert_same_payload(&pile.whole, &sent);
		assert_int_equal(pile.pieces, pieces_needed(lens[i] + 8, 20, 20, 1400));
		answer = reply(&pile.whole);
		pile = cut(r, WAN0, &answer, LAN0, 1300);
		assert_same_payload(&pile.whole, &sent);
		assert_int_equal(pile.pieces, pieces_needed(lens[i] + 8, 20, 20, 1300));
	}
}

static void what_fits_is_not_cut(void **state)
{
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 1400 - 28);
	struct packet out = rig_pass(*state, LAN0, &sent, WAN0);

	assert_int_equal(load16(out.octets + 6), 0);
}

/* RFC 791 section 3.1: the first piece has all options, the others those with the copied bit. */
static void options_are_copied_as_they_say(void **state)
{
	static const uint8_t options[] = { 30, 5, 1, 2, 3, 1, 148, 4, 0, 0, 0x9e, 3, 7, 0, 131, 0 };
	static const uint8_t copied[] = { 148, 4, 0, 0, 0x9e, 3, 7, 0 };
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 3000), p;
	struct rig *r = *state;
	size_t count = 0;

	sent = with_options(sent, options, sizeof(options));
	rig_push(r, LAN0, &sent);
	rig_settle(r);
	for (; rig_pull(r, WAN0, &p); count++) {
		assert_int_equal(packet_header(p.octets), count ? 28 : 36);
		assert_memory_equal(p.octets + 20, count ? copied : options, count ? 8 : 16);
	}
	assert_int_equal(count, pieces_needed(3008, 36, 28, 1400));
	r->pieces += count - 1;
}

static void options_that_need_padding(void **state)
{
	static const uint8_t options[] = { 1, 0x9e, 3, 7, 1, 0x9f, 2, 1 };
	static const uint8_t copied[] = { 0x9e, 3, 7, 0x9f, 2, 0, 0, 0 };
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 3000), p;
	struct rig *r = *state;

	sent = with_options(sent, options, sizeof(options));
	rig_push(r, LAN0, &sent);
	rig_settle(r);
	p = rig_take(r, WAN0);
	assert_memory_equal(p.octets + 20, options, sizeof(options));
	p = rig_take(r, WAN0);
	assert_int_equal(packet_header(p.octets), 28);
	assert_memory_equal(p.octets + 20, copied, sizeof(copied));
	r->pieces += 1 + rig_drain(r, WAN0);
}

/* RFC 791 section 3.2: pieces of pieces go on where the others ended. */
static void fragments_are_cut_again(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 6000);
	struct pile pile;

	for (size_t at = 0; at < 6008; at += 2400) {
		struct packet piece = piece_of(&sent, at, at + 2400 < 6008 ? 2400 : 6008 - at);

		rig_push(r, LAN0, &piece);
		rig_settle(r);
	}
	pile = reassemble(r, WAN0, 1400);
	assert_way(&pile.whole, "198.51.100.2:5002 > 203.0.113.9:53");
	assert_same_payload(&pile.whole, &sent);
	assert_int_equal(pile.pieces, 5);
	r->pieces += 2;
}

/* 60 octets of header leave eight to carry on the shortest of links. */
static void the_narrowest_link(void **state)
{
	uint8_t options[40] = { 0x9e, 40 };
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 1000);
	struct pile pile = cut(r, LAN0, &sent, WAN0, 68);

	assert_int_equal(pile.pieces, 21);
	assert_same_payload(&pile.whole, &sent);
	sent = with_options(sent, options, sizeof(options));
	pile = cut(r, LAN0, &sent, WAN0, 68);
	assert_int_equal(pile.pieces, 126);
	assert_same_payload(&pile.whole, &sent);
}

/* More pieces than a worker has frames. */
static void the_longest_datagram(void **state)
{
	static const uint8_t ways[] = { 10, 0, 0, 10, 203, 0, 113, 9 };
	uint8_t *sent = calloc(1, 65535);
	struct rig *r = *state;
	struct packet p;
	size_t at = 0;

	assert_non_null(sent);
	memcpy(sent, (const uint8_t[]){ 0x45, 0, 0xff, 0xff, 0, 1, 0, 0, 9, PROTO_UDP }, 10);
	memcpy(sent + 12, ways, sizeof(ways));
	packet_seal_header(sent);
	for (size_t i = 28; i < 65535; i++)
		sent[i] = (uint8_t)(i * 37 + i / 256);
	memcpy(sent + 20, (const uint8_t[]){ 0x13, 0x8a, 0, 53, 0xff, 0xeb, 0, 0 }, 8);
	assert_int_equal(io_mem_push(r->gateway->ios[LAN0], 0, sent, 65535), 0);
	rig_settle(r);
	for (; rig_pull(r, WAN0, &p); at += p.len - 20) {
		assert_int_equal(offset_of(&p), at);
		assert_memory_equal(p.octets + (at ? 20 : 28), sent + 20 + (at ? at : 8),
				    p.len - (at ? 20 : 28));
		r->pieces++;
	}
	assert_int_equal(at, 65515);
	assert_int_equal(r->pieces, 1365);
	r->pieces--;
	r->pushed++;
	r->pushed_octets += 65535;
	free(sent);
}

/* RFC 4787 REQ-14: whatever the order, both ways; only the first piece has ports. */
static void fragments_cross_in_any_order(void **state)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
					      { 2, 0, 1 }, { 2, 1, 0 } };
	struct rig *r = *state;

	for (size_t o = 0; o < 6; o++) {
		for (size_t out = WAN0, turn = 0; turn < 2; out = LAN0, turn++) {
			struct packet sent = turn ? udp("203.0.113.9:53 > 198.51.100.2:5002", 2900)
						  : udp("10.0.0.10:5002 > 203.0.113.9:53", 2900);
			uint8_t seen[3] = { 0 };
			struct packet p;

			store16(sent.octets + 4, (uint16_t)(o + 1));
			packet_seal_header(sent.octets);
			for (size_t i = 0; i < 3; i++) {
				size_t at = orders[o][i] * 1000u;

				p = piece_of(&sent, at, at == 2000 ? 908 : 1000);
				rig_push(r, turn ? WAN0 : LAN0, &p);
				rig_settle(r);
			}
			while (rig_pull(r, out, &p))
				seen[offset_of(&p) / 1000]++;
			rig_expect_silence(r);
			assert_memory_equal(seen, ((uint8_t[]){ 1, 1, 1 }), 3);
		}
	}
}

/* What came in pieces and left in pieces is whole at the other end. */
static void fragments_keep_their_payload(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 2900), p;

	for (size_t at = 0; at < 2908; at += 1000) {
		p = piece_of(&sent, at, at == 2000 ? 908 : 1000);
		rig_push(r, LAN0, &p);
		rig_settle(r);
	}
	struct pile pile = reassemble(r, WAN0, 1500);
	assert_way(&pile.whole, "198.51.100.2:5002 > 203.0.113.9:53");
	assert_same_payload(&pile.whole, &sent);
}

static void fragments_hairpin(void **state)
{
	struct rig *r = *state;
	struct packet opener = udp("10.0.1.12:5002 > 203.0.113.9:53", 1), p;
	struct packet sent = udp("10.0.0.11:5000 > 198.51.100.2:5002", 2000);

	rig_pass(r, LAN1, &opener, WAN0);
	for (size_t at = 1008; at <= 1008; at -= 1008) {
		p = piece_of(&sent, at, at ? 1000 : 1008);
		rig_push(r, LAN0, &p);
		rig_settle(r);
	}
	struct pile pile = { .pieces = 0 };
	while (rig_pull(r, LAN1, &p))
		put(&pile, &p);
	assert_int_equal(pile.pieces, 2);
	store16(pile.whole.octets + 2, (uint16_t)pile.whole.len);
	pile.whole = with_fragment(pile.whole, 0);
	packet_judge(&pile.whole);
	assert_way(&pile.whole, "198.51.100.2:5000 > 10.0.1.12:5002");
	assert_same_payload(&pile.whole, &sent);
}

static void fragments_wait_in_vain(void **state)
{
	struct rig *r = *state;
	struct packet whole = udp("10.0.0.10:5002 > 203.0.113.9:53", 2000);
	struct packet p = piece_of(&whole, 1000, 1008);

	rig_push(r, LAN0, &p);
	rig_settle(r);
	rig_expect_silence(r);
	assert_int_equal(rig_reason(r, REASON_FRAGMENT), 0);
	rig_later(r, 29999);
	assert_int_equal(rig_reason(r, REASON_FRAGMENT), 0);
	rig_later(r, 1);
	assert_int_equal(rig_reason(r, REASON_FRAGMENT), 1);
	p = piece_of(&whole, 0, 1000);
	rig_push(r, LAN0, &p);
	rig_settle(r);
	assert_int_equal(rig_drain(r, WAN0), 1);
}

/* RFC 1858, RFC 5722: the second opinion about octets is not listened to. */
static void overlaps_end_the_datagram(void **state)
{
	struct rig *r = *state;
	struct packet whole = udp("10.0.0.10:5002 > 203.0.113.9:53", 2000), p;

	p = piece_of(&whole, 0, 1000);
	rig_pass(r, LAN0, &p, WAN0);
	p = piece_of(&whole, 992, 1000);
	rig_refuse(r, LAN0, &p, REASON_FRAGMENT_OVERLAP);
	p = piece_of(&whole, 1000, 1008);
	rig_refuse(r, LAN0, &p, REASON_FRAGMENT_OVERLAP);
}

/* A flood of pieces without a first takes what is set aside for them, and nothing more. */
static void fragment_floods_are_bounded(void **state)
{
	struct rig *r = *state;
	struct packet ordinary = udp("10.0.0.10:5002 > 203.0.113.9:53", 20);

	for (unsigned i = 0; i < 2000; i++) {
		struct packet whole = udp("10.0.0.10:5002 > 203.0.113.9:53", 2000);
		struct packet p;

		store16(whole.octets + 4, (uint16_t)i);
		p = piece_of(&whole, 1000, 1008);
		rig_push(r, LAN0, &p);
		if (i % RIG_BURST == 0)
			rig_settle(r);
	}
	rig_settle(r);
	assert_true(rig_reason(r, REASON_FRAGMENT_LIMIT) >= 2000 - 64);
	for (unsigned i = 0; i < 200; i++)
		rig_pass(r, LAN0, &ordinary, WAN0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(long_datagrams_are_cut, narrow),
		RIG_ROWS(what_fits_is_not_cut, narrow),
		RIG_ROWS(options_are_copied_as_they_say, narrow),
		RIG_ROWS(options_that_need_padding, narrow),
		RIG_ROWS(fragments_are_cut_again, narrow),
		RIG_ROWS(the_narrowest_link, narrowest),
		RIG_ROWS(the_longest_datagram, narrowest),
		RIG_ROWS(fragments_cross_in_any_order, plain),
		RIG_ROWS(fragments_keep_their_payload, plain),
		RIG_ROWS(fragments_hairpin, plain),
		RIG_ROWS(fragments_wait_in_vain, plain),
		RIG_ROWS(overlaps_end_the_datagram, plain),
		RIG_ROWS(fragment_floods_are_bounded, few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
