/*
 * Going on with what another process had.
 *
 * A record says what was; the configuration says what may be. A session goes on if the same inside
 * endpoint would have the same outside endpoint by it, whatever other endpoint it would get today; as
 * after a reload. Nothing in a record is believed: it comes from a file.
 */
#include "six.h"
#include "transport.h"

static bool is_v4(const struct nat_saved_end *e)
{
	return !e->is_v6;
}

/* The address of an end; one of IPv6 gets a name. False: none, or nobody's. */
static bool take_address(struct nat *n, const struct nat_saved_end *e, be32 *address)
{
	if (is_v4(e))
		memcpy(address, e->address.octets + 12, sizeof(*address));
	else
		*address = name_take(n, &e->address);
	return address->raw && is_name(*address) != is_v4(e);
}

/* NAT64: the remote end is embedded in a prefix of the inside host's. */
static bool extract(const struct nat *n, const struct nat_saved *s, struct tuple *inside)
{
	const struct ip6 *host = &s->local[SIDE_INSIDE].address, *remote = &s->remote[SIDE_INSIDE].address;
	uint16_t slot;

	if (is_v4(&s->remote[SIDE_INSIDE]) || !prefix_leads(n, host, remote, &slot))
		return false;
	inside->remote = rfc6052_extract(&n->prefixes.slots[slot].prefix, remote);
	inside->tag = prefix_tag(slot);
	return !is_name(inside->remote) && six_check_embedded(n, inside) == REASON_NONE;
}

static bool read_side(struct nat *n, const struct nat_saved *s, enum nat_side side, struct tuple *t)
{
	*t = (struct tuple){
		.local_port = s->local[side].port,
		.remote_port = s->remote[side].port,
		.protocol = s->protocol,
		.side = (uint8_t)side,
	};
	if (transport_is_paired(s->protocol))
		t->tag = s->tag[side];
	return take_address(n, &s->local[side], &t->local);
}

/* The keys of a session. */
static bool read_keys(struct nat *n, const struct nat_saved *s, struct tuple *key)
{
	struct tuple *inside = &key[SIDE_INSIDE], *outside = &key[SIDE_OUTSIDE];

	if (!read_side(n, s, SIDE_INSIDE, inside) || !read_side(n, s, SIDE_OUTSIDE, outside) ||
	    !take_address(n, &s->remote[SIDE_OUTSIDE], &outside->remote) ||
	    is_name(outside->remote) != is_name(outside->local))
		return false;
	if (is_name(inside->local) && !is_name(outside->local))
		return !transport_is_paired(s->protocol) && extract(n, s, inside) &&
		       be32_equal(inside->remote, outside->remote);
	return take_address(n, &s->remote[SIDE_INSIDE], &inside->remote) &&
	       is_name(inside->local) == is_name(outside->local) &&
	       is_name(inside->local) == is_name(inside->remote);
}

/* Who is half open from outside has still to show that it is where it says. */
static bool state_fits(const struct nat_saved *s, bool clean)
{
	if (nat_class_of(s->protocol) != NAT_CLASS_TCP)
		return s->state == TCP_NONE;
	switch (s->state) {
	case TCP_INIT_OUTSIDE: return clean;
	case TCP_INIT_INSIDE:
	case TCP_ESTABLISHED:
	case TCP_TRANSITORY: return true;
	case TCP_FIN_INSIDE:
	case TCP_FIN_OUTSIDE:
	case TCP_FIN_BOTH: return s->protocol == PROTO_TCP;
	default: return false;
	}
}

static bool is_possible(const struct nat_saved *s, bool clean)
{
	return transport_naming(s->protocol) != NOT_AT_ALL && state_fits(s, clean) &&
	       s->timeout < TIMEOUT_FRAGMENT && s->dependence <= NAT_ADDRESS_PORT_DEPENDENT &&
	       !(s->mapping & NAT_SAVED_HELPED);
}

/* When a record was, or will be over, by this process's clock. */
static int64_t time_of(const struct nat *n, const struct nat_saved *s, const struct nat_outage *outage)
{
	int64_t at;

	if (__builtin_add_overflow(s->at_ms, outage->later_ms, &at))
		return 0;
	return at < (int64_t)n->now.ms ? at : (int64_t)n->now.ms;
}

static bool plan_forward(const struct nat *n, const struct tuple *key, struct mapping *m)
{
	const struct tuple *outside = &key[SIDE_OUTSIDE];
	const struct nat_forward *f = forward_by_external(n, outside->protocol, tuple_local(outside));

	if (!f || !forward_has_target(n, f, key) || (f->grouped && !m->key[SIDE_OUTSIDE].remote.raw))
		return false;
	m->key[SIDE_INSIDE] = mapping_inside_key(&key[SIDE_INSIDE], NAT_ENDPOINT_INDEPENDENT);
	forward_plan(n, m);
	return true;
}

/* An endpoint of the pool: a port that is free, or one that is shared. */
static bool plan_dynamic(const struct nat *n, const struct nat_policy *p, const struct tuple *key,
			 struct mapping *m)
{
	uint16_t port = be16_host(key[SIDE_OUTSIDE].local_port);
	struct block_claim claim;

	if (!pool_has(n, key[SIDE_OUTSIDE].local, &m->address) || !policy_has_place(p, m->address) ||
	    (!port && transport_naming(key->protocol) == BY_PORTS))
		return false;
	if (m->key[SIDE_OUTSIDE].remote.raw) {
		m->key[SIDE_INSIDE] = key[SIDE_INSIDE];
		m->filtering = NAT_ADDRESS_PORT_DEPENDENT;
		m->address = NO_ADDRESS;
		return p->exhausted == NAT_EXHAUSTED_OVERLOAD;
	}
	m->planned = nat_policy_is_planned(p);
	claim = (struct block_claim){ .inside = key[SIDE_INSIDE].local, .address = m->address, .port = port };
	return m->planned ? block_admits(n, p, &claim)
			  : ports_is_free(&n->ports, m->address, ports_protocol(key->protocol), port);
}

/* The mapping of a session as today's configuration would make it; false: it would not. */
static bool plan(const struct nat *n, const struct nat_saved *s, const struct tuple *key,
		 struct mapping *m)
{
	const struct tuple *inside = &key[SIDE_INSIDE], *outside = &key[SIDE_OUTSIDE];
	const struct nat_policy *p = policy_of(n, inside->local, outside->local);

	m->refresh = (uint8_t)(p ? p->refresh : NAT_REFRESH_OUTBOUND);
	if (s->mapping & NAT_SAVED_FORWARD)
		return plan_forward(n, key, m);
	if (!p || forward_by_external(n, outside->protocol, tuple_local(outside)))
		return false;
	m->filtering = (uint8_t)p->behaviour[nat_class_of(outside->protocol)].filtering;
	switch (p->type) {
	case NAT_NAPT44:
	case NAT_NAPT66:
	case NAT_NAT64: return plan_dynamic(n, p, key, m);
	case NAT_ONE_TO_ONE:
		m->one_to_one = true;
		return !m->key[SIDE_OUTSIDE].remote.raw &&
		       be32_equal(policy_one_to_one(n, p, inside->local), outside->local) &&
		       be16_equal(inside->local_port, outside->local_port);
	case NAT_FIREWALL:
		return !m->key[SIDE_OUTSIDE].remote.raw && be32_equal(inside->local, outside->local) &&
		       be16_equal(inside->local_port, outside->local_port);
	default: return false;
	}
}

static bool same_inside(const struct mapping *a, const struct mapping *b)
{
	return tuple_equal(&a->key[SIDE_INSIDE], &b->key[SIDE_INSIDE]) && a->forward == b->forward;
}

/* The mapping of another session that went on already, or made. */
static enum reason join(struct nat *n, const struct nat_saved *s, const struct tuple *key,
			uint32_t *mapping)
{
	struct mapping m = { .address = NO_ADDRESS, .borrowed = s->mapping & NAT_SAVED_BORROWED };
	bool retired = s->mapping & NAT_SAVED_RETIRED;
	enum reason r;

	m.key[SIDE_INSIDE] = mapping_inside_key(&key[SIDE_INSIDE], (enum nat_dependence)s->dependence);
	m.key[SIDE_OUTSIDE] = key[SIDE_OUTSIDE];
	if (!(s->mapping & NAT_SAVED_SHARED)) {
		m.key[SIDE_OUTSIDE].remote = (be32){ 0 };
		m.key[SIDE_OUTSIDE].remote_port = (be16){ 0 };
	}
	m.forward = s->mapping & NAT_SAVED_FORWARD;
	*mapping = mapping_find(n, &m.key[SIDE_OUTSIDE]);
	if (*mapping != SLAB_NONE)
		return same_inside(&n->mappings[*mapping], &m) ? REASON_NONE : REASON_SESSION_CONFLICT;
	if (!plan(n, s, key, &m))
		return REASON_NO_MAPPING;
	if (!m.forward && !retired && mapping_find(n, &m.key[SIDE_INSIDE]) != SLAB_NONE)
		return REASON_SESSION_CONFLICT;
	r = mapping_make(n, &m, mapping);
	if (r == REASON_NONE && retired)
		mapping_retire(n, *mapping);
	return r;
}

/* What has passed since nobody knows, but after a clean end. What was opening may be open by now: what
 * either side says next tells. */
static void resume(struct nat *n, uint32_t number, const struct nat_saved *s, bool clean)
{
	struct session *session = session_at(n, number);

	session->state = s->state;
	session->timeout = s->timeout;
	session->scales = s->scales;
	for (int side = 0; side < SIDE_COUNT; side++) {
		session->window[side] = s->window[side];
		session->ack[side] = s->ack[side];
		session->end[side] = s->end[side];
	}
	if (s->protocol == PROTO_TCP)
		session->opened = s->opened;
	if (clean) {
		session->flags |= s->known & (3 * SESSION_KNOWN | 3 * SESSION_SENT);
	} else if (s->protocol == PROTO_TCP && s->state == TCP_INIT_INSIDE) {
		session->state = TCP_TRANSITORY;
		session->timeout = TIMEOUT_TCP_CLOSING;
	}
	if (session_is_half_open(session))
		half_open_note(n, number, true);
	pair_begin(n, number);
}

static enum reason go_on(struct nat *n, const struct nat_saved *s, const struct tuple *key,
			 uint32_t *session)
{
	const struct tuple *inside = &key[SIDE_INSIDE], *outside = &key[SIDE_OUTSIDE];
	uint32_t mapping = SLAB_NONE;
	enum reason r;

	if (session_find(n, inside) != SLAB_NONE || session_find(n, outside) != SLAB_NONE)
		return REASON_SESSION_CONFLICT;
	r = transport_is_paired(s->protocol) ? pair_resume(n, key, &mapping) : join(n, s, key, &mapping);
	if (r == REASON_NONE && s->state == TCP_INIT_OUTSIDE && !half_open_admits(n, mapping))
		r = REASON_HALF_OPEN_LIMIT;
	if (r == REASON_NONE)
		r = session_make_as(n, inside, outside, mapping, session);
	if (mapping != SLAB_NONE)
		mapping_drop_unused(n, mapping);
	return r;
}

static enum nat_restored restore(struct nat *n, const struct nat_saved *s,
				 const struct nat_outage *outage, uint32_t *session)
{
	struct tuple key[SIDE_COUNT];
	int64_t at = time_of(n, s, outage);
	uint16_t policy;

	if (!is_possible(s, outage->clean) || !read_keys(n, s, key))
		return NAT_RESTORED_NOT;
	if (owner_is_another(n, &key[SIDE_OUTSIDE]))
		return NAT_RESTORED_ANOTHER;
	policy = policy_number(n, key[SIDE_INSIDE].local, key[SIDE_OUTSIDE].local);
	if (at + policy_timeout(&n->config, policy, (enum nat_timeout)s->timeout) <= (int64_t)n->now.ms)
		return NAT_RESTORED_OVER;
	if (owner_is_another(n, &key[SIDE_INSIDE]) || go_on(n, s, key, session) != REASON_NONE)
		return NAT_RESTORED_NOT;
	resume(n, *session, s, outage->clean);
	session_at(n, *session)->seen_ms = (uint32_t)at;
	wheel_take(&n->wheel, *session);
	wheel_put(&n->wheel, *session, session_deadline(n, session_at(n, *session), n->now));
	save_session(n, *session);
	return NAT_RESTORED;
}

/* The log was told when it began. */
static uint32_t be_silent(struct nat *n)
{
	uint32_t mask = n->config.event_mask;

	n->config.event_mask = 0;
	return mask;
}

/* But a block may be another than it was then. */
static void tell_of_block(struct nat *n, uint32_t session, const struct nat_saved *s)
{
	const struct mapping *m = &n->mappings[session_at(n, session)->mapping];
	const struct port_range *now = m->planned ? &block_at(n, m->block)->ports : NULL;

	if (now && (now->first != s->first || now->last != s->last))
		block_tell(n, m->block);
}

enum nat_restored nat_restore(struct nat *n, nat_time now, const struct nat_saved *s,
			      const struct nat_outage *outage)
{
	enum nat_restored r;
	uint32_t mask, session;

	if (s->kind != NAT_SAVED_SESSION || !saved_is_whole(s))
		return NAT_RESTORED_NOBODY;
	clock_to(n, now);
	mask = be_silent(n);
	r = restore(n, s, outage, &session);
	n->config.event_mask = mask;
	if (r == NAT_RESTORED)
		tell_of_block(n, session, s);
	names_sweep(n);
	return r;
}

/* When a session would have been over, and its port free for others; or when what rests wakes. Never
 * later than what begins to rest now. 0: that is past. */
static uint64_t rest_until(const struct nat *n, const struct nat_saved *s,
			   const struct nat_outage *outage, uint16_t policy)
{
	int64_t until, most = (int64_t)hold_until(n);

	if (s->kind == NAT_SAVED_SESSION && s->timeout >= TIMEOUT_FRAGMENT)
		return 0;
	if (__builtin_add_overflow(s->at_ms, outage->later_ms, &until))
		return 0;
	until = until < most ? until : most;
	if (s->kind == NAT_SAVED_SESSION)
		until += policy_timeout(&n->config, policy, (enum nat_timeout)s->timeout) +
			 n->config.timeout_ms[TIMEOUT_PORT_HOLD];
	if (until <= (int64_t)n->now.ms)
		return 0;
	return (uint64_t)(until < most ? until : most);
}

static enum nat_restored rest_port(struct nat *n, const struct tuple *outside, uint16_t address,
				   uint64_t until_ms)
{
	struct port_ref ref = { address, (uint8_t)ports_protocol(outside->protocol),
				be16_host(outside->local_port) };

	if (!ports_is_own(&n->ports, ref.port))
		return NAT_RESTORED_ANOTHER;
	if (ports_is_taken(&n->ports, address, ref.protocol, ref.port) ||
	    forward_by_external(n, outside->protocol, tuple_local(outside)))
		return NAT_RESTORED_NOBODY;
	ports_take(&n->ports, address, ref.protocol, ref.port);
	save_port(n, ports_rest(&n->ports, ref, until_ms));
	return NAT_RESTORED;
}

static enum nat_restored rest(struct nat *n, const struct nat_saved *s, const struct nat_outage *outage)
{
	uint16_t address, policy = NO_POLICY;
	const struct nat_policy *p = NULL;
	struct tuple outside;
	uint64_t until;
	be32 host;

	if (!read_side(n, s, SIDE_OUTSIDE, &outside) || !pool_has(n, outside.local, &address))
		return NAT_RESTORED_NOT;
	if (owner_is_another(n, &outside))
		return NAT_RESTORED_ANOTHER;
	if (transport_is_paired(s->protocol) && s->kind != NAT_SAVED_BLOCK)
		return NAT_RESTORED_NOBODY;
	if (s->kind != NAT_SAVED_PORT && take_address(n, &s->local[SIDE_INSIDE], &host)) {
		policy = policy_number(n, host, outside.local);
		p = policy == NO_POLICY ? NULL : &n->config.policies[policy];
	}
	until = rest_until(n, s, outage, policy);
	if (!until)
		return NAT_RESTORED_OVER;
	if (p && policy_has_place(p, address) && nat_policy_is_planned(p)) {
		const struct block_claim claim = { host, address, be16_host(outside.local_port), s->last };

		return block_rest(n, p, &claim, until) ? NAT_RESTORED : NAT_RESTORED_NOT;
	}
	return s->kind == NAT_SAVED_BLOCK ? NAT_RESTORED_NOT : rest_port(n, &outside, address, until);
}

enum nat_restored nat_restore_rest(struct nat *n, nat_time now, const struct nat_saved *s,
				   const struct nat_outage *outage)
{
	enum nat_restored r;
	uint32_t mask;

	if (s->kind == NAT_SAVED_NOTHING || s->kind > NAT_SAVED_BLOCK || !saved_is_whole(s))
		return NAT_RESTORED_NOBODY;
	clock_to(n, now);
	mask = be_silent(n);
	r = rest(n, s, outage);
	n->config.event_mask = mask;
	names_sweep(n);
	return r;
}
