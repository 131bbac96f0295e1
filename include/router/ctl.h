/*
 * Control socket: what routerctl asks of a running gateway.
 *
 * Shape    A UNIX stream socket, mode 0660. One line of JSON in, {"command": "sessions", …}; one
 *          line of JSON out, {…, "ok": true} or {"error": "…", "ok": false}. Commands are a table.
 * Memory   ctl_open() to ctl_close().
 * Errors   Faulty requests are answered, slow or endless ones are cut off; none of them stops the
 *          gateway.
 */
#ifndef ROUTER_CTL_H
#define ROUTER_CTL_H

#include "router/gateway.h"

struct ctl;

/* Listen at path, replacing a socket that nobody listens on; -EADDRINUSE if somebody does. */
int ctl_open(struct ctl **c, const char *path, struct gateway *g, struct io_error *error);
void ctl_close(struct ctl *c);

/* Descriptor to wait on; readable when ctl_work() has something to do. */
int ctl_descriptor(const struct ctl *c);
void ctl_work(struct ctl *c, nat_time now);

#endif
