/* What the explorer must find, and must not: small programs of which it is known what memory may show. */
#include <stdatomic.h>
#include <string.h>

#include "programs.h"

static struct {
	atomic_int x, y;
	int plain, got[4];
	unsigned outcomes; /* of all runs: bits */
} s;

static void prepare(unsigned bound)
{
	unsigned outcomes = bound ? s.outcomes : 0;

	memset(&s, 0, sizeof(s));
	s.outcomes = outcomes;
}

static void outcome(void)
{
	s.outcomes |= 1u << (s.got[0] + 2 * s.got[1] + 4 * s.got[2] + 8 * s.got[3]);
}

#define STORE(what, order) atomic_store_explicit(&s.what, 1, memory_order_##order)
#define LOAD(number, what, order) s.got[number] = atomic_load_explicit(&s.what, memory_order_##order)
#define FENCE(order) atomic_thread_fence(memory_order_##order)
#define BODY(name, ...) static void name(void) { __VA_ARGS__; }

/* A message, and a flag that says it is there. */
BODY(send, STORE(x, relaxed); STORE(y, release))
BODY(send_relaxed, STORE(x, relaxed); STORE(y, relaxed))
BODY(send_fence, STORE(x, relaxed); FENCE(release); STORE(y, relaxed))
BODY(receive, LOAD(0, y, acquire); LOAD(1, x, relaxed))
BODY(receive_relaxed, LOAD(0, y, relaxed); LOAD(1, x, relaxed))
BODY(receive_fence, LOAD(0, y, relaxed); FENCE(acquire); LOAD(1, x, relaxed))
BODY(send_plain, s.plain = 1; STORE(y, release))
BODY(send_plain_relaxed, s.plain = 1; STORE(y, relaxed))
BODY(receive_plain, LOAD(0, y, acquire); if (s.got[0]) s.got[1] = s.plain)

/* Each says something, and looks whether the other has. */
BODY(left, STORE(x, release); LOAD(0, y, acquire))
BODY(right, STORE(y, release); LOAD(1, x, acquire))
BODY(left_fence, STORE(x, relaxed); FENCE(seq_cst); LOAD(0, y, relaxed))
BODY(right_fence, STORE(y, relaxed); FENCE(seq_cst); LOAD(1, x, relaxed))

/* Loads of one place do not go back; a load does not bring what is stored later. */
BODY(store_x, STORE(x, relaxed))
BODY(look_twice, LOAD(0, x, relaxed); LOAD(1, x, relaxed))
BODY(load_then_store, LOAD(0, x, relaxed); STORE(y, relaxed))
BODY(load_then_store_back, LOAD(1, y, relaxed); STORE(x, relaxed))

/* A change of the flag by a third thread carries on what came with it. */
BODY(change_y, LOAD(2, y, relaxed); if (s.got[2]) atomic_fetch_add_explicit(&s.y, 1, memory_order_relaxed))
BODY(receive_two, s.got[0] = atomic_load_explicit(&s.y, memory_order_acquire) == 2; LOAD(1, x, relaxed))
BODY(swap, int zero = 0; s.got[0] = atomic_compare_exchange_strong_explicit(
		&s.x, &zero, 1, memory_order_relaxed, memory_order_relaxed))
BODY(swap_too, int zero = 0; s.got[1] = atomic_compare_exchange_strong_explicit(
		&s.x, &zero, 1, memory_order_relaxed, memory_order_relaxed))

enum { B00 = 1, B10 = 2, B01 = 4, B11 = 8 };

static const struct litmus {
	const char *name;
	void (*bodies[BODIES_MOST])(void);
	unsigned outcomes; /* 0: it has a fault */
} litmus[] = {
	{ "a message without order", { send_relaxed, receive_relaxed }, B00 | B10 | B01 | B11 },
	{ "a message with release and acquire", { send, receive }, B00 | B01 | B11 },
	{ "a message with release only", { send, receive_relaxed }, B00 | B10 | B01 | B11 },
	{ "a message with acquire only", { send_relaxed, receive }, B00 | B10 | B01 | B11 },
	{ "a message with fences", { send_fence, receive_fence }, B00 | B01 | B11 },
	{ "a message with one fence", { send_fence, receive_relaxed }, B00 | B10 | B01 | B11 },
	{ "a plain message with release", { send_plain, receive_plain }, B00 | B11 },
	{ "a plain message without", { send_plain_relaxed, receive_plain }, 0 },
	{ "two who may miss each other", { left, right }, B00 | B10 | B01 | B11 },
	{ "two who may not, by fences", { left_fence, right_fence }, B10 | B01 | B11 },
	{ "two of whom one has a fence", { left_fence, right }, B00 | B10 | B01 | B11 },
	{ "two looks at one place", { store_x, look_twice }, B00 | B01 | B11 },
	{ "nothing out of thin air", { load_then_store, load_then_store_back }, B00 | B10 | B01 },
	{ "a message passed on", { send, change_y, receive_two },
	  B00 | B01 | (B00 | B01 | B11) << 4 },
	{ "a change that only one makes", { swap, swap_too }, B10 | B01 },
	{ "two writers without order", { store_x, store_x }, 0 },
};

size_t litmus_count(void)
{
	return sizeof(litmus) / sizeof(litmus[0]);
}

const char *litmus_run(size_t i, bool *good)
{
	const struct litmus *l = &litmus[i];
	struct program p = { .name = l->name, .prepare = prepare, .judge = outcome };

	memcpy(p.bodies, l->bodies, sizeof(p.bodies));
	s.outcomes = 0;
	*good = explore(&p, 1, !l->outcomes, false).good ? l->outcomes && s.outcomes == l->outcomes : !l->outcomes;
	return l->name;
}
