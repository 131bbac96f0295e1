/*
 * DCCP as a middlebox sees it (RFC 4340, RFC 5597).
 *
 * The state is moved by the types of packets alone: sequence numbers are not followed, so that
 * nothing but time ends a session, and whatever goes on after a forged reset makes it established
 * again.
 */
#include "core.h"

enum { DCCP_TYPE = 8 };

/* Request, Response, data and acknowledgements, Close and CloseReq, Reset, Sync, Listen. */
enum kind { REQUEST, RESPONSE, DATA, CLOSE, RESET, SYNC, LISTEN, UNKNOWN, KIND_COUNT };

/* RFC 4340 section 5.1, RFC 5596 section 2.2.1. */
static const uint8_t kinds[16] = {
	REQUEST, RESPONSE, DATA, DATA, DATA, CLOSE, CLOSE, RESET, SYNC, SYNC, LISTEN,
	UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
};

/* Names short enough for a table. SAME: no transition. */
enum { SAME = 0, INI = TCP_INIT_INSIDE, INO = TCP_INIT_OUTSIDE, EST = TCP_ESTABLISHED,
       TRA = TCP_TRANSITORY };

/* RFC 5597 REQ-2, REQ-5. A Listen from inside lets a Request in (RFC 5596). */
static const uint8_t transitions[SIDE_COUNT][TCP_STATE_COUNT][KIND_COUNT] = {
	[SIDE_INSIDE] = {		/* REQ	RESP  DATA  CLOSE RESET SYNC  LISTEN ? */
		[TCP_INIT_INSIDE] =	{ SAME, SAME, SAME, SAME, TRA,	SAME, SAME, SAME },
		[TCP_INIT_OUTSIDE] =	{ INI,	EST,  SAME, SAME, TRA,	SAME, SAME, SAME },
		[TCP_ESTABLISHED] =	{ SAME, SAME, SAME, TRA,  TRA,	SAME, SAME, SAME },
		[TCP_TRANSITORY] =	{ INI,	EST,  EST,  SAME, SAME, SAME, INI,  SAME },
	},
	[SIDE_OUTSIDE] = {
		[TCP_INIT_INSIDE] =	{ INO,	EST,  SAME, SAME, TRA,	SAME, SAME, SAME },
		[TCP_INIT_OUTSIDE] =	{ SAME, SAME, SAME, SAME, TRA,	SAME, SAME, SAME },
		[TCP_ESTABLISHED] =	{ SAME, SAME, SAME, TRA,  TRA,	SAME, SAME, SAME },
		[TCP_TRANSITORY] =	{ INO,	EST,  EST,  SAME, SAME, SAME, SAME, SAME },
	},
};

static enum kind kind_of(const struct pkt *p)
{
	return (enum kind)kinds[pkt_transport(p)[DCCP_TYPE] >> 1 & 15];
}

static void move_to(struct session *s, enum tcp_state next)
{
	s->state = (uint8_t)next;
	s->timeout = next == TCP_ESTABLISHED ? TIMEOUT_DCCP_ESTABLISHED : TIMEOUT_DCCP_TRANSITORY;
}

enum reason dccp_opens(const struct pkt *p, enum nat_side from)
{
	enum kind kind = kind_of(p);

	return kind == REQUEST || (kind == LISTEN && from == SIDE_INSIDE) ? REASON_NONE
									  : REASON_NO_SESSION;
}

/* RFC 5597 REQ-4: what may be the peer's half of a simultaneous open, or of one that it believes in. */
bool dccp_is_unsolicited(const struct pkt *p)
{
	enum kind kind = kind_of(p);

	return kind == LISTEN || kind == SYNC;
}

void dccp_begin(struct session *s, enum nat_side from)
{
	move_to(s, from == SIDE_INSIDE ? TCP_INIT_INSIDE : TCP_INIT_OUTSIDE);
}

void dccp_step(struct session *s, const struct pkt *p, enum nat_side from, bool *refresh)
{
	uint8_t next = transitions[from][s->state][kind_of(p)];

	*refresh = s->state == TCP_ESTABLISHED ||
		   (s->state == TCP_INIT_INSIDE && from == SIDE_INSIDE) || next != SAME;
	if (next != SAME)
		move_to(s, next);
}
