/*
 * A gateway of several workers without the gateway: NATs with entries of every kind that keeps
 * sessions, configured anew and given other addresses as time passes, and audited.
 *
 * Shape    Inside hosts are numbered within their entry, places of the pool throughout; an address of
 *          the pool says which place it is at, and how many addresses were there before.
 * Memory   site_open() to site_close().
 * Errors   A text that says which promise was broken, or NULL.
 */
#ifndef ENDURANCE_SITE_H
#define ENDURANCE_SITE_H

#include "nat/nat.h"

enum site_entry {
	ENTRY_NAPT44, ENTRY_BLOCKS, ENTRY_PLAN, ENTRY_NAT64, ENTRY_NAPT66, ENTRY_FIREWALL, ENTRY_COUNT,
};

enum { SITE_WORKERS = 2, SITE_PLACES = 192, SITE_SERVED = 64, SITE_SERVED_PORT = 8000 };
enum { PLACE_SERVED = SITE_PLACES, PLACE_NONE }; /* the address of forwards; the host's own */

struct site {
	struct nat_config config;
	struct nat_policy policies[ENTRY_COUNT];
	struct nat_forward forwards[SITE_SERVED + 1];
	be32 pool[SITE_PLACES];
	struct ip6 pool6[SITE_PLACES];
	uint16_t epochs[SITE_PLACES]; /* how many addresses were there before */
	struct nat *nat[SITE_WORKERS];
	void *arena[SITE_WORKERS];
	nat_time now;
	uint32_t reloads;
	uint64_t events[EVENT_COUNT];
	uint32_t peak; /* sessions at once */
};

bool site_open(struct site *s, uint32_t sessions);
void site_close(struct site *s);

/* Inside host of an entry, in the first four or in all octets; how many there are; whether they have
 * IPv6. An address of the pool, or of a forward; what stands at it, from such octets. */
void site_host(enum site_entry e, uint32_t number, uint8_t at[static 16]);
uint32_t site_hosts(enum site_entry e);
bool site_is_six(enum site_entry e);
void site_outside(const struct site *s, uint16_t place, uint8_t at[static 16]);
bool site_find(const struct site *s, enum site_entry e, const uint8_t *at, uint16_t *place);

/* Whether sessions of an address that goes move to the next one; the others end. */
bool site_moves(enum site_entry e);

/* Time passes, and what is over ends; events are fetched, and counted. */
void site_pass(struct site *s, uint64_t ms);
void site_fetch(struct site *s);

/* Another configuration, which changes nothing that sessions notice; for every entry with a pool another
 * address in one place. */
void site_reload(struct site *s);

/* All workers' together. */
struct nat_gauges site_gauges(const struct site *s);

/* Whether what can be counted in two ways is the same in both, and nothing is late; nat_check(). */
const char *site_audit(struct site *s);
const char *site_check(const struct site *s);

/* rest.c: whether a NAT in which nothing has been for long holds nothing any more. */
const char *nat_at_rest(const struct nat *n);

#endif
