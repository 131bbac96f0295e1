/*
 * Paired protocols: those of which only addresses are translated.
 *
 * Their ports cannot be changed, or there are none. A mapping stands for an inside endpoint and one
 * remote endpoint; which datagrams from outside are whose, something in them tells that the NAT
 * cannot choose: the verification tag (SCTP), the SPI (ESP), the call ID (GRE of PPTP), or nothing.
 * Several inside hosts may so share an outside address towards one remote endpoint. Their mappings
 * are then told apart by the tag of their outside keys, which numbers them and is in no datagram.
 *
 * A session's key of a side is what datagrams from that side say. ICMP errors quote what went the
 * other way: they are found by the keys of the other side, through the mappings.
 */
#include "core.h"
#include "transport.h"

enum { SHARERS_MOST = 16, SPIS_MOST = 64, CLAIM_MS = 30000 };

/* Tag of an ESP session's key on a side from which nothing comes. */
enum { ONE_WAY = 1 };

static struct tuple without_ports(const struct tuple *t)
{
	struct tuple plain = *t;

	plain.local_port = plain.remote_port = (be16){ 0 };
	return plain;
}

/* What mappings are found by, on the side of t. */
static struct tuple key_of(const struct tuple *t)
{
	struct tuple key = transport_naming(t->protocol) == BY_TAG ? *t : without_ports(t);

	key.tag = (be16){ 0 };
	return key;
}

/* The mapping with this number among those that share the outside endpoint of t. */
static uint32_t sharer(const struct nat *n, const struct tuple *t, uint16_t which)
{
	struct tuple key = key_of(t);

	key.tag = be16_from(which);
	return mapping_find(n, &key);
}

static uint32_t sole_sharer(const struct nat *n, const struct tuple *t)
{
	uint32_t sole = SLAB_NONE;

	for (uint16_t i = 0; i < SHARERS_MOST; i++) {
		uint32_t found = sharer(n, t, i);

		if (found != SLAB_NONE && sole != SLAB_NONE)
			return SLAB_NONE;
		sole = found != SLAB_NONE ? found : sole;
	}
	return sole;
}

/* The remote address of t as the other side knows it (twice NAT). */
static be32 remote_across(const struct nat *n, be32 inside, const struct tuple *t)
{
	const struct nat_policy *p = policy_of(n, inside, t->remote);

	return p ? policy_far(p, t->remote, side_other(t->side)) : t->remote;
}

/* The outside address that the configuration gives to an inside endpoint; false: any of the pool. */
static bool static_address(const struct nat *n, const struct tuple *t, be32 *address, bool *forward)
{
	const struct nat_policy *p = policy_of(n, t->local, t->remote);
	struct endpoint internal = { t->local, t->local_port }, external;
	const struct nat_forward *f = forward_by_internal(n, t->protocol, internal, t->remote, &external);

	*forward = f && !f->grouped;
	if (*forward)
		*address = external.address;
	else if (p && p->type == NAT_ONE_TO_ONE)
		*address = policy_one_to_one(n, p, t->local);
	else if (p && p->type == NAT_FIREWALL)
		*address = t->local;
	else
		return false;
	return true;
}

/* The mapping of an inside endpoint; that of a forward is found from outside only. */
static uint32_t own_mapping(const struct nat *n, const struct tuple *t)
{
	struct tuple key = key_of(t);
	uint32_t number = mapping_find(n, &key);
	bool forward;

	if (number != SLAB_NONE || !static_address(n, t, &key.local, &forward))
		return number;
	key.side = SIDE_OUTSIDE;
	key.remote = remote_across(n, t->local, t);
	return mapping_find(n, &key);
}

/* The same with the addresses that a mapping has on the other side. */
static struct tuple across(const struct nat *n, const struct tuple *t, const struct mapping *m)
{
	struct tuple other = *t;

	other.side = (uint8_t)side_other(t->side);
	other.local = m->key[other.side].local;
	other.remote = remote_across(n, m->key[SIDE_INSIDE].local, t);
	other.tag = (be16){ 0 };
	return other;
}

/* The session of a mapping whose datagrams from the other side say what t says. */
static uint32_t session_across(const struct nat *n, const struct tuple *t, uint32_t mapping)
{
	struct tuple key = across(n, t, &n->mappings[mapping]);

	return session_find(n, &key);
}

struct tuple pair_counterpart(const struct nat *n, const struct pkt *p, const struct tuple *t,
			      const struct mapping *m)
{
	struct tuple other = across(n, t, m);

	if (t->protocol == PROTO_SCTP && other.side == SIDE_OUTSIDE)
		other.tag = sctp_fold(sctp_initiate_tag(p));
	if (t->protocol == PROTO_ESP && other.side == SIDE_OUTSIDE)
		return without_ports(&other);
	if (t->protocol == PROTO_ESP)
		other.tag = be16_from(ONE_WAY);
	return other;
}

static bool claim_is_over(const struct nat *n, const struct session *s)
{
	return (uint32_t)n->now.ms - s->opened >= CLAIM_MS;
}

/* An ESP session without an inbound SPI gets the next new one. It keeps the claim for a while; then
 * it is for somebody else to make, and the session goes on outward. */
static enum reason give_way(struct nat *n, uint32_t number)
{
	struct session *s = session_at(n, number);
	struct tuple key = s->key[SIDE_OUTSIDE];

	/* By addresses alone: they are its. */
	if (is_name(key.local) && !key.tag.raw)
		return REASON_SESSION_CONFLICT;
	if (!claim_is_over(n, s))
		return REASON_ESP_WAITING;
	key.local_port = s->key[SIDE_INSIDE].local_port;
	key.remote_port = s->key[SIDE_INSIDE].remote_port;
	key.tag = be16_from(ONE_WAY);
	return session_rename(n, number, &key);
}

/* Whether a session may have the key other on its other side. */
static enum reason key_is_free(struct nat *n, const struct tuple *other)
{
	uint32_t number = session_find(n, other);

	if (number == SLAB_NONE)
		return REASON_NONE;
	if (other->protocol != PROTO_ESP || other->side == SIDE_INSIDE)
		return REASON_SESSION_CONFLICT;
	return give_way(n, number);
}

/* The outside key of m, which has its address: *found is the mapping that is there already. */
static enum reason take_share(struct nat *n, const struct tuple *t, struct mapping *m, uint32_t *found)
{
	struct tuple *key = &m->key[SIDE_OUTSIDE];
	be32 address = key->local;
	uint16_t which = 0;

	*key = m->key[SIDE_INSIDE];
	key->side = SIDE_OUTSIDE;
	key->local = address;
	key->remote = remote_across(n, t->local, t);
	/* Without ports, what such a session sends and what it gets would look alike. */
	if (be32_equal(address, key->remote) && transport_naming(t->protocol) != BY_TAG)
		return REASON_SESSION_CONFLICT;
	for (*found = SLAB_NONE; which < SHARERS_MOST; which++) {
		key->tag = be16_from(which);
		*found = mapping_find_outside(n, key);
		if (*found == SLAB_NONE || be32_equal(n->mappings[*found].key[SIDE_INSIDE].local, t->local))
			break;
	}
	return which == SHARERS_MOST ? REASON_SESSION_CONFLICT : REASON_NONE;
}

/* Try the outside address that m has; otherwise m gets the rest of its outside key. */
static enum reason try_address(struct nat *n, const struct pkt *p, const struct tuple *t,
			       struct mapping *m, uint32_t *found)
{
	enum reason r = take_share(n, t, m, found);
	struct tuple other;

	if (r != REASON_NONE)
		return r;
	other = pair_counterpart(n, p, t, m);
	return key_is_free(n, &other);
}

/* The first address of the policy's pool, in the order in which it tries them, that will do. */
static enum reason choose(struct nat *n, const struct pkt *p, const struct tuple *t,
			  struct mapping *m, uint32_t *found)
{
	const struct nat_policy *policy = policy_of(n, t->local, t->remote);
	uint16_t tries = policy->pooling == NAT_POOLING_PAIRED ? 1 : policy->pool_count;
	enum reason r = REASON_SESSION_CONFLICT;

	for (uint16_t i = 0; i < tries; i++) {
		uint16_t at = choose_address(n, policy, &m->key[SIDE_INSIDE], i);
		struct endpoint e = { n->pool.now[at], t->local_port };

		if (!e.address.raw || forward_by_external(n, t->protocol, e))
			continue;
		m->key[SIDE_OUTSIDE].local = e.address;
		r = try_address(n, p, t, m, found);
		if (r == REASON_NONE)
			break;
	}
	return r;
}

enum reason pair_for_inside(struct nat *n, const struct pkt *p, const struct tuple *t,
			    uint32_t *mapping)
{
	const struct nat_policy *policy = policy_of(n, t->local, t->remote);
	struct mapping m = { .key = { key_of(t) }, .address = NO_ADDRESS,
			     .refresh = (uint8_t)policy->refresh };
	uint32_t found = mapping_settle(n, own_mapping(n, t));
	struct tuple other;
	bool forward;
	enum reason r;

	if (found != SLAB_NONE) {
		other = pair_counterpart(n, p, t, &n->mappings[found]);
		*mapping = found;
		return key_is_free(n, &other);
	}
	r = static_address(n, t, &m.key[SIDE_OUTSIDE].local, &forward)
		    ? try_address(n, p, t, &m, &found)
		    : choose(n, p, t, &m, &found);
	m.forward = forward;
	if (r != REASON_NONE)
		return r;
	*mapping = found;
	return found == SLAB_NONE ? mapping_make(n, &m, mapping) : REASON_NONE;
}

/* The same with an outside address that was settled elsewhere. Not for SCTP. */
enum reason pair_for_address(struct nat *n, const struct tuple *t, be32 address, uint32_t *mapping)
{
	const struct nat_policy *policy = policy_of(n, t->local, t->remote);
	struct mapping m = { .key = { key_of(t) }, .address = NO_ADDRESS,
			     .refresh = (uint8_t)policy->refresh };
	enum reason r;

	*mapping = mapping_settle(n, own_mapping(n, t));
	if (*mapping != SLAB_NONE)
		return be32_equal(n->mappings[*mapping].key[SIDE_OUTSIDE].local, address)
			       ? REASON_NONE : REASON_SESSION_CONFLICT;
	m.key[SIDE_OUTSIDE].local = address;
	r = try_address(n, NULL, t, &m, mapping);
	if (r != REASON_NONE || *mapping != SLAB_NONE)
		return r;
	return mapping_make(n, &m, mapping);
}

/* Whether today's configuration gives the outside address of these keys to their inside endpoint. */
static bool is_address_of(const struct nat *n, const struct tuple *key, bool *forward)
{
	const struct tuple *t = &key[SIDE_INSIDE];
	struct endpoint external = { key[SIDE_OUTSIDE].local, t->local_port };
	const struct nat_forward *f = forward_by_external(n, t->protocol, external);
	const struct nat_policy *p = policy_of(n, t->local, t->remote);
	uint16_t place;
	be32 given;

	*forward = f != NULL;
	if (f)
		return forward_has_target(n, f, key);
	if (static_address(n, t, &given, forward))
		return be32_equal(given, external.address);
	return p && pool_has(n, external.address, &place) && policy_has_place(p, place);
}

enum reason pair_resume(struct nat *n, const struct tuple *key, uint32_t *mapping)
{
	const struct tuple *t = &key[SIDE_INSIDE];
	be32 address = key[SIDE_OUTSIDE].local;
	const struct nat_policy *p = policy_of(n, t->local, t->remote);
	struct mapping m = { .key = { key_of(t) }, .address = NO_ADDRESS };
	uint32_t found = own_mapping(n, t);
	enum reason r = REASON_NONE;
	bool forward = false;

	if (!is_address_of(n, key, &forward))
		return REASON_NO_MAPPING;
	m.forward = forward;
	m.refresh = (uint8_t)(p ? p->refresh : NAT_REFRESH_OUTBOUND);
	m.key[SIDE_OUTSIDE].local = address;
	if (found == SLAB_NONE)
		r = take_share(n, t, &m, &found);
	if (r != REASON_NONE)
		return r;
	if (found == SLAB_NONE)
		return mapping_make(n, &m, mapping);
	*mapping = found;
	return be32_equal(n->mappings[found].key[SIDE_OUTSIDE].local, address)
		       ? REASON_NONE : REASON_SESSION_CONFLICT;
}

/* Whom inside the configuration means by an outside address. */
static enum reason static_host(const struct nat *n, const struct tuple *t, be32 *inside,
			       bool *forward)
{
	struct endpoint external = { t->local, t->local_port };
	const struct nat_forward *f = forward_by_external(n, t->protocol, external);
	const struct nat_policy *p = f ? NULL : policy_of_outside(n, t->local, inside);

	*forward = f != NULL;
	if (f)
		*inside = forward_internal(n, forward_target(n, f, t), t->local_port).address;
	else if (!p)
		return REASON_NO_MAPPING;
	else if (p->behaviour[nat_class_of(t->protocol)].filtering != NAT_ENDPOINT_INDEPENDENT)
		return REASON_FILTERED;
	return REASON_NONE;
}

/* A mapping that the configuration wants, made if there is none. */
static enum reason make_static(struct nat *n, const struct tuple *t, be32 inside, bool forward,
			       uint32_t *mapping)
{
	const struct nat_policy *policy = policy_of(n, inside, t->local);
	struct mapping m = { .key = { key_of(t), key_of(t) }, .address = NO_ADDRESS,
			     .forward = forward };

	m.key[SIDE_INSIDE].side = SIDE_INSIDE;
	m.key[SIDE_INSIDE].local = inside;
	m.key[SIDE_INSIDE].remote = remote_across(n, inside, t);
	m.refresh = (uint8_t)(policy ? policy->refresh : NAT_REFRESH_OUTBOUND);
	*mapping = mapping_find_outside(n, &m.key[SIDE_OUTSIDE]);
	if (*mapping == SLAB_NONE)
		return mapping_make(n, &m, mapping);
	return mapping_takes_more(n, &n->mappings[*mapping]) &&
			       be32_equal(n->mappings[*mapping].key[SIDE_INSIDE].local, inside)
		       ? REASON_NONE : REASON_SESSION_CONFLICT;
}

enum reason pair_for_outside(struct nat *n, const struct tuple *t, enum reason opens,
			     uint32_t *mapping)
{
	/* An SPI nobody waits for is that of the only host that there is, which has new keys; of
	 * several hosts' it cannot be told. */
	uint32_t sole = t->protocol == PROTO_ESP ? sole_sharer(n, t) : SLAB_NONE;
	enum reason r = REASON_NONE;
	bool forward;
	be32 inside;

	if (sole != SLAB_NONE && mapping_takes_more(n, &n->mappings[sole])) {
		inside = n->mappings[sole].key[SIDE_INSIDE].local;
		*mapping = sole;
		return n->mappings[sole].sessions < SPIS_MOST ? host_admits_stranger(n, inside, t)
							      : REASON_MAPPING_LIMIT;
	}
	r = static_host(n, t, &inside, &forward);
	if (r == REASON_NONE)
		r = opens;
	if (r == REASON_NONE)
		r = host_admits_stranger(n, inside, t);
	return r == REASON_NONE ? make_static(n, t, inside, forward, mapping) : r;
}

/* A new outbound SPI belongs to the session of the host that waits for an inbound one; a new inbound
 * SPI to the session that waits at all. */
static uint32_t find_spi(struct nat *n, const struct tuple *t)
{
	struct tuple waiting = without_ports(t);
	uint32_t number = SLAB_NONE, mapping;

	if (t->side == SIDE_INSIDE) {
		mapping = own_mapping(n, t);
		if (mapping == SLAB_NONE)
			return SLAB_NONE;
		waiting.side = SIDE_OUTSIDE;
		waiting.local = n->mappings[mapping].key[SIDE_OUTSIDE].local;
		waiting.remote = n->mappings[mapping].key[SIDE_OUTSIDE].remote;
	}
	number = session_find(n, &waiting);
	if (number == SLAB_NONE)
		return SLAB_NONE;
	/* By addresses alone it is whose it is, however long ago it began. */
	if (t->side == SIDE_INSIDE && ((!is_name(t->local) && claim_is_over(n, session_at(n, number))) ||
				       !be32_equal(session_at(n, number)->key[SIDE_INSIDE].local, t->local)))
		return SLAB_NONE;
	return session_rename(n, number, t) == REASON_NONE ? number : SLAB_NONE;
}

static uint32_t find_association(const struct nat *n, const struct pkt *p, const struct tuple *t)
{
	uint32_t sole = sole_sharer(n, t);

	for (uint16_t i = 0; i < SHARERS_MOST; i++) {
		uint32_t mapping = sharer(n, t, i);
		uint32_t number = mapping == SLAB_NONE ? SLAB_NONE : session_across(n, t, mapping);

		if (number != SLAB_NONE && sctp_is_for(session_at(n, number), p, mapping == sole))
			return number;
	}
	return SLAB_NONE;
}

uint32_t pair_find(struct nat *n, const struct pkt *p, struct tuple *t)
{
	enum naming by = transport_naming(t->protocol);

	if (by == BY_SPI)
		return find_spi(n, t);
	if (by == BY_TAG && t->side == SIDE_OUTSIDE && !(p->flags & PKT_FRAGMENT_LATER))
		return find_association(n, p, t);
	if (by != BY_CALL)
		return SLAB_NONE;
	*t = without_ports(t);
	return session_find(n, t);
}

uint32_t pair_find_quoted(const struct nat *n, const struct pkt *inner, const struct tuple *t)
{
	uint16_t sharers = t->side == SIDE_OUTSIDE ? SHARERS_MOST : 1;
	struct tuple plain = without_ports(t);

	for (uint16_t i = 0; i < sharers; i++) {
		uint32_t mapping = t->side == SIDE_INSIDE ? own_mapping(n, t) : sharer(n, t, i);
		uint32_t number = mapping == SLAB_NONE ? SLAB_NONE : session_across(n, t, mapping);

		if (number != SLAB_NONE && (t->protocol != PROTO_SCTP ||
					    sctp_quote_fits(session_at(n, number), inner)))
			return number;
	}
	return t->protocol == PROTO_GRE ? session_find(n, &plain) : SLAB_NONE;
}

void pair_begin(struct nat *n, uint32_t session)
{
	struct session *s = session_at(n, session);

	if (s->key[SIDE_INSIDE].protocol != PROTO_ESP)
		return;
	s->opened = (uint32_t)n->now.ms;
	/* Where an SPI of one host was forgotten while it comes in, another host might get it. */
	s->flags |= SESSION_REFRESH_INSIDE | SESSION_REFRESH_OUTSIDE;
}
