/* The list nat, but for the pools. */
#include "conf_read.h"

#include <string.h>

static void read_match(const struct section *s, struct nat_policy *policy)
{
	struct item match = section_text(s, "match");
	struct prefix p;

	policy->prefix_len = MATCH_UNREADABLE;
	if (!*match.text || !conf_network(s->r, match, &p))
		return;
	if (p.address.version != 4) {
		reader_fault(s->r, match.line,
			     "match %s is IPv6, which is not translated in this "
			     "version; an IPv4 prefix", match.text);
		return;
	}
	policy->prefix = be32_load(p.address.octets);
	policy->prefix_len = p.len;
}

/* Ports come in pairs that belong to one worker each: every worker needs some. */
static bool feeds_workers(const struct conf *c, struct port_range range)
{
	return (range.last >> 1) - (range.first >> 1) + 1 >= c->workers;
}

static bool read_range(struct reader *r, const char *key, struct item item,
		       struct port_range *range)
{
	uint16_t workers = r->conf->workers;

	if (!conf_ports(item.text, range)) {
		reader_fault(r, item.line,
			     "nat.%s \"%s\" is no range of ports; write it like \"1024-65535\"",
			     key, item.text);
		return false;
	}
	if (!feeds_workers(r->conf, *range))
		reader_fault(r, item.line,
			     "nat.%s \"%s\" is too small for %u workers; at least %u "
			     "ports, from an even one", key, item.text, workers, workers * 2);
	return true;
}

static bool is_interface_pool(const struct section *s)
{
	struct item item;

	for (size_t i = 0; section_text_next(s, "pool", &i, &item);)
		if (!strncmp(item.text, "interface:", strlen("interface:")))
			return true;
	return false;
}

/* An interface's address may be the host's too, whose own connections need ports as well. */
static void read_ports(const struct section *s, struct nat_policy *policy)
{
	if (!section_has(s, "ports") && is_interface_pool(s))
		policy->ports = (struct port_range){ 4096, 65535 };
	else
		read_range(s->r, "ports", section_text(s, "ports"), &policy->ports);
}

static void read_low_ports(const struct section *s, struct nat_policy *policy)
{
	struct item item = section_text(s, "low_ports");

	if (!section_has(s, "low_ports") && (is_interface_pool(s) || policy->ports.first < 1024))
		return;
	if (!*item.text || !read_range(s->r, "low_ports", item, &policy->low_ports))
		return;
	if (policy->low_ports.last >= 1024)
		reader_fault(s->r, item.line,
			     "nat.low_ports \"%s\" ends above 1023; ports takes those", item.text);
	else if (policy->low_ports.last >= policy->ports.first && policy->ports.last)
		reader_fault(s->r, item.line,
			     "nat.low_ports \"%s\" overlaps ports; let ports begin above %u",
			     item.text, policy->low_ports.last);
}

static void read_policy(const struct section *s, struct nat_policy *policy)
{
	read_match(s, policy);
	policy->type = (enum nat_type)section_word(s, "type");
	read_ports(s, policy);
	read_low_ports(s, policy);
	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		policy->behaviour[i] = (struct nat_behaviour){
			(enum nat_dependence)section_word(s, "mapping"),
			(enum nat_dependence)section_word(s, "filtering"),
		};
	policy->port_selection = (enum nat_port_selection)section_word(s, "port_selection");
	policy->parity = section_bool(s, "parity");
	policy->pooling = (enum nat_pooling)section_word(s, "pooling");
	policy->hairpin = (enum nat_hairpin)section_word(s, "hairpin");
	policy->refresh = (enum nat_refresh)section_word(s, "refresh");
}

static bool covers(const struct nat_policy *a, const struct nat_policy *b)
{
	struct span of_a = policy_span(a), of_b = policy_span(b);

	return a->prefix_len <= 32 && b->prefix_len <= 32 && of_a.first <= of_b.first &&
	       of_b.last <= of_a.last;
}

/* Earlier entries that have the name, or that leave nothing for this one to match. */
static void check_earlier(const struct section *s, const struct conf *c, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		const char *name = c->nats[i].name;

		if (*name && !strcmp(name, c->nats[at].name))
			reader_fault(s->r, section_line(s, "name"),
				     "nat name \"%s\" is taken in line %d; give each its own",
				     name, c->nats[i].line);
		if (covers(&c->policies[i], &c->policies[at]))
			reader_fault(s->r, section_line(s, "match"),
				     "nat \"%s\" is never reached: \"%s\" "
				     "in line %d matches all of %s; put it in front of that",
				     c->nats[at].name, name, c->nats[i].line,
				     section_text(s, "match").text);
	}
}

static bool has_side(const struct conf *c, enum nat_side side)
{
	for (size_t i = 0; i < c->interface_count; i++)
		if (c->interfaces[i].side == side)
			return true;
	return false;
}

/* Translation needs two sides. */
static void check_sides(struct reader *r, int line)
{
	static const char *const names[] = { [SIDE_INSIDE] = "inside", [SIDE_OUTSIDE] = "outside" };

	for (enum nat_side side = 0; side < SIDE_COUNT; side++)
		if (!has_side(r->conf, side))
			reader_fault(r, line,
				     "nothing to translate: no interface is on the %s; give one "
				     "side = \"%s\"", names[side], names[side]);
}

void conf_read_nats(struct reader *r)
{
	size_t count = section_count(r, "nat");
	struct conf *c = r->conf;
	struct section s;

	c->nats = reader_array(r, count, sizeof(*c->nats));
	c->policies = reader_array(r, count, sizeof(*c->policies));
	if (!c->nats || !c->policies)
		return;
	for (size_t i = 0; section_next(r, "nat", &i, &s); c->nat_count++) {
		struct conf_nat *n = &c->nats[c->nat_count];

		*n = (struct conf_nat){ reader_copy(r, section_text(&s, "name").text), SIZE_MAX,
					s.line };
		if (!n->name)
			return;
		read_policy(&s, &c->policies[c->nat_count]);
		check_earlier(&s, c, c->nat_count);
	}
	if (c->nat_count)
		check_sides(r, c->nats[0].line);
}
