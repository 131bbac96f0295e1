#include "transport.h"

#include <string.h>

enum { PSEUDO_HEADER_MOST = 40, CHUNK_HEADER = 4, INIT_CHUNK = 20 };

/* DCCP types (RFC 4340 section 5.1) with the octets that follow the generic header (sections 5.2 to
 * 5.8), and where among them the service code is. */
static const struct { uint8_t more, service; bool has_service; } dccp_types[16] = {
	[0] = { 4, 0, true }, [1] = { 12, 8, true }, [2] = { 0, 0, false }, [3] = { 8, 0, false },
	[4] = { 8, 0, false }, [5] = { 8, 0, false }, [6] = { 8, 0, false }, [7] = { 12, 0, false },
	[8] = { 8, 0, false }, [9] = { 8, 0, false }, [10] = { 4, 0, true },
};

void put16(uint8_t *at, uint32_t number)
{
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}

void put32(uint8_t *at, uint32_t number)
{
	put16(at, number >> 16);
	put16(at + 2, number);
}

size_t put_addresses(uint8_t *at, uint8_t version, const struct number *value)
{
	size_t each = version == 6 ? 16 : 4;

	for (int end = SOURCE; end <= DESTINATION; end++, at += each) {
		for (size_t i = 0; i < each / 4 - 1; i++)
			put32(at + 4 * i, value[end].high[i]);
		put32(at + each - 4, value[end].low);
	}
	return 2 * each;
}

/* RFC 1071 as its text says it: big-endian words added up, carries added in, complemented. */
uint16_t internet_checksum(const uint8_t *octets, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? octets[i] : (uint32_t)octets[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t sum_spoilt(uint16_t right, const struct sum *s)
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

static void put_ports(uint8_t *at, const struct number *value)
{
	put16(at, value[SOURCE_PORT].low);
	put16(at + 2, value[DESTINATION_PORT].low);
}

/* RFC 793 section 3.1, RFC 8200 section 8.1: addresses, length and protocol. Returns its octets. */
static size_t put_pseudo(uint8_t *at, size_t len, const struct datagram *d,
			 const struct number *value)
{
	size_t ends = put_addresses(at, d->version, value);

	memset(at + ends, 0, 8);
	if (d->version == 6) {
		put32(at + ends, (uint32_t)len);
		at[ends + 7] = transport_protocol(d);
		return ends + 8;
	}
	at[ends + 1] = transport_protocol(d);
	put16(at + ends + 2, (uint32_t)len);
	return ends + 4;
}

/* The checksum over pseudo-header (which ICMPv4 has not), and cover octets of header and body. */
static uint16_t checksum(const uint8_t *at, size_t len, size_t cover, const struct datagram *d,
			 const struct number *value)
{
	uint8_t covered[PSEUDO_HEADER_MOST + DATAGRAM_MOST];
	bool bare = d->kind == KIND_ICMP && d->version == 4;
	size_t pseudo = bare ? 0 : put_pseudo(covered, len, d, value);
	uint16_t sum;

	memcpy(covered + pseudo, at, cover);
	sum = sum_spoilt(internet_checksum(covered, pseudo + cover), &d->sum);
	/* RFC 768, RFC 3828: a computed zero is sent as all ones. */
	if ((d->kind == KIND_UDP || d->kind == KIND_UDPLITE) && !sum && d->sum.how != SUM_NONE)
		sum = 0xffff;
	return sum;
}

static size_t put_udp(uint8_t *at, const struct datagram *d, const struct number *value,
		      const struct octets *body)
{
	size_t len = 8u + body->len;
	bool lite = d->kind == KIND_UDPLITE;
	size_t cover = lite && d->coverage && d->coverage < len ? d->coverage : len;

	memset(at, 0, 8);
	put_ports(at, value);
	put16(at + 4, lite ? d->coverage : (uint32_t)len);
	memcpy(at + 8, body->at, body->len);
	put16(at + 6, checksum(at, len, cover, d, value));
	return len;
}

static size_t put_tcp(uint8_t *at, const struct datagram *d, const struct number *value,
		      const struct octets *body)
{
	size_t header = 20 + put_options(at + 20, d->tcp_options, d->tcp_option_len);
	size_t len = header + body->len;

	memset(at, 0, 20);
	put_ports(at, value);
	put32(at + 4, d->seq);
	put32(at + 8, d->ack);
	at[12] = (uint8_t)(header / 4 << 4);
	at[13] = d->flags;
	put16(at + 14, d->win);
	memcpy(at + header, body->at, body->len);
	put16(at + 16, checksum(at, len, len, d, value));
	return len;
}

/* Of echo and its reply (RFC 792, RFC 4443 section 4); all else is said by its number. */
static uint8_t icmp_type(const struct datagram *d)
{
	if (!d->named || d->version == 4)
		return d->type;
	return d->type ? 128 : 129;
}

/* Identifier and number, or the MTU; the pointer is an octet in IPv4, in IPv6 all. */
static size_t put_icmp(uint8_t *at, const struct datagram *d, const struct number *value,
		       const struct octets *body)
{
	size_t len = 8u + body->len;

	memset(at, 0, 8);
	at[0] = icmp_type(d);
	at[1] = d->code;
	put32(at + 4, (value[IDENTIFIER].low << 16) + d->seq +
			      (d->version == 4 ? d->pointer << 24 : d->pointer));
	memcpy(at + 8, body->at, body->len);
	put16(at + 2, checksum(at, len, len, d, value));
	return len;
}

/* RFC 4340 section 5.1, with 48-bit sequence numbers unless it says brief. */
static size_t put_dccp(uint8_t *at, const struct datagram *d, const struct number *value,
		       const struct octets *body)
{
	size_t generic = d->brief ? 12 : 16;
	size_t header = generic + (d->brief ? 0 : dccp_types[d->type].more);
	size_t len = header + body->len;
	size_t cover = d->cscov ? header + (d->cscov - 1u) * 4 : len;

	memset(at, 0, header);
	put_ports(at, value);
	at[4] = (uint8_t)(header / 4);
	at[5] = d->cscov;
	at[8] = (uint8_t)(d->type << 1 | !d->brief);
	put32(at + generic - 4, d->seq);
	if (d->brief)
		at[8] = (uint8_t)(d->type << 1);
	if (dccp_types[d->type].has_service)
		put32(at + generic + dccp_types[d->type].service, d->service);
	memcpy(at + header, body->at, body->len);
	put16(at + 6, checksum(at, len, cover < len ? cover : len, d, value));
	return len;
}

/* RFC 9260 appendix A: reflected, polynomial 1edc6f41, bit by bit; its octets go out lowest first. */
static uint32_t crc32c(const uint8_t *octets, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= octets[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* One chunk, padded; of INIT and INIT ACK (types 1 and 2) with what they must have. */
static size_t put_sctp(uint8_t *at, const struct datagram *d, const struct number *value,
		       const struct octets *body)
{
	bool init = d->type == 1 || d->type == 2;
	size_t header = init ? INIT_CHUNK : CHUNK_HEADER, len = 12 + (header + body->len + 3u) / 4 * 4;
	uint32_t crc;

	memset(at, 0, len);
	put_ports(at, value);
	put32(at + 4, d->vtag);
	at[12] = d->type;
	at[13] = d->flags;
	put16(at + 14, (uint32_t)(header + body->len));
	if (init) {
		put32(at + 16, d->initiate);
		put32(at + 20, 65536);
		put32(at + 24, 10u << 16 | 10);
		put32(at + 28, d->seq);
	}
	memcpy(at + 12 + header, body->at, body->len);
	crc = crc32c(at, len) + (d->sum.how == SUM_OFF ? d->sum.number : 0);
	for (int i = 0; i < 4; i++)
		at[8 + i] = (uint8_t)(crc >> 8 * i);
	return len;
}

/* RFC 2784 with RFC 2890's key, or RFC 2637 section 4.1 with a call ID. */
static size_t put_gre(uint8_t *at, const struct datagram *d, const struct number *value,
		      const struct octets *body)
{
	size_t header = d->call || d->key ? 8 : 4;

	(void)value;
	memset(at, 0, header);
	put16(at, d->call ? 0x2001 : d->key ? 0x2000 : 0);
	put16(at + 2, d->call ? 0x880b : 0x0800);
	if (d->call) {
		put16(at + 4, body->len);
		put16(at + 6, d->call);
	} else if (d->key) {
		put32(at + 4, d->key);
	}
	memcpy(at + header, body->at, body->len);
	return header + body->len;
}

static size_t put_esp(uint8_t *at, const struct datagram *d, const struct number *value,
		      const struct octets *body)
{
	(void)value;
	put32(at, d->key);
	put32(at + 4, d->seq);
	memcpy(at + 8, body->at, body->len);
	return 8u + body->len;
}

static size_t put_nothing(uint8_t *at, const struct datagram *d, const struct number *value,
			  const struct octets *body)
{
	(void)d;
	(void)value;
	memcpy(at, body->at, body->len);
	return body->len;
}

static const struct {
	uint8_t protocol;
	size_t (*put)(uint8_t *at, const struct datagram *d, const struct number *value,
		      const struct octets *body);
} transports[KIND_COUNT] = {
	[KIND_RAW] = { 0, put_nothing },   [KIND_IP] = { 0, put_nothing },
	[KIND_UDP] = { 17, put_udp },	   [KIND_TCP] = { 6, put_tcp },
	[KIND_ICMP] = { 1, put_icmp },	   [KIND_UDPLITE] = { 136, put_udp },
	[KIND_DCCP] = { 33, put_dccp },	   [KIND_SCTP] = { 132, put_sctp },
	[KIND_GRE] = { 47, put_gre },	   [KIND_ESP] = { 50, put_esp },
};

uint8_t transport_protocol(const struct datagram *d)
{
	if (d->kind == KIND_ICMP && d->version == 6)
		return 58;
	return d->kind == KIND_IP ? d->protocol : transports[d->kind].protocol;
}

size_t transport_put(uint8_t *at, const struct datagram *d, const struct number *value,
		     const struct octets *body)
{
	return transports[d->kind].put(at, d, value, body);
}
