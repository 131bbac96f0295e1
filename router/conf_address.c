/* Addresses and ports as they stand in the file. */
#include "conf_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Prefixes whose addresses no host and no router has (RFC 6890 section 2.2, RFC 1122), or that are never
 * routed, wherever a link may have them (RFC 3927, RFC 4291, RFC 7343). */
static const struct special { const char *prefix, *what; bool on_link; } special[] = {
	{ "0.0.0.0/8", "means this host", false },
	{ "127.0.0.0/8", "is a loopback address", false },
	{ "169.254.0.0/16", "is a link-local address", true },
	{ "224.0.0.0/4", "is a multicast address", false },
	{ "255.255.255.255/32", "is the limited broadcast address", false },
	{ "240.0.0.0/4", "is reserved", true },
	{ "::/128", "means no address", false },
	{ "::1/128", "is a loopback address", false },
	{ "::ffff:0:0/96", "is an IPv4-mapped address", false },
	{ "::/96", "is an IPv4-compatible address", true },
	{ "fe80::/10", "is a link-local address", true },
	{ "fec0::/10", "is a site-local address", true },
	{ "2001:10::/28", "is no address to route by", true },
	{ "2001:20::/28", "is no address to route by", true },
	{ "ff00::/8", "is a multicast address", false },
};

/* The prefix that has all of this one, or NULL. */
static const struct special *special_of(const struct prefix *part, bool routed)
{
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		struct prefix p;

		if ((special[i].on_link && !routed) || !prefix_parse(&p, special[i].prefix))
			continue;
		if (p.len <= part->len && prefix_contains(&p, &part->address))
			return &special[i];
	}
	return NULL;
}

static const char *special_what(const struct address *a, bool routed)
{
	struct prefix host = { *a, a->version == 6 ? 128 : 32 };
	const struct special *found = special_of(&host, routed);

	return found ? found->what : NULL;
}

/* Network and broadcast address of an IPv4 prefix are no host's (RFC 1812 section 4.2.3.1);
 * /31 and /32 have neither (RFC 3021). */
static const char *edge_what(const struct prefix *p)
{
	if (p->address.version != 4 || p->len > 30)
		return NULL;
	uint32_t host = load32(p->address.octets), wild = UINT32_MAX >> p->len;

	if ((host & wild) == 0)
		return "is the address of the network itself";
	return (host & wild) == wild ? "is the broadcast address of the network" : NULL;
}

const char *conf_host_fault(const struct prefix *p)
{
	const char *what = special_what(&p->address, false);

	return what ? what : edge_what(p);
}

bool conf_host(struct reader *r, struct item item, struct prefix *p)
{
	if (!prefix_parse(p, item.text)) {
		reader_fault(r, item.line,
			     "\"%s\" is no address; write it like 192.0.2.1/24 or 2001:db8::1/64",
			     item.text);
		return false;
	}
	const char *what = conf_host_fault(p);
	if (what)
		reader_fault(r, item.line, "%s %s; give the address of one host", item.text, what);
	return !what;
}

bool conf_network(struct reader *r, struct item item, struct prefix *p)
{
	char right[PREFIX_TEXT];

	if (!prefix_parse(p, item.text)) {
		reader_fault(r, item.line,
			     "\"%s\" is no prefix; write it like 192.0.2.0/24 or 2001:db8::/32",
			     item.text);
		return false;
	}
	struct prefix masked = prefix_masked(*p);
	if (address_equal(&masked.address, &p->address))
		return true;
	reader_fault(r, item.line, "%s has bits behind its length; %s", item.text,
		     prefix_format(&masked, right));
	return false;
}

bool conf_routed(struct reader *r, const char *what, struct item item, const struct prefix *p)
{
	const struct special *found = special_of(p, true);

	if (found)
		reader_fault(r, item.line, "%s %s lies in %s, which is never routed; another", what,
			     item.text, found->prefix);
	return !found;
}

bool conf_network4(struct reader *r, const char *what, struct item item, be32 *network, uint8_t *len)
{
	struct prefix p;

	if (!conf_network(r, item, &p))
		return false;
	if (p.address.version != 4) {
		reader_fault(r, item.line, "%s %s is IPv6; an IPv4 prefix", what, item.text);
		return false;
	}
	*network = be32_load(p.address.octets);
	*len = p.len;
	return conf_routed(r, what, item, &p);
}

bool conf_network6(struct reader *r, const char *what, struct item item, struct ip6_prefix *p)
{
	struct prefix found;

	if (!conf_network(r, item, &found))
		return false;
	if (found.address.version != 6) {
		reader_fault(r, item.line, "%s %s is IPv4; an IPv6 prefix", what, item.text);
		return false;
	}
	*p = (struct ip6_prefix){ ip6_load(found.address.octets), found.len };
	return conf_routed(r, what, item, &found);
}

bool conf_host6(struct reader *r, struct item item, struct address *a)
{
	if (!address_parse(a, item.text) || a->version != 6) {
		reader_fault(r, item.line, "\"%s\" is no IPv6 address; write it like 2001:db8::1",
			     item.text);
		return false;
	}
	const char *what = special_what(a, true);
	if (what)
		reader_fault(r, item.line, "%s %s; give the address of one host", item.text, what);
	return !what;
}

bool conf_host4(struct reader *r, struct item item, uint32_t *host)
{
	struct address a;

	if (!address_parse(&a, item.text) || a.version != 4) {
		reader_fault(r, item.line, "\"%s\" is no IPv4 address; write it like 192.0.2.1",
			     item.text);
		return false;
	}
	const char *what = special_what(&a, true);
	if (what)
		reader_fault(r, item.line, "%s %s; give the address of one host", item.text, what);
	*host = load32(a.octets);
	return !what;
}

/* Digits only, 1 to 65535; sets *end behind them. */
static bool parse_port(const char *text, const char **end, uint16_t *port)
{
	char *stop;

	if (!isdigit((unsigned char)*text))
		return false;
	unsigned long value = strtoul(text, &stop, 10);
	if (value < 1 || value > 65535)
		return false;
	*end = stop;
	*port = (uint16_t)value;
	return true;
}

bool conf_ports(const char *text, struct port_range *range)
{
	struct port_range parsed;

	if (!parse_port(text, &text, &parsed.first))
		return false;
	parsed.last = parsed.first;
	if (*text == '-' && !parse_port(text + 1, &text, &parsed.last))
		return false;
	if (*text != '\0' || parsed.first > parsed.last)
		return false;
	*range = parsed;
	return true;
}
