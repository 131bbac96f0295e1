/* Every type of IPv6, and every key of theirs (six.conf). */
#include "conf_good.h"

#include "nat/eam.h"
#include "router/own.h"

enum { TO_V4, OWN_PREFIXES, DC, CLAT, TRANSLATABLE, SITE, SITE2, SITE3, SHARED, SHARED2, EACH, WALL, OPEN,
       ENTRIES };
enum { LAN0, LAN1, WAN0, WAN1 };

static struct conf *six(void)
{
	return good("test/unit/router/conf/six.conf");
}

static struct ip6 ip6(const char *text)
{
	struct address a;

	assert_true(address_parse(&a, text));
	assert_int_equal(a.version, 6);
	return ip6_load(a.octets);
}

static void assert_address6(const struct ip6 *a, const char *text)
{
	struct address found = address_v6(a->octets);
	char at[ADDRESS_TEXT];

	assert_string_equal(address_format(&found, at), text);
}

static void assert_prefix6(const struct ip6_prefix *p, const char *text)
{
	struct prefix found = conf_prefix6(p);
	char at[PREFIX_TEXT];

	assert_string_equal(prefix_format(&found, at), text);
}

static void assert_pool_is(const struct conf *c, size_t at, const char *text)
{
	struct address a = conf_pool_address(c, at);
	char found[ADDRESS_TEXT];

	assert_string_equal(address_format(&a, found), text);
}

static void an_entry_has_the_version_of_its_hosts(void **state)
{
	static const struct { enum nat_type type; uint8_t version; const char *match; } rows[ENTRIES] = {
		[TO_V4] = { NAT_NAT64, 6, "2001:db8:1::/48" },
		[OWN_PREFIXES] = { NAT_NAT64, 6, "2001:db8:2::/48" },
		[DC] = { NAT_SIIT, 6, "2001:db8:a::/64" },
		[CLAT] = { NAT_SIIT, 4, "::/0" },
		[TRANSLATABLE] = { NAT_SIIT, 6, "2001:db8:96::c000:280/121" },
		[SITE] = { NAT_NPTV6, 6, "fd01:203:405::/48" },
		[SITE2] = { NAT_NPTV6, 6, "fd01:203:406:1::/64" },
		[SITE3] = { NAT_NPTV6, 6, "fd01:203:406:2::/64" },
		[SHARED] = { NAT_NAPT66, 6, "fd00:1::/64" },
		[SHARED2] = { NAT_NAPT66, 6, "::0.0.0.2/128" }, /* nobody, until lan1 has an address */
		[EACH] = { NAT_ONE_TO_ONE, 6, "fd00:3::/64" },
		[WALL] = { NAT_FIREWALL, 6, "2001:db8:8::/56" },
		[OPEN] = { NAT_NONE, 6, "2001:db8:9::/64" },
	};
	struct conf *c = six();

	(void)state;
	assert_int_equal(c->nat_count, ENTRIES);
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct nat_policy *p = &c->policies[i];

		assert_int_equal(p->type, rows[i].type);
		assert_int_equal(p->version, rows[i].version);
		if (i == SHARED2)
			assert_true(ip6_equal(&p->v6.match.address, &(struct ip6){ { [15] = LAN1 + 1 } }));
		else
			assert_prefix6(&p->v6.match, rows[i].match);
	}
	assert_int_equal(be32_host(c->policies[CLAT].prefix), 0x0a010000);
	assert_int_equal(c->policies[CLAT].prefix_len, 24);
	assert_int_equal(c->nats[SHARED2].match_interface, LAN1);
	conf_free(c);
}

static void prefixes_hold_ipv4(void **state)
{
	struct conf *c = six();
	const struct nat_policy6 *p = &c->policies[OWN_PREFIXES].v6;

	(void)state;
	assert_int_equal(c->policies[TO_V4].v6.prefix_count, 1);
	assert_prefix6(&c->policies[TO_V4].v6.prefixes[0], "64:ff9b::/96");
	assert_int_equal(p->prefix_count, 2);
	assert_prefix6(&p->prefixes[0], "2001:db8:64:64::/64");
	assert_prefix6(&p->prefixes[1], "2001:db8:3200::/40");
	assert_prefix6(&c->policies[CLAT].v6.prefixes[0], "2001:db8:64:96::/96");
	conf_free(c);
}

static void knobs_reach_their_fields(void **state)
{
	struct conf *c = six();
	const struct nat_policy6 *p = &c->policies[OWN_PREFIXES].v6;

	(void)state;
	assert_int_equal(p->lowest_mtu, 1400);
	assert_true(p->fixed_tos && p->no_checksum_drops);
	p = &c->policies[TO_V4].v6;
	assert_int_equal(p->lowest_mtu, 1280);
	assert_false(p->fixed_tos || p->no_checksum_drops);
	assert_true(c->policies[SITE].v6.drops_zero_ids);
	assert_false(c->policies[SITE2].v6.drops_zero_ids);
	p = &c->policies[WALL].v6;
	assert_true(p->blocks_ipsec && p->blocks_ping);
	assert_int_equal(c->policies[WALL].timeout_ms[TIMEOUT_UDP], 200000);
	assert_int_equal(c->policies[EACH].behaviour[NAT_CLASS_TCP].filtering, NAT_ENDPOINT_INDEPENDENT);
	assert_int_equal(c->policies[SHARED].port_selection, NAT_PORT_RANDOM);
	assert_int_equal(c->policies[SHARED].on_address_change, NAT_CHANGE_MOVE);
	conf_free(c);
}

static void explicit_mappings_are_looked_up(void **state)
{
	struct conf *c = six();
	const struct nat_policy6 *p = &c->policies[DC].v6;
	struct ip6 a;
	be32 v4;

	(void)state;
	assert_int_equal(p->eam_count, 3);
	assert_true(eam_to_v6(p, be32_from(0xc0000212), &a)); /* 192.0.2.18 */
	assert_address6(&a, "2001:db8:a::102");
	assert_true(eam_to_v6(p, be32_from(0xc0000211), &a)); /* the longer prefix */
	assert_address6(&a, "2001:db8:a::f");
	a = ip6("2001:db8:a::1");
	assert_true(eam_to_v4(p, &a, &v4));
	assert_int_equal(be32_host(v4), 0xc0000201);
	assert_int_equal(c->policies[CLAT].v6.eam_count, 1);
	assert_true(eam_to_v6(&c->policies[CLAT].v6, be32_from(0x0a010007), &a));
	assert_address6(&a, "2001:db8:c::7");
	conf_free(c);
}

static void pools_have_either_version(void **state)
{
	struct conf *c = six();
	const struct nat_policy *p = &c->policies[SHARED];

	(void)state;
	assert_int_equal(p->pool_count, 4);
	assert_pool_is(c, p->pool_first, "2001:db8:6::5");
	assert_pool_is(c, p->pool_first + 1u, "2001:db8:6::ff");
	assert_pool_is(c, p->pool_first + 2u, "2001:db8:6::100");
	assert_pool_is(c, p->pool_first + 3u, "2001:db8:6::101");
	assert_true(nat_is_v6_beside(c->nat.pool[p->pool_first]));
	assert_pool_is(c, c->policies[DC].pool_first, "203.0.113.9");
	/* Nobody knows wan0's addresses yet: there is a place for each version, and one to change to. */
	for (int i = 0; i < 2; i++) {
		p = &c->policies[i ? OWN_PREFIXES : SHARED2];
		assert_int_equal(c->nats[i ? OWN_PREFIXES : SHARED2].pool_interface, WAN0);
		assert_int_equal(p->pool_count, 1);
		assert_int_equal(p->left, p->pool_first + 2);
		assert_pool_is(c, p->pool_first, "-");
	}
	conf_free(c);
}

static void prefixes_stand_for_others(void **state)
{
	struct conf *c = six();

	(void)state;
	assert_prefix6(&c->policies[SITE].v6.translated, "2001:db8:5::/48");
	assert_prefix6(&c->policies[SITE2].v6.translated, "::/64"); /* not known yet */
	assert_int_equal(c->nats[SITE2].prefix_interface, WAN0);
	/* The first part of a network that is larger than the match. */
	assert_prefix6(&c->policies[SITE3].v6.translated, "2001:db8:f::/64");
	assert_prefix6(&c->policies[EACH].v6.translated, "2001:db8:7::/64");
	conf_free(c);
}

/* What outside hosts know inside ones by. */
static void outside_prefixes_follow(void **state)
{
	static const struct { int entry; const char *prefixes[4]; } rows[] = {
		{ TO_V4, { NULL } },
		{ DC, { "192.0.2.1/32", "192.0.2.17/32", "192.0.2.16/28", NULL } },
		{ CLAT, { "2001:db8:c::/120", NULL } },
		{ TRANSLATABLE, { "192.0.2.128/25", NULL } },
		{ SITE, { "2001:db8:5::/48", NULL } },
		{ SITE2, { NULL } },
		{ SHARED, { NULL } },
		{ EACH, { "2001:db8:7::/64", NULL } },
		{ WALL, { NULL } },
	};
	struct conf *c = six();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct nat_policy *p = &c->policies[rows[i].entry];
		char text[PREFIX_TEXT];
		struct prefix outside;
		size_t k = 0;

		for (; rows[i].prefixes[k]; k++) {
			assert_true(own_prefix_at(p, k, &outside));
			assert_string_equal(prefix_format(&outside, text), rows[i].prefixes[k]);
		}
		assert_false(own_prefix_at(p, k, &outside));
	}
	conf_free(c);
}

/* From first on, to internal_first on. */
struct ports { uint16_t first, internal_first; };

static void assert_forward(const struct nat_forward *f, uint8_t protocol, const char *external,
			   const char *internal, struct ports ports)
{
	assert_int_equal(f->protocol, protocol);
	if (external) {
		assert_true(nat_is_v6_beside(f->external));
		assert_address6(&f->external6, external);
	}
	assert_true(nat_is_v6_beside(f->internal));
	assert_address6(&f->internal6, internal);
	assert_int_equal(f->first, ports.first);
	assert_int_equal(f->internal_first, ports.internal_first);
}

static void forwards_have_either_version(void **state)
{
	struct conf *c = six();
	const struct nat_forward *f = c->forwards;

	(void)state;
	assert_int_equal(c->nat.forward_count, 10);
	assert_forward(f++, PROTO_TCP, "2001:db8:6::5", "fd00:1::20", (struct ports){ 8080, 80 });
	assert_int_equal(f->targets, 2);
	assert_forward(f++, PROTO_UDP, "2001:db8:6::100", "fd00:1::20", (struct ports){ 5000, 6000 });
	assert_forward(f++, PROTO_UDP, "2001:db8:6::100", "fd00:1::21", (struct ports){ 5000, 6000 });
	assert_int_equal(be32_host(f->external), 0xcb007105);
	assert_forward(f++, PROTO_TCP, NULL, "2001:db8:1::20", (struct ports){ 8080, 80 });
	assert_forward(f++, PROTO_UDP, NULL, "2001:db8:1::20", (struct ports){ 8080, 80 });
	assert_forward(f++, PROTO_TCP, "2001:db8:8::20", "2001:db8:8::20", (struct ports){ 22, 22 });
	assert_forward(f, PROTO_ESP, "2001:db8:8::21", "2001:db8:8::21", (struct ports){ 0, 0 });
	assert_int_equal((f++)->last, UINT16_MAX);
	/* By an interface of either version: that of napt66. */
	assert_int_equal(c->forward_interfaces[f - c->forwards], WAN0);
	assert_true(nat_is_v6_beside(f->external));
	assert_true(ip6_equal(&f->external6, &(struct ip6){ { [15] = WAN0 + 1 } }));
	conf_free(c);
}

/* Uncommented, from one line to another; the last entry that was there gets its comma. */
static void uncomment(char *text, const char *from, const char *to)
{
	char *at = strstr(text, from), *end = strstr(at, to), *last = NULL;

	for (; at < end; at = strchr(at, '\n') + 1) {
		bool example = !strncmp(at, "  # {", 5) || !strncmp(at, "  #   ", 6);

		if (example && strstr(at, "interface:wan0:") && strstr(at, "interface:wan0:") < strchr(at, '\n'))
			continue; /* wan0 is no pool */
		if (example)
			at[2] = ' ';
		if (example && last)
			*last = ',';
		if (example)
			last = NULL;
		else if (!strncmp(at, "  }\n", 4) || strstr(at, "; }\n") == strchr(at, '\n') - 3)
			last = strchr(at, '\n');
	}
}

/* Together they make one configuration. */
static void examples_of_the_shipped_file_are_good(void **state)
{
	char text[32768];
	FILE *in = fopen("router.conf", "r");
	size_t len;

	(void)state;
	assert_non_null(in);
	len = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	assert_in_range(len, 1, sizeof(text) - 2);
	text[len] = '\0';
	uncomment(text, "nat = (", "\n);");
	uncomment(text, "forwards = (", "\n);");
	struct conf *c = good_text(text);
	assert_true(c->nat_count > 10);
	assert_true(c->nat.forward_count >= 10);
	conf_free(c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_has_the_version_of_its_hosts),
		cmocka_unit_test(prefixes_hold_ipv4),
		cmocka_unit_test(knobs_reach_their_fields),
		cmocka_unit_test(explicit_mappings_are_looked_up),
		cmocka_unit_test(pools_have_either_version),
		cmocka_unit_test(prefixes_stand_for_others),
		cmocka_unit_test(outside_prefixes_follow),
		cmocka_unit_test(forwards_have_either_version),
		cmocka_unit_test(examples_of_the_shipped_file_are_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
