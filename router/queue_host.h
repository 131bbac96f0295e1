/*
 * What the host must allow so that it forwards datagrams given back to it: that it forwards at all,
 * and, of an inside device, that it does not take translated datagrams, which come from its own
 * address now, for forged ones.
 *
 * Memory   By value. queue_host_restore() puts back what queue_host_allow() has changed, unless
 *          somebody else has changed it since.
 * Errors   Negative errno.
 */
#ifndef ROUTER_QUEUE_HOST_H
#define ROUTER_QUEUE_HOST_H

#include <net/if.h>
#include <stdbool.h>

struct queue_host {
	char device[IFNAMSIZ];
	int accept_local, rp_filter; /* as they were; -1: not changed */
};

/* Have the host believe sources that are its own, or are reached by another device, on this one; and
 * again, in case that somebody else has changed it. */
int queue_host_allow(struct queue_host *h, const char *device);
int queue_host_keep(struct queue_host *h);
void queue_host_restore(struct queue_host *h);

/* Whether it forwards what comes in by a device, of that IP version. */
bool queue_host_forwards(const char *device, int version);

/* Whether rules for IP meet what a bridge receives as well (br_netfilter), and so everything twice. */
bool queue_host_filters_bridges(void);

#endif
