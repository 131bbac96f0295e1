/*
 * The oracle: NATs against the slow model of test/model, over traffic that the input chooses.
 *
 * Input    How many workers, mapping, filtering, with IPv6 or without; a seed, from which the rest of
 *          the configuration follows; then choices of the model's traffic (chance.h): how much time
 *          passes, whether there is another configuration, and the next datagrams.
 * Demands  world.h: every verdict, reason and octet as the model has it, sessions, mappings, counters
 *          and events too; one by one and in batches the same; nat_undo() restores.
 */
#include <stdio.h>

#include "fuzz.h"
#include "world.h"

static struct world_seed read_seed(struct input *in)
{
	static const uint16_t workers[] = { 1, 2, 4 };
	struct world_seed s = { .workers = workers[input_below(in, 3)] };

	s.mapping = input_below(in, 3);
	s.filtering = input_below(in, 3);
	s.six = input_below(in, 2);
	s.seed = input_u16(in);
	return s;
}

/* What was wrong, and what had come before it. */
static void tell(const struct world *w)
{
	fprintf(stderr, "%s\n", w->difference);
	for (uint64_t i = w->events < WORLD_LINES ? 1 : w->events - WORLD_LINES + 1; i <= w->events; i++)
		fprintf(stderr, "%s\n", w->lines[i % WORLD_LINES]);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	struct world_seed seed = read_seed(&in);
	struct world *w = world_make(&seed);

	assert(w);
	world_lead(w, in.at, input_left(&in));
	while (world_is_led(w) && world_turn(w, WORLD_BATCH))
		;
	if (w->difference[0])
		tell(w);
	assert(!w->difference[0]);
	world_free(w);
	return 0;
}
