/* Another outside address under many sessions: in slices, with everything right between any two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "nat/nat.h"
#include "nat/checksum.h"

enum { SESSIONS = 3000, SLICE = 100, PORTS = 40000, ALIGNMENT = 64 };

static const uint8_t seed[32] = "an address that changes";

struct world {
	struct nat_policy policy;
	be32 pool[1];
	struct nat_config config;
	struct nat *nat;
	void *arena;
};

static be32 address(uint32_t last)
{
	return be32_from(0xc6336400 + last);
}

static void make(struct world *w, enum nat_address_change change)
{
	size_t size;

	*w = (struct world){ .config = nat_config_default(), .pool = { address(2) } };
	w->policy = (struct nat_policy){
		.prefix = be32_from(10u << 24), .prefix_len = 8, .type = NAT_NAPT44, .pool_count = 1,
		.ports = { 1024, 65535 }, .on_address_change = change,
		.behaviour = { { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT },
			       { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT } },
	};
	w->config.policies = &w->policy;
	w->config.policy_count = 1;
	w->config.pool = w->pool;
	w->config.pool_count = 1;
	w->config.sessions = w->config.sessions_per_host = SESSIONS;
	assert_null(nat_config_fault(&w->config));
	size = (nat_size(&w->config) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	w->arena = aligned_alloc(ALIGNMENT, size);
	assert_non_null(w->arena);
	w->nat = nat_init(w->arena, &w->config, seed);
}

/* A datagram of 10.0.0.2:port, and what it becomes. */
struct sent {
	uint8_t octets[28];
	struct pkt p;
	struct nat_job job;
};

static void send_out(struct world *w, struct sent *s, uint16_t port, uint16_t remote_port)
{
	memset(s, 0, sizeof(*s));
	s->octets[0] = 0x45;
	store16(s->octets + 2, sizeof(s->octets));
	s->octets[8] = 64;
	s->octets[9] = PROTO_UDP;
	store32(s->octets + 12, 10u << 24 | 2);
	store32(s->octets + 16, 0xcb00710a);
	csum_store(s->octets + 10, csum_of(s->octets, 20));
	store16(s->octets + 20, port);
	store16(s->octets + 22, remote_port);
	store16(s->octets + 24, 8);
	assert_int_equal(pkt_parse(&s->p, s->octets, sizeof(s->octets), NULL), REASON_NONE);
	s->job = (struct nat_job){ .p = &s->p, .from = SIDE_INSIDE, .room = sizeof(s->octets) };
	nat_process(w->nat, (nat_time){ 1000 }, &s->job);
}

static uint32_t source_of(const struct sent *s)
{
	return load32(s->octets + 12);
}

/* Two sessions of each mapping. */
static void open_all(struct world *w)
{
	struct sent s;

	for (uint16_t i = 0; i < SESSIONS; i++) {
		send_out(w, &s, (uint16_t)(PORTS + i / 2), (uint16_t)(53 + i % 2));
		assert_int_equal(s.job.verdict, NAT_FORWARD);
	}
}

static void change(struct world *w, uint32_t last)
{
	w->pool[0] = address(last);
	nat_configure(w->nat, &w->config);
}

static void finish(struct world *w)
{
	free(w->arena);
}

/* Each slice visits no more than it may, and leaves nothing broken. */
static void it_takes_slices(void **state)
{
	static const enum nat_address_change ways[] = { NAT_CHANGE_END, NAT_CHANGE_MOVE };
	struct nat_gauges g;
	struct world w;

	(void)state;
	for (int way = 0; way < 2; way++) {
		size_t slices = 0;

		make(&w, ways[way]);
		open_all(&w);
		change(&w, 3);
		while (nat_gauges(w.nat).settling) {
			nat_expire(w.nat, (nat_time){ 1000 }, SLICE);
			g = nat_gauges(w.nat);
			slices++;
			assert_int_equal(g.sessions_moved + g.sessions_lost, slices * SLICE);
			assert_null(nat_check(w.nat));
		}
		assert_int_equal(slices, SESSIONS / SLICE);
		assert_int_equal(way ? g.sessions_moved : g.sessions_lost, SESSIONS);
		assert_int_equal(g.sessions, way ? SESSIONS : 0);
		finish(&w);
	}
}

/* Whoever sends is settled there and then, wherever the slices are. */
static void who_sends_does_not_wait(void **state)
{
	struct world w;
	struct sent s;

	(void)state;
	make(&w, NAT_CHANGE_MOVE);
	open_all(&w);
	change(&w, 3);
	for (uint16_t i = 0; i < SESSIONS / 2; i += 7) {
		send_out(&w, &s, (uint16_t)(PORTS + i), 53);
		assert_int_equal(s.job.verdict, NAT_FORWARD);
		assert_int_equal(source_of(&s), be32_host(address(3)));
		assert_int_equal(load16(s.octets + 20), PORTS + i);
		assert_true(csum_is_zero(csum_of(s.octets, 20)));
		nat_expire(w.nat, (nat_time){ 1000 }, 3);
		assert_null(nat_check(w.nat));
	}
	finish(&w);
}

/* What came in is not known by the new address. */
static void what_left_before_cannot_be_undone(void **state)
{
	struct world w;
	struct sent s;

	(void)state;
	make(&w, NAT_CHANGE_MOVE);
	send_out(&w, &s, PORTS, 53);
	assert_true(nat_undo(w.nat, &s.job));
	send_out(&w, &s, PORTS, 53);
	change(&w, 3);
	nat_expire(w.nat, (nat_time){ 1000 }, SLICE);
	assert_false(nat_undo(w.nat, &s.job));
	send_out(&w, &s, PORTS, 53);
	assert_true(nat_undo(w.nat, &s.job));
	assert_int_equal(source_of(&s), 10u << 24 | 2);
	finish(&w);
}

/* The second change comes while the first is under way. */
static void changes_follow_each_other(void **state)
{
	struct world w;
	struct sent s;

	(void)state;
	make(&w, NAT_CHANGE_MOVE);
	open_all(&w);
	for (uint32_t last = 3; last < 40; last++) {
		change(&w, last);
		nat_expire(w.nat, (nat_time){ 1000 }, SLICE);
		assert_null(nat_check(w.nat));
	}
	for (uint16_t i = 0; i < SESSIONS; i++) {
		send_out(&w, &s, (uint16_t)(PORTS + i / 2), (uint16_t)(53 + i % 2));
		assert_int_equal(source_of(&s), be32_host(address(39)));
		assert_int_equal(load16(s.octets + 20), PORTS + i / 2);
	}
	assert_int_equal(nat_gauges(w.nat).sessions_lost, 0);
	assert_int_equal(nat_gauges(w.nat).sessions, SESSIONS);
	finish(&w);
}

static void a_place_for_what_is_left_is_one_more(void **state)
{
	struct world w;

	(void)state;
	make(&w, NAT_CHANGE_IDLE);
	w.policy.left = 1;
	assert_string_equal(nat_config_fault(&w.config),
			    "address that is left, without a place of its own beside the only other");
	w.policy.left = 2;
	assert_non_null(nat_config_fault(&w.config));
	w.policy.left = 0;
	w.policy.on_address_change = NAT_CHANGE_MOVE + 1;
	assert_string_equal(nat_config_fault(&w.config), "behaviour that there is not");
	finish(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_takes_slices),
		cmocka_unit_test(who_sends_does_not_wait),
		cmocka_unit_test(what_left_before_cannot_be_undone),
		cmocka_unit_test(changes_follow_each_other),
		cmocka_unit_test(a_place_for_what_is_left_is_one_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
