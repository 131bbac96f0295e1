/*
 * What the rules leave to the NAT: the outside endpoint of a new mapping, the target of a forward,
 * the port that a disguised remote endpoint gets, identifications. Whether its choice, or its saying
 * that there is none, was legal.
 *
 * Sources  RFC 4787 REQ-2 (pairing), REQ-3 (no overloading, low ports), REQ-4 (parity), section
 *          4.2.3 (contiguity), RFC 6056, RFC 7857 sections 3, 4 and 10.
 * Errors   The rule that is broken, as text.
 */
#ifndef MODEL_CHOICE_H
#define MODEL_CHOICE_H

#include "state.h"

/* What new wants: a mapping of policy p, opened towards remote. NULL, or what is wrong with
 * new->outside; if nothing is, it is remembered. */
const char *choice_fault(struct model *m, const struct nat_policy *p,
			 const struct model_mapping *new);

/* The same for an endpoint that others have, too, for a session to a remote endpoint. */
const char *choice_shared_fault(struct model *m, const struct nat_policy *p,
				const struct model_mapping *new, struct place remote);

/* Whether the NAT may say that new can have no outside port of its own, and none that is shared. */
bool choice_is_empty(struct model *m, const struct nat_policy *p, const struct model_mapping *new);
bool choice_shared_is_empty(struct model *m, const struct nat_policy *p,
			    const struct model_mapping *new, struct place remote);

/* Whether a port that new could have is in use towards its remote endpoint, by somebody who shares
 * it. */
bool choice_is_crowded(struct model *m, const struct nat_policy *p, const struct model_mapping *new,
		       struct place remote);

/* Whether f, a forward with one target or several, may lead a visitor to its inside. */
const char *choice_target_fault(struct model *m, const struct nat_forward *f,
				struct model_visitor visitor);

/* Whether chosen may stand inside for the remote endpoint wanted: its port, if it can. */
const char *choice_disguise_fault(struct model *m, uint8_t protocol, struct place inside,
				  struct place wanted, struct place chosen);

/* Whether count identifications from ident on may leave for a destination. */
const char *choice_ident_fault(struct model *m, const struct datagram *d, uint16_t ident,
			       unsigned count);

/* What was chosen last may have been taken back: sequential selection goes on from who knows where. */
void choice_forget(struct model *m, uint8_t protocol);

#endif
