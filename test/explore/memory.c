/*
 * What memory may show to whom. Each thread has three views: what it knows, what it will know at its next
 * acquire fence (brought by relaxed loads), and what its relaxed stores tell (what it knew at its last
 * release fence). A store carries a view, which a load takes over.
 *
 * Other accesses go to memory as it is. They are judged by clocks, octet by octet: if one is not ordered
 * with one before, that is a fault whatever it brings; if all are ordered, what is there is what must be.
 */
#include <string.h>

#include "core.h"

enum { CELLS = 1 << 15 };

struct store {
	uint64_t value;
	struct view view;
	uint16_t past[THREADS];
	uint16_t clock; /* of who stored it */
	uint8_t by;
};

/* What is accessed by atomic operations. */
struct place {
	uintptr_t at; /* 0: a plain write has ended it */
	unsigned count;
	struct store stores[STORES];
};

/* Who accessed an octet, when at last, by [atomic][writes]. */
struct cell {
	uintptr_t at;
	uint32_t run;
	uint16_t clock[2][2][THREADS];
};

static struct {
	struct view now[THREADS], acquired[THREADS], released[THREADS], fences;
	uint8_t old[THREADS][PLACES]; /* stores that were there when the thread gave way */
	uint16_t fence_past[THREADS];
	struct place places[PLACES];
	unsigned place_count;
	struct cell cells[CELLS];
	uint32_t run;
} m;

void view_join(struct view *v, const struct view *with)
{
	for (unsigned i = 0; i < THREADS; i++)
		if (v->clock[i] < with->clock[i])
			v->clock[i] = with->clock[i];
	for (unsigned i = 0; i < m.place_count; i++)
		if (v->seen[i] < with->seen[i])
			v->seen[i] = with->seen[i];
}

void memory_begin(void)
{
	m.run++;
	m.place_count = 0;
	for (unsigned i = 0; i < THREADS; i++)
		m.now[i] = m.acquired[i] = m.released[i] = (struct view){ 0 };
	m.fences = (struct view){ 0 };
	memset(m.old, 0, sizeof(m.old));
	memset(m.fence_past, 0, sizeof(m.fence_past));
	m.now[0].clock[0] = 1;
}

void memory_fork(void)
{
	for (unsigned i = 1; i < THREADS; i++) {
		m.now[i] = m.released[i] = m.now[0];
		m.now[i].clock[i] = 1;
		m.acquired[i] = m.now[i];
	}
}

void memory_join(void)
{
	for (unsigned i = 1; i < THREADS; i++)
		view_join(&m.now[0], &m.now[i]);
}

void view_of_now(struct view *v)
{
	unsigned me = thread_now();

	*v = m.now[me];
	m.now[me].clock[me]++;
}

void view_learn(const struct view *v)
{
	view_join(&m.now[thread_now()], v);
	view_join(&m.acquired[thread_now()], &m.now[thread_now()]);
}

void memory_age(void)
{
	unsigned me = thread_now();

	for (unsigned i = 0; i < m.place_count; i++) {
		if (m.now[me].seen[i] < m.old[me][i])
			m.now[me].seen[i] = m.old[me][i];
		m.old[me][i] = (uint8_t)(m.places[i].count - 1);
	}
}

static struct cell *cell_of(uintptr_t at)
{
	for (size_t i = at * 0x9e3779b97f4a7c15 >> 49, tries = 0; tries < CELLS; i++, tries++) {
		struct cell *c = &m.cells[i % CELLS];

		if (c->run != m.run)
			*c = (struct cell){ .at = at, .run = m.run };
		if (c->at == at)
			return c;
	}
	fault("more memory is accessed than the explorer can follow");
}

static void touch_octet(uintptr_t at, bool is_atomic, bool writes)
{
	unsigned me = thread_now();
	const struct view *v = &m.now[me];
	struct cell *c = cell_of(at);

	for (unsigned a = 0; a <= !is_atomic; a++)
		for (unsigned w = !writes; w < 2; w++)
			for (unsigned t = 1; t < THREADS; t++)
				if (c->clock[a][w][t] > v->clock[t])
					fault("thread %u %s %p, which thread %u %s, and neither is first", me,
					      writes ? "writes" : "reads", (void *)at, t, w ? "writes" : "reads");
	c->clock[is_atomic][writes][me] = v->clock[me];
}

static void touch_as(uintptr_t at, size_t len, bool is_atomic, bool writes)
{
	if (is_freed(at))
		fault("%p is used, and has been freed", (void *)at);
	if (thread_now() && !is_own_stack(at))
		for (size_t i = 0; i < len; i++)
			touch_octet(at + i, is_atomic, writes);
}

void touch(const void *at, size_t len, bool writes)
{
	uintptr_t from = (uintptr_t)at;

	touch_as(from, len, false, writes);
	if (writes)
		for (unsigned i = 0; i < m.place_count; i++)
			if (m.places[i].at >= from && m.places[i].at < from + len)
				m.places[i].at = 0;
}

static uint64_t read_memory(const void *at, size_t len)
{
	uint64_t value = 0;

	for (size_t i = len; i-- > 0;)
		value = value << 8 | ((const volatile uint8_t *)at)[i];
	return value;
}

static void write_memory(void *at, size_t len, uint64_t value)
{
	for (size_t i = 0; i < len; i++, value >>= 8)
		((volatile uint8_t *)at)[i] = (uint8_t)value;
}

/* What is there before the first store was written by a plain one: who may see that is judged elsewhere. */
static unsigned place_of(void *at, size_t len)
{
	struct place *p = m.places;

	while (p < m.places + m.place_count && p->at != (uintptr_t)at)
		p++;
	if (p == m.places + PLACES)
		fault("more than %d atomic places", PLACES);
	if (p == m.places + m.place_count) {
		m.place_count++;
		p->at = (uintptr_t)at;
		p->count = 1;
		p->stores[0] = (struct store){ .value = read_memory(at, len) };
	}
	return (unsigned)(p - m.places);
}

uint64_t newest(uintptr_t at, uint64_t otherwise)
{
	for (unsigned i = 0; i < m.place_count; i++)
		if (m.places[i].at == at)
			return m.places[i].stores[m.places[i].count - 1].value;
	return otherwise;
}

static bool acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_CONSUME;
}

static bool releases(int order)
{
	return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL;
}

static void begin(enum operation what, struct access a, bool writes)
{
	if (a.order == __ATOMIC_SEQ_CST && what != FENCE)
		fault("operations with seq_cst are not known here");
	arrive((struct step){ what, a.order, (uintptr_t)a.at });
	touch_as((uintptr_t)a.at, a.len, true, writes);
}

static const struct store *see(unsigned place, unsigned number, int order)
{
	const struct store *s = &m.places[place].stores[number];
	unsigned me = thread_now();

	m.now[me].seen[place] = (uint8_t)number;
	if (acquires(order))
		view_join(&m.now[me], &s->view);
	view_join(&m.acquired[me], &s->view);
	view_join(&m.acquired[me], &m.now[me]);
	follows(s->past);
	return s;
}

static void add(unsigned place, uint64_t value, int order, const struct view *carried)
{
	struct place *p = &m.places[place];
	struct store *s = &p->stores[p->count];
	unsigned me = thread_now();

	if (p->count == STORES)
		fault("more than %d stores to a place", STORES);
	m.now[me].seen[place] = m.acquired[me].seen[place] = (uint8_t)p->count++;
	*s = (struct store){ .value = value, .view = releases(order) ? m.now[me] : m.released[me],
			     .by = (uint8_t)me, .clock = m.now[me].clock[me] };
	s->view.seen[place] = m.now[me].seen[place];
	if (carried)
		view_join(&s->view, carried);
	past_of_now(s->past);
	m.now[me].clock[me]++;
}

uint64_t atomic_do_load(struct access a)
{
	begin(LOAD, a, false);

	unsigned place = place_of(a.at, a.len), oldest = m.now[thread_now()].seen[place];
	unsigned number = m.places[place].count - 1 - choose(m.places[place].count - oldest);
	uint64_t value = see(place, number, a.order)->value;

	note("load", (uintptr_t)a.at, value);
	return value;
}

void atomic_do_store(struct access a, uint64_t value)
{
	begin(STORE, a, true);

	unsigned place = place_of(a.at, a.len), me = thread_now();
	const struct store *last = &m.places[place].stores[m.places[place].count - 1];

	if (last->by != me && last->clock > m.now[me].clock[last->by])
		fault("two threads store to %p, in an order that is not known here", a.at);
	follows(last->past);
	add(place, value, a.order, NULL);
	write_memory(a.at, a.len, value);
	note("store", (uintptr_t)a.at, value);
}

static uint64_t changed(enum change change, uint64_t was, uint64_t by)
{
	switch (change) {
	case ADD: return was + by;
	case SUBTRACT: return was - by;
	case AND: return was & by;
	case OR: return was | by;
	case XOR: return was ^ by;
	case EXCHANGE: break;
	}
	return by;
}

static uint64_t replace(unsigned place, struct access a, enum change change, uint64_t by)
{
	const struct store *s = see(place, m.places[place].count - 1, a.order);
	uint64_t was = s->value;

	add(place, changed(change, was, by), a.order, &s->view);
	write_memory(a.at, a.len, changed(change, was, by));
	note("change", (uintptr_t)a.at, changed(change, was, by));
	return was;
}

uint64_t atomic_do_change(struct access a, enum change change, uint64_t by)
{
	begin(CHANGE, a, true);
	return replace(place_of(a.at, a.len), a, change, by);
}

uint64_t kernel_change(uint64_t *at, enum change change, uint64_t by)
{
	struct access a = { at, sizeof(*at), __ATOMIC_ACQ_REL };

	return replace(place_of(a.at, a.len), a, change, by);
}

/* Fails on any value that may be seen and is another; succeeds on the newest only. */
bool atomic_do_swap(struct access a, int else_order, uint64_t *expected, uint64_t now)
{
	begin(CHANGE, a, true);

	unsigned place = place_of(a.at, a.len), last = m.places[place].count - 1;
	unsigned oldest = m.now[thread_now()].seen[place], others[STORES], count = 0;

	for (unsigned i = last + 1; i-- > oldest;)
		if (i == last || m.places[place].stores[i].value != *expected)
			others[count++] = i;
	unsigned number = others[choose(count)];

	if (number == last && m.places[place].stores[last].value == *expected) {
		replace(place, a, EXCHANGE, now);
		return true;
	}
	*expected = see(place, number, else_order)->value;
	note("no swap", (uintptr_t)a.at, *expected);
	return false;
}

void atomic_do_fence(int order)
{
	unsigned me = thread_now();

	begin(FENCE, (struct access){ .order = order }, false);
	if (acquires(order) || order == __ATOMIC_SEQ_CST)
		m.now[me] = m.acquired[me];
	if (order == __ATOMIC_SEQ_CST) {
		/* What places show is passed on from such a fence to the next, and nothing of clocks. */
		for (unsigned i = 0; i < m.place_count; i++) {
			if (m.fences.seen[i] < m.now[me].seen[i])
				m.fences.seen[i] = m.now[me].seen[i];
			m.now[me].seen[i] = m.fences.seen[i];
		}
		view_join(&m.acquired[me], &m.now[me]);
		follows(m.fence_past);
		past_of_now(m.fence_past);
	}
	if (releases(order) || order == __ATOMIC_SEQ_CST)
		m.released[me] = m.now[me];
	m.now[me].clock[me]++;
	note("fence", 0, (uint64_t)order);
}
