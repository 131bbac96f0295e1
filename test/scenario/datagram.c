#include "datagram.h"

#include <string.h>

enum { IP_HEADER = 20, PSEUDO_HEADER = 12, EXTENDED_QUOTE = 128 };

/* Protocol, octets of the fixed header, and where the checksum is in it. */
static const struct transport {
	uint8_t protocol, header, checksum;
} transports[] = {
	[KIND_UDP] = { 17, 8, 6 },
	[KIND_TCP] = { 6, 20, 16 },
	[KIND_ICMP] = { 1, 8, 2 },
};

static void put16(uint8_t *at, uint32_t number)
{
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}

static void put32(uint8_t *at, uint32_t number)
{
	put16(at, number >> 16);
	put16(at + 2, number);
}

/* RFC 1071 as its text says it: big-endian words added up, carries added in, complemented. */
static uint16_t internet_checksum(const uint8_t *octets, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? octets[i] : (uint32_t)octets[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t spoil(uint16_t right, const struct sum *s)
{
	switch (s->how) {
	case SUM_OFF:
		return (uint16_t)(((uint32_t)right + s->number) % 0xffff);
	case SUM_NONE:
	case SUM_EXACT:
		return s->number;
	default:
		return right;
	}
}

/* Options, filled up with zeros to whole words; returns their octets. */
static size_t put_options(uint8_t *at, const uint8_t *options, size_t len)
{
	size_t padded = (len + 3) / 4 * 4;

	memset(at, 0, padded);
	memcpy(at, options, len);
	return padded;
}

/* UDP, TCP or ICMP header and body behind an IP header; returns octets of both. */
static size_t put_transport(uint8_t *at, const struct datagram *d, const uint32_t *value,
			    const struct octets *body)
{
	size_t header = transports[d->kind].header;

	memset(at, 0, header);
	if (d->kind == KIND_ICMP) {
		at[0] = d->type;
		at[1] = d->code;
		put16(at + 4, value[IDENTIFIER]);
		put16(at + 6, d->seq);
	} else {
		put16(at, value[SOURCE_PORT]);
		put16(at + 2, value[DESTINATION_PORT]);
	}
	if (d->kind == KIND_UDP)
		put16(at + 4, (uint32_t)(header + body->len));
	if (d->kind == KIND_TCP) {
		header += put_options(at + header, d->tcp_options, d->tcp_option_len);
		put32(at + 4, d->seq);
		put32(at + 8, d->ack);
		at[12] = (uint8_t)(header / 4 << 4);
		at[13] = d->flags;
		put16(at + 14, d->win);
	}
	memcpy(at + header, body->at, body->len);
	return header + body->len;
}

/* The checksum over pseudo-header (which ICMP has not), header and body. */
static void put_checksum(uint8_t *at, size_t len, const struct datagram *d, const uint32_t *value)
{
	uint8_t covered[PSEUDO_HEADER + DATAGRAM_MOST];
	uint16_t sum;

	memset(covered, 0, PSEUDO_HEADER);
	if (d->kind != KIND_ICMP) {
		put32(covered, value[SOURCE]);
		put32(covered + 4, value[DESTINATION]);
		covered[9] = transports[d->kind].protocol;
		put16(covered + 10, (uint32_t)len);
	}
	memcpy(covered + PSEUDO_HEADER, at, len);
	sum = spoil(internet_checksum(covered, PSEUDO_HEADER + len), &d->sum);
	/* RFC 768: a computed zero is sent as all ones. */
	if (d->kind == KIND_UDP && sum == 0 && d->sum.how != SUM_NONE)
		sum = 0xffff;
	put16(at + transports[d->kind].checksum, sum);
}

/* Only a piece is there, as a fragment. Returns its octets. */
static size_t take_piece(uint8_t *at, size_t len, struct datagram *d)
{
	size_t begin = d->piece_begin < len ? d->piece_begin : len;
	size_t end = d->piece_end < len ? d->piece_end : len;

	if (!d->piece_end)
		return len;
	memmove(at, at + begin, end - begin);
	d->offset = d->piece_begin;
	d->more = end < len;
	return end - begin;
}

static void put_ip(uint8_t *at, size_t header, size_t len, const struct datagram *d,
		   const uint32_t *value)
{
	at[0] = (uint8_t)(0x40 | header / 4);
	at[1] = d->tos;
	put16(at + 2, (uint32_t)len);
	put16(at + 4, d->ipid);
	put16(at + 6, (uint32_t)(d->df << 14 | d->more << 13 | d->offset / 8));
	at[8] = d->ttl;
	at[9] = d->kind == KIND_IP ? d->protocol : transports[d->kind].protocol;
	put16(at + 10, 0);
	put32(at + 12, value[SOURCE]);
	put32(at + 16, value[DESTINATION]);
	put16(at + 10, spoil(internet_checksum(at, header), &d->header_sum));
}

static size_t build(uint8_t *out, const struct datagram *d, const uint32_t *value,
		    const struct octets *body)
{
	size_t header = IP_HEADER + put_options(out + IP_HEADER, d->ip_options, d->ip_option_len);
	size_t len = body->len;
	struct datagram fragment = *d;

	if (d->kind == KIND_IP) {
		memcpy(out + header, body->at, len);
	} else {
		len = put_transport(out + header, d, value, body);
		put_checksum(out + header, len, d, value);
	}
	len = take_piece(out + header, len, &fragment);
	put_ip(out, header, header + len, &fragment, value);
	return header + (len < d->cut ? len : d->cut);
}

/* What each field is; false if one is not bound. */
static bool resolve(const struct datagram *d, const struct variables *vars, uint32_t *value)
{
	for (int i = 0; i < FIELD_COUNT; i++)
		if (!value_of(&d->field[i], vars, &value[i]))
			return false;
	return true;
}

static void put_quote(struct octets *body, const uint8_t *quote, size_t len)
{
	memset(body, 0, sizeof(*body));
	body->len = (uint16_t)(len < OCTETS_MOST ? len : OCTETS_MOST);
	memcpy(body->at, quote, body->len);
}

/* RFC 4884 section 4.2: the quote is padded to 128 octets or more, in whole words, whose number
 * stands in the sixth octet of the ICMP header. */
static void extend_quote(struct octets *body, const struct octets *extension, uint32_t *value)
{
	size_t quoted = body->len < EXTENDED_QUOTE ? EXTENDED_QUOTE : ((size_t)body->len + 3) / 4 * 4;

	if (!extension->len || quoted + extension->len > OCTETS_MOST)
		return;
	value[IDENTIFIER] = (uint32_t)quoted / 4;
	memcpy(body->at + quoted, extension->at, extension->len);
	body->len = (uint16_t)(quoted + extension->len);
}

size_t message_build(uint8_t out[DATAGRAM_MOST], const struct message *m,
		     const struct variables *vars)
{
	uint32_t value[FIELD_COUNT], quoted[FIELD_COUNT];
	uint8_t quote[DATAGRAM_MOST];
	struct octets body;

	if (m->outer.kind == KIND_RAW) {
		memcpy(out, m->outer.payload.at, m->outer.payload.len);
		return m->outer.payload.len;
	}
	if (!resolve(&m->outer, vars, value))
		return 0;
	if (!m->quotes)
		return build(out, &m->outer, value, &m->outer.payload);
	if (!resolve(&m->quoted, vars, quoted))
		return 0;
	put_quote(&body, quote, build(quote, &m->quoted, quoted, &m->quoted.payload));
	extend_quote(&body, &m->extension, value);
	return build(out, &m->outer, value, &body);
}

/* Where a field lies: octets from the IP header, or from the transport header behind it. */
static const struct { uint8_t at, len; bool transport; } places[] = {
	[SOURCE] = { 12, 4, false },	 [DESTINATION] = { 16, 4, false },
	[SOURCE_PORT] = { 0, 2, true },	 [DESTINATION_PORT] = { 2, 2, true },
	[IDENTIFIER] = { 4, 2, true },
};

_Static_assert(sizeof(places) / sizeof(places[0]) == FIELD_COUNT, "a place per field");

void message_bind(const struct message *m, const uint8_t *octets, size_t len,
		  struct variables *vars)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct value *v = &m->outer.field[i];
		size_t at = places[i].at + (places[i].transport ? (size_t)(octets[0] & 15) * 4 : 0);
		uint32_t found = 0;

		if (places[i].transport && (m->outer.piece_begin || m->outer.offset))
			continue; /* no such header in a later fragment */
		if (!v->variable || vars->bound[v->variable - 1] || at + places[i].len > len)
			continue;
		for (int n = 0; n < places[i].len; n++)
			found = found << 8 | octets[at + (size_t)n];
		vars->value[v->variable - 1] = found - v->number;
		vars->bound[v->variable - 1] = true;
	}
}

static void print_endpoint(FILE *out, const uint8_t *address, const uint8_t *port)
{
	fprintf(out, "%d.%d.%d.%d", address[0], address[1], address[2], address[3]);
	if (port)
		fprintf(out, ":%d", port[0] << 8 | port[1]);
}

void message_print(FILE *out, const uint8_t *octets, size_t len)
{
	size_t header = (size_t)(octets[0] & 15) * 4;
	bool ports = len >= header + 4 && (octets[9] == 6 || octets[9] == 17);

	if (len < IP_HEADER || header < IP_HEADER || octets[0] >> 4 != 4) {
		fprintf(out, "%zu octets that are no IPv4 datagram", len);
		return;
	}
	fprintf(out, "protocol %d ", octets[9]);
	print_endpoint(out, octets + 12, ports ? octets + header : NULL);
	fputs(" > ", out);
	print_endpoint(out, octets + 16, ports ? octets + header + 2 : NULL);
	if (octets[9] == 1 && len >= header + 8)
		fprintf(out, " type %d/%d id %d", octets[header], octets[header + 1],
			octets[header + 4] << 8 | octets[header + 5]);
	fprintf(out, " (%zu octets)", len);
}
