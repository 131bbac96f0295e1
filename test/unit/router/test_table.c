#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/table.h"

static void counts_are_short(void **state)
{
	static const struct { uint64_t count; const char *text; } cases[] = {
		{ 0, "0" }, { 999, "999" },
		{ 1000, "1.0k" }, { 1234, "1.2k" }, { 9999, "9.9k" }, { 10000, "10k" },
		{ 999999, "999k" }, { 1000000, "1.0M" }, { 1250000, "1.2M" },
		{ 999999999, "999M" }, { 1000000000, "1.0G" }, { 7200000000000, "7.2T" },
		{ 1000000000000000, "1.0P" }, { UINT64_MAX, "18E" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[SHORT_TEXT];

		assert_string_equal(short_count(cases[i].count, text), cases[i].text);
	}
}

static void durations_are_short(void **state)
{
	static const struct { uint64_t ms; const char *text; } cases[] = {
		{ 0, "0s" }, { 999, "0s" }, { 59999, "59s" },
		{ 60000, "1m00s" }, { 252000, "4m12s" }, { 3599999, "59m59s" },
		{ 3600000, "1h00m" }, { 7440000, "2h04m" }, { 86399999, "23h59m" },
		{ 86400000, "1d00h" }, { 864000000, "10d00h" },
		{ UINT64_MAX, "213503982334d14h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[SHORT_TEXT];

		assert_string_equal(short_duration(cases[i].ms, text), cases[i].text);
	}
}

/* What a table prints; the caller frees it. */
static char *printed(const struct table *t)
{
	char *octets;
	size_t len;
	FILE *out = open_memstream(&octets, &len);

	assert_non_null(out);
	assert_int_equal(table_print(t, out), 0);
	fclose(out);
	return octets;
}

static void columns_are_aligned(void **state)
{
	static const char *const cells[] = {
		"NAME", "COUNT", "HELP",
		"a", "12345678", "text",
		"longer", "", "more text",
		"grün", "1", "",
	};
	struct table *t = table_new("lrl");

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		table_add(t, cells[i]);
	char *text = printed(t);
	assert_string_equal(text, "NAME       COUNT  HELP\n"
				  "a       12345678  text\n"
				  "longer            more text\n"
				  "grün           1  \n");
	free(text);
	table_free(t);
}

static void a_table_without_rows_prints_nothing(void **state)
{
	struct table *t = table_new("l");
	char *text = printed(t);

	(void)state;
	assert_string_equal(text, "");
	free(text);
	table_free(t);
}

static void a_refused_output_is_reported(void **state)
{
	struct table *t = table_new("l");
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	setbuf(full, NULL);
	table_add(t, "cell");
	assert_int_not_equal(table_print(t, full), 0);
	fclose(full);
	table_free(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_short),
		cmocka_unit_test(durations_are_short),
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(a_table_without_rows_prints_nothing),
		cmocka_unit_test(a_refused_output_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
