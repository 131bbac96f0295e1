/*
 * A worker: one thread, one core, one share of the sessions; everything it writes is its own.
 *
 * Shape    worker_step() takes what its queues and rings hold through the pipeline once, batch by
 *          batch. worker_run() is that in a loop that sleeps when there is nothing to do.
 * Memory   worker_new() allocates everything the worker will ever need.
 * Promise  On the packet path: no lock, no allocation, one reading of the clock per batch.
 * Errors   worker_new() returns NULL with errno set.
 */
#ifndef ROUTER_WORKER_H
#define ROUTER_WORKER_H

#include "nat/nat.h"
#include "router/io.h"
#include "router/log_queue.h"
#include "router/rib.h"
#include "router/ring.h"

/* What workers share and never write: replaced whole, freed after a quiescent state. */
struct snapshot {
	const struct conf *conf;
	struct conf *conf_owned; /* the same, for whoever frees the snapshot */
	struct rib *rib;
	uint32_t generation;
};

/* Read by others with relaxed loads while the worker writes them. */
struct link_counters { uint64_t packets_in, octets_in, packets_out, octets_out; };

enum { WORKER_INTERFACES_MOST = 32 };

struct counters {
	uint64_t reasons[REASON_COUNT]; /* packets ended, by name; [REASON_NONE] counts those sent */
	uint64_t local;		/* delivered to the router itself and answered */
	uint64_t errors_sent;	/* ICMP errors of our own */
	uint64_t handed_off, hairpinned;
	uint64_t pieces; /* packets that cutting one made, beyond the first */
	struct link_counters links[WORKER_INTERFACES_MOST];
};

struct worker;

/* Frames that a ring between two workers holds, and that one of so many workers owns: what a ring
 * of returns must have room for, a power of two. */
enum { WORKER_RING = 256 };
size_t worker_frames(uint16_t workers);

/* rings[i][j] carries frames from worker i to worker j and returns[i][j] carries emptied buffers
 * of j from i back to it; both NULL where i == j, and unused with one worker. */
struct worker_links {
	uint16_t workers;
	struct ring **rings, **returns; /* workers × workers, row by producer */
	int *wakeups; /* eventfd of each worker */
	bool *sleeping; /* worker is, or is about to be: only then it needs waking */
};

struct worker_setup {
	uint16_t id;
	const struct worker_links *links;
	struct io *const *ios; /* one per interface of the configuration; taken at each turn's start */
	const uint32_t *swaps; /* grows after one of them has become another */
	struct snapshot *const *snapshot; /* where the current one is published */
	struct log_queue *log; /* takes the events of the NAT */
	struct nat_saved *records; /* where what the NAT knows is kept; NULL: nowhere */
	struct state_image *const *image; /* what one before it knew is published here, or nothing; NULL */
	uint8_t seed[32];
};

struct state_image;

/* From worker_new() to worker_free(), which takes NULL. */
struct worker *worker_new(const struct worker_setup *s);
void worker_free(struct worker *w);

/* One turn at a given time; returns how much was done: 0 says that there is nothing to do. */
size_t worker_step(struct worker *w, nat_time now);

/* Before its first turn: go on with what is its own of setup.image. After its last: all it knows is in
 * setup.records. */
void worker_restore(struct worker *w, nat_time now);
void worker_save(struct worker *w);

/* By another thread, before io becomes an interface of the worker, and before it ceases to be: its
 * queue is waited for, or no more. worker_plug() fails with a negative errno. */
int worker_plug(struct worker *w, uint16_t interface, const struct io *io);
void worker_unplug(struct worker *w, const struct io *io);

/* Turns until *stop is set, in the calling thread, which becomes a reader of liburcu (QSBR). */
void worker_run(struct worker *w, const bool *stop);

/* Turns that worker_run() has made: a worker makes several in a second, unless it is stuck. */
uint64_t worker_turns(const struct worker *w);

/* A copy, at any time and by any thread. */
struct counters worker_counters(const struct worker *w);

/* What another thread asks of a running worker. The worker answers between two turns, so that
 * listings never race with packets. */
enum worker_question { ASK_SESSIONS, ASK_MAPPINGS, ASK_GAUGES };

enum { WORKER_ANSWER_MOST = 256 };

struct worker_answer {
	size_t count;
	uint32_t cursor; /* to go on with */
	bool more;
	union {
		struct nat_session sessions[WORKER_ANSWER_MOST];
		struct nat_mapping mappings[WORKER_ANSWER_MOST];
		struct nat_gauges gauges;
	};
};

/* Ask and wait, one second at the most: 0, -ETIMEDOUT (the worker is stuck), or -EBUSY (another
 * thread is asking). cursor: 0 to begin, then what the answer said. */
int worker_ask(struct worker *w, enum worker_question q, uint32_t cursor,
	       struct worker_answer *answer);

#endif
