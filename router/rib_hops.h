/*
 * The table of hops behind a rib; private to rib*.c.
 *
 * Shape    Equal hops share one number. A hop counts who refers to it; with nobody left its number
 *          stays what it was until hops_reclaim(), and may be referred to again.
 * Memory   hops_open() to hops_close(). all[] never moves: other threads read it.
 * Errors   -ENOMEM; -ENOSPC: FIB_HOP_MOST hops differ.
 */
#ifndef ROUTER_RIB_HOPS_H
#define ROUTER_RIB_HOPS_H

#include "router/rib.h"

enum { HOP_CHAINS = 4096 };

struct hop_use { uint32_t count; uint16_t next, idle; };

struct hops {
	struct hop *all; /* by number; 0 is HOP_NONE, as are those that are free again */
	struct hop_use *uses;
	uint16_t *chains; /* by hash: first number of those whose hash this is */
	uint32_t used;	  /* numbers below it were handed out once */
	uint16_t free;	  /* first of those that are free again */
	uint16_t idle;	  /* first of those that were dropped; the last one's idle is its own */
};

int hops_open(struct hops *h);
void hops_close(struct hops *h);

/* Refer to a plain hop: its number, or a negative errno. Refer to a number once more. */
int hops_take(struct hops *h, const struct hop *hop);
void hops_hold(struct hops *h, uint16_t number);
void hops_drop(struct hops *h, uint16_t number);
void hops_reclaim(struct hops *h);

/* A hop with everything that does not belong to its kind left out. */
struct hop hop_plain(const struct hop *hop);
bool hop_equal(const struct hop *a, const struct hop *b);

/* FNV-1a, from any start. Routes come from the operator, not from packets: no key is needed. */
static inline uint32_t hash_octets(uint32_t hash, const void *octets, size_t len)
{
	const uint8_t *at = octets;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return hash;
}

#endif
