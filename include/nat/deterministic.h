/*
 * Which ports belong to whom before anybody asks, and which are given in blocks.
 *
 * Sources  RFC 7422 section 2 (deterministic ports), RFC 6888 REQ-14 (blocks).
 * Shape    The hosts of a deterministic policy's prefix are numbered, without its network and
 *          broadcast address; so are the shares of its outside addresses, as many of each as there
 *          are hosts per address. Host and share of one number belong together. What of the ports
 *          is no share is given in blocks, which begin at multiples of their size.
 * Promise  Nothing but the policy and the pool decides: nat_share_of() and nat_share_at() are each
 *          other's inverse, by any configuration that has no fault.
 * Errors   False: nobody's.
 */
#ifndef NAT_DETERMINISTIC_H
#define NAT_DETERMINISTIC_H

#include "nat/config.h"

/* What one inside host has. policy: that translates it, or has the outside address, also when it
 * gives no share; NULL: none. */
struct nat_share {
	const struct nat_policy *policy;
	be32 inside, outside;
	struct port_range ports;
};

/* The share of an inside address by the policy that translates it; whose share an outside endpoint
 * is in. */
bool nat_share_of(const struct nat_config *c, be32 inside, struct nat_share *share);
bool nat_share_at(const struct nat_config *c, struct endpoint outside, struct nat_share *share);

/* Whether ports of a policy belong to hosts: blocks or deterministic ones. The outside addresses are
 * IPv4's. */
static inline bool nat_policy_is_planned(const struct nat_policy *p)
{
	if (p->port_selection == NAT_PORT_BLOCK)
		return p->type == NAT_NAPT44 || p->type == NAT_NAT64;
	return p->type == NAT_NAPT44 && p->port_selection == NAT_PORT_DETERMINISTIC;
}

/* The ports of each address that are given in blocks, whole ones; none if last is 0. */
struct port_range nat_block_ports(const struct nat_policy *p);

/* The most ports that one host can have (M of RFC 7422 section 4). */
uint32_t nat_ports_most(const struct nat_policy *p);

/* The same for a policy and an address by its number in the pool. */
bool nat_policy_share_of(const struct nat_policy *p, be32 inside, uint16_t *address,
			 struct port_range *ports);
bool nat_policy_share_at(const struct nat_policy *p, uint16_t address, uint16_t port, be32 *inside);

#endif
