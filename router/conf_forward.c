/* The list forwards. */
#include "conf_read.h"

#include <stdlib.h>
#include <string.h>

#include "router/own.h"
#include "router/protocol.h"

/* The entry that an outside address belongs to as a whole, or NULL. */
static const struct conf_nat *one_to_one_of(const struct conf *c, const struct address *a)
{
	struct prefix outside;

	for (size_t i = 0; i < c->nat_count; i++)
		for (size_t k = 0; c->policies[i].prefix_len <= 32 &&
				   own_prefix_at(&c->policies[i], k, &outside); k++)
			if (prefix_contains(&outside, a))
				return &c->nats[i];
	return NULL;
}

static bool matches(const struct nat_policy *p, const struct address *a)
{
	struct prefix match = conf_prefix6(&p->v6.match);

	if (p->prefix_len > 32 || conf_inside_version(p) != a->version)
		return false;
	return a->version == 6 ? prefix_contains(&match, a)
			       : span_has(policy_span(p), load32(a->octets));
}

/* Whether an entry of that type is the one that counts for an inside host. What only some destinations
 * are exempt from does not count, nor what only some are translated for, but for the type asked for. The
 * network of an interface could be any. */
static bool is_of(const struct conf *c, const struct address *host, enum nat_type type)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];
		bool partly = p->destination.len || p->destination.protocol ||
			      p->type == NAT_NAT64 || p->type == NAT_SIIT;

		if (c->nats[i].match_interface != SIZE_MAX && p->type == type)
			return true;
		if (matches(p, host) && (p->type == type || !partly))
			return p->type == type;
	}
	return false;
}

/* What may stand behind the colon depends on the protocol. Without brackets, a port would be the end of
 * an IPv6 address. */
static bool check_ports(const struct section *s, const char *key, struct item item,
			const struct conf_end *e, bool has_ports)
{
	if (!has_ports && e->ports.last)
		reader_fault(s->r, item.line,
			     "forwards.%s \"%s\" has ports, and proto has none; only the address",
			     key, item.text);
	else if (has_ports && e->address.version == 6 && e->interface == SIZE_MAX && *item.text != '[')
		reader_fault(s->r, item.line,
			     "forwards.%s \"%s\" has no brackets; write it like "
			     "\"[2001:db8::1]:80\"", key, item.text);
	else
		return true;
	return false;
}

static void check_external(const struct section *s, struct item item, const struct conf_end *e)
{
	const struct conf *c = s->r->conf;
	const struct conf_nat *owner = one_to_one_of(c, &e->address);

	if (owner)
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" lies in the prefix of nat \"%s\" in line %d, "
			     "where every host has all ports; leave it out", item.text, owner->name,
			     owner->line);
	else if (conf_pool_holder(c, e) < c->nat_count)
		return;
	else if (e->interface != SIZE_MAX)
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" is in no pool; give a nat entry the pool of "
			     "that interface", item.text);
	else if (!is_of(c, &e->address, NAT_FIREWALL))
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" is in no pool; add its address "
			     "to the pool of a nat entry", item.text);
}

static void set_external(struct nat_forward *f, const struct conf_end *e, bool has_ports)
{
	f->external = e->address.version == 6 ? nat_v6_beside() : be32_load(e->address.octets);
	if (e->address.version == 6)
		f->external6 = ip6_load(e->address.octets);
	f->first = e->ports.first;
	f->last = has_ports ? e->ports.last : UINT16_MAX;
}

static bool read_external(const struct section *s, bool has_ports, struct nat_forward *f,
			  struct conf_end *e)
{
	struct item item = section_text(s, "external");

	if (!(conf_means_interface(item.text) ? conf_read_interface_end(s, item, e)
					      : conf_read_end(s->r, "external", item, e)) ||
	    !check_ports(s, "external", item, e, has_ports))
		return false;
	if (has_ports && !e->ports.last) {
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" has no port; write it like "
			     "\"203.0.113.5:8080\"", item.text);
		return false;
	}
	check_external(s, item, e);
	set_external(f, e, has_ports);
	return true;
}

/* What leads to whom. */
static void check_host(const struct section *s, struct item item, const struct address *internal,
		       const struct conf_end *external)
{
	static const char *const names[] = {
		[NAT_NAPT44] = "napt44", [NAT_NAPT66] = "napt66", [NAT_NAT64] = "nat64",
	};
	const struct conf *c = s->r->conf;
	enum nat_type type = internal->version == 4 ? NAT_NAPT44
			     : external->address.version == 4 ? NAT_NAT64 : NAT_NAPT66;
	size_t holder = external->address.version ? conf_pool_holder(c, external) : c->nat_count;

	if (internal->version == 6 && !external->address.version)
		return;
	if (internal->version == 4 && external->address.version == 6)
		reader_fault(s->r, item.line, "forwards.internal \"%s\" is IPv4, and external IPv6; an "
			     "IPv6 host", item.text);
	else if (!is_of(c, internal, type))
		reader_fault(s->r, item.line,
			     "forwards.internal \"%s\" is matched by no nat entry of "
			     "type %s; add one", item.text, names[type]);
	else if (holder < c->nat_count && c->policies[holder].type != type)
		reader_fault(s->r, item.line,
			     "forwards.internal \"%s\" is no host of nat \"%s\" in line %d, whose pool "
			     "has the external address; that of an entry of type %s", item.text,
			     c->nats[holder].name, c->nats[holder].line, names[type]);
}

static void check_internal(const struct section *s, struct item item, struct port_range ports,
			   const struct nat_forward *f)
{
	struct reader *r = s->r;

	if (ports.first != ports.last)
		reader_fault(r, item.line,
			     "forwards.internal \"%s\" has a range; only the first port",
			     item.text);
	else if (f->internal_first + (f->last - f->first) > 65535)
		reader_fault(r, item.line,
			     "forwards.internal \"%s\" ends above port 65535; at most "
			     "%d to begin with", item.text, 65535 - (f->last - f->first));
	else if (f->protocol == PROTO_SCTP && f->internal_first != f->first)
		reader_fault(r, item.line,
			     "forwards.internal \"%s\" changes ports of SCTP, whose checksum covers "
			     "them; %u as outside", item.text, f->first);
}

static void set_internal(struct nat_forward *f, const struct conf_end *e)
{
	f->internal = e->address.version == 6 ? nat_v6_beside() : be32_load(e->address.octets);
	if (e->address.version == 6)
		f->internal6 = ip6_load(e->address.octets);
	f->internal_first = e->ports.last ? e->ports.first : f->first;
}

static bool read_internal(const struct section *s, struct item item, bool has_ports,
			  const struct conf_end *external, struct nat_forward *f)
{
	struct conf_end e;

	if (!conf_read_end(s->r, "internal", item, &e) ||
	    !check_ports(s, "internal", item, &e, has_ports))
		return false;
	set_internal(f, &e);
	check_host(s, item, &e.address, external);
	check_internal(s, item, e.ports, f);
	return true;
}

/* The rows of one entry of the file for one protocol. */
struct targets {
	struct nat_forward *rows;
	size_t count;
	struct conf_end external;
};

static void check_twice(const struct section *s, struct item item, const struct targets *t)
{
	const struct nat_forward *last = &t->rows[t->count];

	for (size_t i = 0; i < t->count; i++)
		if (be32_equal(t->rows[i].internal, last->internal) &&
		    ip6_equal(&t->rows[i].internal6, &last->internal6) &&
		    t->rows[i].internal_first == last->internal_first)
			reader_fault(s->r, item.line,
				     "forwards.internal \"%s\" is there twice; once, with a weight",
				     item.text);
}

/* A host behind a firewall is known by its own address and ports. */
static bool is_pinhole(const struct conf *c, const struct conf_end *external)
{
	return external->address.version == 6 && external->interface == SIZE_MAX &&
	       is_of(c, &external->address, NAT_FIREWALL);
}

static bool read_pinhole(const struct section *s, const struct nat_forward *f, struct targets *t)
{
	struct item external = section_text(s, "external"), item;
	struct nat_forward *row = &t->rows[t->count++];

	*row = *f;
	set_internal(row, &t->external);
	for (size_t i = 0; section_text_next(s, "internal", &i, &item);)
		if (strcmp(item.text, external.text) != 0)
			reader_fault(s->r, item.line,
				     "forwards.internal \"%s\" is not external, which a firewall lets "
				     "in as it is; \"%s\", or leave it out", item.text, external.text);
	return true;
}

static bool read_targets(const struct section *s, const struct nat_forward *f, bool has_ports,
			 struct targets *t)
{
	size_t faults = s->r->fault_count, wanted = section_texts(s, "internal");
	struct item item;

	if (is_pinhole(s->r->conf, &t->external))
		return read_pinhole(s, f, t);
	if (!wanted && faults == s->r->fault_count)
		reader_fault(s->r, section_line(s, "internal"),
			     "forwards.internal names no host; \"192.0.2.1:80\" or the like");

	for (size_t i = 0; section_text_next(s, "internal", &i, &item);) {
		t->rows[t->count] = *f;
		if (!read_internal(s, item, has_ports, &t->external, &t->rows[t->count]))
			continue;
		check_twice(s, item, t);
		t->count++;
	}
	return t->count && t->count == wanted;
}

static void read_weights(const struct section *s, struct targets *t)
{
	size_t count = section_numbers(s, "weights"), at = 0;
	int64_t weight;

	if (count && count != t->count)
		reader_fault(s->r, section_line(s, "weights"),
			     "forwards.weights has %zu numbers for %zu endpoints of internal; one "
			     "for each", count, t->count);
	for (size_t i = 0; at < t->count && section_number_next(s, "weights", &i, &weight); at++)
		t->rows[at].weight = (uint16_t)weight;
}

/* How several targets share the work. */
static void read_balance(const struct section *s, struct targets *t)
{
	static const char *const keys[] = { "weights", "affinity" };
	bool sticky = section_word(s, "affinity");

	for (size_t i = 0; t->count == 1 && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (section_has(s, keys[i]))
			reader_fault(s->r, section_line(s, keys[i]),
				     "forwards.%s is for several endpoints of internal; leave it out",
				     keys[i]);
	for (size_t i = 0; i < t->count; i++) {
		t->rows[i].weight = 1;
		t->rows[i].sticky = sticky;
		t->rows[i].grouped = t->count > 1;
	}
	t->rows[0].targets = (uint16_t)t->count;
	if (t->count > 1)
		read_weights(s, t);
}

static void check_overlap(struct reader *r, const struct nat_forward *f, const int *lines, int line)
{
	const struct conf *c = r->conf;
	char number[PROTOCOL_TEXT];

	for (size_t i = 0; i < c->nat.forward_count; i++) {
		const struct nat_forward *e = &c->forwards[i];

		if (e->protocol != f->protocol || !be32_equal(e->external, f->external) ||
		    !ip6_equal(&e->external6, &f->external6) || e->first > f->last || f->first > e->last)
			continue;
		reader_fault(r, line, "forward of %s overlaps that of line %d; every outside %s once",
			     protocol_name(f->protocol, number), lines[i],
			     protocol_has_ports(f->protocol) ? "port" : "address");
		i += e->targets > 1 ? e->targets - 1u : 0;
	}
}

static void add_targets(const struct section *s, const struct targets *t, uint8_t protocol, int *lines)
{
	struct conf *c = s->r->conf;

	for (size_t i = 0; i < t->count; i++)
		t->rows[i].protocol = protocol;
	check_overlap(s->r, t->rows, lines, s->line);
	for (size_t i = 0; i < t->count; i++) {
		lines[c->nat.forward_count] = s->line;
		c->forward_interfaces[c->nat.forward_count] = t->external.interface;
		c->forwards[c->nat.forward_count++] = t->rows[i];
	}
}

/* Remote hosts behind one address are told apart by their ports, which may have to change. */
static void read_source(const struct section *s, int64_t protocol, struct nat_forward *f)
{
	struct item item = section_text(s, "source");
	char number[PROTOCOL_TEXT];
	uint32_t host;

	if (!*item.text || !conf_host4(s->r, item, &host))
		return;
	f->source = be32_from(host);
	if (protocol == PROTO_SCTP || (protocol <= UINT8_MAX && protocol != WORD_NONE &&
				       !protocol_has_ports((uint8_t)protocol)))
		reader_fault(s->r, item.line,
			     "forwards.source \"%s\" is for protocols whose ports can be changed, "
			     "not %s; leave it out", item.text,
			     protocol_name((uint8_t)protocol, number));
}

static void check_source(const struct section *s, const struct targets *t)
{
	if (t->rows[0].source.raw && nat_is_v6_beside(t->rows[0].internal))
		reader_fault(s->r, section_line(s, "source"),
			     "forwards.source is for IPv4 hosts; leave it out");
}

/* One entry of the file for one or both transports; rows has room for its targets. */
static void read_forward(const struct section *s, struct nat_forward *rows, int *lines)
{
	struct nat_forward f = { 0 };
	struct targets t = { .rows = rows };
	int64_t protocol = section_number(s, "proto");
	bool both = protocol == CONF_TCP_AND_UDP;
	bool has_ports = protocol == WORD_NONE || both || protocol_has_ports((uint8_t)protocol);

	f.protocol = protocol == WORD_NONE || both ? PROTO_TCP : (uint8_t)protocol;
	bool external = read_external(s, has_ports, &f, &t.external);
	read_source(s, protocol, &f);
	if (!read_targets(s, &f, has_ports, &t) || !external || protocol == WORD_NONE)
		return;
	check_source(s, &t);
	read_balance(s, &t);
	add_targets(s, &t, f.protocol, lines);
	if (both)
		add_targets(s, &t, PROTO_UDP, lines);
}

static size_t count_targets(struct reader *r)
{
	struct section s;
	struct item item;
	size_t count = 0;

	for (size_t i = 0; section_next(r, "forwards", &i, &s);)
		for (size_t j = 0; section_text_next(&s, "internal", &j, &item);)
			count++;
	return count + section_count(r, "forwards"); /* of hosts behind firewalls none is named */
}

void conf_read_forwards(struct reader *r)
{
	size_t targets = count_targets(r);
	int *lines = reader_array(r, 2 * targets, sizeof(*lines));
	struct nat_forward *rows = reader_array(r, targets + 1, sizeof(*rows));
	struct conf *c = r->conf;
	struct section s;

	c->forwards = reader_array(r, 2 * targets, sizeof(*c->forwards));
	c->forward_interfaces = reader_array(r, 2 * targets, sizeof(*c->forward_interfaces));
	for (size_t i = 0; !r->no_memory && section_next(r, "forwards", &i, &s);)
		read_forward(&s, rows, lines);
	if (c->nat.forward_count > NAT_FORWARDS_MOST)
		reader_fault(r, s.line,
			     "forwards are %zu, every protocol and target counting; at most %d",
			     c->nat.forward_count, NAT_FORWARDS_MOST);
	free(lines);
	free(rows);
}
