#include "state.h"

#include <string.h>

#include "rules.h"

void model_init(struct model *m, const struct nat_config *c, struct model_pairing *pairing)
{
	memset(m, 0, sizeof(*m));
	m->config = *c;
	m->pairing = pairing;
}

struct model_session *session_with(struct model *m, enum nat_side side, uint8_t protocol,
				   struct place local, struct place remote)
{
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		struct model_session *s = &m->sessions[i];

		if (s->alive && s->protocol == protocol && place_equal(s->remote[side], remote) &&
		    place_equal(side == SIDE_INSIDE ? s->inside : s->outside, local))
			return s;
	}
	return NULL;
}

struct model_session *session_numbered(struct model *m, uint32_t id)
{
	for (size_t i = 0; i < MODEL_SESSIONS; i++)
		if (m->sessions[i].alive && m->sessions[i].id == id)
			return &m->sessions[i];
	return NULL;
}

struct model_mapping *mapping_outside(struct model *m, uint8_t protocol, struct place outside)
{
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		struct model_mapping *p = &m->mappings[i];

		if (p->alive && !p->alone && p->protocol == protocol &&
		    place_equal(p->outside, outside))
			return p;
	}
	return NULL;
}

/* RFC 4787 section 4.1. */
struct place place_depended_on(enum nat_dependence mapping, struct place remote)
{
	return (struct place){
		mapping == NAT_ENDPOINT_INDEPENDENT ? 0 : remote.address,
		mapping == NAT_ADDRESS_PORT_DEPENDENT ? remote.port : 0,
	};
}

struct model_mapping *mapping_inside(struct model *m, const struct model_mapping *wanted)
{
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		struct model_mapping *p = &m->mappings[i];

		if (p->alive && !p->from_forward && p->protocol == wanted->protocol &&
		    p->six == wanted->six && place_equal(p->inside, wanted->inside) &&
		    place_equal(p->remote, wanted->remote))
			return p;
	}
	return NULL;
}

static enum nat_timeout timeout_of(const struct model_session *s)
{
	if (s->protocol == PROTO_UDP)
		return s->short_lived ? TIMEOUT_UDP_SHORT : TIMEOUT_UDP;
	if (s->protocol == PROTO_ICMP)
		return TIMEOUT_ICMP;
	switch (s->tcp.state) {
	case TCP_ESTABLISHED: case TCP_FIN_INSIDE: case TCP_FIN_OUTSIDE:
		return TIMEOUT_TCP_ESTABLISHED;
	case TCP_FIN_BOTH: case TCP_TRANSITORY:
		return TIMEOUT_TCP_CLOSING;
	default:
		return TIMEOUT_TCP_OPENING;
	}
}

/* That of the policy which the inside host has by now, if it says one. */
uint64_t model_end(const struct model *m, const struct model_session *s)
{
	const struct nat_policy *p = rule_policy(&m->config, s->inside.address, s->outside.address);
	enum nat_timeout class = timeout_of(s);

	return s->seen_ms + (p && p->timeout_ms[class] ? p->timeout_ms[class]
						       : m->config.timeout_ms[class]);
}

uint64_t model_deadline(const struct model *m, const struct model_session *s)
{
	return (model_end(m, s) + 255) / 256 * 256;
}

size_t mapping_sessions(const struct model *m, const struct model_mapping *p)
{
	size_t count = 0;

	for (size_t i = 0; i < MODEL_SESSIONS; i++)
		count += m->sessions[i].alive && &m->mappings[m->sessions[i].mapping] == p;
	return count;
}

bool model_rests(const struct model *m, uint8_t protocol, struct place outside)
{
	for (size_t i = 0; i < MODEL_RESTS; i++)
		if (m->rests[i].until_ms && m->rests[i].protocol == protocol &&
		    place_equal(m->rests[i].outside, outside))
			return true;
	return false;
}

static void wake(struct model *m, uint64_t now)
{
	for (size_t i = 0; i < MODEL_RESTS; i++)
		if (m->rests[i].until_ms <= now)
			m->rests[i].until_ms = 0;
}

/* RFC 6888 REQ-8: not for TCP, static ports and filters that keep strangers out. */
static void rest(struct model *m, const struct model_mapping *p, uint64_t now)
{
	uint64_t until = now + m->config.timeout_ms[TIMEOUT_PORT_HOLD];
	size_t i = 0;

	if (!p->holds || p->protocol == PROTO_TCP || p->filtering != NAT_ENDPOINT_INDEPENDENT)
		return;
	/* Nobody gets up before those who lay down earlier, though the time may be shorter by now. */
	for (size_t other = 0; other < MODEL_RESTS; other++)
		until = m->rests[other].until_ms > until ? m->rests[other].until_ms : until;
	while (m->rests[i].until_ms)
		i++;
	m->rests[i] = (struct model_rest){ until, p->protocol, p->outside };
}

/* The log. */

static uint64_t mixed(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15;
	return h ^ h >> 29;
}

static uint64_t mixed_place(uint64_t h, struct place p)
{
	h = mixed(h, (uint64_t)(p.address >> 64));
	return mixed(mixed(h, (uint64_t)p.address), p.port);
}

uint64_t event_weight(const struct nat_event *e)
{
	bool ends = e->kind == EVENT_MAPPING_DELETED;
	bool of_session = e->kind == EVENT_SESSION_CREATED || e->kind == EVENT_SESSION_DELETED;
	uint64_t h = mixed(ends ? EVENT_MAPPING_CREATED : e->kind, e->protocol);
	struct place inside = place_of(e->inside), outside = place_of(e->outside);
	struct place remote = of_session ? place_of(e->remote) : (struct place){ 0 };

	h = mixed(h, e->reason);
	h = mixed_place(h, inside);
	h = mixed_place(h, outside);
	h = mixed_place(h, remote);
	return ends ? 0 - h : h;
}

void model_tell(struct model *m, const struct nat_event *e)
{
	if (m->config.event_mask >> e->kind & 1)
		m->told += event_weight(e);
}

struct nat_endpoint endpoint_of(struct place p)
{
	struct nat_endpoint e = { .port = be16_from(p.port), .is_v6 = ip_is_six(p.address) };

	if (e.is_v6)
		e.address6 = ip_to_six(p.address);
	else
		e.address = ip_to_four(p.address);
	return e;
}

static void tell_of_mapping(struct model *m, const struct model_mapping *p,
			    enum nat_event_kind kind)
{
	model_tell(m, &(struct nat_event){
		.kind = (uint8_t)kind, .protocol = p->protocol,
		.inside = endpoint_of(p->inside), .outside = endpoint_of(p->outside),
	});
}

static void tell_of_session(struct model *m, const struct model_session *s,
			    enum nat_event_kind kind)
{
	model_tell(m, &(struct nat_event){
		.kind = (uint8_t)kind, .protocol = s->protocol,
		.inside = endpoint_of(s->inside), .outside = endpoint_of(s->outside),
		.remote = endpoint_of(s->remote[SIDE_OUTSIDE]),
	});
}

static bool has_sessions(const struct model *m, ip_number inside)
{
	for (size_t i = 0; i < MODEL_SESSIONS; i++)
		if (m->sessions[i].alive && m->sessions[i].inside.address == inside)
			return true;
	return false;
}

/* Nothing is remembered of a host without sessions. */
static void forget_host(struct model *m, ip_number inside)
{
	for (size_t i = 0; i < MODEL_HOSTS; i++)
		if (m->spenders[i].inside == inside && !has_sessions(m, inside))
			m->spenders[i].inside = 0;
}

void model_end_session(struct model *m, struct model_session *s, uint64_t now)
{
	struct model_mapping *p = &m->mappings[s->mapping];

	tell_of_session(m, s, EVENT_SESSION_DELETED);
	s->alive = false;
	m->ended++;
	if (!mapping_sessions(m, p)) {
		tell_of_mapping(m, p, EVENT_MAPPING_DELETED);
		p->alive = false;
		rest(m, p, now);
	}
	forget_host(m, s->inside.address);
}

static bool is_taken(struct model *m, const struct model_mapping *p, ip_number address)
{
	struct place to = { address, p->outside.port };

	return !p->alone && mapping_outside(m, p->protocol, to);
}

static void move_session(struct model *m, struct model_session *s, ip_number address)
{
	struct model_mapping *p = &m->mappings[s->mapping];

	if (p->outside.address != address) {
		tell_of_mapping(m, p, EVENT_MAPPING_DELETED);
		p->outside.address = address;
		tell_of_mapping(m, p, EVENT_MAPPING_CREATED);
	}
	tell_of_session(m, s, EVENT_SESSION_DELETED);
	s->outside.address = address;
	tell_of_session(m, s, EVENT_SESSION_CREATED);
	m->moved++;
}

/* Ports belong to the place, whatever its address. */
static void rename_ports(struct model *m, ip_number was, ip_number now)
{
	for (size_t i = 0; i < MODEL_RESTS; i++)
		if (m->rests[i].outside.address == was)
			m->rests[i].outside.address = now;
	for (size_t i = 0; i < m->given_count; i++)
		if (m->given[i].address == was)
			m->given[i].address = now;
}

void model_readdress(struct model *m, ip_number was, ip_number now, bool moves, uint64_t time)
{
	rename_ports(m, was, now);
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		struct model_session *s = &m->sessions[i];
		struct model_mapping *p = &m->mappings[s->mapping];

		if (!s->alive)
			continue;
		if (s->remote[SIDE_OUTSIDE].address == was)
			s->hairpin = false;
		if (s->outside.address != was || p->apart)
			continue;
		if (moves && (p->outside.address == now || !is_taken(m, p, now))) {
			move_session(m, s, now);
			continue;
		}
		/* Nobody reaches the port any more: it need not rest. */
		p->holds = false;
		m->lost++;
		model_end_session(m, s, time);
	}
}

void pairing_readdress(struct model_pairing *p, ip_number was, ip_number now)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->host[i].outside == was)
			p->host[i].outside = now;
}

void model_expire(struct model *m, uint64_t now)
{
	wake(m, now);
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		struct model_session *s = &m->sessions[i];

		if (s->alive && now >= model_deadline(m, s))
			model_end_session(m, s, now);
	}
}

struct model_mapping *mapping_add(struct model *m, const struct model_mapping *p)
{
	struct model_mapping *at = m->mappings;

	while (at->alive)
		at++;
	*at = *p;
	at->alive = true;
	at->apart = !rule_in_pool(&m->config, p->outside.address);
	tell_of_mapping(m, at, EVENT_MAPPING_CREATED);
	return at;
}

struct model_session *session_add(struct model *m, struct model_mapping *p,
				  const struct place remote[SIDE_COUNT])
{
	struct model_session *s = m->sessions;

	while (s->alive)
		s++;
	*s = (struct model_session){
		.alive = true,
		.protocol = p->protocol,
		.inside = p->inside, .outside = p->outside,
		.remote = { remote[SIDE_INSIDE], remote[SIDE_OUTSIDE] },
		.mapping = (size_t)(p - m->mappings),
	};
	m->created++;
	tell_of_session(m, s, EVENT_SESSION_CREATED);
	return s;
}

static bool is_first_of_host(const struct model *m, size_t session)
{
	for (size_t i = 0; i < session; i++)
		if (m->sessions[i].alive &&
		    m->sessions[i].inside.address == m->sessions[session].inside.address)
			return false;
	return true;
}

struct nat_gauges model_gauges(const struct model *m)
{
	struct nat_gauges g = { .sessions_created = m->created, .sessions_ended = m->ended,
				.sessions_lost = m->lost, .sessions_moved = m->moved };

	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		g.sessions += m->sessions[i].alive;
		g.hosts += m->sessions[i].alive && is_first_of_host(m, i);
		g.mappings += m->mappings[i].alive;
	}
	return g;
}
