/* How fast the forwarding table answers and changes, and how large it is. The tables are made up,
 * with the lengths of the public routing tables and, like those, many prefixes in few places. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "router/fib.h"

enum { LOOKUPS = 1 << 18, UPDATES = 200000, HOPS = 200, BATCH = 64, RUNS = 21, PLACES = 36000 };

/* How many of 10000 prefixes have a length. */
struct share { uint8_t len; uint16_t share; };

static const struct share shares4[] = {
	{ 8, 1 },    { 10, 1 },	   { 11, 1 },	 { 12, 3 },    { 13, 6 },   { 14, 12 },
	{ 15, 20 },  { 16, 140 },  { 17, 85 },	 { 18, 140 },  { 19, 250 }, { 20, 450 },
	{ 21, 520 }, { 22, 1130 }, { 23, 1010 }, { 24, 6191 }, { 28, 10 },  { 32, 30 },
};

static const struct share shares6[] = {
	{ 24, 2 },   { 28, 10 },  { 29, 420 }, { 30, 60 },  { 31, 30 },	 { 32, 1250 },
	{ 33, 170 }, { 34, 130 }, { 35, 60 },  { 36, 500 }, { 37, 30 },	 { 38, 80 },
	{ 39, 40 },  { 40, 850 }, { 42, 100 }, { 44, 900 }, { 45, 60 },	 { 46, 200 },
	{ 47, 258 }, { 48, 4750 }, { 56, 30 }, { 64, 60 },  { 128, 10 },
};

/* First 16 bits that registries give IPv6 prefixes from. */
static const struct { uint16_t first, count; } registries6[] = {
	{ 0x2001, 1 }, { 0x2400, 10 }, { 0x2600, 8 }, { 0x2620, 1 },
	{ 0x2800, 7 }, { 0x2a00, 21 }, { 0x2c0f, 1 },
};

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void random_octets(uint64_t *state, uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random_next(state) >> 32);
}

/* Of places, the low numbers are the crowded ones. */
static size_t random_place(uint64_t *state)
{
	double x = (double)(random_next(state) >> 11) / (double)(1ull << 53);

	return (size_t)(x * x * PLACES);
}

static uint8_t random_len(uint64_t *state, const struct share *shares)
{
	unsigned at = (unsigned)(random_next(state) >> 32) % 10000;

	for (; at >= shares->share; shares++)
		at -= shares->share;
	return shares->len;
}

/* Where prefixes lie: /16 of IPv4, /32 of IPv6. */
static void make_places(uint64_t *state, uint8_t version, uint8_t places[PLACES][4])
{
	for (size_t i = 0; i < PLACES; i++) {
		unsigned r = (unsigned)(random_next(state) >> 32) % 7;

		random_octets(state, places[i], 4);
		if (version == 4)
			places[i][0] = (uint8_t)(1 + places[i][0] % 223);
		else
			store16(places[i], (uint16_t)(registries6[r].first +
						      places[i][0] % registries6[r].count));
	}
}

struct table { struct prefix *prefixes; size_t count; uint8_t version; };

static struct prefix random_prefix(uint64_t *state, uint8_t version, uint8_t places[PLACES][4])
{
	struct prefix p = { .address.version = version };

	p.len = random_len(state, version == 4 ? shares4 : shares6);
	random_octets(state, p.address.octets, address_len(&p.address));
	memcpy(p.address.octets, places[random_place(state)], version == 4 ? 2 : 4);
	return prefix_masked(p);
}

static uint16_t hop_of(size_t i)
{
	return (uint16_t)(1 + i * 7919 % HOPS);
}

static size_t prefix_count(const struct fib *f)
{
	struct fib_size s = fib_size(f);

	return s.prefixes4 + s.prefixes6;
}

static void check(bool good)
{
	if (!good) {
		fprintf(stderr, "fib: out of memory\n");
		exit(1);
	}
}

/* Prefixes that differ, in no order. */
static struct table make_table(uint8_t version, size_t count)
{
	uint8_t places[PLACES][4];
	struct table t = { calloc(count, sizeof(*t.prefixes)), 0, version };
	struct fib *seen = fib_new();
	uint64_t state = 88172645463325252u;

	check(t.prefixes && seen);
	make_places(&state, version, places);
	while (t.count < count) {
		struct prefix p = random_prefix(&state, version, places);

		check(fib_set(seen, &p, 1) == 0);
		fib_reclaim(seen);
		t.prefixes[t.count] = p;
		t.count = prefix_count(seen);
	}
	fib_free(seen);
	return t;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double build(struct fib *f, const struct table *t)
{
	double start = seconds();

	for (size_t i = 0; i < t->count; i++) {
		check(fib_set(f, &t->prefixes[i], hop_of(i)) == 0);
		if (i % 1024 == 0)
			fib_reclaim(f);
	}
	fib_reclaim(f);
	return seconds() - start;
}

/* What is looked up. zero is 0, but the compiler does not know. */
struct queries { uint8_t (*octets)[16]; uint8_t version; volatile uint16_t zero; };

/* near: in prefixes of the table; else anywhere. */
static struct queries make_queries(const struct table *t, bool near)
{
	struct queries q = { calloc(LOOKUPS, sizeof(*q.octets)), t->version, 0 };
	uint64_t state = 4711;

	check(q.octets);
	for (size_t i = 0; i < LOOKUPS; i++) {
		const struct prefix *p = &t->prefixes[random_next(&state) % t->count];

		random_octets(&state, q.octets[i], t->version == 4 ? 4 : 16);
		q.octets[i][0] = (uint8_t)(t->version == 4 ? 1 + q.octets[i][0] % 223 :
							     0x20 | (q.octets[i][0] & 0x1f));
		for (unsigned bit = 0; near && bit < p->len; bit++) {
			uint8_t mask = (uint8_t)(0x80 >> bit % 8), *at = &q.octets[i][bit / 8];

			*at = (uint8_t)((*at & ~mask) | (p->address.octets[bit / 8] & mask));
		}
	}
	return q;
}

/* Each lookup needs the answer of the one before. */
static unsigned dependent4(const struct fib *f, const struct queries *q)
{
	uint16_t zero = q->zero, hop = 0;

	for (size_t i = 0; i < LOOKUPS; i++)
		hop = fib_lookup4(f, (be32){ be32_load(q->octets[i]).raw ^ (hop & zero) });
	return hop;
}

static unsigned independent4(const struct fib *f, const struct queries *q)
{
	unsigned sum = 0;

	for (size_t i = 0; i < LOOKUPS; i++)
		sum += fib_lookup4(f, be32_load(q->octets[i]));
	return sum;
}

static unsigned batch4(const struct fib *f, const struct queries *q)
{
	uint16_t hops[BATCH];
	be32 addresses[BATCH];
	unsigned sum = 0;

	for (size_t i = 0; i < LOOKUPS; i += BATCH) {
		for (size_t j = 0; j < BATCH; j++)
			addresses[j] = be32_load(q->octets[i + j]);
		fib_lookup4_batch(f, addresses, hops, BATCH);
		sum += hops[0];
	}
	return sum;
}

static unsigned dependent6(const struct fib *f, const struct queries *q)
{
	uint16_t zero = q->zero, hop = 0;

	for (size_t i = 0; i < LOOKUPS; i++)
		hop = fib_lookup6(f, q->octets[i + (hop & zero)]);
	return hop;
}

static unsigned independent6(const struct fib *f, const struct queries *q)
{
	unsigned sum = 0;

	for (size_t i = 0; i < LOOKUPS; i++)
		sum += fib_lookup6(f, q->octets[i]);
	return sum;
}

static const struct {
	const char *name;
	uint8_t version;
	bool near;
	unsigned (*run)(const struct fib *f, const struct queries *q);
} rows[] = {
	{ "v4_random_dependent", 4, false, dependent4 },
	{ "v4_random_independent", 4, false, independent4 },
	{ "v4_random_batch", 4, false, batch4 },
	{ "v4_near_dependent", 4, true, dependent4 },
	{ "v4_near_independent", 4, true, independent4 },
	{ "v4_near_batch", 4, true, batch4 },
	{ "v6_random_dependent", 6, false, dependent6 },
	{ "v6_random_independent", 6, false, independent6 },
	{ "v6_near_dependent", 6, true, dependent6 },
	{ "v6_near_independent", 6, true, independent6 },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(double *values, size_t count, size_t percent)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return values[(count - 1) * percent / 100];
}

/* Nanoseconds of one lookup, median of some runs. */
static double measure(const struct fib *f, const struct table *t, size_t row)
{
	struct queries q = make_queries(t, rows[row].near);
	volatile unsigned sink;
	double runs[RUNS];

	for (int i = 0; i < RUNS; i++) {
		double start = seconds();

		sink = rows[row].run(f, &q);
		(void)sink;
		runs[i] = (seconds() - start) * 1e9 / LOOKUPS;
	}
	free(q.octets);
	return percentile(runs, RUNS, 50);
}

struct figures {
	size_t count;
	double mib, build_s, update_us, update_p99_us;
	double ns[ROWS];
};

/* Take prefixes of the table away and put them back; what that leaves is freed in time. */
static void measure_updates(struct fib *f, const struct table *t, struct figures *out)
{
	double *us = calloc(UPDATES, sizeof(*us));
	uint64_t state = 99;

	check(us);
	for (size_t i = 0; i < UPDATES; i += 2) {
		size_t at = random_next(&state) % t->count;
		double start = seconds(), removed, end;
		bool good = fib_remove(f, &t->prefixes[at]) == 0;

		fib_reclaim(f);
		removed = seconds();
		good = good && fib_set(f, &t->prefixes[at], hop_of(at)) == 0;
		fib_reclaim(f);
		end = seconds();
		check(good);
		us[i] = (removed - start) * 1e6;
		us[i + 1] = (end - removed) * 1e6;
	}
	out->update_us = percentile(us, UPDATES, 50);
	out->update_p99_us = percentile(us, UPDATES, 99);
	free(us);
}

static double mib_of(const struct fib *f, uint8_t version)
{
	struct fib_size s = fib_size(f);

	return (double)(version == 4 ? s.octets4 : s.octets6) / (1 << 20);
}

static struct figures measure_all(uint8_t version, size_t count)
{
	struct figures out = { .count = count };
	struct fib *f = fib_new();
	struct table t;

	check(f);
	if (count) {
		t = make_table(version, count);
		out.build_s = build(f, &t);
		out.mib = mib_of(f, version);
		for (size_t i = 0; i < ROWS; i++)
			if (rows[i].version == version)
				out.ns[i] = measure(f, &t, i);
		measure_updates(f, &t, &out);
		free(t.prefixes);
	}
	fib_free(f);
	return out;
}

static void print_table(const struct figures *v, const char *name)
{
	printf("%s  %zu prefixes, %.1f MiB, built in %.2f s, update %.2f us (99 of 100: %.2f us)\n",
	       name, v->count, v->mib, v->build_s, v->update_us, v->update_p99_us);
	for (size_t i = 0; i < ROWS; i++)
		if (v->ns[i] > 0)
			printf("  %-24s %6.1f ns %7.1f M/s\n", rows[i].name, v->ns[i],
			       1e3 / v->ns[i]);
}

static void print_json(const struct figures *v, const char *name)
{
	const char *comma = "";

	printf("\"%s\": {\"prefixes\": %zu, \"mib\": %.2f, \"build_seconds\": %.4f, "
	       "\"update_microseconds\": {\"median\": %.3f, \"p99\": %.3f}, "
	       "\"lookups_per_second\": {",
	       name, v->count, v->mib, v->build_s, v->update_us, v->update_p99_us);
	for (size_t i = 0; i < ROWS; i++) {
		if (v->ns[i] <= 0)
			continue;
		printf("%s\"%s\": %.0f", comma, rows[i].name + strlen("v4_"), 1e9 / v->ns[i]);
		comma = ", ";
	}
	printf("}}");
}

static void print_all(const struct figures *v4, const struct figures *v6, bool json)
{
	if (!json) {
		print_table(v4, "IPv4");
		print_table(v6, "IPv6");
		return;
	}
	printf("{");
	print_json(v4, "v4");
	printf(", ");
	print_json(v6, "v6");
	printf("}\n");
}

/* Like the routing tables of today, or as large as was asked for. */
struct wanted { size_t v4, v6; bool json; };

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
						 { NULL, 0, NULL, 0 } };
	int c;

	*w = (struct wanted){ .v4 = 1000000, .v6 = 200000 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			w->json = true;
		else if (c == '?' || !parse_count(c == '4' ? &w->v4 : &w->v6, optarg))
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct wanted wanted;
	struct figures v4, v6;

	if (!parse(&wanted, argc, argv)) {
		fprintf(stderr, "usage: fib [--v4 COUNT] [--v6 COUNT] [--json]; "
				"COUNT: at most 4000000 prefixes\n");
		return 2;
	}
	v4 = measure_all(4, wanted.v4);
	v6 = measure_all(6, wanted.v6);
	print_all(&v4, &v6, wanted.json);
	return 0;
}
