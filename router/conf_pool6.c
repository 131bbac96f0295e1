/* IPv6 addresses of pools, and what addresses outside must not be. */
#include "conf_read.h"

#include <string.h>

/* As conf_check_matches(): ::/0 means everything that comes from inside. */
void conf_check_matches6(struct reader *r, const char *what, struct item item, struct span6 span)
{
	const struct conf *c = r->conf;

	for (size_t i = 0; i < c->nat_count; i++) {
		struct prefix match = conf_prefix6(&c->policies[i].v6.match);

		if (c->policies[i].version != 6 || c->policies[i].prefix_len > 32 || !match.len ||
		    !span6_overlaps(span6_of(&match), span))
			continue;
		reader_fault(r, item.line,
			     "%s %s lies in the match of nat \"%s\" in line %d; outside "
			     "addresses cannot be inside ones",
			     what, item.text, c->nats[i].name, c->nats[i].line);
	}
}

/* Addresses of interfaces keep the bits behind their length. */
static bool network_overlaps(struct prefix p, struct span6 span)
{
	p = prefix_masked(p);
	return p.address.version == 6 && span6_overlaps(span6_of(&p), span);
}

static void check_networks(struct reader *r, const char *what, struct item item, struct span6 span,
			   const struct conf_interface *n)
{
	for (size_t i = 0; n->side == SIDE_INSIDE && i < n->address_count; i++)
		if (network_overlaps(n->addresses[i], span))
			reader_fault(r, item.line,
				     "%s %s lies in the network of inside interface \"%s\"; "
				     "outside addresses cannot be inside ones", what, item.text,
				     n->name);
	for (size_t i = 0; i < n->host_address_count; i++) {
		struct prefix host = { n->host_addresses[i].address, 128 };

		if (network_overlaps(host, span))
			reader_fault(r, item.line,
				     "%s %s has the host_address of interface \"%s\"; leave it out",
				     what, item.text, n->name);
	}
}

void conf_check_interfaces6(struct reader *r, const char *what, struct item item, struct span6 span)
{
	for (size_t i = 0; i < r->conf->interface_count; i++)
		check_networks(r, what, item, span, &r->conf->interfaces[i]);
}

/* "2001:db8::5" or "2001:db8::10-2001:db8::1f" */
static bool parse_range(struct reader *r, struct item item, struct address *first,
			struct address *last)
{
	char text[ADDRESS_TEXT];
	size_t len = strcspn(item.text, "-");

	snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text)), item.text);
	if (!conf_host6(r, (struct item){ text, item.line }, first))
		return false;
	*last = *first;
	if (!item.text[len])
		return true;
	if (!conf_host6(r, (struct item){ item.text + len + 1, item.line }, last))
		return false;
	if (memcmp(first->octets, last->octets, sizeof(first->octets)) <= 0)
		return true;
	reader_fault(r, item.line, "pool %s ends before it begins; exchange its ends", item.text);
	return false;
}

void conf_read_pool6(struct reader *r, struct item item, struct nat_policy *policy)
{
	struct address first, last;
	struct span6 span;

	if (!parse_range(r, item, &first, &last))
		return;
	span = (struct span6){ ip6_load(first.octets), ip6_load(last.octets) };
	conf_check_matches6(r, "pool", item, span);
	conf_check_interfaces6(r, "pool", item, span);
	conf_pool_add(r, item, &first, &last, policy);
}
