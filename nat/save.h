/*
 * Where a NAT keeps records for its successor. Private to nat/.
 *
 * Shape    A place per session and per port that may rest, and per block of ports where the
 *          configuration at the beginning had such.
 * Errors   None: where no records are kept, or there is no place, nothing happens.
 */
#ifndef NAT_SAVE_H
#define NAT_SAVE_H

#include "nat/saved.h"

struct nat;

struct save {
	struct nat_saved *records; /* NULL: none are kept */
	uint32_t next;		   /* session that nat_save_some() goes on with */
	bool blocks;		   /* there are places for them */
};

/* A session has begun, or changed; has ended. */
void save_session(struct nat *n, uint32_t session);
void save_end(struct nat *n, uint32_t session);

/* What rests in a place of the ring of ports, SLAB_NONE: nowhere; a block rests, or does no longer. */
void save_port(struct nat *n, uint32_t place);
void save_block(struct nat *n, uint32_t block);

/* Whether a record is whole. */
bool saved_is_whole(const struct nat_saved *s);

#endif
