/*
 * What the files of a worker share: its state, and the stages of the pipeline in the order a frame
 * meets them. Private to router/.
 *
 * Memory   A frame is taken from w->spare, goes through the stages, and is given back when its
 *          fate is decided; one that another worker owns goes back through a ring.
 */
#ifndef ROUTER_WORKER_CORE_H
#define ROUTER_WORKER_CORE_H

#include "router/segment.h"
#include "router/worker.h"

enum { OWN_FRAMES = 64, AGAIN_MOST = 2 * FRAME_BATCH };

/* ICMP errors: a token bucket for all and one per group of destinations (RFC 1812 section
 * 4.3.2.8, RFC 4443 section 2.4 (f)). */
enum { LIMITER_GROUPS = 256 };

struct bucket_of_tokens { uint64_t filled_ms; uint32_t tokens; };

struct limiter {
	uint64_t key[2], draws;
	struct bucket_of_tokens all, groups[LIMITER_GROUPS];
};

/* seed: what others must not know of the choices, 16 octets. */
void limiter_init(struct limiter *l, const uint8_t *seed);

/* destination: that the error goes to, len octets; there go so many in a second, and at once. */
bool limiter_allows(struct limiter *l, nat_time now, uint32_t per_second, const uint8_t *destination,
		    size_t len);

/* Frames that leave by one interface, collected over a batch. */
struct outbox {
	struct frame *frames[FRAME_BATCH];
	size_t count;
};

/* Fragments that came before the first of their datagram. */
enum { HELD_MOST = 48 };

struct held {
	struct frame *frame; /* NULL: free */
	uint32_t datagram;
	uint64_t until_ms;
};

/* Frames that wait for the link-layer address of their next hop. */
enum { PARKED_MOST = 16 };

struct parked {
	struct frame *frame;
	uint64_t until_ms;
};

/* A question in its way from another thread. */
enum mail_state { MAIL_EMPTY, MAIL_ASKED, MAIL_TAKEN, MAIL_ANSWERED };

struct mail {
	int state; /* enum mail_state; atomic */
	enum worker_question question;
	uint32_t cursor;
	struct worker_answer *answer;
};

struct worker {
	struct worker_setup setup;
	struct io *ios[WORKER_INTERFACES_MOST]; /* of this turn */
	uint32_t swaps;
	uint16_t id, workers;
	struct nat *nat;
	void *arena; /* of the NAT */
	size_t arena_len;
	const struct snapshot *snapshot;
	uint32_t generation; /* of the snapshot that the NAT is configured by */
	uint32_t version;    /* of its routes */
	bool six;	     /* some entry translates IPv6, or looks after it */
	bool plain;	     /* those are, in all of this turn: nobody is asked for sources */
	uint32_t stamp;	     /* another one whenever one of both is: what sessions remember ends */
	nat_time now;
	size_t restored;  /* of what one before it has left, by this configuration */
	uint64_t save_ms; /* when what packets have changed is to be written down again */

	struct frame *frames; /* all that this worker owns */
	uint8_t *buffers;
	size_t frame_count;
	struct frame **spare;
	size_t spare_count;

	/* Frames to go through the NAT in this turn yet: hairpinned, answered, or held before. */
	struct frame *again[AGAIN_MOST];
	size_t again_count;
	bool mixed; /* many of the datagrams that come are others' */
	struct held held[HELD_MOST];
	size_t held_count;
	struct parked parked[PARKED_MOST];
	size_t parked_count;
	uint64_t park_tried_ms;

	struct outbox outboxes[WORKER_INTERFACES_MOST];
	struct outbox *hands, *returns; /* per worker: frames to hand over, or to give back */
	uint32_t interfaces; /* all there are */
	uint32_t ready;	 /* of these, the ones that may have something to receive */
	uint32_t always; /* the ones that cannot say so */
	uint32_t neighbours; /* interfaces whose frames go to one of several */
	uint32_t settles; /* interfaces whose datagrams the kernel holds until their frames are released */
	int epoll;
	uint64_t turns; /* of worker_run() */
	unsigned failures; /* of what it watches, since something came */
	struct segmenter *segmenter;
	struct limiter limiter;
	struct mail mail;
	struct counters counters;
};

/* Counters are read by other threads while they are written. */
static inline void bump(uint64_t *counter, uint64_t by)
{
	__atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);
}

/* Numbers of hops mean something in the routes that they were looked up in, as long as those stay as
 * they are: a frame that waits, or comes from another worker, is routed again if they did not. */
static inline void route_date(const struct worker *w, struct frame *f)
{
	f->generation = w->generation;
	f->version = w->version;
}

static inline bool route_is_of_now(const struct worker *w, const struct frame *f)
{
	return f->generation == w->generation && f->version == w->version;
}

static inline const struct conf *worker_conf(const struct worker *w)
{
	return w->snapshot->conf;
}

static inline struct ring *ring_between(struct ring **rings, const struct worker *w, uint16_t from,
					uint16_t to)
{
	return rings[(size_t)from * w->workers + to];
}

/* worker_run.c: the clock, read once per turn, and what the worker waits for: its queues, and the
 * others' wake-ups. worker_watch() fails with a negative errno. Interfaces may be other ones in the
 * next turn. */
nat_time worker_clock(void);
int worker_watch(struct worker *w);
void worker_follow_interfaces(struct worker *w);

/* frames.c: where frames come from and go. frame_drop() counts, and releases. */
struct frame *frame_take(struct worker *w);
void frame_release(struct worker *w, struct frame *f);
void frames_release(struct worker *w, struct frame *const *frames, size_t count);
void frame_drop(struct worker *w, struct frame *f, enum reason r);
void frames_take_back(struct worker *w, uint16_t from); /* what another worker has released */
/* To another worker, at the latest with frames_flush(), which drops what there is no room for. */
void frame_hand(struct worker *w, struct frame *f, uint16_t to);
void frames_flush(struct worker *w);
/* Once more from the NAT on, later in this turn. */
void frame_again(struct worker *w, struct frame *f);

/* A stage takes what leaves the batch there, moves the others up, and returns how many remain.
 * admit.c: what may come in at all. */
size_t stage_parse(struct worker *w, struct frame **frames, size_t count);
size_t stage_hand(struct worker *w, struct frame **frames, size_t count);
size_t stage_admit(struct worker *w, struct frame **frames, size_t count);
bool admit_is_spoofed(const struct worker *w, const struct frame *f);

/* admit6.c: IPv6 among that. These take a frame that is not to come in, and tell its sender if he is to
 * know; octets: of what the parser has refused. onwards: what may be sent on by that hop, of what is not
 * translated all; leaves: whether it may, as it is now. */
enum reason admit6(const struct worker *w, const struct frame *f);
void admit6_refuse(struct worker *w, struct frame *f, enum reason r);
void admit6_refuse_octets(struct worker *w, struct frame *f, enum reason r);
enum reason admit6_onwards(const struct worker *w, const struct frame *f, const struct hop *hop);
bool admit6_leaves(const struct worker *w, const struct frame *f);

/* route.c: where a frame is going, by the source that it comes from: that which it has now, as long as
 * route_from_here() is not called again. So translation makes no difference; the second half of a
 * hairpin comes from an outside address, and what we send from one of ours. Where its sender is, by
 * main alone or as for an answer: these may name a group of hops. */
void route_from_here(struct frame *f);
uint16_t route_back(const struct worker *w, const struct pkt *p);
const struct hop *route_find(const struct worker *w, const struct frame *f,
			     const uint8_t *address, uint16_t *number);
enum reason route_reason(enum hop_kind kind); /* of those that lead nowhere */
size_t stage_route(struct worker *w, struct frame **frames, size_t count);

/* gather.c: what ports a fragment belongs to. gather_expire() drops what waited in vain. */
size_t stage_gather(struct worker *w, struct frame **frames, size_t count);
void gather_expire(struct worker *w);

/* recall.c: most datagrams belong to a session that knows where they go, as long as configuration and
 * routes are what they were. Returns how many do; the stages from admit to steer let them by. note:
 * how f went. gathered: a fragment was routed without the ports that choose one of several ways; it goes
 * as its session does. */
size_t stage_recall(struct worker *w, struct frame **frames, size_t count);
void recall_gathered(struct worker *w, struct frame *f);
void recall_note(struct worker *w, const struct frame *f);

/* translate.c */
size_t stage_steer(struct worker *w, struct frame **frames, size_t count);
size_t stage_translate(struct worker *w, struct frame **frames, size_t count);

/* forward.c: TTL, MTU, rules, and out. */
void stage_forward(struct worker *w, struct frame **frames, size_t count);
void forward_flush(struct worker *w);
void forward_one(struct worker *w, struct frame *f, const struct hop *hop);
void forward_sent(struct worker *w, struct frame *f);

/* park.c: wait for a neighbour (false: dropped); try again, at most once a millisecond. */
bool park(struct worker *w, struct frame *f);
void park_retry(struct worker *w);

/* local.c: the router as a host of its own. These take the frame; answer: what its sender is told.
 * local_reject() answers SYNs that the NAT has held (RFC 5382 REQ-4). */
void local_deliver(struct worker *w, struct frame *f);
void local_refuse(struct worker *w, struct frame *f, enum reason r);
void local_refuse_with(struct worker *w, struct frame *f, enum reason r, enum nat_answer answer);
void local_refuse_on_link(struct worker *w, struct frame *f, enum reason r); /* by the link it came by */
void local_reject(struct worker *w);

/* rule.c: apply the rewrite rules that match. */
void rule_apply(struct worker *w, struct frame *f);

/* fragment.c: send f in pieces of at most mtu octets; takes the frame. */
void fragment_send(struct worker *w, struct frame *f, const struct hop *hop, uint32_t mtu);

/* The same file: do what was left to a device which does not do it; takes the frame. */
void fragment_finish(struct worker *w, struct frame *f, const struct hop *hop);

#endif
