/*
 * Captures taken through a configuration: what would leave, and why what does not.
 *
 * Shape    The whole pipeline of a gateway, its workers one after the other in this thread, between
 *          interfaces in memory that have the names, addresses and sides of the file. Time is that of
 *          the captures; timers run between packets, and for a minute after the last one.
 * Promise  No device, no rights, no clock: the same configuration, seed and captures give the same
 *          octets, and another number of workers the same verdicts. Nothing is written unless every
 *          capture can be read to its end.
 * Errors   A negative errno and one line that says what to do.
 */
#ifndef ROUTER_REPLAY_H
#define ROUTER_REPLAY_H

#include "router/conf.h"
#include "router/io.h"

enum { REPLAY_WORDS_MOST = 64 };

/* "IF=FILE", or "IF=ADDRESS/LENGTH". */
struct replay_word { char interface[IFNAMSIZ]; const char *value; };
struct replay_words { struct replay_word word[REPLAY_WORDS_MOST]; size_t count; };

struct replay {
	const char *conf, *decisions; /* files; decisions may be NULL */
	struct replay_words in, out, address;
	uint64_t seed; /* 0: that of the configuration or, if that is 0, 1 */
	bool json;
};

/* What is said on the command line, behind "replay". False: that cannot be, as error says. */
bool replay_read(struct replay *r, int argc, char **argv, struct io_error *error);

/* Do it and write the sum to summary. The configuration belongs to it, also when it fails. */
int replay_run(struct conf *c, const struct replay *r, FILE *summary, struct io_error *error);

#endif
