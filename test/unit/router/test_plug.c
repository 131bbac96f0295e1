/* Interfaces that are replaced while workers run: in memory, and devices of the kernel's. */
#include "beside.h"
#include "rig.h"

#include <dirent.h>

static const struct setting plain[] = RIG_WIDTHS();

static void replug(struct rig *r, size_t interface)
{
	const struct io *was = r->gateway->ios[interface];

	io_mem_unplug(r->gateway->ios[interface]);
	gateway_tick(r->gateway);
	assert_ptr_not_equal(r->gateway->ios[interface], was);
}

static void what_stands_for_an_absent_one(void **state)
{
	struct batch *b = batch_new();
	struct io *io;
	size_t sent = 7;

	(void)state;
	assert_int_equal(io_open_absent(&io, 2), 0);
	assert_true(io_is_absent(io));
	assert_false(io_is_up(io) || io_refresh(io) || io_can_steer(io) || io_has_neighbours(io));
	assert_int_equal(io_takes(io), 0);
	assert_int_equal(io_missed(io), 0);
	assert_string_equal(io_remark(io), "");
	assert_int_equal(io_descriptor(io, 1), -1);
	assert_int_equal(io_recv(io, 1, b->frames, FRAME_BATCH), 0);
	assert_int_equal(io_send(io, 0, b->frames, 3, &sent), REASON_INTERFACE_DOWN);
	assert_int_equal(sent, 0);
	io_close(io);
	batch_free(b);
}

static void sessions_survive(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10), before, after;

	before = rig_pass(r, LAN0, &sent, WAN0);
	for (size_t i = 0; i < INTERFACES; i++) {
		replug(r, i);
		after = rig_pass(r, LAN0, &sent, WAN0);
		assert_memory_equal(before.octets, after.octets, before.len);
		after = reply(&after);
		rig_pass(r, WAN0, &after, LAN0);
	}
}

/* What was counted belongs to the interface, not to what it is made of. */
static void counts_go_on(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);

	rig_pass(r, LAN0, &sent, WAN0);
	replug(r, WAN0);
	rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(rig_counters(r).links[WAN0].packets_out, 2);
	assert_int_equal(rig_counters(r).links[LAN0].packets_in, 2);
}

/* A datagram that waits in a ring for another worker, and the fragments that wait for their first. */
static void what_waits_is_sent_by_the_new_one(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 100);
	struct packet first = with_fragment(sent, 0x2000), out;

	for (unsigned i = 0; i < 10; i++) {
		rig_push_at(r, LAN0, 0, &sent);
		worker_step(r->gateway->workers[0], r->now);
		if (r->workers == 1)
			rig_drain(r, WAN0);
		replug(r, LAN0);
		if (r->workers > 1)
			replug(r, WAN0);
		rig_settle(r);
		assert_int_equal(rig_drain(r, WAN0), r->workers > 1);
	}
	rig_push(r, LAN0, &first);
	replug(r, WAN0);
	rig_push(r, LAN0, &sent);
	rig_settle(r);
	out = rig_take(r, WAN0);
	assert_true(out.len > 0);
}

/* Whoever frees the old one too early, or forgets a worker, is found out by the sanitizer. */
static void replaced_under_traffic(void **state)
{
	enum { TIMES = 100 };
	struct rig *r = rig_new(*state);
	struct gateway *g = r->gateway;
	uint64_t sent, before = 0;

	for (unsigned i = 0; i < 256; i++) {
		struct packet p = udp(WAY("10.0.0.10:%u > 203.0.113.%u:53", 5000 + i, i), 10);

		rig_push(r, LAN0, &p);
	}
	for (uint16_t i = 0; i < r->workers; i++)
		io_mem_loop(g->ios[LAN0], i, true);
	rig_start_threads(r);
	for (unsigned i = 0; i < TIMES; i++) {
		replug(r, i % 2 ? LAN1 : WAN0);
		/* The new one is used, not only put there. */
		while (i % 20 == 0 && !io_mem_sent(g->ios[WAN0], 0))
			sched_yield();
		sent = rig_counters(r).links[WAN0].packets_out;
		assert_true(sent >= before);
		before = sent;
	}
	assert_true(before > 0);
	assert_int_equal(g->swaps, TIMES + 1);
	gateway_stop(g);
	free(r);
}

static size_t count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

static int open_gateway(struct gateway **g, const char *interfaces, struct io_error *error)
{
	FILE *f = fopen("/run/conf", "w");
	struct conf *c;

	assert_non_null(f);
	fprintf(f, "workers = 2; control = \"\";\ninterfaces = (\n%s);\n"
		   "nat = ( { name = \"home\"; match = \"10.0.0.0/24\"; type = \"napt44\";"
		   " pool = [ \"203.0.113.5\" ]; } );\n", interfaces);
	fclose(f);
	c = conf_read("/run/conf", stderr);
	assert_non_null(c);
	return gateway_start(g, c, error);
}

static void make_outside(void)
{
	assert_true(shell("ip link add v0 type veth peer name v1 netns peer && ip link set v0 up &&"
			  "ip -n peer addr add 203.0.113.9/24 dev v1 && ip -n peer link set v1 up"));
}

#define LAN "{ name = \"lan0\"; type = \"tun\"; side = \"inside\"; netns = \"client\";" \
	    "  address = [ \"10.0.0.1/24\" ]; host_address = [ \"10.0.0.2/24\" ];" \
	    "  host_routes = [ \"0.0.0.0/0\" ]; }\n"
#define WAN(keys) ",{ name = \"v0\"; type = \"packet\"; side = \"outside\";" \
	    "  address = [ \"203.0.113.1/24\" ]; " keys " }\n"

static int divert_errors(const char *file)
{
	int saved = dup(STDERR_FILENO), fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	close(fd);
	return saved;
}

static void restore_errors(int saved)
{
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void replug_devices(struct gateway *g, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		assert_true(shell(i % 2 ? "ip -n client link del lan0" : "ip link del v0"));
		if (i % 4 == 0)
			gateway_tick(g);
		if (i % 2 == 0)
			make_outside();
		gateway_tick(g);
		assert_int_equal(g->plugs[0].state, PLUG_UP);
		assert_int_equal(g->plugs[1].state, PLUG_UP);
	}
}

/* The workers have slept meanwhile, and wake for what comes by the new ones. */
static void devices_come_and_go_without_leaving_anything(void **state)
{
	struct io_error error = { "" };
	struct gateway *g;
	size_t descriptors;
	int errors;

	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip netns add client && ip netns add peer"));
	make_outside();
	if (open_gateway(&g, LAN WAN(""), &error) < 0)
		fail_msg("%s", error.text);
	errors = divert_errors("/run/said");
	replug_devices(g, 4);
	descriptors = count_descriptors();
	for (unsigned i = 0; i < 5; i++) {
		replug_devices(g, 20);
		assert_int_equal(count_descriptors(), descriptors);
		assert_true(does(g, "client", "ping -q -c 1 -W 20 203.0.113.1 >/dev/null"));
		assert_true(does(g, "client", "ping -q -c 1 -W 20 203.0.113.9 >/dev/null"));
	}
	restore_errors(errors);
	assert_true(shell("test `grep -c 'lan0: back, ' /run/said` = 52"));
	assert_true(shell("test `grep -c 'v0: back, ' /run/said` = 52"));
	assert_true(shell("test `grep -c '/run/conf:4: v0: no device' /run/said` = 26"));
	gateway_stop(g);
	assert_true(shell("test `ip -n client -o link | wc -l` = 1"));
}

/* With the number that it had, and nobody has looked meanwhile. */
static void a_device_that_was_away(void **state)
{
	struct io_error error = { "" };
	const struct io *was;
	struct gateway *g;
	unsigned int index;

	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip netns add client && ip netns add peer && ip netns add drawer"));
	make_outside();
	if (open_gateway(&g, LAN WAN(""), &error) < 0)
		fail_msg("%s", error.text);
	was = g->ios[1];
	index = if_nametoindex("v0");
	assert_true(shell("ip link set v0 netns drawer && ip -n drawer link set v0 netns %d &&"
			  "ip link set v0 up", getpid()));
	assert_int_equal(if_nametoindex("v0"), index);
	gateway_tick(g);
	assert_ptr_not_equal(g->ios[1], was);
	assert_true(does(g, "client", "ping -q -c 1 -W 20 203.0.113.9 >/dev/null"));
	gateway_stop(g);
}

/* Nothing is left to work with: it ends, with one line that says why. */
static void ends_if_nothing_can_work(void **state)
{
	static const char why[] = "/run/conf:3: lan0: a device \"lan0\" exists already";
	struct io_error error = { "" };
	struct gateway *g;

	NETNS_TEST(state);
	TUN_TEST();
	assert_true(shell("ip netns add client && ip link add lan0 type veth peer name keep &&"
			  "ip tuntap add v0 mode tun"));
	assert_true(open_gateway(&g, LAN WAN(""), &error) < 0);
	if (strncmp(error.text, why, strlen(why)) != 0)
		fail_msg("\"%s\", not \"%s\"", error.text, why);
	assert_true(shell("ip link show lan0 >/dev/null && test -z \"`nft list tables`\""));
}

/* But it waits for devices, all of them even. */
static void waits_for_all_devices(void **state)
{
	struct io_error error = { "" };
	struct gateway *g;

	NETNS_TEST(state);
	TUN_TEST();
	if (open_gateway(&g, LAN WAN(""), &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(g->plugs[0].state, PLUG_ABSENT);
	assert_int_equal(g->plugs[1].state, PLUG_ABSENT);
	assert_non_null(strstr(g->plugs[0].why.text, "/run/conf:3: lan0: no network namespace"));
	assert_non_null(strstr(g->plugs[1].why.text, "/run/conf:4: v0: no device \"v0\""));
	assert_true(shell("ip netns add client && ip netns add peer"));
	make_outside();
	sleep(1);
	gateway_tick(g);
	assert_int_equal(g->plugs[0].state, PLUG_UP);
	assert_int_equal(g->plugs[1].state, PLUG_UP);
	assert_true(does(g, "client", "ping -q -c 1 -W 20 203.0.113.9 >/dev/null"));
	gateway_stop(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_for_an_absent_one),
		RIG_ROWS(sessions_survive, plain),
		RIG_ROWS(counts_go_on, plain),
		RIG_ROWS(what_waits_is_sent_by_the_new_one, plain),
		RIG_BARE_ROWS(replaced_under_traffic, plain),
		cmocka_unit_test(devices_come_and_go_without_leaving_anything),
		cmocka_unit_test(a_device_that_was_away),
		cmocka_unit_test(ends_if_nothing_can_work),
		cmocka_unit_test(waits_for_all_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
