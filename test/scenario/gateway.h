/*
 * Workers and what the router does around them, without threads: the owner gets each datagram,
 * what one sends to another of our outside endpoints goes through that one's owner, and fragments
 * are held until their first one comes.
 *
 * Memory   gateway_open() allocates, gateway_close() frees.
 * Errors   A passage has a fault, static text, where the library broke its promise.
 */
#ifndef SCENARIO_GATEWAY_H
#define SCENARIO_GATEWAY_H

#include <stdio.h>

#include "conf.h"
#include "nat/saved.h"
#include "notes.h"

struct passage {
	enum nat_verdict verdict;
	enum reason reason;
	enum nat_answer answer;
	bool held;
	enum nat_side to; /* where a forwarded datagram comes out */
	uint8_t *octets;  /* what comes out */
	size_t len;
	uint16_t piece; /* the router is to cut it so that none is longer, with this identification; 0: not */
	uint16_t ident;
	uint8_t *buffer; /* that the octets lie in; free() it */
	const char *fault;
};

enum { HELD_FRAGMENTS_MOST = 16 };

/* A fragment that waits for its first one, or for all; then, its passage, and this waits to be looked at. */
struct held {
	struct pkt p;
	uint8_t *buffer;
	enum nat_side from;
	uint16_t worker;
	uint32_t datagram;
	nat_time since;
	bool gone; /* way says whither */
	struct passage way;
};

struct gateway {
	uint16_t workers, mss;
	uint16_t turn; /* whose it is to do what any worker may */
	bool helped; /* a policy has helpers */
	struct settings *settings; /* of now */
	struct nat *nats[NAT_WORKERS_MOST];
	struct nat_saved *records[NAT_WORKERS_MOST]; /* that they keep */
	/* The session whose rewrite was applied last. */
	uint16_t last_worker;
	uint32_t last_session;
	uint32_t fragment_ms;
	size_t held_count, released_count;
	struct held held[HELD_FRAGMENTS_MOST];
	struct passage released[HELD_FRAGMENTS_MOST]; /* in the order they are to be looked at */
	struct notes notes;
};

/* NULL, or what is wrong with the configuration. */
const char *gateway_open(struct gateway *g, const struct settings *s, uint16_t workers);
void gateway_close(struct gateway *g);

/* Send a datagram through. Its octets are copied; those of the passage are the caller's. */
struct passage gateway_pass(struct gateway *g, nat_time now, enum nat_side from,
			    const uint8_t *octets, size_t len);

/* What became of the next datagram that was released; false if there is none. */
bool gateway_next_released(struct gateway *g, struct passage *way);

/* Another address takes the place of one in the pool (0.0.0.0: none), with the forwards from it; where
 * sessions stay with theirs, it is the spare place that is taken. NULL, or what is wrong. */
const char *gateway_readdress(struct gateway *g, const struct place *was, const struct place *now);

/* End what is over, and hear what the workers have to say. NULL, or what is wrong with that. */
const char *gateway_expire(struct gateway *g, nat_time now);

/* NULL, or what nat_check() says, or that listings, gauges and events disagree. */
const char *gateway_check(struct gateway *g, nat_time now);

/* Summed up over the workers. */
struct nat_gauges gateway_gauges(const struct gateway *g);

/* State of the session whose rewrite was applied last; false if it has ended. */
bool gateway_state(const struct gateway *g, nat_time now, enum tcp_state *state);

/* The first few sessions, a line each. */
void gateway_print(const struct gateway *g, nat_time now, FILE *out);

#endif
