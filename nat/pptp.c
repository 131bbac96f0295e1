/*
 * PPTP's control connection (RFC 2637): the call IDs of the inside become unique outside, so that
 * several clients can speak to one server, and each call's GRE has its session.
 *
 * Nothing changes its length. A message counts only where one is due: at the beginning of a segment
 * that follows the one before. Segments that run ahead must come again; one that does not end with
 * a message ends the help. What was sent before may come again, and is rewritten as it was.
 */
#include "helper.h"

#include "transport.h"

enum { MESSAGE_LEN = 0, MESSAGE_TYPE = 2, COOKIE = 4, CONTROL_TYPE = 8, MESSAGE_HEADER = 12,
       RESULT = 16, REPLY_LEAST = 17 };
enum { TYPE_CONTROL = 1, MAGIC = 0x1a2b3c4d, CONNECTED = 1, ID_TRIES = 64 };
enum { START_REQUEST = 1, START_REPLY = 2, OUTGOING_REQUEST = 7, OUTGOING_REPLY = 8,
       INCOMING_REPLY = 10, TYPES = 16 };

/* RFC 2637 section 2: where a message has the sender's call ID and where the receiver's; 0: none. */
static const struct { uint8_t own, peer; } fields[TYPES] = {
	[OUTGOING_REQUEST] = { 12, 0 }, [OUTGOING_REPLY] = { 12, 14 },
	[9] = { 12, 0 }, [INCOMING_REPLY] = { 12, 14 }, [11] = { 0, 12 },
	[12] = { 12, 0 }, [13] = { 12, 0 }, [14] = { 0, 12 }, [15] = { 0, 12 },
};

static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* What a call's GRE from outside looks like. */
static struct tuple call_key(const struct session *s, be16 outside)
{
	struct tuple key = s->key[SIDE_OUTSIDE];

	key.protocol = PROTO_GRE;
	key.local_port = outside;
	key.remote_port = (be16){ 0 };
	return key;
}

static uint32_t tunnel_of(const struct nat *n, const struct session *s, const struct pptp_call *c)
{
	struct tuple key = call_key(s, c->outside);
	uint32_t number = session_find(n, &key);

	return number != SLAB_NONE &&
			       be32_equal(session_at(n, number)->key[SIDE_INSIDE].local,
					  s->key[SIDE_INSIDE].local)
		       ? number : SLAB_NONE;
}

static bool is_free(const struct nat *n, const struct session *s, be16 outside)
{
	struct tuple key = call_key(s, outside);

	return outside.raw && session_find(n, &key) == SLAB_NONE;
}

/* The inside's ID if nobody else has it towards this server. */
static be16 choose_id(struct nat *n, const struct session *s, be16 inside)
{
	be16 id = inside;

	for (int i = 0; !is_free(n, s, id); i++) {
		if (i == ID_TRIES)
			return (be16){ 0 };
		id = be16_from((uint16_t)nat_draw(n, 65536));
	}
	return id;
}

/* The session of a call's GRE. As long as the server's ID is not known, nothing from inside belongs
 * to it: its key there has the outside ID for a tag. */
static bool make_tunnel(struct nat *n, const struct session *s, const struct pptp_call *c)
{
	struct tuple inside = s->key[SIDE_INSIDE], outside = call_key(s, c->outside);
	uint32_t mapping = SLAB_NONE, number;
	enum reason r = helper_admits(n, inside.local);

	inside.protocol = PROTO_GRE;
	inside.local_port = inside.remote_port = (be16){ 0 };
	if (r == REASON_NONE)
		r = pair_for_address(n, &inside, outside.local, &mapping);
	inside.tag = c->outside;
	if (r == REASON_NONE)
		r = session_make_as(n, &inside, &outside, mapping, &number);
	if (mapping != SLAB_NONE)
		mapping_drop_unused(n, mapping);
	if (r != REASON_NONE)
		return false;
	session_at(n, number)->end[SIDE_INSIDE] = be16_host(c->inside);
	return true;
}

/* By the inside's ID, or by its outside ID; NULL. */
static struct pptp_call *call_of(struct pptp *t, be16 id, enum nat_side side)
{
	for (int i = 0; i < PPTP_CALLS; i++) {
		struct pptp_call *c = &t->calls[i];

		if (c->outside.raw && be16_equal(side == SIDE_INSIDE ? c->inside : c->outside, id))
			return c;
	}
	return NULL;
}

static struct pptp_call *open_call(struct nat *n, const struct session *s, struct pptp *t, be16 id)
{
	struct pptp_call *c = NULL;

	for (int i = 0; i < PPTP_CALLS; i++)
		if (!t->calls[i].outside.raw || tunnel_of(n, s, &t->calls[i]) == SLAB_NONE)
			c = &t->calls[i];
	if (!c)
		return NULL;
	*c = (struct pptp_call){ .inside = id, .outside = choose_id(n, s, id) };
	if (c->outside.raw && make_tunnel(n, s, c))
		return c;
	*c = (struct pptp_call){ 0 };
	return NULL;
}

/* Both IDs are known now, so what the inside sends belongs to the call, too. */
static void connect_call(struct nat *n, const struct session *s, const struct pptp_call *c, be16 id)
{
	uint32_t number = tunnel_of(n, s, c);
	struct tuple key;

	if (number == SLAB_NONE)
		return;
	key = session_at(n, number)->key[SIDE_INSIDE];
	key.remote_port = id;
	key.tag = (be16){ 0 };
	session_rename(n, number, &key);
}

static bool is_connected(const uint8_t *m, uint32_t len)
{
	return len >= REPLY_LEAST && m[RESULT] == CONNECTED;
}

static void rewrite_own(struct nat *n, const struct session *s, struct pptp *t, uint8_t *m, bool new)
{
	uint16_t type = load16(m + CONTROL_TYPE);
	be16 id = be16_load(m + fields[type].own);
	struct pptp_call *c = call_of(t, id, SIDE_INSIDE);

	if (!c && new && t->started && (type == OUTGOING_REQUEST || type == INCOMING_REPLY))
		c = open_call(n, s, t, id);
	if (!c)
		return;
	be16_store(m + fields[type].own, c->outside);
	if (new && type == INCOMING_REPLY && is_connected(m, load16(m)))
		connect_call(n, s, c, be16_load(m + fields[type].peer));
}

static void rewrite_peer(struct nat *n, const struct session *s, struct pptp *t, uint8_t *m, bool new)
{
	uint16_t type = load16(m + CONTROL_TYPE);
	struct pptp_call *c = call_of(t, be16_load(m + fields[type].peer), SIDE_OUTSIDE);

	if (!c)
		return;
	be16_store(m + fields[type].peer, c->inside);
	if (new && type == OUTGOING_REPLY && is_connected(m, load16(m)))
		connect_call(n, s, c, be16_load(m + fields[type].own));
}

/* Octets of the message at m, 0 if there is none as it must be. */
static uint32_t message_len(const uint8_t *m, uint32_t most)
{
	uint32_t len, type;

	if (most < MESSAGE_HEADER)
		return 0;
	len = load16(m + MESSAGE_LEN);
	type = load16(m + CONTROL_TYPE);
	if (len < MESSAGE_HEADER || len > most || load16(m + MESSAGE_TYPE) != TYPE_CONTROL ||
	    load32(m + COOKIE) != MAGIC || !type || type >= TYPES)
		return 0;
	if (len < fields[type].own + 2u || len < fields[type].peer + 2u)
		return 0;
	return len;
}

static void read_message(struct nat *n, const struct session *s, struct pptp *t, uint8_t *m,
			 const struct pptp_place *at)
{
	uint16_t type = load16(m + CONTROL_TYPE);

	t->asked |= type == START_REQUEST && at->from == SIDE_INSIDE;
	t->started |= type == START_REPLY && at->from == SIDE_OUTSIDE && t->asked;
	if (at->from == SIDE_INSIDE && fields[type].own)
		rewrite_own(n, s, t, m, at->new);
	if (at->from == SIDE_OUTSIDE && fields[type].peer)
		rewrite_peer(n, s, t, m, at->new);
}

/* The tunnels of a connection that lives do as well. */
static void refresh(struct nat *n, const struct session *s, const struct pptp *t)
{
	for (int i = 0; i < PPTP_CALLS; i++) {
		uint32_t number = t->calls[i].outside.raw ? tunnel_of(n, s, &t->calls[i]) : SLAB_NONE;

		if (number != SLAB_NONE)
			session_at(n, number)->seen_ms = (uint32_t)n->now.ms;
	}
}

void pptp_begin(struct pptp *t, const struct session *s)
{
	*t = (struct pptp){ .opened = s->opened };
}

bool pptp_admits(const struct pptp *t, const struct session *s, const struct nat_job *job)
{
	const struct stream_segment g = stream_segment_of(job->p);

	return t->off || t->opened != s->opened || !t->knows[job->from] ||
	       (g.flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN ||
	       !is_before(t->next[job->from], g.begin);
}

static void learn_place(struct pptp *t, const struct session *s, enum nat_side from,
			const struct stream_segment *g)
{
	if (t->opened != s->opened)
		pptp_begin(t, s);
	if (!t->knows[from])
		t->next[from] = g->begin;
	t->knows[from] = true;
}

static void read_messages(struct nat *n, const struct session *s, struct pptp *t,
			  const struct stream_segment *g, enum nat_side from)
{
	struct pptp_place at = { .from = from };
	uint32_t len;

	for (uint32_t i = g->begin; i != g->end && !t->off; i += len) {
		at.new = i == t->next[from];
		len = message_len(g->payload + (i - g->begin), g->end - i);
		t->off = !len;
		if (len)
			read_message(n, s, t, g->payload + (i - g->begin), &at);
		if (at.new)
			t->next[from] += len;
	}
}

void pptp_read(struct nat *n, const struct session *s, struct pptp *t, const struct nat_job *job)
{
	const struct stream_segment g = stream_segment_of(job->p);
	uint8_t *tcp = pkt_transport(job->p);
	uint32_t len = job->p->len - job->p->transport;
	csum_t was;

	learn_place(t, s, job->from, &g);
	t->off |= pkt_is_fragment(job->p);
	if (t->off || is_before(t->next[job->from], g.begin))
		return;
	was = csum_of(tcp, len);
	read_messages(n, s, t, &g, job->from);
	if (!(job->p->flags & PKT_PARTIAL))
		csum_patch(job->p->ip + job->p->checksum, csum_sub(csum_of(tcp, len), was));
	refresh(n, s, t);
}
