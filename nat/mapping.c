/*
 * Mappings: which outside endpoint stands for an inside one.
 *
 * A mapping is found by its inside endpoint, together with as much of the remote one as the mapping
 * behaviour says (RFC 4787 section 4.1), and by its outside endpoint; one that shares its outside
 * endpoint, by that and the remote one. It lives as long as it has sessions. Forwards are mappings
 * too, made when first used, so that replies and new sessions of the inside endpoint leave from the
 * forwarded port.
 */
#include "helper.h"
#include "transport.h"

/* What of a tuple belongs to the key. */
static const struct tuple inside_masks[] = {
#define LOCAL .local = { UINT32_MAX }, .local_port = { UINT16_MAX }, .protocol = UINT8_MAX, \
	      .tag = { UINT16_MAX }
	[NAT_ENDPOINT_INDEPENDENT] = { LOCAL },
	[NAT_ADDRESS_DEPENDENT] = { LOCAL, .remote = { UINT32_MAX } },
	[NAT_ADDRESS_PORT_DEPENDENT] = { LOCAL, .remote = { UINT32_MAX },
					 .remote_port = { UINT16_MAX } },
#undef LOCAL
};

_Static_assert(SIDE_INSIDE == 0, "what is masked is inside");

/* In two words, so that it can be hashed at once. */
struct tuple mapping_inside_key(const struct tuple *t, enum nat_dependence mapping)
{
	uint64_t words[2], mask[2];
	struct tuple key;

	memcpy(words, t, sizeof(words));
	memcpy(mask, &inside_masks[mapping], sizeof(mask));
	words[0] &= mask[0];
	words[1] &= mask[1];
	memcpy(&key, words, sizeof(key));
	/* Whatever the prefix: RFC 6146 section 3.5.1.1. */
	if (key.tag.raw)
		key.tag = be16_from(MAPPING_TO_V4);
	return key;
}

static struct tuple outside_key(uint8_t protocol, struct endpoint e)
{
	return (struct tuple){
		.local = e.address,
		.local_port = e.port,
		.protocol = protocol,
		.side = SIDE_OUTSIDE,
	};
}

uint32_t mapping_find(const struct nat *n, const struct tuple *key)
{
	uint32_t value = table_find(&n->mappings_by, hash_mapping(n, key), key);

	return value == TABLE_NONE ? SLAB_NONE : value >> 1;
}

/* Several forwards may lead to one inside endpoint; theirs are found from outside only. */
static bool index_mapping(struct nat *n, uint32_t number)
{
	struct mapping *m = &n->mappings[number];
	uint64_t outside = hash_mapping(n, &m->key[SIDE_OUTSIDE]);

	if (!table_insert(&n->mappings_by, outside, number << 1 | SIDE_OUTSIDE))
		return false;
	if (m->forward || table_insert(&n->mappings_by, hash_mapping(n, &m->key[SIDE_INSIDE]),
				       number << 1 | SIDE_INSIDE))
		return true;
	table_remove(&n->mappings_by, outside, number << 1 | SIDE_OUTSIDE);
	return false;
}

static void unindex_mapping(struct nat *n, uint32_t number)
{
	const struct mapping *m = &n->mappings[number];

	table_remove(&n->mappings_by, hash_mapping(n, &m->key[SIDE_OUTSIDE]),
		     number << 1 | SIDE_OUTSIDE);
	if (!m->forward && !m->retired)
		table_remove(&n->mappings_by, hash_mapping(n, &m->key[SIDE_INSIDE]),
			     number << 1 | SIDE_INSIDE);
}

void mapping_retire(struct nat *n, uint32_t number)
{
	struct mapping *m = &n->mappings[number];

	if (!m->forward && !m->retired)
		table_remove(&n->mappings_by, hash_mapping(n, &m->key[SIDE_INSIDE]),
			     number << 1 | SIDE_INSIDE);
	m->retired = true;
}

bool mapping_has(const struct nat *n, uint8_t protocol, struct endpoint outside)
{
	struct tuple key = outside_key(protocol, outside);

	return mapping_find(n, &key) != SLAB_NONE;
}

/* RFC 6888 REQ-14: of ports in a range, the range is what is told. */
static void note(struct nat *n, const struct mapping *m, enum nat_event_kind kind)
{
	const struct tuple *inside = &m->key[SIDE_INSIDE], *outside = &m->key[SIDE_OUTSIDE];

	if (m->planned || !event_is_wanted(n, kind))
		return;
	event_note(n, (struct nat_event){
		.kind = (uint8_t)kind,
		.protocol = inside->protocol,
		.inside = name_endpoint(n, (struct endpoint){ inside->local,
							      inside->local_port }),
		.outside = name_endpoint(n, (struct endpoint){ outside->local,
							       outside->local_port }),
	});
}

bool mapping_move(struct nat *n, uint32_t number, be32 address)
{
	struct mapping *m = &n->mappings[number], was = *m;
	struct tuple *key = &m->key[SIDE_OUTSIDE];
	uint32_t value = number << 1 | SIDE_OUTSIDE;

	key->local = address;
	if (mapping_find(n, key) != SLAB_NONE ||
	    !table_insert(&n->mappings_by, hash_mapping(n, key), value)) {
		*key = was.key[SIDE_OUTSIDE];
		return false;
	}
	table_remove(&n->mappings_by, hash_mapping(n, &was.key[SIDE_OUTSIDE]), value);
	note(n, &was, EVENT_MAPPING_DELETED);
	note(n, m, EVENT_MAPPING_CREATED);
	return true;
}

/* A port or identifier that nobody else can have meanwhile (RFC 6888 REQ-4). */
static bool holds_port(const struct mapping *m)
{
	return !m->forward && !m->borrowed && (m->planned || m->address != NO_ADDRESS);
}

/* The sessions of a mapping hold its local addresses, but may be with others than the one it was made for. */
static void hold_remotes(struct nat *n, const struct mapping *m, void (*hold)(struct nat *, be32))
{
	for (int side = 0; side < SIDE_COUNT; side++)
		hold(n, m->key[side].remote);
}

/* Make a mapping of these keys; the outside port must be free, unless the mapping shares it. */
enum reason mapping_make(struct nat *n, const struct mapping *m, uint32_t *out)
{
	uint32_t number = slab_take(&n->mapping_slab);
	uint32_t host = number == SLAB_NONE ? SLAB_NONE : host_take(n, m->key[SIDE_INSIDE].local);
	uint16_t place;

	if (host == SLAB_NONE || number == SLAB_NONE)
		goto no_host;
	n->mappings[number] = *m;
	n->mappings[number].host = host;
	n->mappings[number].pooled = m->address != NO_ADDRESS ||
				     pool_has(n, m->key[SIDE_OUTSIDE].local, &place);
	if (!index_mapping(n, number))
		goto no_index;
	if (m->planned && !block_take(n, &n->mappings[number]))
		goto no_block;
	if (!m->planned && m->address != NO_ADDRESS)
		ports_take(&n->ports, m->address, ports_protocol(m->key[0].protocol),
			   be16_host(m->key[SIDE_OUTSIDE].local_port));
	n->hosts[host].mappings += holds_port(m);
	hold_remotes(n, m, name_hold);
	*out = number;
	note(n, &n->mappings[number], EVENT_MAPPING_CREATED);
	return REASON_NONE;
no_block:
	unindex_mapping(n, number);
no_index:
	n->mappings[number].key[SIDE_INSIDE].protocol = 0;
	host_drop_unused(n, host);
no_host:
	if (number != SLAB_NONE)
		slab_give(&n->mapping_slab, number);
	return REASON_SESSION_LIMIT;
}

/* The mapping of these endpoints: there already, or made. RFC 4787 REQ-3: one that somebody still has
 * from before the configuration said so is not shared. */
static enum reason find_or_make(struct nat *n, const struct mapping *m, uint32_t *out)
{
	const struct tuple *inside;

	*out = mapping_find_outside(n, &m->key[SIDE_OUTSIDE]);
	if (*out == SLAB_NONE)
		return mapping_make(n, m, out);
	inside = &n->mappings[*out].key[SIDE_INSIDE];
	return be32_equal(inside->local, m->key[SIDE_INSIDE].local) &&
		       be16_equal(inside->local_port, m->key[SIDE_INSIDE].local_port)
		       ? REASON_NONE
		       : REASON_SESSION_CONFLICT;
}

static enum reason forward_mapping(struct nat *n, struct mapping *m, uint32_t *out)
{
	forward_plan(n, m);
	return find_or_make(n, m, out);
}

/* A mapping of one session alone: found by both endpoints together, on either side. Whoever else has
 * its outside endpoint lets in only peers of his own. */
static enum reason make_shared(struct nat *n, const struct nat_policy *p, const struct tuple *t,
			       struct mapping *m, uint32_t *out)
{
	struct endpoint shared;

	/* It may have one towards this remote endpoint since another policy, kept by others. */
	*out = mapping_settle(n, mapping_find(n, t));
	if (*out != SLAB_NONE)
		return REASON_NONE;
	/* A key without a remote endpoint is that of an ordinary mapping. */
	if (!t->remote.raw || !choose_shared(n, p, t, &shared))
		return REASON_OUT_OF_PORTS;
	m->key[SIDE_INSIDE] = m->key[SIDE_OUTSIDE] = *t;
	m->key[SIDE_OUTSIDE].side = SIDE_OUTSIDE;
	m->key[SIDE_OUTSIDE].local = shared.address;
	m->key[SIDE_OUTSIDE].local_port = shared.port;
	m->address = NO_ADDRESS;
	m->filtering = NAT_ADDRESS_PORT_DEPENDENT;
	return mapping_make(n, m, out);
}

/* Basic NAT (RFC 3022 section 2.1): the address has its counterpart, the port stays. Like a forward,
 * it can be found by its outside endpoint as long as the configuration says so. */
static enum reason make_one_to_one(struct nat *n, const struct nat_policy *p, struct mapping *m,
				   uint32_t *out)
{
	const struct tuple *inside = &m->key[SIDE_INSIDE];
	struct endpoint e = { policy_one_to_one(n, p, inside->local), inside->local_port };

	m->key[SIDE_INSIDE] = mapping_inside_key(inside, NAT_ENDPOINT_INDEPENDENT);
	m->key[SIDE_OUTSIDE] = outside_key(inside->protocol, e);
	m->filtering = (uint8_t)p->behaviour[nat_class_of(inside->protocol)].filtering;
	m->address = NO_ADDRESS;
	m->one_to_one = true;
	/* What is a forward's, or is mapped otherwise since before a reload, is not there for it. */
	if (forward_by_external(n, inside->protocol, e) ||
	    mapping_find(n, inside) != SLAB_NONE)
		return REASON_SESSION_CONFLICT;
	return find_or_make(n, m, out);
}

/* RFC 6092: nothing is translated; the mapping is the record that the inside has spoken. */
static enum reason make_plain(struct nat *n, const struct nat_policy *p, struct mapping *m,
			      uint32_t *out)
{
	const struct tuple *inside = &m->key[SIDE_INSIDE];

	m->key[SIDE_OUTSIDE] = outside_key(inside->protocol,
					   (struct endpoint){ inside->local, inside->local_port });
	m->filtering = (uint8_t)p->behaviour[nat_class_of(inside->protocol)].filtering;
	m->address = NO_ADDRESS;
	/* Several with mappings that depend on the remote endpoint have one outside. */
	m->key[SIDE_INSIDE] = mapping_inside_key(inside, NAT_ENDPOINT_INDEPENDENT);
	return find_or_make(n, m, out);
}

static enum reason make_dynamic(struct nat *n, const struct nat_policy *p, const struct tuple *t,
				struct mapping *m, uint32_t *out)
{
	enum reason r = host_admits_port(n, p, t->local);
	uint16_t port;

	if (r != REASON_NONE)
		return r;
	if (p->type == NAT_ONE_TO_ONE)
		return make_one_to_one(n, p, m, out);
	if (p->type == NAT_FIREWALL)
		return make_plain(n, p, m, out);
	m->filtering = (uint8_t)p->behaviour[nat_class_of(t->protocol)].filtering;
	m->planned = nat_policy_is_planned(p);
	if (sibling_endpoint(n, p, &m->key[SIDE_INSIDE], &m->address, &port) ||
	    choose_endpoint(n, p, t, &m->address, &port)) {
		m->key[SIDE_OUTSIDE] = outside_key(t->protocol,
						   (struct endpoint){ n->pool.now[m->address],
								      be16_from(port) });
		return mapping_make(n, m, out);
	}
	return p->exhausted == NAT_EXHAUSTED_OVERLOAD ? make_shared(n, p, t, m, out)
						      : REASON_OUT_OF_PORTS;
}

/* Basic NAT has one outside endpoint for all. */
static enum nat_dependence dependence_of(const struct nat_policy *p, uint8_t protocol)
{
	return p->type == NAT_ONE_TO_ONE || p->type == NAT_FIREWALL ? NAT_ENDPOINT_INDEPENDENT
					 : p->behaviour[nat_class_of(protocol)].mapping;
}

enum reason mapping_for_inside(struct nat *n, const struct tuple *t, uint32_t *mapping)
{
	const struct nat_policy *p = policy_of(n, t->local, t->remote);
	struct mapping m = { .refresh = (uint8_t)p->refresh };
	struct endpoint internal = { t->local, t->local_port }, external;
	const struct nat_forward *f;
	enum reason r;

	/* RFC 4787 REQ-1 for forwards, whatever the policy: what the endpoint opens itself leaves
	 * from the forwarded port. */
	f = forward_by_internal(n, t->protocol, internal, t->remote, &external);
	if (f && !f->grouped) {
		m.key[SIDE_INSIDE] = mapping_inside_key(t, NAT_ENDPOINT_INDEPENDENT);
		m.key[SIDE_OUTSIDE] = outside_key(t->protocol, external);
		r = forward_mapping(n, &m, mapping);
	} else {
		m.key[SIDE_INSIDE] = mapping_inside_key(t, dependence_of(p, t->protocol));
		*mapping = mapping_settle(n, mapping_find(n, &m.key[SIDE_INSIDE]));
		r = *mapping == SLAB_NONE ? make_dynamic(n, p, t, &m, mapping) : REASON_NONE;
	}
	if (r != REASON_NONE)
		*mapping = SLAB_NONE;
	return r;
}

/* RFC 4787 REQ-8. What an inside host may reach by hairpinning is not for the outside filter to say
 * (REQ-9). */
static enum reason check_filter(const struct nat *n, const struct mapping *m,
				const struct opening *o, be32 remote)
{
	if (m->filtering == NAT_ENDPOINT_INDEPENDENT || o->hairpinned)
		return REASON_NONE;
	if (m->filtering == NAT_ADDRESS_DEPENDENT && peer_is_known(n, m, remote))
		return REASON_NONE;
	return REASON_FILTERED;
}

/* RFC 6888 REQ-5: what strangers open does not use up the table. */
static enum reason mapping_admits(const struct nat *n, const struct mapping *m)
{
	const struct nat_policy *p = policy_of(n, m->key[SIDE_INSIDE].local,
					       m->key[SIDE_OUTSIDE].local);

	return p && p->sessions_per_mapping && m->sessions >= p->sessions_per_mapping
		       ? REASON_MAPPING_LIMIT
		       : REASON_NONE;
}

static uint8_t refresh_of(const struct nat *n, be32 inside, be32 far)
{
	const struct nat_policy *p = policy_of(n, inside, far);

	return (uint8_t)(p ? p->refresh : NAT_REFRESH_OUTBOUND);
}

/* After a reload a mapping may be there for its sessions only: nobody else may use it. */
static bool is_current(const struct nat *n, const struct mapping *m)
{
	const struct tuple *inside = &m->key[SIDE_INSIDE], *outside = &m->key[SIDE_OUTSIDE];
	const struct nat_forward *f = forward_by_external(n, outside->protocol,
							  tuple_local(outside));
	struct endpoint e;
	be32 now;

	if (!mapping_takes_more(n, m) || (m->forward && (!f || f->grouped)))
		return false;
	if (m->forward) {
		e = forward_internal(n, f, outside->local_port);
		return be32_equal(e.address, inside->local) && be16_equal(e.port, inside->local_port);
	}
	if (is_name(inside->local) && be32_equal(inside->local, outside->local)) {
		const struct nat_policy *p = policy_of(n, inside->local, outside->local);

		return p && p->type == NAT_FIREWALL;
	}
	return !m->one_to_one ||
	       (policy_of_outside(n, outside->local, &now) && be32_equal(now, inside->local));
}

/* What the configuration says about an outside endpoint that no mapping has; or, if it is stale, one
 * that may not be used: then a forward's new mapping is its session's alone. */
static enum reason plan_static(struct nat *n, const struct tuple *t, const struct opening *o,
			       bool stale, struct mapping *m)
{
	struct endpoint external = { t->local, t->local_port };
	const struct nat_forward *f = forward_by_external(n, t->protocol, external);
	struct endpoint internal = external;
	enum reason r = REASON_NONE;

	if (f) {
		internal = forward_internal(n, forward_target(n, f, t), external.port);
		if (f->grouped || stale)
			m->key[SIDE_OUTSIDE] = *t;
	} else {
		const struct nat_policy *p = n->one_to_one ? policy_of_outside(n, t->local,
									       &internal.address)
							   : NULL;

		if (!p)
			return stale ? REASON_NO_MAPPING : sibling_let_in(n, m, o->hairpinned);
		m->one_to_one = true;
		m->filtering = (uint8_t)p->behaviour[nat_class_of(t->protocol)].filtering;
		r = check_filter(n, m, o, t->remote);
	}
	m->forward = f != NULL;
	m->refresh = refresh_of(n, internal.address, t->local);
	m->key[SIDE_INSIDE] = (struct tuple){
		.local = internal.address,
		.local_port = internal.port,
		.protocol = t->protocol,
		.side = SIDE_INSIDE,
		.tag = be16_from(is_name(internal.address) && !is_name(t->local) ? MAPPING_TO_V4
										  : 0),
	};
	return r;
}

enum reason mapping_for_outside(struct nat *n, const struct tuple *t, const struct opening *o,
				uint32_t *mapping)
{
	struct endpoint external = { t->local, t->local_port };
	struct mapping m = { .key[SIDE_OUTSIDE] = outside_key(t->protocol, external) };
	enum reason r;
	bool stale;

	*mapping = mapping_find_outside(n, &m.key[SIDE_OUTSIDE]);
	stale = *mapping != SLAB_NONE && !is_current(n, &n->mappings[*mapping]);
	if (stale)
		*mapping = SLAB_NONE;
	if (*mapping != SLAB_NONE) {
		m.key[SIDE_INSIDE] = n->mappings[*mapping].key[SIDE_INSIDE];
		r = check_filter(n, &n->mappings[*mapping], o, t->remote);
		if (r == REASON_FILTERED && helper_expects(n, t))
			r = REASON_NONE;
	} else {
		r = plan_static(n, t, o, stale, &m);
	}
	if (r == REASON_NONE)
		r = o->reason;
	if (r == REASON_NONE)
		r = host_admits_stranger(n, m.key[SIDE_INSIDE].local, t);
	if (r == REASON_NONE && *mapping != SLAB_NONE)
		r = mapping_admits(n, &n->mappings[*mapping]);
	if (r != REASON_NONE || *mapping != SLAB_NONE)
		return r;
	if (m.forward)
		return forward_mapping(n, &m, mapping);
	if (!m.one_to_one)
		return mapping_make(n, &m, mapping);
	return make_one_to_one(n, policy_of(n, m.key[SIDE_INSIDE].local, t->local), &m, mapping);
}

/* RFC 6888 REQ-8: where old peers could still reach it, a port rests before it is somebody else's.
 * TCP is tracked, and the other filters keep old peers out. */
static bool must_rest(const struct nat *n, const struct mapping *m)
{
	/* Nor do they reach another address. */
	if (!be32_equal(n->pool.now[m->address], m->key[SIDE_OUTSIDE].local))
		return false;
	return m->filtering == NAT_ENDPOINT_INDEPENDENT && m->used && !m->forward &&
	       nat_class_of(m->key[SIDE_INSIDE].protocol) != NAT_CLASS_TCP;
}

static void give_port(struct nat *n, const struct mapping *m)
{
	const struct tuple *outside = &m->key[SIDE_OUTSIDE];
	struct port_ref ref = { m->address, (uint8_t)ports_protocol(outside->protocol),
				be16_host(outside->local_port) };

	if (m->planned)
		block_give(n, m);
	else if (m->address == NO_ADDRESS)
		return;
	else if (must_rest(n, m))
		save_port(n, ports_rest(&n->ports, ref, hold_until(n)));
	else
		ports_give(&n->ports, ref.address, ref.protocol, ref.port);
}

void mapping_drop_unused(struct nat *n, uint32_t mapping)
{
	struct mapping *m = &n->mappings[mapping];

	if (m->sessions)
		return;
	note(n, m, EVENT_MAPPING_DELETED);
	unindex_mapping(n, mapping);
	give_port(n, m);
	hold_remotes(n, m, name_release);
	n->hosts[m->host].mappings -= holds_port(m);
	host_drop_unused(n, m->host);
	m->key[SIDE_INSIDE].protocol = 0;
	slab_give(&n->mapping_slab, mapping);
}
