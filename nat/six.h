/*
 * IPv6 on its way through the NAT: what differs from IPv4. Private to nat/.
 *
 * Sources  RFC 6146 (NAT64), RFC 6092 (FIREWALL), RFC 4787 and RFC 5382 for NAPT66.
 * Shape    nat.c finds the session and takes it into account; these make names, translate, and say what
 *          becomes of what has no session.
 * Errors   A reason, or the verdict.
 */
#ifndef NAT_SIX_H
#define NAT_SIX_H

#include "nat/family.h"
#include "core.h"

/* Either end of it is of IPv6. */
static inline bool session_is_six(const struct session *s)
{
	return is_name(s->key[SIDE_INSIDE].local);
}

/* NAT64: the ends are of different families. */
static inline bool session_joins_families(const struct session *s)
{
	return session_is_six(s) && !is_name(s->key[SIDE_OUTSIDE].local);
}

/* Names for whoever may be at the other end of a mapping that t opens. False: no room. */
bool six_take_static_names(struct nat *n, const struct tuple *t);

/* The policy of a session, as long as there is one of its number. */
static inline const struct nat_policy *six_policy(const struct nat *n, const struct session *s)
{
	return s->policy < n->config.policy_count ? &n->config.policies[s->policy] : NULL;
}

/* Of the inside tuple of NAT64: REASON_EMBEDDED, or none. */
enum reason six_check_embedded(const struct nat *n, const struct tuple *t);

static inline bool six_is_nameless(const struct nat_sought *k)
{
	return k->reason == (enum reason)NAT_NAMELESS;
}

/* The tuple of what is nameless, with names for its addresses. False: no room. */
bool six_take_names(struct nat *n, struct nat_job *job);

/* Why a datagram cannot become one of the other family, as an entry has it; NULL: none has. */
enum reason six_refuses_family(const struct nat *n, const struct pkt *p, const struct nat_policy *policy);

/* r: as for IPv4, but for the addresses of IPv6. plain: as plain_is(). */
enum reason six_translate(struct nat *n, struct nat_job *job, const struct session *s,
			  struct rewrite *r, bool plain);
void six_without_session(struct nat *n, struct nat_job *job, const struct nat_sought *k);

/* icmp6.c: an ICMPv6 error; and one of either family about a session that is six. */
void six_process_error(struct nat *n, struct nat_job *job);
enum reason six_rewrite_error(struct nat *n, struct nat_job *job, struct pkt *inner,
			      uint32_t session);

/* How a session of that entry changes families. */
struct family_rules six_rules(const struct nat *n, const struct nat_policy *p);

/* What a sum gains as the suffix of an embedded address, the remote one of a key inside, becomes zero
 * (RFC 6052 section 2.2). */
csum_t six_suffix(const struct nat *n, const struct tuple *t, const uint8_t *address);

/* It is to change its family: from inside for a NAT64 prefix, from outside for an address of such a
 * pool. */
bool six_joins(const struct nat *n, const struct pkt *p, enum nat_side from);

/* RFC 6146 section 3: TCP, UDP and ICMP only. */
bool six_refuses(const struct nat *n, const struct pkt *p, enum nat_side from);

/* FIREWALL lets it through without a session, coming from that side. */
bool six_is_exempt(const struct nat_policy *p, const struct pkt *d, enum nat_side from);

/* Some entry with sessions is for a datagram's inside end. */
bool six_covers(const struct nat *n, const struct pkt *p, enum nat_side from);

/* Write other addresses and ports into IPv6; returns what the sum of its octets gained. */
csum_t six_rewrite(struct pkt *p, const struct ip6 *source, const struct ip6 *destination,
		   const struct rewrite *r);

/* nat.c */
void conclude(struct nat_job *job, enum nat_verdict verdict, enum reason reason);
void open_session(struct nat *n, struct nat_job *job, const struct tuple *t);
bool keeps_source(const struct nat *n, const struct nat_job *job, const struct nat_sought *k);
bool is_about_session(enum reason r);
bool answers_nothing(const struct nat_job *job, const struct nat_sought *k);

#endif
