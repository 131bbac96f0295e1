/*
 * SCTP as a middlebox sees it (RFC 9260).
 *
 * Only the first chunk of a packet counts: INIT, INIT ACK and SHUTDOWN COMPLETE stand alone, and
 * COOKIE ECHO, COOKIE ACK and ABORT may be found there. Each side chooses the verification tag that
 * it wants to see, in its INIT or INIT ACK; so the tag that an inside host chose names its
 * association on the outside. A host that is asked while it has an association offers another tag,
 * which is taken up only when the peer comes back with it, so that nobody breaks an association with
 * an INIT alone (RFC 9260 section 5.2.2).
 */
#include "core.h"
#include "transport.h"

enum { SCTP_VTAG = 4, SCTP_CHUNK = 12, SCTP_FLAGS = 13, SCTP_INITIATE_TAG = 16, SCTP_INIT = 20 };
enum { FLAG_REFLECTED = 1 }; /* T: the tag is the receiver's peer's */
enum { CHUNK_INIT = 1, CHUNK_INIT_ACK = 2, CHUNK_ABORT = 6, CHUNK_COOKIE_ECHO = 10,
       CHUNK_COOKIE_ACK = 11, CHUNK_SHUTDOWN_COMPLETE = 14 };

enum kind { INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK, END, OTHER, KIND_COUNT };

/* Names short enough for a table. SAME: no transition. */
enum { SAME = 0, INI = TCP_INIT_INSIDE, INO = TCP_INIT_OUTSIDE, EST = TCP_ESTABLISHED,
       TRA = TCP_TRANSITORY };

/* RFC 9260 section 4. An INIT from outside opens nothing that is open. */
static const uint8_t transitions[SIDE_COUNT][TCP_STATE_COUNT][KIND_COUNT] = {
	[SIDE_INSIDE] = {		/* INIT	I.ACK ECHO  C.ACK END	OTHER */
		[TCP_INIT_INSIDE] =	{ SAME, SAME, SAME, EST,  TRA,	SAME },
		[TCP_INIT_OUTSIDE] =	{ SAME, SAME, SAME, EST,  TRA,	SAME },
		[TCP_ESTABLISHED] =	{ INI,	SAME, SAME, SAME, TRA,	SAME },
		[TCP_TRANSITORY] =	{ INI,	SAME, SAME, EST,  SAME, SAME },
	},
	[SIDE_OUTSIDE] = {
		[TCP_INIT_INSIDE] =	{ SAME, SAME, SAME, EST,  TRA,	SAME },
		[TCP_INIT_OUTSIDE] =	{ SAME, SAME, SAME, SAME, TRA,	SAME },
		[TCP_ESTABLISHED] =	{ SAME, SAME, SAME, SAME, TRA,	SAME },
		[TCP_TRANSITORY] =	{ INO,	SAME, SAME, SAME, SAME, SAME },
	},
};

static enum kind kind_of(const uint8_t *sctp)
{
	switch (sctp[SCTP_CHUNK]) {
	case CHUNK_INIT: return INIT;
	case CHUNK_INIT_ACK: return INIT_ACK;
	case CHUNK_COOKIE_ECHO: return COOKIE_ECHO;
	case CHUNK_COOKIE_ACK: return COOKIE_ACK;
	case CHUNK_ABORT:
	case CHUNK_SHUTDOWN_COMPLETE: return END;
	default: return OTHER;
	}
}

static uint32_t vtag_of(const struct pkt *p)
{
	return load32(pkt_transport(p) + SCTP_VTAG);
}

uint32_t sctp_initiate_tag(const struct pkt *p)
{
	const uint8_t *sctp = pkt_transport(p);
	bool first = !(p->flags & PKT_FRAGMENT_LATER) && kind_of(sctp) <= INIT_ACK;

	return first ? load32(sctp + SCTP_INITIATE_TAG) : 0;
}

/* RFC 9260 section 8.5.1: an INIT has no tag yet, and offers one. */
enum reason sctp_opens(const struct pkt *p)
{
	return kind_of(pkt_transport(p)) == INIT && !vtag_of(p) && sctp_initiate_tag(p)
		       ? REASON_NONE : REASON_NO_SESSION;
}

static void move_to(struct session *s, enum tcp_state next)
{
	s->state = (uint8_t)next;
	s->timeout = next == TCP_ESTABLISHED ? TIMEOUT_SCTP_ESTABLISHED : TIMEOUT_SCTP_TRANSITORY;
}

void sctp_begin(struct session *s, const struct pkt *p, enum nat_side from)
{
	s->end[from] = sctp_initiate_tag(p);
	move_to(s, from == SIDE_INSIDE ? TCP_INIT_INSIDE : TCP_INIT_OUTSIDE);
}

/* From now on what comes in has this tag. */
static enum reason take_tag(struct nat *n, uint32_t session, uint32_t tag)
{
	struct session *s = session_at(n, session);
	struct tuple key = s->key[SIDE_OUTSIDE];
	enum reason r;

	key.tag = sctp_fold(tag);
	r = session_rename(n, session, &key);
	if (r == REASON_NONE)
		s->end[SIDE_INSIDE] = tag;
	return r;
}

/* The tags that a packet chooses, or is the first to use. */
static enum reason note_tags(struct nat *n, uint32_t session, const struct pkt *p,
			     enum nat_side from, enum kind kind)
{
	struct session *s = session_at(n, session);
	uint32_t initiate = sctp_initiate_tag(p);

	if (from == SIDE_INSIDE && kind == INIT)
		return initiate ? take_tag(n, session, initiate) : REASON_NO_SESSION;
	if (from == SIDE_INSIDE && kind == INIT_ACK)
		s->ack[SIDE_INSIDE] = initiate;
	if (from == SIDE_OUTSIDE && kind == COOKIE_ECHO && vtag_of(p) == s->ack[SIDE_INSIDE])
		return take_tag(n, session, vtag_of(p));
	/* From outside only where it is expected: it tells whose errors and aborts are believed. */
	if (from == SIDE_OUTSIDE && ((kind == INIT_ACK && s->state == TCP_INIT_INSIDE) ||
				     (kind == INIT && (s->state == TCP_INIT_OUTSIDE ||
						       s->state == TCP_TRANSITORY))))
		s->end[SIDE_OUTSIDE] = initiate;
	return REASON_NONE;
}

/* RFC 9260 section 8.5.1: an end counts with the receiver's tag, or, reflected, with its peer's. Of
 * what an inside host sends the tag may not be known: it can only harm itself. */
static bool end_counts(const struct session *s, const struct pkt *p, enum nat_side from)
{
	bool reflected = pkt_transport(p)[SCTP_FLAGS] & FLAG_REFLECTED;

	return from == SIDE_INSIDE ||
	       (vtag_of(p) && vtag_of(p) == s->end[reflected ? SIDE_OUTSIDE : SIDE_INSIDE]);
}

enum reason sctp_step(struct nat *n, uint32_t session, const struct pkt *p, enum nat_side from,
		      bool *refresh)
{
	struct session *s = session_at(n, session);
	enum kind kind = kind_of(pkt_transport(p));
	uint8_t next = transitions[from][s->state][kind];
	enum reason r;

	if (kind == END && !end_counts(s, p, from))
		next = SAME;
	r = note_tags(n, session, p, from, kind);
	if (r != REASON_NONE)
		return r;
	*refresh = s->state == TCP_ESTABLISHED ||
		   (s->state == TCP_INIT_INSIDE && from == SIDE_INSIDE) || next != SAME;
	if (next != SAME)
		move_to(s, next);
	return REASON_NONE;
}

bool sctp_is_for(const struct session *s, const struct pkt *p, bool alone)
{
	const uint8_t *sctp = pkt_transport(p);
	uint32_t tag = vtag_of(p);

	switch (kind_of(sctp)) {
	case INIT:
		return alone && !tag;
	case COOKIE_ECHO:
		return tag && tag == s->ack[SIDE_INSIDE];
	case END:
		return (sctp[SCTP_FLAGS] & FLAG_REFLECTED) && tag && tag == s->end[SIDE_OUTSIDE];
	default:
		return false;
	}
}

bool sctp_quote_fits(const struct session *s, const struct pkt *quoted)
{
	const uint8_t *sctp = pkt_transport(quoted);
	bool whole = quoted->len - quoted->transport >= SCTP_INIT;

	if (vtag_of(quoted))
		return vtag_of(quoted) == s->end[SIDE_OUTSIDE];
	/* Of an INIT there may be no more than its ports. */
	if (whole && sctp[SCTP_CHUNK])
		return load32(sctp + SCTP_INITIATE_TAG) == s->end[SIDE_INSIDE];
	return s->state == TCP_INIT_INSIDE;
}
