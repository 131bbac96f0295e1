/*
 * A gateway whose interfaces lie in memory, and whose time is that of captures.
 *
 * One packet at a time goes in, and all workers take turns until none has anything to do: what the
 * counters have grown by meanwhile is what has become of it. Where packets are far apart, turns are
 * taken in between, so that what is due then (sessions that end, fragments that waited in vain, answers
 * to SYNs that nobody claimed) is done at its time: often at first, as such timers are short, then less
 * and less.
 */
#include "router/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway_core.h"
#include "io_backend.h"
#include "replay_core.h"
#include "worker_core.h"

static const uint64_t ms_ns = 1000000, second_ns = 1000000000;
/* A start that leaves room for what is counted backwards from it. */
enum { START_MS = 1000000, AFTER_S = 60 };

struct play {
	const struct replay *asked;
	struct gateway *gateway;
	const struct conf *conf;
	struct replay_input inputs[REPLAY_WORDS_MOST];
	FILE *outs[WORKER_INTERFACES_MOST], *decisions;
	uint64_t first_ns, now_ns;
	struct replay_sum sum;
};

/* After so long without a packet, until then, a turn this often. */
static const struct { uint64_t until_s, every_ms; } turns[] = {
	{ 60, 100 }, { 3600, 1000 }, { 86400, 60000 },
};

static nat_time time_of(const struct play *p)
{
	return (nat_time){ START_MS + (p->now_ns - p->first_ns) / ms_ns };
}

static void add_counters(struct counters *sum, const struct counters *more, int sign)
{
	const uint64_t *from = (const uint64_t *)(const void *)more;
	uint64_t *to = (uint64_t *)(void *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
		to[i] += sign < 0 ? -from[i] : from[i];
}

static struct counters count_all(const struct play *p)
{
	struct counters sum = { 0 };

	for (uint16_t i = 0; i < p->conf->workers; i++) {
		struct counters c = worker_counters(p->gateway->workers[i]);

		add_counters(&sum, &c, 1);
	}
	return sum;
}

static void pull(struct play *p, uint16_t interface, uint16_t worker)
{
	uint8_t octets[FRAME_LEN_MOST];
	struct io *io = p->gateway->ios[interface];
	size_t len;

	while ((len = io_mem_pull(io, worker, octets, sizeof(octets))))
		if (p->outs[interface])
			pcap_write(p->outs[interface], p->now_ns, octets, len);
}

/* Turns until there is nothing to do, and out with what they have sent. */
static void settle(struct play *p)
{
	size_t worked;

	do {
		worked = 0;
		for (uint16_t i = 0; i < p->conf->workers; i++)
			worked += worker_step(p->gateway->workers[i], time_of(p));
	} while (worked);
	for (uint16_t i = 0; i < p->conf->interface_count; i++)
		for (uint16_t k = 0; k < p->conf->workers; k++)
			pull(p, i, k);
}

/* One that ended, ended for a reason, whatever was sent about it. */
static void judge(struct replay_decision *d)
{
	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT && !d->reason; r++)
		if (d->made.reasons[r])
			d->reason = r;
	if (d->reason)
		d->verdict = VERDICT_DROPPED;
	else if (d->made.local)
		d->verdict = VERDICT_LOCAL;
	else
		d->verdict = d->made.reasons[REASON_NONE] ? VERDICT_SENT : VERDICT_HELD;
}

/* What has happened since the last one; packet: the only one that came meanwhile, or none. */
static struct replay_decision decide(struct play *p, const struct replay_packet *packet)
{
	struct replay_decision d = { .packet = packet, .time_ns = p->now_ns, .made = count_all(p) };
	struct counters now = d.made;

	add_counters(&d.made, &p->sum.counters, -1);
	p->sum.counters = now;
	judge(&d);
	return d;
}

/* Frames keep what the NAT has said of them until they are used again. */
static void forget_sessions(struct play *p)
{
	for (uint16_t i = 0; i < p->conf->workers; i++) {
		struct worker *w = p->gateway->workers[i];

		for (size_t k = 0; k < w->frame_count; k++)
			w->frames[k].job.session = NAT_NO_SESSION;
	}
}

/* The NAT that has the session is the one in whose memory its way lies. */
static bool is_of(const struct worker *w, const struct nat_way *way)
{
	return (uintptr_t)way - (uintptr_t)w->arena < w->arena_len;
}

static bool session_of(const struct play *p, const struct frame *f, struct nat_session *out)
{
	for (uint16_t i = 0; i < p->conf->workers; i++) {
		const struct worker *w = p->gateway->workers[i];
		uint32_t cursor = f->job.session;

		if (is_of(w, f->job.way))
			return nat_session_next(w->nat, time_of(p), &cursor, out) &&
			       out->id == f->job.session;
	}
	return false;
}

static bool find_session(const struct play *p, struct nat_session *out)
{
	for (uint16_t i = 0; i < p->conf->workers; i++) {
		const struct worker *w = p->gateway->workers[i];

		for (size_t k = 0; k < w->frame_count; k++)
			if (w->frames[k].job.session != NAT_NO_SESSION && w->frames[k].job.way &&
			    session_of(p, &w->frames[k], out))
				return true;
	}
	return false;
}

/* What the time alone has done, if anything. */
static void step_through(struct play *p, uint64_t to_ns)
{
	struct replay_decision d;

	p->now_ns = to_ns;
	settle(p);
	d = decide(p, NULL);
	if (p->decisions && d.verdict != VERDICT_HELD)
		replay_write_decision(p->conf, &d, p->decisions);
}

static uint64_t next_turn(uint64_t idle_ns)
{
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++)
		if (idle_ns < turns[i].until_s * second_ns)
			return turns[i].every_ms * ms_ns;
	return UINT64_MAX;
}

/* Time never goes back. */
static void advance(struct play *p, uint64_t to_ns)
{
	uint64_t since_ns = p->now_ns;

	while (p->now_ns < to_ns) {
		uint64_t left = to_ns - p->now_ns, turn = next_turn(p->now_ns - since_ns);

		step_through(p, p->now_ns + (turn < left ? turn : left));
	}
}

static int push(struct play *p, const struct replay_packet *packet)
{
	const struct pcap_datagram *d = &packet->datagram;
	size_t len = d->len < FRAME_LEN_MOST ? d->len : FRAME_LEN_MOST;

	return io_mem_push_as(p->gateway->ios[packet->input->interface], 0, d->octets, len, d->group);
}

static int play_datagram(struct play *p, const struct replay_packet *packet)
{
	struct replay_decision d;
	int r = push(p, packet);

	if (r)
		return r;
	if (p->decisions)
		forget_sessions(p);
	settle(p);
	d = decide(p, packet);
	p->sum.verdicts[d.verdict]++;
	if (p->decisions) {
		d.has_session = find_session(p, &d.session);
		r = replay_write_decision(p->conf, &d, p->decisions);
	}
	return r;
}

static int play_packet(struct play *p, const struct replay_packet *packet)
{
	struct replay_sum *s = &p->sum;

	if (!s->packets++)
		p->first_ns = p->now_ns = s->from_ns = packet->packet.time_ns;
	s->late += packet->packet.time_ns < p->now_ns;
	advance(p, packet->packet.time_ns);
	s->to_ns = p->now_ns;
	if (packet->content == PCAP_DATAGRAM)
		return play_datagram(p, packet);
	s->left_out[packet->content]++;
	return p->decisions ? replay_write_left_out(p->conf, packet, p->decisions) : 0;
}

static int play_all(struct play *p)
{
	struct replay_packet packet;
	int r = 0;

	while (!r && replay_inputs_next(p->inputs, p->asked->in.count, &packet))
		r = play_packet(p, &packet);
	if (!r)
		advance(p, p->now_ns + AFTER_S * second_ns);
	return r;
}

static void sum_up(struct play *p)
{
	struct nat_gauges *sum = &p->sum.gauges;

	for (uint16_t i = 0; i < p->conf->workers; i++) {
		struct nat_gauges g = nat_gauges(p->gateway->workers[i]->nat);

		sum->sessions += g.sessions;
		sum->mappings += g.mappings;
		sum->sessions_created += g.sessions_created;
		sum->sessions_ended += g.sessions_ended;
	}
}

static bool is_same_file(FILE *f, const struct stat *other)
{
	struct stat file;

	return f && S_ISREG(other->st_mode) && fstat(fileno(f), &file) == 0 &&
	       file.st_dev == other->st_dev && file.st_ino == other->st_ino;
}

static FILE *create(const struct play *p, const char *path, int *fault, struct io_error *error)
{
	FILE *f = fopen(path, "we");
	bool twice = false, known;
	struct stat file;

	if (!f) {
		*fault = io_refuse(error, -errno, "%.200s: %s", path, strerror(errno));
		return NULL;
	}
	known = fstat(fileno(f), &file) == 0;
	for (size_t i = 0; known && i < WORKER_INTERFACES_MOST; i++)
		twice |= is_same_file(p->outs[i], &file);
	if (twice)
		*fault = io_refuse(error, -EINVAL, "%.200s: two outputs go there; give each a file of its own",
				   path);
	return f;
}

static int open_out(struct play *p, const struct replay_word *w, struct io_error *error)
{
	int i = replay_interface(p->conf, w->interface, error), r = 0;

	if (i < 0)
		return i;
	if (p->outs[i])
		return io_refuse(error, -EINVAL, "--out %s is there twice; once is enough", w->interface);
	p->outs[i] = create(p, w->value, &r, error);
	if (!r)
		pcap_write_header(p->outs[i], PCAP_RAW);
	return r;
}

static int open_outs(struct play *p, struct io_error *error)
{
	int r = 0;

	for (size_t i = 0; !r && i < p->asked->out.count; i++)
		r = open_out(p, &p->asked->out.word[i], error);
	if (!r && p->asked->decisions)
		p->decisions = create(p, p->asked->decisions, &r, error);
	return r;
}

/* Whether all that was written to f, which may be NULL, is there. */
static bool finish(FILE *f)
{
	bool bad = f && ferror(f);

	return !(f && fclose(f)) && !bad;
}

static int close_outs(struct play *p, struct io_error *error)
{
	bool good = true;

	for (size_t i = 0; i < WORKER_INTERFACES_MOST; i++)
		good &= finish(p->outs[i]);
	good &= finish(p->decisions);
	return good ? 0 : io_refuse(error, -EIO, "an output could not be written: is its disk full?");
}

static void warn(const struct replay_input *inputs, size_t count)
{
	for (const struct replay_input *in = inputs; in < inputs + count; in++)
		if (in->cut)
			fprintf(stderr, "router: %s: %llu packets, the first of them number %llu, were cut when "
				"they were captured, and are left out: capture with tcpdump -s 0\n",
				in->pcap.name, (unsigned long long)in->cut,
				(unsigned long long)in->cut_first);
}

static int play(struct play *p, FILE *summary, struct io_error *error)
{
	int r = open_outs(p, error);

	if (!r) {
		warn(p->inputs, p->asked->in.count);
		r = play_all(p);
		if (r)
			io_refuse(error, r, "%s", strerror(-r));
	}
	if (r) {
		close_outs(p, &(struct io_error){ "" });
		return r;
	}
	sum_up(p);
	r = close_outs(p, error);
	if (!r && ((p->asked->json ? replay_write_sum_json : replay_write_sum)(p->conf, &p->sum, summary) ||
		   fflush(summary)))
		r = io_refuse(error, -EIO, "the summary could not be written");
	return r;
}

static int open_and_play(struct play *p, struct conf *c, FILE *summary, struct io_error *error)
{
	int r = gateway_open(&p->gateway, c, error);

	if (r)
		return r;
	p->conf = p->gateway->snapshot->conf;
	r = play(p, summary, error);
	gateway_stop(p->gateway);
	return r;
}

int replay_run(struct conf *c, const struct replay *r, FILE *summary, struct io_error *error)
{
	struct play *p = calloc(1, sizeof(*p));
	int fault;

	if (!p) {
		conf_free(c);
		return gateway_no_memory(error);
	}
	p->asked = r;
	fault = replay_adapt(c, r, error);
	if (!fault)
		fault = replay_inputs_open(p->inputs, r, c, error);
	if (fault)
		conf_free(c);
	else
		fault = open_and_play(p, c, summary, error);
	replay_inputs_close(p->inputs, r->in.count);
	free(p);
	return fault;
}
