/*
 * What has passed by a session, in twelve octets. Private to nat/.
 *
 * Shape    Lower halves, and above them twelve bits of packets and twenty of octets: 2^44 packets,
 *          2^52 octets.
 * Errors   None.
 */
#ifndef NAT_TALLY_H
#define NAT_TALLY_H

#include <stdint.h>

struct tally { uint32_t packets, octets, above; };

enum { TALLY_OCTETS_AT = 12 };

static inline void tally_add(struct tally *t, uint32_t octets)
{
	t->packets++;
	t->octets += octets;
	if (t->packets == 0 || t->octets < octets)
		t->above += (t->packets == 0) +
			    ((uint32_t)(t->octets < octets) << TALLY_OCTETS_AT);
}

static inline uint64_t tally_packets(const struct tally *t)
{
	return (uint64_t)(t->above & ((1u << TALLY_OCTETS_AT) - 1)) << 32 | t->packets;
}

static inline uint64_t tally_octets(const struct tally *t)
{
	return (uint64_t)(t->above >> TALLY_OCTETS_AT) << 32 | t->octets;
}

#endif
