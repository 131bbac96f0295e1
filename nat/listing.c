#include "core.h"
#include "transport.h"

static struct nat_session copy_session(const struct nat *n, uint32_t number, nat_time now)
{
	const struct session *s = session_at(n, number);
	int64_t left = session_deadline(n, s, now) - (int64_t)now.ms;

	return (struct nat_session){
		.id = number,
		.protocol = s->key[SIDE_INSIDE].protocol,
		.inside = name_endpoint(n, tuple_local(&s->key[SIDE_INSIDE])),
		.outside = name_endpoint(n, tuple_local(&s->key[SIDE_OUTSIDE])),
		.remote = name_endpoint(n, tuple_remote(&s->key[SIDE_OUTSIDE])),
		.state = s->state,
		.timeout = s->timeout,
		.idle_ms = (uint32_t)now.ms - s->seen_ms,
		.expires_ms = left > 0 ? (uint32_t)left : 0,
		.packets = { tally_packets(&s->tally[0]), tally_packets(&s->tally[1]) },
		.octets = { tally_octets(&s->tally[0]), tally_octets(&s->tally[1]) },
		.from_forward = n->mappings[s->mapping].forward,
	};
}

bool nat_session_next(const struct nat *n, nat_time now, uint32_t *cursor, struct nat_session *out)
{
	for (; *cursor < n->session_slab.high; ++*cursor)
		if (session_at(n, *cursor)->key[SIDE_INSIDE].protocol) {
			*out = copy_session(n, (*cursor)++, now);
			return true;
		}
	return false;
}

bool nat_mapping_next(const struct nat *n, uint32_t *cursor, struct nat_mapping *out)
{
	for (; *cursor < n->mapping_slab.high; ++*cursor) {
		const struct mapping *m = &n->mappings[*cursor];

		if (!m->key[SIDE_INSIDE].protocol)
			continue;
		*out = (struct nat_mapping){
			.id = *cursor,
			.protocol = m->key[SIDE_INSIDE].protocol,
			.inside = name_endpoint(n, tuple_local(&m->key[SIDE_INSIDE])),
			.outside = name_endpoint(n, tuple_local(&m->key[SIDE_OUTSIDE])),
			.sessions = m->sessions,
			.from_forward = m->forward,
		};
		++*cursor;
		return true;
	}
	return false;
}

static uint32_t used(const struct nat *n, enum ports_protocol o)
{
	return n->ports.used[o] + n->blocks.used[o];
}

struct nat_gauges nat_gauges(const struct nat *n)
{
	return (struct nat_gauges){
		.sessions = slab_used(&n->session_slab),
		.mappings = slab_used(&n->mapping_slab),
		.hosts = slab_used(&n->host_slab),
		.ports = { used(n, PORTS_TCP), used(n, PORTS_UDP), used(n, PORTS_ICMP),
			   used(n, PORTS_UDPLITE), used(n, PORTS_DCCP) },
		.held_ports = n->ports.rests_count,
		.sessions_created = n->created,
		.sessions_ended = n->ended,
		.sessions_lost = n->lost,
		.sessions_moved = n->moved,
		.sessions_kept = n->kept,
		.settling = n->sweep != UINT32_MAX,
		.events_lost = n->events.lost,
	};
}
