/* Endpoints as text, and as the control socket is asked for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ctl_request.h"
#include "router/endpoint.h"

static struct nat_endpoint endpoint(const char *text, uint16_t port)
{
	struct nat_endpoint e = { .port = be16_from(port) };
	struct address a;

	assert_true(address_parse(&a, text));
	e.is_v6 = a.version == 6;
	if (e.is_v6)
		e.address6 = ip6_load(a.octets);
	else
		e.address = be32_load(a.octets);
	return e;
}

static void have_brackets_with_ports_only(void **state)
{
	static const struct { const char *address, *alone, *with_port; } rows[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1:80" },
		{ "2001:db8::1", "2001:db8::1", "[2001:db8::1]:80" },
		{ "64:ff9b::192.0.2.1", "64:ff9b::c000:201", "[64:ff9b::c000:201]:80" },
	};
	char text[ENDPOINT_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nat_endpoint e = endpoint(rows[i].address, 80);

		assert_string_equal(endpoint_format(&e, false, text), rows[i].alone);
		assert_string_equal(endpoint_format(&e, true, text), rows[i].with_port);
	}
}

static void the_longest_one_has_room(void **state)
{
	struct nat_endpoint e = endpoint("2001:db80:1111:2222:3333:4444:5555:6666", 65535);
	char text[ENDPOINT_TEXT];

	(void)state;
	assert_string_equal(endpoint_format(&e, true, text),
			    "[2001:db80:1111:2222:3333:4444:5555:6666]:65535");
}

static void are_split(void **state)
{
	static const struct { const char *text, *address, *port; } rows[] = {
		{ "192.0.2.1", "192.0.2.1", NULL },
		{ "192.0.2.1:80", "192.0.2.1", "80" },
		{ "192.0.2.1:", "192.0.2.1", "" },
		{ "2001:db8::1", "2001:db8::1", NULL },
		{ "[2001:db8::1]", "2001:db8::1", NULL },
		{ "[2001:db8::1]:80-90", "2001:db8::1", "80-90" },
		{ "2001:db8::1:80", "2001:db8::1:80", NULL },
		{ "::", "::", NULL },
		{ "", "", NULL },
	};
	char address[ENDPOINT_TEXT];
	const char *port;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(endpoint_split(rows[i].text, address, &port));
		assert_string_equal(address, rows[i].address);
		assert_true(!port == !rows[i].port);
		if (port)
			assert_string_equal(port, rows[i].port);
	}
	assert_false(endpoint_split("[2001:db8::1", address, &port));
	assert_false(endpoint_split("[2001:db8::1]80", address, &port));
	assert_false(endpoint_split("a name that is far longer than any address that there can be", address,
				    &port));
}

static struct ctl_request request(const char *members)
{
	char line[256];
	struct ctl_request q;
	struct text fault = { 0 };

	snprintf(line, sizeof(line), "{\"command\": \"sessions\", %s}", members);
	assert_true(ctl_request_parse(&q, line, strlen(line), &fault));
	text_free(&fault);
	return q;
}

/* Of NAT64: inside IPv6, outside IPv4. */
static void are_asked_for(void **state)
{
	static const struct { const char *members; bool wanted; } rows[] = {
		{ "\"inside\": \"fd00::2\"", true },
		{ "\"inside\": \"[fd00::2]\"", true },
		{ "\"inside\": \"[fd00:0::2]:5000\"", true },
		{ "\"inside\": \"[fd00::2]:5001\"", false },
		{ "\"inside\": \"fd00::3\"", false },
		{ "\"inside\": \"0.0.0.0\"", false },
		{ "\"outside\": \"192.0.2.1:6000\"", true },
		{ "\"outside\": \"fd00::2\"", false },
		{ "\"inside\": \"fd00::2\", \"outside\": \"192.0.2.2\"", false },
		{ "\"remote\": \"198.51.100.9\"", true },
	};
	const struct nat_session s = {
		.protocol = PROTO_UDP, .inside = endpoint("fd00::2", 5000),
		.outside = endpoint("192.0.2.1", 6000), .remote = endpoint("198.51.100.9", 53),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ctl_request q = request(rows[i].members);

		if (ctl_request_wants_session(&q, &s) != rows[i].wanted)
			fail_msg("%s", rows[i].members);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(have_brackets_with_ports_only),
		cmocka_unit_test(the_longest_one_has_room),
		cmocka_unit_test(are_split),
		cmocka_unit_test(are_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
