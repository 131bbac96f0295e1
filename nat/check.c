/* What must hold between any two calls. Each function visits one kind of record. */
#include "helper.h"
#include "transport.h"

/* Identifiers that are no ports are the sessions' only. */
static bool same_local(const struct tuple *mapping, const struct tuple *session)
{
	struct endpoint a = tuple_local(mapping), b = tuple_local(session);

	return be32_equal(a.address, b.address) && be16_equal(a.port, b.port);
}

/* The mapping may have moved to another address, and the session not been reached yet. */
static bool may_follow(const struct nat *n, uint32_t number, const struct mapping *m)
{
	return number >= n->sweep && n->pool.changed &&
	       be16_equal(tuple_local(&m->key[SIDE_OUTSIDE]).port,
			  tuple_local(&session_at(n, number)->key[SIDE_OUTSIDE]).port);
}

static bool has_state(const struct tuple *t)
{
	return nat_class_of(t->protocol) == NAT_CLASS_TCP &&
	       (t->protocol != PROTO_TCP || !helper_is_expectation(t));
}

static const char *check_session(const struct nat *n, uint32_t number, uint32_t sessions)
{
	const struct session *s = session_at(n, number);
	const struct tuple *in = &s->key[SIDE_INSIDE], *out = &s->key[SIDE_OUTSIDE];
	const struct mapping *m;
	struct session again = *s;

	if (in->side != SIDE_INSIDE || out->side != SIDE_OUTSIDE || in->protocol != out->protocol)
		return "session keys are not of two sides";
	if (session_find(n, in) != number || session_find(n, out) != number)
		return "session is not found by its keys";
	if (s->mapping >= n->mapping_slab.high || sessions == 0)
		return "session of no mapping";
	m = &n->mappings[s->mapping];
	if (!same_local(&m->key[SIDE_INSIDE], in) ||
	    (!same_local(&m->key[SIDE_OUTSIDE], out) && !may_follow(n, number, m)))
		return "session and mapping disagree about endpoints";
	if ((s->state != TCP_NONE) != has_state(in) ||
	    s->state >= TCP_STATE_COUNT)
		return "session state does not fit its protocol";
	if (m->filtering == NAT_ADDRESS_DEPENDENT && same_local(&m->key[SIDE_OUTSIDE], out) &&
	    !peer_is_known(n, m, out->remote))
		return "session without its peer record";
	session_weigh(n, &again);
	if (!csum_is_zero(csum_sub(again.addresses, s->addresses)) ||
	    !csum_is_zero(csum_sub(again.ports, s->ports)))
		return "session keeps wrong checksum differences";
	return NULL;
}

static const char *check_sessions(const struct nat *n)
{
	uint32_t count = 0, half_open = 0;
	const char *fault = NULL;

	for (uint32_t i = 0; !fault && i < n->session_slab.high; i++)
		if (session_at(n, i)->key[SIDE_INSIDE].protocol) {
			fault = check_session(n, i, slab_used(&n->mapping_slab));
			half_open += session_is_half_open(session_at(n, i));
			count++;
		}
	if (!fault && half_open != n->half_open.count)
		fault = "half-open sessions are not as many as counted";
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
	if (!m->forward && !m->retired && table_find(&n->mappings_by, h, &m->key[SIDE_INSIDE]) !=
				   (number << 1 | SIDE_INSIDE))
		return "mapping is not found by its inside endpoint";
	if (m->host >= n->host_slab.high || !n->hosts[m->host].sessions ||
	    !be32_equal(n->hosts[m->host].key.local, m->key[SIDE_INSIDE].local))
		return "mapping of no host";
	if (m->planned)
		return block_check_mapping(n, m);
	if (m->address != NO_ADDRESS &&
	    !ports_is_taken(&n->ports, m->address, ports_protocol(out->protocol),
			    be16_host(out->local_port)))
		return "mapping holds a port that is not taken";
	return NULL;
}

static const char *check_mappings(const struct nat *n)
{
	uint32_t count = 0, sessions = 0, holders = 0, planned = 0, used = 0, of_ranges = 0;
	const char *fault = NULL;

	for (uint32_t i = 0; !fault && i < n->mapping_slab.high; i++) {
		const struct mapping *m = &n->mappings[i];

		if (!m->key[SIDE_INSIDE].protocol)
			continue;
		fault = check_mapping(n, i);
		count++;
		sessions += m->sessions;
		holders += m->address != NO_ADDRESS && !m->planned;
		planned += m->planned;
	}
	for (int o = 0; o < PORTS_PROTOCOLS; o++) {
		used += n->ports.used[o];
		of_ranges += n->blocks.used[o];
	}
	if (!fault && (count != slab_used(&n->mapping_slab) || sessions != slab_used(&n->session_slab)))
		fault = "mappings do not add up to the sessions";
	if (!fault && (holders != used || planned != of_ranges))
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

/* The lists in order of arrival are all there are; what came lies apart and before the end, and is not
 * all. */
static const char *check_datagram(const struct nat *n, uint32_t number)
{
	const struct fragments *f = &n->fragments;
	const struct datagram *d = &f->datagrams[number];

	if (table_find(&f->by, hash_tuple(&n->hash, &d->key), &d->key) != number)
		return "fragmented datagram is not found by its key";
	if (d->newer != SLAB_NONE && (f->datagrams[d->newer].older != number ||
				      f->datagrams[d->newer].begun_ms < d->begun_ms))
		return "fragmented datagrams are not in order of arrival";
	if (d->ranges > FRAGMENT_RANGES)
		return "fragmented datagram of too many ranges";
	for (int i = 0; i < d->ranges; i++) {
		if (d->range[i].begin >= d->range[i].end || (d->end && d->range[i].end > d->end))
			return "range of a fragmented datagram is empty or behind its end";
		for (int k = 0; k < i; k++)
			if (d->range[k].begin <= d->range[i].end &&
			    d->range[i].begin <= d->range[k].end)
				return "ranges of a fragmented datagram touch";
	}
	if (!d->dead && d->ranges == 1 && d->range[0].begin == 0 && d->range[0].end == d->end)
		return "fragmented datagram is complete but not over";
	return NULL;
}

static const char *check_arrivals(const struct nat *n, enum nat_side side)
{
	const struct fragments *f = &n->fragments;
	const struct arrivals *a = &f->from[side];
	uint32_t count = 0, newest = SLAB_NONE;
	const char *fault = NULL;

	for (uint32_t i = a->oldest; !fault && i != SLAB_NONE; i = f->datagrams[i].newer) {
		fault = check_datagram(n, i);
		if (f->datagrams[i].key.side != side)
			fault = "fragmented datagram is listed on the other side";
		newest = i;
		if (++count > a->count)
			return "more fragmented datagrams than are counted";
	}
	if (!fault && (count != a->count || newest != a->newest))
		fault = "fragmented datagrams that are counted are not those in the list";
	return fault;
}

static const char *check_fragments(const struct nat *n)
{
	const struct fragments *f = &n->fragments;
	const char *fault = check_arrivals(n, SIDE_INSIDE);

	if (!fault)
		fault = check_arrivals(n, SIDE_OUTSIDE);
	if (!fault && f->from[0].count + f->from[1].count != slab_used(&f->slab))
		fault = "fragmented datagrams in use are not those in the lists";
	return fault;
}

const char *nat_check(const struct nat *n)
{
	const char *fault = check_sessions(n);

	if (!fault)
		fault = check_mappings(n);
	if (!fault)
		fault = blocks_check(n);
	if (!fault)
		fault = check_ports(n);
	if (!fault)
		fault = names_check(n);
	return fault ? fault : check_fragments(n);
}
