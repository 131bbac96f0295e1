/* What happens beside the workers: a table of what there is to wait for, and what is to be done. */
#include <errno.h>
#include <sys/epoll.h>

#include "gateway_core.h"
#include "io_backend.h"

static int arp_source(const struct gateway *g)
{
	return arp_descriptor(g->arp);
}

static void arp_ready(struct gateway *g)
{
	arp_work(g->arp, g->snapshot->conf);
}

static int link_source(const struct gateway *g)
{
	return link_descriptor(g->link);
}

static void link_ready(struct gateway *g)
{
	link_work(g->link, g->snapshot->conf, gateway_now());
}

static const struct source {
	int (*descriptor)(const struct gateway *g); /* -1: there is nothing to wait for */
	void (*work)(struct gateway *g);
} sources[] = {
	{ arp_source, arp_ready },
	{ gateway_kernel_descriptor, gateway_kernel_work },
	{ link_source, link_ready },
};

enum { SOURCES = sizeof(sources) / sizeof(sources[0]) };

int gateway_watch(struct gateway *g, struct io_error *error)
{
	int r = 0;

	g->events = epoll_create1(EPOLL_CLOEXEC);
	if (g->events < 0)
		r = -errno;
	for (uint32_t i = 0; r == 0 && i < SOURCES; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };
		int fd = sources[i].descriptor(g);

		if (fd >= 0 && epoll_ctl(g->events, EPOLL_CTL_ADD, fd, &e) < 0)
			r = -errno;
	}
	return r ? io_refuse(error, r, "epoll: %s", strerror(-r)) : 0;
}

int gateway_descriptor(const struct gateway *g)
{
	return g->events;
}

void gateway_work(struct gateway *g)
{
	struct epoll_event events[SOURCES];
	int count = epoll_wait(g->events, events, SOURCES, 0);

	for (int i = 0; i < count; i++)
		sources[events[i].data.u32].work(g);
}

void gateway_tick(struct gateway *g)
{
	state_tick(g->state, gateway_now());
	gateway_kernel_tick(g);
	gateway_plug(g);
	gateway_follow(g);
	arp_tick(g->arp, g->snapshot->conf, gateway_now());
	link_tick(g->link, g->snapshot->conf, gateway_now());
}
