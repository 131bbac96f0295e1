/*
 * Which thread goes next, and which value a load brings, are choices; the trail holds those of this run, in
 * order. The next run goes the same way up to the last choice that has an alternative left.
 *
 * Not all orders of steps differ. Alternatives are tried only where they may show something else (dynamic
 * partial-order reduction with sleep sets): when a thread stores where another has loaded or stored before,
 * and did not have to, the store is tried before that. A load never need be tried before a store: it may
 * bring the older value after it as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "core.h"

enum { STACK = 1 << 16, NOTES = 1024, BLOCKS = 64, WORDS = 256, OUTCOMES = 1 << 20 };

/* A choice of a thread (count 0), or of one among count values. */
struct choice {
	unsigned count, chosen;
	uint8_t enabled, wanted, done, asleep; /* threads */
	struct step step;		       /* of the chosen one */
};

struct fibre {
	ucontext_t begin;
	jmp_buf at;
	bool begun, ended;
	struct step next;
	uint64_t loaded; /* a sum of all values, in order */
	uint16_t past[THREADS]; /* by thread, the last of its choices that had to come before; 0: none */
	_Alignas(64) uint8_t stack[STACK];
};

static struct {
	const struct program *program;
	struct choice trail[DEPTH];
	unsigned len, at; /* of the trail, and how far this run has come */
	struct fibre fibres[THREADS];
	unsigned running, last; /* thread: now, and who took a step before */
	jmp_buf scheduler, out; /* of a thread, and of the run */
	struct {
		unsigned thread;
		const char *what;
		uintptr_t at;
		uint64_t value;
	} notes[NOTES];
	unsigned note_count;
	bool failed, whole;
	uint64_t outcomes[OUTCOMES]; /* a set */
	char why[WORDS];
	struct {
		uintptr_t from, to;
		bool freed;
	} blocks[BLOCKS];
	unsigned block_count;
	size_t used;
	_Alignas(64) uint8_t heap[HEAP];
} e;

unsigned thread_now(void)
{
	return e.running;
}

static uint64_t mixed(uint64_t value)
{
	value = (value + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
	return value ^ value >> 29;
}

bool is_own_stack(uintptr_t at)
{
	uintptr_t stack = (uintptr_t)e.fibres[e.running].stack;

	return at >= stack && at < stack + STACK;
}

void note(const char *what, uintptr_t at, uint64_t value)
{
	e.fibres[e.running].loaded = mixed(e.fibres[e.running].loaded ^ value);
	if (e.note_count == NOTES)
		return;
	e.notes[e.note_count].thread = e.running;
	e.notes[e.note_count].what = what;
	e.notes[e.note_count].at = at;
	e.notes[e.note_count++].value = value;
}

void fault(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(e.why, sizeof(e.why), format, arguments);
	va_end(arguments);
	e.failed = true;
	_longjmp(e.running ? e.scheduler : e.out, 1);
}

void must(bool holds, const char *law)
{
	if (!holds)
		fault("%s", law);
}

static bool writes(enum operation what)
{
	return what != LOAD && what != FENCE && what != PAUSE;
}

/* Whether a step shows something else if it comes before another. */
static bool matters_before(const struct step *s, const struct step *other)
{
	if (s->what == FENCE || other->what == FENCE)
		return s->what == other->what && s->order == __ATOMIC_SEQ_CST && other->order == s->order;
	if (s->what == QUIET && other->what == QUIET)
		return false;
	return s->at == other->at && writes(s->what);
}

static uint8_t bit(unsigned thread)
{
	return (uint8_t)(1u << thread);
}

static bool may_go(unsigned thread);

static bool others_are_stuck(unsigned thread)
{
	for (unsigned t = 1; t < THREADS; t++)
		if (t != thread && (e.fibres[t].next.what == PAUSE ? !e.fibres[t].ended : may_go(t)))
			return false;
	return true;
}

/* A waiting thread may go on once it has been woken. */
static bool may_go(unsigned thread)
{
	const struct fibre *f = &e.fibres[thread];

	if (f->ended)
		return false;
	if (f->next.what == WAIT)
		return newest(f->next.at, *(const uint64_t *)f->next.at) != 0;
	if (f->next.what == PAUSE)
		return e.last != thread || others_are_stuck(thread);
	return f->next.what != SYNC_END || rcu_may_end();
}

static struct choice *next_choice(bool *is_new)
{
	if (e.at == DEPTH)
		fault("a run has more than %d choices", DEPTH);
	*is_new = e.at == e.len;
	if (*is_new)
		e.trail[e.len++] = (struct choice){ 0 };
	return &e.trail[e.at++];
}

unsigned choose(unsigned count)
{
	bool is_new;

	if (count == 1)
		return 0;
	struct choice *c = next_choice(&is_new);

	c->count = count;
	return c->chosen;
}

void follows(const uint16_t past[THREADS])
{
	uint16_t *mine = e.fibres[e.running].past;

	for (unsigned i = 0; i < THREADS; i++)
		if (mine[i] < past[i])
			mine[i] = past[i];
}

void past_of_now(uint16_t past[THREADS])
{
	memcpy(past, e.fibres[e.running].past, sizeof(e.fibres[0].past));
}

/* Before a thread takes its step: where it should have come earlier in other runs. */
static void ask_for_others(unsigned thread, unsigned here)
{
	const struct fibre *f = &e.fibres[thread];

	for (unsigned i = here; i-- > 0;) {
		struct choice *c = &e.trail[i];

		if (c->count || c->chosen == thread || i + 1 <= f->past[c->chosen] ||
		    !matters_before(&f->next, &c->step))
			continue;
		c->wanted |= c->enabled & bit(thread) ? bit(thread) : c->enabled;
	}
}

/* Who slept before this step, and has nothing new to see after it, sleeps on. */
static uint8_t still_asleep(const struct choice *c)
{
	uint8_t asleep = 0;

	for (unsigned t = 1; t < THREADS; t++)
		if ((c->asleep | c->done) & bit(t) && t != c->chosen &&
		    !matters_before(&c->step, &e.fibres[t].next))
			asleep |= bit(t);
	return asleep;
}

static void enter(unsigned thread)
{
	struct fibre *f = &e.fibres[thread];

	e.running = thread;
	if (_setjmp(e.scheduler) == 0) {
		if (f->begun)
			_longjmp(f->at, 1);
		f->begun = true;
		setcontext(&f->begin);
	}
	e.running = 0;
}

void arrive(struct step s)
{
	struct fibre *f = &e.fibres[e.running];

	if (!e.running)
		return;
	f->next = s;
	if (_setjmp(f->at) == 0)
		_longjmp(e.scheduler, 1);
}

static void run_body(void)
{
	e.program->bodies[e.running - 1]();
	e.fibres[e.running].ended = true;
	_longjmp(e.scheduler, 1);
}

/* Up to its first step, which others may precede. */
static void begin_fibre(unsigned thread)
{
	struct fibre *f = &e.fibres[thread];

	f->begun = false;
	f->loaded = 0;
	f->ended = !e.program->bodies[thread - 1];
	memset(f->past, 0, sizeof(f->past));
	if (f->ended)
		return;
	getcontext(&f->begin);
	f->begin.uc_stack.ss_sp = f->stack;
	f->begin.uc_stack.ss_size = STACK;
	makecontext(&f->begin, run_body, 0);
	enter(thread);
}

static uint8_t enabled_now(bool *all_ended)
{
	uint8_t enabled = 0;

	*all_ended = true;
	for (unsigned t = 1; t < THREADS; t++) {
		*all_ended = *all_ended && e.fibres[t].ended;
		if (may_go(t))
			enabled |= bit(t);
	}
	return enabled;
}

static unsigned first_of(uint8_t threads)
{
	return (unsigned)__builtin_ctz(threads);
}

/* One step of one thread; false: the run is over. *cut: because it had been seen in another order. */
static bool take_step(uint8_t *asleep, bool *cut)
{
	bool is_new, all_ended;
	uint8_t enabled = enabled_now(&all_ended);

	if (!enabled && !all_ended)
		fault("all threads wait");
	*cut = enabled && !(enabled & ~*asleep);
	if (!enabled || *cut)
		return false;

	unsigned here = e.at;
	struct choice *c = next_choice(&is_new);

	if (is_new) {
		c->enabled = enabled;
		c->asleep = *asleep;
		c->chosen = first_of(enabled & (uint8_t)~*asleep);
		c->wanted = e.whole ? enabled : bit(c->chosen);
	}
	c->step = e.fibres[c->chosen].next;
	ask_for_others(c->chosen, here);
	e.fibres[c->chosen].past[c->chosen] = (uint16_t)(here + 1);
	*asleep = e.whole ? 0 : still_asleep(c);
	e.last = c->chosen;
	enter(c->chosen);
	return !e.failed;
}

/* Returns whether it was cut. */
static bool run_to_the_end(unsigned bound)
{
	uint8_t asleep = 0;
	bool cut = false;

	e.at = e.note_count = e.block_count = 0;
	e.used = e.last = 0;
	memset(e.fibres[0].past, 0, sizeof(e.fibres[0].past));
	memory_begin();
	rcu_begin();
	e.program->prepare(bound);
	memory_fork();
	for (unsigned t = 1; t < THREADS && !e.failed; t++)
		begin_fibre(t);
	while (!e.failed && take_step(&asleep, &cut))
		;
	memory_join();
	if (!e.failed && !cut && e.program->judge)
		e.program->judge();
	return cut;
}

static bool run(unsigned bound)
{
	return _setjmp(e.out) == 0 && run_to_the_end(bound);
}

/* On to the next way; false: there is none. */
static bool turn_back(void)
{
	for (; e.len; e.len--) {
		struct choice *c = &e.trail[e.len - 1];

		if (c->count) {
			if (++c->chosen < c->count)
				return true;
			continue;
		}
		c->done |= bit(c->chosen);
		uint8_t left = c->wanted & (uint8_t)~(c->done | c->asleep);

		if (left) {
			c->chosen = first_of(left);
			return true;
		}
	}
	return false;
}

static void print_fault(const struct program *p)
{
	printf("# %s: %s\n", p->name, e.why);
	for (unsigned i = 0; i < e.note_count; i++)
		printf("# thread %u: %s %p %#llx\n", e.notes[i].thread, e.notes[i].what,
		       (void *)e.notes[i].at, (unsigned long long)e.notes[i].value);
}

static void count_outcome(struct explored *x)
{
	uint64_t outcome = 1;

	for (unsigned t = 1; t < THREADS; t++)
		outcome = mixed(outcome ^ e.fibres[t].loaded);
	for (size_t i = outcome % OUTCOMES;; i = (i + 1) % OUTCOMES) {
		if (e.outcomes[i] == outcome || x->outcomes == OUTCOMES - 1)
			return;
		if (!e.outcomes[i]) {
			e.outcomes[i] = outcome;
			x->outcomes++;
			x->sum += outcome;
			return;
		}
	}
}

struct explored explore(const struct program *p, unsigned bound, bool silent, bool whole)
{
	struct explored x = { .good = true };

	e.program = p;
	e.len = 0;
	e.failed = false;
	e.whole = whole;
	memset(e.outcomes, 0, sizeof(e.outcomes));
	do {
		bool cut = run(bound);

		x.cut += cut;
		x.runs++;
		if (!cut && !e.failed)
			count_outcome(&x);
	} while (!e.failed && turn_back());
	x.good = !e.failed;
	if (e.failed && !silent)
		print_fault(p);
	return x;
}

void give_way(void)
{
	arrive((struct step){ .what = PAUSE });
	memory_age();
	note("gives way", 0, 0);
}

void event_wait(uint64_t *number)
{
	arrive((struct step){ WAIT, __ATOMIC_ACQ_REL, (uintptr_t)number });
	kernel_change(number, ADD, 0);
}

void event_write(uint64_t *number)
{
	arrive((struct step){ CHANGE, __ATOMIC_ACQ_REL, (uintptr_t)number });
	kernel_change(number, ADD, 1);
}

void event_read(uint64_t *number)
{
	arrive((struct step){ CHANGE, __ATOMIC_ACQ_REL, (uintptr_t)number });
	kernel_change(number, EXCHANGE, 0);
}

void *explore_alloc(size_t len)
{
	size_t room = (len + 63) / 64 * 64;

	if (e.used + room > HEAP || e.block_count == BLOCKS)
		fault("a run needs more than %d octets or %d blocks", HEAP, BLOCKS);
	uint8_t *at = e.heap + e.used;

	e.used += room;
	memset(at, 0, len);
	e.blocks[e.block_count].from = (uintptr_t)at;
	e.blocks[e.block_count].to = (uintptr_t)at + len;
	e.blocks[e.block_count++].freed = false;
	return at;
}

void explore_free(void *at)
{
	for (unsigned i = 0; at && i < e.block_count; i++)
		if (e.blocks[i].from == (uintptr_t)at) {
			touch(at, e.blocks[i].to - e.blocks[i].from, true);
			e.blocks[i].freed = true;
		}
}

bool is_freed(uintptr_t at)
{
	for (unsigned i = 0; i < e.block_count; i++)
		if (e.blocks[i].freed && at >= e.blocks[i].from && at < e.blocks[i].to)
			return true;
	return false;
}
