/* RFC 6888 REQ-12, RFC 8158: what a NAT notes about its mappings, sessions and refusals. */
#include "octets.h"

#include "nat/checksum.h"
#include "nat/nat.h"

enum { REMOTE_PORT = 53, ROOM = 16, EVENTS_ALL = (1 << EVENT_COUNT) - 1 };

struct noted {
	struct nat *nat;
	void *arena;
	nat_time now;
	struct nat_policy policy;
	be32 pool;
};

static struct noted *noted_new(uint32_t events, uint32_t mask, struct nat_config c)
{
	struct noted *t = calloc(1, sizeof(*t));
	const uint8_t seed[32] = { 7 };

	assert_non_null(t);
	t->now.ms = 5000;
	t->pool = be32_from(0xc0000201);
	t->policy = (struct nat_policy){ .prefix = be32_from(0x0a000000), .prefix_len = 8,
					 .type = NAT_NAPT44, .pool_count = 1,
					 .ports = { 1024, 65535 } };
	c.policies = &t->policy;
	c.policy_count = 1;
	c.pool = &t->pool;
	c.pool_count = 1;
	c.events = events;
	c.event_mask = mask;
	assert_null(nat_config_fault(&c));
	t->arena = aligned_alloc(64, (nat_size(&c) + 63) / 64 * 64);
	assert_non_null(t->arena);
	t->nat = nat_init(t->arena, &c, seed);
	return t;
}

static struct nat_config small(void)
{
	struct nat_config c = nat_config_default();

	c.sessions = c.sessions_per_host = 64;
	return c;
}

static void noted_free(struct noted *t)
{
	free(t->arena);
	free(t);
}

/* UDP from 10.0.0.2:port to 203.0.113.9:53. */
static enum nat_verdict say(struct noted *t, uint16_t port)
{
	uint8_t octets[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2,
			       203, 0, 113, 9, 0, 0, 0, REMOTE_PORT, 0, 8, 0, 0 };
	struct pkt p;
	struct nat_job job = { .p = &p, .from = SIDE_INSIDE };

	store16(octets + 20, port);
	csum_store(octets + 10, csum_of(octets, 20));
	assert_int_equal(pkt_parse(&p, octets, sizeof(octets), NULL), REASON_NONE);
	nat_process(t->nat, t->now, &job);
	return job.verdict;
}

static struct nat_event next(struct noted *t)
{
	struct nat_event e;

	assert_true(nat_event_next(t->nat, &e));
	return e;
}

static void assert_about(struct nat_event e, enum nat_event_kind kind, uint64_t ms, uint16_t port)
{
	assert_int_equal(e.kind, kind);
	assert_int_equal(e.at.ms, ms);
	assert_int_equal(e.protocol, PROTO_UDP);
	assert_int_equal(be32_host(e.inside.address), 0x0a000002);
	assert_int_equal(be16_host(e.inside.port), port);
	assert_int_equal(be32_host(e.outside.address), 0xc0000201);
	assert_int_equal(be16_host(e.outside.port), port);
}

static void assert_none(struct noted *t)
{
	struct nat_event e;

	assert_false(nat_event_next(t->nat, &e));
}

/* The whole life of two mappings, in order, with times; the second session of a mapping makes no
 * event of the mapping. */
static void tells_a_life_in_order(void **state)
{
	struct noted *t = noted_new(ROOM, EVENTS_ALL, small());
	struct nat_event e;

	(void)state;
	assert_int_equal(say(t, 5000), NAT_FORWARD);
	t->now.ms += 100;
	assert_int_equal(say(t, 5002), NAT_FORWARD);
	assert_int_equal(say(t, 5000), NAT_FORWARD);
	assert_about(next(t), EVENT_MAPPING_CREATED, 5000, 5000);
	e = next(t);
	assert_about(e, EVENT_SESSION_CREATED, 5000, 5000);
	assert_int_equal(be32_host(e.remote.address), 0xcb007109);
	assert_int_equal(be16_host(e.remote.port), REMOTE_PORT);
	assert_about(next(t), EVENT_MAPPING_CREATED, 5100, 5002);
	assert_about(next(t), EVENT_SESSION_CREATED, 5100, 5002);
	assert_none(t);
	t->now.ms += 400000;
	nat_expire(t->nat, t->now, SIZE_MAX);
	uint32_t sessions = 0, mappings = 0;
	for (int i = 0; i < 4; i++) {
		e = next(t);
		sessions += e.kind == EVENT_SESSION_DELETED;
		mappings += e.kind == EVENT_MAPPING_DELETED;
		assert_about(e, e.kind, 405100, be16_host(e.inside.port));
	}
	assert_int_equal(sessions, 2);
	assert_int_equal(mappings, 2);
	assert_none(t);
	noted_free(t);
}

static void keeps_what_was_asked_for(void **state)
{
	struct noted *t = noted_new(ROOM, 1 << EVENT_MAPPING_DELETED, small());

	(void)state;
	say(t, 5000);
	assert_none(t);
	t->now.ms += 400000;
	nat_expire(t->nat, t->now, SIZE_MAX);
	assert_about(next(t), EVENT_MAPPING_DELETED, 405000, 5000);
	assert_none(t);
	assert_int_equal(nat_gauges(t->nat).events_lost, 0);
	noted_free(t);
}

/* What does not fit is counted, what is kept is the oldest, and once fetched there is room again,
 * all round the ring. */
static void counts_what_does_not_fit(void **state)
{
	struct noted *t = noted_new(3, 1 << EVENT_MAPPING_CREATED, small());
	uint16_t port = 5000;
	uint64_t lost = 0;

	(void)state;
	for (uint16_t turn = 0; turn < 8; turn++) {
		for (uint16_t i = 0; i < 5; i++)
			assert_int_equal(say(t, (uint16_t)(port + i)), NAT_FORWARD);
		lost += 2;
		assert_int_equal(nat_gauges(t->nat).events_lost, lost);
		for (uint16_t i = 0; i < 3; i++)
			assert_about(next(t), EVENT_MAPPING_CREATED, 5000, (uint16_t)(port + i));
		assert_none(t);
		port = (uint16_t)(port + 5);
	}
	noted_free(t);
}

/* With no room at all, everything asked for is lost, and packets go on. */
static void goes_on_without_room(void **state)
{
	struct noted *t = noted_new(0, EVENTS_ALL, small());

	(void)state;
	assert_int_equal(say(t, 5000), NAT_FORWARD);
	assert_none(t);
	assert_int_equal(nat_gauges(t->nat).events_lost, 2);
	noted_free(t);
}

/* RFC 8158: a full table and a host at its limit are quotas, ports that are used up are not. */
static void tells_why_it_refuses(void **state)
{
	static const struct { uint32_t sessions, per_host; uint16_t ports; enum reason reason;
			      enum nat_event_kind kind; } cases[] = {
		{ 2, 64, 60000, REASON_SESSION_LIMIT, EVENT_QUOTA_EXCEEDED },
		{ 64, 2, 60000, REASON_HOST_LIMIT, EVENT_QUOTA_EXCEEDED },
		{ 64, 64, 2, REASON_OUT_OF_PORTS, EVENT_PORTS_EXHAUSTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nat_config c = small();
		struct nat_event e;

		c.sessions = cases[i].sessions;
		c.sessions_per_host = cases[i].per_host;
		struct noted *t = noted_new(ROOM, 1 << EVENT_QUOTA_EXCEEDED |
					    1 << EVENT_PORTS_EXHAUSTED, c);
		t->policy.ports = (struct port_range){ 5000, (uint16_t)(4999 + cases[i].ports) };
		say(t, 5000);
		say(t, 5001);
		assert_none(t);
		assert_int_equal(say(t, 5002), NAT_DROP);
		e = next(t);
		assert_int_equal(e.kind, cases[i].kind);
		assert_int_equal(e.reason, cases[i].reason);
		assert_int_equal(be32_host(e.inside.address), 0x0a000002);
		assert_none(t);
		noted_free(t);
	}
}

/* IANA's registry of NAT event types; 1 and 2 are deprecated. */
static void has_the_numbers_of_rfc_8158(void **state)
{
	static const struct { const char *name; uint8_t number; } rows[EVENT_COUNT] = {
		[EVENT_SESSION_CREATED] = { "session-created", 4 },
		[EVENT_SESSION_DELETED] = { "session-deleted", 5 },
		[EVENT_MAPPING_CREATED] = { "mapping-created", 8 },
		[EVENT_MAPPING_DELETED] = { "mapping-deleted", 9 },
		[EVENT_PORTS_EXHAUSTED] = { "ports-exhausted", 12 },
		[EVENT_QUOTA_EXCEEDED] = { "quota-exceeded", 13 },
		[EVENT_BLOCK_ASSIGNED] = { "block-assigned", 16 },
		[EVENT_BLOCK_RELEASED] = { "block-released", 17 },
		[EVENT_PLAN] = { "plan", 0 },
	};

	(void)state;
	for (enum nat_event_kind k = 0; k < EVENT_COUNT; k++) {
		assert_string_equal(nat_event_name(k), rows[k].name);
		assert_int_equal(nat_event_number(k), rows[k].number);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_life_in_order), cmocka_unit_test(keeps_what_was_asked_for),
		cmocka_unit_test(counts_what_does_not_fit), cmocka_unit_test(goes_on_without_room),
		cmocka_unit_test(tells_why_it_refuses),
		cmocka_unit_test(has_the_numbers_of_rfc_8158),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
