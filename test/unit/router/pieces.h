/*
 * Datagrams in pieces: cut as a host would, and put together as their receiver would.
 *
 * Shape    Stretches of a datagram are octets of its payload, [at, end). Headers have 20 octets.
 * Promise  Nothing in here knows how the gateway treats fragments.
 */
#ifndef PIECES_H
#define PIECES_H

#include "rig.h"

/* LEN: of a payload whose thirds are 1000, 1000 and 908 octets behind UDP's header. */
enum { MORE = 0x2000, THIRD = 1000, LEN = 2900, PILES = 8, ORDERS = 6 };

static const uint8_t orders[ORDERS][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					   { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

static inline struct packet piece(const struct packet *whole, size_t at, size_t end)
{
	struct packet p = *whole;

	memmove(p.octets + 20, whole->octets + 20 + at, end - at);
	p.len = 20 + end - at;
	store16(p.octets + 2, (uint16_t)p.len);
	return with_fragment(p, (uint16_t)(at / 8 | (20 + end < whole->len ? MORE : 0)));
}

static inline struct packet third(const struct packet *whole, size_t which)
{
	return piece(whole, which * THIRD, which == 2 ? whole->len - 20 : (which + 1) * THIRD);
}

static inline struct packet with_id(struct packet p, unsigned id)
{
	store16(p.octets + 4, (uint16_t)id);
	packet_seal_header(p.octets);
	return p;
}

static inline void push(struct rig *r, size_t in, const struct packet *p)
{
	rig_push(r, in, p);
	rig_settle(r);
}

static inline void push_piece(struct rig *r, size_t in, const struct packet *whole, size_t at,
			      size_t end)
{
	struct packet p = piece(whole, at, end);

	push(r, in, &p);
}

/* As if the datagram ended there. */
static inline void push_last(struct rig *r, size_t in, const struct packet *whole, size_t at,
			     size_t end)
{
	struct packet shorter = *whole;

	shorter.len = 20 + end;
	push_piece(r, in, &shorter, at, end);
}

/* at_once: all three lie in their queues before a worker looks. */
static inline void push_thirds(struct rig *r, size_t in, const struct packet *whole,
			       const uint8_t order[static 3], bool at_once)
{
	for (size_t i = 0; i < 3; i++) {
		struct packet p = third(whole, order[i]);

		rig_push(r, in, &p);
		if (!at_once)
			rig_settle(r);
	}
	rig_settle(r);
}

/* The receiver's part of RFC 791 section 3.2: octets by where they belong, each once. */
struct pile {
	struct packet whole;
	uint8_t come[PACKET_ROOM];
	size_t pieces, end; /* end 0: the last piece has not come */
};

static inline void pile_add(struct pile *pile, const struct packet *p)
{
	size_t at = (size_t)(load16(p->octets + 6) & 0x1fff) * 8, len = p->len - 20;

	assert_int_equal(packet_header(p->octets), 20);
	assert_true(at + len <= PACKET_ROOM - 20);
	if (!pile->pieces++)
		memcpy(pile->whole.octets, p->octets, 20);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(pile->come[at + i]++, 0);
	memcpy(pile->whole.octets + 20 + at, p->octets + 20, len);
	if (load16(p->octets + 6) & MORE)
		return;
	assert_int_equal(pile->end, 0);
	pile->end = at + len;
}

/* The datagram, which must be complete, and right in every sum. */
static inline struct packet pile_whole(struct pile *pile)
{
	assert_true(pile->end);
	for (size_t i = 0; i < PACKET_ROOM; i++)
		assert_int_equal(pile->come[i], i < pile->end);
	pile->whole.len = 20 + pile->end;
	store16(pile->whole.octets + 2, (uint16_t)pile->whole.len);
	pile->whole = with_fragment(pile->whole, 0);
	packet_judge(&pile->whole);
	return pile->whole;
}

static inline bool pile_takes(const struct pile *pile, const struct packet *p)
{
	const uint8_t *a = pile->whole.octets, *b = p->octets;

	return !memcmp(a + 4, b + 4, 2) && a[9] == b[9] && !memcmp(a + 12, b + 12, 8);
}

/* All that left by an interface, by datagram; returns how many datagrams. */
static inline size_t collect(struct rig *r, size_t interface, struct pile piles[static PILES])
{
	struct packet p;
	size_t count = 0, i;

	memset(piles, 0, PILES * sizeof(*piles));
	while (rig_pull(r, interface, &p)) {
		for (i = 0; i < count && !pile_takes(&piles[i], &p); i++)
			;
		assert_true(i < PILES);
		count += i == count;
		pile_add(&piles[i], &p);
	}
	return count;
}

/* The one datagram that left, with nothing beside it. */
static inline struct packet collect_one(struct rig *r, size_t interface)
{
	struct pile piles[PILES];

	assert_int_equal(collect(r, interface, piles), 1);
	rig_expect_silence(r);
	return pile_whole(&piles[0]);
}

/* What was refused since then: so many, and for one reason. Nothing has left. */
static inline void assert_refused(struct rig *r, const struct counters *was, enum reason reason,
				  size_t count)
{
	struct counters is = rig_counters(r);

	rig_expect_silence(r);
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		if (is.reasons[i] - was->reasons[i] != ((enum reason)i == reason ? count : 0))
			fail_msg("%s counted %d times", reason_name((enum reason)i),
				 (int)(is.reasons[i] - was->reasons[i]));
}

#endif
