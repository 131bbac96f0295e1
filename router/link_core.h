/*
 * What the parts of the link layer share. Private to router/.
 *
 * Shape    Letters go from a worker to the other thread, and back when they have been read. One holds
 *          the octets of a frame behind its headroom, or none, and then asks for next_hop on egress.
 */
#ifndef ROUTER_LINK_CORE_H
#define ROUTER_LINK_CORE_H

#include "router/link.h"
#include "router/ring.h"
#include "router/worker.h"

enum { LETTERS = 64, LETTER_LEN = 1600, STACKS_MOST = 8 };

struct link_letters {
	struct ring *written, *read; /* by the worker; by the other thread */
	struct frame *store;
	uint8_t *octets;
	uint64_t tick_ms; /* what follows is the worker's */
	unsigned int wants; /* left in this tick */
};

/* An own address. */
struct link_claim {
	struct address address;
	bool taken; /* somebody else has it */
	uint64_t defended_ms;
};

/* How far the interface has come since its link is up. */
struct link_progress {
	bool up;
	unsigned int step;
	uint64_t due_ms;
	struct link_claim *claims;
	size_t claim_count;
	struct l2_tags stacks[STACKS_MOST]; /* that were heard; with keep */
	size_t stack_count;
};

struct link {
	struct io *const *ios;
	const struct conf *conf; /* of this call of link_work() or link_tick(), as is now */
	nat_time now;
	uint16_t workers;
	size_t port_count;
	struct link_port ports[WORKER_INTERFACES_MOST];
	struct link_letters *letters; /* per worker */
	struct neighbours *neighbours;
	int wake, timer, events; /* the last one waits for both */
	bool timed;
	struct link_progress progress[WORKER_INTERFACES_MOST];
};

/* link_claim.c: probe, announce and defend own addresses. link_step() does what is due of it,
 * link_steps() says whether more will be; link_is_ours() what is to be answered for. mac: whose
 * message it is. */
void link_restart(struct link *l, uint16_t interface);
void link_step(struct link *l);
bool link_steps(const struct link *l);
bool link_is_probing(const struct link *l, uint16_t interface);
void link_hear_claims(struct link *l, uint16_t interface, const struct discovery *d,
		      const uint8_t *mac);
bool link_is_ours(const struct link *l, uint16_t interface, const struct address *a);

/* link_talk.c: send a message behind that header, which needs no more than to, if anything, and tags; or
 * to everybody: where tags are kept, without any and with all that were heard. */
void link_send(struct link *l, uint16_t interface, const struct discovery *d, struct l2 *h);
void link_send_all(struct link *l, uint16_t interface, const struct discovery *d);

#endif
