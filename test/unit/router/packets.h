/*
 * Datagrams for tests of the gateway: made from text, and judged by code that shares nothing with
 * the router's.
 *
 * Shape    A way is "10.0.0.10:5000 > 203.0.113.9:53", in IPv6 "[2001:db8::1]:5 > [2001:db8::2]:6";
 *          where there are no ports, addresses alone.
 * Order    Packets hold what lies on the wire; ports and lengths in calls are numbers.
 */
#ifndef PACKETS_H
#define PACKETS_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nat/packet.h"

enum { PACKET_ROOM = 9000, WAY_TEXT = 128 };
/* A way with numbers in it; the text lives as long as the block it is written in. */
#define WAY(...) way_format((char[WAY_TEXT]){ 0 }, __VA_ARGS__)
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct packet {
	size_t len;
	uint8_t octets[PACKET_ROOM];
};

__attribute__((format(printf, 2, 3)))
static inline const char *way_format(char text[static WAY_TEXT], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, WAY_TEXT, format, arguments);
	va_end(arguments);
	return text;
}

static inline bool packet_is_v4(const uint8_t *ip)
{
	return ip[0] >> 4 == 4;
}

static inline size_t packet_header(const uint8_t *ip)
{
	return packet_is_v4(ip) ? (size_t)(ip[0] & 15) * 4 : 40;
}

static inline uint8_t packet_protocol(const uint8_t *ip)
{
	return ip[packet_is_v4(ip) ? 9 : 6];
}

/* Offset, and more fragments. */
static inline bool packet_is_fragment(const uint8_t *ip)
{
	return packet_is_v4(ip) && (load16(ip + 6) & 0x3fff);
}

static inline uint8_t *packet_transport(struct packet *p)
{
	return p->octets + packet_header(p->octets);
}

static inline uint8_t *packet_ttl(struct packet *p)
{
	return p->octets + (packet_is_v4(p->octets) ? 8 : 7);
}

/* RFC 1071 as its text says it: words added up, the carries added in. Goes on from sum. */
static inline uint16_t packet_sum(uint16_t sum, const uint8_t *octets, size_t len)
{
	uint32_t s = sum;

	for (size_t i = 0; i < len; i++) {
		s += i % 2 ? octets[i] : (uint32_t)octets[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return (uint16_t)s;
}

/* Of the transport with its pseudo-header (ICMP has none); 0xffff if the checksum is right. */
static inline uint16_t packet_transport_sum(const uint8_t *ip, size_t len)
{
	size_t header = packet_header(ip), addresses = packet_is_v4(ip) ? 12 : 8;
	uint8_t tail[4] = { 0, packet_protocol(ip) };
	uint16_t sum = 0;

	store16(tail + 2, (uint16_t)(len - header));
	if (tail[1] != PROTO_ICMP) {
		sum = packet_sum(0, ip + addresses, packet_is_v4(ip) ? 8 : 32);
		sum = packet_sum(sum, tail, sizeof(tail));
	}
	return packet_sum(sum, ip + header, len - header);
}

static inline size_t packet_checksum_at(const uint8_t *ip)
{
	switch (packet_protocol(ip)) {
	case PROTO_TCP: return packet_header(ip) + 16;
	case PROTO_UDP: return packet_header(ip) + 6;
	case PROTO_ICMP: case PROTO_ICMPV6: return packet_header(ip) + 2;
	default: return 0;
	}
}

static inline void packet_seal_header(uint8_t *ip)
{
	if (!packet_is_v4(ip))
		return;
	store16(ip + 10, 0);
	store16(ip + 10, (uint16_t)~packet_sum(0, ip, packet_header(ip)));
}

/* Make all checksums right. */
static inline void packet_seal(struct packet *p)
{
	size_t at = packet_checksum_at(p->octets);

	packet_seal_header(p->octets);
	if (!at || packet_is_fragment(p->octets))
		return;
	store16(p->octets + at, 0);
	store16(p->octets + at, (uint16_t)~packet_transport_sum(p->octets, p->len));
}

/* One end of a way; returns octets of the address. */
static inline size_t packet_parse_end(const char *text, size_t len, uint8_t *address,
				      uint16_t *port)
{
	char copy[WAY_TEXT], *colon;

	snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
	colon = strrchr(copy, ':');
	*port = 0;
	if (colon && copy[0] != '[' && strchr(copy, ':') != colon) {
		assert_int_equal(inet_pton(AF_INET6, copy, address), 1);
		return 16;
	}
	if (colon) {
		*port = (uint16_t)atoi(colon + 1);
		colon[copy[0] == '[' ? -1 : 0] = '\0';
	}
	if (copy[0] != '[') {
		assert_int_equal(inet_pton(AF_INET, copy, address), 1);
		return 4;
	}
	assert_int_equal(inet_pton(AF_INET6, copy + 1, address), 1);
	return 16;
}

/* A header and, behind it, payload octets that are no two alike in a row; the transport is not
 * sealed. Ports go to where TCP and UDP have them. */
static inline struct packet packet_make(const char *way, uint8_t protocol, size_t payload)
{
	struct packet p = { 0 };
	uint8_t ends[2][16];
	uint16_t ports[2];
	const char *to = strstr(way, " > ");
	size_t address = packet_parse_end(way, (size_t)(to - way), ends[0], &ports[0]);
	bool v4 = address == 4;

	assert_int_equal(packet_parse_end(to + 3, strlen(to + 3), ends[1], &ports[1]), address);
	p.octets[0] = v4 ? 0x45 : 0x60;
	p.len = (v4 ? 20 : 40) + payload;
	assert_true(p.len <= PACKET_ROOM);
	store16(p.octets + (v4 ? 2 : 4), (uint16_t)(v4 ? p.len : payload));
	store16(p.octets + (v4 ? 4 : 2), 0x1234);
	*packet_ttl(&p) = 64;
	p.octets[v4 ? 9 : 6] = protocol;
	for (size_t i = 0; i < 2; i++)
		memcpy(p.octets + (v4 ? 12 : 8) + i * address, ends[i], address);
	for (size_t i = 0; i < payload; i++)
		packet_transport(&p)[i] = (uint8_t)(i * 37 + i / 256);
	if (protocol == PROTO_TCP || protocol == PROTO_UDP)
		for (size_t i = 0; i < 2; i++)
			store16(packet_transport(&p) + 2 * i, ports[i]);
	packet_seal_header(p.octets);
	return p;
}

/* len: octets of payload behind the transport header, in all three. */
static inline struct packet udp(const char *way, size_t len)
{
	struct packet p = packet_make(way, PROTO_UDP, 8 + len);

	store16(packet_transport(&p) + 4, (uint16_t)(8 + len));
	packet_seal(&p);
	return p;
}

/* Between ports 1000 and 53 of two addresses of either version. */
static inline struct packet udp_between(const char *from, const char *to)
{
	bool v6 = strchr(from, ':');

	return udp(WAY(v6 ? "[%s]:1000 > [%s]:53" : "%s:1000 > %s:53", from, to), 60);
}

static inline struct packet tcp(const char *way, uint8_t flags, uint32_t seq, uint32_t ack,
				size_t len)
{
	struct packet p = packet_make(way, PROTO_TCP, 20 + len);
	uint8_t *t = packet_transport(&p);

	store32(t + 4, seq);
	store32(t + 8, ack);
	t[12] = 5 << 4;
	t[13] = flags;
	store16(t + 14, 65535);
	store16(t + 18, 0);
	packet_seal(&p);
	return p;
}

static inline struct packet icmp(const char *way, uint8_t type, uint8_t code, size_t len)
{
	bool v4 = !strchr(way, ':');
	struct packet p = packet_make(way, v4 ? PROTO_ICMP : PROTO_ICMPV6, 8 + len);
	uint8_t *t = packet_transport(&p);

	memset(t, 0, 8);
	t[0] = type;
	t[1] = code;
	packet_seal(&p);
	return p;
}

static inline struct packet echo(const char *way, uint16_t id, size_t len)
{
	struct packet p = icmp(way, strchr(way, ':') ? 128 : 8, 0, len);

	store16(packet_transport(&p) + 4, id);
	store16(packet_transport(&p) + 6, 1);
	packet_seal(&p);
	return p;
}

/* An ICMP error about a datagram, as a router on its way would send it. */
static inline struct packet icmp_about(const char *way, uint8_t type, uint8_t code,
				       const struct packet *cause, size_t quoted)
{
	size_t len = cause->len < quoted ? cause->len : quoted;
	struct packet p = icmp(way, type, code, len);

	memcpy(packet_transport(&p) + 8, cause->octets, len);
	packet_seal(&p);
	return p;
}

/* IPv4 options, in whole words, put in behind the header. */
static inline struct packet with_options(struct packet p, const uint8_t *options, size_t len)
{
	size_t header = packet_header(p.octets);

	memmove(p.octets + header + len, p.octets + header, p.len - header);
	memcpy(p.octets + header, options, len);
	p.len += len;
	p.octets[0] = (uint8_t)(0x40 | (header + len) / 4);
	store16(p.octets + 2, (uint16_t)p.len);
	packet_seal(&p);
	return p;
}

static inline struct packet with_ttl(struct packet p, uint8_t ttl)
{
	*packet_ttl(&p) = ttl;
	packet_seal_header(p.octets);
	return p;
}

/* Bits of the word that holds the fragment offset: 0x4000 is DF. */
static inline struct packet with_fragment(struct packet p, uint16_t word)
{
	store16(p.octets + 6, word);
	packet_seal_header(p.octets);
	return p;
}

/* What the receiver of a datagram answers, its ends exchanged; an echo request becomes a reply. */
static inline struct packet reply(const struct packet *to)
{
	struct packet p = *to;
	bool v4 = packet_is_v4(p.octets);
	size_t address = v4 ? 4 : 16, at = v4 ? 12 : 8;
	uint8_t *t = packet_transport(&p);

	memcpy(p.octets + at, to->octets + at + address, address);
	memcpy(p.octets + at + address, to->octets + at, address);
	*packet_ttl(&p) = 64;
	if (packet_protocol(p.octets) == PROTO_ICMP || packet_protocol(p.octets) == PROTO_ICMPV6) {
		t[0] = v4 ? 0 : 129;
	} else {
		memcpy(t, t + 2, 2);
		memcpy(t + 2, to->octets + packet_header(to->octets), 2);
	}
	packet_seal(&p);
	return p;
}

static inline const char *packet_way(const struct packet *p, char text[static WAY_TEXT])
{
	bool v4 = packet_is_v4(p->octets);
	const uint8_t *t = p->octets + packet_header(p->octets);
	const uint8_t *at = p->octets + (v4 ? 12 : 8);
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, at, from, sizeof(from));
	inet_ntop(v4 ? AF_INET : AF_INET6, at + (v4 ? 4 : 16), to, sizeof(to));
	if (packet_protocol(p->octets) != PROTO_TCP && packet_protocol(p->octets) != PROTO_UDP)
		return way_format(text, "%s > %s", from, to);
	return way_format(text, v4 ? "%s:%u > %s:%u" : "[%s]:%u > [%s]:%u", from, load16(t), to,
			  load16(t + 2));
}

static inline void assert_way(const struct packet *p, const char *way)
{
	char text[WAY_TEXT];

	assert_string_equal(packet_way(p, text), way);
}

/* The same behind the IP header but for ports or identifier and checksum. */
static inline void assert_same_payload(const struct packet *a, const struct packet *b)
{
	size_t behind = packet_protocol(a->octets) == PROTO_TCP ? 20 : 8;
	size_t from_a = packet_header(a->octets) + behind;
	size_t from_b = packet_header(b->octets) + behind;

	assert_int_equal(a->len - from_a, b->len - from_b);
	assert_memory_equal(a->octets + from_a, b->octets + from_b, a->len - from_a);
}

static inline bool packet_is_icmp_error(const uint8_t *ip)
{
	uint8_t type = ip[packet_header(ip)];

	if (packet_protocol(ip) == PROTO_ICMP)
		return type == 3 || type == 11 || type == 12;
	return packet_protocol(ip) == PROTO_ICMPV6 && type < 128;
}

/* What must be true of every datagram that leaves a router. */
static inline void packet_judge(const struct packet *p)
{
	const uint8_t *ip = p->octets, *quote = ip + packet_header(ip) + 8;
	size_t header = packet_header(ip), at = packet_checksum_at(ip);

	assert_true(packet_is_v4(ip) || ip[0] >> 4 == 6);
	assert_true(p->len >= header && header >= 20);
	assert_int_equal(p->len, packet_is_v4(ip) ? load16(ip + 2) : 40u + load16(ip + 4));
	assert_true(ip[packet_is_v4(ip) ? 8 : 7] > 0);
	if (packet_is_v4(ip))
		assert_int_equal(packet_sum(0, ip, header), 0xffff);
	if (packet_is_fragment(ip) || !at)
		return;
	if (packet_protocol(ip) != PROTO_UDP || load16(ip + at))
		assert_int_equal(packet_transport_sum(ip, p->len), 0xffff);
	if (packet_is_v4(ip) && packet_is_icmp_error(ip))
		assert_int_equal(packet_sum(0, quote, packet_header(quote)), 0xffff);
}

/* Type, code and ends of an ICMP error, and that it quotes what was sent, octet by octet, as far
 * as it should (RFC 1812 section 4.3.2.3, RFC 4443 section 3). */
static inline void assert_error(const struct packet *e, uint8_t type, uint8_t code, const char *way,
				const struct packet *cause)
{
	bool v4 = packet_is_v4(e->octets);
	size_t header = packet_header(e->octets), most = v4 ? 576 : 1280;
	size_t quoted = e->len - header - 8;

	assert_way(e, way);
	assert_int_equal(packet_protocol(e->octets), v4 ? PROTO_ICMP : PROTO_ICMPV6);
	assert_int_equal(e->octets[header], type);
	assert_int_equal(e->octets[header + 1], code);
	assert_int_equal(quoted, cause->len < most - header - 8 ? cause->len : most - header - 8);
	assert_memory_equal(e->octets + header + 8, cause->octets, quoted);
}

#endif
