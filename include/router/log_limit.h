/*
 * How much of what happens is logged.
 *
 * Sources  RFC 8158 (events of limits are rate limited).
 * Shape    Events of sessions and mappings share a number per second, by their own time; what is
 *          above is counted. Those of limits are at most one per cause in LOG_CAUSE_MS, which tells
 *          how many it stands for. Blocks and plans are never limited: a record speaks for many ports.
 * Memory   struct log_limits is the caller's; all zero but per_second to begin with.
 * Errors   None.
 */
#ifndef ROUTER_LOG_LIMIT_H
#define ROUTER_LOG_LIMIT_H

#include "nat/event.h"
#include "nat/reason.h"

enum { LOG_CAUSE_MS = 10000 };

struct log_cause {
	struct nat_event last;
	uint64_t waiting; /* since the last record */
	uint64_t quiet_until_ms;
};

struct log_limits {
	uint32_t per_second;
	uint32_t count; /* in that second */
	uint64_t second;
	uint64_t limited; /* not logged because of per_second */
	struct log_cause causes[REASON_COUNT];
};

/* One event as it is logged. */
struct log_record {
	struct nat_event event;
	uint64_t utc_ms;    /* when it happened, since 1970 */
	uint64_t count;	    /* events of limits: packets refused since the last record */
	bool destinations;  /* of sessions: say the remote endpoint (RFC 6888 REQ-12) */
};

/* Whether to log an event now. Those of limits never: log_limits_due() gives them out. */
bool log_limits_admit(struct log_limits *l, const struct nat_event *e);

/* The last event of a cause whose time has come, and how many there were; false: none is left. */
bool log_limits_due(struct log_limits *l, nat_time now, struct nat_event *e, uint64_t *count);

#endif
