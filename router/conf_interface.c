/* The list interfaces. */
#include "conf_read.h"

#include <ctype.h>
#include <string.h>

/* What the kernel would refuse as the name of a device, or take for a pattern. */
static const char *name_flaw(const char *name)
{
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return "is a folder's name";
	for (; *name; name++)
		if (isspace((unsigned char)*name) || strchr("/:%\"", *name))
			return "holds a blank or one of / : % \"";
	return NULL;
}

static void read_name(const struct section *s, const char *key, char name[static IFNAMSIZ])
{
	struct item item = section_text(s, key);
	const char *flaw = name_flaw(item.text);

	if (flaw)
		reader_fault(s->r, item.line,
			     "interfaces.%s \"%s\" %s; use letters, digits, - and _", key,
			     item.text, flaw);
	snprintf(name, IFNAMSIZ, "%s", item.text);
}

typedef bool parse_fn(struct reader *r, struct item item, struct prefix *p);

static struct prefix *read_prefixes(const struct section *s, const char *key, parse_fn *parse,
				    size_t *count)
{
	size_t texts = section_texts(s, key);
	struct prefix *prefixes = texts ? reader_array(s->r, texts, sizeof(*prefixes)) : NULL;
	struct item item;

	*count = 0;
	for (size_t i = 0; prefixes && section_text_next(s, key, &i, &item);)
		if (parse(s->r, item, &prefixes[*count]))
			++*count;
	return prefixes;
}

static bool parse_host_route(struct reader *r, struct item item, struct prefix *p)
{
	if (!strcmp(item.text, "default"))
		item.text = "0.0.0.0/0";
	return conf_network(r, item, p);
}

/* Keys that ask for something which only a TUN device has. */
static void check_tun_only(const struct section *s)
{
	static const char *const keys[] = { "netns", "host_address", "host_routes", "io_uring" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (section_has(s, keys[i]))
			reader_fault(s->r, section_line(s, keys[i]),
				     "interfaces.%s is for types tun and tap; leave it out", keys[i]);
}

/* The kernel would answer for its addresses, too: there is no telling whose a segment is. */
static void check_xdp(const struct section *s, const struct conf_interface *n)
{
	if (n->type != IO_XDP && section_has(s, "xdp_mode"))
		reader_fault(s->r, section_line(s, "xdp_mode"),
			     "interfaces.xdp_mode is for type xdp; leave it out");
	if (n->type == IO_XDP && !n->address_count)
		reader_fault(s->r, s->line,
			     "interfaces.address is missing; type xdp needs an address that the "
			     "kernel does not have, type packet can share the kernel's");
}

/* Keys about a packet socket. */
static void check_packet_only(const struct section *s)
{
	static const char *const keys[] = { "rings", "bypass_qdisc" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (section_has(s, keys[i]))
			reader_fault(s->r, section_line(s, keys[i]),
				     "interfaces.%s is for type packet; leave it out", keys[i]);
}

/* RFC 791 section 3.2 and RFC 8200 section 5: the least MTU a link may have. */
static void check_mtu(const struct section *s, const struct conf_interface *n)
{
	uint32_t floor = 68;

	for (size_t i = 0; i < n->address_count; i++)
		if (n->addresses[i].address.version == 6)
			floor = 1280;
	if (n->mtu && n->mtu < floor)
		reader_fault(s->r, section_line(s, "mtu"),
			     "interfaces.mtu = %u is too small; at least "
			     "%u, or 0 for that of the device", n->mtu, floor);
}

static void check_queues(const struct section *s, const struct conf_interface *n)
{
	if (n->queues > s->r->conf->workers)
		reader_fault(s->r, section_line(s, "queues"),
			     "interfaces.queues = %u with %u workers leaves queues to nobody; at "
			     "most %u, or 0, which is one per worker",
			     n->queues, s->r->conf->workers, s->r->conf->workers);
}

static enum reverse_path read_reverse_path(const struct section *s)
{
	int word = section_word(s, "reverse_path");

	return word == WORD_NONE ? REVERSE_BY_SIDE : (enum reverse_path)word;
}

static void read_interface(const struct section *s, struct conf_interface *n)
{
	n->line = s->line;
	read_name(s, "name", n->name);
	read_name(s, "device", n->device);
	n->type = (enum io_type)section_word(s, "type");
	/* The kernel chooses one for what leaves by a raw interface without. */
	if (!*n->device && n->type != IO_RAW)
		memcpy(n->device, n->name, sizeof(n->device));
	n->side = (enum nat_side)section_word(s, "side");
	n->reverse_path = read_reverse_path(s);
	n->mtu = (uint32_t)section_number(s, "mtu");
	n->queues = (uint16_t)section_number(s, "queues");
	n->icmp_errors = section_bool(s, "icmp_errors");
	n->offload = section_bool(s, "offload");
	n->coalesce = section_bool(s, "coalesce");
	n->steering = s->r->conf->steering;
	n->rings = section_bool(s, "rings");
	n->bypass_qdisc = section_bool(s, "bypass_qdisc");
	n->xdp_mode = (enum xdp_mode)section_word(s, "xdp_mode");
	n->io_uring = section_bool(s, "io_uring");
	const char *netns = section_text(s, "netns").text;
	if (*netns)
		n->netns = reader_copy(s->r, netns);
	n->addresses = read_prefixes(s, "address", conf_host, &n->address_count);
	n->host_addresses = read_prefixes(s, "host_address", conf_host, &n->host_address_count);
	n->host_routes = read_prefixes(s, "host_routes", parse_host_route, &n->host_route_count);
	if (conf_is_ethernet(n) || conf_is_kernels(n) || n->type == IO_MEM)
		check_tun_only(s);
	conf_read_tap(s, n);
	conf_read_queue(s, n);
	check_xdp(s, n);
	if (n->type != IO_PACKET)
		check_packet_only(s);
	check_mtu(s, n);
	check_queues(s, n);
}

static bool has_address(const struct prefix *list, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (address_equal(&list[i].address, a))
			return true;
	return false;
}

static void check_addresses(const struct section *s, const struct conf_interface *n)
{
	char text[ADDRESS_TEXT];

	for (size_t i = 0; i < n->address_count; i++) {
		const struct address *a = &n->addresses[i].address;

		if (has_address(n->addresses, i, a))
			reader_fault(s->r, section_line(s, "address"),
				     "address %s is there twice; once is enough",
				     address_format(a, text));
		if (has_address(n->host_addresses, n->host_address_count, a))
			reader_fault(s->r, section_line(s, "host_address"),
				     "host_address %s is the router's own on this link; give the "
				     "kernel's end another", address_format(a, text));
	}
}

static bool same_netns(const struct conf_interface *a, const struct conf_interface *b)
{
	return !strcmp(a->netns ? a->netns : "", b->netns ? b->netns : "");
}

/* Names, devices and addresses belong to one interface each. */
static void check_earlier(const struct section *s, struct conf_interface *n,
			  const struct conf_interface *earlier)
{
	char text[ADDRESS_TEXT];

	if (*n->name && !strcmp(n->name, earlier->name))
		reader_fault(s->r, section_line(s, "name"),
			     "interface name \"%s\" is taken in line %d; give each its own",
			     n->name, earlier->line);
	else if (*n->device && !strcmp(n->device, earlier->device) && same_netns(n, earlier) &&
		 n->type != IO_RAW && earlier->type != IO_RAW && !conf_share_device(s, n, earlier))
		reader_fault(s->r, section_line(s, "device"),
			     "device \"%s\" is that of interface "
			     "\"%s\" in line %d; give each its own%s",
			     n->device, earlier->name, earlier->line,
			     n->type == IO_TAP ? ", or its own vlan" : "");
	for (size_t i = 0; i < n->address_count; i++)
		if (has_address(earlier->addresses, earlier->address_count,
				&n->addresses[i].address))
			reader_fault(s->r, section_line(s, "address"),
				     "address %s is that of interface "
				     "\"%s\" in line %d; give each its own",
				     address_format(&n->addresses[i].address, text), earlier->name,
				     earlier->line);
}

void conf_read_interfaces(struct reader *r)
{
	struct conf *c = r->conf;
	struct section s;

	c->interfaces = reader_array(r, section_count(r, "interfaces"), sizeof(*c->interfaces));
	for (size_t i = 0; c->interfaces && section_next(r, "interfaces", &i, &s);) {
		struct conf_interface *n = &c->interfaces[c->interface_count];

		read_interface(&s, n);
		check_addresses(&s, n);
		for (size_t j = 0; j < c->interface_count; j++)
			check_earlier(&s, n, &c->interfaces[j]);
		c->interface_count++;
	}
	conf_number_queues(r);
}

bool conf_means_interface(const char *text)
{
	return !strncmp(text, "interface:", strlen("interface:"));
}

size_t conf_interface_meant(struct reader *r, const char *what, struct item item, enum nat_side side,
			    uint8_t version)
{
	static const char *const names[] = { [SIDE_INSIDE] = "inside", [SIDE_OUTSIDE] = "outside" };
	struct item name = { item.text + strlen("interface:"), item.line };
	size_t at = conf_interface_named(r, name);
	const struct conf_interface *i = &r->conf->interfaces[at == SIZE_MAX ? 0 : at];

	/* A side that is none has been told of. */
	if (at == SIZE_MAX || (unsigned)i->side >= SIDE_COUNT)
		return SIZE_MAX;
	if (i->side != side)
		reader_fault(r, item.line, "%s %s is an %s interface; one on the %s", what, item.text,
			     names[i->side], names[side]);
	else if (!conf_first(i, version) && (!conf_may_share(i) || i->address_count))
		reader_fault(r, item.line, "%s %s has no IPv%u address; give that interface one", what,
			     item.text, version);
	else
		return at;
	return SIZE_MAX;
}

/* Of 0.0.0.0/8, which no datagram comes from or goes to (RFC 1122 section 3.2.1.3). */
be32 conf_unknown_address(size_t interface)
{
	return be32_from((uint32_t)interface + 1);
}

/* Of ::/96, which nobody has either (RFC 4291 section 2.5.5.1). */
struct ip6 conf_unknown_address6(size_t interface)
{
	struct ip6 a = { { 0 } };

	store32(a.octets + 12, (uint32_t)interface + 1);
	return a;
}

static bool is_link_local(const struct address *a)
{
	return a->version == 6 && a->octets[0] == 0xfe && (a->octets[1] & 0xc0) == 0x80;
}

const struct prefix *conf_first(const struct conf_interface *i, uint8_t version)
{
	for (size_t k = 0; k < i->address_count; k++) {
		const struct prefix *p = &i->addresses[k];

		if (p->address.version == version && !is_link_local(&p->address))
			return p;
	}
	return NULL;
}

size_t conf_interface_named(struct reader *r, struct item name)
{
	const struct conf *c = r->conf;
	struct text known = { 0 };

	for (size_t i = 0; i < c->interface_count; i++)
		if (!strcmp(c->interfaces[i].name, name.text))
			return i;
	for (size_t i = 0; i < c->interface_count; i++)
		text_format(&known, "%s\"%s\"", i ? ", " : "one of ", c->interfaces[i].name);
	reader_fault(r, name.line, "there is no interface \"%s\"; %s", name.text,
		     known.octets && !known.failed ? known.octets : "add it to interfaces");
	text_free(&known);
	return SIZE_MAX;
}
