/* Blocks of ports: RFC 6888 REQ-12 to REQ-15, requirement LOG-PBA, and what a reload leaves. */
#include "planned.h"

enum { HOST = 0x0a000002, NEIGHBOUR = 0x0a000003 };

static struct nat_event expect_event(struct planned *t, enum nat_event_kind kind, uint32_t inside)
{
	struct nat_event e = next(t);

	assert_int_equal(e.kind, kind);
	assert_int_equal(be32_host(e.inside.address), inside);
	assert_int_equal(e.protocol, 0);
	assert_int_equal(e.at.ms, t->now.ms);
	return e;
}

static void expect_silence(struct planned *t)
{
	assert_int_equal(next(t).kind, EVENT_COUNT);
}

static bool has(struct port_range r, uint16_t port)
{
	return port >= r.first && port <= r.last;
}

/* 6888-R12: a thousand sessions of one host in blocks of 512 are two records. */
static void a_thousand_sessions_are_two_records(void **state)
{
	(void)state;
	for (uint16_t workers = 1; workers <= WORKERS_MOST; workers++) {
		struct planned *t = plan_new(blocks_of(512, 2), workers);
		uint16_t port = open_port(t, PROTO_UDP, HOST, 1);
		struct nat_event e = expect_event(t, EVENT_BLOCK_ASSIGNED, HOST);

		assert_true(has(e.block, port));
		for (uint16_t i = 1; i < 512; i++)
			assert_true(has(e.block, open_port(t, PROTO_UDP, HOST, (uint16_t)(1 + i))));
		assert_int_equal(e.block.first % 512, 0);
		assert_int_equal(e.block.last - e.block.first, 511);
		assert_int_equal(be32_host(e.outside.address), OUTSIDE);
		for (uint16_t i = 512; i < 1000; i++)
			open_port(t, PROTO_UDP, HOST, (uint16_t)(1 + i));
		expect_event(t, EVENT_BLOCK_ASSIGNED, HOST);
		plan_check(t);
		for (uint16_t i = 1000; i < 1024; i++)
			open_port(t, PROTO_UDP, HOST, (uint16_t)(1 + i));
		assert_int_equal(ask(t, PROTO_UDP, HOST, 2000).reason, REASON_OUT_OF_PORTS);
		expect_silence(t);
		/* The other protocols have these ports too. */
		open_port(t, PROTO_TCP, HOST, 1);
		open_port(t, PROTO_ICMP, HOST, 1);
		expect_silence(t);
		plan_free(t);
	}
}

/* LOG-PBA: released after 120 s in which nobody else has it, and its host at once again. */
static void released_after_its_rest(void **state)
{
	struct planned *t = plan_new(blocks_of(512, 1), 2);
	struct nat_event e, again;

	(void)state;
	open_port(t, PROTO_UDP, HOST, 1000);
	e = expect_event(t, EVENT_BLOCK_ASSIGNED, HOST);
	later(t, UDP_MS);
	later(t, 1000);
	assert_int_equal(nat_gauges(t->nat[0]).sessions + nat_gauges(t->nat[1]).sessions, 0);
	expect_silence(t);
	assert_true(has(e.block, open_port(t, PROTO_UDP, HOST, 1001)));
	expect_silence(t);
	later(t, UDP_MS + 1000);
	later(t, HOLD_MS - 1);
	expect_silence(t);
	later(t, 1);
	again = expect_event(t, EVENT_BLOCK_RELEASED, HOST);
	assert_int_equal(again.block.first, e.block.first);
	assert_int_equal(again.block.last, e.block.last);
	plan_free(t);
}

/* Two blocks only: nobody gets the first of one who is gone before it has rested. */
static void nobody_else_gets_a_block_that_rests(void **state)
{
	struct nat_policy p = blocks_of(32, 1);
	struct planned *t;
	uint16_t port;

	(void)state;
	p.ports = (struct port_range){ 5000, 5090 }; /* 5024-5055, 5056-5087 */
	t = plan_new(p, 1);
	port = open_port(t, PROTO_UDP, HOST, 1);
	later(t, UDP_MS / 2);
	open_port(t, PROTO_UDP, NEIGHBOUR, 1);
	assert_int_equal(ask(t, PROTO_UDP, HOST + 9, 1).reason, REASON_OUT_OF_PORTS);
	later(t, UDP_MS / 2 + 1000);
	assert_int_equal(ask(t, PROTO_UDP, HOST + 9, 1).reason, REASON_OUT_OF_PORTS);
	later(t, HOLD_MS - 1000);
	assert_int_equal(ask(t, PROTO_UDP, HOST + 9, 1).reason, REASON_OUT_OF_PORTS);
	later(t, 1000);
	assert_int_equal(open_port(t, PROTO_UDP, HOST + 9, 1) / 32, port / 32);
	plan_free(t);
}

/* Nobody's block is anybody else's, whoever the worker is; and every outside port leads back. */
static void hosts_do_not_share_blocks(void **state)
{
	(void)state;
	for (uint16_t workers = 1; workers <= WORKERS_MOST; workers++) {
		struct nat_policy p = blocks_of(64, 4);
		struct planned *t;
		uint32_t holder[4][1024] = { { 0 } };

		p.pool_count = 4;
		t = plan_new(p, workers);
		for (uint32_t host = 0; host < 150; host++)
			for (uint16_t i = 0; i < 100; i++) {
				struct saying s = ask(t, PROTO_UDP, HOST + host, (uint16_t)(9 + i));
				uint32_t *h = &holder[s.source - OUTSIDE][s.ports[0] / 64];

				assert_int_equal(s.verdict, NAT_FORWARD);
				assert_true(*h == 0 || *h == HOST + host);
				*h = HOST + host;
				open_port(t, PROTO_UDP, HOST + host, (uint16_t)(9 + i));
			}
		plan_free(t);
	}
}

/* REQ-15: neither runs nor a fixed step, and even stays even. */
static void ports_are_hard_to_guess(void **state)
{
	struct nat_policy p = blocks_of(1024, 1);
	uint32_t near = 0, above = 0;
	struct planned *t;
	int last = 0;

	(void)state;
	p.parity = true;
	t = plan_new(p, 1);
	for (uint16_t i = 0; i < 400; i++) {
		int port = open_port(t, PROTO_UDP, HOST, (uint16_t)(2000 + i));

		assert_int_equal(port & 1, i & 1);
		near += abs(port - last) <= 16;
		above += port > last;
		last = port;
	}
	assert_true(near < 40);
	assert_true(above > 150 && above < 250);
	plan_free(t);
}

/* What a forward has is in nobody's block, and its host's answers leave from there. */
static void forwards_are_left_out(void **state)
{
	(void)state;
	for (uint16_t workers = 1; workers <= WORKERS_MOST; workers++) {
		struct nat_policy p = blocks_of(16, 64);
		struct planned *t;
		struct saying s;

		p.ports = (struct port_range){ 4096, 4096 + 16 * 16 - 1 };
		t = plan_new(p, workers);
		t->forward[0] = (struct nat_forward){ PROTO_UDP, t->pool[0], be32_from(NEIGHBOUR),
						      .first = 4100, .last = 4140,
						      .internal_first = 7000 };
		t->config.forward_count = 1;
		reload(t);
		for (uint16_t i = 0; ask(t, PROTO_UDP, HOST, (uint16_t)(1 + i)).verdict ==
				     NAT_FORWARD; i++)
			assert_true(open_port(t, PROTO_UDP, HOST, (uint16_t)(1 + i)) >= 4144);
		for (uint16_t port = 4100; port <= 4140; port++) {
			s = say(t, SIDE_OUTSIDE, PROTO_UDP, (struct end){ REMOTE, 53 },
				(struct end){ OUTSIDE, port });
			assert_int_equal(s.verdict, NAT_FORWARD);
			assert_int_equal(s.ports[1], 7000 + port - 4100);
			assert_int_equal(ask(t, PROTO_UDP, NEIGHBOUR, s.ports[1]).ports[0], port);
		}
		plan_free(t);
	}
}

/* Each session is where the answers to it go. */
static void all_are_in_reach(struct planned *t)
{
	for (uint16_t i = 0; i < t->workers; i++) {
		struct nat_session s;
		uint32_t cursor = 0;

		while (nat_session_next(t->nat[i], t->now, &cursor, &s)) {
			struct end remote = { be32_host(s.remote.address), 53 };
			struct end outside = { be32_host(s.outside.address),
					       be16_host(s.outside.port) };
			struct saying back = say(t, SIDE_OUTSIDE, s.protocol, remote, outside);

			assert_int_equal(back.verdict, NAT_FORWARD);
			assert_int_equal(back.worker, i);
		}
	}
}

/* With one worker all goes on; with several, what another one owns now ends. No port is anybody
 * else's meanwhile. */
static void from_and_to_blocks(void **state)
{
	(void)state;
	for (uint16_t workers = 1; workers <= WORKERS_MOST; workers *= 2) {
		struct nat_policy p = blocks_of(32, 8), plain;
		struct planned *t;
		uint16_t was[40], port;

		p.ports = (struct port_range){ 4096, 4096 + 32 * 16 - 1 };
		plain = p;
		plain.port_selection = NAT_PORT_RANDOM;
		t = plan_new(plain, workers);
		for (int turn = 0; turn < 4; turn++) {
			for (uint16_t i = 0; i < 40; i++)
				was[i] = open_port(t, PROTO_UDP, HOST, (uint16_t)(100 + i));
			t->policy[0] = turn % 2 ? plain : p;
			reload(t);
			plan_check(t);
			for (uint16_t i = 0; i < 200; i++) {
				struct end inside = { NEIGHBOUR + i % 3,
						      (uint16_t)(1000 * (turn + 1) + i) };
				struct saying s = say(t, SIDE_INSIDE, PROTO_UDP, inside,
						      (struct end){ REMOTE + 1, 53 });

				for (uint16_t k = 0; workers == 1 && k < 40; k++)
					assert_true(s.verdict != NAT_FORWARD ||
						    s.ports[0] != was[k]);
			}
			plan_check(t);
			for (uint16_t i = 0; i < 40; i++) {
				struct saying s = ask(t, PROTO_UDP, HOST, (uint16_t)(100 + i));

				if (workers == 1)
					assert_int_equal(s.ports[0], was[i]);
				if (s.verdict == NAT_FORWARD)
					open_port(t, PROTO_UDP, HOST, (uint16_t)(100 + i));
			}
			later(t, 0);
			all_are_in_reach(t);
			port = open_port(t, PROTO_UDP, HOST, 100);
			assert_true(port >= 4096);
			later(t, UDP_MS + HOLD_MS + 1000);
			later(t, HOLD_MS);
			while (next(t).kind != EVENT_COUNT)
				;
		}
		for (uint16_t i = 0; i < workers; i++)
			assert_int_equal(nat_gauges(t->nat[i]).ports[1], 0);
		plan_free(t);
	}
}

/* Blocks of another size never cut those that are still there. */
static void another_size(void **state)
{
	static const uint16_t sizes[] = { 100, 64, 48, 4096, 16, 512 };
	struct planned *t = plan_new(blocks_of(512, 16), 1);
	struct port_range live[64];
	size_t count = 0;
	struct nat_event e;

	(void)state;
	for (uint16_t turn = 0; turn < 6; turn++) {
		for (uint16_t i = 0; i < 120; i++)
			open_port(t, PROTO_UDP, HOST + i % 3, (uint16_t)(1000 * turn + 1 + i));
		while ((e = next(t)).kind != EVENT_COUNT) {
			assert_int_equal(e.kind, EVENT_BLOCK_ASSIGNED);
			for (size_t i = 0; i < count; i++)
				assert_true(e.block.last < live[i].first ||
					    e.block.first > live[i].last);
			assert_true(count < 64);
			live[count++] = e.block;
		}
		t->policy[0].block_size = sizes[turn];
		reload(t);
	}
	assert_true(count >= 18);
	plan_free(t);
}

/* Of a plan that is another now, what is still in use is a block: the log knows its holder. */
static void shares_of_an_old_plan_are_logged(void **state)
{
	struct planned *t = plan_new(deterministic(), 1);
	struct nat_event e;
	uint16_t port;

	(void)state;
	open_port(t, PROTO_UDP, 0xc6336405, 1); /* whose share is unused by then */
	later(t, UDP_MS + 1000);
	assert_int_equal(next(t).kind, EVENT_PLAN);
	port = open_port(t, PROTO_UDP, 0xc6336402, 1);
	t->policy[0].dynamic_shares = 8;
	reload(t);
	e = expect_event(t, EVENT_BLOCK_ASSIGNED, 0xc6336402);
	assert_int_equal(e.block.first, 5056);
	assert_int_equal(e.block.last, 9087);
	assert_int_equal(open_port(t, PROTO_UDP, 0xc6336402, 1), port);
	for (uint16_t i = 0; i < 2900; i++)
		assert_true(ask(t, PROTO_UDP, 0xc6336403, (uint16_t)(1 + i)).ports[0] != port);
	plan_check(t);
	later(t, UDP_MS + 1000);
	assert_int_equal(next(t).kind, EVENT_PLAN);
	expect_silence(t);
	later(t, HOLD_MS);
	expect_event(t, EVENT_BLOCK_RELEASED, 0xc6336402);
	expect_silence(t);
	plan_free(t);
}

/* RFC 6888 REQ-8 across a reload: ports that rest are in nobody's block before that is over. */
static void ports_rest_in_blocks_too(void **state)
{
	struct nat_policy p = blocks_of(32, 8), plain;
	struct planned *t;
	uint16_t port;

	(void)state;
	p.ports = (struct port_range){ 4096, 4127 };
	plain = p;
	plain.port_selection = NAT_PORT_RANDOM;
	t = plan_new(plain, 1);
	port = open_port(t, PROTO_UDP, HOST, 1);
	later(t, UDP_MS + 1000);
	t->policy[0] = p;
	reload(t);
	for (uint16_t i = 0; i < 31; i++)
		assert_int_not_equal(open_port(t, PROTO_UDP, NEIGHBOUR, (uint16_t)(1 + i)), port);
	assert_int_equal(ask(t, PROTO_UDP, NEIGHBOUR, 99).reason, REASON_OUT_OF_PORTS);
	later(t, HOLD_MS);
	assert_int_equal(open_port(t, PROTO_UDP, NEIGHBOUR, 99), port);
	plan_free(t);
}

static void faults(void **state)
{
	struct planned *t = plan_new(blocks_of(512, 1), 1);
	struct nat_policy good = t->policy[0], *p = t->policy;

	(void)state;
	p->block_size = 15;
	assert_non_null(nat_config_fault(&t->config));
	*p = good;
	p->ports = (struct port_range){ 1025, 2046 };
	assert_non_null(nat_config_fault(&t->config));
	p->ports = (struct port_range){ 1024, 2047 };
	assert_null(nat_config_fault(&t->config));
	t->config.workers = 3;
	assert_non_null(nat_config_fault(&t->config));
	t->config.workers = 1;
	*p = good;
	t->policy[1] = (struct nat_policy){ .prefix_len = 8, .type = NAT_NAPT44, .pool_first = 1,
					    .pool_count = 1, .ports = { 1024, 65535 } };
	t->config.policy_count = 2;
	assert_null(nat_config_fault(&t->config));
	t->policy[1].pool_first = 0;
	assert_non_null(nat_config_fault(&t->config));
	t->config.policy_count = 1;
	plan_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_sessions_are_two_records),
		cmocka_unit_test(released_after_its_rest),
		cmocka_unit_test(nobody_else_gets_a_block_that_rests),
		cmocka_unit_test(hosts_do_not_share_blocks),
		cmocka_unit_test(ports_are_hard_to_guess),
		cmocka_unit_test(forwards_are_left_out),
		cmocka_unit_test(from_and_to_blocks),
		cmocka_unit_test(another_size),
		cmocka_unit_test(shares_of_an_old_plan_are_logged),
		cmocka_unit_test(ports_rest_in_blocks_too),
		cmocka_unit_test(faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
