/*
 * Ranges of outside ports that belong to one inside host, and the ports in them.
 *
 * Sources  RFC 6888 REQ-8 and REQ-13 to REQ-15, RFC 7422 section 2.
 * Shape    A range is a block, whose beginning and end are events, or the share that a host has by
 *          plan, which needs none. One range serves all protocols. It is there as long as it has
 *          ports in use; a block rests for TIMEOUT_PORT_HOLD after that, when its host may have it
 *          again and nobody else.
 * Promise  Ranges of different hosts never overlap on one address, but for shares by a plan that was
 *          replaced while their ports were in use. These are blocks from then on.
 * Memory   In the arena; untouched while no policy gives ranges.
 * Errors   What is not there is BLOCK_NONE or PORT_NONE.
 */
#ifndef NAT_BLOCK_H
#define NAT_BLOCK_H

#include "nat/deterministic.h"
#include "ports.h"
#include "slab.h"
#include "table.h"

enum { BLOCK_NONE = UINT32_MAX };

/* key: inside address. Only the first range of a host is found by it; the others follow. */
struct block {
	struct tuple key;
	struct port_range ports;
	uint16_t address; /* index into the pool */
	be32 outside;	  /* that address, as the log knows it */
	bool live, by_plan, rests;
	bool logged; /* not by the plan of today */
	uint32_t used[PORTS_PROTOCOLS];
	uint32_t next; /* of the host */
	uint32_t left, right; /* on the same address */
	uint32_t older, newer; /* of those that rest */
	uint64_t until_ms;
};

struct blocks {
	struct table by;
	struct block *all;
	struct slab slab;
	uint32_t *at; /* per address: one of its ranges */
	uint32_t oldest, newest; /* that rest */
	uint32_t used[PORTS_PROTOCOLS];
};

struct nat;
struct mapping;

void blocks_init(struct nat *n, uint32_t *at);

/* The first range of a host; that of these very ports. */
uint32_t block_first(const struct nat *n, be32 inside);
uint32_t block_with(const struct nat *n, be32 inside, uint16_t address, struct port_range ports);

/* block_find.c: a port for a new mapping of a planned policy on an address; takes nothing. */
int block_find_port(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		    uint16_t address);

/* Take the port that was found for m, and its range if that is new; sets m->block. False: no room. */
bool block_take(struct nat *n, struct mapping *m);
void block_give(struct nat *n, const struct mapping *m);

/* Whether a host of a planned policy may have that port, as it once had: its range is nobody else's.
 * rest: nobody else gets its range before until_ms. False: it is nobody's, or somebody else's. */
struct block_claim {
	be32 inside;
	uint16_t address, port; /* address: index into the pool */
	uint16_t last;		/* block_rest(): of the range, if that is known; 0: it is not */
};
bool block_admits(const struct nat *n, const struct nat_policy *p, const struct block_claim *c);
bool block_rest(struct nat *n, const struct nat_policy *p, const struct block_claim *c,
		uint64_t until_ms);

/* Tell the log that a host has it, which may know of another. */
void block_tell(struct nat *n, uint32_t block);

/* Whether a port lies in somebody's range; *beyond: the last port of that. */
bool block_covers(const struct nat *n, uint16_t address, uint16_t port, uint16_t *beyond);

/* End blocks that have rested; take account of another configuration. */
void blocks_wake(struct nat *n, uint64_t now_ms);
void blocks_reconsider(struct nat *n);

/* NULL, or what is wrong. */
const char *blocks_check(const struct nat *n);
const char *block_check_mapping(const struct nat *n, const struct mapping *m);

#endif
