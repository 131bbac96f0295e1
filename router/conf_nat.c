/* The list nat: which entry matches what; behaviour and pools are read elsewhere. */
#include "conf_read.h"

#include <string.h>

#include "router/protocol.h"

static bool is_for_v4_alone(enum nat_type t)
{
	return t == NAT_NAPT44;
}

static bool is_for_v6_alone(enum nat_type t)
{
	return t == NAT_NAPT66 || t == NAT_NPTV6 || t == NAT_NAT64 || t == NAT_FIREWALL;
}

static void set_match(struct nat_policy *policy, const struct prefix *network)
{
	policy->version = network->address.version;
	policy->prefix_len = policy->version == 4 ? network->len : 0;
	if (policy->version == 4)
		policy->prefix = be32_load(network->address.octets);
	else
		policy->v6.match = (struct ip6_prefix){ ip6_load(network->address.octets),
							network->len };
}

/* One that nobody knows yet. */
static struct prefix unknown_network(size_t interface, uint8_t version)
{
	be32 v4 = conf_unknown_address(interface);
	struct ip6 v6 = conf_unknown_address6(interface);

	return version == 4 ? (struct prefix){ address_v4((const uint8_t *)&v4), 32 }
			    : (struct prefix){ address_v6(v6.octets), 128 };
}

/* The network of an interface, which may be one that nobody knows yet. */
static void read_interface_match(const struct section *s, struct item match, struct conf_nat *n,
				 struct nat_policy *policy)
{
	static const struct { enum nat_type type; const char *why; } fixed[] = {
		{ NAT_ONE_TO_ONE, "may become another, and prefix would not; for one_to_one, a prefix as "
				  "long as that" },
		{ NAT_SIIT, "could be of either version; for siit, a prefix" },
	};
	struct conf *c = s->r->conf;
	size_t interface = conf_interface_meant(s->r, "match", match, SIDE_INSIDE, policy->version);
	const struct prefix *own;
	struct prefix network;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (policy->type == fixed[i].type) {
			reader_fault(s->r, match.line, "match %s %s", match.text, fixed[i].why);
			return;
		}
	if (interface == SIZE_MAX)
		return;
	n->match_interface = interface;
	own = conf_first(&c->interfaces[interface], policy->version);
	network = own ? prefix_masked(*own) : unknown_network(interface, policy->version);
	set_match(policy, &network);
}

static void read_network_match(const struct section *s, struct item match, struct nat_policy *policy)
{
	struct prefix network;

	if (!conf_network(s->r, match, &network) || !conf_routed(s->r, "match", match, &network))
		return;
	if (network.address.version == 6 && is_for_v4_alone(policy->type))
		reader_fault(s->r, match.line, "match %s is IPv6, and type napt44 is for IPv4; type = "
			     "\"napt66\", \"nat64\" or \"firewall\", or an IPv4 prefix", match.text);
	else if (network.address.version == 4 && is_for_v6_alone(policy->type))
		reader_fault(s->r, match.line, "match %s is IPv4, and that type is for IPv6 hosts; an "
			     "IPv6 prefix", match.text);
	else
		set_match(policy, &network);
}

static void read_match(const struct section *s, struct conf_nat *n, struct nat_policy *policy)
{
	struct item match = section_text(s, "match");

	policy->prefix_len = MATCH_UNREADABLE;
	policy->version = is_for_v6_alone(policy->type) ? 6 : 4;
	if (conf_means_interface(match.text))
		read_interface_match(s, match, n, policy);
	else if (*match.text)
		read_network_match(s, match, policy);
}

static void read_destination(const struct section *s, struct nat_policy *policy)
{
	struct item prefix = section_text(s, "destination"), ports = section_text(s, "destination_ports");
	int64_t protocol = section_number(s, "proto");

	if (*prefix.text)
		conf_network4(s->r, "destination", prefix, &policy->destination.prefix,
			      &policy->destination.len);
	if (protocol != WORD_NONE)
		policy->destination.protocol = (uint8_t)protocol;
	if (!*ports.text)
		return;
	if (!conf_ports(ports.text, &policy->destination.ports))
		reader_fault(s->r, ports.line,
			     "nat.destination_ports \"%s\" is no range of ports; write it like "
			     "\"80-90\"", ports.text);
	else if (!protocol_has_ports(policy->destination.protocol))
		reader_fault(s->r, ports.line,
			     "nat.destination_ports needs a proto that has ports; proto = \"tcp\" or "
			     "the like");
}

static bool has_destination(const struct nat_policy *p)
{
	return p->destination.len || p->destination.protocol;
}

/* What is bound for the destination of b is bound for that of a. */
static bool covers_destination(const struct nat_policy *a, const struct nat_policy *b)
{
	struct span of_a = span_of(be32_host(a->destination.prefix), a->destination.len);
	struct span of_b = span_of(be32_host(b->destination.prefix), b->destination.len);
	struct port_range ports_a = a->destination.ports, ports_b = b->destination.ports;

	if (a->destination.len > b->destination.len || !span_overlaps(of_a, of_b))
		return false;
	if (a->destination.protocol && a->destination.protocol != b->destination.protocol)
		return false;
	return !ports_a.last || (ports_a.first <= ports_b.first && ports_b.last <= ports_a.last);
}

static bool covers4(const struct nat_policy *a, const struct nat_policy *b)
{
	struct span of_a = policy_span(a), of_b = policy_span(b);

	return of_a.first <= of_b.first && of_b.last <= of_a.last &&
	       (!has_destination(a) || covers_destination(a, b));
}

/* Asked by the destination first. */
static bool has_pref64(const struct nat_policy *p)
{
	return p->type == NAT_NAT64 || p->type == NAT_SIIT;
}

static bool covers(const struct nat_policy *a, const struct nat_policy *b)
{
	if (a->prefix_len > 32 || b->prefix_len > 32 || a->version != b->version)
		return false;
	if (a->version == 4)
		return covers4(a, b);
	return !has_pref64(a) && !has_pref64(b) && a->v6.match.len <= b->v6.match.len &&
	       ip6_prefix_has(&a->v6.match, &b->v6.match.address);
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
		struct nat_policy *policy = &c->policies[c->nat_count];

		*n = (struct conf_nat){ reader_copy(r, section_text(&s, "name").text), SIZE_MAX,
					SIZE_MAX, SIZE_MAX, s.line };
		if (!n->name)
			return;
		conf_read_policy(&s, policy);
		read_match(&s, n, policy);
		conf_read_policy6(&s, policy);
		read_destination(&s, policy);
		conf_check_scope(&s, policy);
		check_earlier(&s, c, c->nat_count);
	}
	if (c->nat_count)
		check_sides(r, c->nats[0].line);
}
