/*
 * With whom the sessions of a mapping are, where its filter asks for that (RFC 4787 section 5,
 * address-dependent). One of them needs no record, as the mapping names it: most mappings have no other.
 */
#include "core.h"

static struct tuple key_of(const struct mapping *m, be32 remote)
{
	struct tuple key = m->key[SIDE_OUTSIDE];

	key.remote = remote;
	key.remote_port = (be16){ 0 };
	return key;
}

static uint32_t find(const struct nat *n, const struct tuple *key)
{
	return table_find(&n->peers_by, hash_known(&n->hash, &n->hashes->peer, key), key);
}

bool peer_is_known(const struct nat *n, const struct mapping *m, be32 remote)
{
	struct tuple key = key_of(m, remote);

	if ((m->first &&
	     be32_equal(session_at(n, m->first - 1)->key[SIDE_OUTSIDE].remote, remote)) ||
	    find(n, &key) != TABLE_NONE)
		return true;
	/* Of sessions that have not followed the mapping yet. */
	return address_before(n, key.local, &key.local) && find(n, &key) != TABLE_NONE;
}

static uint32_t make(struct nat *n, const struct tuple *key)
{
	uint32_t peer = slab_take(&n->peer_slab);

	if (peer == SLAB_NONE)
		return SLAB_NONE;
	n->peers[peer] = (struct peer){ .key = *key };
	if (table_insert(&n->peers_by, hash_known(&n->hash, &n->hashes->peer, key), peer))
		return peer;
	slab_give(&n->peer_slab, peer);
	return SLAB_NONE;
}

bool peer_join(struct nat *n, struct mapping *m, uint32_t session, be32 remote)
{
	struct tuple key = key_of(m, remote);
	uint32_t peer;

	session_at(n, session)->peer = SLAB_NONE;
	if (m->filtering != NAT_ADDRESS_DEPENDENT)
		return true;
	if (!m->first) {
		m->first = session + 1;
		return true;
	}
	peer = find(n, &key);
	if (peer == TABLE_NONE)
		peer = make(n, &key);
	if (peer == SLAB_NONE)
		return false;
	session_at(n, session)->peer = peer;
	n->peers[peer].sessions++;
	return true;
}

void peer_leave(struct nat *n, struct mapping *m, uint32_t session)
{
	uint32_t peer = session_at(n, session)->peer;
	struct peer *p;

	if (m->first == session + 1)
		m->first = 0;
	if (peer == SLAB_NONE)
		return;
	p = &n->peers[peer];
	if (--p->sessions)
		return;
	table_remove(&n->peers_by, hash_known(&n->hash, &n->hashes->peer, &p->key), peer);
	slab_give(&n->peer_slab, peer);
}
