/*
 * A NAT of several workers whose hosts have ranges of ports, asked one datagram at a time.
 *
 * Shape    198.51.100.0/28 and 10.0.0.0/16 are inside, 192.0.2.1 and on are outside. Datagrams go to
 *          the owner, as nat_owner() says, and nat_check() is silent about every worker after each.
 * Memory   plan_new() to plan_free().
 */
#ifndef PLANNED_H
#define PLANNED_H

#include "octets.h"

#include "nat/deterministic.h"
#include "nat/nat.h"

enum { WORKERS_MOST = 4, POOL_MOST = 4, REMOTE = 0xcb007109, OUTSIDE = 0xc0000201,
       HOLD_MS = 120000, UDP_MS = 300000, EVENTS = 1 << EVENT_BLOCK_ASSIGNED |
       1 << EVENT_BLOCK_RELEASED | 1 << EVENT_PLAN | 1 << EVENT_MAPPING_CREATED };

struct planned {
	uint16_t workers;
	struct nat *nat[WORKERS_MOST];
	void *arena[WORKERS_MOST];
	nat_time now;
	struct nat_config config;
	struct nat_policy policy[2];
	struct nat_forward forward[4];
	be32 pool[POOL_MOST];
};

/* RFC 7422 section 2's example, and 10.0.0.0/16 in blocks. */
static inline struct nat_policy deterministic(void)
{
	return (struct nat_policy){
		.prefix = be32_from(0xc6336400), .prefix_len = 28, .type = NAT_NAPT44,
		.pool_count = 1, .ports = { 1024, 65535 },
		.port_selection = NAT_PORT_DETERMINISTIC, .dynamic_shares = 2, .block_size = 100,
		.blocks_per_host = 11, .ports_per_host = 5040,
	};
}

static inline struct nat_policy blocks_of(uint16_t size, uint16_t per_host)
{
	return (struct nat_policy){
		.prefix = be32_from(0x0a000000), .prefix_len = 16, .type = NAT_NAPT44,
		.pool_count = 1, .ports = { 1024, 65535 }, .port_selection = NAT_PORT_BLOCK,
		.block_size = size, .blocks_per_host = per_host,
	};
}

static inline struct planned *plan_new(struct nat_policy p, uint16_t workers)
{
	struct planned *t = calloc(1, sizeof(*t));
	const uint8_t seed[32] = { 3, 1, 4 };

	assert_non_null(t);
	t->workers = workers;
	t->now.ms = 1000000;
	t->policy[0] = p;
	for (uint32_t i = 0; i < POOL_MOST; i++)
		t->pool[i] = be32_from(OUTSIDE + i);
	t->config = nat_config_default();
	t->config.sessions = t->config.sessions_per_host = 32768;
	t->config.workers = workers;
	t->config.policies = t->policy;
	t->config.policy_count = 1;
	t->config.pool = t->pool;
	t->config.pool_count = POOL_MOST;
	t->config.forwards = t->forward;
	t->config.events = 1024;
	t->config.event_mask = EVENTS;
	assert_null(nat_config_fault(&t->config));
	for (uint16_t i = 0; i < workers; i++) {
		size_t size = (nat_size(&t->config) + 63) / 64 * 64;

		t->config.worker = i;
		t->arena[i] = aligned_alloc(64, size);
		assert_non_null(t->arena[i]);
		memset(t->arena[i], 0xa5, size);
		t->nat[i] = nat_init(t->arena[i], &t->config, seed);
	}
	return t;
}

static inline void plan_check(const struct planned *t)
{
	for (uint16_t i = 0; i < t->workers; i++)
		if (nat_check(t->nat[i]))
			fail_msg("worker %u: %s", i, nat_check(t->nat[i]));
}

static inline void plan_free(struct planned *t)
{
	plan_check(t);
	for (uint16_t i = 0; i < t->workers; i++)
		free(t->arena[i]);
	free(t);
}

static inline void later(struct planned *t, uint64_t ms)
{
	t->now.ms += ms;
	for (uint16_t i = 0; i < t->workers; i++)
		nat_expire(t->nat[i], t->now, SIZE_MAX);
	plan_check(t);
}

/* Work by what t->policy and t->forward say now. */
static inline void reload(struct planned *t)
{
	assert_null(nat_config_fault(&t->config));
	for (uint16_t i = 0; i < t->workers; i++) {
		t->config.worker = i;
		nat_configure(t->nat[i], &t->config);
	}
}

struct end {
	uint32_t address;
	uint16_t port;
};

struct saying {
	enum nat_verdict verdict;
	enum reason reason;
	uint16_t worker;
	uint32_t source, destination; /* as it came out */
	uint16_t ports[2];
};

/* A datagram from one side, of UDP, TCP (a SYN) or ICMP (an echo request, a reply from outside). */
static inline struct saying say(struct planned *t, enum nat_side from, uint8_t protocol,
				struct end source, struct end destination)
{
	uint8_t o[40] = { 0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol };
	struct saying s;
	struct pkt p;
	struct nat_job job = { .p = &p, .from = from };

	store32(o + 12, source.address);
	store32(o + 16, destination.address);
	store16(o + 20, source.port);
	store16(o + 22, destination.port);
	if (protocol == PROTO_UDP)
		store16(o + 24, 20);
	if (protocol == PROTO_TCP)
		store16(o + 32, 5 << 12 | 2);
	if (protocol == PROTO_ICMP) {
		store16(o + 20, from == SIDE_INSIDE ? 8 << 8 : 0);
		store16(o + 24, from == SIDE_INSIDE ? source.port : destination.port);
	}
	octets_complete(o, sizeof(o));
	assert_int_equal(pkt_parse(&p, o, sizeof(o), NULL), REASON_NONE);
	s.worker = nat_owner(t->nat[0], &p, from);
	nat_process(t->nat[s.worker], t->now, &job);
	s.verdict = job.verdict;
	s.reason = job.reason;
	s.source = load32(o + 12);
	s.destination = load32(o + 16);
	s.ports[0] = load16(o + (protocol == PROTO_ICMP ? 24 : 20));
	s.ports[1] = protocol == PROTO_ICMP ? s.ports[0] : load16(o + 22);
	return s;
}

static inline struct saying ask(struct planned *t, uint8_t protocol, uint32_t inside, uint16_t port)
{
	return say(t, SIDE_INSIDE, protocol, (struct end){ inside, port }, (struct end){ REMOTE, 53 });
}

/* The outside port of a new or known inside endpoint, whose answers find their way. */
static inline uint16_t open_port(struct planned *t, uint8_t protocol, uint32_t inside, uint16_t port)
{
	struct saying s = ask(t, protocol, inside, port), back;

	assert_int_equal(s.verdict, NAT_FORWARD);
	if (protocol == PROTO_TCP)
		return s.ports[0];
	back = say(t, SIDE_OUTSIDE, protocol, (struct end){ REMOTE, 53 },
		   (struct end){ s.source, s.ports[0] });
	assert_int_equal(back.verdict, NAT_FORWARD);
	assert_int_equal(back.worker, s.worker);
	assert_int_equal(back.destination, inside);
	assert_int_equal(back.ports[1], port);
	return s.ports[0];
}

/* The next event of any worker; kind EVENT_COUNT: there is none. */
static inline struct nat_event next(struct planned *t)
{
	struct nat_event e = { .kind = EVENT_COUNT };

	for (uint16_t i = 0; i < t->workers; i++)
		if (nat_event_next(t->nat[i], &e))
			return e;
	return e;
}

#endif
