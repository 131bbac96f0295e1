/* How fast the forwarding table answers and changes, and how large it is, beside those of DPDK
 * where that is installed: the same prefixes and addresses, in turn. Tables that find different
 * hops end the comparison. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fib/contender.h"

enum { ROUNDS = 21, UPDATES = 1000, CONTENDERS_MOST = 3, PLACES = 2 };

static const struct contender *const contenders[] = {
	&ours4,
	&ours6,
#ifdef DPDK
	&lpm4,
	&dir24_8,
	&trie6,
#endif
};

enum { CONTENDERS = sizeof(contenders) / sizeof(contenders[0]) };

static const char *const ways[] = {
	[WAY_SINGLE] = "single",
	[WAY_BATCH] = "batch",
	[WAY_VECTOR] = "vector",
	[WAY_DEPENDENT] = "dependent",
};

_Static_assert(sizeof(ways) / sizeof(ways[0]) == WAY_COUNT, "a name for each");

static const char *const places[PLACES] = { "random", "near" };

/* One table and what was measured of it, by round. Nanoseconds of 0: it has no such lookup. */
struct figures {
	const struct contender *who;
	void *table;
	double mib, build_s;
	double *update_us;
	double ns[PLACES][WAY_COUNT][ROUNDS];
};

struct match {
	struct routes routes;
	struct queries queries[PLACES];
	struct figures of[CONTENDERS_MOST];
	size_t count;
};

/* By the clock of this thread, for which other programs do not count, or, as that one takes its
 * time, by the clock on the wall. */
static double seconds(clockid_t by)
{
	struct timespec t;

	clock_gettime(by, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void build(struct figures *f, const struct routes *r)
{
	size_t before = f->who->octets(NULL);
	double start = seconds(CLOCK_THREAD_CPUTIME_ID);

	f->table = f->who->make(r);
	check(f->table, "a table cannot be made");
	for (size_t i = 0; i < r->count; i++)
		check(f->who->change(f->table, &r->prefixes[i], routes_hop(i)), "a table is full");
	f->build_s = seconds(CLOCK_THREAD_CPUTIME_ID) - start;
	f->mib = (double)(f->who->octets(f->table) - before) / (1 << 20);
	f->update_us = calloc(2 * UPDATES * ROUNDS, sizeof(*f->update_us));
	check(f->update_us, "out of memory");
}

/* All of them in one way, one after the other, so that they meet the same noise; another one begins
 * each round. */
static void look_up(struct match *m, size_t place, enum way way, size_t round)
{
	uint64_t right = CANNOT;

	for (size_t i = 0; i < m->count; i++) {
		struct figures *f = &m->of[(round + i) % m->count];
		double start = seconds(CLOCK_THREAD_CPUTIME_ID);
		uint64_t sum = CANNOT;

		if (f->who->look_up[way])
			sum = f->who->look_up[way](f->table, &m->queries[place]);
		if (sum == CANNOT)
			continue;
		f->ns[place][way][round] = (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / QUERIES;
		check(right == CANNOT || sum == right, "tables differ");
		right = sum;
	}
}

/* Prefixes of the table are taken away and put back. */
static void update(struct figures *f, const struct routes *r, size_t round)
{
	uint64_t state = 99 + round;
	double *us = f->update_us + 2 * UPDATES * round;

	for (size_t i = 0; i < UPDATES; i++) {
		size_t at = random_next(&state) % r->count;
		double start = seconds(CLOCK_MONOTONIC), removed, end;
		bool good = f->who->change(f->table, &r->prefixes[at], 0);

		removed = seconds(CLOCK_MONOTONIC);
		good = f->who->change(f->table, &r->prefixes[at], routes_hop(at)) && good;
		end = seconds(CLOCK_MONOTONIC);
		check(good, "a change fails");
		us[2 * i] = (removed - start) * 1e6;
		us[2 * i + 1] = (end - removed) * 1e6;
	}
}

static void play_round(struct match *m, size_t round)
{
	for (size_t place = 0; place < PLACES; place++)
		for (enum way way = 0; way < WAY_COUNT; way++)
			look_up(m, place, way, round);
	for (size_t i = 0; i < m->count; i++)
		update(&m->of[i], &m->routes, round);
}

/* The first round, which makes memory present, is played again. */
static void run(struct match *m)
{
	for (size_t i = 0; i < m->count; i++)
		build(&m->of[i], &m->routes);
	play_round(m, 0);
	for (size_t round = 0; round < ROUNDS; round++)
		play_round(m, round);
}

/* The first of a match is ours. */
static struct match match_make(uint8_t version, size_t count, bool alone)
{
	struct match m = { .routes = routes_make(version, count) };

	m.queries[0] = queries_make(&m.routes, false);
	m.queries[1] = queries_make(&m.routes, true);
	for (size_t i = 0; i < CONTENDERS; i++)
		if (contenders[i]->version == version && !(alone && m.count))
			m.of[m.count++].who = contenders[i];
	return m;
}

static void match_free(struct match *m)
{
	for (size_t i = 0; i < m->count; i++) {
		m->of[i].who->free(m->of[i].table);
		free(m->of[i].update_us);
	}
	for (size_t i = 0; i < PLACES; i++)
		queries_free(&m->queries[i]);
	routes_free(&m->routes);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(const double *values, size_t count, size_t percent)
{
	double *sorted = malloc(count * sizeof(*sorted)), value;

	check(sorted, "out of memory");
	memcpy(sorted, values, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_doubles);
	value = sorted[(count - 1) * percent / 100];
	free(sorted);
	return value;
}

/* By which factor ours is faster than another, round by round. */
struct ratio { double median, least, most; };

static struct ratio ratio_of(const double ours[ROUNDS], const double other[ROUNDS])
{
	double ratios[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++)
		ratios[i] = other[i] / ours[i];
	return (struct ratio){ percentile(ratios, ROUNDS, 50), percentile(ratios, ROUNDS, 0),
			       percentile(ratios, ROUNDS, 100) };
}

/* What ours does at best in a way that it has: without vectors, by arrays. */
static const double *ours_beside(const struct match *m, size_t place, size_t way)
{
	const double (*ns)[ROUNDS] = m->of[0].ns[place];

	if (ns[way][0] > 0)
		return ns[way];
	return ns[WAY_BATCH][0] > 0 ? ns[WAY_BATCH] : ns[WAY_SINGLE];
}

static void print_table(const struct match *m)
{
	for (const struct figures *f = m->of; f < m->of + m->count; f++) {
		printf("IPv%d %-8s  %zu prefixes, %.1f MiB, built in %.2f s, update %.2f us "
		       "(99 of 100: %.2f us)\n", f->who->version, f->who->name, m->routes.count,
		       f->mib, f->build_s, percentile(f->update_us, 2 * UPDATES * ROUNDS, 50),
		       percentile(f->update_us, 2 * UPDATES * ROUNDS, 99));
		for (size_t i = 0; i < PLACES * WAY_COUNT; i++) {
			size_t place = i / WAY_COUNT, way = i % WAY_COUNT;
			const double *ns = f->ns[place][way];
			struct ratio r = ratio_of(ours_beside(m, place, way), ns);

			if (ns[0] > 0)
				printf("  %-6s %-9s %6.1f ns %7.1f M/s   ours %5.2f x (%.2f - %.2f)\n",
				       places[place], ways[way], percentile(ns, ROUNDS, 50),
				       1e3 / percentile(ns, ROUNDS, 50), r.median, r.least, r.most);
		}
	}
}

static void print_figures(const struct match *m, const struct figures *f)
{
	const char *comma = "";

	printf("\"%s\": {\"mib\": %.2f, \"build_seconds\": %.4f, \"update_microseconds\": "
	       "{\"median\": %.3f, \"p99\": %.3f}, \"lookups\": {",
	       f->who->name, f->mib, f->build_s, percentile(f->update_us, 2 * UPDATES * ROUNDS, 50),
	       percentile(f->update_us, 2 * UPDATES * ROUNDS, 99));
	for (size_t i = 0; i < PLACES * WAY_COUNT; i++) {
		size_t place = i / WAY_COUNT, way = i % WAY_COUNT;
		const double *ns = f->ns[place][way];
		struct ratio r = ratio_of(ours_beside(m, place, way), ns);

		if (ns[0] <= 0)
			continue;
		printf("%s\"%s_%s\": {\"per_second\": %.0f, \"ours_by_factor\": {\"median\": %.3f, "
		       "\"least\": %.3f, \"most\": %.3f}}", comma, places[place], ways[way],
		       1e9 / percentile(ns, ROUNDS, 50), r.median, r.least, r.most);
		comma = ", ";
	}
	printf("}}");
}

static void print_json(const struct match *m)
{
	printf("\"v%d\": {\"prefixes\": %zu", m->of[0].who->version, m->routes.count);
	for (size_t i = 0; i < m->count; i++) {
		printf(", ");
		print_figures(m, &m->of[i]);
	}
	printf("}");
}

/* Like the routing tables of today, or as large as was asked for. */
struct wanted { size_t v4, v6; bool json, alone; };

static bool parse_count(size_t *count, const char *text)
{
	char *end;

	*count = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && *count <= 4000000;
}

static bool parse(struct wanted *w, int argc, char **argv)
{
	static const struct option options[] = { { "v4", required_argument, NULL, '4' },
						 { "v6", required_argument, NULL, '6' },
						 { "json", no_argument, NULL, 'j' },
						 { "alone", no_argument, NULL, 'a' },
						 { NULL, 0, NULL, 0 } };
	int c;

	*w = (struct wanted){ .v4 = 1000000, .v6 = 200000 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			w->json = true;
		else if (c == 'a')
			w->alone = true;
		else if (c == '?' || !parse_count(c == '4' ? &w->v4 : &w->v6, optarg))
			return false;
	}
	return optind == argc;
}

static void play(uint8_t version, size_t count, const struct wanted *w)
{
	struct match m;

	if (!count)
		return;
	m = match_make(version, count, w->alone);
	run(&m);
	if (w->json && version == 6 && w->v4)
		printf(", ");
	if (w->json)
		print_json(&m);
	else
		print_table(&m);
	match_free(&m);
}

int main(int argc, char **argv)
{
	struct wanted w;

	if (!parse(&w, argc, argv)) {
		fprintf(stderr, "usage: fib [--v4 COUNT] [--v6 COUNT] [--alone] [--json]; "
				"COUNT: at most 4000000 prefixes\n");
		return 2;
	}
#ifdef DPDK
	check(w.alone || dpdk_start(), "DPDK does not start");
#endif
	printf("%s", w.json ? "{" : "");
	play(4, w.v4, &w);
	play(6, w.v6, &w);
	printf("%s", w.json ? "}\n" : "");
	return 0;
}
