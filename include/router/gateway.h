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
#include "router/link.h"
#include "router/log.h"
#include "router/state.h"
#include "router/worker.h"

/* How an interface is, and if it is not up, why, in one line that names it, where the file speaks of it,
 * and the remedy. */
enum plug_state { PLUG_UP, PLUG_DOWN, PLUG_ABSENT };

struct plug {
	enum plug_state state;
	struct io_error why;
	bool news; /* nobody has been told yet */
	uint64_t tried_ms; /* when it was opened again last, in vain or not */
};

/* Addresses that have changed, and of what their sessions became nobody has told yet: totals of before. */
enum { FOLLOWED_V4, FOLLOWED_V6, FOLLOWED_VERSIONS };
struct followed {
	bool begun;
	uint32_t interfaces[FOLLOWED_VERSIONS]; /* bits */
	uint64_t lost, moved;
	struct prefix was[FOLLOWED_VERSIONS][WORKER_INTERFACES_MOST];
	struct io_error fault; /* why the last change was not taken up */
};

struct gateway {
	struct snapshot *snapshot; /* current; workers load it with acquire */
	struct io **ios;	   /* per interface of the configuration; the same of plugs */
	struct plug *plugs;
	uint32_t swaps;		   /* of ios; it begins with 1 */
	struct guard *guard;	   /* NULL where none is needed */
	struct arp *arp;	   /* NULL without Ethernet */
	struct kernel *kernel;	   /* what is heard from it, and its routes */
	struct link *link;	   /* NULL without type tap */
	struct log *log;
	struct state *state;	   /* NULL: nothing is kept */
	struct followed followed;
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

/* Start the threads of one that is open; it is to be stopped if that fails. Both at once. */
int gateway_begin(struct gateway *g, struct io_error *error);
int gateway_start(struct gateway **g, struct conf *conf, struct io_error *error);
void gateway_stop(struct gateway *g);

/* Work by another configuration from now on. What sized the gateway (workers, limits, interfaces,
 * how many addresses pools have) must be as before: -EINVAL says which is not. Sessions of an address
 * that another has replaced do as nat_policy.on_address_change says. With several workers a session
 * may belong to another one by the new configuration (of a forward that was added, changed or
 * removed; of an entry that has come to give ports in blocks, or ceased to): it ends. */
int gateway_reload(struct gateway *g, struct conf *conf, struct io_error *error);

/* What is to be done beside the workers: gateway_work() when the descriptor is readable, and once a
 * second or so gateway_tick(). */
int gateway_descriptor(const struct gateway *g);
void gateway_work(struct gateway *g);
void gateway_tick(struct gateway *g);

/* Messages of the kernel's of unknown type or truncated; how often some were lost, and listed anew;
 * routes of the tables that are imported through devices that are not ours, and those there was no
 * room for. */
struct kernel_counters { uint64_t ignored, lost, left_out, failed; };
struct kernel_counters gateway_kernel_counters(const struct gateway *g);

/* Milliseconds of the monotonic clock. */
nat_time gateway_now(void);

#endif
