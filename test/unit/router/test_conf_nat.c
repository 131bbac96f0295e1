/* Every knob of a nat entry and of a forward (dial.conf), and what the presets set. */
#include "conf_good.h"

enum { CLASSES, TIMED, OVERFLOW, BLOCKS, PLAN, EXEMPT, WEB, ESP, SITE, SAME, CARRIER, BSD, LINUX,
       UNKNOWN, KNOWN };

static struct conf *dial(void)
{
	return good("test/unit/router/conf/dial.conf");
}

static void assert_classes(const struct nat_policy *p, enum nat_dependence udp_mapping,
			   enum nat_dependence tcp_mapping, enum nat_dependence udp_filtering,
			   enum nat_dependence tcp_filtering)
{
	assert_int_equal(p->behaviour[NAT_CLASS_UDP].mapping, udp_mapping);
	assert_int_equal(p->behaviour[NAT_CLASS_TCP].mapping, tcp_mapping);
	assert_int_equal(p->behaviour[NAT_CLASS_UDP].filtering, udp_filtering);
	assert_int_equal(p->behaviour[NAT_CLASS_TCP].filtering, tcp_filtering);
}

static void a_class_has_its_own_behaviour(void **state)
{
	struct conf *c = dial();

	(void)state;
	assert_classes(&c->policies[CLASSES], NAT_ADDRESS_PORT_DEPENDENT, NAT_ADDRESS_DEPENDENT,
		       NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_PORT_DEPENDENT);
	assert_classes(&c->policies[TIMED], NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT,
		       NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT);
	conf_free(c);
}

static void behaviours_reach_their_fields(void **state)
{
	struct conf *c = dial();
	const struct nat_policy *p = &c->policies[CLASSES];

	(void)state;
	assert_int_equal(p->conflict, NAT_CONFLICT_REFUSE);
	assert_int_equal(p->pooling, NAT_POOLING_SOFT);
	assert_int_equal(p->hairpin, NAT_HAIRPIN_INTERNAL);
	assert_int_equal(p->exhausted, NAT_EXHAUSTED_PROHIBITED);
	assert_int_equal(p->unsolicited, NAT_UNSOLICITED_SILENT);
	assert_true(p->drop_icmp_errors);
	assert_int_equal(p->helpers, NAT_HELPER_FTP | NAT_HELPER_TFTP | NAT_HELPER_PPTP);
	assert_int_equal(p->ports_per_host, 100);
	assert_int_equal(p->new_per_second, 7);
	assert_int_equal(p->new_burst, 9);
	assert_int_equal(p->sessions_per_mapping, 11);
	assert_int_equal(p->short_ports[0], 53);
	assert_int_equal(p->short_ports[1], 123);
	assert_int_equal(p->short_ports[2], 0);
	p = &c->policies[TIMED];
	assert_int_equal(p->port_selection, NAT_PORT_PARITY);
	assert_int_equal(p->exhausted, NAT_EXHAUSTED_SILENT);
	assert_int_equal(p->helpers, NAT_HELPER_TFTP);
	assert_int_equal(p->new_burst, 5);
	assert_int_equal(c->policies[OVERFLOW].port_selection, NAT_PORT_CONTIGUOUS);
	assert_int_equal(c->policies[OVERFLOW].exhausted, NAT_EXHAUSTED_OVERLOAD);
	conf_free(c);
}

/* Those of one entry, and those that only the whole NAT has. */
static void an_entry_has_its_own_timeouts(void **state)
{
	static const uint8_t seconds[TIMEOUT_COUNT] = {
		[TIMEOUT_UDP] = 1, [TIMEOUT_TCP_OPENING] = 2, [TIMEOUT_TCP_ESTABLISHED] = 3,
		[TIMEOUT_TCP_CLOSING] = 4, [TIMEOUT_ICMP] = 5, [TIMEOUT_UDP_SHORT] = 6,
		[TIMEOUT_DCCP_TRANSITORY] = 7, [TIMEOUT_DCCP_ESTABLISHED] = 8,
		[TIMEOUT_SCTP_TRANSITORY] = 9, [TIMEOUT_SCTP_ESTABLISHED] = 10,
		[TIMEOUT_GRE] = 11, [TIMEOUT_ESP] = 12, [TIMEOUT_OTHER] = 13,
		[TIMEOUT_EXPECTED] = 14, [TIMEOUT_EXPECTED_REPLY] = 15,
	};
	struct conf *c = dial();
	const uint32_t *overflow = c->policies[OVERFLOW].timeout_ms;

	(void)state;
	for (int i = 0; i < TIMEOUT_COUNT; i++)
		assert_int_equal(c->policies[TIMED].timeout_ms[i], seconds[i] * 1000);
	assert_int_equal(overflow[TIMEOUT_TCP_OPENING], 250000);
	assert_int_equal(overflow[TIMEOUT_TCP_CLOSING], 260000);
	assert_int_equal(overflow[TIMEOUT_UDP], 0);
	for (int i = 0; i < TIMEOUT_COUNT; i++)
		assert_int_equal(c->nat.timeout_ms[i], (301 + i) * 1000);
	conf_free(c);
}

/* RFC 7422 section 2: (65536 - 1024) / (14 + 2) = 4032. Whole blocks only: 1024 to 2047. */
static void ports_can_belong_to_hosts(void **state)
{
	struct conf *c = dial();
	const struct nat_policy *plan = &c->policies[PLAN], *blocks = &c->policies[BLOCKS];

	(void)state;
	assert_int_equal(plan->port_selection, NAT_PORT_DETERMINISTIC);
	assert_int_equal(plan->dynamic_shares, 2);
	assert_int_equal(plan->block_size, 1024);
	assert_int_equal(plan->blocks_per_host, 4);
	assert_int_equal(nat_policy_hosts(plan), 14);
	assert_int_equal(nat_policy_share(plan), 4032);
	assert_range(plan->low_ports, 0, 0);
	assert_int_equal(blocks->port_selection, NAT_PORT_BLOCK);
	assert_int_equal(blocks->block_size, 64);
	assert_int_equal(blocks->blocks_per_host, 3);
	assert_int_equal(nat_policy_blocks(blocks), 16);
	assert_range(blocks->low_ports, 0, 0);
	conf_free(c);
}

static void some_destinations_are_exempt(void **state)
{
	struct conf *c = dial();
	const struct nat_policy *web = &c->policies[WEB];

	(void)state;
	assert_address(c->policies[EXEMPT].destination.prefix, "192.0.2.0");
	assert_int_equal(c->policies[EXEMPT].destination.len, 28);
	assert_int_equal(c->policies[EXEMPT].destination.protocol, 0);
	assert_range(c->policies[EXEMPT].destination.ports, 0, 0);
	assert_int_equal(web->destination.len, 24);
	assert_int_equal(web->destination.protocol, PROTO_TCP);
	assert_range(web->destination.ports, 80, 90);
	assert_int_equal(c->policies[ESP].destination.len, 0);
	assert_int_equal(c->policies[ESP].destination.protocol, PROTO_ESP);
	conf_free(c);
}

static void prefixes_stand_for_others(void **state)
{
	struct conf *c = dial();
	const struct nat_policy *site = &c->policies[SITE], *same = &c->policies[SAME];

	(void)state;
	assert_int_equal(site->type, NAT_ONE_TO_ONE);
	assert_int_equal(site->pool_count, 0);
	assert_address(site->translated, "192.0.3.0");
	assert_int_equal(site->behaviour[NAT_CLASS_TCP].filtering, NAT_ENDPOINT_INDEPENDENT);
	assert_address(site->twice.seen, "172.16.5.0");
	assert_address(site->twice.real, "10.0.5.0");
	assert_int_equal(site->twice.len, 24);
	assert_int_equal(same->type, NAT_ONE_TO_ONE);
	assert_address(same->translated, "10.0.6.0");
	assert_int_equal(same->twice.len, 0);
	conf_free(c);
}

/* Values of a preset are defaults: what the entry says counts. */
static void a_preset_is_overridden_by_single_keys(void **state)
{
	struct conf *c = dial();
	const struct nat_policy *cgn = &c->policies[CARRIER], *bsd = &c->policies[BSD];

	(void)state;
	assert_int_equal(cgn->port_selection, NAT_PORT_BLOCK);
	assert_int_equal(cgn->block_size, 256);
	assert_int_equal(cgn->blocks_per_host, 4);
	assert_int_equal(cgn->new_burst, 500);
	assert_false(cgn->parity);
	assert_classes(cgn, NAT_ENDPOINT_INDEPENDENT, NAT_ENDPOINT_INDEPENDENT,
		       NAT_ADDRESS_DEPENDENT, NAT_ADDRESS_DEPENDENT);
	assert_range(bsd->ports, 50001, 65535);
	assert_range(bsd->low_ports, 0, 0);
	assert_int_equal(bsd->timeout_ms[TIMEOUT_UDP], 60000);
	assert_int_equal(bsd->timeout_ms[TIMEOUT_TCP_OPENING], 7000);
	assert_int_equal(bsd->timeout_ms[TIMEOUT_TCP_CLOSING], 7000);
	assert_int_equal(bsd->timeout_ms[TIMEOUT_ICMP], 21000);
	assert_int_equal(bsd->timeout_ms[TIMEOUT_GRE], 60000);
	assert_range(c->policies[LINUX].ports, 800, 65535);
	assert_range(c->policies[LINUX].low_ports, 0, 0);
	assert_classes(&c->policies[LINUX], NAT_ADDRESS_DEPENDENT, NAT_ADDRESS_DEPENDENT,
		       NAT_ADDRESS_PORT_DEPENDENT, NAT_ADDRESS_PORT_DEPENDENT);
	conf_free(c);
}

static const struct {
	const char *name;
	enum nat_dependence mapping, filtering;
	enum nat_port_selection selection;
	enum nat_pooling pooling;
	enum nat_hairpin hairpin;
	enum nat_refresh refresh;
	enum nat_exhausted exhausted;
	uint32_t udp, established; /* seconds; 0: as always */
} presets[] = {
	{ .name = "full-cone", .filtering = NAT_ENDPOINT_INDEPENDENT },
	{ .name = "restricted-cone", .filtering = NAT_ADDRESS_DEPENDENT },
	{ .name = "port-restricted-cone", .filtering = NAT_ADDRESS_PORT_DEPENDENT },
	{ .name = "symmetric", .mapping = NAT_ADDRESS_PORT_DEPENDENT,
	  .filtering = NAT_ADDRESS_PORT_DEPENDENT },
	{ .name = "rfc-home", .filtering = NAT_ADDRESS_DEPENDENT },
	{ .name = "rfc-cgn", .filtering = NAT_ENDPOINT_INDEPENDENT, .selection = NAT_PORT_BLOCK },
	{ "linux-masquerade", NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_PORT_DEPENDENT,
	  NAT_PORT_PRESERVE, NAT_POOLING_PAIRED, NAT_HAIRPIN_OFF, NAT_REFRESH_BOTH,
	  NAT_EXHAUSTED_OVERLOAD, 120, 432000 },
	{ "linux-masquerade-random", NAT_ADDRESS_PORT_DEPENDENT, NAT_ADDRESS_PORT_DEPENDENT,
	  NAT_PORT_RANDOM, NAT_POOLING_PAIRED, NAT_HAIRPIN_OFF, NAT_REFRESH_BOTH,
	  NAT_EXHAUSTED_OVERLOAD, 120, 432000 },
	{ "openbsd-pf", NAT_ADDRESS_PORT_DEPENDENT, NAT_ADDRESS_PORT_DEPENDENT,
	  NAT_PORT_RANDOM, NAT_POOLING_ARBITRARY, NAT_HAIRPIN_OFF, NAT_REFRESH_BOTH,
	  NAT_EXHAUSTED_OVERLOAD, 60, 86400 },
	{ "vpp-nat44-ed", NAT_ADDRESS_PORT_DEPENDENT, NAT_ADDRESS_PORT_DEPENDENT,
	  NAT_PORT_PRESERVE, NAT_POOLING_PAIRED, NAT_HAIRPIN_EXTERNAL, NAT_REFRESH_BOTH,
	  NAT_EXHAUSTED_OVERLOAD, 300, 7440 },
	{ "hard-symmetric-cgn", NAT_ADDRESS_PORT_DEPENDENT, NAT_ADDRESS_PORT_DEPENDENT,
	  NAT_PORT_RANDOM, NAT_POOLING_ARBITRARY, NAT_HAIRPIN_OFF, NAT_REFRESH_OUTBOUND,
	  NAT_EXHAUSTED_SILENT, 30, 0 },
};

enum { PRESETS = sizeof(presets) / sizeof(presets[0]) };

static struct conf *with_preset(const char *name)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "workers = 2; interfaces = ( { name = \"a\"; type = \"mem\"; side = \"inside\"; },\n"
		 "{ name = \"b\"; type = \"mem\"; side = \"outside\"; } );\n"
		 "nat = ( { name = \"n\"; match = \"10.0.0.0/26\"; type = \"napt44\"; preset = \"%s\";\n"
		 "pool = [ \"192.0.2.1\" ]; } );", name);
	return good_text(text);
}

static void each_preset_is_good_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < PRESETS; i++) {
		struct conf *c = with_preset(presets[i].name);
		const struct nat_policy *p = &c->policies[0];

		assert_classes(p, presets[i].mapping, presets[i].mapping, presets[i].filtering,
			       presets[i].filtering);
		assert_int_equal(p->port_selection, presets[i].selection);
		assert_int_equal(p->pooling, presets[i].pooling);
		assert_int_equal(p->hairpin, presets[i].hairpin);
		assert_int_equal(p->refresh, presets[i].refresh);
		assert_int_equal(p->exhausted, presets[i].exhausted);
		assert_int_equal(p->timeout_ms[TIMEOUT_UDP], presets[i].udp * 1000);
		assert_int_equal(p->timeout_ms[TIMEOUT_TCP_ESTABLISHED],
				 presets[i].established * 1000);
		conf_free(c);
	}
}

/* "timeouts.udp": the manual has a key of that name. */
static void assert_is_key(const char *page, const char *knob)
{
	const char *dot = strrchr(knob, '.');
	char line[80];

	snprintf(line, sizeof(line), "\n.B %s\n", dot ? dot + 1 : knob);
	if (!strstr(page, line))
		fail_msg("a preset sets %s, which is no key", knob);
}

/* The manual names each preset, this test knows all of them, and what one sets are keys. */
static void the_manual_lists_the_presets(void **state)
{
	char *page = manual(), *list = manual(), *rest = list, *line, name[64];
	size_t found = 0, knobs = 0;

	(void)state;
	while ((line = strsep(&rest, "\n")) && strncmp(line, ".SH PRESETS", 11))
		assert_non_null(rest);
	while ((line = strsep(&rest, "\n")) && strncmp(line, ".SH EXAMPLE", 11)) {
		if (sscanf(line, ".BR %63s", name) == 1)
			assert_string_equal(name, presets[found++].name);
		if (!strstr(line, " = ") || line[strlen(line) - 1] != ';')
			continue;
		assert_int_equal(sscanf(line, "%63[a-z_.]", name), 1);
		assert_is_key(page, name);
		knobs++;
	}
	assert_int_equal(found, PRESETS);
	assert_true(knobs > 80);
	free(page);
	free(list);
}

static void assert_forward(const struct nat_forward *f, uint8_t protocol, struct port_range ports,
			   const char *internal, uint16_t internal_first)
{
	assert_int_equal(f->protocol, protocol);
	assert_address(f->external, "203.0.113.10");
	assert_int_equal(f->first, ports.first);
	assert_int_equal(f->last, ports.last);
	assert_address(f->internal, internal);
	assert_int_equal(f->internal_first, internal_first);
}

static void assert_group(const struct nat_forward *f, uint16_t targets, uint16_t weight, bool sticky)
{
	assert_int_equal(f->grouped, targets != 1);
	assert_int_equal(f->targets, targets == 1 ? 1 : targets);
	assert_int_equal(f->weight, weight);
	assert_int_equal(f->sticky, sticky);
}

static void forwards_lead_to_one_or_several(void **state)
{
	struct conf *c = dial();
	const struct nat_forward *f = c->forwards;

	(void)state;
	assert_int_equal(c->nat.forward_count, 18);
	assert_forward(&f[0], PROTO_UDP, (struct port_range){ 16384, 32767 }, "10.0.0.2", 20000);
	assert_group(&f[0], 1, 1, false);
	for (size_t i = 1; i < 5; i += 2) {
		uint8_t protocol = i == 1 ? PROTO_TCP : PROTO_UDP;

		assert_forward(&f[i], protocol, (struct port_range){ 443, 443 }, "10.0.0.3", 8443);
		assert_forward(&f[i + 1], protocol, (struct port_range){ 443, 443 }, "10.0.0.4", 443);
		assert_group(&f[i], 2, 3, true);
		assert_group(&f[i + 1], 0, 1, true);
	}
	assert_forward(&f[5], PROTO_SCTP, (struct port_range){ 443, 443 }, "10.0.0.5", 443);
	assert_forward(&f[6], PROTO_DCCP, (struct port_range){ 443, 443 }, "10.0.0.5", 44);
	assert_forward(&f[7], PROTO_UDPLITE, (struct port_range){ 443, 443 }, "10.0.0.5", 443);
	assert_address(f[5].source, "0.0.0.0");
	assert_address(f[6].source, "10.0.0.1");
	assert_group(&f[7], 2, 1, false);
	assert_group(&f[8], 0, 1, false);
	conf_free(c);
}

static void forwards_need_no_ports(void **state)
{
	static const uint8_t protocols[] = {
		PROTO_GRE, PROTO_ESP, PROTO_ESP, PROTO_IPIP, PROTO_IPV6, 99,
	};
	struct conf *c = dial();
	const struct nat_forward *f = c->forwards + 9;

	(void)state;
	for (size_t i = 0; i < sizeof(protocols); i++)
		assert_forward(&f[i], protocols[i], (struct port_range){ 0, 65535 },
			       i == 2 ? "10.0.0.8" : "10.0.0.7", 0);
	conf_free(c);
}

/* Of an interface whose address only the kernel knows: nobody's, and a place for the next one. */
static void addresses_may_be_an_interface_s(void **state)
{
	enum { WAN1 = 2, LAN1 = 3 };
	struct conf *c = dial();
	const struct nat_policy *bsd = &c->policies[BSD], *known = &c->policies[KNOWN];

	(void)state;
	assert_int_equal(c->nats[BSD].pool_interface, WAN1);
	assert_int_equal(bsd->pool_count, 1);
	assert_int_equal(bsd->left, bsd->pool_first + 2);
	assert_address(c->pool[bsd->pool_first], "0.0.0.0");
	assert_address(c->pool[bsd->left - 1], "0.0.0.0");
	assert_int_equal(bsd->on_address_change, NAT_CHANGE_IDLE);
	assert_int_equal(c->policies[OVERFLOW].on_address_change, NAT_CHANGE_MOVE);
	assert_int_equal(c->policies[LINUX].on_address_change, NAT_CHANGE_END);
	assert_int_equal(c->policies[LINUX].left, 0);
	assert_int_equal(c->nats[UNKNOWN].match_interface, LAN1);
	assert_int_equal(c->policies[UNKNOWN].prefix.raw, conf_unknown_address(LAN1).raw);
	assert_int_equal(c->policies[UNKNOWN].prefix_len, 32);
	assert_address(known->prefix, "10.0.10.0");
	assert_int_equal(known->prefix_len, 24);
	for (size_t i = 0; i < 18; i++)
		assert_int_equal(c->forward_interfaces[i], i < 15 ? SIZE_MAX : WAN1);
	assert_int_equal(c->forwards[15].first, 8080);
	assert_int_equal(c->forwards[15].external.raw, conf_unknown_address(WAN1).raw);
	conf_free(c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_class_has_its_own_behaviour),
		cmocka_unit_test(behaviours_reach_their_fields),
		cmocka_unit_test(an_entry_has_its_own_timeouts),
		cmocka_unit_test(ports_can_belong_to_hosts),
		cmocka_unit_test(some_destinations_are_exempt),
		cmocka_unit_test(prefixes_stand_for_others),
		cmocka_unit_test(a_preset_is_overridden_by_single_keys),
		cmocka_unit_test(each_preset_is_good_alone),
		cmocka_unit_test(the_manual_lists_the_presets),
		cmocka_unit_test(forwards_lead_to_one_or_several),
		cmocka_unit_test(forwards_need_no_ports),
		cmocka_unit_test(addresses_may_be_an_interface_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
