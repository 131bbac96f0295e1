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

enum { POLICIES_MOST = 8, POOL_MOST = 256, FORWARDS_MOST = 16, EAMS_MOST = 16 };

struct settings {
	struct nat_config nat;
	struct nat_policy policies[POLICIES_MOST];
	be32 pool[POOL_MOST];
	struct ip6 pool6[POOL_MOST];
	/* Of all policies, one after the other; of each, sorted either way. */
	struct nat_eam eams[EAMS_MOST], eams_by6[EAMS_MOST];
	size_t eam_count;
	struct nat_forward forwards[FORWARDS_MOST];
	uint16_t mss; /* clamp SYNs to this; 0: leave them */
	uint32_t visits; /* of sessions at a time, to end what is over */
};

/* An address of either version, as the pool has it: of an IPv6 one address is nat_v6_beside(). */
struct place {
	be32 address;
	struct ip6 beside;
};

struct settings settings_default(void);

/* The rest of a conf line. */
void settings_read(struct words *w, struct settings *s);

/* Let pointers point, and sort what must be sorted. */
void settings_finish(struct settings *s);
void settings_finish6(struct settings *s);

/* The policy that words speak about: the last one. */
struct nat_policy *settings_policy(struct settings *s);

/* A policy for what the next word says: a prefix of either version. */
struct nat_policy *settings_add_policy(struct words *w, struct settings *s, enum nat_type type);

/* The next word cut in two at a sign; what is behind it, or NULL without the sign. */
char *settings_cut_word(struct words *w, char *text, size_t room, char sign);

/* conf6.c: what is said of IPv6 only; false: the next word is none. */
bool settings_read6(struct words *w, struct settings *s);

struct place settings_place(const struct number *n, bool is6);
be32 settings_address(struct words *w, const char *text, struct ip6 *beside);
struct ip6_prefix settings_prefix6(struct words *w, const char *text, const char *len);

/* conf_knobs.c: a knob that is one number or one word; false: the next word is none. */
bool settings_read_knob(struct words *w, struct settings *s);

#endif
