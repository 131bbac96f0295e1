/*
 * Is it the same? Each function writes the first difference it finds into the text (WORLD_LINE
 * long), or leaves it alone.
 *
 * Errors   None.
 */
#ifndef MODEL_COMPARE_H
#define MODEL_COMPARE_H

#include "world.h"

/* Verdict, reason, session and octets, and whether a choice was legal. d is what the model has made
 * of the datagram. */
void compare_answers(const struct passage *p, const struct model_answer *answer,
		     const struct datagram *d, char *difference);

void compare_batch(const struct nat_job *job, const struct passage *p, char *difference);

/* nat_undo() turns what came out back into what came in. */
void compare_undo(const struct nat *n, const struct passage *p, char *difference);

/* What nat_gauges() counts, and nat_check(). */
void compare_gauges(const struct nat *n, const struct model *m, char *difference);

/* What the log was told since it was asked last; sum: of all that it was told so far. */
void compare_events(struct nat *n, const struct model *m, uint64_t *sum, char *difference);

/* SYNs from outside whose time is over, of the NAT that gets datagrams one by one and of the other. */
void compare_rejected(struct nat *single, struct nat *batch, struct model *m, uint64_t now,
		      char *difference);

/* Every session and every mapping. */
void compare_listings(const struct nat *n, uint64_t now, struct model *m, char *difference);

/* A datagram in one line, octets and all. */
void describe(const struct datagram *d, enum nat_side from, char *out, size_t len);

#endif
