/*
 * Keeps the kernel out of what is ours on `packet` interfaces, where it sees every datagram too; on
 * `xdp` ones only where it asks for neighbours, on `nfqueue` ones only at an address shared with it.
 *
 * Sources  RFC 5382 REQ-4 (a NAT does not answer SYNs that fit no mapping).
 * Shape    One nftables table, another for ARP where an interface has addresses of its own, and the
 *          range of ports from which the kernel chooses for sockets of its own. Only while the
 *          gateway runs.
 * Promise  The kernel neither answers nor forwards what the gateway translates or routes, and asks
 *          for neighbours with the gateway's address where that is not the kernel's. Sockets
 *          of the host go on working at an address shared with the NAT, those that were open
 *          before too. Tables of others are not touched.
 * Memory   guard_install() to guard_remove(). The tables go with the process, however that ends;
 *          the range of ports is put back by guard_remove().
 * Errors   A negative errno and one line that says what to do.
 */
#ifndef ROUTER_GUARD_H
#define ROUTER_GUARD_H

#include "router/io.h"

struct guard;

/* Whether an interface needs one. */
static inline bool guard_is_for(const struct conf_interface *i)
{
	return conf_is_ethernet(i) || i->type == IO_NFQUEUE;
}

/* Whether its rules hang on a device, and have to be given again when that is another. */
bool guard_hooks(const struct conf_interface *i);

/* c->pool holds the addresses as they are now. Without interfaces that need one there is
 * nothing to do, and *g is NULL. */
int guard_install(struct guard **g, const struct conf *c, struct io_error *error);

/* Work by another configuration, from one datagram to the next. What refuses it changes nothing. */
int guard_update(struct guard *g, const struct conf *c, struct io_error *error);

/* What of it stays for some seconds when the gateway ends, where there is a state file; 0: nothing. Whoever
 * undoes things is to be told of it (guard_hold_end() of router/guard_hold.h). */
uint32_t guard_hold_number(const struct guard *g);

void guard_remove(struct guard *g);

#endif
