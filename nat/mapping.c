/*
 * Mappings: which outside endpoint stands for an inside one.
 *
 * A mapping is found by its inside endpoint, together with as much of the remote one as the mapping
 * behaviour says (RFC 4787 section 4.1), and by its outside endpoint. It lives as long as it has
 * sessions. Forwards are mappings too, made when first used, so that replies and new sessions of
 * the inside endpoint leave from the forwarded port.
 */
#include "core.h"

enum { LOW_PORTS_END = 1024 };

static const struct port_range all_identifiers = { 0, 65535 };

static struct tuple inside_key(const struct tuple *t, enum nat_dependence mapping)
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

static uint32_t find(const struct nat *n, const struct tuple *key)
{
	uint32_t value = table_find(&n->mappings_by, hash_tuple(&n->hash, key), key);

	return value == TABLE_NONE ? SLAB_NONE : value >> 1;
}

/* RFC 4787 REQ-2: one outside address for all that an inside host does. Keyed by the seed that all
 * workers share, so that they agree without talking. */
static uint16_t choose_address(const struct nat *n, const struct nat_policy *p, const struct tuple *t)
{
	bool paired = p->pooling == NAT_POOLING_PAIRED;
	uint64_t other = paired ? 0 : (uint64_t)t->local_port.raw << 8 | t->protocol;
	uint64_t h = hash_words(&n->hash, t->local.raw, other);

	return (uint16_t)(p->pool_first + (uint32_t)(((h >> 32) * p->pool_count) >> 32));
}

/* RFC 4787 REQ-3a: ports below 1024 stay there, if the policy has such a range. */
static struct port_range range_for(const struct nat_policy *p, const struct tuple *t)
{
	if (t->protocol == PROTO_ICMP)
		return all_identifiers;
	if (p->low_ports.last && be16_host(t->local_port) < LOW_PORTS_END)
		return p->low_ports;
	return p->ports;
}

static uint16_t start_of(struct nat *n, const struct nat_policy *p, const struct ports_wish *w)
{
	uint32_t width = w->range.last - w->range.first + 1u;

	if (p->port_selection == NAT_PORT_SEQUENTIAL)
		return n->next_port[w->address * PORTS_PROTOCOLS + w->protocol];
	return (uint16_t)(w->range.first + nat_draw(n, width));
}

/* A forward's external ports are never given to anybody else. *beyond: where to look on. */
static bool is_forwarded(const struct nat *n, const struct tuple *t, struct endpoint e,
			 uint16_t *beyond)
{
	const struct nat_forward *f = forward_by_external(&n->config, t->protocol, e);

	if (f)
		*beyond = f->last;
	return f;
}

static int find_port(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		     struct ports_wish *w)
{
	uint16_t beyond = 0;
	int port = PORT_NONE;

	w->start = start_of(n, p, w);
	/* Each forward is stepped over once at the most before the search has come round. */
	for (size_t tries = 0; tries <= 2 * n->config.forward_count; tries++) {
		port = ports_find(&n->ports, w);
		if (port == PORT_NONE)
			return PORT_NONE;
		if (!is_forwarded(n, t, (struct endpoint){ n->config.pool[w->address],
							   be16_from((uint16_t)port) }, &beyond))
			return port;
		w->start = beyond < w->range.last ? (uint16_t)(beyond + 1) : w->range.first;
	}
	return PORT_NONE;
}

static bool preserved_is_free(const struct nat *n, const struct tuple *t, const struct ports_wish *w)
{
	uint16_t port = be16_host(t->local_port);
	uint16_t beyond;

	return port >= w->range.first && port <= w->range.last && ports_is_own(&n->ports, port) &&
	       !ports_is_taken(&n->ports, w->address, w->protocol, port) &&
	       !is_forwarded(n, t, (struct endpoint){ n->config.pool[w->address], t->local_port },
			     &beyond);
}

/* RFC 6056 section 3.3, RFC 4787 REQ-4: the port one has, else an unpredictable one of the same
 * parity. */
static int choose_port(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		       uint16_t address)
{
	uint16_t wanted = be16_host(t->local_port);
	struct ports_wish w = {
		.address = address,
		.protocol = ports_protocol(t->protocol),
		.range = range_for(p, t),
		.parity = p->parity && t->protocol == PROTO_UDP ? wanted & 1 : -1,
	};
	int port;

	if (p->port_selection == NAT_PORT_PRESERVE && preserved_is_free(n, t, &w))
		return wanted;
	port = find_port(n, p, t, &w);
	if (port != PORT_NONE && p->port_selection == NAT_PORT_SEQUENTIAL)
		n->next_port[address * PORTS_PROTOCOLS + w.protocol] = (uint16_t)(port + 1);
	return port;
}

static uint32_t host_find(const struct nat *n, const struct tuple *key)
{
	return table_find(&n->hosts_by, hash_tuple(&n->hash, key), key);
}

/* Number of the host's record, made if there is none. */
static uint32_t host_take(struct nat *n, be32 address)
{
	struct tuple key = { .local = address };
	uint32_t host = host_find(n, &key);

	if (host != TABLE_NONE)
		return host;
	host = slab_take(&n->host_slab);
	if (host == SLAB_NONE)
		return SLAB_NONE;
	n->hosts[host] = (struct host){ .key = key };
	if (table_insert(&n->hosts_by, hash_tuple(&n->hash, &key), host))
		return host;
	slab_give(&n->host_slab, host);
	return SLAB_NONE;
}

static void host_drop_unused(struct nat *n, uint32_t host)
{
	struct host *h = &n->hosts[host];

	if (h->sessions)
		return;
	table_remove(&n->hosts_by, hash_tuple(&n->hash, &h->key), host);
	slab_give(&n->host_slab, host);
}

static bool host_is_full(const struct nat *n, be32 address)
{
	struct tuple key = { .local = address };
	uint32_t host = host_find(n, &key);

	return host != TABLE_NONE && n->hosts[host].sessions >= n->host_limit;
}

enum reason host_admits(const struct nat *n, be32 inside)
{
	if (host_is_full(n, inside))
		return REASON_HOST_LIMIT;
	if (slab_used(&n->session_slab) == n->session_slab.capacity)
		return REASON_SESSION_LIMIT;
	return REASON_NONE;
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

/* Make a mapping of these keys; the outside port must be free. */
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
	*out = number;
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

	*out = find(n, outside);
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

static enum reason make_dynamic(struct nat *n, const struct nat_policy *p, struct mapping *m,
				uint32_t *out)
{
	const struct tuple *inside = &m->key[SIDE_INSIDE];
	uint16_t address = choose_address(n, p, inside);
	int port = choose_port(n, p, inside, address);

	if (port == PORT_NONE)
		return REASON_OUT_OF_PORTS;
	m->key[SIDE_OUTSIDE] = outside_key(inside->protocol,
					   (struct endpoint){ n->config.pool[address],
							      be16_from((uint16_t)port) });
	m->address = address;
	m->filtering = (uint8_t)p->behaviour[nat_class_of(inside->protocol)].filtering;
	return make(n, m, out);
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
		m.key[SIDE_INSIDE] = inside_key(t, NAT_ENDPOINT_INDEPENDENT);
		m.key[SIDE_OUTSIDE] = outside_key(t->protocol, external);
		r = forward_mapping(n, &m, mapping);
	} else {
		m.key[SIDE_INSIDE] = inside_key(t, p->behaviour[nat_class_of(t->protocol)].mapping);
		*mapping = find(n, &m.key[SIDE_INSIDE]);
		r = *mapping == SLAB_NONE ? make_dynamic(n, p, &m, mapping) : REASON_NONE;
	}
	if (r != REASON_NONE)
		*mapping = SLAB_NONE;
	return r;
}

/* RFC 4787 REQ-8. A remote address of our own pool is an inside host hairpinning: what it may reach
 * is not for the outside filter to say (REQ-9). */
static enum reason check_filter(const struct nat *n, const struct mapping *m, be32 remote)
{
	uint16_t index;

	if (m->filtering == NAT_ENDPOINT_INDEPENDENT || pool_has(&n->config, remote, &index))
		return REASON_NONE;
	if (m->filtering == NAT_ADDRESS_DEPENDENT && session_has_peer(n, m, remote))
		return REASON_NONE;
	return REASON_FILTERED;
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

	*mapping = find(n, &m.key[SIDE_OUTSIDE]);
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
	if (r != REASON_NONE || *mapping != SLAB_NONE)
		return r;
	m.refresh = refresh_of(n, internal.address);
	m.key[SIDE_INSIDE] = (struct tuple){ .local = internal.address, .local_port = internal.port,
					     .protocol = t->protocol, .side = SIDE_INSIDE };
	return forward_mapping(n, &m, mapping);
}

void mapping_drop_unused(struct nat *n, uint32_t mapping)
{
	struct mapping *m = &n->mappings[mapping];

	if (m->sessions)
		return;
	table_remove(&n->mappings_by, hash_tuple(&n->hash, &m->key[SIDE_OUTSIDE]),
		     mapping << 1 | SIDE_OUTSIDE);
	if (!m->forward)
		table_remove(&n->mappings_by, hash_tuple(&n->hash, &m->key[SIDE_INSIDE]),
			     mapping << 1 | SIDE_INSIDE);
	if (m->address != NO_ADDRESS)
		ports_give(&n->ports, m->address, ports_protocol(m->key[0].protocol),
			   be16_host(m->key[SIDE_OUTSIDE].local_port));
	host_drop_unused(n, m->host);
	m->key[SIDE_INSIDE].protocol = 0;
	slab_give(&n->mapping_slab, mapping);
}
