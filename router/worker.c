/*
 * A worker's turn: what other workers handed over, then what its queues hold, batch by batch
 * through the stages; then sessions that are over, and questions from other threads. When it takes
 * its turns and when it sleeps is in worker_run.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "nat/owner.h"
#include "large.h"
#include "router/state_image.h"
#include "worker_core.h"

enum { WORK_BATCH = 32, EXPIRE_BUDGET = 512, ASK_MS = 1000 };
enum { SAVE_BUDGET = 64, SAVE_MS = 1000, RESTORE_BUDGET = 128 };
enum { CACHE_LINE = 64, PAGE = 4096 };

/* After every batch, so that the NAT has room for what the next one does. */
static void hand_to_log(struct worker *w)
{
	struct nat_event e;

	while (nat_event_next(w->nat, &e))
		log_queue_push(w->setup.log, &e);
}

static size_t go_the_long_way(struct worker *w, struct frame **frames, size_t count)
{
	count = stage_admit(w, frames, count);
	count = stage_route(w, frames, count);
	count = stage_gather(w, frames, count);
	return stage_steer(w, frames, count);
}

static void go_out(struct worker *w, struct frame **frames, size_t count)
{
	count = stage_translate(w, frames, count);
	stage_forward(w, frames, count);
	hand_to_log(w);
}

/* From the NAT to the wire: all that is left for frames that have been routed. */
static void work_on(struct worker *w, struct frame **frames, size_t count)
{
	count = stage_gather(w, frames, count);
	count = stage_steer(w, frames, count);
	go_out(w, frames, count);
}

/* All of it, for frames that another worker has parsed and handed over. */
static void work_own(struct worker *w, struct frame **frames, size_t count)
{
	if (stage_recall(w, frames, count) < count)
		count = go_the_long_way(w, frames, count);
	go_out(w, frames, count);
}

/* Where most is ours, a session that is found says so; where it is not, a look-up for others would be
 * in vain. */
static void work_part(struct worker *w, struct frame **frames, size_t count)
{
	bool sorted = w->mixed || w->workers == 1;

	count = stage_parse(w, frames, count);
	if (w->mixed)
		count = stage_hand(w, frames, count);
	if (stage_recall(w, frames, count) < count) {
		if (!sorted)
			count = stage_hand(w, frames, count);
		count = go_the_long_way(w, frames, count);
	}
	go_out(w, frames, count);
}

/* In parts, of which all that the stages read fits the nearest cache. */
static void work(struct worker *w, struct frame **frames, size_t count)
{
	for (size_t at = 0; at < count; at += WORK_BATCH)
		work_part(w, frames + at, count - at < WORK_BATCH ? count - at : WORK_BATCH);
}

/* Each pass may add more, but no datagram's way is longer than two NATs and the wait between its
 * fragments. */
static void work_again(struct worker *w)
{
	struct frame *frames[FRAME_BATCH];
	size_t count;

	while (w->again_count) {
		count = w->again_count < FRAME_BATCH ? w->again_count : FRAME_BATCH;
		memcpy(frames, w->again, count * sizeof(*frames));
		w->again_count -= count;
		memmove(w->again, w->again + count, w->again_count * sizeof(*frames));
		work_on(w, frames, count);
	}
}

/* All but the octets lies in the other core's cache. */
static void fetch(const struct frame *f)
{
	for (size_t at = 0; at < sizeof(*f); at += CACHE_LINE)
		__builtin_prefetch((const uint8_t *)f + at, 1);
	__builtin_prefetch(frame_ip(f), 1);
}

static size_t receive_handed(struct worker *w, uint16_t from)
{
	struct ring *ring = ring_between(w->setup.links->rings, w, from, w->id);
	struct frame *frames[FRAME_BATCH], *routed[FRAME_BATCH];
	size_t count = ring_pop_many(ring, frames, FRAME_BATCH), own_count = 0, routed_count = 0;

	for (size_t i = 0; i < count; i++)
		fetch(frames[i]);
	for (size_t i = 0; i < count; i++)
		if (frames[i]->routed)
			routed[routed_count++] = frames[i];
		else
			frames[own_count++] = frames[i];
	work_on(w, routed, routed_count);
	work_own(w, frames, own_count);
	work_again(w);
	frames_flush(w);
	return count;
}

static size_t count_in(struct worker *w, uint16_t interface, struct frame **frames, size_t count)
{
	struct link_counters *link = &w->counters.links[interface];
	uint64_t octets = 0;

	for (size_t i = 0; i < count; i++) {
		frames[i]->ingress = interface;
		frames[i]->priority = 0;
		octets += frames[i]->len;
	}
	bump(&link->octets_in, octets);
	bump(&link->packets_in, count);
	return count;
}

/* The backend has said of each by what interface it came. What it has refused ends here. */
static size_t count_sorted(struct worker *w, struct frame **frames, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct frame *f = frames[i];
		struct link_counters *link = &w->counters.links[f->ingress];

		bump(&link->octets_in, f->len);
		bump(&link->packets_in, 1);
		if (f->refused)
			frame_drop(w, f, (enum reason)f->refused);
		else
			frames[kept++] = f;
	}
	return kept;
}

static size_t receive(struct worker *w, uint16_t interface)
{
	struct frame *frames[FRAME_BATCH];
	size_t room = w->spare_count < FRAME_BATCH ? w->spare_count : FRAME_BATCH;
	int got;

	for (size_t i = 0; i < room; i++)
		frames[i] = w->spare[w->spare_count - 1 - i];
	got = room ? io_recv(w->ios[interface], w->id, frames, room) : 0;
	if (got <= 0) {
		/* Nothing for now, or an error that epoll will repeat; without room it is not asked. */
		if (room)
			w->ready &= ~(1u << interface) | w->always;
		return 0;
	}
	w->spare_count -= (size_t)got;
	if (io_sorts(w->ios[interface]))
		work(w, frames, count_sorted(w, frames, (size_t)got));
	else
		work(w, frames, count_in(w, interface, frames, (size_t)got));
	work_again(w);
	frames_flush(w);
	return (size_t)got;
}

/* What had no place until now may have one by this configuration. Whether there is more to be done. */
static bool restore(struct worker *w, size_t budget)
{
	return w->setup.image && state_image_restore(__atomic_load_n(w->setup.image, __ATOMIC_ACQUIRE),
						     w->nat, w->now, &w->restored, budget);
}

void worker_restore(struct worker *w, nat_time now)
{
	w->now = now;
	restore(w, SIZE_MAX);
}

void worker_save(struct worker *w)
{
	if (!w->setup.records)
		return;
	/* What is under way, and then everything. */
	nat_save_some(w->nat, w->now, SIZE_MAX);
	nat_save_some(w->nat, w->now, SIZE_MAX);
}

/* A new snapshot changes policies, forwards and timeouts of the NAT, and nothing of its size. */
static void follow_snapshot(struct worker *w)
{
	struct nat_config c;
	uint32_t version;

	w->snapshot = __atomic_load_n(w->setup.snapshot, __ATOMIC_ACQUIRE);
	version = rib_version(w->snapshot->rib);
	w->plain = rib_is_plain(w->snapshot->rib);
	w->six = nat_has_six(&w->snapshot->conf->nat);
	if (w->generation == w->snapshot->generation && w->version == version)
		return;
	/* Zero is what sessions begin with. */
	w->stamp += w->stamp == UINT32_MAX ? 2 : 1;
	w->version = version;
	if (w->generation == w->snapshot->generation)
		return;
	c = w->snapshot->conf->nat;
	c.worker = w->id;
	nat_configure(w->nat, &c);
	w->generation = w->snapshot->generation;
	w->restored = 0;
}

/* What packets change is written down about once a second, a part in each turn. Whether there is more
 * to be done. */
static bool save(struct worker *w)
{
	if (!w->setup.records || w->now.ms < w->save_ms)
		return false;
	if (nat_save_some(w->nat, w->now, SAVE_BUDGET) == SAVE_BUDGET)
		return true;
	w->save_ms = w->now.ms + SAVE_MS;
	return false;
}

static void answer_sessions(struct worker *w, struct worker_answer *a)
{
	while (a->count < WORKER_ANSWER_MOST &&
	       nat_session_next(w->nat, w->now, &a->cursor, &a->sessions[a->count]))
		a->count++;
}

static void answer_mappings(struct worker *w, struct worker_answer *a)
{
	while (a->count < WORKER_ANSWER_MOST &&
	       nat_mapping_next(w->nat, &a->cursor, &a->mappings[a->count]))
		a->count++;
}

static void answer(struct worker *w)
{
	struct mail *m = &w->mail;
	int asked = MAIL_ASKED;

	if (__atomic_load_n(&m->state, __ATOMIC_RELAXED) != MAIL_ASKED)
		return;
	if (!__atomic_compare_exchange_n(&m->state, &asked, MAIL_TAKEN, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return;
	m->answer->count = 0;
	m->answer->cursor = m->cursor;
	if (m->question == ASK_SESSIONS)
		answer_sessions(w, m->answer);
	else if (m->question == ASK_MAPPINGS)
		answer_mappings(w, m->answer);
	else
		m->answer->gauges = nat_gauges(w->nat);
	m->answer->more = m->question != ASK_GAUGES && m->answer->count == WORKER_ANSWER_MOST;
	__atomic_store_n(&m->state, MAIL_ANSWERED, __ATOMIC_RELEASE);
}

size_t worker_step(struct worker *w, nat_time now)
{
	size_t worked = 0;

	w->now = now;
	follow_snapshot(w);
	worker_follow_interfaces(w);
	/* With more sessions to end there is no time to sleep. */
	worked += nat_expire(w->nat, now, EXPIRE_BUDGET) == EXPIRE_BUDGET;
	worked += restore(w, RESTORE_BUDGET);
	worked += save(w);
	hand_to_log(w);
	gather_expire(w);
	local_reject(w);
	work_again(w);
	for (uint16_t other = 0; other < w->workers; other++) {
		if (other == w->id)
			continue;
		frames_take_back(w, other);
		worked += receive_handed(w, other);
	}
	for (uint32_t ready = w->ready; ready; ready &= ready - 1)
		worked += receive(w, (uint16_t)__builtin_ctz(ready));
	forward_flush(w);
	park_retry(w);
	forward_flush(w);
	frames_flush(w);
	answer(w);
	return worked;
}

struct counters worker_counters(const struct worker *w)
{
	struct counters c;
	const uint64_t *from = (const uint64_t *)(const void *)&w->counters;
	uint64_t *to = (uint64_t *)(void *)&c;

	_Static_assert(sizeof(c) % sizeof(uint64_t) == 0, "counters are nothing but counters");
	for (size_t i = 0; i < sizeof(c) / sizeof(uint64_t); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	return c;
}

static bool wait_for_answer(struct mail *m)
{
	const struct timespec pause = { .tv_nsec = 50000 };
	uint64_t until_ms = worker_clock().ms + ASK_MS;

	while (worker_clock().ms < until_ms) {
		if (__atomic_load_n(&m->state, __ATOMIC_ACQUIRE) == MAIL_ANSWERED)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int worker_ask(struct worker *w, enum worker_question q, uint32_t cursor,
	       struct worker_answer *answer_to)
{
	struct mail *m = &w->mail;
	const uint64_t one = 1;
	int asked;

	if (__atomic_load_n(&m->state, __ATOMIC_RELAXED) != MAIL_EMPTY)
		return -EBUSY;
	m->question = q;
	m->cursor = cursor;
	m->answer = answer_to;
	__atomic_store_n(&m->state, MAIL_ASKED, __ATOMIC_RELEASE);
	/* A full counter wakes as well, and the worker looks up by itself before long. */
	if (write(w->setup.links->wakeups[w->id], &one, sizeof(one)) < 0)
		asked = MAIL_ASKED;
	while (!wait_for_answer(m)) {
		/* Take the question back, unless it is being answered at this moment. */
		asked = MAIL_ASKED;
		if (__atomic_compare_exchange_n(&m->state, &asked, MAIL_EMPTY, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return -ETIMEDOUT;
	}
	__atomic_store_n(&m->state, MAIL_EMPTY, __ATOMIC_RELAXED);
	return 0;
}

/* Enough for a full batch in hand, full rings to all others, and some of our own making. */
size_t worker_frames(uint16_t workers)
{
	size_t wanted = FRAME_BATCH * 2 + OWN_FRAMES + HELD_MOST + PARKED_MOST +
			(size_t)(workers - 1) * WORKER_RING;
	size_t power = 1;

	while (power < wanted)
		power *= 2;
	return power;
}

static int allocate(struct worker *w)
{
	struct nat_config c = w->snapshot->conf->nat;

	c.worker = w->id;
	w->frame_count = worker_frames(w->workers);
	w->frames = aligned_alloc(_Alignof(struct frame), w->frame_count * sizeof(*w->frames));
	w->spare = calloc(w->frame_count, sizeof(struct frame *));
	w->hands = calloc(w->workers, sizeof(*w->hands));
	w->returns = calloc(w->workers, sizeof(*w->returns));
	w->buffers = aligned_alloc(PAGE, (w->frame_count * FRAME_ROOM + PAGE - 1) / PAGE * PAGE);
	w->arena_len = nat_size(&c);
	w->arena = large_new(w->arena_len);
	w->segmenter = segmenter_new();
	if (!w->frames || !w->spare || !w->hands || !w->returns || !w->buffers || !w->arena ||
	    !w->segmenter)
		return -ENOMEM;
	for (size_t i = 0; i < w->frame_count; i++) {
		w->frames[i] = (struct frame){ .octets = w->buffers + i * FRAME_ROOM,
					       .worker = w->id };
		w->spare[i] = &w->frames[i];
	}
	w->spare_count = w->frame_count;
	w->nat = nat_init_zeroed(w->arena, &c, w->setup.seed);
	if (w->setup.records)
		nat_save_to(w->nat, w->setup.records);
	return 0;
}

struct worker *worker_new(const struct worker_setup *s)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return NULL;
	w->setup = *s;
	w->id = s->id;
	w->workers = s->links->workers;
	w->snapshot = *s->snapshot;
	w->generation = w->snapshot->generation;
	w->epoll = -1;
	limiter_init(&w->limiter, w->setup.seed);
	r = allocate(w);
	if (!r)
		r = worker_watch(w);
	if (!r)
		return w;
	worker_free(w);
	errno = -r;
	return NULL;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->epoll >= 0)
		close(w->epoll);
	segmenter_free(w->segmenter);
	large_free(w->arena, w->arena_len);
	free(w->buffers);
	free(w->spare);
	free(w->hands);
	free(w->returns);
	free(w->frames);
	free(w);
}
