/*
 * Neighbours on Ethernet links of our own, by address: what is known of them, and the questions that
 * keep it true.
 *
 * Sources  RFC 826; RFC 1122 section 2.3.2 (three questions, a second apart; what is known grows
 *          old); RFC 4861 section 7 (what an answer changes), RFC 6583 (against scans: what is not
 *          known yet has few places, and never takes one from what is; but who does not answer
 *          soon leaves his to another).
 * Shape    One writer, who also reads; any number of threads read by neighbours_find() alone.
 * Memory   neighbours_new() to neighbours_free(); nothing is allocated in between. What a reader
 *          has found is good until its next quiescent state (liburcu). What the writer has
 *          replaced is used again only after neighbours_reclaim().
 * Errors   neighbours_new() returns NULL. A full table learns nothing more: whoever asks is not
 *          answered, and asks again.
 */
#ifndef ROUTER_NEIGHBOURS_H
#define ROUTER_NEIGHBOURS_H

#include "nat/time.h"
#include "router/discovery.h"

struct neighbours;

/* What readers see; it never changes while they see it. */
struct neighbour {
	struct address address;
	uint16_t interface;
	bool known;		/* mac and tags are */
	uint8_t mac[ETH_ALEN];
	struct l2_tags tags;	/* that it spoke with */
	uint64_t until_ms;	/* from then on, whoever uses it says so: neighbours_want() */
	uint32_t record;	/* the writer's */
	struct neighbour *next; /* in the bucket */
};

/* key: what others must not know of the table's order. */
struct neighbours *neighbours_new(const uint8_t key[static 8]);
void neighbours_free(struct neighbours *n);

/* NULL: nobody has asked for it yet. */
const struct neighbour *neighbours_find(const struct neighbours *n, uint16_t interface,
					const struct address *a);

/* Somebody has something for it: it is asked for if it is unknown, or was confirmed long ago. */
void neighbours_want(struct neighbours *n, uint16_t interface, const struct address *a, nat_time now);

/* A message came by an interface, with these tags. ours: it asks for an address of ours, so that its
 * sender will hear from us, and is remembered. */
struct heard {
	uint16_t interface;
	bool ours;
	const struct discovery *message;
	const struct l2_tags *tags;
};
void neighbours_hear(struct neighbours *n, const struct heard *h, nat_time now);

/* The next question that is due: true, and whom to ask, or false. What was asked in vain is forgotten.
 * Start with *cursor = 0. */
struct neighbours_question {
	uint16_t interface;
	struct address about;
	bool known; /* ask mac alone, with these tags */
	uint8_t mac[ETH_ALEN];
	struct l2_tags tags;
};
bool neighbours_ask(struct neighbours *n, size_t *cursor, nat_time now,
		    struct neighbours_question *q);

/* Whether questions are open, so that neighbours_ask() is to be called every tenth of a second. */
bool neighbours_are_asked(const struct neighbours *n);

/* The interface is another one now: forget who was there. */
void neighbours_forget(struct neighbours *n, uint16_t interface);

/* Whether something was replaced; make room of it, when all readers have passed a quiescent state. */
bool neighbours_have_left(const struct neighbours *n);
void neighbours_reclaim(struct neighbours *n);

#endif
