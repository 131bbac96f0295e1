/*
 * The whole gateway on a link, beside a host that answers ARP only to whom it has a route back by
 * the same link:
 *
 *	10.9.9.1 (the kernel's, on x0)  [gateway] v0 -- v1 peer (203.0.113.9, 198.51.100.9)
 */
#include "beside.h"

static struct gateway *start_gateway(void)
{
	static const char text[] =
		"workers = 1; control = \"\";\n"
		"interfaces = ( { name = \"lan0\"; type = \"mem\"; side = \"inside\";"
		" address = [ \"10.0.0.1/24\" ]; },"
		" { name = \"v0\"; type = \"packet\"; side = \"outside\";"
		" address = [ \"203.0.113.1/24\", \"198.51.100.1/24\" ]; } );\n"
		"nat = ( { name = \"home\"; match = \"10.0.0.0/24\"; type = \"napt44\";"
		" pool = [ \"203.0.113.5\" ]; } );\n";
	struct io_error error = { "" };
	struct gateway *g;
	struct conf *c;

	assert_true(shell("touch /run/conf") && write_text("/run/conf", text));
	c = conf_read("/run/conf", stderr);
	assert_non_null(c);
	if (gateway_start(&g, c, &error) < 0)
		fail_msg("%s", error.text);
	return g;
}

static void make_strict_peer(void)
{
	assert_true(shell("ip netns add peer && ip link add v0 type veth peer name v1 netns peer &&"
			  "ip netns exec peer sh -c 'cd /proc/sys/net/ipv4/conf &&"
			  " echo 1 | tee all/rp_filter v1/rp_filter >/dev/null' &&"
			  "ip -n peer addr add 203.0.113.9/24 dev v1 &&"
			  "ip -n peer addr add 198.51.100.9/24 dev v1"));
	assert_true(shell("ip link set v0 up && ip -n peer link set v1 up &&"
			  "ip link add x0 type veth peer name x1 &&"
			  "ip addr add 10.9.9.1/24 dev x0 && ip link set x0 up"));
}

static void is_found_and_finds(void **state)
{
	struct gateway *g;
	struct nl_link link;
	struct nl *nl;

	NETNS_TEST(state);
	make_strict_peer();
	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(nl_link(nl, "v0", &link), 0);
	nl_close(nl);
	g = start_gateway();
	assert_true(does(g, "peer", "ping -q -c 2 -i 0.05 203.0.113.1 >/dev/null"));
	assert_true(does(g, "peer", "ping -q -c 2 -i 0.05 198.51.100.1 >/dev/null"));
	assert_true(shell("ip neigh show dev v0 | grep -q '^203.0.113.9 lladdr .* REACHABLE'"));
	assert_true(shell("ip neigh show dev v0 | grep -q '^198.51.100.9 lladdr .* REACHABLE'"));
	does(g, "peer", "ping -q -c 1 -W 1 203.0.113.5 >/dev/null");
	assert_true(shell("test `ip -n peer neigh show dev v1 | grep -c "
			  "'lladdr %02x:%02x:%02x:%02x:%02x:%02x REACHABLE'` = 3",
			  link.mac[0], link.mac[1], link.mac[2], link.mac[3], link.mac[4],
			  link.mac[5]));
	gateway_stop(g);
	assert_true(shell("test -z \"`nft list tables`\""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_found_and_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
