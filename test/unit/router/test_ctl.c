/* The control socket as a server: requests, faults, abuse, and its file. */
#include <sys/stat.h>

#include "ctl_desk.h"

static int setup(void **state)
{
	struct desk *d = desk_new();

	desk_run(d);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	desk_free(*state);
	return 0;
}

static void every_command_answers(void **state)
{
	static const struct { const char *command, *member; json_type type; } cases[] = {
		{ "version", "version", JSON_STRING }, { "status", "workers", JSON_ARRAY },
		{ "interfaces", "interfaces", JSON_ARRAY }, { "routes", "routes", JSON_ARRAY },
		{ "sessions", "sessions", JSON_ARRAY }, { "mappings", "mappings", JSON_ARRAY },
		{ "counters", "drops", JSON_ARRAY },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char request[64];

		snprintf(request, sizeof(request), "{\"command\": \"%s\"}", cases[i].command);
		json_t *reply = desk_ask(*state, request);
		const json_t *member = json_object_get(reply, cases[i].member);
		assert_true(desk_is_ok(reply));
		assert_null(json_object_get(reply, "error"));
		assert_non_null(member);
		assert_int_equal(json_typeof(member), cases[i].type);
		json_decref(reply);
	}
}

static void faults_say_what_would_be_right(void **state)
{
	static const char object[] = "one object of JSON";
	static const char commands[] = "must be one of version status interfaces routes sessions "
				       "mappings counters";
	static const struct { const char *request, *error; } cases[] = {
		{ "", object },
		{ "status", object },
		{ "[]", object },
		{ "\"status\"", object },
		{ "{\"command\": \"status\"", object },
		{ "{\"command\": \"status\"} {}", object },
		{ "{\"command\": \"status\", \"command\": \"version\"}", object },
		{ "{\"command\": \"\xff\"}", object },
		{ "{\"command\": \"sta\\u0000tus\"}", object },
		{ "{}", commands },
		{ "{\"command\": 7}", commands },
		{ "{\"command\": \"\"}", commands },
		{ "{\"command\": \"STATUS\"}", commands },
		{ "{\"command\": \"status\", \"proto\": \"tcp\"}",
		  "status does not take \"proto\"; it takes nothing" },
		{ "{\"command\": \"mappings\", \"remote\": \"10.0.0.1\"}",
		  "mappings does not take \"remote\"; it takes proto inside outside limit" },
		{ "{\"command\": \"sessions\", \"colour\": \"red\"}",
		  "it takes proto inside outside remote state limit" },
		{ "{\"command\": \"sessions\", \"proto\": \"ah\"}", "one of icmp tcp udp" },
		{ "{\"command\": \"sessions\", \"proto\": \"256\"}", "or the number of" },
		{ "{\"command\": \"sessions\", \"proto\": 6}", "\"proto\" must be a string" },
		{ "{\"command\": \"sessions\", \"inside\": \"192.168.7\"}", "a string with an address" },
		{ "{\"command\": \"sessions\", \"inside\": \"[::1:5\"}", "a string with an address" },
		{ "{\"command\": \"sessions\", \"inside\": \"10.0.0.1:\"}", "address:port" },
		{ "{\"command\": \"sessions\", \"inside\": \"10.0.0.1:65536\"}", "address:port" },
		{ "{\"command\": \"sessions\", \"inside\": \"10.0.0.1:80x\"}", "address:port" },
		{ "{\"command\": \"sessions\", \"inside\": \"10.0.0.1:-1\"}", "address:port" },
		{ "{\"command\": \"sessions\", \"inside\": null}", "\"inside\" must be a string" },
		{ "{\"command\": \"sessions\", \"state\": \"open\"}", "established" },
		{ "{\"command\": \"sessions\", \"limit\": -1}", "a whole number" },
		{ "{\"command\": \"sessions\", \"limit\": \"5\"}", "a whole number" },
		{ "{\"command\": \"sessions\", \"limit\": 1.5}", "a whole number" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *reply = desk_ask(*state, cases[i].request);
		const char *error = json_string_value(json_object_get(reply, "error"));

		assert_true(json_is_false(json_object_get(reply, "ok")));
		assert_non_null(error);
		if (strstr(error, cases[i].error) == NULL)
			fail_msg("%s: \"%s\"", cases[i].request, error);
		json_decref(reply);
	}
}

static void ok_is_the_last_member(void **state)
{
	static const struct { const char *request, *end; } cases[] = {
		{ "{\"command\": \"status\"}", ",\"ok\":true}" },
		{ "{\"command\": \"sessions\"}", ",\"ok\":true}" },
		{ "nonsense", ",\"ok\":false}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *line = desk_ask_text(*state, cases[i].request);
		size_t len = strlen(line), end = strlen(cases[i].end);

		assert_true(len > end);
		assert_string_equal(line + len - end, cases[i].end);
		free(line);
	}
}

/* That the gateway still serves. */
static void assert_serves(struct desk *d)
{
	json_t *reply = desk_ask(d, "{\"command\": \"version\"}");

	assert_true(desk_is_ok(reply));
	json_decref(reply);
}

static void assert_closed(struct desk *d, int fd)
{
	assert_null(desk_hear(d, fd));
	close(fd);
}

static void assert_open(struct desk *d, int fd)
{
	char octet;

	desk_serve(d);
	assert_int_equal(recv(fd, &octet, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void a_connection_serves_many_requests(void **state)
{
	static const char both[] = "{\"command\":\"version\"}\n{\"command\":\"routes\"}\nx\n"
				   "{\"command\":\"version\"}\n";
	static const char *const begins[] = { "{\"version\"", "{\"routes\"", "{\"error\"",
					      "{\"version\"" };
	int fd = desk_connect(*state);

	desk_say(fd, both);
	for (size_t i = 0; i < 4; i++) {
		char *line = desk_hear(*state, fd);

		assert_memory_equal(line, begins[i], strlen(begins[i]));
		free(line);
	}
	for (const char *c = both; *c != '\0'; c++) {
		const char octet[2] = { *c, '\0' };

		desk_say(fd, octet);
		desk_serve(*state);
	}
	for (size_t i = 0; i < 4; i++) {
		char *line = desk_hear(*state, fd);

		assert_memory_equal(line, begins[i], strlen(begins[i]));
		free(line);
	}
	close(fd);
}

static void a_request_may_be_as_long_as_a_line(void **state)
{
	static const size_t lens[] = { 4095, 4096, 100000 };
	static const char *const begins[] = { "{\"version\"", "{\"error\":\"a request has at most",
					      "{\"error\":\"a request has at most" };

	for (size_t i = 0; i < 3; i++) {
		char *line = malloc(lens[i] + 2);
		int fd = desk_connect(*state);

		memset(line, ' ', lens[i]);
		memcpy(line, "{\"command\":\"version\"}", 21);
		strcpy(line + lens[i], "\n");
		desk_say(fd, line);
		free(line);
		line = desk_hear(*state, fd);
		assert_memory_equal(line, begins[i], strlen(begins[i]));
		free(line);
		if (i == 0)
			close(fd);
		else
			assert_closed(*state, fd);
	}
	assert_serves(*state);
}

static void a_line_without_end_is_cut_off(void **state)
{
	struct desk *d = *state;
	int fd = desk_connect(d);

	desk_say(fd, "{\"command\":");
	desk_serve(d);
	d->now.ms += 9999;
	ctl_work(d->ctl, d->now);
	assert_open(d, fd);
	desk_say(fd, " "); /* which is no reason to wait longer */
	desk_serve(d);
	d->now.ms += 1;
	ctl_work(d->ctl, d->now);
	assert_closed(d, fd);
}

static void a_half_open_client_gets_its_answer(void **state)
{
	int fd = desk_connect(*state);

	desk_say(fd, "{\"command\":\"version\"}\n");
	shutdown(fd, SHUT_WR);
	char *line = desk_hear(*state, fd);
	assert_non_null(line);
	free(line);
	assert_closed(*state, fd);
}

static void an_unfinished_request_is_forgotten(void **state)
{
	int fd = desk_connect(*state);

	desk_say(fd, "{\"command\":\"version\"}");
	shutdown(fd, SHUT_WR);
	assert_closed(*state, fd);
}

static void a_hundred_clients_are_all_served(void **state)
{
	int fds[100];

	for (size_t i = 0; i < 100; i++) {
		fds[i] = desk_connect(*state);
		desk_say(fds[i], "{\"command\":\"version\"}\n");
	}
	/* Each place that becomes free is taken by the next. */
	for (size_t i = 0; i < 100; i++) {
		char *line = desk_hear(*state, fds[i]);

		assert_non_null(line);
		free(line);
		close(fds[i]);
	}
}

static void expect_version(struct desk *d, int fd)
{
	char *line = desk_hear(d, fd);

	assert_non_null(line);
	free(line);
	close(fd);
}

/* Who has been silent for the longest gives way; the others may go on being so. */
static void silent_clients_keep_others_waiting_but_not_for_long(void **state)
{
	struct desk *d = *state;
	int silent[16], late;

	for (size_t i = 0; i < 16; i++)
		silent[i] = desk_connect(d);
	desk_serve(d);
	d->now.ms += 100;
	desk_say(silent[0], "{\"command\":\"version\"}\n");
	free(desk_hear(d, silent[0]));
	late = desk_connect(d);
	desk_say(late, "{\"command\":\"version\"}\n");
	d->now.ms += 399;
	assert_open(d, late);
	d->now.ms += 1;
	ctl_work(d->ctl, d->now);
	expect_version(d, late);
	assert_closed(d, silent[1]);
	/* Nobody else waits. */
	for (size_t i = 2; i < 16; i++)
		assert_open(d, silent[i]);
	d->now.ms += 9500;
	ctl_work(d->ctl, d->now);
	assert_open(d, silent[0]);
	for (size_t i = 2; i < 16; i++)
		assert_closed(d, silent[i]);
	close(silent[0]);
}

/* ABU-2: eight rounds of sixteen that say nothing, or half of something, and one who wants an answer. */
static void a_crowd_of_silent_clients_is_seen_through(void **state)
{
	struct desk *d = *state;
	int silent[120], late;
	uint64_t began;

	for (size_t i = 0; i < 120; i++) {
		silent[i] = desk_connect(d);
		if (i % 2)
			desk_say(silent[i], "{\"command\":\"ver");
	}
	late = desk_connect(d);
	desk_say(late, "{\"command\":\"version\"}\n");
	for (began = d->now.ms; d->now.ms < began + 4000; d->now.ms += 500)
		for (int turn = 0; turn < 100; turn++)
			ctl_work(d->ctl, d->now);
	expect_version(d, late);
	for (size_t i = 0; i < 120; i++)
		close(silent[i]);
}

static void the_descriptor_tells_when_time_is_up(void **state)
{
	struct desk *d = *state;
	struct pollfd p = { .fd = ctl_descriptor(d->ctl), .events = POLLIN };
	int fd = desk_connect(d);

	desk_serve(d);
	assert_int_equal(poll(&p, 1, 0), 0);
	d->now.ms += 9995;
	ctl_work(d->ctl, d->now);
	assert_int_equal(poll(&p, 1, 5000), 1);
	d->now.ms += 5;
	ctl_work(d->ctl, d->now);
	assert_closed(d, fd);
}

static void garbage_is_answered(void **state)
{
	uint64_t seed = 1;

	for (size_t turn = 0; turn < 200; turn++) {
		char garbage[2000];
		int fd = desk_connect(*state);

		for (size_t i = 0; i < sizeof(garbage); i++) {
			seed = seed * 6364136223846793005 + 1442695040888963407;
			garbage[i] = (char)(seed >> 56);
		}
		garbage[1999] = '\n';
		assert_int_equal(send(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
		char *line = desk_hear(*state, fd);
		assert_non_null(line);
		assert_non_null(strstr(line, "\"ok\":false"));
		free(line);
		close(fd);
	}
	assert_serves(*state);
}

static void clients_that_leave_are_forgotten(void **state)
{
	for (size_t i = 0; i < 100; i++) {
		int fd = desk_connect(*state);

		desk_say(fd, "{\"command\":\"counters\"}\n{\"command\":\"routes\"}\n");
		if (i % 2)
			ctl_work(((struct desk *)*state)->ctl, ((struct desk *)*state)->now);
		close(fd);
	}
	desk_serve(*state);
	assert_serves(*state);
}

/* The file. */

static struct stat stat_of(const char *path)
{
	struct stat s;

	assert_int_equal(lstat(path, &s), 0);
	return s;
}

static void the_file_is_open_to_owner_and_group(void **state)
{
	struct desk *d = *state;
	struct io_error error;
	struct stat s = stat_of(d->path);
	mode_t mask = umask(0777);

	assert_true(S_ISSOCK(s.st_mode));
	assert_int_equal(s.st_mode & 07777, 0660);
	ctl_close(d->ctl);
	assert_int_equal(ctl_open(&d->ctl, d->path, d->gateway, &error), 0);
	umask(mask);
	assert_int_equal(stat_of(d->path).st_mode & 07777, 0660);
}

static void a_second_gateway_is_refused(void **state)
{
	struct desk *d = *state;
	struct io_error error = { "" };
	struct ctl *second;

	assert_int_equal(ctl_open(&second, d->path, d->gateway, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, d->path));
	assert_non_null(strstr(error.text, "another gateway"));
	desk_serve(d);
	assert_serves(d);
}

static void a_socket_left_behind_is_replaced(void **state)
{
	struct desk *d = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct io_error error;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ctl_close(d->ctl);
	strcpy(address.sun_path, d->path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_true(S_ISSOCK(stat_of(d->path).st_mode));
	assert_int_equal(ctl_open(&d->ctl, d->path, d->gateway, &error), 0);
	assert_serves(d);
}

static void other_files_are_left_alone(void **state)
{
	struct desk *d = *state;
	struct io_error error = { "" };
	struct ctl *second;

	assert_int_equal(ctl_open(&second, d->file, d->gateway, &error), -EEXIST);
	assert_non_null(strstr(error.text, "no socket"));
	assert_true(S_ISREG(stat_of(d->file).st_mode));
}

static void what_took_the_place_of_the_socket_stays(void **state)
{
	struct desk *d = *state;
	struct io_error error;

	assert_int_equal(unlink(d->path), 0);
	FILE *f = fopen(d->path, "w");
	assert_non_null(f);
	fclose(f);
	ctl_close(d->ctl);
	assert_true(S_ISREG(stat_of(d->path).st_mode));
	assert_int_equal(unlink(d->path), 0);
	assert_int_equal(ctl_open(&d->ctl, d->path, d->gateway, &error), 0);
}

static void paths_that_cannot_be_are_refused(void **state)
{
	struct desk *d = *state;
	struct io_error error = { "" };
	char longest[200], nowhere[100];
	struct ctl *second;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(ctl_open(&second, longest, d->gateway, &error), -ENAMETOOLONG);
	assert_non_null(strstr(error.text, "shorter"));
	snprintf(nowhere, sizeof(nowhere), "%s/no/where", d->dir);
	assert_int_equal(ctl_open(&second, nowhere, d->gateway, &error), -ENOENT);
	assert_non_null(strstr(error.text, "no such directory"));
}

#define DESK_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		DESK_TEST(every_command_answers),
		DESK_TEST(faults_say_what_would_be_right),
		DESK_TEST(ok_is_the_last_member),
		DESK_TEST(a_connection_serves_many_requests),
		DESK_TEST(a_request_may_be_as_long_as_a_line),
		DESK_TEST(a_line_without_end_is_cut_off),
		DESK_TEST(a_half_open_client_gets_its_answer),
		DESK_TEST(an_unfinished_request_is_forgotten),
		DESK_TEST(a_hundred_clients_are_all_served),
		DESK_TEST(silent_clients_keep_others_waiting_but_not_for_long),
		DESK_TEST(a_crowd_of_silent_clients_is_seen_through),
		DESK_TEST(the_descriptor_tells_when_time_is_up),
		DESK_TEST(garbage_is_answered),
		DESK_TEST(clients_that_leave_are_forgotten),
		DESK_TEST(the_file_is_open_to_owner_and_group),
		DESK_TEST(a_second_gateway_is_refused),
		DESK_TEST(a_socket_left_behind_is_replaced),
		DESK_TEST(other_files_are_left_alone),
		DESK_TEST(what_took_the_place_of_the_socket_stays),
		DESK_TEST(paths_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
