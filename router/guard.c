/*
 * AF_PACKET hands us a copy; the datagram itself goes on into the kernel, which would answer an
 * unknown segment with a reset, an unknown UDP port with an error, and forward what is not for
 * itself. Two chains stop that:
 *
 * prerouting	What comes in by an inside device is ours to route, unless it is for the host itself.
 *		What comes in by an outside device is ours if it is for a pool address that the host
 *		does not have, for one that stands for an inside host, or for what lies behind an
 *		inside device.
 * ingress	The same for bridges, later: where br_netfilter is on, as with Docker, prerouting comes
 *		to what a bridge receives before it has, and nobody else would see it.
 * input	At an address that the host has, the ports of the NAT are shared. Forwarded ports are
 *		always ours. Of the others the host gets what belongs to one of its sockets: to a
 *		connection or, if it is a SYN or a UDP datagram, to a listener. A listener would
 *		reset anything else. All this not earlier than here, because replies to connections
 *		that the kernel itself masquerades have left for their real destination by now.
 *
 * The kernel asks for our neighbours, in whatever name it finds: where it has no address, in that of
 * another device, which shows what is inside and may not be answered. A chain of an ARP table puts
 * in an address of ours.
 *
 * So that a socket and a mapping do not meet by chance, the kernel is told to choose ports that are
 * not the NAT's.
 *
 * The tables are owned by their netlink socket: nobody else changes or flushes them, and the kernel
 * removes them when the process ends, in whatever way.
 */
#include "router/guard.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <nftables/libnftables.h>

#include "guard_ports.h"
#include "io_backend.h"
#include "router/nl.h"
#include "router/own.h"

struct guard {
	struct nft_ctx *nft;	 /* holds the tables */
	unsigned int generation; /* of the tables; part of their name */
	struct host_ports host_ports;
};

/* What the NAT uses, by protocol: for mappings, for static forwards. */
struct use {
	struct ports tcp, udp, tcp_forward, udp_forward, all;
};

/* Whether the host has one of the addresses; that a socket may be bound to it does not tell
 * (ip_nonlocal_bind). */
static bool is_shared(const struct conf *c, size_t first, size_t count)
{
	struct nl *nl;
	bool shared = false;

	if (nl_open(&nl) < 0)
		return true;
	for (size_t i = 0; i < count && !shared; i++) {
		struct address a = conf_pool_address(c, first + i);

		shared = a.version && nl_is_local(nl, &a);
	}
	nl_close(nl);
	return shared;
}

/* What the host's own connections must leave alone: ports of addresses that are the host's, too. */
static void use_of_host(struct use *u, const struct conf *c)
{
	for (size_t i = 0; i < c->nat.policy_count; i++) {
		const struct nat_policy *p = &c->nat.policies[i];

		if (!conf_has_ports(p) || !is_shared(c, p->pool_first, p->pool_count))
			continue;
		ports_add(&u->all, p->ports.first, p->ports.last);
		ports_add(&u->all, p->low_ports.first, p->low_ports.last);
	}
}

/* A host behind a firewall has its own ports. */
static bool is_pinhole(const struct nat_forward *f)
{
	return nat_is_v6_beside(f->external) && ip6_equal(&f->external6, &f->internal6);
}

static void use_of(struct use *u, const struct conf *c)
{
	for (size_t i = 0; i < c->nat.policy_count; i++) {
		const struct nat_policy *p = &c->nat.policies[i];

		if (!conf_has_ports(p))
			continue;
		ports_add(&u->tcp, p->ports.first, p->ports.last);
		ports_add(&u->tcp, p->low_ports.first, p->low_ports.last);
	}
	u->udp = u->tcp;
	use_of_host(u, c);
	for (size_t i = 0; i < c->nat.forward_count; i++) {
		const struct nat_forward *f = &c->nat.forwards[i];

		if (is_pinhole(f))
			continue;
		ports_add(f->protocol == PROTO_TCP ? &u->tcp_forward : &u->udp_forward, f->first,
			  f->last);
		ports_add(&u->all, f->first, f->last);
	}
}

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

static void put_input(FILE *out, const struct conf *c, const struct use *u)
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
		fprintf(out, "iifname $both ip daddr $pool jump pool\n");
	if (has_pool(c, 6))
		fprintf(out, "iifname $both ip6 daddr $pool6 jump pool\n");
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

static void put_rules(FILE *out, const struct conf *c, const struct use *u, unsigned int generation)
{
	bool bridges;

	fprintf(out, "define bridges = { ");
	bridges = put_bridges(out, c);
	fprintf(out, "}\ndefine inside = { ");
	put_devices(out, c, IO_PACKET, SIDE_INSIDE);
	fprintf(out, "}\ndefine outside = { ");
	put_devices(out, c, IO_PACKET, SIDE_OUTSIDE);
	fprintf(out, "}\ndefine both = { ");
	put_shared_devices(out, c);
	fprintf(out, "}\ndefine pool = { ");
	put_pool(out, c, 4);
	fprintf(out, "}\ndefine pool6 = { ");
	put_pool(out, c, 6);
	fprintf(out, "}\ntable inet router_%d_%u {\nflags owner\n", getpid(), generation);
	put_prerouting(out, c, bridges);
	if ((has_pool(c, 4) || has_pool(c, 6)) && may_share(c))
		put_input(out, c, u);
	fprintf(out, "}\n");
	if (bridges)
		put_ingress(out, c, generation);
	put_arp(out, c, generation);
}

/* The rules as text, for the caller to free. */
static char *rules_of(const struct conf *c, const struct use *u, unsigned int generation)
{
	char *rules = NULL;
	size_t len;
	FILE *out = open_memstream(&rules, &len);

	if (!out)
		return NULL;
	put_rules(out, c, u, generation);
	fclose(out);
	return rules;
}

/* Whether somebody else has a table of the name that ours is to have. */
static bool is_taken(struct nft_ctx *nft, const char *family, unsigned int generation)
{
	char command[64];

	snprintf(command, sizeof(command), "list table %s router_%d_%u", family, getpid(), generation);
	return nft_run_cmd_from_buffer(nft, command) == 0;
}

static int refuse_rules(struct nft_ctx *nft, unsigned int generation, struct io_error *error)
{
	static const char *const families[] = { "inet", "netdev", "arp" };
	const char *text = nft_ctx_get_error_buffer(nft);

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (is_taken(nft, families[i], generation))
			return io_refuse(error, -EEXIST, "guard: there is an nftables table that is "
					 "not ours: nft delete table %s router_%d_%u", families[i],
					 getpid(), generation);
	if (!*text)
		text = strerror(errno);
	return io_refuse(error, -EOPNOTSUPP,
			 "guard: nftables says \"%.*s\": run as root, with the kernel's nf_tables, "
			 "nft_fib_inet, nft_fib_netdev and nft_socket",
			 (int)strcspn(text, "\n"), text);
}

/* A new table, and only then the old one's end: for a moment both are in force. */
static int install_rules(struct guard *g, const struct conf *c, const struct use *u,
			 struct io_error *error)
{
	char *rules = rules_of(c, u, g->generation + 1);
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	int r = 0;

	if (!rules || !nft) {
		r = io_refuse(error, -ENOMEM, "guard: out of memory");
	} else {
		nft_ctx_buffer_error(nft);
		nft_ctx_buffer_output(nft);
		if (nft_run_cmd_from_buffer(nft, rules) != 0)
			r = refuse_rules(nft, g->generation + 1, error);
	}
	free(rules);
	if (r == 0) {
		struct nft_ctx *was = g->nft;

		g->nft = nft;
		g->generation++;
		nft = was;
	}
	if (nft)
		nft_ctx_free(nft);
	return r;
}

/* libnftables would tell, but on standard error. */
static bool is_privileged(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[2] = { { 0 } };

	return syscall(SYS_capget, &header, has) == 0 && has[0].effective & 1u << CAP_NET_ADMIN;
}

int guard_update(struct guard *g, const struct conf *c, struct io_error *error)
{
	struct use *u;
	int r = 0;

	if (!g)
		return 0;
	u = calloc(1, sizeof(*u));
	if (!u)
		return io_refuse(error, -ENOMEM, "guard: out of memory");
	use_of(u, c);
	if (is_shared(c, 0, c->nat.pool_count))
		r = host_ports_move(&g->host_ports, &u->all, error);
	else
		host_ports_restore(&g->host_ports);
	if (r == 0)
		r = install_rules(g, c, u, error);
	free(u);
	return r;
}

static bool has_device(const struct conf *c)
{
	for (size_t i = 0; i < c->interface_count; i++)
		if (guard_is_for(&c->interfaces[i]))
			return true;
	return false;
}

int guard_install(struct guard **guard, const struct conf *c, struct io_error *error)
{
	struct guard *g;
	int r;

	*guard = NULL;
	if (!has_device(c))
		return 0;
	if (!is_privileged())
		return io_refuse(error, -EPERM,
				 "guard: may not use nftables: run as root, with CAP_NET_ADMIN, or "
				 "below unshare -Urn");
	g = calloc(1, sizeof(*g));
	r = g ? guard_update(g, c, error) : io_refuse(error, -ENOMEM, "guard: out of memory");
	if (r < 0)
		guard_remove(g);
	else
		*guard = g;
	return r;
}

struct host_ports guard_host_ports(const struct guard *g)
{
	return g ? g->host_ports : (struct host_ports){ 0 };
}

void guard_remove(struct guard *g)
{
	if (!g)
		return;
	host_ports_restore(&g->host_ports);
	if (g->nft)
		nft_ctx_free(g->nft);
	free(g);
}
