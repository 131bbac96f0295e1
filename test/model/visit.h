/*
 * One datagram's visit to the model: what its parts share.
 *
 * Memory   A visit lasts as long as model_process().
 * Errors   The first fault that is found stands.
 */
#ifndef MODEL_VISIT_H
#define MODEL_VISIT_H

#include "model.h"
#include "translate.h"

struct visit {
	struct model *m;
	uint64_t now;
	enum nat_side from;
	bool known_only, hairpinned;
	unsigned segments; /* that a device makes of it */
	struct datagram *d;
	const struct model_choice *choice;
	const char *fault;
};

static inline struct model_answer conclude(enum nat_verdict verdict, enum reason r)
{
	return (struct model_answer){ .verdict = verdict, .reason = r, .session = NAT_NO_SESSION };
}

static inline struct model_answer drop(enum reason r)
{
	return conclude(NAT_DROP, r);
}

static inline void find_fault(struct visit *v, const char *fault)
{
	v->fault = v->fault ? v->fault : fault;
}

/* The terms of the session's policy. */
struct terms visit_terms(const struct visit *v, const struct model_session *s);

/* The identification that the NAT has chosen. */
void visit_check_ident(struct visit *v);

static inline bool is_half_open(const struct model_session *s)
{
	return s->protocol == PROTO_TCP && s->tcp.state == TCP_INIT_OUTSIDE;
}

/* A datagram of session s, rewritten. */
struct model_answer visit_pass(struct visit *v, struct model_session *s);

/* A datagram without a session, from inside and translated by a policy, or from outside: open one, if
 * that may be. */
struct model_answer visit_open_outwards(struct visit *v, const struct nat_policy *policy,
					struct place remote);
struct model_answer visit_open_inwards(struct visit *v, struct place remote);

#endif
