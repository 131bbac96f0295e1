#include "stream.h"

#include "nat/checksum.h"

enum { V4_TOTAL = 2, V4_CHECKSUM = 10 };
enum { TCP_SEQ = 4, TCP_ACK = 8, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_URGENT = 18, TCP_OPTIONS = 20 };
enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_SACK = 5 };

static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static uint32_t header_len(const uint8_t *tcp)
{
	return (uint32_t)(tcp[TCP_OFFSET] >> 4) * 4;
}

struct stream_segment stream_segment_of(const struct pkt *p)
{
	uint8_t *tcp = pkt_transport(p);
	uint32_t begin = load32(tcp + TCP_SEQ) + !!(tcp[TCP_FLAGS] & SEGMENT_SYN);
	uint32_t header = header_len(tcp);

	return (struct stream_segment){ begin, begin + p->len - p->transport - header, tcp[TCP_FLAGS],
				 tcp + header };
}

/* How much longer an edit makes the stream. */
static uint32_t growth(const struct edit *e)
{
	return e->len - (e->end - e->begin);
}

uint32_t stream_outward(const struct stream *s, uint32_t sequence)
{
	uint32_t shift = s->shift;

	for (const struct edit *e = s->edit; e < s->edit + s->edits; e++) {
		if (!is_before(e->begin, sequence))
			break;
		if (is_before(sequence, e->end))
			return e->begin + shift;
		shift += growth(e);
	}
	return sequence + shift;
}

/* A number inside an edit is taken for its beginning or its end. */
static uint32_t inward(const struct stream *s, uint32_t sequence, bool end)
{
	uint32_t shift = s->shift;

	for (const struct edit *e = s->edit; e < s->edit + s->edits; e++) {
		if (!is_before(e->begin + shift, sequence))
			break;
		if (is_before(sequence, e->begin + shift + e->len))
			return end ? e->end : e->begin;
		shift += growth(e);
	}
	return sequence - shift;
}

uint32_t stream_inward(const struct stream *s, uint32_t sequence)
{
	return inward(s, sequence, false);
}

void stream_begin(struct stream *s, uint32_t sequence)
{
	*s = (struct stream){ .next = sequence, .acknowledged = sequence };
}

uint32_t stream_room(struct stream *s)
{
	while (s->edits && !is_before(s->acknowledged, s->edit[0].end)) {
		s->shift += growth(&s->edit[0]);
		s->edits--;
		memmove(s->edit, s->edit + 1, s->edits * sizeof(s->edit[0]));
	}
	return STREAM_EDITS - s->edits;
}

void stream_edit(struct stream *s, uint32_t begin, const uint8_t *text, size_t len)
{
	struct edit *e = &s->edit[s->edits++];

	*e = (struct edit){ .begin = begin, .end = s->next, .len = (uint8_t)len };
	memcpy(e->text, text, len);
}

void stream_let_go(struct stream *s, uint32_t begin, const uint8_t *text, size_t len)
{
	stream_edit(s, begin, text, len);
	s->edit[s->edits - 1].end = begin + (uint32_t)len;
	s->edit[s->edits - 1].owed = true;
	s->held = 0;
}

/* The part of a segment that an edit takes. */
struct part {
	uint32_t begin, end;
};

/* What is owed stands in front of what comes next until it is acknowledged. */
static bool is_due(const struct stream *s, const struct edit *e, const struct part *g)
{
	return e->owed && g->begin == e->end && is_before(s->acknowledged, e->end);
}

static bool touches(const struct stream *s, const struct edit *e, const struct part *g)
{
	return (is_before(e->begin, g->end) && is_before(g->begin, e->end)) || is_due(s, e, g);
}

bool stream_ends_before(const struct stream *s, uint32_t sequence)
{
	const struct edit *last = &s->edit[s->edits - 1];
	const struct part rest = { sequence, sequence };

	return !is_before(sequence, last->end) && !is_due(s, last, &rest);
}

static struct part overlap(const struct edit *e, const struct part *g)
{
	return (struct part){ is_before(e->begin, g->begin) ? g->begin : e->begin,
			      is_before(g->end, e->end) ? g->end : e->end };
}

static uint32_t part_len(struct part p)
{
	return p.end - p.begin;
}

/* Octets of payload once all edits that touch it are made. */
static uint32_t edited_len(const struct stream *s, const struct part *g)
{
	uint32_t len = part_len(*g);

	for (uint32_t i = 0; i < s->edits; i++)
		if (touches(s, &s->edit[i], g))
			len += s->edit[i].len - part_len(overlap(&s->edit[i], g));
	return len;
}

/* From the last to the first, so that the places of those in front stay as they are. */
static void make_edits(const struct stream *s, const struct part *g, uint8_t *payload)
{
	uint32_t len = part_len(*g);

	for (uint32_t i = s->edits; i--;) {
		const struct edit *e = &s->edit[i];
		struct part cut = overlap(e, g);
		uint32_t at = cut.begin - g->begin, rest = len - at - part_len(cut);

		if (!touches(s, e, g))
			continue;
		memmove(payload + at + e->len, payload + at + part_len(cut), rest);
		memcpy(payload + at, e->text, e->len);
		len = at + e->len + rest;
	}
}

static void patch(struct pkt *p, csum_t octets, csum_t pseudo)
{
	uint8_t *field = p->ip + p->checksum;

	if (p->flags & PKT_PARTIAL)
		csum_patch_partial(field, pseudo);
	else if (p->checksum)
		csum_patch(field, csum_add(octets, pseudo));
}

/* The datagram's end moves: total length, and what both checksums say about it. */
static csum_t set_len(struct pkt *p, uint32_t len)
{
	uint8_t was[2], now[2];
	csum_t pseudo;

	store16(was, (uint16_t)(p->len - p->transport));
	store16(now, (uint16_t)(len - p->transport));
	pseudo = csum_diff(was, now, 2);
	store16(was, (uint16_t)p->len);
	store16(now, (uint16_t)len);
	memcpy(p->ip + V4_TOTAL, now, 2);
	csum_patch(p->ip + V4_CHECKSUM, csum_diff(was, now, 2));
	p->len = len;
	return pseudo;
}

static void move_urgent(const struct stream *s, uint8_t *tcp, uint32_t begin)
{
	uint32_t at = begin + load16(tcp + TCP_URGENT);

	if (tcp[TCP_FLAGS] & SEGMENT_URG)
		store16(tcp + TCP_URGENT,
			(uint16_t)(stream_outward(s, at) - stream_outward(s, begin)));
}

static void set_number(struct pkt *p, uint32_t at, uint32_t number)
{
	uint8_t *field = pkt_transport(p) + at;
	uint8_t was[4];

	memcpy(was, field, 4);
	store32(field, number);
	patch(p, csum_diff(was, field, 4), (csum_t){ 0 });
}

/* Payload that is not what it was: both sums are taken anew, and their difference counts, so that
 * a wrong checksum stays as wrong (3022-C8: text may move by odd numbers of octets). */
static void replace_payload(const struct stream *s, struct pkt *p, const struct stream_segment *g,
			    const struct part *kept)
{
	uint8_t *tcp = pkt_transport(p);
	csum_t was = csum_of(tcp, p->len - p->transport), pseudo;
	uint32_t len = edited_len(s, kept);

	move_urgent(s, tcp, g->begin);
	make_edits(s, kept, g->payload);
	pseudo = set_len(p, p->transport + header_len(tcp) + len);
	patch(p, csum_sub(csum_of(tcp, p->len - p->transport), was), pseudo);
	if (p->gso_size && len <= p->gso_size)
		p->gso_size = 0;
}

void stream_carry(const struct stream *s, struct pkt *p)
{
	const struct stream_segment g = stream_segment_of(p);
	uint32_t limit = s->next - s->held;
	struct part kept = { g.begin, g.end };
	uint32_t sequence = stream_outward(s, load32(pkt_transport(p) + TCP_SEQ));
	bool changed = false;

	if (s->held && is_before(limit, g.end)) {
		kept.end = is_before(g.begin, limit) ? limit : g.begin;
		changed = g.begin != g.end;
		/* RFC 1122 section 4.2.3.6 */
		if (kept.end == kept.begin)
			sequence = stream_outward(s, limit) - changed;
	}
	for (uint32_t i = 0; i < s->edits; i++) {
		changed |= touches(s, &s->edit[i], &kept);
		if (is_due(s, &s->edit[i], &kept))
			sequence = stream_outward(s, s->edit[i].begin);
	}
	if (changed)
		replace_payload(s, p, &g, &kept);
	set_number(p, TCP_SEQ, sequence);
}

/* Edges of SACK blocks follow the numbers, so that no block says more than the receiver has. */
static void move_blocks(const struct stream *s, uint8_t *tcp, uint32_t end)
{
	uint32_t len;

	for (uint32_t at = TCP_OPTIONS; at < end && tcp[at] != OPTION_END; at += len) {
		len = 1;
		if (tcp[at] == OPTION_NOP)
			continue;
		if (at + 1 >= end || tcp[at + 1] < 2 || at + tcp[at + 1] > end)
			return;
		len = tcp[at + 1];
		if (tcp[at] != OPTION_SACK)
			continue;
		for (uint8_t *block = tcp + at + 2; block + 8 <= tcp + at + len; block += 8) {
			store32(block, inward(s, load32(block), true));
			store32(block + 4, inward(s, load32(block + 4), false));
		}
	}
}

/* The receiver has everything up to a number; what was not looked at is of no interest. */
static void note_acknowledged(struct stream *s, uint32_t sequence)
{
	if (is_before(s->next, sequence))
		sequence = s->next;
	if (is_before(s->acknowledged, sequence))
		s->acknowledged = sequence;
}

void stream_acknowledge(struct stream *s, struct pkt *p, bool believed)
{
	uint8_t *tcp = pkt_transport(p);
	uint32_t header = header_len(tcp), ack;
	csum_t was = csum_of(tcp, header);

	if (!(tcp[TCP_FLAGS] & SEGMENT_ACK))
		return;
	ack = stream_inward(s, load32(tcp + TCP_ACK));
	if (believed)
		note_acknowledged(s, ack);
	if (ack == s->next - s->held)
		ack = s->next;
	store32(tcp + TCP_ACK, ack);
	move_blocks(s, tcp, header);
	patch(p, csum_sub(csum_of(tcp, header), was), (csum_t){ 0 });
}

void stream_undo(const struct stream *s, struct pkt *p, bool outward)
{
	uint8_t *tcp = pkt_transport(p);

	if (outward)
		set_number(p, TCP_SEQ, stream_inward(s, load32(tcp + TCP_SEQ)));
	else if (tcp[TCP_FLAGS] & SEGMENT_ACK)
		set_number(p, TCP_ACK, stream_outward(s, load32(tcp + TCP_ACK)));
}
