/*
 * Random datagrams: some that sessions expect, some nearly so, some that no one expects.
 *
 * Shape    What sessions expect is read from the models, so that windows, sequence numbers and
 *          endpoints are met and just missed.
 * Errors   None.
 */
#ifndef MODEL_TRAFFIC_H
#define MODEL_TRAFFIC_H

#include "chance.h"
#include "draft.h"
#include "state.h"

struct event {
	enum nat_side from;
	bool known_only, hairpinned; /* as in struct nat_job */
	size_t len;
	struct pkt_offload offload;
	uint8_t octets[DRAFT_MOST];
};

/* What traffic can be about: a model per worker. */
struct scene {
	struct chance *chance;
	const struct model *models;
	uint16_t workers;
	bool six; /* IPv6, too */
};

void traffic_next(const struct scene *scene, struct event *e);

/* Some live session, or NULL; *owner: whose. */
const struct model_session *traffic_session(const struct scene *scene, const struct model **owner);

#endif
