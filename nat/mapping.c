/*
 * Mappings: which outside endpoint stands for an inside one.
 *
 * A mapping is found by its inside endpoint, together with as much of the remote one as the mapping
 * behaviour says (RFC 4787 section 4.1), and by its outside endpoint; one that shares its outside
 * endpoint, by that and the remote one. It lives as long as it has sessions. Forwards are mappings too, made when first used, so that replies and new sessions of
 * the inside endpoint leave from the forwarded port.
 */
#include "core.h"

struct tuple mapping_inside_key(const struct tuple *t, enum nat_dependence mapping)
{
	struct tuple key = *t;

	key.side = SIDE_INSIDE;
	if (mapping != NAT_ADDRESS_PORT_DEPENDENT)
		key.remote_port = (be16){ 0 };
	if (mapping == NAT_ENDPOINT_INDEPENDENT)
		key.remote = (be32){ 0 };
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
	uint32_t value = table_find(&n->mappings_by, hash_tuple(&n->hash, key), key);

	return value == TABLE_NONE ? SLAB_NONE : value >> 1;
}

/* Several forwards may lead to one inside endpoint; theirs are found from outside only. */
static bool index_mapping(struct nat *n, uint32_t number)
{
	struct mapping *m = &n->mappings[number];
	uint64_t outside = hash_tuple(&n->hash, &m->key[SIDE_OUTSIDE]);

	if (!table_insert(&n->mappings_by, outside, number << 1 | SIDE_OUTSIDE))
		return false;
	if (m->forward || table_insert(&n->mappings_by, hash_tuple(&n->hash, &m->key[SIDE_INSIDE]),
				       number << 1 | SIDE_INSIDE))
		return true;
	table_remove(&n->mappings_by, outside, number << 1 | SIDE_OUTSIDE);
	return false;
}

static void note(struct nat *n, const struct mapping *m, enum nat_event_kind kind)
{
	const struct tuple *inside = &m->key[SIDE_INSIDE], *outside = &m->key[SIDE_OUTSIDE];

	event_note(n, (struct nat_event){
		.kind = (uint8_t)kind,
		.protocol = inside->protocol,
		.inside = { inside->local, inside->local_port },
		.outside = { outside->local, outside->local_port },
	});
}

/* Make a mapping of these keys; the outside port must be free, unless the mapping shares it. */
static enum reason make(struct nat *n, const struct mapping *m, uint32_t *out)
{
	uint32_t number = slab_take(&n->mapping_slab);
	uint32_t host = number == SLAB_NONE ? SLAB_NONE : host_take(n, m->key[SIDE_INSIDE].local);

	if (host == SLAB_NONE || number == SLAB_NONE)
		goto no_host;
	n->mappings[number] = *m;
	n->mappings[number].host = host;
	if (!index_mapping(n, number))
		goto no_index;
	if (m->address != NO_ADDRESS)
		ports_take(&n->ports, m->address, ports_protocol(m->key[0].protocol),
			   be16_host(m->key[SIDE_OUTSIDE].local_port));
	n->hosts[host].mappings += !m->forward;
	*out = number;
	note(n, &n->mappings[number], EVENT_MAPPING_CREATED);
	return REASON_NONE;
no_index:
	host_drop_unused(n, host);
no_host:
	if (number != SLAB_NONE)
		slab_give(&n->mapping_slab, number);
	return REASON_SESSION_LIMIT;
}

/* The mapping of a forward: there already, or made. RFC 4787 REQ-3 holds here too: a port that
 * somebody still has from before the forward was configured is not shared. */
static enum reason forward_mapping(struct nat *n, struct mapping *m, uint32_t *out)
{
	const struct tuple *outside = &m->key[SIDE_OUTSIDE];
	const struct tuple *inside;

	*out = mapping_find(n, outside);
	if (*out != SLAB_NONE) {
		inside = &n->mappings[*out].key[SIDE_INSIDE];
		return be32_equal(inside->local, m->key[SIDE_INSIDE].local) &&
			       be16_equal(inside->local_port, m->key[SIDE_INSIDE].local_port)
			       ? REASON_NONE
			       : REASON_SESSION_CONFLICT;
	}
	if (!pool_has(&n->config, outside->local, &m->address) ||
	    !ports_is_own(&n->ports, be16_host(outside->local_port)))
		m->address = NO_ADDRESS;
	m->forward = true;
	m->filtering = NAT_ENDPOINT_INDEPENDENT;
	return make(n, m, out);
}

/* A mapping of one session alone: found by both endpoints together, on either side. */
static enum reason make_shared(struct nat *n, const struct nat_policy *p, const struct tuple *t,
			       struct mapping *m, uint32_t *out)
{
	struct endpoint shared;

	if (!choose_shared(n, p, t, &shared))
		return REASON_OUT_OF_PORTS;
	m->key[SIDE_INSIDE] = m->key[SIDE_OUTSIDE] = *t;
	m->key[SIDE_OUTSIDE].side = SIDE_OUTSIDE;
	m->key[SIDE_OUTSIDE].local = shared.address;
	m->key[SIDE_OUTSIDE].local_port = shared.port;
	m->address = NO_ADDRESS;
	return make(n, m, out);
}

static enum reason make_dynamic(struct nat *n, const struct nat_policy *p, const struct tuple *t,
				struct mapping *m, uint32_t *out)
{
	enum reason r = host_admits_port(n, p, t->local);
	uint16_t port;

	if (r != REASON_NONE)
		return r;
	m->filtering = (uint8_t)p->behaviour[nat_class_of(t->protocol)].filtering;
	if (choose_endpoint(n, p, t, &m->address, &port)) {
		m->key[SIDE_OUTSIDE] = outside_key(t->protocol,
						   (struct endpoint){ n->config.pool[m->address],
								      be16_from(port) });
		return make(n, m, out);
	}
	return p->exhausted == NAT_EXHAUSTED_OVERLOAD ? make_shared(n, p, t, m, out)
						      : REASON_OUT_OF_PORTS;
}

enum reason mapping_for_inside(struct nat *n, const struct tuple *t, uint32_t *mapping)
{
	const struct nat_policy *p = policy_of(&n->config, t->local);
	struct mapping m = { .refresh = (uint8_t)p->refresh };
	struct endpoint external;
	enum reason r;

	/* RFC 4787 REQ-1 for forwards, whatever the policy: what the endpoint opens itself leaves
	 * from the forwarded port. */
	if (forward_by_internal(&n->config, t->protocol,
				(struct endpoint){ t->local, t->local_port }, &external)) {
		m.key[SIDE_INSIDE] = mapping_inside_key(t, NAT_ENDPOINT_INDEPENDENT);
		m.key[SIDE_OUTSIDE] = outside_key(t->protocol, external);
		r = forward_mapping(n, &m, mapping);
	} else {
		m.key[SIDE_INSIDE] = mapping_inside_key(t, p->behaviour[nat_class_of(t->protocol)].mapping);
		*mapping = mapping_find(n, &m.key[SIDE_INSIDE]);
		r = *mapping == SLAB_NONE ? make_dynamic(n, p, t, &m, mapping) : REASON_NONE;
	}
	if (r != REASON_NONE)
		*mapping = SLAB_NONE;
	return r;
}

/* RFC 4787 REQ-8. A remote address of our own pool is an inside host hairpinning: what it may reach
 * is not for the outside filter to say (REQ-9). */
static enum reason check_filter(const struct nat *n, const struct mapping *m, be32 remote)
{
	const struct nat_policy *p;
	uint16_t index;

	if (m->filtering == NAT_ENDPOINT_INDEPENDENT || pool_has(&n->config, remote, &index))
		return REASON_NONE;
	p = policy_of(&n->config, remote);
	if (p && p->hairpin == NAT_HAIRPIN_INTERNAL)
		return REASON_NONE;
	if (m->filtering == NAT_ADDRESS_DEPENDENT && session_has_peer(n, m, remote))
		return REASON_NONE;
	return REASON_FILTERED;
}

/* RFC 6888 REQ-5: what strangers open does not use up the table. */
static enum reason mapping_admits(const struct nat *n, const struct mapping *m)
{
	const struct nat_policy *p = policy_of(&n->config, m->key[SIDE_INSIDE].local);

	return p && p->sessions_per_mapping && m->sessions >= p->sessions_per_mapping
		       ? REASON_MAPPING_LIMIT
		       : REASON_NONE;
}

static uint8_t refresh_of(const struct nat *n, be32 inside)
{
	const struct nat_policy *p = policy_of(&n->config, inside);

	return (uint8_t)(p ? p->refresh : NAT_REFRESH_OUTBOUND);
}

enum reason mapping_for_outside(struct nat *n, const struct tuple *t, enum reason opens,
				uint32_t *mapping)
{
	struct endpoint external = { t->local, t->local_port };
	struct mapping m = { .key[SIDE_OUTSIDE] = outside_key(t->protocol, external) };
	const struct nat_forward *f = forward_by_external(&n->config, t->protocol, external);
	struct endpoint internal;
	enum reason r = REASON_NONE;

	*mapping = mapping_find(n, &m.key[SIDE_OUTSIDE]);
	if (*mapping != SLAB_NONE) {
		internal.address = n->mappings[*mapping].key[SIDE_INSIDE].local;
		r = check_filter(n, &n->mappings[*mapping], t->remote);
	} else if (f) {
		internal = forward_internal(f, external.port);
	} else {
		return REASON_NO_MAPPING;
	}
	if (r == REASON_NONE)
		r = opens;
	if (r == REASON_NONE)
		r = host_admits(n, internal.address);
	if (r == REASON_NONE && *mapping != SLAB_NONE)
		r = mapping_admits(n, &n->mappings[*mapping]);
	if (r != REASON_NONE || *mapping != SLAB_NONE)
		return r;
	m.refresh = refresh_of(n, internal.address);
	m.key[SIDE_INSIDE] = (struct tuple){ .local = internal.address, .local_port = internal.port,
					     .protocol = t->protocol, .side = SIDE_INSIDE };
	return forward_mapping(n, &m, mapping);
}

/* RFC 6888 REQ-8: where old peers could still reach it, a port rests before it is somebody else's.
 * TCP is tracked, and the other filters keep old peers out. */
static bool must_rest(const struct mapping *m)
{
	return m->filtering == NAT_ENDPOINT_INDEPENDENT && m->used && !m->forward &&
	       nat_class_of(m->key[SIDE_INSIDE].protocol) != NAT_CLASS_TCP;
}

static void give_port(struct nat *n, const struct mapping *m)
{
	const struct tuple *outside = &m->key[SIDE_OUTSIDE];
	struct port_ref ref = { m->address, ports_protocol(outside->protocol),
				be16_host(outside->local_port) };

	if (m->address == NO_ADDRESS)
		return;
	if (must_rest(m))
		ports_rest(&n->ports, ref, n->now.ms + n->config.timeout_ms[TIMEOUT_PORT_HOLD]);
	else
		ports_give(&n->ports, ref.address, ref.protocol, ref.port);
}

void mapping_drop_unused(struct nat *n, uint32_t mapping)
{
	struct mapping *m = &n->mappings[mapping];

	if (m->sessions)
		return;
	note(n, m, EVENT_MAPPING_DELETED);
	table_remove(&n->mappings_by, hash_tuple(&n->hash, &m->key[SIDE_OUTSIDE]),
		     mapping << 1 | SIDE_OUTSIDE);
	if (!m->forward)
		table_remove(&n->mappings_by, hash_tuple(&n->hash, &m->key[SIDE_INSIDE]),
			     mapping << 1 | SIDE_INSIDE);
	give_port(n, m);
	n->hosts[m->host].mappings -= !m->forward;
	host_drop_unused(n, m->host);
	m->key[SIDE_INSIDE].protocol = 0;
	slab_give(&n->mapping_slab, mapping);
}
