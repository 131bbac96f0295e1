#include "setting.h"

#include <stdio.h>

#include "nat/event.h"
#include "universe.h"

/* Wide, so narrow that ports run out, and in between. */
static const struct port_range ranges[] = {
	{ 1024, 65535 }, { 5000, 5015 }, { 40000, 40039 }, { 1, 65535 }, { 65520, 65535 },
};
static const struct port_range low_ranges[] = { { 0, 0 }, { 496, 503 }, { 1, 1023 } };

static const uint32_t session_limits[] = { 30, 90, 300, 400 };
static const uint32_t host_limits[] = { 6, 20, 60, 400 };

/* An external port below another of the same host, a shifted range in the middle of the ports that
 * are given, nearly all ports of an address, hosts without a policy and exempt from it, addresses
 * that are not of the pool, one of which is another host's by basic NAT; several targets. */
static const struct {
	uint8_t protocol;
	ip_number external, internal;
	uint16_t first, last, to;
	uint16_t targets; /* the same row and those behind it */
	uint32_t source;
} forwards[] = {
	{ PROTO_TCP, ADDRESS(192, 0, 2, 1), ADDRESS(10, 0, 0, 2), 8080, 8081, 80, 0, 0 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 1), ADDRESS(10, 0, 0, 2), 80, 80, 80, 0, 0 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 2), ADDRESS(10, 0, 0, 2), 443, 443, 80, 0, 0 },
	{ PROTO_UDP, ADDRESS(192, 0, 2, 1), ADDRESS(10, 0, 0, 3), 5000, 5003, 5002, 0, 0 },
	{ PROTO_UDP, ADDRESS(192, 0, 2, 3), ADDRESS(10, 0, 1, 2), 5002, 65529, 502, 0, 0 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 2), ADDRESS(172, 16, 0, 2), 22, 22, 22, 0, 0 },
	{ PROTO_UDP, ADDRESS(192, 0, 2, 2), ADDRESS(10, 0, 9, 2), 53, 53, 500, 0, 0 },
	{ PROTO_TCP, ADDRESS(203, 0, 113, 200), ADDRESS(10, 0, 0, 4), 443, 443, 443, 0, 0 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 1), ADDRESS(10, 0, 0, 3), 65520, 65535, 40000, 0, 0 },
	{ PROTO_UDP, ADDRESS(203, 0, 113, 66), ADDRESS(10, 0, 0, 5), 500, 501, 500, 0, 0 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 2), ADDRESS(10, 0, 0, 4), 5000, 5001, 22, 2, 0 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 2), ADDRESS(10, 0, 1, 3), 5000, 5001, 5006, 0, 0 },
	{ PROTO_UDP, ADDRESS(192, 0, 2, 3), ADDRESS(10, 0, 1, 3), 443, 443, 443, 0,
	  ADDRESS(10, 0, 0, 1) },
	/* IPv6: NAPT66, pinholes, NAT64; these follow all of IPv4. */
	{ PROTO_TCP, SIX(0x2001, 0xdb8, 9, 0, 0, 1), SIX(0xfd00, 2, 0, 0, 0, 2), 8080, 8081, 80, 0, 0 },
	{ PROTO_UDP, SIX(0x2001, 0xdb8, 9, 0, 0, 2), SIX(0xfd00, 2, 0, 0, 0, 3), 5002, 65529, 502, 0, 0 },
	{ PROTO_TCP, SIX(0x2001, 0xdb8, 1, 0, 0, 2), SIX(0x2001, 0xdb8, 1, 0, 0, 2), 22, 22, 22, 0, 0 },
	{ PROTO_UDP, SIX(0x2001, 0xdb8, 1, 0, 0, 3), SIX(0x2001, 0xdb8, 1, 0, 0, 3), 5000, 5003, 5000, 0, 0 },
	{ PROTO_TCP, ADDRESS(192, 0, 2, 3), SIX(0x2001, 0xdb8, 1, 0, 0, 2), 80, 80, 80, 0, 0 },
	{ PROTO_UDP, ADDRESS(192, 0, 2, 1), SIX(0x2001, 0xdb8, 1, 0, 0, 3), 500, 501, 500, 0, 0 },
};

/* Time. */

static uint32_t least_ms(size_t class)
{
#define LEAST(id, key, normal, least, source) (least) * 1000u,
	static const uint32_t all[TIMEOUT_COUNT] = { TIMEOUT_LIST(LEAST) };
#undef LEAST

	return all[class];
}

static uint32_t some_timeout(struct chance *c, size_t class)
{
	return least_ms(class) + chance_below(c, least_ms(class));
}

static void draw_times(struct nat_policy *p, struct chance *c)
{
	for (size_t i = 0; i < TIMEOUT_COUNT; i++)
		if (chance_one_in(c, 4))
			p->timeout_ms[i] = some_timeout(c, i);
	if (chance_one_in(c, 2)) {
		p->short_ports[0] = 53;
		p->short_ports[1] = chance_one_in(c, 2) ? 6000 : 0;
	}
	p->timeout_ms[TIMEOUT_UDP_SHORT] = 1000 + chance_below(c, 20000);
}

/* Policies. */

static void draw_ports(struct nat_policy *p, struct chance *c)
{
	static const enum nat_pooling poolings[] = {
		NAT_POOLING_PAIRED, NAT_POOLING_PAIRED, NAT_POOLING_ARBITRARY, NAT_POOLING_SOFT,
	};

	p->pool_first = (uint16_t)chance_below(c, SETTING_POOL);
	p->pool_count = (uint16_t)(1 + chance_below(c, (uint32_t)(SETTING_POOL - p->pool_first)));
	p->ports = CHANCE_OF(c, ranges);
	p->low_ports = CHANCE_OF(c, low_ranges);
	p->port_selection = chance_below(c, NAT_PORT_CONTIGUOUS + 1);
	p->conflict = chance_below(c, NAT_CONFLICT_REFUSE + 1);
	p->pooling = CHANCE_OF(c, poolings);
	p->parity = chance_one_in(c, 2);
	p->exhausted = chance_below(c, NAT_EXHAUSTED_OVERLOAD + 1);
}

static void draw_limits(struct nat_policy *p, struct chance *c)
{
	static const uint32_t ports[] = { 0, 0, 0, 3, 12 }, rates[] = { 0, 0, 0, 1, 5 };
	static const uint32_t visitors[] = { 0, 0, 0, 2, 6 };

	p->ports_per_host = CHANCE_OF(c, ports);
	p->new_per_second = CHANCE_OF(c, rates);
	p->new_burst = 1 + chance_below(c, 10);
	p->sessions_per_mapping = CHANCE_OF(c, visitors);
}

struct nat_policy setting_draw_policy(struct chance *c)
{
	static const enum nat_hairpin hairpins[] = {
		NAT_HAIRPIN_EXTERNAL, NAT_HAIRPIN_EXTERNAL, NAT_HAIRPIN_INTERNAL, NAT_HAIRPIN_OFF,
	};
	struct nat_policy p = { .type = NAT_NAPT44 };

	for (int i = 0; i < NAT_CLASS_COUNT; i++) {
		p.behaviour[i].mapping = chance_below(c, 3);
		p.behaviour[i].filtering = chance_below(c, 3);
	}
	draw_ports(&p, c);
	p.hairpin = CHANCE_OF(c, hairpins);
	p.refresh = chance_below(c, 3);
	p.unsolicited = chance_below(c, NAT_UNSOLICITED_SILENT + 1);
	p.on_address_change = chance_below(c, NAT_CHANGE_MOVE + 1);
	p.drop_icmp_errors = chance_one_in(c, 8);
	if (chance_one_in(c, 3)) {
		p.twice.seen = be32_from(ADDRESS(100, 64, 0, 0));
		p.twice.real = be32_from(ADDRESS(198, 51, 100, 0));
		p.twice.len = 24;
	}
	draw_limits(&p, c);
	draw_times(&p, c);
	return p;
}

static struct nat_policy draw_policy(uint32_t prefix, uint8_t prefix_len, struct chance *c)
{
	struct nat_policy p = setting_draw_policy(c);

	p.prefix = be32_from(prefix);
	p.prefix_len = prefix_len;
	return p;
}

static struct nat_policy none(uint32_t prefix, uint8_t prefix_len)
{
	return (struct nat_policy){
		.prefix = be32_from(prefix), .prefix_len = prefix_len, .type = NAT_NONE,
	};
}

/* One destination, perhaps one protocol and some ports of it. */
static struct nat_policy draw_exception(struct chance *c)
{
	struct nat_policy p = none(ADDRESS(10, 0, 0, 0), 22);

	p.destination.prefix = be32_from(ADDRESS(203, 0, 113, 0));
	p.destination.len = chance_one_in(c, 2) ? 29 : 0;
	p.destination.protocol = chance_one_in(c, 2) ? PROTO_UDP : PROTO_TCP;
	if (p.destination.len && chance_one_in(c, 3))
		p.destination.protocol = 0;
	else if (chance_one_in(c, 2) || !p.destination.len)
		p.destination.ports = (struct port_range){ 443, 6000 };
	return p;
}

/* 10.0.2 has outside addresses of its own, which may be others after a reload. */
static struct nat_policy draw_basic(struct chance *c)
{
	struct nat_policy p = draw_policy(ADDRESS(10, 0, 2, 0), 24, c);

	p.type = NAT_ONE_TO_ONE;
	p.prefix = be32_from(ADDRESS(10, 0, 2, 0));
	p.prefix_len = 26;
	p.translated = be32_from(chance_one_in(c, 4) ? ADDRESS(203, 0, 113, 128)
						     : ADDRESS(203, 0, 113, 64));
	return p;
}

static void add_policy(struct setting *s, struct nat_policy p)
{
	s->policies[s->config.policy_count++] = p;
}

/* Prefixes and slices of the pool overlap. */
static void make_policies(struct setting *s, struct chance *c)
{
	struct nat_policy p;

	s->config.policy_count = 0;
	if (chance_one_in(c, 3))
		add_policy(s, draw_exception(c));
	p = draw_policy(ADDRESS(10, 0, 0, 0), 24, c);
	p.behaviour[NAT_CLASS_UDP] = p.behaviour[NAT_CLASS_TCP] = s->asked;
	add_policy(s, p);
	if (s->six)
		setting_add_six(s, c);
	if (chance_one_in(c, 8))
		return;
	if (!chance_one_in(c, 3))
		add_policy(s, draw_basic(c));
	add_policy(s, draw_policy(ADDRESS(10, 0, 0, 0), 22, c));
	add_policy(s, none(ADDRESS(10, 0, 9, 0), 24));
	if (chance_one_in(c, 4))
		add_policy(s, draw_policy(ADDRESS(172, 16, 0, 0), 12, c));
}

static bool is_of_six(size_t row)
{
	return ip_is_six(forwards[row].internal);
}

static struct ip6 six_beside(ip_number a)
{
	return ip_is_six(a) ? ip_to_six(a) : (struct ip6){ { 0 } };
}

static void make_forwards(struct setting *s, struct chance *c)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(forwards) / sizeof(forwards[0]); i++) {
		size_t rows = forwards[i].targets ? forwards[i].targets : 1;

		if ((is_of_six(i) && !s->six) || chance_one_in(c, 4)) {
			i += rows - 1;
			continue;
		}
		for (size_t row = i; row < i + rows; row++)
			s->forwards[count++] = (struct nat_forward){
				.protocol = forwards[row].protocol,
				.external = ip_or_beside(forwards[row].external),
				.internal = ip_or_beside(forwards[row].internal),
				.external6 = six_beside(forwards[row].external),
				.internal6 = six_beside(forwards[row].internal),
				.first = forwards[row].first,
				.last = forwards[row].last,
				.internal_first = forwards[row].to,
				.source = be32_from(forwards[row].source),
				.grouped = rows > 1,
				.targets = row == i ? forwards[row].targets : 0,
				.weight = (uint16_t)(1 + chance_below(c, 3)),
			};
		s->forwards[count - rows].sticky = chance_one_in(c, 2);
		i += rows - 1;
	}
	s->config.forward_count = chance_one_in(c, 3) ? 0 : count;
}

static void draw_knobs(struct setting *s, struct chance *c)
{
	make_policies(s, c);
	s->config.sessions_per_host = CHANCE_OF(c, host_limits);
	s->config.unique_idents = chance_one_in(c, 2);
	s->config.event_mask = chance_one_in(c, 4) ? (uint32_t)chance_bits(c) : UINT32_MAX;
	/* A mapping that begins and ends is nothing in the sum only if both are told. */
	s->config.event_mask |= 1u << EVENT_MAPPING_CREATED | 1u << EVENT_MAPPING_DELETED;
}

void setting_make(struct setting *s, struct chance *c, uint16_t workers,
		  struct nat_behaviour asked, bool six)
{
	*s = (struct setting){ .config = nat_config_default(), .asked = asked, .six = six };
	for (size_t i = 0; i < SETTING_POOL; i++)
		s->pool[i] = be32_from(pool_addresses[i]);
	for (size_t i = 0; i < SETTING_POOL_SIX; i++) {
		s->pool[SETTING_POOL + i] = nat_v6_beside();
		s->pool6[SETTING_POOL + i] = ip_to_six(six_pool[i]);
	}
	s->config.workers = workers;
	s->config.sessions = CHANCE_OF(c, session_limits);
	s->config.half_open = chance_one_in(c, 2) ? 0 : 1 + chance_below(c, 8);
	s->config.unsolicited = chance_below(c, 16);
	s->config.fragments = 16;
	s->config.events = 4096;
	s->config.policies = s->policies;
	s->config.pool = s->pool;
	s->config.pool6 = s->pool6;
	s->config.pool_count = SETTING_POOL + (six ? SETTING_POOL_SIX : 0);
	s->config.forwards = s->forwards;
	draw_knobs(s, c);
	make_forwards(s, c);
}

/* A configuration has no forward at an address that no pool has. */
static void follow(struct setting *s, be32 was, be32 now)
{
	for (size_t i = 0; i < s->config.forward_count; i++)
		if (be32_equal(s->forwards[i].external, was))
			s->forwards[i].external = now;
}

static void follow_six(struct setting *s, const struct ip6 *was, const struct ip6 *now)
{
	for (size_t i = 0; i < s->config.forward_count; i++)
		if (nat_is_v6_beside(s->forwards[i].external) && ip6_equal(&s->forwards[i].external6, was))
			s->forwards[i].external6 = *now;
}

/* Another address in a place or, sooner, the one of the beginning again. */
static void change_address(struct setting *s, struct chance *c, size_t place)
{
	be32 was = s->pool[place];
	bool back = !be32_equal(was, be32_from(pool_addresses[place]));

	if (!chance_one_in(c, back ? 2 : 5))
		return;
	s->pool[place] = be32_from(pool_addresses[place + (back ? 0 : SETTING_POOL)]);
	follow(s, was, s->pool[place]);
}

static void change_address_six(struct setting *s, struct chance *c, size_t place)
{
	struct ip6 *a = &s->pool6[SETTING_POOL + place], was = *a;
	bool back = ip_of_six(a) != six_pool[place];

	if (!chance_one_in(c, back ? 2 : 5))
		return;
	*a = ip_to_six(six_pool[place + (back ? 0 : SETTING_POOL_SIX)]);
	follow_six(s, &was, a);
}

static void make_forwards_here(struct setting *s, struct chance *c)
{
	make_forwards(s, c);
	for (size_t i = 0; i < SETTING_POOL; i++)
		follow(s, be32_from(pool_addresses[i]), s->pool[i]);
	for (size_t i = 0; i < SETTING_POOL_SIX && s->six; i++) {
		struct ip6 was = ip_to_six(six_pool[i]);

		follow_six(s, &was, &s->pool6[SETTING_POOL + i]);
	}
}

void setting_change(struct setting *s, struct chance *c)
{
	for (size_t i = 0; i < SETTING_POOL; i++)
		change_address(s, c, i);
	for (size_t i = 0; i < SETTING_POOL_SIX && s->six; i++)
		change_address_six(s, c, i);
	for (size_t i = 0; i < TIMEOUT_COUNT; i++)
		s->config.timeout_ms[i] = some_timeout(c, i);
	draw_knobs(s, c);
	if (s->config.workers == 1 && chance_one_in(c, 2))
		make_forwards_here(s, c);
}

static const char *const dependence[] = { "independent", "address", "address and port" };
static const char *const selection[] = {
	"preserve", "random", "sequential", "parity", "contiguous",
};
static const char *const refresh[] = { "outbound", "inbound", "both" };

void setting_describe(const struct setting *s, char *out, size_t len)
{
	const struct nat_config *c = &s->config;
	const struct nat_policy *p = &s->policies[0];

	p += p->type == NAT_NONE;
	snprintf(out, len,
		 "%sworkers %d, mapping %s, filtering %s, ports %d-%d %s%s%s, refresh %s%s, "
		 "%zu policies, %zu forwards, %u sessions, %u per host",
		 s->six ? "IPv6, " : "", c->workers, dependence[s->asked.mapping], dependence[s->asked.filtering],
		 p->ports.first, p->ports.last, selection[p->port_selection],
		 p->parity ? " parity" : "", p->low_ports.last ? " low" : "", refresh[p->refresh],
		 p->hairpin == NAT_HAIRPIN_OFF ? ", no hairpin" : "", c->policy_count,
		 c->forward_count, c->sessions, c->sessions_per_host);
}
