#include "setting.h"

#include <stdio.h>

#include "universe.h"

/* Wide, so narrow that ports run out, and in between. */
static const struct port_range ranges[] = {
	{ 1024, 65535 }, { 5000, 5015 }, { 40000, 40039 }, { 1, 65535 }, { 65520, 65535 },
};
static const struct port_range low_ranges[] = { { 0, 0 }, { 496, 503 }, { 1, 1023 } };

static const uint32_t session_limits[] = { 30, 90, 300, 400 };
static const uint32_t host_limits[] = { 6, 20, 60, 400 };

/* An external port below another of the same host, a shifted range in the middle of the ports that
 * are given, nearly all ports of an address, hosts without a policy and exempt from it, an address
 * that is not of the pool. */
static const struct { uint8_t protocol; uint32_t external, internal; uint16_t first, last, to; }
forwards[SETTING_FORWARDS] = {
	{ PROTO_TCP, ADDRESS(192, 0, 2, 1), ADDRESS(10, 0, 0, 2), 8080, 8081, 80 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 1), ADDRESS(10, 0, 0, 2), 80, 80, 80 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 2), ADDRESS(10, 0, 0, 2), 443, 443, 80 },
	{ PROTO_UDP, ADDRESS(192, 0, 2, 1), ADDRESS(10, 0, 0, 3), 5000, 5003, 5002 },
	{ PROTO_UDP, ADDRESS(192, 0, 2, 3), ADDRESS(10, 0, 1, 2), 5002, 65529, 502 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 2), ADDRESS(172, 16, 0, 2), 22, 22, 22 },
	{ PROTO_UDP, ADDRESS(192, 0, 2, 2), ADDRESS(10, 0, 9, 2), 53, 53, 500 },
	{ PROTO_TCP, ADDRESS(203, 0, 113, 200), ADDRESS(10, 0, 0, 4), 443, 443, 443 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 1), ADDRESS(10, 0, 0, 3), 65520, 65535, 40000 },
};

static struct nat_policy napt(uint32_t prefix, uint8_t prefix_len, struct chance *c)
{
	struct nat_policy p = {
		.prefix = be32_from(prefix), .prefix_len = prefix_len, .type = NAT_NAPT44,
	};

	p.ports = CHANCE_OF(c, ranges);
	p.low_ports = CHANCE_OF(c, low_ranges);
	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		p.behaviour[i] = (struct nat_behaviour){ chance_below(c, 3), chance_below(c, 3) };
	p.port_selection = chance_below(c, 3);
	p.pooling = chance_one_in(c, 4) ? NAT_POOLING_ARBITRARY : NAT_POOLING_PAIRED;
	p.hairpin = chance_one_in(c, 4) ? NAT_HAIRPIN_OFF : NAT_HAIRPIN_EXTERNAL;
	p.refresh = chance_below(c, 3);
	p.parity = chance_one_in(c, 2);
	return p;
}

/* The slices of the two overlap, and the prefix of the second has that of the first. */
static void make_policies(struct setting *s, struct chance *c)
{
	s->policies[0] = napt(ADDRESS(10, 0, 0, 0), 24, c);
	s->policies[0].pool_count = (uint16_t)(1 + chance_below(c, 2));
	s->policies[1] = napt(ADDRESS(10, 0, 0, 0), 22, c);
	s->policies[1].pool_first = 1;
	s->policies[1].pool_count = (uint16_t)(1 + chance_below(c, 2));
	s->policies[2] = (struct nat_policy){
		.prefix = be32_from(ADDRESS(10, 0, 9, 0)), .prefix_len = 24, .type = NAT_NONE,
	};
}

static void make_forwards(struct setting *s, struct chance *c)
{
	if (chance_one_in(c, 3))
		return;
	for (size_t i = 0; i < SETTING_FORWARDS; i++) {
		if (chance_one_in(c, 4))
			continue;
		s->forwards[s->config.forward_count++] = (struct nat_forward){
			.protocol = forwards[i].protocol,
			.external = be32_from(forwards[i].external),
			.internal = be32_from(forwards[i].internal),
			.first = forwards[i].first,
			.last = forwards[i].last,
			.internal_first = forwards[i].to,
		};
	}
}

void setting_make(struct setting *s, struct chance *c, uint16_t workers,
		  enum nat_dependence mapping, enum nat_dependence filtering)
{
	*s = (struct setting){ .config = nat_config_default() };
	make_policies(s, c);
	s->policies[0].behaviour[NAT_CLASS_UDP] = (struct nat_behaviour){ mapping, filtering };
	s->policies[0].behaviour[NAT_CLASS_TCP] = (struct nat_behaviour){ mapping, filtering };
	for (size_t i = 0; i < SETTING_POOL; i++)
		s->pool[i] = be32_from(pool_addresses[i]);
	s->config.workers = workers;
	s->config.sessions = CHANCE_OF(c, session_limits);
	s->config.sessions_per_host = CHANCE_OF(c, host_limits);
	s->config.half_open = s->config.sessions;
	s->config.fragments = 16;
	s->config.policies = s->policies;
	s->config.policy_count = chance_one_in(c, 8) ? 1 : SETTING_POLICIES;
	s->config.pool = s->pool;
	s->config.pool_count = SETTING_POOL;
	s->config.forwards = s->forwards;
	make_forwards(s, c);
}

void setting_change_timeouts(struct setting *s, struct chance *c)
{
#define LEAST(id, key, normal, least, source) (least) * 1000u,
	static const uint32_t least_ms[TIMEOUT_COUNT] = { TIMEOUT_LIST(LEAST) };
#undef LEAST

	for (size_t i = 0; i < TIMEOUT_COUNT; i++)
		s->config.timeout_ms[i] = least_ms[i] + chance_below(c, least_ms[i]);
}

static const char *const dependence[] = { "independent", "address", "address and port" };
static const char *const selection[] = { "preserve", "random", "sequential" };
static const char *const refresh[] = { "outbound", "inbound", "both" };

void setting_describe(const struct setting *s, char *out, size_t len)
{
	const struct nat_policy *p = &s->policies[0];
	const struct nat_config *c = &s->config;

	snprintf(out, len,
		 "workers %d, mapping %s, filtering %s, ports %d-%d %s%s%s, refresh %s%s, "
		 "%zu forwards, %u sessions, %u per host",
		 c->workers, dependence[p->behaviour[0].mapping], dependence[p->behaviour[0].filtering], p->ports.first,
		 p->ports.last, selection[p->port_selection], p->parity ? " parity" : "",
		 p->low_ports.last ? " low" : "", refresh[p->refresh],
		 p->hairpin == NAT_HAIRPIN_OFF ? ", no hairpin" : "", c->forward_count,
		 c->sessions, c->sessions_per_host);
}
