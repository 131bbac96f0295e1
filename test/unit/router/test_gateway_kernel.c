/* What the control thread makes of the kernel's news. */
#include "netns.h"
#include "rig.h"

enum { TABLES = RIB_TABLES, TICKS = 12 };

/* A conf with more tables of the kernel's than there are of ours. */
static struct conf *conf_of_too_many(const struct setting *s)
{
	struct conf *c = rig_conf(s);

	c->import_tables = realloc(c->import_tables, TABLES * sizeof(*c->import_tables));
	assert_non_null(c->import_tables);
	while (c->import_table_count < TABLES) {
		uint32_t table = 100 + (uint32_t)c->import_table_count;

		c->import_tables[c->import_table_count++] = table;
		assert_true(shell("ip rule add from 10.0.0.9 table %u && "
				  "ip route add blackhole 10.66.0.0/16 table %u", table, table));
	}
	return c;
}

/* A list of a full table takes its time. */
static void what_never_fits_is_not_tried_all_the_time(void **state)
{
	static const struct setting s = { .workers = 1 };
	struct io_error error;
	struct rig *r;

	NETNS_TEST(state);
	r = rig_new(&s);
	assert_int_equal(gateway_reload(r->gateway, conf_of_too_many(&s), &error), 0);
	for (int i = 0; i < TICKS; i++)
		gateway_tick(r->gateway);
	assert_in_range(gateway_kernel_counters(r->gateway).failed, 1, TICKS / 2);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_never_fits_is_not_tried_all_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
