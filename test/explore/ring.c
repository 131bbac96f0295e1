/* The laws of router/ring.h, of router/log_queue.h, and of frames that go round. */
#include "programs.h"
#include "router/log_queue.h"
#include "router/ring.h"

enum { ITEMS = 16 };

struct item {
	int value;
};

static struct {
	unsigned bound;
	size_t capacity;
	struct ring *ring, *back;
	struct log_queue *queue;
	struct item *items;
	unsigned pushed, popped;
} s;

static struct frame *frame_of(unsigned i)
{
	return (struct frame *)(void *)&s.items[i];
}

static struct item *item_of(struct frame *f)
{
	return (struct item *)(void *)f;
}

static void prepare(unsigned bound, size_t capacity)
{
	s.bound = bound;
	s.capacity = capacity;
	s.pushed = s.popped = 0;
	s.items = explore_alloc(ITEMS * sizeof(*s.items));
	s.ring = ring_new(capacity);
	s.back = ring_new(capacity);
}

static void prepare_one(unsigned bound)
{
	prepare(bound, 1);
}

static void prepare_two(unsigned bound)
{
	prepare(bound, 2);
}

static void prepare_four(unsigned bound)
{
	prepare(bound, 4);
}

/* Law 1, and 2: what the producer wrote; law 4: it is ours now. */
static void take(struct frame *f)
{
	must(f == frame_of(s.popped), "frames come in the order in which they were pushed, each once");
	must(item_of(f)->value == (int)s.popped + 1, "what was written before the push is seen after the pop");
	item_of(f)->value = 0;
	s.popped++;
}

static void produce(void)
{
	for (unsigned turn = 0; turn < s.bound; turn++) {
		s.items[s.pushed].value = (int)s.pushed + 1;
		if (ring_push(s.ring, frame_of(s.pushed)))
			s.pushed++;
		else
			must(s.pushed >= s.capacity, "only a full ring refuses");
	}
}

static void consume(void)
{
	for (unsigned turn = 0; turn < s.bound; turn++) {
		struct frame *f = ring_pop(s.ring);

		if (f)
			take(f);
	}
}

static void consume_if_told(void)
{
	for (unsigned turn = 0; turn < s.bound; turn++)
		if (!ring_is_empty(s.ring)) {
			struct frame *f = ring_pop(s.ring);

			must(f, "a ring that is not empty has something to pop");
			take(f);
		}
}

/* In twos and threes, which the ring has not always room for. */
static void produce_many(void)
{
	for (unsigned turn = 0; turn < s.bound; turn++) {
		struct frame *frames[3];
		unsigned count = 2 + turn % 2;

		for (unsigned i = 0; i < count; i++) {
			frames[i] = frame_of(s.pushed + i);
			s.items[s.pushed + i].value = (int)(s.pushed + i) + 1;
		}

		size_t room = ring_room(s.ring, count), went = ring_push_many(s.ring, frames, count);

		must(went >= (room < count ? room : count), "a ring takes as many as it has said it has room for");
		s.pushed += (unsigned)went;
	}
}

static void consume_many(void)
{
	for (unsigned turn = 0; turn < s.bound; turn++) {
		struct frame *frames[3];
		size_t count = ring_pop_many(s.ring, frames, 2 + turn % 2);

		for (size_t i = 0; i < count; i++)
			take(frames[i]);
	}
}

static void judge(void)
{
	struct frame *f;

	while ((f = ring_pop(s.ring)))
		take(f);
	must(s.popped == s.pushed, "what was pushed, and no more, is popped in the end");
}

/* Frames go there and back: who fills one again has seen that the other is done with it. */
static void lend(void)
{
	struct frame *spare[2] = { frame_of(0), frame_of(1) };
	unsigned count = 2;

	for (unsigned turn = 0; turn < s.bound; turn++) {
		struct frame *f = count ? spare[--count] : NULL;

		if (f) {
			item_of(f)->value++;
			must(ring_push(s.ring, f), "a ring with room for all frames refuses none");
		}
		f = ring_pop(s.back);
		if (f)
			spare[count++] = f;
	}
}

static void give_back(void)
{
	for (unsigned turn = 0; turn < s.bound; turn++) {
		struct frame *f = ring_pop(s.ring);

		if (f) {
			must(item_of(f)->value % 2 == 1, "a frame comes as it was pushed");
			item_of(f)->value++;
			must(ring_push(s.back, f), "a ring with room for all frames refuses none");
		}
	}
}

static void prepare_queue(unsigned bound)
{
	s.bound = bound;
	s.pushed = s.popped = 0;
	s.queue = log_queue_new(2);
}

static void report(void)
{
	for (unsigned turn = 0; turn < s.bound; turn++) {
		struct nat_event e = { .at = { s.pushed }, .protocol = (uint8_t)s.pushed };

		s.pushed += log_queue_push(s.queue, &e);
	}
}

static bool read_report(void)
{
	struct nat_event e;

	if (!log_queue_pop(s.queue, &e))
		return false;
	must(e.at.ms == s.popped && e.protocol == s.popped, "events come whole, and in the order in which they were pushed");
	s.popped++;
	return true;
}

static void read_reports(void)
{
	for (unsigned turn = 0; turn < s.bound; turn++)
		read_report();
	must(log_queue_lost(s.queue) <= s.bound, "no more are lost than there were");
}

static void judge_queue(void)
{
	while (read_report())
		;
	must(s.popped == s.pushed && s.pushed + log_queue_lost(s.queue) == s.bound,
	     "an event is read, or counted as lost");
}

const struct program ring_programs[] = {
	{ "a ring of one", prepare_one, { produce, consume }, judge, 4, 6 },
	{ "a ring of two", prepare_two, { produce, consume }, judge, 4, 6 },
	{ "a ring of four", prepare_four, { produce, consume }, judge, 4, 7 },
	{ "a ring that is asked whether it is empty", prepare_two, { produce, consume_if_told }, judge, 3, 5 },
	{ "a ring of two, in batches", prepare_two, { produce_many, consume_many }, judge, 3, 5 },
	{ "a ring of four, in batches", prepare_four, { produce_many, consume_many }, judge, 3, 5 },
	{ "frames that go round", prepare_two, { lend, give_back }, NULL, 3, 4 },
	{ "the queue of the log", prepare_queue, { report, read_reports }, judge_queue, 3, 5 },
	{ 0 },
};
