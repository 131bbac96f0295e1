/*
 * ICMPv6 errors about sessions, and errors of either family about sessions of NAT64: as icmp.c has it,
 * but that the whole message may become one of the other family (RFC 6146 sections 3.5.2.3 and 3.6.3,
 * RFC 7915 sections 4.3 and 5.3).
 */
#include "before.h"
#include "seen6.h"
#include "six.h"
#include "stateless.h"
#include "transport.h"

enum { PACKET_TOO_BIG = 2, ICMP_MTU = 4, V6_LEN = 16, QUOTE = 8, V6_DESTINATION = 24, V6_HEADER = 40 };

/* RFC 8021: no link demands that. */
static bool mtu_is_absurd(const uint8_t *icmp)
{
	return icmp[0] == PACKET_TOO_BIG && load32(icmp + ICMP_MTU) < FAMILY_MTU_LEAST;
}

static enum reason find_quoted(struct nat *n, const struct nat_job *job, struct pkt *inner,
			       uint32_t *session)
{
	struct seen6 s;
	struct tuple t;

	if (!pkt_checksum_valid(job->p))
		return REASON_ICMP_SUM;
	if (pkt_parse_quoted(inner, job->p) != REASON_NONE || (inner->flags & PKT_ICMP_ERROR) ||
	    seen6_of_quoted(n, &s, inner, job->from) != REASON_NONE)
		return REASON_ICMP_QUOTE;
	if (memcmp(pkt_destination(job->p), pkt_source(inner), V6_LEN) != 0)
		return REASON_ICMP_QUOTE;
	seen6_fetch_index(n, &s);
	if (!seen6_tuple(n, &s, &t))
		return REASON_ICMP_NO_SESSION;
	*session = session_find(n, &t);
	if (*session == SLAB_NONE && transport_is_paired(t.protocol))
		*session = pair_find_quoted(n, inner, &t);
	if (*session == SLAB_NONE || (*session >= n->sweep && !session_settle(n, *session)) ||
	    !be32_equal(session_at(n, *session)->key[t.side].local, t.local))
		return REASON_ICMP_NO_SESSION;
	if (policy_drops_errors(&n->config, session_at(n, *session)->policy))
		return REASON_ICMP_ERRORS_OFF;
	if (t.protocol == PROTO_TCP &&
	    !tcp_quote_fits(session_at(n, *session), load32(pkt_transport(inner) + 4),
			    side_other(job->from)))
		return REASON_TCP_WINDOW;
	return mtu_is_absurd(pkt_transport(job->p)) ? REASON_ICMP_MTU : REASON_NONE;
}

/* Both ends of what is quoted: it went the other way. */
static void quoted_ends(const struct nat *n, const struct session *s, enum nat_side from,
			struct family_ends *e)
{
	const struct tuple *now = &s->key[side_other(from)];
	bool inwards = from == SIDE_OUTSIDE;

	e->addresses = inwards ? csum_negate(s->addresses) : s->addresses;
	e->port_sum = inwards ? csum_negate(s->ports) : s->ports;
	e->has_ports = true;
	e->ports[0] = inwards ? now->local_port : now->remote_port;
	e->ports[1] = inwards ? now->remote_port : now->local_port;
	if (now->protocol == PROTO_ICMP)
		e->ports[0] = e->ports[1] = now->local_port;
	if (inwards) {
		e->source6 = *name_address(n, now->local);
		e->destination6 = session_far6(n, now);
	} else {
		e->source4 = now->remote;
		e->destination4 = now->local;
	}
}

/* From outside a router on the way speaks with its own address, embedded; from inside it is our outside
 * address that does (RFC 5508 REQ-5). */
static enum reason join_families(struct nat *n, struct nat_job *job, const struct pkt *inner,
				 const struct session *s)
{
	bool inwards = job->from == SIDE_OUTSIDE;
	const struct tuple *now = &s->key[side_other(job->from)];
	struct family_rules rules = six_rules(n, six_policy(n, s));
	struct family_ends outer = { .has_ports = false }, quoted = { .has_ports = false };
	enum reason r;

	rules.room = job->room;
	quoted_ends(n, s, job->from, &quoted);
	if (inwards) {
		struct tuple router = { .remote = be32_load(pkt_source(job->p)), .tag = now->tag };

		outer.source6 = session_far6(n, &router);
		outer.destination6 = *name_address(n, now->local);
	} else {
		/* As it was quoted: from whom the inside host had spoken to, with a suffix perhaps. */
		quoted.addresses = csum_add(quoted.addresses, six_suffix(n, &s->key[SIDE_INSIDE],
									 pkt_source(inner)));
		outer.source4 = now->local;
		outer.destination4 = now->remote;
		rules.ident = ident_take(n, now->remote, job->p);
	}
	before_keep_header(job);
	r = family_error(job->p, inner, &outer, &quoted, &rules);
	job->kept = r == REASON_NONE;
	job->redirected = r == REASON_NONE && !inwards;
	job->piece = inwards ? rules.piece : 0;
	return r;
}

static void replace(struct pkt *p, uint8_t *address, const struct ip6 *now)
{
	struct ip6 was = ip6_load(address);

	memcpy(address, now, sizeof(*now));
	csum_patch(p->ip + p->checksum, csum_diff(&was, now, sizeof(*now)));
}

/* As rewrite_both() for IPv4. */
static void stay_six(struct nat *n, struct nat_job *job, struct pkt *inner, const struct session *s)
{
	enum nat_side to = side_other(job->from);
	const struct tuple *now = &s->key[to];
	bool inwards = job->from == SIDE_OUTSIDE;
	const struct ip6 *local = name_address(n, now->local), *remote = name_address(n, now->remote);
	struct rewrite r = rewrite_make(&s->key[job->from], now, inwards);

	r.addresses = inwards ? csum_negate(s->addresses) : s->addresses;
	csum_patch(job->p->ip + job->p->checksum,
		   inwards ? six_rewrite(inner, local, remote, &r)
			   : six_rewrite(inner, remote, local, &r));
	if (!be32_equal(s->key[job->from].local, now->local))
		replace(job->p, inwards ? pkt_destination(job->p) : pkt_source(job->p), local);
}

enum reason six_rewrite_error(struct nat *n, struct nat_job *job, struct pkt *inner,
			      uint32_t session)
{
	const struct session *s = session_at(n, session);

	if (session_joins_families(s))
		return join_families(n, job, inner, s);
	stay_six(n, job, inner, s);
	return REASON_NONE;
}

/* Of what needs no session there is none: RFC 6092 REC-23 and REC-10. */
static bool is_about_exempt(const struct nat *n, const struct nat_job *job, const struct pkt *inner)
{
	bool inwards = job->from == SIDE_OUTSIDE;
	struct ip6 inside = ip6_load(inwards ? pkt_source(inner) : pkt_destination(inner));
	const struct nat_policy *p = policy_of6(&n->config, &inside, false);

	return p && p->type == NAT_FIREWALL && six_is_exempt(p, inner, side_other(job->from));
}

/* Somebody inside who is another outside. */
static bool is_hidden(const struct nat *n, const uint8_t *address)
{
	struct ip6 a = ip6_load(address);
	const struct nat_policy *p = stateless_first(n, &a);

	return p && p->type != NAT_FIREWALL && p->type != NAT_NONE;
}

/* Whom the quote, wherever it came from, says that it went to. */
static bool quotes_hidden(const struct nat *n, const struct pkt *p)
{
	uint32_t at = p->transport + QUOTE;

	return p->len >= at + V6_HEADER && p->ip[at] >> 4 == 6 && is_hidden(n, p->ip + at + V6_DESTINATION);
}

/* A firewall's, which speaks for nobody. */
static bool names_nobody(const struct session *s)
{
	return be32_equal(s->key[SIDE_INSIDE].local, s->key[SIDE_OUTSIDE].local);
}

/* RFC 6092 REC-10: what is about nothing does not come in; but where nothing is looked after, it does. */
void six_process_error(struct nat *n, struct nat_job *job)
{
	uint32_t session = SLAB_NONE;
	struct pkt inner;
	enum reason r = find_quoted(n, job, &inner, &session);
	bool outwards = job->from == SIDE_INSIDE && !job->known_only;
	bool hidden = outwards && is_hidden(n, pkt_source(job->p));

	if (r == REASON_NONE && hidden && names_nobody(session_at(n, session)))
		r = REASON_ICMP_NO_SESSION;
	if (r == REASON_NONE)
		r = six_rewrite_error(n, job, &inner, session);
	conclude(job, r == REASON_NONE ? NAT_FORWARD : NAT_DROP, r);
	if (r == REASON_NONE && job->from == SIDE_INSIDE &&
	    (session_at(n, session)->flags & SESSION_HAIRPIN))
		job->verdict = NAT_HAIRPIN;
	if (r == REASON_NONE || is_about_session(r) || (session != SLAB_NONE && r == REASON_ICMP_QUOTE))
		return;
	if (hidden || (outwards && quotes_hidden(n, job->p)))
		return;
	if (job->known_only || (r == REASON_ICMP_NO_SESSION && is_about_exempt(n, job, &inner)) ||
	    !six_covers(n, job->p, job->from))
		conclude(job, NAT_FORWARD, REASON_NONE);
}
