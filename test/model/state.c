#include "state.h"

#include <string.h>

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

		if (s->alive && s->protocol == protocol && place_equal(s->remote, remote) &&
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

		if (p->alive && p->protocol == protocol && place_equal(p->outside, outside))
			return p;
	}
	return NULL;
}

/* RFC 4787 section 4.1: how much of the remote endpoint a mapping depends on. */
static bool serves(const struct model_mapping *p, enum nat_dependence mapping,
		   const struct model_mapping *wanted)
{
	if (!p->alive || p->from_forward || p->protocol != wanted->protocol ||
	    !place_equal(p->inside, wanted->inside))
		return false;
	if (mapping == NAT_ENDPOINT_INDEPENDENT)
		return true;
	if (mapping == NAT_ADDRESS_DEPENDENT)
		return p->remote.address == wanted->remote.address;
	return place_equal(p->remote, wanted->remote);
}

struct model_mapping *mapping_inside(struct model *m, enum nat_dependence mapping,
				     const struct model_mapping *wanted)
{
	for (size_t i = 0; i < MODEL_SESSIONS; i++)
		if (serves(&m->mappings[i], mapping, wanted))
			return &m->mappings[i];
	return NULL;
}

static enum nat_timeout timeout_of(const struct model_session *s)
{
	if (s->protocol != PROTO_TCP)
		return s->protocol == PROTO_UDP ? TIMEOUT_UDP : TIMEOUT_ICMP;
	switch (s->tcp.state) {
	case TCP_ESTABLISHED: case TCP_FIN_INSIDE: case TCP_FIN_OUTSIDE:
		return TIMEOUT_TCP_ESTABLISHED;
	case TCP_FIN_BOTH: case TCP_TRANSITORY:
		return TIMEOUT_TCP_CLOSING;
	default:
		return TIMEOUT_TCP_OPENING;
	}
}

uint64_t model_end(const struct model *m, const struct model_session *s)
{
	return s->seen_ms + m->config.timeout_ms[timeout_of(s)];
}

uint64_t model_deadline(const struct model *m, const struct model_session *s)
{
	return (model_end(m, s) + 255) / 256 * 256;
}

static bool mapping_is_used(const struct model *m, size_t mapping)
{
	for (size_t i = 0; i < MODEL_SESSIONS; i++)
		if (m->sessions[i].alive && m->sessions[i].mapping == mapping)
			return true;
	return false;
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

	if (p->from_forward || p->protocol == PROTO_TCP || p->filtering != NAT_ENDPOINT_INDEPENDENT)
		return;
	/* Nobody gets up before those who lay down earlier, though the time may be shorter by now. */
	for (size_t other = 0; other < MODEL_RESTS; other++)
		until = m->rests[other].until_ms > until ? m->rests[other].until_ms : until;
	while (m->rests[i].until_ms)
		i++;
	m->rests[i] = (struct model_rest){ until, p->protocol, p->outside };
}

static void leave(struct model *m, size_t mapping, uint64_t now)
{
	m->mappings[mapping].alive = mapping_is_used(m, mapping);
	if (!m->mappings[mapping].alive)
		rest(m, &m->mappings[mapping], now);
}

void model_expire(struct model *m, uint64_t now)
{
	wake(m, now);
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		struct model_session *s = &m->sessions[i];

		if (!s->alive || now < model_deadline(m, s))
			continue;
		s->alive = false;
		m->ended++;
		leave(m, s->mapping, now);
	}
}

/* inside 0: of all hosts. */
static size_t count_sessions(const struct model *m, uint32_t inside)
{
	size_t count = 0;

	for (size_t i = 0; i < MODEL_SESSIONS; i++)
		count += m->sessions[i].alive &&
			 (!inside || m->sessions[i].inside.address == inside);
	return count;
}

/* Every worker has its share, rounded up. */
static uint32_t share(const struct model *m, uint32_t whole)
{
	return (whole + m->config.workers - 1) / m->config.workers;
}

enum reason model_limit(const struct model *m, uint32_t inside)
{
	if (count_sessions(m, inside) >= share(m, m->config.sessions_per_host))
		return REASON_HOST_LIMIT;
	if (count_sessions(m, 0) >= share(m, m->config.sessions))
		return REASON_SESSION_LIMIT;
	return REASON_NONE;
}

static size_t mapping_add(struct model *m, const struct model_mapping *p)
{
	struct model_mapping *at = mapping_outside(m, p->protocol, p->outside);

	if (!at) {
		for (at = m->mappings; at->alive;)
			at++;
		*at = *p;
		at->alive = true;
	}
	return (size_t)(at - m->mappings);
}

struct model_session *session_add(struct model *m, const struct model_mapping *p,
				  struct place remote)
{
	struct model_session *s = m->sessions;

	while (s->alive)
		s++;
	*s = (struct model_session){
		.alive = true,
		.protocol = p->protocol,
		.inside = p->inside, .outside = p->outside, .remote = remote,
		.mapping = mapping_add(m, p),
	};
	m->created++;
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
	struct nat_gauges g = { .sessions_created = m->created, .sessions_ended = m->ended };

	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		g.sessions += m->sessions[i].alive;
		g.hosts += m->sessions[i].alive && is_first_of_host(m, i);
		g.mappings += m->mappings[i].alive;
	}
	return g;
}
