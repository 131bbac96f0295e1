/* pace_keep() in a time of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/pace.h"

enum { START = 5000000, POLL = 50 };

struct clock {
	struct pace pace;
	uint64_t now_us;
};

static struct clock start(void)
{
	return (struct clock){ .now_us = START };
}

static bool turn(struct clock *c, uint64_t after_us, bool worked)
{
	c->now_us += after_us;
	return pace_keep(&c->pace, worked, c->now_us, POLL);
}

/* Work after so long, then a turn without: whether it stays awake after that. */
static bool work_after(struct clock *c, uint64_t after_us)
{
	assert_true(turn(c, after_us, true));
	return turn(c, 1, false);
}

/* Turns without work, a microsecond each, until it sleeps. */
static unsigned awake_for(struct clock *c)
{
	unsigned turns = 0;

	while (turn(c, 1, false))
		assert_true(++turns < 1000);
	return turns;
}

static void stays_awake_where_work_is_dense(void **state)
{
	struct clock c = start();

	(void)state;
	assert_false(work_after(&c, 1000));
	assert_false(work_after(&c, 20));
	assert_true(work_after(&c, 20));
	assert_int_equal(awake_for(&c), POLL - 1);
	/* Too late by little: it begins again. */
	assert_false(work_after(&c, 10));
	assert_false(work_after(&c, POLL - 2));
	assert_true(work_after(&c, POLL - 2));
}

static void sleeps_where_it_is_sparse(void **state)
{
	struct clock c = start();

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(work_after(&c, POLL + 1));
	/* A question and its answer, again and again. */
	for (int i = 0; i < 100; i++) {
		assert_false(work_after(&c, 1000));
		assert_false(work_after(&c, 20));
	}
}

/* However long work lasts, it counts once. */
static void a_burst_is_not_dense(void **state)
{
	struct clock c = start();

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(turn(&c, 200, true));
	assert_false(turn(&c, 200, false));
	/* But a turn of work may take its time between others. */
	assert_false(work_after(&c, 10));
	assert_true(turn(&c, 10, true));
	assert_true(turn(&c, 500, true));
	assert_true(turn(&c, 500, false));
	assert_int_equal(awake_for(&c), POLL - 1);
}

static void never_without_a_time(void **state)
{
	struct pace p = { 0 };

	(void)state;
	for (uint64_t now = START; now < START + 100; now += 2) {
		assert_true(pace_keep(&p, true, now, 0));
		assert_false(pace_keep(&p, false, now + 1, 0));
	}
}

/* A turn that does nothing does not take that long: somebody else had the processor. */
static void leaves_the_processor_to_others(void **state)
{
	struct clock c = start();
	uint64_t until;

	(void)state;
	for (int i = 0; i < 3; i++)
		work_after(&c, 10);
	assert_true(turn(&c, 1, false));
	until = c.now_us + PACE_TAKEN_US + 1 + PACE_YIELD_US;
	assert_true(turn(&c, PACE_TAKEN_US + 1, true));
	while (c.now_us + 22 < until)
		assert_false(work_after(&c, 20));
	work_after(&c, 20);
	assert_true(work_after(&c, 20));
}

/* Time passes while it sleeps, or works. */
static void sleep_and_work_are_not_others(void **state)
{
	struct clock c = start();

	(void)state;
	for (int i = 0; i < 3; i++)
		work_after(&c, 10);
	awake_for(&c);
	assert_false(turn(&c, 100000, false));
	assert_true(turn(&c, 10, true));
	assert_true(turn(&c, PACE_TAKEN_US * 2, true));
	assert_int_equal(c.pace.yield_us, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_awake_where_work_is_dense),
		cmocka_unit_test(sleeps_where_it_is_sparse),
		cmocka_unit_test(a_burst_is_not_dense),
		cmocka_unit_test(never_without_a_time),
		cmocka_unit_test(leaves_the_processor_to_others),
		cmocka_unit_test(sleep_and_work_are_not_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
