/*
 * Netlink sockets that queues belong to, and the kernel's list of queues.
 *
 * Sources  linux/netfilter/nfnetlink_queue.h, and nfnetlink_queue.c of the kernel for the list.
 * Errors   Negative errno.
 */
#ifndef ROUTER_QUEUE_SOCKET_H
#define ROUTER_QUEUE_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

/* NULL with errno set. What it has no room for, the kernel's list tells. */
struct mnl_socket *queue_socket_open(void);

/* Have a queue of at most length datagrams, of which all octets are told. fail_open: what it has no
 * room for passes. -EPERM: it is somebody else's, or there is no right to. */
int queue_bind(struct mnl_socket *s, uint16_t queue, uint32_t length, bool fail_open);

/* Whether super-packets come by a queue as they are, from now on. */
void queue_keep_whole(struct mnl_socket *s, uint16_t queue, bool whole);

/* The list of the network namespace that we are in; its descriptor is the caller's. */
int queue_list_open(void);

/* Whether a queue is bound, and by which netlink port. */
bool queue_list_find(int list, uint16_t queue, unsigned int *owner);

/* What count queues from the first on have lost since they were bound. */
uint64_t queue_list_dropped(int list, uint16_t first, uint16_t count);

#endif
