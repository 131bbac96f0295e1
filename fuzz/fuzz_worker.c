/*
 * A whole gateway between interfaces in memory: datagrams pushed on either side, taken through the
 * pipeline of one or two workers.
 *
 * Input    Which configuration (gate.c); then turns, each of a time step and a burst of recipes
 *          (traffic.h).
 * Demands  What leaves is well-formed, and right if all that came was; no inside address shows
 *          outside; every frame ends once.
 */
#include "gate.h"

enum { TURNS_MOST = 64, BURST_MOST = 40, STEP_UNIT_MS = 200, LONGEST_MS = 60 * 1000 };

static void take_turn(struct gate *g, struct input *in)
{
	uint64_t step = input_u8(in);
	unsigned most = 1u + input_below(in, BURST_MOST);
	struct datagram pieces[PIECES_MOST];

	g->now.ms += step * step * STEP_UNIT_MS;
	for (; most && input_left(in); most--) {
		size_t count = traffic_next(&g->past, in, pieces);

		for (size_t i = 0; i < count; i++)
			gate_push(g, &pieces[i]);
	}
	gate_settle(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	struct gate g;

	gate_open(&g, &in);
	for (int turn = 0; turn < TURNS_MOST && input_left(&in); turn++)
		take_turn(&g, &in);
	/* Fragments that wait are given up. */
	g.now.ms += LONGEST_MS;
	gate_settle(&g);
	gate_close(&g);
	return 0;
}
