#include "helper.h"
#include "transport.h"

enum { LOW_PORTS_END = 1024, DISGUISE_TRIES = 64 };

uint32_t session_find(const struct nat *n, const struct tuple *t)
{
	uint32_t value = table_find(&n->sessions_by, hash_session(n, t), t);

	return value == TABLE_NONE ? SLAB_NONE : value >> 1;
}

/* What the inside sees instead of a remote endpoint, if the forward says so (twice NAT): its port, or
 * one that the inside does not see in use. */
static bool disguise(struct nat *n, const struct mapping *m, struct tuple *inside)
{
	struct endpoint external = { m->key[SIDE_OUTSIDE].local, m->key[SIDE_OUTSIDE].local_port };
	const struct nat_forward *f;

	if (!m->forward)
		return true;
	f = forward_by_external(n, inside->protocol, external);
	if (!f || !f->source.raw)
		return true;
	inside->remote = f->source;
	for (int i = 0; i < DISGUISE_TRIES; i++) {
		if (session_find(n, inside) == SLAB_NONE)
			return true;
		inside->remote_port = be16_from((uint16_t)(LOW_PORTS_END +
							   nat_draw(n, 65536 - LOW_PORTS_END)));
	}
	return false;
}

/* The remote end of NAT64 is an IPv4 address on either side, inside with the number of a prefix. False:
 * there is none. */
static bool join_families(const struct nat *n, const struct nat_policy *p, const struct mapping *m,
			  struct tuple *other)
{
	uint16_t slot;

	other->tag = (be16){ 0 };
	if (is_name(m->key[SIDE_OUTSIDE].local) || other->side == SIDE_OUTSIDE)
		return true;
	slot = p ? prefix_first(n, p) : PREFIX_NONE;
	other->tag = prefix_tag(slot);
	return slot != PREFIX_NONE;
}

/* The tuple of the other side: the mapping's endpoint there; the remote one is the same, unless it
 * is translated too. False if that cannot be. */
static bool counterpart(struct nat *n, const struct tuple *t, const struct mapping *m,
			struct tuple *other)
{
	const struct nat_policy *p = policy_of(n, m->key[SIDE_INSIDE].local,
					       m->key[SIDE_OUTSIDE].local);
	enum nat_side side = side_other(t->side);

	*other = *t;
	other->side = (uint8_t)side;
	other->local = m->key[side].local;
	other->local_port = m->key[side].local_port;
	if (is_name(m->key[SIDE_INSIDE].local))
		return join_families(n, p, m, other);
	if (p)
		other->remote = policy_far(p, t->remote, side);
	return side == SIDE_OUTSIDE || disguise(n, m, other);
}

static bool index_session(struct nat *n, uint32_t number)
{
	const struct session *s = session_at(n, number);
	uint64_t inside = hash_session(n, &s->key[SIDE_INSIDE]);
	uint64_t outside = hash_session(n, &s->key[SIDE_OUTSIDE]);

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
	const struct tuple *t = &s->key[SIDE_OUTSIDE];

	if (t->protocol == PROTO_UDP && policy_is_short(&n->config, s->policy, t->remote_port))
		return TIMEOUT_UDP_SHORT;
	return (uint8_t)transport_timeout(t->protocol);
}

static csum_t sum_of(const struct nat *n, const struct tuple *t)
{
	struct ip6 remote = { { 0 } };
	csum_t local = is_name(t->local) ? csum_of(name_address(n, t->local), sizeof(struct ip6))
					 : csum_of(&t->local, sizeof(t->local));

	if (!is_name(t->local))
		return csum_add(local, csum_of(&t->remote, sizeof(t->remote)));
	remote = session_far6(n, t);
	return csum_add(local, csum_of(&remote, sizeof(remote)));
}

void session_weigh(const struct nat *n, struct session *s)
{
	const struct tuple *inside = &s->key[SIDE_INSIDE], *outside = &s->key[SIDE_OUTSIDE];
	struct rewrite outward = rewrite_make(inside, outside, true);

	s->addresses = is_name(inside->local) ? csum_sub(sum_of(n, outside), sum_of(n, inside))
					      : outward.addresses;
	s->ports = outward.ports;
}

struct ip6 session_far6(const struct nat *n, const struct tuple *t)
{
	if (is_name(t->remote))
		return *name_address(n, t->remote);
	return rfc6052_embed(&n->prefixes.slots[prefix_slot_of_tag(t->tag)].prefix, t->remote);
}

/* Names of its keys last as long as it does, and so does the place of its prefix. */
static void hold_names(struct nat *n, const struct session *s, bool hold)
{
	const struct tuple *inside = &s->key[SIDE_INSIDE];

	if (!is_name(inside->local))
		return;
	for (int i = 0; i < 2 * SIDE_COUNT; i++) {
		be32 a = i % 2 ? s->key[i / 2].local : s->key[i / 2].remote;

		if (hold)
			name_hold(n, a);
		else
			name_release(n, a);
	}
	if (!is_name(inside->remote))
		n->prefixes.slots[prefix_slot_of_tag(inside->tag)].sessions += hold ? 1 : -1u;
}

static void fill(struct nat *n, struct session *s, const struct tuple *t, const struct tuple *other,
		 uint32_t mapping)
{
	const struct mapping *m = &n->mappings[mapping];

	*s = (struct session){ .mapping = mapping, .flags = refresh_flags(m->refresh) };
	s->key[t->side] = *t;
	s->key[side_other(t->side)] = *other;
	session_weigh(n, s);
	s->seen_ms = (uint32_t)n->now.ms;
	s->policy = policy_number(n, s->key[SIDE_INSIDE].local, s->key[SIDE_OUTSIDE].local);
	s->helper = SLAB_NONE;
	s->timeout = timeout_class(n, s);
	if (is_outside_address(n, s->key[SIDE_OUTSIDE].remote))
		s->flags |= SESSION_HAIRPIN;
}

static void note(struct nat *n, const struct session *s, enum nat_event_kind kind)
{
	const struct tuple *inside = &s->key[SIDE_INSIDE], *outside = &s->key[SIDE_OUTSIDE];
	struct nat_endpoint remote;

	if (!event_is_wanted(n, kind))
		return;
	remote = name_endpoint(n, tuple_remote(outside));
	if (is_name(inside->local) && !remote.is_v6)
		remote.address6 = session_far6(n, inside);
	event_note(n, (struct nat_event){
		.kind = (uint8_t)kind,
		.protocol = inside->protocol,
		.inside = name_endpoint(n, tuple_local(inside)),
		.outside = name_endpoint(n, tuple_local(outside)),
		.remote = remote,
	});
}

enum reason session_make(struct nat *n, const struct tuple *t, uint32_t mapping,
			 uint32_t *session)
{
	struct tuple other;

	return counterpart(n, t, &n->mappings[mapping], &other)
		       ? session_make_as(n, t, &other, mapping, session)
		       : REASON_SESSION_CONFLICT;
}

enum reason session_make_as(struct nat *n, const struct tuple *t, const struct tuple *other,
			    uint32_t mapping, uint32_t *session)
{
	struct mapping *m = &n->mappings[mapping];
	enum reason r = REASON_SESSION_LIMIT;
	struct session *s;
	uint32_t number;

	if (session_find(n, other) != SLAB_NONE)
		return REASON_SESSION_CONFLICT;
	number = slab_take(&n->session_slab);
	if (number == SLAB_NONE)
		return r;
	s = session_at(n, number);
	fill(n, s, t, other, mapping);
	if (!peer_join(n, m, number, s->key[SIDE_OUTSIDE].remote))
		goto no_peer;
	if (!index_session(n, number))
		goto no_index;
	hold_names(n, s, true);
	wheel_put(&n->wheel, number, session_deadline(n, s, n->now));
	m->sessions++;
	m->used = true;
	n->hosts[m->host].sessions++;
	n->created++;
	*session = number;
	note(n, s, EVENT_SESSION_CREATED);
	return REASON_NONE;
no_index:
	peer_leave(n, m, number);
no_peer:
	s->key[SIDE_INSIDE].protocol = 0;
	s->key[SIDE_OUTSIDE].protocol = 0;
	slab_give(&n->session_slab, number);
	return r;
}

/* Another key for one side; the differences stay, as those of paired protocols do. */
enum reason session_rename(struct nat *n, uint32_t session, const struct tuple *key)
{
	struct tuple *own = &session_at(n, session)->key[key->side];
	uint32_t value = session << 1 | key->side;
	struct tuple was = *own;

	if (tuple_equal(own, key))
		return REASON_NONE;
	if (session_find(n, key) != SLAB_NONE)
		return REASON_SESSION_CONFLICT;
	*own = *key;
	if (!table_insert(&n->sessions_by, hash_tuple(&n->hash, key), value)) {
		*own = was;
		return REASON_SESSION_LIMIT;
	}
	table_remove(&n->sessions_by, hash_tuple(&n->hash, &was), value);
	return REASON_NONE;
}

bool session_move(struct nat *n, uint32_t session)
{
	struct session *s = session_at(n, session), was = *s;
	struct mapping *m = &n->mappings[s->mapping];
	struct tuple key = s->key[SIDE_OUTSIDE];

	key.local = m->key[SIDE_OUTSIDE].local;
	if (session_rename(n, session, &key) != REASON_NONE)
		return false;
	session_weigh(n, s);
	hold_names(n, s, true);
	hold_names(n, &was, false);
	note(n, &was, EVENT_SESSION_DELETED);
	note(n, s, EVENT_SESSION_CREATED);
	n->moved++;
	/* The peer is known by the endpoint that the mapping had. */
	peer_leave(n, m, session);
	return peer_join(n, m, session, key.remote);
}

void session_end(struct nat *n, uint32_t session)
{
	struct session *s = session_at(n, session);
	struct mapping *m = &n->mappings[s->mapping];

	note(n, s, EVENT_SESSION_DELETED);
	for (uint32_t side = 0; side < SIDE_COUNT; side++)
		table_remove(&n->sessions_by, hash_session(n, &s->key[side]), session << 1 | side);
	if (session_is_half_open(s))
		half_open_note(n, session, false);
	helper_end(n, s);
	peer_leave(n, m, session);
	m->sessions--;
	n->hosts[m->host].sessions--;
	mapping_drop_unused(n, s->mapping);
	hold_names(n, s, false);
	s->key[SIDE_INSIDE].protocol = 0;
	s->key[SIDE_OUTSIDE].protocol = 0;
	slab_give(&n->session_slab, session);
	save_end(n, session);
	n->ended++;
}

/* The clock of a session is 32 bits of milliseconds: timeouts are shorter than half its range. */
int64_t session_deadline(const struct nat *n, const struct session *s, nat_time now)
{
	uint32_t timeout = policy_timeout(&n->config, s->policy, s->timeout);
	uint32_t left = s->seen_ms + timeout - (uint32_t)now.ms;

	return (int64_t)now.ms + (int32_t)left;
}
