/*
 * The gateway as a service in the foreground: from its start to the signal that ends it.
 *
 * Shape    SIGHUP reads the file again, SIGTERM and SIGINT end it. A service manager is told
 *          what happens, and that the workers go on working.
 * Errors   A negative errno and one line, if it cannot start. What happens later is said on
 *          standard error.
 */
#ifndef ROUTER_SERVICE_H
#define ROUTER_SERVICE_H

#include "router/gateway.h"

/* Takes the configuration. */
int service_run(struct conf *c, struct io_error *error);

#endif
