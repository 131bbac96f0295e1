/*
 * A story: a configuration and what happens, as README.md beside this file describes.
 *
 * Memory   story_read() allocates, story_free() frees.
 * Errors   story_read() returns NULL and leaves the first fault in the words, with its line.
 */
#ifndef SCENARIO_STORY_H
#define SCENARIO_STORY_H

#include "conf.h"
#include "datagram.h"
#include "nat/nat.h"

enum { WORKER_COUNTS_MOST = 8, TITLE_MOST = 160 };

enum step_kind {
	STEP_PASS,   /* a datagram, and what comes of it */
	STEP_RELEASED, /* a datagram that was held, and what comes of it now */
	STEP_GAUGE,  /* how many of something there are */
	STEP_REJECTED, /* how many SYNs are to be answered now */
	STEP_EVENTS, /* how many of a kind there have been */
	STEP_STATE,  /* TCP state of the session of the last datagram that passed */
	STEP_EXPECT, /* two values compared */
	STEP_FOR,    /* repeat up to the end at step.end */
	STEP_END,
	STEP_ADDRESS, /* a place of the pool gets another address */
	STEP_RESTART, /* the process ends, and another goes on */
	STEP_WAIT,   /* only time passes */
};

enum outcome { COMES_OUT, IS_DROPPED, IS_UNMATCHED, IS_HELD };
enum gauge {
	GAUGE_SESSIONS, GAUGE_MAPPINGS, GAUGE_HOSTS, GAUGE_TCP, GAUGE_UDP, GAUGE_ICMP,
	GAUGE_UDPLITE, GAUGE_DCCP, GAUGE_HELD_PORTS, GAUGE_LOST, GAUGE_MOVED, GAUGE_KEPT,
};
enum relation { EQUAL, UNEQUAL, BELOW, NOT_BELOW, EVEN, ODD };

struct step {
	enum step_kind kind;
	int line;
	bool relative; /* ms counts from the step before */
	uint32_t ms;
	/* STEP_PASS, STEP_RELEASED */
	enum nat_side from, to;
	enum outcome outcome;
	enum reason reason;
	enum nat_answer answer; /* of IS_DROPPED: what the sender is told */
	struct message sent, awaited;
	int outcome_line;
	/* STEP_GAUGE, STEP_REJECTED, STEP_EVENTS, STEP_STATE, STEP_EXPECT, STEP_ADDRESS: what, and
	 * the values; STEP_FOR: variable and range */
	enum gauge gauge;
	enum nat_event_kind event;
	enum tcp_state state;
	enum relation relation;
	bool killed; /* STEP_RESTART */
	struct value a, b;
	uint32_t first, last;
	size_t end;
};

struct story {
	char title[TITLE_MOST];
	struct settings settings;
	size_t worker_count_count;
	uint16_t worker_counts[WORKER_COUNTS_MOST];
	struct names names;
	bool restarts; /* to be played another time, with one before every datagram */
	size_t step_count;
	struct step *steps;
};

struct story *story_read(struct words *w);
void story_free(struct story *s);

#endif
