/*
 * What is wrong with bad files, in exactly which line and words.
 *
 * In the files of test/unit/router/conf/ the faults of a line stand in the line itself, each behind
 * "#!". A file without any must be good. What would break such a comment is in tables here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "router/conf.h"

#define IN "name = \"a\"; type = \"mem\"; side = \"inside\";"

/* What conf_read() writes about a file; to be freed. */
static char *faults_of(const char *file)
{
	char *faults;
	size_t len;
	FILE *out = open_memstream(&faults, &len);
	struct conf *c = conf_read(file, out);

	fclose(out);
	assert_int_equal(c != NULL, len == 0);
	conf_free(c);
	return faults;
}

/* What it writes about octets, without the name of the file. */
static char *faults_of_octets(const char *octets, size_t len)
{
	int fd = memfd_create("conf", 0);
	char path[64];

	assert_int_equal(write(fd, octets, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	char *faults = faults_of(path), *to = faults;
	for (char *from = faults; *from;) {
		size_t rest = strcspn(from, "\n") + 1;

		assert_memory_equal(from, path, strlen(path));
		memmove(to, from + strlen(path) + 1, rest - strlen(path) - 1);
		to += rest - strlen(path) - 1;
		from += rest;
	}
	*to = '\0';
	close(fd);
	return faults;
}

/* The faults that a file says it has. */
static char *expected_of(const char *file)
{
	char *expected, *line = NULL, *fault;
	size_t len, room = 0;
	FILE *out = open_memstream(&expected, &len), *in = fopen(file, "re");

	assert_non_null(in);
	for (int number = 1; getline(&line, &room, in) > 0; number++) {
		line[strcspn(line, "\n")] = '\0';
		for (fault = strstr(line, "#!"); fault;) {
			char *next = strstr(fault + 2, " #!");

			if (next)
				*next++ = '\0';
			fprintf(out, "%s:%d:%s\n", file, number, fault + 2);
			fault = next;
		}
	}
	fclose(in);
	fclose(out);
	free(line);
	return expected;
}

static void every_fault_is_named_in_its_line(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob("test/unit/router/conf/*.conf", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 10);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *expected = expected_of(files.gl_pathv[i]), *found = faults_of(files.gl_pathv[i]);

		assert_string_equal(found, expected);
		free(expected);
		free(found);
	}
	globfree(&files);
}

static const struct { const char *text, *faults; } broken[] = {
	{ "", "0: interfaces is missing; interfaces = ( { ... }, ... );\n" },
	{ "interfaces = ();", "1: interfaces has 0 entries; from 1 to 32\n" },
	{ "# one\nworkers = ;\nclock = 5;",
	  "2: syntax error; write NAME = VALUE; with a text in \"quotes\"\n" },
	{ "workers = 1;\nworkers = 2;",
	  "2: duplicate setting name; give every key once in its group\n" },
	{ "a = 1;\nb = [ 1,\n \"x\" ];",
	  "3: mismatched element type in array; an array holds values of one type\n" },
	{ "a = 1;\nb = \"x;\n\nc = 2;\n", "2: text without an end; add \"\n" },
	{ "a = \"x\\\"\n;", "1: text without an end; add \"\n" },
	{ "a = \"x\\", "1: text without an end; add \"\n" },
	{ "a = 1;\n/* b = 2;\n\nc = 2;\n", "2: comment without an end; add */\n" },
	{ "a = 1; /*/", "1: comment without an end; add */\n" },
	{ "a = 1;\n  @include \"b.conf\"\nc = @d;\n",
	  "2: @include is not in this version; put everything into one file\n"
	  "3: @include is not in this version; put everything into one file\n" },
	{ "seed = 2147483648;\nseed = 9223372036854775808L;\nseed = 99999999999999999999;\n"
	  "seed = -2147483648;\nseed = 0x80000000;",
	  "1: number 2147483648 is too big; above 2147483647 it needs the suffix L\n"
	  "2: number 9223372036854775808L is too big; at most 9223372036854775807L\n"
	  "3: number 99999999999999999999 is too big; at most 9223372036854775807L\n"
	  "4: number 2147483648 is too big; above 2147483647 it needs the suffix L\n"
	  "5: number 0x80000000 is too big; above 2147483647 it needs the suffix L\n" },
	/* Not numbers, not comments, not an @include: inside of texts, names and comments. */
	{ "interfaces = ( { " IN " } ); # \" 99999999999 @include\n"
	  "// /* \" 99999999999\n/* \" # 99999999999 */\n"
	  "control = \"# // /* \\\" 99999999999 @include\";", "" },
	{ "interfaces = ( { " IN " } ); a99999999999 = 2147483647; b = 99999999999.5; c = 99999999999e1;",
	  "1: unknown key a99999999999; known are workers, poll_us, steering, control, state_file, user, group, seccomp, clock, seed, import_routes, unique_idents, limits, timeouts, "
	  "log, interfaces, routes, nat, forwards, delegated, ipv6, rewrite\n"
	  "1: unknown key b; known are workers, poll_us, steering, control, state_file, user, group, seccomp, clock, seed, import_routes, unique_idents, limits, timeouts, log, "
	  "interfaces, routes, nat, forwards, delegated, ipv6, rewrite\n"
	  "1: unknown key c; known are workers, poll_us, steering, control, state_file, user, group, seccomp, clock, seed, import_routes, unique_idents, limits, timeouts, log, "
	  "interfaces, routes, nat, forwards, delegated, ipv6, rewrite\n" },
	/* A text is in its own line, wherever the next comma or bracket is. */
	{ "interfaces = ( { " IN " address = [\n\"x\"\n\n,\n\"y\" // ]\n/* , */\n] } );",
	  "2: \"x\" is no address; write it like 192.0.2.1/24 or 2001:db8::1/64\n"
	  "5: \"y\" is no address; write it like 192.0.2.1/24 or 2001:db8::1/64\n" },
	/* One fault, one line. */
	{ "interfaces = ( { " IN " address = [ \"a\\n\\x1b[1mb\\x7f\" ] } );",
	  "1: \"a  [1mb \" is no address; write it like 192.0.2.1/24 or 2001:db8::1/64\n" },
	/* Names next to each other, in either direction. */
	{ "interfaces = ( { " IN " } );\nworkesr = 1;\nwrkers = 1;\nworkersss = 1;\nkorwers = 1;\n",
	  "2: unknown key workesr; did you mean workers?\n"
	  "3: unknown key wrkers; did you mean workers?\n"
	  "4: unknown key workersss; did you mean workers?\n"
	  "5: unknown key korwers; did you mean workers?\n" },
};

static void syntax_is_judged_before_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		char *found = faults_of_octets(broken[i].text, strlen(broken[i].text));

		assert_string_equal(found, broken[i].faults);
		free(found);
	}
}

static void a_file_is_text(void **state)
{
	static const char octets[] = "workers = 1;\n\0clock = 5;\n";
	char *found = faults_of_octets(octets, sizeof(octets) - 1);

	(void)state;
	assert_string_equal(found, "0: holds a zero octet; a configuration is text\n");
	free(found);
	found = faults_of("/nonexistent/router.conf");
	assert_string_equal(found, "/nonexistent/router.conf:0: cannot be opened: No such file or "
			    "directory; name a file that can be read\n");
	free(found);
	found = faults_of("/");
	assert_string_equal(found, "/:0: cannot be read: Is a directory; name a file that can be read\n");
	free(found);
}

/* A file with so many of one thing. */
static char *faults_of_many(const char *head, const char *format, int count, const char *tail)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fputs(head, out);
	for (int i = 1; i <= count; i++) {
		fputs(i > 1 ? "," : "", out);
		fprintf(out, format, i, i);
	}
	fputs(tail, out);
	fclose(out);
	char *found = faults_of_octets(text, len);
	free(text);
	return found;
}

#define POOL "interfaces = ( { " IN " }, { name = \"b\"; type = \"mem\"; side = \"outside\"; } );" \
	"nat = ( { name = \"n\"; match = \"10.0.0.0/8\"; type = \"napt44\"; pool = ["
#define NAT POOL "\"192.0.2.1\" ] } );"

static void there_is_a_most_of_everything(void **state)
{
	static const char link[] = "{ name = \"i%d\"; device = \"d%d\"; type = \"tun\"; side = \"inside\" }\n";
	static const char forward[] = "{ proto = \"tcp+udp\"; external = \"192.0.2.1:%d\";"
		"internal = \"10.0.0.1:%d\" }\n";
	char *found = faults_of_many("interfaces = (", link, 32, ");");

	(void)state;
	assert_string_equal(found, "");
	free(found);
	found = faults_of_many("interfaces = (", link, 33, ");");
	assert_string_equal(found, "1: interfaces has 33 entries; from 1 to 32\n");
	free(found);
	found = faults_of_many(POOL, "\"203.0.%d.0-203.0.%d.255\"\n", 16, "] } );");
	assert_string_equal(found, "");
	free(found);
	found = faults_of_many(POOL, "\"203.0.%d.0-203.0.%d.255\"\n", 16, ", \"192.0.2.1\" ] } );");
	assert_string_equal(found, "17: pool 192.0.2.1 makes more than 4096 addresses in all; a smaller "
			    "range\n");
	free(found);
	found = faults_of_many(NAT "forwards = (", forward, 2048, ");");
	assert_string_equal(found, "");
	free(found);
	found = faults_of_many(NAT "forwards = (", forward, 2049, ");");
	assert_string_equal(found, "2049: forwards are 4098, every protocol and target counting; at most 4096\n");
	free(found);
	found = faults_of_many("a = (", "(", 20000, "");
	assert_string_equal(found, "1: syntax error; write NAME = VALUE; with a text in \"quotes\"\n");
	free(found);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_named_in_its_line),
		cmocka_unit_test(syntax_is_judged_before_meaning),
		cmocka_unit_test(a_file_is_text),
		cmocka_unit_test(there_is_a_most_of_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
