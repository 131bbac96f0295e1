/* Reading and writing the queues of a TUN or TAP device, one by one or batch by batch. */
#include <errno.h>
#include <unistd.h>

#include "io_tun.h"

/* A batch of super-packets shall not be more than the cache holds until it is sent. */
enum { RECV_OCTETS = 128 << 10 };

/* Fewer datagrams than this are read and written one by one. */
enum { BATCH_LEAST = 8 };

int tun_descriptor(const struct io *io, uint16_t worker)
{
	const struct tun *t = (const struct tun *)io;

	return worker < t->queues ? t->fd[worker] : -1;
}

static int read_each(const struct tun *t, uint16_t worker, struct frame **frames, size_t count,
		     size_t *octets)
{
	size_t front = t->worker[worker].front, i;

	for (i = 0; i < count && *octets < RECV_OCTETS; i++) {
		struct frame *f = frames[i];
		ssize_t len = read(t->fd[worker], frame_ip(f) - front, front + FRAME_LEN_MOST);

		if (len < (ssize_t)t->header_len) {
			if (len < 0 && errno != EAGAIN && i == 0)
				return -errno;
			break;
		}
		f->len = (uint32_t)((size_t)len - t->header_len);
		*octets += f->len;
	}
	return (int)i;
}

static int read_batch(const struct tun *t, const struct tun_worker *w, struct frame **frames,
		      size_t count, size_t *octets)
{
	struct uring_part parts[URING_MOST];
	size_t got = 0;

	for (size_t i = 0; i < count; i++) {
		parts[i].at = frame_ip(frames[i]) - w->front;
		parts[i].len = (uint32_t)w->front + FRAME_LEN_MOST;
	}
	uring_read(w->ring, parts, count);
	for (size_t i = 0; i < count; i++) {
		struct frame *f = frames[got], *filled = frames[i];
		uint8_t *at = f->octets;

		if (parts[i].done < (int32_t)t->header_len)
			continue;
		/* It may have come just after the part before it found nothing. */
		f->octets = filled->octets;
		filled->octets = at;
		f->len = (uint32_t)parts[i].done - (uint32_t)t->header_len;
		*octets += f->len;
		got++;
	}
	return (int)got;
}

/* How many datagrams the next batch may bring, by how many there were of those expected. */
static size_t expect(size_t expected, size_t got, size_t octets)
{
	size_t next = got < expected ? got + 1 : 2 * got;
	size_t most = octets > RECV_OCTETS / URING_MOST * got ? RECV_OCTETS * got / octets : URING_MOST;

	return next < most ? next : most;
}

int tun_read(const struct tun *t, uint16_t worker, struct frame **frames, size_t count)
{
	struct tun_worker *w = &t->worker[worker];
	size_t octets = 0;
	int got;

	if (worker >= t->queues)
		return 0;
	if (w->expected < count)
		count = w->ring && w->expected >= BATCH_LEAST ? w->expected : count;
	if (w->ring && w->expected >= BATCH_LEAST && uring_works(w->ring))
		got = read_batch(t, w, frames, count, &octets);
	else
		got = read_each(t, worker, frames, count, &octets);
	if (got >= 0)
		w->expected = expect(count, (size_t)got, octets);
	return got;
}

enum reason tun_write(const struct tun *t, uint16_t worker, struct uring_part *parts, size_t count,
		      size_t *written)
{
	struct uring *ring = t->worker[worker].ring;
	int fd = tun_sending_descriptor(t, worker);

	*written = 0;
	if (ring && count >= BATCH_LEAST && uring_works(ring))
		*written = uring_write(ring, parts, count);
	/* What a batch leaves is tried again for the sake of the reason. */
	for (; *written < count; ++*written)
		if (write(fd, parts[*written].at, parts[*written].len) < 0)
			return io_send_reason(errno);
	return REASON_NONE;
}
