/*
 * One datagram, in a buffer of exactly its size, through the parser and everything that takes a
 * view. What the parser promises, and what the rest does to right checksums, is judged from the
 * octets.
 *
 * Input    How: which of the following counts; offload metadata; a limit for the MSS; octets.
 */
#include "nat/extension.h"
#include "nat/icmp_error.h"
#include "nat/mss.h"

#include "datagram.h"
#include "fuzz.h"

enum { HOW_REPAIR = 1 << 0, HOW_OFFLOAD = 1 << 1, HOW_PARTIAL = 1 << 2 };

struct question {
	uint8_t *octets;
	size_t len;
	const struct pkt_offload *offload;
	uint16_t mss, mtu;
	struct anatomy a; /* of octets, once they are parsed */
};

static void judge_view(const struct question *q, const struct pkt *p)
{
	const struct anatomy *a = &q->a;
	bool whole = !pkt_is_fragment(p) && !(p->flags & PKT_PARTIAL);
	bool valid;

	assert(p->ip == q->octets && p->len == a->len && p->len <= q->len);
	assert(p->version == a->version && p->protocol == a->protocol && p->transport == a->header);
	assert(!!(p->flags & PKT_FRAGMENT_LATER) == a->later && pkt_is_fragment(p) == a->fragment);
	assert(!!(p->flags & PKT_ICMP_ERROR) == a->error);
	assert(header_is_right(q->octets, a));
	assert(pkt_wire_len(p) && pkt_wire_len(p) <= p->len && pkt_tos(p) <= 255);
	valid = pkt_checksum_valid(p);
	assert(!whole || valid == transport_is_right(q->octets, a));
}

/* Of the headers from the first to the transport, whether one is of that kind, and whose field is last. */
static void judge_chain(const struct question *q, const struct pkt *p)
{
	struct headers behind = { 0 };
	uint32_t at = 6;

	if (q->a.version != 6)
		return;
	assert(extension_transport_field(p) == q->a.next_at);
	headers_add(&behind, p->protocol);
	assert(extension_is_any(p, &behind));
	behind = (struct headers){ 0 };
	headers_add(&behind, q->octets[at]);
	assert(extension_is_any(p, &behind));
	behind = (struct headers){ 0 };
	assert(!extension_is_any(p, &behind));
	at = extension_refused_option(p);
	assert(at < p->len && (!at || q->octets[at] & 0xc0));
}

static void judge_quote(const struct pkt *outer)
{
	struct pkt inner;

	if (!(outer->flags & PKT_ICMP_ERROR) || pkt_parse_quoted(&inner, outer) != REASON_NONE)
		return;
	assert(inner.ip > outer->ip && inner.version == outer->version);
	assert(inner.ip + inner.len <= outer->ip + outer->len && inner.transport <= inner.len);
	assert((inner.flags & PKT_FRAGMENT_LATER) || inner.len - inner.transport >= 8 ||
	       (inner.protocol != PROTO_TCP && inner.protocol != PROTO_UDP));
	assert(inner.checksum + (inner.checksum ? 2u : 0) <= inner.len);
}

static void judge_error(const uint8_t *octets, size_t len, const struct pkt *cause)
{
	struct anatomy a;
	size_t quoted;

	assert(anatomy_of(&a, octets, len) && a.version == cause->version && a.error);
	assert(a.len == len && header_is_right(octets, &a) && transport_is_right(octets, &a));
	quoted = len - a.header - 8;
	assert(len <= (a.version == 4 ? 576 : 1280) && quoted <= cause->len);
	if (!(cause->flags & PKT_PARTIAL))
		assert(!memcmp(octets + a.header + 8, cause->ip, quoted));
}

static void make_errors(const struct question *q, const struct pkt *cause)
{
	static const uint8_t source[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 };
	struct icmp_error e = { .source = source, .mtu = q->mtu, .ttl = 64 };

	for (e.reason = REASON_NONE; e.reason < REASON_COUNT; e.reason++) {
		uint8_t *out = malloc(ICMP_ERROR_MOST);
		size_t len = icmp_error_make(out, &e, cause);

		if (len)
			judge_error(out, len, cause);
		free(out);
	}
}

/* Of fragments that are refused, whose octets are trusted no further than they were looked at. */
static void tell_why(const struct pkt *cause, enum reason r)
{
	static const uint8_t source[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 };
	const struct icmp_error e = { .reason = r, .source = source, .ttl = 64 };
	uint8_t *out = malloc(ICMP_ERROR_MOST);
	size_t len = icmp_error_make(out, &e, cause);

	if (len)
		judge_error(out, len, cause);
	free(out);
}

/* The sum of the pseudo-header, as the sender leaves it, becomes the whole one. */
static void complete(const struct question *q)
{
	uint8_t *octets = copy_exactly(q->octets, q->len);
	struct pkt p;

	assert(pkt_parse(&p, octets, q->len, q->offload) == REASON_NONE);
	if (p.flags & PKT_PARTIAL) {
		store16(octets + p.checksum, pseudo_sum(octets, &q->a, p.len - p.transport));
		pkt_complete(&p);
		assert(pkt_is_fragment(&p) || transport_is_right(octets, &q->a));
	}
	free(octets);
}

/* One of what changes octets in place; false where there was nothing to change. */
static bool change(const struct question *q, struct pkt *p, int which)
{
	if (which == 0)
		return icmp_echo_answer(p);
	if (which == 1)
		return mss_clamp(p, q->mss);
	if (!*pkt_ttl(p))
		return false;
	pkt_decrement_ttl(p);
	return true;
}

static void make_changes(const struct question *q)
{
	for (int which = 0; which < 3; which++) {
		uint8_t *octets = copy_exactly(q->octets, q->len);
		struct anatomy a;
		struct pkt p;

		assert(pkt_parse(&p, octets, q->len, q->offload) == REASON_NONE);
		if (change(q, &p, which)) {
			/* An echo leaves extension headers out. */
			assert(anatomy_of(&a, octets, p.len) && header_is_right(octets, &a));
			assert(!a.checksum || pkt_is_fragment(&p) || (p.flags & PKT_PARTIAL) ||
			       transport_is_right(octets, &a) ==
				       transport_is_right(q->octets, &q->a));
		}
		free(octets);
	}
}

/* Statement by statement: the order inside an initializer is the compiler's. */
static uint8_t read_question(struct question *q, struct pkt_offload *offload, struct input *in)
{
	uint8_t how = input_u8(in);

	offload->partial = how & HOW_PARTIAL;
	offload->checksum_start = input_u16(in);
	offload->checksum_offset = input_u8(in);
	offload->gso_size = input_u16(in);
	q->offload = how & HOW_OFFLOAD ? offload : NULL;
	q->mss = input_u16(in);
	q->mtu = input_u16(in);
	q->len = input_left(in);
	q->octets = copy_exactly(in->at, q->len);
	return how;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	struct pkt_offload offload;
	struct question q;
	struct pkt p;
	enum reason r;

	if (read_question(&q, &offload, &in) & HOW_REPAIR)
		datagram_repair(q.octets, q.len);
	r = pkt_parse(&p, q.octets, q.len, q.offload);
	if (r == REASON_NONE) {
		assert(anatomy_of(&q.a, q.octets, q.len));
		judge_view(&q, &p);
		judge_chain(&q, &p);
		judge_quote(&p);
		make_errors(&q, &p);
		make_changes(&q);
		complete(&q);
	} else if (p.version == 6 && p.fragment) {
		tell_why(&p, r);
	}
	free(q.octets);
	return 0;
}
