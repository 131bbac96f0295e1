/* Pools of a running gateway: other addresses in their places, by a reload. */
#include "rig.h"

#include <errno.h>

#include "gateway_core.h"

static const struct setting plain[] = RIG_WIDTHS();

static int reload_with(struct rig *r, const char *nat, struct io_error *error)
{
	const struct setting s = { .workers = r->workers, .nat = nat };

	return gateway_reload(r->gateway, rig_conf(&s), error);
}

static void reload(struct rig *r, const char *nat)
{
	struct io_error error;

	if (reload_with(r, nat, &error))
		fail_msg("%s", error.text);
}

static void sessions_move_to_what_takes_the_place(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10), out;

	rig_pass(r, LAN0, &sent, WAN0);
	reload(r, RIG_NAT("\"198.51.100.3\"", "on_address_change = \"move\";"));
	sent = udp("203.0.113.9:53 > 198.51.100.3:5000", 10);
	out = rig_pass(r, WAN0, &sent, LAN0);
	assert_way(&out, "203.0.113.9:53 > 10.0.0.10:5000");
	out = reply(&out);
	out = rig_pass(r, LAN0, &out, WAN0);
	assert_way(&out, "198.51.100.3:5000 > 203.0.113.9:53");
}

static void sessions_end_with_their_address(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10), out;

	rig_pass(r, LAN0, &sent, WAN0);
	reload(r, RIG_NAT("\"198.51.100.3\"", ""));
	sent = udp("203.0.113.9:53 > 198.51.100.3:5000", 10);
	rig_refuse(r, WAN0, &sent, REASON_NO_MAPPING);
	sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_way(&out, "198.51.100.3:5000 > 203.0.113.9:53");
}

/* Three addresses, and whose hosts have which. */
enum { HOSTS = 40 };

static void send_all(struct rig *r, char seen[HOSTS][64])
{
	for (unsigned i = 0; i < HOSTS; i++) {
		struct packet sent = udp(WAY("10.0.0.%u:%u > 203.0.113.9:53", 10 + i, 5000 + 2 * i), 10);
		struct packet out = rig_pass(r, LAN0, &sent, WAN0);
		struct address source = address_v4(out.octets + 12);

		address_format(&source, seen[i]);
	}
}

/* Of hosts with another address nothing changes. */
static void one_of_several_is_replaced(void **state)
{
	struct rig *r = rig_new(*state);
	char before[HOSTS][64], after[HOSTS][64];
	size_t replaced = 0;

	send_all(r, before);
	reload(r, RIG_NAT("\"198.51.100.2\", \"198.51.100.9\", \"198.51.100.4\"",
			  "on_address_change = \"move\";"));
	send_all(r, after);
	for (size_t i = 0; i < HOSTS; i++) {
		bool was = strcmp(before[i], "198.51.100.3") == 0;

		assert_string_equal(after[i], was ? "198.51.100.9" : before[i]);
		replaced += was;
	}
	assert_in_range(replaced, 1, HOSTS - 1);
	gateway_stop(r->gateway);
	free(r);
}

static void more_addresses_need_a_restart(void **state)
{
	struct rig *r = *state;
	struct io_error error = { "" };

	assert_int_equal(reload_with(r, RIG_NAT("\"198.51.100.3-198.51.100.4\"", ""), &error),
			 -EINVAL);
	assert_non_null(strstr(error.text, "a nat pool changed, which needs a restart"));
}

/* Where sessions keep the address that an interface had, no other entry can have it. */
static void what_is_left_is_nobody_elses(void **state)
{
	be32 in_use[] = { be32_from(0xc6336402), be32_from(0xc6336403) };
	be32 *named = calloc(3, sizeof(*named));
	char wan[] = "wan", other[] = "other";
	struct conf_nat nats[] = { { .name = wan },
				   { .name = other, .pool_interface = SIZE_MAX } };
	struct nat_policy left = { .type = NAT_NAPT44, .pool_first = 1, .pool_count = 1, .left = 1,
				   .on_address_change = NAT_CHANGE_IDLE };
	struct nat_policy wanted[] = {
		{ .type = NAT_NAPT44, .pool_count = 1, .left = 2 },
		{ .type = NAT_NAPT44, .pool_first = 2, .pool_count = 1 },
	};
	struct conf was = { .nats = nats, .policies = &left, .nat_count = 1, .pool = in_use,
			    .nat.pool_count = 2 };
	struct conf now = { .nats = nats, .policies = wanted, .nat_count = 2, .pool = named,
			    .nat.pool_count = 3 };

	(void)state;
	assert_non_null(named);
	named[2] = in_use[0];
	assert_non_null(gateway_keep_places(&was, &now));
	free(named);
}

/* The kernel gives an interface what the file gives to somebody else. */
static void an_address_is_in_one_pool(void **state)
{
	char file[] = "router.conf", wan[] = "wan", other[] = "other";
	struct prefix given = { address_v4((const uint8_t[]){ 198, 51, 100, 2 }), 24 };
	struct conf_interface interface = { .type = IO_PACKET, .side = SIDE_OUTSIDE, .shares_address = true,
					    .addresses = &given, .address_count = 1 };
	struct conf_nat nats[] = {
		{ .name = other, .line = 3, .pool_interface = SIZE_MAX, .match_interface = SIZE_MAX },
		{ .name = wan, .line = 4, .match_interface = SIZE_MAX },
	};
	struct nat_policy policies[] = { { .pool_count = 1 },
					 { .pool_first = 1, .pool_count = 1, .left = 3 } };
	be32 pool[] = { be32_from(0xc6336402), { 0 }, { 0 } };
	struct conf c = { .file = file, .interfaces = &interface, .interface_count = 1, .nats = nats,
			  .policies = policies, .nat_count = 2, .pool = pool, .nat.pool_count = 3 };
	struct io_error error = { "" };

	(void)state;
	assert_int_equal(gateway_settle(&c, &error), -EINVAL);
	assert_string_equal(error.text, "router.conf:4: 198.51.100.2 is now in the pools of nat \"wan\" "
					"and of \"other\" in line 3; every address once");
}

/* Whoever it has become, and what it has forbidden itself, it cannot take back. */
static void who_it_is_needs_a_restart(void **state)
{
	struct rig *r = *state;
	const struct setting s = { .workers = r->workers };
	struct io_error error = { "" };

	for (int i = 0; i < 3; i++) {
		struct conf *c = rig_conf(&s);

		if (i == 0)
			c->user = strdup("nobody");
		else if (i == 1)
			c->group = strdup("nogroup");
		else
			c->seccomp = !c->seccomp;
		assert_int_equal(gateway_reload(r->gateway, c, &error), -EINVAL);
		assert_non_null(strstr(error.text, "user, group or seccomp changed"));
	}
}

int main(void)
{
	static const struct setting three = {
		.workers = 2,
		.nat = RIG_NAT("\"198.51.100.2-198.51.100.4\"", "on_address_change = \"move\";"),
	};
	const struct CMUnitTest tests[] = {
		RIG_ROWS(sessions_move_to_what_takes_the_place, plain),
		RIG_ROWS(sessions_end_with_their_address, plain),
		RIG_ROWS(more_addresses_need_a_restart, plain),
		RIG_ROWS(who_it_is_needs_a_restart, plain),
		cmocka_unit_test(what_is_left_is_nobody_elses),
		cmocka_unit_test(an_address_is_in_one_pool),
		cmocka_unit_test_prestate(one_of_several_is_replaced, (void *)(uintptr_t)&three),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
