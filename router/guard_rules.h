/*
 * The guard's rules as text for nftables: guard.c says what they are for.
 *
 * Errors   None; the stream's.
 */
#ifndef ROUTER_GUARD_RULES_H
#define ROUTER_GUARD_RULES_H

#include "guard_ports.h"
#include "router/conf.h"

/* What the NAT uses, by protocol: for mappings, for static forwards. */
struct guard_use {
	struct ports tcp, udp, tcp_forward, udp_forward, all;
};

/* The tables of one generation, owned by whoever makes them. */
void guard_put_rules(FILE *out, const struct conf *c, const struct guard_use *u, unsigned int generation);

/* What of that is to stay, for a while, when the gateway ends: the host does not answer for the NAT at
 * addresses that both have. A table of this number, in the place of one that there may be. */
void guard_put_hold(FILE *out, const struct conf *c, const struct guard_use *u, uint32_t number);

/* The end of that: so many seconds from now it lets everything pass. */
void guard_put_hold_end(FILE *out, uint32_t number, unsigned int seconds);

#endif
