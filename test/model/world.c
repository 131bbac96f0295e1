#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "rules.h"

static uint16_t workers_of(const struct world *w)
{
	return w->setting.config.workers;
}

static bool is_different(const struct world *w)
{
	return w->difference[0];
}

static struct nat *make_nat(struct world *w, void **memory, struct nat_config *c)
{
	uint8_t seed[32];
	size_t size = (nat_size(c) + 63) / 64 * 64;

	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i * 11 + w->setting.config.sessions);
	*memory = aligned_alloc(64, size);
	if (!*memory)
		return NULL;
	memset(*memory, 0xa5, size);
	return nat_init(*memory, c, seed);
}

static bool make_worker(struct world *w, uint16_t i)
{
	struct nat_config c = w->setting.config;

	c.worker = i;
	model_init(&w->models[i], &c, &w->pairing);
	w->single[i] = make_nat(w, &w->memory[2 * i], &c);
	w->batch[i] = make_nat(w, &w->memory[2 * i + 1], &c);
	return w->single[i] && w->batch[i];
}

struct world *world_make(const struct world_seed *seed)
{
	struct world *w = calloc(1, sizeof(*w));
	const char *fault;

	if (!w)
		return NULL;
	w->chance.state = seed->seed * 1000 + seed->workers * 100u + seed->mapping * 10u +
			  seed->filtering + (seed->six ? 5 : 0);
	w->now = chance_below(&w->chance, 100000);
	setting_make(&w->setting, &w->chance, seed->workers,
		     (struct nat_behaviour){ seed->mapping, seed->filtering }, seed->six);
	w->models = calloc(seed->workers, sizeof(*w->models));
	fault = nat_config_fault(&w->setting.config);
	if (fault)
		fprintf(stderr, "configuration: %s\n", fault);
	if (fault || !w->models)
		goto fail;
	for (uint16_t i = 0; i < seed->workers; i++)
		if (!make_worker(w, i))
			goto fail;
	return w;
fail:
	world_free(w);
	return NULL;
}

void world_free(struct world *w)
{
	for (size_t i = 0; i < 2 * WORKERS_MOST; i++)
		free(w->memory[i]);
	free(w->models);
	free(w);
}

void world_lead(struct world *w, const uint8_t *octets, size_t len)
{
	w->chance.made = octets;
	w->chance.end = octets + len;
}

bool world_is_led(const struct world *w)
{
	return w->chance.made < w->chance.end;
}

/* Time. */

static uint64_t earliest_deadline(const struct world *w)
{
	uint64_t earliest = UINT64_MAX;

	for (size_t i = 0; i < workers_of(w); i++)
		for (size_t j = 0; j < MODEL_SESSIONS; j++) {
			const struct model_session *s = &w->models[i].sessions[j];

			if (s->alive && model_deadline(&w->models[i], s) < earliest)
				earliest = model_deadline(&w->models[i], s);
		}
	return earliest == UINT64_MAX ? w->now : earliest;
}

static uint64_t some_deadline(const struct world *w, const struct scene *scene)
{
	const struct model *owner;
	const struct model_session *s = traffic_session(scene, &owner);

	return s ? model_deadline(owner, s) : w->now;
}

/* When patience with a SYN from outside that nobody answers is just over, or just not yet. */
static uint64_t end_of_patience(struct world *w, const struct scene *scene)
{
	const struct model *owner;
	const struct model_session *s = traffic_session(scene, &owner);

	if (!s || s->protocol != PROTO_TCP || s->tcp.state != TCP_INIT_OUTSIDE)
		return w->now;
	return s->seen_ms + 29999 + chance_below(&w->chance, 3);
}

/* When things happen next: at once, soon, or where a session is just over or just not yet. */
static uint64_t next_time(struct world *w, const struct scene *scene)
{
	static const int64_t edges[] = { -257, -256, -1, -1, 0, 0, 1, 255, 256 };
	int64_t edge = CHANCE_OF(&w->chance, edges);
	uint64_t then = w->now, ticks;

	switch (chance_below(&w->chance, 16)) {
	case 0: case 1: case 2: case 3:
		return w->now + chance_below(&w->chance, 300);
	case 4:
		return w->now + chance_below(&w->chance, 20000);
	case 5: case 6:
		then = earliest_deadline(w) + (uint64_t)edge;
		break;
	case 7:
		if (chance_one_in(&w->chance, 6))
			then = some_deadline(w, scene) + (uint64_t)edge;
		break;
	case 8: /* so much later, in ticks, that some ring of timers has just not come round */
		ticks = (1u << chance_below(&w->chance, 15)) - 1;
		if (chance_one_in(&w->chance, 4))
			then = some_deadline(w, scene) + 256 * ticks;
		break;
	case 9:
		then = end_of_patience(w, scene);
		break;
	case 10:
		if (chance_one_in(&w->chance, 200)) /* longer than 32 bits of milliseconds */
			then = w->now + 2000000000u + chance_bits(&w->chance) % 8000000000u;
		break;
	default:
		break;
	}
	return then > w->now ? then : w->now;
}

/* A budget must not change what is over, only how often one has to ask. */
static void expire(struct world *w)
{
	nat_time now = { w->now };

	for (uint16_t i = 0; i < workers_of(w); i++) {
		size_t budget = 1 + chance_below(&w->chance, 5);

		model_expire(&w->models[i], w->now);
		nat_expire(w->single[i], now, SIZE_MAX);
		while (nat_expire(w->batch[i], now, budget) == budget)
			;
		compare_rejected(w->single[i], w->batch[i], &w->models[i], w->now, w->difference);
		if (!is_different(w))
			compare_events(w->single[i], &w->models[i], &w->told_single[i],
				       w->difference);
	}
}

/* Whether the policy that gives ports of a place lets sessions move. */
static bool moves(const struct setting *s, size_t place)
{
	for (size_t i = 0; i < s->config.policy_count; i++) {
		const struct nat_policy *p = &s->policies[i];

		if (rule_gives_ports(p) && place >= p->pool_first &&
		    place < (size_t)p->pool_first + p->pool_count)
			return p->on_address_change == NAT_CHANGE_MOVE;
	}
	return false;
}

static void read_pool(const struct world *w, ip_number pool[static SETTING_POOL + SETTING_POOL_SIX])
{
	for (size_t i = 0; i < w->setting.config.pool_count; i++)
		pool[i] = rule_pool(&w->setting.config, i);
}

static void follow_addresses(struct world *w, const ip_number before[static SETTING_POOL + SETTING_POOL_SIX])
{
	for (size_t i = 0; i < w->setting.config.pool_count; i++) {
		ip_number was = before[i], now = rule_pool(&w->setting.config, i);

		if (was == now)
			continue;
		for (uint16_t k = 0; k < workers_of(w); k++)
			model_readdress(&w->models[k], was, now, moves(&w->setting, i), w->now);
		pairing_readdress(&w->pairing, was, now);
	}
}

/* Shorter timeouts count from the next tick on. Visitors of forwards may be led elsewhere. */
static void reconfigure(struct world *w)
{
	struct chance apart = { .state = chance_bits(&w->chance) };
	ip_number before[SETTING_POOL + SETTING_POOL_SIX];
	struct nat_config c;

	read_pool(w, before);
	setting_change(&w->setting, &apart);
	w->pairing.visitor_count = 0;
	w->reloads++;
	for (uint16_t i = 0; i < workers_of(w); i++) {
		c = w->setting.config;
		c.worker = i;
		w->models[i].config = c;
		nat_configure(w->single[i], &c);
		nat_configure(w->batch[i], &c);
	}
	w->now += 256;
	follow_addresses(w, before);
}

/* Datagrams. */

static void note_line(struct world *w, const struct passage *p, const struct datagram *d)
{
	size_t used = (size_t)snprintf(w->lines[w->events % WORLD_LINES], WORLD_LINE,
				       "event %llu, %llu ms, worker %d: ",
				       (unsigned long long)w->events, (unsigned long long)w->now,
				       p->worker);

	describe(d, p->event.from, w->lines[w->events % WORLD_LINES] + used, WORLD_LINE - used);
}

/* FNV-1a over what came out. */
static void digest(struct world *w, const struct passage *p)
{
	uint64_t h = w->digest ^ (uint64_t)p->job.verdict << 8 ^ p->job.reason;

	for (size_t i = 0; i < passage_len(p); i++)
		h = (h ^ p->p.ip[i]) * 0x100000001b3;
	w->digest = h;
}

static unsigned segments_of(const struct event *e, const struct datagram *d)
{
	return e->offload.gso_size ? (unsigned)(d->len / e->offload.gso_size + 1) : 1;
}

static bool choose_worker(struct world *w, struct passage *p, struct datagram *d)
{
	const struct nat *asked = w->single[chance_below(&w->chance, workers_of(w))];
	int owner = model_owner(&w->setting.config, d, p->event.from);

	p->worker = nat_owner(asked, &p->p, p->event.from);
	if (p->worker < workers_of(w) && (owner < 0 || owner == p->worker))
		return true;
	snprintf(w->difference, WORLD_LINE, "nat_owner() says %d, the model %d", p->worker, owner);
	p->worker = 0;
	return false;
}

/* What a device is asked, whose words count from the IP header. */
static struct pkt_offload offload_after(const struct passage *p)
{
	struct pkt_offload o = p->event.offload;

	if (o.partial)
		o.checksum_start = p->p.transport;
	return o;
}

/* Through the single NAT and its model; what was learned is what came out. */
static void pass_single(struct world *w, struct passage *p, struct datagram *d)
{
	struct model *m = &w->models[p->worker];
	struct model_arrival arrival = { w->now, p->event.from, p->event.known_only,
					 p->event.hairpinned, segments_of(&p->event, d) };
	struct model_choice choice;
	struct model_answer answer;
	struct pkt_offload offload;
	struct datagram out;

	p->job = (struct nat_job){ .p = &p->p, .from = arrival.from,
				   .known_only = arrival.known_only,
				   .hairpinned = arrival.hairpinned, .room = DRAFT_MOST };
	nat_process(w->single[p->worker], (nat_time){ w->now }, &p->job);
	w->reasons[p->job.reason]++;
	w->verdicts[p->job.verdict]++;
	offload = offload_after(p);
	datagram_read(&out, p->p.ip, passage_len(p), &offload);
	choice = (struct model_choice){ p->job.verdict, p->job.reason, out.source, out.destination,
					(uint16_t)out.ident, p->job.session };
	answer = model_process(m, &arrival, d, &choice);
	compare_answers(p, &answer, d, w->difference);
	if (!is_different(w))
		compare_gauges(w->single[p->worker], m, w->difference);
	if (!is_different(w))
		compare_events(w->single[p->worker], m, &w->told_single[p->worker], w->difference);
	digest(w, p);
}

/* Of protocols that are told apart by other things than ports and identifiers, the model knows nothing.
 * These are none that may be translated. */
static bool is_known(const struct datagram *d)
{
	return d->protocol == PROTO_TCP || d->protocol == PROTO_UDP || d->protocol == PROTO_ICMP ||
	       d->protocol == PROTO_ICMPV6 || d->protocol == PROTO_AH || d->protocol == 2;
}

/* An event that came out of the parser as the model thinks it should. */
static bool parse(struct world *w, struct passage *p, struct datagram *d, uint8_t *octets)
{
	struct event *e = &p->event;
	enum reason r, expected = datagram_read(d, octets, e->len, &e->offload);

	memcpy(p->out.octets + NAT_HEADROOM, e->octets, e->len);
	r = pkt_parse(&p->p, p->out.octets + NAT_HEADROOM, e->len, &e->offload);
	if (r != expected)
		snprintf(w->difference, WORLD_LINE, "pkt_parse() says %s, the model %s",
			 reason_name(r), reason_name(expected));
	if (r != REASON_NONE)
		w->reasons[r]++;
	return r == REASON_NONE && expected == REASON_NONE;
}

static void come_back(struct world *w, const struct passage *p)
{
	struct event *e;

	if (p->job.verdict != NAT_HAIRPIN || w->hairpin_count == WORLD_BATCH)
		return;
	e = &w->hairpins[w->hairpin_count++];
	*e = p->event;
	e->from = SIDE_OUTSIDE;
	e->known_only = false;
	e->hairpinned = true;
	e->len = passage_len(p);
	e->offload = offload_after(p);
	memcpy(e->octets, p->p.ip, e->len);
}

static void send_single(struct world *w, const struct scene *scene)
{
	struct passage *p = &w->passages[w->passage_count];
	uint8_t octets[DRAFT_MOST];
	struct datagram d;

	if (w->hairpin_count)
		p->event = w->hairpins[--w->hairpin_count];
	else
		traffic_next(scene, &p->event);
	w->events++;
	memcpy(octets, p->event.octets, p->event.len);
	p->worker = 0;
	note_line(w, p, &(struct datagram){ .octets = octets, .len = p->event.len });
	if (!parse(w, p, &d, octets) || !is_known(&d) || !choose_worker(w, p, &d))
		return;
	note_line(w, p, &d);
	pass_single(w, p, &d);
	if (is_different(w))
		return;
	compare_undo(w->single[p->worker], p, w->difference);
	w->passage_count++;
}

/* The same once more, all of a worker's at once. */
static void send_batch(struct world *w, uint16_t worker)
{
	struct nat_job jobs[WORLD_BATCH];
	struct passage *of[WORLD_BATCH];
	size_t count = 0;

	for (size_t i = 0; i < w->passage_count; i++) {
		struct passage *p = &w->passages[i];

		if (p->worker != worker)
			continue;
		memcpy(p->batch_out.octets + NAT_HEADROOM, p->event.octets, p->event.len);
		pkt_parse(&p->batch_p, p->batch_out.octets + NAT_HEADROOM, p->event.len,
			  &p->event.offload);
		jobs[count] = (struct nat_job){ .p = &p->batch_p, .from = p->event.from,
						.known_only = p->event.known_only,
						.hairpinned = p->event.hairpinned,
						.room = DRAFT_MOST };
		of[count++] = p;
	}
	nat_process_batch(w->batch[worker], (nat_time){ w->now }, jobs, count);
	for (size_t i = 0; i < count && !is_different(w); i++)
		compare_batch(&jobs[i], of[i], w->difference);
}

static void check_worker(struct world *w, uint16_t worker)
{
	send_batch(w, worker);
	if (!is_different(w))
		compare_gauges(w->batch[worker], &w->models[worker], w->difference);
	if (!is_different(w))
		compare_events(w->batch[worker], &w->models[worker], &w->told_batch[worker],
			       w->difference);
	if (!is_different(w))
		compare_listings(w->single[worker], w->now, &w->models[worker], w->difference);
}

static size_t batch_size(struct world *w)
{
	switch (chance_below(&w->chance, 5)) {
	case 0: case 1:
		return 1;
	case 2: case 3:
		return 1 + chance_below(&w->chance, 8);
	default:
		return 1 + chance_below(&w->chance, WORLD_BATCH);
	}
}

bool world_turn(struct world *w, size_t most)
{
	struct scene scene = { &w->chance, w->models, workers_of(w), w->setting.six };
	size_t count = batch_size(w);

	w->now = next_time(w, &scene);
	if (chance_one_in(&w->chance, 40))
		reconfigure(w);
	expire(w);
	w->passage_count = 0;
	for (size_t i = 0; i < count && i < most && !is_different(w); i++)
		send_single(w, &scene);
	for (size_t i = 0; i < w->passage_count; i++)
		come_back(w, &w->passages[i]);
	for (uint16_t i = 0; i < workers_of(w) && !is_different(w); i++)
		check_worker(w, i);
	return !is_different(w);
}
