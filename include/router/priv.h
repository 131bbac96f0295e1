/*
 * What the process may still do once it runs.
 *
 * Sources  capabilities(7), credentials(7), seccomp(2).
 * Shape    What a configuration makes use of is a set of bits; tables say which capabilities
 *          (priv.c) and which system calls (priv_calls.c) that takes.
 * Order    priv_drop() when devices, guard and control socket are there, and before there are
 *          threads, which inherit what it leaves. priv_filter() when there are threads.
 * Promise  Afterwards nothing that the process does, or executes, gives it more. What it was not
 *          given in the first place is no fault: who needs it has said so before.
 * Errors   A negative errno, and one line that says what to do.
 */
#ifndef ROUTER_PRIV_H
#define ROUTER_PRIV_H

#include "router/io.h"

enum priv_need {
	PRIV_ALWAYS = 1 << 0,
	PRIV_DEVICES = 1 << 1,	/* that are made, or opened again */
	PRIV_PACKETS = 1 << 2,	/* sockets that see frames, or write IP headers */
	PRIV_NETNS = 1 << 3,	/* devices in other network namespaces */
	PRIV_STEERING = 1 << 4,	/* programs for queues */
	PRIV_XDP = 1 << 5,
	PRIV_URING = 1 << 6,
};

/* Of enum priv_need. */
unsigned int priv_needs(const struct conf *c);

/* The names of capabilities that may be needed, and what for, in roff; NULL behind the last. */
const char *priv_capability(size_t i, const char **why);

/* Become c->user, to whom the control socket is given, and keep only the capabilities needed. */
int priv_drop(const struct conf *c, struct io_error *error);

/* The same for a process that only undoes things, and stays who it is. */
int priv_drop_for_undo(struct io_error *error);

/* From now on a system call that is not on the list ends the process, with a line that names it;
 * for all threads there are, and those to come. Nothing if c->seccomp is not set, and in builds with
 * sanitizers, which make system calls of their own. */
int priv_filter(const struct conf *c, struct io_error *error);

/* The same without a configuration. */
int priv_filter_for(unsigned int needs, struct io_error *error);

#endif
