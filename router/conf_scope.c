/* What contradicts itself within one nat entry: keys that its type or its selection of ports has no
 * use for, and values that cannot hold together. */
#include "conf_read.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	NAPT44 = 1 << NAT_NAPT44, ONE_TO_ONE = 1 << NAT_ONE_TO_ONE, NONE = 1 << NAT_NONE,
	SESSIONS = NAPT44 | ONE_TO_ONE,
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
	{ "preset", NAPT44, ANY },
	{ "pool", NAPT44, ANY },
	{ "on_address_change", NAPT44, ANY },
	{ "ports", NAPT44, ANY },
	{ "low_ports", NAPT44, UNPLANNED },
	{ "prefix", ONE_TO_ONE, ANY },
	{ "destination", NONE, ANY },
	{ "destination_ports", NONE, ANY },
	{ "proto", NONE, ANY },
	{ "mapping", NAPT44, ANY },
	{ "mapping_udp", NAPT44, ANY },
	{ "mapping_tcp", NAPT44, ANY },
	{ "filtering", SESSIONS, ANY },
	{ "filtering_udp", SESSIONS, ANY },
	{ "filtering_tcp", SESSIONS, ANY },
	{ "port_selection", NAPT44, ANY },
	{ "on_conflict", NAPT44, PRESERVE },
	{ "parity", NAPT44, ANY },
	{ "protocol_independent", NAPT44, ANY },
	{ "block_size", NAPT44, PLANNED },
	{ "blocks_per_host", NAPT44, PLANNED },
	{ "dynamic_shares", NAPT44, DETERMINISTIC },
	{ "pooling", NAPT44, ANY },
	{ "hairpin", SESSIONS, ANY },
	{ "refresh", SESSIONS, ANY },
	{ "on_exhaustion", NAPT44, ANY },
	{ "unsolicited_syn", SESSIONS, ANY },
	{ "icmp_errors", SESSIONS, ANY },
	{ "helpers", SESSIONS, ANY },
	{ "ports_per_host", NAPT44, ANY },
	{ "new_per_second", SESSIONS, ANY },
	{ "new_burst", SESSIONS, ANY },
	{ "sessions_per_mapping", SESSIONS, ANY },
	{ "short_ports", SESSIONS, ANY },
	{ "timeouts", SESSIONS, ANY },
	{ "twice", SESSIONS, ANY },
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

void conf_check_scope(const struct section *s, const struct nat_policy *p)
{
	if (p->type > NAT_ONE_TO_ONE || p->port_selection > NAT_PORT_DETERMINISTIC)
		return;
	for (size_t i = 0; i < COUNT(scopes); i++) {
		if (!section_has(s, scopes[i].key))
			continue;
		check_scope(s, scopes[i].key, "type", scopes[i].types, p->type);
		if (p->type == NAT_NAPT44)
			check_scope(s, scopes[i].key, "port_selection", scopes[i].selections,
				    p->port_selection);
	}
	for (size_t i = 0; p->type == NAT_NAPT44 && i < COUNT(contradictions); i++)
		if (contradictions[i].holds(p))
			reader_fault(s->r, section_line(s, contradictions[i].key), "%s",
				     contradictions[i].fault);
	check_parity(s, p);
}
