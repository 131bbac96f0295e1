#include "queue_settle.h"

#include <errno.h>
#include <sys/socket.h>

#include "router/queue_message.h"

enum { SEND_OCTETS = 1 << 20 }; /* of one call */

/* All that has come by the queue and is not told yet ends in one way: one verdict is enough. */
static bool is_one_verdict(const struct queue *q)
{
	return q->settled_count == q->due && (!q->accepted || q->accepted == q->settled_count);
}

/* Numbers grow, and begin again behind the last. */
static uint32_t last_of(const struct queue *q)
{
	uint32_t last = q->settled[0].packet;

	for (uint32_t i = 1; i < q->settled_count; i++)
		if ((int32_t)(q->settled[i].packet - last) > 0)
			last = q->settled[i].packet;
	return last;
}

void queue_tell(struct queue *q, int fd)
{
	uint32_t room[FRAME_BATCH][QUEUE_VERDICT_LEN / sizeof(uint32_t)];
	size_t count = q->settled_count;

	if (is_one_verdict(q)) {
		queue_verdict(room, q->number, last_of(q), q->accepted ? QUEUE_ACCEPT : QUEUE_DROP, true);
		count = 1;
	} else {
		for (size_t i = 0; i < count; i++)
			queue_verdict(room[i], q->number, q->settled[i].packet,
				      q->settled[i].accept ? QUEUE_ACCEPT : QUEUE_DROP, false);
	}
	/* The kernel takes them at once, unless it has no memory for so little. */
	while (send(fd, room, count * QUEUE_VERDICT_LEN, 0) < 0 && errno == EINTR)
		continue;
	q->due -= q->settled_count;
	q->settled_count = q->accepted = 0;
}

void queue_tell_at_once(struct frame *f)
{
	uint32_t room[QUEUE_VERDICT_LEN / sizeof(uint32_t)];

	queue_verdict(room, f->verdict.queue, f->verdict.packet, QUEUE_ACCEPT, false);
	if (send(f->verdict.fd, room, sizeof(room), 0) == sizeof(room))
		f->verdict.pending = PENDING_TOLD;
}

void queue_settle(struct queue *q, int fd, const struct frame *f)
{
	bool accept = f->verdict.pending == PENDING_ACCEPT;

	if (f->verdict.pending == PENDING_TOLD) {
		q->due--;
		return;
	}
	q->settled[q->settled_count++] = (struct settled){ f->verdict.packet, accept };
	q->accepted += accept;
	if (q->settled_count == FRAME_BATCH)
		queue_tell(q, fd);
}

bool queue_can_return(const struct frame *f)
{
	return f->verdict.pending == PENDING_DROP && f->verdict.may_return &&
	       f->p.len <= QUEUE_PAYLOAD_MOST;
}

/* The kernel counts the hop, too. */
static void count_back(struct pkt *p)
{
	if (*pkt_ttl(p) == 255)
		return;
	++*pkt_ttl(p);
	if (p->version == 4)
		csum_patch(p->ip + 10, (csum_t){ be16_from(0x0100).raw });
}

size_t queue_give_back(struct iovec *octets, struct frame **frames, size_t count)
{
	struct msghdr m = { .msg_iov = octets };
	size_t sum = 0;

	for (; m.msg_iovlen < count && sum < SEND_OCTETS; m.msg_iovlen++) {
		struct frame *f = frames[m.msg_iovlen];
		size_t len;

		if (!queue_can_return(f) || f->verdict.fd != frames[0]->verdict.fd)
			break;
		if (f->p.flags & PKT_PARTIAL)
			pkt_complete(&f->p);
		f->p.flags &= (uint16_t)~PKT_PARTIAL;
		count_back(&f->p);
		len = queue_accept(f->p.ip, f->p.len, f->verdict.queue, f->verdict.packet);
		octets[m.msg_iovlen] = (struct iovec){ f->p.ip - QUEUE_ACCEPT_FRONT, len };
		sum += len;
	}
	if (sendmsg(frames[0]->verdict.fd, &m, 0) < 0) {
		for (size_t i = 0; i < m.msg_iovlen; i++)
			pkt_decrement_ttl(&frames[i]->p);
		return 0;
	}
	for (size_t i = 0; i < m.msg_iovlen; i++)
		frames[i]->verdict.pending = PENDING_TOLD;
	return m.msg_iovlen;
}
