/*
 * A configuration for a differential run: what was asked for, and the rest by chance.
 *
 * Memory   The configuration points into its setting, which must stay where it is.
 * Errors   None.
 */
#ifndef MODEL_SETTING_H
#define MODEL_SETTING_H

#include "chance.h"
#include "nat/config.h"

enum { SETTING_POLICIES = 17, SETTING_EAMS = 5, SETTING_POOL = 3, SETTING_POOL_SIX = 2, SETTING_FORWARDS = 24 };

struct setting {
	struct nat_policy policies[SETTING_POLICIES];
	be32 pool[SETTING_POOL + SETTING_POOL_SIX]; /* behind those of IPv4 */
	struct ip6 pool6[SETTING_POOL + SETTING_POOL_SIX];
	struct nat_forward forwards[SETTING_FORWARDS];
	struct nat_eam eams[SETTING_EAMS], eams6[SETTING_EAMS]; /* in two orders */
	struct nat_behaviour asked;
	bool six; /* there are entries of IPv6 */
	struct nat_config config;
};

/* What is asked for is of the first policy that translates 10.0.0. */
void setting_make(struct setting *s, struct chance *c, uint16_t workers,
		  struct nat_behaviour asked, bool six);

/* Other policies, limits and timeouts, none of these below what RFCs demand; other forwards where
 * one worker has all sessions (to others they may lead elsewhere). */
void setting_change(struct setting *s, struct chance *c);

/* What setting.c and setting_six.c ask of one another: a policy of everything by chance, and those of
 * IPv6. */
struct nat_policy setting_draw_policy(struct chance *c);
void setting_add_six(struct setting *s, struct chance *c);

/* One line of text about what chance has chosen. */
void setting_describe(const struct setting *s, char *out, size_t len);

#endif
