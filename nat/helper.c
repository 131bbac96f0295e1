#include "helper.h"

enum { PPTP_PORT = 1723 };
enum { RECORDS_LEAST = 16, SESSIONS_PER_RECORD = 64 };
enum { TCP_SEQ = 4, TCP_OFFSET = 12, TCP_HEADER_MOST = 60 };

/* RFC 959, RFC 1350, RFC 2637: where the servers are. */
static const struct server { uint8_t protocol, helper; uint16_t port; } servers[] = {
	{ PROTO_TCP, NAT_HELPER_FTP, 21 },
	{ PROTO_UDP, NAT_HELPER_TFTP, 69 },
	{ PROTO_TCP, NAT_HELPER_PPTP, PPTP_PORT },
};

uint32_t helpers_of_worker(const struct nat_config *c)
{
	uint32_t count = sessions_of_worker(c) / SESSIONS_PER_RECORD;

	return count > RECORDS_LEAST ? count : RECORDS_LEAST;
}

/* The helper of a session that was opened from a side; 0: none. */
static uint8_t helper_of(const struct nat *n, const struct session *s, enum nat_side from)
{
	be16 port = from == SIDE_INSIDE ? s->key[SIDE_OUTSIDE].remote_port
					: s->key[SIDE_INSIDE].local_port;
	uint8_t wanted = s->policy < n->config.policy_count
				 ? n->config.policies[s->policy].helpers : 0;

	for (size_t i = 0; wanted && i < sizeof(servers) / sizeof(servers[0]); i++)
		if (servers[i].protocol == s->key[0].protocol &&
		    servers[i].port == be16_host(port))
			return servers[i].helper & wanted;
	return 0;
}

static struct helper *record_of(const struct nat *n, const struct session *s)
{
	return &n->helpers[s->helper];
}

/* The stream whose numbers are shifted, or NULL. */
static struct stream *stream_of(const struct nat *n, const struct session *s)
{
	if (s->helper == SLAB_NONE || record_of(n, s)->kind != NAT_HELPER_FTP)
		return NULL;
	return &record_of(n, s)->ftp.stream;
}

/* Strangers have half of the records together, and an inside host has an eighth. */
static bool may_take(const struct nat *n, const struct session *s, enum nat_side from)
{
	uint32_t of_host = n->hosts[n->mappings[s->mapping].host].helped;

	return from == SIDE_OUTSIDE ? n->helped_outside < n->helper_slab.capacity / 2
				    : of_host < n->helper_slab.capacity / 8;
}

/* False: there is none left, and the session goes without. */
static bool take_record(struct nat *n, struct session *s, uint8_t kind, enum nat_side from)
{
	if (!may_take(n, s, from))
		return false;
	s->helper = slab_take(&n->helper_slab);
	if (s->helper == SLAB_NONE)
		return false;
	record_of(n, s)->kind = kind;
	record_of(n, s)->from = (uint8_t)from;
	n->helped_outside += from == SIDE_OUTSIDE;
	n->hosts[n->mappings[s->mapping].host].helped += from == SIDE_INSIDE;
	s->flags |= SESSION_HELPED;
	return true;
}

void helper_begin(struct nat *n, const struct nat_job *job, uint32_t session)
{
	struct session *s = session_at(n, session);

	if (job->from == SIDE_OUTSIDE)
		helper_arrived(n, &s->key[SIDE_OUTSIDE]);
	switch (helper_of(n, s, job->from)) {
	case NAT_HELPER_FTP:
		if (take_record(n, s, NAT_HELPER_FTP, job->from))
			ftp_begin(&record_of(n, s)->ftp, s, job);
		break;
	case NAT_HELPER_PPTP:
		if (take_record(n, s, NAT_HELPER_PPTP, job->from)) {
			pptp_begin(&record_of(n, s)->pptp, s);
			pptp_read(n, s, &record_of(n, s)->pptp, job);
		}
		break;
	case NAT_HELPER_TFTP:
		s->flags |= SESSION_HELPED;
		tftp_read(n, job, s);
		break;
	default:
		break;
	}
}

void helper_end(struct nat *n, struct session *s)
{
	if (s->helper != SLAB_NONE) {
		n->helped_outside -= record_of(n, s)->from == SIDE_OUTSIDE;
		n->hosts[n->mappings[s->mapping].host].helped -=
			record_of(n, s)->from == SIDE_INSIDE;
		slab_give(&n->helper_slab, s->helper);
	}
	n->expectations -= helper_is_expectation(&s->key[SIDE_INSIDE]);
}

static bool admits(const struct nat *n, const struct nat_job *job, const struct session *s)
{
	const struct helper *h = record_of(n, s);

	return h->kind == NAT_HELPER_PPTP ? pptp_admits(&h->pptp, s, job)
					  : ftp_admits(&h->ftp, s, job);
}

static void read_segment(struct nat *n, const struct nat_job *job, struct session *s)
{
	struct helper *h = record_of(n, s);

	if (h->kind == NAT_HELPER_PPTP)
		pptp_read(n, s, &h->pptp, job);
	else if (job->from == SIDE_INSIDE)
		ftp_speak(n, s, &h->ftp, job);
	else
		ftp_hear(&h->ftp, s, job->p);
}

/* State and windows are kept in the inside's numbers. */
enum reason helper_step(struct nat *n, const struct nat_job *job, struct session *s, bool *refresh)
{
	struct stream *shifted = stream_of(n, s);
	uint8_t *tcp = pkt_transport(job->p);
	uint8_t was[TCP_HEADER_MOST];
	size_t len = (size_t)(tcp[TCP_OFFSET] >> 4) * 4;
	enum reason r;
	bool taken;

	if (!admits(n, job, s))
		return REASON_HELPER;
	taken = job->from == SIDE_INSIDE || tcp_is_taken(s, job->p, job->from);
	memcpy(was, tcp, len);
	if (shifted && job->from == SIDE_OUTSIDE)
		stream_acknowledge(shifted, job->p, taken);
	r = tcp_step(s, job->p, job->from, refresh);
	/* What somebody makes up outside is nothing that the server has said. */
	if (r == REASON_NONE && taken)
		read_segment(n, job, s);
	if (r != REASON_NONE)
		memcpy(tcp, was, len);
	return r;
}

void helper_read(struct nat *n, const struct nat_job *job, struct session *s)
{
	tftp_read(n, job, s);
}

void helper_undo(const struct nat *n, const struct session *s, struct pkt *p, enum nat_side from)
{
	const struct stream *shifted = stream_of(n, s);

	if (shifted && !(p->flags & PKT_FRAGMENT_LATER))
		stream_undo(shifted, p, from == SIDE_INSIDE);
}

uint32_t helper_sequence(const struct nat *n, uint32_t session, const struct pkt *quoted,
			 enum nat_side from)
{
	const struct stream *shifted = stream_of(n, session_at(n, session));
	uint32_t sequence = load32(pkt_transport(quoted) + TCP_SEQ);

	return shifted && from == SIDE_OUTSIDE ? stream_inward(shifted, sequence) : sequence;
}

csum_t helper_requote(const struct nat *n, uint32_t session, struct pkt *quoted, enum nat_side from)
{
	const uint8_t *tcp = pkt_transport(quoted);
	size_t len = quoted->len - quoted->transport;
	csum_t was;

	if (!stream_of(n, session_at(n, session)) || from == SIDE_INSIDE)
		return (csum_t){ 0 };
	was = csum_of(tcp, len);
	helper_undo(n, session_at(n, session), quoted, SIDE_INSIDE);
	return csum_sub(csum_of(tcp, len), was);
}

bool helper_gathers(const struct nat *n, const struct tuple *t, be32 *inside)
{
	const struct endpoint e = { t->local, t->local_port };
	const struct nat_policy *p;
	const struct nat_forward *f;
	struct endpoint external;

	*inside = t->local;
	if (!n->gathers || t->protocol != PROTO_TCP)
		return false;
	f = t->side == SIDE_INSIDE ? forward_by_internal(n, t->protocol, e, t->remote, &external)
				   : forward_by_external(n, t->protocol, e);
	if (f && f->grouped)
		return false;
	if (t->side == SIDE_OUTSIDE && f)
		*inside = f->internal;
	else if (t->side == SIDE_OUTSIDE && !policy_of_outside(n, t->local, inside))
		return false;
	if (is_name(*inside))
		return false;
	p = policy_of4(&n->config, *inside);
	return p && (p->helpers & NAT_HELPER_FTP);
}

bool helper_tunnels(const struct nat *n, const struct tuple *t)
{
	struct endpoint e = { t->local, t->local_port }, external;
	const struct nat_policy *p;

	if (t->protocol != PROTO_TCP || be16_host(t->remote_port) != PPTP_PORT)
		return false;
	p = t->side == SIDE_INSIDE ? policy_of(n, t->local, t->remote)
				   : policy_of_outside(n, t->local, &e.address);
	return p && (p->helpers & NAT_HELPER_PPTP) &&
	       !forward_by_internal(n, t->protocol, e, t->remote, &external);
}

/* Its key is like no datagram's. */
static struct tuple expectation(const struct tuple *t)
{
	struct tuple key = *t;

	key.remote_port = (be16){ 0 };
	key.tag = (be16){ EXPECTATION_TAG };
	return key;
}

static enum reason make(struct nat *n, const struct tuple *inside, uint32_t mapping,
			enum nat_timeout class, uint32_t *session)
{
	enum reason r = session_make(n, inside, mapping, session);
	struct session *s;

	if (r != REASON_NONE)
		return r;
	s = session_at(n, *session);
	s->flags = 0;
	s->timeout = (uint8_t)class;
	n->expectations++;
	wheel_take(&n->wheel, *session);
	wheel_put(&n->wheel, *session, session_deadline(n, s, n->now));
	return r;
}

/* A mapping that is shared is found by the whole remote endpoint, which nobody knows yet. */
static bool is_shared(const struct nat *n, uint32_t mapping)
{
	return n->mappings[mapping].key[SIDE_OUTSIDE].remote.raw;
}

enum reason helper_admits(const struct nat *n, be32 inside)
{
	const struct nat_policy *p = policy_of4(&n->config, inside);

	return p && p->helpers ? host_admits(n, inside, inside) : REASON_NO_POLICY;
}

/* One that is there, with the address of today. */
static uint32_t expected(struct nat *n, const struct tuple *key)
{
	uint32_t session = session_find(n, key);

	return session == SLAB_NONE || session < n->sweep || session_settle(n, session) ? session
											: SLAB_NONE;
}

bool helper_expect(struct nat *n, const struct tuple *inside, uint32_t mapping,
		   enum nat_timeout class, struct endpoint *outside)
{
	struct tuple key = expectation(inside), t = key;
	uint32_t session = expected(n, &key);
	enum reason r = helper_admits(n, inside->local);

	t.tag = (be16){ 0 };
	if (session != SLAB_NONE) {
		session_at(n, session)->seen_ms = (uint32_t)n->now.ms;
		mapping = session_at(n, session)->mapping;
	} else {
		if (r == REASON_NONE && mapping == SLAB_NONE)
			r = mapping_for_inside(n, &t, &mapping);
		if (r == REASON_NONE && !is_shared(n, mapping))
			make(n, &key, mapping, class, &session);
		if (mapping != SLAB_NONE)
			mapping_drop_unused(n, mapping);
	}
	if (session == SLAB_NONE)
		return false;
	*outside = (struct endpoint){ n->mappings[mapping].key[SIDE_OUTSIDE].local,
				      n->mappings[mapping].key[SIDE_OUTSIDE].local_port };
	return true;
}

bool helper_expects(const struct nat *n, const struct tuple *t)
{
	struct tuple key = expectation(t);

	return n->expectations && session_find(n, &key) != SLAB_NONE;
}

void helper_arrived(struct nat *n, const struct tuple *t)
{
	struct tuple key = expectation(t);
	uint32_t session = n->expectations ? session_find(n, &key) : SLAB_NONE;

	if (session == SLAB_NONE)
		return;
	wheel_take(&n->wheel, session);
	session_end(n, session);
}
