/*
 * What must hold of the NATs' work, whatever comes in.
 *
 * Sources  RFC 7915, RFC 6296, RFC 3022 section 4.1, RFC 4787 REQ-3 and REQ-14, RFC 5508 REQ-3, RFC 2827.
 * Errors   Ends the process.
 */
#ifndef FUZZ_JUDGE_H
#define FUZZ_JUDGE_H

#include "nats.h"

/* One datagram: what changed, what became of its checksums, what nat_undo() makes of it, and
 * whether an inside address shows outside. */
void judge_passage(const struct nats *w, const struct passage *p);

/* An answer to a datagram that went on comes to where that came from, as if no NAT were between. */
void judge_reverse(const struct nats *w, const struct passage *p);

/* Pieces that went through in one burst: the same translation for all, and a right whole. */
void judge_pieces(struct passage *const *list, size_t count);

/* nat_check() and limits, of one; of all, and that no outside port is held by two. */
void judge_owner(const struct nats *w, uint16_t owner);
void judge_state(const struct nats *w);

#endif
