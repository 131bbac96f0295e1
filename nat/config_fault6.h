/*
 * Whether what a configuration says about IPv6 contradicts itself. Private to nat/.
 *
 * Errors   NULL, or the first contradiction; static text. Of one entry, of its pool, of entries with
 *          one another, and of forwards.
 */
#ifndef NAT_CONFIG_FAULT6_H
#define NAT_CONFIG_FAULT6_H

#include "core.h"

const char *policy_fault6(const struct nat_policy *p);
const char *pool_fault6(const struct nat_config *c, const struct nat_policy *p);
const char *policies_fault6(const struct nat_config *c);
const char *forward_fault6(const struct nat_config *c, const struct nat_forward *f);

#endif
