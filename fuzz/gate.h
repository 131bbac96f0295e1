/*
 * A gateway with an inside and an outside interface in memory, its workers stepped by hand.
 *
 * Shape    The world of traffic.h: lan0 is 10.0.0.1/16, with 172.16.0.0/12 behind a router on it;
 *          wan0 is 198.51.100.1/24, with 203.0.0.0/16 behind one; the pool is 192.0.2.0/30.
 * Memory   gate_open() to gate_close().
 * Errors   Ends the process: whatever is wrong here is a finding.
 */
#ifndef FUZZ_GATE_H
#define FUZZ_GATE_H

#include "router/gateway.h"

#include "traffic.h"

struct gate {
	struct gateway *gateway;
	uint16_t workers;
	nat_time now;
	bool cuts;	/* the MTU is so small that datagrams are cut into pieces */
	bool all_right; /* every checksum that came in so far */
	uint64_t pushed, pulled;
	struct past past;
};

void gate_open(struct gate *g, struct input *in);

/* Datagrams come in by the queues of all workers in turn. */
void gate_push(struct gate *g, const struct datagram *d);

/* Turns of all workers until none has anything to do, then judge what has left. */
void gate_settle(struct gate *g);

/* Every frame must have ended once by now. */
void gate_close(struct gate *g);

#endif
