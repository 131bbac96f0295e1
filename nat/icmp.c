/*
 * ICMP errors about sessions (RFC 5508 section 4): the quoted datagram travelled the other way, so
 * the session is found by its tuple with sides exchanged, and it gets the rewrite of that other
 * way undone; what its octets gain, the error's own checksum absorbs.
 */
#include "helper.h"
#include "six.h"
#include "transport.h"

enum { UNREACHABLE = 3, FRAGMENTATION_NEEDED = 4, ICMP_MTU = 6, MTU_LEAST = 68 };

/* RFC 791 section 3.2: no link demands this, so an attacker does (RFC 5927 section 7). Towards IPv6 a
 * router of before RFC 1191, which says nothing, is understood (RFC 7915 section 4.2). */
static bool mtu_is_absurd(const uint8_t *icmp, const struct session *s)
{
	uint16_t mtu = load16(icmp + ICMP_MTU);

	return icmp[0] == UNREACHABLE && icmp[1] == FRAGMENTATION_NEEDED && mtu < MTU_LEAST &&
	       (mtu || !session_joins_families(s));
}

static enum reason quoted_tuple(const struct nat *n, struct tuple *t, const struct pkt *inner,
				enum nat_side from)
{
	enum reason r = tuple_of_quoted(t, inner, from);

	return r == REASON_NOT_A_QUERY && n->one_to_one ? tuple_of_quoted_query(t, inner, from) : r;
}

/* With the address that it has in the quote. */
static bool is_settled(struct nat *n, uint32_t session, const struct tuple *t)
{
	return (session < n->sweep || session_settle(n, session)) &&
	       be32_equal(session_at(n, session)->key[t->side].local, t->local);
}

static enum reason find_quoted(struct nat *n, const struct nat_job *job, struct pkt *inner,
			       uint32_t *session)
{
	struct tuple t;

	if (!pkt_checksum_valid(job->p))
		return REASON_ICMP_SUM;
	if (pkt_parse_quoted(inner, job->p) != REASON_NONE)
		return REASON_ICMP_QUOTE;
	if ((inner->flags & PKT_ICMP_ERROR) || quoted_tuple(n, &t, inner, job->from) != REASON_NONE)
		return REASON_ICMP_QUOTE;
	/* Such addresses are names (names.h), and no router's. */
	if (is_name(be32_load(pkt_source(job->p))))
		return REASON_ICMP_QUOTE;
	/* An error goes to whoever sent what it quotes. */
	if (memcmp(pkt_destination(job->p), pkt_source(inner), 4) != 0)
		return REASON_ICMP_QUOTE;
	*session = session_find(n, &t);
	if (*session == SLAB_NONE && transport_is_paired(t.protocol))
		*session = pair_find_quoted(n, inner, &t);
	if (*session == SLAB_NONE || !is_settled(n, *session, &t))
		return REASON_ICMP_NO_SESSION;
	if (policy_drops_errors(&n->config, session_at(n, *session)->policy))
		return REASON_ICMP_ERRORS_OFF;
	if (t.protocol == PROTO_TCP &&
	    !tcp_quote_fits(session_at(n, *session), helper_sequence(n, *session, inner, job->from),
			    side_other(job->from)))
		return REASON_TCP_WINDOW;
	if (mtu_is_absurd(pkt_transport(job->p), session_at(n, *session)))
		return REASON_ICMP_MTU;
	/* RFC 5508 section 7.3: the addresses in the option would have to be rewritten. */
	if (job->from == SIDE_INSIDE && ((inner->flags | job->p->flags) & PKT_ROUTE_OPTION))
		return REASON_SOURCE_ROUTE;
	return REASON_NONE;
}

static void replace(struct pkt *p, uint8_t *address, be32 now)
{
	be32 was = be32_load(address);

	be32_store(address, now);
	csum_patch(p->ip + 10, csum_diff(&was, &now, sizeof(now)));
}

/* The quoted datagram as its sender knows it, and the outer address that is ours (RFC 5508 REQ-4,
 * REQ-5). */
static void rewrite_both(const struct nat *n, uint32_t session, struct nat_job *job,
			 struct pkt *inner)
{
	const struct session *s = session_at(n, session);
	enum nat_side to = side_other(job->from);
	struct rewrite r = rewrite_make(&s->key[job->from], &s->key[to], job->from == SIDE_OUTSIDE);
	uint8_t *ours = job->from == SIDE_OUTSIDE ? pkt_destination(job->p) : pkt_source(job->p);
	uint8_t *theirs = job->from == SIDE_OUTSIDE ? pkt_source(job->p) : pkt_destination(job->p);
	csum_t gained = csum_add(helper_requote(n, session, inner, job->from),
				 rewrite_apply(inner, &r));

	csum_patch(job->p->ip + job->p->checksum, gained);
	replace(job->p, ours, s->key[to].local);
	/* Twice NAT: an error of the remote host itself, or for it. */
	if (be32_equal(be32_load(theirs), s->key[job->from].remote)) {
		job->redirected = job->from == SIDE_INSIDE && session_is_redirected(s);
		replace(job->p, theirs, s->key[to].remote);
	}
}

/* About a datagram that went untranslated, to whoever sent it. Outside anybody on the way reports
 * that; inside only the host it was for, whose address is known outside. */
static bool quote_passes(const struct nat *n, const struct nat_job *job)
{
	struct pkt inner;

	return n->passes_some && pkt_parse_quoted(&inner, job->p) == REASON_NONE &&
	       memcmp(pkt_source(&inner), pkt_destination(job->p), 4) == 0 &&
	       (job->from == SIDE_OUTSIDE ||
		memcmp(pkt_destination(&inner), pkt_source(job->p), 4) == 0) &&
	       policy_passes(n, &inner, side_other(job->from));
}

/* It would show to the outside who is another there. */
static bool quotes_translated(const struct nat *n, const struct nat_job *job)
{
	const struct nat_policy *p;
	struct pkt inner;

	if (job->from != SIDE_INSIDE || pkt_parse_quoted(&inner, job->p) != REASON_NONE)
		return false;
	p = policy_of4(&n->config, be32_load(pkt_destination(&inner)));
	return p && p->type != NAT_NONE && !policy_passes(n, &inner, SIDE_OUTSIDE);
}

bool icmp_error_passes(const struct nat *n, const struct nat_job *job)
{
	return (policy_passes(n, job->p, job->from) && !quotes_translated(n, job)) || quote_passes(n, job);
}

void icmp_error_process(struct nat *n, struct nat_job *job)
{
	uint32_t session = SLAB_NONE;
	struct pkt inner;

	job->reason = find_quoted(n, job, &inner, &session);
	job->verdict = NAT_DROP;
	if (job->reason != REASON_NONE)
		return;
	if (session_is_six(session_at(n, session))) {
		job->reason = six_rewrite_error(n, job, &inner, session);
		if (job->reason != REASON_NONE)
			return;
	} else {
		rewrite_both(n, session, job, &inner);
		if (job->from == SIDE_INSIDE)
			ident_rewrite(n, job->p);
	}
	job->verdict = NAT_FORWARD;
	if (job->from == SIDE_INSIDE && (session_at(n, session)->flags & SESSION_HAIRPIN))
		job->verdict = NAT_HAIRPIN;
}
