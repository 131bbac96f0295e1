/*
 * What the control thread makes of the kernel's news.
 *
 * Routes and rules go into the rib at once. News of links and addresses say no more than that
 * something has changed: everything is looked at again a moment later, once for all that came
 * meanwhile. By then the kernel, too, has done what follows of the change, such as to end routes
 * of IPv4 without a word. Should it have been slower, they are listed once more with the next tick.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "gateway_core.h"
#include "io_backend.h"
#include "router/import.h"

enum {
	SETTLE_MS = 20,
	PATIENCE = 30,	 /* ticks */
	RECLAIM = 16384, /* changes of the rib */
	/* Together, as of several rules that look the same here one may be left. */
	RULES_AND_ROUTES = 1 << ABOUT_RULE | 1 << ABOUT_ROUTE,
};

struct kernel {
	struct monitor *monitor; /* NULL: nothing is needed */
	unsigned subjects;	 /* of the monitor */
	struct import *import;
	int events, timer;
	bool look;		  /* at links and addresses, when the timer says so */
	bool list, list_again; /* routes: then, and with the next tick */
	unsigned patience;	  /* ticks until a list is tried again that had a fault */
	bool waiting;		  /* the timer runs */
	struct import_counters reclaimed;
};

static unsigned subjects_of(const struct conf *c)
{
	unsigned subjects = 0;

	for (size_t i = 0; i < c->interface_count; i++)
		if (c->interfaces[i].type != IO_MEM)
			subjects |= 1u << ABOUT_LINK | 1u << ABOUT_ADDRESS | 1u << ABOUT_NEIGHBOUR;
	if (c->import_table_count)
		subjects |= 1u << ABOUT_LINK | 1u << ABOUT_ADDRESS | 1u << ABOUT_RULE |
			    1u << ABOUT_ROUTE;
	return subjects;
}

static int watch(const struct kernel *k, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(k->events, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* A monitor that tells what a configuration needs, if it does not yet. */
static int monitor_adopt(struct kernel *k, const struct conf *c)
{
	struct monitor *now = NULL;
	unsigned subjects = subjects_of(c);
	int r = 0;

	if (subjects == k->subjects)
		return 0;
	if (subjects)
		r = monitor_open(&now, subjects);
	if (!r && now)
		r = watch(k, monitor_descriptor(now));
	if (r) {
		monitor_close(now);
		return r;
	}
	monitor_close(k->monitor);
	k->monitor = now;
	k->subjects = subjects;
	return 0;
}

static void start_timer(struct kernel *k)
{
	const struct itimerspec when = { .it_value.tv_nsec = SETTLE_MS * 1000000 };

	if (!k->waiting)
		k->waiting = timerfd_settime(k->timer, 0, &when, NULL) == 0;
}

static bool is_device(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->interface_count; i++)
		if (!strcmp(c->interfaces[i].device, name))
			return true;
	return false;
}

/* Whether what a configuration says of devices may have to be read in another way. */
static bool concerns_devices(const struct gateway *g, const struct news *n)
{
	if (n->kind != NEWS_IS && n->kind != NEWS_GONE)
		return false;
	if (n->subject == ABOUT_LINK)
		return is_device(g->snapshot->conf, n->link.name);
	return n->subject == ABOUT_ADDRESS &&
	       import_interface(g->kernel->import, n->address.index) >= 0;
}

static void hear_neighbour(const struct gateway *g, const struct news *n)
{
	int interface = import_interface(g->kernel->import, n->neighbour.index);

	if (interface >= 0)
		neigh_hear(&g->ios[interface]->neighbours, &n->neighbour.address);
}

static void hear(struct gateway *g, const struct news *n)
{
	struct kernel *k = g->kernel;

	if (n->subject == ABOUT_NEIGHBOUR && (n->kind == NEWS_IS || n->kind == NEWS_GONE))
		hear_neighbour(g, n);
	if (n->subject == ABOUT_ROUTE && n->kind == NEWS_BEGIN) {
		k->list_again |= k->list;
		k->list = false;
	}
	if (n->subject == ABOUT_ROUTE && n->kind == NEWS_STOP)
		k->patience = PATIENCE;
	k->list |= import_hear(k->import, g->snapshot->rib, n);
	k->look |= concerns_devices(g, n);
}

/* False: there was nothing. */
static bool listen_for_a_while(struct gateway *g)
{
	struct kernel *k = g->kernel;
	struct news n;
	bool any = false;

	while (k->monitor && monitor_next(k->monitor, &n)) {
		hear(g, &n);
		any = true;
	}
	if (k->look || k->list)
		start_timer(k);
	return any;
}

/* Once there is room again. What never fits must not be tried for ever, one list after the other. */
static void try_again(struct kernel *k)
{
	if (k->patience)
		return;
	k->list_again = true;
	k->patience = PATIENCE;
}

/* For many changes together: all workers must pass by. Where the rib has had no room, it is tried
 * again afterwards. */
static void reclaim(struct gateway *g, uint64_t least)
{
	struct kernel *k = g->kernel;
	struct import_counters now = import_counters(k->import);

	if (now.changes - k->reclaimed.changes < least)
		return;
	synchronize_rcu();
	rib_reclaim(g->snapshot->rib);
	if (now.failed != k->reclaimed.failed)
		try_again(k);
	k->reclaimed = now;
}

/* When the timer says so. */
static void settle(struct gateway *g)
{
	struct kernel *k = g->kernel;
	uint64_t times;

	if (read(k->timer, &times, sizeof(times)) != sizeof(times))
		return;
	k->waiting = false;
	if (k->list && k->monitor)
		monitor_again(k->monitor, RULES_AND_ROUTES);
	k->list_again |= k->list;
	k->list = false;
	if (k->look) {
		k->look = false;
		gateway_plug(g);
		gateway_follow(g);
	}
}

void gateway_kernel_work(struct gateway *g)
{
	settle(g);
	listen_for_a_while(g);
	reclaim(g, RECLAIM);
}

void gateway_kernel_tick(struct gateway *g)
{
	struct kernel *k = g->kernel;

	if (k->patience && --k->patience == 0)
		k->list_again = true;
	if (k->list_again && k->monitor)
		monitor_again(k->monitor, RULES_AND_ROUTES);
	k->list_again = false;
	listen_for_a_while(g);
	reclaim(g, 1);
}

int gateway_kernel_descriptor(const struct gateway *g)
{
	return g->kernel->events;
}

/* All that there is, before there are packets to be routed. */
static void listen_to_all(struct gateway *g)
{
	struct kernel *k = g->kernel;

	while (listen_for_a_while(g) && monitor_is_listing(k->monitor))
		continue;
	k->list = k->list_again = false;
}

int gateway_kernel_open(struct gateway *g, struct io_error *error)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int r = 0;

	if (!k)
		return gateway_no_memory(error);
	g->kernel = k;
	k->events = epoll_create1(EPOLL_CLOEXEC);
	k->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	k->import = import_new();
	if (!k->import)
		return gateway_no_memory(error);
	if (k->events < 0 || k->timer < 0)
		r = -errno;
	import_configure(k->import, g->snapshot->conf);
	if (!r)
		r = watch(k, k->timer);
	if (!r)
		r = monitor_adopt(k, g->snapshot->conf);
	if (r)
		return io_refuse(error, r, "rtnetlink: %s", strerror(-r));
	listen_to_all(g);
	return 0;
}

void gateway_kernel_close(struct gateway *g)
{
	struct kernel *k = g->kernel;

	if (!k)
		return;
	monitor_close(k->monitor);
	import_free(k->import);
	if (k->timer >= 0)
		close(k->timer);
	if (k->events >= 0)
		close(k->events);
	free(k);
	g->kernel = NULL;
}

void gateway_kernel_adopt(struct gateway *g)
{
	struct kernel *k = g->kernel;
	const struct conf *c = g->snapshot->conf;
	bool other = import_configure(k->import, c);
	int r = monitor_adopt(k, c);

	if (r)
		fprintf(stderr, "router: import_routes: rtnetlink: %s; the routes stay as they are\n",
			strerror(-r));
	if (!c->import_table_count)
		import_forget(k->import, g->snapshot->rib);
	else if (other && k->monitor)
		monitor_again(k->monitor, RULES_AND_ROUTES);
	listen_for_a_while(g);
}

struct kernel_counters gateway_kernel_counters(const struct gateway *g)
{
	const struct kernel *k = g->kernel;
	struct import_counters import = import_counters(k->import);
	struct monitor_counters heard = { 0 };

	if (k->monitor)
		heard = monitor_counters(k->monitor);
	return (struct kernel_counters){ .ignored = heard.ignored, .lost = heard.lost,
					 .left_out = import.left_out, .failed = import.failed };
}
