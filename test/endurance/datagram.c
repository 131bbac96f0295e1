#include "datagram.h"

enum { IP4 = 20, IP6 = 40, TCP = 20, UDP = 8, ECHO = 8, TTL = 64, WINDOW = 0xffff };
enum { ECHO_REQUEST = 8, ECHO_REPLY = 0, ECHO_REQUEST6 = 128, ECHO_REPLY6 = 129 };

static uint32_t header_len(uint8_t version)
{
	return version == 4 ? IP4 : IP6;
}

static uint8_t protocol_of(const struct leg *leg)
{
	return leg->version == 6 && leg->protocol == PROTO_ICMP ? PROTO_ICMPV6 : leg->protocol;
}

static uint8_t echo_type(const struct leg *leg, const struct part *part)
{
	if (leg->version == 4)
		return part->reply ? ECHO_REPLY : ECHO_REQUEST;
	return part->reply ? ECHO_REPLY6 : ECHO_REQUEST6;
}

static void make_ip4(uint8_t *at, const struct leg *leg, uint32_t len)
{
	memset(at, 0, IP4);
	at[0] = 0x45;
	store16(at + 2, (uint16_t)len);
	store16(at + 6, 0x4000);
	at[8] = TTL;
	at[9] = leg->protocol;
	memcpy(at + 12, leg->source, 4);
	memcpy(at + 16, leg->destination, 4);
	csum_store(at + 10, csum_of(at, IP4));
}

static void make_ip6(uint8_t *at, const struct leg *leg, uint32_t len)
{
	store32(at, 6u << 28);
	store16(at + 4, (uint16_t)(len - IP6));
	at[6] = protocol_of(leg);
	at[7] = TTL;
	memcpy(at + 8, leg->source, 16);
	memcpy(at + 24, leg->destination, 16);
}

/* Returns the length of the header; its checksum is zero. */
static uint32_t make_transport(uint8_t *at, const struct leg *leg, const struct part *part)
{
	memset(at, 0, TCP);
	store16(at, leg->ports[0]);
	store16(at + 2, leg->ports[1]);
	if (leg->protocol == PROTO_UDP) {
		store16(at + 4, (uint16_t)(UDP + part->data_len));
		return UDP;
	}
	if (leg->protocol == PROTO_ICMP) {
		store16(at, (uint16_t)(echo_type(leg, part) << 8));
		store32(at + 2, leg->ports[0]);
		return ECHO;
	}
	store32(at + 4, part->sequence);
	store32(at + 8, part->acknowledged);
	store16(at + 12, (uint16_t)(5 << 12 | part->flags));
	store16(at + 14, WINDOW);
	return TCP;
}

static void complete(uint8_t *at, const struct leg *leg, uint32_t len)
{
	csum_t sum = csum_of(at, len);

	if (leg->version == 6 || leg->protocol != PROTO_ICMP)
		sum = csum_add(sum, csum_pseudo(leg->source, leg->destination,
						leg->version == 4 ? 4 : 16, protocol_of(leg), len));
	if (leg->protocol == PROTO_UDP)
		csum_store_udp(at + 6, sum);
	else
		csum_store(at + (leg->protocol == PROTO_TCP ? 16 : 2), sum);
}

uint32_t datagram_make(uint8_t *at, const struct leg *leg, const struct part *part)
{
	uint32_t ip = header_len(leg->version), transport = make_transport(at + ip, leg, part);
	uint32_t len = ip + transport + part->data_len;

	memcpy(at + ip + transport, part->data, part->data_len);
	complete(at + ip, leg, len - ip);
	if (leg->version == 4)
		make_ip4(at, leg, len);
	else
		make_ip6(at, leg, len);
	return len;
}

static const char *tcp_fault(const uint8_t *at, const struct part *part)
{
	if (load32(at + 4) != part->sequence || load32(at + 8) != part->acknowledged)
		return "TCP numbers are others";
	return at[13] == part->flags ? NULL : "TCP flags are others";
}

static const char *transport_fault(const uint8_t *at, const struct leg *leg, const struct part *part)
{
	if (leg->protocol == PROTO_ICMP) {
		if (at[0] != echo_type(leg, part))
			return "ICMP type is another";
		return load16(at + 4) == leg->ports[0] ? NULL : "identifier is another";
	}
	if (load16(at) != leg->ports[0] || load16(at + 2) != leg->ports[1])
		return "ports are others";
	return leg->protocol == PROTO_TCP && !part->edited ? tcp_fault(at, part) : NULL;
}

static const char *data_fault(const struct pkt *p, const struct leg *leg, const struct part *part)
{
	uint32_t at = p->transport + (leg->protocol == PROTO_TCP ? (uint32_t)TCP : UDP);

	if (part->edited)
		return NULL;
	return p->len == at + part->data_len && memcmp(p->ip + at, part->data, part->data_len) == 0
		       ? NULL : "data are others";
}

const char *datagram_fault(uint8_t *at, uint32_t len, const struct leg *leg, const struct part *part)
{
	size_t address = leg->version == 4 ? 4 : 16;
	const char *fault;
	struct pkt p;

	if (pkt_parse(&p, at, len, NULL) != REASON_NONE)
		return "no datagram";
	if (p.version != leg->version || p.protocol != protocol_of(leg))
		return "family or protocol is another";
	if (!pkt_checksum_valid(&p))
		return "checksum is wrong";
	if (memcmp(pkt_source(&p), leg->source, address) != 0)
		return "source is another";
	if (memcmp(pkt_destination(&p), leg->destination, address) != 0)
		return "destination is another";
	fault = transport_fault(pkt_transport(&p), leg, part);
	return fault ? fault : data_fault(&p, leg, part);
}
