#include "core.h"

enum { DCCP_FIREWALL_MS = 480000 };

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

static bool prefix_covers(be32 prefix, uint8_t len, be32 a)
{
	return ((be32_host(a) ^ be32_host(prefix)) & mask_of(len)) == 0;
}

static bool prefix_has(const struct nat_policy *p, be32 a)
{
	return p->version != 6 && prefix_covers(p->prefix, p->prefix_len, a);
}

/* The same place in another prefix. */
static be32 moved(be32 a, be32 to, uint8_t len)
{
	uint32_t mask = mask_of(len);

	return be32_from((be32_host(to) & mask) | (be32_host(a) & ~mask));
}

be32 policy_far(const struct nat_policy *p, be32 remote, enum nat_side side)
{
	be32 from = side == SIDE_OUTSIDE ? p->twice.seen : p->twice.real;
	be32 to = side == SIDE_OUTSIDE ? p->twice.real : p->twice.seen;

	if (!p->twice.len || !prefix_covers(from, p->twice.len, remote))
		return remote;
	return moved(remote, to, p->twice.len);
}

/* 0: nobody has spoken of that yet. */
static be32 name_moved(const struct nat *n, be32 a, const struct ip6_prefix *to)
{
	struct ip6 there = ip6_joined(&to->address, to->len, name_address(n, a));

	return name_find(n, &there);
}

be32 policy_one_to_one(const struct nat *n, const struct nat_policy *p, be32 inside)
{
	if (p->version == 6)
		return name_moved(n, inside, &p->v6.translated);
	return moved(inside, p->translated, p->prefix_len);
}

const struct nat_policy *policy_of_outside6(const struct nat *n, const struct ip6 *outside)
{
	for (size_t i = 0; n->one_to_one && i < n->config.policy_count; i++) {
		const struct nat_policy *p = &n->config.policies[i];
		struct ip6 inside = ip6_joined(&p->v6.match.address, p->v6.match.len, outside);

		if (p->type == NAT_ONE_TO_ONE && p->version == 6 &&
		    ip6_prefix_has(&p->v6.translated, outside) &&
		    policy_of6(&n->config, &inside, false) == p)
			return p;
	}
	return NULL;
}

static const struct nat_policy *policy_of_outside4(const struct nat_config *c, be32 outside, be32 *inside)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (p->type != NAT_ONE_TO_ONE || p->version == 6 ||
		    !prefix_covers(p->translated, p->prefix_len, outside))
			continue;
		*inside = moved(outside, p->prefix, p->prefix_len);
		if (policy_of4(c, *inside) == p)
			return p;
	}
	return NULL;
}

const struct nat_policy *policy_of_outside(const struct nat *n, be32 outside, be32 *inside)
{
	const struct nat_policy *p;

	if (!is_name(outside))
		return policy_of_outside4(&n->config, outside, inside);
	p = policy_of_outside6(n, name_address(n, outside));
	if (p)
		*inside = name_moved(n, outside, &p->v6.match);
	return p;
}

/* An entry that is about some destinations only. */
static bool is_exception(const struct nat_policy *p)
{
	return p->destination.len || p->destination.protocol || p->destination.ports.last;
}

const struct nat_policy *policy_of4(const struct nat_config *c, be32 inside)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (!is_exception(p) && !nat_type_is_stateless(p->type) && prefix_has(p, inside))
			return p;
	}
	return NULL;
}

const struct nat_policy *policy_of6(const struct nat_config *c, const struct ip6 *inside, bool to_v4)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (p->version == 6 && !nat_type_is_stateless(p->type) &&
		    (p->type == NAT_NONE || (p->type == NAT_NAT64) == to_v4) && ip6_prefix_has(&p->v6.match, inside))
			return p;
	}
	return NULL;
}

const struct nat_policy *policy_of(const struct nat *n, be32 inside, be32 far)
{
	return is_name(inside) ? policy_of6(&n->config, name_address(n, inside), !is_name(far))
			       : policy_of4(&n->config, inside);
}

uint16_t policy_number(const struct nat *n, be32 inside, be32 far)
{
	const struct nat_policy *p = policy_of(n, inside, far);

	return p ? (uint16_t)(p - n->config.policies) : NO_POLICY;
}

uint32_t policy_timeout(const struct nat_config *c, uint16_t policy, enum nat_timeout class)
{
	const struct nat_policy *p = policy < c->policy_count ? &c->policies[policy] : NULL;
	uint32_t all = c->timeout_ms[class];

	if (p && p->timeout_ms[class])
		return p->timeout_ms[class];
	/* RFC 6092 REC-44. */
	if (p && p->type == NAT_FIREWALL && class == TIMEOUT_DCCP_TRANSITORY && all < DCCP_FIREWALL_MS)
		return DCCP_FIREWALL_MS;
	return all;
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

/* The remote port, of a datagram that has or is known to have ports. */
static bool port_fits(const struct nat_policy *p, const struct pkt *d, enum nat_side from)
{
	struct port_range range = p->destination.ports;
	struct tuple t;

	if (!range.last)
		return true;
	if (tuple_of(&t, d, from) != REASON_NONE)
		return false;
	return be16_host(t.remote_port) >= range.first && be16_host(t.remote_port) <= range.last;
}

static bool excepts(const struct nat_policy *p, const struct pkt *d, enum nat_side from)
{
	const uint8_t *remote = from == SIDE_INSIDE ? pkt_destination(d) : pkt_source(d);

	return prefix_covers(p->destination.prefix, p->destination.len, be32_load(remote)) &&
	       (!p->destination.protocol || p->destination.protocol == d->protocol) &&
	       port_fits(p, d, from);
}

bool policy_passes(const struct nat *n, const struct pkt *d, enum nat_side from)
{
	be32 inside = be32_load(from == SIDE_INSIDE ? pkt_source(d) : pkt_destination(d));

	if (!n->passes_some || d->version != 4)
		return false;
	for (size_t i = 0; i < n->config.policy_count; i++) {
		const struct nat_policy *p = &n->config.policies[i];

		if (!prefix_has(p, inside))
			continue;
		if (!is_exception(p))
			return p->type == NAT_NONE;
		if (excepts(p, d, from))
			return true;
	}
	return false;
}

bool policy_has_place(const struct nat_policy *p, uint16_t index)
{
	return nat_type_has_pool(p->type) &&
	       (index + 1 == p->left ||
		(index >= p->pool_first && index - p->pool_first < p->pool_count));
}

const struct nat_policy *policy_of_pool(const struct nat_config *c, uint16_t index)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (policy_has_place(&c->policies[i], index))
			return &c->policies[i];
	return NULL;
}

uint32_t unsolicited_of_worker(const struct nat_config *c)
{
	return nat_config_part(c, c->unsolicited);
}

bool is_outside_address(const struct nat *n, be32 address)
{
	uint16_t index;
	be32 inside;

	return pool_has(n, address, &index) ||
	       (n->one_to_one && policy_of_outside(n, address, &inside));
}

uint32_t sessions_of_worker(const struct nat_config *c)
{
	return nat_config_part(c, c->sessions);
}

uint32_t fragments_of_worker(const struct nat_config *c)
{
	return nat_config_part(c, c->fragments);
}
