/*
 * The logging thread: rounds of taking events from the queues and sending them.
 *
 * A worker only stores into its queue and wakes nobody. The thread looks every few milliseconds
 * instead, which costs packets nothing and lets IPFIX records share messages. The outlet belongs to
 * the thread; another one is left for it in `next`, by exchange, so that nobody waits.
 */
#include "router/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "router/log_collector.h"
#include "router/log_ipfix.h"
#include "router/log_syslog.h"

enum { LOOK_MS = 10, AT_ONCE = 32, LAST_WORDS_MS = 1000, TELL_MS = 1000 };

struct log_outlet {
	struct collector *collectors;
	size_t count;
	bool destinations;
	uint32_t per_second;
	struct syslog_origin origin;
	struct ipfix ipfix;
	struct text line;
	uint64_t lost_told;	/* losses that the syslog knows of */
	uint64_t tell_again_ms;
};

struct log {
	uint16_t workers;
	struct log_queue **queues;
	struct log_outlet *outlet;	/* the thread's */
	struct log_outlet *next;	/* to be taken by the thread; atomic */
	struct log_limits limits;	/* the thread's */
	uint64_t sent, lost, limited;	/* written by the thread; atomic */
	bool running, stop;
	int wakeup;
	pthread_t thread;
};

/* Events have times of the monotonic clock: what the other clock said then, as far as one knows. */
static uint64_t utc_of(nat_time at)
{
	return at.ms + clock_ms(CLOCK_REALTIME) - clock_ms(CLOCK_MONOTONIC);
}

static void count(uint64_t *counter, uint64_t by)
{
	__atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);
}

/* Returns how many collectors took it. */
static size_t send_to(struct log *l, enum conf_collector_kind kind, const void *octets, size_t len,
		      uint64_t records)
{
	struct log_outlet *o = l->outlet;
	size_t taken = 0;

	for (size_t i = 0; i < o->count; i++) {
		if (o->collectors[i].kind != kind)
			continue;
		bool took = collector_send(&o->collectors[i], octets, len);
		count(took ? &l->sent : &l->lost, records);
		taken += took;
	}
	return taken;
}

static bool has(const struct log_outlet *o, enum conf_collector_kind kind)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->collectors[i].kind == kind)
			return true;
	return false;
}

static size_t send_line(struct log *l, uint64_t records)
{
	const struct text *line = &l->outlet->line;

	if (!line->failed)
		return send_to(l, COLLECTOR_SYSLOG, line->octets, line->len, records);
	count(&l->lost, records);
	return 0;
}

static void send_message(struct log *l)
{
	struct ipfix *x = &l->outlet->ipfix;
	size_t len = ipfix_finish(x, clock_ms(CLOCK_REALTIME));

	if (len)
		send_to(l, COLLECTOR_IPFIX, x->message, len, x->records);
}

static void send_event(struct log *l, const struct nat_event *e, uint64_t how_many)
{
	struct log_outlet *o = l->outlet;
	struct log_record r = { *e, utc_of(e->at), how_many, o->destinations };

	if (has(o, COLLECTOR_SYSLOG)) {
		syslog_record(&o->line, &o->origin, &r);
		send_line(l, 1);
	}
	/* A plan has no record in RFC 8158. */
	if (has(o, COLLECTOR_IPFIX) && nat_event_number(e->kind))
		while (!ipfix_add(&o->ipfix, &r))
			send_message(l);
}

static size_t drain(struct log *l, uint16_t worker)
{
	struct nat_event e;
	size_t taken = 0;

	while (taken < AT_ONCE && log_queue_pop(l->queues[worker], &e)) {
		taken++;
		if (log_limits_admit(&l->limits, &e))
			send_event(l, &e, 1);
	}
	return taken;
}

static uint64_t lost_of(const struct log *l)
{
	uint64_t lost = __atomic_load_n(&l->lost, __ATOMIC_RELAXED);

	for (uint16_t i = 0; i < l->workers; i++)
		lost += log_queue_lost(l->queues[i]);
	return lost;
}

/* A log with gaps says so. */
static void tell_losses(struct log *l, nat_time now)
{
	struct log_outlet *o = l->outlet;
	uint64_t lost = lost_of(l);

	if (lost == o->lost_told || now.ms < o->tell_again_ms || !has(o, COLLECTOR_SYSLOG))
		return;
	syslog_mark(&o->line, &o->origin, "records-lost", clock_ms(CLOCK_REALTIME),
		    lost - o->lost_told);
	o->tell_again_ms = now.ms + TELL_MS;
	if (!send_line(l, 0))
		return;
	o->lost_told = lost;
	o->tell_again_ms = now.ms + LOG_CAUSE_MS;
}

/* Once through all queues; returns how many events there were. */
static size_t go_round(struct log *l)
{
	nat_time now = { clock_ms(CLOCK_MONOTONIC) };
	struct nat_event e;
	uint64_t how_many;
	size_t taken = 0;

	if (!l->outlet->count)
		return 0;
	if (has(l->outlet, COLLECTOR_IPFIX))
		ipfix_tick(&l->outlet->ipfix, now);
	for (uint16_t i = 0; i < l->workers; i++)
		taken += drain(l, i);
	while (log_limits_due(&l->limits, now, &e, &how_many))
		send_event(l, &e, how_many);
	__atomic_store_n(&l->limited, l->limits.limited, __ATOMIC_RELAXED);
	send_message(l);
	tell_losses(l, now);
	return taken;
}

/* Send what there is, and do not take too long about it. */
static void finish_up(struct log *l)
{
	uint64_t end = clock_ms(CLOCK_MONOTONIC) + LAST_WORDS_MS;

	while (go_round(l) && clock_ms(CLOCK_MONOTONIC) < end)
		continue;
}

/* What happened before belongs to the collectors of before. */
static void adopt_next(struct log *l)
{
	struct log_outlet *next;

	if (!__atomic_load_n(&l->next, __ATOMIC_RELAXED))
		return;
	finish_up(l);
	next = __atomic_exchange_n(&l->next, NULL, __ATOMIC_ACQ_REL);
	next->lost_told = lost_of(l);
	log_outlet_free(l->outlet);
	l->outlet = next;
	l->limits.per_second = next->per_second;
}

static void *run(void *argument)
{
	struct log *l = argument;
	struct pollfd wait = { .fd = l->wakeup, .events = POLLIN };
	uint64_t wakeups;

	while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
		adopt_next(l);
		if (go_round(l))
			continue;
		if (poll(&wait, 1, l->outlet->count ? LOOK_MS : -1) == 1 &&
		    read(l->wakeup, &wakeups, sizeof(wakeups)) < 0)
			continue;
	}
	adopt_next(l);
	finish_up(l);
	return NULL;
}

static void wake(const struct log *l)
{
	const uint64_t one = 1;

	/* A full counter wakes as well. */
	if (write(l->wakeup, &one, sizeof(one)) < 0)
		return;
}

int log_new(struct log **out, uint16_t workers)
{
	struct log *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->outlet = calloc(1, sizeof(*l->outlet));
	l->queues = calloc(workers, sizeof(struct log_queue *));
	if (l->wakeup < 0 || !l->outlet || !l->queues)
		goto failed;
	for (; l->workers < workers; l->workers++) {
		l->queues[l->workers] = log_queue_new(LOG_QUEUE);
		if (!l->queues[l->workers])
			goto failed;
	}
	*out = l;
	return 0;
failed:
	log_free(l);
	return -ENOMEM;
}

void log_free(struct log *l)
{
	if (!l)
		return;
	if (l->running) {
		__atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
		wake(l);
		pthread_join(l->thread, NULL);
	}
	log_outlet_free(l->outlet);
	log_outlet_free(l->next);
	for (uint16_t i = 0; i < l->workers; i++)
		log_queue_free(l->queues[i]);
	free(l->queues);
	if (l->wakeup >= 0)
		close(l->wakeup);
	free(l);
}

/* Signals are the main thread's. */
int log_start(struct log *l)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&l->thread, NULL, run, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	l->running = !r;
	return -r;
}

struct log_queue *log_queue_of(const struct log *l, uint16_t worker)
{
	return l->queues[worker];
}

int log_outlet_new(struct log_outlet **out, const struct conf *c, struct io_error *error)
{
	struct log_outlet *o = calloc(1, sizeof(*o));
	int r = -ENOMEM;

	if (o)
		o->collectors = calloc(c->log.collector_count + 1, sizeof(*o->collectors));
	if (!o || !o->collectors)
		goto failed;
	o->destinations = c->log.destinations;
	o->per_second = c->log.per_second;
	o->origin = syslog_origin();
	ipfix_init(&o->ipfix, c->nat.sessions, c->nat.sessions_per_host);
	for (; o->count < c->log.collector_count; o->count++) {
		r = collector_open(&o->collectors[o->count], &c->log.collectors[o->count]);
		if (r)
			goto failed;
	}
	*out = o;
	return 0;
failed:
	log_outlet_free(o);
	snprintf(error->text, sizeof(error->text), "%s: log: %s; nothing was changed", c->file,
		 strerror(-r));
	return r;
}

void log_outlet_free(struct log_outlet *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->count; i++)
		collector_close(&o->collectors[i]);
	free(o->collectors);
	text_free(&o->line);
	free(o);
}

void log_adopt(struct log *l, struct log_outlet *o)
{
	/* One that the thread never saw is replaced as well. */
	log_outlet_free(__atomic_exchange_n(&l->next, o, __ATOMIC_ACQ_REL));
	wake(l);
}

struct log_counters log_counters(const struct log *l)
{
	return (struct log_counters){
		.sent = __atomic_load_n(&l->sent, __ATOMIC_RELAXED),
		.lost = lost_of(l),
		.limited = __atomic_load_n(&l->limited, __ATOMIC_RELAXED),
	};
}
