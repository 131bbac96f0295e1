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
	n->hosts[host] = (struct host){ .key = key, .tokens = UINT64_MAX / 2,
					.filled_ms = n->now.ms };
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
	uint32_t most = planned_of(n, inside) ? n->config.sessions_per_host : n->host_limit;

	if (h && h->sessions >= most)
		return REASON_HOST_LIMIT;
	if (slab_used(&n->session_slab) == n->session_slab.capacity)
		return REASON_SESSION_LIMIT;
	return REASON_NONE;
}

/* A worker's part of what is for all together: that of a host, unless the host is one worker's. */
static uint32_t share(const struct nat *n, const struct nat_policy *p, uint32_t whole)
{
	if (nat_policy_is_planned(p))
		return whole;
	return (whole + n->config.workers - 1) / n->config.workers;
}

/* Tokens are thousandths of a session, so that a rate per second fills so many each millisecond. */
static bool take_token(const struct nat *n, const struct nat_policy *p, struct host *h)
{
	uint32_t rate = share(n, p, p->new_per_second);
	uint64_t burst = share(n, p, p->new_burst ? p->new_burst : p->new_per_second) * 1000ull;
	uint64_t passed = n->now.ms - h->filled_ms;
	uint64_t gained = passed < burst / rate + 1 ? passed * rate : burst;

	h->tokens = h->tokens + gained < burst ? h->tokens + gained : burst;
	h->filled_ms = n->now.ms;
	if (h->tokens < 1000)
		return false;
	h->tokens -= 1000;
	return true;
}

enum reason host_admits_opening(struct nat *n, const struct nat_policy *p, be32 inside)
{
	struct tuple key = { .local = inside };
	enum reason r = host_admits(n, inside);
	uint32_t host;

	if (r != REASON_NONE || !p->new_per_second)
		return r;
	host = host_find(n, &key);
	return host == TABLE_NONE || take_token(n, p, &n->hosts[host]) ? REASON_NONE
								       : REASON_RATE_LIMIT;
}

enum reason host_admits_port(const struct nat *n, const struct nat_policy *p, be32 inside)
{
	const struct host *h = host_of(n, inside);

	return p->ports_per_host && h && h->mappings >= share(n, p, p->ports_per_host)
		       ? REASON_PORT_LIMIT
		       : REASON_NONE;
}
