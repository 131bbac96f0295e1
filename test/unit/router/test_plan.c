/* router ports and router holder, as commands: requirement 7422-F1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 2048 };

struct desk {
	char program[PATH_MAX], file[64];
};

static const char text[] =
	"workers = 2; control = \"\";\n"
	"interfaces = ( { name = \"lan0\"; type = \"tun\"; side = \"inside\";\n"
	"                 address = [ \"10.9.0.1/24\" ]; },\n"
	"               { name = \"wan0\"; type = \"tun\"; side = \"outside\";\n"
	"                 address = [ \"192.0.2.254/24\" ]; } );\n"
	"nat = ( { name = \"fixed\"; match = \"198.51.100.0/28\"; type = \"napt44\";\n"
	"          pool = [ \"192.0.2.1\" ]; port_selection = \"deterministic\"; block_size = 128; },\n"
	"        { name = \"blocks\"; match = \"10.0.0.0/24\"; type = \"napt44\";\n"
	"          pool = [ \"192.0.2.2\" ]; port_selection = \"block\"; block_size = 64; },\n"
	"        { name = \"any\"; match = \"10.0.1.0/24\"; type = \"napt44\";\n"
	"          pool = [ \"192.0.2.3\" ]; } );\n";

static int set_up(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));
	char self[PATH_MAX] = "";
	int fd;

	assert_non_null(d);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(d->program, sizeof(d->program), "%.4000s/../../../router", dirname(self));
	snprintf(d->file, sizeof(d->file), "%s/plan.XXXXXX", P_tmpdir);
	fd = mkstemp(d->file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *d = *state;

	unlink(d->file);
	free(d);
	return 0;
}

/* What a command prints, faults included; its exit status. */
static int ask(const struct desk *d, const char *command, const char *words, char out[static ROOM])
{
	char line[2 * PATH_MAX];
	size_t len;
	FILE *f;

	snprintf(line, sizeof(line), "'%s' %s -c %s %s 2>&1", d->program, command, d->file, words);
	f = popen(line, "r");
	assert_non_null(f);
	len = fread(out, 1, ROOM - 1, f);
	out[len] = '\0';
	return WEXITSTATUS(pclose(f));
}

static void the_plan_answers(void **state)
{
	char out[ROOM], again[ROOM];

	assert_int_equal(ask(*state, "ports", "198.51.100.2", out), 0);
	assert_string_equal(out, "nat      fixed\n"
				 "inside   198.51.100.2\n"
				 "outside  192.0.2.1\n"
				 "ports    5056-9087\n"
				 "blocks   out of 57472-65535, at most 4 of 128 ports; the log says "
				 "which\n");
	assert_int_equal(ask(*state, "holder", "192.0.2.1:5056", again), 0);
	assert_string_equal(again, out);
	assert_int_equal(ask(*state, "holder", "192.0.2.1:9087", again), 0);
	assert_string_equal(again, out);
	assert_int_equal(ask(*state, "holder", "192.0.2.1:9088", again), 0);
	assert_non_null(strstr(again, "198.51.100.3\n"));
}

static void programs_are_answered_in_json(void **state)
{
	char out[ROOM];

	assert_int_equal(ask(*state, "holder --json", "192.0.2.1:1024", out), 0);
	assert_string_equal(out, "{\n"
				 "  \"nat\": \"fixed\",\n"
				 "  \"inside\": \"198.51.100.1\",\n"
				 "  \"outside\": \"192.0.2.1\",\n"
				 "  \"ports\": {\n    \"first\": 1024,\n    \"last\": 5055\n  },\n"
				 "  \"blocks\": {\n    \"first\": 57472,\n    \"last\": 65535,\n"
				 "    \"size\": 128,\n    \"most\": 4\n  }\n"
				 "}\n");
}

/* Status and beginning of what is said. */
static void what_the_plan_does_not_say(void **state)
{
	static const struct { const char *command, *words; int status; const char *said; } rows[] = {
		{ "ports", "198.51.100.0", 1, "router: nat \"fixed\" has no plan for 198.51.100.0," },
		{ "holder", "192.0.2.1:57472", 1, "router: nat \"fixed\" has no plan for" },
		{ "holder", "192.0.2.1:80", 1, "router: nat \"fixed\" has no plan for" },
		{ "ports", "10.0.0.9", 1, "router: nat \"blocks\" has no plan for 10.0.0.9, only" },
		{ "holder", "192.0.2.2:5000", 1, "router: nat \"blocks\" has no plan for" },
		{ "ports", "10.0.1.9", 1, "router: nat \"any\" has no plan for 10.0.1.9; ports" },
		{ "holder", "192.0.2.3:5000", 1, "router: nat \"any\" has no plan for" },
		{ "ports", "10.7.0.9", 1, "router: no nat entry has 10.7.0.9\n" },
		{ "holder", "192.0.2.9:5000", 1, "router: no nat entry has 192.0.2.9:5000\n" },
		{ "ports", "2001:db8::1", 2, "router: \"2001:db8::1\" is no IPv4 address" },
		{ "ports", "10.0.0.0.9", 2, "router: \"10.0.0.0.9\" is no" },
		{ "holder", "192.0.2.1", 2, "router: \"192.0.2.1\" is no outside endpoint" },
		{ "holder", "192.0.2.1:65536", 2, "router: \"192.0.2.1:65536\" is no" },
		{ "holder", "192.0.2.1:-1", 2, "router: \"192.0.2.1:-1\" is no" },
		{ "holder", "192.0.2.1:80x", 2, "router: \"192.0.2.1:80x\" is no" },
		{ "ports", "", 2, "usage: " },
		{ "holder", "192.0.2.1:80 81", 2, "usage: " },
		{ "check", "192.0.2.1:80", 2, "usage: " },
		{ "check --json", "", 2, "check: " },
	};
	char out[ROOM];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ask(*state, rows[i].command, rows[i].words, out), rows[i].status);
		if (strncmp(out, rows[i].said, strlen(rows[i].said)))
			fail_msg("%s %s: %s", rows[i].command, rows[i].words, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plan_answers),
		cmocka_unit_test(programs_are_answered_in_json),
		cmocka_unit_test(what_the_plan_does_not_say),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
