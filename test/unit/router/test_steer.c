/* The program in the kernel against nat_owner(), on datagrams of every kind. */
#include "steering.h"

static void plain(struct setting *s)
{
	(void)s;
}

/* As many as there is room for, one port each. */
static void many(struct setting *s)
{
	for (uint16_t i = 0; i < FORWARDS_MOST; i++)
		add(s, (struct row){ PROTO_UDP, POOL + i % 4, 2000u + i, 2000u + i,
				     INSIDE + 1 + i % 8, 1u + i * 3u });
}

static void plans(struct setting *s)
{
	s->policies[0] = napt(INSIDE, 29, 0, 2);
	s->policies[0].port_selection = NAT_PORT_DETERMINISTIC;
	s->policies[0].dynamic_shares = 1;
	s->policies[0].block_size = 100;
	s->policies[0].blocks_per_host = 11;
	s->policies[1] = napt(INSIDE, 24, 2, 1);
	s->policies[1].port_selection = NAT_PORT_BLOCK;
	s->policies[1].block_size = 128;
	s->policies[1].blocks_per_host = 4;
	s->policies[2] = napt(INSIDE, 16, 3, 1);
	s->c.policy_count = 3;
}

static void plans_and_forwards(struct setting *s)
{
	plans(s);
	forwards(s);
}

/* Each with an address that is left. */
static void plans_that_have_moved(struct setting *s)
{
	plans(s);
	s->policies[0].pool_count = 1;
	s->policies[0].left = 2;
	s->policies[1].pool_first = 3;
	s->policies[1].left = 3;
	s->c.policy_count = 2;
}

/* Hosts of FTP, among them some with addresses of their own. */
static void helpers(struct setting *s)
{
	forwards(s);
	s->policies[0] = napt(INSIDE, 30, 0, 4);
	s->policies[0].helpers = NAT_HELPER_FTP;
	s->policies[1] = (struct nat_policy){ .prefix = be32_from(INSIDE + 8), .prefix_len = 29,
		.type = NAT_ONE_TO_ONE, .translated = be32_from(OWN), .helpers = NAT_HELPER_FTP };
	s->policies[2] = napt(INSIDE, 24, 0, 4);
	s->c.policy_count = 3;
}


static void test_ports(void **state)
{
	(void)state;
	judge(plain);
}

static void test_forwards(void **state)
{
	(void)state;
	judge(forwards);
}

static void test_many_forwards(void **state)
{
	(void)state;
	judge(many);
}

/* More than a program has room for: it goes by ports alone, as if there were none. */
static void test_too_many_forwards(void **state)
{
	struct setting *s = setting(4);
	uint8_t frame[ROOM] = { [12] = 8 };
	size_t len;
	int program;

	(void)state;
	if (steer_probe() < 0)
		skip();
	s->c.forwards = calloc(NAT_FORWARDS_MOST, sizeof(*s->forwards));
	s->c.forward_count = NAT_FORWARDS_MOST;
	for (uint16_t i = 0; i < NAT_FORWARDS_MOST; i++)
		((struct nat_forward *)(uintptr_t)s->c.forwards)[i] = (struct nat_forward){
			.protocol = PROTO_UDP, .external = s->pool[i % 4], .first = (uint16_t)(2000 + i),
			.last = (uint16_t)(2000 + i), .internal = be32_from(INSIDE + i),
			.internal_first = 80,
		};
	program = steer_load(&s->c, seed, SIDE_OUTSIDE);
	assert_true(program >= 0);
	len = put_v4(frame + ETHERNET, REMOTE, POOL, PROTO_TCP, 24);
	store16(frame + ETHERNET + 6, 0);
	put_ports(frame + ETHERNET + len, PROTO_TCP, 80, 1006, 24);
	assert_int_equal(run(program, frame, ETHERNET + len + 24), 1006 / 2 % 4);
	close(program);
	free((void *)(uintptr_t)s->c.forwards);
	free(s);
}

static void test_plans(void **state)
{
	(void)state;
	judge(plans);
	judge(plans_and_forwards);
	judge(plans_that_have_moved);
}

static void test_helpers(void **state)
{
	(void)state;
	judge(helpers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_forwards),
		cmocka_unit_test(test_many_forwards),
		cmocka_unit_test(test_too_many_forwards),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_helpers),
	};

	srandom(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
