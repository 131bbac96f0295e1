#include "core.h"

struct nat_config nat_config_default(void)
{
#define DEFAULT(id, key, normal, least, source) [TIMEOUT_##id] = (normal) * 1000u,
	return (struct nat_config){
		.workers = 1,
		.sessions = 262144,
		.sessions_per_host = 4096,
		.fragments = 1024,
		.held_ports = 16384,
		.unsolicited = 256,
		.timeout_ms = { TIMEOUT_LIST(DEFAULT) },
	};
#undef DEFAULT
}

static uint32_t mask_of(uint8_t len)
{
	return len ? ~0u << (32 - len) : 0;
}

static bool prefix_has(const struct nat_policy *p, be32 a)
{
	return ((be32_host(a) ^ be32_host(p->prefix)) & mask_of(p->prefix_len)) == 0;
}

const struct nat_policy *policy_of(const struct nat_config *c, be32 inside)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (prefix_has(&c->policies[i], inside))
			return &c->policies[i];
	return NULL;
}

uint16_t policy_number(const struct nat_config *c, be32 inside)
{
	const struct nat_policy *p = policy_of(c, inside);

	return p ? (uint16_t)(p - c->policies) : NO_POLICY;
}

uint32_t policy_timeout(const struct nat_config *c, uint16_t policy, enum nat_timeout class)
{
	uint32_t own = policy < c->policy_count ? c->policies[policy].timeout_ms[class] : 0;

	return own ? own : c->timeout_ms[class];
}

bool policy_drops_errors(const struct nat_config *c, uint16_t policy)
{
	return policy < c->policy_count && c->policies[policy].drop_icmp_errors;
}

bool policy_is_short(const struct nat_config *c, uint16_t policy, be16 remote_port)
{
	const uint16_t *ports = policy < c->policy_count ? c->policies[policy].short_ports : NULL;

	for (int i = 0; ports && i < NAT_SHORT_PORTS_MOST && ports[i]; i++)
		if (ports[i] == be16_host(remote_port))
			return true;
	return false;
}

bool policy_passes(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	const uint8_t *inside = from == SIDE_INSIDE ? pkt_source(p) : pkt_destination(p);
	const struct nat_policy *found;

	if (!n->passes_some || p->version != 4)
		return false;
	found = policy_of(&n->config, be32_load(inside));
	return found && found->type == NAT_NONE;
}

const struct nat_policy *policy_of_pool(const struct nat_config *c, uint16_t index)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].type == NAT_NAPT44 && index >= c->policies[i].pool_first &&
		    index - c->policies[i].pool_first < c->policies[i].pool_count)
			return &c->policies[i];
	return NULL;
}

uint32_t unsolicited_of_worker(const struct nat_config *c)
{
	return (c->unsolicited + c->workers - 1) / c->workers;
}

/* Pools are short in practice; this is asked when a session begins, not per packet. */
bool pool_has(const struct nat_config *c, be32 address, uint16_t *index)
{
	for (size_t i = 0; i < c->pool_count; i++)
		if (be32_equal(c->pool[i], address)) {
			*index = (uint16_t)i;
			return true;
		}
	return false;
}

uint32_t sessions_of_worker(const struct nat_config *c)
{
	return (c->sessions + c->workers - 1) / c->workers;
}

uint32_t fragments_of_worker(const struct nat_config *c)
{
	return (c->fragments + c->workers - 1) / c->workers;
}
