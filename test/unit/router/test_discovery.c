/*
 * ARP and neighbour discovery, octet by octet. Each row is a sound message in which one thing is
 * different; checksums are put right again unless they are what is different.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "nat/checksum.h"
#include "nat/packet.h"
#include "router/discovery.h"

enum { ARP_LEN = 28, V6 = 40, TARGET = V6 + 8, OPTION = V6 + 24, ND_LEN = 72 };

static const uint8_t ours[] = { 2, 0, 0, 0, 0, 1 }, theirs[] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t all_macs[] = { 255, 255, 255, 255, 255, 255 };

static struct address address_of(const char *text)
{
	struct address a;

	assert_true(address_parse(&a, text));
	return a;
}

static void expect_address(const struct address *a, const char *text)
{
	char found[ADDRESS_TEXT];

	assert_string_equal(address_format(a, found), text);
}

/* What is different from a sound message. */
struct change {
	const char *what;
	uint8_t at, octet; /* both 0: nothing */
	int longer;
	bool good;
};

static const uint8_t arp_request[ARP_LEN] = { 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 1, 0, 2,
					      0, 0, 0, 0, 0, 0, 10, 1, 0, 1 };

static const struct change arp_changes[] = {
	{ "as it is", .good = true },
	{ "padded", .longer = 18, .good = true },
	{ "an octet short", .longer = -1 },
	{ "nothing", .longer = -ARP_LEN },
	{ "another hardware", .at = 1, .octet = 6 },
	{ "another protocol", .at = 2, .octet = 0x86 },
	{ "longer hardware addresses", .at = 4, .octet = 8 },
	{ "longer protocol addresses", .at = 5, .octet = 16 },
	{ "an operation of two octets", .at = 6, .octet = 1 },
	{ "a reverse request", .at = 7, .octet = 3 },
	{ "from a group", .at = 8, .octet = 3 },
	{ "asked by this network", .at = 14, .octet = 0 },
	{ "asked by a loopback address", .at = 14, .octet = 127 },
	{ "asked by a multicast group", .at = 14, .octet = 224 },
	{ "for a loopback address", .at = 24, .octet = 127 },
	{ "for everybody", .at = 24, .octet = 255 },
};

static void judges_arp(void **state)
{
	const struct l2 h = { .type = ETH_P_ARP };

	(void)state;
	for (size_t i = 0; i < sizeof(arp_changes) / sizeof(arp_changes[0]); i++) {
		const struct change *c = &arp_changes[i];
		uint8_t octets[ARP_LEN + 32] = { 0 };
		struct discovery d;

		print_message("%s\n", c->what);
		memcpy(octets, arp_request, ARP_LEN);
		if (c->at)
			octets[c->at] = c->octet;
		assert_int_equal(discovery_parse(&d, &h, octets, (size_t)(ARP_LEN + c->longer)),
				 c->good);
	}
}

static void reads_arp(void **state)
{
	const struct l2 h = { .type = ETH_P_ARP };
	uint8_t octets[ARP_LEN];
	struct discovery d;

	(void)state;
	memcpy(octets, arp_request, ARP_LEN);
	assert_true(discovery_parse(&d, &h, octets, ARP_LEN));
	assert_true(!d.answer && d.has_mac && l2_same(d.mac, theirs));
	expect_address(&d.about, "10.1.0.1");
	expect_address(&d.peer, "10.1.0.2");
	octets[7] = 2;
	assert_true(discovery_parse(&d, &h, octets, ARP_LEN));
	assert_true(d.answer && d.override && l2_same(d.mac, theirs));
	expect_address(&d.about, "10.1.0.2");
	/* A probe has no sender; an answer without one says nothing. */
	memset(octets + 14, 0, 4);
	assert_false(discovery_parse(&d, &h, octets, ARP_LEN));
	octets[7] = 1;
	assert_true(discovery_parse(&d, &h, octets, ARP_LEN));
	assert_int_equal(d.peer.version, 0);
}

/* fe80::2 asks for fd01::1, in its group; answer: says where fd01::1 is, to fe80::9. */
static void make_nd(uint8_t octets[static ND_LEN + 64], bool answer)
{
	struct address about = address_of("fd01::1"), group = discovery_group(&about),
		       from = address_of("fe80::2"), to = answer ? address_of("fe80::9") : group;

	memset(octets, 0, ND_LEN + 64);
	octets[0] = 0x60;
	octets[5] = 32;
	octets[6] = PROTO_ICMPV6;
	octets[7] = 255;
	memcpy(octets + 8, from.octets, 16);
	memcpy(octets + 24, to.octets, 16);
	octets[V6] = answer ? 136 : 135;
	octets[V6 + 4] = answer ? 0x60 : 0;
	memcpy(octets + TARGET, about.octets, 16);
	octets[OPTION] = answer ? 2 : 1;
	octets[OPTION + 1] = 1;
	memcpy(octets + OPTION + 2, theirs, 6);
}

static void repair(uint8_t *octets)
{
	size_t len = (size_t)octets[4] << 8 | octets[5];

	octets[V6 + 2] = octets[V6 + 3] = 0;
	if (len < 4 || len > ND_LEN + 64 - V6)
		return;
	csum_store(octets + V6 + 2,
		   csum_add(csum_pseudo(octets + 8, octets + 24, 16, PROTO_ICMPV6, (uint32_t)len),
			    csum_of(octets + V6, len)));
}

static const struct change questions[] = {
	{ "as it is", .good = true },
	{ "padded", .longer = 10, .good = true },
	{ "an octet short", .longer = -1 },
	{ "without its target", .longer = -9 },
	{ "IPv4", .at = 0, .octet = 0x40 },
	{ "a length beyond what came", .at = 5, .octet = 33 },
	{ "an option cut off by the length", .at = 5, .octet = 28 },
	{ "a length without the target", .at = 5, .octet = 23 },
	{ "in a fragment", .at = 6, .octet = 44 },
	{ "behind hop-by-hop options", .at = 6, .octet = 0 },
	{ "through a router", .at = 7, .octet = 254 },
	{ "from a group", .at = 8, .octet = 0xff },
	{ "a router solicitation", .at = V6, .octet = 133 },
	{ "a redirect", .at = V6, .octet = 137 },
	{ "a code", .at = V6 + 1, .octet = 1 },
	{ "for a group", .at = TARGET, .octet = 0xff },
	{ "an option without length", .at = OPTION + 1, .octet = 0 },
	{ "an option beyond the end", .at = OPTION + 1, .octet = 2 },
	{ "an unknown option", .at = OPTION, .octet = 14, .good = true },
	{ "a group's MAC", .at = OPTION + 2, .octet = 3 },
};

static void judge_nd(const struct change *changes, size_t count, bool answer)
{
	const struct l2 h = { .type = ETH_P_IPV6 };
	uint8_t octets[ND_LEN + 64];
	struct discovery d;

	for (size_t i = 0; i < count; i++) {
		print_message("%s\n", changes[i].what);
		make_nd(octets, answer);
		if (changes[i].at || changes[i].octet)
			octets[changes[i].at] = changes[i].octet;
		repair(octets);
		assert_int_equal(discovery_parse(&d, &h, octets, (size_t)(ND_LEN + changes[i].longer)),
				 changes[i].good);
	}
}

static void judges_solicitations(void **state)
{
	(void)state;
	judge_nd(questions, sizeof(questions) / sizeof(questions[0]), false);
}

static const struct change answers[] = {
	{ "as it is", .good = true },
	{ "solicited, to a group", .at = 24, .octet = 0xff },
	{ "from a group", .at = 8, .octet = 0xff },
	{ "for a group", .at = TARGET, .octet = 0xff },
	{ "through a router", .at = 7, .octet = 64 },
	{ "an option without length", .at = OPTION + 1, .octet = 0 },
	{ "a source's option", .at = OPTION, .octet = 1, .good = true },
};

static void judges_advertisements(void **state)
{
	(void)state;
	judge_nd(answers, sizeof(answers) / sizeof(answers[0]), true);
}

static void wants_a_right_checksum(void **state)
{
	const struct l2 h = { .type = ETH_P_IPV6 };
	uint8_t octets[ND_LEN + 64];
	struct discovery d;

	(void)state;
	for (int answer = 0; answer < 2; answer++) {
		make_nd(octets, answer);
		repair(octets);
		octets[V6 + 3] ^= 1;
		assert_false(discovery_parse(&d, &h, octets, ND_LEN));
	}
}

/* RFC 4861 section 7.1.1: who has no address says no MAC, and asks the group. */
static void reads_probes(void **state)
{
	const struct l2 h = { .type = ETH_P_IPV6 };
	uint8_t octets[ND_LEN + 64];
	struct discovery d;

	(void)state;
	make_nd(octets, false);
	memset(octets + 8, 0, 16);
	repair(octets);
	assert_false(discovery_parse(&d, &h, octets, ND_LEN));
	octets[5] = 24;
	repair(octets);
	assert_true(discovery_parse(&d, &h, octets, ND_LEN));
	assert_true(!d.answer && !d.has_mac && !d.peer.version);
	expect_address(&d.about, "fd01::1");
	octets[24 + 15] ^= 1;
	repair(octets);
	assert_false(discovery_parse(&d, &h, octets, ND_LEN));
}

static void reads_advertisements(void **state)
{
	const struct l2 h = { .type = ETH_P_IPV6 };
	uint8_t octets[ND_LEN + 64];
	struct discovery d;

	(void)state;
	make_nd(octets, true);
	octets[V6 + 4] = 0xa0;
	repair(octets);
	assert_true(discovery_parse(&d, &h, octets, ND_LEN));
	assert_true(d.answer && d.override && d.router && !d.solicited);
	assert_true(d.has_mac && l2_same(d.mac, theirs));
	octets[OPTION] = 1;
	repair(octets);
	assert_true(discovery_parse(&d, &h, octets, ND_LEN) && !d.has_mac);
}

/* What is made can be read, and says the same; to: where it goes. */
static void expect_made(const struct discovery *d, const uint8_t *unicast, const uint8_t *to)
{
	uint8_t octets[DISCOVERY_MOST];
	struct discovery again;
	struct l2 h = { 0 };
	size_t len;

	if (unicast)
		memcpy(h.to, unicast, sizeof(h.to));
	len = discovery_make(octets, d, &h);
	assert_memory_equal(h.to, to, sizeof(h.to));
	assert_true(discovery_parse(&again, &h, octets, len));
	assert_int_equal(again.answer, d->answer);
	assert_true(address_equal(&again.about, &d->about));
	if (!d->answer)
		assert_true(address_equal(&again.peer, &d->peer));
	if (again.has_mac)
		assert_true(l2_same(again.mac, d->mac));
	if (d->answer && d->about.version == 6)
		assert_true(again.solicited == d->solicited && again.override == d->override &&
			    again.router == d->router);
}

static void makes_messages(void **state)
{
	static const uint8_t group[] = { 0x33, 0x33, 0xff, 2, 3, 4 }, nodes[] = { 0x33, 0x33, 0, 0, 0, 1 };
	const struct address a4 = address_of("10.1.0.1"), b4 = address_of("10.1.0.2"),
			     a6 = address_of("fd01::1"), b6 = address_of("fd01::ff02:304");
	struct discovery d = { .about = b4, .peer = a4, .has_mac = true };

	(void)state;
	memcpy(d.mac, ours, sizeof(d.mac));
	expect_made(&d, NULL, all_macs);
	expect_made(&d, theirs, theirs);
	d.peer = (struct address){ 0 };
	expect_made(&d, NULL, all_macs);
	d.about = b6;
	expect_made(&d, NULL, group);
	d.peer = a6;
	expect_made(&d, NULL, group);
	expect_made(&d, theirs, theirs);
	d = (struct discovery){ .answer = true, .about = a4, .peer = b4, .has_mac = true };
	memcpy(d.mac, ours, sizeof(d.mac));
	expect_made(&d, theirs, theirs);
	d.about = a6;
	d.peer = b6;
	d.solicited = d.router = d.override = true;
	expect_made(&d, theirs, theirs);
	d.peer = (struct address){ 0 };
	d.solicited = false;
	expect_made(&d, NULL, nodes);
}

/* RFC 4291 appendix A, and section 2.7.1. */
static void knows_addresses(void **state)
{
	static const uint8_t mac[] = { 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde };
	const struct address a = address_of("4037::1:800:200e:8c6c");
	struct address local = discovery_link_local(mac), group = discovery_group(&a);

	(void)state;
	expect_address(&local, "fe80::3656:78ff:fe9a:bcde");
	expect_address(&group, "ff02::1:ff0e:8c6c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_arp),
		cmocka_unit_test(reads_arp),
		cmocka_unit_test(judges_solicitations),
		cmocka_unit_test(judges_advertisements),
		cmocka_unit_test(wants_a_right_checksum),
		cmocka_unit_test(reads_probes),
		cmocka_unit_test(reads_advertisements),
		cmocka_unit_test(makes_messages),
		cmocka_unit_test(knows_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
