/*
 * The conf lines of a story: configuration of the NAT that it is about.
 *
 * Memory   nat points into the struct itself: settings_finish() sets the pointers, and a struct
 *          settings is not copied afterwards.
 * Errors   Noted in the words.
 */
#ifndef SCENARIO_CONF_H
#define SCENARIO_CONF_H

#include "nat/event.h"
#include "words.h"

enum { POLICIES_MOST = 8, POOL_MOST = 256, FORWARDS_MOST = 16 };

struct settings {
	struct nat_config nat;
	struct nat_policy policies[POLICIES_MOST];
	be32 pool[POOL_MOST];
	struct nat_forward forwards[FORWARDS_MOST];
	uint16_t mss; /* clamp SYNs to this; 0: leave them */
	uint32_t visits; /* of sessions at a time, to end what is over */
};

struct settings settings_default(void);

/* The rest of a conf line. */
void settings_read(struct words *w, struct settings *s);

void settings_finish(struct settings *s);

/* The policy that words speak about: the last one. */
struct nat_policy *settings_policy(struct settings *s);

/* conf_knobs.c: a knob that is one number or one word; false: the next word is none. */
bool settings_read_knob(struct words *w, struct settings *s);

#endif
