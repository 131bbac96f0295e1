/* Inside hosts: who has sessions, and how many. */
#include "core.h"

static uint32_t host_find(const struct nat *n, const struct tuple *key)
{
	return table_find(&n->hosts_by, hash_tuple(&n->hash, key), key);
}

const struct host *host_of(const struct nat *n, be32 inside)
{
	struct tuple key = { .local = inside };
	uint32_t host = host_find(n, &key);

	return host == TABLE_NONE ? NULL : &n->hosts[host];
}

uint32_t host_take(struct nat *n, be32 inside)
{
	struct tuple key = { .local = inside };
	uint32_t host = host_find(n, &key);

	if (host != TABLE_NONE)
		return host;
	host = slab_take(&n->host_slab);
	if (host == SLAB_NONE)
		return SLAB_NONE;
	n->hosts[host] = (struct host){ .key = key };
	if (table_insert(&n->hosts_by, hash_tuple(&n->hash, &key), host))
		return host;
	slab_give(&n->host_slab, host);
	return SLAB_NONE;
}

void host_drop_unused(struct nat *n, uint32_t host)
{
	struct host *h = &n->hosts[host];

	if (h->sessions)
		return;
	table_remove(&n->hosts_by, hash_tuple(&n->hash, &h->key), host);
	slab_give(&n->host_slab, host);
}

enum reason host_admits(const struct nat *n, be32 inside)
{
	const struct host *h = host_of(n, inside);

	if (h && h->sessions >= n->host_limit)
		return REASON_HOST_LIMIT;
	if (slab_used(&n->session_slab) == n->session_slab.capacity)
		return REASON_SESSION_LIMIT;
	return REASON_NONE;
}
