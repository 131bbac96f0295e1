/* Neighbour discovery for what is the gateway's outside: a veth whose kernel has none of it. */
#include "arp_place.h"

#include "router/discovery.h"

/* In the Ethernet frame that asks in the group of an address. */
static size_t solicit(uint8_t frame[static ETH_HLEN + DISCOVERY_MOST], const char *asked)
{
	static const uint8_t type[] = { 0x86, 0xdd };
	struct discovery d = { .has_mac = true, .about = address_of(asked),
			       .peer = address_of("2001:db8:ff::2") };
	struct l2 to = { .type = 0 };
	size_t len;

	memcpy(d.mac, theirs, sizeof(d.mac));
	len = discovery_make(frame + ETH_HLEN, &d, &to);
	memcpy(frame, to.to, 6);
	memcpy(frame + 6, theirs, 6);
	memcpy(frame + 12, type, sizeof(type));
	return ETH_HLEN + len;
}

/* Whether the next advertisement is about that address; what the kernel says itself is left out. */
static bool advertised(int wire, const char *asked)
{
	const struct l2 h = { .type = ETH_P_IPV6 };
	struct address about = address_of(asked);
	struct pollfd wait = { .fd = wire, .events = POLLIN };
	uint8_t frame[512];
	struct discovery d;
	ssize_t len;

	while (poll(&wait, 1, 2000) == 1 && (len = recv(wire, frame, sizeof(frame), 0)) > ETH_HLEN)
		if (memcmp(frame + 6, ours, 6) == 0 &&
		    discovery_parse(&d, &h, frame + ETH_HLEN, (size_t)len - ETH_HLEN) && d.answer)
			return address_equal(&d.about, &about) && memcmp(d.mac, ours, 6) == 0;
	return false;
}

/* RFC 4861 section 7.2.8: for what stands for inside hosts, and what a pool has; but not for the router
 * that what leaves is sent to. */
static void answers_solicitations_outside(void **state)
{
	static const struct { const char *asked; bool answered; } rows[] = {
		{ "2001:db8:6::5", true }, { "2001:db8:6::6", false }, { "2001:db8:5:7::9", true },
		{ "2001:db8:5::fe", false }, { "2001:db8:7::9", true }, { "2001:db8:8::9", false },
		{ "2001:db8:c::9", true }, { "64:ff9b::9", false },
	};
	be32 pool[] = { nat_v6_beside() };
	struct ip6 pool6[] = { { { 0x20, 1, 0x0d, 0xb8, 0, 6, [15] = 5 } } };
	const struct nat_eam eam = { be32_from(0x0a010000), 24,
				     { { { 0x20, 1, 0x0d, 0xb8, 0, 0xc } }, 120 } };
	struct nat_policy policies[] = {
		{ .type = NAT_NAPT66, .version = 6, .pool_count = 1 },
		{ .type = NAT_NPTV6, .version = 6,
		  .v6.translated = { { { 0x20, 1, 0x0d, 0xb8, 0, 5 } }, 48 } },
		{ .type = NAT_ONE_TO_ONE, .version = 6,
		  .v6.translated = { { { 0x20, 1, 0x0d, 0xb8, 0, 7 } }, 64 } },
		{ .type = NAT_FIREWALL, .version = 6,
		  .v6.match = { { { 0x20, 1, 0x0d, 0xb8, 0, 8 } }, 64 } },
		{ .type = NAT_SIIT, .version = 4,
		  .v6 = { .eams = &eam, .eam_count = 1, .prefix_count = 1,
			  .prefixes = { { { { 0, 0x64, 0xff, 0x9b } }, 96 } } } },
	};
	struct conf_route route = { .via = address_of("2001:db8:5::fe") };
	uint8_t frame[ETH_HLEN + DISCOVERY_MOST];
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6) };
	struct place p;
	int wire;

	NETNS_TEST(state);
	place_make(&p, SIDE_OUTSIDE);
	p.conf.policies = policies;
	p.conf.nat_count = sizeof(policies) / sizeof(policies[0]);
	p.conf.pool = pool;
	p.conf.pool6 = pool6;
	p.conf.nat.pool_count = 1;
	p.conf.routes = &route;
	p.conf.route_count = 1;
	wire = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	a.sll_ifindex = (int)if_nametoindex("v1");
	assert_int_equal(bind(wire, (struct sockaddr *)&a, sizeof(a)), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		send_frame(&p, frame, solicit(frame, rows[i].asked));
		work(&p);
		/* What is answered for sure follows what is not. */
		if (!rows[i].answered) {
			send_frame(&p, frame, solicit(frame, "fd01::1"));
			work(&p);
		}
		if (!advertised(wire, rows[i].answered ? rows[i].asked : "fd01::1"))
			fail_msg("%s", rows[i].asked);
	}
	close(wire);
	place_remove(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(answers_solicitations_outside) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
