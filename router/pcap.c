#include "router/pcap.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "pcap_core.h"

enum { HEADER_LEN = 24, RECORD_LEN = 16, VERSION_MAJOR = 2, VERSION_MINOR = 4, MAGIC_LEN = 4 };
enum { US_IN_S = 1000000, ROOM_FIRST = 1 << 16 };
static const uint32_t magic_us = 0xa1b2c3d4, magic_ns = 0xa1b23c4d, magic_ng = 0x0a0d0d0a;
/* Above, link says how many octets of a frame check sequence there are; they are behind all else. */
enum { LINK_MASK = 0xffff };

enum pcap_step pcap_refuse(struct pcap *p, const char *format, ...)
{
	char what[PCAP_FAULT_LEN / 2], *remedy = p->fault;
	unsigned long long good = p->number;
	va_list arguments;
	int len;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	len = snprintf(p->fault, sizeof(p->fault), "%.120s: packet %llu, at offset %zu: %.200s; ", p->name,
		       good + 1, p->at, what);
	remedy += len;
	if (good)
		snprintf(remedy, sizeof(p->fault) - (size_t)len, "capture again, or keep what is whole: "
			 "tcpdump -r FILE -c %llu -w NEW", good);
	else
		snprintf(remedy, sizeof(p->fault) - (size_t)len, "capture again");
	return PCAP_FAULT;
}

static bool is_magic(uint32_t found, uint32_t magic)
{
	return found == magic || found == __builtin_bswap32(magic);
}

static bool read_header(struct pcap *p, uint32_t magic)
{
	bool ns = is_magic(magic, magic_ns);
	unsigned major;

	p->big_endian = magic == magic_us || magic == magic_ns;
	if (p->len < HEADER_LEN) {
		pcap_refuse(p, "%zu octets are less than the header of a file", p->len);
		return false;
	}
	major = pcap_u16(p, p->octets + 4);
	if (major != VERSION_MAJOR) {
		pcap_refuse(p, "version %u of pcap, and %d is known", major, VERSION_MAJOR);
		return false;
	}
	p->interfaces[0] = (struct pcap_interface){
		.link = (uint16_t)(pcap_u32(p, p->octets + 20) & LINK_MASK),
		.units = ns ? NS_IN_S : US_IN_S,
	};
	p->interface_count = 1;
	p->at = HEADER_LEN;
	return true;
}

bool pcap_open(struct pcap *p, const char *name, const uint8_t *octets, size_t len)
{
	uint32_t magic = len < MAGIC_LEN ? 0 : load32(octets);

	*p = (struct pcap){ .name = name, .octets = octets, .len = len };
	if (is_magic(magic, magic_us) || is_magic(magic, magic_ns))
		return read_header(p, magic);
	p->ng = magic == magic_ng;
	if (!p->ng)
		snprintf(p->fault, sizeof(p->fault), "%.200s: neither pcap nor pcapng%s", name,
			 magic >> 16 == 0x1f8b ? ", but compressed: gunzip it first"
					       : ": capture with tcpdump -w FILE, or dumpcap");
	return p->ng;
}

bool pcap_fits(struct pcap *p, uint32_t len, size_t most)
{
	if (len > PCAP_LEN_MOST)
		pcap_refuse(p, "it says that it has %u octets, and %d are the most", len, PCAP_LEN_MOST);
	else if (len > most)
		pcap_refuse(p, "it says that it has %u octets, and %zu are left", len, most);
	return !*p->fault;
}

static bool read_time(struct pcap *p, const uint8_t *record)
{
	uint64_t units = p->interfaces[0].units;
	uint32_t s = pcap_u32(p, record), parts = pcap_u32(p, record + 4);

	if (parts >= units)
		pcap_refuse(p, "a time with %u parts of a second that has %llu", parts,
			    (unsigned long long)units);
	p->time_ns = (uint64_t)s * NS_IN_S + parts * (NS_IN_S / units);
	return !*p->fault;
}

static enum pcap_step next_record(struct pcap *p, struct pcap_packet *out)
{
	const uint8_t *record = p->octets + p->at;
	size_t left = p->len - p->at;
	uint32_t len, wire_len;

	if (!left)
		return PCAP_END;
	if (left < RECORD_LEN)
		return pcap_refuse(p, "%zu octets are less than the header of a packet", left);
	len = pcap_u32(p, record + 8);
	wire_len = pcap_u32(p, record + 12);
	if (!pcap_fits(p, len, left - RECORD_LEN) || !read_time(p, record))
		return PCAP_FAULT;
	p->at += RECORD_LEN + len;
	*out = (struct pcap_packet){ .link = p->interfaces[0].link, .octets = record + RECORD_LEN,
				     .len = len, .wire_len = wire_len };
	return PCAP_PACKET;
}

enum pcap_step pcap_next(struct pcap *p, struct pcap_packet *out)
{
	enum pcap_step step;

	if (*p->fault)
		return PCAP_FAULT;
	step = p->ng ? pcap_ng_next(p, out) : next_record(p, out);
	if (step != PCAP_PACKET)
		return step;
	out->number = ++p->number;
	out->time_ns = p->time_ns;
	if (out->wire_len < out->len)
		out->wire_len = out->len;
	return PCAP_PACKET;
}

/* All there is, however much that will be. NULL: errno says why. */
static uint8_t *read_all(FILE *f, size_t *len)
{
	size_t room = ROOM_FIRST;
	uint8_t *octets = NULL, *more;

	for (*len = 0; (more = realloc(octets, room)); room *= 2) {
		octets = more;
		*len += fread(octets + *len, 1, room - *len, f);
		if (ferror(f))
			break;
		if (*len < room)
			return octets;
	}
	free(octets);
	return NULL;
}

bool pcap_load(struct pcap *p, const char *file)
{
	uint8_t *octets = NULL;
	FILE *f = fopen(file, "re");
	size_t len = 0;
	bool good;

	if (f)
		octets = read_all(f, &len);
	if (!octets) {
		*p = (struct pcap){ .name = file };
		snprintf(p->fault, sizeof(p->fault), "%.200s: %s", file, strerror(errno));
	}
	if (f)
		fclose(f);
	if (!octets)
		return false;
	good = pcap_open(p, file, octets, len);
	p->owned = octets;
	return good;
}

void pcap_unload(struct pcap *p)
{
	free(p->owned);
	p->owned = NULL;
}

/* Numbers are in network order, whatever host this is. */
void pcap_write_header(FILE *out, enum pcap_link link)
{
	uint8_t header[HEADER_LEN] = { 0 };

	store32(header, magic_ns);
	store16(header + 4, VERSION_MAJOR);
	store16(header + 6, VERSION_MINOR);
	store32(header + 16, PCAP_LEN_MOST);
	store32(header + 20, link);
	fwrite(header, sizeof(header), 1, out);
}

void pcap_write(FILE *out, uint64_t time_ns, const uint8_t *octets, size_t len)
{
	uint8_t record[RECORD_LEN];

	store32(record, (uint32_t)(time_ns / NS_IN_S));
	store32(record + 4, (uint32_t)(time_ns % NS_IN_S));
	store32(record + 8, (uint32_t)len);
	store32(record + 12, (uint32_t)len);
	fwrite(record, sizeof(record), 1, out);
	fwrite(octets, len, 1, out);
}
