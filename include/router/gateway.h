/*
 * The running gateway: interfaces, routes and workers made from one configuration.
 *
 * Memory   gateway_start() to gateway_stop(); the struct conf given to it belongs to it.
 * Promise  gateway_start() creates all or nothing. gateway_stop() removes what was created.
 * Errors   A negative errno and one line that says what to do.
 */
#ifndef ROUTER_GATEWAY_H
#define ROUTER_GATEWAY_H

#include "router/worker.h"

struct gateway {
	struct snapshot *snapshot; /* current; readers take it through rcu_dereference() */
	struct io **ios;	   /* per interface of the configuration */
	struct worker **workers;   /* snapshot->conf->workers of them */
	nat_time started;
	bool offload; /* super-packets are exchanged with every device */
};

int gateway_start(struct gateway **g, struct conf *conf, struct io_error *error);
void gateway_stop(struct gateway *g);

/* Milliseconds of the monotonic clock. */
nat_time gateway_now(void);

#endif
