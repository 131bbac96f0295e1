/*
 * Backend mem: datagrams in memory, for tests and for measuring what is not I/O.
 *
 * A queue is a stretch of octets with records one after another, each a head and the datagram.
 * It is taken from at head and added to at tail; when head reaches tail both go back to 0. What is
 * pushed may make its queue grow; what is sent may not, because that is the packet path.
 */
#include <errno.h>
#include <stdlib.h>

#include "io_backend.h"

enum { MEM_MTU = 1500, PUSH_ROOM = 1 << 16, SENT_ROOM = 1 << 22, AHEAD = 512 };

struct queue {
	uint8_t *octets;
	size_t room, head, tail;
};

struct head { uint32_t len, group; };

struct mem_worker {
	struct queue pushed, sent;
	uint64_t sent_count;
	bool loop;
} __attribute__((aligned(64)));

struct mem {
	struct io io;
	bool unplugged;
	struct mem_worker worker[];
};

static struct mem_worker *mem_worker(struct io *io, uint16_t worker)
{
	return &((struct mem *)io)->worker[worker];
}

static bool queue_add(struct queue *q, const uint8_t *octets, struct head h)
{
	if (q->room - q->tail < sizeof(h) + h.len)
		return false;
	memcpy(q->octets + q->tail, &h, sizeof(h));
	memcpy(q->octets + q->tail + sizeof(h), octets, h.len);
	q->tail += sizeof(h) + h.len;
	return true;
}

/* The next record, which stays in place until the queue is added to; NULL if there is none. */
static const uint8_t *queue_take(struct queue *q, struct head *h)
{
	const uint8_t *octets;

	if (q->head == q->tail)
		return NULL;
	octets = q->octets + q->head + sizeof(*h);
	memcpy(h, q->octets + q->head, sizeof(*h));
	q->head += sizeof(*h) + h->len;
	return octets;
}

static void queue_rewind(struct queue *q)
{
	if (q->head == q->tail)
		q->head = q->tail = 0;
}

static int queue_grow(struct queue *q, size_t len)
{
	size_t room = q->room ? q->room : PUSH_ROOM;
	uint8_t *octets;

	while (room - q->tail < sizeof(struct head) + len)
		room *= 2;
	if (room == q->room)
		return 0;
	octets = realloc(q->octets, room);
	if (!octets)
		return -ENOMEM;
	q->octets = octets;
	q->room = room;
	return 0;
}

static void mem_close(struct io *io)
{
	for (uint16_t i = 0; i < io->workers; i++) {
		free(mem_worker(io, i)->pushed.octets);
		free(mem_worker(io, i)->sent.octets);
	}
	free(io);
}

static int mem_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
		    struct io_error *error)
{
	size_t len = sizeof(struct mem) + workers * sizeof(struct mem_worker);
	struct mem *m = aligned_alloc(_Alignof(struct mem), len);

	if (!m)
		goto no_memory;
	memset(m, 0, len);
	m->io.backend = &io_mem;
	m->io.workers = workers;
	m->io.offload = offload;
	io_note(&m->io, c->mtu ? c->mtu : MEM_MTU, true);
	for (uint16_t i = 0; i < workers; i++) {
		m->worker[i].sent.octets = malloc(SENT_ROOM);
		m->worker[i].sent.room = SENT_ROOM;
		if (!m->worker[i].sent.octets || queue_grow(&m->worker[i].pushed, 0) < 0)
			goto no_memory;
	}
	*io = &m->io;
	return 0;
no_memory:
	if (m)
		mem_close(&m->io);
	return io_refuse(error, -ENOMEM, "%s: out of memory", c->name);
}

static int mem_descriptor(const struct io *io, uint16_t worker)
{
	(void)io;
	(void)worker;
	return -1;
}

static int mem_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	struct mem_worker *w = mem_worker(io, worker);
	struct queue *q = &w->pushed;
	size_t i;

	for (i = 0; i < count; i++) {
		struct frame *f = frames[i];
		const uint8_t *octets;
		struct head h;

		if (w->loop && q->head == q->tail)
			q->head = 0;
		octets = queue_take(q, &h);
		if (!octets)
			break;
		f->len = h.len;
		memcpy(frame_ip(f), octets, f->len);
		__builtin_prefetch(octets + AHEAD);
		f->offload = (struct virtio_net_hdr){ 0 };
		f->link_multicast = h.group;
	}
	if (!w->loop)
		queue_rewind(q);
	return (int)i;
}

/* Others read it meanwhile. */
static void count_sent(struct mem_worker *w, size_t count)
{
	__atomic_store_n(&w->sent_count, w->sent_count + count, __ATOMIC_RELAXED);
}

static enum reason mem_send(struct io *io, uint16_t worker, struct frame **frames,
			    size_t count, size_t *sent)
{
	struct mem_worker *w = mem_worker(io, worker);

	*sent = count;
	if (w->loop) {
		count_sent(w, count);
		return REASON_NONE;
	}
	for (size_t i = 0; i < count; i++) {
		if (!queue_add(&w->sent, frames[i]->p.ip, (struct head){ frames[i]->p.len, 0 })) {
			*sent = i;
			break;
		}
	}
	count_sent(w, *sent);
	return *sent == count ? REASON_NONE : REASON_SEND_FULL;
}

static bool mem_refresh(struct io *io)
{
	return !((const struct mem *)io)->unplugged;
}

const struct io_backend io_mem = {
	.open = mem_open,
	.close = mem_close,
	.descriptor = mem_descriptor,
	.recv = mem_recv,
	.send = mem_send,
	.refresh = mem_refresh,
};

int io_mem_push_as(struct io *io, uint16_t worker, const uint8_t *octets, size_t len, bool group)
{
	struct queue *q = &mem_worker(io, worker)->pushed;
	int r;

	if (len > FRAME_LEN_MOST)
		return -EMSGSIZE;
	r = queue_grow(q, len);
	if (r < 0)
		return r;
	queue_add(q, octets, (struct head){ (uint32_t)len, group });
	return 0;
}

int io_mem_push(struct io *io, uint16_t worker, const uint8_t *octets, size_t len)
{
	return io_mem_push_as(io, worker, octets, len, false);
}

size_t io_mem_pull(struct io *io, uint16_t worker, uint8_t *octets, size_t room)
{
	struct queue *q = &mem_worker(io, worker)->sent;
	struct head h;
	const uint8_t *record = queue_take(q, &h);

	if (!record)
		return 0;
	memcpy(octets, record, h.len < room ? h.len : room);
	queue_rewind(q);
	return h.len;
}

void io_mem_loop(struct io *io, uint16_t worker, bool on)
{
	mem_worker(io, worker)->loop = on;
}

void io_mem_unplug(struct io *io)
{
	((struct mem *)io)->unplugged = true;
}

uint64_t io_mem_sent(const struct io *io, uint16_t worker)
{
	return __atomic_load_n(&((const struct mem *)io)->worker[worker].sent_count, __ATOMIC_RELAXED);
}
