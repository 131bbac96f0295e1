/* What the model writes into datagrams, and sums up. */
#include "datagram.h"

enum { IP_SUM = 10, ICMP_SUM = 2 };

uint8_t protocol_number(const struct datagram *d)
{
	if (d->version == 6 && d->protocol == PROTO_ICMP)
		return PROTO_ICMPV6;
	return d->version == 6 && d->protocol == PROTO_ICMPV6 ? PROTO_ICMP : d->protocol;
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

/* Of a quote, more than there is. */
static size_t claimed_len(const struct datagram *d)
{
	return d->version == 4 ? load16(d->octets + 2) : 40u + load16(d->octets + 4);
}

/* What both ends know of the datagram without its octets: nothing that ICMP cares for. */
uint32_t pseudo_sum(const struct datagram *d)
{
	uint32_t len = (uint32_t)(claimed_len(d) - d->header);
	uint32_t sum = octets_sum(d->octets + source_at(d), 2 * address_len(d));

	if (d->version == 4 && d->protocol == PROTO_ICMP)
		return 0;
	return (sum + protocol_number(d) + len) % 65535;
}

uint32_t transport_sum(const struct datagram *d)
{
	return (octets_sum(d->octets + d->header, d->len - d->header) + pseudo_sum(d)) % 65535;
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

void settle_transport(struct datagram *d, size_t at, uint32_t was)
{
	uint32_t value;

	store16(d->octets + at, 0);
	value = sum_less(was, transport_sum(d));
	if (value == 0 && d->protocol == PROTO_UDP)
		value = 0xffff;
	store16(d->octets + at, (uint16_t)value);
}

void settle_header(struct datagram *d)
{
	if (d->version == 6)
		return;
	store16(d->octets + IP_SUM, 0);
	store16(d->octets + IP_SUM, (uint16_t)sum_less(0, octets_sum(d->octets, d->header)));
}

static void put_addresses(struct datagram *d, ip_number source, ip_number destination)
{
	uint8_t *at = d->octets + source_at(d);

	ip_to_octets(source, at, address_len(d));
	ip_to_octets(destination, at + address_len(d), address_len(d));
}

static void put_places(struct datagram *d, struct place source, struct place destination)
{
	uint8_t *transport = d->octets + d->header;

	put_addresses(d, source.address, destination.address);
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
	return transport_sum(d) == 0;
}

void datagram_write_error(struct datagram *d, ip_number source, ip_number destination)
{
	put_addresses(d, source, destination);
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

	if (d->version == 4)
		one_zero(d->octets + IP_SUM);
	if (at && (d->protocol != PROTO_UDP || d->partial))
		one_zero(d->octets + at);
	if (d->kind == KIND_ERROR && datagram_read_quoted(&inner, d) == REASON_NONE)
		datagram_one_zero(&inner);
}
