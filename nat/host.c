/* Inside hosts: who has sessions, and how many. */
#include "core.h"

enum { SESSION_COST = 1000 };

static uint32_t host_find(const struct nat *n, const struct tuple *key)
{
	return table_find(&n->hosts_by, hash_known(&n->hash, &n->hashes->host, key), key);
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
	if (table_insert(&n->hosts_by, hash_known(&n->hash, &n->hashes->host, &key), host))
		return host;
	slab_give(&n->host_slab, host);
	return SLAB_NONE;
}

void host_drop_unused(struct nat *n, uint32_t host)
{
	struct host *h = &n->hosts[host];

	if (h->sessions)
		return;
	table_remove(&n->hosts_by, hash_known(&n->hash, &n->hashes->host, &h->key), host);
	slab_give(&n->host_slab, host);
}

static uint32_t limit_of(const struct nat *n, be32 inside, be32 far)
{
	return planned_of(n, inside, far) ? n->config.sessions_per_host : n->host_limit;
}

static enum reason admits(const struct nat *n, be32 inside, uint32_t most)
{
	const struct host *h = host_of(n, inside);

	if (h && h->sessions >= most)
		return REASON_HOST_LIMIT;
	if (slab_used(&n->session_slab) == n->session_slab.capacity)
		return REASON_SESSION_LIMIT;
	return REASON_NONE;
}

enum reason host_admits(const struct nat *n, be32 inside, be32 far)
{
	return admits(n, inside, limit_of(n, inside, far));
}

enum reason host_admits_stranger(const struct nat *n, be32 inside, const struct tuple *t)
{
	uint32_t most = limit_of(n, inside, t->local);

	return admits(n, inside, nat_class_of(t->protocol) == NAT_CLASS_TCP ? most : most - most / 4);
}

/* A worker's part of what is for all together: that of a host, unless the host is one worker's. */
static uint32_t share(const struct nat *n, const struct nat_policy *p, uint32_t whole)
{
	return nat_policy_is_planned(p) ? whole : nat_config_part(&n->config, whole);
}

/* In thousandths of a session, so that a rate per second pays for so many each millisecond. */
static uint64_t still_spent(const struct nat *n, const struct nat_policy *p, const struct host *h)
{
	uint64_t rate = share(n, p, p->new_per_second), passed = n->now.ms - h->spent_ms;

	return passed > h->spent / rate ? 0 : h->spent - passed * rate;
}

enum reason host_admits_opening(const struct nat *n, const struct nat_policy *p, be32 inside)
{
	enum reason r = host_admits(n, inside, p->type == NAT_NAT64 ? (be32){ 0 } : inside);
	const struct host *h;

	if (r != REASON_NONE || !p->new_per_second)
		return r;
	h = host_of(n, inside);
	if (!h)
		return REASON_NONE;
	return still_spent(n, p, h) + SESSION_COST > share(n, p, p->new_burst) * (uint64_t)SESSION_COST
		       ? REASON_RATE_LIMIT
		       : REASON_NONE;
}

void host_note_opening(struct nat *n, const struct session *s)
{
	struct host *h = &n->hosts[n->mappings[s->mapping].host];
	const struct nat_policy *p = &n->config.policies[s->policy];

	if (!p->new_per_second)
		return;
	h->spent = still_spent(n, p, h) + SESSION_COST;
	h->spent_ms = n->now.ms;
}

enum reason host_admits_port(const struct nat *n, const struct nat_policy *p, be32 inside)
{
	const struct host *h = p->ports_per_host ? host_of(n, inside) : NULL;

	return h && h->mappings >= share(n, p, p->ports_per_host)
		       ? REASON_PORT_LIMIT
		       : REASON_NONE;
}
