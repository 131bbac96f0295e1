/* Ends of forwards as they stand in the file: an address or an interface, and perhaps ports. */
#include "conf_read.h"

#include <string.h>

#include "router/endpoint.h"

static bool parse_address(struct reader *r, struct item item, struct address *a)
{
	uint32_t host;
	be32 v4;

	if (strchr(item.text, ':'))
		return conf_host6(r, item, a);
	if (!conf_host4(r, item, &host))
		return false;
	v4 = be32_from(host);
	*a = address_v4((const uint8_t *)&v4);
	return true;
}

bool conf_read_end(struct reader *r, const char *key, struct item item, struct conf_end *e)
{
	char address[ENDPOINT_TEXT];
	const char *ports;

	*e = (struct conf_end){ .interface = SIZE_MAX };
	if (!*item.text)
		return false;
	if (!endpoint_split(item.text, address, &ports)) {
		reader_fault(r, item.line,
			     "forwards.%s \"%s\" is no endpoint; write it like \"192.0.2.1:80\" or "
			     "\"[2001:db8::1]:80\"", key, item.text);
		return false;
	}
	if (ports && !conf_ports(ports, &e->ports)) {
		reader_fault(r, item.line,
			     "forwards.%s \"%s\" has no ports behind the colon; 1 to "
			     "65535, or a range FIRST-LAST", key, item.text);
		return false;
	}
	return parse_address(r, (struct item){ address, item.line }, &e->address);
}

static bool is_v6_text(const char *text)
{
	char address[ENDPOINT_TEXT];
	const char *ports;

	return endpoint_split(text, address, &ports) && strchr(address, ':');
}

/* That of the address of an interface which leads to those hosts. */
static uint8_t external_version(const struct section *s, size_t interface)
{
	struct item item = { "", 0 };
	size_t i = 0;

	section_text_next(s, "internal", &i, &item);
	return conf_external_version(s->r->conf, is_v6_text(item.text), interface);
}

bool conf_read_interface_end(const struct section *s, struct item item, struct conf_end *e)
{
	struct reader *r = s->r;
	char text[CONF_ENDPOINT + 1];
	uint8_t version;
	char *colon;

	*e = (struct conf_end){ .interface = SIZE_MAX };
	snprintf(text, sizeof(text), "%s", item.text);
	colon = strrchr(text + strlen("interface:"), ':');
	if (colon && !conf_ports(colon + 1, &e->ports)) {
		reader_fault(r, item.line,
			     "forwards.external \"%s\" has no ports behind the last colon; 1 to "
			     "65535, or a range FIRST-LAST", item.text);
		return false;
	}
	if (colon)
		*colon = '\0';
	e->interface = conf_interface_named(r, (struct item){ text + strlen("interface:"), item.line });
	if (e->interface == SIZE_MAX)
		return false;
	version = external_version(s, e->interface);
	if (conf_interface_meant(r, "forwards.external", (struct item){ text, item.line },
				 SIDE_OUTSIDE, version) == SIZE_MAX)
		return false;
	const struct prefix *known = conf_first(&r->conf->interfaces[e->interface], version);
	be32 v4 = conf_unknown_address(e->interface);
	struct ip6 v6 = conf_unknown_address6(e->interface);
	e->address = known ? known->address
			   : version == 6 ? address_v6(v6.octets) : address_v4((const uint8_t *)&v4);
	return true;
}

static size_t pool_of_interface(const struct conf *c, size_t interface, uint8_t version)
{
	size_t i = 0;

	while (i < c->nat_count && (c->nats[i].pool_interface != interface ||
				    conf_pool_version(&c->policies[i]) != version))
		i++;
	return i;
}

uint8_t conf_external_version(const struct conf *c, bool v6_internal, size_t interface)
{
	return v6_internal && pool_of_interface(c, interface, 6) < c->nat_count ? 6 : 4;
}

/* Addresses of interfaces that only the kernel knows yet could be any. */
size_t conf_pool_holder(const struct conf *c, const struct conf_end *e)
{
	size_t maybe = c->nat_count;

	if (e->interface != SIZE_MAX)
		return pool_of_interface(c, e->interface, e->address.version);
	for (size_t i = 0; i < c->nat_count; i++)
		for (size_t k = 0; k < c->policies[i].pool_count; k++) {
			struct address a = conf_pool_address(c, c->policies[i].pool_first + k);

			if (address_equal(&a, &e->address))
				return i;
			if (!a.version && conf_pool_version(&c->policies[i]) == e->address.version)
				maybe = i;
		}
	return maybe;
}
