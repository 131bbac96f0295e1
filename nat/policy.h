/*
 * What the configuration says about an address: which entry is its, and which forward. Private to nat/;
 * part of core.h.
 *
 * Errors   NULL, or a number that says so: nothing.
 */
#ifndef NAT_POLICY_H
#define NAT_POLICY_H

#include "nat/config.h"

struct nat;

/* config.c; policy_passes(): the inside end of the datagram is not to be translated. */
bool policy_passes(const struct nat *n, const struct pkt *p, enum nat_side from);
/* The policy of an inside address: of IPv4; of IPv6, for what goes to IPv4 or not (NAT_NONE is for both);
 * of either, where far
 * is an address that it has, or speaks to, outside. Its number, or NO_POLICY; what a policy's number may
 * mean after a reload is for these to bear. */
const struct nat_policy *policy_of4(const struct nat_config *c, be32 inside);
const struct nat_policy *policy_of6(const struct nat_config *c, const struct ip6 *inside, bool to_v4);
const struct nat_policy *policy_of(const struct nat *n, be32 inside, be32 far);
uint16_t policy_number(const struct nat *n, be32 inside, be32 far);
uint32_t policy_timeout(const struct nat_config *c, uint16_t policy, enum nat_timeout class);
bool policy_drops_errors(const struct nat_config *c, uint16_t policy);
bool policy_is_short(const struct nat_config *c, uint16_t policy, be16 remote_port);
/* The entry of type one_to_one whose outside prefix has the address, and who is meant inside. */
const struct nat_policy *policy_of_outside(const struct nat *n, be32 outside, be32 *inside);
const struct nat_policy *policy_of_outside6(const struct nat *n, const struct ip6 *outside); /* named or not */
be32 policy_one_to_one(const struct nat *n, const struct nat_policy *p, be32 inside);
/* A remote address as it is known on a side, from how it is known on the other (twice NAT). */
be32 policy_far(const struct nat_policy *p, be32 remote, enum nat_side side);
/* An address that stands for inside hosts: who speaks to it from inside hairpins. */
bool is_outside_address(const struct nat *n, be32 address);
const struct nat_policy *policy_of_pool(const struct nat_config *c, uint16_t index);
bool policy_has_place(const struct nat_policy *p, uint16_t index); /* of the pool; left or not */
uint32_t unsolicited_of_worker(const struct nat_config *c);
uint32_t sessions_of_worker(const struct nat_config *c);
uint32_t fragments_of_worker(const struct nat_config *c);

/* forward.c: where a forward leads, with its lowest external port where several do. */
/* far: what the inside end speaks to, whose family its outside address has. */
const struct nat_forward *forward_by_external(const struct nat *n, uint8_t protocol,
					      struct endpoint e);
const struct nat_forward *forward_by_internal(const struct nat *n, uint8_t protocol,
					      struct endpoint e, be32 far,
					      struct endpoint *external);
struct endpoint forward_internal(const struct nat *n, const struct nat_forward *f,
				 be16 external_port);

/* The same, whoever has a name: an endpoint as it lies in datagrams. *external: the port. */
struct place {
	be32 v4;
	const struct ip6 *v6; /* NULL: it is v4 */
	be16 port;
	bool to_v4; /* of IPv6 inside, what has an IPv4 address outside */
};
const struct nat_forward *forward_at_external(const struct nat_config *c, uint8_t protocol,
					      const struct place *at);
const struct nat_forward *forward_at_internal(const struct nat_config *c, uint8_t protocol,
					      const struct place *at, be16 *external);
be16 forward_internal_port(const struct nat_forward *f, be16 external_port);

/* Whether one of its targets is the inside end of a session with these keys. */
bool forward_has_target(const struct nat *n, const struct nat_forward *f, const struct tuple *key);

/* Names for what a forward leads to or from, as an endpoint of it opens a session. False: no room. */
bool forward_take_names(struct nat *n, const struct nat_forward *f);

/* Of a forward with several targets, the one for whoever t comes from. */
const struct nat_forward *forward_target(const struct nat *n, const struct nat_forward *f,
					 const struct tuple *t);

#endif
