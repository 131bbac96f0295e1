/* Names of protocols, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "router/protocol.h"

static void names_and_numbers_lead_back(void **state)
{
	char number[PROTOCOL_TEXT], other[12];

	(void)state;
	for (int i = 0; i <= UINT8_MAX; i++) {
		assert_int_equal(protocol_parse(protocol_name((uint8_t)i, number)), i);
		snprintf(other, sizeof(other), "%d", i);
		assert_int_equal(protocol_parse(other), i);
	}
	assert_string_equal(protocol_name(PROTO_ICMP, number), "icmp");
	assert_string_equal(protocol_name(41, number), "6in4");
	assert_string_equal(protocol_name(136, number), "udplite");
	assert_string_equal(protocol_name(51, number), "51");
}

static void others_are_none(void **state)
{
	static const char *const texts[] = {
		"", " ", "TCP", "tcp ", "ah", "256", "1000", "-1", "+6", "6in", "0x6", "4294967302",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(protocol_parse(texts[i]), -1);
}

static void five_have_ports(void **state)
{
	int count = 0;

	(void)state;
	for (int i = 0; i <= UINT8_MAX; i++)
		count += protocol_has_ports((uint8_t)i);
	assert_int_equal(count, 5);
	assert_true(protocol_has_ports(PROTO_SCTP));
	assert_false(protocol_has_ports(PROTO_ICMP));
	assert_false(protocol_has_ports(PROTO_ESP));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers_lead_back),
		cmocka_unit_test(others_are_none),
		cmocka_unit_test(five_have_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
