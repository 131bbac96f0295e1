/*
 * Link-layer addresses of neighbours, as the kernel knows them, remembered for a second.
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

/* For the link of that index. */
int neigh_new(struct neigh **n, uint32_t index);
void neigh_free(struct neigh *n);

/* The neighbour's address at now_ms, which never decreases; NULL if it is not known now. */
const uint8_t *neigh_find(struct neigh *n, const struct address *a, uint64_t now_ms);

#endif
