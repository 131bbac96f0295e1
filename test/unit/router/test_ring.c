#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "router/frame.h"
#include "router/ring.h"

static void refuses_capacities_that_are_no_power_of_two(void **state)
{
	static const size_t refused[] = { 0, 3, 6, 1000, SIZE_MAX, SIZE_MAX / 2 + 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		errno = 0;
		assert_null(ring_new(refused[i]));
		assert_int_equal(errno, EINVAL);
	}
}

static void is_empty_when_new(void **state)
{
	struct ring *r = ring_new(8);

	(void)state;
	assert_non_null(r);
	assert_true(ring_is_empty(r));
	assert_null(ring_pop(r));
	ring_free(r);
}

static void refuses_when_full_and_loses_nothing(void **state)
{
	static const size_t capacities[] = { 1, 2, 64 };
	struct frame frames[65];

	(void)state;
	for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
		struct ring *r = ring_new(capacities[c]);

		for (size_t i = 0; i < capacities[c]; i++)
			assert_true(ring_push(r, &frames[i]));
		assert_false(ring_push(r, &frames[64]));
		assert_false(ring_is_empty(r));
		for (size_t i = 0; i < capacities[c]; i++)
			assert_ptr_equal(ring_pop(r), &frames[i]);
		assert_null(ring_pop(r));
		ring_free(r);
	}
}

/* Every fill level at every place of the circle. */
static void keeps_order_round_the_circle(void **state)
{
	struct ring *r = ring_new(8);
	struct frame frames[8];
	size_t pushed = 0, popped = 0;

	(void)state;
	for (size_t turn = 0; turn < 1000; turn++) {
		for (size_t n = turn % 9; pushed - popped < n; pushed++)
			assert_true(ring_push(r, &frames[pushed % 8]));
		for (size_t n = turn % 4; pushed - popped > n; popped++)
			assert_ptr_equal(ring_pop(r), &frames[popped % 8]);
		assert_int_equal(ring_is_empty(r), pushed == popped);
	}
	ring_free(r);
}

enum { PASSED = 1000000, CAPACITY = 64, BUFFERS = 96 };

/* As between two workers: frames go over by one ring, emptied buffers come back by another. */
struct exchange {
	struct ring *over, *back;
	struct frame buffers[BUFFERS];
};

static struct frame *pop_wait(struct ring *r)
{
	struct frame *f;

	while ((f = ring_pop(r)) == NULL)
		sched_yield();
	return f;
}

static void push_wait(struct ring *r, struct frame *f)
{
	while (!ring_push(r, f))
		sched_yield();
}

static void *send_numbered(void *arg)
{
	struct exchange *x = arg;

	for (uint32_t i = 0; i < PASSED; i++) {
		struct frame *f = i < BUFFERS ? &x->buffers[i] : pop_wait(x->back);

		f->len = i;
		f->hop = (uint16_t)(i * 7);
		push_wait(x->over, f);
	}
	return NULL;
}

static void two_threads_pass_a_million_in_order(void **state)
{
	struct exchange x = { .over = ring_new(CAPACITY), .back = ring_new(128) };
	uint32_t wrong = 0;
	pthread_t sender;

	(void)state;
	assert_int_equal(pthread_create(&sender, NULL, send_numbered, &x), 0);
	for (uint32_t i = 0; i < PASSED; i++) {
		struct frame *f = pop_wait(x.over);

		wrong += f->len != i || f->hop != (uint16_t)(i * 7);
		memset(f, 0xee, sizeof(*f));
		push_wait(x.back, f);
	}
	pthread_join(sender, NULL);
	assert_int_equal(wrong, 0);
	assert_true(ring_is_empty(x.over));
	ring_free(x.over);
	ring_free(x.back);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_capacities_that_are_no_power_of_two),
		cmocka_unit_test(is_empty_when_new),
		cmocka_unit_test(refuses_when_full_and_loses_nothing),
		cmocka_unit_test(keeps_order_round_the_circle),
		cmocka_unit_test(two_threads_pass_a_million_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
