/* router ports and router holder: the plan of a configuration, asked from either side. */
#include "router/plan.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "nat/deterministic.h"

enum { EXIT_USAGE = 2 };

static const char *text_of(be32 address, char text[static ADDRESS_TEXT])
{
	uint8_t octets[4];
	struct address a;

	be32_store(octets, address);
	a = address_v4(octets);
	return address_format(&a, text);
}

static bool parse_address(const char *text, be32 *address)
{
	struct address a;

	if (!address_parse(&a, text) || a.version != 4)
		return false;
	*address = be32_load(a.octets);
	return true;
}

/* "192.0.2.1:5056" */
static bool parse_endpoint(const char *text, struct endpoint *e)
{
	const char *colon = strchr(text, ':');
	char address[ADDRESS_TEXT], *end;
	unsigned long port;

	if (!colon || colon[1] < '0' || colon[1] > '9' || (size_t)(colon - text) >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(colon - text), text);
	port = strtoul(colon + 1, &end, 10);
	e->port = be16_from((uint16_t)port);
	return !*end && port <= UINT16_MAX && parse_address(address, &e->address);
}

static json_t *range_json(struct port_range r)
{
	return json_pack("{s:i, s:i}", "first", r.first, "last", r.last);
}

static json_t *blocks_json(const struct nat_policy *p)
{
	struct port_range r = nat_block_ports(p);

	if (!r.last)
		return json_null();
	return json_pack("{s:i, s:i, s:i, s:i}", "first", r.first, "last", r.last,
			 "size", p->block_size, "most", p->blocks_per_host);
}

static int print_json(const char *name, const struct nat_share *s)
{
	char inside[ADDRESS_TEXT], outside[ADDRESS_TEXT];
	json_t *answer = json_pack("{s:s, s:s, s:s, s:o, s:o}", "nat", name,
				   "inside", text_of(s->inside, inside),
				   "outside", text_of(s->outside, outside),
				   "ports", range_json(s->ports), "blocks", blocks_json(s->policy));
	int r = answer ? json_dumpf(answer, stdout, JSON_INDENT(2)) : -1;

	json_decref(answer);
	if (r == 0)
		putchar('\n');
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char *name_of(const struct conf *c, const struct nat_share *s)
{
	return c->nats[s->policy - c->policies].name;
}

static int print(const struct conf *c, const struct nat_share *s, bool json)
{
	char inside[ADDRESS_TEXT], outside[ADDRESS_TEXT];
	const struct nat_policy *p = s->policy;
	struct port_range blocks = nat_block_ports(p);

	if (json)
		return print_json(name_of(c, s), s);
	printf("nat      %s\ninside   %s\noutside  %s\nports    %u-%u\n", name_of(c, s),
	       text_of(s->inside, inside), text_of(s->outside, outside), s->ports.first,
	       s->ports.last);
	if (blocks.last)
		printf("blocks   out of %u-%u, at most %u of %u ports; the log says which\n",
		       blocks.first, blocks.last, p->blocks_per_host, p->block_size);
	return EXIT_SUCCESS;
}

/* Why the plan does not say. */
static int refuse(const struct conf *c, const char *question, const struct nat_share *s)
{
	const struct nat_policy *p = s->policy;

	if (!p)
		fprintf(stderr, "router: no nat entry has %s\n", question);
	else if (nat_policy_is_planned(p))
		fprintf(stderr, "router: nat \"%s\" has no plan for %s, only blocks of %u ports; the "
			"log tells of them\n", name_of(c, s), question, p->block_size);
	else
		fprintf(stderr, "router: nat \"%s\" has no plan for %s; ports are given as they are "
			"asked for, and the log tells of them\n", name_of(c, s), question);
	return EXIT_FAILURE;
}

int plan_ports(const struct conf *c, const char *inside, bool json)
{
	struct nat_share s;
	be32 address;

	if (!parse_address(inside, &address)) {
		fprintf(stderr, "router: \"%s\" is no IPv4 address; write it like 10.0.0.2\n", inside);
		return EXIT_USAGE;
	}
	return nat_share_of(&c->nat, address, &s) ? print(c, &s, json) : refuse(c, inside, &s);
}

int plan_holder(const struct conf *c, const char *outside, bool json)
{
	struct endpoint e;
	struct nat_share s;

	if (!parse_endpoint(outside, &e)) {
		fprintf(stderr, "router: \"%s\" is no outside endpoint; write it like "
			"203.0.113.5:5056\n", outside);
		return EXIT_USAGE;
	}
	return nat_share_at(&c->nat, e, &s) ? print(c, &s, json) : refuse(c, outside, &s);
}
