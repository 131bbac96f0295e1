/* routerctl as a program, against a gateway in this process; and its manual. */
#include <fcntl.h>
#include <libgen.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ctl_desk.h"
#include "router/version.h"

/* How a run of the program ended. */
struct outcome {
	int status;
	char *out, *error;
};

static void outcome_free(struct outcome *o)
{
	free(o->out);
	free(o->error);
}

static char *text_of(int fd)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)len + 1);

	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)len, 0), len);
	close(fd);
	return text;
}

/* build/test/unit/router/test_routerctl is this program. */
static void find_program(char path[static 4096])
{
	char self[4096] = "";

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(path, 4096, "%s/../../../routerctl", dirname(self));
}

/* Run a program, and serve the gateway's socket meanwhile. */
static struct outcome execute(struct desk *d, char *const *argv)
{
	int out = memfd_create("out", 0), error = memfd_create("error", 0), status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		dup2(out, 1);
		dup2(error, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		struct pollfd p = { .fd = ctl_descriptor(d->ctl), .events = POLLIN };

		if (poll(&p, 1, 1) > 0)
			ctl_work(d->ctl, d->now);
	}
	assert_true(WIFEXITED(status));
	return (struct outcome){ WEXITSTATUS(status), text_of(out), text_of(error) };
}

/* Run routerctl with up to eight words. */
static struct outcome run(struct desk *d, const char *const words[8])
{
	char program[4096], *argv[10] = { program };

	find_program(program);
	for (size_t i = 0; i < 8 && words[i] != NULL; i++)
		argv[i + 1] = strdup(words[i]);
	struct outcome o = execute(d, argv);
	for (size_t i = 1; argv[i] != NULL; i++)
		free(argv[i]);
	return o;
}

static int setup(void **state)
{
	struct packet packets[] = {
		udp("192.168.7.2:5000 > 198.51.100.9:53", 4),
		udp("192.168.7.2:5002 > 198.51.100.9:53", 4),
		tcp("192.168.7.3:6002 > 198.51.100.9:443", SYN, 1000, 0, 0),
	};
	struct desk *d = desk_new();

	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		desk_push(d, &packets[i]);
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

static size_t lines_of(const char *text)
{
	size_t lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

static void exit_status_tells_how_it_went(void **state)
{
	struct desk *d = *state;
	static const struct { const char *words[6]; int status; const char *error; } cases[] = {
		{ { "version" }, 0, NULL },
		{ { "status" }, 0, NULL },
		{ { "interfaces" }, 0, NULL },
		{ { "routes" }, 0, NULL },
		{ { "sessions" }, 0, NULL },
		{ { "sessions", "proto=tcp", "inside=192.168.7.3", "limit=7" }, 0, NULL },
		{ { "mappings", "outside=203.0.113.5:5000" }, 0, NULL },
		{ { "counters", "--all" }, 0, NULL },
		{ { "--json", "counters" }, 0, NULL },
		{ { "--help" }, 0, NULL },
		{ { "--version" }, 0, NULL },
		{ { "sessions", "proto=sctp" }, 0, NULL },
		{ { "sessions", "proto=ah" }, 1, "icmp tcp udp sctp" },
		{ { "sessions", "limit=ten" }, 1, "a whole number" },
		{ { "sessions", "limit=-1" }, 1, "a whole number" },
		{ { "sessions", "limit=99999999999999999999" }, 1, "a whole number" },
		{ { "sessions", "colour=red" }, 1, "it takes proto" },
		{ { "mappings", "state=init" }, 1, "it takes proto" },
		{ { "--json", "status", "proto=tcp" }, 1, "it takes nothing" },
		{ { "-s", "/nowhere/sock", "status" }, 1, "no gateway listens at /nowhere/sock" },
		{ { NULL }, 2, "no command" },
		{ { "stat" }, 2, "no command \"stat\"" },
		{ { "sessions", "tcp" }, 2, "not KEY=VALUE" },
		{ { "sessions", "proto=tcp", "proto=udp" }, 2, "one too many" },
		{ { "sessions", "command=status" }, 2, "one too many" },
		{ { "--colour", "status" }, 2, "--colour" },
		{ { "status", "-s" }, 2, "requires an argument" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *words[8] = { "-s", d->path };

		memcpy(words + 2, cases[i].words, sizeof(cases[i].words));
		struct outcome o = run(d, words);
		if (o.status != cases[i].status || lines_of(o.error) != (cases[i].status != 0) ||
		    (cases[i].error != NULL && strstr(o.error, cases[i].error) == NULL))
			fail_msg("case %zu: status %d: %s", i, o.status, o.error);
		outcome_free(&o);
	}
}

static void json_is_what_the_gateway_says(void **state)
{
	struct desk *d = *state;
	const char *words[8] = { "--json", "-s", d->path, "counters" };
	struct outcome o = run(d, words);
	char *line = desk_ask_text(d, "{\"command\": \"counters\"}");
	size_t len = strlen(line);

	assert_int_equal(strlen(o.out), len + 1);
	assert_memory_equal(o.out, line, len);
	assert_int_equal(o.out[len], '\n');
	free(line);
	outcome_free(&o);
}

static void json_of_a_refusal_is_printed_too(void **state)
{
	struct desk *d = *state;
	const char *words[8] = { "--json", "-s", d->path, "sessions", "proto=x" };
	struct outcome o = run(d, words);

	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.out, "\"ok\":false}\n"));
	outcome_free(&o);
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void sessions_are_a_table(void **state)
{
	struct desk *d = *state;
	const char *words[8] = { "-s", d->path, "sessions", "proto=tcp" };
	struct outcome o = run(d, words);

	assert_int_equal(lines_of(o.out), 2);
	assert_has(o.out, "PROTO  INSIDE            OUTSIDE           REMOTE            STATE  IDLE  "
			  "EXPIRES  OCTETS OUT  OCTETS IN  WORKER  FORWARD\n");
	assert_has(o.out, "\ntcp    192.168.7.3:6002  203.0.113.5:6002  198.51.100.9:443  init ");
	assert_has(o.out, "          40          0       1  -\n");
	outcome_free(&o);
}

static void more_than_asked_for_is_mentioned(void **state)
{
	struct desk *d = *state;
	const char *words[8] = { "-s", d->path, "sessions", "limit=2" };
	struct outcome o = run(d, words);

	assert_int_equal(o.status, 0);
	assert_int_equal(lines_of(o.out), 3);
	assert_has(o.error, "there are more; limit=0 shows all\n");
	outcome_free(&o);
}

static void counters_hide_what_is_zero(void **state)
{
	struct desk *d = *state;
	const char *some[8] = { "-s", d->path, "counters" };
	const char *all[8] = { "-s", d->path, "counters", "-a" };
	struct outcome o = run(d, some);

	assert_has(o.out, "COUNTER     TOTAL  W0  W1  MEANING\n");
	assert_has(o.out, "\nsent            3   1   2  datagrams sent out of an interface\n");
	assert_null(strstr(o.out, "bad_option"));
	outcome_free(&o);
	o = run(d, all);
	assert_has(o.out, "\nbad_option ");
	assert_true(lines_of(o.out) > REASON_COUNT);
	outcome_free(&o);
}

static void status_shows_each_worker(void **state)
{
	struct desk *d = *state;
	const char *words[8] = { "-s", d->path, "status" };
	struct outcome o = run(d, words);

	assert_has(o.out, "\nsessions          3\n");
	assert_has(o.out, "\nclock             real\n");
	assert_has(o.out, "\n  UDP ports       2\n");
	assert_has(o.out, "\n  held ports      0\n");
	assert_has(o.out, "\nWORKER  SESSIONS ");
	outcome_free(&o);
}

static void versions_of_both_are_shown(void **state)
{
	struct desk *d = *state;
	const char *words[8] = { "-s", d->path, "version" };
	struct outcome o = run(d, words);

	assert_string_equal(o.out, "routerctl " ROUTER_VERSION "\nrouter    " ROUTER_VERSION "\n");
	outcome_free(&o);
}

static void an_output_that_is_full_is_a_failure(void **state)
{
	static const char *const words[] = { "--version", "--help", "status", "--json status" };
	char shell[] = "sh", option[] = "-c";
	struct desk *d = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char program[4096], command[8192];

		find_program(program);
		snprintf(command, sizeof(command), "%s -s %s %s >/dev/full", program, d->path,
			 words[i]);
		struct outcome o = execute(d, (char *[]){ shell, option, command, NULL });
		assert_int_equal(o.status, 1);
		assert_string_equal(o.error, "routerctl: cannot print: No space left on device\n");
		outcome_free(&o);
	}
}

/* Every member of every reply is described in the manual, set in bold. */
static void assert_described(const json_t *value, const char *manual)
{
	const json_t *member;
	const char *name;
	size_t i;

	json_array_foreach(value, i, member)
		assert_described(member, manual);
	/* jansson's iteration wants an object that may be changed; it is not. */
	json_object_foreach((json_t *)(uintptr_t)value, name, member) {
		if (strstr(manual, name) == NULL)
			fail_msg("routerctl(8) does not know \"%s\"", name);
		assert_described(member, manual);
	}
}

static void the_manual_describes_every_member(void **state)
{
	static const char *const requests[] = {
		"{\"command\": \"version\"}", "{\"command\": \"status\"}",
		"{\"command\": \"interfaces\"}", "{\"command\": \"routes\"}",
		"{\"command\": \"sessions\"}", "{\"command\": \"mappings\"}",
		"{\"command\": \"counters\"}", "{\"command\": \"none\"}",
	};
	int fd = open("doc/routerctl.8", O_RDONLY);

	if (fd < 0)
		skip(); /* not run from the top of the source */
	char *manual = text_of(fd);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		json_t *reply = desk_ask(*state, requests[i]);

		assert_described(reply, manual);
		json_decref(reply);
	}
	free(manual);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_status_tells_how_it_went),
		cmocka_unit_test(json_is_what_the_gateway_says),
		cmocka_unit_test(json_of_a_refusal_is_printed_too),
		cmocka_unit_test(sessions_are_a_table),
		cmocka_unit_test(more_than_asked_for_is_mentioned),
		cmocka_unit_test(counters_hide_what_is_zero),
		cmocka_unit_test(status_shows_each_worker),
		cmocka_unit_test(versions_of_both_are_shown),
		cmocka_unit_test(an_output_that_is_full_is_a_failure),
		cmocka_unit_test(the_manual_describes_every_member),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
