/*
 * Sessions and mappings under another configuration. Private to nat/.
 *
 * Shape    Whoever meets one that was there before brings it up to date; nat_expire() does so with
 *          those that nobody meets.
 * Errors   False, or SLAB_NONE: there is no place for it.
 */
#ifndef NAT_READDRESS_H
#define NAT_READDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "nat/tuple.h"

struct mapping;
struct nat;

/* Bring a session up to date, false: it had to end, and has; so many of those that nobody asked about. */
bool session_settle(struct nat *n, uint32_t number);
size_t settle_some(struct nat *n, size_t budget);

/* The same for a mapping that its inside endpoint wants to use for a new session: SLAB_NONE, it needs
 * another one. find_outside: also by what a mapping was called before. */
uint32_t mapping_settle(struct nat *n, uint32_t mapping);
uint32_t mapping_find_outside(struct nat *n, const struct tuple *key);

/* Whether the outside may open more sessions of a mapping. */
bool mapping_takes_more(const struct nat *n, const struct mapping *m);

/* mapping.c: to another address, with its port (false: somebody else has that); no more for new sessions
 * from inside. session.c: to where its mapping is; false: it cannot, and must end. */
bool mapping_move(struct nat *n, uint32_t mapping, be32 address);
void mapping_retire(struct nat *n, uint32_t mapping);
bool session_move(struct nat *n, uint32_t session);

/* What an address replaces, as long as some sessions may not know. */
bool address_before(const struct nat *n, be32 now, be32 *before);

#endif
