#include "datagram.h"

#include <string.h>

#include "transport.h"

enum { IP_HEADER = 20, EXTENDED_QUOTE = 128 };

/* Options, filled up with zeros to whole words; returns their octets. */
static size_t put_options(uint8_t *at, const uint8_t *options, size_t len)
{
	size_t padded = (len + 3) / 4 * 4;

	memset(at, 0, padded);
	memcpy(at, options, len);
	return padded;
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
	at[9] = transport_protocol(d);
	put16(at + 10, 0);
	put32(at + 12, value[SOURCE]);
	put32(at + 16, value[DESTINATION]);
	put16(at + 10, sum_spoilt(internet_checksum(at, header), &d->header_sum));
}

static size_t build(uint8_t *out, const struct datagram *d, const uint32_t *value,
		    const struct octets *body)
{
	size_t header = IP_HEADER + put_options(out + IP_HEADER, d->ip_options, d->ip_option_len);
	size_t len = transport_put(out + header, d, value, body);
	struct datagram fragment = *d;

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

static bool has_ports(uint8_t protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 ||
	       protocol == 136;
}

void message_print(FILE *out, const uint8_t *octets, size_t len)
{
	size_t header = (size_t)(octets[0] & 15) * 4;
	bool ports = len >= header + 4 && has_ports(octets[9]);

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
