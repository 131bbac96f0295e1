/*
 * What became of the datagrams of a queue, and how the kernel hears of it.
 *
 * A verdict is given by the socket that the queue belongs to, but by any thread: given back is by the
 * worker that sends, all else by the one that has received, when the frame is its own again. Those are
 * told in one message where all that it has received ends in the same way, one message each otherwise.
 *
 * Memory   A struct queue is its worker's.
 * Errors   None: the kernel takes verdicts at once.
 */
#ifndef ROUTER_QUEUE_SETTLE_H
#define ROUTER_QUEUE_SETTLE_H

#include <sys/uio.h>

#include "router/frame.h"

struct settled { uint32_t packet; bool accept; };

struct queue {
	uint16_t number;
	uint32_t due; /* received, and not settled, or not told yet */
	uint32_t settled_count, accepted;
	struct settled settled[FRAME_BATCH];
};

/* A frame that was received from q is at its end; by q's worker, whose socket fd is. */
void queue_settle(struct queue *q, int fd, const struct frame *f);
void queue_tell(struct queue *q, int fd);

/* That f is accepted as it came, by another worker. */
void queue_tell_at_once(struct frame *f);

/* Whether the kernel still holds the datagram and would forward it. */
bool queue_can_return(const struct frame *f);

/* Give back those from the first on that can be and came by one socket; how many. octets: room for
 * count. 0 with errno set: not even the first. */
size_t queue_give_back(struct iovec *octets, struct frame **frames, size_t count);

#endif
