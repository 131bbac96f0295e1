/*
 * Routes of the kernel's tables, as routes of ours.
 *
 * Sources  ip-route(8), ip-rule(8).
 * Shape    Main, and a table that no rule of the kernel's names, become a part of our main; the
 *          others tables of their own, asked by the kernel's rules. Ways lead through devices that
 *          are ours: those of interfaces that attach to one of the kernel's. Routes without such a
 *          way are left out, and counted, as are those that the kernel has made itself for the
 *          networks of its addresses: what we need of these is known from the interfaces.
 * Memory   import_new() to import_free(). What it has put into a rib stays there. One thread.
 * Errors   What a rib does not take is counted.
 */
#ifndef ROUTER_IMPORT_H
#define ROUTER_IMPORT_H

#include "router/monitor.h"

struct import;

struct import *import_new(void);
void import_free(struct import *i);

/* Go by a configuration, that outlives this, from now on. True: routes and rules are to be listed. */
bool import_configure(struct import *i, const struct conf *c);

/* Take everything of the kernel's out of a rib. */
void import_forget(struct import *i, struct rib *rib);

/* Take news into a rib. True: what is in it may have become wrong by what the kernel does not tell one by
 * one; rules and routes are to be listed again, in a moment. */
bool import_hear(struct import *i, struct rib *rib, const struct news *n);

/* The interface of a link; -1: it is none of ours. */
int import_interface(const struct import *i, uint32_t link);

/* Routes that were left out, of the last list and since, and that the rib refused. Changes of the rib,
 * in all. */
struct import_counters { uint64_t left_out, failed, changes; };
struct import_counters import_counters(const struct import *i);

#endif
