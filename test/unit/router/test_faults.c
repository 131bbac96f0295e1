/*
 * System calls that fail: interfaces whose kernel refuses, now and then or for long, in every way that
 * there is. What was refused is counted by its reason, the rest goes on, and nothing else changes.
 */
#include "rig.h"

#include <errno.h>

#include "io_backend.h"
#include "worker_core.h"

enum { ROUNDS = 300, BURST = 20, SESSIONS = 40 };

static const struct setting plain[] = RIG_WIDTHS();

/* What a kernel says of a datagram that it does not take, and what it is counted as. */
static const struct { int error; enum reason reason; } refusals[] = {
	{ EAGAIN, REASON_SEND_FULL }, { ENOBUFS, REASON_SEND_FULL }, { ENOMEM, REASON_SEND_FULL },
	{ EIO, REASON_INTERFACE_DOWN }, { ENETDOWN, REASON_INTERFACE_DOWN },
	{ ENXIO, REASON_INTERFACE_DOWN }, { ENODEV, REASON_INTERFACE_DOWN },
	{ EBADFD, REASON_INTERFACE_DOWN }, { EMSGSIZE, REASON_TOO_BIG }, { EPERM, REASON_SEND_ERROR },
	{ EINVAL, REASON_SEND_ERROR }, { EFAULT, REASON_SEND_ERROR },
};

enum { REFUSALS = sizeof(refusals) / sizeof(refusals[0]) };

/* An interface in front of another one: one call in so many fails, by this row or by any. */
struct faulty {
	struct io io;
	struct io *below;
	uint32_t state, one_in;
	int row; /* -1: any */
	uint64_t refused[REASON_COUNT], failed_reads;
};

/* xorshift32 (Marsaglia). */
static uint32_t chance(struct faulty *f, uint32_t below)
{
	f->state ^= f->state << 13;
	f->state ^= f->state >> 17;
	f->state ^= f->state << 5;
	return f->state % below;
}

static size_t row_of(struct faulty *f)
{
	return f->row < 0 ? chance(f, REFUSALS) : (size_t)f->row;
}

static int faulty_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	struct faulty *f = (struct faulty *)io;

	if (chance(f, f->one_in))
		return io_recv(f->below, worker, frames, count);
	f->failed_reads++;
	return -refusals[row_of(f)].error;
}

static enum reason faulty_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
			       size_t *sent)
{
	struct faulty *f = (struct faulty *)io;
	size_t before = chance(f, f->one_in) ? count : chance(f, (uint32_t)count);
	enum reason r = io_send(f->below, worker, frames, before, sent);

	assert_int_equal(r, REASON_NONE);
	if (before == count)
		return REASON_NONE;
	r = io_send_reason(refusals[row_of(f)].error);
	f->refused[r]++;
	return r;
}

static int faulty_descriptor(const struct io *io, uint16_t worker)
{
	(void)io;
	(void)worker;
	return -1;
}

static bool faulty_refresh(struct io *io)
{
	return io_refresh(((struct faulty *)io)->below);
}

static void faulty_close(struct io *io)
{
	free(io);
}

static const struct io_backend backend = {
	.close = faulty_close,
	.descriptor = faulty_descriptor,
	.recv = faulty_recv,
	.send = faulty_send,
	.refresh = faulty_refresh,
};

static void put(struct rig *r, size_t interface, struct io *io)
{
	r->gateway->ios[interface] = io;
	r->gateway->swaps++;
}

static struct faulty *make_faulty(struct rig *r, size_t interface, uint32_t one_in, int row)
{
	struct faulty *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->io.backend = &backend;
	f->io.workers = (uint16_t)r->workers;
	f->below = r->gateway->ios[interface];
	f->state = 77 + (uint32_t)interface;
	f->one_in = one_in;
	f->row = row;
	io_note(&f->io, io_mtu(f->below), true);
	put(r, interface, &f->io);
	return f;
}

/* All is well again; returns what it was. */
static struct faulty mend(struct rig *r, size_t interface)
{
	struct faulty *f = (struct faulty *)r->gateway->ios[interface], was = *f;

	put(r, interface, f->below);
	io_close(&f->io);
	return was;
}

/* Below the interfaces that fail. */
static void push(struct rig *r, const struct faulty *f, uint16_t worker, unsigned number)
{
	struct packet p;
	char way[WAY_TEXT];

	snprintf(way, sizeof(way), "10.0.0.10:%u > 203.0.113.9:53", 5000 + number % SESSIONS);
	p = udp(way, number % 700);
	assert_int_equal(io_mem_push(f->below, worker, p.octets, p.len), 0);
	r->pushed++;
	r->pushed_octets += p.len;
}

static uint32_t sessions(const struct rig *r)
{
	uint32_t sum = 0;

	for (uint16_t i = 0; i < r->workers; i++)
		sum += nat_gauges(r->gateway->workers[i]->nat).sessions;
	return sum;
}

static void assert_counted(const struct rig *r, const uint64_t *refused, uint64_t lost)
{
	struct counters c = rig_counters(r);

	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		if (c.reasons[i] != refused[i] && i != REASON_HANDOFF_FULL)
			fail_msg("%s: %d counted, %d refused", reason_name((enum reason)i),
				 (int)c.reasons[i], (int)refused[i]);
	assert_int_equal(c.reasons[REASON_NONE] + lost + c.reasons[REASON_HANDOFF_FULL], r->pushed);
}

static uint64_t sum_of(const uint64_t *refused)
{
	uint64_t sum = 0;

	for (int i = 0; i < REASON_COUNT; i++)
		sum += refused[i];
	return sum;
}

/* Bursts of known sessions through a gateway whose inside fails to read and whose outside fails to write. */
static struct faulty suffer(struct rig *r, uint32_t one_in, int row, unsigned rounds)
{
	struct faulty *in = make_faulty(r, LAN0, one_in, row), out;
	size_t spare = 0;

	make_faulty(r, WAN0, one_in, row);
	for (unsigned i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < BURST; k++)
			push(r, in, (uint16_t)((i + k) % r->workers), i * BURST + k);
		rig_settle(r);
	}
	out = mend(r, WAN0);
	assert_true(mend(r, LAN0).failed_reads);
	/* And once more, for buffers that come back from other workers. */
	rig_settle(r);
	rig_settle(r);
	rig_drain(r, WAN0);
	for (uint16_t i = 0; i < r->workers; i++)
		spare += r->gateway->workers[i]->spare_count;
	assert_int_equal(spare, r->workers * r->gateway->workers[0]->frame_count);
	return out;
}

static void a_storm(void **state)
{
	struct rig *r = *state;
	struct faulty out = suffer(r, 2, -1, ROUNDS);

	for (size_t i = 0; i < REFUSALS; i++)
		assert_true(out.refused[refusals[i].reason]);
	assert_counted(r, out.refused, sum_of(out.refused));
	assert_int_equal(sessions(r), SESSIONS);
}

/* Each error alone, and every call at once. */
static void every_error(void **state)
{
	struct rig *r = *state;
	uint64_t refused[REASON_COUNT] = { 0 };

	for (int row = 0; row < REFUSALS; row++) {
		struct faulty out = suffer(r, 3, row, 10);

		assert_true(out.refused[refusals[row].reason]);
		assert_int_equal(out.refused[refusals[row].reason], sum_of(out.refused));
		for (int i = 0; i < REASON_COUNT; i++)
			refused[i] += out.refused[i];
	}
	assert_counted(r, refused, sum_of(refused));
}

/* Nothing can be sent for long: everything is told, nothing is kept, and then all is well. */
static void a_queue_that_nobody_reads(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10), got;
	struct faulty out;

	make_faulty(r, WAN0, 1, 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		rig_push(r, LAN0, &sent);
		rig_settle(r);
	}
	out = mend(r, WAN0);
	assert_int_equal(rig_drain(r, WAN0), 0);
	assert_int_equal(out.refused[REASON_SEND_FULL], ROUNDS);
	assert_int_equal(rig_reason(r, REASON_SEND_FULL), ROUNDS);
	assert_int_equal(sessions(r), 1);
	got = rig_pass(r, LAN0, &sent, WAN0);
	got = reply(&got);
	rig_pass(r, WAN0, &got, LAN0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(a_storm, plain),
		RIG_ROWS(every_error, plain),
		RIG_ROWS(a_queue_that_nobody_reads, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
