#include "router/queue_rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include "guard_ports.h"
#include "io_backend.h"
#include "queue_target.h"
#include "router/own.h"

enum { TABLE_ROOM = 32 + 3 * IFNAMSIZ };

struct queue_rules {
	struct nft_ctx *nft;
	char device[IFNAMSIZ], table[TABLE_ROOM];
	struct ports of_nat, tcp_forwards, udp_forwards;
	struct queue_target queueing[2];
	size_t queueing_count;
	char *text; /* of all the other rules */
};

/* Letters that the name of a table may not have are numbers there. */
static void name_table(char *table, const char *device)
{
	char *at = table + sprintf(table, "router_queue_");

	for (; *device; device++)
		if (isalnum((unsigned char)*device) || strchr("_-.", *device))
			at += sprintf(at, "%c", *device);
		else
			at += sprintf(at, "_%02x", (unsigned char)*device);
}

static int run(struct queue_rules *q, const char *rules)
{
	return nft_run_cmd_from_buffer(q->nft, rules) == 0 ? 0 : -EOPNOTSUPP;
}

static int refuse(struct queue_rules *q, const struct conf_interface *i, struct io_error *error)
{
	const char *text = nft_ctx_get_error_buffer(q->nft);

	return io_refuse(error, -EOPNOTSUPP,
			 "%s: nftables says \"%.*s\": run as root, with the kernel's nf_tables, "
			 "nft_fib_inet and nft_socket",
			 i->name, (int)strcspn(text, "\n"), text);
}

/* A table that goes with the process that made it says whose the device is: of two gateways, the first
 * to end would remove the rules of both. */
static int claim(struct queue_rules *q, const struct conf_interface *i, struct io_error *error)
{
	char rules[TABLE_ROOM + 64];

	snprintf(rules, sizeof(rules), "create table inet %s_owner { flags owner; }\n", q->table);
	if (run(q, rules) == 0)
		return 0;
	snprintf(rules, sizeof(rules), "list table inet %s_owner\n", q->table);
	if (run(q, rules) < 0)
		return refuse(q, i, error);
	return io_refuse(error, -EBUSY, "%s: device \"%s\" belongs to another gateway that runs: end "
			 "that, or give another device", i->name, i->device);
}

/* A chain that queues. What it would queue before there is the rule for it ends there, unless the
 * interface fails open. */
static int make_queueing(struct queue_rules *q, const struct conf_interface *i,
			 const struct queue_target *t, struct io_error *error)
{
	char rules[512];
	int r;

	snprintf(rules, sizeof(rules),
		 "add table inet %s\nadd chain inet %s %s\nflush chain inet %s %s\n%s %s %s drop\n",
		 t->table, t->table, t->chain, t->table, t->chain,
		 t->bypass ? "#" : "add rule inet", t->table, t->chain);
	if (run(q, rules) < 0)
		return refuse(q, i, error);
	snprintf(rules, sizeof(rules), "insert rule inet %s %s queue %s to %u-%u\n", t->table, t->chain,
		 t->bypass ? "flags bypass" : "", t->first, t->first + t->count - 1);
	if (run(q, rules) == 0)
		return 0;
	r = queue_target_insert(t);
	if (r < 0)
		return io_refuse(error, -EOPNOTSUPP,
				 "%s: the kernel has neither nftables' queue statement nor the NFQUEUE "
				 "target (%s): modprobe nft_queue, or use type packet", i->name,
				 strerror(-r));
	return 0;
}

static bool is_inside_device(const struct conf_interface *i)
{
	return i->side == SIDE_INSIDE && i->type != IO_TUN && i->type != IO_TAP && i->type != IO_MEM && *i->device;
}

static void put_inside_devices(FILE *out, const struct conf *c)
{
	bool any = false;

	for (size_t i = 0; i < c->interface_count; i++) {
		if (!is_inside_device(&c->interfaces[i]))
			continue;
		fprintf(out, "%s\"%s\"", any ? ", " : "fib daddr oifname { ",
			c->interfaces[i].device);
		any = true;
	}
	if (any)
		fprintf(out, " } goto ours\n");
}

static void put_network(FILE *out, struct prefix p)
{
	char text[PREFIX_TEXT];

	p = prefix_masked(p);
	if (p.len)
		fprintf(out, "%s daddr %s goto ours\n", p.address.version == 4 ? "ip" : "ip6",
			prefix_format(&p, text));
}

static void put_counterparts(FILE *out, const struct conf *c)
{
	struct prefix outside;

	for (size_t i = 0; i < c->nat.policy_count; i++)
		for (size_t k = 0; own_prefix_at(&c->nat.policies[i], k, &outside); k++)
			put_network(out, outside);
}

/* What the gateway alone knows to be inside. */
static void put_networks(FILE *out, const struct conf *c)
{
	for (size_t i = 0; i < c->interface_count; i++)
		for (size_t k = 0; c->interfaces[i].side == SIDE_INSIDE &&
				   k < c->interfaces[i].address_count; k++)
			put_network(out, c->interfaces[i].addresses[k]);
	for (size_t i = 0; i < c->route_count; i++) {
		const struct conf_route *r = &c->routes[i];

		if (r->kind == ROUTE_UNICAST && c->interfaces[r->interface].side == SIDE_INSIDE)
			put_network(out, r->prefix);
	}
	put_counterparts(out, c);
}

/* "ip daddr { POOL } REST". */
static void put_pool_of(FILE *out, const struct conf *c, uint8_t version, const char *rest)
{
	char text[ADDRESS_TEXT];
	bool any = false;

	for (size_t i = 0; i < c->nat.pool_count; i++) {
		struct address a = conf_pool_address(c, i);

		if (a.version != version)
			continue;
		fprintf(out, "%s%s", any ? ", " : version == 4 ? "ip daddr { " : "ip6 daddr { ",
			address_format(&a, text));
		any = true;
	}
	if (any)
		fprintf(out, " } %s\n", rest);
}

static void put_pool(FILE *out, const struct conf *c, const char *rest)
{
	put_pool_of(out, c, 4, rest);
	put_pool_of(out, c, 6, rest);
}

static void put_ports(FILE *out, const char *protocol, const struct ports *p, const char *chain)
{
	struct port_range run;
	unsigned int at = 0;

	while (ports_next(p, true, &at, &run))
		fprintf(out, "%s dport %u-%u goto %s\n", protocol, run.first, run.last, chain);
}

static void learn_ports(struct queue_rules *q, const struct conf *c)
{
	q->of_nat = q->tcp_forwards = q->udp_forwards = (struct ports){ 0 };
	for (size_t i = 0; i < c->nat.forward_count; i++)
		ports_add(c->forwards[i].protocol == PROTO_TCP ? &q->tcp_forwards : &q->udp_forwards,
			  c->forwards[i].first, c->forwards[i].last);
	for (size_t i = 0; i < c->nat.policy_count; i++) {
		const struct nat_policy *p = &c->nat.policies[i];

		if (!conf_has_ports(p))
			continue;
		ports_add(&q->of_nat, p->ports.first, p->ports.last);
		ports_add(&q->of_nat, p->low_ports.first, p->low_ports.last);
	}
}

/* An address of the host's that is in the pool. Fragments do not tell their ports, and are given back
 * if they are not ours; so is what has none. */
static void put_shared(FILE *out, const struct queue_rules *q)
{
	fprintf(out, "chain shared {\nip frag-off & 0x3fff != 0 goto ours\n"
		     "exthdr frag exists goto ours\n");
	put_ports(out, "tcp", &q->tcp_forwards, "ours");
	put_ports(out, "udp", &q->udp_forwards, "ours");
	put_ports(out, "tcp", &q->of_nat, "sockets");
	put_ports(out, "udp", &q->of_nat, "sockets");
	fprintf(out, "meta l4proto { tcp, udp } accept\ngoto ours\n}\n");
}

/* "socket transparent" looks for a socket; with either value of it, there is one. A listener would
 * refuse what is no SYN. */
static void put_sockets(FILE *out)
{
	fprintf(out, "chain sockets {\n"
		     "meta l4proto udp socket transparent { 0, 1 } accept\n"
		     "tcp flags & (fin | syn | rst | ack) == syn "
		     "socket transparent { 0, 1 } accept\n"
		     "socket wildcard 1 goto ours\n"
		     "socket transparent { 0, 1 } accept\n"
		     "goto ours\n}\n");
}

/* Of the frames that are for this host by their link-layer address; from others nothing is forwarded.
 * The host believes its own addresses as sources on an inside device, see queue_host.h: but only if
 * they are ours. */
static void put_prerouting(FILE *out, const struct conf *c, const struct conf_interface *i)
{
	bool inside = i->side == SIDE_INSIDE;

	fprintf(out, "chain prerouting {\ntype filter hook prerouting priority raw\n"
		     "iifname != \"%s\" accept\n"
		     "meta pkttype != host accept\n", i->device);
	if (inside)
		fprintf(out, "fib saddr type local drop\n");
	put_pool(out, c, "fib daddr type local goto shared");
	fprintf(out, "fib daddr type { local, anycast, broadcast, multicast } accept\n");
	if (inside) {
		fprintf(out, "goto ours\n}\n");
		return;
	}
	put_pool(out, c, "goto ours");
	put_inside_devices(out, c);
	put_networks(out, c);
	fprintf(out, "}\n");
}

static void put_rules(FILE *out, const struct queue_rules *q, const struct conf *c,
		      const struct conf_interface *i)
{
	static const char *const chains[] = { "prerouting", "shared", "sockets", "ours" };

	/* Empty ones to be emptied, where there are none. */
	fprintf(out, "table inet %s {\nchain ours { }\nchain sockets { }\nchain shared { }\n"
		     "chain prerouting { type filter hook prerouting priority raw; }\n}\n", q->table);
	for (size_t k = 0; k < sizeof(chains) / sizeof(chains[0]); k++)
		fprintf(out, "flush chain inet %s %s\n", q->table, chains[k]);
	fprintf(out, "table inet %s {\nchain ours {\n%sgoto cut\n}\n", q->table,
		i->whole ? "meta l4proto tcp goto whole\n" : "");
	put_sockets(out);
	put_shared(out, q);
	put_prerouting(out, c, i);
	fprintf(out, "}\n");
}

int queue_rules_update(struct queue_rules *q, const struct conf *c, size_t interface,
		       struct io_error *error)
{
	char *rules = NULL;
	size_t len;
	FILE *out = open_memstream(&rules, &len);

	if (!out)
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->interfaces[interface].name);
	learn_ports(q, c);
	put_rules(out, q, c, &c->interfaces[interface]);
	fclose(out);
	if (run(q, rules) < 0) {
		free(rules);
		return refuse(q, &c->interfaces[interface], error);
	}
	free(q->text);
	q->text = rules;
	return 0;
}

static int make_chains(struct queue_rules *q, const struct conf *c, size_t interface,
		       struct io_error *error)
{
	const struct conf_interface *i = &c->interfaces[interface];
	uint16_t all = queue_count(i, c->workers), each = i->whole ? all / 2 : all;
	struct queue_target t = { q->table, "whole", i->queue, each, i->fail_open };
	int r = 0;

	if (i->whole)
		q->queueing[q->queueing_count++] = t;
	t.chain = "cut";
	t.first = (uint16_t)(i->queue + all - each);
	q->queueing[q->queueing_count++] = t;
	for (size_t k = 0; r == 0 && k < q->queueing_count; k++)
		r = make_queueing(q, i, &q->queueing[k], error);
	return r ? r : queue_rules_update(q, c, interface, error);
}

static void free_rules(struct queue_rules *q)
{
	nft_ctx_free(q->nft);
	free(q->text);
	free(q);
}

int queue_rules_install(struct queue_rules **rules, const struct conf *c, size_t interface,
			struct io_error *error)
{
	struct queue_rules *q = calloc(1, sizeof(*q));
	int r;

	if (q)
		q->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!q || !q->nft) {
		free(q);
		return io_refuse(error, -ENOMEM, "%s: out of memory", c->interfaces[interface].name);
	}
	nft_ctx_buffer_output(q->nft);
	nft_ctx_buffer_error(q->nft);
	memcpy(q->device, c->interfaces[interface].device, sizeof(q->device));
	name_table(q->table, q->device);
	r = claim(q, &c->interfaces[interface], error);
	if (r < 0) {
		free_rules(q);
		return r;
	}
	r = make_chains(q, c, interface, error);
	if (r < 0)
		queue_rules_remove(q);
	else
		*rules = q;
	return r;
}

static bool are_there(struct queue_rules *q)
{
	char list[TABLE_ROOM + 64];

	snprintf(list, sizeof(list), "list chain inet %s prerouting\n", q->table);
	return run(q, list) == 0;
}

void queue_rules_keep(struct queue_rules *q)
{
	struct conf_interface i = { .line = 0 };
	struct io_error error = { "" };
	int r = 0;

	if (!q || are_there(q))
		return;
	snprintf(i.name, sizeof(i.name), "%s", q->device);
	for (size_t k = 0; r == 0 && k < q->queueing_count; k++)
		r = make_queueing(q, &i, &q->queueing[k], &error);
	if (r == 0 && run(q, q->text) < 0)
		r = refuse(q, &i, &error);
	fprintf(stderr, "router: %s: somebody has taken away the rules that queue its packets, as \"nft "
		"flush ruleset\" does; %s\n", q->device, r ? error.text : "they are there again");
}

void queue_rules_remove(struct queue_rules *q)
{
	char rules[TABLE_ROOM + 64];

	if (!q)
		return;
	snprintf(rules, sizeof(rules), "delete table inet %s\n", q->table);
	run(q, rules);
	snprintf(rules, sizeof(rules), "delete table inet %s_owner\n", q->table);
	run(q, rules);
	free_rules(q);
}
