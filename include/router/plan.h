/*
 * Who has which outside ports by plan: what operators ask about deterministic entries (RFC 7422).
 *
 * Errors   Each prints its answer, or one line on stderr that says why there is none, and returns the
 *          exit status: 0, 1 (the plan does not say), 2 (the question is none).
 */
#ifndef ROUTER_PLAN_H
#define ROUTER_PLAN_H

#include "router/conf.h"

/* The outside ports of an inside address, "198.51.100.1". */
int plan_ports(const struct conf *c, const char *inside, bool json);

/* The inside address behind an outside endpoint, "192.0.2.1:5056". */
int plan_holder(const struct conf *c, const char *outside, bool json);

#endif
