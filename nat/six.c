#include "six.h"

#include "nat/family.h"
#include "before.h"
#include "plain.h"
#include "seen6.h"
#include "transport.h"

enum { V6_SOURCE = 8, V6_DESTINATION = 24, ICMP_IDENTIFIER = 4, V4_HEADER = 20, IKE = 500 };

static bool take_moved(struct nat *n, be32 a, const struct ip6_prefix *to)
{
	struct ip6 there = ip6_joined(&to->address, to->len, name_address(n, a));

	return name_take(n, &there).raw;
}

/* Of everybody that an entry or a forward may mean; they last until the call is over. */
bool six_take_static_names(struct nat *n, const struct tuple *t)
{
	const struct nat_config *c = &n->config;
	struct endpoint e = { t->local, t->local_port }, external;
	bool inside = t->side == SIDE_INSIDE;
	const struct nat_forward *f = inside ? forward_by_internal(n, t->protocol, e, t->remote, &external)
					     : forward_by_external(n, t->protocol, e);

	if (f && !forward_take_names(n, inside ? f : forward_target(n, f, t)))
		return false;
	for (size_t i = 0; is_name(t->local) && i < c->policy_count; i++) {
		const struct nat_policy6 *p = &c->policies[i].v6;
		const struct ip6_prefix *from = inside ? &p->match : &p->translated;

		if (c->policies[i].version == 6 && c->policies[i].type == NAT_ONE_TO_ONE &&
		    ip6_prefix_has(from, name_address(n, t->local)) &&
		    !take_moved(n, t->local, inside ? &p->translated : &p->match))
			return false;
	}
	return true;
}

bool six_take_names(struct nat *n, struct nat_job *job)
{
	struct nat_sought *k = &job->sought;
	struct seen6 s;

	if (seen6_of(n, &s, job->p, job->from) != REASON_NONE ||
	    !seen6_tuple_taken(n, &s, &k->tuple))
		return false;
	k->hash = hash_tuple(&n->hash, &k->tuple);
	k->reason = REASON_NONE;
	return true;
}

static csum_t rewrite_query(struct pkt *p, const struct rewrite *r)
{
	if (p->flags & PKT_FRAGMENT_LATER) {
		p->ports[0] = p->ports[1] = r->source_port;
		return (csum_t){ 0 };
	}
	be16_store(pkt_transport(p) + ICMP_IDENTIFIER, r->source_port);
	if (!p->checksum)
		return r->ports;
	csum_patch(p->ip + p->checksum, csum_add(r->addresses, r->ports));
	return csum_negate(r->addresses);
}

static csum_t rewrite_transport(struct pkt *p, const struct rewrite *r)
{
	if (p->protocol == PROTO_ICMPV6)
		return rewrite_query(p, r);
	if ((p->protocol == PROTO_TCP || p->protocol == PROTO_UDP) &&
	    !(p->flags & PKT_FRAGMENT_LATER))
		return rewrite_ports(p, r);
	return rewrite_rest(p, r);
}

csum_t six_rewrite(struct pkt *p, const struct ip6 *source, const struct ip6 *destination,
		   const struct rewrite *r)
{
	memcpy(p->ip + V6_SOURCE, source, sizeof(*source));
	memcpy(p->ip + V6_DESTINATION, destination, sizeof(*destination));
	return csum_add(r->addresses, rewrite_transport(p, r));
}

static void stay_six(struct nat *n, struct nat_job *job, const struct tuple *now,
		     const struct rewrite *r)
{
	const struct ip6 *local = name_address(n, now->local), *remote = name_address(n, now->remote);

	before_keep_addresses(job);
	if (job->from == SIDE_INSIDE)
		six_rewrite(job->p, local, remote, r);
	else
		six_rewrite(job->p, remote, local, r);
}

struct family_rules six_rules(const struct nat *n, const struct nat_policy *p)
{
	struct family_rules r = { .piece = FAMILY_MTU_LEAST, .unknown_drops = true,
				  .mtu4 = n->config.mtu[SIDE_OUTSIDE],
				  .mtu6 = n->config.mtu[SIDE_INSIDE] };

	if (!p)
		return r;
	r.piece = p->v6.lowest_mtu ? p->v6.lowest_mtu : FAMILY_MTU_LEAST;
	r.fixed_tos = p->v6.fixed_tos;
	r.no_checksum_drops = p->v6.no_checksum_drops;
	return r;
}

enum reason six_refuses_family(const struct nat *n, const struct pkt *p, const struct nat_policy *policy)
{
	struct family_rules rules = six_rules(n, policy);
	struct family_ends e = { .whole = p->whole };

	return plain_is(p) ? REASON_NONE : family_refuses(p, &e, &rules);
}

csum_t six_suffix(const struct nat *n, const struct tuple *t, const uint8_t *address)
{
	struct ip6 plain;

	if (n->prefixes.slots[prefix_slot_of_tag(t->tag)].prefix.len == EMBED_LONGEST)
		return (csum_t){ 0 };
	plain = session_far6(n, t);
	return csum_diff(address, &plain, sizeof(plain));
}

static enum reason to_v4(struct nat *n, struct nat_job *job, struct family_ends *e,
			 struct family_rules *rules, const struct rewrite *r)
{
	e->source4 = r->source;
	e->destination4 = r->destination;
	/* What must not be fragmented needs none (RFC 6864 section 4.1). */
	if (!pkt_is_fragment(job->p) &&
	    pkt_wire_len(job->p) - job->p->transport + V4_HEADER <= FAMILY_ALONE_MOST)
		rules->ident = ident_take(n, r->destination, job->p);
	return family_to_v4(job->p, e, rules);
}

static enum reason change_family(struct nat *n, struct nat_job *job, const struct session *s,
				 const struct rewrite *r)
{
	const struct tuple *inside = &s->key[SIDE_INSIDE];
	struct family_rules rules = six_rules(n, six_policy(n, s));
	struct family_ends e = { .addresses = r->addresses, .has_ports = true,
				 .ports = { r->source_port, r->destination_port },
				 .port_sum = r->ports,
				 .whole = job->p->whole,
				 .sum = { (uint16_t)job->p->sequence } };

	/* For the second leg of a hairpin. */
	if (job->p->flags & PKT_FRAGMENT_LATER)
		memcpy(job->p->ports, e.ports, sizeof(e.ports));
	if (job->from == SIDE_INSIDE)
		return to_v4(n, job, &e, &rules, r);
	e.source6 = session_far6(n, inside);
	e.destination6 = *name_address(n, inside->local);
	return family_to_v6(job->p, &e, &rules);
}

static void change_plainly(struct nat *n, struct nat_job *job, const struct session *s,
			   const struct rewrite *r)
{
	const struct nat_policy *p = six_policy(n, s);
	bool fixed_tos = p && p->v6.fixed_tos;
	be16 ident = { 0 };
	struct ip6 far;

	if (job->from == SIDE_INSIDE) {
		if (plain_needs_ident(job->p))
			ident = ident_take(n, r->destination, job->p);
		plain_to_v4(job->p, r, ident, fixed_tos);
	} else {
		far = session_far6(n, &s->key[SIDE_INSIDE]);
		plain_to_v6(job->p, r, &far, name_address(n, s->key[SIDE_INSIDE].local), fixed_tos);
	}
}

enum reason six_translate(struct nat *n, struct nat_job *job, const struct session *s,
			  struct rewrite *r, bool plain)
{
	const struct nat_policy *policy = six_policy(n, s);
	enum reason failed = REASON_NONE;

	if (!session_joins_families(s)) {
		stay_six(n, job, &s->key[side_other(job->from)], r);
		return REASON_NONE;
	}
	before_keep_header(job);
	job->redirected = job->from == SIDE_INSIDE;
	if (!job->redirected)
		job->piece = policy && policy->v6.lowest_mtu ? policy->v6.lowest_mtu : FAMILY_MTU_LEAST;
	else
		r->addresses = csum_add(r->addresses, six_suffix(n, &s->key[SIDE_INSIDE],
								 pkt_destination(job->p)));
	if (plain)
		change_plainly(n, job, s, r);
	else
		failed = change_family(n, job, s, r);
	if (failed != REASON_NONE)
		job->kept = job->redirected = false;
	return failed;
}

/* An outside address of one_to_one, or of a forward. */
static bool is_static(const struct nat_config *c, const struct ip6 *a)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].version == 6 && c->policies[i].type == NAT_ONE_TO_ONE &&
		    ip6_prefix_has(&c->policies[i].v6.translated, a))
			return true;
	for (size_t i = 0; i < c->forward_count; i++)
		if (nat_is_v6_beside(c->forwards[i].external) &&
		    ip6_equal(&c->forwards[i].external6, a))
			return true;
	return false;
}

bool six_covers(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	struct ip6 local = ip6_load(from == SIDE_INSIDE ? pkt_source(p) : pkt_destination(p));
	struct ip6 remote = ip6_load(from == SIDE_INSIDE ? pkt_destination(p) : pkt_source(p));
	const struct nat_policy *policy;
	uint16_t slot, index;
	be32 name;

	if (!n->six)
		return false;
	policy = policy_of6(&n->config, &local,
			    from == SIDE_INSIDE && prefix_leads(n, &local, &remote, &slot));
	if (policy && policy->type != NAT_NONE)
		return true;
	if (from == SIDE_INSIDE)
		return false;
	name = name_find(n, &local);
	return (name.raw && pool_has(n, name, &index)) || is_static(&n->config, &local);
}

/* RFC 6092 REC-21 to REC-26, RFC 4890 section 4.3.1. */
bool six_is_exempt(const struct nat_policy *p, const struct pkt *d, enum nat_side from)
{
	bool later = d->flags & PKT_FRAGMENT_LATER;
	const uint8_t *ports = later ? (const uint8_t *)d->ports : pkt_transport(d);

	if (!p->v6.blocks_ipsec && ((d->flags & PKT_IPSEC) || d->protocol == PROTO_ESP))
		return true;
	if (d->flags & PKT_IPSEC)
		return false;
	/* What goes out has a session, so that answers come in. */
	if (!p->v6.blocks_ipsec && from == SIDE_OUTSIDE && d->protocol == PROTO_UDP &&
	    load16(ports + 2) == IKE)
		return true;
	return !p->v6.blocks_ping && d->protocol == PROTO_ICMPV6 &&
	       (later || (d->flags & PKT_ICMP_QUERY));
}

/* What must not be embedded (RFC 6052 section 3.1). */
enum reason six_check_embedded(const struct nat *n, const struct tuple *t)
{
	if (!t->tag.raw || is_name(t->remote))
		return REASON_NONE;
	return rfc6052_may_hold(&n->prefixes.slots[prefix_slot_of_tag(t->tag)].prefix, t->remote)
		       ? REASON_NONE : REASON_EMBEDDED;
}

bool six_joins(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	const struct nat_policy *policy;
	struct ip6 local, remote;
	uint16_t at;

	if (!n->six || (p->version == 6) != (from == SIDE_INSIDE))
		return false;
	if (p->version == 6) {
		local = ip6_load(pkt_source(p));
		remote = ip6_load(pkt_destination(p));
		return prefix_leads(n, &local, &remote, &at);
	}
	if (!pool_has(n, be32_load(pkt_destination(p)), &at))
		return false;
	policy = policy_of_pool(&n->config, at);
	return policy && policy->type == NAT_NAT64;
}

bool six_refuses(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	return p->protocol != PROTO_TCP && p->protocol != PROTO_UDP &&
	       p->protocol != (p->version == 4 ? PROTO_ICMP : PROTO_ICMPV6) && six_joins(n, p, from);
}

static void from_inside(struct nat *n, struct nat_job *job, const struct nat_sought *k)
{
	struct ip6 local = ip6_load(pkt_source(job->p)), remote = ip6_load(pkt_destination(job->p));
	const struct nat_policy *p;
	uint16_t slot, other;
	bool to_v4 = prefix_leads(n, &local, &remote, &slot);
	enum reason r = k->reason;

	/* RFC 6146 section 3.5. */
	if (prefix_of(n, &local, &other)) {
		conclude(job, NAT_DROP, REASON_PREFIX_SOURCE);
		return;
	}
	/* What led before a reload leads the sessions of then. */
	if (to_v4 && !n->prefixes.slots[slot].current) {
		conclude(job, NAT_DROP, REASON_NO_POLICY);
		return;
	}
	p = policy_of6(&n->config, &local, to_v4);
	if (!p || p->type == NAT_NONE) {
		conclude(job, NAT_FORWARD, REASON_NONE);
		return;
	}
	if (p->type == NAT_FIREWALL && six_is_exempt(p, job->p, SIDE_INSIDE) && r != REASON_FRAGMENT) {
		conclude(job, NAT_FORWARD, REASON_NONE);
		return;
	}
	if (to_v4 && six_refuses(n, job->p, SIDE_INSIDE)) {
		r = REASON_NO_TRANSPORT;
		job->answer = NAT_ANSWER_PROTOCOL;
	}
	if (r == REASON_NONE && to_v4)
		r = six_check_embedded(n, &k->tuple);
	if (r == REASON_NONE && to_v4)
		r = six_refuses_family(n, job->p, p);
	/* AH vouches for addresses. */
	if (r == REASON_NONE && p->type != NAT_FIREWALL && (job->p->flags & PKT_IPSEC) &&
	    job->p->protocol != PROTO_ESP)
		r = REASON_NO_TRANSPORT;
	if (r == REASON_NONE && (job->p->flags & PKT_FRAGMENT_LATER))
		r = REASON_FRAGMENT;
	if (r == REASON_NONE && answers_nothing(job, k))
		r = REASON_NOT_A_QUERY;
	if (r != REASON_NONE)
		conclude(job, NAT_DROP, r);
	else if (keeps_source(n, job, k))
		conclude(job, NAT_HAIRPIN, REASON_NONE);
	else
		open_session(n, job, &k->tuple);
}

static void from_outside(struct nat *n, struct nat_job *job, const struct nat_sought *k)
{
	struct ip6 local = ip6_load(pkt_destination(job->p)), remote = ip6_load(pkt_source(job->p));
	const struct nat_policy *p = policy_of6(&n->config, &local, false);
	uint16_t slot;

	/* RFC 6146 section 3.5; the answer would go another way. */
	if (prefix_of(n, &remote, &slot))
		conclude(job, NAT_DROP, REASON_PREFIX_SOURCE);
	else if (!six_covers(n, job->p, SIDE_OUTSIDE) ||
	    (p && p->type == NAT_FIREWALL && k->reason != REASON_FRAGMENT &&
	     six_is_exempt(p, job->p, SIDE_OUTSIDE)))
		conclude(job, NAT_FORWARD, REASON_NONE);
	else if (job->p->flags & PKT_FRAGMENT_LATER)
		conclude(job, NAT_DROP, REASON_FRAGMENT);
	else if (k->reason == REASON_NONE)
		open_session(n, job, &k->tuple);
	else
		conclude(job, k->reason == REASON_FRAGMENT ? NAT_DROP : NAT_UNMATCHED,
			 k->reason == REASON_FRAGMENT ? REASON_FRAGMENT : REASON_NO_MAPPING);
}

void six_without_session(struct nat *n, struct nat_job *job, const struct nat_sought *k)
{
	if (job->known_only || !n->six)
		conclude(job, NAT_FORWARD, REASON_NONE);
	else if (six_is_nameless(k))
		conclude(job, NAT_DROP, REASON_SESSION_LIMIT);
	else if (job->from == SIDE_INSIDE)
		from_inside(n, job, k);
	else
		from_outside(n, job, k);
}
