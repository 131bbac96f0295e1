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

/* The first policy whose prefix has the inside address; those that are about some destinations only
 * are exceptions from it. */
const struct nat_policy *rule_policy(const struct nat_config *c, uint32_t inside);

/* Whether d, outwards or inwards, is not to be translated. */
bool rule_exempts(const struct nat_config *c, const struct datagram *d, bool outwards);

/* An address that stands for inside hosts: of the pool, or of basic NAT. */
bool rule_is_ours(const struct nat_config *c, uint32_t address);

/* Basic NAT: whose the outside address is; which one the inside address has. */
const struct nat_policy *rule_basic_inwards(const struct nat_config *c, uint32_t outside,
					    uint32_t *inside);
uint32_t rule_basic_outwards(const struct nat_policy *p, uint32_t inside);

/* Twice NAT: the remote address as the other side than from knows it. */
uint32_t rule_far(const struct nat_policy *p, uint32_t remote, enum nat_side from);

/* The forward of an outside endpoint, the first of its targets if it has several, and where a target
 * of it leads. */
const struct nat_forward *rule_forward(const struct nat_config *c, uint8_t protocol,
				       struct place outside);
struct place rule_target(const struct nat_forward *f, struct place outside);

/* The outside endpoint from which an inside one speaks: the lowest port of its forwards. grouped:
 * also of those with several targets. */
bool rule_forward_outwards(const struct nat_config *c, uint8_t protocol, struct place inside,
			   bool grouped, struct place *outside);

/* Whether an inside endpoint may have this outside port or identifier by its number alone: range,
 * worker, forwards. share_allowed: the same for one that is shared, where parity does not count. */
bool rule_port_allowed(const struct nat_config *c, const struct nat_policy *p, uint8_t protocol,
		       struct place inside, struct place outside);
bool rule_share_allowed(const struct nat_config *c, const struct nat_policy *p, uint8_t protocol,
			struct place inside, struct place outside);

struct port_range rule_range(const struct nat_policy *p, uint8_t protocol, uint16_t inside_port);

/* The worker that owns a local endpoint seen from a side. */
int rule_owner(const struct nat_config *c, uint8_t protocol, struct place local,
	       enum nat_side from);

#endif
