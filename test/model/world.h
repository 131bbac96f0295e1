/*
 * One gateway several times: NATs that get datagrams one by one, NATs of the same seed that get
 * them in batches, and models that say what must come out; one of each per worker.
 *
 * Memory   world_make() allocates, world_free() frees.
 * Promise  The same seed, the same octets; digest sums up all that came out.
 * Errors   The first difference stops the world and is told in words that lead back to it.
 */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include "model.h"
#include "setting.h"
#include "traffic.h"

enum { WORLD_BATCH = 48, WORLD_LINE = 400, WORLD_LINES = 6, WORKERS_MOST = 4 };

/* What a run is about; all else follows. */
struct world_seed {
	uint64_t seed;
	uint16_t workers;
	enum nat_dependence mapping, filtering;
	bool six;
};

/* Room for a datagram, in front of it and behind. */
struct room { uint8_t octets[NAT_HEADROOM + DRAFT_MOST]; };

/* A datagram's way through the NATs. */
struct passage {
	struct event event;
	uint16_t worker;
	struct nat_job job;  /* what nat_process() made of it … */
	struct pkt p;	     /* … in out */
	struct room out;
	struct pkt batch_p;  /* and nat_process_batch(), in batch_out */
	struct room batch_out;
};

/* Octets that came out: with padding, if the header is still the old one. */
static inline size_t passage_len(const struct passage *p)
{
	return p->p.ip == p->out.octets + NAT_HEADROOM ? p->event.len : p->p.len;
}

struct world {
	struct chance chance;
	struct setting setting;
	uint64_t now;
	uint64_t events, digest;
	uint64_t reloads, rejected;
	uint64_t told_single[WORKERS_MOST], told_batch[WORKERS_MOST]; /* sums of events */
	struct nat *single[WORKERS_MOST], *batch[WORKERS_MOST];
	void *memory[2 * WORKERS_MOST];
	struct model_pairing pairing;
	struct model *models;
	struct passage passages[WORLD_BATCH];
	size_t passage_count;
	struct event hairpins[WORLD_BATCH]; /* to come back in from outside */
	size_t hairpin_count;
	uint64_t reasons[REASON_COUNT], verdicts[NAT_DROP + 1];
	char lines[WORLD_LINES][WORLD_LINE]; /* the last events, as a ring */
	char difference[WORLD_LINE]; /* empty: none */
};

/* NULL if there is no memory or the configuration has a fault. */
struct world *world_make(const struct world_seed *seed);
void world_free(struct world *w);

/* From now on these octets are what chance chooses, while they last; world_is_led(): they still do. Each
 * change of the configuration takes four of them for a seed. */
void world_lead(struct world *w, const uint8_t *octets, size_t len);
bool world_is_led(const struct world *w);

/* Let time pass by chance, then send some datagrams, at most most. False: there is a difference. */
bool world_turn(struct world *w, size_t most);

#endif
