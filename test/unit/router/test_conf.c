/* What good files mean, and what the manual says about them. */
#include "conf_good.h"

static void defaults_are_those_of_the_library(void **state)
{
	struct conf *c = good_text(
		"interfaces = ( { name = \"a\"; type = \"mem\"; side = \"inside\"; } );");
	struct nat_config normal = nat_config_default();
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	assert_int_equal(c->workers, online > NAT_WORKERS_MOST ? NAT_WORKERS_MOST : online);
	assert_int_equal(c->nat.workers, c->workers);
	assert_string_equal(c->control, "/run/router.sock");
	assert_false(c->virtual_clock);
	assert_int_equal(c->seed, 0);
	assert_int_equal(c->nat.sessions, normal.sessions);
	assert_int_equal(c->nat.sessions_per_host, normal.sessions_per_host);
	assert_int_equal(c->nat.fragments, normal.fragments);
	assert_int_equal(c->nat.half_open, normal.half_open);
	assert_int_equal(c->nat.held_ports, normal.held_ports);
	assert_int_equal(c->nat.unsolicited, normal.unsolicited);
	assert_memory_equal(c->nat.timeout_ms, normal.timeout_ms, sizeof(normal.timeout_ms));
	assert_int_equal(c->route_count, 0);
	assert_int_equal(c->nat_count, 0);
	assert_int_equal(c->nat.policy_count, 0);
	assert_int_equal(c->nat.pool_count, 0);
	assert_int_equal(c->nat.forward_count, 0);
	assert_int_equal(c->rule_count, 0);
	assert_int_equal(c->interface_count, 1);
	assert_string_equal(c->interfaces[0].device, "a");
	assert_int_equal(c->interfaces[0].mtu, 0);
	assert_int_equal(c->interfaces[0].queues, 0);
	assert_true(c->interfaces[0].offload);
	assert_true(c->interfaces[0].coalesce);
	assert_true(c->interfaces[0].io_uring);
	assert_true(c->interfaces[0].icmp_errors);
	assert_null(c->interfaces[0].netns);
	assert_int_equal(c->interfaces[0].line, 1);
	conf_free(c);
}

/* Names and defaults of an entry that says only what it must. */
static void assert_plain_napt44(const struct nat_policy *p)
{
	assert_int_equal(p->type, NAT_NAPT44);
	assert_range(p->ports, 1024, 65535);
	assert_range(p->low_ports, 512, 1023);
	assert_int_equal(p->behaviour[NAT_CLASS_UDP].mapping, NAT_ENDPOINT_INDEPENDENT);
	assert_int_equal(p->behaviour[NAT_CLASS_TCP].filtering, NAT_ADDRESS_DEPENDENT);
	assert_int_equal(p->port_selection, NAT_PORT_PRESERVE);
	assert_int_equal(p->pooling, NAT_POOLING_PAIRED);
	assert_int_equal(p->hairpin, NAT_HAIRPIN_EXTERNAL);
	assert_int_equal(p->refresh, NAT_REFRESH_OUTBOUND);
	assert_true(p->parity);
	assert_int_equal(p->conflict, NAT_CONFLICT_RANDOM);
	assert_int_equal(p->exhausted, NAT_EXHAUSTED_UNREACHABLE);
	assert_int_equal(p->unsolicited, NAT_UNSOLICITED_REJECT);
	assert_false(p->drop_icmp_errors);
	assert_int_equal(p->helpers, 0);
	assert_int_equal(p->ports_per_host | p->new_per_second | p->sessions_per_mapping, 0);
	assert_int_equal(p->short_ports[0], 0);
	assert_int_equal(p->twice.len, 0);
	for (int i = 0; i < TIMEOUT_COUNT; i++)
		assert_int_equal(p->timeout_ms[i], 0);
}

static void a_nat_entry_has_defaults(void **state)
{
	struct conf *c = good_text(
		"workers = 3;\n"
		"limits = { sessions = 100; };\n"
		"timeouts = { tcp_transitory = 300; tcp_closing = 400; };\n"
		"interfaces = ( { name = \"a\"; type = \"mem\"; side = \"inside\"; },\n"
		"               { name = \"b\"; type = \"mem\"; side = \"outside\"; } );\n"
		"nat = ( { name = \"n\"; match = \"10.0.0.0/8\"; type = \"napt44\";\n"
		"          pool = [ \"192.0.2.1\" ]; } );\n");

	(void)state;
	assert_plain_napt44(&c->policies[0]);
	assert_int_equal(c->nats[0].line, 6);
	assert_int_equal(c->nats[0].pool_interface, SIZE_MAX);
	assert_int_equal(c->nat.workers, 3);
	assert_int_equal(c->nat.sessions_per_host, 100);
	assert_int_equal(c->nat.timeout_ms[TIMEOUT_TCP_OPENING], 300000);
	assert_int_equal(c->nat.timeout_ms[TIMEOUT_TCP_CLOSING], 400000);
	conf_free(c);
}

static void assert_shipped_links(const struct conf *c)
{
	const struct conf_interface *lan = &c->interfaces[0], *wan = &c->interfaces[1];

	assert_int_equal(c->interface_count, 2);
	assert_string_equal(lan->name, "lan0");
	assert_string_equal(lan->device, "lan0");
	assert_int_equal(lan->type, IO_TUN);
	assert_int_equal(lan->side, SIDE_INSIDE);
	assert_int_equal(lan->mtu, 1500);
	assert_string_equal(lan->netns, "nat-client");
	assert_int_equal(lan->address_count, 2);
	assert_prefix(&lan->addresses[0], "192.168.7.1/24");
	assert_prefix(&lan->addresses[1], "fd07::1/64");
	assert_int_equal(lan->host_address_count, 2);
	assert_prefix(&lan->host_addresses[0], "192.168.7.2/24");
	assert_prefix(&lan->host_addresses[1], "fd07::2/64");
	assert_int_equal(lan->host_route_count, 1);
	assert_prefix(&lan->host_routes[0], "0.0.0.0/0");
	assert_string_equal(wan->name, "wan0");
	assert_int_equal(wan->type, IO_TUN);
	assert_int_equal(wan->side, SIDE_OUTSIDE);
	assert_string_equal(wan->netns, "nat-server");
	assert_int_equal(wan->address_count, 1);
	assert_prefix(&wan->addresses[0], "203.0.113.1/24");
	assert_int_equal(wan->host_address_count, 1);
	assert_prefix(&wan->host_addresses[0], "203.0.113.10/24");
	assert_int_equal(wan->host_route_count, 0);
}

static void assert_shipped_nat(const struct conf *c)
{
	const struct nat_forward *f = c->forwards;

	assert_int_equal(c->nat_count, 1);
	assert_string_equal(c->nats[0].name, "home");
	assert_address(c->policies[0].prefix, "192.168.7.0");
	assert_int_equal(c->policies[0].prefix_len, 24);
	assert_plain_napt44(&c->policies[0]);
	assert_int_equal(c->nat.pool_count, 1);
	assert_address(c->pool[0], "203.0.113.5");
	assert_int_equal(c->nat.forward_count, 1);
	assert_int_equal(f->protocol, PROTO_TCP);
	assert_address(f->external, "203.0.113.5");
	assert_address(f->internal, "192.168.7.2");
	assert_int_equal(f->first, 8080);
	assert_int_equal(f->last, 8080);
	assert_int_equal(f->internal_first, 80);
}

/* router.conf as shipped: the network of the demonstration, else the defaults. */
static void the_shipped_file_is_good(void **state)
{
	struct conf *c = good("router.conf");
	struct nat_config normal = nat_config_default();

	(void)state;
	assert_string_equal(c->file, "router.conf");
	assert_string_equal(c->control, "/run/router.sock");
	assert_int_equal(c->nat.sessions, normal.sessions);
	assert_int_equal(c->nat.sessions_per_host, normal.sessions_per_host);
	assert_int_equal(c->nat.fragments, normal.fragments);
	assert_int_equal(c->nat.half_open, normal.half_open);
	assert_int_equal(c->nat.held_ports, normal.held_ports);
	assert_int_equal(c->nat.unsolicited, normal.unsolicited);
	assert_memory_equal(c->nat.timeout_ms, normal.timeout_ms, sizeof(normal.timeout_ms));
	assert_shipped_links(c);
	assert_shipped_nat(c);
	assert_int_equal(c->route_count, 3);
	assert_prefix(&c->routes[0].prefix, "0.0.0.0/0");
	assert_int_equal(c->routes[0].interface, 1);
	assert_int_equal(c->rule_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(c->rules[i].match, (i ? RULE_IN : RULE_OUT) | RULE_SYN);
		assert_int_equal(c->rules[i].interface, 1);
		assert_int_equal(c->rules[i].protocol, PROTO_TCP);
		assert_int_equal(c->rules[i].mss, RULE_MSS_CLAMP);
	}
	assert_null(nat_config_fault(&c->nat));
	conf_free(c);
}

static void assert_all_globals(const struct conf *c)
{
	assert_int_equal(c->workers, 2);
	assert_int_equal(c->poll_us, 70);
	assert_false(c->steering);
	assert_string_equal(c->user, "router");
	assert_string_equal(c->group, "net");
	assert_false(c->seccomp);
	assert_int_equal(c->interfaces[0].reverse_path, REVERSE_BY_SIDE);
	assert_int_equal(c->interfaces[3].reverse_path, REVERSE_LOOSE);
	assert_null(c->control);
	assert_string_equal(c->state_file, "/nonexistent/state");
	assert_int_equal(c->seed, 1234567890123);
	assert_int_equal(c->nat.sessions, 100000);
	assert_int_equal(c->nat.sessions_per_host, 100);
	assert_int_equal(c->nat.fragments, 16);
	assert_int_equal(c->nat.half_open, 500);
	assert_int_equal(c->nat.held_ports, 17);
	assert_int_equal(c->nat.unsolicited, 18);
	assert_int_equal(c->error_rate, 11);
	assert_int_equal(c->nat.timeout_ms[TIMEOUT_UDP], 10000);
	assert_int_equal(c->nat.timeout_ms[TIMEOUT_TCP_OPENING], 6000);
	assert_int_equal(c->nat.timeout_ms[TIMEOUT_TCP_ESTABLISHED], 100000);
	assert_int_equal(c->nat.timeout_ms[TIMEOUT_TCP_CLOSING], 20000);
	assert_int_equal(c->nat.timeout_ms[TIMEOUT_ICMP], 5000);
	assert_int_equal(c->nat.timeout_ms[TIMEOUT_FRAGMENT], 1000);
}

static void assert_all_links(const struct conf *c)
{
	const struct conf_interface *n = c->interfaces;

	assert_int_equal(c->interface_count, 6);
	assert_int_equal(n[0].type, IO_MEM);
	assert_int_equal(n[0].address_count, 2);
	assert_string_equal(n[1].name, "lan1");
	assert_string_equal(n[1].device, "tun7");
	assert_int_equal(n[1].mtu, 1400);
	assert_int_equal(n[1].queues, 2);
	assert_false(n[1].offload);
	assert_false(n[1].coalesce);
	assert_false(n[1].io_uring);
	assert_true(n[2].coalesce);
	assert_false(n[1].icmp_errors);
	assert_string_equal(n[1].netns, "/run/netns/x");
	assert_int_equal(n[1].host_address_count, 2);
	assert_prefix(&n[1].host_addresses[1], "fd08::2/64");
	assert_int_equal(n[1].host_route_count, 3);
	assert_prefix(&n[1].host_routes[0], "0.0.0.0/0");
	assert_prefix(&n[1].host_routes[1], "::/0");
	assert_prefix(&n[1].host_routes[2], "10.0.0.0/8");
	assert_int_equal(n[2].type, IO_PACKET);
	assert_string_equal(n[2].device, "eth0");
	assert_int_equal(n[2].side, SIDE_OUTSIDE);
	assert_int_equal(n[2].address_count, 3);
	assert_true(n[2].rings);
	assert_false(n[2].bypass_qdisc);
	assert_int_equal(n[3].address_count, 0);
	assert_false(n[3].rings);
	assert_true(n[3].bypass_qdisc);
	assert_null(n[3].addresses);
	assert_int_equal(n[3].line, 17);
}

static void assert_all_tags(const struct conf *c)
{
	static const uint8_t mac[] = { 2, 0, 0x5e, 0x10, 0x0a, 0xfe };
	const struct conf_interface *n = &c->interfaces[4];

	assert_int_equal(n[0].type, IO_TAP);
	assert_memory_equal(n[0].mac, mac, sizeof(mac));
	assert_int_equal(n[0].vlan_count, 2);
	assert_int_equal(n[0].vlan[0], 200);
	assert_int_equal(n[0].vlan[1], 100);
	assert_int_equal(n[0].vlan_priority, 5);
	assert_false(n[0].vlan_keep || n[0].is_branch);
	assert_true(n[1].vlan_keep && n[1].is_branch);
	assert_int_equal(n[1].trunk, 4);
	assert_int_equal(n[1].vlan_count, 0);
	assert_true(n[1].vlan_priority < 0);
}

static void assert_all_imports(const struct conf *c)
{
	assert_int_equal(c->import_table_count, 2);
	assert_int_equal(c->import_tables[0], 254);
	assert_int_equal(c->import_tables[1], 100);
}

static void assert_all_routes(const struct conf *c)
{
	static const enum route_kind kinds[] = {
		ROUTE_UNICAST, ROUTE_UNICAST, ROUTE_UNICAST, ROUTE_BLACKHOLE, ROUTE_UNREACHABLE,
		ROUTE_PROHIBIT, ROUTE_UNICAST,
	};
	static const size_t interfaces[] = { 2, 3, 2, 0, 0, 0, 2 };
	char text[ADDRESS_TEXT];

	assert_int_equal(c->route_count, 7);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(c->routes[i].kind, kinds[i]);
		assert_int_equal(c->routes[i].interface, interfaces[i]);
		assert_int_equal(c->routes[i].line, 20 + i);
	}
	assert_string_equal(address_format(&c->routes[0].via, text), "198.51.100.254");
	assert_int_equal(c->routes[1].via.version, 0);
	assert_int_equal(c->routes[1].metric, UINT32_MAX);
	assert_string_equal(address_format(&c->routes[2].via, text), "2001:db8::2");
	assert_int_equal(c->routes[2].metric, 5);
	assert_prefix(&c->routes[3].prefix, "192.0.2.1/32");
	assert_int_equal(c->routes[5].from.address.version, 0);
	assert_int_equal(c->routes[5].table, 0);
	assert_prefix(&c->routes[6].from, "10.5.0.0/16");
	assert_int_equal(c->routes[6].table, 1);
}

static void assert_all_policies(const struct conf *c)
{
	const struct nat_policy *own = &c->policies[1], *dynamic = &c->policies[2];

	assert_int_equal(c->policies[0].type, NAT_NONE);
	assert_int_equal(c->policies[0].pool_count, 0);
	assert_range(own->ports, 4096, 8191);
	assert_range(own->low_ports, 100, 200);
	assert_int_equal(own->behaviour[NAT_CLASS_UDP].mapping, NAT_ADDRESS_DEPENDENT);
	assert_int_equal(own->behaviour[NAT_CLASS_TCP].filtering, NAT_ENDPOINT_INDEPENDENT);
	assert_int_equal(own->port_selection, NAT_PORT_RANDOM);
	assert_false(own->parity);
	assert_int_equal(own->pooling, NAT_POOLING_ARBITRARY);
	assert_int_equal(own->hairpin, NAT_HAIRPIN_OFF);
	assert_int_equal(own->refresh, NAT_REFRESH_BOTH);
	assert_range(dynamic->low_ports, 0, 0);
	assert_int_equal(dynamic->behaviour[NAT_CLASS_UDP].mapping, NAT_ADDRESS_PORT_DEPENDENT);
	assert_int_equal(dynamic->behaviour[NAT_CLASS_TCP].filtering, NAT_ADDRESS_PORT_DEPENDENT);
	assert_int_equal(dynamic->port_selection, NAT_PORT_SEQUENTIAL);
	assert_int_equal(dynamic->refresh, NAT_REFRESH_INBOUND);
	assert_range(c->policies[3].ports, 512, 65535);
	assert_range(c->policies[3].low_ports, 0, 0);
}

/* Slices follow each other; an interface's address is filled in as far as the file knows it. */
static void assert_all_pools(const struct conf *c)
{
	static const struct { size_t interface; uint16_t first, count; } slices[] = {
		{ SIZE_MAX, 0, 0 }, { 2, 0, 1 }, { 3, 1, 1 }, { SIZE_MAX, 3, 5 },
	};
	static const char *const pool[] = {
		"198.51.100.1", "0.0.0.0", "0.0.0.0", "203.0.113.254", "203.0.113.255", "203.0.114.0",
		"203.0.114.1", "192.0.2.77",
	};

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(c->nats[i].pool_interface, slices[i].interface);
		assert_int_equal(c->policies[i].pool_count, slices[i].count);
		if (slices[i].count)
			assert_int_equal(c->policies[i].pool_first, slices[i].first);
	}
	assert_int_equal(c->nat.pool_count, 8);
	for (size_t i = 0; i < 8; i++)
		assert_address(c->pool[i], pool[i]);
}

static void assert_forward(const struct nat_forward *f, uint8_t protocol, uint16_t first,
			   uint16_t last, uint16_t internal_first)
{
	assert_int_equal(f->protocol, protocol);
	assert_int_equal(f->first, first);
	assert_int_equal(f->last, last);
	assert_int_equal(f->internal_first, internal_first);
}

static void assert_rule(const struct conf_rule *rule, uint8_t match, size_t interface,
			uint8_t protocol)
{
	assert_int_equal(rule->match, match);
	assert_int_equal(rule->interface, interface);
	assert_int_equal(rule->protocol, protocol);
}

static void assert_changes(const struct conf_rule *rule, uint16_t mss, int dscp, int ttl)
{
	assert_int_equal(rule->mss, mss);
	assert_int_equal(rule->dscp, dscp);
	assert_int_equal(rule->ttl, ttl);
}

static void every_key_reaches_its_value(void **state)
{
	struct conf *c = good("test/unit/router/conf/all.conf");

	(void)state;
	assert_all_globals(c);
	assert_all_links(c);
	assert_all_tags(c);
	assert_all_imports(c);
	assert_all_routes(c);
	assert_all_policies(c);
	assert_all_pools(c);
	assert_int_equal(c->nat.forward_count, 3);
	assert_forward(&c->forwards[0], PROTO_TCP, 5000, 5009, 6000);
	assert_forward(&c->forwards[1], PROTO_UDP, 5000, 5009, 6000);
	assert_forward(&c->forwards[2], PROTO_UDP, 53, 53, 53);
	assert_int_equal(c->rule_count, 4);
	assert_rule(&c->rules[0], RULE_OUT | RULE_SYN, 2, PROTO_TCP);
	assert_changes(&c->rules[0], 1400, -1, -1);
	assert_rule(&c->rules[1], RULE_IN, 1, PROTO_ICMP);
	assert_changes(&c->rules[1], RULE_MSS_KEEP, 63, 255);
	assert_rule(&c->rules[2], RULE_OUT, 0, PROTO_UDP);
	assert_changes(&c->rules[2], RULE_MSS_KEEP, 0, -1);
	assert_rule(&c->rules[3], RULE_IN, 3, 0);
	assert_changes(&c->rules[3], RULE_MSS_KEEP, -1, 1);
	assert_ptr_equal(c->nat.policies, c->policies);
	assert_ptr_equal(c->nat.pool, c->pool);
	assert_ptr_equal(c->nat.forwards, c->forwards);
	assert_int_equal(c->nat.policy_count, 4);
	conf_free(c);
}

/* test/tools/manual.sh writes the file again. */
static void the_shipped_manual_is_generated(void **state)
{
	char *generated = manual(), *shipped = contents("doc/router.conf.5");

	(void)state;
	assert_string_equal(shipped, generated);
	free(generated);
	free(shipped);
}

static void the_example_of_the_manual_is_good(void **state)
{
	char *page = contents("doc/router.conf.5");
	char *begin = strstr(page, ".EX\n"), *end = strstr(page, ".EE\n");

	(void)state;
	assert_true(begin && end && begin < end);
	*end = '\0';
	struct conf *c = good_text(begin + strlen(".EX\n"));
	assert_int_equal(c->interface_count, 2);
	assert_int_equal(c->nats[0].pool_interface, 1);
	assert_address(c->pool[0], "0.0.0.0");
	assert_range(c->policies[0].low_ports, 0, 0);
	conf_free(c);
	free(page);
}

static void the_shipped_file_shows_every_key(void **state)
{
	char *page = manual(), *rest = page, *shipped = contents("router.conf"), name[64];
	size_t keys = 0;

	(void)state;
	for (; manual_key(&rest, name); keys++)
		if (!has_word(shipped, name))
			fail_msg("router.conf does not show %s", name);
	assert_true(keys > 100);
	free(page);
	free(shipped);
}

/* And the tests set every key to something. */
static void every_key_is_read_by_a_test(void **state)
{
	char *page = manual(), *rest = page, name[64];
	char *all = contents("test/unit/router/conf/all.conf");
	char *dial = contents("test/unit/router/conf/dial.conf");
	char *six = contents("test/unit/router/conf/six.conf");

	(void)state;
	while (manual_key(&rest, name))
		if (!has_word(all, name) && !has_word(dial, name) && !has_word(six, name))
			fail_msg("neither all.conf nor dial.conf nor six.conf has %s", name);
	free(page);
	free(all);
	free(dial);
	free(six);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_library),
		cmocka_unit_test(a_nat_entry_has_defaults),
		cmocka_unit_test(the_shipped_file_is_good),
		cmocka_unit_test(every_key_reaches_its_value),
		cmocka_unit_test(the_shipped_manual_is_generated),
		cmocka_unit_test(the_example_of_the_manual_is_good),
		cmocka_unit_test(the_shipped_file_shows_every_key),
		cmocka_unit_test(every_key_is_read_by_a_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
