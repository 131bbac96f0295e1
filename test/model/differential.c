/*
 * The NAT against its model, datagram by datagram, over random traffic. Writes TAP.
 *
 * Without arguments: every mapping and filtering behaviour with one, two and four workers, with IPv6
 * and without, the rest of each configuration by chance. A failing line says how to see the failure again. A million
 * events for each number of workers: --events 1000000 --workers N.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

enum { EVENTS_USUAL = 270000, DEPENDENCES = 3, CONFIGURATIONS = 54 };

struct options {
	uint64_t events, seed;
	long workers, mapping, filtering, six; /* -1: all */
};

struct totals {
	unsigned lines, failed;
	uint64_t reasons[REASON_COUNT], verdicts[NAT_DROP + 1];
};

static void result(struct totals *t, bool good, const char *about)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++t->lines, about);
	t->failed += !good;
}

static void print_difference(const struct world *w, const struct world_seed *s)
{
	uint64_t first = w->events < WORLD_LINES ? 1 : w->events - WORLD_LINES + 1;

	printf("# %s\n", w->difference);
	for (uint64_t i = first; i <= w->events; i++)
		printf("# %s\n", w->lines[i % WORLD_LINES]);
	printf("# again: differential --seed %" PRIu64 " --workers %d --mapping %d --filtering %d "
	       "--six %d --events %" PRIu64 "\n",
	       s->seed, s->workers, (int)s->mapping, (int)s->filtering, s->six, w->events + 1);
}

/* As far as that many events or the first difference; NULL if it cannot begin. */
static struct world *run(const struct world_seed *s, uint64_t events)
{
	struct world *w = world_make(s);

	while (w && w->events < events && world_turn(w, (size_t)(events - w->events)))
		;
	return w;
}

static void check(const struct world_seed *s, uint64_t events, struct totals *t)
{
	char about[WORLD_LINE];
	struct world *w = run(s, events);

	if (!w) {
		result(t, false, "no memory, or a fault in the configuration");
		return;
	}
	setting_describe(&w->setting, about, sizeof(about));
	result(t, !w->difference[0], about);
	if (w->difference[0])
		print_difference(w, s);
	for (size_t i = 0; i < REASON_COUNT; i++)
		t->reasons[i] += w->reasons[i];
	for (size_t i = 0; i <= NAT_DROP; i++)
		t->verdicts[i] += w->verdicts[i];
	world_free(w);
}

/* One of so many values, or the one that is asked for; *i counts through all choices. */
static unsigned chosen(long asked, unsigned values, unsigned *i)
{
	unsigned value = *i % values;

	if (asked >= 0)
		return (unsigned)asked;
	*i /= values;
	return value;
}

/* Configuration number i of those asked for; false: there are no more. */
static bool configuration(const struct options *o, unsigned i, struct world_seed *s)
{
	static const uint16_t workers[] = { 1, 2, 4 };
	uint16_t some = workers[chosen(o->workers < 0 ? -1 : 0, 3, &i)];

	*s = (struct world_seed){
		.seed = o->seed, .workers = o->workers < 0 ? some : (uint16_t)o->workers,
	};
	s->mapping = chosen(o->mapping, DEPENDENCES, &i);
	s->filtering = chosen(o->filtering, DEPENDENCES, &i);
	s->six = chosen(o->six, 2, &i);
	return i == 0;
}

static uint64_t digest(const struct world_seed *s, uint64_t events)
{
	struct world *w = run(s, events);
	uint64_t sum = w ? w->digest : 0;

	if (w)
		world_free(w);
	return sum;
}

static void check_determinism(const struct options *o, struct totals *t)
{
	uint64_t events = o->events < 1000 ? o->events : 1000;
	struct world_seed s;

	configuration(o, 0, &s);
	result(t, digest(&s, events) == digest(&s, events), "the same seed gives the same octets");
}

/* Traffic that never meets a reason does not test it. */
static void check_reasons(struct totals *t)
{
	static const enum reason met[] = {
		REASON_NONE, REASON_SHORT, REASON_VERSION, REASON_HEADER_LEN, REASON_TOTAL_LEN,
		REASON_HEADER_SUM, REASON_OPTION, REASON_FRAGMENT_BAD, REASON_TRANSPORT_SHORT,
		REASON_TRANSPORT_LEN, REASON_OFFLOAD, REASON_NO_POLICY, REASON_NO_TRANSPORT,
		REASON_NOT_A_QUERY, REASON_FRAGMENT, REASON_NO_MAPPING, REASON_FILTERED,
		REASON_OUT_OF_PORTS, REASON_SESSION_LIMIT, REASON_HOST_LIMIT,
		REASON_SESSION_CONFLICT, REASON_TCP_FLAGS, REASON_TCP_NO_SESSION,
		REASON_TCP_WINDOW, REASON_ICMP_QUOTE, REASON_ICMP_SUM, REASON_ICMP_MTU,
		REASON_SOURCE_ROUTE, REASON_ICMP_NO_SESSION, REASON_ICMP_ERRORS_OFF,
		REASON_HAIRPIN_OFF, REASON_PORT_LIMIT, REASON_RATE_LIMIT, REASON_MAPPING_LIMIT,
		REASON_HALF_OPEN_LIMIT, REASON_EXTENSION, REASON_EMBEDDED, REASON_UNTRANSLATABLE,
		REASON_NPT_WORD, REASON_ICMP_TYPE, REASON_NO_CHECKSUM, REASON_PREFIX_SOURCE,
	};
	bool all = true;

	printf("# %" PRIu64 " forwarded, %" PRIu64 " hairpinned, %" PRIu64 " unmatched, %" PRIu64
	       " dropped\n", t->verdicts[NAT_FORWARD], t->verdicts[NAT_HAIRPIN],
	       t->verdicts[NAT_UNMATCHED], t->verdicts[NAT_DROP]);
	for (size_t i = 0; i < sizeof(met) / sizeof(met[0]); i++) {
		printf("# %s: %" PRIu64 "\n", reason_name(met[i]), t->reasons[met[i]]);
		all = all && t->reasons[met[i]];
	}
	result(t, all, "traffic has met every reason");
}

static bool read_number(const char *text, long most, long *out)
{
	char *end;

	*out = strtol(text, &end, 10);
	return *text && !*end && *out >= 0 && *out <= most;
}

static bool read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "events", required_argument, NULL, 'e' },
		{ "seed", required_argument, NULL, 's' },
		{ "workers", required_argument, NULL, 'w' },
		{ "mapping", required_argument, NULL, 'm' },
		{ "filtering", required_argument, NULL, 'f' },
		{ "six", required_argument, NULL, '6' },
		{ NULL, 0, NULL, 0 },
	};
	long events = EVENTS_USUAL, seed = 1;
	bool good = true;

	*o = (struct options){ .workers = -1, .mapping = -1, .filtering = -1, .six = -1 };
	for (int c; good && (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		good = c == 'e'	  ? read_number(optarg, INT32_MAX, &events)
		       : c == 's' ? read_number(optarg, INT32_MAX, &seed)
		       : c == 'w' ? read_number(optarg, WORKERS_MOST, &o->workers) && o->workers
		       : c == 'm' ? read_number(optarg, DEPENDENCES - 1, &o->mapping)
		       : c == 'f' ? read_number(optarg, DEPENDENCES - 1, &o->filtering)
		       : c == '6' ? read_number(optarg, 1, &o->six)
				  : false;
	}
	o->events = (uint64_t)events;
	o->seed = (uint64_t)seed;
	return good && optind == argc;
}

int main(int argc, char **argv)
{
	struct totals t = { 0 };
	struct options o;
	struct world_seed s;
	unsigned count = 0;

	if (!read_options(argc, argv, &o)) {
		fprintf(stderr, "usage: differential [--events N] [--seed N] [--workers 1-%d] "
			"[--mapping 0-2] [--filtering 0-2] [--six 0-1]\n", WORKERS_MOST);
		return 2;
	}
	while (configuration(&o, count, &s))
		count++;
	for (unsigned i = 0; configuration(&o, i, &s); i++)
		check(&s, o.events / count, &t);
	check_determinism(&o, &t);
	if (count == CONFIGURATIONS && o.events >= EVENTS_USUAL)
		check_reasons(&t);
	printf("1..%u\n", t.lines);
	return t.failed != 0;
}
