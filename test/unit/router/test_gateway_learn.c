/*
 * What follows from the addresses that the kernel gives an interface: IPv6 pools, prefixes and matches,
 * as they come, change and go; and their places across a reload.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway_core.h"

enum { LAN, WAN };
enum { SHARED, SITE, MAPPED, ENTRIES };

struct house {
	char file[16], names[ENTRIES][8];
	struct prefix given[2][3];
	struct conf_interface interfaces[2];
	struct conf_nat nats[ENTRIES];
	struct nat_policy policies[ENTRIES];
	be32 pool[4];
	struct ip6 pool6[4];
	struct nat_forward forward;
	size_t forward_interface;
	struct conf conf;
};

/* napt66 of the network of LAN by the address of WAN; nptv6 by its network; nat64 by its IPv4 address. */
static struct house *house_new(void)
{
	struct house *h = calloc(1, sizeof(*h));
	struct conf_nat none = { .pool_interface = SIZE_MAX, .match_interface = SIZE_MAX,
				 .prefix_interface = SIZE_MAX };

	assert_non_null(h);
	strcpy(h->file, "router.conf");
	for (size_t i = 0; i < ENTRIES; i++) {
		snprintf(h->names[i], sizeof(h->names[i]), "nat%zu", i);
		h->nats[i] = none;
		h->nats[i].name = h->names[i];
		h->nats[i].line = (int)i + 1;
		h->policies[i] = (struct nat_policy){ .version = 6, .ports = { 1024, 65535 } };
	}
	h->interfaces[LAN] = (struct conf_interface){ .name = "lan0", .shares_address = true,
						      .addresses = h->given[LAN] };
	h->interfaces[WAN] = (struct conf_interface){ .name = "wan0", .shares_address = true,
						      .side = SIDE_OUTSIDE,
						      .addresses = h->given[WAN] };
	h->nats[SHARED].pool_interface = h->nats[SITE].prefix_interface = WAN;
	h->nats[MAPPED].pool_interface = WAN;
	h->nats[SHARED].match_interface = LAN;
	h->policies[SHARED].type = NAT_NAPT66;
	h->policies[SHARED].pool_count = 1;
	h->policies[SHARED].left = 2;
	h->policies[SITE].type = NAT_NPTV6;
	h->policies[SITE].v6.match = (struct ip6_prefix){ { { 0xfd, 1 } }, 56 };
	h->policies[MAPPED].type = NAT_NAT64;
	h->policies[MAPPED].v6.match = (struct ip6_prefix){ { { 0xfd, 2 } }, 56 };
	h->policies[MAPPED].v6.prefixes[0] = (struct ip6_prefix){ { { 0, 0x64, 0xff, 0x9b } }, 96 };
	h->policies[MAPPED].v6.prefix_count = 1;
	h->policies[MAPPED].pool_first = 2;
	h->policies[MAPPED].pool_count = 1;
	h->policies[MAPPED].left = 4;
	h->forward = (struct nat_forward){ .protocol = PROTO_TCP, .first = 80, .last = 80,
					   .internal_first = 80, .internal = nat_v6_beside(),
					   .internal6 = { { 0xfd, 3, [15] = 2 } } };
	h->forward_interface = WAN;
	h->conf = (struct conf){ .file = h->file, .interfaces = h->interfaces, .interface_count = 2,
				 .nats = h->nats, .policies = h->policies, .nat_count = ENTRIES,
				 .pool = h->pool, .pool6 = h->pool6, .forwards = &h->forward,
				 .forward_interfaces = &h->forward_interface };
	h->conf.nat = nat_config_default();
	h->conf.nat.pool = h->pool;
	h->conf.nat.pool6 = h->pool6;
	h->conf.nat.pool_count = 4;
	h->conf.nat.policies = h->policies;
	h->conf.nat.policy_count = ENTRIES;
	h->conf.nat.forwards = &h->forward;
	h->conf.nat.forward_count = 1;
	return h;
}

static void give(struct house *h, int interface, const char *const *addresses)
{
	struct conf_interface *i = &h->interfaces[interface];

	for (i->address_count = 0; addresses[i->address_count]; i->address_count++)
		assert_true(prefix_parse(&h->given[interface][i->address_count],
					 addresses[i->address_count]));
}

#define GIVE(h, interface, ...) give(h, interface, (const char *const[]){ __VA_ARGS__, NULL })

static void settle(struct house *h)
{
	struct io_error error = { "" };

	if (gateway_settle(&h->conf, &error))
		fail_msg("%s", error.text);
}

static void assert_place(const struct house *h, size_t place, const char *text)
{
	struct address a = conf_pool_address(&h->conf, place);
	char found[ADDRESS_TEXT];

	assert_string_equal(address_format(&a, found), text);
}

static void assert_prefix(const struct ip6_prefix *p, const char *text)
{
	struct prefix found = conf_prefix6(p);
	char at[PREFIX_TEXT];

	assert_string_equal(prefix_format(&found, at), text);
}

/* What is link-local is nobody's address outside. */
static void addresses_come(void **state)
{
	struct house *h = house_new();

	(void)state;
	settle(h);
	assert_place(h, 0, "-");
	assert_place(h, 2, "-");
	assert_int_equal(h->forward.external.raw, 0);
	assert_prefix(&h->policies[SITE].v6.translated, "::/56");
	assert_int_equal(h->policies[SHARED].v6.match.len, 128);
	GIVE(h, WAN, "fe80::1/64", "198.51.100.2/24", "2001:db8:5::7/56");
	GIVE(h, LAN, "fe80::2/64", "fd03::1/64");
	settle(h);
	assert_place(h, 0, "2001:db8:5::7");
	assert_place(h, 2, "198.51.100.2");
	assert_prefix(&h->policies[SITE].v6.translated, "2001:db8:5::/56");
	assert_prefix(&h->policies[SHARED].v6.match, "fd03::/64");
	assert_true(nat_is_v6_beside(h->forward.external));
	assert_true(ip6_equal(&h->forward.external6, &h->pool6[0]));
	/* Services of the kernel's may answer. */
	assert_int_equal(h->policies[SHARED].unsolicited, NAT_UNSOLICITED_SILENT);
	free(h);
}

/* One that is in use is kept, whatever comes before it. */
static void addresses_change(void **state)
{
	struct house *h = house_new();

	(void)state;
	h->policies[SHARED].on_address_change = NAT_CHANGE_IDLE;
	GIVE(h, WAN, "2001:db8:5::7/56");
	settle(h);
	GIVE(h, WAN, "2001:db8:9::7/56", "2001:db8:5::7/56");
	settle(h);
	assert_int_equal(h->policies[SHARED].pool_first, 0);
	assert_place(h, 0, "2001:db8:5::7");
	assert_prefix(&h->policies[SITE].v6.translated, "2001:db8:5::/56");
	GIVE(h, WAN, "2001:db8:9::7/56");
	settle(h);
	/* Sessions keep the old one: the new one is in the other place. */
	assert_int_equal(h->policies[SHARED].pool_first, 1);
	assert_int_equal(h->policies[SHARED].left, 1);
	assert_place(h, 1, "2001:db8:9::7");
	assert_place(h, 0, "2001:db8:5::7");
	assert_prefix(&h->policies[SITE].v6.translated, "2001:db8:9::/56");
	assert_true(ip6_equal(&h->forward.external6, &h->pool6[1]));
	GIVE(h, WAN, "198.51.100.2/24");
	settle(h);
	assert_prefix(&h->policies[SITE].v6.translated, "::/56");
	assert_int_equal(h->forward.external.raw, 0);
	free(h);
}

static void a_network_may_be_too_small(void **state)
{
	struct house *h = house_new();
	struct io_error error = { "" };

	(void)state;
	GIVE(h, WAN, "2001:db8:5::7/64");
	assert_true(gateway_settle(&h->conf, &error) < 0);
	assert_string_equal(error.text, "router.conf:2: nat \"nat1\": wan0 has the network 2001:db8:5::/64, "
					"and match is a prefix of 56 bits; one of 64");
	GIVE(h, WAN, "2001:db8:5:8::7/48");
	settle(h);
	assert_prefix(&h->policies[SITE].v6.translated, "2001:db8:5::/56");
	free(h);
}

/* Addresses that are named again have the places that they had, of whichever version. */
static void places_are_kept(void **state)
{
	struct conf_nat nats[2] = {
		{ .name = (char[]){ "six" }, .pool_interface = SIZE_MAX },
		{ .name = (char[]){ "four" }, .pool_interface = SIZE_MAX },
	};
	struct nat_policy before[2] = { { .type = NAT_NAPT66, .pool_count = 2 },
					{ .type = NAT_NAPT44, .pool_first = 2, .pool_count = 1 } };
	struct nat_policy after[2] = { { .type = NAT_NAPT66, .pool_first = 1, .pool_count = 2 },
				       { .type = NAT_NAPT44, .pool_count = 1 } };
	be32 pool[3] = { nat_v6_beside(), nat_v6_beside(), be32_from(0xc6336402) };
	struct ip6 pool6[3] = { { { 0x20, 1, [15] = 1 } }, { { 0x20, 1, [15] = 2 } }, { { 0 } } };
	be32 *named = calloc(3, sizeof(*named));
	struct ip6 *named6 = calloc(3, sizeof(*named6));
	struct conf was = { .nats = nats, .policies = before, .nat_count = 2, .pool = pool,
			    .pool6 = pool6, .nat.pool_count = 3 };
	struct conf now = { .nats = nats, .policies = after, .nat_count = 2, .pool = named,
			    .pool6 = named6, .nat.pool_count = 3 };

	(void)state;
	assert_true(named && named6);
	named[0] = pool[2];
	named[1] = named[2] = nat_v6_beside();
	named6[1] = (struct ip6){ { 0x20, 1, [15] = 9 } }; /* in the place of the first */
	named6[2] = pool6[1];
	assert_null(gateway_keep_places(&was, &now));
	assert_int_equal(after[0].pool_first, 0);
	assert_int_equal(after[0].pool_count, 2);
	assert_int_equal(after[1].pool_first, 2);
	assert_true(nat_is_v6_beside(now.pool[0]) && nat_is_v6_beside(now.pool[1]));
	assert_int_equal(now.pool6[0].octets[15], 9);
	assert_int_equal(now.pool6[1].octets[15], 2);
	assert_int_equal(now.pool[2].raw, pool[2].raw);
	assert_ptr_equal(now.nat.pool6, now.pool6);
	free(now.pool);
	free(now.pool6);
	free(now.places);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_come),
		cmocka_unit_test(addresses_change),
		cmocka_unit_test(a_network_may_be_too_small),
		cmocka_unit_test(places_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
