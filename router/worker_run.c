/*
 * When a worker takes its turns, and when it sleeps.
 *
 * Polling: how long it stays awake without work is in router/pace.h. Few interfaces are asked
 * themselves then, which costs less than to ask epoll first which of them to ask.
 *
 * Sleeping: a worker that has nothing to do says so in links->sleeping, looks once more, and only
 * then waits; whoever pushes into one of its rings looks at the flag after the push. Both sides
 * have a full barrier in between, so that one of the two sees the other.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "router/pace.h"
#include "worker_core.h"

enum { SLEEP_MOST_MS = 256, PARK_SLEEP_MS = 5, FEW_INTERFACES = 4, FAILURES_MOST = 1000 };

static int watch(struct worker *w, int fd, uint32_t number)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = number };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int worker_plug(struct worker *w, uint16_t interface, const struct io *io)
{
	int fd = io_descriptor(io, w->id);

	return fd >= 0 ? watch(w, fd, interface) : 0;
}

void worker_unplug(struct worker *w, const struct io *io)
{
	int fd = io_descriptor(io, w->id);

	if (fd >= 0)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int worker_watch(struct worker *w)
{
	int r;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0)
		return -errno;
	r = watch(w, w->setup.links->wakeups[w->id], WORKER_INTERFACES_MOST);
	for (uint16_t i = 0; !r && i < worker_conf(w)->interface_count; i++)
		r = worker_plug(w, i, w->setup.ios[i]);
	return r;
}

static bool is_current(const struct worker *w)
{
	return __atomic_load_n(w->setup.swaps, __ATOMIC_ACQUIRE) == w->swaps;
}

static void take_interface(struct worker *w, uint16_t i)
{
	uint32_t bit = 1u << i;

	w->ios[i] = __atomic_load_n(&w->setup.ios[i], __ATOMIC_ACQUIRE);
	w->interfaces |= bit;
	if (io_descriptor(w->ios[i], w->id) < 0)
		w->always |= bit;
	if (io_has_neighbours(w->ios[i]))
		w->neighbours |= bit;
	if (io_settles(w->ios[i]))
		w->settles |= bit;
}

void worker_follow_interfaces(struct worker *w)
{
	if (is_current(w))
		return;
	w->swaps = __atomic_load_n(w->setup.swaps, __ATOMIC_ACQUIRE);
	w->always = w->neighbours = w->settles = 0;
	for (uint16_t i = 0; i < worker_conf(w)->interface_count; i++)
		take_interface(w, i);
	w->ready = w->interfaces;
}

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

nat_time worker_clock(void)
{
	return (nat_time){ clock_us() / 1000 };
}

static bool has_work(const struct worker *w)
{
	for (uint16_t other = 0; other < w->workers; other++)
		if (other != w->id &&
		    !ring_is_empty(ring_between(w->setup.links->rings, w, other, w->id)))
			return true;
	return __atomic_load_n(&w->mail.state, __ATOMIC_RELAXED) == MAIL_ASKED;
}

/* A device that is gone fails for ever, or until another interface is in its place: then what failed
 * may have been the one before. One that is down fails once. */
static void note_failure(struct worker *w, uint32_t interface)
{
	if (++w->failures < FAILURES_MOST)
		return;
	w->failures = 0;
	if (is_current(w))
		worker_unplug(w, w->ios[interface]);
}

static int wait_for_events(struct worker *w, struct epoll_event *events, int most, int wait_ms)
{
	int count;

	if (wait_ms)
		rcu_thread_offline();
	count = epoll_wait(w->epoll, events, most, wait_ms);
	if (wait_ms)
		rcu_thread_online();
	return count;
}

/* Learn which queues have something; wait for that at most so long. */
static void look(struct worker *w, int wait_ms)
{
	struct epoll_event events[WORKER_INTERFACES_MOST + 1];
	int count = wait_for_events(w, events, WORKER_INTERFACES_MOST + 1, wait_ms);
	uint64_t wakeups;

	for (int i = 0; i < count; i++) {
		uint32_t interface = events[i].data.u32;

		if (events[i].events & EPOLLIN)
			w->failures = 0;
		else
			note_failure(w, interface);
		if (interface < WORKER_INTERFACES_MOST)
			w->ready |= 1u << interface;
		else if (read(w->setup.links->wakeups[w->id], &wakeups, sizeof(wakeups)) < 0)
			continue;
	}
}

static void poll_for_work(struct worker *w)
{
	if (__builtin_popcount(w->interfaces) <= FEW_INTERFACES)
		w->ready = w->interfaces;
	else
		look(w, 0);
}

static void wait_for_work(struct worker *w)
{
	bool *sleeping = &w->setup.links->sleeping[w->id];

	__atomic_store_n(sleeping, true, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!has_work(w))
		look(w, w->parked_count ? PARK_SLEEP_MS : SLEEP_MOST_MS);
	__atomic_store_n(sleeping, false, __ATOMIC_RELAXED);
}

uint64_t worker_turns(const struct worker *w)
{
	return __atomic_load_n(&w->turns, __ATOMIC_RELAXED);
}

void worker_run(struct worker *w, const bool *stop)
{
	struct pace pace = { 0 };

	rcu_register_thread();
	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		uint64_t now_us = clock_us();
		bool worked = worker_step(w, (nat_time){ now_us / 1000 });
		bool awake = pace_keep(&pace, worked, now_us, worker_conf(w)->poll_us);

		bump(&w->turns, 1);
		rcu_quiescent_state();
		if (awake)
			poll_for_work(w);
		else
			wait_for_work(w);
	}
	rcu_unregister_thread();
}
