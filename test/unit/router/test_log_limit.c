/* RFC 8158 (limits are told seldom, with a count) and log.per_second. */
#include "log_events.h"

static struct nat_event at(uint64_t ms)
{
	struct nat_event e = mapping_event(EVENT_MAPPING_CREATED);

	e.at.ms = ms;
	return e;
}

static void so_many_per_second(void **state)
{
	struct log_limits l = { .per_second = 3 };
	struct nat_event e;

	(void)state;
	for (uint64_t second = 0; second < 5; second++)
		for (uint64_t i = 0; i < 10; i++) {
			e = at(second * 1000 + i * 99);
			assert_int_equal(log_limits_admit(&l, &e), i < 3);
		}
	assert_int_equal(l.limited, 5 * 7);
}

/* Workers are a batch apart: an event of the second before opens no new one. */
static void a_late_event_counts_as_of_now(void **state)
{
	struct log_limits l = { .per_second = 2 };
	static const uint64_t times[] = { 1999, 2000, 1998, 2001, 1999, 2002, 3000 };
	static const bool admitted[] = { true, true, true, false, false, false, true };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct nat_event e = at(times[i]);

		assert_int_equal(log_limits_admit(&l, &e), admitted[i]);
	}
}

static void blocks_are_never_limited(void **state)
{
	struct log_limits l = { .per_second = 1 };
	struct nat_event e = block_event(EVENT_BLOCK_ASSIGNED);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		e.kind = i & 1 ? EVENT_BLOCK_ASSIGNED : EVENT_BLOCK_RELEASED;
		assert_true(log_limits_admit(&l, &e));
	}
	assert_int_equal(l.limited, 0);
}

/* Ten thousand refusals a second for a minute: the first at once, then one per ten seconds, and
 * none is forgotten. */
static void a_cause_is_told_every_ten_seconds(void **state)
{
	struct log_limits l = { .per_second = 1 };
	struct nat_event e = limit_event(EVENT_PORTS_EXHAUSTED, REASON_OUT_OF_PORTS), told;
	uint64_t count, sum = 0, records = 0;

	(void)state;
	for (uint64_t ms = 500; ms < 60500; ms++) {
		for (int i = 0; i < 10; i++)
			assert_false(log_limits_admit(&l, &e));
		while (log_limits_due(&l, (nat_time){ ms }, &told, &count)) {
			assert_int_equal((ms - 500) % LOG_CAUSE_MS, 0);
			assert_int_equal(told.reason, REASON_OUT_OF_PORTS);
			records++;
			sum += count;
		}
	}
	assert_int_equal(records, 6);
	assert_true(log_limits_due(&l, (nat_time){ 60500 }, &told, &count));
	assert_int_equal(sum + count, 600000);
	assert_false(log_limits_due(&l, (nat_time){ 90500 }, &told, &count));
	assert_int_equal(l.limited, 0);
}

static void causes_are_apart(void **state)
{
	struct log_limits l = { 0 };
	struct nat_event a = limit_event(EVENT_PORTS_EXHAUSTED, REASON_OUT_OF_PORTS);
	struct nat_event b = limit_event(EVENT_QUOTA_EXCEEDED, REASON_HOST_LIMIT), told;
	uint64_t count;

	(void)state;
	log_limits_admit(&l, &a);
	assert_true(log_limits_due(&l, (nat_time){ 1 }, &told, &count));
	log_limits_admit(&l, &a);
	log_limits_admit(&l, &b);
	log_limits_admit(&l, &b);
	assert_true(log_limits_due(&l, (nat_time){ 2 }, &told, &count));
	assert_int_equal(told.reason, REASON_HOST_LIMIT);
	assert_int_equal(count, 2);
	assert_false(log_limits_due(&l, (nat_time){ 2 }, &told, &count));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_per_second),
		cmocka_unit_test(a_late_event_counts_as_of_now),
		cmocka_unit_test(blocks_are_never_limited),
		cmocka_unit_test(a_cause_is_told_every_ten_seconds),
		cmocka_unit_test(causes_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
