/* RFC 5424: messages octet by octet, and what they must not say. */
#include "log_events.h"

#include <stdio.h>
#include <string.h>

#include "router/log_syslog.h"

static const struct syslog_origin origin = { "gate", 42 };

static void assert_says(const struct log_record *r, const char *expected)
{
	struct text out = { 0 };

	syslog_record(&out, &origin, r);
	assert_false(out.failed);
	assert_string_equal(out.octets, expected);
	assert_int_equal(out.len, strlen(expected));
	text_free(&out);
}

#define HEAD(priority, event) \
	"<" priority ">1 2025-03-04T05:06:07.089Z gate router 42 " event \
	" [nat@32473 event=\"" event "\""
#define BOTH " inside=\"10.0.0.2\" inside-port=\"5000\" outside=\"192.0.2.1\" outside-port=\"6000\""

static void mappings(void **state)
{
	struct log_record r = record_of(mapping_event(EVENT_MAPPING_CREATED));

	(void)state;
	assert_says(&r, HEAD("30", "mapping-created") " protocol=\"udp\"" BOTH "]");
	r.event.kind = EVENT_MAPPING_DELETED;
	r.event.protocol = PROTO_ICMP;
	assert_says(&r, HEAD("30", "mapping-deleted") " protocol=\"icmp\"" BOTH "]");
	r.event.protocol = 253;
	r.destinations = true;
	assert_says(&r, HEAD("30", "mapping-deleted") " protocol=\"253\"" BOTH "]");
}

/* RFC 6888 REQ-12: to whom they lead is said on request only. */
static void sessions(void **state)
{
	struct log_record r = record_of(mapping_event(EVENT_SESSION_CREATED));

	(void)state;
	assert_says(&r, HEAD("30", "session-created") " protocol=\"udp\"" BOTH "]");
	r.destinations = true;
	assert_says(&r, HEAD("30", "session-created") " protocol=\"udp\"" BOTH
		    " remote=\"198.51.100.9\" remote-port=\"53\"]");
	r.event.kind = EVENT_SESSION_DELETED;
	assert_says(&r, HEAD("30", "session-deleted") " protocol=\"udp\"" BOTH
		    " remote=\"198.51.100.9\" remote-port=\"53\"]");
}

/* RFC 8158 names no record of NAT66; a text needs none. */
static void addresses_of_either_version(void **state)
{
	struct log_record r = record_of(mapping_event64(EVENT_SESSION_CREATED));

	(void)state;
	r.destinations = true;
	assert_says(&r, HEAD("30", "session-created") " protocol=\"udp\" inside=\"2001:db8::2\" "
		    "inside-port=\"5000\" outside=\"192.0.2.1\" outside-port=\"6000\" "
		    "remote=\"198.51.100.9\" remote-port=\"53\"]");
	r.event = mapping_event66(EVENT_MAPPING_CREATED);
	assert_says(&r, HEAD("30", "mapping-created") " protocol=\"udp\" inside=\"2001:db8::2\" "
		    "inside-port=\"5000\" outside=\"2001:db8::1\" outside-port=\"6000\"]");
	r.event = limit_event(EVENT_QUOTA_EXCEEDED, REASON_HOST_LIMIT);
	r.event.inside = endpoint6(2, 5000);
	assert_says(&r, HEAD("28", "quota-exceeded") " protocol=\"tcp\" reason=\"host_limit\" "
		    "count=\"7\" inside=\"2001:db8::2\"]");
}

static void blocks(void **state)
{
	struct log_record r = record_of(block_event(EVENT_BLOCK_ASSIGNED));

	(void)state;
	assert_says(&r, HEAD("30", "block-assigned") " inside=\"10.0.0.2\" outside=\"192.0.2.1\""
		    " first-port=\"1024\" last-port=\"1535\"]");
	r.event.kind = EVENT_BLOCK_RELEASED;
	assert_says(&r, HEAD("30", "block-released") " inside=\"10.0.0.2\" outside=\"192.0.2.1\""
		    " first-port=\"1024\" last-port=\"1535\"]");
}

/* RFC 7422: all that is needed to compute who had a port. */
static void plans(void **state)
{
	struct nat_event e = {
		.kind = EVENT_PLAN,
		.inside = endpoint(0x64400000, 0),
		.outside = endpoint(0xc0000201, 0),
		.plan = { .inside_len = 24, .addresses = 4, .dynamic_shares = 2, .ports_most = 1008 },
		.block = { 1024, 65535 },
	};
	struct log_record r = record_of(e);

	(void)state;
	assert_says(&r, HEAD("30", "plan") " algorithm=\"sequential\" inside=\"100.64.0.0\" inside-length=\"24\""
		    " outside=\"192.0.2.1\" outside-count=\"4\" first-port=\"1024\""
		    " last-port=\"65535\" dynamic-shares=\"2\" ports-most=\"1008\"]");
}

static void limits(void **state)
{
	struct log_record r = record_of(limit_event(EVENT_PORTS_EXHAUSTED, REASON_OUT_OF_PORTS));

	(void)state;
	assert_says(&r, HEAD("28", "ports-exhausted") " protocol=\"tcp\" reason=\"out_of_ports\""
		    " count=\"7\" inside=\"10.0.0.2\"]");
	r = record_of(limit_event(EVENT_QUOTA_EXCEEDED, REASON_HOST_LIMIT));
	r.event.outside = endpoint(0xc0000201, 0);
	assert_says(&r, HEAD("28", "quota-exceeded") " protocol=\"tcp\" reason=\"host_limit\""
		    " count=\"7\" inside=\"10.0.0.2\" outside=\"192.0.2.1\"]");
}

/* One after the other in the same text, and across the ends of seconds and years. */
static void stamps(void **state)
{
	static const struct { uint64_t utc_ms; const char *stamp; } cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 999, "1970-01-01T00:00:00.999Z" },
		{ 1735689599999, "2024-12-31T23:59:59.999Z" },
		{ 1735689600000, "2025-01-01T00:00:00.000Z" },
		{ 1709164800001, "2024-02-29T00:00:00.001Z" },
		{ 4294967296000, "2106-02-07T06:28:16.000Z" },
	};
	struct text out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected), "<28>1 %s gate router 42 records-lost "
			 "[nat@32473 event=\"records-lost\" count=\"12345678901\"]", cases[i].stamp);
		syslog_mark(&out, &origin, "records-lost", cases[i].utc_ms, 12345678901);
		assert_string_equal(out.octets, expected);
	}
	text_free(&out);
}

static void the_origin_is_printable(void **state)
{
	struct syslog_origin o = syslog_origin();

	(void)state;
	assert_true(o.process > 0);
	assert_true(strlen(o.host) > 0);
	for (const char *c = o.host; *c; c++)
		assert_in_range(*c, 33, 126);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings), cmocka_unit_test(sessions), cmocka_unit_test(addresses_of_either_version), cmocka_unit_test(blocks),
		cmocka_unit_test(plans), cmocka_unit_test(limits), cmocka_unit_test(stamps),
		cmocka_unit_test(the_origin_is_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
