/*
 * The NAT of one to three workers: configuration, then turns of time and datagrams from both sides.
 *
 * Input    See nats.c: how it is configured; then turns, each of a time step and a burst of recipes
 *          (traffic.h).
 * Demands  judge.h; and that the same input gives the same verdicts and octets twice, although one
 *          NAT is asked for each datagram and the other for all of a burst at once.
 */
#include "fuzz.h"
#include "nats.h"

enum { TURNS_MOST = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len), again = in;
	struct nats *w = malloc(2 * sizeof(*w));

	assert(w);
	nats_open(&w[0], &in, false);
	nats_open(&w[1], &again, true);
	for (int turn = 0; turn < TURNS_MOST && input_left(&in); turn++) {
		nats_turn(&w[0], &in);
		nats_turn(&w[1], &again);
		assert(in.at == again.at && w[0].digest == w[1].digest);
	}
	nats_close(&w[0]);
	nats_close(&w[1]);
	free(w);
	return 0;
}
