/*
 * Link-layer addresses of neighbours, as the kernel knows them, remembered for a second, or until there
 * is news of them.
 *
 * Sources  RFC 826, RFC 4861 section 7.3 (the kernel carries them out; it is told what is in use).
 * Memory   neigh_new() to neigh_free(). Belongs to one worker.
 * Promise  Never waits for a neighbour: until the kernel has an answer, the address is unknown.
 * Errors   neigh_new() a negative errno.
 */
#ifndef ROUTER_NEIGH_H
#define ROUTER_NEIGH_H

#include "router/address.h"

struct neigh;

/* How often there was news of some neighbours, by a hash of their addresses; zero at first. By what
 * thread ever it is told, those who remember notice. */
enum { NEIGH_SETS = 256 };
struct neigh_news { _Atomic uint32_t of[NEIGH_SETS]; };
void neigh_hear(struct neigh_news *n, const struct address *a);

/* For the link of that index, whose news these are; they outlive it. */
int neigh_new(struct neigh **n, uint32_t index, const struct neigh_news *news);
void neigh_free(struct neigh *n);

/* The neighbour's address at now_ms, which never decreases; NULL if it is not known now. */
const uint8_t *neigh_find(struct neigh *n, const struct address *a, uint64_t now_ms);

#endif
