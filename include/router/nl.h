/*
 * rtnetlink through libmnl: the few things the router tells or asks the kernel.
 *
 * Shape    A struct nl is one socket, in the network namespace it was opened in.
 * Memory   nl_open() to nl_close().
 * Errors   Negative errno, as the kernel gave it.
 */
#ifndef ROUTER_NL_H
#define ROUTER_NL_H

#include "router/address.h"

struct nl;

int nl_open(struct nl **nl);
/* The same inside a namespace: a name below /run/netns or a path. The calling thread is in it for
 * a moment. */
int nl_open_in(struct nl **nl, const char *netns);
void nl_close(struct nl *nl);

/* Descriptor of a namespace, for nl_link_move(); the caller closes it. */
int nl_netns(const char *netns);

/* up: set up by its administrator; carrier: there is somebody at the other end. */
struct nl_link { uint32_t index, mtu; bool up, carrier, ethernet, bridge; uint8_t mac[6]; };
int nl_link(struct nl *nl, const char *name, struct nl_link *out);

/* Set the MTU (0: leave it) and bring the link up. */
int nl_link_up(struct nl *nl, uint32_t index, uint32_t mtu);

/* Move a link to a namespace, given by descriptor. */
int nl_link_move(struct nl *nl, uint32_t index, int netns);

/* Add an address with its network; -EEXIST if it is there. */
int nl_address_add(struct nl *nl, uint32_t index, const struct prefix *p);
/* Route to a prefix through a link, via a neighbour if via->version is not 0. */
int nl_route_add(struct nl *nl, uint32_t index, const struct prefix *p, const struct address *via);

/* Addresses of a link but for link-local ones, at most room of them, in the kernel's order: how
 * many. With index 0 all addresses of all links. */
int nl_addresses(struct nl *nl, uint32_t index, struct prefix *out, size_t room);

/* Whether the kernel takes an address for its own, on whatever device. */
bool nl_is_local(struct nl *nl, const struct address *a);

/* Link-layer address of a neighbour the kernel has resolved; -ENOENT if it has not. 1: an operator has
 * told the kernel, or there is nothing to resolve on that link. */
int nl_neighbour(struct nl *nl, uint32_t index, const struct address *a, uint8_t mac[static 6]);

/* Tell the kernel that a neighbour is in use: it resolves it, or confirms what it knows if that
 * has grown old. Returns at once. Not for what nl_neighbour() returns 1 for: it would grow old from then
 * on. */
int nl_neighbour_use(struct nl *nl, uint32_t index, const struct address *a);

#endif
