/*
 * Whether a pool is large enough for ports that belong to hosts.
 *
 * RFC 7422 section 2, in its letters: I hosts on O addresses are C = I / O per address; each has
 * R = ports / (C + D) of its own, D shares are for all, in blocks. Where there are blocks only, every
 * host must be able to have one. A block belongs to one worker.
 */
#include "conf_read.h"

static uint32_t divide_up(uint32_t a, uint32_t b)
{
	return a / b + (a % b != 0);
}

static void check_shares(const struct section *s, const struct nat_policy *p)
{
	uint32_t hosts = nat_policy_hosts(p), share = nat_policy_share(p);
	uint32_t width = p->ports.last - p->ports.first + 1u, most = width / NAT_BLOCK_LEAST;

	if (share >= NAT_BLOCK_LEAST)
		return;
	if (most <= p->dynamic_shares)
		reader_fault(s->r, section_line(s, "dynamic_shares"),
			     "nat.dynamic_shares = %u leaves nothing for hosts: %u ports are %u "
			     "shares of %d; fewer of them, or more ports", p->dynamic_shares, width,
			     most, NAT_BLOCK_LEAST);
	else
		reader_fault(s->r, section_line(s, "pool"),
			     "nat.pool is too small for deterministic ports: %u hosts on %u "
			     "addresses with %u dynamic_shares have %u of %u ports each; at least "
			     "%u addresses, for %d each", hosts, p->pool_count, p->dynamic_shares,
			     share, width, divide_up(hosts, most - p->dynamic_shares),
			     NAT_BLOCK_LEAST);
}

static void check_blocks(const struct section *s, const struct nat_policy *p)
{
	uint32_t hosts = nat_policy_hosts(p), blocks = nat_policy_blocks(p);
	uint16_t workers = s->r->conf->workers;

	if (blocks < workers)
		reader_fault(s->r, section_line(s, "block_size"),
			     "nat.block_size = %u is too large: %u blocks for %u workers; smaller "
			     "blocks, or more ports for them", p->block_size, blocks, workers);
	else if (p->port_selection == NAT_PORT_BLOCK && p->version != 6 && hosts > (uint64_t)blocks * p->pool_count)
		reader_fault(s->r, section_line(s, "pool"),
			     "nat.pool is too small for blocks of ports: %u hosts, and %u addresses "
			     "with %u blocks of %u ports each; at least %u addresses", hosts,
			     p->pool_count, blocks, p->block_size, divide_up(hosts, blocks));
}

void conf_check_plan(const struct section *s, const struct nat_policy *p)
{
	bool deterministic = p->version != 6 && p->port_selection == NAT_PORT_DETERMINISTIC;

	if (!conf_has_ports(p) || p->prefix_len > 32 || !p->pool_count || !p->ports.last)
		return;
	if (deterministic)
		check_shares(s, p);
	if (p->port_selection == NAT_PORT_BLOCK ||
	    (deterministic && p->dynamic_shares && nat_policy_share(p) >= NAT_BLOCK_LEAST))
		check_blocks(s, p);
}
