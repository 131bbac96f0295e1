/*
 * Which outside ports and identifiers are taken, per outside address and protocol.
 *
 * Sources  RFC 4787 REQ-3 (no overloading), REQ-4 (parity), RFC 6056 section 3.3 (random choice).
 * Shape    One bit per port of this worker's class, (port >> 1) mod workers; pairs of even and odd
 *          neighbours stay together. Ports are host order.
 * Memory   Sized once; 8 KiB divided by the workers for each address and protocol.
 * Errors   PORT_NONE: nothing fits.
 */
#ifndef NAT_PORTS_H
#define NAT_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nat/config.h"
#include "slab.h"
#include "wrap.h"

enum { PORT_NONE = -1 };
enum ports_protocol {
	PORTS_TCP, PORTS_UDP, PORTS_ICMP, PORTS_UDPLITE, PORTS_DCCP, PORTS_PROTOCOLS,
};

struct port_ref {
	uint16_t address; /* index into the pool */
	uint8_t protocol; /* enum ports_protocol */
	uint16_t port;
};

/* A port that nobody uses and nobody gets yet (RFC 6888 REQ-8). */
struct port_rest {
	uint64_t until_ms;
	struct port_ref ref;
};

struct ports {
	uint64_t *bits;
	uint32_t words; /* per address and protocol */
	uint16_t worker, workers;
	uint32_t used[PORTS_PROTOCOLS];
	struct port_rest *rests; /* a ring, in order of arrival */
	uint32_t rests_most, rests_first, rests_count;
};

/* Where one looks for a port. */
struct ports_wish {
	uint16_t address; /* index into the pool */
	enum ports_protocol protocol;
	struct port_range range;
	int parity;	/* 0 even, 1 odd, -1 either */
	uint8_t other;	/* IP protocol for which it must be free as well; 0: none */
	uint16_t start; /* look from here upwards, and around */
};

size_t ports_size(size_t pool_count, uint16_t workers);

/* bits: ports_size() octets, zeroed; rests: ports_rests() of them. */
void ports_init(struct ports *p, uint64_t *bits, struct port_rest *rests,
		const struct nat_config *c);

/* Ports of this worker that may rest at once. */
uint32_t ports_rests(const struct nat_config *c);

bool ports_is_own(const struct ports *p, uint16_t port);
bool ports_is_taken(const struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port);

/* This worker's, and nobody has it. */
bool ports_is_free(const struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port);

/* Where that is kept: 64 ports. */
const uint64_t *ports_word(const struct ports *p, uint16_t address, enum ports_protocol o,
			   uint16_t port);

/* First free port of this worker's class at or above w->start in the range, then from its first
 * on; PORT_NONE. Takes nothing. */
int ports_find(const struct ports *p, const struct ports_wish *w);

/* port must be of this worker's class and free; taken for ports_give(). */
void ports_take(struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port);
void ports_give(struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port);

/* The same, but nobody gets it before until_ms, or before so many others rest that there is no room;
 * ports_wake() gives those whose time is over. Returns its place among those that rest, or SLAB_NONE. */
uint32_t ports_rest(struct ports *p, struct port_ref ref, uint64_t until_ms);
void ports_wake(struct ports *p, uint64_t now_ms);

static inline enum ports_protocol ports_protocol(uint8_t protocol)
{
	switch (protocol) {
	case PROTO_TCP: return PORTS_TCP;
	case PROTO_UDP: return PORTS_UDP;
	case PROTO_UDPLITE: return PORTS_UDPLITE;
	case PROTO_DCCP: return PORTS_DCCP;
	default: return PORTS_ICMP;
	}
}

#endif
