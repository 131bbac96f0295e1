/*
 * ARP and neighbour discovery for those addresses of ours that the kernel does not have, and so does
 * not answer for: on `packet` and `xdp` interfaces the own ones, and on those outside also the ones of
 * the pool.
 *
 * Sources  RFC 826, RFC 3022 section 6.2 (pool addresses), RFC 5227 section 2.3 (announcements);
 *          RFC 4861 sections 7.2.4 and 7.2.6.
 * Shape    One struct arp for all interfaces, used by one thread.
 * Promise  Nothing is said about an address while the kernel has it, on whatever device, and
 *          nothing about addresses of others.
 * Memory   arp_open() to arp_close(). Configurations are the caller's; a later one may differ in
 *          nothing but what gateway_reload() may change.
 * Errors   A negative errno and one line.
 */
#ifndef ROUTER_ARP_H
#define ROUTER_ARP_H

#include "nat/time.h"
#include "router/io.h"

struct arp;

/* For the interfaces of c, open as ios, where they may become other ones. *a is NULL, which all others
 * take, if none has Ethernet. */
int arp_open(struct arp **a, const struct conf *c, struct io *const *ios, struct io_error *error);
void arp_close(struct arp *a);

/* Readable when there is something for arp_work(); -1 without struct arp. */
int arp_descriptor(const struct arp *a);

/* Answer what was asked, and return soon even if more is to come. */
void arp_work(struct arp *a, const struct conf *c);

/* Announce the addresses when a link comes up, at start too, so that neighbours forget whoever had
 * them before; about once a second. */
void arp_tick(struct arp *a, const struct conf *c, nat_time now);

#endif
