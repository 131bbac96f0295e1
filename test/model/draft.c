#include "draft.h"

#include <string.h>

enum { NO_MORE = 0xff, EXTENSION = 8, ROUTING = 43, FRAGMENT = 44 };

static uint8_t number_of(const struct draft *x)
{
	bool six = ip_is_six(x->source.address) || ip_is_six(x->destination.address);

	return six && x->protocol == PROTO_ICMP ? PROTO_ICMPV6 : x->protocol;
}

static size_t header_len(const struct draft *x)
{
	return x->protocol != PROTO_TCP ? 8 : x->tcp.scale >= 0 ? 24 : 20;
}

static bool is_six(const struct draft *x)
{
	return ip_is_six(x->source.address) || ip_is_six(x->destination.address);
}

static const uint8_t *chain_of(const struct draft *x)
{
	static const uint8_t none[] = { NO_MORE };

	return x->chain ? x->chain : none;
}

size_t draft_header(const struct draft *x)
{
	size_t len = is_six(x) ? 40u : 20u + x->options_len;

	for (const uint8_t *next = chain_of(x); is_six(x) && *next != NO_MORE; next++)
		len += EXTENSION;
	return len;
}

void draft_fix_header(uint8_t *octets, size_t len)
{
	size_t header = (octets[0] & 15u) * 4u;

	if (octets[0] >> 4 == 6 || header < 20 || header > len)
		return;
	store16(octets + 10, 0);
	store16(octets + 10, (uint16_t)(65535 - octets_sum(octets, header)));
}

/* Each of eight octets, with options that are none. */
static void write_extension(const struct draft *x, uint8_t type, uint8_t *at)
{
	memset(at, 0, EXTENSION);
	switch (type) {
	case FRAGMENT:
		store16(at + 2, (uint16_t)(x->fragment << 3 | (x->fragment >> 13 & 1)));
		store32(at + 4, 0x56781234);
		break;
	case ROUTING:
		at[2] = x->routing;
		at[3] = x->segments_left;
		break;
	default:
		at[2] = 1;
		at[3] = 4;
		break;
	}
}

static size_t write_six(const struct draft *x, uint8_t *out, size_t payload)
{
	uint8_t *next = out + 6, *at = out + 40;

	store32(out, 0x60012345u | (uint32_t)x->tos << 20);
	store16(out + 4, (uint16_t)(draft_header(x) - 40 + payload));
	out[7] = 64;
	ip_to_octets(x->source.address, out + 8, 16);
	ip_to_octets(x->destination.address, out + 24, 16);
	for (const uint8_t *type = chain_of(x); *type != NO_MORE; type++, at += EXTENSION) {
		write_extension(x, *type, at);
		*next = *type;
		next = at;
	}
	*next = number_of(x);
	return (size_t)(at - out);
}

static size_t write_header(const struct draft *x, uint8_t *out, size_t payload)
{
	size_t header = 20u + x->options_len;

	if (is_six(x))
		return write_six(x, out, payload);
	memset(out, 1, header); /* options: no operation */
	if (x->options_len && x->option) {
		out[20] = x->option;
		out[21] = x->options_len;
	}
	out[0] = (uint8_t)(0x40 | header / 4);
	out[1] = x->tos;
	store16(out + 2, (uint16_t)(header + payload));
	store16(out + 4, 0x1234);
	store16(out + 6, x->fragment);
	out[8] = 64;
	out[9] = x->protocol;
	ip_to_octets(x->source.address, out + 12, 4);
	ip_to_octets(x->destination.address, out + 16, 4);
	draft_fix_header(out, header);
	return header;
}

static void write_tcp(const struct draft *x, uint8_t *at)
{
	uint8_t *option = at + 20;
	bool scaled = x->tcp.scale >= 0;

	store16(at, x->source.port);
	store16(at + 2, x->destination.port);
	store32(at + 4, x->tcp.seq);
	store32(at + 8, x->tcp.ack);
	at[12] = scaled ? 0x60 : 0x50;
	at[13] = x->tcp.flags;
	store16(at + 14, x->tcp.window);
	store32(at + 16, 0);
	if (!scaled)
		return;
	option[0] = 1;
	option[1] = 3;
	option[2] = 3;
	option[3] = (uint8_t)x->tcp.scale;
}

static void write_udp(const struct draft *x, uint8_t *at, size_t len)
{
	store16(at, x->source.port);
	store16(at + 2, x->destination.port);
	store16(at + 4, (uint16_t)len);
	store16(at + 6, 0);
}

static void write_icmp(const struct draft *x, uint8_t *at)
{
	at[0] = x->icmp_type;
	at[1] = x->icmp_code;
	store16(at + 2, 0);
	store16(at + 4, x->identifier);
	store16(at + 6, x->sequence);
}

/* The checksum that makes everything after the IP header right, or is wrong as asked. */
static uint16_t sum_to_write(const struct draft *x, const uint8_t *out, size_t header, size_t len)
{
	uint32_t pseudo = is_six(x) ? octets_sum(out + 8, 32) : octets_sum(out + 12, 8);
	uint32_t sum = octets_sum(out + header, len);

	pseudo = (pseudo + number_of(x) + (uint32_t)len) % 65535;
	if (!is_six(x) && x->protocol == PROTO_ICMP)
		pseudo = 0;
	if (x->sum == SUM_NONE)
		return 0;
	if (x->sum == SUM_PARTIAL)
		return (uint16_t)pseudo;
	sum = (sum + pseudo) % 65535;
	if (x->sum == SUM_WRONG)
		sum = (sum + 4711) % 65535;
	return (uint16_t)(65535 - sum);
}

size_t draft_write(const struct draft *x, uint8_t *out)
{
	size_t payload = header_len(x), len = payload + x->payload_len;
	size_t header = write_header(x, out, len);
	uint8_t *at = out + header;
	size_t field = 2;

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(i * 37 + x->payload_len);
	if (x->payload_len >= 2)
		store16(at + payload, x->first_word);
	switch (x->protocol) {
	case PROTO_TCP:
		write_tcp(x, at);
		field = 16;
		break;
	case PROTO_UDP:
		write_udp(x, at, len);
		field = 6;
		break;
	case PROTO_ICMP:
		write_icmp(x, at);
		break;
	default:
		return header + len;
	}
	store16(at + field, sum_to_write(x, out, header, len));
	return header + len;
}

void draft_tune(struct draft *x, struct place source, struct place destination)
{
	struct draft other = *x;
	uint8_t out[DRAFT_MOST];
	struct datagram d;

	other.source = source;
	other.destination = destination;
	other.first_word = 0;
	other.options_len = 0;
	other.chain = NULL;
	other.fragment = 0;
	other.sum = SUM_NONE;
	if (datagram_read(&d, out, draft_write(&other, out), NULL) == REASON_NONE)
		x->first_word = (uint16_t)(65535 - transport_sum(&d));
}

size_t draft_write_error(const struct draft_error *x, const uint8_t *quoted, size_t len,
			 uint8_t *out)
{
	struct draft outer = {
		.protocol = PROTO_ICMP,
		.source.address = x->source, .destination.address = x->destination,
		.icmp_type = x->type, .icmp_code = x->code, .sequence = x->mtu,
		.identifier = x->word,
		.payload_len = (uint16_t)len,
		.sum = x->sum,
	};
	size_t header = write_header(&outer, out, 8 + len);

	write_icmp(&outer, out + header);
	memcpy(out + header + 8, quoted, len);
	store16(out + header + 2, sum_to_write(&outer, out, header, 8 + len));
	return header + 8 + len;
}
