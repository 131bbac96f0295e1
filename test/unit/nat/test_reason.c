#include "octets.h"

#include "nat/reason.h"

/* Names are keys of counters: lower case with underscores, each once. */
static void test_names(void **state)
{
	(void)state;
	for (int r = 0; r < REASON_COUNT; r++) {
		const char *name = reason_name((enum reason)r);

		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		assert_true(strlen(name) > 0);
		for (int other = 0; other < r; other++)
			assert_string_not_equal(name, reason_name((enum reason)other));
	}
}

static void test_help_texts(void **state)
{
	(void)state;
	for (int r = 0; r < REASON_COUNT; r++) {
		const char *help = reason_help((enum reason)r);

		assert_non_null(help);
		assert_true(strlen(help) > 0);
		assert_null(strchr(help, '\n'));
		for (int other = 0; other < r; other++)
			assert_string_not_equal(help, reason_help((enum reason)other));
	}
}

static void test_known_names(void **state)
{
	(void)state;
	assert_string_equal(reason_name(REASON_NONE), "none");
	assert_string_equal(reason_name(REASON_FILTERED), "filtered");
	assert_string_equal(reason_name(REASON_ERROR_LIMIT), "icmp_limited");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_help_texts),
		cmocka_unit_test(test_known_names),
	};

	return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
