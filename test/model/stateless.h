/*
 * What the model translates by addresses alone: NPTv6, SIIT.
 *
 * Sources  RFC 6296, RFC 7915, RFC 7757 section 4, RFC 6791.
 * Errors   Verdict and reason, as always.
 */
#ifndef MODEL_STATELESS_H
#define MODEL_STATELESS_H

#include "visit.h"

/* The entry that is for the datagram of a visit, or NULL; and what it makes of it. */
const struct nat_policy *stateless_entry(const struct visit *v);
struct model_answer stateless_pass(struct visit *v, const struct nat_policy *p);

#endif
