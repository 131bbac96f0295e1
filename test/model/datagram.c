#include "datagram.h"

enum { IP_SUM = 10, IP_SOURCE = 12, IP_DESTINATION = 16, ICMP_SUM = 2, ICMP_QUOTE = 8 };

static enum reason read_header(struct datagram *d, size_t len)
{
	size_t total;

	if (len < 1)
		return REASON_SHORT;
	if (d->octets[0] >> 4 != 4)
		return REASON_VERSION;
	if (len < 20)
		return REASON_SHORT;
	d->header = (d->octets[0] & 15u) * 4u;
	if (d->header < 20)
		return REASON_HEADER_LEN;
	if (d->header > len)
		return REASON_SHORT;
	total = load16(d->octets + 2);
	if (total < d->header || (total > len && !d->quoted))
		return REASON_TOTAL_LEN;
	if (octets_sum(d->octets, d->header) != 0)
		return REASON_HEADER_SUM;
	d->len = total < len ? total : len;
	d->protocol = d->octets[9];
	d->source.address = load32(d->octets + IP_SOURCE);
	d->destination.address = load32(d->octets + IP_DESTINATION);
	return REASON_NONE;
}

static enum reason read_fragment(struct datagram *d)
{
	size_t offset = (load16(d->octets + 6) & 0x1fffu) * 8u;
	bool more = d->octets[6] & 0x20;
	size_t payload = d->len - d->header;

	d->ident = load16(d->octets + 4);
	d->dont_fragment = d->octets[6] & 0x40;
	d->first_fragment = more && offset == 0;
	d->later_fragment = offset != 0;
	if (d->quoted || !(more || offset))
		return REASON_NONE;
	if (payload == 0 || (more && payload % 8) || d->header + offset + payload > 65535)
		return REASON_FRAGMENT_BAD;
	if (offset == 8 && d->protocol == PROTO_TCP)
		return REASON_FRAGMENT_BAD;
	return REASON_NONE;
}

/* Loose and strict source route, record route, timestamp (RFC 791 section 3.1). */
static bool holds_addresses(uint8_t option)
{
	return option == 131 || option == 137 || option == 7 || option == 68;
}

static enum reason read_options(struct datagram *d)
{
	size_t at = 20;

	while (at < d->header && d->octets[at] != 0) {
		if (d->octets[at] == 1) {
			at++;
			continue;
		}
		if (at + 2 > d->header || d->octets[at + 1] < 2 ||
		    at + d->octets[at + 1] > d->header)
			return REASON_OPTION;
		d->route_option |= holds_addresses(d->octets[at]);
		at += d->octets[at + 1];
	}
	return REASON_NONE;
}

/* The shift of a window scale option (RFC 7323 section 2.2), or -1. */
static int read_scale(const uint8_t *options, size_t len)
{
	size_t at = 0;

	while (at < len && options[at] != 0) {
		if (options[at] == 1) {
			at++;
			continue;
		}
		if (at + 2 > len || options[at + 1] < 2 || at + options[at + 1] > len)
			return -1;
		if (options[at] == 3 && options[at + 1] == 3)
			return options[at + 2];
		at += options[at + 1];
	}
	return -1;
}

static enum reason read_tcp(struct datagram *d, const uint8_t *at, size_t room)
{
	size_t offset;

	d->tcp.seq = load32(at + 4);
	if (d->quoted)
		return REASON_NONE;
	if (room < 20)
		return REASON_TRANSPORT_SHORT;
	offset = (at[12] >> 4) * 4u;
	if (offset < 20 || offset > room)
		return REASON_TRANSPORT_LEN;
	d->tcp.ack = load32(at + 8);
	d->tcp.flags = at[13];
	d->tcp.window = load16(at + 14);
	d->tcp.scale = read_scale(at + 20, offset - 20);
	d->tcp.len = (uint32_t)(room - offset) + !!(at[13] & TCP_SYN) + !!(at[13] & TCP_FIN);
	return REASON_NONE;
}

static enum reason read_udp(const struct datagram *d, const uint8_t *at, size_t room)
{
	size_t len = load16(at + 4);

	if (d->quoted)
		return REASON_NONE;
	/* The length counts all fragments. */
	if (len < 8 || (len > room && !d->first_fragment))
		return REASON_TRANSPORT_LEN;
	return REASON_NONE;
}

static enum kind icmp_kind(uint8_t type)
{
	switch (type) {
	case 8: case 13:
		return KIND_REQUEST;
	case 0: case 14:
		return KIND_REPLY;
	case 3: case 11: case 12:
		return KIND_ERROR;
	default:
		return KIND_ICMP;
	}
}

static enum reason read_transport(struct datagram *d)
{
	const uint8_t *at = d->octets + d->header;
	size_t room = d->len - d->header;

	d->kind = KIND_OTHER;
	if (d->protocol != PROTO_TCP && d->protocol != PROTO_UDP && d->protocol != PROTO_ICMP)
		return REASON_NONE;
	if (room < 8)
		return REASON_TRANSPORT_SHORT;
	if (d->protocol == PROTO_ICMP) {
		d->kind = icmp_kind(at[0]);
		d->mtu = at[0] == 3 && at[1] == 4 ? load16(at + 6) : -1;
		d->source.port = d->destination.port = load16(at + 4);
		return REASON_NONE;
	}
	d->kind = KIND_PORTS;
	d->source.port = load16(at);
	d->destination.port = load16(at + 2);
	return d->protocol == PROTO_TCP ? read_tcp(d, at, room) : read_udp(d, at, room);
}

/* Only TCP and UDP have partial checksums, and only where the transport's checksum lies; only a
 * whole datagram with one can be segmented. */
static enum reason read_offload(struct datagram *d, const struct pkt_offload *o)
{
	size_t field = d->protocol == PROTO_TCP ? 16 : 6;

	d->partial = o->partial;
	if (!o->partial)
		return o->gso_size ? REASON_OFFLOAD : REASON_NONE;
	if (d->later_fragment || d->kind != KIND_PORTS || (o->gso_size && d->first_fragment))
		return REASON_OFFLOAD;
	if (o->checksum_start != d->header || o->checksum_offset != field)
		return REASON_OFFLOAD;
	/* The sum would go on behind the end of a UDP datagram that is shorter than its IP datagram. */
	if (d->protocol == PROTO_UDP && load16(d->octets + d->header + 4) != d->len - d->header)
		return REASON_OFFLOAD;
	return REASON_NONE;
}

static enum reason read_all(struct datagram *d, size_t len)
{
	enum reason r = read_header(d, len);

	if (r == REASON_NONE)
		r = read_fragment(d);
	if (r == REASON_NONE)
		r = read_options(d);
	d->kind = KIND_OTHER;
	if (r == REASON_NONE && !d->later_fragment)
		r = read_transport(d);
	return r;
}

enum reason datagram_read(struct datagram *d, uint8_t *octets, size_t len,
			  const struct pkt_offload *offload)
{
	enum reason r;

	*d = (struct datagram){ .octets = octets };
	r = read_all(d, len);
	if (r == REASON_NONE && offload)
		r = read_offload(d, offload);
	return r;
}

enum reason datagram_read_quoted(struct datagram *inner, const struct datagram *outer)
{
	size_t at = outer->header + ICMP_QUOTE;

	*inner = (struct datagram){ .octets = outer->octets + at, .quoted = true };
	return read_all(inner, outer->len - at);
}

uint32_t octets_sum(const uint8_t *octets, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (sum + (i % 2 ? octets[i] : octets[i] * 256u)) % 65535;
	return sum;
}

static uint32_t sum_less(uint32_t a, uint32_t b)
{
	return (a + 65535 - b) % 65535;
}

/* What both ends know of the datagram without its octets. The length adds the same before and
 * after, whatever it is. */
static uint32_t pseudo_sum(const struct datagram *d)
{
	return octets_sum(d->octets + IP_SOURCE, 8);
}

uint32_t transport_sum(const struct datagram *d)
{
	uint32_t len = (uint32_t)(d->len - d->header);
	uint32_t sum = octets_sum(d->octets + d->header, len);

	if (d->protocol == PROTO_ICMP)
		return sum;
	return (sum + pseudo_sum(d) + d->protocol + len) % 65535;
}

size_t checksum_at(const struct datagram *d)
{
	size_t at = d->header;

	if (d->later_fragment)
		return 0;
	switch (d->protocol) {
	case PROTO_TCP:
		at += 16;
		break;
	case PROTO_UDP:
		at += 6;
		break;
	case PROTO_ICMP:
		at += ICMP_SUM;
		break;
	default:
		return 0;
	}
	if (at + 2 > d->len)
		return 0;
	/* What has no header length is no TCP header but padding behind eight octets of one. */
	if (d->quoted && d->protocol == PROTO_TCP && d->octets[d->header + 12] < 0x50)
		return 0;
	if (d->protocol == PROTO_UDP && !d->partial && load16(d->octets + at) == 0)
		return 0;
	return at;
}

/* Write the field that makes the transport's sum what it was. */
static void settle_transport(struct datagram *d, size_t at, uint32_t was)
{
	uint32_t value;

	store16(d->octets + at, 0);
	value = sum_less(was, transport_sum(d));
	if (value == 0 && d->protocol == PROTO_UDP)
		value = 0xffff;
	store16(d->octets + at, (uint16_t)value);
}

static void settle_header(struct datagram *d)
{
	store16(d->octets + IP_SUM, 0);
	store16(d->octets + IP_SUM, (uint16_t)sum_less(0, octets_sum(d->octets, d->header)));
}

static void put_places(struct datagram *d, struct place source, struct place destination)
{
	uint8_t *transport = d->octets + d->header;

	store32(d->octets + IP_SOURCE, source.address);
	store32(d->octets + IP_DESTINATION, destination.address);
	if (d->protocol == PROTO_ICMP) {
		store16(transport + 4, source.port);
	} else {
		store16(transport, source.port);
		store16(transport + 2, destination.port);
	}
}

void datagram_write(struct datagram *d, struct place source, struct place destination)
{
	size_t at = checksum_at(d);
	uint32_t was = transport_sum(d);
	uint32_t beyond_pseudo = at ? sum_less(load16(d->octets + at), pseudo_sum(d)) : 0;

	put_places(d, source, destination);
	settle_header(d);
	/* A partial checksum is the pseudo-header's sum as it is; the device adds the rest. */
	if (d->partial)
		store16(d->octets + at, (uint16_t)((pseudo_sum(d) + beyond_pseudo) % 65535));
	else if (at)
		settle_transport(d, at, was);
	d->source = source;
	d->destination = destination;
}

void datagram_write_ident(struct datagram *d, uint16_t ident)
{
	store16(d->octets + 4, ident);
	settle_header(d);
	d->ident = ident;
}

bool datagram_icmp_right(const struct datagram *d)
{
	return octets_sum(d->octets + d->header, d->len - d->header) == 0;
}

void datagram_write_error(struct datagram *d, uint32_t source, uint32_t destination)
{
	store32(d->octets + IP_SOURCE, source);
	store32(d->octets + IP_DESTINATION, destination);
	settle_header(d);
	settle_transport(d, d->header + ICMP_SUM, 0);
}

static void one_zero(uint8_t *field)
{
	if (load16(field) == 0xffff)
		store16(field, 0);
}

void datagram_one_zero(struct datagram *d)
{
	struct datagram inner;
	size_t at = checksum_at(d);

	one_zero(d->octets + IP_SUM);
	if (at && (d->protocol != PROTO_UDP || d->partial))
		one_zero(d->octets + at);
	if (d->kind == KIND_ERROR && datagram_read_quoted(&inner, d) == REASON_NONE)
		datagram_one_zero(&inner);
}
