/*
 * All that threads can do to each other, for programs small enough.
 *
 * The compiler instruments the code under test as for ThreadSanitizer (-fsanitize=thread), and what it
 * calls at each access is here instead of in its library. A program is run again and again, its threads as
 * fibres of one thread, until every order of its atomic operations has been seen, and for every atomic load
 * each value that it may bring.
 *
 * Memory   Weaker than any machine: C11's release, acquire, relaxed and fences, as views. A place remembers
 *          all its stores; a load brings any that its thread does not know to be replaced. Stores of one
 *          place take effect in the order in which they are done, and no load sees what is stored later.
 *          Operations with seq_cst are not known, only such fences.
 * Faults   A law that does not hold; two accesses of which one writes, one is not atomic, and none has
 *          happened before the other; an access to what has been freed; threads that all wait. The
 *          operations that led there are printed.
 * Bounds   Of a program: see core.h; beyond, it is a fault. Threads must come to an end by themselves.
 */
#ifndef TEST_EXPLORE_H
#define TEST_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BODIES_MOST = 3 };

struct program {
	const char *name;
	void (*prepare)(unsigned bound); /* by one thread, before all others */
	void (*bodies[BODIES_MOST])(void);
	void (*judge)(void); /* when all have ended; NULL: nothing but the laws in between */
	unsigned bound, large; /* for every day, and for make explore */
};

struct explored {
	uint64_t runs, cut; /* of these, the ones that had been seen in another order */
	uint64_t outcomes, sum; /* that differ in what some thread loaded; and of what they were */
	bool good;
};

/* silent: a fault is expected, and not printed. whole: every order of all steps, whether it matters or not. */
struct explored explore(const struct program *p, unsigned bound, bool silent, bool whole);

/* A law; says so, and ends this run and the exploration, if it does not hold. */
void must(bool holds, const char *law);

/* An eventfd(2), of which a thread waits for others to write to it. */
void event_wait(uint64_t *number);
void event_write(uint64_t *number);
void event_read(uint64_t *number);

/* Who looks again and again lets others go on in between, if any can. Stores do not stay unseen for ever:
 * who gives way twice sees what was stored before the first time. */
void give_way(void);

/* Memory of a run; gone with it. */
void *explore_alloc(size_t len);
void explore_free(void *at);

#endif
