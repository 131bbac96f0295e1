/*
 * Talks: conversations of an inside host with somebody outside, from the first datagram to the last,
 * each judged when it has been through the NAT.
 *
 * Shape    A talk follows a story, a list of steps; the next is due when its tick comes. Datagrams of a
 *          tick go through the NATs in batches, by owner.
 * Memory   talks_open() to talks_close(). A talk is over with its story, when its first datagram was
 *          refused for a reason that may be, or when its outside address is taken away and what it
 *          had there ends.
 * Errors   The first wrong thing is kept as a text; after that nothing more is sent.
 */
#ifndef ENDURANCE_TALK_H
#define ENDURANCE_TALK_H

#include "chance.h"
#include "datagram.h"
#include "site.h"

enum { TALK_TICK_MS = 100, TALK_TICKS = 256, BATCH = 32, FAULT_MOST = 256 };
enum { ROOM_MOST = 1024 }; /* a helper asks for some */

enum story {
	STORY_TCP, STORY_RESET, STORY_UNANSWERED, STORY_LEFT, STORY_FTP, STORY_SERVED, STORY_UDP,
	STORY_QUESTION, STORY_PING, STORY_COUNT,
};

struct talk {
	uint32_t next; /* of its tick, or of those that are free */
	uint32_t host, remote;
	uint16_t inside_port, outside_port, remote_port;
	uint16_t place, epoch;
	uint8_t entry, story, step;
	bool placed; /* its outside endpoint is known */
};

/* One on its way. */
struct passage {
	uint32_t talk;
	struct pkt p;
	struct part part;
	uint8_t room[NAT_HEADROOM + ROOM_MOST];
};

struct batch {
	struct nat_job jobs[BATCH];
	struct passage passages[BATCH];
	size_t count;
};

struct talks {
	struct site *site;
	struct chance chance;
	struct talk *all;
	uint32_t most, free, high, live;
	uint32_t due[TALK_TICKS], tick;
	uint64_t serial[ENTRY_COUNT][3]; /* talks begun, by entry and protocol */
	struct batch batches[SITE_WORKERS];
	uint64_t opened, refused, finished, cut, announced, strangers;
	uint64_t datagrams, verdicts[NAT_DROP + 1], reasons[REASON_COUNT];
	char fault[FAULT_MOST];
};

bool talks_open(struct talks *t, struct site *site, uint32_t most);
void talks_close(struct talks *t);

/* So many more begin now; a hundredth as many datagrams come from outside that nobody has asked for. */
void talks_begin(struct talks *t, uint32_t count);

/* Everything that is due in this tick is said, and judged; time goes on by one tick. */
void talks_go_on(struct talks *t);

/* story.c: what is said and by whom. */
struct step {
	uint8_t from; /* enum nat_side */
	uint8_t flags;
	uint8_t data_len;
	uint8_t wait; /* ticks before it, and up to as many more */
};

const struct step *story_step(enum story s, uint8_t number); /* NULL: it is over */
void story_part(const struct talk *k, struct part *part);
enum story story_choose(struct chance *c, uint8_t *entry);
uint8_t story_protocol(enum story s);
void story_leg(const struct talks *t, const struct talk *k, enum nat_side side, struct leg *leg);

#endif
