/*
 * The descriptor is asked while the batch is handed in, and must answer at once, so that each read
 * is over when the call returns. Since Linux 6.4 TUN devices can be told so for each read, and must
 * be; before, they went by O_NONBLOCK, and refused to be told. What holds is tried out before a ring
 * is used.
 *
 * Writes are linked: each begins when the one before is done, and what follows a failure is not
 * tried. Such links proceed only while their thread waits for them (IORING_SETUP_DEFER_TASKRUN),
 * which makes them cheap.
 */
#include "router/uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/uio.h>

struct uring {
	struct io_uring ring;
	int fd;	   /* not registered: a ring ends late, and with it would the file */
	int flags; /* of reads and writes: RWF_NOWAIT, or 0 */
	bool enabled, works;
};

static void give_up(struct uring *u)
{
	if (u->works)
		io_uring_queue_exit(&u->ring);
	u->works = false;
}

/* Its thread is the one that does this. (The shared liburing 2.3 lacks io_uring_enable_rings().) */
static int enable(struct uring *u)
{
	int r = 0;

	if (!u->enabled)
		r = io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	u->enabled = r == 0;
	return r;
}

static void collect(struct uring *u, struct uring_part *parts)
{
	struct io_uring_cqe *c;
	unsigned head, count = 0;

	io_uring_for_each_cqe(&u->ring, head, c) {
		parts[c->user_data].done = c->res;
		count++;
	}
	io_uring_cq_advance(&u->ring, count);
}

/* Hand in what was prepared, and wait for all of it. */
static void enter(struct uring *u, struct uring_part *parts, unsigned count)
{
	int r = enable(u);

	while (r >= 0 && io_uring_cq_ready(&u->ring) < count) {
		r = io_uring_submit_and_wait(&u->ring, count);
		if (r == -EINTR)
			r = 0;
	}
	collect(u, parts);
	if (r < 0)
		give_up(u);
}

static void prepare(struct uring *u, struct uring_part *parts, size_t count, uint8_t operation,
		    unsigned flags)
{
	for (size_t i = 0; i < count; i++) {
		struct io_uring_sqe *s = io_uring_get_sqe(&u->ring);

		io_uring_prep_rw(operation, s, u->fd, parts[i].at, parts[i].len, 0);
		s->flags = i + 1 < count ? (uint8_t)flags : 0;
		s->rw_flags = u->flags;
		s->user_data = i;
		parts[i].done = -ECANCELED;
	}
}

void uring_read(struct uring *u, struct uring_part *parts, size_t count)
{
	prepare(u, parts, count, IORING_OP_READ, 0);
	enter(u, parts, (unsigned)count);
}

size_t uring_write(struct uring *u, struct uring_part *parts, size_t count)
{
	size_t done = 0;

	prepare(u, parts, count, IORING_OP_WRITE, IOSQE_IO_LINK);
	enter(u, parts, (unsigned)count);
	while (done < count && parts[done].done >= 0)
		done++;
	return done;
}

bool uring_works(const struct uring *u)
{
	return u->works;
}

void uring_free(struct uring *u)
{
	if (u)
		give_up(u);
	free(u);
}

static int open_ring(struct uring *u)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER |
					      IORING_SETUP_DEFER_TASKRUN |
					      IORING_SETUP_R_DISABLED };
	int r = io_uring_queue_init_params(URING_MOST, &u->ring, &p);

	u->works = r == 0;
	return r;
}

static int make(struct uring **out, int fd, int flags)
{
	struct uring *u = calloc(1, sizeof(*u));
	int r = u ? open_ring(u) : -ENOMEM;

	if (r < 0) {
		uring_free(u);
		return r;
	}
	u->fd = fd;
	u->flags = flags;
	*out = u;
	return 0;
}

/* 0 if a read of fd, where nothing is to be read, says so at once. */
static int try(int fd, int flags)
{
	uint8_t octet;
	struct uring_part part = { &octet, sizeof(octet), 0 };
	struct uring *u;
	int r = make(&u, fd, flags);

	if (r < 0)
		return r;
	r = enable(u);
	if (r == 0) {
		prepare(u, &part, 1, IORING_OP_READ, 0);
		r = io_uring_submit(&u->ring);
	}
	collect(u, &part);
	uring_free(u);
	if (r < 0)
		return r;
	return part.done == -EAGAIN ? 0 : part.done;
}

int uring_new(struct uring **out, int fd)
{
	int flags = RWF_NOWAIT, r = try(fd, flags);

	if (r == -EOPNOTSUPP) {
		flags = 0;
		r = try(fd, flags);
	}
	return r < 0 ? r : make(out, fd, flags);
}
