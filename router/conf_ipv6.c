/* The group ipv6, and the list delegated. */
#include "conf_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *name; uint8_t number; } names[] = {
	{ "hop-by-hop", 0 }, { "routing", 43 }, { "fragment", 44 }, { "esp", 50 }, { "ah", 51 },
	{ "destination", 60 }, { "mobility", 135 }, { "hip", 139 }, { "shim6", 140 },
};

static bool header_read(const char *text, uint8_t *header)
{
	unsigned long number;
	char *end;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i].name)) {
			*header = names[i].number;
			return true;
		}
	number = strtoul(text, &end, 10);
	*header = (uint8_t)number;
	return isdigit((unsigned char)*text) && !*end && number <= UINT8_MAX;
}

static void read_headers(const struct section *s, struct conf_ipv6 *c)
{
	struct item item;
	uint8_t header;

	for (size_t i = 0; section_text_next(s, "deny_headers", &i, &item);)
		if (header_read(item.text, &header)) {
			headers_add(&c->denied_headers, header);
			c->denies_headers = true;
		} else {
			reader_fault(s->r, item.line,
				     "ipv6.deny_headers: \"%s\" is no header; a number from 0 to 255, or "
				     "one of hop-by-hop, routing, fragment, esp, ah, destination, "
				     "mobility, hip, shim6", item.text);
		}
}

static void read_icmp(const struct section *s, struct headers *denied)
{
	static const uint8_t usual[] = { 100, 101, 127, 138, 139, 140, 200, 201, 255 };
	int64_t type;

	for (size_t i = 0; section_number_next(s, "deny_icmp", &i, &type);)
		headers_add(denied, (uint8_t)type);
	for (size_t i = 0; !section_has(s, "deny_icmp") && i < sizeof(usual); i++)
		headers_add(denied, usual[i]);
}

static bool delegated_read(struct reader *r, struct item item, struct prefix *p)
{
	if (!conf_network(r, item, p))
		return false;
	if (p->address.version == 6 && p->len)
		return true;
	reader_fault(r, item.line, "delegated \"%s\" is no part of IPv6; write a prefix like "
		     "2001:db8:1::/56", item.text);
	return false;
}

static void read_delegated(struct reader *r, struct conf_ipv6 *c)
{
	struct section s = section_of(r, "");
	size_t count = section_texts(&s, "delegated");
	struct item item;

	if (count > CONF_DELEGATED_MOST) {
		reader_fault(r, section_line(&s, "delegated"), "delegated has %zu prefixes; at most %d",
			     count, CONF_DELEGATED_MOST);
		return;
	}
	for (size_t i = 0; section_text_next(&s, "delegated", &i, &item);)
		if (delegated_read(r, item, &c->delegated[c->delegated_count]))
			c->delegated_count++;
}

void conf_read_ipv6(struct reader *r)
{
	struct section s = section_of(r, "ipv6");
	struct conf_ipv6 *c = &r->conf->ipv6;

	read_headers(&s, c);
	read_icmp(&s, &c->denied_icmp);
	c->obeys_options = section_word(&s, "hop_by_hop") == 1;
	c->documentation = section_bool(&s, "documentation");
	c->unique_local = section_bool(&s, "unique_local");
	read_delegated(r, c);
}
