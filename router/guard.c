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

#include "guard_hold.h"
#include "io_backend.h"
#include "router/nl.h"
#include "router/own.h"

struct guard {
	struct nft_ctx *nft;	 /* holds the tables */
	unsigned int generation; /* of the tables; part of their name */
	struct host_ports host_ports;
	uint32_t hold; /* number of what stays for a while; 0: nothing */
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
static void use_of_host(struct guard_use *u, const struct conf *c)
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

static void use_of(struct guard_use *u, const struct conf *c)
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

/* The rules as text, for the caller to free. */
static char *rules_of(const struct conf *c, const struct guard_use *u, unsigned int generation)
{
	char *rules = NULL;
	size_t len;
	FILE *out = open_memstream(&rules, &len);

	if (!out)
		return NULL;
	guard_put_rules(out, c, u, generation);
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
static int install_rules(struct guard *g, const struct conf *c, const struct guard_use *u,
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

/* Nothing is shared any more. */
static void let_go(struct guard *g)
{
	guard_hold_end(g->hold);
	g->hold = 0;
}

int guard_update(struct guard *g, const struct conf *c, struct io_error *error)
{
	struct guard_use *u;
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
	if (r == 0 && c->state_file && is_shared(c, 0, c->nat.pool_count))
		r = guard_hold(&g->hold, c, u, error);
	else if (r == 0 && g->hold)
		let_go(g);
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

uint32_t guard_hold_number(const struct guard *g)
{
	return g ? g->hold : 0;
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
