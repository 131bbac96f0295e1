/*
 * pcapng: blocks, of which only those about sections, interfaces and packets say something here.
 *
 * A block begins and ends with its length, so that the ones between are passed over. A section begins
 * with a block that says in which byte order it is; interfaces are counted anew there.
 */
#include "pcap_core.h"

enum { BLOCK_INTERFACE = 1, BLOCK_OLD_PACKET = 2, BLOCK_SIMPLE = 3, BLOCK_PACKET = 6 };
static const uint32_t block_section = 0x0a0d0d0a, order_magic = 0x1a2b3c4d;
enum { BLOCK_HEAD = 8, BLOCK_TAIL = 4, BLOCK_LEAST = BLOCK_HEAD + BLOCK_TAIL };
enum { SECTION_LEN = 16, INTERFACE_LEN = 8, SIMPLE_LEN = 4, PACKET_LEN = 20, VERSION_MAJOR = 1 };
enum { OPTION_END = 0, OPTION_FLAGS = 2, OPTION_RESOLUTION = 9, OPTION_OFFSET = 14, OPTION_HEAD = 4 };
enum { RESOLUTION_OF_TWO = 0x80, RESOLUTION_USUAL = 6, TENS_MOST = 19, TWOS_MOST = 63 };

struct block {
	uint32_t type;
	const uint8_t *body;
	size_t len;
};

struct option { uint16_t code, len; const uint8_t *value; };

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* Where sections begin the order is not known before. */
static bool read_order(struct pcap *p, const uint8_t *body)
{
	p->big_endian = load32(body) == order_magic;
	if (p->big_endian || __builtin_bswap32(load32(body)) == order_magic)
		return true;
	pcap_refuse(p, "a section of no known byte order");
	return false;
}

/* The block at p->at, which is there and whole. */
static enum pcap_step next_block(struct pcap *p, struct block *b)
{
	const uint8_t *at = p->octets + p->at;
	size_t left = p->len - p->at;
	uint32_t len;

	if (!left)
		return PCAP_END;
	if (left < BLOCK_LEAST)
		return pcap_refuse(p, "%zu octets are less than a block", left);
	b->type = pcap_u32(p, at);
	if (b->type == block_section && !read_order(p, at + BLOCK_HEAD))
		return PCAP_FAULT;
	len = pcap_u32(p, at + 4);
	if (len < BLOCK_LEAST || len % 4)
		return pcap_refuse(p, "a block of %u octets, which no block has", len);
	if (len > left)
		return pcap_refuse(p, "a block of %u octets, and %zu are left", len, left);
	if (pcap_u32(p, at + len - BLOCK_TAIL) != len)
		return pcap_refuse(p, "a block that begins with %u octets and ends with %u", len,
				   pcap_u32(p, at + len - BLOCK_TAIL));
	b->body = at + BLOCK_HEAD;
	b->len = len - BLOCK_LEAST;
	return PCAP_PACKET;
}

static bool has(struct pcap *p, const struct block *b, size_t least)
{
	if (b->len < least)
		pcap_refuse(p, "a block with %zu octets of %zu that it needs", b->len, least);
	return b->len >= least;
}

/* The next option from *at on, up to end. False: there is none, or a fault. */
static bool next_option(struct pcap *p, const uint8_t **at, const uint8_t *end, struct option *o)
{
	size_t left = (size_t)(end - *at);

	if (left < OPTION_HEAD)
		return false;
	o->code = pcap_u16(p, *at);
	o->len = pcap_u16(p, *at + 2);
	o->value = *at + OPTION_HEAD;
	if (o->code == OPTION_END)
		return false;
	if (padded(o->len) > left - OPTION_HEAD) {
		pcap_refuse(p, "an option of %u octets, and %zu are left of its block", o->len,
			    left - OPTION_HEAD);
		return false;
	}
	*at += OPTION_HEAD + padded(o->len);
	return true;
}

static bool read_section(struct pcap *p, const struct block *b)
{
	unsigned major;

	if (!has(p, b, SECTION_LEN))
		return false;
	major = pcap_u16(p, b->body + 4);
	if (major != VERSION_MAJOR)
		pcap_refuse(p, "version %u of pcapng, and %d is known", major, VERSION_MAJOR);
	p->interface_count = 0;
	return major == VERSION_MAJOR;
}

/* Units in a second; 0: more than can be counted. */
static uint64_t units_of(uint8_t resolution)
{
	uint8_t exponent = resolution & (RESOLUTION_OF_TWO - 1);
	uint64_t units = 1;

	if (resolution & RESOLUTION_OF_TWO)
		return exponent <= TWOS_MOST ? units << exponent : 0;
	if (exponent > TENS_MOST)
		return 0;
	while (exponent--)
		units *= 10;
	return units;
}

static bool read_interface_options(struct pcap *p, const struct block *b, struct pcap_interface *i)
{
	const uint8_t *at = b->body + INTERFACE_LEN, *end = b->body + b->len;
	struct option o;

	while (next_option(p, &at, end, &o)) {
		if (o.code == OPTION_RESOLUTION && o.len >= 1)
			i->units = units_of(o.value[0]);
		if (o.code == OPTION_OFFSET && o.len >= 8) {
			uint64_t low = pcap_u32(p, o.value + (p->big_endian ? 4 : 0));
			uint64_t high = pcap_u32(p, o.value + (p->big_endian ? 0 : 4));

			i->offset_s = (int64_t)(high << 32 | low);
		}
	}
	if (!i->units)
		pcap_refuse(p, "an interface whose time is finer than can be counted");
	return !*p->fault;
}

static bool read_interface(struct pcap *p, const struct block *b)
{
	struct pcap_interface *i = &p->interfaces[p->interface_count];

	if (!has(p, b, INTERFACE_LEN))
		return false;
	if (p->interface_count == PCAP_INTERFACES_MOST) {
		pcap_refuse(p, "more than %d interfaces in a section", PCAP_INTERFACES_MOST);
		return false;
	}
	*i = (struct pcap_interface){ .link = pcap_u16(p, b->body),
				      .len_most = pcap_u32(p, b->body + 4),
				      .units = units_of(RESOLUTION_USUAL) };
	p->interface_count += read_interface_options(p, b, i);
	return !*p->fault;
}

/* False: before 1970, or after what 32 bits of seconds say. */
static bool read_time(struct pcap *p, const struct pcap_interface *i, const uint8_t *at)
{
	uint64_t stamp = (uint64_t)pcap_u32(p, at) << 32 | pcap_u32(p, at + 4), s = stamp / i->units;
	__extension__ typedef unsigned __int128 wide;
	int64_t since;

	if (s > INT64_MAX || __builtin_add_overflow((int64_t)s, i->offset_s, &since) || since < 0 ||
	    since > UINT32_MAX) {
		pcap_refuse(p, "a time outside of 1970 to 2106");
		return false;
	}
	p->time_ns = (uint64_t)since * NS_IN_S + (uint64_t)((wide)(stamp % i->units) * NS_IN_S / i->units);
	return true;
}

static bool read_flags(struct pcap *p, const struct block *b, size_t at, struct pcap_packet *out)
{
	const uint8_t *options = b->body + (at < b->len ? at : b->len), *end = b->body + b->len;
	struct option o;

	while (next_option(p, &options, end, &o))
		if (o.code == OPTION_FLAGS && o.len == 4)
			/* 1: came in, 2: went out */
			out->direction = (enum pcap_direction)((pcap_u32(p, o.value) & 3) % 3);
	return !*p->fault;
}

/* The old block has a count of lost packets where the new one has the half of the interface. */
static bool read_packet(struct pcap *p, const struct block *b, struct pcap_packet *out)
{
	const struct pcap_interface *i;
	uint32_t interface, len;

	if (!has(p, b, PACKET_LEN))
		return false;
	interface = b->type == BLOCK_PACKET ? pcap_u32(p, b->body) : pcap_u16(p, b->body);
	len = pcap_u32(p, b->body + 12);
	if (interface >= p->interface_count) {
		pcap_refuse(p, "of interface %u, and the section has %zu", interface, p->interface_count);
		return false;
	}
	i = &p->interfaces[interface];
	if (!pcap_fits(p, len, b->len - PACKET_LEN) || !read_time(p, i, b->body + 4))
		return false;
	*out = (struct pcap_packet){ .link = i->link, .octets = b->body + PACKET_LEN, .len = len,
				     .wire_len = pcap_u32(p, b->body + 16) };
	return read_flags(p, b, PACKET_LEN + padded(len), out);
}

/* Without a time, and cut to what the first interface captures. */
static bool read_simple(struct pcap *p, const struct block *b, struct pcap_packet *out)
{
	uint32_t wire_len, len;

	if (!has(p, b, SIMPLE_LEN))
		return false;
	if (!p->interface_count) {
		pcap_refuse(p, "of the first interface, and the section has none");
		return false;
	}
	len = wire_len = pcap_u32(p, b->body);
	if (p->interfaces[0].len_most && len > p->interfaces[0].len_most)
		len = p->interfaces[0].len_most;
	*out = (struct pcap_packet){ .link = p->interfaces[0].link, .octets = b->body + SIMPLE_LEN,
				     .len = len, .wire_len = wire_len };
	return pcap_fits(p, len, b->len - SIMPLE_LEN);
}

/* What it says. False: nothing of a packet, or a fault. */
static bool read_block(struct pcap *p, const struct block *b, struct pcap_packet *out)
{
	switch (b->type) {
	case BLOCK_INTERFACE:
		return !read_interface(p, b);
	case BLOCK_PACKET:
	case BLOCK_OLD_PACKET:
		return read_packet(p, b, out);
	case BLOCK_SIMPLE:
		return read_simple(p, b, out);
	default:
		return b->type == block_section && !read_section(p, b);
	}
}

enum pcap_step pcap_ng_next(struct pcap *p, struct pcap_packet *out)
{
	struct block b = { 0 };

	for (;;) {
		enum pcap_step step = next_block(p, &b);
		bool packet;

		if (step != PCAP_PACKET)
			return step;
		packet = read_block(p, &b, out);
		if (*p->fault)
			return PCAP_FAULT;
		p->at += b.len + BLOCK_LEAST;
		if (packet)
			return PCAP_PACKET;
	}
}
