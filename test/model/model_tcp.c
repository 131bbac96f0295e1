#include "model_tcp.h"

enum segment_class tcp_class(uint8_t flags)
{
	bool syn = flags & TCP_SYN, fin = flags & TCP_FIN, rst = flags & TCP_RST,
	     ack = flags & TCP_ACK;

	if ((syn && fin) || (syn && rst) || !(syn || fin || rst || ack))
		return CLASS_BAD;
	if (rst)
		return CLASS_RST;
	if (syn)
		return ack ? CLASS_SYNACK : CLASS_SYN;
	if (fin)
		return ack ? CLASS_FIN : CLASS_BAD;
	return CLASS_ACK;
}

/* RFC 7323 section 2.2: only if both SYNs had the option. */
static int shift_of(const struct tcp *t, enum nat_side side)
{
	int scale = t->side[side].scale;

	if (t->side[SIDE_INSIDE].scale < 0 || t->side[SIDE_OUTSIDE].scale < 0)
		return 0;
	return scale > 14 ? 14 : scale;
}

uint32_t tcp_window(const struct tcp *t, enum nat_side side)
{
	const struct tcp_side *s = &t->side[side];

	return (uint32_t)s->window << shift_of(t, side);
}

/* How far a is ahead of b in sequence space. */
static int64_t ahead(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

uint32_t tcp_slack(const struct tcp *t, enum nat_side side)
{
	return 0xffffu << shift_of(t, side);
}

static bool in_window(const struct tcp *t, enum nat_side from, const struct segment *s)
{
	enum nat_side to = side_other(from);
	const struct tcp_side *o = &t->side[to];
	int64_t distance = ahead(s->seq, o->ack);
	int64_t least = -(int64_t)tcp_slack(t, to), most = tcp_window(t, to);

	return !o->known || (distance >= least && distance <= most);
}

/* What an acceptable segment tells about its sender. */
static void track(struct tcp *t, enum nat_side from, const struct segment *s)
{
	struct tcp_side *me = &t->side[from];
	const struct tcp_side *o = &t->side[side_other(from)];
	uint32_t end = s->seq + s->len;

	if (!me->sent || ahead(end, me->end) > 0)
		me->end = end;
	me->sent = true;
	if (!(s->flags & TCP_ACK) || (o->sent && ahead(s->ack, o->end) > 0))
		return;
	if (me->known && ahead(s->ack, me->ack) < 0)
		return;
	me->known = true;
	me->ack = s->ack;
	me->window = s->window;
	/* A SYN's window is not scaled: noted in units of the scale, rounded up. */
	if (s->flags & TCP_SYN)
		me->window = (uint16_t)((s->window + (1 << shift_of(t, from)) - 1) >>
					shift_of(t, from));
}

void tcp_open(struct tcp *t, enum nat_side from, const struct segment *s)
{
	enum tcp_state init = from == SIDE_INSIDE ? TCP_INIT_INSIDE : TCP_INIT_OUTSIDE;
	int64_t reached = ahead(t->side[from].end, s->seq + s->len);
	bool repeated = t->state == init && t->isn == s->seq;

	t->state = init;
	t->isn = s->seq;
	t->side[side_other(from)] = (struct tcp_side){ .scale = -1 };
	t->side[from] = (struct tcp_side){
		.sent = true, .end = s->seq + s->len, .scale = s->scale,
	};
	if (repeated && reached > 0)
		t->side[from].end += (uint32_t)reached;
}

void tcp_pick_up(struct tcp *t)
{
	*t = (struct tcp){ .state = TCP_ESTABLISHED };
	t->side[SIDE_INSIDE].scale = t->side[SIDE_OUTSIDE].scale = 14;
}

/* A SYN-ACK must answer the SYN that opened: that, and perhaps some of what it carried. */
static bool answers(const struct tcp *t, enum nat_side from, const struct segment *s)
{
	enum nat_side opener = t->state == TCP_INIT_INSIDE ? SIDE_INSIDE : SIDE_OUTSIDE;
	bool opening = t->state == TCP_INIT_INSIDE || t->state == TCP_INIT_OUTSIDE;

	uint64_t begin = (uint64_t)t->isn + 1, end = t->side[opener].end, ack = s->ack;

	/* On a line, not around the circle. */
	end += end < begin ? UINT64_C(1) << 32 : 0;
	ack += ack < begin ? UINT64_C(1) << 32 : 0;
	return !opening || from == opener || ack <= end;
}

/* Of whoever began outside, only what acknowledges the last that came from inside. */
static bool greets_back(const struct tcp_side *inside, const struct segment *s)
{
	int64_t behind = (int64_t)inside->end - s->ack;

	behind += behind < 0 ? INT64_C(1) << 32 : 0;
	return inside->sent && behind <= 0xffff;
}

/* Whether a segment is taken into account. */
static bool counts(const struct tcp *t, enum nat_side from, const struct segment *s,
		   enum segment_class class)
{
	const struct tcp_side *o = &t->side[side_other(from)];

	if (class == CLASS_RST)
		return !o->known || s->seq == o->ack;
	return in_window(t, from, s) && (class != CLASS_SYNACK || answers(t, from, s)) &&
	       (t->state != TCP_INIT_OUTSIDE || from == SIDE_INSIDE || greets_back(o, s));
}

/* RFC 7857 section 2, RFC 6146 section 3.5.2, told by the side that sends (me) and the other (you);
 * the same state: nothing happens. */
static enum tcp_state next_state(enum tcp_state state, enum nat_side me, enum segment_class class)
{
	bool inside = me == SIDE_INSIDE;
	enum tcp_state init_me = inside ? TCP_INIT_INSIDE : TCP_INIT_OUTSIDE;
	enum tcp_state init_you = inside ? TCP_INIT_OUTSIDE : TCP_INIT_INSIDE;
	enum tcp_state fin_me = inside ? TCP_FIN_INSIDE : TCP_FIN_OUTSIDE;
	enum tcp_state fin_you = inside ? TCP_FIN_OUTSIDE : TCP_FIN_INSIDE;
	bool over = state == TCP_FIN_BOTH || state == TCP_TRANSITORY;
	bool alive = state == TCP_ESTABLISHED || state == fin_me || state == fin_you;

	if (class == CLASS_SYN && over)
		return init_me;
	/* Inside, the answer to a SYN from outside settles nothing: its opener must answer, too. */
	if (class == CLASS_SYN && state == init_you)
		return TCP_ESTABLISHED;
	if (class == CLASS_SYNACK && state == TCP_INIT_INSIDE && !inside)
		return TCP_ESTABLISHED;
	if (class == CLASS_ACK && state == TCP_INIT_OUTSIDE && !inside)
		return TCP_ESTABLISHED;
	if (class == CLASS_FIN && state == TCP_INIT_OUTSIDE && !inside)
		return TCP_FIN_OUTSIDE;
	if ((class == CLASS_SYNACK || class == CLASS_ACK) && state == TCP_TRANSITORY)
		return TCP_ESTABLISHED;
	if (class == CLASS_FIN && (state == TCP_ESTABLISHED || state == TCP_TRANSITORY))
		return fin_me;
	if (class == CLASS_FIN && state == fin_you)
		return TCP_FIN_BOTH;
	return class == CLASS_RST && alive ? TCP_TRANSITORY : state;
}

static bool keeps_alive(enum tcp_state state, enum nat_side from)
{
	switch (state) {
	case TCP_INIT_INSIDE:
		return from == SIDE_INSIDE;
	case TCP_ESTABLISHED: case TCP_FIN_INSIDE: case TCP_FIN_OUTSIDE:
		return true;
	default:
		return false;
	}
}

enum reason tcp_take(struct tcp *t, enum nat_side from, const struct segment *s, bool *refresh)
{
	enum segment_class class = tcp_class(s->flags);
	enum tcp_state to;
	bool counted, opens;

	if (class == CLASS_BAD)
		return REASON_TCP_FLAGS;
	if (class == CLASS_RST && !in_window(t, from, s))
		return REASON_TCP_WINDOW;
	counted = counts(t, from, s, class);
	to = next_state(t->state, from, class);
	/* A SYN opens anew whatever its number is, also where one has opened already; nothing else
	 * moves without counting. */
	opens = class == CLASS_SYN && to == (from == SIDE_INSIDE ? TCP_INIT_INSIDE : TCP_INIT_OUTSIDE);
	if (!counted && !opens)
		to = t->state;
	*refresh = to != t->state || (class != CLASS_RST && keeps_alive(t->state, from) &&
				      (opens || in_window(t, from, s)));
	if (counted && !opens && (s->flags & TCP_SYN) && class != CLASS_RST &&
	    ((to == TCP_ESTABLISHED && to != t->state) || t->state == TCP_INIT_OUTSIDE))
		t->side[from].scale = s->scale;
	if (opens)
		tcp_open(t, from, s);
	else if (counted && class != CLASS_RST)
		track(t, from, s);
	t->state = to;
	return REASON_NONE;
}

bool tcp_may_quote(const struct tcp *t, enum nat_side sender, uint32_t seq)
{
	enum nat_side receiver = side_other(sender);
	const struct tcp_side *from = &t->side[sender], *to = &t->side[receiver];

	if (!from->sent || ahead(seq, from->end) > 0)
		return false;
	return !to->known || ahead(seq, to->ack) >= -(int64_t)tcp_slack(t, receiver);
}
