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

static const char *range_fault(struct port_range r)
{
	return r.first > r.last ? "port range ends before it begins" : NULL;
}

static const char *policy_fault(const struct nat_config *c, const struct nat_policy *p)
{
	if (p->prefix_len > 32)
		return "inside prefix longer than 32 bits";
	if (p->type == NAT_NONE)
		return NULL;
	if (!p->pool_count || (size_t)p->pool_first + p->pool_count > c->pool_count)
		return "policy without a pool";
	if (!p->ports.last)
		return "policy without ports";
	if (range_fault(p->ports))
		return range_fault(p->ports);
	return range_fault(p->low_ports);
}

static const char *forward_fault(const struct nat_forward *f)
{
	if (f->protocol != PROTO_TCP && f->protocol != PROTO_UDP)
		return "forward of a protocol without ports";
	if (!f->first || f->first > f->last || !f->internal_first)
		return "forward with an impossible port range";
	if (f->internal_first + (f->last - f->first) > 65535)
		return "forward beyond inside port 65535";
	return NULL;
}

static const char *size_fault(const struct nat_config *c)
{
	if (!c->workers || c->workers > NAT_WORKERS_MOST || c->worker >= c->workers)
		return "number of workers";
	if (!c->sessions || c->sessions > 1u << 28)
		return "number of sessions";
	if (c->fragments > 1u << 20)
		return "number of fragmented datagrams";
	if (c->events > 1u << 20)
		return "number of events";
	if (c->held_ports > 1u << 24)
		return "number of held ports";
	if (c->unsolicited > 1u << 16)
		return "number of unsolicited SYNs";
	if (c->policy_count > NAT_POLICIES_MOST)
		return "too many policies";
	if (c->pool_count > NAT_POOL_MOST)
		return "pool too large";
	if (c->forward_count > NAT_FORWARDS_MOST)
		return "too many forwards";
	return NULL;
}

const char *nat_config_fault(const struct nat_config *c)
{
	const char *fault = size_fault(c);

	for (size_t i = 0; !fault && i < TIMEOUT_COUNT; i++)
		if (!c->timeout_ms[i] || c->timeout_ms[i] > TIMEOUT_MOST_S * 1000u)
			fault = "timeout of nothing or above ten days";
	for (size_t i = 0; !fault && i < c->policy_count; i++)
		fault = policy_fault(c, &c->policies[i]);
	for (size_t i = 0; !fault && i < c->forward_count; i++)
		fault = forward_fault(&c->forwards[i]);
	return fault;
}
