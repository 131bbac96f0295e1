/*
 * Rules of nftables for the time when the gateway does not run, and its guard neither.
 *
 * Sources  RFC 2827 (nothing leaves with a source of inside).
 * Shape    A table that anybody may load and remove; loading it again replaces it. It stands in
 *          nothing's way while the gateway runs: what that sends does not pass the kernel's
 *          forwarding, or comes from an outside device.
 * Errors   None.
 */
#ifndef ROUTER_LOCKDOWN_H
#define ROUTER_LOCKDOWN_H

#include "router/conf.h"

/* For nft -f. */
void lockdown_print(const struct conf *c, FILE *out);

#endif
