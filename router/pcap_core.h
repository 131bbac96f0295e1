/*
 * What the readers of both formats share. Private to router/.
 *
 * Errors   pcap_refuse() writes the one line and returns PCAP_FAULT.
 */
#ifndef ROUTER_PCAP_CORE_H
#define ROUTER_PCAP_CORE_H

#include "nat/bytes.h"
#include "router/pcap.h"

enum { NS_IN_S = 1000000000 };

/* What is wrong at the offset that p has reached. */
enum pcap_step pcap_refuse(struct pcap *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* In the byte order of the file. */
static inline uint16_t pcap_u16(const struct pcap *p, const uint8_t *at)
{
	uint16_t v = load16(at);

	return p->big_endian ? v : __builtin_bswap16(v);
}

static inline uint32_t pcap_u32(const struct pcap *p, const uint8_t *at)
{
	uint32_t v = load32(at);

	return p->big_endian ? v : __builtin_bswap32(v);
}

/* Whether so many octets were captured of so many, as a packet's header says, where there are most. */
bool pcap_fits(struct pcap *p, uint32_t len, size_t most);

/* pcap_ng.c: the next packet of pcapng; the first block begins a section. */
enum pcap_step pcap_ng_next(struct pcap *p, struct pcap_packet *out);

#endif
