/* What must hold between any two calls. Each function visits one kind of record. */
#include "core.h"

static const char *check_session(const struct nat *n, uint32_t number, uint32_t sessions)
{
	const struct session *s = session_at(n, number);
	const struct tuple *in = &s->key[SIDE_INSIDE], *out = &s->key[SIDE_OUTSIDE];
	const struct mapping *m;
	struct rewrite r;

	if (in->side != SIDE_INSIDE || out->side != SIDE_OUTSIDE || in->protocol != out->protocol)
		return "session keys are not of two sides";
	if (session_find(n, in) != number || session_find(n, out) != number)
		return "session is not found by its keys";
	if (s->mapping >= n->mapping_slab.high || sessions == 0)
		return "session of no mapping";
	m = &n->mappings[s->mapping];
	if (!be32_equal(m->key[SIDE_INSIDE].local, in->local) ||
	    !be16_equal(m->key[SIDE_INSIDE].local_port, in->local_port) ||
	    !be32_equal(m->key[SIDE_OUTSIDE].local, out->local) ||
	    !be16_equal(m->key[SIDE_OUTSIDE].local_port, out->local_port))
		return "session and mapping disagree about endpoints";
	if ((s->state == TCP_NONE) == (in->protocol == PROTO_TCP) || s->state >= TCP_STATE_COUNT)
		return "session state does not fit its protocol";
	if (m->filtering == NAT_ADDRESS_DEPENDENT && !session_has_peer(n, m, out->remote))
		return "session without its peer record";
	r = rewrite_make(in, out, true);
	if (!csum_is_zero(csum_sub(r.addresses, s->addresses)) ||
	    !csum_is_zero(csum_sub(r.ports, s->ports)))
		return "session keeps wrong checksum differences";
	return NULL;
}

static const char *check_sessions(const struct nat *n)
{
	uint32_t count = 0;
	const char *fault = NULL;

	for (uint32_t i = 0; !fault && i < n->session_slab.high; i++)
		if (session_at(n, i)->key[SIDE_INSIDE].protocol) {
			fault = check_session(n, i, slab_used(&n->mapping_slab));
			count++;
		}
	if (!fault && count != slab_used(&n->session_slab))
		fault = "sessions in use are not as many as counted";
	if (!fault && n->created - n->ended != count)
		fault = "sessions created less ended are not those in use";
	return fault;
}

static const char *check_mapping(const struct nat *n, uint32_t number)
{
	const struct mapping *m = &n->mappings[number];
	const struct tuple *out = &m->key[SIDE_OUTSIDE];
	uint64_t h = hash_tuple(&n->hash, out);

	if (!m->sessions)
		return "mapping without a session";
	if (table_find(&n->mappings_by, h, out) != (number << 1 | SIDE_OUTSIDE))
		return "mapping is not found by its outside endpoint";
	h = hash_tuple(&n->hash, &m->key[SIDE_INSIDE]);
	if (!m->forward && table_find(&n->mappings_by, h, &m->key[SIDE_INSIDE]) !=
				   (number << 1 | SIDE_INSIDE))
		return "mapping is not found by its inside endpoint";
	if (m->host >= n->host_slab.high || !n->hosts[m->host].sessions ||
	    !be32_equal(n->hosts[m->host].key.local, m->key[SIDE_INSIDE].local))
		return "mapping of no host";
	if (m->address != NO_ADDRESS &&
	    !ports_is_taken(&n->ports, m->address, ports_protocol(out->protocol),
			    be16_host(out->local_port)))
		return "mapping holds a port that is not taken";
	return NULL;
}

static const char *check_mappings(const struct nat *n)
{
	uint32_t count = 0, sessions = 0, holders = 0, used = 0;
	const char *fault = NULL;

	for (uint32_t i = 0; !fault && i < n->mapping_slab.high; i++) {
		const struct mapping *m = &n->mappings[i];

		if (!m->key[SIDE_INSIDE].protocol)
			continue;
		fault = check_mapping(n, i);
		count++;
		sessions += m->sessions;
		holders += m->address != NO_ADDRESS;
	}
	for (int o = 0; o < PORTS_PROTOCOLS; o++)
		used += n->ports.used[o];
	if (!fault && (count != slab_used(&n->mapping_slab) || sessions != slab_used(&n->session_slab)))
		fault = "mappings do not add up to the sessions";
	if (!fault && holders != used)
		fault = "ports taken are not those of the mappings";
	return fault;
}

static const char *check_ports(const struct nat *n)
{
	size_t words = n->config.pool_count * PORTS_PROTOCOLS * n->ports.words;
	uint32_t used = 0, bits = 0;

	for (size_t i = 0; i < words; i++)
		for (uint64_t word = n->ports.bits[i]; word; word &= word - 1)
			bits++;
	for (int o = 0; o < PORTS_PROTOCOLS; o++)
		used += n->ports.used[o];
	return bits == used + n->ports.rests_count ? NULL : "port bitmap and counts differ";
}

const char *nat_check(const struct nat *n)
{
	const char *fault = check_sessions(n);

	if (!fault)
		fault = check_mappings(n);
	return fault ? fault : check_ports(n);
}
