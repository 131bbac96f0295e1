/*
 * How much one host, one mapping or the outside may have, for the model.
 *
 * Sources  RFC 6888 REQ-4 and REQ-5, RFC 4987 section 3.1, RFC 5382 REQ-4.
 * Errors   The reason why there is no more.
 */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

#include "state.h"

/* What keeps one more session of an inside host from beginning, as it begins it itself, or a stranger. */
enum reason limit_of_sessions(const struct model *m, ip_number inside);
enum reason limit_of_strangers(const struct model *m, ip_number inside, uint8_t protocol);

/* The same for one that it begins itself, by its policy; and that it has begun one. */
enum reason limit_of_rate(const struct model *m, const struct nat_policy *p, ip_number inside,
			  uint64_t now);
void limit_spend(struct model *m, const struct nat_policy *p, ip_number inside, uint64_t now);

/* Outside ports and identifiers that it has already. */
enum reason limit_of_ports(const struct model *m, const struct nat_policy *p, ip_number inside);

/* One more session that the outside begins with a mapping. */
enum reason limit_of_mapping(const struct model *m, const struct model_mapping *p);

/* One more half-open session; the one that began first may have to end for it. */
enum reason limit_of_half_open(struct model *m, uint64_t now);

/* A SYN from outside that fits nothing; that the inside has opened the same connection; the first one
 * whose time is over, false if there is none. */
void syn_hold(struct model *m, const struct datagram *d, uint64_t now);
void syn_forget(struct model *m, const struct model_session *s);
bool syn_rejected(struct model *m, uint64_t now, struct model_syn *out);

#endif
