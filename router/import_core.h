/*
 * What is imported, beside what the rib knows of it; private to import*.c.
 */
#ifndef ROUTER_IMPORT_CORE_H
#define ROUTER_IMPORT_CORE_H

#include "router/import.h"

/* The device of an interface, as the kernel has it. */
struct device {
	uint32_t link; /* 0: there is none */
	bool up;
	bool listed; /* in the list that is coming */
};

/* Ways of a route that are ours. */
struct ways { struct hop hops[HOP_GROUP_MOST]; size_t count; };

struct spare { struct route route; struct ways ways; };

struct import {
	const struct conf *conf;
	struct device devices[RIB_INTERFACES]; /* by interface */
	uint32_t *tables;		       /* of the kernel, that are wanted */
	size_t table_count;
	struct news_rule rules[RULES_MOST];
	size_t rule_count;
	uint32_t named;	   /* of the tables that are wanted, those that rules name: a bit for each */
	bool rules_listed; /* from their list's end on */
	struct spare *spares; /* in the order of the kernel */
	size_t spare_count;
	bool listing;	     /* routes */
	struct route before; /* in the list of routes; that of an own table */
	uint64_t left_out[2]; /* of IPv4 and of IPv6 */
	struct import_counters counters;
};

/* import_rule.c: whether a table of the kernel's is wanted; ours for it, negative if there is none; a
 * change of rules, or a list of them: true, if routes of a table that is wanted may have another place. */
bool import_wants(const struct import *i, uint32_t table);
int import_table(const struct import *i, struct rib *rib, uint32_t table);
bool import_hear_rule(struct import *i, struct rib *rib, const struct news *n);
void import_forget_rules(struct import *i, struct rib *rib);

#endif
