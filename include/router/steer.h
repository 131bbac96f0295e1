/*
 * The owner rule as a program in the kernel, which then gives each worker's queue what is that
 * worker's.
 *
 * Shape    One program per side, of the type that TUN devices and packet sockets choose queues by:
 *          its octets begin at the IP header, on TAP devices at the Ethernet header, behind which
 *          there may be VLAN tags; its result is a worker.
 * Promise  It says what nat_owner() says, but for: control connections of PPTP, and what has no
 *          ports under twice NAT; helped hosts that an earlier policy takes out of a one-to-one
 *          prefix; IPv4 of less than 24 octets, and IPv6 with extension headers; ICMPv6 errors;
 *          endpoints of forwards and hosts of planned policies that are IPv6; echoes of hosts beside
 *          those with IPv6 addresses of their own; datagrams that are not well-formed; fragments whose
 *          ports are known by now; and rows of forwards and policies if they are too many for a
 *          program, which then knows none of them. What is translated without a session goes by ports,
 *          too, though it is any worker's. Any answer is good: workers hand over what is not theirs.
 * Errors   Negative errnos; -EPERM where the kernel lets us load no program.
 */
#ifndef ROUTER_STEER_H
#define ROUTER_STEER_H

#include "nat/config.h"

/* Load the program; its descriptor. c: with workers, policies, pool and forwards; seed: that of the
 * NATs. */
int steer_load(const struct nat_config *c, const uint8_t seed[static 32], enum nat_side side);
int steer_load_ethernet(const struct nat_config *c, const uint8_t seed[static 32],
			enum nat_side side);

/* 0 if the kernel lets us load any. */
int steer_probe(void);

#endif
