/*
 * A gateway in memory with a state file in a directory of its own, which is left and taken up again.
 *
 * Shape    STATE_ROWS() are tests with each number of workers, whose argument is a struct state_rig.
 *          What was kept is seen by a copy of the file, as a gateway that was killed leaves it.
 */
#ifndef STATE_RIG_H
#define STATE_RIG_H

#include "rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "router/state.h"

enum { STATE_TEXT = 64, STATE_SESSIONS = 40, STATE_FILE_MOST = 1 << 22 };

#define STATE_NAT RIG_NAT("\"198.51.100.2\"", "filtering = \"endpoint-independent\";")
#define STATE_ROW(test, workers) \
	{ #test " (" #workers ")", test, state_set_up, state_tear_down, (void *)(uintptr_t)(workers) }
#define STATE_ROWS(test) STATE_ROW(test, 1), STATE_ROW(test, 2), STATE_ROW(test, 4)

struct state_rig {
	unsigned workers;
	char directory[STATE_TEXT], file[STATE_TEXT + 8], more[STATE_TEXT + 40];
	struct rig *rig; /* NULL: it is not running */
};

static inline struct setting state_setting(const struct state_rig *s, const char *nat)
{
	return (struct setting){ .workers = s->workers, .more = s->more, .nat = nat };
}

/* The same file by other workers, too. */
static inline void state_start(struct state_rig *s, unsigned workers, const char *nat)
{
	struct setting setting;

	s->workers = workers;
	setting = state_setting(s, nat);
	s->rig = rig_new(&setting);
	s->rig->now = gateway_now();
}

static inline void state_stop(struct state_rig *s)
{
	rig_free(s->rig);
	s->rig = NULL;
}

/* Without one the gateway does not start; why. */
static inline int state_refused(const struct state_rig *s, struct io_error *error)
{
	struct setting setting = state_setting(s, NULL);
	struct gateway *g = NULL;
	int r = gateway_open(&g, rig_conf(&setting), error);

	if (!r)
		gateway_stop(g);
	return r;
}

static inline void state_copy(const char *from, const char *to)
{
	uint8_t *octets = malloc(STATE_FILE_MOST);
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t len;

	assert_non_null(octets);
	assert_true(in >= 0 && out >= 0);
	len = read(in, octets, STATE_FILE_MOST);
	assert_true(len >= 0 && len < STATE_FILE_MOST);
	assert_int_equal(write(out, octets, (size_t)len), len);
	close(in);
	close(out);
	free(octets);
}

/* End it as a kill does: what is in the file stays as it is at this moment. */
static inline void state_kill(struct state_rig *s)
{
	char copy[sizeof(s->file) + 8];

	snprintf(copy, sizeof(copy), "%s.kept", s->file);
	state_copy(s->file, copy);
	state_stop(s);
	assert_int_equal(rename(copy, s->file), 0);
}

static inline struct state_totals state_found(const struct state_rig *s)
{
	struct state_totals t;

	assert_true(state_totals(s->rig->gateway->state, &t));
	return t;
}

/* One question of each of so many hosts, and the answers, which say that sessions are there. */
static inline void state_ask(struct state_rig *s)
{
	for (unsigned i = 0; i < STATE_SESSIONS; i++) {
		struct packet p = udp(WAY("10.0.0.%u:%u > 203.0.113.9:53", 10 + i, 5000 + i), 10);

		rig_pass(s->rig, LAN0, &p, WAN0);
	}
}

static inline struct packet state_answer(unsigned i)
{
	return udp(WAY("203.0.113.9:53 > 198.51.100.2:%u", 5000 + i), 10);
}

static inline void state_hear(struct state_rig *s)
{
	for (unsigned i = 0; i < STATE_SESSIONS; i++) {
		struct packet p = state_answer(i), out = rig_pass(s->rig, WAN0, &p, LAN0);

		assert_way(&out, WAY("203.0.113.9:53 > 10.0.0.%u:%u", 10 + i, 5000 + i));
	}
}

static inline int state_set_up(void **state)
{
	struct state_rig *s = calloc(1, sizeof(*s));
	unsigned workers = (unsigned)(uintptr_t)*state;

	assert_non_null(s);
	snprintf(s->directory, sizeof(s->directory), P_tmpdir "/state.XXXXXX");
	assert_non_null(mkdtemp(s->directory));
	snprintf(s->file, sizeof(s->file), "%s/file", s->directory);
	snprintf(s->more, sizeof(s->more), "state_file = \"%s\";", s->file);
	state_start(s, workers, STATE_NAT);
	*state = s;
	return 0;
}

static inline int state_tear_down(void **state)
{
	static const char *const behind[] = { "", ".lock", ".new", ".unreadable", ".kept" };
	struct state_rig *s = *state;
	char path[sizeof(s->file) + 16];

	if (s->rig)
		rig_free(s->rig);
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", s->file, behind[i]);
		remove(path);
	}
	assert_int_equal(rmdir(s->directory), 0);
	free(s);
	return 0;
}

#endif
