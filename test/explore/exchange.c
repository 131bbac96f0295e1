/*
 * Workers as they run (router/worker_run.c, worker.c, frames.c) and what others do to them: hand over a
 * frame and wake them, ask, publish another snapshot and free the one before (router/gateway_reload.c).
 * What has no part in this is in around.c.
 */
#include <string.h>

#include "around.h"
#include "programs.h"

enum { SLEEPER = 1, HANDED = 42 };

static struct {
	unsigned bound;
	struct gateway *gateway;
	struct worker *workers[2];
	struct frame *frames;
	struct worker_answer *answer;
	unsigned received;
} s;

static void prepare(unsigned bound)
{
	s.bound = bound;
	s.received = 0;
	s.gateway = around_make(s.workers);
	s.frames = explore_alloc(bound * sizeof(*s.frames));
	s.answer = explore_alloc(sizeof(*s.answer));
}

static void sleeper(void)
{
	worker_run(s.workers[SLEEPER], &s.gateway->stop);
}

static void end(void)
{
	__atomic_store_n(&s.gateway->stop, true, __ATOMIC_RELAXED);
	event_write(kernel_event(SLEEPER));
}

/* One after another: before each, the other may have gone to sleep again. */
static void hand_over(void)
{
	for (unsigned i = 0; i < s.bound; i++) {
		s.frames[i].len = HANDED;
		s.frames[i].routed = true;
		frame_hand(s.workers[0], &s.frames[i], SLEEPER);
		frames_flush(s.workers[0]);
	}
}

/* Of a stage: what a worker does with a frame that has come to it. Nobody else ends this program. */
void around_receive(const struct frame *f)
{
	must(f == &s.frames[s.received] && f->len == HANDED, "frames come as they were handed over");
	if (++s.received == s.bound)
		end();
}

static void judge_all_received(void)
{
	must(s.received == s.bound, "a worker that sleeps is woken for every frame");
}

/* Who has an answer, or has given up waiting for it, has it to himself. */
static void ask(void)
{
	for (unsigned i = 0; i < s.bound; i++) {
		int r = worker_ask(s.workers[SLEEPER], ASK_GAUGES, 0, s.answer);

		must(r == 0 || r == -ETIMEDOUT, "a worker that is asked answers, or is too slow");
		if (r == 0)
			must(s.answer->gauges.sessions == AROUND_SESSIONS, "an answer is whole");
		memset(s.answer, 0, sizeof(*s.answer));
	}
	end();
}

static void reload(void)
{
	for (unsigned i = 0; i < s.bound; i++) {
		struct io_error error;
		struct conf *c = around_conf();

		must(gateway_replace(s.gateway, c, &error) == 0, "a configuration is taken up");
	}
	end();
}

const struct program exchange_programs[] = {
	{ "a worker that sleeps is woken", prepare, { hand_over, sleeper }, judge_all_received, 1, 2 },
	{ "a worker is asked", prepare, { ask, sleeper }, NULL, 1, 2 },
	{ "another snapshot takes the place of one", prepare, { reload, sleeper }, NULL, 1, 2 },
	{ 0 },
};
