/*
 * Choices that are to be unpredictable, or in proportion, judged by their statistics.
 *
 * Sources  RFC 6056 section 3.3, RFC 4787 REQ-4, requirement FWD-1.
 * Shape    The seed is fixed, so nothing here is a matter of luck: what is judged is one sequence
 *          of MANY choices, by tests that an ideal one fails once in a thousand times or less.
 */
#include "octets.h"

#include "nat/nat.h"

enum { MANY = 10000, BINS = 64, FIRST_PORT = 1024, WIDTH = 65536 - FIRST_PORT, CLIENTS = 400 };

struct chooser {
	struct nat *nat;
	void *arena;
	struct nat_policy policy;
	struct nat_forward forwards[2];
	be32 pool;
};

static struct chooser *chooser_new(struct nat_policy policy, size_t forwards, uint8_t seed)
{
	struct chooser *t = calloc(1, sizeof(*t));
	struct nat_config c = nat_config_default();
	const uint8_t seeds[32] = { seed };

	assert_non_null(t);
	t->pool = be32_from(0xc6336402);
	t->policy = policy;
	t->policy.prefix = be32_from(0x0a000000);
	t->policy.prefix_len = 8;
	t->policy.type = NAT_NAPT44;
	t->policy.pool_count = 1;
	t->policy.ports = (struct port_range){ FIRST_PORT, 65535 };
	for (uint8_t i = 0; i < 2; i++)
		t->forwards[i] = (struct nat_forward){
			.protocol = PROTO_UDP, .external = t->pool, .first = 8080, .last = 8080,
			.internal = be32_from(0x0a000001u + i), .internal_first = 80,
			.grouped = true, .targets = i ? 0 : 2, .weight = i ? 1 : 3,
		};
	c.sessions = c.sessions_per_host = 2 * MANY;
	c.policies = &t->policy;
	c.policy_count = 1;
	c.pool = &t->pool;
	c.pool_count = 1;
	c.forwards = t->forwards;
	c.forward_count = forwards;
	assert_null(nat_config_fault(&c));
	t->arena = aligned_alloc(64, (nat_size(&c) + 63) / 64 * 64);
	assert_non_null(t->arena);
	t->nat = nat_init(t->arena, &c, seeds);
	return t;
}

static void chooser_free(struct chooser *t)
{
	assert_null(nat_check(t->nat));
	free(t->arena);
	free(t);
}

/* UDP from one endpoint to another; octets are as translated. */
static void say(struct chooser *t, enum nat_side from, const struct endpoint ends[2],
		uint8_t octets[28])
{
	struct pkt p;
	struct nat_job job = { .p = &p, .from = from };

	memset(octets, 0, 28);
	octets[0] = 0x45;
	store16(octets + 2, 28);
	octets[8] = 64;
	octets[9] = PROTO_UDP;
	be32_store(octets + 12, ends[0].address);
	be32_store(octets + 16, ends[1].address);
	be16_store(octets + 20, ends[0].port);
	be16_store(octets + 22, ends[1].port);
	store16(octets + 24, 8);
	octets_seal(octets);
	assert_int_equal(pkt_parse(&p, octets, 28, NULL), REASON_NONE);
	nat_process(t->nat, (nat_time){ 1000 }, &job);
	assert_int_equal(job.verdict, NAT_FORWARD);
}

/* The outside ports of MANY hosts that all have the same inside port. */
static void draw(struct chooser *t, uint16_t inside_port, uint16_t ports[MANY])
{
	uint8_t octets[28];

	for (uint32_t i = 0; i < MANY; i++) {
		const struct endpoint ends[2] = {
			{ be32_from(0x0a010000 + i), be16_from(inside_port) },
			{ be32_from(0xcb00710a), be16_from(53) },
		};

		say(t, SIDE_INSIDE, ends, octets);
		ports[i] = load16(octets + 20);
	}
}

/* Chi-square of BINS - 1 degrees of freedom, for draws without replacement out of so many. */
static double chi_square(const uint16_t ports[MANY], uint32_t out_of)
{
	double expected = (double)MANY / BINS, sum = 0;
	uint32_t count[BINS] = { 0 };

	for (uint32_t i = 0; i < MANY; i++) {
		assert_in_range(ports[i], FIRST_PORT, 65535);
		count[(uint32_t)(ports[i] - FIRST_PORT) * BINS / WIDTH]++;
	}
	for (int i = 0; i < BINS; i++)
		sum += (count[i] - expected) * (count[i] - expected) / expected;
	return sum / (1 - (double)MANY / out_of);
}

/* 63 degrees of freedom: between these lie 998 of a thousand. */
static void assert_uniform(double chi)
{
	if (chi < 34 || chi > 104)
		fail_msg("chi-square %.1f", chi);
}

/* One after the other: how often the next is 1 or 2 further, and how far one tells the next. */
static void assert_unpredictable(const uint16_t ports[MANY])
{
	double mean = 0, variance = 0, covariance = 0;
	uint32_t steps = 0;

	for (int i = 0; i < MANY; i++)
		mean += (double)ports[i] / MANY;
	for (int i = 0; i < MANY; i++)
		variance += (ports[i] - mean) * (ports[i] - mean);
	for (int i = 1; i < MANY; i++) {
		covariance += (ports[i] - mean) * (ports[i - 1] - mean);
		steps += ports[i] - ports[i - 1] == 1 || ports[i] - ports[i - 1] == 2;
	}
	/* By chance: MANY * 2 / WIDTH, less than one; correlation 1 / sqrt(MANY), a hundredth. */
	assert_in_range(steps, 0, 4);
	if (covariance / variance > 0.033 || covariance / variance < -0.033)
		fail_msg("correlation %.3f", covariance / variance);
}

static void random_ports_are_uniform(void **state)
{
	uint16_t ports[MANY];

	(void)state;
	for (uint8_t seed = 1; seed <= 5; seed++) {
		struct nat_policy p = { .port_selection = NAT_PORT_RANDOM };
		struct chooser *t = chooser_new(p, 0, seed);

		draw(t, 5000, ports);
		assert_uniform(chi_square(ports, WIDTH));
		assert_unpredictable(ports);
		chooser_free(t);
	}
}

/* RFC 4787 REQ-4, RFC 6056 section 3.3: only those that were taken are replaced. */
static void replaced_ports_keep_parity_and_nothing_else(void **state)
{
	uint16_t ports[MANY];

	(void)state;
	for (uint16_t inside = 5000; inside <= 5001; inside++) {
		struct nat_policy p = { .port_selection = NAT_PORT_PRESERVE, .parity = true };
		struct chooser *t = chooser_new(p, 0, 9);

		draw(t, inside, ports);
		assert_int_equal(ports[0], inside);
		for (int i = 0; i < MANY; i++)
			assert_int_equal(ports[i] & 1, inside & 1);
		assert_uniform(chi_square(ports, WIDTH / 2));
		assert_unpredictable(ports);
		chooser_free(t);
	}
}

/* What these tests call predictable is just that. */
static void sequential_ports_would_be_noticed(void **state)
{
	uint16_t ports[MANY];
	struct nat_policy p = { .port_selection = NAT_PORT_SEQUENTIAL };
	struct chooser *t = chooser_new(p, 0, 1);
	uint32_t steps = 0;

	(void)state;
	draw(t, 5000, ports);
	for (int i = 1; i < MANY; i++)
		steps += ports[i] - ports[i - 1] == 1;
	assert_int_equal(steps, MANY - 1);
	assert_true(chi_square(ports, WIDTH) > 1000);
	chooser_free(t);
}

/* Weights 3 and 1: 100 of 400 clients are to be expected at the second, 9 more or less usual. */
static void targets_get_their_weight(void **state)
{
	struct chooser *t = chooser_new((struct nat_policy){ 0 }, 2, 3);
	uint32_t at[2] = { 0 };
	uint8_t octets[28];

	(void)state;
	for (uint32_t i = 0; i < CLIENTS; i++) {
		const struct endpoint ends[2] = {
			{ be32_from(0xcb007100 + i), be16_from((uint16_t)(3000 + i)) },
			{ t->pool, be16_from(8080) },
		};

		say(t, SIDE_OUTSIDE, ends, octets);
		assert_in_range(octets[19], 1, 2);
		assert_int_equal(load16(octets + 22), 80);
		at[octets[19] - 1]++;
	}
	assert_in_range(at[1], 70, 130);
	assert_int_equal(at[0] + at[1], CLIENTS);
	chooser_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_ports_are_uniform),
		cmocka_unit_test(replaced_ports_keep_parity_and_nothing_else),
		cmocka_unit_test(sequential_ports_would_be_noticed),
		cmocka_unit_test(targets_get_their_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
