/*
 * An hour of a busy gateway, in as much time as its NATs need for it:
 *     hour [--minutes N] [--rate SESSIONS] [--sessions MOST] [--check MINUTES]
 *
 * So many new sessions a minute through every kind of entry, and every minute another configuration
 * and other outside addresses. Each datagram is judged, everything that can be counted twice is, and
 * when all has been quiet for long enough nothing may be left. Prints TAP, and figures as comments.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "talk.h"

enum { TICKS_A_MINUTE = 60000 / TALK_TICK_MS, QUIET_STEP_MS = 10000, QUIET_STEPS = 900 };

struct options { uint32_t minutes, rate, sessions, check; };

struct run {
	struct options o;
	struct site site;
	struct talks talks;
	unsigned results, failures;
	struct timespec began;
};

static void result(struct run *r, const char *what, const char *fault)
{
	printf("%s %u - %s\n", fault ? "not ok" : "ok", ++r->results, what);
	if (fault)
		printf("# %s\n", fault);
	r->failures += fault != NULL;
	fflush(stdout);
}

static double seconds(const struct run *r)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - r->began.tv_sec) + (double)(now.tv_nsec - r->began.tv_nsec) / 1e9;
}

/* The first thing that is wrong, or NULL. */
static const char *audit(struct run *r, uint32_t minute)
{
	const struct talks *t = &r->talks;
	const char *fault = t->fault[0] ? t->fault : site_audit(&r->site);
	struct nat_gauges g = site_gauges(&r->site);
	uint64_t sum = 0;

	for (int i = 0; i <= NAT_DROP; i++)
		sum += t->verdicts[i];
	if (!fault && sum != t->datagrams)
		fault = "not every datagram has a verdict";
	/* Beside talks only what FTP announces opens anything. */
	if (!fault && (g.sessions_created < t->opened || g.sessions_created > t->opened + t->announced))
		fault = "sessions created are not those that were opened";
	if (!fault && r->o.check && minute % r->o.check == 0)
		fault = site_check(&r->site);
	return fault;
}

static const char *pass_minute(struct run *r, uint32_t minute)
{
	uint64_t begun = 0, wanted;

	if (minute > 1)
		site_reload(&r->site);
	for (uint32_t tick = 1; tick <= TICKS_A_MINUTE && !r->talks.fault[0]; tick++) {
		wanted = (uint64_t)r->o.rate * tick / TICKS_A_MINUTE;
		talks_begin(&r->talks, (uint32_t)(wanted - begun));
		begun = wanted;
		talks_go_on(&r->talks);
	}
	return audit(r, minute);
}

static const char *pass_all(struct run *r)
{
	const char *fault = NULL;

	for (uint32_t minute = 1; !fault && minute <= r->o.minutes; minute++) {
		fault = pass_minute(r, minute);
		if (minute % 10 == 0)
			printf("# minute %u: %u sessions, %.0f s\n", minute, site_gauges(&r->site).sessions,
			       seconds(r));
		fflush(stdout);
	}
	return fault;
}

/* Talks are finished, and then nobody says anything for longer than any timeout. */
static const char *fall_silent(struct run *r)
{
	while (r->talks.live && !r->talks.fault[0])
		talks_go_on(&r->talks);
	for (int i = 0; i < QUIET_STEPS; i++)
		site_pass(&r->site, QUIET_STEP_MS);
	return audit(r, 0);
}

static const char *nothing_left(const struct run *r)
{
	const uint64_t *e = r->site.events;
	const char *fault = NULL;

	for (uint16_t w = 0; !fault && w < SITE_WORKERS; w++)
		fault = nat_at_rest(r->site.nat[w]);
	if (!fault && e[EVENT_BLOCK_ASSIGNED] != e[EVENT_BLOCK_RELEASED])
		fault = "blocks were assigned and not released";
	return fault;
}

/* What was tried has happened. */
static const char *nothing_missing(const struct run *r)
{
	struct nat_gauges g = site_gauges(&r->site);
	const uint64_t *e = r->site.events;

	if (!g.sessions_moved || !g.sessions_lost)
		return "no address was changed under a session";
	if (!e[EVENT_BLOCK_ASSIGNED])
		return "no block was assigned";
	if (g.sessions_created == r->talks.opened)
		return "no connection was announced";
	return r->talks.verdicts[NAT_UNMATCHED] ? NULL : "no stranger was turned away";
}

static void figures(const struct run *r)
{
	const struct talks *t = &r->talks;
	struct nat_gauges g = site_gauges(&r->site);
	double taken = seconds(r);

	printf("# %u virtual minutes in %.1f s: %.2f M datagrams, %.2f M a second\n", r->o.minutes, taken,
	       (double)t->datagrams / 1e6, (double)t->datagrams / 1e6 / taken);
	printf("# %llu sessions created, %llu ended, %llu lost with their address, %llu moved; at most %u at once "
	       "of %u\n", (unsigned long long)g.sessions_created, (unsigned long long)g.sessions_ended,
	       (unsigned long long)g.sessions_lost, (unsigned long long)g.sessions_moved, r->site.peak,
	       r->o.sessions);
	printf("# %llu talks finished, %llu cut off, %llu refused, %llu blocks assigned\n",
	       (unsigned long long)t->finished, (unsigned long long)t->cut, (unsigned long long)t->refused,
	       (unsigned long long)r->site.events[EVENT_BLOCK_ASSIGNED]);
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		if (t->reasons[i])
			printf("# %llu %s\n", (unsigned long long)t->reasons[i], reason_name((enum reason)i));
}

static _Noreturn void usage(void)
{
	fputs("usage: hour [--minutes N] [--rate SESSIONS] [--sessions MOST] [--check MINUTES]\n", stderr);
	exit(2);
}

static struct options parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "minutes", required_argument, NULL, 'm' }, { "rate", required_argument, NULL, 'r' },
		{ "sessions", required_argument, NULL, 's' }, { "check", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .minutes = 2, .rate = 60000, .sessions = 262144, .check = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		uint32_t value = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'm': o.minutes = value; break;
		case 'r': o.rate = value; break;
		case 's': o.sessions = value; break;
		case 'c': o.check = value; break;
		default: usage();
		}
	}
	if (!o.minutes || !o.rate || !o.sessions)
		usage();
	return o;
}

int main(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return 1;
	r->o = parse(argc, argv);
	clock_gettime(CLOCK_MONOTONIC, &r->began);
	if (!site_open(&r->site, r->o.sessions) || !talks_open(&r->talks, &r->site, r->o.rate)) {
		fputs("hour: no memory, or a fault in the configuration\n", stderr);
		return 1;
	}
	result(r, "every datagram arrives as it should, and every count agrees", pass_all(r));
	result(r, "the same when all falls silent", fall_silent(r));
	result(r, "nothing is left", nothing_left(r));
	result(r, "what was to be tried was", nothing_missing(r));
	printf("1..%u\n", r->results);
	figures(r);
	talks_close(&r->talks);
	site_close(&r->site);
	status = r->failures > 0;
	free(r);
	return status;
}
