/* What contradicts itself within one nat entry: keys that its type or its selection of ports has no
 * use for, and values that cannot hold together. */
#include "conf_read.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	NAPT44 = 1 << NAT_NAPT44, ONE_TO_ONE = 1 << NAT_ONE_TO_ONE, NONE = 1 << NAT_NONE,
	NAT64 = 1 << NAT_NAT64, SIIT = 1 << NAT_SIIT, NPTV6 = 1 << NAT_NPTV6,
	NAPT66 = 1 << NAT_NAPT66, FIREWALL = 1 << NAT_FIREWALL,
	PORTS = NAPT44 | NAPT66 | NAT64, XLAT = NAT64 | SIIT, TRANSLATED = PORTS | ONE_TO_ONE,
	SESSIONS = TRANSLATED | FIREWALL,
};
enum {
	PRESERVE = 1 << NAT_PORT_PRESERVE, DETERMINISTIC = 1 << NAT_PORT_DETERMINISTIC,
	PLANNED = 1 << NAT_PORT_BLOCK | DETERMINISTIC,
	UNPLANNED = (1 << NAT_PORT_BLOCK) - 1, ANY = PLANNED | UNPLANNED,
};

/* What a key is for; those that are not here are for all. */
static const struct {
	const char *key;
	unsigned int types, selections;
} scopes[] = {
	{ "preset", PORTS, ANY },
	{ "pool", PORTS | SIIT, ANY },
	{ "on_address_change", PORTS, ANY },
	{ "ports", PORTS, ANY },
	{ "low_ports", PORTS, UNPLANNED },
	{ "prefix", ONE_TO_ONE | NPTV6 | XLAT, ANY },
	{ "eam", SIIT, ANY },
	{ "lowest_ipv6_mtu", XLAT, ANY },
	{ "copy_tos", XLAT, ANY },
	{ "udp_zero_checksum", XLAT, ANY },
	{ "all_zeros", NPTV6, ANY },
	{ "ipsec", FIREWALL, ANY },
	{ "ping", FIREWALL, ANY },
	{ "destination", NONE, ANY },
	{ "destination_ports", NONE, ANY },
	{ "proto", NONE, ANY },
	{ "mapping", PORTS, ANY },
	{ "mapping_udp", PORTS, ANY },
	{ "mapping_tcp", PORTS, ANY },
	{ "filtering", SESSIONS, ANY },
	{ "filtering_udp", SESSIONS, ANY },
	{ "filtering_tcp", SESSIONS, ANY },
	{ "port_selection", PORTS, ANY },
	{ "on_conflict", PORTS, PRESERVE },
	{ "parity", PORTS, ANY },
	{ "protocol_independent", PORTS, ANY },
	{ "block_size", PORTS, PLANNED },
	{ "blocks_per_host", PORTS, PLANNED },
	{ "dynamic_shares", PORTS, DETERMINISTIC },
	{ "pooling", PORTS, ANY },
	{ "hairpin", TRANSLATED, ANY },
	{ "refresh", SESSIONS, ANY },
	{ "on_exhaustion", PORTS, ANY },
	{ "unsolicited_syn", SESSIONS, ANY },
	{ "icmp_errors", SESSIONS, ANY },
	{ "helpers", NAPT44 | ONE_TO_ONE, ANY },
	{ "ports_per_host", PORTS, ANY },
	{ "new_per_second", SESSIONS, ANY },
	{ "new_burst", SESSIONS, ANY },
	{ "sessions_per_mapping", SESSIONS, ANY },
	{ "short_ports", SESSIONS, ANY },
	{ "timeouts", SESSIONS, ANY },
	{ "twice", NAPT44 | ONE_TO_ONE, ANY },
};

/* "napt44 and one_to_one": the words of a key whose bits are set. */
static void list_words(struct text *out, const char *key, unsigned int bits)
{
	const char *between = "";

	for (const struct conf_word *w = conf_key_find("nat", key)->words; w->text; w++) {
		if (w->value == WORD_LATER || !(bits >> w->value & 1))
			continue;
		bits &= ~(1u << w->value);
		text_format(out, "%s%s", between, w->text);
		between = bits & (bits - 1) ? ", " : " and ";
	}
}

static void check_scope(const struct section *s, const char *key, const char *of,
			unsigned int bits, unsigned int value)
{
	struct text words = { 0 };

	if (bits >> value & 1)
		return;
	list_words(&words, of, bits);
	reader_fault(s->r, section_line(s, key), "nat.%s is for %s %s; leave it out", key, of,
		     words.failed ? "" : words.octets);
	text_free(&words);
}

static bool block_is_arbitrary(const struct nat_policy *p)
{
	return p->port_selection == NAT_PORT_BLOCK && p->pooling == NAT_POOLING_ARBITRARY;
}

static bool deterministic_is_unpaired(const struct nat_policy *p)
{
	return p->port_selection == NAT_PORT_DETERMINISTIC && p->pooling != NAT_POOLING_PAIRED;
}

static bool plan_is_overloaded(const struct nat_policy *p)
{
	return p->port_selection >= NAT_PORT_BLOCK && p->exhausted == NAT_EXHAUSTED_OVERLOAD;
}

/* RFC 7422 divides ports among hosts that can be counted. */
static bool deterministic_is_v6(const struct nat_policy *p)
{
	return p->version == 6 && p->port_selection == NAT_PORT_DETERMINISTIC;
}

static bool block_is_of_v6(const struct nat_policy *p)
{
	return p->type == NAT_NAPT66 && p->port_selection == NAT_PORT_BLOCK;
}

static bool parity_is_off(const struct nat_policy *p)
{
	return !p->parity && (p->port_selection == NAT_PORT_PARITY ||
			      p->port_selection == NAT_PORT_CONTIGUOUS);
}

static bool independence_depends(const struct nat_policy *p)
{
	return p->protocol_independent &&
	       (p->behaviour[NAT_CLASS_UDP].mapping != NAT_ENDPOINT_INDEPENDENT ||
		p->behaviour[NAT_CLASS_TCP].mapping != NAT_ENDPOINT_INDEPENDENT);
}

static bool independence_has_ftp(const struct nat_policy *p)
{
	return p->protocol_independent && (p->helpers & NAT_HELPER_FTP);
}

static bool independence_is_planned(const struct nat_policy *p)
{
	return p->protocol_independent && p->port_selection >= NAT_PORT_BLOCK;
}

/* What does not go together, in the line of which key. */
static const struct {
	const char *key;
	bool (*holds)(const struct nat_policy *p);
	const char *fault;
} contradictions[] = {
	{ "protocol_independent", independence_depends,
	  "nat.protocol_independent = true contradicts a mapping that depends on the remote endpoint: "
	  "there would be several outside endpoints to share; mapping = \"endpoint-independent\"" },
	{ "protocol_independent", independence_has_ftp,
	  "nat.protocol_independent = true contradicts the helper \"ftp\", which keeps the TCP of a host "
	  "apart from its UDP; leave one of them out" },
	{ "protocol_independent", independence_is_planned,
	  "nat.protocol_independent = true contradicts port_selection = \"block\" or "
	  "\"deterministic\", whose ports are not looked after by protocol; leave one of them out" },
	{ "port_selection", deterministic_is_v6,
	  "nat.port_selection = \"deterministic\" is for IPv4 hosts: those of an IPv6 prefix are too many "
	  "to have ports each; \"block\"" },
	{ "port_selection", block_is_of_v6,
	  "nat.port_selection = \"block\" is for pools of IPv4 addresses, where ports are short; "
	  "\"random\"" },
	{ "pooling", block_is_arbitrary,
	  "nat.pooling = \"arbitrary\" contradicts port_selection = \"block\": a block belongs to "
	  "one host, on one address; \"paired\" or \"soft\"" },
	{ "pooling", deterministic_is_unpaired,
	  "nat.pooling contradicts port_selection = \"deterministic\": the outside address must "
	  "follow from the inside one; \"paired\"" },
	{ "on_exhaustion", plan_is_overloaded,
	  "nat.on_exhaustion = \"overload\" contradicts port_selection = \"block\" and "
	  "\"deterministic\": a port belongs to one host, which its logs name; \"unreachable\", "
	  "\"prohibited\" or \"silent\"" },
};

static void check_parity(const struct section *s, const struct nat_policy *p)
{
	if (section_has(s, "parity") && parity_is_off(p))
		reader_fault(s->r, section_line(s, "parity"),
			     "nat.parity = false contradicts port_selection, which keeps it; leave "
			     "it out, or port_selection = \"random\"");
}

/* Of types that are for hosts of either version. */
static void check_v4_keys(const struct section *s, const struct nat_policy *p)
{
	static const struct { const char *key; enum nat_type type; } keys[] = {
		{ "destination", NAT_NONE }, { "destination_ports", NAT_NONE }, { "proto", NAT_NONE },
		{ "helpers", NAT_ONE_TO_ONE }, { "twice", NAT_ONE_TO_ONE },
	};

	for (size_t i = 0; p->version == 6 && i < COUNT(keys); i++)
		if (p->type == keys[i].type && section_has(s, keys[i].key))
			reader_fault(s->r, section_line(s, keys[i].key),
				     "nat.%s is for an IPv4 match; leave it out", keys[i].key);
}

void conf_check_scope(const struct section *s, const struct nat_policy *p)
{
	if (p->type > NAT_SIIT || p->port_selection > NAT_PORT_DETERMINISTIC)
		return;
	for (size_t i = 0; i < COUNT(scopes); i++) {
		if (!section_has(s, scopes[i].key))
			continue;
		check_scope(s, scopes[i].key, "type", scopes[i].types, p->type);
		if (conf_has_ports(p))
			check_scope(s, scopes[i].key, "port_selection", scopes[i].selections,
				    p->port_selection);
	}
	for (size_t i = 0; conf_has_ports(p) && i < COUNT(contradictions); i++)
		if (contradictions[i].holds(p))
			reader_fault(s->r, section_line(s, contradictions[i].key), "%s",
				     contradictions[i].fault);
	check_parity(s, p);
	check_v4_keys(s, p);
}
