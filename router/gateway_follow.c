/*
 * Addresses that change under a running gateway: the kernel says so, or is asked once a second. What
 * follows from the new ones is put into a copy of the configuration, which takes the place of the one
 * in use as after a reload. What became of sessions is told when the workers have gone through them.
 */
#include <stdlib.h>

#include "gateway_core.h"
#include "router/nl.h"

/* Put an interface's addresses into *now, a copy of the configuration made if they are others. */
static int look_at(const struct conf *c, size_t interface, struct nl *nl, struct conf **now)
{
	const struct conf_interface *i = &c->interfaces[interface];
	struct prefix found[LEARNED_MOST];
	int count = gateway_addresses(nl, i, found);

	if (count < 0)
		return count;
	if (prefixes_equal(found, (size_t)count, i->addresses, i->address_count))
		return 0;
	if (!*now)
		*now = conf_clone(c);
	return *now ? gateway_set_addresses(&(*now)->interfaces[interface], found, (size_t)count) : -1;
}

/* The configuration with other addresses; NULL: they are the same, or nobody knows. */
static struct conf *look(const struct conf *c)
{
	struct conf *now = NULL;
	struct nl *nl = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->interface_count; i++) {
		if (!c->interfaces[i].shares_address)
			continue;
		r = nl ? 0 : nl_open(&nl);
		if (r == 0)
			r = look_at(c, i, nl, &now);
	}
	if (nl)
		nl_close(nl);
	if (r == 0)
		return now;
	conf_free(now);
	return NULL;
}

static void add_gauges(const struct gateway *g, struct nat_gauges *sum)
{
	struct worker_answer *a = malloc(sizeof(*a));

	for (uint16_t i = 0; a && i < g->threads_running; i++) {
		if (worker_ask(g->workers[i], ASK_GAUGES, 0, a) < 0)
			continue;
		sum->sessions_lost += a->gauges.sessions_lost;
		sum->sessions_moved += a->gauges.sessions_moved;
		sum->sessions_kept += a->gauges.sessions_kept;
		sum->settling |= a->gauges.settling;
	}
	free(a);
}

/* The entry whose pool is the address of an interface, or NULL. */
static const struct nat_policy *policy_by(const struct conf *c, size_t interface, uint8_t version)
{
	for (size_t i = 0; i < c->nat_count; i++)
		if (c->nats[i].pool_interface == interface &&
		    conf_pool_version(&c->policies[i]) == version)
			return &c->policies[i];
	return NULL;
}

/* Whether an entry goes by the IPv6 network of an interface. */
static bool is_network(const struct conf *c, size_t interface)
{
	for (size_t i = 0; i < c->nat_count; i++)
		if (c->policies[i].version == 6 && (c->nats[i].prefix_interface == interface ||
						    c->nats[i].match_interface == interface))
			return true;
	return false;
}

/* What there is to tell of: the address that is a pool, the network that is a match or what one is
 * translated to, or the first IPv4 address; of version 0 if there is nothing. */
static struct prefix shown(const struct conf *c, size_t interface, uint8_t version)
{
	const struct prefix *first = conf_first(&c->interfaces[interface], version);
	const struct nat_policy *p = policy_by(c, interface, version);
	bool network = version == 6 ? is_network(c, interface)
				    : c->interfaces[interface].side == SIDE_INSIDE;

	if (!first || (version == 6 && !p && !network))
		return (struct prefix){ 0 };
	if (p)
		return (struct prefix){ conf_pool_address(c, p->pool_first),
					address_bits(&first->address) };
	return network ? prefix_masked(*first) : *first;
}

static void tell_sessions(const struct nat_policy *p, const struct followed *f,
			  const struct nat_gauges *g)
{
	unsigned long long lost = g->sessions_lost - f->lost, moved = g->sessions_moved - f->moved;

	if (p->on_address_change == NAT_CHANGE_MOVE)
		fprintf(stderr, "; move: %llu sessions have moved", moved);
	else if (p->on_address_change == NAT_CHANGE_IDLE)
		fprintf(stderr, "; idle: %u sessions keep the old one, %llu have ended",
			g->sessions_kept, lost);
	else
		fprintf(stderr, "; end: %llu sessions have ended", lost);
}

/* An address alone, or a network. */
static const char *text_of(const struct prefix *p, char text[static PREFIX_TEXT])
{
	if (p->len < address_bits(&p->address))
		return prefix_format(p, text);
	return address_format(&p->address, text);
}

/* Of an index of struct followed. */
static uint8_t version_of(int index)
{
	return index == FOLLOWED_V6 ? 6 : 4;
}

static void tell_change(const struct gateway *g, int index, size_t interface,
			const struct nat_gauges *gauges)
{
	const struct conf *c = g->snapshot->conf;
	uint8_t version = version_of(index);
	struct prefix was = g->followed.was[index][interface], now = shown(c, interface, version);
	const struct nat_policy *p = policy_by(c, interface, version);
	char old[PREFIX_TEXT], new[PREFIX_TEXT];

	if (!was.address.version && !now.address.version)
		return;
	fprintf(stderr, "router: %s: ", c->interfaces[interface].name);
	if (!now.address.version)
		fprintf(stderr, "%s is gone, and nothing leaves before there is another",
			text_of(&was, old));
	else if (!was.address.version)
		fprintf(stderr, "%s has come", text_of(&now, new));
	else
		fprintf(stderr, "%s has taken the place of %s", text_of(&now, new),
			text_of(&was, old));
	if (p && was.address.version)
		tell_sessions(p, &g->followed, gauges);
	fputc('\n', stderr);
}

/* Of changes that all workers have gone through, or of all. */
static void tell(struct gateway *g, bool all)
{
	struct nat_gauges gauges = { 0 };

	if (!g->followed.interfaces[FOLLOWED_V4] && !g->followed.interfaces[FOLLOWED_V6])
		return;
	add_gauges(g, &gauges);
	if (gauges.settling && !all)
		return;
	for (int v = 0; v < FOLLOWED_VERSIONS; v++) {
		for (size_t i = 0; i < g->snapshot->conf->interface_count; i++)
			if (g->followed.interfaces[v] >> i & 1)
				tell_change(g, v, i, &gauges);
		g->followed.interfaces[v] = 0;
	}
}

void gateway_follow_end(struct gateway *g)
{
	tell(g, true);
}

static void note_addresses(struct gateway *g, const struct conf *now, int index)
{
	const struct conf *was = g->snapshot->conf;

	for (size_t i = 0; i < was->interface_count; i++) {
		struct prefix old = shown(was, i, version_of(index));
		struct prefix new = shown(now, i, version_of(index));

		g->followed.was[index][i] = old;
		if (!prefix_equal(&old, &new))
			g->followed.interfaces[index] |= 1u << i;
	}
}

/* What is to be told, before it happens. */
static void note(struct gateway *g, const struct conf *now)
{
	struct nat_gauges gauges = { 0 };

	add_gauges(g, &gauges);
	g->followed.lost = gauges.sessions_lost;
	g->followed.moved = gauges.sessions_moved;
	for (int v = 0; v < FOLLOWED_VERSIONS; v++)
		note_addresses(g, now, v);
}

/* Once for each reason. */
static void tell_fault(struct gateway *g, const struct io_error *error)
{
	if (strcmp(g->followed.fault.text, error->text) != 0)
		fprintf(stderr, "router: %s; what was before stays in force\n", error->text);
	g->followed.fault = *error;
}

static void tell_missing(struct gateway *g)
{
	const struct conf *c = g->snapshot->conf;

	for (size_t i = 0; i < c->interface_count; i++)
		if (c->interfaces[i].shares_address && !c->interfaces[i].address_count)
			fprintf(stderr, "router: %s:%d: %s: device \"%s\" has no address; nothing "
				"leaves before it gets one\n", c->file, c->interfaces[i].line,
				c->interfaces[i].name, c->interfaces[i].device);
}

void gateway_follow(struct gateway *g)
{
	struct io_error error = { "" };
	struct conf *now;

	if (!g->followed.begun)
		tell_missing(g);
	g->followed.begun = true;
	tell(g, false);
	now = look(g->snapshot->conf);
	if (!now)
		return;
	tell(g, true);
	if (gateway_settle(now, &error)) {
		conf_free(now);
		tell_fault(g, &error);
		return;
	}
	note(g, now);
	if (gateway_replace(g, now, &error)) {
		memset(g->followed.interfaces, 0, sizeof(g->followed.interfaces));
		tell_fault(g, &error);
	} else {
		g->followed.fault.text[0] = '\0';
		tell(g, false);
	}
}
