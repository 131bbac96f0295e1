/*
 * Clocks that jump: this program's clock_gettime() stands in front of the kernel's. What people set is read by
 * nobody but the log; what sessions and talks go by is CLOCK_MONOTONIC, which the kernel never turns back.
 */
#include "rig.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "log_events.h"
#include "router/log.h"
#include "worker_core.h"

enum { START_MS = 1000000, UDP_S = 300, DAY_S = 86400 };

static const struct setting plain[] = RIG_WIDTHS();

/* Milliseconds of either clock, as of now; read by threads. */
struct clocks { int64_t monotonic, real; };

static struct clocks *clocks(void)
{
	static struct clocks c = { .monotonic = START_MS, .real = 1700000000000 };

	return &c;
}

static void move(int64_t *clock, int64_t by_ms)
{
	__atomic_fetch_add(clock, by_ms, __ATOMIC_SEQ_CST);
}

/* What nobody here moves is the kernel's. */
int clock_gettime(clockid_t which, struct timespec *t)
{
	int64_t ms;

	if (which != CLOCK_MONOTONIC && which != CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, which, t);
	ms = __atomic_load_n(which == CLOCK_REALTIME ? &clocks()->real : &clocks()->monotonic,
			     __ATOMIC_SEQ_CST);
	*t = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	return 0;
}

/* Somebody sets the time of day: ten years back, and twenty ahead; or a second. */
static const int64_t jumps_ms[] = { -3650ll * DAY_S * 1000, 7300ll * DAY_S * 1000, -1000, 1000, -1 };

enum { JUMPS = sizeof(jumps_ms) / sizeof(jumps_ms[0]) };

static void readings(void **state)
{
	(void)state;
	for (size_t i = 0; i < JUMPS; i++) {
		uint64_t before = gateway_now().ms;

		assert_int_equal(worker_clock().ms, before);
		move(&clocks()->real, jumps_ms[i]);
		assert_int_equal(gateway_now().ms, before);
		assert_int_equal(worker_clock().ms, before);
		move(&clocks()->monotonic, 250);
		assert_int_equal(gateway_now().ms, before + 250);
		assert_int_equal(worker_clock().ms, before + 250);
	}
}

static struct nat_gauges gauges(const struct rig *r)
{
	struct nat_gauges sum = { 0 };
	struct worker_answer a;

	for (uint16_t i = 0; i < r->workers; i++) {
		assert_int_equal(worker_ask(r->gateway->workers[i], ASK_GAUGES, 0, &a), 0);
		sum.sessions += a.gauges.sessions;
		sum.sessions_ended += a.gauges.sessions_ended;
	}
	return sum;
}

/* Each worker has read the clock after this. */
static void take_turns(const struct rig *r)
{
	for (uint16_t i = 0; i < r->workers; i++) {
		const struct worker *w = r->gateway->workers[i];
		uint64_t turns = worker_turns(w);
		const uint64_t one = 1;

		while (worker_turns(w) < turns + 2)
			if (write(r->gateway->links.wakeups[i], &one, sizeof(one)) == sizeof(one))
				sched_yield();
	}
}

static void open_sessions(struct rig *r)
{
	struct packet sent;

	r->now = gateway_now();
	for (unsigned i = 0; i < 8; i++) {
		char way[WAY_TEXT];

		snprintf(way, sizeof(way), "10.0.0.10:%u > 203.0.113.9:53", 5000 + i);
		sent = udp(way, 10);
		rig_pass(r, LAN0, &sent, WAN0);
	}
}

/* Sessions live as long as they should, whatever people set their clocks to; and if the gateway was stopped for
 * an hour, they are over when it goes on. */
static void sessions(void **state)
{
	struct rig *r = *state;

	open_sessions(r);
	rig_start_threads(r);
	for (size_t i = 0; i < JUMPS; i++) {
		move(&clocks()->real, jumps_ms[i]);
		take_turns(r);
		assert_int_equal(gauges(r).sessions, 8);
	}
	move(&clocks()->monotonic, UDP_S * 1000 - 1000);
	take_turns(r);
	assert_int_equal(gauges(r).sessions, 8);
	move(&clocks()->monotonic, 3600000);
	take_turns(r);
	assert_int_equal(gauges(r).sessions, 0);
	assert_int_equal(gauges(r).sessions_ended, 8);
	rig_stop_threads(r);
}

static int listen_at(char *path, size_t room)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(path, room, P_tmpdir "/clock.%d", (int)getpid());
	unlink(path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static struct log *log_to(const char *path)
{
	struct conf_collector k = { .kind = COLLECTOR_SYSLOG };
	struct conf c = { .log = { &k, 1, false, 1000 } };
	struct log_outlet *o;
	struct io_error error;
	struct log *l;

	memcpy(k.path, path, strlen(path) + 1);
	assert_int_equal(log_new(&l, 1), 0);
	assert_int_equal(log_outlet_new(&o, &c, &error), 0);
	log_adopt(l, o);
	assert_int_equal(log_start(l), 0);
	return l;
}

/* When it happened, by the clock that people have now. */
static void the_log(void **state)
{
	char path[64], expected[32];
	int fd = listen_at(path, sizeof(path));
	struct log *l = log_to(path);

	(void)state;
	for (size_t i = 0; i < JUMPS; i++) {
		struct nat_event e = mapping_event(EVENT_MAPPING_CREATED);
		char text[1024] = { 0 };
		time_t at;

		move(&clocks()->real, jumps_ms[i]);
		e.at = (nat_time){ gateway_now().ms - 2000 };
		log_queue_push(log_queue_of(l, 0), &e);
		assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
		at = (time_t)(clocks()->real / 1000 - 2);
		strftime(expected, sizeof(expected), " %Y-%m-%dT%H:%M:%S.", gmtime(&at));
		if (!strstr(text, expected))
			fail_msg("not at%s: %s", expected, text);
	}
	log_free(l);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readings),
		RIG_ROWS(sessions, plain),
		cmocka_unit_test(the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
