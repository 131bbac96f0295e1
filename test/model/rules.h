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
#include "nat/session.h"

struct place place_of(struct nat_endpoint e);

bool rule_has_host(const struct nat_policy *p, ip_number inside);

/* The first policy whose prefix has the inside address; those that are about some destinations only
 * are exceptions from it. across: an address of the family that the host is given outside, as hosts
 * may have IPv6 there and IPv4 by another policy. */
const struct nat_policy *rule_policy(const struct nat_config *c, ip_number inside, ip_number across);

/* What an inside host sends to a remote address becomes a datagram to this one: another only if NAT64
 * is for both; and how NAT64 writes the remote address itself. */
ip_number rule_across(const struct nat_config *c, ip_number inside, ip_number remote);
ip_number rule_plain(const struct nat_config *c, ip_number inside, ip_number remote);

/* NAT64's prefix of a remote address that an inside host speaks to, and the entry; NULL: NAT64 is not
 * for them. */
const struct ip6_prefix *rule_prefix(const struct nat_config *c, ip_number inside, ip_number remote,
				     const struct nat_policy **policy);

/* The one that a session's remote address was written with, also if its host is exempt by now. */
const struct ip6_prefix *rule_prefix_with(const struct nat_config *c, ip_number inside, ip_number remote);

/* Whether an inside host of IPv6 has another address outside, whatever it is about. */
bool rule_hides(const struct nat_config *c, ip_number inside);

/* An error from inside shows by its quote who is another outside. */
bool rule_reveals(const struct nat_config *c, const struct datagram *error, const struct datagram *inner);

/* Whether some entry has the address in its Pref64. */
bool rule_is_embedded(const struct nat_config *c, ip_number six);

/* Whether d, outwards or inwards, is not to be translated. */
bool rule_exempts(const struct nat_config *c, const struct datagram *d, bool outwards);

/* An address that stands for inside hosts: of the pool, or of basic NAT. */
bool rule_is_ours(const struct nat_config *c, ip_number address);

/* RFC 6146 section 3: TCP, UDP and ICMP only, and whoever tries something else with NAT64 is told. */
bool rule_refuses(const struct nat_config *c, const struct datagram *d, enum nat_side from);

/* RFC 6092 REC-21 to REC-26, RFC 4890 section 4.3.1: whether a firewall lets d from a side pass anyway,
 * by the policy of that inside address. */
bool rule_passes_firewall(const struct nat_config *c, ip_number inside, ip_number across,
			  const struct datagram *d, enum nat_side from);

/* An outside address of some forward. */
bool rule_is_forwarded(const struct nat_config *c, ip_number address);

/* The first policy that gives ports of an address. */
const struct nat_policy *rule_giver(const struct nat_config *c, ip_number address);

/* The address in a place of the pool. */
ip_number rule_pool(const struct nat_config *c, size_t place);
bool rule_in_pool(const struct nat_config *c, ip_number address);

/* Basic NAT: whose the outside address is; which one the inside address has. A firewall is basic NAT
 * that changes nothing. */
const struct nat_policy *rule_basic_inwards(const struct nat_config *c, ip_number outside,
					    ip_number *inside);
ip_number rule_basic_outwards(const struct nat_policy *p, ip_number inside);
bool rule_is_basic(const struct nat_policy *p);

/* It gives ports of its part of the pool. */
static inline bool rule_gives_ports(const struct nat_policy *p)
{
	return p->type == NAT_NAPT44 || p->type == NAT_NAPT66 || p->type == NAT_NAT64;
}

/* Twice NAT and NAT64: the remote address as the other side than from knows it. */
ip_number rule_far(const struct nat_policy *p, ip_number remote, enum nat_side from);

/* The forward of an outside endpoint, the first of its targets if it has several, and where a target
 * of it leads. */
const struct nat_forward *rule_forward(const struct nat_config *c, uint8_t protocol,
				       struct place outside);
struct place rule_target(const struct nat_forward *f, struct place outside);
ip_number rule_external(const struct nat_forward *f);

/* The outside endpoint from which an inside one speaks: the lowest port of its forwards. grouped:
 * also of those with several targets; across: as above. */
struct rule_speaker {
	uint8_t protocol;
	struct place inside;
	ip_number across;
	bool grouped;
};

bool rule_forward_outwards(const struct nat_config *c, const struct rule_speaker *s,
			   struct place *outside);

/* Whether an inside endpoint may have this outside port or identifier by its number alone: range,
 * worker, forwards. share_allowed: the same for one that is shared, where parity does not count. */
bool rule_port_allowed(const struct nat_config *c, const struct nat_policy *p, uint8_t protocol,
		       struct place inside, struct place outside);
bool rule_share_allowed(const struct nat_config *c, const struct nat_policy *p, uint8_t protocol,
			struct place inside, struct place outside);

struct port_range rule_range(const struct nat_policy *p, uint8_t protocol, uint16_t inside_port);

/* The worker that owns a local endpoint seen from a side; across: as above. */
int rule_owner(const struct nat_config *c, uint8_t protocol, struct place local, ip_number across,
	       enum nat_side from);

#endif
