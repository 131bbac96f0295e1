/*
 * Records as IPFIX messages.
 *
 * Sources  RFC 7011 (messages, templates over UDP), RFC 8158 (which elements an event has), IANA
 *          registry of IPFIX information elements.
 * Shape    Records are gathered in one message until it is full or finished. Templates come first,
 *          and again every IPFIX_TEMPLATES_MS and every IPFIX_TEMPLATES_MESSAGES messages. All
 *          have observation domain 1.
 * Promise  No message is longer than IPFIX_MESSAGE_MOST: with IPv6 and UDP headers 512 octets, what
 *          RFC 7011 section 10.3.3 allows where the path MTU is not known.
 * Memory   struct ipfix is the caller's; ipfix_init() fills it.
 * Errors   ipfix_add() returns false when the message must be finished first.
 */
#ifndef ROUTER_LOG_IPFIX_H
#define ROUTER_LOG_IPFIX_H

#include <stddef.h>

#include "router/log_limit.h"

enum {
	IPFIX_MESSAGE_MOST = 464,
	IPFIX_TEMPLATES_MS = 60000,
	IPFIX_TEMPLATES_MESSAGES = 64,
};

struct ipfix {
	uint8_t message[IPFIX_MESSAGE_MOST];
	size_t len;	    /* 0: not begun */
	size_t set;	    /* where the set begins that can take more records; 0: none */
	uint32_t records;   /* in the message */
	uint32_t sequence;  /* records of all messages before it */
	uint32_t messages;  /* until templates are due */
	bool due[2];	    /* those of IPv4; those of IPv6, which are sent where there is such a record */
	uint64_t templates_ms;
	uint32_t sessions, sessions_per_host; /* the limits that quota events name */
};

void ipfix_init(struct ipfix *x, uint32_t sessions, uint32_t sessions_per_host);

/* Begin a message with the templates if they are due by time. */
void ipfix_tick(struct ipfix *x, nat_time now);

bool ipfix_add(struct ipfix *x, const struct log_record *r);

/* Length of the message, to be sent from x->message before anything is added; 0: none. records says
 * how many it holds until then. */
size_t ipfix_finish(struct ipfix *x, uint64_t utc_ms);

#endif
