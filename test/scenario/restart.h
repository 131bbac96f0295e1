/*
 * The workers' beginning, and their end and beginning in the middle of a story.
 *
 * Memory   gateway_end() frees what gateway_begin() allocates; the settings must be there.
 * Errors   None.
 */
#ifndef SCENARIO_RESTART_H
#define SCENARIO_RESTART_H

#include "gateway.h"

/* Make worker c->worker, and end it. */
void gateway_begin(struct gateway *g, const struct nat_config *c);
void gateway_end(struct gateway *g, uint16_t worker);

/* All workers end, and others go on with the records that they kept. clean: they had time to write down
 * what packets change; otherwise only what they write always. */
void gateway_restart(struct gateway *g, nat_time now, bool clean);

#endif
