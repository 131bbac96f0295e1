/*
 * Sets of ports, and the range from which the kernel chooses ports for sockets of the host.
 *
 * Shape    A range has both ends; one whose last is 0 is empty.
 * Errors   A negative errno, and one line.
 */
#ifndef ROUTER_GUARD_PORTS_H
#define ROUTER_GUARD_PORTS_H

#include "router/io.h"

enum { PORTS = 65536 };

struct ports { bool has[PORTS]; };

void ports_add(struct ports *p, uint16_t first, uint16_t last);

/* The next run of ports, from *at on, that are in the set (or that are not). */
bool ports_next(const struct ports *p, bool in, unsigned int *at, struct port_range *run);

/* The kernel's range as it was and as we have made it; unchanged if after is empty. */
struct host_ports { struct port_range before, after; };

/* Have the kernel choose ports that are not used: those left of its range or, if these are few,
 * others. May be called again. */
int host_ports_move(struct host_ports *h, const struct ports *used, struct io_error *error);

/* Put the range back, unless somebody else has changed it since. */
void host_ports_restore(struct host_ports *h);

/* As a guard has left them. */
struct guard;
struct host_ports guard_host_ports(const struct guard *g);

#endif
