/*
 * What keeps the host from answering for the NAT between one gateway and the next, at addresses that
 * both have: a reset would end connections that are to go on.
 *
 * Shape    A table of nftables that nobody owns, with a set in its condition. While the gateway lives
 *          what is in the set stays; whoever undoes things when it ends gives that a time, after which
 *          the kernel forgets it, and the table does nothing. The next gateway takes its place.
 * Errors   A negative errno, and one line.
 */
#ifndef ROUTER_GUARD_HOLD_H
#define ROUTER_GUARD_HOLD_H

#include "guard_rules.h"
#include "router/io.h"

/* Make it, or make it anew by another configuration. *number: what it is called by. */
int guard_hold(uint32_t *number, const struct conf *c, const struct guard_use *u, struct io_error *error);

/* From now on it holds for some seconds. By any process. */
void guard_hold_end(uint32_t number);

#endif
