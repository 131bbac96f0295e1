/*
 * The memory of a NAT: whatever was in it before, and what is left alone in it.
 *
 * Shape    Two NATs of one configuration and seed, one in memory full of rubbish and one in memory of
 *          zeros, get the same datagrams.
 */
#include "octets.h"

#include "nat/nat.h"

enum { HOSTS = 16, PORTS = 32, ROUNDS = 3, DATAGRAM = 28, RUBBISH = 0xa5 };

struct place {
	struct nat *nat;
	uint8_t *arena;
	size_t size;
};

static struct nat_config config(const struct nat_policy *policy, const be32 *pool)
{
	struct nat_config c = nat_config_default();

	c.sessions = HOSTS * PORTS;
	c.policies = policy;
	c.policy_count = 1;
	c.pool = pool;
	c.pool_count = 1;
	assert_null(nat_config_fault(&c));
	return c;
}

static struct place place_new(const struct nat_config *c, uint8_t filler)
{
	static const uint8_t seed[32] = { 7 };
	struct place p = { .size = (nat_size(c) + 63) / 64 * 64 };

	p.arena = aligned_alloc(64, p.size);
	assert_non_null(p.arena);
	memset(p.arena, filler, p.size);
	p.nat = filler ? nat_init(p.arena, c, seed) : nat_init_zeroed(p.arena, c, seed);
	return p;
}

static void say(struct place *p, nat_time now, uint32_t i, uint8_t octets[static DATAGRAM])
{
	struct pkt view;
	struct nat_job job = { .p = &view, .from = SIDE_INSIDE };

	memset(octets, 0, DATAGRAM);
	octets[0] = 0x45;
	store16(octets + 2, DATAGRAM);
	octets[8] = 64;
	octets[9] = PROTO_UDP;
	store32(octets + 12, 0x0a000001 + i / PORTS);
	store32(octets + 16, 0xcb007100 + i % 3);
	store16(octets + 20, (uint16_t)(4000 + i % PORTS));
	store16(octets + 22, 53);
	store16(octets + 24, DATAGRAM - 20);
	octets_seal(octets);
	assert_int_equal(pkt_parse(&view, octets, DATAGRAM, NULL), REASON_NONE);
	nat_process(p->nat, now, &job);
	assert_int_equal(job.verdict, NAT_FORWARD);
}

/* Full, and empty again, several times, so that every record is a second one's. */
static void what_was_there_does_not_matter(void **state)
{
	static const be32 pool = { 0x0100007f };
	const struct nat_policy policy = {
		.type = NAT_NAPT44, .prefix = be32_from(0x0a000000), .prefix_len = 8, .pool_count = 1,
		.ports = { 1024, 65535 },
		.behaviour = { { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT } },
	};
	const struct nat_config c = config(&policy, &pool);
	struct place dirty = place_new(&c, RUBBISH), clean = place_new(&c, 0);

	(void)state;
	for (int round = 1; round <= ROUNDS; round++) {
		nat_time now = { (uint64_t)round * 1000000 };

		nat_expire(dirty.nat, now, SIZE_MAX);
		nat_expire(clean.nat, now, SIZE_MAX);
		assert_int_equal(nat_gauges(clean.nat).sessions, 0);
		for (uint32_t i = 0; i < HOSTS * PORTS; i++) {
			uint8_t a[DATAGRAM], b[DATAGRAM];

			say(&dirty, now, i, a);
			say(&clean, now, i, b);
			assert_memory_equal(a, b, DATAGRAM);
		}
		assert_null(nat_check(dirty.nat));
		assert_null(nat_check(clean.nat));
	}
	free(dirty.arena);
	free(clean.arena);
}

/* Room for ranges of ports comes last, and no policy gives any. */
static void what_no_policy_needs_is_not_touched(void **state)
{
	static const be32 pool = { 0x0100007f };
	const struct nat_policy policy = {
		.type = NAT_NAPT44, .prefix = be32_from(0x0a000000), .prefix_len = 8, .pool_count = 1,
		.ports = { 1024, 65535 },
	};
	const struct nat_config c = config(&policy, &pool);
	struct place p = place_new(&c, 0);

	(void)state;
	for (uint32_t i = 0; i < HOSTS * PORTS; i++) {
		uint8_t octets[DATAGRAM];

		say(&p, (nat_time){ 1000 }, i, octets);
	}
	nat_expire(p.nat, (nat_time){ 1000000 }, SIZE_MAX);
	for (size_t i = p.size - p.size / 16; i < p.size; i++)
		assert_int_equal(p.arena[i], 0);
	free(p.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_there_does_not_matter),
		cmocka_unit_test(what_no_policy_needs_is_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
