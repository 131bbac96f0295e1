/* A kernel that lets us load no program: root of a user namespace may not. */
#include "netns.h"

#include "router/gateway.h"
#include "router/steer.h"

static struct conf *conf_of(bool steering)
{
	char name[] = P_tmpdir "/steer.XXXXXX";
	int fd = mkstemp(name);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	struct conf *c;

	assert_non_null(f);
	fprintf(f, "workers = 2; control = \"\"; steering = %s;\ninterfaces = (\n"
		   "{ name = \"lan%d\"; type = \"tun\"; side = \"inside\";"
		   "  address = [ \"10.0.0.1/24\" ]; },\n"
		   "{ name = \"wan%d\"; type = \"tun\"; side = \"outside\";"
		   "  address = [ \"198.51.100.1/24\" ]; } );\n"
		   "routes = ( { prefix = \"0.0.0.0/0\"; interface = \"wan%d\"; } );\n"
		   "nat = ( { name = \"home\"; match = \"10.0.0.0/24\"; type = \"napt44\";"
		   "  pool = [ \"198.51.100.2\" ]; } );\n", steering ? "true" : "false",
		steering, steering, steering);
	assert_int_equal(fclose(f), 0);
	c = conf_read(name, stderr);
	unlink(name);
	assert_non_null(c);
	return c;
}

static bool remarks(bool steering, const char *text)
{
	struct io_error error = { "" };
	struct gateway *g;
	bool found = false;

	if (gateway_open(&g, conf_of(steering), &error))
		fail_msg("%s", error.text);
	for (size_t i = 0; i < 2; i++)
		found |= strstr(io_remark(g->ios[i]), text) != NULL;
	gateway_stop(g);
	return found;
}

static void without_rights_the_gateway_says_so_and_runs(void **state)
{
	uint8_t seed[32] = { 0 };
	struct nat_config c = nat_config_default();

	if (geteuid() == 0 && (unshare(CLONE_NEWUSER) < 0 ||
			       !write_text("/proc/self/uid_map", "0 0 1"))) {
		print_message("SKIP: no user namespace: %s\n", strerror(errno));
		skip();
	}
	NETNS_TEST(state);
	TUN_TEST();
	if (steer_probe() == 0) {
		print_message("SKIP: this kernel takes programs from everybody\n");
		skip();
	}
	assert_int_equal(steer_probe(), -EPERM);
	assert_int_equal(steer_load(&c, seed, SIDE_INSIDE), -EPERM);
	assert_true(remarks(true, "steering off (Operation not permitted)"));
	assert_false(remarks(false, "steering"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rights_the_gateway_says_so_and_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
