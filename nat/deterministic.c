#include "nat/deterministic.h"

#include "core.h"

static uint32_t first_host(const struct nat_policy *p)
{
	uint32_t network = be32_host(p->prefix) & (uint32_t)(0xffffffff00000000 >> p->prefix_len);

	return p->prefix_len < 31 ? network + 1 : network;
}

static uint32_t hosts_per_address(const struct nat_policy *p)
{
	uint32_t hosts = nat_policy_hosts(p);

	return hosts / p->pool_count + (hosts % p->pool_count != 0);
}

bool nat_policy_share_of(const struct nat_policy *p, be32 inside, uint16_t *address,
			 struct port_range *ports)
{
	uint32_t host = be32_host(inside) - first_host(p);
	uint32_t per_address, size, first;

	if (p->port_selection != NAT_PORT_DETERMINISTIC || host >= nat_policy_hosts(p))
		return false;
	per_address = hosts_per_address(p);
	size = nat_policy_share(p);
	first = p->ports.first + host % per_address * size;
	*address = (uint16_t)(p->pool_first + host / per_address);
	*ports = (struct port_range){ (uint16_t)first, (uint16_t)(first + size - 1) };
	return true;
}

bool nat_policy_share_at(const struct nat_policy *p, uint16_t address, uint16_t port, be32 *inside)
{
	uint16_t at = address + 1 == p->left ? p->pool_first : address;
	uint32_t per_address, number, host;

	if (p->port_selection != NAT_PORT_DETERMINISTIC || port < p->ports.first ||
	    port > p->ports.last)
		return false;
	per_address = hosts_per_address(p);
	number = (uint32_t)(port - p->ports.first) / nat_policy_share(p);
	host = (uint32_t)(at - p->pool_first) * per_address + number;
	*inside = be32_from(first_host(p) + host);
	return number < per_address && host < nat_policy_hosts(p);
}

bool nat_share_of(const struct nat_config *c, be32 inside, struct nat_share *share)
{
	const struct nat_policy *p = policy_of4(c, inside);
	uint16_t address;

	share->policy = p;
	if (!p || !nat_policy_is_planned(p) ||
	    !nat_policy_share_of(p, inside, &address, &share->ports))
		return false;
	share->inside = inside;
	share->outside = c->pool[address];
	return true;
}

/* The policy that has the address; its number in the pool. */
static const struct nat_policy *holder(const struct nat_config *c, be32 outside, uint16_t *address)
{
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		for (uint32_t k = 0; p->type == NAT_NAPT44 && k < p->pool_count; k++)
			if (be32_equal(c->pool[p->pool_first + k], outside)) {
				*address = (uint16_t)(p->pool_first + k);
				return p;
			}
	}
	return NULL;
}

/* A host that an earlier policy takes out of the prefix has no share. */
bool nat_share_at(const struct nat_config *c, struct endpoint outside, struct nat_share *share)
{
	uint16_t address = 0;
	const struct nat_policy *p = holder(c, outside.address, &address);
	be32 inside;

	share->policy = p;
	return p && nat_policy_share_at(p, address, be16_host(outside.port), &inside) &&
	       policy_of4(c, inside) == p && nat_share_of(c, inside, share);
}

struct port_range nat_block_ports(const struct nat_policy *p)
{
	uint32_t first = p->ports.first, end = p->ports.last + 1u, size = p->block_size;

	if (!size)
		return (struct port_range){ 0, 0 };
	if (p->port_selection == NAT_PORT_DETERMINISTIC)
		first += hosts_per_address(p) * nat_policy_share(p);
	first = (first + size - 1) / size * size;
	end = end / size * size;
	if (first >= end || (p->port_selection == NAT_PORT_DETERMINISTIC && !p->dynamic_shares))
		return (struct port_range){ 0, 0 };
	return (struct port_range){ (uint16_t)first, (uint16_t)(end - 1) };
}

uint32_t nat_ports_most(const struct nat_policy *p)
{
	uint32_t most = nat_block_ports(p).last ? (uint32_t)p->blocks_per_host * p->block_size : 0;

	if (p->port_selection == NAT_PORT_DETERMINISTIC)
		most += nat_policy_share(p);
	return p->ports_per_host && p->ports_per_host < most ? p->ports_per_host : most;
}
