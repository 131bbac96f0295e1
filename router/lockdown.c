#include "router/lockdown.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* "{ "eth0", "eth1" }", or nothing and false if there is none. */
static bool put_devices(FILE *out, const struct conf *c, enum nat_side side, bool ethernet_only)
{
	const char *before = "{ ";

	for (size_t i = 0; i < c->interface_count; i++) {
		const struct conf_interface *n = &c->interfaces[i];

		if (n->side != side || (ethernet_only && !conf_is_ethernet(n)))
			continue;
		fprintf(out, "%s\"%s\"", before, n->device);
		before = ", ";
	}
	if (*before == ',')
		fputs(" }", out);
	return *before == ',';
}

static bool is_translated(const struct nat_policy *p)
{
	return p->type != NAT_NONE;
}

static void put_prefixes(FILE *out, const struct conf *c)
{
	const char *before = "";
	char text[INET_ADDRSTRLEN];

	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (!is_translated(p))
			continue;
		fprintf(out, "%s%s/%u", before, inet_ntop(AF_INET, &p->prefix, text, sizeof(text)),
			p->prefix_len);
		before = ", ";
	}
}

static bool translates(const struct conf *c)
{
	for (size_t i = 0; i < c->nat_count; i++)
		if (is_translated(&c->policies[i]))
			return true;
	return false;
}

/* What has a source of inside goes nowhere but inside. What comes from an outside device is what the
 * gateway has made of it. */
static void put_sources(FILE *out, const struct conf *c)
{
	if (!translates(c))
		return;
	fputs("\t\tiifname != ", out);
	put_devices(out, c, SIDE_OUTSIDE, false);
	fputs(" ip saddr { ", out);
	put_prefixes(out, c);
	fputs(" } oifname != ", out);
	put_devices(out, c, SIDE_INSIDE, false);
	fputs(" drop\n", out);
}

/* Between Ethernet devices of both sides nobody but the gateway forwards, in either direction. */
static void put_crossings(FILE *out, const struct conf *c, enum nat_side from, enum nat_side to)
{
	char *rule = NULL;
	size_t len;
	FILE *line = open_memstream(&rule, &len);

	if (!line)
		return;
	fputs("\t\tiifname ", line);
	bool both = put_devices(line, c, from, true);
	fputs(" oifname ", line);
	both = put_devices(line, c, to, true) && both;
	fputs(" drop\n", line);
	fclose(line);
	if (both)
		fputs(rule, out);
	free(rule);
}

void lockdown_print(const struct conf *c, FILE *out)
{
	fputs("table inet router_lockdown\ndelete table inet router_lockdown\n"
	      "table inet router_lockdown {\n\tchain forward {\n"
	      "\t\ttype filter hook forward priority filter\n", out);
	put_sources(out, c);
	put_crossings(out, c, SIDE_INSIDE, SIDE_OUTSIDE);
	put_crossings(out, c, SIDE_OUTSIDE, SIDE_INSIDE);
	fputs("\t}\n}\n", out);
}
