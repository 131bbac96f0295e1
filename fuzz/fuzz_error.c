/*
 * ICMP errors about datagrams that went through the NAT: any cut of the quote, any length field,
 * extensions, pointer and MTU, from either side, within and across families.
 *
 * Input    MTUs of the links; then steps. Each is a recipe (traffic.h), whose datagram goes through, or an
 *          error about one that did: which one, how, type, code, the word behind the checksum, length of
 *          the quote, of what fills it up and of the extensions, octets of these.
 * Demands  What goes on is a whole, right message to whoever sent what it quotes, and quotes what he
 *          sent; extensions follow, where the length field says; IPv6 has at most 1280 octets; no inside
 *          address leaves; an error that is right in all it says does go on. What is dropped is left
 *          alone. One by one and in batches the same.
 *
 * Sources  RFC 5508 REQ-3 to REQ-5, RFC 4884 sections 4 and 5, RFC 7915 sections 4.2, 4.3, 5.2 and 5.3.
 */
#include "datagram.h"
#include "judge.h"
#include "nats.h"
#include "six.h"

enum { STEPS_MOST = 24, SENT_MOST = 8, QUOTE_MOST = 1020, ROOM_ENOUGH = 40 };
enum { HOW_ABOUT = 1 << 0, HOW_ROUTER = 1 << 1, HOW_WRONG_SUM = 1 << 2, HOW_LENGTH = 1 << 3,
       HOW_OPTIONS = 1 << 4, HOW_CHANGED = 1 << 5, HOW_WRONG_END = 1 << 6 };
enum { ICMP_HEADER = 8, V4_HEADER = 20, V6_HEADER = 40, V6_MOST = 1280 };

/* As its sender knows it, and as it went on. */
struct sent { struct datagram before, after; };

struct scene {
	struct nats single, batch; /* of one worker each */
	struct sent sent[SENT_MOST];
	size_t count;
};

/* What is known of an error before it goes through. */
struct report {
	struct datagram d;
	const struct sent *about;
	size_t quoted; /* octets of that */
	bool elsewhere; /* it is for somebody else */
	bool sound; /* nothing is wrong with it */
	uint8_t room;
};

/* Of an ICMP error: its quote with what fills it up, and what follows (RFC 4884 section 4). */
struct message { size_t quote, padded, extension; };

static struct message message_of(const uint8_t *octets, const struct anatomy *a)
{
	const uint8_t *icmp = octets + a->header;
	bool v4 = a->version == 4;
	size_t len = a->len - a->header - ICMP_HEADER, padded = 0;

	if (v4 ? icmp[0] == 3 || icmp[0] == 11 || icmp[0] == 12 : icmp[0] == 1 || icmp[0] == 3)
		padded = v4 ? icmp[5] * 4u : icmp[4] * 8u;
	if (!padded || padded > len)
		padded = len;
	return (struct message){ a->header + ICMP_HEADER, padded, len - padded };
}

/* Memory of exactly the octets and the rooms. */
static void fill(struct passage *p, uint8_t room)
{
	p->buffer_len = NAT_HEADROOM + p->was.len + room;
	p->buffer = calloc(p->buffer_len, 1);
	assert(p->buffer);
	p->octets = p->buffer + NAT_HEADROOM;
	memcpy(p->octets, p->was.octets, p->was.len);
	p->job = (struct nat_job){ .p = &p->p, .from = p->was.from, .known_only = p->was.known_only,
				   .room = (uint32_t)p->was.len + room, .session = NAT_NO_SESSION };
}

static struct passage *pass(struct scene *s, const struct datagram *d, uint8_t room)
{
	struct passage *p = calloc(2, sizeof(*p));

	assert(p);
	for (size_t i = 0; i < 2; i++) {
		p[i].was = *d;
		fill(&p[i], room);
		p[i].job.reason = pkt_parse(&p[i].p, p[i].octets, d->len, &d->offload);
	}
	if (p->job.reason != REASON_NONE)
		return p;
	nat_process(s->single.nat[0], s->single.now, &p[0].job);
	nat_process_batch(s->batch.nat[0], s->batch.now, &p[1].job, 1);
	judge_passage(&s->single, p);
	assert(p[0].job.verdict == p[1].job.verdict && p[0].job.reason == p[1].job.reason &&
	       p[0].p.len == p[1].p.len && !memcmp(p[0].p.ip, p[1].p.ip, p[0].p.len));
	return p;
}

static void pass_end(struct passage *p)
{
	free(p[0].buffer);
	free(p[1].buffer);
	free(p);
}

/* What is quoted later. Of a super-datagram nobody reports, and nobody has a checksum that is not there. */
static void remember(struct scene *s, const struct passage *p)
{
	struct sent *x = &s->sent[s->count++ % SENT_MOST];

	x->before = x->after = p->was;
	x->after.len = p->p.len;
	memcpy(x->after.octets, p->p.ip, p->p.len);
}

static void send(struct scene *s, struct input *in)
{
	static const struct past none;
	struct datagram pieces[PIECES_MOST];
	struct passage *p;

	if (traffic_next(&none, in, pieces) != 1)
		return;
	p = pass(s, pieces, 0);
	if (p->job.reason == REASON_NONE && p->job.verdict == NAT_FORWARD && !p->was.known_only &&
	    !pieces->offload.partial && (p->job.session != NAT_NO_SESSION || p->job.kept))
		remember(s, p);
	pass_end(p);
}

/* Errors. */

static bool is_known(bool v4, uint8_t type, uint8_t code)
{
	if (v4)
		return (type == 3 && code <= 3) || (type == 11 && code <= 1);
	return (type == 1 && code <= 4) || (type == 3 && code <= 1);
}

static size_t put_header(struct report *r, uint8_t how, struct input *in)
{
	const uint8_t *after = r->about->after.octets;
	bool v4 = after[0] >> 4 == 4;
	uint8_t *out = r->d.octets;
	size_t options = v4 && how & HOW_OPTIONS ? 4 : 0;

	memset(out, 0, V6_HEADER + ICMP_HEADER);
	if (v4) {
		out[0] = (uint8_t)(0x45 + options / 4);
		out[8] = 64;
		out[9] = PROTO_ICMP;
		memcpy(out + 12, after + 16, 4);
		memcpy(out + 16, after + 12, 4);
		if (how & HOW_ROUTER)
			store32(out + 12, input_u32(in));
		if (options)
			store32(out + V4_HEADER, input_u32(in));
		out[19] ^= how & HOW_WRONG_END ? 1 : 0;
		return V4_HEADER + options;
	}
	out[0] = 0x60;
	out[6] = PROTO_ICMPV6;
	out[7] = 64;
	memcpy(out + 8, after + 24, 16);
	memcpy(out + 24, after + 8, 16);
	if (how & HOW_ROUTER)
		memcpy(out + 8, six_hosts[input_below(in, SIX_HOSTS)], 16);
	out[39] ^= how & HOW_WRONG_END ? 1 : 0;
	return V6_HEADER;
}

/* The quote, what fills it up, extensions; returns how much there is. */
static size_t put_body(struct report *r, uint8_t how, struct input *in, uint8_t *icmp)
{
	size_t quote = input_u16(in), filled = input_u8(in) * 4u, extension = input_u8(in) * 4u;
	bool v4 = r->d.octets[0] >> 4 == 4;
	const uint8_t *octets;
	size_t have;

	if (quote > r->about->after.len)
		quote = r->about->after.len;
	if (quote > QUOTE_MOST)
		quote = QUOTE_MOST;
	if (filled < quote)
		filled = quote;
	r->quoted = quote;
	memcpy(icmp + ICMP_HEADER, r->about->after.octets, quote);
	memset(icmp + ICMP_HEADER + quote, 0, filled - quote + extension);
	have = extension;
	octets = input_take(in, &have);
	if (have)
		memcpy(icmp + ICMP_HEADER + filled, octets, have);
	if (how & HOW_LENGTH)
		icmp[v4 ? 5 : 4] = (uint8_t)(filled / (v4 ? 4 : 8));
	if (how & HOW_CHANGED) {
		uint8_t at = input_u8(in);

		icmp[ICMP_HEADER + at] ^= input_u8(in);
	}
	r->sound &= quote == r->about->after.len && !(how & HOW_CHANGED) &&
		    (filled == quote || (how & HOW_LENGTH && filled % (v4 ? 4 : 8) == 0)) &&
		    (!extension || (how & HOW_LENGTH && filled >= 128));
	return ICMP_HEADER + filled + extension;
}

/* TCP's sequence numbers may have gone on since (RFC 5927 section 4.1). */
static bool is_of_tcp(const struct datagram *d)
{
	struct anatomy a;

	return anatomy_of(&a, d->octets, d->len) && a.protocol == PROTO_TCP;
}

static bool make(struct scene *s, struct report *r, uint8_t how, struct input *in)
{
	size_t have = s->count < SENT_MOST ? s->count : SENT_MOST;
	uint8_t which = input_u8(in), type = input_u8(in), code = input_u8(in);
	uint32_t word = input_u32(in);
	uint8_t *icmp;

	if (!have)
		return false;
	r->about = &s->sent[which % have];
	r->elsewhere = how & HOW_WRONG_END;
	r->d.from = side_other(r->about->before.from);
	icmp = r->d.octets + put_header(r, how, in);
	r->sound = is_known(r->about->after.octets[0] >> 4 == 4, type, code) && !is_of_tcp(&r->about->after) &&
		   !(how & (HOW_ROUTER | HOW_WRONG_SUM | HOW_OPTIONS | HOW_WRONG_END)) && !word;
	icmp[0] = type;
	icmp[1] = code;
	store32(icmp + 4, word);
	r->d.len = (size_t)(icmp - r->d.octets) + put_body(r, how, in, icmp);
	datagram_repair(r->d.octets, r->d.len);
	if (how & HOW_WRONG_SUM)
		icmp[2] ^= 0x5a;
	r->room = input_u8(in);
	r->sound &= r->room >= ROOM_ENOUGH;
	return true;
}

/* What a sender's datagram is once it is in a quote: without what the other family cannot say, and with both
 * zeros of a checksum the same. */
static size_t carried_by(const struct datagram *d, const struct anatomy *a, bool joins)
{
	size_t at = V6_HEADER;

	if (!joins)
		return 0;
	for (uint8_t next = d->octets[6]; a->version == 6 && at < a->header; next = d->octets[at]) {
		/* AH and ESP are transport to the other family. */
		if (next == 50 || next == 51)
			break;
		at += next == 44 ? 8 : (d->octets[at + 1] + 1u) * 8;
	}
	return a->version == 6 ? at : a->header;
}

static bool is_zero(const uint8_t *field)
{
	return !load16(field) || load16(field) == 0xffff;
}

/* Octets of a quote from one on, against the sender's; where a checksum is, either zero. */
static void judge_octets(const uint8_t *quote, const uint8_t *own, size_t len, size_t sum_at, bool sum_counts)
{
	for (size_t i = 0; i < len; i++) {
		if (i == sum_at && (!sum_counts || i + 1 == len || (is_zero(quote + i) && is_zero(own + i))))
			i++;
		else
			assert(quote[i] == own[i]);
	}
}

static void judge_quote(const struct report *r, const uint8_t *out, const struct anatomy *a,
			const struct message *m)
{
	const struct datagram *own = &r->about->before;
	const uint8_t *quote = out + m->quote;
	bool joins = r->d.octets[0] >> 4 != a->version;
	struct message was;
	struct anatomy x, o, in;
	size_t at, own_at, len;
	bool sum_counts;

	assert(anatomy_of(&o, own->octets, own->len) && anatomy_of(&in, r->d.octets, r->d.len));
	/* Without a session nobody asks whether it is all there. */
	if (r->quoted < (in.version == 4 ? V4_HEADER : V6_HEADER) || !anatomy_of(&x, quote, m->padded))
		return;
	assert(x.version == o.version);
	assert(!memcmp(quote + (o.version == 4 ? 12 : 8), own->octets + (o.version == 4 ? 12 : 8),
		       o.version == 4 ? 8 : 32));
	was = message_of(r->d.octets, &in);
	own_at = carried_by(own, &o, joins);
	at = joins ? x.header : 0;
	len = (was.padded < r->quoted ? was.padded : r->quoted) -
	      (joins ? (in.version == 4 ? V4_HEADER : V6_HEADER) : 0);
	if (len > m->padded - at)
		len = m->padded - at;
	if (len > o.len - own_at)
		len = o.len - own_at;
	/* UDP without a checksum has got one on its way to IPv6, as far as that is known by now. */
	sum_counts = o.checksum && !(joins && o.protocol == PROTO_UDP && !load16(own->octets + o.checksum));
	if (!joins && o.version == 4) {
		assert(header_is_right(quote, &x) == header_is_right(own->octets, &o));
		judge_octets(quote, own->octets, len < 20 ? len : 20, 10, false);
		at = own_at = 20;
		len = len < 20 ? 0 : len - 20;
	}
	judge_octets(quote + at, own->octets + own_at, len, o.checksum ? o.checksum - own_at : len + 1, sum_counts);
	/* RFC 4884 section 4.1: what fills it up is zero. */
	for (size_t i = at + len; r->sound && joins && m->extension && i < m->padded; i++)
		assert(!quote[i]);
}

static void judge_extension(const struct report *r, const uint8_t *out, const struct anatomy *a,
			    const struct message *m)
{
	struct anatomy in;
	struct message was;
	bool joins;

	assert(anatomy_of(&in, r->d.octets, r->d.len));
	was = message_of(r->d.octets, &in);
	joins = in.version != a->version;
	assert(m->extension <= was.extension && (!m->extension || !joins || m->padded >= 128));
	/* Where the length is a lie, within a family, the quote goes on behind it. */
	assert((!joins && was.padded < r->quoted) ||
	       !memcmp(out + m->quote + m->padded, r->d.octets + was.quote + was.padded, m->extension));
	if (!joins)
		assert(m->padded == was.padded && m->extension == was.extension);
	/* Behind what is there. */
	else if (r->sound && was.padded + was.extension < 1000)
		assert(m->extension == was.extension);
}

/* RFC 5508 REQ-4 and REQ-5. */
static void judge_error(const struct report *r, const struct passage *p)
{
	const struct datagram *own = &r->about->before;
	const uint8_t *out = p->p.ip;
	struct anatomy a, in;
	struct message m;

	assert(anatomy_of(&a, out, p->p.len) && a.len == p->p.len && a.error);
	assert(anatomy_of(&in, r->d.octets, r->d.len) && header_is_right(out, &a));
	assert(transport_is_right(out, &a) == transport_is_right(r->d.octets, &in));
	assert(a.version == own->octets[0] >> 4);
	assert(a.version == 4 || r->d.octets[0] >> 4 == 6 || a.len <= V6_MOST);
	/* Without sessions nobody asks whether that is who sent the quote. */
	assert((r->elsewhere && p->job.sought.stateless) ||
	       !memcmp(out + (a.version == 4 ? 16 : 24), own->octets + (a.version == 4 ? 12 : 8),
		       a.version == 4 ? 4 : 16));
	m = message_of(out, &a);
	judge_quote(r, out, &a, &m);
	judge_extension(r, out, &a, &m);
}

/* No error after all; or for somebody else, and none of the NAT's business. */
static bool is_of_no_interest(const struct report *r, const struct passage *p)
{
	struct anatomy a;

	return !anatomy_of(&a, p->was.octets, p->was.len) || !a.error ||
	       (r->elsewhere && p->p.len == p->was.len && !memcmp(p->p.ip, p->was.octets, p->p.len));
}

static void report(struct scene *s, uint8_t how, struct input *in)
{
	struct report r = { .d.len = 0 };
	struct passage *p;
	bool passes;

	if (!make(s, &r, how, in))
		return;
	p = pass(s, &r.d, r.room);
	passes = p->job.reason == REASON_NONE &&
		 (p->job.verdict == NAT_FORWARD || p->job.verdict == NAT_HAIRPIN);
	assert(passes || !r.sound);
	if (passes && !(how & HOW_CHANGED) && !is_of_no_interest(&r, p))
		judge_error(&r, p);
	pass_end(p);
}

/* Every kind of entry, one worker, two addresses, nothing else but what is usual. */
static void open(struct nats *w, struct input in, bool batches)
{
	static const uint8_t setting[] = { 0x80, 63, 63, 15, 0, 1 };
	struct input usual = input_of(setting, sizeof(setting));
	struct nat_config c;

	nats_open(w, &usual, batches);
	w->config.mtu[SIDE_OUTSIDE] = input_u16(&in);
	w->config.mtu[SIDE_INSIDE] = input_u16(&in);
	c = w->config;
	nat_configure(w->nat[0], &c);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	struct scene *s = malloc(sizeof(*s));

	assert(s);
	s->count = 0;
	open(&s->single, in, false);
	open(&s->batch, in, true);
	input_u32(&in);
	for (int step = 0; step < STEPS_MOST && input_left(&in); step++) {
		uint8_t how = input_u8(&in);

		if (how & HOW_ABOUT)
			report(s, how, &in);
		else
			send(s, &in);
		judge_owner(&s->single, 0);
	}
	nats_close(&s->single);
	nats_close(&s->batch);
	free(s);
	return 0;
}
