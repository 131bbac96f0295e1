#include "guard_plan.h"

#include <linux/capability.h>
#include <sys/syscall.h>

static void moves_the_ports_of_the_host(void **state)
{
	static const struct { uint16_t first, last; const char *range; } rows[] = {
		{ 1024, 32767, "32768-60999" },	 /* nothing in common */
		{ 4096, 65535, "1024-4095" },	 /* nothing left of its own */
		{ 40000, 65535, "32768-39999" }, /* something left */
		{ 1024, 60000, "60001-60999" },
		{ 1024, 60900, "60901-65535" },	 /* too few left of its own */
	};
	struct io_error error = { "" };
	struct plan plan;
	struct guard *g;

	NETNS_TEST(state);
	make_links();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		plan_make(&plan, "v0", "w0");
		plan.policy.ports = (struct port_range){ rows[i].first, rows[i].last };
		g = install(&plan.conf);
		assert_true(local_ports_are(rows[i].range));
		guard_remove(g);
		assert_true(local_ports_are("32768-60999"));
	}
	/* Forwarded ports are the NAT's too. */
	plan.policy.ports = (struct port_range){ 1024, 32767 };
	plan.forward.first = 40000;
	plan.forward.last = 50000;
	g = install(&plan.conf);
	assert_true(local_ports_are("50001-60999"));
	guard_remove(g);
	plan.policy.ports = (struct port_range){ 1024, 65535 };
	assert_int_equal(guard_install(&g, &plan.conf, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "leaves it no ports"));
	assert_true(local_ports_are("32768-60999"));
	assert_true(shell("test -z \"`nft list tables`\""));
	/* An address of the NAT's own leaves the host all of its ports. */
	plan.conf.nat.pool = plan.conf.pool = &plan.pool[1];
	plan.conf.nat.pool_count = 1;
	g = install(&plan.conf);
	assert_true(local_ports_are("32768-60999"));
	guard_remove(g);
}

static void leaves_what_others_changed(void **state)
{
	struct plan plan;
	struct guard *g;

	NETNS_TEST(state);
	make_links();
	assert_true(shell("nft 'add table inet filter; add chain inet filter input { type filter "
			  "hook input priority 0; }; add rule inet filter input tcp dport 25 drop';"
			  "nft list ruleset >/run/before"));
	g = install(plan_make(&plan, "v0", "w0"));
	assert_false(shell("nft list ruleset | cmp -s - /run/before"));
	assert_true(shell("echo 20000 30000 >/proc/sys/net/ipv4/ip_local_port_range"));
	guard_remove(g);
	assert_true(shell("nft list ruleset | cmp - /run/before"));
	assert_true(local_ports_are("20000-30000"));
}

static void ends_with_the_process(void **state)
{
	struct plan plan;
	pid_t child;

	NETNS_TEST(state);
	make_links();
	child = fork_in(NULL);
	if (child == 0) {
		struct io_error error;
		struct guard *g;

		if (guard_install(&g, plan_make(&plan, "v0", "w0"), &error) == 0 &&
		    !shell("test -z \"`nft list tables`\""))
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(exit_status(child), 128 + SIGKILL);
	assert_true(shell("test -z \"`nft list tables`\""));
}

static void needs_privilege_only_for_packet_interfaces(void **state)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	struct io_error error = { "" };
	struct plan plan;
	struct guard *g;
	pid_t child;

	NETNS_TEST(state);
	plan_make(&plan, "v0", "w0");
	child = fork_in(NULL);
	if (child == 0) {
		syscall(SYS_capset, &header, none);
		_exit(guard_install(&g, &plan.conf, &error) < 0 && !g &&
				      strstr(error.text, "run as root") && !strchr(error.text, '\n')
			      ? 0
			      : 1);
	}
	assert_int_equal(exit_status(child), 0);
	plan.interfaces[0].type = plan.interfaces[1].type = IO_TUN;
	assert_null(install(&plan.conf));
	assert_true(shell("test -z \"`nft list tables`\""));
	guard_remove(NULL);
}

static bool has_rule(const char *rule)
{
	return shell("nft list ruleset | grep -qF '%s'", rule);
}

/* What of IPv6 is the NAT's: addresses and ports of a pool, prefixes that stand for inside hosts. A pinhole
 * of a firewall has its ports at somebody else's address. */
static void knows_what_is_ours_of_ipv6(void **state)
{
	static const struct nat_eam eam = { { 0 }, 24, { { { 0x20, 1, 0x0d, 0xb8, 0, 0xc } }, 120 } };
	struct nat_policy policies[] = {
		{ .type = NAT_NAPT66, .version = 6, .pool_count = 2, .ports = { 4096, 8191 } },
		{ .type = NAT_NPTV6, .version = 6,
		  .v6.translated = { { { 0x20, 1, 0x0d, 0xb8, 0, 5 } }, 48 } },
		{ .type = NAT_SIIT, .version = 4, .v6 = { .eams = &eam, .eam_count = 1 } },
		{ .type = NAT_NAT64, .version = 6, .ports = { 10000, 10001 } },
	};
	struct ip6 pool6[] = { { { 0x20, 1, 0x0d, 0xb8, 0, 6, [15] = 5 } }, { { 0 } } };
	struct plan plan;
	struct guard *g;

	NETNS_TEST(state);
	make_links();
	plan_make(&plan, "v0", "w0");
	plan.pool[0] = nat_v6_beside();
	plan.conf.pool6 = pool6;
	plan.conf.nat.policies = policies;
	plan.conf.nat.policy_count = sizeof(policies) / sizeof(policies[0]);
	plan.forward.external = plan.forward.internal = nat_v6_beside();
	plan.forward.external6 = plan.forward.internal6 = (struct ip6){ { 0x20, 1, 0x0d, 0xb8, 0, 8 } };
	g = install(&plan.conf);
	assert_true(has_rule("ip6 daddr 2001:db8:6::5 fib daddr type != local drop"));
	assert_true(has_rule("ip daddr 203.0.113.5 fib daddr type != local drop"));
	assert_true(has_rule("ip6 daddr 2001:db8:5::/48 fib daddr type != local drop"));
	assert_true(has_rule("ip6 daddr 2001:db8:c::/120 fib daddr type != local drop"));
	assert_true(has_rule("ip6 daddr 2001:db8:6::5 jump pool"));
	assert_true(has_rule("tcp dport { 4096-8191, 10000-10001 } goto shared"));
	assert_false(has_rule("dport 80") || has_rule("{ 80"));
	guard_remove(g);
	/* No address of IPv4, or of IPv6: no empty sets. */
	for (int i = 0; i < 2; i++) {
		plan.pool[0] = plan.pool[1] = i ? nat_v6_beside() : be32_from(POOL);
		guard_remove(install(&plan.conf));
	}
}

/* One side only, and no NAT at all. */
static void installs_for_any_set_of_interfaces(void **state)
{
	struct plan plan;

	NETNS_TEST(state);
	for (int missing = 0; missing < 8; missing++) {
		plan_make(&plan, "v0", "w0");
		if (missing & 1)
			plan.interfaces[0].type = IO_TUN;
		if (missing & 2)
			plan.interfaces[1].type = IO_TUN;
		if (missing & 4)
			plan.conf.nat.pool_count = plan.conf.nat.forward_count =
				plan.conf.nat.policy_count = 0;
		guard_remove(install(&plan.conf));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_the_ports_of_the_host),
		cmocka_unit_test(leaves_what_others_changed),
		cmocka_unit_test(ends_with_the_process),
		cmocka_unit_test(needs_privilege_only_for_packet_interfaces),
		cmocka_unit_test(knows_what_is_ours_of_ipv6),
		cmocka_unit_test(installs_for_any_set_of_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
