#include "router/gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "clock.h"
#include "gateway_core.h"
#include "io_backend.h"

nat_time gateway_now(void)
{
	return (nat_time){ clock_ms(CLOCK_MONOTONIC) };
}

/* Several keys are taken out of it, and none may be what nobody has chosen. */
static void spread(uint8_t key[static 32], uint64_t seed)
{
	for (size_t at = 0; at < 32; at += sizeof(seed))
		memcpy(key + at, &seed, sizeof(seed));
}

/* The key of one configuration, or of the kernel's choice (RFC 6056 section 3.3: ports must not be
 * guessed). Who belongs to which worker and address is as before, where that is known. */
static int make_seed(struct gateway *g, const struct conf *c, struct io_error *error)
{
	if (c->seed)
		spread(g->seed, c->seed);
	else if (getrandom(g->seed, sizeof(g->seed), 0) != sizeof(g->seed))
		return io_refuse(error, -EIO, "no randomness from the kernel; set seed");
	else
		state_key(g->state, g->seed);
	state_set_key(g->state, g->seed);
	return 0;
}

static int make_links(struct worker_links *l, uint16_t workers)
{
	size_t pairs = (size_t)workers * workers;

	*l = (struct worker_links){
		.workers = workers,
		.rings = calloc(pairs, sizeof(struct ring *)),
		.returns = calloc(pairs, sizeof(struct ring *)),
		.wakeups = calloc(workers, sizeof(int)),
		.sleeping = calloc(workers, sizeof(bool)),
	};
	if (!l->rings || !l->returns || !l->wakeups || !l->sleeping)
		return -ENOMEM;
	for (uint16_t i = 0; i < workers; i++)
		l->wakeups[i] = -1;
	for (uint16_t i = 0; i < workers; i++) {
		l->wakeups[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (l->wakeups[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < pairs; i++) {
		if (i / workers == i % workers)
			continue;
		l->rings[i] = ring_new(WORKER_RING);
		l->returns[i] = ring_new(worker_frames(workers));
		if (!l->rings[i] || !l->returns[i])
			return -ENOMEM;
	}
	return 0;
}

static void free_links(struct worker_links *l)
{
	size_t pairs = (size_t)l->workers * l->workers;

	for (size_t i = 0; l->rings && i < pairs; i++)
		ring_free(l->rings[i]);
	for (size_t i = 0; l->returns && i < pairs; i++)
		ring_free(l->returns[i]);
	for (size_t i = 0; l->wakeups && i < l->workers; i++)
		if (l->wakeups[i] >= 0)
			close(l->wakeups[i]);
	free(l->rings);
	free(l->returns);
	free(l->wakeups);
	free(l->sleeping);
}

static void close_interfaces(struct gateway *g)
{
	for (size_t i = 0; i < g->snapshot->conf->interface_count; i++) {
		io_close(g->ios[i]);
		g->ios[i] = NULL;
	}
}

static int make_workers(struct gateway *g, struct io_error *error)
{
	uint16_t count = g->snapshot->conf->workers;
	struct worker_setup setup = {
		.links = &g->links,
		.ios = g->ios,
		.swaps = &g->swaps,
		.snapshot = &g->snapshot,
		.image = state_image(g->state),
	};

	memcpy(setup.seed, g->seed, sizeof(setup.seed));
	for (uint16_t i = 0; i < count; i++) {
		setup.id = i;
		setup.log = log_queue_of(g->log, i);
		setup.records = state_records(g->state, i);
		g->workers[i] = worker_new(&setup);
		if (!g->workers[i])
			return gateway_no_memory(error);
	}
	return 0;
}

/* Before anything passes. */
static int restore(struct gateway *g, struct io_error *error)
{
	for (uint16_t i = 0; i < g->snapshot->conf->workers; i++)
		worker_restore(g->workers[i], gateway_now());
	return state_keep(g->state, error);
}

static void save(const struct gateway *g)
{
	for (size_t i = 0; g->workers && i < g->snapshot->conf->workers; i++)
		if (g->workers[i])
			worker_save(g->workers[i]);
}

struct start {
	struct gateway *gateway;
	struct worker *worker;
};

static void *run(void *argument)
{
	struct start s = *(struct start *)argument;

	free(argument);
	worker_run(s.worker, &s.gateway->stop);
	return NULL;
}

/* Signals are the main thread's. */
static int start_threads(struct gateway *g, struct io_error *error)
{
	uint16_t count = g->snapshot->conf->workers;
	sigset_t all, before;
	int r = 0;

	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* its handler names the call */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (!r && g->threads_running < count) {
		struct start *s = malloc(sizeof(*s));

		if (!s) {
			r = ENOMEM;
			break;
		}
		*s = (struct start){ g, g->workers[g->threads_running] };
		r = pthread_create(&g->threads[g->threads_running], NULL, run, s);
		if (r)
			free(s);
		else
			g->threads_running++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		snprintf(error->text, sizeof(error->text), "cannot start thread %zu of %u: %s",
			 g->threads_running, count, strerror(r));
	return -r;
}

static void stop_threads(struct gateway *g)
{
	const uint64_t one = 1;

	__atomic_store_n(&g->stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < g->threads_running; i++)
		if (write(g->links.wakeups[i], &one, sizeof(one)) < 0)
			continue; /* it wakes by itself before long */
	for (size_t i = 0; i < g->threads_running; i++)
		pthread_join(g->threads[i], NULL);
}

static void tell_kernel(const struct gateway *g)
{
	int r = gateway_steer(g, g->snapshot->conf);

	if (r < 0)
		io_set_remark(g->ios[0], "steering off (%s): workers hand packets to each other",
			      strerror(-r));
}

static int build(struct gateway *g, struct io_error *error)
{
	const struct conf *c = g->snapshot->conf;
	int r = state_open(&g->state, c, gateway_now(), error);

	if (!r)
		r = make_seed(g, c, error);
	g->started = gateway_now();
	g->ios = calloc(c->interface_count, sizeof(*g->ios));
	g->plugs = calloc(c->interface_count, sizeof(*g->plugs));
	g->swaps = 1;
	g->workers = calloc(c->workers, sizeof(*g->workers));
	g->threads = calloc(c->workers, sizeof(*g->threads));
	if (!r && (!g->ios || !g->plugs || !g->workers || !g->threads ||
		   make_links(&g->links, c->workers)))
		r = gateway_no_memory(error);
	if (!r)
		r = link_open(&g->link, c, g->ios, g->seed, error);
	if (!r)
		r = gateway_open_interfaces(g, error);
	if (!r)
		gateway_note_mtus(g, g->snapshot->conf_owned);
	if (!r)
		tell_kernel(g);
	if (!r)
		r = arp_open(&g->arp, c, g->ios, error);
	if (!r)
		r = gateway_kernel_open(g, error);
	if (!r)
		r = gateway_watch(g, error);
	if (!r && log_new(&g->log, c->workers))
		r = gateway_no_memory(error);
	if (!r)
		r = make_workers(g, error);
	if (!r)
		r = restore(g, error);
	return r;
}

int gateway_open(struct gateway **out, struct conf *conf, struct io_error *error)
{
	struct gateway *g = calloc(1, sizeof(*g));
	int r = gateway_learn(conf, error);

	if (g && !r)
		g->snapshot = snapshot_make(conf, 1);
	if (!r && (!g || !g->snapshot))
		r = gateway_no_memory(error);
	if (r) {
		free(g);
		conf_free(conf);
		return r;
	}
	g->snapshot->conf_owned = conf;
	g->events = -1;
	r = build(g, error);
	if (r)
		gateway_stop(g);
	else
		*out = g;
	return r;
}

static int start_log(struct gateway *g, struct io_error *error)
{
	struct log_outlet *outlet;
	int r = log_outlet_new(&outlet, g->snapshot->conf, error);

	if (r)
		return r;
	log_adopt(g->log, outlet);
	return log_start(g->log) ? gateway_no_memory(error) : 0;
}

int gateway_begin(struct gateway *g, struct io_error *error)
{
	int r = start_log(g, error);

	if (!r)
		r = start_threads(g, error);
	if (!r)
		gateway_tick(g);
	return r;
}

int gateway_start(struct gateway **out, struct conf *conf, struct io_error *error)
{
	int r = gateway_open(out, conf, error);

	if (r)
		return r;
	r = gateway_begin(*out, error);
	if (r)
		gateway_stop(*out);
	return r;
}

void gateway_stop(struct gateway *g)
{
	gateway_follow_end(g);
	stop_threads(g);
	save(g);
	for (size_t i = 0; g->workers && i < g->snapshot->conf->workers; i++)
		worker_free(g->workers[i]);
	state_close(g->state, true);
	log_free(g->log);
	if (g->events >= 0)
		close(g->events);
	gateway_kernel_close(g);
	arp_close(g->arp);
	if (g->ios)
		close_interfaces(g);
	link_close(g->link);
	guard_remove(g->guard);
	free_links(&g->links);
	snapshot_free(g->snapshot);
	free(g->ios);
	free(g->plugs);
	free(g->workers);
	free(g->threads);
	free(g);
}
