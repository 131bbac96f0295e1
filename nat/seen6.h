/*
 * What an IPv6 datagram says about the session it belongs to, before anybody has a name. Private to
 * nat/.
 *
 * Shape    As struct tuple, with addresses as they lie in the datagram. to_v4: from inside, for an IPv4
 *          address in one of the NAT64 prefixes.
 * Errors   The reason why a datagram has none.
 */
#ifndef NAT_SEEN6_H
#define NAT_SEEN6_H

#include "core.h"

struct seen6 {
	struct ip6 local, remote;
	be16 ports[2]; /* local, remote; of queries the identifier and zero */
	be16 tag;      /* of SCTP */
	enum nat_side side;
	uint8_t protocol; /* ICMPv6 is PROTO_ICMP here */
	bool to_v4;
	be32 remote4;
	uint16_t slot; /* of the prefix */
	uint64_t hash[2]; /* that the names of local and remote are found by, once they were asked for */
};

/* from: the side that the datagram comes from; or the error that quotes it. */
enum reason seen6_of(const struct nat *n, struct seen6 *s, const struct pkt *p, enum nat_side from);
enum reason seen6_of_quoted(const struct nat *n, struct seen6 *s, const struct pkt *inner,
			    enum nat_side from);

/* The key of a session with an end of IPv6. */
struct seen6 seen6_of_tuple(const struct nat *n, const struct tuple *t);

/* Ahead of seen6_tuple(), so that the cache misses of many overlap. */
void seen6_fetch_index(const struct nat *n, struct seen6 *s);
void seen6_fetch_names(const struct nat *n, const struct seen6 *s);

/* Its tuple, by the names that there are; false: an address has none. taken: with names that are made
 * where need be; false: there is no room. */
bool seen6_tuple(const struct nat *n, const struct seen6 *s, struct tuple *t);
bool seen6_tuple_taken(struct nat *n, const struct seen6 *s, struct tuple *t);

#endif
