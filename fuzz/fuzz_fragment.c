/*
 * Fragments of datagrams that have sessions: learnt in any order, cut anywhere, with lies about where they
 * end, over time; then translated.
 *
 * Input    How many datagrams may be incomplete at once; then steps: a whole datagram (traffic.h) that
 *          goes through first, and opens what it needs; a piece of one, any octets of it (or of what lies
 *          behind it), with an identification of its own; all pieces of one, in some order; time.
 * Demands  nat_learn() says what a list of octets that have come would say: known, to be held for which
 *          datagram, overlapping, too many; what is learnt are the datagram's ports. Put together again,
 *          what came out is what comes out of the whole.
 *
 * Sources  RFC 4787 REQ-14, RFC 5722 section 4, RFC 6146 section 3.4, RFC 7915 sections 4.1 and 5.1.1.
 */
#include "datagram.h"
#include "judge.h"
#include "nats.h"
#include "stretches.h"

enum { STEPS_MOST = 48, WHOLES = 8, HELD = 32, ALL_MOST = 12 };
enum { V6_HEADER = 40, FRAGMENT_HEADER = 8, MORE = 0x2000, V6_FRAGMENT = 44 };

/* A datagram that has gone through, and what has come out of its pieces so far. */
struct whole {
	struct datagram d;
	struct anatomy a;
	uint16_t serial; /* 0: none */
	bool joins;	 /* it changed its family */
	uint16_t joined_ident; /* whose pieces these are */
	uint8_t joined[DATAGRAM_MOST], header[V6_HEADER], version;
	bool there[STRETCHES_UNITS];
};

struct piece {
	struct passage p;
	struct whole *of;
	uint16_t ident;
	size_t begin, len; /* in units; in octets */
	bool last, honest; /* it is where and what it says */
	int record;
};

struct scene {
	struct nats w;
	struct whole wholes[WHOLES];
	uint16_t serials;
	struct stretches stretches;
	uint32_t called[STRETCHES_RECORDS]; /* what the NAT calls their datagrams; 0: it has not said so yet */
	struct piece *held[HELD];
	size_t held_count;
};

/* What it says. */

static bool is_icmp(const struct anatomy *a)
{
	return a->protocol == PROTO_ICMP || a->protocol == PROTO_ICMPV6;
}

/* What it becomes has a checksum over all of it. */
static bool waits(const struct whole *x)
{
	return x->joins && (is_icmp(&x->a) || (x->a.protocol == PROTO_UDP && x->a.version == 4 &&
					       !load16(x->d.octets + x->a.checksum)));
}

static enum nat_fragment expect(struct scene *s, struct piece *x, enum reason *why)
{
	const struct stretch wanted = { x->ident, x->p.was.from, x->begin, x->begin + (x->len + 7) / 8,
					x->last };

	*why = stretches_take(&s->stretches, s->w.now.ms, &wanted, &x->record);
	if (*why != REASON_NONE)
		return FRAGMENT_DROP;
	return stretches_begun(&s->stretches, x->record) &&
			       (!waits(x->of) || stretches_complete(&s->stretches, x->record))
		       ? FRAGMENT_KNOWN : FRAGMENT_HOLD;
}

/* Pieces. */

static void fill(struct passage *p)
{
	p->buffer_len = NAT_HEADROOM + p->was.len;
	p->buffer = calloc(p->buffer_len, 1);
	assert(p->buffer);
	p->octets = p->buffer + NAT_HEADROOM;
	memcpy(p->octets, p->was.octets, p->was.len);
	p->job = (struct nat_job){ .p = &p->p, .from = p->was.from, .room = (uint32_t)p->was.len,
				   .session = NAT_NO_SESSION };
	p->job.reason = pkt_parse(&p->p, p->octets, p->was.len, &p->was.offload);
}

static void piece_free(struct piece *x)
{
	free(x->p.buffer);
	free(x);
}

static void put_place(struct piece *x, uint8_t *out)
{
	const struct anatomy *a = &x->of->a;

	if (a->version == 4) {
		store16(out + 2, (uint16_t)(a->header + x->len));
		store16(out + 4, x->ident);
		store16(out + 6, (uint16_t)(x->begin | (x->last ? 0 : MORE)));
		return;
	}
	store16(out + 4, (uint16_t)(a->header + FRAGMENT_HEADER + x->len - V6_HEADER));
	out[a->next_at] = V6_FRAGMENT;
	out += a->header;
	out[0] = a->protocol;
	out[1] = 0;
	store16(out + 2, (uint16_t)(x->begin * 8 | !x->last));
	store32(out + 4, x->ident);
}

/* So many octets of a datagram, or of what would stand behind it. */
static struct piece *cut(struct whole *of, size_t begin, size_t len, bool last, uint8_t variant)
{
	struct piece *x = calloc(1, sizeof(*x));
	size_t header = of->a.header + (of->a.version == 6 ? FRAGMENT_HEADER : 0);
	size_t at = of->a.header + begin * 8, whole = of->a.len;

	assert(x);
	*x = (struct piece){ .of = of, .begin = begin, .len = len, .last = last,
			     .ident = (uint16_t)(of->serial << 4 | (variant & 15)),
			     .honest = at + len <= whole && last == (at + len == whole) };
	x->p.was.from = of->d.from;
	x->p.was.len = header + len;
	memcpy(x->p.was.octets, of->d.octets, of->a.header);
	for (size_t i = 0; i < len; i++)
		x->p.was.octets[header + i] = at + i < whole ? of->d.octets[at + i] : (uint8_t)i;
	put_place(x, x->p.was.octets);
	if (of->a.version == 4)
		datagram_repair(x->p.was.octets, x->p.was.len);
	fill(&x->p);
	return x;
}

/* What came out of pieces, against what comes out of the whole now. */

static struct passage *pass_whole(struct scene *s, const struct whole *x)
{
	struct passage *p = calloc(1, sizeof(*p));

	assert(p);
	p->was = x->d;
	fill(p);
	assert(p->job.reason == REASON_NONE);
	nat_process(s->w.nat[0], s->w.now, &p->job);
	judge_passage(&s->w, p);
	return p;
}

static void judge_joined(struct scene *s, const struct whole *x)
{
	struct passage *p = pass_whole(s, x);
	const uint8_t *out = p->p.ip;
	size_t len = x->a.len - x->a.header, at = x->joins ? p->p.transport : x->a.header;

	/* It may end the connection. */
	if (p->job.reason == REASON_NONE && p->p.version == x->version) {
		assert(p->p.len - at == len && !memcmp(out + at, x->joined, len));
		if (x->version == 4)
			assert(out[1] == x->header[1] && !memcmp(out + 8, x->header + 8, 2) &&
			       !memcmp(out + 12, x->header + 12, 8));
		else
			assert(!memcmp(out, x->header, 4) && !memcmp(out + 7, x->header + 7, 33));
	}
	free(p->buffer);
	free(p);
}

static void join(struct scene *s, const struct piece *x)
{
	struct whole *of = x->of;
	size_t len = of->a.len - of->a.header, header;
	struct anatomy a;

	if (!x->honest)
		return;
	if (of->joined_ident != x->ident)
		memset(of->there, 0, sizeof(of->there));
	of->joined_ident = x->ident;
	assert(anatomy_of(&a, x->p.p.ip, x->p.p.len));
	header = a.fragment_at ? a.fragment_at + FRAGMENT_HEADER : a.header;
	assert(x->p.p.len - header == x->len);
	memcpy(of->joined + x->begin * 8, x->p.p.ip + header, x->len);
	memcpy(of->header, x->p.p.ip, a.version == 4 ? 20 : V6_HEADER);
	of->version = a.version;
	for (size_t i = x->begin; i < x->begin + (x->len + 7) / 8; i++)
		of->there[i] = true;
	for (size_t i = 0; i < (len + 7) / 8; i++)
		if (!of->there[i])
			return;
	judge_joined(s, of);
	memset(of->there, 0, sizeof(of->there));
}

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_UDPLITE ||
	       protocol == PROTO_DCCP || protocol == PROTO_SCTP;
}

static void judge_ports(const struct piece *x)
{
	const uint8_t *t = x->of->d.octets + x->of->a.header;

	assert(x->p.p.flags & PKT_PORTS_KNOWN);
	if (has_ports(x->of->a.protocol))
		assert(be16_host(x->p.p.ports[0]) == load16(t) && be16_host(x->p.p.ports[1]) == load16(t + 2));
	if (is_icmp(&x->of->a))
		assert(be16_host(x->p.p.ports[0]) == load16(t + 4) &&
		       be16_host(x->p.p.ports[1]) == load16(t + 4));
}

static void process(struct scene *s, struct piece *x)
{
	struct passage *p = &x->p;

	judge_ports(x);
	nat_process(s->w.nat[0], s->w.now, &p->job);
	judge_passage(&s->w, p);
	if (p->job.reason == REASON_NONE)
		join(s, x);
	piece_free(x);
}

/* Those of its datagram that waited, the first of them first; then itself, unless it is the first. */
static void release(struct scene *s, struct piece *x)
{
	struct piece *all[HELD + 1] = { x };
	size_t count = 1, kept = 0;

	for (size_t i = 0; i < s->held_count; i++) {
		if (s->held[i]->record != x->record) {
			s->held[kept++] = s->held[i];
			continue;
		}
		pkt_follow(&s->held[i]->p.p, &x->p.p);
		all[count++] = s->held[i];
	}
	s->held_count = kept;
	for (size_t i = 1; i < count; i++)
		if (!all[i]->begin) {
			struct piece *first = all[i];

			all[i] = all[0];
			all[0] = first;
		}
	for (size_t i = 0; i < count; i++)
		process(s, all[i]);
}

/* What it waited for is gone, and so is it. */
static void drop_held(struct scene *s, int record)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->held_count; i++)
		if (s->held[i]->record == record)
			piece_free(s->held[i]);
		else
			s->held[kept++] = s->held[i];
	s->held_count = kept;
}

static void hold(struct scene *s, struct piece *x, const struct nat_fragment_note *note)
{
	for (int i = 0; i < STRETCHES_RECORDS; i++)
		assert(!stretches_has(&s->stretches, i) ||
		       (s->called[i] == note->datagram) == (i == x->record && s->called[i]));
	s->called[x->record] = note->datagram;
	if (s->held_count == HELD)
		piece_free(x);
	else
		s->held[s->held_count++] = x;
}

static void learn(struct scene *s, struct piece *x)
{
	struct nat_fragment_note note;
	enum nat_fragment said, expected;
	enum reason why;
	uint64_t made = s->stretches.made;
	bool waiting = waits(x->of);
	int record;

	expected = expect(s, x, &why);
	said = nat_learn(s->w.nat[0], s->w.now, &x->p.p, x->p.was.from, &note);
	assert(said == expected && (said != FRAGMENT_DROP || note.reason == why));
	assert(!nat_check(s->w.nat[0]));
	record = x->record;
	if (s->stretches.made != made) { /* another was there before */
		drop_held(s, record);
		s->called[record] = 0;
	}
	if (said == FRAGMENT_DROP) {
		piece_free(x);
	} else if (said == FRAGMENT_HOLD) {
		hold(s, x, &note);
	} else {
		assert(note.release == (!x->begin || waiting));
		release(s, x);
		stretches_end(&s->stretches, record);
	}
}

static void take(struct scene *s, struct piece *x)
{
	if (x->p.job.reason == REASON_NONE && pkt_is_fragment(&x->p.p))
		learn(s, x);
	else
		piece_free(x);
}

/* Steps. */

/* Errors have no session of their own, and what is not translated no ports that matter. */
static bool is_of_interest(const struct passage *p, const struct anatomy *a)
{
	return p->job.reason == REASON_NONE && p->job.session != NAT_NO_SESSION && !a->error && !a->fragment &&
	       !p->was.offload.partial && a->len == p->was.len && a->len > a->header + 8 && !a->fragment_at &&
	       a->len + FRAGMENT_HEADER <= DATAGRAM_MOST;
}

/* Each time others may go, too. */
static void drop_all_of(struct scene *s, const struct whole *x)
{
	for (size_t i = 0; i < s->held_count;)
		if (s->held[i]->of == x) {
			drop_held(s, s->held[i]->record);
			i = 0;
		} else {
			i++;
		}
}

static void read_whole(struct scene *s, struct input *in)
{
	static const struct past none;
	struct datagram pieces[PIECES_MOST];
	struct passage *p = calloc(1, sizeof(*p));
	struct whole *x = &s->wholes[(s->serials + 1u) % WHOLES];
	struct anatomy a;

	assert(p);
	if (traffic_next(&none, in, pieces) == 1) {
		p->was = pieces[0];
		fill(p);
		if (p->job.reason == REASON_NONE)
			nat_process(s->w.nat[0], s->w.now, &p->job);
		if (anatomy_of(&a, p->was.octets, p->was.len) && is_of_interest(p, &a)) {
			drop_all_of(s, x);
			*x = (struct whole){ .d = p->was, .a = a, .serial = ++s->serials,
					     .joins = p->p.version != a.version };
		}
		free(p->buffer);
	}
	free(p);
}

static struct whole *read_which(struct scene *s, struct input *in)
{
	struct whole *x = &s->wholes[input_below(in, WHOLES)];

	return x->serial ? x : &s->wholes[1];
}

static void read_piece(struct scene *s, struct input *in)
{
	struct whole *x = read_which(s, in);
	uint8_t how = input_u8(in);
	size_t begin = how & 1 ? input_u16(in) % STRETCHES_UNITS : input_u8(in), len = 8u * (1u + input_u8(in) % 128);
	size_t payload = x->a.len - x->a.header;
	bool last = begin * 8 < payload && begin * 8 + len >= payload;

	if (!x->serial || begin * 8 + len > 65000)
		return;
	if (last)
		len = payload - begin * 8;
	last ^= how >> 1 & 1;
	if (!last)
		len = (len + 7) / 8 * 8;
	if (x->a.header + FRAGMENT_HEADER + len <= DATAGRAM_MOST)
		take(s, cut(x, begin, len, last, how >> 4));
}

/* Each number is a step through what is left. */
static void read_all(struct scene *s, struct input *in)
{
	struct whole *x = read_which(s, in);
	uint8_t variant = input_u8(in);
	size_t payload = x->a.len - x->a.header, step = 8u * (1u + input_u8(in) % 64), count = 0;
	size_t begins[ALL_MOST];

	if (!x->serial)
		return;
	while (step * ALL_MOST < payload)
		step += 8;
	for (size_t at = 0; at < payload; at += step)
		begins[count++] = at;
	for (; count; count--) {
		size_t next = input_u8(in) % count, at = begins[next];
		bool last = at + step >= payload;

		begins[next] = begins[count - 1];
		take(s, cut(x, at / 8, last ? payload - at : step, last, variant));
	}
}

static void read_time(struct scene *s, struct input *in)
{
	static const uint32_t steps[] = { 1, 250, 999, 1000, 1001, 29000, 29999, 30000, 30001, 300000 };

	s->w.now.ms += steps[input_below(in, sizeof(steps) / sizeof(steps[0]))];
	nat_expire(s->w.nat[0], s->w.now, SIZE_MAX);
}

static void open(struct nats *w, uint8_t fragments)
{
	const uint8_t setting[] = { 0x80, 63, 63, fragments, 0, 1 };
	struct input usual = input_of(setting, sizeof(setting));

	nats_open(w, &usual, false);
	assert(w->config.fragments < STRETCHES_RECORDS);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static void (*const steps[])(struct scene *, struct input *) = {
		read_whole, read_piece, read_all, read_time,
	};
	struct input in = input_of(octets, len);
	struct scene *s = calloc(1, sizeof(*s));

	assert(s);
	open(&s->w, input_u8(&in));
	s->stretches.most = s->w.config.fragments;
	for (int step = 0; step < STEPS_MOST && input_left(&in); step++)
		steps[input_below(&in, 4)](s, &in);
	while (s->held_count)
		piece_free(s->held[--s->held_count]);
	nats_close(&s->w);
	free(s);
	return 0;
}
