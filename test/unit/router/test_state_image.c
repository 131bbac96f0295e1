/* What a state file may hold, and what becomes of it by which clock. */
#include "packets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nat/nat.h"
#include "router/state_image.h"

enum { SESSIONS = 64, PLACES = 512, HOSTS = 20, MINUTE = 60000, BEGIN = 1000 * MINUTE };

static const char boot[STATE_BOOT] = "0f3c", another_boot[STATE_BOOT] = "77ab";

/* A NAT, and the file that it is kept in. */
struct kept {
	struct nat *nat;
	void *memory;
	struct nat_policy policy;
	be32 pool[1];
	struct nat_config config;
	struct { struct state_header header; uint8_t rest[STATE_PAGE - sizeof(struct state_header)];
		 struct nat_saved places[PLACES]; } file;
};

static be32 address_of(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	const uint8_t octets[] = { a, b, c, d };

	return be32_load(octets);
}

static void write_header(struct state_header *h)
{
	*h = (struct state_header){
		.magic = STATE_MAGIC, .order = STATE_ORDER, .version = STATE_VERSION,
		.record_version = NAT_SAVED_VERSION, .record_size = sizeof(struct nat_saved),
		.workers = 1, .places = PLACES, .now_ms = BEGIN, .real_ms = 5 * BEGIN,
	};
	memcpy(h->boot, boot, sizeof(boot));
	h->sum = state_sum(h);
}

static struct kept *kept_new(void)
{
	struct kept *k = calloc(1, sizeof(*k));
	static const uint8_t seed[32] = { 7 };

	assert_non_null(k);
	k->policy = (struct nat_policy){
		.prefix = address_of(10, 0, 0, 0), .prefix_len = 8, .type = NAT_NAPT44,
		.pool_count = 1, .ports = { 1024, 65535 },
	};
	k->pool[0] = address_of(198, 51, 100, 2);
	k->config = nat_config_default();
	k->config.sessions = SESSIONS;
	k->config.sessions_per_host = SESSIONS;
	k->config.policies = &k->policy;
	k->config.policy_count = 1;
	k->config.pool = k->pool;
	k->config.pool_count = 1;
	k->config.held_ports = 32;
	assert_null(nat_config_fault(&k->config));
	assert_true(nat_saved_count(&k->config) <= PLACES);
	k->memory = aligned_alloc(64, (nat_size(&k->config) + 63) / 64 * 64);
	k->nat = nat_init(k->memory, &k->config, seed);
	write_header(&k->file.header);
	nat_save_to(k->nat, k->file.places);
	return k;
}

static void kept_free(struct kept *k)
{
	assert_null(nat_check(k->nat));
	free(k->memory);
	free(k);
}

static enum nat_verdict pass(struct kept *k, uint64_t ms, enum nat_side from, struct packet p)
{
	struct nat_job job = { .from = from, .room = PACKET_ROOM };
	struct pkt view;

	assert_int_equal(pkt_parse(&view, p.octets, p.len, NULL), REASON_NONE);
	job.p = &view;
	nat_process(k->nat, (nat_time){ ms }, &job);
	return job.verdict;
}

/* Each host asks, at that time. */
static struct kept *kept_with_sessions(uint64_t ms)
{
	struct kept *k = kept_new();

	for (unsigned i = 0; i < HOSTS; i++)
		assert_int_equal(pass(k, ms, SIDE_INSIDE, udp(WAY("10.0.0.%u:%u > 203.0.113.9:53",
			10 + i, 5000 + i), 10)), NAT_FORWARD);
	return k;
}

static enum nat_verdict answer(struct kept *k, uint64_t ms, unsigned i)
{
	return pass(k, ms, SIDE_OUTSIDE, udp(WAY("203.0.113.9:53 > 198.51.100.2:%u", 5000 + i), 10));
}

static int file_of(const void *octets, size_t len)
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), (ssize_t)len);
	return fd;
}

static struct state_moment moment(uint64_t now_ms, uint64_t real, const char *kernel)
{
	struct state_moment m = { .now = { now_ms }, .real_ms = real };

	memcpy(m.boot, kernel, sizeof(m.boot));
	return m;
}

/* NULL, or why not. */
static const char *read_octets(const void *octets, size_t len, struct state_image **image)
{
	struct state_moment m = moment(BEGIN, 5 * BEGIN, boot);
	int fd = file_of(octets, len);
	const char *why;
	int r = state_image_read(image, fd, &m, &why);

	close(fd);
	assert_int_equal(r != 0, why != NULL);
	return why;
}

static void assert_unreadable(const void *octets, size_t len, const char *why)
{
	struct state_image *image;
	const char *said = read_octets(octets, len, &image);

	assert_non_null(said);
	assert_string_equal(said, why);
}

/* Another number at an offset of the header; sealed: the sum is right. */
static const struct { size_t at; uint32_t value; bool sealed; const char *why; } headers[] = {
	{ offsetof(struct state_header, magic), 0x6c6c6f68, true, "it is no state file" },
	{ offsetof(struct state_header, order), 0x04030201, true,
	  "it comes from a machine with another order of octets" },
	{ offsetof(struct state_header, version), STATE_VERSION + 1, true,
	  "it comes from another version of router" },
	{ offsetof(struct state_header, record_version), NAT_SAVED_VERSION + 1, true,
	  "it comes from another version of router" },
	{ offsetof(struct state_header, record_size), 64, true,
	  "it comes from another version of router" },
	{ offsetof(struct state_header, key), 1, false, "its header is damaged" },
	{ offsetof(struct state_header, sum), 1, false, "its header is damaged" },
	{ offsetof(struct state_header, workers), 0, true, "its header is impossible" },
	{ offsetof(struct state_header, workers), NAT_WORKERS_MOST + 1, true, "its header is impossible" },
	{ offsetof(struct state_header, places), PLACES + 1, true, "its header is impossible" },
	{ offsetof(struct state_header, places), UINT32_MAX - 31, true, "its header is impossible" },
	{ offsetof(struct state_header, waiting), UINT32_MAX, true, "its header is impossible" },
	{ offsetof(struct state_header, now_ms) + 4, UINT32_MAX, true, "its header is impossible" },
	{ offsetof(struct state_header, real_ms) + 4, UINT32_MAX, true, "its header is impossible" },
	{ offsetof(struct state_header, workers), 2, true,
	  "it is shorter or longer than its header says" },
	{ offsetof(struct state_header, places), PLACES + STATE_LINE, true,
	  "it is shorter or longer than its header says" },
	{ offsetof(struct state_header, places), 0, true,
	  "it is shorter or longer than its header says" },
	{ offsetof(struct state_header, waiting), 1, true,
	  "it is shorter or longer than its header says" },
	{ offsetof(struct state_header, waiting), 1 << 30, true,
	  "it is shorter or longer than its header says" },
};

static void a_header_says_what_is_wrong(void **state)
{
	struct kept *k = kept_with_sessions(BEGIN);

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		write_header(&k->file.header);
		memcpy((uint8_t *)&k->file.header + headers[i].at, &headers[i].value, sizeof(uint32_t));
		if (headers[i].sealed)
			k->file.header.sum = state_sum(&k->file.header);
		assert_unreadable(&k->file, sizeof(k->file), headers[i].why);
	}
	kept_free(k);
}

static void a_cut_file_is_known(void **state)
{
	static const size_t lengths[] = { 0, 1, sizeof(struct state_header) - 1 };
	static const size_t others[] = { sizeof(struct state_header), STATE_PAGE - 1, STATE_PAGE,
					 sizeof(((struct kept *)0)->file) - 1 };
	struct kept *k = kept_with_sessions(BEGIN);

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		assert_unreadable(&k->file, lengths[i], "it is too short");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_unreadable(&k->file, others[i], "it is shorter or longer than its header says");
	kept_free(k);
}

/* Another NAT takes up what one has left, by a moment; what became of it. */
static struct state_totals take_up(struct kept *to, const struct kept *from,
				   const struct state_moment *m)
{
	struct state_image *image;
	struct state_totals totals;
	int fd = file_of(&from->file, sizeof(from->file));
	const char *why;
	size_t at = 0;

	assert_int_equal(state_image_read(&image, fd, m, &why), 0);
	close(fd);
	assert_false(state_image_restore(image, to->nat, m->now, &at, SIZE_MAX));
	totals = state_image_totals(image);
	state_image_free(image);
	assert_null(nat_check(to->nat));
	return totals;
}

static uint32_t idle_ms(const struct kept *k, uint64_t now_ms)
{
	struct nat_session session;
	uint32_t cursor = 0;

	assert_true(nat_session_next(k->nat, (nat_time){ now_ms }, &cursor, &session));
	return session.idle_ms;
}

/* What the clocks were ahead when it is taken up, by how much, and for how long nobody was there. Sessions
 * of UDP have five minutes. */
static const struct { uint64_t now_ms, real_ms; bool rebooted; uint64_t down_ms; bool over; } clocks[] = {
	{ BEGIN, 5 * BEGIN, false, 0, false },
	{ BEGIN + MINUTE, 5 * BEGIN, false, MINUTE, false },
	{ BEGIN + 4 * MINUTE, 1, false, 4 * MINUTE, false },
	{ BEGIN + 5 * MINUTE, 5 * BEGIN, false, 5 * MINUTE, true },
	{ 1, 5 * BEGIN + MINUTE, true, MINUTE, false },
	{ 1, 5 * BEGIN + 5 * MINUTE, true, 5 * MINUTE, true },
	{ 9 * (uint64_t)BEGIN, 5 * BEGIN + 2 * MINUTE, true, 2 * MINUTE, false },
	{ 1, 4 * (uint64_t)BEGIN, true, 0, false },
	{ BEGIN - 1, 5 * BEGIN + MINUTE, false, MINUTE, false },
};

static void time_goes_by_while_nobody_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct kept *was = kept_with_sessions(BEGIN), *now = kept_new();
		struct state_moment m = moment(clocks[i].now_ms, clocks[i].real_ms,
					       clocks[i].rebooted ? another_boot : boot);
		struct state_totals t = take_up(now, was, &m);

		assert_int_equal(t.down_ms, clocks[i].down_ms);
		assert_int_equal(t.sessions, clocks[i].over ? 0 : HOSTS);
		assert_int_equal(t.over, clocks[i].over ? HOSTS : 0);
		assert_int_equal(t.damaged + t.waiting + t.refused, 0);
		if (!clocks[i].over)
			assert_int_equal(idle_ms(now, m.now.ms), clocks[i].down_ms);
		kept_free(was);
		kept_free(now);
	}
}

/* By nobody's word two clocks are the same. */
static void a_kernel_without_a_name_is_another(void **state)
{
	struct kept *was = kept_with_sessions(BEGIN), *now = kept_new();
	struct state_moment m = moment(BEGIN + MINUTE, 5 * BEGIN, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");

	(void)state;
	memset(was->file.header.boot, 0, STATE_BOOT);
	was->file.header.sum = state_sum(&was->file.header);
	assert_int_equal(take_up(now, was, &m).down_ms, 0);
	kept_free(was);
	kept_free(now);
}

/* RFC 6888 REQ-8: what ended long ago, and what ends now, rests, and then is free again. */
static void ports_rest(void **state)
{
	struct kept *was = kept_with_sessions(BEGIN), *now = kept_new();
	struct state_moment m = moment(BEGIN + 5 * MINUTE, 0, boot);
	struct state_totals t;

	(void)state;
	was->policy.behaviour[NAT_CLASS_UDP].filtering = NAT_ENDPOINT_INDEPENDENT;
	t = take_up(now, was, &m);
	assert_int_equal(t.over, HOSTS);
	assert_int_equal(nat_gauges(now->nat).held_ports, HOSTS);
	kept_free(was);
	was = now;
	m.now.ms += MINUTE;
	now = kept_new();
	t = take_up(now, was, &m);
	assert_int_equal(t.ports, HOSTS);
	assert_int_equal(nat_gauges(now->nat).held_ports, HOSTS);
	nat_expire(now->nat, (nat_time){ m.now.ms + MINUTE + 1 }, SIZE_MAX);
	assert_int_equal(nat_gauges(now->nat).held_ports, 0);
	kept_free(was);
	kept_free(now);
}

static void records_are_judged_one_by_one(void **state)
{
	struct kept *was = kept_with_sessions(BEGIN), *now = kept_new();
	struct state_moment m = moment(BEGIN, 0, boot);
	struct state_totals t;

	(void)state;
	was->file.places[3].protocol ^= 1;
	was->file.places[5].kind = 77;
	was->file.places[7] = was->file.places[6];
	was->file.places[8].at_ms = INT64_MIN;
	was->file.places[8].sum = nat_saved_sum(&was->file.places[8]);
	t = take_up(now, was, &m);
	assert_int_equal(t.damaged, 2);
	assert_int_equal(t.sessions, HOSTS - 4);
	assert_int_equal(answer(now, BEGIN, 6), NAT_FORWARD);
	assert_int_equal(answer(now, BEGIN, 3), NAT_UNMATCHED);
	kept_free(was);
	kept_free(now);
}

/* Twice the same, and again: what goes on does not go on once more. */
static void nothing_goes_on_twice(void **state)
{
	struct kept *was = kept_with_sessions(BEGIN), *now = kept_new();
	struct state_image *image;
	size_t at;

	(void)state;
	assert_null(read_octets(&was->file, sizeof(was->file), &image));
	for (unsigned i = 0; i < 3; i++)
		for (at = 0; state_image_restore(image, now->nat, (nat_time){ BEGIN }, &at, 5);)
			assert_null(nat_check(now->nat));
	assert_int_equal(state_image_totals(image).sessions, HOSTS);
	assert_int_equal(nat_gauges(now->nat).sessions, HOSTS);
	state_image_shrink(image);
	assert_int_equal(state_image_count(image), 0);
	state_image_free(image);
	kept_free(was);
	kept_free(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_says_what_is_wrong),
		cmocka_unit_test(a_cut_file_is_known),
		cmocka_unit_test(time_goes_by_while_nobody_is_there),
		cmocka_unit_test(a_kernel_without_a_name_is_another),
		cmocka_unit_test(ports_rest),
		cmocka_unit_test(records_are_judged_one_by_one),
		cmocka_unit_test(nothing_goes_on_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
