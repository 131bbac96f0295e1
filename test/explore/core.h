/* What the parts of the explorer share: explore.c chooses, memory.c knows what may be seen, hooks.c is what
 * the compiler calls. One exploration at a time. */
#ifndef TEST_EXPLORE_CORE_H
#define TEST_EXPLORE_CORE_H

#include "explore.h"

/* Thread 0 prepares and judges. */
enum { THREADS = BODIES_MOST + 1, PLACES = 64, STORES = 96, DEPTH = 600, HEAP = 1 << 20 };

enum operation { LOAD, STORE, CHANGE, FENCE, WAIT, PAUSE, SYNC_BEGIN, SYNC_END, QUIET };

struct step {
	enum operation what;
	int order; /* __ATOMIC_... */
	uintptr_t at;
};

struct access {
	void *at;
	size_t len;
	int order;
};

/* What a thread knows: of each place the oldest store that it may still see, and of each thread how far it
 * has come. */
struct view {
	uint16_t clock[THREADS];
	uint8_t seen[PLACES];
};

/* explore.c. arrive: let others go first, in any order. choose: one of so many, all of them in the end. */
void arrive(struct step s);
unsigned choose(unsigned count);
unsigned thread_now(void); /* 0 outside of the threads of a program */
bool is_own_stack(uintptr_t at);
bool is_freed(uintptr_t at);
void note(const char *what, uintptr_t at, uint64_t value);
_Noreturn void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The order of steps that is known to be needed: this one comes after what that one has seen. */
void follows(const uint16_t past[THREADS]);
void past_of_now(uint16_t past[THREADS]);

/* memory.c */
void memory_begin(void);
void memory_fork(void); /* threads begin with what thread 0 knows */
void memory_join(void); /* and it with what they knew at last */
void memory_age(void);	/* this thread sees what was stored before it did this the last time */
void touch(const void *at, size_t len, bool writes);
uint64_t atomic_do_load(struct access a);
void atomic_do_store(struct access a, uint64_t value);
/* Returns what was there; change: what becomes of it. */
enum change { ADD, SUBTRACT, AND, OR, XOR, EXCHANGE };
uint64_t atomic_do_change(struct access a, enum change change, uint64_t by);
bool atomic_do_swap(struct access a, int else_order, uint64_t *expected, uint64_t now);
void atomic_do_fence(int order);
uint64_t kernel_change(uint64_t *at, enum change change, uint64_t by); /* of a step that has been made */
uint64_t newest(uintptr_t at, uint64_t otherwise);
/* What a thread knows, and to learn it. */
void view_join(struct view *v, const struct view *with);
void view_of_now(struct view *v);
void view_learn(const struct view *v);

/* rcu.c */
void rcu_begin(void);
bool rcu_may_end(void);

#endif
