/*
 * Replies of the control socket, made piece by piece.
 *
 * Shape    A reply is one line of JSON, an object whose last member is "ok". What is short is one
 *          piece; a listing is as many as it takes, and between them the workers go on and so may
 *          the caller. It shows what was there when it came by, not one moment.
 * Memory   A struct ctl_reply owns nothing.
 * Errors   In the reply: "error" and "ok": false, for a listing behind the rows that went well.
 *          Lack of memory marks the text as failed.
 */
#ifndef ROUTER_CTL_REPLY_H
#define ROUTER_CTL_REPLY_H

#include "ctl_request.h"
#include "router/gateway.h"

/* A request and how far its reply has come; begin with everything but the request zero. */
struct ctl_reply {
	struct ctl_request request;
	bool begun, truncated;
	uint64_t listed;
	uint32_t generation; /* of the snapshot it began with */
	uint16_t worker;
	uint32_t cursor;     /* in the worker's table */
	size_t route;
};

/* One row of the table of commands; the table ends with a row without a name. next() adds a
 * piece, and returns true while more is to come. */
struct ctl_command {
	const char *name;
	unsigned keys; /* bit 1 << enum ctl_key: allowed beside "command" */
	bool (*next)(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out);
};

extern const struct ctl_command ctl_commands[];

/* Add the next piece to out; true while more is to come. May wait for a worker, as worker_ask()
 * does, never for a client. */
bool ctl_reply_next(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out);

/* Add a whole reply that says no. */
void ctl_reply_error(struct text *out, const char *error);

/* Add a value of jansson's in compact form and release it; NULL: there was no memory for it. */
struct json_t;
void ctl_add_json(struct text *out, struct json_t *value);

/* Text of the configuration file, which may hold any octets, as a string; NULL as null. */
struct json_t *ctl_json_name(const char *name);

/* Say in a fault that worker_ask() failed. */
void ctl_describe_silence(struct text *fault, uint16_t worker, int error);

#endif
