/* Routes of a real kernel in a rib: after each change it leads where the kernel itself would send. */
#include "news_rig.h"

#include "router/import.h"

static uint32_t tables[] = { RT_TABLE_MAIN, 100, 200 };

static struct prefix own = { { { 10, 1, 0, 1 }, 4 }, 24 };

static struct conf_interface interfaces[] = {
	{ .name = "tun0", .device = "tun0", .type = IO_TUN },
	{ .name = "lan", .device = "va", .type = IO_PACKET, .addresses = &own, .address_count = 1 },
	{ .name = "wan", .device = "wa", .type = IO_PACKET },
};

static const struct conf conf = {
	.interfaces = interfaces, .interface_count = 3,
	.import_tables = tables, .import_table_count = 3,
};

struct world {
	struct monitor *monitor;
	struct import *import;
	struct rib *rib;
};

static void hear_all(struct world *w, bool *again)
{
	struct news n;

	do
		while (monitor_next(w->monitor, &n))
			*again |= import_hear(w->import, w->rib, &n);
	while (monitor_is_listing(w->monitor));
}

/* Until nothing is left to be heard; as the gateway does it. */
static void settle(struct world *w)
{
	struct pollfd p = { .fd = monitor_descriptor(w->monitor), .events = POLLIN };
	bool again = false;

	do
		hear_all(w, &again);
	while (poll(&p, 1, 50) > 0);
	if (!again)
		return;
	monitor_again(w->monitor, 1u << ABOUT_RULE | 1u << ABOUT_ROUTE);
	hear_all(w, &again);
}

static void links_make(void)
{
	assert_true(shell("ip link add va type veth peer name vb && ip link add wa type veth peer name wb && "
			  "ip link add xa type veth peer name xb && "
			  "for i in va vb wa wb xa xb; do ip link set $i up; done"));
	assert_true(shell("ip addr add 10.1.0.1/24 dev va && ip addr add 10.2.0.1/24 dev wa && "
			  "ip addr add 10.3.0.1/24 dev xa && ip addr add fd01::1/64 dev va nodad && "
			  "ip addr add fd02::1/64 dev wa nodad"));
}

static void world_make(struct world *w)
{
	const unsigned subjects = 1u << ABOUT_LINK | 1u << ABOUT_ADDRESS | 1u << ABOUT_RULE |
				  1u << ABOUT_ROUTE;

	w->rib = rib_new();
	w->import = import_new();
	assert_non_null(w->rib);
	assert_non_null(w->import);
	assert_true(import_configure(w->import, &conf));
	assert_int_equal(monitor_open(&w->monitor, subjects), 0);
	settle(w);
}

static void world_end(struct world *w)
{
	monitor_close(w->monitor);
	import_free(w->import);
	rib_free(w->rib);
}

/* Where the rib sends, by its hashes: "lan 10.1.0.9 wan 10.2.0.9" or "blackhole". */
static const char *ways_from(const struct world *w, const char *from, const char *to,
			     char text[static 256])
{
	struct address source = address_of(from), destination = address_of(to);
	uint16_t number = rib_lookup(w->rib, &source, destination.octets);
	const struct hop *seen[HOP_GROUP_MOST];
	size_t count = 0, len = 0;

	*text = '\0';
	for (uint32_t i = 0; i < 256; i++) {
		const struct hop *hop = rib_hop(w->rib, number, i << 24);
		char via[ADDRESS_TEXT];
		size_t at = 0;

		while (at < count && seen[at] != hop)
			at++;
		if (at < count)
			continue;
		seen[count++] = hop;
		if (hop->kind == HOP_VIA || hop->kind == HOP_LINK)
			len += (size_t)snprintf(text + len, 256 - len, "%s%s %s", len ? " " : "",
						interfaces[hop->interface].name,
						address_format(&hop->via, via));
		else
			len += (size_t)snprintf(text + len, 256 - len, "%s",
						hop->kind == HOP_BLACKHOLE ? "blackhole" :
						hop->kind == HOP_UNREACHABLE ? "unreachable" :
						hop->kind == HOP_PROHIBIT ? "prohibit" : "none");
	}
	return text;
}

static const char *ways_to(const struct world *w, const char *to, char text[static 256])
{
	return ways_from(w, strchr(to, ':') ? "2001:db8::1" : "198.51.100.1", to, text);
}

/* One thing that is done to the kernel's table, and where a destination leads then. */
struct step { const char *command, *to, *ways; };

static void walk(struct world *w, const struct step *steps, size_t count)
{
	char text[256];

	for (size_t i = 0; i < count; i++) {
		assert_true(shell("ip %s", steps[i].command));
		settle(w);
		ways_to(w, steps[i].to, text);
		if (strcmp(text, steps[i].ways))
			print_message("after: ip %s\n", steps[i].command);
		assert_string_equal(text, steps[i].ways);
	}
}

#define WALK(w, steps) walk(w, steps, sizeof(steps) / sizeof((steps)[0]))

/* In a world of its own. */
static void play(void **state, const struct step *steps, size_t count)
{
	struct world w;

	NETNS_TEST(state);
	links_make();
	world_make(&w);
	walk(&w, steps, count);
	world_end(&w);
}

#define PLAY(state, steps) play(state, steps, sizeof(steps) / sizeof((steps)[0]))

static void routes_that_were_there(void **state)
{
	char text[256];
	struct world w;

	NETNS_TEST(state);
	links_make();
	assert_true(shell("ip route add 10.9.0.0/16 via 10.1.0.9 && ip route add default dev wa && "
			  "ip route add unreachable 10.8.0.0/16 && ip route add 10.7.0.0/16 via 10.3.0.9 && "
			  "ip -6 route add fd09::/32 via fd02::9 && "
			  "ip route add 10.6.0.0/16 nexthop via 10.1.0.8 nexthop via 10.2.0.8"));
	world_make(&w);
	assert_string_equal(ways_to(&w, "10.9.1.1", text), "lan 10.1.0.9");
	assert_string_equal(ways_to(&w, "192.0.2.1", text), "wan -");
	assert_string_equal(ways_to(&w, "10.8.1.1", text), "unreachable");
	assert_string_equal(ways_to(&w, "fd09::1", text), "wan fd02::9");
	assert_string_equal(ways_to(&w, "10.7.1.1", text), "wan -"); /* xa is not ours */
	assert_int_equal(strlen(ways_to(&w, "10.6.1.1", text)), strlen("lan 10.1.0.8 wan 10.2.0.8"));
	assert_int_equal(import_counters(w.import).left_out, 1);
	assert_int_equal(import_counters(w.import).failed, 0);
	world_end(&w);
}

/* fib_trie.c: prefix, type of service and metric say which one is replaced; others stand behind. */
static void changes_of_ipv4(void **state)
{
	static const struct step steps[] = {
		{ "route add 10.9.0.0/16 via 10.1.0.2", "10.9.1.1", "lan 10.1.0.2" },
		{ "route add 10.9.1.0/24 via 10.2.0.2", "10.9.1.1", "wan 10.2.0.2" },
		{ "route del 10.9.1.0/24", "10.9.1.1", "lan 10.1.0.2" },
		{ "route replace 10.9.0.0/16 via 10.1.0.3", "10.9.1.1", "lan 10.1.0.3" },
		{ "route append 10.9.0.0/16 via 10.1.0.4", "10.9.1.1", "lan 10.1.0.3" },
		{ "route append 10.9.0.0/16 via 10.1.0.5", "10.9.1.1", "lan 10.1.0.3" },
		{ "route del 10.9.0.0/16 via 10.1.0.4", "10.9.1.1", "lan 10.1.0.3" },
		{ "route replace 10.9.0.0/16 via 10.1.0.6", "10.9.1.1", "lan 10.1.0.6" },
		{ "route del 10.9.0.0/16 via 10.1.0.6", "10.9.1.1", "lan 10.1.0.5" },
		{ "route prepend 10.9.0.0/16 via 10.1.0.7", "10.9.1.1", "lan 10.1.0.7" },
		{ "route del 10.9.0.0/16 via 10.1.0.7", "10.9.1.1", "lan 10.1.0.5" },
		{ "route add 10.9.0.0/16 via 10.1.0.8 metric 9", "10.9.1.1", "lan 10.1.0.5" },
		{ "route del 10.9.0.0/16 via 10.1.0.5", "10.9.1.1", "lan 10.1.0.8" },
		{ "route replace blackhole 10.9.0.0/16 metric 9", "10.9.1.1", "blackhole" },
		{ "route replace prohibit 10.9.0.0/16 metric 9", "10.9.1.1", "prohibit" },
		{ "route replace 10.9.0.0/16 via 10.3.0.9 metric 9", "10.9.1.1", "none" },
		{ "route replace 10.9.0.0/16 dev wa metric 9", "10.9.1.1", "wan -" },
		{ "route del 10.9.0.0/16 metric 9", "10.9.1.1", "none" },
		{ "route add 10.9.0.0/16 tos 0x10 via 10.1.0.9", "10.9.1.1", "none" },
		{ "route add 10.9.0.0/16 via inet6 fd01::9 dev va", "10.9.1.1", "lan fd01::9" },
		{ "route replace 10.9.0.0/16 dev xa proto kernel", "10.9.1.1", "none" },
		{ "route replace 10.9.0.0/16 via 10.2.0.2", "10.9.1.1", "wan 10.2.0.2" },
		{ "-6 route add fd09::/32 via fd01::2", "fd09::1", "lan fd01::2" },
		{ "-6 route replace fd09::/32 dev xa proto kernel", "fd09::1", "none" },
	};
	struct world w;

	NETNS_TEST(state);
	links_make();
	world_make(&w);
	WALK(&w, steps);
	assert_int_equal(monitor_counters(w.monitor).ignored, 0);
	world_end(&w);
}

static void changes_of_several_ways(void **state)
{
	static const struct step steps[] = {
		{ "route add 10.9.0.0/16 nexthop via 10.1.0.2 nexthop via 10.3.0.9", "10.9.1.1",
		  "lan 10.1.0.2" },
		{ "route replace 10.9.0.0/16 nexthop via 10.1.0.3 nexthop via 10.1.0.3", "10.9.1.1",
		  "lan 10.1.0.3" },
		{ "route replace 10.9.0.0/16 nexthop via 10.1.0.2 dev va nexthop dev wa", "10.9.1.1",
		  "both" },
		{ "route replace 10.9.0.0/16 via 10.2.0.2", "10.9.1.1", "wan 10.2.0.2" },
		{ "route replace 10.9.0.0/16 nexthop via 10.1.0.2 nexthop via 10.2.0.2", "10.9.1.1",
		  "both" },
		{ "route del 10.9.0.0/16", "10.9.1.1", "none" },
		{ "-6 route add fd09::/32 nexthop via fd01::2 nexthop via fd02::2", "fd09::1", "both" },
		{ "-6 route del fd09::/32 via fd01::2", "fd09::1", "wan fd02::2" },
		{ "-6 route append fd09::/32 via fd01::3", "fd09::1", "both" },
		{ "-6 route replace fd09::/32 via fd01::4", "fd09::1", "lan fd01::4" },
		{ "-6 route replace fd09::/32 nexthop via fd01::2 nexthop via fd02::2", "fd09::1",
		  "both" },
		{ "-6 route del fd09::/32", "fd09::1", "none" },
		{ "-6 route add unreachable fd09::/32", "fd09::1", "unreachable" },
		{ "nexthop add id 1 via 10.1.0.2 dev va", "10.9.1.1", "none" },
		{ "route add 10.9.0.0/16 nhid 1", "10.9.1.1", "lan 10.1.0.2" },
		{ "nexthop replace id 1 via 10.2.0.2 dev wa", "10.9.1.1", "wan 10.2.0.2" },
		{ "nexthop del id 1", "10.9.1.1", "none" },
	};
	char text[256];
	struct world w;

	NETNS_TEST(state);
	links_make();
	world_make(&w);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_true(shell("ip %s", steps[i].command));
		settle(&w);
		ways_to(&w, steps[i].to, text);
		if (strcmp(steps[i].ways, "both")) {
			assert_string_equal(text, steps[i].ways);
		} else {
			assert_non_null(strstr(text, "lan "));
			assert_non_null(strstr(text, "wan "));
		}
	}
	world_end(&w);
}

/* The kernel ends IPv4 routes with their link, or uses one way less of them, and does not tell. */
static void links_take_routes_with_them(void **state)
{
	static const struct step steps[] = {
		{ "route add 10.9.0.0/16 via 10.1.0.2", "10.9.1.1", "lan 10.1.0.2" },
		{ "-6 route add fd09::/32 via fd01::2", "fd09::1", "lan fd01::2" },
		{ "route add 10.8.0.0/16 nexthop via 10.1.0.2 nexthop via 10.2.0.2", "10.9.1.1",
		  "lan 10.1.0.2" },
		{ "link set va down", "10.9.1.1", "none" },
		{ "link set dev vb alias x", "10.8.1.1", "wan 10.2.0.2" },
		{ "link set dev vb alias y", "fd09::1", "none" },
		{ "route add 10.7.0.0/16 via 10.2.0.9 src 10.2.0.1", "10.7.1.1", "wan 10.2.0.9" },
		{ "addr add 10.2.0.3/24 dev wa", "10.7.1.1", "wan 10.2.0.9" },
		{ "route add 10.6.0.0/16 via 10.2.0.9 src 10.2.0.3", "10.6.1.1", "wan 10.2.0.9" },
		{ "addr del 10.2.0.3/24 dev wa", "10.6.1.1", "none" },
		{ "link del wa", "10.7.1.1", "none" },
	};

	PLAY(state, steps);
}

/* An interface that is back, with another number, or another name. */
static void devices_come_back(void **state)
{
	static const struct step steps[] = {
		{ "route add 10.9.0.0/16 via 10.2.0.2", "10.9.1.1", "wan 10.2.0.2" },
		{ "link del wa", "10.9.1.1", "none" },
		{ "link add wa type veth peer name wb", "10.9.1.1", "none" },
		{ "link set wa up", "10.9.1.1", "none" },
		{ "addr add 10.2.0.1/24 dev wa", "10.9.1.1", "none" },
		{ "route add 10.9.0.0/16 via 10.2.0.2", "10.9.1.1", "wan 10.2.0.2" },
		{ "route add 10.8.0.0/16 via 10.3.0.2", "10.8.1.1", "none" },
		{ "link set va name old", "10.8.1.1", "none" },
		{ "link set xa name va", "10.8.1.1", "lan 10.3.0.2" },
	};

	PLAY(state, steps);
}

/* The kernel may be a host on a link of ours, and we its router. */
static void not_through_ourselves(void **state)
{
	static const struct step steps[] = {
		{ "addr del 10.1.0.1/24 dev va", "10.9.1.1", "none" },
		{ "addr add 10.1.0.5/24 dev va", "10.9.1.1", "none" },
		{ "route add 10.9.0.0/16 via 10.1.0.1", "10.9.1.1", "none" },
		{ "route replace 10.9.0.0/16 via 10.1.0.2", "10.9.1.1", "lan 10.1.0.2" },
	};

	PLAY(state, steps);
}

/* Tables that no rule names are a part of main; others are asked by their rules. */
static void tables_and_rules(void **state)
{
	static const struct step steps[] = {
		{ "route add 10.9.0.0/16 via 10.1.0.2 table 100", "10.9.1.1", "lan 10.1.0.2" },
		{ "route add 10.8.0.0/16 via 10.1.0.2 table 300", "10.8.1.1", "none" }, /* not wanted */
		{ "rule add from 192.168.7.0/24 table 100 pref 10", "10.9.1.1", "none" },
		{ "route add 10.7.0.0/16 via 10.1.0.3 table 200", "10.7.1.1", "lan 10.1.0.3" },
		{ "rule add fwmark 1 table 200", "10.7.1.1", "none" },
		{ "rule del fwmark 1 table 200", "10.7.1.1", "lan 10.1.0.3" },
		{ "rule add fwmark 1 table 200 pref 50", "10.7.1.1", "none" },
		{ "rule add fwmark 2 table 200 pref 50", "10.7.1.1", "none" },
		{ "rule del fwmark 1 table 200 pref 50", "10.7.1.1", "none" },
		{ "rule del fwmark 2 table 200 pref 50", "10.7.1.1", "lan 10.1.0.3" },
	};
	char text[256];
	struct world w;

	NETNS_TEST(state);
	links_make();
	world_make(&w);
	WALK(&w, steps);
	assert_string_equal(ways_from(&w, "192.168.7.9", "10.9.1.1", text), "lan 10.1.0.2");
	assert_string_equal(ways_from(&w, "192.168.8.9", "10.9.1.1", text), "none");
	assert_true(shell("ip rule del from 192.168.7.0/24 table 100 pref 10"));
	settle(&w);
	assert_string_equal(ways_from(&w, "192.168.8.9", "10.9.1.1", text), "lan 10.1.0.2");
	import_forget(w.import, w.rib);
	assert_string_equal(ways_to(&w, "10.9.1.1", text), "none");
	world_end(&w);
}

/* What has gone while nobody listened goes with the next list. */
static void lists_replace_what_was_known(void **state)
{
	char text[256];
	struct world w;

	NETNS_TEST(state);
	links_make();
	assert_true(shell("ip route add 10.9.0.0/16 via 10.1.0.2 && ip route add 10.8.0.0/16 via 10.1.0.2 && "
			  "ip route append 10.8.0.0/16 via 10.2.0.2 && "
			  "ip rule add from 192.168.7.0/24 table 100"));
	world_make(&w);
	assert_non_null(rib_rule(w.rib, 0));
	monitor_close(w.monitor);
	assert_true(shell("ip route del 10.9.0.0/16 && ip route replace 10.8.0.0/16 via 10.1.0.3 && "
			  "ip rule del from 192.168.7.0/24 table 100"));
	assert_int_equal(monitor_open(&w.monitor, 1u << ABOUT_RULE | 1u << ABOUT_ROUTE), 0);
	settle(&w);
	assert_string_equal(ways_to(&w, "10.9.1.1", text), "none");
	assert_string_equal(ways_to(&w, "10.8.1.1", text), "lan 10.1.0.3");
	assert_true(shell("ip route del 10.8.0.0/16 via 10.1.0.3"));
	settle(&w);
	assert_string_equal(ways_to(&w, "10.8.1.1", text), "wan 10.2.0.2");
	world_end(&w);
}

static void hear_empty_list(struct world *w, uint8_t version, enum news_kind end)
{
	struct news n = { .subject = ABOUT_ROUTE, .kind = NEWS_BEGIN };

	n.route.prefix.address.version = version;
	import_hear(w->import, w->rib, &n);
	n.kind = end;
	import_hear(w->import, w->rib, &n);
}

/* One that may lack some takes nothing away, and one of a version nothing of the other. */
static void what_lists_take_away(void **state)
{
	char text[256];
	struct world w;

	NETNS_TEST(state);
	links_make();
	assert_true(shell("ip route add 10.9.0.0/16 via 10.1.0.2 && ip -6 route add fd09::/32 via fd02::9"));
	world_make(&w);
	hear_empty_list(&w, 6, NEWS_STOP);
	hear_empty_list(&w, 4, NEWS_STOP);
	assert_string_equal(ways_to(&w, "10.9.1.1", text), "lan 10.1.0.2");
	assert_string_equal(ways_to(&w, "fd09::1", text), "wan fd02::9");
	hear_empty_list(&w, 4, NEWS_END);
	assert_string_equal(ways_to(&w, "10.9.1.1", text), "none");
	assert_string_equal(ways_to(&w, "fd09::1", text), "wan fd02::9");
	hear_empty_list(&w, 6, NEWS_END);
	assert_string_equal(ways_to(&w, "fd09::1", text), "none");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_that_were_there),
		cmocka_unit_test(changes_of_ipv4),
		cmocka_unit_test(changes_of_several_ways),
		cmocka_unit_test(links_take_routes_with_them),
		cmocka_unit_test(devices_come_back),
		cmocka_unit_test(not_through_ourselves),
		cmocka_unit_test(tables_and_rules),
		cmocka_unit_test(lists_replace_what_was_known),
		cmocka_unit_test(what_lists_take_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
