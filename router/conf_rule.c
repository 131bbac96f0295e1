/* The list rewrite. */
#include "conf_read.h"

#include <string.h>

static const struct { const char *name; uint8_t protocol; } protocols[] = {
	{ "tcp", PROTO_TCP },
	{ "udp", PROTO_UDP },
	{ "icmp", PROTO_ICMP },
};

static uint8_t protocol_of(const char *word)
{
	for (size_t i = 0; word && i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (!strcmp(word, protocols[i].name))
			return protocols[i].protocol;
	return 0;
}

/* Words behind the interface: all of them, in order. */
static bool parse_selection(char **rest, struct conf_rule *rule)
{
	char *word = strtok_r(NULL, " \t", rest);

	rule->protocol = protocol_of(word);
	if (rule->protocol)
		word = strtok_r(NULL, " \t", rest);
	if (rule->protocol == PROTO_TCP && word && !strcmp(word, "syn")) {
		rule->match |= RULE_SYN;
		word = strtok_r(NULL, " \t", rest);
	}
	return !word;
}

static void read_match(const struct section *s, struct conf_rule *rule)
{
	struct item match = section_text(s, "match"), name = match;
	char words[64], *rest;

	if (!*match.text)
		return;
	snprintf(words, sizeof(words), "%s", match.text);
	const char *way = strtok_r(words, " \t", &rest);
	name.text = way ? strtok_r(NULL, " \t", &rest) : NULL;
	if (name.text)
		rule->match = !strcmp(way, "in") ? RULE_IN : !strcmp(way, "out") ? RULE_OUT : 0;
	if (!rule->match || !parse_selection(&rest, rule)) {
		reader_fault(s->r, match.line,
			     "match \"%s\" is no match; write it like \"out wan0\" or "
			     "\"out wan0 tcp syn\"", match.text);
		return;
	}
	rule->interface = conf_interface_named(s->r, name);
	if (section_has(s, "mss") && !(rule->match & RULE_SYN))
		reader_fault(s->r, name.line,
			     "rewrite.mss works on TCP SYN segments only; match = "
			     "\"%s %s tcp syn\"", way, name.text);
}

static void read_rule(const struct section *s, struct conf_rule *rule)
{
	int64_t mss = section_number(s, "mss");

	rule->line = s->line;
	rule->mss = mss == WORD_NONE ? RULE_MSS_KEEP : (uint16_t)mss;
	rule->dscp = (int16_t)section_number(s, "dscp");
	rule->ttl = (int16_t)section_number(s, "ttl");
	read_match(s, rule);
	if (!section_has(s, "mss") && !section_has(s, "dscp") && !section_has(s, "ttl"))
		reader_fault(s->r, s->line, "rewrite rule changes nothing; add mss, dscp or ttl");
}

void conf_read_rules(struct reader *r)
{
	struct conf *c = r->conf;
	struct section s;

	c->rules = reader_array(r, section_count(r, "rewrite"), sizeof(*c->rules));
	for (size_t i = 0; c->rules && section_next(r, "rewrite", &i, &s); c->rule_count++)
		read_rule(&s, &c->rules[c->rule_count]);
}
