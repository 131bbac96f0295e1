/*
 * What the rules leave to the NAT: the outside endpoint of a new mapping. Whether its choice, or
 * its saying that there is none, was legal.
 *
 * Sources  RFC 4787 REQ-2 (pairing), REQ-3 (no overloading, low ports), REQ-4 (parity), RFC 6056.
 * Errors   The rule that is broken, as text.
 */
#ifndef MODEL_CHOICE_H
#define MODEL_CHOICE_H

#include "state.h"

/* NULL, or what is wrong with new->outside; if nothing is, it is remembered. */
const char *choice_fault(struct model *m, const struct nat_policy *p,
			 const struct model_mapping *new);

/* Whether the NAT may say that new can have no outside port. */
bool choice_is_empty(struct model *m, const struct nat_policy *p, const struct model_mapping *new);

#endif
