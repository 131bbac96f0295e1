/*
 * What of the datagrams that come by the device of an nfqueue interface is queued to us: rules in a
 * table of nftables of the device's own.
 *
 * Shape    "table inet router_queue_DEVICE". Its chains queue, before the kernel has routed or tracked
 *          anything: from inside all that is not for the host itself; from outside what is for a pool
 *          address, for an outside prefix that stands for an inside one, or for what lies behind an
 *          inside interface. At an address shared with the host what belongs to one of its sockets is
 *          not queued. What the host itself sends never is.
 *          Where the kernel has no queue statement of nftables, the rule that queues is the NFQUEUE
 *          target of xtables in that same table.
 * Promise  Rules are replaced from one datagram to the next. They outlive a gateway that was killed:
 *          what would be translated is dropped then, unless the interface fails open. The next one
 *          that opens the device takes them over; while one runs, no other can ("…_owner").
 * Memory   queue_rules_install() to queue_rules_remove().
 * Errors   A negative errno and one line that says what to do.
 */
#ifndef ROUTER_QUEUE_RULES_H
#define ROUTER_QUEUE_RULES_H

#include "router/io.h"

struct queue_rules;

/* How many queues from the first on an interface has. */
static inline uint16_t queue_count(const struct conf_interface *i, uint16_t workers)
{
	uint16_t each = i->queues && i->queues < workers ? i->queues : workers;

	/* What comes whole, and what does not. */
	return (uint16_t)(i->whole ? 2 * each : each);
}

/* For an interface of c, whose queues are bound. */
int queue_rules_install(struct queue_rules **rules, const struct conf *c, size_t interface,
			struct io_error *error);

/* Work by another configuration. What refuses it changes nothing. */
int queue_rules_update(struct queue_rules *rules, const struct conf *c, size_t interface,
		       struct io_error *error);

/* If somebody has taken them away, put them back, and say so. NULL: there are none yet. */
void queue_rules_keep(struct queue_rules *rules);

void queue_rules_remove(struct queue_rules *rules);

#endif
