/* What replies say of protocols beside TCP, UDP and ICMP. */
#include "ctl_desk.h"

#define PORTLESS "192.168.7.4", "203.0.113.5", "198.51.100.9"
#define WITH_PORTS "192.168.7.4:5000", "203.0.113.5:5000", "198.51.100.9:443"

/* What is translated beside TCP, UDP and ICMP: how it begins, and how it is listed. */
static const struct {
	uint8_t protocol, begin[32];
	const char *name, *inside, *outside, *remote;
} others[] = {
	{ PROTO_SCTP, { 5000 >> 8, 5000 & 255, 443 >> 8, 443 & 255, [12] = 1, [15] = 20, [16] = 7 },
	  "sctp", WITH_PORTS },
	{ PROTO_DCCP, { 5000 >> 8, 5000 & 255, 443 >> 8, 443 & 255, 8, [8] = 1 }, "dccp", WITH_PORTS },
	{ PROTO_UDPLITE, { 5000 >> 8, 5000 & 255, 443 >> 8, 443 & 255, 0, 8 }, "udplite", WITH_PORTS },
	{ PROTO_GRE, { 0, 0, 8 }, "gre", PORTLESS },
	{ PROTO_ESP, { 1 }, "esp", PORTLESS },
	{ PROTO_IPIP, { 0x45 }, "ipip", PORTLESS },
	{ PROTO_IPV6, { 0x60 }, "6in4", PORTLESS },
	{ 99, { 0 }, "99", PORTLESS },
};

enum { OTHERS = sizeof(others) / sizeof(others[0]) };

static int setup(void **state)
{
	struct desk *d = desk_new();

	for (size_t i = 0; i < OTHERS; i++) {
		struct packet p = packet_make("192.168.7.4 > 198.51.100.9", others[i].protocol,
					      sizeof(others[i].begin));

		memcpy(packet_transport(&p), others[i].begin, sizeof(others[i].begin));
		desk_push(d, &p);
	}
	desk_settle(d);
	desk_run(d);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	desk_free(*state);
	return 0;
}

static void assert_member(const json_t *row, const char *name, const char *expected)
{
	assert_string_equal(json_string_value(json_object_get(row, name)), expected);
}

static void listings_have_names_and_perhaps_ports(void **state)
{
	for (size_t i = 0; i < OTHERS; i++) {
		static const char *const lists[] = { "sessions", "mappings" };

		for (size_t k = 0; k < 2; k++) {
			char request[64];

			snprintf(request, sizeof(request),
				 "{\"command\": \"%s\", \"proto\": \"%s\"}", lists[k],
				 others[i].name);
			json_t *reply = desk_ask(*state, request);
			const json_t *rows = json_object_get(reply, lists[k]);
			const json_t *row = json_array_get(rows, 0);

			assert_int_equal(json_array_size(rows), 1);
			assert_member(row, "proto", others[i].name);
			assert_member(row, "inside", others[i].inside);
			assert_member(row, "outside", others[i].outside);
			if (k == 0)
				assert_member(row, "remote", others[i].remote);
			json_decref(reply);
		}
	}
}

static void assert_number(const json_t *object, const char *name, json_int_t expected)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	assert_int_equal(json_integer_value(value), expected);
}

static void status_counts_ports_by_protocol(void **state)
{
	static const struct { const char *name; int count; } ports[] = {
		{ "tcp", 0 }, { "udp", 0 }, { "icmp", 0 }, { "udplite", 1 }, { "dccp", 1 },
	};
	json_t *reply = desk_ask(*state, "{\"command\": \"status\"}");

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		assert_number(json_object_get(reply, "ports"), ports[i].name, ports[i].count);
	assert_int_equal(json_object_size(json_object_get(reply, "ports")), 5);
	assert_number(reply, "held_ports", 0);
	json_decref(reply);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(listings_have_names_and_perhaps_ports, setup,
						teardown),
		cmocka_unit_test_setup_teardown(status_counts_ports_by_protocol, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
