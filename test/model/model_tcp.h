/*
 * What the model knows of a TCP connection.
 *
 * Sources  RFC 7857 section 2 (states), RFC 5961 section 3 (resets), RFC 9293 section 3.10.7.4
 *          (window), RFC 7323 section 2 (window scale).
 * Errors   The reason why a segment must be dropped.
 */
#ifndef MODEL_TCP_H
#define MODEL_TCP_H

#include "datagram.h"
#include "nat/session.h"

/* One direction: what a side has sent. */
struct tcp_side {
	bool sent, known;
	uint32_t end;	 /* if sent: the sequence number behind its last octet */
	uint32_t ack;	 /* if known: what it acknowledged last … */
	uint16_t window; /* … and how much it can take from there, in its scale … */
	int scale;	 /* its window scale option; -1: none */
};

struct tcp {
	enum tcp_state state;
	uint32_t isn; /* of the SYN that opened, or opened again */
	struct tcp_side side[SIDE_COUNT];
};

enum segment_class { CLASS_SYN, CLASS_SYNACK, CLASS_FIN, CLASS_RST, CLASS_ACK, CLASS_COUNT,
		     CLASS_BAD = CLASS_COUNT };

enum segment_class tcp_class(uint8_t flags);

/* A connection by a SYN: a new one, or the same SYN once more, with or without data. */
void tcp_open(struct tcp *t, enum nat_side from, const struct segment *s);

/* One that has begun before anybody looked: with windows as wide as can be. */
void tcp_pick_up(struct tcp *t);

/* A segment of a known connection. *refresh: whether it keeps the session alive. */
enum reason tcp_take(struct tcp *t, enum nat_side from, const struct segment *s, bool *refresh);

/* Whether a quoted sequence number can be one that sender has sent and still cares about. */
bool tcp_may_quote(const struct tcp *t, enum nat_side sender, uint32_t seq);

/* What a side allows the other to send beyond its last acknowledgement. */
uint32_t tcp_window(const struct tcp *t, enum nat_side side);

/* How far back from its last acknowledgement a segment may still begin. */
uint32_t tcp_slack(const struct tcp *t, enum nat_side side);

#endif
