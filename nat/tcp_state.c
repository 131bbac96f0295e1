/*
 * TCP as a middlebox sees it.
 *
 * A session's state is moved by the flags of segments from either side (RFC 7857 section 2,
 * RFC 6146 section 3.5.2, read for IPv4). Flags count only in segments that the receiver would
 * take: inside the window it has announced (RFC 5382 REQ-5's reasoning, RFC 5961). A reset counts
 * only where it is expected to the octet; in the window but inexact it is forwarded, so that the
 * receiver can challenge it, and outside the window it is dropped.
 */
#include "core.h"

enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_ACK = 16 };
enum { TCP_SEQ = 4, TCP_ACK = 8, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_WINDOW = 14, TCP_OPTIONS = 20 };
enum { SCALE_MOST = 14, WINDOW_MOST = 0xffff };

enum segment { SEG_SYN, SEG_SYNACK, SEG_FIN, SEG_RST, SEG_ACK, SEG_BAD, SEG_COUNT = SEG_BAD };

/* Names short enough for a table. SAME: no transition. */
enum { SAME = 0, INI = TCP_INIT_INSIDE, INO = TCP_INIT_OUTSIDE, EST = TCP_ESTABLISHED,
       FNI = TCP_FIN_INSIDE, FNO = TCP_FIN_OUTSIDE, BTH = TCP_FIN_BOTH, TRA = TCP_TRANSITORY };

/* RFC 7857 section 2, RFC 6146 section 3.5.2.2. A SYN after both FINs or a reset opens anew, and
 * so does one after a SYN: it may be another attempt with another sequence number. A connection from
 * outside is established only when its opener has answered the answer, and so has shown that it is
 * where it says (RFC 4987 section 2). */
static const uint8_t transitions[SIDE_COUNT][TCP_STATE_COUNT][SEG_COUNT] = {
	[SIDE_INSIDE] = {		/* SYN   SYNACK FIN   RST   ACK */
		[TCP_INIT_INSIDE] =	{ INI,  SAME, SAME, SAME, SAME },
		[TCP_INIT_OUTSIDE] =	{ EST,  SAME, SAME, SAME, SAME },
		[TCP_ESTABLISHED] =	{ SAME, SAME, FNI,  TRA,  SAME },
		[TCP_FIN_INSIDE] =	{ SAME, SAME, SAME, TRA,  SAME },
		[TCP_FIN_OUTSIDE] =	{ SAME, SAME, BTH,  TRA,  SAME },
		[TCP_FIN_BOTH] =	{ INI,  SAME, SAME, SAME, SAME },
		[TCP_TRANSITORY] =	{ INI,  EST,  FNI,  SAME, EST },
	},
	[SIDE_OUTSIDE] = {
		[TCP_INIT_INSIDE] =	{ EST,  EST,  SAME, SAME, SAME },
		[TCP_INIT_OUTSIDE] =	{ INO,  SAME, FNO,  SAME, EST },
		[TCP_ESTABLISHED] =	{ SAME, SAME, FNO,  TRA,  SAME },
		[TCP_FIN_INSIDE] =	{ SAME, SAME, BTH,  TRA,  SAME },
		[TCP_FIN_OUTSIDE] =	{ SAME, SAME, SAME, TRA,  SAME },
		[TCP_FIN_BOTH] =	{ INO,  SAME, SAME, SAME, SAME },
		[TCP_TRANSITORY] =	{ INO,  EST,  FNO,  SAME, EST },
	},
};

/* Per state: the timeout class, and whether a segment that moves nothing keeps the session alive,
 * by the side it comes from. */
static const struct { uint8_t timeout; bool refreshed[SIDE_COUNT]; } states[TCP_STATE_COUNT] = {
	[TCP_INIT_INSIDE] = { TIMEOUT_TCP_OPENING, { true, false } },
	[TCP_INIT_OUTSIDE] = { TIMEOUT_TCP_OPENING, { false, false } },
	[TCP_ESTABLISHED] = { TIMEOUT_TCP_ESTABLISHED, { true, true } },
	[TCP_FIN_INSIDE] = { TIMEOUT_TCP_ESTABLISHED, { true, true } },
	[TCP_FIN_OUTSIDE] = { TIMEOUT_TCP_ESTABLISHED, { true, true } },
	[TCP_FIN_BOTH] = { TIMEOUT_TCP_CLOSING, { false, false } },
	[TCP_TRANSITORY] = { TIMEOUT_TCP_CLOSING, { false, false } },
};

#define STATE_NAME(id, name) [TCP_##id] = name,
static const char *const state_names[] = { TCP_STATE_LIST(STATE_NAME) };

const char *tcp_state_name(enum tcp_state s)
{
	return state_names[s];
}

static enum segment segment_of(const uint8_t *tcp)
{
	switch (tcp[TCP_FLAGS] & (FLAG_FIN | FLAG_SYN | FLAG_RST | FLAG_ACK)) {
	case FLAG_SYN: return SEG_SYN;
	case FLAG_SYN | FLAG_ACK: return SEG_SYNACK;
	case FLAG_FIN | FLAG_ACK: return SEG_FIN;
	case FLAG_RST:
	case FLAG_RST | FLAG_ACK:
	case FLAG_RST | FLAG_FIN:
	case FLAG_RST | FLAG_FIN | FLAG_ACK: return SEG_RST;
	case FLAG_ACK: return SEG_ACK;
	default: return SEG_BAD;
	}
}

static uint32_t header_len(const uint8_t *tcp)
{
	return (uint32_t)(tcp[TCP_OFFSET] >> 4) * 4;
}

/* Sequence space that the segment takes. */
static uint32_t sequence_len(const struct pkt *p)
{
	const uint8_t *tcp = pkt_transport(p);
	uint32_t payload = p->len - p->transport - header_len(tcp);

	return payload + !!(tcp[TCP_FLAGS] & FLAG_SYN) + !!(tcp[TCP_FLAGS] & FLAG_FIN);
}

/* Shift count of the window scale option (RFC 7323 section 2.2), or SCALE_UNKNOWN. */
static uint8_t scale_option(const uint8_t *tcp)
{
	uint32_t end = header_len(tcp);
	uint32_t len;

	for (uint32_t at = TCP_OPTIONS; at < end && tcp[at]; at += len) {
		len = 1;
		if (tcp[at] == 1)
			continue;
		if (at + 1 >= end || tcp[at + 1] < 2 || at + tcp[at + 1] > end)
			break;
		len = tcp[at + 1];
		if (tcp[at] == 3 && len == 3)
			return tcp[at + 2] < SCALE_MOST ? tcp[at + 2] : SCALE_MOST;
	}
	return SCALE_UNKNOWN;
}

static uint8_t raw_scale(const struct session *s, enum nat_side side)
{
	return side == SIDE_INSIDE ? s->scales & 15 : s->scales >> 4;
}

/* RFC 7323 section 2.2: used only if both offered it. */
static uint8_t scale(const struct session *s, enum nat_side side)
{
	if (raw_scale(s, SIDE_INSIDE) == SCALE_UNKNOWN || raw_scale(s, SIDE_OUTSIDE) == SCALE_UNKNOWN)
		return 0;
	return raw_scale(s, side);
}

static void note_scale(struct session *s, const uint8_t *tcp, enum nat_side from)
{
	uint8_t shift = scale_option(tcp);

	if (from == SIDE_INSIDE)
		s->scales = (uint8_t)((s->scales & 0xf0) | shift);
	else
		s->scales = (uint8_t)((s->scales & 0x0f) | shift << 4);
}

static bool is_known(const struct session *s, enum nat_side side)
{
	return s->flags & SESSION_KNOWN << side;
}

static bool has_sent(const struct session *s, enum nat_side side)
{
	return s->flags & SESSION_SENT << side;
}

/* Would the receiver take a segment that begins here? Not knowing is no reason to refuse. */
static bool in_window(const struct session *s, enum nat_side receiver, uint32_t sequence)
{
	int32_t ahead = (int32_t)(sequence - s->ack[receiver]);
	uint8_t shift = scale(s, receiver);

	if (!is_known(s, receiver))
		return true;
	return ahead >= -(WINDOW_MOST << shift) && ahead <= (int32_t)s->window[receiver] << shift;
}

bool tcp_is_taken(const struct session *s, const struct pkt *p, enum nat_side from)
{
	return in_window(s, side_other(from), load32(pkt_transport(p) + TCP_SEQ));
}

/* RFC 7323 section 2.2: the window of a SYN is not scaled. It is kept in units of the scale that will
 * be in use, rounded up. */
static uint16_t window_of(const struct session *s, const uint8_t *tcp, enum nat_side from)
{
	uint32_t window = load16(tcp + TCP_WINDOW);
	uint8_t shift = scale(s, from);

	return (uint16_t)(tcp[TCP_FLAGS] & FLAG_SYN ? (window + (1u << shift) - 1) >> shift : window);
}

/* Note how far the sender has sent, and what it acknowledges and allows if that is plausible. */
static void track(struct session *s, const struct pkt *p, enum nat_side from)
{
	const uint8_t *tcp = pkt_transport(p);
	enum nat_side other = side_other(from);
	uint32_t end = load32(tcp + TCP_SEQ) + sequence_len(p);
	uint32_t ack = load32(tcp + TCP_ACK);

	if (!has_sent(s, from) || (int32_t)(end - s->end[from]) > 0)
		s->end[from] = end;
	s->flags |= (uint8_t)(SESSION_SENT << from);
	if (!(tcp[TCP_FLAGS] & FLAG_ACK) || (has_sent(s, other) && (int32_t)(ack - s->end[other]) > 0))
		return;
	if (is_known(s, from) && (int32_t)(ack - s->ack[from]) < 0)
		return;
	s->ack[from] = ack;
	s->window[from] = window_of(s, tcp, from);
	s->flags |= (uint8_t)(SESSION_KNOWN << from);
}

enum reason tcp_opens(const struct pkt *p)
{
	enum segment seg = segment_of(pkt_transport(p));

	if (seg == SEG_BAD)
		return REASON_TCP_FLAGS;
	return seg == SEG_SYN ? REASON_NONE : REASON_TCP_NO_SESSION;
}

bool tcp_goes_on(const struct pkt *p)
{
	return segment_of(pkt_transport(p)) == SEG_ACK;
}

/* With windows as wide as can be: what their scales are nobody has seen (RFC 6092 REC-33). */
static void pick_up(struct session *s)
{
	s->scales = SCALE_MOST << 4 | SCALE_MOST;
	s->state = TCP_ESTABLISHED;
	s->timeout = TIMEOUT_TCP_ESTABLISHED;
}

void tcp_begin(struct session *s, const struct pkt *p, enum nat_side from)
{
	enum tcp_state opening = from == SIDE_INSIDE ? TCP_INIT_INSIDE : TCP_INIT_OUTSIDE;
	uint32_t sequence = load32(pkt_transport(p) + TCP_SEQ);
	bool again = s->state == opening && s->opened == sequence;

	if (tcp_goes_on(p)) {
		pick_up(s);
		return;
	}
	s->flags &= (uint8_t)~(3 * SESSION_KNOWN | 3 * SESSION_SENT);
	/* The same SYN may come again without its data; what came before may still be acknowledged
	 * (RFC 7413). */
	if (again)
		s->flags |= (uint8_t)(SESSION_SENT << from);
	s->scales = SCALE_UNKNOWN << 4 | SCALE_UNKNOWN;
	s->opened = sequence;
	s->state = (uint8_t)opening;
	s->timeout = TIMEOUT_TCP_OPENING;
	note_scale(s, pkt_transport(p), from);
	track(s, p, from);
}

/* A SYN's answer must acknowledge that SYN, or it is somebody else's guess; the data with it may be
 * refused (RFC 7413 section 4.2.2). */
static bool answers_syn(const struct session *s, const uint8_t *tcp, enum nat_side from)
{
	enum tcp_state opening = from == SIDE_OUTSIDE ? TCP_INIT_INSIDE : TCP_INIT_OUTSIDE;
	uint32_t data = s->opened + 1;

	return s->state != opening || load32(tcp + TCP_ACK) - data <= s->end[side_other(from)] - data;
}

/* The end of a handshake acknowledges what the other side has just sent. */
static bool completes(const struct session *s, const uint8_t *tcp, enum nat_side from)
{
	enum nat_side other = side_other(from);

	return s->state != TCP_INIT_OUTSIDE || from == SIDE_INSIDE ||
	       (has_sent(s, other) && s->end[other] - load32(tcp + TCP_ACK) <= WINDOW_MOST);
}

static void move_to(struct session *s, enum tcp_state next, bool *refresh)
{
	s->state = (uint8_t)next;
	s->timeout = states[next].timeout;
	*refresh = true;
}

static enum reason step_reset(struct session *s, const uint8_t *tcp, enum nat_side from,
			      bool *refresh)
{
	enum nat_side receiver = side_other(from);
	uint32_t sequence = load32(tcp + TCP_SEQ);
	uint8_t next = transitions[from][s->state][SEG_RST];

	*refresh = false;
	if (!in_window(s, receiver, sequence))
		return REASON_TCP_WINDOW;
	if (next != SAME && (!is_known(s, receiver) || sequence == s->ack[receiver]))
		move_to(s, next, refresh);
	return REASON_NONE;
}

enum reason tcp_step(struct session *s, const struct pkt *p, enum nat_side from, bool *refresh)
{
	const uint8_t *tcp = pkt_transport(p);
	enum segment seg = segment_of(tcp);
	uint8_t next;

	*refresh = states[s->state].refreshed[from];
	if (seg == SEG_BAD)
		return REASON_TCP_FLAGS;
	if (seg == SEG_RST)
		return step_reset(s, tcp, from, refresh);
	next = transitions[from][s->state][seg];
	if (next == TCP_INIT_INSIDE || next == TCP_INIT_OUTSIDE) {
		*refresh |= s->state != next;
		tcp_begin(s, p, from);
		return REASON_NONE;
	}
	if (!in_window(s, side_other(from), load32(tcp + TCP_SEQ))) {
		*refresh = false;
		return REASON_NONE;
	}
	if ((seg == SEG_SYNACK && !answers_syn(s, tcp, from)) || !completes(s, tcp, from))
		return REASON_NONE;
	if ((seg == SEG_SYN || seg == SEG_SYNACK) &&
	    (next == TCP_ESTABLISHED || s->state == TCP_INIT_OUTSIDE))
		note_scale(s, tcp, from);
	track(s, p, from);
	if (next != SAME)
		move_to(s, next, refresh);
	return REASON_NONE;
}

/* The number that, plus its offset, the first octet of each fragment has. The flags of the header
 * take theirs before everything else, so that the end is right. */
uint32_t tcp_fragment_sequence(const struct pkt *first)
{
	return load32(pkt_transport(first) + TCP_SEQ) + sequence_len(first) -
	       (first->len - first->transport);
}

/* A later fragment moves the end on, as its segment would in one piece. */
void tcp_continue(struct session *s, const struct pkt *later, enum nat_side from)
{
	uint32_t begin = later->sequence + later->fragment_offset;
	uint32_t end = begin + later->len - later->transport;

	if (has_sent(s, from) && in_window(s, side_other(from), begin) &&
	    (int32_t)(end - s->end[from]) > 0)
		s->end[from] = end;
}

bool tcp_quote_fits(const struct session *s, uint32_t sequence, enum nat_side sender)
{
	enum nat_side receiver = side_other(sender);

	if (!has_sent(s, sender) || (int32_t)(sequence - s->end[sender]) > 0)
		return false;
	return !is_known(s, receiver) || (int32_t)(sequence - s->ack[receiver]) >=
						 -(WINDOW_MOST << scale(s, receiver));
}
