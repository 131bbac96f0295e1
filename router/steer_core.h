/*
 * What the parts of the steering program share. Private to router/.
 *
 * Shape    R6 is the packet. When a datagram has been read, R7 is the local address, R8 the local
 *          port, both in host order, and R9 the protocol.
 * Errors   Those of the emitter.
 */
#ifndef ROUTER_STEER_CORE_H
#define ROUTER_STEER_CORE_H

#include "router/bpf.h"
#include "nat/config.h"

enum { PACKET = BPF_REG_6, ADDRESS = BPF_REG_7, PORT = BPF_REG_8, PROTOCOL = BPF_REG_9,
       RESULT = BPF_REG_0 };

struct steer {
	struct ebpf *e;
	const struct nat_config *config;
	enum nat_side side;
	bool ethernet; /* it begins with an Ethernet header */
	/* What decides: all below; the outside endpoint; the port alone; the inside host; the remote
	 * address and the protocol. */
	struct ebpf_label by_rule, by_outside, by_port, by_host, by_remote;
	struct ebpf_label elsewhere; /* nothing does */
};

/* Keys of a range lead to a place. */
struct steer_range {
	uint64_t first, last;
	struct ebpf_label to;
};

/* Go where the range leads that key is in, or to otherwise; ranges are disjoint and in order. R1 is
 * lost. */
void steer_search(struct ebpf *e, uint8_t key, const struct steer_range *ranges, size_t count,
		  struct ebpf_label otherwise);

/* The places by_rule, by_outside and by_port; false: out of memory. plain: as if there were neither
 * forwards nor policies. */
bool steer_emit_rule(struct steer *s, bool plain);

#endif
