/* Whether a configuration contradicts itself, whoever made it. */
#include "config_fault6.h"

uint32_t nat_policy_hosts(const struct nat_policy *p)
{
	if (p->prefix_len >= 31)
		return p->prefix_len == 31 ? 2 : 1;
	return (UINT32_MAX >> p->prefix_len) - 1;
}

uint32_t nat_policy_share(const struct nat_policy *p)
{
	uint64_t hosts = nat_policy_hosts(p), width = p->ports.last - p->ports.first + 1u;

	if (!p->pool_count)
		return 0;
	hosts = (hosts + p->pool_count - 1) / p->pool_count;
	return (uint32_t)(width / (hosts + p->dynamic_shares));
}

uint32_t nat_policy_blocks(const struct nat_policy *p)
{
	struct port_range all = nat_block_ports(p);

	return all.last ? (all.last - all.first + 1u) / p->block_size : 0;
}

static const char *range_fault(struct port_range r)
{
	return r.first > r.last ? "port range ends before it begins" : NULL;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_DCCP ||
	       protocol == PROTO_SCTP || protocol == PROTO_UDPLITE;
}

static const char *block_fault(const struct nat_config *c, const struct nat_policy *p)
{
	if (p->block_size < NAT_BLOCK_LEAST || p->block_size > NAT_BLOCK_MOST)
		return "block of less than 16 or more than 4096 ports";
	if (!p->blocks_per_host)
		return "hosts without a block of ports";
	if (!nat_policy_blocks(p))
		return "no whole block in the range of ports";
	return nat_policy_blocks(p) < c->workers ? "fewer blocks of ports than workers" : NULL;
}

/* Another policy that gives ports of the same addresses. */
static bool has_rival(const struct nat_config *c, const struct nat_policy *p)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *other = &c->policies[i];

		if (other != p && nat_type_has_pool(other->type) &&
		    other->pool_first < p->pool_first + p->pool_count &&
		    p->pool_first < other->pool_first + other->pool_count)
			return true;
	}
	return false;
}

/* Ports that belong to hosts before anybody asks. */
static const char *plan_fault(const struct nat_config *c, const struct nat_policy *p)
{
	bool blocks = p->port_selection == NAT_PORT_BLOCK;

	if (!blocks && p->port_selection != NAT_PORT_DETERMINISTIC)
		return NULL;
	if (p->exhausted == NAT_EXHAUSTED_OVERLOAD)
		return "ports of one host shared with others";
	if (p->low_ports.last)
		return "low ports besides ports that belong to hosts";
	if (blocks && p->pooling == NAT_POOLING_ARBITRARY)
		return "blocks of ports with arbitrary pooling";
	if (!blocks && p->pooling != NAT_POOLING_PAIRED)
		return "deterministic ports without paired pooling";
	if (has_rival(c, p))
		return "pool of ports that belong to hosts shared with another policy";
	if (!blocks && !nat_policy_share(p))
		return "deterministic ports for more hosts than the pool has ports";
	return blocks || p->dynamic_shares ? block_fault(c, p) : NULL;
}

static const char *napt_fault(const struct nat_config *c, const struct nat_policy *p)
{
	if (!p->pool_count || (size_t)p->pool_first + p->pool_count > c->pool_count)
		return "policy without a pool";
	if (p->left && (p->pool_count != 1 || p->left > c->pool_count || p->left - 1 == p->pool_first))
		return "address that is left, without a place of its own beside the only other";
	if (!p->ports.last)
		return "policy without ports";
	if (!p->ports.first || (p->low_ports.last && !p->low_ports.first))
		return "port 0 among those to give away";
	if (range_fault(p->ports))
		return range_fault(p->ports);
	if (range_fault(p->low_ports))
		return range_fault(p->low_ports);
	return plan_fault(c, p);
}

static const char *destination_fault(const struct nat_policy *p)
{
	if (p->destination.len > 32)
		return "destination prefix longer than 32 bits";
	if (p->destination.ports.last && !has_ports(p->destination.protocol))
		return "destination ports of a protocol without ports";
	return range_fault(p->destination.ports);
}

static bool in_enums(const struct nat_policy *p)
{
	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		if (p->behaviour[i].mapping > NAT_ADDRESS_PORT_DEPENDENT ||
		    p->behaviour[i].filtering > NAT_ADDRESS_PORT_DEPENDENT)
			return false;
	return p->type <= NAT_SIIT && p->port_selection <= NAT_PORT_DETERMINISTIC &&
	       p->conflict <= NAT_CONFLICT_REFUSE && p->pooling <= NAT_POOLING_SOFT &&
	       p->hairpin <= NAT_HAIRPIN_OFF && p->refresh <= NAT_REFRESH_BOTH &&
	       p->exhausted <= NAT_EXHAUSTED_OVERLOAD && p->unsolicited <= NAT_UNSOLICITED_SILENT &&
	       p->on_address_change <= NAT_CHANGE_MOVE;
}

static bool may_be_independent(const struct nat_policy *p)
{
	return p->behaviour[NAT_CLASS_UDP].mapping == NAT_ENDPOINT_INDEPENDENT &&
	       p->behaviour[NAT_CLASS_TCP].mapping == NAT_ENDPOINT_INDEPENDENT &&
	       p->port_selection < NAT_PORT_BLOCK && !(p->helpers & NAT_HELPER_FTP);
}

/* Whether there are addresses of 240.0.0.0/4 in the prefix: in the NAT such are names (names.h). */
static bool has_names(be32 prefix, uint8_t len)
{
	return len && is_name(be32_from(be32_host(prefix) | (uint32_t)(UINT32_MAX >> (len - 1) >> 1)));
}

static const char *places_fault(const struct nat_policy *p)
{
	if (p->twice.len > 32)
		return "twice NAT of a prefix longer than 32 bits";
	if (has_names(p->twice.seen, p->twice.len) || has_names(p->twice.real, p->twice.len) ||
	    (p->type == NAT_ONE_TO_ONE && p->version != 6 && has_names(p->translated, p->prefix_len)))
		return "translation to or from reserved addresses";
	return NULL;
}

static const char *policy_fault(const struct nat_config *c, const struct nat_policy *p)
{
	const char *fault;

	if (p->version != 6 && p->prefix_len > 32)
		return "inside prefix longer than 32 bits";
	if (!in_enums(p))
		return "behaviour that there is not";
	if (p->protocol_independent && !may_be_independent(p))
		return "mappings for all protocols that depend on the remote endpoint, on a plan or with FTP help";
	fault = places_fault(p);
	if (fault)
		return fault;
	if (p->new_per_second && !p->new_burst)
		return "rate of new sessions without a burst";
	for (size_t i = 0; i < TIMEOUT_COUNT; i++)
		if (p->timeout_ms[i] > TIMEOUT_MOST_S * 1000u)
			return "timeout above ten days";
	fault = policy_fault6(p);
	if (!fault && p->type == NAT_NONE)
		fault = destination_fault(p);
	if (!fault && nat_type_has_pool(p->type))
		fault = napt_fault(c, p);
	return fault ? fault : pool_fault6(c, p);
}

static const char *forward_ports_fault(const struct nat_forward *f)
{
	if (!has_ports(f->protocol))
		return f->first || f->last != UINT16_MAX || f->internal_first
			       ? "forward with ports of a protocol without ports" : NULL;
	if (!f->first || f->first > f->last || !f->internal_first)
		return "forward with an impossible port range";
	if (f->internal_first + (f->last - f->first) > 65535)
		return "forward beyond inside port 65535";
	/* Its CRC32c covers the ports. */
	if (f->protocol == PROTO_SCTP && f->internal_first != f->first)
		return "forward that changes ports of SCTP";
	return NULL;
}

static bool same_external(const struct nat_forward *a, const struct nat_forward *b)
{
	return a->protocol == b->protocol && be32_equal(a->external, b->external) &&
	       a->first == b->first && a->last == b->last;
}

/* The rows of one forward with several targets: left is how many there are from f on. */
static const char *group_fault(const struct nat_forward *f, size_t left)
{
	if (f->targets < 2 || f->targets > left)
		return "forward with fewer targets than it says";
	for (size_t i = 0; i < f->targets; i++) {
		if (!f[i].grouped || (i && f[i].targets) || !same_external(f, &f[i]))
			return "targets that do not belong to one forward";
		if (!f[i].weight)
			return "target of a forward without weight";
	}
	return NULL;
}

static const char *forward_fault(const struct nat_config *c, const struct nat_forward *f)
{
	if (!f->protocol || f->protocol == PROTO_ICMP)
		return "forward of ICMP";
	return forward_ports_fault(f) ? forward_ports_fault(f) : forward_fault6(c, f);
}

static const char *forwards_fault(const struct nat_config *c)
{
	const struct nat_forward *f = c->forwards;
	const char *fault = NULL;

	for (size_t i = 0; !fault && i < c->forward_count; i++)
		fault = forward_fault(c, &f[i]);
	for (size_t i = 0; !fault && i < c->forward_count; i += f[i].grouped ? f[i].targets : 1)
		fault = f[i].grouped ? group_fault(&f[i], c->forward_count - i) : NULL;
	return fault;
}

static const char *size_fault(const struct nat_config *c)
{
	if (!c->workers || c->workers > NAT_WORKERS_MOST || c->worker >= c->workers)
		return "number of workers";
	if (!c->sessions || c->sessions > 1u << 28)
		return "number of sessions";
	if (c->half_open > c->sessions)
		return "number of half-open sessions";
	if (c->fragments > 1u << 20)
		return "number of fragmented datagrams";
	if (c->events > 1u << 20)
		return "number of events";
	if (c->held_ports > 1u << 24)
		return "number of held ports";
	if (c->unsolicited > 1u << 12)
		return "number of unsolicited SYNs";
	if (c->policy_count > NAT_POLICIES_MOST)
		return "too many policies";
	if (c->pool_count > NAT_POOL_MOST)
		return "pool too large";
	if (c->forward_count > NAT_FORWARDS_MOST)
		return "too many forwards";
	return NULL;
}

static bool is_reserved(be32 a)
{
	return is_name(a) && !nat_is_v6_beside(a);
}

static const char *addresses_fault(const struct nat_config *c)
{
	for (size_t i = 0; i < c->pool_count; i++)
		if (is_reserved(c->pool[i]))
			return "reserved address in a pool";
	for (size_t i = 0; i < c->forward_count; i++)
		if (is_reserved(c->forwards[i].external) || is_reserved(c->forwards[i].internal) ||
		    is_name(c->forwards[i].source))
			return "forward of a reserved address";
	return NULL;
}

const char *nat_config_fault(const struct nat_config *c)
{
	const char *fault = size_fault(c);

	fault = fault ? fault : addresses_fault(c);
	for (size_t i = 0; !fault && i < TIMEOUT_COUNT; i++)
		if (!c->timeout_ms[i] || c->timeout_ms[i] > TIMEOUT_MOST_S * 1000u)
			fault = "timeout of nothing or above ten days";
	for (size_t i = 0; !fault && i < c->policy_count; i++)
		fault = policy_fault(c, &c->policies[i]);
	fault = fault ? fault : policies_fault6(c);
	return fault ? fault : forwards_fault(c);
}
