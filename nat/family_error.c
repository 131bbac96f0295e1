/*
 * ICMP errors: the header changes, and so does that of the datagram in it; behind it may lie an
 * extension structure, which nobody here looks into (RFC 7915 sections 4.2, 4.3, 5.2 and 5.3).
 *
 * Everything is measured first, in octets of the message: a quote of `was.quote` octets is padded to
 * `was.padded`, and `extension` octets follow. Then the quote's transport is carried over where it
 * lies, everything is moved to where it will be, and the headers are written in front.
 */
#include "family_header.h"
#include "icmp_map.h"

enum {
	ICMP_HEADER = 8, ICMP_WORD = 4, NEXT_HEADER_FIELD = 6,
	PADDED_LEAST = 128, /* RFC 4884 section 4: where extensions follow */
	WORDS_MOST = 255,
	V6_MOST = 1280,
};

struct layout { uint32_t quote, padded, extension; };

struct message {
	const struct icmp_row *row;
	struct family_header outer, inner;
	struct layout was, now;
	uint16_t header; /* what the quote's will have */
	uint8_t length_at; /* in what it becomes, the length of the quote; 0: it has none, and no extensions */
	uint8_t to;
	uint32_t word;
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Octets that the length of a quote counts as one. */
static uint32_t unit(uint8_t version)
{
	return version == 4 ? 4 : 8;
}

/* Without a length, or with one that cannot be right, all of it is quote. */
static enum reason measure(struct layout *l, const struct pkt *p, const struct pkt *quoted)
{
	const uint8_t *icmp = pkt_transport(p);
	uint8_t at = icmp_length_at(icmp[0], p->version);
	uint32_t len = p->len - p->transport - ICMP_HEADER;
	uint32_t padded = at ? icmp[at] * unit(p->version) : 0;

	*l = (struct layout){ .quote = quoted->len, .padded = len };
	if (!padded || padded > len)
		return REASON_NONE;
	*l = (struct layout){ smaller(quoted->len, padded), padded, len - padded };
	return l->quote < smaller(quoted->len, quoted->transport + 8u) ? REASON_ICMP_QUOTE : REASON_NONE;
}

/* An extension structure goes whole or, if it does not fit behind the shortest quote there may be, cut
 * off; it was padded, and is no longer what its checksum says. */
static void arrange_extension(struct layout *l, uint32_t room, uint32_t words)
{
	uint32_t most = room > l->extension + PADDED_LEAST ? room - l->extension : PADDED_LEAST;

	most = smaller(most / words, WORDS_MOST) * words;
	l->quote = smaller(l->quote, most);
	l->padded = (l->quote + words - 1) / words * words;
	if (l->padded < PADDED_LEAST)
		l->padded = PADDED_LEAST;
	l->extension = smaller(l->extension, (room - l->padded) / 4 * 4);
}

/* Octets behind the ICMP header: of RFC 4443 section 2.4 (c), or of what length fields can say. */
static uint32_t room_of(const struct message *m, const struct pkt *p, uint32_t room)
{
	uint32_t most = m->to == 6 ? V6_MOST - FAMILY_V6 : UINT16_MAX - FAMILY_V4;

	return smaller(most, room - p->transport) - ICMP_HEADER;
}

static enum reason arrange(struct message *m, const struct pkt *p, uint32_t room)
{
	uint32_t carried = m->was.quote - m->inner.at;
	struct layout *l = &m->now;

	room = room_of(m, p, room);
	m->header = family_header_len(&m->inner, m->to);
	l->quote = m->header + carried;
	l->extension = m->length_at ? m->was.extension : 0;
	if (l->extension && room >= PADDED_LEAST + 4) {
		arrange_extension(l, room, unit(m->to));
	} else {
		l->extension = 0;
		l->padded = l->quote = smaller(l->quote, room);
	}
	return l->quote < m->header + smaller(carried, 8) ? REASON_TOO_BIG : REASON_NONE;
}

static enum reason read_word(struct message *m, const struct pkt *p, const struct family_rules *r)
{
	const uint8_t *word = pkt_transport(p) + ICMP_WORD;

	switch (m->row->word) {
	case ICMP_MTU:
		m->word = m->to == 6 ? icmp_mtu6(load16(word + 2), m->inner.at + m->inner.carries, r)
				     : icmp_mtu4(load32(word), m->inner.has_fragment, r);
		return REASON_NONE;
	case ICMP_POINTER:
		m->word = m->to == 6 ? word[0] : load32(word);
		if (!icmp_map_pointer(&m->word, p->version))
			return REASON_ICMP_TYPE;
		if (m->to == 4)
			m->word <<= 24;
		return REASON_NONE;
	case ICMP_PROTOCOL:
		m->word = NEXT_HEADER_FIELD;
		return REASON_NONE;
	default:
		m->word = 0;
		return REASON_NONE;
	}
}

static enum reason read_headers(struct message *m, const struct pkt *p, const struct pkt *quoted,
				const struct family_rules *r)
{
	enum reason why = family_header_of(&m->outer, p, r);

	if (why == REASON_NONE && m->outer.at != p->transport)
		why = REASON_NO_TRANSPORT;
	if (why == REASON_NONE)
		why = family_header_of(&m->inner, quoted, r);
	/* No datagram that was sent is made here, and none gets a number. */
	if (!m->inner.has_fragment)
		m->inner.ident = be16_from(0);
	return why;
}

/* RFC 7915 sections 4.3 and 5.3: one datagram in another, and no more. */
static enum reason admits(struct message *m, const struct pkt *p, const struct pkt *quoted)
{
	if (pkt_is_fragment(p))
		return REASON_ICMP_FRAGMENT;
	if (quoted->flags & PKT_ICMP_ERROR)
		return REASON_ICMP_QUOTE;
	m->row = icmp_map(pkt_transport(p), p->version);
	if (!m->row || m->row->word == ICMP_KEPT)
		return REASON_ICMP_TYPE;
	m->to = p->version == 4 ? 6 : 4;
	m->length_at = icmp_length_at(m->row->to_type, m->to);
	return REASON_NONE;
}

static void move_parts(uint8_t *body, const struct message *m)
{
	uint32_t carried = m->now.quote - m->header;
	bool longer = m->now.padded > m->was.padded;

	/* What moves to the back goes last part first. */
	if (longer)
		memmove(body + m->now.padded, body + m->was.padded, m->now.extension);
	memmove(body + m->header, body + m->inner.at, carried);
	if (!longer)
		memmove(body + m->now.padded, body + m->was.padded, m->now.extension);
	memset(body + m->now.quote, 0, m->now.padded - m->now.quote);
}

static void write_quote(uint8_t *body, const struct message *m, const struct pkt *quoted,
			const struct family_ends *e)
{
	struct pkt q = *quoted;

	q.len = m->was.quote;
	if (q.checksum + 2u > q.len)
		q.checksum = 0;
	family_carry(&q, &m->inner, e);
	move_parts(body, m);
	family_header_put(body + m->header, &m->inner, m->to, e);
}

static void write_message(uint8_t *icmp, const struct message *m)
{
	icmp_map_apply(icmp, m->row);
	store32(icmp + ICMP_WORD, m->word);
	if (m->now.extension)
		icmp[m->length_at] = (uint8_t)(m->now.padded / unit(m->to));
}

/* The caller has seen that the checksum was right. */
static void sum_up(struct pkt *p)
{
	uint8_t *icmp = pkt_transport(p);
	uint32_t len = p->len - p->transport;
	csum_t pseudo = { 0 };

	if (p->version == 6)
		pseudo = csum_pseudo(pkt_source(p), pkt_destination(p), 16, PROTO_ICMPV6, len);
	store16(p->ip + p->checksum, 0);
	csum_store(p->ip + p->checksum, csum_add(pseudo, csum_of(icmp, len)));
}

enum reason family_error(struct pkt *p, const struct pkt *quoted, const struct family_ends *outer,
			 const struct family_ends *inner, const struct family_rules *r)
{
	struct message m = { 0 };
	enum reason why = admits(&m, p, quoted);

	if (why == REASON_NONE)
		why = read_headers(&m, p, quoted, r);
	if (why == REASON_NONE)
		why = family_admits(quoted, &m.inner, inner, r);
	if (why == REASON_NONE)
		why = read_word(&m, p, r);
	if (why == REASON_NONE)
		why = measure(&m.was, p, quoted);
	if (why == REASON_NONE)
		why = arrange(&m, p, r->room);
	if (why != REASON_NONE)
		return why;
	m.outer.carries = ICMP_HEADER + m.now.padded + m.now.extension;
	if (m.to == 4) {
		family_header_settle(&m.outer, FAMILY_V4 + m.outer.carries);
		family_header_settle(&m.inner, FAMILY_V4 + m.inner.carries);
	}
	write_quote(pkt_transport(p) + ICMP_HEADER, &m, quoted, inner);
	write_message(pkt_transport(p), &m);
	p->len = p->transport + m.outer.carries;
	family_turn(p, &m.outer, outer);
	sum_up(p);
	return REASON_NONE;
}
