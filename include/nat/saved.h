/*
 * What a NAT knows, as records outside of its own memory: so that it outlives the process, and
 * another, of another version or with another configuration, can go on with it.
 *
 * Sources  RFC 6888 REQ-8 (ports rest after a loss of state, too), RFC 6146 section 3.1.
 * Shape    A record is a session, or a port or a block of ports that rests. Each has a place of its
 *          own, and is written when that begins or ends; what packets change (state, when it was
 *          seen), as often as nat_save_some() comes by. Addresses and ports as
 *          in datagrams, an IPv4 address in the last four octets; numbers in the machine's order.
 * Promise  A record that was cut off in the middle of being written is known by its sum, as is one of
 *          another machine's order.
 * Memory   The caller's, and only written; may be a file's.
 * Errors   See enum nat_restored: nothing is half restored.
 */
#ifndef NAT_SAVED_H
#define NAT_SAVED_H

#include "nat/nat.h"

enum nat_saved_kind { NAT_SAVED_NOTHING, NAT_SAVED_SESSION, NAT_SAVED_PORT, NAT_SAVED_BLOCK };

enum { NAT_SAVED_VERSION = 1 };

/* Bits of nat_saved.mapping. */
enum nat_saved_mapping {
	NAT_SAVED_FORWARD = 1 << 0,  /* made by a static forward */
	NAT_SAVED_SHARED = 1 << 1,   /* its outside endpoint is others' too, towards other remotes */
	NAT_SAVED_BORROWED = 1 << 2, /* a stranger opened it, at its sibling's port */
	NAT_SAVED_RETIRED = 1 << 3,  /* found by its outside endpoint only */
	NAT_SAVED_HELPED = 1 << 4,   /* a helper has read, and maybe changed, what passed */
};

struct nat_saved_end {
	struct ip6 address;
	be16 port; /* or query identifier; 0: the protocol has none */
	uint8_t is_v6;
	uint8_t unused;
};

struct nat_saved {
	uint32_t sum; /* of everything else */
	uint8_t kind; /* enum nat_saved_kind; the octets of a place that has nothing are all zero */
	uint8_t protocol;
	uint8_t state;	 /* enum tcp_state */
	uint8_t timeout; /* enum nat_timeout */
	struct nat_saved_end local[SIDE_COUNT], remote[SIDE_COUNT]; /* as each side knows them */
	union {
		be16 tag[SIDE_COUNT]; /* ESP, GRE, SCTP: what tells sessions with one address apart */
		uint32_t opened;      /* TCP: sequence number of the SYN that did */
	};
	uint8_t mapping;      /* bits of enum nat_saved_mapping */
	uint8_t dependence;   /* enum nat_dependence: of the mapping */
	uint8_t scales;	      /* TCP: of windows; known: of which sides what follows is known */
	uint8_t known;
	uint16_t first, last; /* the block, or that of the session's port; 0: none */
	uint16_t window[SIDE_COUNT];
	uint32_t ack[SIDE_COUNT], end[SIDE_COUNT]; /* TCP: numbers; SCTP: tags; GRE: call IDs */
	int64_t at_ms; /* of a session: its last refresh; of what rests: until when. By the NAT's clock */
};

_Static_assert(sizeof(struct nat_saved) == 128, "a record is two cache lines");

/* What sum is in a record that is whole. */
uint32_t nat_saved_sum(const struct nat_saved *s);

/* Places that a worker of this configuration has. */
size_t nat_saved_count(const struct nat_config *c);

/* Keep records there from now on: nat_saved_count() of them, all zero. The NAT must be new. */
void nat_save_to(struct nat *n, struct nat_saved *records);

/* Bring up to date what packets have changed, of at most budget sessions, beginning where the last
 * call ended, and up to the last one. Returns how many were visited; less than budget: it is through, and
 * the next call begins with the first. */
size_t nat_save_some(struct nat *n, nat_time now, size_t budget);

/* What became of a record that was met by a worker. */
enum nat_restored {
	NAT_RESTORED,	      /* its session goes on; or what rested rests again */
	NAT_RESTORED_NOT,     /* the configuration has no place for it (now) */
	NAT_RESTORED_OVER,    /* its time was over */
	NAT_RESTORED_NOBODY,  /* there is nothing, or it is damaged */
	NAT_RESTORED_ANOTHER, /* another worker's */
};

/* What lies between the process that wrote a record and this one. */
struct nat_outage {
	int64_t later_ms; /* what this clock is ahead of that one; behind: negative */
	bool clean;	  /* nothing passed after the last nat_save_some() through everything */
};

/* Go on with the session that another process had, if s is one. Without a clean end, windows of TCP are
 * learned anew, and what is half open from outside does not go on; what a helper reads never does. */
enum nat_restored nat_restore(struct nat *n, nat_time now, const struct nat_saved *s,
			      const struct nat_outage *outage);

/* For all records, after nat_restore() was called for all: an outside port of a session that did not go
 * on rests as long as if it had ended in time, and at most as if it had ended now; ports that rested rest
 * on, and so do blocks, where these are of the same size. */
enum nat_restored nat_restore_rest(struct nat *n, nat_time now, const struct nat_saved *s,
				   const struct nat_outage *outage);

#endif
