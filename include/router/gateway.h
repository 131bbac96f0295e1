/*
 * The running gateway: interfaces, routes and workers made from one configuration.
 *
 * Memory   gateway_start() to gateway_stop(); the struct conf given to it belongs to it, also when
 *          it fails.
 * Promise  gateway_start() creates all or nothing. gateway_stop() removes what was created.
 *          gateway_reload() changes all or nothing, without stopping a worker; sessions stay.
 * Errors   A negative errno and one line that says what to do.
 */
#ifndef ROUTER_GATEWAY_H
#define ROUTER_GATEWAY_H

#include <pthread.h>

#include "router/arp.h"
#include "router/guard.h"
#include "router/log.h"
#include "router/worker.h"

struct gateway {
	struct snapshot *snapshot; /* current; workers take it through rcu_dereference() */
	struct io **ios;	   /* per interface of the configuration */
	struct guard *guard;	   /* NULL where none is needed */
	struct arp *arp;	   /* NULL without Ethernet */
	struct log *log;
	int events;		   /* epoll: what is to be done beside the workers */
	struct worker **workers;   /* snapshot->conf->workers of them */
	pthread_t *threads;
	size_t threads_running;
	struct worker_links links;
	nat_time started;
	uint8_t seed[32];
	bool stop; /* asks the workers to end */
};

/* Everything but the threads: whoever does without them calls worker_step() himself. */
int gateway_open(struct gateway **g, struct conf *conf, struct io_error *error);

int gateway_start(struct gateway **g, struct conf *conf, struct io_error *error);
void gateway_stop(struct gateway *g);

/* Work by another configuration from now on. What sized the gateway (workers, limits, interfaces,
 * pool) must be as before: -EINVAL says which is not. With several workers a session
 * may belong to another one by the new configuration (of a forward that was added, changed or
 * removed; of an entry that has come to give ports in blocks, or ceased to): it ends. */
int gateway_reload(struct gateway *g, struct conf *conf, struct io_error *error);

/* What is to be done beside the workers: gateway_work() when the descriptor is readable, and once a
 * second or so gateway_tick(). */
int gateway_descriptor(const struct gateway *g);
void gateway_work(struct gateway *g);
void gateway_tick(struct gateway *g);

/* Milliseconds of the monotonic clock. */
nat_time gateway_now(void);

#endif
