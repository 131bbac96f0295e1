/*
 * The log: who had which port, for those who must be able to say so.
 *
 * Sources  RFC 6888 REQ-12 to REQ-14, RFC 8158, RFC 6302; RFC 5424 (syslog), RFC 7011 (IPFIX).
 * Shape    Each worker puts its events into a queue of its own. One thread takes them out, limits
 *          how many there are, and sends them to every collector.
 * Promise  A worker never waits for the log. What finds no room, or no collector that takes it, is
 *          lost and counted. Collectors may come and go.
 * Memory   log_new() to log_free(); struct log_outlet until it is adopted.
 * Errors   log_new() and log_start() return a negative errno; log_outlet_new() with one line.
 */
#ifndef ROUTER_LOG_H
#define ROUTER_LOG_H

#include "router/io.h"
#include "router/log_queue.h"

struct log;

/* Room of the NAT's own ring: more than one batch, or one turn of expiry, can fill. */
enum { LOG_NAT_EVENTS = 4096, LOG_QUEUE = 8192 };

int log_new(struct log **l, uint16_t workers);
/* Takes NULL. What was noted before is sent, unless that takes longer than a second. */
void log_free(struct log *l);

/* Begin to log; until then queues only fill. */
int log_start(struct log *l);

/* Where a worker puts its events. */
struct log_queue *log_queue_of(const struct log *l, uint16_t worker);

/* Where events go, by one configuration. */
struct log_outlet;
int log_outlet_new(struct log_outlet **o, const struct conf *c, struct io_error *error);
void log_outlet_free(struct log_outlet *o);

/* Send there what happens from now on; the log frees it. */
void log_adopt(struct log *l, struct log_outlet *o);

/* Records sent and lost, by each collector; events beyond the number per second. */
struct log_counters { uint64_t sent, lost, limited; };
struct log_counters log_counters(const struct log *l);

#endif
