/*
 * Tuples as words; private to nat/.
 *
 * Shape    A tuple is hashed and compared in two words of 64 bits, and therefore written in two: a
 *          load that spans several stores must wait until they have left the store buffer.
 * Errors   None.
 */
#ifndef NAT_TUPLE_COMMON_H
#define NAT_TUPLE_COMMON_H

#include "nat/tuple.h"

/* Where both addresses and both ports lie, one after the other. */
enum {
	TUPLE_ADDRESSES = offsetof(struct tuple, local),
	TUPLE_PORTS = offsetof(struct tuple, local_port),
};

/* Two numbers as they lie in memory one after the other. */
static inline uint64_t beside(uint32_t first, uint32_t second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | (uint64_t)second << 32;
#else
	return (uint64_t)first << 32 | second;
#endif
}

static inline uint32_t beside16(uint16_t first, uint16_t second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | (uint32_t)second << 16;
#else
	return (uint32_t)first << 16 | second;
#endif
}

static inline uint16_t octet_pair(uint8_t first, uint8_t second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (uint16_t)(first | second << 8);
#else
	return (uint16_t)(first << 8 | second);
#endif
}

static inline void tuple_put(struct tuple *t, uint64_t addresses, uint32_t ports, uint32_t rest)
{
	const uint64_t words[2] = { addresses, beside(ports, rest) };

	memcpy(t, words, sizeof(words));
}

/* tuple.c: what stands where ports stand: read from the transport, or known of a later fragment; the
 * identifier twice. outward: the source is the local end. What comes in carries the tag that the inside
 * host chose. */
enum reason tuple_ports(const struct pkt *p, bool outward, be16 ports[static 2]);
be16 tuple_tag(const struct pkt *p, enum nat_side side, bool outward);

/* Whole datagrams of TCP and UDP are nearly all there is. Addresses from 240.0.0.0 on are none of
 * IPv4's (names.h). */
static inline bool tuple_is_common(const struct pkt *p)
{
	return (p->protocol == PROTO_TCP || p->protocol == PROTO_UDP) && p->version == 4 &&
	       !(p->flags & (PKT_FRAGMENT_LATER | PKT_NO_PORTS)) && p->ip[12] < 240 &&
	       p->ip[16] < 240;
}

/* The other way round: as they lie in a datagram from outside. */
static inline uint64_t swap_addresses(uint64_t both)
{
	return both >> 32 | both << 32;
}

static inline uint32_t swap_ports(uint32_t both)
{
	return both >> 16 | both << 16;
}

/* Both addresses lie side by side in the datagram as in the tuple, or the other way round, and so do
 * the ports. */
static inline void tuple_fill_common(struct tuple *t, const struct pkt *p, enum nat_side side)
{
	uint64_t addresses;
	uint32_t ports;

	memcpy(&addresses, p->ip + 12, sizeof(addresses));
	memcpy(&ports, pkt_transport(p), sizeof(ports));
	if (side == SIDE_OUTSIDE) {
		addresses = swap_addresses(addresses);
		ports = swap_ports(ports);
	}
	tuple_put(t, addresses, ports, beside16(octet_pair(p->protocol, (uint8_t)side), 0));
}

#endif
