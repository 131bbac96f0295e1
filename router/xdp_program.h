/*
 * The XDP program of a device: which of the arriving frames are ours, and which the kernel's.
 *
 * Shape    Ours is IPv4 and IPv6 to the device's MAC address, and goes to the socket of the queue it
 *          arrived by. The kernel's is the rest: ARP, multicast, what has a VLAN tag, and IP to
 *          addresses that the kernel has, on whatever device; neighbour discovery (RFC 4861) too.
 *          A tag that the device has taken out of the frame is not seen.
 * Memory   xdp_program_new() to xdp_program_free(), which takes NULL. The program leaves the device
 *          with the process, however that ends.
 * Promise  While the program is attached, the kernel sees nothing of ours: what comes by a queue that
 *          has no socket is dropped.
 * Errors   A negative errno.
 */
#ifndef ROUTER_XDP_PROGRAM_H
#define ROUTER_XDP_PROGRAM_H

#include "router/nl.h"

struct xdp_program;

/* Whether this kernel has AF_XDP and lets us use it. */
int xdp_program_probe(void);

int xdp_program_new(struct xdp_program **p, const uint8_t mac[static 6], uint32_t queues);
void xdp_program_free(struct xdp_program *p);

/* Give a queue its socket. */
int xdp_program_serve(struct xdp_program *p, uint32_t queue, int socket);

/* Learn the kernel's addresses. */
int xdp_program_learn(struct xdp_program *p, struct nl *nl);

/* Attach to a device; generic: behind the kernel's socket buffers, which every device has. */
int xdp_program_attach(struct xdp_program *p, uint32_t device, bool generic);

#endif
