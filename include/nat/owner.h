/*
 * What nat_owner() goes by, for whoever computes it elsewhere, as a program in the kernel does.
 *
 * Shape    With ports or identifiers: half of the local port, modulo workers; a forward's endpoint
 *          counts as the outside endpoint that nat_owner_forward() names. Without ports: the hash of
 *          the remote address (its first eight octets as they lie, the rest zero) and the protocol.
 *          All of a planned policy's host, and TCP of a host that FTP is read of: the hash of the
 *          inside address and PROTO_TCP. Ports that a planned policy gives in blocks: the number of
 *          the block, modulo workers.
 *          IPv6 has owners where nat_has_six(). Otherwise it is hashed.
 *          The hash is SipHash with one round per word and three at the end, of two words, under the
 *          first sixteen octets of the seed; its lowest sixteen bits count, modulo workers.
 * Errors   None.
 */
#ifndef NAT_OWNER_H
#define NAT_OWNER_H

#include "nat/config.h"

/* The forward that a local endpoint is of, as seen from a side, and the outside endpoint whose owner
 * owns it; NULL: it is of none. */
const struct nat_forward *nat_owner_forward(const struct nat_config *c, enum nat_side side,
					    uint8_t protocol, struct endpoint e,
					    struct endpoint *external);

/* Some entry is for IPv6, or makes other datagrams of it. */
bool nat_has_six(const struct nat_config *c);

#endif
