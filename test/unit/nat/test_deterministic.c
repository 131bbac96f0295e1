/* RFC 7422: what belongs to whom by plan. Requirements 7422-F1, 7422-F2 and 7422-F4. */
#include "planned.h"

static struct nat_config config_of(const struct nat_policy *p, const be32 *pool, size_t count)
{
	struct nat_config c = nat_config_default();

	c.policies = p;
	c.policy_count = 1;
	c.pool = pool;
	c.pool_count = count;
	assert_null(nat_config_fault(&c));
	return c;
}

/* Section 2: fourteen hosts, D = 2, ports from 1024 on: 4032 for each. */
static void the_example_of_the_rfc(void **state)
{
	const struct nat_policy p = deterministic();
	const be32 pool = be32_from(OUTSIDE);
	struct nat_config c = config_of(&p, &pool, 1);
	struct nat_share s;

	(void)state;
	for (uint32_t i = 1; i <= 14; i++) {
		assert_true(nat_share_of(&c, be32_from(0xc6336400 + i), &s));
		assert_int_equal(be32_host(s.outside), OUTSIDE);
		assert_int_equal(s.ports.first, 1024 + 4032 * (i - 1));
		assert_int_equal(s.ports.last, 1024 + 4032 * i - 1);
	}
	assert_false(nat_share_of(&c, be32_from(0xc6336400), &s));
	assert_false(nat_share_of(&c, be32_from(0xc633640f), &s));
	assert_false(nat_share_of(&c, be32_from(0xc6336410), &s));
	assert_false(nat_share_at(&c, (struct endpoint){ pool, be16_from(57472) }, &s));
	assert_int_equal(nat_block_ports(&p).first, 57500);
	assert_int_equal(nat_block_ports(&p).last, 65499);
	assert_int_equal(nat_ports_most(&p), 5040);
}

/* Every port of every address leads to the host that has it, and each host has its number of them. */
static void each_is_the_others_inverse(struct nat_config c, uint32_t first, uint32_t hosts)
{
	const struct nat_policy *p = c.policies;
	uint32_t share = nat_policy_share(p);
	uint32_t *counts = calloc(hosts, sizeof(*counts));
	struct nat_share s, again;

	assert_non_null(counts);
	for (size_t a = 0; a < c.pool_count; a++)
		for (uint32_t port = 0; port < 65536; port++) {
			struct endpoint e = { c.pool[a], be16_from((uint16_t)port) };

			be32 inside;
			bool found = nat_share_at(&c, e, &s);

			assert_int_equal(nat_policy_share_at(p, (uint16_t)a, (uint16_t)port, &inside),
					 found);
			if (!found)
				continue;
			assert_true(port >= s.ports.first && port <= s.ports.last);
			assert_int_equal(s.ports.last - s.ports.first + 1, share);
			assert_true(be32_equal(s.outside, e.address));
			assert_true(nat_share_of(&c, s.inside, &again));
			assert_int_equal(again.ports.first, s.ports.first);
			assert_int_equal(again.ports.last, s.ports.last);
			assert_true(be32_equal(again.outside, s.outside));
			assert_ptr_equal(s.policy, p);
			counts[be32_host(s.inside) - first]++;
		}
	for (uint32_t i = 0; i < hosts; i++)
		assert_int_equal(counts[i], share);
	free(counts);
}

static void all_hosts_and_all_ports(void **state)
{
	/* Prefix, its length, outside addresses, first and last port, D; first host, how many. */
	static const struct {
		uint32_t prefix; uint8_t len; uint16_t pool, first, last, shares;
		uint32_t host, hosts;
	} plans[] = {
		{ 0xc6336400, 28, 1, 1024, 65535, 2, 0xc6336401, 14 },
		{ 0x0a000000, 24, 1, 1024, 65535, 0, 0x0a000001, 254 },
		{ 0x0a000000, 24, 3, 1025, 65535, 1, 0x0a000001, 254 },
		{ 0x0a0000ff, 22, 4, 4096, 40000, 7, 0x0a000001, 1022 },
		{ 0x0a000004, 31, 1, 1, 65535, 1, 0x0a000004, 2 },
		{ 0x0a000004, 31, 4, 1024, 65535, 1, 0x0a000004, 2 },
		{ 0x0a000007, 32, 1, 1024, 65535, 0, 0x0a000007, 1 },
		{ 0x0a000000, 30, 4, 1024, 1099, 2, 0x0a000001, 2 },
	};
	be32 pool[POOL_MOST];

	(void)state;
	for (uint32_t i = 0; i < POOL_MOST; i++)
		pool[i] = be32_from(OUTSIDE + i);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		struct nat_policy p = deterministic();

		p.prefix = be32_from(plans[i].prefix);
		p.prefix_len = plans[i].len;
		p.pool_count = plans[i].pool;
		p.ports = (struct port_range){ plans[i].first, plans[i].last };
		p.dynamic_shares = plans[i].shares;
		p.block_size = 16;
		each_is_the_others_inverse(config_of(&p, pool, plans[i].pool), plans[i].host,
					   plans[i].hosts);
	}
}

static void what_an_earlier_policy_takes_out(void **state)
{
	struct nat_policy p[2] = {
		{ .prefix = be32_from(0xc6336402), .prefix_len = 32, .type = NAT_NONE },
		deterministic(),
	};
	const be32 pool = be32_from(OUTSIDE);
	struct nat_config c = config_of(p, &pool, 1);
	struct nat_share s;

	(void)state;
	c.policy_count = 2;
	assert_false(nat_share_of(&c, be32_from(0xc6336402), &s));
	assert_false(nat_share_at(&c, (struct endpoint){ pool, be16_from(5056) }, &s));
	assert_true(nat_share_at(&c, (struct endpoint){ pool, be16_from(5055) }, &s));
	assert_int_equal(be32_host(s.inside), 0xc6336401);
}

/* Each host's ports of all protocols come out of its range, in no order, on its worker. */
static void hosts_stay_in_their_ranges(void **state)
{
	static const uint8_t protocols[] = { PROTO_UDP, PROTO_TCP, PROTO_ICMP };

	(void)state;
	for (uint16_t workers = 1; workers <= WORKERS_MOST; workers++) {
		struct planned *t = plan_new(deterministic(), workers);

		for (uint32_t host = 1; host <= 14; host++)
			for (uint16_t i = 0; i < 90; i++) {
				uint16_t port = open_port(t, protocols[i % 3], 0xc6336400 + host,
							  (uint16_t)(100 + 7 * i));

				assert_true(port >= 1024 + 4032 * (host - 1));
				assert_true(port < 1024 + 4032 * host);
			}
		plan_check(t);
		later(t, 0);
		while (next(t).kind == EVENT_PLAN)
			;
		assert_int_equal(next(t).kind, EVENT_COUNT);
		plan_free(t);
	}
}

/* 7422-F3: M = 5040, of which 4032 are not logged. */
static void overflow_takes_blocks(void **state)
{
	(void)state;
	for (uint16_t workers = 1; workers <= WORKERS_MOST; workers *= 2) {
		struct planned *t = plan_new(deterministic(), workers);
		uint32_t blocks = 0;
		struct nat_event e;

		for (uint16_t i = 0; i < 4032; i++)
			assert_true(open_port(t, PROTO_UDP, 0xc6336402, (uint16_t)(1 + i)) < 9088);
		assert_int_equal(next(t).kind, EVENT_COUNT);
		for (uint16_t i = 4032; i < 5000; i++)
			assert_true(open_port(t, PROTO_UDP, 0xc6336402, (uint16_t)(1 + i)) >= 57500);
		while ((e = next(t)).kind != EVENT_COUNT) {
			assert_int_equal(e.kind, EVENT_BLOCK_ASSIGNED);
			assert_int_equal(be32_host(e.inside.address), 0xc6336402);
			assert_int_equal(be32_host(e.outside.address), OUTSIDE);
			assert_int_equal(e.block.first % 100, 0);
			assert_int_equal(e.block.last - e.block.first, 99);
			blocks++;
		}
		assert_int_equal(blocks, 10);
		for (uint16_t i = 5000; i < 5040; i++)
			open_port(t, PROTO_UDP, 0xc6336402, (uint16_t)(1 + i));
		assert_int_equal(ask(t, PROTO_UDP, 0xc6336402, 5041).reason, REASON_PORT_LIMIT);
		assert_true(open_port(t, PROTO_UDP, 0xc6336403, 5041) >= 9088);
		plan_free(t);
	}
}

/* No host by the plan, but of the prefix: only blocks. */
static void the_network_address_has_no_share(void **state)
{
	struct planned *t = plan_new(deterministic(), 2);

	(void)state;
	assert_true(open_port(t, PROTO_UDP, 0xc6336400, 1000) >= 57500);
	assert_int_equal(next(t).kind, EVENT_BLOCK_ASSIGNED);
	plan_free(t);
}

static void expect_plan(struct planned *t, uint16_t shares, uint32_t outside, uint16_t addresses,
			uint32_t most)
{
	struct nat_event e = next(t);

	assert_int_equal(e.kind, EVENT_PLAN);
	assert_int_equal(e.at.ms, t->now.ms);
	assert_int_equal(be32_host(e.inside.address), 0xc6336400);
	assert_int_equal(e.plan.inside_len, 28);
	assert_int_equal(be32_host(e.outside.address), outside);
	assert_int_equal(e.plan.addresses, addresses);
	assert_int_equal(e.plan.dynamic_shares, shares);
	assert_int_equal(e.plan.ports_most, most);
	assert_int_equal(e.block.first, 1024);
	assert_int_equal(e.block.last, 65535);
}

/* 7422-F4: at the beginning, with every change, and once a day. */
static void parameters_are_recorded(void **state)
{
	struct planned *t = plan_new(deterministic(), 2);

	(void)state;
	later(t, 1);
	expect_plan(t, 2, OUTSIDE, 1, 5040);
	assert_int_equal(next(t).kind, EVENT_COUNT);
	reload(t);
	later(t, 1000);
	assert_int_equal(next(t).kind, EVENT_COUNT);
	t->policy[0].dynamic_shares = 3;
	reload(t);
	later(t, 1000);
	expect_plan(t, 3, OUTSIDE, 1, 3794 + 1100);
	later(t, 86399999);
	assert_int_equal(next(t).kind, EVENT_COUNT);
	later(t, 1);
	expect_plan(t, 3, OUTSIDE, 1, 3794 + 1100);
	t->pool[1] = be32_from(OUTSIDE + 9);
	t->pool[2] = be32_from(OUTSIDE + 10);
	t->policy[0].pool_count = 3;
	reload(t);
	later(t, 0);
	expect_plan(t, 3, OUTSIDE, 1, 5040);
	expect_plan(t, 3, OUTSIDE + 9, 2, 5040);
	assert_int_equal(next(t).kind, EVENT_COUNT);
	plan_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_rfc),
		cmocka_unit_test(all_hosts_and_all_ports),
		cmocka_unit_test(what_an_earlier_policy_takes_out),
		cmocka_unit_test(hosts_stay_in_their_ranges),
		cmocka_unit_test(overflow_takes_blocks),
		cmocka_unit_test(the_network_address_has_no_share),
		cmocka_unit_test(parameters_are_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
