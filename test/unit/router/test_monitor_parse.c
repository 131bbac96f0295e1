/* What becomes news of a message, right or wrong. */
#include "news_rig.h"

static void route_of_one_way(void **state)
{
	struct message m;
	struct news n;

	(void)state;
	route_message(&m, RTM_NEWROUTE, "10.1.0.0/16");
	mnl_attr_put_u32(m.h, RTA_TABLE, 70000);
	mnl_attr_put_u32(m.h, RTA_PRIORITY, 32);
	put_way(m.h, 7, "192.0.2.9");
	assert_int_equal(parse(&n, &m), 1);
	assert_int_equal(n.subject, ABOUT_ROUTE);
	assert_int_equal(n.kind, NEWS_IS);
	assert_int_equal(n.route.kind, ROUTE_UNICAST);
	assert_int_equal(n.route.place, ROUTE_ALONE);
	assert_int_equal(n.route.table, 70000);
	assert_int_equal(n.route.metric, 32);
	assert_int_equal(n.route.protocol, RTPROT_BIRD);
	assert_int_equal(n.route.prefix.len, 16);
	assert_int_equal(n.route.way_count, 1);
	assert_int_equal(n.route.ways[0].link, 7);
	assert_false(n.route.ways[0].dead);
	assert_true(address_equal(&n.route.ways[0].via, &(struct address){ { 192, 0, 2, 9 }, 4 }));
}

static void route_of_several_ways(void **state)
{
	struct message m;
	struct nlattr *nest;
	struct news n;

	(void)state;
	route_message(&m, RTM_DELROUTE, "2001:db8::/32");
	nest = mnl_attr_nest_start(m.h, RTA_MULTIPATH);
	for (uint32_t i = 1; i <= HOP_GROUP_MOST + 2; i++)
		put_hop(m.h, i, i == 2 ? NULL : "fe80::1", i == 3 ? RTNH_F_DEAD : 0);
	mnl_attr_nest_end(m.h, nest);
	assert_int_equal(parse(&n, &m), 1);
	assert_int_equal(n.kind, NEWS_GONE);
	assert_int_equal(n.route.way_count, HOP_GROUP_MOST);
	for (uint32_t i = 0; i < HOP_GROUP_MOST; i++) {
		assert_int_equal(n.route.ways[i].link, i + 1);
		assert_int_equal(n.route.ways[i].via.version, i == 1 ? 0 : 6);
		assert_int_equal(n.route.ways[i].dead, i == 2);
	}
}

static void route_via_the_other_version(void **state)
{
	struct message m;
	struct news n;

	(void)state;
	route_message(&m, RTM_NEWROUTE, "0.0.0.0/0");
	put_via6(m.h, "fe80::9");
	put_way(m.h, 3, NULL);
	assert_int_equal(parse(&n, &m), 1);
	assert_int_equal(n.route.prefix.address.version, 4);
	assert_int_equal(n.route.prefix.len, 0);
	assert_int_equal(n.route.ways[0].via.version, 6);
	assert_int_equal(n.route.ways[0].via.octets[15], 9);
}

static void a_tunnel_is_no_way(void **state)
{
	struct message m;
	struct news n;

	(void)state;
	route_message(&m, RTM_NEWROUTE, "10.1.0.0/16");
	put_way(m.h, 7, "192.0.2.9");
	mnl_attr_put_u32(m.h, RTA_ENCAP, 0);
	assert_int_equal(parse(&n, &m), 1);
	assert_int_equal(n.route.ways[0].link, 0);
}

static void kinds_of_routes(void **state)
{
	static const struct { uint8_t type; int result; enum route_kind kind; } cases[] = {
		{ RTN_UNICAST, 1, ROUTE_UNICAST }, { RTN_BLACKHOLE, 1, ROUTE_BLACKHOLE },
		{ RTN_UNREACHABLE, 1, ROUTE_UNREACHABLE }, { RTN_PROHIBIT, 1, ROUTE_PROHIBIT },
		{ RTN_LOCAL, 0, 0 }, { RTN_BROADCAST, 0, 0 }, { RTN_MULTICAST, 0, 0 },
		{ RTN_THROW, 0, 0 }, { 200, 0, 0 },
	};
	struct message m;
	struct news n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		route_message(&m, RTM_NEWROUTE, "10.1.0.0/16")->rtm_type = cases[i].type;
		assert_int_equal(parse(&n, &m), cases[i].result);
		if (cases[i].result)
			assert_int_equal(n.route.kind, cases[i].kind);
	}
}

static void places_of_routes(void **state)
{
	static const struct { uint16_t flags; enum news_place place; } cases[] = {
		{ 0, ROUTE_LAST }, { NLM_F_MULTI, ROUTE_LAST }, { NLM_F_REPLACE, ROUTE_INSTEAD },
		{ NLM_F_CREATE | NLM_F_EXCL, ROUTE_ALONE }, { NLM_F_CREATE, ROUTE_FIRST },
		{ NLM_F_CREATE | NLM_F_APPEND, ROUTE_LAST },
	};
	struct message m;
	struct news n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		route_message(&m, RTM_NEWROUTE, "10.1.0.0/16");
		m.h->nlmsg_flags = cases[i].flags;
		assert_int_equal(parse(&n, &m), 1);
		assert_int_equal(n.route.place, cases[i].place);
	}
}

static void routes_that_are_none_for_us(void **state)
{
	struct message m;
	struct news n;

	(void)state;
	route_message(&m, RTM_NEWROUTE, "10.1.0.0/16")->rtm_tos = 0x10;
	assert_int_equal(parse(&n, &m), 0);
	route_message(&m, RTM_NEWROUTE, "2001:db8::/32")->rtm_src_len = 64;
	assert_int_equal(parse(&n, &m), 0);
	route_message(&m, RTM_NEWROUTE, "2001:db8::/32")->rtm_flags = RTM_F_CLONED;
	assert_int_equal(parse(&n, &m), 0);
	route_message(&m, RTM_NEWROUTE, "10.1.0.0/16")->rtm_family = 28; /* AF_MPLS */
	assert_int_equal(parse(&n, &m), 0);
}

static void rules(void **state)
{
	struct fib_rule_hdr *body;
	struct message m;
	struct news n;
	uint32_t len;

	(void)state;
	body = message_begin(&m, RTM_NEWRULE, 0, sizeof(*body));
	*body = (struct fib_rule_hdr){ .family = AF_INET, .src_len = 24, .table = 100,
				       .action = FR_ACT_TO_TBL };
	put_text_address(m.h, FRA_SRC, "192.168.7.0");
	mnl_attr_put_u32(m.h, FRA_PRIORITY, 5);
	mnl_attr_put_u32(m.h, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
	assert_int_equal(parse(&n, &m), 1);
	assert_int_equal(n.rule.priority, 5);
	assert_int_equal(n.rule.table, 100);
	assert_int_equal(n.rule.from.len, 24);
	assert_false(n.rule.partial);
	len = m.h->nlmsg_len;
	mnl_attr_put_u8(m.h, 40, 0x2e); /* none that there is, as FRA_DSCP was before Linux 6.14 */
	assert_int_equal(parse(&n, &m), 1);
	assert_true(n.rule.partial);
	m.h->nlmsg_len = len;
	mnl_attr_put_u32(m.h, FRA_FWMARK, 1);
	assert_int_equal(parse(&n, &m), 1);
	assert_true(n.rule.partial);
	body->action = FR_ACT_GOTO;
	assert_int_equal(parse(&n, &m), 0);
}

static void neighbours(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct ndmsg *body;
	struct message m;
	struct news n;

	(void)state;
	body = message_begin(&m, RTM_NEWNEIGH, 0, sizeof(*body));
	*body = (struct ndmsg){ .ndm_family = AF_INET, .ndm_ifindex = 4, .ndm_state = NUD_STALE };
	put_text_address(m.h, NDA_DST, "192.0.2.9");
	mnl_attr_put(m.h, NDA_LLADDR, sizeof(mac), mac);
	assert_int_equal(parse(&n, &m), 1);
	assert_int_equal(n.neighbour.index, 4);
	assert_true(n.neighbour.known);
	assert_memory_equal(n.neighbour.mac, mac, sizeof(mac));
	body->ndm_state = NUD_FAILED;
	assert_int_equal(parse(&n, &m), 1);
	assert_false(n.neighbour.known);
	body->ndm_family = AF_BRIDGE;
	assert_int_equal(parse(&n, &m), 0);
}

/* One of each, with all that is looked at. */
static void messages_make(struct message *all)
{
	struct nlattr *nest;

	route_message(&all[0], RTM_NEWROUTE, "10.1.0.0/16");
	nest = mnl_attr_nest_start(all[0].h, RTA_MULTIPATH);
	put_hop(all[0].h, 7, "192.0.2.9", 0);
	put_hop(all[0].h, 8, "192.0.2.10", 0);
	mnl_attr_nest_end(all[0].h, nest);
	route_message(&all[1], RTM_NEWROUTE, "10.1.0.0/16");
	mnl_attr_put_u32(all[1].h, RTA_OIF, 3);
	put_via6(all[1].h, "fe80::9");
	((struct fib_rule_hdr *)message_begin(&all[2], RTM_NEWRULE, 0, sizeof(struct fib_rule_hdr)))
		->family = AF_INET;
	((struct fib_rule_hdr *)mnl_nlmsg_get_payload(all[2].h))->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(all[2].h, FRA_PRIORITY, 5);
	((struct ndmsg *)message_begin(&all[3], RTM_NEWNEIGH, 0, sizeof(struct ndmsg)))->ndm_family =
		AF_INET;
	put_text_address(all[3].h, NDA_DST, "192.0.2.9");
	((struct ifaddrmsg *)message_begin(&all[4], RTM_NEWADDR, 0, sizeof(struct ifaddrmsg)))
		->ifa_family = AF_INET;
	put_text_address(all[4].h, IFA_LOCAL, "192.0.2.1");
	message_begin(&all[5], RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(all[5].h, IFLA_IFNAME, "wan");
}

enum { MESSAGES = 6 };

/* However a message is cut off, whether its length says so or not. */
static void truncated_messages(void **state)
{
	static struct message all[MESSAGES];
	struct news n;

	(void)state;
	messages_make(all);
	for (size_t i = 0; i < MESSAGES; i++) {
		uint32_t len = all[i].h->nlmsg_len;

		assert_int_equal(parse(&n, &all[i]), 1);
		for (uint32_t cut = 0; cut < len; cut++) {
			char *copy = malloc(cut ? cut : 1);

			assert_non_null(copy);
			memcpy(copy, all[i].octets, cut);
			assert_int_equal(news_parse(&n, copy, cut), -EBADMSG);
			if (cut >= sizeof(struct nlmsghdr)) {
				((struct nlmsghdr *)(void *)copy)->nlmsg_len = cut;
				/* Between two attributes it is whole, and may lack nothing. */
				assert_in_range(news_parse(&n, copy, cut) + EBADMSG, 0, EBADMSG + 1);
			}
			free(copy);
		}
	}
}

static void wrong_messages(void **state)
{
	struct message m;
	struct news n;

	(void)state;
	message_begin(&m, RTM_NEWACTION, 0, 64);
	assert_int_equal(parse(&n, &m), -EBADMSG);
	message_begin(&m, NLMSG_NOOP, 0, 0);
	assert_int_equal(parse(&n, &m), -EBADMSG);
	route_message(&m, RTM_NEWROUTE, "10.1.0.0/16")->rtm_dst_len = 33;
	assert_int_equal(parse(&n, &m), -EBADMSG);
	route_message(&m, RTM_NEWROUTE, "0.0.0.0/0")->rtm_dst_len = 8; /* of what? */
	assert_int_equal(parse(&n, &m), -EBADMSG);
	route_message(&m, RTM_NEWROUTE, "10.1.0.0/16");
	mnl_attr_put_u16(m.h, RTA_OIF, 7);
	assert_int_equal(parse(&n, &m), -EBADMSG);
	route_message(&m, RTM_NEWROUTE, "10.1.0.0/16");
	mnl_attr_put_u16(m.h, RTA_GATEWAY, 7);
	assert_int_equal(parse(&n, &m), -EBADMSG);
	message_begin(&m, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put(m.h, IFLA_IFNAME, 4, "eth0");
	assert_int_equal(parse(&n, &m), -EBADMSG);
	message_begin(&m, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(m.h, IFLA_IFNAME, "a-name-of-17-oct.");
	assert_int_equal(parse(&n, &m), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route_of_one_way),
		cmocka_unit_test(route_of_several_ways),
		cmocka_unit_test(route_via_the_other_version),
		cmocka_unit_test(a_tunnel_is_no_way),
		cmocka_unit_test(kinds_of_routes),
		cmocka_unit_test(places_of_routes),
		cmocka_unit_test(routes_that_are_none_for_us),
		cmocka_unit_test(rules),
		cmocka_unit_test(neighbours),
		cmocka_unit_test(truncated_messages),
		cmocka_unit_test(wrong_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
