/* The pools of the nat entries, once all entries and interfaces are known. */
#include "conf_read.h"

#include <string.h>

struct address conf_pool_address(const struct conf *c, size_t place)
{
	be32 a = c->pool[place];

	if (nat_is_v6_beside(a))
		return address_v6(c->pool6[place].octets);
	return a.raw ? address_v4((const uint8_t *)&a) : (struct address){ 0 };
}

void conf_pool_put(struct conf *c, size_t place, const struct address *a)
{
	c->pool[place] = a->version == 6 ? nat_v6_beside() : be32_load(a->octets);
	if (c->pool6)
		c->pool6[place] = a->version == 6 ? ip6_load(a->octets) : (struct ip6){ { 0 } };
}

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

		if (p->version == 6 || p->prefix_len == 0 || p->prefix_len > 32 ||
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
static size_t holder_of(const struct conf *c, const struct address *a)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		for (size_t j = 0; j < p->pool_count; j++) {
			struct address other = conf_pool_address(c, p->pool_first + j);

			if (address_equal(&other, a))
				return i;
		}
	}
	return SIZE_MAX;
}

/* The one after it, in the order of numbers. */
static void count_up(struct address *a)
{
	size_t i = address_len(a);

	while (i-- > 0 && ++a->octets[i] == 0)
		continue;
}

/* Whether there are more than so many from first to last. */
static bool exceeds(const struct address *first, const struct address *last, size_t most)
{
	struct address a = *first;
	size_t count = 1;

	for (; count <= most && !address_equal(&a, last); count++)
		count_up(&a);
	return count > most;
}

void conf_pool_add(struct reader *r, struct item item, const struct address *first,
		   const struct address *last, struct nat_policy *policy)
{
	struct conf *c = r->conf;
	bool more = true;

	if (exceeds(first, last, NAT_POOL_MOST - c->nat.pool_count)) {
		reader_fault(r, item.line,
			     "pool %s makes more than %d addresses in all; a smaller range",
			     item.text, NAT_POOL_MOST);
		return;
	}
	for (struct address a = *first; more; count_up(&a)) {
		size_t holder = holder_of(c, &a);

		if (holder != SIZE_MAX) {
			reader_fault(r, item.line,
				     "pool %s overlaps that of nat \"%s\" in line %d; every "
				     "address once",
				     item.text, c->nats[holder].name, c->nats[holder].line);
			return;
		}
		more = !address_equal(&a, last);
		conf_pool_put(c, c->nat.pool_count++, &a);
		policy->pool_count++;
	}
}

static void add_span(struct reader *r, struct item item, struct span span,
		     struct nat_policy *policy)
{
	be32 first = be32_from(span.first), last = be32_from(span.last);
	struct address from = address_v4((const uint8_t *)&first);
	struct address to = address_v4((const uint8_t *)&last);

	conf_pool_add(r, item, &from, &to, policy);
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
	struct nat_policy *policy = &c->policies[at];

	for (size_t i = 0; i < at; i++)
		if (c->nats[i].pool_interface == interface &&
		    conf_pool_version(&c->policies[i]) == conf_pool_version(policy)) {
			reader_fault(r, item.line,
				     "pool %s overlaps that of nat \"%s\" in line %d; every "
				     "address once", item.text, c->nats[i].name, c->nats[i].line);
			return;
		}
	if (c->nat.pool_count + 1 >= NAT_POOL_MOST)
		return;
	policy->pool_count = 1;
	c->nat.pool_count += 2;
	policy->left = (uint16_t)c->nat.pool_count;
}

static void read_interface_pool(const struct section *s, struct item item, size_t at)
{
	struct reader *r = s->r;
	struct conf *c = r->conf;
	uint8_t version = conf_pool_version(&c->policies[at]);
	size_t interface = conf_interface_meant(r, "pool", item, SIDE_OUTSIDE, version);

	if (interface == SIZE_MAX)
		return;
	const struct prefix *known = conf_first(&c->interfaces[interface], version);
	if (known)
		conf_pool_add(r, item, &known->address, &known->address, &c->policies[at]);
	else
		add_unknown(r, item, interface, at);
	c->nats[at].pool_interface = interface;
}

/* RFC 6791 section 3: errors from there would help nobody. */
static void check_errors(struct reader *r, struct item item, struct span span)
{
	static const struct { uint32_t host; uint8_t len; } private[] = {
		{ 0x0a000000, 8 }, { 0x64400000, 10 }, { 0xac100000, 12 }, { 0xc0a80000, 16 },
	};

	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		if (span_overlaps(span, span_of(private[i].host, private[i].len)))
			reader_fault(r, item.line,
				     "pool %s is private, and errors from there would help nobody; for "
				     "siit, public addresses, or no pool", item.text);
}

static void read_addresses(struct reader *r, struct item item, struct nat_policy *policy)
{
	struct span span;

	if (conf_pool_version(policy) == 6) {
		conf_read_pool6(r, item, policy);
	} else if (parse_span(r, item, &span)) {
		conf_check_matches(r, "pool", item, span);
		conf_check_interfaces(r, "pool", item, span);
		if (policy->type == NAT_SIIT)
			check_errors(r, item, span);
		add_span(r, item, span, policy);
	}
}

static void read_pool(const struct section *s, size_t at)
{
	struct conf *c = s->r->conf;
	struct nat_policy *policy = &c->policies[at];
	size_t count = section_texts(s, "pool");
	int line = section_line(s, "pool");
	struct item item;

	policy->pool_first = (uint16_t)c->nat.pool_count;
	if (!conf_has_ports(policy) && policy->type != NAT_SIIT)
		return;
	if (!count && policy->type != NAT_SIIT)
		reader_fault(s->r, line, "nat.pool has no address; pool = [ \"%s\" ] or the like",
			     conf_pool_version(policy) == 6 ? "2001:db8::5" : "203.0.113.5");
	for (size_t i = 0; section_text_next(s, "pool", &i, &item);) {
		bool interface = conf_means_interface(item.text);

		if (interface && count > 1)
			reader_fault(s->r, item.line,
				     "pool %s is not alone; no other address beside it", item.text);
		else if (interface)
			read_interface_pool(s, item, at);
		else
			read_addresses(s->r, item, policy);
	}
}

void conf_read_pools(struct reader *r)
{
	struct conf *c = r->conf;
	struct section s;
	size_t at = 0;

	c->pool = reader_array(r, NAT_POOL_MOST, sizeof(*c->pool));
	c->pool6 = reader_array(r, NAT_POOL_MOST, sizeof(*c->pool6));
	if (!c->pool || !c->pool6 || r->no_memory)
		return;
	for (size_t i = 0; section_next(r, "nat", &i, &s); at++) {
		read_pool(&s, at);
		conf_check_plan(&s, &c->policies[at]);
	}
}
