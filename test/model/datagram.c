#include "datagram.h"

enum { ICMP_QUOTE = 8 };

static enum reason read_four(struct datagram *d, size_t len)
{
	size_t total;

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
	return REASON_NONE;
}

static void read_addresses(struct datagram *d)
{
	const uint8_t *at = d->octets + source_at(d);

	d->source.address = ip_of_octets(at, address_len(d));
	d->destination.address = ip_of_octets(at + address_len(d), address_len(d));
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

static enum kind icmp_kind(uint8_t version, uint8_t type)
{
	if (version == 6)
		return type == 128 ? KIND_REQUEST : type == 129 ? KIND_REPLY
		       : type >= 1 && type <= 4 ? KIND_ERROR : KIND_ICMP;
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

static int64_t read_mtu(const struct datagram *d, const uint8_t *icmp)
{
	if (d->version == 4)
		return icmp[0] == 3 && icmp[1] == 4 ? load16(icmp + 6) : -1;
	return icmp[0] == 2 ? (int64_t)load32(icmp + 4) : -1;
}

static enum reason read_transport(struct datagram *d)
{
	const uint8_t *at = d->octets + d->header;
	size_t room = d->len - d->header;

	d->kind = KIND_OTHER;
	if (d->protocol != PROTO_TCP && d->protocol != PROTO_UDP && d->protocol != PROTO_ICMP &&
	    d->protocol != PROTO_ICMPV6)
		return REASON_NONE;
	if (room < 8)
		return REASON_TRANSPORT_SHORT;
	if (d->protocol == PROTO_ICMPV6)
		return REASON_NONE;
	if (d->protocol == PROTO_ICMP) {
		d->kind = icmp_kind(d->version, at[0]);
		d->mtu = read_mtu(d, at);
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
	d->gso_size = o->gso_size;
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

static enum reason read_header(struct datagram *d, size_t len)
{
	enum reason r;

	if (len < 1)
		return REASON_SHORT;
	d->version = d->octets[0] >> 4;
	if (d->version == 6)
		return datagram_read_six(d, len);
	if (d->version != 4)
		return REASON_VERSION;
	r = read_four(d, len);
	if (r == REASON_NONE)
		r = read_fragment(d);
	return r == REASON_NONE ? read_options(d) : r;
}

static enum reason read_all(struct datagram *d, size_t len)
{
	enum reason r = read_header(d, len);

	d->kind = KIND_OTHER;
	if (r == REASON_NONE)
		read_addresses(d);
	if (r == REASON_NONE && !d->later_fragment)
		r = read_transport(d);
	return r;
}

enum reason datagram_read(struct datagram *d, uint8_t *octets, size_t len,
			  const struct pkt_offload *offload)
{
	enum reason r;

	*d = (struct datagram){ .octets = octets, .mtu = -1 };
	r = read_all(d, len);
	if (r == REASON_NONE && offload)
		r = read_offload(d, offload);
	return r;
}

enum reason datagram_read_quoted(struct datagram *inner, const struct datagram *outer)
{
	size_t at = outer->header + ICMP_QUOTE;
	enum reason r;

	*inner = (struct datagram){ .octets = outer->octets + at, .quoted = true, .mtu = -1 };
	r = read_all(inner, outer->len - at);
	return r == REASON_NONE && inner->version != outer->version ? REASON_VERSION : r;
}
