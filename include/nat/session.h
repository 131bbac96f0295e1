/*
 * What can be seen of sessions and mappings from outside the library: copies, for listings.
 *
 * Sources  RFC 4787 section 4, RFC 6146 section 2 (session, binding), RFC 7857 section 2 (states).
 * Memory   Copies; they stay valid.
 * Errors   None.
 */
#ifndef NAT_SESSION_H
#define NAT_SESSION_H

#include "nat/config.h"

/* TCP states of RFC 7857 section 2 (RFC 6146 section 3.5.2). DCCP and SCTP have the same, but for
 * FIN; all others stay in NONE. */
#define TCP_STATE_LIST(X) \
	X(NONE, "-") \
	X(INIT_INSIDE, "init") \
	X(INIT_OUTSIDE, "init-outside") \
	X(ESTABLISHED, "established") \
	X(FIN_INSIDE, "fin-inside") \
	X(FIN_OUTSIDE, "fin-outside") \
	X(FIN_BOTH, "fin-both") \
	X(TRANSITORY, "transitory")

#define TCP_STATE_ENUM(id, name) TCP_##id,
enum tcp_state { TCP_STATE_LIST(TCP_STATE_ENUM) TCP_STATE_COUNT };
#undef TCP_STATE_ENUM

/* As in listings; static. */
const char *tcp_state_name(enum tcp_state s);

/* An address of either family with a port, for people to read. address: zero if it is IPv6. */
struct nat_endpoint {
	be32 address;
	be16 port;
	bool is_v6;
	struct ip6 address6;
};

struct nat_session {
	uint32_t id; /* of the record; used again after the session ended */
	uint8_t protocol;
	struct nat_endpoint inside, outside, remote; /* remote: as it is outside */
	enum tcp_state state;
	uint32_t idle_ms, expires_ms; /* since the last refresh; until the end */
	uint64_t packets[SIDE_COUNT], octets[SIDE_COUNT]; /* by the side they came from */
	enum nat_timeout timeout; /* the class */
	bool from_forward;
};

struct nat_mapping {
	uint32_t id;
	uint8_t protocol;
	struct nat_endpoint inside, outside;
	uint32_t sessions;
	bool from_forward;
};

struct nat_gauges {
	uint32_t sessions, mappings, hosts;
	uint32_t ports[5]; /* outside ports or identifiers in use: TCP, UDP, ICMP, UDP-Lite, DCCP */
	uint32_t held_ports; /* not in use, but not to be given away yet (RFC 6888 REQ-8) */
	uint64_t sessions_created, sessions_ended;
	uint64_t sessions_lost;  /* of those that ended: because their outside address went away */
	uint64_t sessions_moved; /* to another outside address; one that moves twice counts twice */
	uint32_t sessions_kept;  /* with an address that is left, when that was looked at last */
	bool settling; /* not all sessions are as the configuration demands */
	uint64_t events_lost;
};

#endif
