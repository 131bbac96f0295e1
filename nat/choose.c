/*
 * Which outside address and port a new mapping gets.
 *
 * Nothing is taken here. An address follows from the inside address by a keyed hash that all workers
 * share (RFC 4787 REQ-2); a port is one of this worker's class, as the policy wishes it.
 */
#include "core.h"

enum { LOW_PORTS_END = 1024, PAIR_TRIES = 64, SHARE_TRIES = 1024, TRIES_BESIDES = 16 };

static const struct port_range all_identifiers = { 0, 65535 };

/* What an address follows from. */
static struct known_words pooling_of(const struct nat *n, const struct nat_policy *p,
				     const struct tuple *t)
{
	bool arbitrary = p->pooling == NAT_POOLING_ARBITRARY;

	return (struct known_words){
		name_word(n, t->local), arbitrary ? (uint64_t)t->local_port.raw << 8 | t->protocol : 0, 0
	};
}

static uint16_t address_by(const struct nat *n, const struct nat_policy *p, uint64_t hash)
{
	uint32_t at = (uint32_t)(((hash >> 32) * p->pool_count) >> 32);

	/* Who had an address that was taken away goes to the next; all others stay. */
	for (uint32_t i = 0; i < p->pool_count && !n->pool.now[p->pool_first + at].raw; i++)
		at = at + 1 < p->pool_count ? at + 1 : 0;
	return (uint16_t)(p->pool_first + at);
}

static uint16_t address_of(const struct nat *n, const struct nat_policy *p, const struct tuple *t)
{
	struct known_words k = pooling_of(n, p, t);

	return address_by(n, p, hash_known_words(&n->hash, &n->hashes->pooling, k.a, k.b));
}

uint16_t choose_guess_address(const struct nat *n, const struct nat_policy *p, const struct tuple *t,
			      struct known_words *pooling)
{
	*pooling = pooling_of(n, p, t);
	pooling->hash = hash_words(&n->hash, pooling->a, pooling->b);
	return address_by(n, p, pooling->hash);
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

static struct endpoint endpoint_at(const struct nat *n, const struct ports_wish *w, uint16_t port)
{
	return (struct endpoint){ n->pool.now[w->address], be16_from(port) };
}

static uint16_t start_of(struct nat *n, const struct nat_policy *p, const struct tuple *t,
			 const struct ports_wish *w)
{
	uint32_t width = w->range.last - w->range.first + 1u;

	if (p->port_selection == NAT_PORT_SEQUENTIAL)
		return n->next_port[w->address * PORTS_PROTOCOLS + w->protocol];
	if (p->port_selection == NAT_PORT_PRESERVE && p->conflict == NAT_CONFLICT_SEQUENTIAL)
		return be16_host(t->local_port);
	return (uint16_t)(w->range.first + nat_draw(n, width));
}

/* A forward's external ports, and what is left of ranges when a policy has changed, are never given to
 * anybody else. *beyond: where to look on. */
static bool is_reserved(const struct nat *n, const struct tuple *t, const struct ports_wish *w,
			uint16_t port, uint16_t *beyond)
{
	struct endpoint e = endpoint_at(n, w, port);
	const struct nat_forward *f = forward_by_external(n, t->protocol, e);

	if (!f && w->other)
		f = forward_by_external(n, w->other, e);
	*beyond = f ? f->last : port;
	return f || block_covers(n, w->address, port, beyond);
}

/* The same for whoever wants it alone: a port may be a static mapping's of before a reload. */
static bool is_held(const struct nat *n, const struct tuple *t, const struct ports_wish *w,
		    uint16_t port, uint16_t *beyond)
{
	return is_reserved(n, t, w, port, beyond) ||
	       (w->other && ports_is_taken(&n->ports, w->address, ports_protocol(w->other), port)) ||
	       mapping_has(n, t->protocol, endpoint_at(n, w, port));
}

static int find_from(struct nat *n, const struct tuple *t, struct ports_wish *w)
{
	size_t reserved = n->config.forward_count + slab_used(&n->blocks.slab);
	uint16_t beyond = 0;
	int port = PORT_NONE;

	/* Each is stepped over once at the most before the search has come round. */
	for (size_t tries = 0; tries <= 2 * reserved + TRIES_BESIDES; tries++) {
		port = ports_find(&n->ports, w);
		if (port == PORT_NONE)
			return PORT_NONE;
		if (!is_held(n, t, w, (uint16_t)port, &beyond))
			return port;
		w->start = beyond < w->range.last ? (uint16_t)(beyond + 1) : w->range.first;
	}
	return PORT_NONE;
}

static bool is_free(const struct nat *n, const struct tuple *t, const struct ports_wish *w,
		    uint16_t port)
{
	uint16_t beyond;

	return port >= w->range.first && port <= w->range.last &&
	       ports_is_free(&n->ports, w->address, w->protocol, port) &&
	       !is_held(n, t, w, port, &beyond);
}

/* The outside port of the mapping that the inside neighbour of a pair has, or PORT_NONE. */
static int neighbour_port(const struct nat *n, const struct nat_policy *p, const struct tuple *t,
			  const struct ports_wish *w)
{
	enum nat_dependence depends = p->behaviour[nat_class_of(t->protocol)].mapping;
	struct tuple key = mapping_inside_key(t, depends);
	const struct mapping *m;
	uint32_t number;

	key.local_port = be16_from(be16_host(t->local_port) ^ 1);
	number = mapping_find(n, &key);
	if (number == SLAB_NONE)
		return PORT_NONE;
	m = &n->mappings[number];
	return m->address == w->address ? be16_host(m->key[SIDE_OUTSIDE].local_port) : PORT_NONE;
}

/* RFC 4787 section 4.2.3: beside the neighbour, or where there is room for one. */
static int find_contiguous(struct nat *n, const struct nat_policy *p, const struct tuple *t,
			   struct ports_wish *w)
{
	int neighbour = neighbour_port(n, p, t, w);
	int port = PORT_NONE;

	/* It may have its port by other rules, from before the policy was changed. */
	if (neighbour != PORT_NONE && (w->parity < 0 || ((neighbour ^ 1) & 1) == w->parity) &&
	    is_free(n, t, w, (uint16_t)(neighbour ^ 1)))
		return neighbour ^ 1;
	for (int i = 0; i < PAIR_TRIES; i++) {
		w->start = start_of(n, p, t, w);
		port = find_from(n, t, w);
		if (port == PORT_NONE || is_free(n, t, w, (uint16_t)(port ^ 1)))
			break;
	}
	return port;
}

static int parity_of(const struct nat_policy *p, const struct tuple *t)
{
	bool kept = p->port_selection == NAT_PORT_PARITY ||
		    p->port_selection == NAT_PORT_CONTIGUOUS ||
		    (p->parity && t->protocol == PROTO_UDP);

	return kept && t->protocol != PROTO_ICMP ? be16_host(t->local_port) & 1 : -1;
}

/* RFC 6056 section 3.3, RFC 4787 REQ-4: the port one has, else an unpredictable one of the same
 * parity. */
static int port_of(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		   uint16_t address)
{
	uint16_t wanted = be16_host(t->local_port);
	struct ports_wish w = {
		.address = address,
		.protocol = ports_protocol(t->protocol),
		.range = range_for(p, t),
		.parity = parity_of(p, t),
		.other = sibling_protocol(p, t->protocol),
	};

	if (nat_policy_is_planned(p))
		return block_find_port(n, p, t, address);
	if (p->port_selection == NAT_PORT_CONTIGUOUS)
		return find_contiguous(n, p, t, &w);
	if (p->port_selection == NAT_PORT_PRESERVE && is_free(n, t, &w, wanted))
		return wanted;
	if (p->port_selection == NAT_PORT_PRESERVE && p->conflict == NAT_CONFLICT_REFUSE)
		return PORT_NONE;
	w.start = start_of(n, p, t, &w);
	return find_from(n, t, &w);
}

/* RFC 7422: it follows from the plan, for whoever is a host by it. */
static uint16_t paired_address(const struct nat *n, const struct nat_policy *p,
			       const struct tuple *t)
{
	struct port_range share;
	uint16_t address;

	return nat_policy_share_of(p, t->local, &address, &share) ? address : address_of(n, p, t);
}

uint16_t choose_address(const struct nat *n, const struct nat_policy *p, const struct tuple *t,
			uint16_t i)
{
	uint32_t at = paired_address(n, p, t) - p->pool_first + (uint32_t)i;

	return (uint16_t)(p->pool_first + at % p->pool_count);
}

/* RFC 4787 REQ-3: a port that is preserved, or one at random if that is taken, as port_of() has it. */
int choose_guess(const struct nat *n, const struct nat_policy *p, const struct tuple *t,
		 uint16_t address, uint64_t *draw)
{
	uint16_t wanted = be16_host(t->local_port);
	bool random = p->port_selection == NAT_PORT_RANDOM || p->port_selection == NAT_PORT_PARITY;
	struct ports_wish w = {
		.address = address,
		.protocol = ports_protocol(t->protocol),
		.range = range_for(p, t),
		.parity = parity_of(p, t),
	};

	if (p->port_selection == NAT_PORT_PRESERVE) {
		if (wanted >= w.range.first && wanted <= w.range.last &&
		    ports_is_free(&n->ports, address, w.protocol, wanted))
			return wanted;
		random = p->conflict == NAT_CONFLICT_RANDOM;
	}
	if (!random)
		return PORT_NONE;
	w.start = (uint16_t)(w.range.first +
			     nat_draw_at(n, (*draw)++, w.range.last - w.range.first + 1u));
	return ports_find(&n->ports, &w);
}

/* Whether a session goes from this outside endpoint to the remote one of t: ports that are shared are
 * not taken, but free only towards others. */
static bool is_used_towards(const struct nat *n, const struct nat_policy *p, const struct tuple *t,
			    struct endpoint e)
{
	struct tuple outside = *t;

	if (p->exhausted != NAT_EXHAUSTED_OVERLOAD)
		return false;
	outside.side = SIDE_OUTSIDE;
	outside.local = e.address;
	outside.local_port = e.port;
	outside.remote = policy_far(p, t->remote, SIDE_OUTSIDE);
	return session_find(n, &outside) != SLAB_NONE;
}

/* Sequential selection goes on behind what was given last. */
static void note_given(struct nat *n, const struct nat_policy *p, uint8_t protocol, uint16_t address,
		       uint16_t port)
{
	if (p->port_selection == NAT_PORT_SEQUENTIAL)
		n->next_port[address * PORTS_PROTOCOLS + ports_protocol(protocol)] =
			(uint16_t)(port + 1);
}

bool choose_endpoint(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		     uint16_t *address, uint16_t *port)
{
	uint16_t tries = p->pooling == NAT_POOLING_SOFT ? p->pool_count : 1;

	for (uint16_t i = 0; i < tries; i++) {
		struct endpoint e;
		int found;

		*address = choose_address(n, p, t, i);
		found = n->pool.now[*address].raw ? port_of(n, p, t, *address) : PORT_NONE;
		if (found == PORT_NONE)
			continue;
		*port = (uint16_t)found;
		e = (struct endpoint){ n->pool.now[*address], be16_from(*port) };
		if (is_used_towards(n, p, t, e))
			continue;
		note_given(n, p, t->protocol, *address, *port);
		return true;
	}
	return false;
}

/* RFC 7857 section 3: somebody else's endpoint, where nobody uses it towards this remote one. */
bool choose_shared(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		   struct endpoint *shared)
{
	struct port_range range = range_for(p, t);
	struct ports_wish w = { .address = address_of(n, p, t) };
	uint32_t width = range.last - range.first + 1u;
	uint32_t start = nat_draw(n, width), tries = 0;
	uint16_t beyond;

	if (!n->pool.now[w.address].raw)
		return false;
	for (uint32_t i = 0; i < width && tries < SHARE_TRIES; i++, tries++) {
		uint16_t port = (uint16_t)(range.first + (start + i) % width);

		*shared = endpoint_at(n, &w, port);
		if (is_reserved(n, t, &w, port, &beyond))
			i += (beyond < range.last ? beyond : range.last) - (uint32_t)port;
		else if (ports_is_own(&n->ports, port) && !is_used_towards(n, p, t, *shared))
			return true;
	}
	return false;
}
