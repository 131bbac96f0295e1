/* The pools of the nat entries, once all entries and interfaces are known. */
#include "conf_read.h"

#include <string.h>

static bool is_v4(const struct prefix *p)
{
	return p->address.version == 4;
}

static uint32_t host_of(const struct prefix *p)
{
	return load32(p->address.octets);
}

/* A pool inside of what is translated would be both ends at once. 0.0.0.0/0 means everything that
 * comes from inside, wherever the pool is. */
void conf_check_matches(struct reader *r, const char *what, struct item item, struct span span)
{
	const struct conf *c = r->conf;

	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (p->prefix_len == 0 || p->prefix_len > 32 ||
		    !span_overlaps(span, policy_span(p)))
			continue;
		reader_fault(r, item.line,
			     "%s %s lies in the match of nat \"%s\" in line %d; outside "
			     "addresses cannot be inside ones",
			     what, item.text, c->nats[i].name, c->nats[i].line);
	}
}

/* Addresses of hosts, of the other side, or of nobody. */
static void check_networks(struct reader *r, const char *what, struct item item, struct span span,
			   const struct conf_interface *n)
{
	for (size_t i = 0; i < n->address_count; i++) {
		const struct prefix *p = &n->addresses[i];
		struct span network;

		if (!is_v4(p))
			continue;
		network = span_of(host_of(p), p->len);
		if (n->side == SIDE_INSIDE && span_overlaps(span, network))
			reader_fault(r, item.line,
				     "%s %s lies in the network of inside interface \"%s\"; "
				     "outside addresses cannot be inside ones", what, item.text,
				     n->name);
		else if (p->len < 31 &&
			 (span_has(span, network.first) || span_has(span, network.last)))
			reader_fault(r, item.line,
				     "%s %s has the network or broadcast address of interface "
				     "\"%s\"; leave it out", what, item.text, n->name);
	}
}

void conf_check_interfaces(struct reader *r, const char *what, struct item item, struct span span)
{
	const struct conf *c = r->conf;

	for (size_t i = 0; i < c->interface_count; i++) {
		const struct conf_interface *n = &c->interfaces[i];

		check_networks(r, what, item, span, n);
		for (size_t j = 0; j < n->host_address_count; j++)
			if (is_v4(&n->host_addresses[j]) &&
			    span_has(span, host_of(&n->host_addresses[j])))
				reader_fault(r, item.line,
					     "%s %s has the host_address of interface "
					     "\"%s\"; leave it out", what, item.text, n->name);
	}
}

/* The nat entry that has a pool address; SIZE_MAX: none. */
static size_t holder_of(const struct conf *c, uint32_t host)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		for (size_t j = 0; j < p->pool_count; j++)
			if (be32_host(c->pool[p->pool_first + j]) == host)
				return i;
	}
	return SIZE_MAX;
}

static void add(struct conf *c, struct nat_policy *policy, uint32_t host)
{
	c->pool[c->nat.pool_count++] = be32_from(host);
	policy->pool_count++;
}

static void add_span(struct reader *r, struct item item, struct span span,
		     struct nat_policy *policy)
{
	struct conf *c = r->conf;

	if (span.last - span.first >= NAT_POOL_MOST - c->nat.pool_count) {
		reader_fault(r, item.line,
			     "pool %s makes more than %d addresses in all; a smaller range",
			     item.text, NAT_POOL_MOST);
		return;
	}
	for (uint32_t i = 0; i <= span.last - span.first; i++) {
		size_t holder = holder_of(c, span.first + i);

		if (holder != SIZE_MAX) {
			reader_fault(r, item.line,
				     "pool %s overlaps that of nat \"%s\" in line %d; every "
				     "address once",
				     item.text, c->nats[holder].name, c->nats[holder].line);
			return;
		}
		add(c, policy, span.first + i);
	}
}

static bool parse_span(struct reader *r, struct item item, struct span *span)
{
	char first[ADDRESS_TEXT];
	size_t len = strcspn(item.text, "-");

	if (item.text[len] == '\0') {
		if (!conf_host4(r, item, &span->first))
			return false;
		span->last = span->first;
		return true;
	}
	snprintf(first, sizeof(first), "%.*s", (int)(len < sizeof(first) ? len : sizeof(first)),
		 item.text);
	if (!conf_host4(r, (struct item){ first, item.line }, &span->first) ||
	    !conf_host4(r, (struct item){ item.text + len + 1, item.line }, &span->last))
		return false;
	if (span->first > span->last)
		reader_fault(r, item.line, "pool %s ends before it begins; exchange its ends",
			     item.text);
	return span->first <= span->last;
}

/* Address not yet known: it will be the kernel's on the device. There is a place for the one after it,
 * so that sessions may stay with the one that goes. */
static void add_unknown(struct reader *r, struct item item, size_t interface, size_t at)
{
	struct conf *c = r->conf;

	for (size_t i = 0; i < at; i++)
		if (c->nats[i].pool_interface == interface) {
			reader_fault(r, item.line,
				     "pool %s overlaps that of nat \"%s\" in line %d; every "
				     "address once", item.text, c->nats[i].name, c->nats[i].line);
			return;
		}
	if (c->nat.pool_count + 1 >= NAT_POOL_MOST)
		return;
	add(c, &c->policies[at], 0);
	c->pool[c->nat.pool_count++] = (be32){ 0 };
	c->policies[at].left = (uint16_t)c->nat.pool_count;
}

static void read_interface_pool(const struct section *s, struct item item, size_t at)
{
	struct reader *r = s->r;
	struct conf *c = r->conf;
	size_t interface = conf_interface_meant(r, "pool", item, SIDE_OUTSIDE);

	if (interface == SIZE_MAX)
		return;
	const struct prefix *known = conf_first_v4(&c->interfaces[interface]);
	if (known)
		add_span(r, item, span_of(host_of(known), 32), &c->policies[at]);
	else
		add_unknown(r, item, interface, at);
	c->nats[at].pool_interface = interface;
}

static void read_pool(const struct section *s, size_t at)
{
	struct conf *c = s->r->conf;
	struct nat_policy *policy = &c->policies[at];
	size_t count = section_texts(s, "pool");
	int line = section_line(s, "pool");
	struct item item;
	struct span span;

	policy->pool_first = (uint16_t)c->nat.pool_count;
	if (policy->type != NAT_NAPT44)
		return;
	if (!count)
		reader_fault(s->r, line,
			     "nat.pool has no address; pool = [ \"203.0.113.5\" ] or the like");
	for (size_t i = 0; section_text_next(s, "pool", &i, &item);) {
		bool interface = conf_means_interface(item.text);

		if (interface && count > 1) {
			reader_fault(s->r, item.line,
				     "pool %s is not alone; no other address beside it", item.text);
		} else if (interface) {
			read_interface_pool(s, item, at);
		} else if (parse_span(s->r, item, &span)) {
			conf_check_matches(s->r, "pool", item, span);
			conf_check_interfaces(s->r, "pool", item, span);
			add_span(s->r, item, span, policy);
		}
	}
}

void conf_read_pools(struct reader *r)
{
	struct conf *c = r->conf;
	struct section s;
	size_t at = 0;

	c->pool = reader_array(r, NAT_POOL_MOST, sizeof(*c->pool));
	if (!c->pool || r->no_memory)
		return;
	for (size_t i = 0; section_next(r, "nat", &i, &s); at++) {
		read_pool(&s, at);
		conf_check_plan(&s, &c->policies[at]);
	}
}
