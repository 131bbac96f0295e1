/* What replies say: listings with filters and limits, and the numbers of the others. */
#include "ctl_desk.h"

enum { UDP_SESSIONS = 600, SESSIONS = UDP_SESSIONS + 2 };

/* A gateway through which two hosts have talked: 600 times UDP, twice TCP, once nonsense. Nobody
 * answers for its workers. */
static int setup_silent(void **state)
{
	struct packet nonsense = { .octets = { 0x45, 0, 0, 20 }, .len = 4 };
	struct desk *d = desk_new();

	for (unsigned i = 0; i < UDP_SESSIONS; i++) {
		char way[WAY_TEXT];

		snprintf(way, sizeof(way), "192.168.7.2:%u > 198.51.100.9:53", 5000 + i);
		struct packet p = udp(way, 4);
		desk_push(d, &p);
	}
	for (unsigned i = 0; i < 2; i++) {
		static const char *const ways[] = { "192.168.7.3:6000 > 198.51.100.9:443",
						    "192.168.7.3:6001 > 198.51.100.9:443" };
		struct packet p = tcp(ways[i], SYN, 1000, 0, 0);
		desk_push(d, &p);
	}
	desk_push(d, &nonsense);
	desk_settle(d);
	*state = d;
	return 0;
}

static int setup(void **state)
{
	setup_silent(state);
	desk_run(*state);
	return 0;
}

static int teardown(void **state)
{
	desk_free(*state);
	return 0;
}

static size_t rows_of(struct desk *d, const char *request, const char *listing)
{
	json_t *reply = desk_ask(d, request);
	size_t count = json_array_size(json_object_get(reply, listing));

	assert_true(desk_is_ok(reply));
	json_decref(reply);
	return count;
}

static void filters_narrow(void **state)
{
	static const struct { const char *filter; size_t sessions; } cases[] = {
		{ "", SESSIONS },
		{ ", \"proto\": \"udp\"", UDP_SESSIONS },
		{ ", \"proto\": \"tcp\"", 2 },
		{ ", \"proto\": \"icmp\"", 0 },
		{ ", \"inside\": \"192.168.7.2\"", UDP_SESSIONS },
		{ ", \"inside\": \"192.168.7.3\"", 2 },
		{ ", \"inside\": \"192.168.7.3:6001\"", 1 },
		{ ", \"inside\": \"192.168.7.2:6001\"", 0 },
		{ ", \"outside\": \"203.0.113.5\"", SESSIONS },
		{ ", \"outside\": \"203.0.113.5:5001\"", 1 },
		{ ", \"outside\": \"203.0.113.1\"", 0 },
		{ ", \"remote\": \"198.51.100.9:443\"", 2 },
		{ ", \"remote\": \"198.51.100.9:443\", \"inside\": \"192.168.7.2\"", 0 },
		{ ", \"remote\": \"198.51.100.8\"", 0 },
		{ ", \"state\": \"init\"", 2 },
		{ ", \"state\": \"-\"", UDP_SESSIONS },
		{ ", \"state\": \"established\"", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char request[256];

		snprintf(request, sizeof(request), "{\"command\": \"sessions\"%s}", cases[i].filter);
		size_t rows = rows_of(*state, request, "sessions");
		if (rows != cases[i].sessions)
			fail_msg("%s: %zu rows", request, rows);
	}
}

static void mappings_are_filtered_too(void **state)
{
	assert_int_equal(rows_of(*state, "{\"command\": \"mappings\", \"proto\": \"udp\"}",
				 "mappings"), UDP_SESSIONS);
	assert_int_equal(rows_of(*state, "{\"command\": \"mappings\", \"inside\": \"192.168.7.3\"}",
				 "mappings"), 2);
	assert_int_equal(rows_of(*state, "{\"command\": \"mappings\", \"limit\": 5}", "mappings"), 5);
}

static void limits_cut_and_say_so(void **state)
{
	static const struct { int limit; size_t rows; bool truncated; } cases[] = {
		{ 1, 1, true }, { 256, 256, true }, { 257, 257, true },
		{ SESSIONS - 1, SESSIONS - 1, true }, { SESSIONS, SESSIONS, false },
		{ SESSIONS + 1, SESSIONS, false }, { 0, SESSIONS, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char request[64];

		snprintf(request, sizeof(request), "{\"command\": \"sessions\", \"limit\": %d}",
			 cases[i].limit);
		json_t *reply = desk_ask(*state, request);
		const json_t *truncated = json_object_get(reply, "truncated");
		assert_int_equal(json_array_size(json_object_get(reply, "sessions")), cases[i].rows);
		assert_true(json_is_boolean(truncated));
		assert_int_equal(json_is_true(truncated), cases[i].truncated);
		json_decref(reply);
	}
}

static void every_session_is_listed_once(void **state)
{
	json_t *reply = desk_ask(*state, "{\"command\": \"sessions\", \"proto\": \"udp\"}");
	const json_t *sessions = json_object_get(reply, "sessions"), *session;
	bool seen[UDP_SESSIONS] = { false };
	size_t i;

	json_array_foreach(sessions, i, session) {
		const char *inside = json_string_value(json_object_get(session, "inside"));
		int port = 0;

		assert_int_equal(sscanf(inside, "192.168.7.2:%d", &port), 1);
		assert_in_range(port, 5000, 5000 + UDP_SESSIONS - 1);
		assert_false(seen[port - 5000]);
		seen[port - 5000] = true;
	}
	assert_int_equal(i, UDP_SESSIONS);
	json_decref(reply);
}

static void a_session_in_full(void **state)
{
	json_t *reply = desk_ask(*state, "{\"command\": \"sessions\", "
					"\"inside\": \"192.168.7.3:6000\"}");
	json_t *session = json_array_get(json_object_get(reply, "sessions"), 0);

	assert_non_null(session);
	assert_in_range(json_integer_value(json_object_get(session, "expires_ms")), 1, 240000);
	assert_in_range(json_integer_value(json_object_get(session, "idle_ms")), 0, 60000);
	assert_true(json_is_integer(json_object_get(session, "id")));
	json_object_del(session, "expires_ms");
	json_object_del(session, "idle_ms");
	json_object_del(session, "id");
	char *text = json_dumps(session, JSON_COMPACT);
	assert_string_equal(text, "{\"worker\":0,\"proto\":\"tcp\",\"inside\":\"192.168.7.3:6000\","
				  "\"outside\":\"203.0.113.5:6000\",\"remote\":\"198.51.100.9:443\","
				  "\"state\":\"init\",\"packets_out\":1,\"octets_out\":40,"
				  "\"packets_in\":0,\"octets_in\":0,\"forward\":false}");
	free(text);
	json_decref(reply);
}

static void a_mapping_in_full(void **state)
{
	json_t *reply = desk_ask(*state, "{\"command\": \"mappings\", "
					"\"inside\": \"192.168.7.2:5000\"}");
	json_t *mapping = json_array_get(json_object_get(reply, "mappings"), 0);

	assert_true(json_is_integer(json_object_get(mapping, "id")));
	json_object_del(mapping, "id");
	char *text = json_dumps(mapping, JSON_COMPACT);
	assert_string_equal(text, "{\"worker\":0,\"proto\":\"udp\",\"inside\":\"192.168.7.2:5000\","
				  "\"outside\":\"203.0.113.5:5000\",\"sessions\":1,"
				  "\"forward\":false}");
	free(text);
	json_decref(reply);
}

static json_int_t number_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void status_sums_its_workers(void **state)
{
	struct desk *d = *state;
	json_t *reply = desk_ask(d, "{\"command\": \"status\"}");
	const json_t *workers = json_object_get(reply, "workers"), *worker;
	json_int_t sessions = 0, sent = 0;
	size_t i;

	json_array_foreach(workers, i, worker) {
		assert_int_equal(number_of(worker, "worker"), i);
		assert_true(number_of(worker, "sessions") > 0);
		sessions += number_of(worker, "sessions");
		sent += number_of(worker, "packets_sent");
	}
	assert_int_equal(i, DESK_WORKERS);
	assert_int_equal(sessions, SESSIONS);
	assert_int_equal(number_of(reply, "sessions"), SESSIONS);
	assert_int_equal(number_of(reply, "sessions_created"), SESSIONS);
	assert_int_equal(number_of(reply, "sessions_ended"), 0);
	assert_int_equal(number_of(reply, "sessions_most"), 65536);
	assert_int_equal(number_of(json_object_get(reply, "ports"), "udp"), UDP_SESSIONS);
	assert_int_equal(number_of(json_object_get(reply, "ports"), "tcp"), 2);
	assert_int_equal(number_of(reply, "packets_sent"), SESSIONS);
	assert_int_equal(sent, SESSIONS);
	assert_int_equal(number_of(reply, "pid"), getpid());
	assert_int_equal(number_of(reply, "uptime_ms"), d->now.ms - d->gateway->started.ms);
	assert_string_equal(json_string_value(json_object_get(reply, "file")), d->file);
	json_decref(reply);
}

/* The named row of an array of counters. */
static const json_t *counter_of(const json_t *counters, const char *name)
{
	const json_t *counter;
	size_t i;

	json_array_foreach(counters, i, counter)
		if (strcmp(json_string_value(json_object_get(counter, "name")), name) == 0)
			return counter;
	fail_msg("no counter %s", name);
	return NULL;
}

static void counters_sum_their_workers(void **state)
{
	struct desk *d = *state;
	json_t *reply = desk_ask(d, "{\"command\": \"counters\"}");
	const json_t *packets = json_object_get(reply, "packets");
	const json_t *drops = json_object_get(reply, "drops"), *counter;
	size_t i;

	assert_int_equal(json_array_size(drops), REASON_COUNT - 1);
	assert_int_equal(number_of(counter_of(packets, "sent"), "total"), SESSIONS);
	json_array_foreach(drops, i, counter) {
		const enum reason reason = (enum reason)i + 1;
		const json_t *workers = json_object_get(counter, "workers");
		json_int_t sum = 0;

		assert_string_equal(json_string_value(json_object_get(counter, "name")),
				    reason_name(reason));
		assert_string_equal(json_string_value(json_object_get(counter, "help")),
				    reason_help(reason));
		assert_int_equal(json_array_size(workers), DESK_WORKERS);
		for (size_t w = 0; w < DESK_WORKERS; w++)
			sum += json_integer_value(json_array_get(workers, w));
		assert_int_equal(number_of(counter, "total"), sum);
	}
	json_decref(reply);
}

static void drops_are_counted_by_name(void **state)
{
	json_t *reply = desk_ask(*state, "{\"command\": \"counters\"}");
	const json_t *counter = counter_of(json_object_get(reply, "drops"), "short");
	char *text = json_dumps(counter, JSON_COMPACT);

	assert_string_equal(text, "{\"name\":\"short\",\"help\":\"fewer octets than the headers "
				  "need\",\"total\":1,\"workers\":[1,0]}");
	free(text);
	json_decref(reply);
}

static void interfaces_tell_links_and_traffic(void **state)
{
	json_t *reply = desk_ask(*state, "{\"command\": \"interfaces\"}");
	json_t *interfaces = json_object_get(reply, "interfaces");
	char *text = json_dumps(interfaces, JSON_COMPACT);
	char expected[1024];

	snprintf(expected, sizeof(expected),
		 "[{\"name\":\"lan0\",\"type\":\"mem\",\"side\":\"inside\",\"device\":\"lan0\","
		 "\"netns\":null,\"up\":true,\"state\":\"up\",\"why\":null,\"mtu\":1500,\"offload\":\"off\","
		 "\"addresses\":[\"192.168.7.1/24\"],"
		 "\"packets_in\":%d,\"octets_in\":%d,\"packets_out\":0,\"octets_out\":0,"
		 "\"missed\":0},"
		 "{\"name\":\"wan0\",\"type\":\"mem\",\"side\":\"outside\",\"device\":\"wan0\","
		 "\"netns\":null,\"up\":true,\"state\":\"up\",\"why\":null,\"mtu\":1400,\"offload\":\"off\","
		 "\"addresses\":[\"203.0.113.1/24\"],"
		 "\"packets_in\":0,\"octets_in\":0,\"packets_out\":%d,\"octets_out\":%d,"
		 "\"missed\":0}]",
		 SESSIONS + 1, UDP_SESSIONS * 32 + 84, SESSIONS, UDP_SESSIONS * 32 + 80);
	assert_string_equal(text, expected);
	free(text);
	json_decref(reply);
}

static void assert_route(const json_t *routes, const char *expected)
{
	const json_t *route;
	size_t i;

	json_array_foreach(routes, i, route) {
		char *text = json_dumps(route, JSON_COMPACT);
		bool found = strcmp(text, expected) == 0;

		free(text);
		if (found)
			return;
	}
	fail_msg("no route %s", expected);
}

/* Neither by source nor of another table of the kernel's than main. */
#define FOR_ALL "\"from\":null,\"table\":null,"

static void routes_of_every_origin_are_listed(void **state)
{
	json_t *reply = desk_ask(*state, "{\"command\": \"routes\"}");
	const json_t *routes = json_object_get(reply, "routes");

	assert_route(routes, "{\"prefix\":\"0.0.0.0/0\"," FOR_ALL
			     "\"kind\":\"via\",\"via\":\"203.0.113.254\","
			     "\"interface\":\"wan0\",\"metric\":0,\"origin\":\"static\","
			     "\"best\":true}");
	assert_route(routes, "{\"prefix\":\"10.0.0.0/8\"," FOR_ALL
			     "\"kind\":\"blackhole\",\"via\":null,"
			     "\"interface\":null,\"metric\":0,\"origin\":\"static\",\"best\":true}");
	assert_route(routes, "{\"prefix\":\"192.168.7.0/24\"," FOR_ALL
			     "\"kind\":\"link\",\"via\":null,"
			     "\"interface\":\"lan0\",\"metric\":0,\"origin\":\"connected\","
			     "\"best\":true}");
	assert_route(routes, "{\"prefix\":\"203.0.113.5/32\"," FOR_ALL
			     "\"kind\":\"pool\",\"via\":null,"
			     "\"interface\":null,\"metric\":0,\"origin\":\"local\",\"best\":true}");
	assert_route(routes, "{\"prefix\":\"10.0.0.0/8\",\"from\":\"192.168.7.64/26\",\"table\":null,"
			     "\"kind\":\"prohibit\",\"via\":null,\"interface\":null,\"metric\":0,"
			     "\"origin\":\"static\",\"best\":true}");
	json_decref(reply);
	assert_int_equal(rows_of(*state, "{\"command\": \"routes\", \"limit\": 2}", "routes"), 2);
}

/* Abuse of long replies. */

static const char all[] = "{\"command\": \"sessions\"}\n";

enum { LAZY_REQUESTS = 64 };

static void who_does_not_read_is_cut_off(void **state)
{
	struct desk *d = *state;
	int lazy = desk_connect(d), brisk;

	for (size_t i = 0; i < LAZY_REQUESTS; i++)
		desk_say(lazy, all);
	for (size_t i = 0; i < 1000; i++)
		ctl_work(d->ctl, d->now);
	brisk = desk_connect(d);
	desk_say(brisk, all);
	char *line = desk_hear(d, brisk);
	assert_non_null(line);
	free(line);
	d->now.ms += 10000;
	ctl_work(d->ctl, d->now);
	size_t answers = 0;
	while ((line = desk_hear(d, lazy)) != NULL) {
		free(line);
		answers++;
	}
	assert_true(answers < LAZY_REQUESTS);
	close(lazy);
	close(brisk);
}

static void who_leaves_in_the_middle_is_forgotten(void **state)
{
	struct desk *d = *state;

	for (size_t i = 0; i < 40; i++) {
		int fd = desk_connect(d);

		desk_say(fd, all);
		ctl_work(d->ctl, d->now);
		ctl_work(d->ctl, d->now);
		close(fd);
	}
	assert_int_equal(rows_of(d, "{\"command\": \"sessions\"}", "sessions"), SESSIONS);
}

static void a_worker_that_is_stuck_is_named(void **state)
{
	struct desk *d = *state;

	json_t *reply = desk_ask(d, "{\"command\": \"sessions\"}");
	assert_true(json_is_false(json_object_get(reply, "ok")));
	assert_true(json_is_true(json_object_get(reply, "truncated")));
	assert_non_null(strstr(json_string_value(json_object_get(reply, "error")), "worker 0"));
	json_decref(reply);
	reply = desk_ask(d, "{\"command\": \"counters\"}");
	assert_true(desk_is_ok(reply));
	json_decref(reply);
}

static void a_reload_ends_a_listing_of_routes(void **state)
{
	struct desk *d = *state;
	struct io_error error;
	int fd = desk_connect(d);

	/* One turn to accept, one to read and to make the first piece. */
	desk_say(fd, "{\"command\": \"routes\"}\n");
	ctl_work(d->ctl, d->now);
	ctl_work(d->ctl, d->now);
	assert_int_equal(gateway_reload(d->gateway, desk_write_conf(d), &error), 0);
	char *line = desk_hear(d, fd);
	assert_non_null(strstr(line, "\"kind\":\"prohibit\""));
	assert_non_null(strstr(line, "\"error\":\"the configuration was replaced meanwhile"));
	free(line);
	close(fd);
	assert_true(rows_of(d, "{\"command\": \"routes\"}", "routes") > DESK_ROUTES);
}

#define DESK_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		DESK_TEST(filters_narrow),
		DESK_TEST(mappings_are_filtered_too),
		DESK_TEST(limits_cut_and_say_so),
		DESK_TEST(every_session_is_listed_once),
		DESK_TEST(a_session_in_full),
		DESK_TEST(a_mapping_in_full),
		DESK_TEST(status_sums_its_workers),
		DESK_TEST(counters_sum_their_workers),
		DESK_TEST(drops_are_counted_by_name),
		DESK_TEST(interfaces_tell_links_and_traffic),
		DESK_TEST(routes_of_every_origin_are_listed),
		DESK_TEST(who_does_not_read_is_cut_off),
		DESK_TEST(who_leaves_in_the_middle_is_forgotten),
		cmocka_unit_test_setup_teardown(a_worker_that_is_stuck_is_named, setup_silent,
						teardown),
		/* ThreadSanitizer cannot see how liburcu waits for workers: without them. */
		cmocka_unit_test_setup_teardown(a_reload_ends_a_listing_of_routes, setup_silent,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
