#include "core.h"

uint32_t session_find(const struct nat *n, const struct tuple *t)
{
	uint32_t value = table_find(&n->sessions_by, hash_tuple(&n->hash, t), t);

	return value == TABLE_NONE ? SLAB_NONE : value >> 1;
}

/* The tuple of the other side: the mapping's endpoint there, the same remote. */
static struct tuple counterpart(const struct tuple *t, const struct mapping *m)
{
	enum nat_side side = side_other(t->side);
	struct tuple other = *t;

	other.side = (uint8_t)side;
	other.local = m->key[side].local;
	other.local_port = m->key[side].local_port;
	return other;
}

static struct tuple peer_key(const struct mapping *m, be32 remote)
{
	struct tuple key = m->key[SIDE_OUTSIDE];

	key.remote = remote;
	key.remote_port = (be16){ 0 };
	return key;
}

static uint32_t peer_find(const struct nat *n, const struct tuple *key)
{
	return table_find(&n->peers_by, hash_tuple(&n->hash, key), key);
}

bool session_has_peer(const struct nat *n, const struct mapping *m, be32 remote)
{
	struct tuple key = peer_key(m, remote);

	return peer_find(n, &key) != TABLE_NONE;
}

/* One more session with this remote address; false if there is no room to note it. */
static bool peer_join(struct nat *n, const struct mapping *m, be32 remote, uint32_t *peer)
{
	struct tuple key = peer_key(m, remote);

	*peer = SLAB_NONE;
	if (m->filtering != NAT_ADDRESS_DEPENDENT)
		return true;
	*peer = peer_find(n, &key);
	if (*peer == TABLE_NONE) {
		*peer = slab_take(&n->peer_slab);
		if (*peer == SLAB_NONE)
			return false;
		n->peers[*peer] = (struct peer){ .key = key };
		if (!table_insert(&n->peers_by, hash_tuple(&n->hash, &key), *peer)) {
			slab_give(&n->peer_slab, *peer);
			return false;
		}
	}
	n->peers[*peer].sessions++;
	return true;
}

static void peer_leave(struct nat *n, uint32_t peer)
{
	struct peer *p;

	if (peer == SLAB_NONE)
		return;
	p = &n->peers[peer];
	if (--p->sessions)
		return;
	table_remove(&n->peers_by, hash_tuple(&n->hash, &p->key), peer);
	slab_give(&n->peer_slab, peer);
}

static bool index_session(struct nat *n, uint32_t number)
{
	const struct session *s = session_at(n, number);
	uint64_t inside = hash_tuple(&n->hash, &s->key[SIDE_INSIDE]);
	uint64_t outside = hash_tuple(&n->hash, &s->key[SIDE_OUTSIDE]);

	if (!table_insert(&n->sessions_by, inside, number << 1 | SIDE_INSIDE))
		return false;
	if (table_insert(&n->sessions_by, outside, number << 1 | SIDE_OUTSIDE))
		return true;
	table_remove(&n->sessions_by, inside, number << 1 | SIDE_INSIDE);
	return false;
}

static uint8_t refresh_flags(enum nat_refresh r)
{
	return (uint8_t)((r != NAT_REFRESH_INBOUND ? SESSION_REFRESH_INSIDE : 0) |
			 (r != NAT_REFRESH_OUTBOUND ? SESSION_REFRESH_OUTSIDE : 0));
}

static uint8_t timeout_class(const struct nat *n, const struct session *s)
{
	const struct tuple *t = &s->key[SIDE_INSIDE];

	if (t->protocol == PROTO_TCP)
		return TIMEOUT_TCP_OPENING;
	if (t->protocol != PROTO_UDP)
		return TIMEOUT_ICMP;
	return policy_is_short(&n->config, s->policy, t->remote_port) ? TIMEOUT_UDP_SHORT
								      : TIMEOUT_UDP;
}

static void fill(struct nat *n, struct session *s, nat_time now, const struct tuple *t,
		 uint32_t mapping)
{
	const struct mapping *m = &n->mappings[mapping];
	struct rewrite outward;
	uint16_t index;

	*s = (struct session){ .mapping = mapping, .flags = refresh_flags(m->refresh) };
	s->key[t->side] = *t;
	s->key[side_other(t->side)] = counterpart(t, m);
	outward = rewrite_make(&s->key[SIDE_INSIDE], &s->key[SIDE_OUTSIDE], true);
	s->addresses = outward.addresses;
	s->ports = outward.ports;
	s->seen_ms = (uint32_t)now.ms;
	s->policy = policy_number(&n->config, s->key[SIDE_INSIDE].local);
	s->helper = SLAB_NONE;
	s->timeout = timeout_class(n, s);
	if (pool_has(&n->config, t->remote, &index))
		s->flags |= SESSION_HAIRPIN;
}

static void note(struct nat *n, const struct session *s, enum nat_event_kind kind)
{
	const struct tuple *inside = &s->key[SIDE_INSIDE], *outside = &s->key[SIDE_OUTSIDE];

	event_note(n, (struct nat_event){
		.kind = (uint8_t)kind,
		.protocol = inside->protocol,
		.inside = { inside->local, inside->local_port },
		.outside = { outside->local, outside->local_port },
		.remote = { outside->remote, outside->remote_port },
	});
}

enum reason session_make(struct nat *n, nat_time now, const struct tuple *t, uint32_t mapping,
			 uint32_t *session)
{
	struct mapping *m = &n->mappings[mapping];
	struct tuple other = counterpart(t, m);
	enum reason r = REASON_SESSION_LIMIT;
	uint32_t number, peer;
	struct session *s;

	if (session_find(n, &other) != SLAB_NONE)
		return REASON_SESSION_CONFLICT;
	number = slab_take(&n->session_slab);
	if (number == SLAB_NONE)
		return r;
	if (!peer_join(n, m, t->remote, &peer))
		goto no_peer;
	s = session_at(n, number);
	fill(n, s, now, t, mapping);
	s->peer = peer;
	if (!index_session(n, number))
		goto no_index;
	wheel_put(&n->wheel, number, session_deadline(n, s, now));
	m->sessions++;
	m->used = true;
	n->hosts[m->host].sessions++;
	n->created++;
	*session = number;
	note(n, s, EVENT_SESSION_CREATED);
	return REASON_NONE;
no_index:
	peer_leave(n, peer);
no_peer:
	slab_give(&n->session_slab, number);
	return r;
}

void session_end(struct nat *n, uint32_t session)
{
	struct session *s = session_at(n, session);
	struct mapping *m = &n->mappings[s->mapping];

	note(n, s, EVENT_SESSION_DELETED);
	for (uint32_t side = 0; side < SIDE_COUNT; side++)
		table_remove(&n->sessions_by, hash_tuple(&n->hash, &s->key[side]),
			     session << 1 | side);
	if (session_is_half_open(s))
		half_open_note(n, session, false);
	peer_leave(n, s->peer);
	m->sessions--;
	n->hosts[m->host].sessions--;
	mapping_drop_unused(n, s->mapping);
	s->key[SIDE_INSIDE].protocol = 0;
	slab_give(&n->session_slab, session);
	n->ended++;
}

/* What to write is the other side's tuple, and the differences are kept: nothing is summed. */
struct rewrite session_rewrite(const struct session *s, enum nat_side from)
{
	const struct tuple *now = &s->key[side_other(from)];
	bool outward = from == SIDE_INSIDE;
	struct rewrite r = {
		.source = outward ? now->local : now->remote,
		.destination = outward ? now->remote : now->local,
		.source_port = outward ? now->local_port : now->remote_port,
		.destination_port = outward ? now->remote_port : now->local_port,
		.addresses = outward ? s->addresses : csum_negate(s->addresses),
		.ports = outward ? s->ports : csum_negate(s->ports),
	};

	if (now->protocol == PROTO_ICMP)
		r.source_port = r.destination_port = now->local_port;
	return r;
}

/* The clock of a session is 32 bits of milliseconds: timeouts are shorter than half its range. */
int64_t session_deadline(const struct nat *n, const struct session *s, nat_time now)
{
	uint32_t timeout = policy_timeout(&n->config, s->policy, s->timeout);
	uint32_t left = s->seen_ms + timeout - (uint32_t)now.ms;

	return (int64_t)now.ms + (int32_t)left;
}
