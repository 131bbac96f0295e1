/*
 * The commands of routerctl, and how their replies are shown to people.
 *
 * Shape    A table; it ends with a row without a command. A reply is shown as rows of fields, or
 *          by a function of its own.
 * Errors   0, or a negative errno when the output could not be made or printed.
 */
#ifndef ROUTERCTL_H
#define ROUTERCTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct field;

struct view {
	const char *command, *words, *help;
	const char *about; /* for the manual, in roff */
	const struct field *fields;
	int (*show)(const json_t *reply, bool all, FILE *out);
};

extern const struct view views[];

/* all: with the counters that are zero. */
int view_show(const struct view *v, const json_t *reply, bool all, FILE *out);

/* One part of routerctl(8): "views", "protocols" or "states". False: no such part. */
bool view_manual(const char *part, FILE *out);

#endif
