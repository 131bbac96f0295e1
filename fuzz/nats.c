#include "nats.h"

#include "judge.h"

enum { CACHE_LINE = 64, SECOND = 1000, MINUTE = 60 * SECOND, DAY = 1440 * MINUTE };
enum { TURN_CONFIGURE = 1 << 7, TURN_READDRESS = 1 << 6 };

/* Within a tick, around the timeouts, and longer than any of them. */
static const uint32_t steps_ms[] = {
	0, 1, 255, 256, 2 * SECOND, 31 * SECOND, 59 * SECOND, 61 * SECOND, 2 * MINUTE, 4 * MINUTE,
	301 * SECOND, 124 * MINUTE, 125 * MINUTE, DAY, 11 * DAY, 1u << 31,
};
static const struct port_range ranges[] = {
	{ 1024, 65535 }, { 5000, 5003 }, { 1, 65535 }, { 40000, 40001 },
};
static const struct port_range low_ranges[] = { { 0, 0 }, { 512, 1023 }, { 1000, 1003 } };

/* Addresses as octets; ports as traffic.c likes to use them. Two lead to one endpoint, one to an
 * exempt host, one to a host without policy, and one is not at an address of the pool. */
static const struct {
	uint8_t protocol, external[4], internal[4];
	uint16_t first, last, to;
} forwards[NATS_FORWARDS] = {
	{ PROTO_TCP, { 192, 0, 2, 1 }, { 10, 0, 0, 2 }, 443, 443, 80 },
	{ PROTO_TCP, { 192, 0, 2, 2 }, { 10, 0, 0, 2 }, 80, 80, 80 },
	{ PROTO_UDP, { 192, 0, 2, 2 }, { 10, 0, 0, 3 }, 5000, 5001, 40000 },
	{ PROTO_UDP, { 192, 0, 2, 3 }, { 10, 0, 9, 2 }, 53, 53, 5000 },
	{ PROTO_TCP, { 192, 0, 2, 0 }, { 172, 16, 0, 2 }, 80, 80, 80 },
	{ PROTO_UDP, { 203, 0, 113, 10 }, { 10, 0, 1, 2 }, 443, 443, 5001 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ONE_OF(in, array) (array)[input_below((in), COUNT(array))]

static void read_policy(struct nat_policy *p, struct input *in)
{
	struct nat_behaviour b = { input_below(in, 3), input_below(in, 3) };

	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		p->behaviour[i] = b;
	p->port_selection = input_below(in, 7);
	p->pooling = input_below(in, 3);
	p->hairpin = input_below(in, 3);
	p->refresh = input_below(in, 3);
	p->parity = input_below(in, 2);
	p->ports = ONE_OF(in, ranges);
	p->low_ports = ONE_OF(in, low_ranges);
}

static void read_forwards(struct nats *w, struct input *in)
{
	uint8_t wanted = input_u8(in);

	w->config.forward_count = 0;
	for (size_t i = 0; i < NATS_FORWARDS; i++)
		if (wanted >> i & 1)
			w->forwards[w->config.forward_count++] = (struct nat_forward){
				.protocol = forwards[i].protocol,
				.external = be32_load(forwards[i].external),
				.internal = be32_load(forwards[i].internal),
				.first = forwards[i].first,
				.last = forwards[i].last,
				.internal_first = forwards[i].to,
			};
}

/* What was not drawn in the beginning: a class of its own, what is refused and how, limits. */
static void read_rest(struct nat_policy *p, struct input *in)
{
	static const uint16_t sizes[] = { 16, 100, 512 }, shares[] = { 0, 1, 64, 512 };
	uint8_t own = input_below(in, 10);

	if (own)
		p->behaviour[NAT_CLASS_TCP] = (struct nat_behaviour){ (own - 1) / 3, (own - 1) % 3 };
	p->conflict = input_below(in, 3);
	p->exhausted = input_below(in, 4);
	p->unsolicited = input_below(in, 2);
	p->drop_icmp_errors = input_below(in, 2);
	p->block_size = ONE_OF(in, sizes);
	p->blocks_per_host = (uint16_t)(1 + input_below(in, 4));
	p->dynamic_shares = ONE_OF(in, shares);
	p->ports_per_host = input_below(in, 16);
	p->new_per_second = input_below(in, 16);
	p->new_burst = p->new_per_second;
	p->sessions_per_mapping = input_below(in, 4);
	p->short_ports[0] = input_below(in, 2) ? 53 : 0;
}

/* Ports that belong to hosts leave less to choose from; other choices then are as always. */
static void make_possible(struct nat_policy *p, const struct nat_config *c)
{
	bool planned = p->port_selection >= NAT_PORT_BLOCK;

	if (planned) {
		p->pooling = NAT_POOLING_PAIRED;
		p->low_ports = (struct port_range){ 0, 0 };
	}
	if (planned && p->exhausted == NAT_EXHAUSTED_OVERLOAD)
		p->exhausted = NAT_EXHAUSTED_UNREACHABLE;
	if (nat_config_fault(c))
		p->port_selection = NAT_PORT_PRESERVE;
}

/* Perhaps; where it is not wanted, the first entry of IPv6 stands in its place. */
static void read_alone(struct nats *w, struct input *in)
{
	static const uint8_t alone[4] = { 172, 16, 0 }, outside[4] = { 192, 0, 3 };

	w->policies[2] = (struct nat_policy){
		.prefix = be32_load(alone), .prefix_len = 24, .type = NAT_ONE_TO_ONE,
		.translated = be32_load(outside),
	};
	w->config.policy_count = NATS_POLICIES - 1u + input_below(in, 2);
}

/* What may change while sessions live. */
static void read_behaviour(struct nats *w, struct input *in)
{
	uint8_t pace = input_below(in, 4);

	read_policy(&w->policies[1], in);
	read_forwards(w, in);
	read_rest(&w->policies[1], in);
	read_alone(w, in);
	make_possible(&w->policies[1], &w->config);
	w->hairpins_as_they_are |= w->policies[1].hairpin == NAT_HAIRPIN_INTERNAL;
	w->shares_ports |= w->policies[1].exhausted == NAT_EXHAUSTED_OVERLOAD;
	w->config.timeout_ms[TIMEOUT_UDP] = (300u - 60 * pace) * SECOND;
	w->config.timeout_ms[TIMEOUT_TCP_ESTABLISHED] = (7440u - 1000 * pace) * SECOND;
	if (w->more)
		nats_read_more(w, in);
	if (w->six)
		nats_read_six(w, in);
	assert(!nat_config_fault(&w->config));
}

static void read_config(struct nats *w, struct input *in)
{
	static const uint8_t inside[4] = { 10, 0 }, exempt[4] = { 10, 0, 9 }, pool[4] = { 192, 0, 2 };
	uint8_t first = input_u8(in);

	w->config = nat_config_default();
	w->config.workers = (uint16_t)(1 + (first & 63) % NATS_WORKERS);
	w->six = first >> 7;
	w->more = first >> 6 & 1;
	w->config.sessions = 1u + input_below(in, 64);
	w->config.sessions_per_host = 1u + input_below(in, 64);
	w->config.fragments = input_below(in, 16);
	w->budget = input_below(in, 2) ? 1 : SIZE_MAX;
	w->config.policies = w->policies;
	w->config.pool = w->pool;
	w->config.pool_count = 1u + input_below(in, NATS_POOL);
	w->config.forwards = w->forwards;
	w->policies[0] = (struct nat_policy){
		.prefix = be32_load(exempt), .prefix_len = 24, .type = NAT_NONE,
	};
	w->policies[1] = (struct nat_policy){
		.prefix = be32_load(inside), .prefix_len = 16, .type = NAT_NAPT44,
		.pool_count = (uint16_t)w->config.pool_count,
	};
	for (size_t i = 0; i < NATS_POOL; i++)
		w->pool[i] = be32_from(load32(pool) + (uint32_t)i);
	w->pool_of_four = w->config.pool_count;
	if (w->six)
		nats_open_six(w);
	if (w->more)
		nats_open_more(w, in);
	read_behaviour(w, in);
}

void nats_open(struct nats *w, struct input *in, bool batches)
{
	static const uint8_t seed[32] = "as good as any other of 32 octet";

	*w = (struct nats){ .batches = batches, .now = { DAY } };
	read_config(w, in);
	for (uint16_t i = 0; i < w->config.workers; i++) {
		struct nat_config c = w->config;
		size_t len;

		c.worker = i;
		len = (nat_size(&c) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
		w->arenas[i] = aligned_alloc(CACHE_LINE, len);
		assert(w->arenas[i]);
		memset(w->arenas[i], batches ? 0x5a : 0xa5, len);
		w->nat[i] = nat_init(w->arenas[i], &c, seed);
	}
}

static void configure(struct nats *w, struct input *in)
{
	read_behaviour(w, in);
	w->reconfigured = true;
	for (uint16_t i = 0; i < w->config.workers; i++) {
		struct nat_config c = w->config;

		c.worker = i;
		nat_configure(w->nat[i], &c);
		/* Sessions that belong to another worker by now are gone before anything comes. */
		nat_expire(w->nat[i], w->now, SIZE_MAX);
	}
}

/* Another address in a place of the pool, which traffic may be for if there are two at the most, or the
 * one of the beginning again. Sessions of the old one are gone through as time passes, or when somebody
 * asks for them. */
static void readdress(struct nats *w, struct input *in)
{
	be32 *place = &w->pool[input_below(in, (unsigned)w->pool_of_four)];

	w->reconfigured = true;
	w->policies[1].on_address_change = input_below(in, 3);
	*place = be32_from(be32_host(*place) ^ (w->pool_of_four <= 2 ? 2 : 16));
	for (uint16_t i = 0; i < w->config.workers; i++) {
		struct nat_config c = w->config;

		c.worker = i;
		nat_configure(w->nat[i], &c);
	}
}

static void pass_time(struct nats *w, uint64_t ms)
{
	w->now.ms += ms;
	for (uint16_t i = 0; i < w->config.workers; i++)
		nat_expire(w->nat[i], w->now, w->budget);
}

static void passage_free(struct passage *p)
{
	free(p->buffer);
	free(p);
}

/* In memory that ends where the octets do, but for what an entry that changes the family asks for; of two
 * datagrams one may not become longer. */
static void passage_fill(const struct nats *w, struct passage *p)
{
	size_t front = w->six ? NAT_HEADROOM : 0, behind = w->six && p->recipe % 2 ? ROOM_BEHIND : 0;

	p->buffer_len = front + p->was.len + behind;
	p->buffer = calloc(p->buffer_len, 1);
	assert(p->buffer || !p->buffer_len);
	p->octets = p->buffer + front;
	if (p->was.len)
		memcpy(p->octets, p->was.octets, p->was.len);
	p->job.room = (uint32_t)(p->was.len + behind);
}

static struct passage *passage_new(const struct nats *w, const struct datagram *d)
{
	struct passage *p = malloc(sizeof(*p));

	assert(p);
	*p = (struct passage){ .was = *d, .recipe = w->recipes };
	p->job = (struct nat_job){ .p = &p->p, .from = d->from, .known_only = d->known_only,
				   .verdict = NAT_DROP, .session = NAT_NO_SESSION };
	passage_fill(w, p);
	p->job.reason = pkt_parse(&p->p, p->octets, d->len, &d->offload);
	return p;
}

/* A burst on its way; more joins it where fragments were waited for. */
struct burst {
	struct passage *list[BURST_MOST + HELD_MOST];
	size_t count;
};

static void read_burst(struct nats *w, struct input *in, struct burst *b)
{
	struct datagram pieces[PIECES_MOST];
	unsigned most = 1u + input_below(in, BURST_MOST / 2);

	for (; most && input_left(in) && b->count + PIECES_MOST <= BURST_MOST; most--) {
		size_t count = traffic_next(&w->past, in, pieces);

		w->recipes++;
		for (size_t i = 0; i < count; i++)
			b->list[b->count++] = passage_new(w, &pieces[i]);
	}
}

static void join_burst(struct burst *b, struct passage *p)
{
	b->list[b->count++] = p;
}

/* A few are kept; the others are dropped. */
static bool hold(struct nats *w, struct passage *p, uint32_t datagram)
{
	if (w->held_count == HELD_MOST)
		return false;
	p->datagram = datagram;
	w->held[w->held_count++] = p;
	return true;
}

/* The first fragment has come: those that waited have its ports. */
static void release(struct nats *w, struct burst *b, const struct passage *first, uint32_t datagram)
{
	size_t kept = 0, begun = b->count;

	for (size_t i = 0; i < w->held_count; i++) {
		struct passage *p = w->held[i];

		if (p->datagram != datagram || p->owner != first->owner) {
			w->held[kept++] = p;
			continue;
		}
		pkt_follow(&p->p, &first->p);
		join_burst(b, p);
		/* Where all had to be there, the first of the datagram goes first. */
		if (!p->p.fragment_offset && b->count - begun > 1) {
			b->list[b->count - 1] = b->list[begun];
			b->list[begun] = p;
		}
	}
	w->held_count = kept;
}

static void learn(struct nats *w, struct burst *b, struct passage *p)
{
	struct nat_fragment_note note;
	enum nat_fragment fragment;

	p->owner = nat_owner(w->nat[0], &p->p, p->job.from);
	fragment = nat_learn(w->nat[p->owner], w->now, &p->p, p->job.from, &note);
	nats_digest(w, &fragment, sizeof(fragment));
	if (fragment == FRAGMENT_HOLD && hold(w, p, note.datagram))
		return;
	if (fragment == FRAGMENT_HOLD)
		p->job.reason = REASON_FRAGMENT_LIMIT;
	if (fragment == FRAGMENT_DROP)
		p->job.reason = note.reason;
	/* Those that have waited are not behind one that has not. */
	if (fragment == FRAGMENT_KNOWN && note.release && p->p.fragment_offset)
		release(w, b, p, note.datagram);
	join_burst(b, p);
	if (fragment == FRAGMENT_KNOWN && note.release && !p->p.fragment_offset)
		release(w, b, p, note.datagram);
}

/* Those held leave the burst; those that waited for one of it join. */
static void learn_all(struct nats *w, struct burst *b)
{
	const struct burst all = *b;

	b->count = 0;
	for (size_t i = 0; i < all.count; i++) {
		const struct pkt *p = &all.list[i]->p;

		if (all.list[i]->job.reason == REASON_NONE && (p->version == 4 || w->six) &&
		    pkt_is_fragment(p) && !(p->flags & PKT_PORTS_KNOWN))
			learn(w, b, all.list[i]);
		else
			join_burst(b, all.list[i]);
	}
}

static void find_owners(const struct nats *w, struct burst *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct passage *p = b->list[i];

		if (p->job.reason == REASON_NONE)
			p->owner = nat_owner(w->nat[0], &p->p, p->job.from);
	}
}

static void process_one_by_one(struct nats *w, struct burst *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct passage *p = b->list[i];

		if (p->job.reason != REASON_NONE)
			continue;
		nat_process(w->nat[p->owner], w->now, &p->job);
		judge_passage(w, p);
		judge_owner(w, p->owner);
	}
}

static void process_batch(struct nats *w, struct burst *b, uint16_t owner)
{
	struct nat_job jobs[BURST_MOST + HELD_MOST];
	struct passage *whose[BURST_MOST + HELD_MOST];
	size_t count = 0;

	for (size_t i = 0; i < b->count; i++)
		if (b->list[i]->job.reason == REASON_NONE && b->list[i]->owner == owner) {
			whose[count] = b->list[i];
			jobs[count++] = b->list[i]->job;
		}
	nat_process_batch(w->nat[owner], w->now, jobs, count);
	for (size_t i = 0; i < count; i++) {
		whose[i]->job = jobs[i];
		judge_passage(w, whose[i]);
	}
}

static void process_batches(struct nats *w, struct burst *b)
{
	for (uint16_t i = 0; i < w->config.workers; i++)
		process_batch(w, b, i);
	judge_state(w);
}

/* As if it came from outside now. */
static void come_back(const struct nats *w, struct passage *p)
{
	uint8_t *buffer = p->buffer;

	memcpy(p->was.octets, p->p.ip, p->p.len);
	p->was.len = p->p.len;
	p->job = (struct nat_job){ .p = &p->p, .from = SIDE_OUTSIDE, .hairpinned = true,
				   .session = NAT_NO_SESSION };
	passage_fill(w, p);
	p->p.ip = p->octets;
	free(buffer);
}

static void conclude(struct nats *w, struct passage *p, struct burst *again)
{
	const uint32_t said[] = { p->job.verdict, p->job.reason, p->job.session, p->owner };

	nats_digest(w, said, sizeof(said));
	nats_digest(w, p->job.reason == REASON_NONE ? p->p.ip : p->octets,
	       p->job.reason == REASON_NONE ? p->p.len : p->was.len);
	judge_reverse(w, p);
	if (p->job.reason == REASON_NONE && p->job.verdict == NAT_FORWARD)
		past_add(&w->past, side_other(p->job.from), p->p.ip, p->p.len);
	if (p->job.reason != REASON_NONE || p->job.verdict != NAT_HAIRPIN) {
		passage_free(p);
		return;
	}
	come_back(w, p);
	again->list[again->count++] = p;
}

static void go(struct nats *w, struct burst *b, struct burst *again)
{
	if (!b->count)
		return;
	learn_all(w, b);
	find_owners(w, b);
	if (w->batches)
		process_batches(w, b);
	else
		process_one_by_one(w, b);
	judge_pieces(b->list, b->count);
	for (size_t i = 0; i < b->count; i++)
		conclude(w, b->list[i], again);
}

void nats_turn(struct nats *w, struct input *in)
{
	uint8_t first = input_u8(in);
	struct burst burst = { 0 }, hairpinned = { 0 }, none = { 0 };

	if (first & TURN_CONFIGURE)
		configure(w, in);
	if (first & TURN_READDRESS)
		readdress(w, in);
	pass_time(w, steps_ms[first % COUNT(steps_ms)]);
	read_burst(w, in, &burst);
	go(w, &burst, &hairpinned);
	go(w, &hairpinned, &none);
	assert(!none.count);
	nats_tell(w);
}

void nats_close(struct nats *w)
{
	w->budget = SIZE_MAX;
	pass_time(w, 11ull * DAY);
	for (uint16_t i = 0; i < w->config.workers; i++) {
		struct nat_gauges g = nat_gauges(w->nat[i]);

		assert(!g.sessions && !g.mappings && !g.hosts);
		assert(!g.ports[0] && !g.ports[1] && !g.ports[2]);
		free(w->arenas[i]);
	}
	for (size_t i = 0; i < w->held_count; i++)
		passage_free(w->held[i]);
}
