#include "translate.h"

#include <string.h>

#include "draft.h"

enum { FRAGMENT = 44, ROUTING = 43, DESTINATION = 60, IGMP = 2, ALONE_MOST = 1260 };

/* Headers of IPv6 that have no place in IPv4; what else stands in the chain is carried on. */
static bool is_for_six_only(uint8_t next)
{
	return next == 0 || next == ROUTING || next == FRAGMENT || next == DESTINATION;
}

/* How many octets of headers do not go on, and which protocol follows. */
static size_t left_out(const struct datagram *d, uint8_t *next)
{
	size_t at = 40;

	if (d->version == 4) {
		*next = d->octets[9];
		return d->header;
	}
	*next = d->octets[6];
	while (at < d->header && is_for_six_only(*next)) {
		uint8_t is = *next;

		*next = d->octets[at];
		at += extension_len(is, d->octets + at);
	}
	return at;
}

/* RFC 791 section 3.1: loose or strict source route that still has somewhere to go. */
static bool has_way_to_go(const struct datagram *d)
{
	size_t at = 20;

	while (d->version == 4 && at < d->header && d->octets[at] != 0) {
		const uint8_t *option = d->octets + at;

		if (option[0] == 1) {
			at++;
			continue;
		}
		if ((option[0] == 131 || option[0] == 137) && option[1] >= 3 &&
		    option[2] <= option[1])
			return true;
		at += option[1];
	}
	return d->routing != 0;
}

enum reason translate_header_fault(const struct datagram *d)
{
	uint8_t next;
	size_t out = left_out(d, &next), most = d->version == 4 ? 65535 : 65535 - 20;
	/* What is quoted may be cut off, but says how long it was. */
	size_t said = d->version == 4 ? load16(d->octets + 2) : 40u + load16(d->octets + 4);
	size_t len = said > d->len ? said : d->len;

	if (has_way_to_go(d))
		return REASON_SOURCE_ROUTE;
	if (d->fragment && extension_is(d->octets[d->fragment]))
		return REASON_EXTENSION;
	if (next == (d->version == 4 ? PROTO_ICMPV6 : PROTO_ICMP) || next == IGMP ||
	    is_for_six_only(next))
		return REASON_NO_TRANSPORT;
	if (len - out + (d->fragment ? load16(d->octets + d->fragment + 2) & 0xfff8u : 0) > most)
		return REASON_TOO_BIG;
	return REASON_NONE;
}

static bool is_fragment(const struct datagram *d)
{
	return d->first_fragment || d->later_fragment;
}

static uint8_t own_icmp(const struct datagram *d)
{
	return d->version == 4 ? PROTO_ICMP : PROTO_ICMPV6;
}

enum reason translate_fault(const struct datagram *d, const struct nat_policy *p)
{
	enum reason r = translate_header_fault(d);
	uint8_t next, type = d->octets[d->header];

	if (r != REASON_NONE)
		return r;
	left_out(d, &next);
	if (next == own_icmp(d) && is_fragment(d))
		return REASON_ICMP_FRAGMENT;
	if (next == own_icmp(d))
		return query_renamed(d->version, &type) ? REASON_NONE : REASON_ICMP_TYPE;
	if (next == PROTO_UDP && d->version == 4 && !d->later_fragment && !checksum_at(d))
		return p->v6.no_checksum_drops || is_fragment(d) ? REASON_NO_CHECKSUM : REASON_NONE;
	if (next != PROTO_TCP && next != PROTO_UDP && (p->type != NAT_SIIT || d->partial))
		return REASON_NO_TRANSPORT;
	return REASON_NONE;
}

bool query_renamed(uint8_t version, uint8_t *type)
{
	static const uint8_t names[][2] = { { 8, 128 }, { 0, 129 } };

	for (size_t i = 0; i < 2; i++)
		if (*type == names[i][version == 6]) {
			*type = names[i][version == 4];
			return true;
		}
	return false;
}

/* Of the largest segment that a device makes of it. */
static size_t carried_alone(const struct datagram *d)
{
	size_t transport = d->protocol == PROTO_TCP ? (d->octets[d->header + 12] >> 4) * 4u : 8;
	size_t all = d->len - d->header;

	return d->gso_size && transport + d->gso_size < all ? transport + d->gso_size : all;
}

struct header header_for(const struct datagram *d, const struct terms *t)
{
	uint8_t next;
	size_t out = left_out(d, &next);
	const uint8_t *fragment = d->octets + d->fragment;
	bool four = d->version == 4;
	struct header h = {
		.six = four,
		.tos = four ? d->octets[1] : (uint8_t)(load16(d->octets) >> 4),
		.ttl = d->octets[four ? 8 : 7],
		.protocol = next == protocol_number(d) ? d->protocol : next,
		.in_pieces = four ? is_fragment(d) : d->fragment != 0,
		.ident = d->fragment || four ? (uint16_t)d->ident : t->ident,
	};

	if (t->policy->v6.fixed_tos)
		h.tos = 0;
	if (four)
		h.offset = (uint16_t)((load16(d->octets + 6) & 0x1fff) * 8);
	else if (d->fragment)
		h.offset = load16(fragment + 2) & 0xfff8;
	h.more = four ? d->octets[6] & 0x20 : d->fragment && (fragment[3] & 1);
	h.carries = four ? load16(d->octets + 2) - out : 40u + load16(d->octets + 4) - out;
	h.dont_fragment = !h.in_pieces &&
			  20 + (d->gso_size ? carried_alone(d) : h.carries) > ALONE_MOST;
	return h;
}

static size_t write_six(const struct header *h, uint8_t *out)
{
	uint8_t next = h->protocol == PROTO_ICMP ? PROTO_ICMPV6 : h->protocol;

	store32(out, 0x60000000u | (uint32_t)h->tos << 20);
	store16(out + 4, (uint16_t)(h->carries + (h->in_pieces ? 8 : 0)));
	out[6] = h->in_pieces ? FRAGMENT : next;
	out[7] = h->ttl;
	ip_to_octets(h->source, out + 8, 16);
	ip_to_octets(h->destination, out + 24, 16);
	if (!h->in_pieces)
		return 40;
	out[40] = next;
	out[41] = 0;
	store16(out + 42, (uint16_t)(h->offset | h->more));
	store32(out + 44, h->ident);
	return 48;
}

size_t header_write(const struct header *h, uint8_t *out)
{
	struct datagram d = { .octets = out, .version = 4, .header = 20 };

	if (h->six)
		return write_six(h, out);
	out[0] = 0x45;
	out[1] = h->tos;
	store16(out + 2, (uint16_t)(20 + h->carries));
	store16(out + 4, h->ident);
	store16(out + 6, (uint16_t)(h->dont_fragment << 14 | h->more << 13 | h->offset / 8));
	out[8] = h->ttl;
	out[9] = h->protocol;
	ip_to_octets(h->source, out + 12, 4);
	ip_to_octets(h->destination, out + 16, 4);
	settle_header(&d);
	return 20;
}

/* RFC 768: over as much as UDP says there is. */
static void give_checksum(struct datagram *d)
{
	struct datagram udp = *d;
	uint8_t *field = d->octets + d->header + 6;
	uint32_t sum;

	udp.len = udp.header + load16(d->octets + d->header + 4);
	store16(field, 0);
	sum = (octets_sum(udp.octets + udp.header, udp.len - udp.header) +
	       octets_sum(udp.octets + 8, 32) + PROTO_UDP + (uint32_t)(udp.len - udp.header)) % 65535;
	store16(field, (uint16_t)(65535 - sum));
}

static void write_ports(struct datagram *d, struct place source, struct place destination)
{
	uint8_t *at = d->octets + d->header;

	if (d->protocol == PROTO_ICMP) {
		store16(at + 4, source.port);
		return;
	}
	store16(at, source.port);
	store16(at + 2, destination.port);
}

/* What stands for the transport: changed in its names and ends, and with the checksum as wrong as it
 * was. */
static void carry(const struct datagram *d, struct datagram *new, struct place source,
		  struct place destination)
{
	size_t at = checksum_at(d);
	uint32_t was = transport_sum(d), beyond;
	uint8_t *field = new->octets + (at ? at - d->header + new->header : 0);

	beyond = at ? (load16(d->octets + at) + 65535 - pseudo_sum(d)) % 65535 : 0;
	if (d->protocol == PROTO_ICMP)
		query_renamed(d->version, new->octets + new->header);
	if (d->kind == KIND_PORTS || d->protocol == PROTO_ICMP)
		write_ports(new, source, destination);
	if (d->partial)
		store16(field, (uint16_t)((pseudo_sum(new) + beyond) % 65535));
	else if (at)
		settle_transport(new, (size_t)(field - new->octets), was);
	else if (d->protocol == PROTO_UDP && d->version == 4 && !d->quoted)
		give_checksum(new);
}

void translate(struct datagram *d, struct place source, struct place destination,
	       const struct terms *t)
{
	uint8_t fresh[DRAFT_MOST], next;
	struct header h = header_for(d, t);
	struct datagram new = *d;
	size_t out = left_out(d, &next);

	h.source = source.address;
	h.destination = destination.address;
	new.octets = fresh;
	new.version = h.six ? 6 : 4;
	new.header = header_write(&h, fresh);
	new.fragment = h.six && h.in_pieces ? 40 : 0;
	new.len = new.header + d->len - out;
	memcpy(fresh + new.header, d->octets + out, d->len - out);
	/* Headers that are carried on stand in front of a transport that is none in IPv4. */
	if (!d->later_fragment && out == d->header)
		carry(d, &new, source, destination);
	new.octets = memcpy(d->octets, fresh, new.len);
	new.source = source;
	new.destination = destination;
	new.ident = h.ident;
	new.dont_fragment = h.six ? d->dont_fragment : h.dont_fragment;
	new.route_option = false;
	new.routing = 0;
	*d = new;
}
