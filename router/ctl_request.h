/*
 * A request to the control socket: one line of JSON, checked, as values.
 *
 * Shape    {"command": "sessions", "proto": "tcp", "limit": 100}. Each command allows some keys.
 * Errors   A fault is one line of text that says what would be right.
 */
#ifndef ROUTER_CTL_REQUEST_H
#define ROUTER_CTL_REQUEST_H

#include "nat/session.h"
#include "router/address.h"
#include "router/text.h"

enum { CTL_LINE_MOST = 4096 }; /* octets of a request, its newline included */

enum { CTL_LIMIT_DEFAULT = 10000 }; /* rows of a listing, unless the request has a limit */

enum ctl_key {
	CTL_PROTO,
	CTL_INSIDE,
	CTL_OUTSIDE,
	CTL_REMOTE,
	CTL_STATE,
	CTL_LIMIT,
	CTL_KEY_COUNT
};

/* What an endpoint is asked to be. */
struct ctl_endpoint {
	struct address address;
	be16 port;
	bool with_port;
};

struct ctl_request {
	const struct ctl_command *command;
	unsigned given; /* bit 1 << key: the request has it */
	uint8_t protocol;
	struct ctl_endpoint endpoints[CTL_REMOTE + 1]; /* by key */
	enum tcp_state tcp_state;
	uint64_t limit; /* 0: none */
};

/* Read a line without its newline. False: a fault was added to the text. */
bool ctl_request_parse(struct ctl_request *q, const char *line, size_t len, struct text *fault);

/* Whether a session or a mapping is asked for. */
bool ctl_request_wants_session(const struct ctl_request *q, const struct nat_session *s);
bool ctl_request_wants_mapping(const struct ctl_request *q, const struct nat_mapping *m);

#endif
