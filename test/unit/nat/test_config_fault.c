/* Which configurations contradict themselves; what can be read from a file has texts of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "nat/config.h"

/* One policy for 10.0.0.0/28, two addresses, four workers. */
static const char *fault_of(struct nat_policy p)
{
	const be32 pool[] = { be32_from(0xc0000201), be32_from(0xc0000202) };
	struct nat_config c = nat_config_default();

	p.prefix = be32_from(0x0a000000);
	c.workers = 4;
	c.pool = pool;
	c.pool_count = 2;
	c.policies = &p;
	c.policy_count = 1;
	return nat_config_fault(&c);
}

static void assert_fault(const char *found, const char *expected)
{
	if (expected && found)
		assert_string_equal(found, expected);
	assert_int_equal(expected != NULL, found != NULL);
}

#define NAPT .prefix_len = 28, .type = NAT_NAPT44, .pool_count = 2
#define PORTS .ports = { 1024, 65535 }
#define BLOCKS NAPT, .port_selection = NAT_PORT_BLOCK, .blocks_per_host = 1
#define PLAN NAPT, .port_selection = NAT_PORT_DETERMINISTIC

static const struct { struct nat_policy policy; const char *fault; } policies[] = {
	{ { NAPT, PORTS }, NULL },
	{ { .prefix_len = 33, .type = NAT_NAPT44, .pool_count = 2, PORTS },
	  "inside prefix longer than 32 bits" },
	{ { .prefix_len = 28, .type = NAT_NAPT44, PORTS }, "policy without a pool" },
	{ { NAPT, PORTS, .pool_first = 1 }, "policy without a pool" },
	{ { NAPT }, "policy without ports" },
	{ { NAPT, .ports = { 0, 65535 } }, "port 0 among those to give away" },
	{ { NAPT, .ports = { 2, 1 } }, "port range ends before it begins" },
	{ { NAPT, PORTS, .low_ports = { 2, 1 } }, "port range ends before it begins" },
	{ { .prefix_len = 28, .type = NAT_SIIT + 1 }, "behaviour that there is not" },
	{ { NAPT, PORTS, .behaviour = { { 3, 0 } } }, "behaviour that there is not" },
	{ { NAPT, PORTS, .behaviour = { { 0, 0 }, { 0, 3 } } }, "behaviour that there is not" },
	{ { NAPT, PORTS, .port_selection = 7 }, "behaviour that there is not" },
	{ { NAPT, PORTS, .conflict = 3 }, "behaviour that there is not" },
	{ { NAPT, PORTS, .pooling = 3 }, "behaviour that there is not" },
	{ { NAPT, PORTS, .hairpin = 3 }, "behaviour that there is not" },
	{ { NAPT, PORTS, .refresh = 3 }, "behaviour that there is not" },
	{ { NAPT, PORTS, .exhausted = 4 }, "behaviour that there is not" },
	{ { NAPT, PORTS, .unsolicited = 2 }, "behaviour that there is not" },
	{ { NAPT, PORTS, .twice = { .len = 33 } }, "twice NAT of a prefix longer than 32 bits" },
	{ { NAPT, PORTS, .twice = { .seen = { 0xdf }, .real = { 0xef }, .len = 4 } }, NULL },
	{ { NAPT, PORTS, .twice = { .seen = { 0xf0 }, .len = 8 } }, "translation to or from reserved addresses" },
	{ { NAPT, PORTS, .twice = { .real = { 0xe0 }, .len = 3 } }, "translation to or from reserved addresses" },
	{ { .prefix_len = 28, .type = NAT_ONE_TO_ONE, .translated = { 0xff } },
	  "translation to or from reserved addresses" },
	{ { NAPT, PORTS, .new_per_second = 1, .new_burst = 1 }, NULL },
	{ { NAPT, PORTS, .new_per_second = 1 }, "rate of new sessions without a burst" },
	{ { NAPT, PORTS, .timeout_ms = { TIMEOUT_MOST_S * 1000u } }, NULL },
	{ { NAPT, PORTS, .timeout_ms = { TIMEOUT_MOST_S * 1000u + 1 } }, "timeout above ten days" },
	{ { .prefix_len = 28, .type = NAT_ONE_TO_ONE }, NULL },
	{ { .prefix_len = 28, .type = NAT_NONE }, NULL },
	{ { .prefix_len = 28, .destination = { .len = 33 } }, "destination prefix longer than 32 bits" },
	{ { .prefix_len = 28, .destination = { .protocol = PROTO_UDP, .ports = { 1, 2 } } }, NULL },
	{ { .prefix_len = 28, .destination = { .protocol = PROTO_UDP, .ports = { 2, 1 } } },
	  "port range ends before it begins" },
	{ { .prefix_len = 28, .destination = { .protocol = PROTO_GRE, .ports = { 1, 2 } } },
	  "destination ports of a protocol without ports" },
	{ { .prefix_len = 28, .destination = { .ports = { 1, 2 } } },
	  "destination ports of a protocol without ports" },
	{ { BLOCKS, PORTS, .block_size = 16, .pooling = NAT_POOLING_SOFT }, NULL },
	{ { BLOCKS, PORTS, .block_size = 4096 }, NULL },
	{ { BLOCKS, PORTS, .block_size = 15 }, "block of less than 16 or more than 4096 ports" },
	{ { BLOCKS, PORTS, .block_size = 4097 }, "block of less than 16 or more than 4096 ports" },
	{ { BLOCKS, .ports = { 1025, 5119 }, .block_size = 1024 }, "fewer blocks of ports than workers" },
	{ { BLOCKS, .ports = { 1024, 5119 }, .block_size = 1024 }, NULL },
	{ { BLOCKS, .ports = { 1025, 2047 }, .block_size = 1024 },
	  "no whole block in the range of ports" },
	{ { NAPT, PORTS, .port_selection = NAT_PORT_BLOCK, .block_size = 16 },
	  "hosts without a block of ports" },
	{ { BLOCKS, PORTS, .block_size = 16, .pooling = NAT_POOLING_ARBITRARY },
	  "blocks of ports with arbitrary pooling" },
	{ { BLOCKS, PORTS, .block_size = 16, .exhausted = NAT_EXHAUSTED_OVERLOAD },
	  "ports of one host shared with others" },
	{ { BLOCKS, PORTS, .block_size = 16, .low_ports = { 512, 1023 } },
	  "low ports besides ports that belong to hosts" },
	{ { PLAN, PORTS }, NULL },
	{ { PLAN, PORTS, .pooling = NAT_POOLING_SOFT }, "deterministic ports without paired pooling" },
	{ { PLAN, PORTS, .pooling = NAT_POOLING_ARBITRARY },
	  "deterministic ports without paired pooling" },
	{ { PLAN, .ports = { 1024, 1030 } }, NULL },
	{ { PLAN, .ports = { 1024, 1029 } },
	  "deterministic ports for more hosts than the pool has ports" },
	{ { PLAN, PORTS, .dynamic_shares = 2 }, "block of less than 16 or more than 4096 ports" },
	{ { PLAN, PORTS, .dynamic_shares = 2, .block_size = 512, .blocks_per_host = 1 }, NULL },
};

static void policies_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		assert_fault(fault_of(policies[i].policy), policies[i].fault);
}

/* RFC 1112 section 4: nobody has such addresses, whatever an interface says. */
static void a_pool_has_no_reserved_address(void **state)
{
	const be32 pools[] = { be32_from(0xefffffff), be32_from(0xf0000005), be32_from(0xffffffff) };
	struct nat_config c = nat_config_default();

	(void)state;
	c.pool_count = 1;
	for (size_t i = 0; i < 3; i++) {
		c.pool = &pools[i];
		assert_fault(nat_config_fault(&c), i ? "reserved address in a pool" : NULL);
	}
}

/* RFC 7422 section 2 counts neither the network nor the broadcast address. */
static void hosts_are_counted(void **state)
{
	static const struct { uint8_t len; uint32_t hosts; } cases[] = {
		{ 28, 14 }, { 30, 2 }, { 31, 2 }, { 32, 1 }, { 0, UINT32_MAX - 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nat_policy p = { .prefix_len = cases[i].len };

		assert_int_equal(nat_policy_hosts(&p), cases[i].hosts);
	}
}

/* 14 hosts on 3 addresses are 5 on each, or fewer. */
static void addresses_have_as_many_hosts_or_fewer(void **state)
{
	struct nat_policy p = { NAPT, PORTS };

	(void)state;
	p.pool_count = 3;
	assert_int_equal(nat_policy_share(&p), 64512 / 5);
	p.dynamic_shares = 2;
	assert_int_equal(nat_policy_share(&p), 64512 / 7);
	p.pool_count = 0;
	assert_int_equal(nat_policy_share(&p), 0);
}

#define UDP(a, b, c) .protocol = PROTO_UDP, .first = (a), .last = (b), .internal_first = (c)
#define TARGET UDP(80, 80, 80), .grouped = true

static const struct { struct nat_forward forwards[3]; const char *fault; } forwards[] = {
	{ { { UDP(1, 65535, 1) }, { UDP(80, 80, 81) }, { UDP(2, 2, 65535) } }, NULL },
	{ { { UDP(0, 1, 1) } }, "forward with an impossible port range" },
	{ { { UDP(2, 1, 1) } }, "forward with an impossible port range" },
	{ { { UDP(1, 1, 0) } }, "forward with an impossible port range" },
	{ { { UDP(1, 2, 65535) } }, "forward beyond inside port 65535" },
	{ { { UDP(1, 1, 1), .external = { 0xf1 } } }, "forward of a reserved address" },
	{ { { UDP(1, 1, 1), .internal = { 0xff } } }, "forward of a reserved address" },
	{ { { UDP(1, 1, 1), .source = { 0xf0 } } }, "forward of a reserved address" },
	{ { { .protocol = PROTO_ICMP, .last = 65535 } }, "forward of ICMP" },
	{ { { .protocol = PROTO_GRE, .last = 65535 }, { UDP(1, 1, 1) }, { UDP(2, 2, 2) } }, NULL },
	{ { { .protocol = PROTO_GRE, .first = 1, .last = 65535 } },
	  "forward with ports of a protocol without ports" },
	{ { { .protocol = PROTO_SCTP, .first = 1, .last = 2, .internal_first = 2 } },
	  "forward that changes ports of SCTP" },
	{ { { TARGET, .targets = 3, .weight = 1 }, { TARGET, .weight = 1 }, { TARGET, .weight = 9 } },
	  NULL },
	{ { { TARGET, .targets = 2, .weight = 1 }, { TARGET, .weight = 1 }, { UDP(1, 1, 1) } }, NULL },
	{ { { TARGET, .targets = 4, .weight = 1 }, { TARGET, .weight = 1 }, { TARGET, .weight = 1 } },
	  "forward with fewer targets than it says" },
	{ { { TARGET, .targets = 1, .weight = 1 }, { UDP(1, 1, 1) }, { UDP(2, 2, 2) } },
	  "forward with fewer targets than it says" },
	{ { { TARGET, .targets = 2, .weight = 1 }, { UDP(80, 80, 80), .weight = 1 }, { UDP(1, 1, 1) } },
	  "targets that do not belong to one forward" },
	{ { { TARGET, .targets = 3, .weight = 1 }, { TARGET, .weight = 1 },
	    { UDP(80, 81, 80), .grouped = true, .weight = 1 } },
	  "targets that do not belong to one forward" },
	{ { { TARGET, .targets = 3, .weight = 1 }, { TARGET, .weight = 0 }, { TARGET, .weight = 1 } },
	  "target of a forward without weight" },
};

static void forwards_are_judged(void **state)
{
	struct nat_config c = nat_config_default();

	(void)state;
	for (size_t i = 0; i < sizeof(forwards) / sizeof(forwards[0]); i++) {
		c.forwards = forwards[i].forwards;
		c.forward_count = forwards[i].forwards[1].protocol ? 3 : 1;
		assert_fault(nat_config_fault(&c), forwards[i].fault);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_judged),
		cmocka_unit_test(a_pool_has_no_reserved_address),
		cmocka_unit_test(hosts_are_counted),
		cmocka_unit_test(addresses_have_as_many_hosts_or_fewer),
		cmocka_unit_test(forwards_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
