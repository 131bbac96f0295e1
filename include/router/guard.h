/*
 * Keeping the host's own stack silent about what the NAT translates.
 *
 * Sources  Requirement ENV-2; RFC 5382 REQ-4 (no answer to an unsolicited SYN).
 * Shape    For an address that the kernel and the NAT share: what arrives for the NAT's ports is
 *          not for the kernel, unless a socket of the host has it. A rule in a table of our own,
 *          and the ports reserved so that no socket of the host picks one of them.
 * Memory   guard_install() to guard_remove(), which takes NULL.
 * Promise  What was there before is there afterwards.
 * Errors   A negative errno and one line that says what to do; nothing is left behind.
 */
#ifndef ROUTER_GUARD_H
#define ROUTER_GUARD_H

#include "router/io.h"

struct guard;

int guard_install(struct guard **g, const char *device, const struct address *shared,
		  struct port_range ports, struct io_error *error);
void guard_remove(struct guard *g);

#endif
