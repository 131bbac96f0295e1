/* The program in the kernel against nat_owner(), where entries are for IPv6. */
#include "steering.h"

static struct nat_policy policy6(enum nat_type type, uint8_t which)
{
	return (struct nat_policy){
		.version = 6, .type = type, .v6.match = { six(which, 0), 64 },
		.pool_count = 1, .ports = { 1024, 65535 },
	};
}

/* 2001:db8:1::/64 by 2001:db8:64::/96, beside IPv4. */
static void nat64(struct setting *s)
{
	s->policies[1] = policy6(NAT_NAT64, 1);
	s->policies[1].v6.prefixes[0] = (struct ip6_prefix){ six(0x64, 0), 96 };
	s->policies[1].v6.prefix_count = 1;
	s->c.policy_count = 2;
}

/* Everything else with sessions: 2001:db8:2::/64, 2001:db8:3::/64 behind 2001:db8:9::9. */
static void sixes(struct setting *s)
{
	nat64(s);
	s->pool[3] = nat_v6_beside();
	s->pool6[3] = six(9, 9);
	s->c.pool6 = s->pool6;
	s->policies[0].pool_count = 3;
	s->policies[2] = policy6(NAT_FIREWALL, 2);
	s->policies[3] = policy6(NAT_NAPT66, 3);
	s->policies[3].pool_first = 3;
	s->policies[4] = policy6(NAT_NONE, 4);
	s->c.policy_count = 5;
}

/* All hosts that are asked by echoes have addresses of their own. */
static void one_to_one6(struct setting *s)
{
	s->policies[1] = policy6(NAT_ONE_TO_ONE, 0);
	s->policies[1].v6.match.len = 40;
	s->policies[1].v6.translated = (struct ip6_prefix){ { { 0x20, 0x01, 0x0d, 0xb9 } }, 40 };
	s->c.policy_count = 2;
}

/* What comes in for an IPv6 host is IPv4; and the same beside FTP, of which IPv6 hosts are not read. */
static void nat64_forwards(struct setting *s)
{
	nat64(s);
	forwards(s);
	s->policies[0].prefix_len = 0;
	s->policies[0].prefix = be32_from(0);
	s->policies[0].helpers = NAT_HELPER_FTP;
	add(s, (struct row){ PROTO_TCP, POOL + 3, 1024, 50000, 0, 1023 });
	s->forwards[s->c.forward_count - 1].internal = nat_v6_beside();
	s->forwards[s->c.forward_count - 1].internal6 = six(1, 77);
}

/* Ports of NAT64 hosts in blocks: of their own datagrams nobody but nat_owner() knows whose host it is. */
static void nat64_blocks(struct setting *s)
{
	nat64(s);
	s->policies[0].pool_count = 3;
	s->policies[1].pool_first = 3;
	s->policies[1].port_selection = NAT_PORT_BLOCK;
	s->policies[1].block_size = 128;
	s->policies[1].blocks_per_host = 4;
}

static void test_six(void **state)
{
	(void)state;
	judge(nat64);
	judge(sixes);
	judge(one_to_one6);
}

static void test_six_outside(void **state)
{
	(void)state;
	judge(nat64_forwards);
	judge_from(nat64_blocks, 1u << SIDE_OUTSIDE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_six),
		cmocka_unit_test(test_six_outside),
	};

	srandom(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
