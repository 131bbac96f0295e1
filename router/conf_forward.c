/* The list forwards. */
#include "conf_read.h"

#include <stdlib.h>
#include <string.h>

#include "router/protocol.h"

/* "ADDRESS" or "ADDRESS:PORTS"; ports none in the first case. */
static bool parse_end(struct reader *r, const char *key, struct item item, uint32_t *host,
		      struct port_range *ports)
{
	const char *colon = strrchr(item.text, ':');
	char address[ENDPOINT_TEXT];

	if (!*item.text)
		return false;
	*ports = (struct port_range){ 0 };
	if (colon && !conf_ports(colon + 1, ports)) {
		reader_fault(r, item.line,
			     "forwards.%s \"%s\" has no ports behind the colon; 1 to "
			     "65535, or a range FIRST-LAST", key, item.text);
		return false;
	}
	snprintf(address, sizeof(address), "%.*s",
		 (int)(colon ? colon - item.text : (ptrdiff_t)strlen(item.text)), item.text);
	item.text = address;
	return conf_host4(r, item, host);
}

/* "interface:NAME" instead of the address. */
static bool parse_interface_end(struct reader *r, struct item item, uint32_t *host,
				struct port_range *ports, size_t *interface)
{
	char text[ENDPOINT_TEXT];
	char *colon;

	snprintf(text, sizeof(text), "%s", item.text);
	colon = strrchr(text + strlen("interface:"), ':');
	*ports = (struct port_range){ 0 };
	if (colon && !conf_ports(colon + 1, ports)) {
		reader_fault(r, item.line,
			     "forwards.external \"%s\" has no ports behind the last colon; 1 to "
			     "65535, or a range FIRST-LAST", item.text);
		return false;
	}
	if (colon)
		*colon = '\0';
	*interface = conf_interface_meant(r, "forwards.external", (struct item){ text, item.line },
					  SIDE_OUTSIDE);
	if (*interface == SIZE_MAX)
		return false;
	const struct prefix *known = conf_first_v4(&r->conf->interfaces[*interface]);
	*host = known ? load32(known->address.octets)
		      : be32_host(conf_unknown_address(*interface));
	return true;
}

static bool is_pool_interface(const struct conf *c, size_t interface)
{
	for (size_t i = 0; i < c->nat_count; i++)
		if (c->nats[i].pool_interface == interface)
			return true;
	return false;
}

/* Addresses of interfaces that only the kernel knows yet could be any. */
static bool in_pool(const struct conf *c, uint32_t host)
{
	for (size_t i = 0; i < c->nat.pool_count; i++)
		if (be32_host(c->pool[i]) == host || be32_host(c->pool[i]) == 0)
			return true;
	return false;
}

/* The entry that an outside address belongs to as a whole, or NULL. */
static const struct conf_nat *one_to_one_of(const struct conf *c, uint32_t host)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (p->type == NAT_ONE_TO_ONE && p->prefix_len <= 32 &&
		    span_has(span_of(be32_host(p->translated), p->prefix_len), host))
			return &c->nats[i];
	}
	return NULL;
}

/* Whether an inside host shares outside addresses with others. What only some destinations are
 * exempt from does not count. The network of an interface could be any. */
static bool is_translated(const struct conf *c, uint32_t host)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (c->nats[i].match_interface != SIZE_MAX && p->type == NAT_NAPT44)
			return true;
		if (p->destination.len || p->destination.protocol)
			continue;
		if (p->prefix_len <= 32 && span_has(policy_span(p), host))
			return p->type == NAT_NAPT44;
	}
	return false;
}

/* What may stand behind the colon depends on the protocol. */
static bool check_ports(const struct section *s, const char *key, struct item item,
			struct port_range ports, bool has_ports)
{
	if (has_ports || !ports.last)
		return true;
	reader_fault(s->r, item.line,
		     "forwards.%s \"%s\" has ports, and proto has none; only the address", key,
		     item.text);
	return false;
}

static bool read_external(const struct section *s, bool has_ports, struct nat_forward *f,
			  size_t *interface)
{
	struct item item = section_text(s, "external");
	struct port_range ports;
	uint32_t host;

	*interface = SIZE_MAX;
	if (!(conf_means_interface(item.text)
		      ? parse_interface_end(s->r, item, &host, &ports, interface)
		      : parse_end(s->r, "external", item, &host, &ports)) ||
	    !check_ports(s, "external", item, ports, has_ports))
		return false;
	if (has_ports && !ports.last) {
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" has no port; write it like "
			     "\"203.0.113.5:8080\"", item.text);
		return false;
	}
	const struct conf_nat *owner = one_to_one_of(s->r->conf, host);
	if (owner)
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" lies in the prefix of nat \"%s\" in line %d, "
			     "where every host has all ports; leave it out", item.text, owner->name,
			     owner->line);
	else if (*interface != SIZE_MAX && !is_pool_interface(s->r->conf, *interface))
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" is in no pool; give a nat entry the pool of "
			     "that interface", item.text);
	else if (*interface == SIZE_MAX && !in_pool(s->r->conf, host))
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" is in no pool; add its address "
			     "to the pool of a nat entry", item.text);
	f->external = be32_from(host);
	f->first = ports.first;
	f->last = has_ports ? ports.last : UINT16_MAX;
	return true;
}

static void check_internal(const struct section *s, struct item item, struct port_range ports,
			   const struct nat_forward *f)
{
	struct reader *r = s->r;

	if (!is_translated(r->conf, be32_host(f->internal)))
		reader_fault(r, item.line,
			     "forwards.internal \"%s\" is matched by no nat entry of "
			     "type napt44; add one", item.text);
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

static bool read_internal(const struct section *s, struct item item, bool has_ports,
			  struct nat_forward *f)
{
	struct port_range ports;
	uint32_t host;

	if (!parse_end(s->r, "internal", item, &host, &ports) ||
	    !check_ports(s, "internal", item, ports, has_ports))
		return false;
	f->internal = be32_from(host);
	f->internal_first = ports.last ? ports.first : f->first;
	check_internal(s, item, ports, f);
	return true;
}

/* The rows of one entry of the file for one protocol. */
struct targets {
	struct nat_forward *rows;
	size_t count;
	size_t interface; /* whose address external is, or SIZE_MAX */
};

static void check_twice(const struct section *s, struct item item, const struct targets *t)
{
	const struct nat_forward *last = &t->rows[t->count];

	for (size_t i = 0; i < t->count; i++)
		if (be32_equal(t->rows[i].internal, last->internal) &&
		    t->rows[i].internal_first == last->internal_first)
			reader_fault(s->r, item.line,
				     "forwards.internal \"%s\" is there twice; once, with a weight",
				     item.text);
}

static bool read_targets(const struct section *s, const struct nat_forward *f, bool has_ports,
			 struct targets *t)
{
	size_t faults = s->r->fault_count, wanted = section_texts(s, "internal");
	struct item item;

	if (!wanted && faults == s->r->fault_count)
		reader_fault(s->r, section_line(s, "internal"),
			     "forwards.internal names no host; \"192.0.2.1:80\" or the like");

	for (size_t i = 0; section_text_next(s, "internal", &i, &item);) {
		t->rows[t->count] = *f;
		if (!read_internal(s, item, has_ports, &t->rows[t->count]))
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
		    e->first > f->last || f->first > e->last)
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
		c->forward_interfaces[c->nat.forward_count] = t->interface;
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

/* One entry of the file for one or both transports; rows has room for its targets. */
static void read_forward(const struct section *s, struct nat_forward *rows, int *lines)
{
	struct nat_forward f = { 0 };
	struct targets t = { .rows = rows };
	int64_t protocol = section_number(s, "proto");
	bool both = protocol == CONF_TCP_AND_UDP;
	bool has_ports = protocol == WORD_NONE || both || protocol_has_ports((uint8_t)protocol);

	f.protocol = protocol == WORD_NONE || both ? PROTO_TCP : (uint8_t)protocol;
	bool external = read_external(s, has_ports, &f, &t.interface);
	read_source(s, protocol, &f);
	if (!read_targets(s, &f, has_ports, &t) || !external || protocol == WORD_NONE)
		return;
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
	return count;
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
