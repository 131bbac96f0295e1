/* What a monitor hears of a kernel. */
#include "news_rig.h"

static struct monitor *monitor_all(void)
{
	struct monitor *m;

	assert_int_equal(monitor_open(&m, (1u << ABOUT_COUNT) - 1), 0);
	return m;
}

static bool has_route(const struct news *all, size_t count, const char *prefix, uint32_t table)
{
	struct prefix p = prefix_of(prefix);

	for (size_t i = 0; i < count; i++)
		if (all[i].subject == ABOUT_ROUTE && all[i].kind == NEWS_IS &&
		    all[i].route.table == table && all[i].route.prefix.len == p.len &&
		    address_equal(&all[i].route.prefix.address, &p.address))
			return true;
	return false;
}

static void lists_all_at_first(void **state)
{
	static struct news all[256];
	unsigned open = 0, ended = 0;
	struct monitor *m;
	size_t count;

	NETNS_TEST(state);
	assert_true(shell("ip link add va type veth peer name vb && ip link set va up && "
			  "ip addr add 10.1.0.1/24 dev va && ip neigh add 10.1.0.9 dev va "
			  "lladdr 02:00:00:00:00:09 && ip route add 10.2.0.0/16 via 10.1.0.9 && "
			  "ip route add blackhole 10.3.0.0/16 table 70000 && "
			  "ip -6 route add blackhole fd00:3::/32 && ip rule add from 10.9.0.0/16 "
			  "table 70000 pref 9"));
	m = monitor_all();
	assert_true(monitor_is_listing(m));
	count = news_until_end(m, all, 256);
	assert_false(monitor_is_listing(m));
	for (size_t i = 0; i < count; i++) {
		if (all[i].kind == NEWS_BEGIN)
			open |= 1u << all[i].subject;
		assert_int_equal(open, 1u << all[i].subject); /* nothing comes outside of its list */
		if (all[i].kind != NEWS_END)
			continue;
		open = 0;
		ended |= 1u << all[i].subject;
	}
	assert_int_equal(ended, (1u << ABOUT_COUNT) - 1);
	assert_true(has_route(all, count, "10.2.0.0/16", RT_TABLE_MAIN));
	assert_true(has_route(all, count, "10.3.0.0/16", 70000));
	assert_true(has_route(all, count, "fd00:3::/32", RT_TABLE_MAIN));
	assert_int_equal(monitor_counters(m).ignored, 0);
	monitor_close(m);
}

static void tells_of_changes(void **state)
{
	static struct news all[256];
	struct monitor *m;
	struct news n;

	NETNS_TEST(state);
	m = monitor_all();
	news_until_end(m, all, 256);
	assert_true(shell("ip route add blackhole 10.3.0.0/16 metric 7"));
	assert_true(news_next(m, &n));
	assert_int_equal(n.subject, ABOUT_ROUTE);
	assert_int_equal(n.kind, NEWS_IS);
	assert_int_equal(n.route.place, ROUTE_ALONE);
	assert_int_equal(n.route.metric, 7);
	assert_true(shell("ip route replace prohibit 10.3.0.0/16 metric 7"));
	assert_true(news_next(m, &n));
	assert_int_equal(n.route.place, ROUTE_INSTEAD);
	assert_int_equal(n.route.kind, ROUTE_PROHIBIT);
	assert_true(shell("ip route del 10.3.0.0/16 metric 7"));
	assert_true(news_next(m, &n));
	assert_int_equal(n.kind, NEWS_GONE);
	assert_true(shell("ip rule add from 10.9.0.0/16 table 100 pref 9"));
	assert_true(news_next(m, &n));
	assert_int_equal(n.subject, ABOUT_RULE);
	assert_int_equal(n.rule.table, 100);
	assert_int_equal(monitor_counters(m).ignored, 0);
	monitor_close(m);
}

/* With next hops that are objects of their own, the kernel tells of none of their routes. */
static void doubts_routes_when_a_next_hop_goes(void **state)
{
	static struct news all[256];
	struct monitor *m;
	struct news n;

	NETNS_TEST(state);
	if (!shell("ip nexthop add id 1 blackhole")) {
		print_message("SKIP: no next hop objects\n");
		skip();
	}
	assert_true(shell("ip route add 10.3.0.0/16 nhid 1"));
	m = monitor_all();
	news_until_end(m, all, 256);
	assert_true(shell("ip nexthop del id 1"));
	assert_true(news_next(m, &n));
	assert_int_equal(n.subject, ABOUT_ROUTE);
	assert_int_equal(n.kind, NEWS_DOUBT);
	monitor_again(m, 1u << ABOUT_ROUTE);
	assert_false(has_route(all, news_until_end(m, all, 256), "10.3.0.0/16",
			       RT_TABLE_MAIN));
	monitor_close(m);
}

/* So that little is enough to overflow it. */
static void shrink_sockets(void)
{
	const int room = 4096;

	for (int fd = 3; fd < 64; fd++) {
		int domain = 0;
		socklen_t len = sizeof(domain);

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_NETLINK)
			assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	}
}

/* What was lost is asked for again, and what waits from before does not come after it. */
static void lists_again_after_a_loss(void **state)
{
	static struct news all[1024];
	struct monitor *m;
	size_t count;
	bool begun = false;

	NETNS_TEST(state);
	m = monitor_all();
	news_until_end(m, all, 1024);
	shrink_sockets();
	assert_true(shell("for i in $(seq 100); do echo route add blackhole 10.3.$i.0/24; "
			  "echo route del blackhole 10.3.$i.0/24; done | ip -batch -"));
	assert_true(shell("ip route add blackhole 10.4.0.0/16"));
	count = news_until_end(m, all, 1024);
	assert_int_equal(monitor_counters(m).lost, 1);
	for (size_t i = 0; i < count; i++) {
		begun |= all[i].kind == NEWS_BEGIN;
		assert_true(begun);
	}
	assert_true(has_route(all, count, "10.4.0.0/16", RT_TABLE_MAIN));
	assert_false(has_route(all, count, "10.3.100.0/24", RT_TABLE_MAIN));
	assert_true(shell("ip route add blackhole 10.5.0.0/16"));
	assert_true(news_next(m, &all[0]));
	assert_true(has_route(all, 1, "10.5.0.0/16", RT_TABLE_MAIN));
	monitor_close(m);
}

/* A list that is longer than a turn leaves others their time, and the descriptor readable. */
static void long_lists_come_in_turns(void **state)
{
	struct monitor *m;
	struct pollfd p = { .events = POLLIN };
	size_t routes = 0, turns = 0;
	struct news n;

	NETNS_TEST(state);
	assert_true(shell("for i in $(seq 0 47); do for j in $(seq 0 255); do "
			  "echo route add blackhole 10.$i.$j.0/24; done; done | ip -batch -"));
	assert_int_equal(monitor_open(&m, 1u << ABOUT_ROUTE), 0);
	for (p.fd = monitor_descriptor(m); monitor_is_listing(m); turns++) {
		while (monitor_next(m, &n))
			routes += n.kind == NEWS_IS;
		assert_true(!monitor_is_listing(m) || poll(&p, 1, 0) == 1);
	}
	assert_int_equal(routes, 48 * 256);
	assert_true(turns > 2);
	monitor_close(m);
}

/* Routes of IPv6 that come and go meanwhile make the kernel pass over others. */
static void disturbed_lists_are_no_whole_ones(void **state)
{
	enum news_kind kind = NEWS_BEGIN;
	bool disturbed = false;
	struct monitor *m;
	struct news n;

	NETNS_TEST(state);
	assert_true(shell("for i in $(seq 2000); do echo route add unreachable fd00:$i::/32; done | "
			  "ip -6 -batch -"));
	assert_int_equal(monitor_open(&m, 1u << ABOUT_ROUTE), 0);
	while (monitor_is_listing(m)) {
		if (!monitor_next(m, &n))
			continue;
		kind = n.kind;
		if (n.kind != NEWS_IS || disturbed || n.route.prefix.address.version != 6)
			continue;
		assert_true(shell("ip -6 route del fd00:1::/32 && ip -6 route add unreachable fd01::/32"));
		disturbed = true;
	}
	assert_int_equal(kind, NEWS_STOP);
	do
		assert_true(news_next(m, &n));
	while (n.kind != NEWS_IS || n.route.prefix.address.octets[1] != 1);
	monitor_again(m, 1u << ABOUT_ROUTE);
	while (monitor_is_listing(m))
		if (monitor_next(m, &n))
			kind = n.kind;
	assert_int_equal(kind, NEWS_END);
	monitor_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_all_at_first),
		cmocka_unit_test(tells_of_changes),
		cmocka_unit_test(doubts_routes_when_a_next_hop_goes),
		cmocka_unit_test(lists_again_after_a_loss),
		cmocka_unit_test(long_lists_come_in_turns),
		cmocka_unit_test(disturbed_lists_are_no_whole_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
