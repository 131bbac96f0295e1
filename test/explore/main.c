/* Every order of the steps of small programs, with the router's own code in them. Writes TAP. An argument
 * (make explore) asks for the larger bounds. */
#include <inttypes.h>
#include <stdio.h>

#include "programs.h"

static unsigned lines, failed;

static void result(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++lines, name);
	fflush(stdout);
	failed += !good;
}

static void explore_all(const struct program *programs, bool large)
{
	for (const struct program *p = programs; p->name; p++) {
		struct explored x = explore(p, large ? p->large : p->bound, false, false);

		printf("# %" PRIu64 " runs, %" PRIu64 " of them cut\n", x.runs, x.cut);
		result(x.good, p->name);
	}
}

/* What is left out would have shown nothing else. */
static void compare_all(const struct program *programs)
{
	for (const struct program *p = programs; p->name; p++) {
		struct explored some = explore(p, 2, true, false), all = explore(p, 2, true, true);

		printf("# %" PRIu64 " of %" PRIu64 " runs show %" PRIu64 " outcomes\n", some.runs, all.runs,
		       all.outcomes);
		result(some.outcomes == all.outcomes && some.sum == all.sum, "with all orders, the same outcomes");
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	for (size_t i = 0; i < litmus_count(); i++) {
		bool good;
		const char *name = litmus_run(i, &good);

		result(good, name);
	}
	compare_all(ring_programs);
	explore_all(ring_programs, argc > 1);
	explore_all(exchange_programs, argc > 1);
	printf("1..%u\n", lines);
	return failed != 0;
}
