/* Events from one thread to another: in order, none twice, and what does not fit is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>

#include "router/log_queue.h"

enum { CAPACITY = 8, PUSHED = 200000 };

static struct nat_event event(uint64_t ms)
{
	return (struct nat_event){ .at = { ms }, .reason = (uint8_t)(ms * 7) };
}

static void refuses_capacities_that_are_no_power_of_two(void **state)
{
	static const uint32_t wrong[] = { 0, 3, 6, 100 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		errno = 0;
		assert_null(log_queue_new(wrong[i]));
		assert_int_equal(errno, EINVAL);
	}
}

static void counts_what_does_not_fit(void **state)
{
	struct log_queue *q = log_queue_new(CAPACITY);
	struct nat_event e;

	(void)state;
	assert_false(log_queue_pop(q, &e));
	for (uint64_t i = 0; i < CAPACITY + 5; i++) {
		e = event(i);
		assert_int_equal(log_queue_push(q, &e), i < CAPACITY);
	}
	assert_int_equal(log_queue_lost(q), 5);
	for (uint64_t i = 0; i < CAPACITY; i++) {
		assert_true(log_queue_pop(q, &e));
		assert_int_equal(e.at.ms, i);
	}
	assert_false(log_queue_pop(q, &e));
	e = event(9);
	assert_true(log_queue_push(q, &e));
	assert_int_equal(log_queue_lost(q), 5);
	log_queue_free(q);
}

static void *push_numbered(void *arg)
{
	for (uint64_t i = 0; i < PUSHED; i++) {
		struct nat_event e = event(i);

		log_queue_push(arg, &e);
	}
	return NULL;
}

/* Whole events, in order; gaps are as long as what was counted. */
static void two_threads(void **state)
{
	struct log_queue *q = log_queue_new(CAPACITY);
	uint64_t popped = 0, next = 0, wrong = 0;
	struct nat_event e;
	pthread_t pusher;

	(void)state;
	assert_int_equal(pthread_create(&pusher, NULL, push_numbered, q), 0);
	while (popped + log_queue_lost(q) < PUSHED)
		while (log_queue_pop(q, &e)) {
			wrong += e.at.ms < next || e.reason != (uint8_t)(e.at.ms * 7);
			next = e.at.ms + 1;
			popped++;
		}
	pthread_join(pusher, NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(popped + log_queue_lost(q), PUSHED);
	assert_true(popped >= CAPACITY);
	log_queue_free(q);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_capacities_that_are_no_power_of_two),
		cmocka_unit_test(counts_what_does_not_fit),
		cmocka_unit_test(two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
