#include "guard_rules.h"

#include <unistd.h>

#include "router/guard.h"
#include "router/nl.h"
#include "router/own.h"

static bool has_type(const struct conf *c, enum io_type type, enum nat_side side)
{
	for (size_t i = 0; i < c->interface_count; i++) {
		if (c->interfaces[i].type == type && c->interfaces[i].side == side)
			return true;
	}
	return false;
}

static bool has_packet(const struct conf *c, enum nat_side side)
{
	return has_type(c, IO_PACKET, side);
}

static void put_devices(FILE *out, const struct conf *c, enum io_type type, enum nat_side side)
{
	for (size_t i = 0; i < c->interface_count; i++) {
		if (c->interfaces[i].type == type && c->interfaces[i].side == side)
			fprintf(out, "\"%s\", ", c->interfaces[i].device);
	}
}

/* By what devices something may be for an address that is shared: an nfqueue interface gives back what
 * is not the NAT's. */
static void put_shared_devices(FILE *out, const struct conf *c)
{
	put_devices(out, c, IO_PACKET, SIDE_INSIDE);
	put_devices(out, c, IO_PACKET, SIDE_OUTSIDE);
	put_devices(out, c, IO_NFQUEUE, SIDE_INSIDE);
	put_devices(out, c, IO_NFQUEUE, SIDE_OUTSIDE);
}

static bool may_share(const struct conf *c)
{
	return has_packet(c, SIDE_INSIDE) || has_packet(c, SIDE_OUTSIDE) ||
	       has_type(c, IO_NFQUEUE, SIDE_INSIDE) || has_type(c, IO_NFQUEUE, SIDE_OUTSIDE);
}

static bool has_pool(const struct conf *c, uint8_t version)
{
	for (size_t i = 0; i < c->nat.pool_count; i++)
		if (conf_pool_address(c, i).version == version)
			return true;
	return false;
}

static void put_pool(FILE *out, const struct conf *c, uint8_t version)
{
	char text[ADDRESS_TEXT];

	for (size_t i = 0; i < c->nat.pool_count; i++) {
		struct address a = conf_pool_address(c, i);

		if (a.version == version)
			fprintf(out, "%s, ", address_format(&a, text));
	}
}

static const char *family_of(uint8_t version)
{
	return version == 4 ? "ip" : "ip6";
}

/* A rule for each outside prefix that stands for an inside one. */
static void put_counterparts(FILE *out, const struct conf *c)
{
	char text[PREFIX_TEXT];
	struct prefix p;

	for (size_t i = 0; i < c->nat.policy_count; i++)
		for (size_t k = 0; own_prefix_at(&c->nat.policies[i], k, &p); k++)
			fprintf(out, "iifname $outside %s daddr %s fib daddr type != local drop\n",
				family_of(p.address.version), prefix_format(&p, text));
}

/* A rule for those ports of a protocol, if there are any. */
static void put_ports(FILE *out, const char *protocol, const struct ports *p, const char *verdict)
{
	struct port_range run;
	unsigned int at = 0;

	if (!ports_next(p, true, &at, &run))
		return;
	fprintf(out, "%s dport { %u-%u", protocol, run.first, run.last);
	while (ports_next(p, true, &at, &run))
		fprintf(out, ", %u-%u", run.first, run.last);
	fprintf(out, " } %s\n", verdict);
}

bool guard_hooks(const struct conf_interface *i)
{
	struct nl_link link = { .bridge = false };
	struct nl *nl;

	if (i->type != IO_PACKET || nl_open(&nl) < 0)
		return false;
	if (nl_link(nl, i->device, &link) < 0)
		link.bridge = false;
	nl_close(nl);
	return link.bridge;
}

/* False: there is none. */
static bool put_bridges(FILE *out, const struct conf *c)
{
	bool some = false;

	for (size_t i = 0; i < c->interface_count; i++) {
		if (!guard_hooks(&c->interfaces[i]))
			continue;
		fprintf(out, "\"%s\", ", c->interfaces[i].device);
		some = true;
	}
	return some;
}

static void put_early(FILE *out, const struct conf *c)
{
	bool inside = has_packet(c, SIDE_INSIDE), outside = has_packet(c, SIDE_OUTSIDE);

	if (inside)
		fprintf(out, "iifname $inside fib daddr type != "
			     "{ local, anycast, broadcast, multicast } drop\n");
	if (outside && has_pool(c, 4))
		fprintf(out, "iifname $outside ip daddr $pool fib daddr type != local drop\n");
	if (outside && has_pool(c, 6))
		fprintf(out, "iifname $outside ip6 daddr $pool6 fib daddr type != local drop\n");
	if (outside)
		put_counterparts(out, c);
	if (outside && inside)
		fprintf(out, "iifname $outside fib daddr oifname $inside drop\n");
}

static void put_prerouting(FILE *out, const struct conf *c, bool bridges)
{
	fprintf(out, "chain prerouting {\ntype filter hook prerouting priority raw\n");
	if (bridges)
		fprintf(out, "iifname $bridges accept\n");
	put_early(out, c);
	fprintf(out, "}\n");
}

static void put_ingress(FILE *out, const struct conf *c, unsigned int generation)
{
	fprintf(out, "table netdev router_%d_%u {\nflags owner\nchain ingress {\n"
		     "type filter hook ingress devices = { ", getpid(), generation);
	put_bridges(out, c);
	fprintf(out, "} priority filter\n");
	put_early(out, c);
	fprintf(out, "}\n}\n");
}

/* when: further conditions. */
static void put_input(FILE *out, const struct conf *c, const struct guard_use *u, const char *when)
{
	/* "socket transparent" looks for a socket; with either value of it, there is one. */
	fprintf(out, "chain shared {\n"
		     "meta l4proto udp socket transparent { 0, 1 } accept\n"
		     "tcp flags & (fin | syn | rst | ack) == syn "
		     "socket transparent { 0, 1 } accept\n"
		     "socket wildcard 1 drop\n"
		     "socket transparent { 0, 1 } accept\n"
		     "drop\n"
		     "}\n"
		     "chain pool {\n");
	put_ports(out, "tcp", &u->tcp_forward, "drop");
	put_ports(out, "udp", &u->udp_forward, "drop");
	put_ports(out, "tcp", &u->tcp, "goto shared");
	put_ports(out, "udp", &u->udp, "goto shared");
	fprintf(out, "}\n"
		     "chain input {\ntype filter hook input priority raw\n");
	if (has_pool(c, 4))
		fprintf(out, "iifname $both %sip daddr $pool jump pool\n", when);
	if (has_pool(c, 6))
		fprintf(out, "iifname $both %sip6 daddr $pool6 jump pool\n", when);
	fprintf(out, "}\n");
}

/* As sender the address of the network asked in, or the first. */
static void put_senders(FILE *out, const struct conf_interface *i)
{
	const struct address *first = NULL;
	char text[ADDRESS_TEXT], network[PREFIX_TEXT];

	for (size_t n = 0; n < i->address_count; n++) {
		const struct address *own = &i->addresses[n].address;
		struct prefix around = prefix_masked(i->addresses[n]);

		if (own->version != 4)
			continue;
		if (!first)
			first = own;
		fprintf(out, "oifname \"%s\" arp operation request arp daddr ip %s "
			     "arp saddr ip set %s accept\n",
			i->device, prefix_format(&around, network), address_format(own, text));
	}
	if (first)
		fprintf(out, "oifname \"%s\" arp operation request arp saddr ip set %s\n",
			i->device, address_format(first, text));
}

static void put_arp(FILE *out, const struct conf *c, unsigned int generation)
{
	for (size_t i = 0; i < c->interface_count; i++) {
		if (!conf_is_ethernet(&c->interfaces[i]) || c->interfaces[i].shares_address)
			continue;
		fprintf(out, "table arp router_%d_%u {\nflags owner\nchain output {\n"
			     "type filter hook output priority filter\n", getpid(), generation);
		put_senders(out, &c->interfaces[i]);
		fprintf(out, "}\n}\n");
	}
}

static void put_definitions(FILE *out, const struct conf *c)
{
	fprintf(out, "define inside = { ");
	put_devices(out, c, IO_PACKET, SIDE_INSIDE);
	fprintf(out, "}\ndefine outside = { ");
	put_devices(out, c, IO_PACKET, SIDE_OUTSIDE);
	fprintf(out, "}\ndefine both = { ");
	put_shared_devices(out, c);
	fprintf(out, "}\ndefine pool = { ");
	put_pool(out, c, 4);
	fprintf(out, "}\ndefine pool6 = { ");
	put_pool(out, c, 6);
	fprintf(out, "}\n");
}

void guard_put_rules(FILE *out, const struct conf *c, const struct guard_use *u, unsigned int generation)
{
	bool bridges;

	put_definitions(out, c);
	fprintf(out, "define bridges = { ");
	bridges = put_bridges(out, c);
	fprintf(out, "}\ntable inet router_%d_%u {\nflags owner\n", getpid(), generation);
	put_prerouting(out, c, bridges);
	if ((has_pool(c, 4) || has_pool(c, 6)) && may_share(c))
		put_input(out, c, u, "");
	fprintf(out, "}\n");
	if (bridges)
		put_ingress(out, c, generation);
	put_arp(out, c, generation);
}

void guard_put_hold(FILE *out, const struct conf *c, const struct guard_use *u, uint32_t number)
{
	put_definitions(out, c);
	fprintf(out, "add table inet router_hold_%08x\ndelete table inet router_hold_%08x\n"
		     "table inet router_hold_%08x {\n"
		     "set held {\ntype nf_proto\nflags timeout\nelements = { ipv4, ipv6 }\n}\n",
		number, number, number);
	put_input(out, c, u, "meta nfproto @held ");
	fprintf(out, "}\n");
}

void guard_put_hold_end(FILE *out, uint32_t number, unsigned int seconds)
{
	fprintf(out, "flush set inet router_hold_%08x held\n"
		     "add element inet router_hold_%08x held { ipv4 timeout %us, ipv6 timeout %us }\n",
		number, number, seconds, seconds);
}
