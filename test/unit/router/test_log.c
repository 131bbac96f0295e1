/* The logging thread: every event is sent, limited or lost, and counted as such. */
#include "log_events.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "router/conf.h"
#include "router/log.h"

enum { WORKERS = 2, PATIENCE_MS = 5000 };

/* Somebody who listens at a path, or may. */
struct listener {
	char path[64];
	int fd;
};

static void listen_at(struct listener *l, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(l->path, sizeof(l->path), P_tmpdir "/%s.%d", name, (int)getpid());
	unlink(l->path);
	memcpy(a.sun_path, l->path, strlen(l->path) + 1);
	l->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l->fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

static void listen_no_more(struct listener *l)
{
	close(l->fd);
	unlink(l->path);
}

/* The next message, or NULL after so long. */
static const char *hear(struct listener *l, int wait_ms)
{
	static char text[2048];
	struct pollfd wait = { .fd = l->fd, .events = POLLIN };
	ssize_t len;

	if (poll(&wait, 1, wait_ms) != 1)
		return NULL;
	len = recv(l->fd, text, sizeof(text) - 1, 0);
	assert_true(len > 0);
	text[len] = '\0';
	return text;
}

static void adopt(struct log *l, const struct listener *at, uint32_t per_second)
{
	struct conf_collector k = { .kind = COLLECTOR_SYSLOG };
	struct conf c = { .log = { &k, at != NULL, false, per_second } };
	struct log_outlet *o;
	struct io_error error;

	if (at)
		memcpy(k.path, at->path, strlen(at->path) + 1);
	assert_int_equal(log_outlet_new(&o, &c, &error), 0);
	log_adopt(l, o);
}

static struct log *log_to(const struct listener *at, uint32_t per_second)
{
	struct log *l;

	assert_int_equal(log_new(&l, WORKERS), 0);
	adopt(l, at, per_second);
	return l;
}

/* A mapping of a port that only this event is about. */
static void note(struct log *l, uint16_t worker, uint16_t port)
{
	struct nat_event e = mapping_event(EVENT_MAPPING_CREATED);

	e.inside.port = be16_from(port);
	log_queue_push(log_queue_of(l, worker), &e);
}

static void assert_about(const char *message, unsigned port)
{
	char expected[32];

	assert_non_null(message);
	snprintf(expected, sizeof(expected), " inside-port=\"%u\"", port);
	assert_non_null(strstr(message, expected));
}

static void sends_what_every_worker_notes(void **state)
{
	struct listener at;
	struct log *l;

	(void)state;
	listen_at(&at, "all");
	l = log_to(&at, 1000);
	assert_int_equal(log_start(l), 0);
	for (uint16_t i = 0; i < 100; i++) {
		note(l, i % WORKERS, (uint16_t)(1000 + i));
		assert_about(hear(&at, PATIENCE_MS), 1000u + i);
	}
	while (log_counters(l).sent < 100)
		sched_yield();
	assert_int_equal(log_counters(l).sent, 100);
	assert_int_equal(log_counters(l).lost, 0);
	log_free(l);
	listen_no_more(&at);
}

/* What was noted in time is said before the end. */
static void says_its_last_words(void **state)
{
	struct listener at;
	struct log *l;

	(void)state;
	listen_at(&at, "last");
	l = log_to(&at, 1000);
	for (uint16_t i = 0; i < 8; i++)
		note(l, 0, (uint16_t)(1000 + i));
	assert_int_equal(log_start(l), 0);
	log_free(l);
	for (uint16_t i = 0; i < 8; i++)
		assert_about(hear(&at, 0), 1000u + i);
	assert_null(hear(&at, 0));
	listen_no_more(&at);
}

/* LOG-SYS: nobody reads. Workers push as ever, and in the end the sums are right. */
static void a_reader_that_stops_costs_records_only(void **state)
{
	enum { NOTED = 50000 };
	struct log_counters c;
	struct listener at;
	struct log *l;

	(void)state;
	listen_at(&at, "stops");
	l = log_to(&at, 1000000);
	assert_int_equal(log_start(l), 0);
	for (uint32_t i = 0; i < NOTED; i++)
		note(l, i % WORKERS, (uint16_t)i);
	do {
		sched_yield();
		c = log_counters(l);
	} while (c.sent + c.lost < NOTED);
	assert_int_equal(c.sent + c.lost, NOTED);
	assert_int_equal(c.limited, 0);
	assert_true(c.lost > NOTED / 2);
	log_free(l);
	listen_no_more(&at);
}

/* What happened before a change belongs to the collector of before; without one nothing is taken
 * out, nor lost. */
static void follows_a_change(void **state)
{
	struct listener one, two;
	struct log *l;

	(void)state;
	listen_at(&one, "one");
	listen_at(&two, "two");
	l = log_to(&one, 1000);
	assert_int_equal(log_start(l), 0);
	note(l, 0, 1);
	assert_about(hear(&one, PATIENCE_MS), 1);
	note(l, 0, 2);
	adopt(l, &two, 1000);
	assert_about(hear(&one, PATIENCE_MS), 2);
	do
		note(l, 1, 3);
	while (!hear(&two, 1));
	adopt(l, NULL, 1000);
	while (hear(&one, 0))
		continue;
	log_free(l);
	listen_no_more(&one);
	listen_no_more(&two);
}

/* A change that the thread never saw is replaced. */
static void only_the_last_change_counts(void **state)
{
	struct listener one, two;
	struct log *l;

	(void)state;
	listen_at(&one, "early");
	listen_at(&two, "late");
	l = log_to(&one, 1000);
	adopt(l, &two, 1000);
	assert_int_equal(log_start(l), 0);
	note(l, 0, 1);
	assert_about(hear(&two, PATIENCE_MS), 1);
	assert_null(hear(&one, 0));
	log_free(l);
	listen_no_more(&one);
	listen_no_more(&two);
}

static void counts_what_is_beyond_the_rate(void **state)
{
	struct listener at;
	struct log *l;

	(void)state;
	listen_at(&at, "rate");
	l = log_to(&at, 5);
	for (uint16_t i = 0; i < 20; i++)
		note(l, 0, i);
	assert_int_equal(log_start(l), 0);
	for (uint16_t i = 0; i < 5; i++)
		assert_about(hear(&at, PATIENCE_MS), i);
	while (log_counters(l).limited < 15)
		sched_yield();
	assert_null(hear(&at, 0));
	while (log_counters(l).sent < 5)
		sched_yield();
	assert_int_equal(log_counters(l).sent, 5);
	assert_int_equal(log_counters(l).limited, 15);
	log_free(l);
	listen_no_more(&at);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_what_every_worker_notes),
		cmocka_unit_test(says_its_last_words),
		cmocka_unit_test(a_reader_that_stops_costs_records_only),
		cmocka_unit_test(follows_a_change), cmocka_unit_test(only_the_last_change_counts),
		cmocka_unit_test(counts_what_is_beyond_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
