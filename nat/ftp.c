/*
 * FTP's control connection (RFC 959): the endpoints that the inside announces are rewritten, and
 * expected.
 *
 * Only the inside announces inside endpoints: a client with PORT and EPRT, a server with 227 and
 * 229. So only what the inside says is changed, and read strictly in order: a segment that runs
 * ahead of one that was lost must come again. The outside is listened to for the greeting, for
 * commands and for the answer to AUTH; what is lost of it does no harm.
 *
 * A line is taken for FTP at a line's beginning only, in a connection in which the server spoke first
 * and every line of the client so far was a command. So text inside another protocol, however it
 * falls into segments, opens nothing (ALG-SEC). An endpoint counts only if it is the speaker's own
 * and not below port 1024; other lines pass as they are.
 */
#include "helper.h"

#include "ftp_text.h"

enum { REPLY_READY = 220, REPLY_SOON = 120, REPLY_PASSIVE = 227, REPLY_EXTENDED = 229,
       REPLY_SECURED = 234, REPLY_SECURED_TOO = 235, REPLY_CONTINUE = 334, REPLY_CONTINUE_TOO = 335 };
enum { TELNET = 0xf0 }; /* RFC 854: commands, not text */
enum { GROWTH_MOST = STREAM_EDITS * EDIT_MOST }; /* of a datagram */

static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* Another connection may begin in the same session. */
static void restart(struct ftp *f, const struct session *s)
{
	*f = (struct ftp){ .opened = s->opened, .serves = f->serves };
}

static void learn_number(struct ftp *f, enum nat_side side, const struct stream_segment *g)
{
	if (f->knows[side])
		return;
	f->knows[side] = true;
	if (side == SIDE_INSIDE)
		stream_begin(&f->stream, g->begin);
	else
		f->heard = g->begin;
}

void ftp_begin(struct ftp *f, const struct session *s, const struct nat_job *job)
{
	const struct stream_segment g = stream_segment_of(job->p);

	*f = (struct ftp){ .serves = job->from == SIDE_OUTSIDE };
	restart(f, s);
	learn_number(f, job->from, &g);
	/* Who speaks with the SYN does not wait for the greeting. */
	f->off = g.begin != g.end;
}

static size_t kept_len(const struct line *l)
{
	return l->len < EDIT_MOST ? l->len : EDIT_MOST;
}

static bool says_all(const struct line *l)
{
	return kept_len(l) >= 8 && (l->octets[5] | 32) == 'a' && (l->octets[6] | 32) == 'l' &&
	       (l->octets[7] | 32) == 'l';
}

static void line_of_client(struct ftp *f, const struct line *l)
{
	enum ftp_command c = ftp_command_of(l->octets, kept_len(l));

	f->off = c == FTP_UNKNOWN || !f->greeted;
	f->secured |= c == FTP_AUTH;
	/* RFC 2428 section 4: EPSV ALL promises something and asks for nothing. */
	if (c == FTP_PASV || (c == FTP_EPSV && !says_all(l)))
		f->wanted = true;
}

/* True of the last line of a reply, and of an only one: *code. */
static bool line_of_server(struct ftp *f, const struct line *l, uint16_t *code)
{
	bool more = false;

	*code = ftp_reply_of(l->octets, kept_len(l), &more);
	if (f->reply && (*code != f->reply || more))
		return false;
	f->reply = more ? *code : 0;
	if (!f->greeted && *code != REPLY_READY && *code != REPLY_SOON)
		f->off = true;
	f->greeted |= *code == REPLY_READY;
	if (!*code || more)
		return false;
	/* RFC 2228 section 3: from here on nothing can be read. */
	if (f->secured && (*code == REPLY_SECURED || *code == REPLY_SECURED_TOO ||
			   *code == REPLY_CONTINUE || *code == REPLY_CONTINUE_TOO))
		f->off = true;
	f->secured = false;
	return true;
}

/* Whether the line of the inside that has just ended is one to be rewritten. */
static bool line_of_inside(struct ftp *f, const struct line *l)
{
	bool announces;
	uint16_t code;

	if (!f->serves) {
		line_of_client(f, l);
		return !f->off;
	}
	announces = line_of_server(f, l, &code) && f->wanted && !f->off &&
		    (code == REPLY_PASSIVE || code == REPLY_EXTENDED);
	f->wanted &= !announces;
	return announces;
}

/* The line ends where the stream was read up to: the endpoint in it becomes what the outside knows,
 * and is expected. */
static bool announce(struct nat *n, struct session *s, struct ftp *f, const struct line *l)
{
	struct tuple inside = s->key[SIDE_INSIDE];
	uint8_t text[EDIT_MOST];
	struct ftp_endpoint e;
	struct endpoint outside;
	size_t len;

	if (f->passed || l->len > EDIT_MOST - FTP_ENDPOINT_MOST ||
	    !ftp_read_endpoint(l->octets, l->len, &e))
		return false;
	if (e.form != FTP_PORT_ONLY && !be32_equal(e.address, inside.local))
		return false;
	/* The last place is for a line that was held and turned out to be another. */
	if (e.port < HELPER_PORT_LEAST || stream_room(&f->stream) < 2)
		return false;
	inside.local_port = be16_from(e.port);
	if (!helper_expect(n, &inside, SLAB_NONE, TIMEOUT_EXPECTED, &outside))
		return false;
	e.address = outside.address;
	e.port = be16_host(outside.port);
	memcpy(text, l->octets, e.begin);
	len = e.begin + ftp_write_endpoint(&e, text + e.begin);
	memcpy(text + len, l->octets + e.end, l->len - e.end);
	stream_edit(&f->stream, f->stream.next - l->len, text, len + l->len - e.end);
	return true;
}

/* One octet more of a line; true: the line ends. */
static bool grow(struct line *l, uint8_t octet)
{
	if (!l->len && octet >= TELNET)
		return false;
	if (l->len < EDIT_MOST)
		l->octets[l->len] = octet;
	if (l->len < LINE_LOST)
		l->len++;
	return octet == '\n';
}

static bool may_hold(struct ftp *f, const struct stream_segment *g)
{
	const struct line *l = &f->line[SIDE_INSIDE];

	return !f->off && !f->passed && l->len && l->len <= EDIT_MOST - FTP_ENDPOINT_MOST &&
	       (!f->serves || f->wanted) && !(g->flags & SEGMENT_FIN) &&
	       ftp_may_announce(l->octets, l->len, f->serves) && stream_room(&f->stream);
}

static void read_inside(struct nat *n, struct session *s, struct ftp *f,
			const struct stream_segment *g)
{
	struct line *l = &f->line[SIDE_INSIDE];
	uint32_t held = f->stream.held, begin = f->stream.next - held;

	while (!f->off && is_before(f->stream.next, g->end)) {
		uint8_t octet = g->payload[f->stream.next - g->begin];

		f->stream.next++;
		if (!grow(l, octet))
			continue;
		if (!(line_of_inside(f, l) && announce(n, s, f, l)) && held)
			stream_let_go(&f->stream, begin, l->octets, held);
		held = 0;
		l->len = 0;
		f->passed = false;
	}
	f->stream.held = may_hold(f, g) ? l->len : 0;
	if (held && !f->stream.held)
		stream_let_go(&f->stream, begin, l->octets, held);
	f->passed |= l->len && !f->stream.held;
}

/* What is held back when the help ends goes on. */
static void let_go(struct stream *s, const struct line *l)
{
	if (s->held)
		stream_let_go(s, s->next - s->held, l->octets, s->held);
}

bool ftp_admits(const struct ftp *f, const struct session *s, const struct nat_job *job)
{
	const struct stream_segment g = stream_segment_of(job->p);
	const struct stream *t = &f->stream;
	bool opens = (g.flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN;
	bool changed = t->held || t->edits;

	if (job->from == SIDE_OUTSIDE || f->opened != s->opened || !f->knows[SIDE_INSIDE])
		return true;
	/* Of a fragment only the number is changed: nothing of it may be an edit's, or due beside one. */
	if (pkt_is_fragment(job->p))
		return !changed || (!t->held && stream_ends_before(t, g.begin));
	if (!opens && !f->off && is_before(t->next, g.begin))
		return false;
	return !changed || job->room >= job->p->len + GROWTH_MOST;
}

void ftp_speak(struct nat *n, struct session *s, struct ftp *f, const struct nat_job *job)
{
	const struct stream_segment g = stream_segment_of(job->p);
	struct pkt *p = job->p;

	if (f->opened != s->opened)
		restart(f, s);
	learn_number(f, SIDE_INSIDE, &g);
	/* Of a fragment only the header is changed. */
	f->off |= pkt_is_fragment(p) || (g.begin != g.end && job->room < p->len + GROWTH_MOST);
	if (f->off)
		let_go(&f->stream, &f->line[SIDE_INSIDE]);
	else if (!(g.flags & SEGMENT_RST) && !is_before(f->stream.next, g.begin))
		read_inside(n, s, f, &g);
	stream_carry(&f->stream, p);
}

static void line_of_outside(struct ftp *f, const struct line *l)
{
	uint16_t code;

	if (l->len == LINE_LOST)
		return;
	if (f->serves)
		line_of_client(f, l);
	else
		line_of_server(f, l, &code);
}

void ftp_hear(struct ftp *f, const struct session *s, const struct pkt *p)
{
	const struct stream_segment g = stream_segment_of(p);
	struct line *l = &f->line[SIDE_OUTSIDE];

	if (f->opened != s->opened)
		restart(f, s);
	learn_number(f, SIDE_OUTSIDE, &g);
	if (is_before(f->heard, g.begin)) {
		l->len = LINE_LOST;
		f->heard = g.begin;
	}
	for (; !f->off && is_before(f->heard, g.end); f->heard++)
		if (grow(l, g.payload[f->heard - g.begin])) {
			line_of_outside(f, l);
			l->len = 0;
		}
}
