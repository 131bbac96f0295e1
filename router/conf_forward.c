/* The list forwards. */
#include "conf_read.h"

#include <stdlib.h>
#include <string.h>

static const struct { int bit; uint8_t protocol; const char *name; } transports[] = {
	{ 1 << 0, PROTO_TCP, "tcp" },
	{ 1 << 1, PROTO_UDP, "udp" },
};

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

/* Addresses of interfaces that only the kernel knows yet could be any. */
static bool in_pool(const struct conf *c, uint32_t host)
{
	for (size_t i = 0; i < c->nat.pool_count; i++)
		if (be32_host(c->pool[i]) == host || be32_host(c->pool[i]) == 0)
			return true;
	return false;
}

/* Whether an inside host is translated at all. */
static bool is_translated(const struct conf *c, uint32_t host)
{
	for (size_t i = 0; i < c->nat_count; i++)
		if (c->policies[i].prefix_len <= 32 && span_has(policy_span(&c->policies[i]), host))
			return c->policies[i].type == NAT_NAPT44;
	return false;
}

static bool read_external(const struct section *s, struct nat_forward *f)
{
	struct item item = section_text(s, "external");
	struct port_range ports;
	uint32_t host;

	if (!parse_end(s->r, "external", item, &host, &ports))
		return false;
	if (!ports.last) {
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" has no port; write it like "
			     "\"203.0.113.5:8080\"", item.text);
		return false;
	}
	if (!in_pool(s->r->conf, host))
		reader_fault(s->r, item.line,
			     "forwards.external \"%s\" is in no pool; add its address "
			     "to the pool of a nat entry", item.text);
	f->external = be32_from(host);
	f->first = ports.first;
	f->last = ports.last;
	return true;
}

static bool read_internal(const struct section *s, struct nat_forward *f)
{
	struct item item = section_text(s, "internal");
	struct port_range ports;
	uint32_t host;

	if (!parse_end(s->r, "internal", item, &host, &ports))
		return false;
	f->internal = be32_from(host);
	f->internal_first = ports.last ? ports.first : f->first;
	if (!is_translated(s->r->conf, host))
		reader_fault(s->r, item.line,
			     "forwards.internal \"%s\" is matched by no nat entry of "
			     "type napt44; add one", item.text);
	if (ports.first != ports.last)
		reader_fault(s->r, item.line,
			     "forwards.internal \"%s\" has a range; only the first port",
			     item.text);
	else if (f->internal_first + (f->last - f->first) > 65535)
		reader_fault(s->r, item.line,
			     "forwards.internal \"%s\" ends above port 65535; at most "
			     "%d to begin with", item.text, 65535 - (f->last - f->first));
	return true;
}

static void check_overlap(struct reader *r, const struct nat_forward *f, const char *name,
			  const int *lines, int line)
{
	const struct conf *c = r->conf;

	for (size_t i = 0; i < c->nat.forward_count; i++) {
		const struct nat_forward *e = &c->forwards[i];

		if (e->protocol == f->protocol && be32_equal(e->external, f->external) &&
		    e->first <= f->last && f->first <= e->last)
			reader_fault(r, line,
				     "forward of %s overlaps that of line %d; every outside "
				     "port once", name, lines[i]);
	}
}

/* One entry of the file for one or both transports. */
static void read_forward(const struct section *s, int *lines)
{
	struct conf *c = s->r->conf;
	struct nat_forward f = { 0 };
	int bits = section_word(s, "proto");
	bool external = read_external(s, &f);

	if (!read_internal(s, &f) || !external || bits == WORD_NONE)
		return;
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		if (!(bits & transports[i].bit))
			continue;
		f.protocol = transports[i].protocol;
		check_overlap(s->r, &f, transports[i].name, lines, s->line);
		lines[c->nat.forward_count] = s->line;
		c->forwards[c->nat.forward_count++] = f;
	}
}

void conf_read_forwards(struct reader *r)
{
	size_t most = 2 * section_count(r, "forwards");
	int *lines = reader_array(r, most, sizeof(*lines));
	struct conf *c = r->conf;
	struct section s;

	c->forwards = reader_array(r, most, sizeof(*c->forwards));
	for (size_t i = 0; lines && c->forwards && section_next(r, "forwards", &i, &s);)
		read_forward(&s, lines);
	if (c->nat.forward_count > NAT_FORWARDS_MOST)
		reader_fault(r, s.line, "forwards are %zu, tcp+udp counting twice; at most %d",
			     c->nat.forward_count, NAT_FORWARDS_MOST);
	free(lines);
}
