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

enum { SETTING_POLICIES = 7, SETTING_POOL = 3, SETTING_FORWARDS = 16 };

struct setting {
	struct nat_policy policies[SETTING_POLICIES];
	be32 pool[SETTING_POOL];
	struct nat_forward forwards[SETTING_FORWARDS];
	struct nat_behaviour asked;
	struct nat_config config;
};

/* mapping and filtering are those of the first policy that translates 10.0.0. */
void setting_make(struct setting *s, struct chance *c, uint16_t workers,
		  enum nat_dependence mapping, enum nat_dependence filtering);

/* Other policies, limits and timeouts, none of these below what RFCs demand; other forwards where
 * one worker has all sessions (to others they may lead elsewhere). */
void setting_change(struct setting *s, struct chance *c);

/* One line of text about what chance has chosen. */
void setting_describe(const struct setting *s, char *out, size_t len);

#endif
