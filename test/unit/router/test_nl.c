#include "netns.h"

#include <net/if.h>
#include <sys/stat.h>

static struct nl *open_here(void)
{
	struct nl *nl;

	assert_int_equal(nl_open(&nl), 0);
	return nl;
}

static ino_t current_netns(void)
{
	struct stat s;

	assert_int_equal(stat("/proc/thread-self/ns/net", &s), 0);
	return s.st_ino;
}

static void describes_links(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
	struct nl_link link;
	struct nl *nl;

	NETNS_TEST(state);
	nl = open_here();
	assert_true(shell("ip link add v0 address 02:00:00:00:00:07 mtu 1400 type veth peer name v1"));
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	assert_int_equal(link.index, if_nametoindex("v0"));
	assert_int_equal(link.mtu, 1400);
	assert_memory_equal(link.mac, mac, 6);
	assert_true(link.ethernet);
	assert_false(link.up);
	assert_true(shell("ip link set v0 up"));
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	assert_true(link.up);
	assert_false(link.carrier);
	assert_true(shell("ip link set v1 up"));
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	assert_true(link.carrier);
	assert_int_equal(nl_link(nl, "lo", &link), 0);
	assert_false(link.ethernet);
	assert_int_equal(nl_link(nl, "absent", &link), -ENODEV);
	nl_close(nl);
}

static void sets_up_links(void **state)
{
	const struct address direct = { 0 };
	struct address via;
	struct prefix p;
	struct nl_link link;
	struct nl *nl;

	NETNS_TEST(state);
	nl = open_here();
	via = address_of("10.1.0.9");
	assert_true(shell("ip link add v0 type veth peer name v1 && ip link set v1 up"));
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	assert_int_equal(nl_link_up(nl, link.index, 1400), 0);
	p = prefix_of("10.1.0.1/24");
	assert_int_equal(nl_address_add(nl, link.index, &p), 0);
	assert_int_equal(nl_address_add(nl, link.index, &p), -EEXIST);
	p = prefix_of("fd00:1::1/64");
	assert_int_equal(nl_address_add(nl, link.index, &p), 0);
	p = prefix_of("10.2.3.4/16"); /* host bits are no part of a route */
	assert_int_equal(nl_route_add(nl, link.index, &p, &direct), 0);
	p = prefix_of("0.0.0.0/0");
	assert_int_equal(nl_route_add(nl, link.index, &p, &via), 0);
	assert_int_equal(nl_route_add(nl, link.index, &p, &via), -EEXIST);
	p = prefix_of("::/0");
	assert_int_equal(nl_route_add(nl, link.index, &p, &direct), 0);
	assert_true(shell("ip -o link show v0 | grep -q '<.*UP.*> mtu 1400 '"));
	assert_true(shell("ip -o addr show v0 | grep -q ' 10.1.0.1/24 '"));
	assert_true(shell("ip -o addr show v0 | grep -q ' fd00:1::1/64 '"));
	assert_true(shell("ip route | grep -q '^10.2.0.0/16 dev v0 .*scope link'"));
	assert_true(shell("ip route | grep -q '^default via 10.1.0.9 dev v0 '"));
	assert_true(shell("ip -6 route | grep -q '^default dev v0 '"));
	assert_int_equal(nl_link_up(nl, link.index, 0), 0);
	assert_true(shell("ip -o link show v0 | grep -q ' mtu 1400 '"));
	nl_close(nl);
}

static void lists_the_addresses(void **state)
{
	static const char *const expected[] = { "203.0.113.5/29", "10.0.0.1/8", "fd00::5/64" };
	char text[PREFIX_TEXT];
	struct prefix p[4];
	struct nl_link link;
	struct nl *nl;

	NETNS_TEST(state);
	nl = open_here();
	assert_true(shell("ip link add v0 type veth peer name v1 && ip addr add 192.0.2.9/24 dev v1"));
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	assert_int_equal(nl_addresses(nl, link.index, p, 4), 0);
	/* Up, so that it has a link-local address as well. */
	assert_true(shell("ip addr add fd00::5/64 dev v0 && ip addr add 203.0.113.5/29 dev v0 &&"
			  "ip addr add 10.0.0.1/8 dev v0 && ip link set v0 up && ip link set v1 up"));
	assert_int_equal(nl_addresses(nl, link.index, p, 4), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(prefix_format(&p[i], text), expected[i]);
	assert_int_equal(nl_addresses(nl, link.index, p, 2), 2);
	assert_int_equal(nl_link(nl, "v0", &link), 0); /* nothing of the listing is left over */
	nl_close(nl);
}

static void enters_a_namespace_and_comes_back(void **state)
{
	ino_t here;
	struct nl_link link;
	struct nl *nl, *there;
	int netns;

	NETNS_TEST(state);
	here = current_netns();
	nl = open_here();
	assert_true(shell("ip netns add other && ip link add v0 type veth peer name v1"));
	assert_int_equal(nl_open_in(&there, "other"), 0);
	assert_int_equal(current_netns(), here);
	assert_int_equal(nl_link(there, "v0", &link), -ENODEV);
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	netns = nl_netns("/run/netns/other");
	assert_true(netns >= 0);
	assert_int_equal(nl_link_move(nl, link.index, netns), 0);
	close(netns);
	assert_int_equal(nl_link(nl, "v0", &link), -ENODEV);
	assert_int_equal(nl_link(there, "v0", &link), 0);
	nl_close(there);
	assert_int_equal(nl_open_in(&there, "absent"), -ENOENT);
	assert_int_equal(nl_open_in(&there, "/proc/self/status"), -EINVAL);
	assert_int_equal(current_netns(), here);
	nl_close(nl);
}

static void knows_neighbours(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct address known, silent, v6;
	uint8_t found[6];
	struct nl_link link;
	struct nl *nl;

	NETNS_TEST(state);
	known = address_of("10.1.0.9");
	silent = address_of("10.1.0.10");
	v6 = address_of("fd00::9");
	nl = open_here();
	assert_true(shell("ip link add v0 type veth peer name v1 && ip link set v1 up &&"
			  "ip link set v0 up && ip addr add 10.1.0.1/24 dev v0 &&"
			  "ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev v0 &&"
			  "ip neigh add fd00::9 lladdr 02:00:00:00:00:09 dev v0"));
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	assert_int_equal(nl_neighbour(nl, link.index, &known, found), 1); /* for ever */
	assert_memory_equal(found, mac, 6);
	memset(found, 0, 6);
	assert_int_equal(nl_neighbour(nl, link.index, &v6, found), 1);
	assert_memory_equal(found, mac, 6);
	assert_int_equal(nl_neighbour(nl, link.index, &silent, found), -ENOENT);
	assert_int_equal(nl_neighbour_use(nl, link.index, &silent), 0);
	assert_int_equal(nl_neighbour(nl, link.index, &silent, found), -ENOENT);
	assert_true(shell("ip neigh show dev v0 | grep -q '^10.1.0.10 .*INCOMPLETE'"));
	nl_close(nl);
}

static void has_neighbours_resolved(void **state)
{
	struct address peer;
	uint8_t found[6];
	struct nl_link link;
	struct nl *nl;
	int r = -ENOENT;

	NETNS_TEST(state);
	peer = address_of("10.1.0.2");
	nl = open_here();
	assert_true(shell("ip netns add peer && ip link add v0 type veth peer name v1 netns peer &&"
			  "ip -n peer addr add 10.1.0.2/24 dev v1 && ip -n peer link set v1 up &&"
			  "ip addr add 10.1.0.1/24 dev v0 && ip link set v0 up"));
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	assert_int_equal(nl_neighbour_use(nl, link.index, &peer), 0);
	for (int i = 0; i < 1000 && r == -ENOENT; i++) {
		usleep(1000);
		r = nl_neighbour(nl, link.index, &peer, found);
	}
	assert_int_equal(r, 0);
	/* An entry that has grown old is still usable, and is confirmed when used. */
	assert_true(shell("ip neigh change 10.1.0.2 dev v0 nud stale"));
	assert_int_equal(nl_neighbour(nl, link.index, &peer, found), 0);
	assert_int_equal(nl_neighbour_use(nl, link.index, &peer), 0);
	assert_true(shell("ip neigh show dev v0 | grep -q '^10.1.0.2 .*\\(DELAY\\|PROBE\\|REACHABLE\\)'"));
	/* One that has failed is not. */
	assert_true(shell("ip neigh change 10.1.0.2 dev v0 nud failed"));
	assert_int_equal(nl_neighbour(nl, link.index, &peer, found), -ENOENT);
	nl_close(nl);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_links),
		cmocka_unit_test(sets_up_links),
		cmocka_unit_test(lists_the_addresses),
		cmocka_unit_test(enters_a_namespace_and_comes_back),
		cmocka_unit_test(knows_neighbours),
		cmocka_unit_test(has_neighbours_resolved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
