/* The state file: what goes on after an end in order, and after none; and who may have the file. */
#include "state_rig.h"

#include <errno.h>

/* Its name with something behind. */
struct path { char text[STATE_TEXT + 24]; };

static struct path beside(const struct state_rig *s, const char *what)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%s%s", s->file, what);
	return path;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void assert_found(const struct state_rig *s, uint64_t sessions, bool clean)
{
	struct state_totals t = state_found(s);

	assert_true(t.known);
	assert_int_equal(t.sessions, sessions);
	assert_int_equal(t.clean, clean);
	assert_int_equal(t.damaged + t.refused + t.waiting + t.over, 0);
}

static void a_file_is_made(void **state)
{
	const struct state_rig *s = *state;
	struct state_totals t = state_found(s);
	struct stat file;

	assert_int_equal(stat(s->file, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_true(file.st_blocks * 512 >= file.st_size);
	assert_false(is_there(beside(s, ".new").text));
	assert_true(is_there(beside(s, ".lock").text));
	assert_false(t.known || t.sessions || t.damaged);
}

static void sessions_go_on(void **state)
{
	struct state_rig *s = *state;

	state_ask(s);
	state_stop(s);
	state_start(s, s->workers, STATE_NAT);
	assert_found(s, STATE_SESSIONS, true);
	state_hear(s);
	state_ask(s);
}

static void sessions_go_on_after_a_kill(void **state)
{
	struct state_rig *s = *state;

	state_ask(s);
	state_kill(s);
	state_start(s, s->workers, STATE_NAT);
	assert_found(s, STATE_SESSIONS, false);
	state_hear(s);
}

static void sessions_go_on_by_other_workers(void **state)
{
	static const unsigned workers[] = { 3, 1, 4, 2 };
	struct state_rig *s = *state;

	state_ask(s);
	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		if (i % 2)
			state_kill(s);
		else
			state_stop(s);
		state_start(s, workers[i], STATE_NAT);
		assert_found(s, STATE_SESSIONS, i % 2 == 0);
		state_hear(s);
	}
}

/* How many sessions the file has that were seen at a time. */
static size_t count_seen_at(const struct state_rig *s, uint64_t ms)
{
	int fd = open(s->file, O_RDONLY);
	struct nat_saved record;
	size_t count = 0;

	for (off_t at = STATE_PAGE; pread(fd, &record, sizeof(record), at) == sizeof(record);
	     at += (off_t)sizeof(record))
		count += record.kind == NAT_SAVED_SESSION && record.at_ms == (int64_t)ms;
	close(fd);
	return count;
}

static void what_packets_change_is_written_within_a_second(void **state)
{
	struct state_rig *s = *state;
	uint64_t seen_ms;

	state_ask(s);
	rig_later(s->rig, 100000);
	seen_ms = s->rig->now.ms;
	state_ask(s);
	rig_later(s->rig, 1000);
	assert_int_equal(count_seen_at(s, seen_ms), STATE_SESSIONS);
}

static void put_octet(const char *path, off_t at, uint8_t octet)
{
	int fd = open(path, O_WRONLY);

	assert_int_equal(pwrite(fd, &octet, 1, at), 1);
	close(fd);
}

/* A record that was cut off while it was written. */
static void a_torn_record_is_left_out(void **state)
{
	struct state_rig *s = *state;
	struct state_totals t;

	state_ask(s);
	state_stop(s);
	put_octet(s->file, STATE_PAGE + 60, 0xa5);
	state_start(s, s->workers, STATE_NAT);
	t = state_found(s);
	assert_int_equal(t.damaged, 1);
	assert_int_equal(t.sessions, STATE_SESSIONS - 1);
}

/* What cannot be read is kept, and in nobody's way. */
static void a_damaged_file_is_put_aside(void **state)
{
	struct state_rig *s = *state;
	struct stat was, is;

	state_ask(s);
	state_stop(s);
	put_octet(s->file, 0, 'N');
	assert_int_equal(stat(s->file, &was), 0);
	state_start(s, s->workers, STATE_NAT);
	assert_false(state_found(s).known);
	assert_int_equal(stat(beside(s, ".unreadable").text, &is), 0);
	assert_int_equal(was.st_ino, is.st_ino);
	state_ask(s);
}

static void what_others_may_write_is_put_aside(void **state)
{
	struct state_rig *s = *state;

	state_ask(s);
	state_stop(s);
	assert_int_equal(chmod(s->file, 0620), 0);
	state_start(s, s->workers, STATE_NAT);
	assert_false(state_found(s).known);
	assert_true(is_there(beside(s, ".unreadable").text));
}

static void assert_refused(const struct state_rig *s, const char *why)
{
	struct io_error error = { "" };

	assert_true(state_refused(s, &error) < 0);
	if (!strstr(error.text, why) || !strstr(error.text, s->file) || !strstr(error.text, "; "))
		fail_msg("%s", error.text);
}

static void what_is_no_file_is_refused(void **state)
{
	struct state_rig *s = *state;

	state_stop(s);
	assert_int_equal(rename(s->file, beside(s, ".kept").text), 0);
	assert_int_equal(symlink(beside(s, ".kept").text, s->file), 0);
	assert_refused(s, "cannot be read");
	assert_int_equal(unlink(s->file), 0);
	assert_int_equal(mkfifo(s->file, 0600), 0);
	assert_refused(s, "it is no file");
}

static void two_gateways_do_not_share_a_file(void **state)
{
	struct state_rig *s = *state;

	state_ask(s);
	assert_refused(s, "another gateway has it");
	state_hear(s);
	state_stop(s);
	state_start(s, s->workers, STATE_NAT);
	assert_found(s, STATE_SESSIONS, true);
}

/* A start that fails later, or is cut off, loses nothing; nor does what it has left behind matter. */
static void a_failed_start_changes_nothing(void **state)
{
	struct state_rig *s = *state;
	struct setting setting;
	struct io_error error;
	struct state *half;
	struct conf *c;

	state_ask(s);
	state_stop(s);
	setting = state_setting(s, NULL);
	c = rig_conf(&setting);
	assert_int_equal(state_open(&half, c, gateway_now(), &error), 0);
	assert_true(is_there(beside(s, ".new").text));
	state_copy(beside(s, ".new").text, beside(s, ".kept").text);
	state_close(half, true);
	conf_free(c);
	assert_false(is_there(beside(s, ".new").text));
	assert_int_equal(rename(beside(s, ".kept").text, beside(s, ".new").text), 0);
	state_start(s, s->workers, STATE_NAT);
	assert_found(s, STATE_SESSIONS, true);
}

#define ELSEWHERE RIG_NAT("\"198.51.100.3\"", "filtering = \"endpoint-independent\";")

static void reload(struct state_rig *s, const char *nat)
{
	struct setting setting = state_setting(s, nat);
	struct io_error error;

	if (gateway_reload(s->rig->gateway, rig_conf(&setting), &error))
		fail_msg("%s", error.text);
	rig_settle(s->rig);
	state_tick(s->rig->gateway->state, s->rig->now);
}

static void assert_waiting(const struct state_rig *s, uint64_t sessions, uint64_t waiting)
{
	struct state_totals t = state_found(s);

	assert_int_equal(t.sessions, sessions);
	assert_int_equal(t.waiting, waiting);
	assert_int_equal(t.damaged + t.over + t.refused, 0);
}

/* Their address comes later, or the operator has put the file right. */
static void sessions_wait_for_their_address(void **state)
{
	struct state_rig *s = *state;

	state_ask(s);
	state_stop(s);
	state_start(s, s->workers, ELSEWHERE);
	assert_waiting(s, 0, STATE_SESSIONS);
	reload(s, STATE_NAT);
	assert_waiting(s, STATE_SESSIONS, 0);
	state_hear(s);
	reload(s, STATE_NAT);
	assert_waiting(s, STATE_SESSIONS, 0);
}

/* A gateway that ends meanwhile hands on what waits, and nothing twice. */
static void what_waits_is_handed_on(void **state)
{
	struct state_rig *s = *state;

	state_ask(s);
	state_stop(s);
	for (unsigned i = 0; i < 3; i++) {
		state_start(s, i + 1, ELSEWHERE);
		assert_waiting(s, 0, STATE_SESSIONS);
		if (i % 2)
			state_stop(s);
		else
			state_kill(s);
	}
	state_start(s, 2, ELSEWHERE);
	reload(s, STATE_NAT);
	state_kill(s);
	state_start(s, 2, STATE_NAT);
	assert_found(s, STATE_SESSIONS, false);
	state_hear(s);
}

#define TWO(a, b) RIG_NAT("\"198.51.100." a "\", \"198.51.100." b "\"", "")

/* Only one of two addresses comes: what goes on does not wait any more in the file, either. */
static void what_waits_is_resolved_one_by_one(void **state)
{
	struct state_rig *s = *state;
	struct state_totals t;

	state_stop(s);
	state_start(s, s->workers, TWO("2", "3"));
	state_ask(s);
	state_kill(s);
	state_start(s, s->workers, TWO("8", "9"));
	assert_waiting(s, 0, STATE_SESSIONS);
	reload(s, TWO("2", "9"));
	t = state_found(s);
	assert_true(t.sessions && t.waiting && t.sessions + t.waiting == STATE_SESSIONS);
	state_kill(s);
	state_start(s, s->workers, TWO("2", "3"));
	assert_found(s, STATE_SESSIONS, false);
}

static void what_waits_in_vain_is_given_up(void **state)
{
	struct state_rig *s = *state;
	struct state_totals t;

	state_ask(s);
	state_stop(s);
	state_start(s, s->workers, ELSEWHERE);
	s->rig->now.ms += 601000;
	state_tick(s->rig->gateway->state, s->rig->now);
	t = state_found(s);
	assert_int_equal(t.waiting, 0);
	assert_int_equal(t.refused, STATE_SESSIONS);
	reload(s, STATE_NAT);
	state_kill(s);
	state_start(s, s->workers, STATE_NAT);
	assert_found(s, 0, false);
}

static void the_file_stays_at_a_reload(void **state)
{
	struct state_rig *s = *state;
	struct setting setting = state_setting(s, STATE_NAT);
	struct io_error error;

	setting.more = "";
	assert_int_equal(gateway_reload(s->rig->gateway, rig_conf(&setting), &error), -EINVAL);
	assert_non_null(strstr(error.text, "state_file changed, which needs a restart"));
}

/* The hash by which hosts have addresses and workers is that of before. */
static void the_key_is_kept(void **state)
{
	struct state_rig *s = *state;
	struct setting setting = state_setting(s, NULL);
	uint8_t key[STATE_KEY] = "sixteen octets.", found[STATE_KEY];
	struct io_error error;
	struct state *one;
	struct conf *c;

	state_stop(s);
	c = rig_conf(&setting);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(state_open(&one, c, gateway_now(), &error), 0);
		assert_true(state_key(one, found));
		assert_int_equal(memcmp(found, key, sizeof(key)) == 0, i == 1);
		state_set_key(one, key);
		assert_int_equal(state_keep(one, &error), 0);
		state_close(one, true);
	}
	conf_free(c);
}

static void nothing_is_kept_without_a_file(void **state)
{
	struct setting setting = { .workers = 2 };
	struct rig *r = rig_new(&setting);
	struct state_totals t;

	(void)state;
	assert_null(r->gateway->state);
	assert_false(state_totals(r->gateway->state, &t));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_ROWS(a_file_is_made),
		STATE_ROWS(sessions_go_on),
		STATE_ROWS(sessions_go_on_after_a_kill),
		STATE_ROW(sessions_go_on_by_other_workers, 2),
		STATE_ROWS(what_packets_change_is_written_within_a_second),
		STATE_ROWS(a_torn_record_is_left_out),
		STATE_ROW(a_damaged_file_is_put_aside, 2),
		STATE_ROW(what_others_may_write_is_put_aside, 1),
		STATE_ROW(what_is_no_file_is_refused, 1),
		STATE_ROW(two_gateways_do_not_share_a_file, 2),
		STATE_ROW(a_failed_start_changes_nothing, 2),
		STATE_ROWS(sessions_wait_for_their_address),
		STATE_ROW(what_waits_is_handed_on, 2),
		STATE_ROW(what_waits_is_resolved_one_by_one, 2),
		STATE_ROW(what_waits_in_vain_is_given_up, 2),
		STATE_ROW(the_file_stays_at_a_reload, 1),
		STATE_ROW(the_key_is_kept, 1),
		cmocka_unit_test(nothing_is_kept_without_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
