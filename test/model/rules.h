/*
 * What follows from the configuration alone, for the model.
 *
 * Sources  config.h and nat.h.
 * Order    Host order.
 * Errors   NULL or false: the configuration says nothing about it.
 */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H

#include "datagram.h"
#include "nat/config.h"

static inline struct place place_of(struct endpoint e)
{
	return (struct place){ be32_host(e.address), be16_host(e.port) };
}

/* The first policy whose prefix has the inside address. */
const struct nat_policy *rule_policy(const struct nat_config *c, uint32_t inside);

bool rule_in_pool(const struct nat_config *c, uint32_t address);

/* Where a forward leads from an outside endpoint. */
bool rule_forward_inwards(const struct nat_config *c, uint8_t protocol, struct place outside,
			  struct place *inside);

/* The outside endpoint from which an inside one speaks: the lowest port of its forwards. */
bool rule_forward_outwards(const struct nat_config *c, uint8_t protocol, struct place inside,
			   struct place *outside);

/* Whether an inside endpoint may have this outside port or identifier by its number alone: range,
 * worker, forwards. */
bool rule_port_allowed(const struct nat_config *c, const struct nat_policy *p, uint8_t protocol,
		       struct place inside, struct place outside);

struct port_range rule_range(const struct nat_policy *p, uint8_t protocol, uint16_t inside_port);

/* The worker that owns a local endpoint seen from a side. */
int rule_owner(const struct nat_config *c, uint8_t protocol, struct place local,
	       enum nat_side from);

#endif
