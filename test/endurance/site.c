#include "site.h"

#include <stdlib.h>

enum { CACHE_LINE = 64, DAY_MS = 86400000, BUDGET = 512, TICK_MS = 256, STEP_MS = 100 };
enum { POOL_FIRST = 0x32000000, SERVED_OUTSIDE = 0x33000001, SERVED_INSIDE = 0x0aff0002 };
enum { OF_NAPT44 = 32, OF_BLOCKS = 96, OF_PLAN = 16, OF_NAT64 = 24, OF_NAPT66 = 24 };

_Static_assert(OF_NAPT44 + OF_BLOCKS + OF_PLAN + OF_NAT64 + OF_NAPT66 == SITE_PLACES, "all places");

/* Of each entry: its prefix of IPv4 or the fifth and sixth octet of that of IPv6, its hosts, its places of
 * the pool, and whether what its addresses have moves to their successors. */
static const struct {
	uint32_t prefix;
	uint8_t prefix_len, octet;
	uint32_t hosts;
	uint16_t first, count;
	bool six, moves;
} entries[ENTRY_COUNT] = {
	[ENTRY_NAPT44] = { 0x0a000000, 16, 0, 32768, 0, OF_NAPT44, false, true },
	[ENTRY_BLOCKS] = { 0x0a100000, 15, 0, 65536, OF_NAPT44, OF_BLOCKS, false, false },
	[ENTRY_PLAN] = { 0x0a200000, 22, 0, 1000, OF_NAPT44 + OF_BLOCKS, OF_PLAN, false, false },
	[ENTRY_NAT64] = { 0, 0, 1, 16384, OF_NAPT44 + OF_BLOCKS + OF_PLAN, OF_NAT64, true, true },
	[ENTRY_NAPT66] = { 0, 0, 2, 8192, SITE_PLACES - OF_NAPT66, OF_NAPT66, true, false },
	[ENTRY_FIREWALL] = { 0, 0, 3, 8192, 0, 0, true, false },
};

static const struct nat_policy behaviours[ENTRY_COUNT] = {
	[ENTRY_NAPT44] = { .type = NAT_NAPT44, .port_selection = NAT_PORT_RANDOM, .helpers = NAT_HELPER_FTP,
			   .behaviour = { { .filtering = NAT_ADDRESS_DEPENDENT },
					  { .filtering = NAT_ADDRESS_PORT_DEPENDENT } } },
	[ENTRY_BLOCKS] = { .type = NAT_NAPT44, .port_selection = NAT_PORT_BLOCK, .block_size = 64,
			   .blocks_per_host = 8 },
	[ENTRY_PLAN] = { .type = NAT_NAPT44, .port_selection = NAT_PORT_DETERMINISTIC,
			 .dynamic_shares = 64, .block_size = 64, .blocks_per_host = 4 },
	[ENTRY_NAT64] = { .type = NAT_NAT64, .port_selection = NAT_PORT_RANDOM,
			  .behaviour = { { .filtering = NAT_ADDRESS_DEPENDENT },
					 { .filtering = NAT_ADDRESS_DEPENDENT } } },
	[ENTRY_NAPT66] = { .type = NAT_NAPT66, .port_selection = NAT_PORT_PRESERVE,
			   .behaviour = { { .filtering = NAT_ADDRESS_DEPENDENT }, { 0 } } },
	[ENTRY_FIREWALL] = { .type = NAT_FIREWALL, .v6.blocks_ping = true,
			     .behaviour = { { .filtering = NAT_ADDRESS_DEPENDENT },
					    { .filtering = NAT_ADDRESS_DEPENDENT } } },
};

static struct ip6 six(uint8_t octet, uint16_t middle, uint32_t last)
{
	struct ip6 a = { { 0x20, 0x01, 0x0d, 0xb8, 0, octet } };

	store16(a.octets + 8, middle);
	store32(a.octets + 12, last);
	return a;
}

void site_host(enum site_entry e, uint32_t number, uint8_t at[static 16])
{
	struct ip6 a = six(entries[e].octet, 0, number + 1);

	if (entries[e].six)
		memcpy(at, &a, sizeof(a));
	else
		store32(at, entries[e].prefix + number + 1);
}

uint32_t site_hosts(enum site_entry e)
{
	return entries[e].hosts;
}

bool site_is_six(enum site_entry e)
{
	return entries[e].six;
}

bool site_moves(enum site_entry e)
{
	return entries[e].moves;
}

/* Another address than ever before, in one place. */
static void name_place(struct site *s, uint16_t place)
{
	bool is_six = place >= entries[ENTRY_NAPT66].first;

	s->pool[place] = is_six ? nat_v6_beside()
				: be32_from(POOL_FIRST + (uint32_t)(s->epochs[place] << 8) + place);
	s->pool6[place] = six(4, s->epochs[place], place);
}

void site_outside(const struct site *s, uint16_t place, uint8_t at[static 16])
{
	if (place == PLACE_SERVED)
		store32(at, SERVED_OUTSIDE);
	else if (nat_is_v6_beside(s->pool[place]))
		memcpy(at, &s->pool6[place], sizeof(struct ip6));
	else
		be32_store(at, s->pool[place]);
}

bool site_find(const struct site *s, enum site_entry e, const uint8_t *at, uint16_t *place)
{
	uint8_t now[16];

	if (e == ENTRY_FIREWALL) {
		*place = PLACE_NONE;
		return true;
	}
	*place = at[e == ENTRY_NAPT66 ? 15 : 3];
	if (*place < entries[e].first || *place >= entries[e].first + entries[e].count)
		return false;
	site_outside(s, *place, now);
	return memcmp(at, now, e == ENTRY_NAPT66 ? 16 : 4) == 0;
}

static void write_policy(struct site *s, enum site_entry e)
{
	struct nat_policy *p = &s->policies[e];

	*p = behaviours[e];
	p->version = entries[e].six ? 6 : 4;
	p->prefix = be32_from(entries[e].prefix);
	p->prefix_len = entries[e].prefix_len;
	if (entries[e].six)
		p->v6.match = (struct ip6_prefix){ six(entries[e].octet, 0, 0), 64 };
	p->pool_first = entries[e].first;
	p->pool_count = entries[e].count;
	p->ports = (struct port_range){ 1024, 65535 };
	p->on_address_change = entries[e].moves ? NAT_CHANGE_MOVE : NAT_CHANGE_END;
	if (e == ENTRY_NAT64) {
		p->v6.prefixes[0] = (struct ip6_prefix){ six(0x64, 0, 0), 96 };
		p->v6.prefix_count = 1;
	}
}

static void write_forwards(struct site *s)
{
	for (uint16_t i = 0; i <= SITE_SERVED; i++)
		s->forwards[i] = (struct nat_forward){
			.protocol = PROTO_TCP,
			.external = be32_from(SERVED_OUTSIDE),
			.internal = be32_from((uint32_t)SERVED_INSIDE + i),
			.first = (uint16_t)(SITE_SERVED_PORT + i),
			.last = (uint16_t)(SITE_SERVED_PORT + i),
			.internal_first = (uint16_t)(SITE_SERVED_PORT + i),
		};
	/* One that comes and goes; nobody uses it. */
	s->forwards[SITE_SERVED].protocol = PROTO_UDP;
}

static void write_config(struct site *s, uint32_t sessions)
{
	s->config = nat_config_default();
	s->config.workers = SITE_WORKERS;
	s->config.sessions = sessions;
	s->config.sessions_per_host = 16384;
	s->config.held_ports = sessions / 4;
	s->config.events = 8192;
	s->config.event_mask = (1u << EVENT_COUNT) - 1;
	s->config.timeout_ms[TIMEOUT_UDP] = 120000;
	s->config.policies = s->policies;
	s->config.policy_count = ENTRY_COUNT;
	s->config.pool = s->pool;
	s->config.pool6 = s->pool6;
	s->config.pool_count = SITE_PLACES;
	s->config.forwards = s->forwards;
	s->config.forward_count = SITE_SERVED;
	for (uint16_t i = 0; i < SITE_PLACES; i++)
		name_place(s, i);
	for (int e = 0; e < ENTRY_COUNT; e++)
		write_policy(s, (enum site_entry)e);
	write_forwards(s);
}

bool site_open(struct site *s, uint32_t sessions)
{
	static const uint8_t seed[32] = "a minute is sixty seconds of it";

	*s = (struct site){ .now = { DAY_MS } };
	write_config(s, sessions);
	if (nat_config_fault(&s->config))
		return false;
	for (uint16_t w = 0; w < SITE_WORKERS; w++) {
		struct nat_config c = s->config;
		size_t len;

		c.worker = w;
		len = (nat_size(&c) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
		s->arena[w] = aligned_alloc(CACHE_LINE, len);
		if (!s->arena[w])
			return false;
		memset(s->arena[w], 0, len);
		s->nat[w] = nat_init_zeroed(s->arena[w], &c, seed);
	}
	return true;
}

void site_close(struct site *s)
{
	for (uint16_t w = 0; w < SITE_WORKERS; w++)
		free(s->arena[w]);
}

void site_fetch(struct site *s)
{
	struct nat_event e;

	for (uint16_t w = 0; w < SITE_WORKERS; w++)
		while (nat_event_next(s->nat[w], &e))
			s->events[e.kind]++;
}

void site_pass(struct site *s, uint64_t ms)
{
	size_t visited;

	s->now.ms += ms;
	for (uint16_t w = 0; w < SITE_WORKERS; w++)
		do {
			visited = nat_expire(s->nat[w], s->now, BUDGET);
			site_fetch(s);
		} while (visited == BUDGET);
}

/* What sessions do not notice, or must follow: a timeout, limits that nobody reaches, behaviours that
 * nothing here asks for, a forward that nobody uses. */
static void change_behaviour(struct site *s)
{
	bool odd = s->reloads % 2;

	s->config.timeout_ms[TIMEOUT_TCP_CLOSING] = odd ? 250000 : 240000;
	s->config.forward_count = SITE_SERVED + odd;
	for (int e = 0; e < ENTRY_COUNT; e++) {
		s->policies[e].hairpin = odd ? NAT_HAIRPIN_OFF : NAT_HAIRPIN_EXTERNAL;
		s->policies[e].sessions_per_mapping = odd ? 1000000 : 0;
		s->policies[e].drop_icmp_errors = odd;
	}
}

void site_reload(struct site *s)
{
	s->reloads++;
	change_behaviour(s);
	for (int e = 0; e < ENTRY_COUNT; e++) {
		uint16_t place;

		if (!entries[e].count)
			continue;
		place = (uint16_t)(entries[e].first + s->reloads % entries[e].count);
		s->epochs[place]++;
		name_place(s, place);
	}
	for (uint16_t w = 0; w < SITE_WORKERS; w++) {
		struct nat_config c = s->config;

		c.worker = w;
		nat_configure(s->nat[w], &c);
	}
	site_pass(s, 0);
}

struct nat_gauges site_gauges(const struct site *s)
{
	struct nat_gauges sum = { 0 };

	for (uint16_t w = 0; w < SITE_WORKERS; w++) {
		struct nat_gauges g = nat_gauges(s->nat[w]);

		sum.sessions += g.sessions;
		sum.mappings += g.mappings;
		sum.hosts += g.hosts;
		sum.held_ports += g.held_ports;
		sum.sessions_created += g.sessions_created;
		sum.sessions_ended += g.sessions_ended;
		sum.sessions_lost += g.sessions_lost;
		sum.sessions_moved += g.sessions_moved;
		sum.events_lost += g.events_lost;
		for (int i = 0; i < 5; i++)
			sum.ports[i] += g.ports[i];
	}
	return sum;
}

/* Later than that nobody is who has been idle for his timeout: a tick of the clock, and a step of time. */
static bool is_late(const struct site *s, const struct nat_session *n)
{
	return n->idle_ms > s->config.timeout_ms[n->timeout] + TICK_MS + STEP_MS;
}

/* Whose block is told instead. */
static bool is_untold(const struct nat_mapping *m)
{
	uint32_t place = be32_host(m->outside.address) & 255;

	return be32_host(m->outside.address) >> 24 == POOL_FIRST >> 24 &&
	       place >= entries[ENTRY_BLOCKS].first && place < entries[ENTRY_NAT64].first;
}

static const char *audit_listings(const struct site *s, const struct nat_gauges *g)
{
	uint64_t sessions = 0, mappings = 0, of_mappings = 0, told = 0;
	struct nat_mapping m;
	struct nat_session n;
	uint32_t cursor;

	for (uint16_t w = 0; w < SITE_WORKERS; w++) {
		for (cursor = 0; nat_session_next(s->nat[w], s->now, &cursor, &n); sessions++)
			if (is_late(s, &n))
				return "a session is over and still there";
		for (cursor = 0; nat_mapping_next(s->nat[w], &cursor, &m); mappings++) {
			of_mappings += m.sessions;
			told += !is_untold(&m);
		}
	}
	if (s->events[EVENT_MAPPING_CREATED] - s->events[EVENT_MAPPING_DELETED] != told)
		return "the log has another number of mappings than there are";
	if (sessions != g->sessions || mappings != g->mappings)
		return "listings are not as long as the gauges say";
	return of_mappings == sessions ? NULL : "mappings do not have as many sessions as there are";
}

const char *site_audit(struct site *s)
{
	struct nat_gauges g = site_gauges(s);
	const uint64_t *e = s->events;

	if (g.sessions > s->peak)
		s->peak = g.sessions;
	if (g.events_lost)
		return "events were lost";
	if (g.sessions_created - g.sessions_ended != g.sessions)
		return "sessions created are not those that ended and those that live";
	if (e[EVENT_SESSION_CREATED] != g.sessions_created + g.sessions_moved ||
	    e[EVENT_SESSION_DELETED] != g.sessions_ended + g.sessions_moved)
		return "the log has another number of sessions than the gauges";
	return audit_listings(s, &g);
}

const char *site_check(const struct site *s)
{
	const char *fault = NULL;

	for (uint16_t w = 0; !fault && w < SITE_WORKERS; w++)
		fault = nat_check(s->nat[w]);
	return fault;
}
