/*
 * What happened to mappings, for whoever must be able to say who had a port.
 *
 * Sources  RFC 6888 REQ-12 to REQ-14 (what to log), RFC 8158 section 5 (natEvent), RFC 6302;
 *          RFC 7422 section 4 (PLAN, which RFC 8158 does not have: when it changes, once a day).
 * Shape    A NAT keeps the events that its configuration asks for until they are fetched, in order.
 *          Destinations are in them only where the kind is about a session.
 * Order    Endpoints network order; port ranges host order, both ends included.
 * Memory   Copies; they stay valid. Room is nat_config.events; what does not fit is counted in
 *          nat_gauges.events_lost, and nothing waits for it.
 * Errors   None.
 */
#ifndef NAT_EVENT_H
#define NAT_EVENT_H

#include "nat/session.h"
#include "nat/time.h"

/* id, name in logs, natEvent of RFC 8158 (IANA registry natEvent; 0: none) */
#define EVENT_LIST(X) \
	X(SESSION_CREATED, "session-created", 4) \
	X(SESSION_DELETED, "session-deleted", 5) \
	X(MAPPING_CREATED, "mapping-created", 8) \
	X(MAPPING_DELETED, "mapping-deleted", 9) \
	X(PORTS_EXHAUSTED, "ports-exhausted", 12) \
	X(QUOTA_EXCEEDED, "quota-exceeded", 13) \
	X(BLOCK_ASSIGNED, "block-assigned", 16) \
	X(BLOCK_RELEASED, "block-released", 17) \
	X(PLAN, "plan", 0)

#define EVENT_ENUM(id, name, number) EVENT_##id,
enum nat_event_kind { EVENT_LIST(EVENT_ENUM) EVENT_COUNT };
#undef EVENT_ENUM

/* How a deterministic policy divides ports: inside.address is its prefix, outside.address the first
 * of so many outside addresses in a row (there is one event for each row), block all ports of each
 * (what is below and above is reserved). */
struct nat_event_plan {
	uint8_t inside_len;
	uint16_t addresses, dynamic_shares;
	uint32_t ports_most; /* of one host */
};

struct nat_event {
	nat_time at;
	uint8_t kind; /* enum nat_event_kind */
	uint8_t protocol; /* 0: all (blocks) */
	uint8_t reason; /* enum reason, of EXHAUSTED and QUOTA */
	struct nat_endpoint inside, outside; /* of blocks: addresses only */
	union {
		struct nat_endpoint remote; /* of sessions; with IPv4 for an IPv6 host, address6 is what
					     * the host knows it by */
		struct nat_event_plan plan; /* of PLAN */
	};
	struct port_range block; /* of blocks */
};

struct nat;

/* The oldest event not fetched yet; false: none. */
bool nat_event_next(struct nat *n, struct nat_event *out);

/* As in logs; static. And its number in RFC 8158. */
const char *nat_event_name(enum nat_event_kind k);
uint8_t nat_event_number(enum nat_event_kind k);

#endif
