/*
 * The state file: what lets sessions and resting ports outlive the gateway, however it ends.
 *
 * Sources  RFC 6888 REQ-8 (ports rest after a loss of state, too).
 * Shape    Workers write their records into memory that is the file's (router/state_image.h says how it
 *          is laid out), so that nothing is lost with the process. FILE.lock says that FILE is in use;
 *          FILE.new is what FILE becomes as soon as everything of before has been taken over from it.
 * Order    state_open(), then the workers, then state_image_restore() by each of them, then
 *          state_keep(). No file is opened afterwards.
 * Memory   state_open() to state_close(). All functions but state_open() take NULL, which is a gateway
 *          without such a file.
 * Promise  Room is taken at the start. A file that cannot be read is put aside, in the place of one that
 *          was before.
 * Errors   A negative errno, and one line with file, line and remedy.
 */
#ifndef ROUTER_STATE_H
#define ROUTER_STATE_H

#include "router/io.h"
#include "router/state_image.h"

struct state;

/* As conf->state_file says; *state is NULL where it says nothing. What is odd and no error is told on
 * standard error. */
int state_open(struct state **state, const struct conf *c, nat_time now, struct io_error *error);

/* The first STATE_KEY octets of the seed: before, the ones that the file had; false if there are none. From
 * now on these. */
bool state_key(const struct state *s, uint8_t key[static STATE_KEY]);
void state_set_key(struct state *s, const uint8_t key[static STATE_KEY]);

/* Where a worker keeps its records; NULL: nowhere. */
struct nat_saved *state_records(const struct state *s, uint16_t worker);

/* What there is to restore, where workers find it; they load it with acquire. */
struct state_image *const *state_image(const struct state *s);

/* What was restored is in the new file: it takes the place of the old one. What waits is in it, too. Tells
 * what has been restored. */
int state_keep(struct state *s, struct io_error *error);

/* A sign of life, about once a second, by the thread that publishes configurations: and what has waited
 * in vain is given up. */
void state_tick(struct state *s, nat_time now);

/* False: there is no file. */
bool state_totals(const struct state *s, struct state_totals *totals);

/* With clean, everything that there is has been written. Without state_keep() all is as before. */
void state_close(struct state *s, bool clean);

#endif
