/*
 * Records as syslog messages.
 *
 * Sources  RFC 5424 (structured data, UTC with milliseconds), RFC 5612 (the enterprise number for
 *          documentation: this project has none of its own).
 * Shape    One message per record: <PRI>1 TIME HOST router PID EVENT [nat@32473 …]. The event's
 *          name is the message identifier. There is no free text.
 * Errors   Those of struct text.
 */
#ifndef ROUTER_LOG_SYSLOG_H
#define ROUTER_LOG_SYSLOG_H

#include "router/log_limit.h"
#include "router/text.h"

enum { SYSLOG_HOST_MOST = 64 };

/* Who says it. */
struct syslog_origin {
	char host[SYSLOG_HOST_MOST + 1]; /* printable, or "-" */
	long process;
};

/* This process on this host. */
struct syslog_origin syslog_origin(void);

/* Put the message of a record into out, instead of what was there. */
void syslog_record(struct text *out, const struct syslog_origin *o, const struct log_record *r);

/* The same for something about the log itself, with a number. */
void syslog_mark(struct text *out, const struct syslog_origin *o, const char *name,
		 uint64_t utc_ms, uint64_t count);

#endif
