/* A clone says what the original says, and lives on without it. */
#include "conf_good.h"

static const char *const files[] = {
	"test/unit/router/conf/all.conf", "test/unit/router/conf/dial.conf",
	"test/unit/router/conf/six.conf", "router.conf",
};

static void assert_same_array(const void *a, const void *b, size_t count, size_t size)
{
	assert_true(!a == !b);
	if (!a)
		return;
	assert_ptr_not_equal(a, b);
	assert_memory_equal(a, b, count * size);
}

static void assert_same_text(const char *a, const char *b)
{
	assert_same_array(a, b, a ? strlen(a) + 1 : 0, 1);
}

static void assert_same_interface(const struct conf_interface *a, const struct conf_interface *b)
{
	assert_string_equal(a->name, b->name);
	assert_same_text(a->netns, b->netns);
	assert_same_array(a->addresses, b->addresses, a->address_count, sizeof(*a->addresses));
	assert_same_array(a->host_addresses, b->host_addresses, a->host_address_count,
			  sizeof(*a->host_addresses));
	assert_same_array(a->host_routes, b->host_routes, a->host_route_count,
			  sizeof(*a->host_routes));
}

/* The values of both are the same; what they point to is in arrays of their own. */
static void assert_same_policies(const struct conf *a, const struct conf *b)
{
	for (size_t i = 0; i < a->nat_count; i++) {
		struct nat_policy one = a->policies[i], other = b->policies[i];

		assert_same_array(one.v6.eams, other.v6.eams, one.v6.eam_count, sizeof(*one.v6.eams));
		assert_same_array(one.v6.eams_by6, other.v6.eams_by6, one.v6.eam_count,
				  sizeof(*one.v6.eams));
		one.v6.eams = one.v6.eams_by6 = other.v6.eams = other.v6.eams_by6 = NULL;
		assert_memory_equal(&one, &other, sizeof(one));
	}
}

static void assert_same_nat(const struct conf *a, const struct conf *b)
{
	assert_ptr_equal(b->nat.policies, b->policies);
	assert_ptr_equal(b->nat.pool, b->pool);
	assert_ptr_equal(b->nat.forwards, b->forwards);
	for (size_t i = 0; i < a->nat_count; i++)
		assert_same_text(a->nats[i].name, b->nats[i].name);
	assert_ptr_equal(b->nat.pool6, b->pool6);
	assert_same_policies(a, b);
	assert_same_array(a->pool, b->pool, a->nat.pool_count, sizeof(*a->pool));
	assert_same_array(a->pool6, b->pool6, a->nat.pool_count, sizeof(*a->pool6));
	assert_same_array(a->forwards, b->forwards, a->nat.forward_count, sizeof(*a->forwards));
	assert_same_array(a->forward_interfaces, b->forward_interfaces, a->nat.forward_count,
			  sizeof(*a->forward_interfaces));
}

static void assert_same(const struct conf *a, const struct conf *b)
{
	assert_same_text(a->file, b->file);
	assert_same_text(a->control, b->control);
	assert_same_text(a->state_file, b->state_file);
	assert_same_text(a->user, b->user);
	assert_same_text(a->group, b->group);
	assert_same_array(a->routes, b->routes, a->route_count, sizeof(*a->routes));
	assert_same_array(a->import_tables, b->import_tables, a->import_table_count,
			  sizeof(*a->import_tables));
	assert_same_array(a->rules, b->rules, a->rule_count, sizeof(*a->rules));
	assert_same_array(a->log.collectors, b->log.collectors, a->log.collector_count,
			  sizeof(*a->log.collectors));
	for (size_t i = 0; i < a->interface_count; i++)
		assert_same_interface(&a->interfaces[i], &b->interfaces[i]);
	assert_same_nat(a, b);
}

/* What the two still shared would be freed twice. */
static void a_clone_lives_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct conf *original = good(files[i]), *clone = conf_clone(original), *again;

		assert_non_null(clone);
		assert_same(original, clone);
		conf_free(original);
		again = conf_clone(clone);
		assert_non_null(again);
		assert_same(clone, again);
		conf_free(clone);
		conf_free(again);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(a_clone_lives_alone) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
