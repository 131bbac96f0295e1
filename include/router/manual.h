/*
 * The commands of router(8), and those parts of its page that follow from tables.
 *
 * Shape    A command's words, help and about are for the usage, and about, in roff, for the page.
 * Errors   None.
 */
#ifndef ROUTER_MANUAL_H
#define ROUTER_MANUAL_H

#include <stdbool.h>
#include <stdio.h>

enum router_command {
	ROUTER_RUN,
	ROUTER_CHECK,
	ROUTER_PORTS,
	ROUTER_HOLDER,
	ROUTER_LOCKDOWN,
	ROUTER_REPLAY,
	ROUTER_COMMAND_COUNT
};

struct router_command_row {
	const char *name;
	const char *operand; /* NULL: none; with one comes --json */
	const char *options; /* other ones, in lines; NULL: none */
	const char *help;
	const char *about;
};

extern const struct router_command_row router_commands[ROUTER_COMMAND_COUNT];

/* What --help prints. */
void router_usage(FILE *out);

/* One part of the page: "synopsis", "commands", "capabilities" or "reasons". False: no such part. */
bool router_manual(const char *part, FILE *out);

#endif
