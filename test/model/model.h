/*
 * The NAT once more: arrays, linear search, checksums from scratch. Slow and obvious, to be
 * compared with the real one datagram by datagram. One model stands for one worker.
 *
 * Sources  RFC 4787, RFC 5382, RFC 5508, RFC 7857, as nat.h promises them.
 * Memory   The caller's.
 * Errors   An answer that differs from the NAT's, or a fault that names the rule it broke.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "nat/nat.h"
#include "state.h"

struct model_answer {
	enum nat_verdict verdict;
	enum reason reason;
	uint32_t session;
	enum nat_answer answer; /* of NAT_DROP */
	bool redirected;
	uint16_t piece; /* what may be cut leaves in pieces of so many octets; 0: it may not */
	const char *fault; /* the rule that the NAT's choice breaks, or NULL */
};

/* What the NAT did with the same datagram; read only where the rules leave it a choice. */
struct model_choice {
	enum nat_verdict verdict;
	enum reason reason;
	struct place source, destination; /* as it left … */
	uint16_t ident;
	uint32_t session;
};

/* How a datagram comes to the NAT, beside its octets. */
struct model_arrival {
	uint64_t now;
	enum nat_side from;
	bool known_only; /* it must not open a session */
	bool hairpinned; /* it comes from an inside host, by the verdict hairpin */
	unsigned segments; /* that a device makes of it */
};

/* What the NAT must do with d; d is rewritten as the NAT must rewrite it. */
struct model_answer model_process(struct model *m, const struct model_arrival *a,
				  struct datagram *d, const struct model_choice *choice);

/* The worker that owns d, or -1 if any may. */
int model_owner(const struct nat_config *c, struct datagram *d, enum nat_side from);

#endif
