/*
 * The addresses that are the router's on an interface, and so are answered for there: its own, and
 * outside those of the pool and those that stand for inside hosts.
 *
 * Sources  RFC 3022 section 6.2; RFC 4861 section 7.2.8 (proxies).
 * Shape    Questions about a configuration.
 * Errors   None.
 */
#ifndef ROUTER_OWN_H
#define ROUTER_OWN_H

#include "router/conf.h"

/* One after the other, but for those that stand for inside hosts. False: there are no more. One that is
 * not known yet has version 0. */
bool own_address_at(const struct conf *c, size_t interface, size_t at, struct address *a);

/* The prefixes whose addresses stand for inside hosts of an entry, outside: what one_to_one and nptv6
 * translate to, as long as it is known; what siit's hosts are known by. False: there are no more. */
bool own_prefix_at(const struct nat_policy *p, size_t at, struct prefix *outside);

/* Whether it is one of them. */
bool own_has(const struct conf *c, size_t interface, const struct address *a);

#endif
