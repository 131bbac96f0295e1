#include "datagram.h"

#include <arpa/inet.h>
#include <string.h>

#include "header.h"

enum { EXTENDED_QUOTE = 128, ICMP_HEADER = 8 };

/* What each field is; false if one is not bound. */
static bool resolve(const struct datagram *d, const struct variables *vars, struct number *value)
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

/* RFC 4884 section 4: the quote is padded to 128 octets or more, in whole words of 4 octets (ICMPv6: 8),
 * whose number stands in the sixth octet of the ICMP header (the fifth). */
static void extend_quote(struct octets *body, const struct message *m, struct number *value)
{
	bool v6 = m->outer.version == 6;
	size_t word = v6 ? 8 : 4, least = m->padded ? m->padded : EXTENDED_QUOTE;
	size_t quoted = body->len < least ? least : (body->len + word - 1) / word * word;

	if ((!m->extension.len && !m->padded) || quoted + m->extension.len > OCTETS_MOST)
		return;
	if (m->extension.len)
		value[IDENTIFIER].low = (uint32_t)(quoted / word) << (v6 ? 8 : 0);
	memcpy(body->at + quoted, m->extension.at, m->extension.len);
	body->len = (uint16_t)(quoted + m->extension.len);
}

size_t message_build(uint8_t out[DATAGRAM_MOST], const struct message *m,
		     const struct variables *vars)
{
	struct number value[FIELD_COUNT], quoted[FIELD_COUNT];
	uint8_t quote[DATAGRAM_MOST];
	struct octets body;

	if (m->outer.kind == KIND_RAW) {
		memcpy(out, m->outer.payload.at, m->outer.payload.len);
		return m->outer.payload.len;
	}
	if (!resolve(&m->outer, vars, value))
		return 0;
	if (!m->quotes)
		return header_put(out, &m->outer, value, &m->outer.payload);
	if (!resolve(&m->quoted, vars, quoted))
		return 0;
	put_quote(&body, quote, header_put(quote, &m->quoted, quoted, &m->quoted.payload));
	extend_quote(&body, m, value);
	return header_put(out, &m->outer, value, &body);
}

static void adopt_ipid(struct datagram *d, const uint8_t *octets, size_t len)
{
	if (!d->any_ipid || d->version != 4 || len < 6)
		return;
	d->field[IPID] = (struct value){ .number = { .low = (uint32_t)octets[4] << 8 | octets[5] } };
}

void message_adopt(struct message *m, const uint8_t *octets, size_t len)
{
	uint8_t protocol;
	size_t quote = header_end(octets, len, &protocol) + ICMP_HEADER;

	adopt_ipid(&m->outer, octets, len);
	if (m->quotes && quote < len)
		adopt_ipid(&m->quoted, octets + quote, len - quote);
}

/* Where a field lies: octets from the IP header, of either version, or from the transport header behind
 * it. */
static const struct { uint8_t at, len, at6, len6; bool transport; } places[] = {
	[SOURCE] = { 12, 4, 8, 16, false },	  [DESTINATION] = { 16, 4, 24, 16, false },
	[SOURCE_PORT] = { 0, 2, 0, 2, true },	  [DESTINATION_PORT] = { 2, 2, 2, 2, true },
	[IDENTIFIER] = { 4, 2, 4, 2, true },	  [IPID] = { 4, 2, 0, 0, false },
};

_Static_assert(sizeof(places) / sizeof(places[0]) == FIELD_COUNT, "a place per field");

static struct number number_at(const uint8_t *at, size_t len)
{
	struct number n = { { 0 }, 0 };

	for (size_t i = 0; i < len; i++) {
		uint32_t *word = len - i > 4 ? &n.high[3 - (len - i - 1) / 4] : &n.low;

		*word = *word << 8 | at[i];
	}
	return n;
}

static void bind_number(struct number *to, const struct number *constant, struct number found)
{
	to->low = found.low - constant->low;
	for (int i = 0; i < 3; i++)
		to->high[i] = found.high[i] - constant->high[i];
}

void message_bind(const struct message *m, const uint8_t *octets, size_t len,
		  struct variables *vars)
{
	bool v6 = octets[0] >> 4 == 6;
	uint8_t protocol;
	size_t transport = header_end(octets, len, &protocol);

	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct value *v = &m->outer.field[i];
		size_t at = v6 ? places[i].at6 : places[i].at, room = v6 ? places[i].len6 : places[i].len;

		if (places[i].transport && (m->outer.piece_begin || m->outer.offset))
			continue; /* no such header in a later fragment */
		at += places[i].transport ? transport : 0;
		if (!v->variable || vars->bound[v->variable - 1] || !room || at + room > len)
			continue;
		bind_number(&vars->value[v->variable - 1], &v->number, number_at(octets + at, room));
		vars->bound[v->variable - 1] = true;
	}
}

static void print_endpoint(FILE *out, bool v6, const uint8_t *address, const uint8_t *port)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(v6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
	fprintf(out, v6 && port ? "[%s]" : "%s", text);
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
	uint8_t protocol = 0;
	bool v6 = len >= 40 && octets[0] >> 4 == 6, v4 = len >= 20 && octets[0] >> 4 == 4;
	size_t at = v4 || v6 ? header_end(octets, len, &protocol) : 0;
	const uint8_t *ports = len >= at + 4 && has_ports(protocol) ? octets + at : NULL;

	if (!at) {
		fprintf(out, "%zu octets that are no datagram", len);
		return;
	}
	fprintf(out, "protocol %d ", protocol);
	print_endpoint(out, v6, octets + (v6 ? 8 : 12), ports);
	fputs(" > ", out);
	print_endpoint(out, v6, octets + (v6 ? 24 : 16), ports ? ports + 2 : NULL);
	if ((protocol == 1 || protocol == 58) && len >= at + ICMP_HEADER)
		fprintf(out, " type %d/%d id %d", octets[at], octets[at + 1],
			octets[at + 4] << 8 | octets[at + 5]);
	fprintf(out, " (%zu octets)", len);
}
