/* What a session, a port or a block that rests is, written down. */
#include "helper.h"
#include "transport.h"

uint32_t nat_saved_sum(const struct nat_saved *s)
{
	uint64_t words[sizeof(*s) / sizeof(uint64_t)], sum = NAT_SAVED_VERSION;
	struct nat_saved plain = *s;

	plain.sum = 0;
	memcpy(words, &plain, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15;
		sum ^= sum >> 32;
	}
	return (uint32_t)sum;
}

bool saved_is_whole(const struct nat_saved *s)
{
	return s->sum == nat_saved_sum(s);
}

static bool has_planned(const struct nat_config *c)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (nat_policy_is_planned(&c->policies[i]))
			return true;
	return false;
}

size_t nat_saved_count(const struct nat_config *c)
{
	size_t sessions = sessions_of_worker(c);

	return sessions + ports_rests(c) + (has_planned(c) ? sessions : 0);
}

void nat_save_to(struct nat *n, struct nat_saved *records)
{
	n->save = (struct save){ .records = records, .blocks = has_planned(&n->config) };
}

static struct nat_saved *place_of_port(const struct nat *n, uint32_t place)
{
	return &n->save.records[n->session_slab.capacity + place];
}

static struct nat_saved *place_of_block(const struct nat *n, uint32_t block)
{
	return place_of_port(n, n->ports.rests_most + block);
}

/* What is as it was need not go to a disk again. */
static void write(struct nat_saved *at, const struct nat_saved *s)
{
	struct nat_saved sealed = *s;

	sealed.sum = at->sum;
	if (memcmp(at, &sealed, sizeof(sealed)) == 0)
		return;
	sealed.sum = nat_saved_sum(s);
	*at = sealed;
}

static struct nat_saved_end end_at(const struct nat *n, struct endpoint e)
{
	struct nat_saved_end end = { .port = e.port, .is_v6 = is_name(e.address) };

	if (end.is_v6)
		end.address = *name_address(n, e.address);
	else
		memcpy(end.address.octets + 12, &e.address, sizeof(e.address));
	return end;
}

/* An IPv4 address outside may be an IPv6 one inside. */
static struct nat_saved_end remote_end(const struct nat *n, const struct tuple *t)
{
	struct nat_saved_end end = end_at(n, (struct endpoint){ t->remote, t->remote_port });

	if (is_name(t->local) && !end.is_v6)
		end = (struct nat_saved_end){ session_far6(n, t), t->remote_port, true, 0 };
	return end;
}

static uint8_t dependence_of(const struct mapping *m)
{
	const struct tuple *inside = &m->key[SIDE_INSIDE];

	if (inside->remote_port.raw)
		return NAT_ADDRESS_PORT_DEPENDENT;
	return inside->remote.raw ? NAT_ADDRESS_DEPENDENT : NAT_ENDPOINT_INDEPENDENT;
}

static uint8_t mapping_bits(const struct session *s, const struct mapping *m)
{
	return (uint8_t)((m->forward ? NAT_SAVED_FORWARD : 0) |
			 (m->key[SIDE_OUTSIDE].remote.raw ? NAT_SAVED_SHARED : 0) |
			 (m->borrowed ? NAT_SAVED_BORROWED : 0) |
			 (m->retired ? NAT_SAVED_RETIRED : 0) |
			 (s->helper != SLAB_NONE ? NAT_SAVED_HELPED : 0));
}

static void write_session(struct nat *n, uint32_t number)
{
	const struct session *s = session_at(n, number);
	const struct mapping *m = &n->mappings[s->mapping];
	struct nat_saved saved = {
		.kind = NAT_SAVED_SESSION,
		.protocol = s->key[SIDE_INSIDE].protocol,
		.state = s->state,
		.timeout = s->timeout,
		.mapping = mapping_bits(s, m),
		.dependence = dependence_of(m),
		.scales = s->scales,
		.known = (uint8_t)(s->flags & (3 * SESSION_KNOWN | 3 * SESSION_SENT)),
		.at_ms = (int64_t)n->now.ms - (uint32_t)((uint32_t)n->now.ms - s->seen_ms),
	};

	if (saved.protocol == PROTO_TCP)
		saved.opened = s->opened;
	if (m->planned) {
		saved.first = block_at(n, m->block)->ports.first;
		saved.last = block_at(n, m->block)->ports.last;
	}
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct tuple *t = &s->key[side];

		saved.local[side] = end_at(n, (struct endpoint){ t->local, t->local_port });
		saved.remote[side] = remote_end(n, t);
		if (transport_is_paired(saved.protocol))
			saved.tag[side] = t->tag;
		saved.window[side] = s->window[side];
		saved.ack[side] = s->ack[side];
		saved.end[side] = s->end[side];
	}
	write(&n->save.records[number], &saved);
}

void save_session(struct nat *n, uint32_t session)
{
	if (n->save.records)
		write_session(n, session);
}

void save_end(struct nat *n, uint32_t session)
{
	if (n->save.records)
		n->save.records[session] = (struct nat_saved){ 0 };
}

void save_port(struct nat *n, uint32_t place)
{
	static const uint8_t protocols[PORTS_PROTOCOLS] = {
		[PORTS_TCP] = PROTO_TCP, [PORTS_UDP] = PROTO_UDP, [PORTS_ICMP] = PROTO_ICMP,
		[PORTS_UDPLITE] = PROTO_UDPLITE, [PORTS_DCCP] = PROTO_DCCP,
	};
	const struct port_rest *rest = &n->ports.rests[place];
	struct nat_saved saved = { .kind = NAT_SAVED_PORT };

	if (!n->save.records || place == SLAB_NONE)
		return;
	saved.protocol = protocols[rest->ref.protocol];
	saved.local[SIDE_OUTSIDE] = end_at(n, (struct endpoint){ n->pool.now[rest->ref.address],
								 be16_from(rest->ref.port) });
	saved.at_ms = (int64_t)rest->until_ms;
	write(place_of_port(n, place), &saved);
}

void save_block(struct nat *n, uint32_t block)
{
	const struct block *b = block_at(n, block);
	struct nat_saved saved = { .kind = NAT_SAVED_BLOCK, .first = b->ports.first,
				   .last = b->ports.last, .at_ms = (int64_t)b->until_ms };

	if (!n->save.records || !n->save.blocks)
		return;
	if (!b->rests) {
		*place_of_block(n, block) = (struct nat_saved){ 0 };
		return;
	}
	saved.local[SIDE_INSIDE] = end_at(n, (struct endpoint){ .address = b->key.local });
	saved.local[SIDE_OUTSIDE] = end_at(n, (struct endpoint){ b->outside,
								 be16_from(b->ports.first) });
	write(place_of_block(n, block), &saved);
}

/* What is expected has no session yet. */
static bool is_for_long(const struct session *s)
{
	return s->key[SIDE_INSIDE].protocol && !helper_is_expectation(&s->key[SIDE_OUTSIDE]);
}

size_t nat_save_some(struct nat *n, nat_time now, size_t budget)
{
	size_t visited = 0;

	if (!n->save.records)
		return 0;
	clock_to(n, now);
	for (; visited < budget && n->save.next < n->session_slab.high; visited++, n->save.next++)
		if (is_for_long(session_at(n, n->save.next)))
			write_session(n, n->save.next);
	if (n->save.next >= n->session_slab.high)
		n->save.next = 0;
	return visited;
}
