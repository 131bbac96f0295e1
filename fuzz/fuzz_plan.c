/*
 * Configurations as the library has them, field by field: with what nat_config_fault() lets by, a NAT must
 * work.
 *
 * Input    How many changes; then changes of a small configuration that is good: what of it (the whole,
 *          a policy, a forward, an explicit mapping, an address of the pool, one of IPv6), which, which
 *          field, and its value; whether the explicit mappings are sorted; then turns, each of a time
 *          step and a datagram (traffic.h).
 * Demands  nat_check() silent; a host and its share of the ports lead to each other; the owner is a
 *          worker; what goes on is a datagram; mappings that were sorted are sorted.
 */
#include "nat/deterministic.h"
#include "nat/eam.h"
#include "nat/nat.h"

#include "datagram.h"
#include "traffic.h"

enum { POLICIES = 4, FORWARDS = 4, EAMS = 6, POOL = 6, CHANGES_MOST = 64, TURNS_MOST = 64 };
enum { CACHE_LINE = 64, ARENA_MOST = 1 << 20, FAR_BEYOND = 5000, ROOM_BEHIND = 128, STEP_MS = 250 };

struct plan {
	struct nat_config config;
	struct nat_policy policies[POLICIES];
	struct nat_forward forwards[FORWARDS];
	struct nat_eam eams[EAMS], eams_by6[EAMS];
	be32 pool[POOL];
	struct ip6 pool6[POOL];
	struct nat *nat;
	nat_time now;
	struct past past;
};

/* A number, or octets if there is no most. What counts an array is at most that, or far too much. */
struct field { uint16_t at; uint8_t len; uint32_t most; };

#define FIELD(name, most) { offsetof(struct OF, name), sizeof(((struct OF *)NULL)->name), most }
#define NUMBER(name) FIELD(name, UINT32_MAX)
#define OCTETS(name) FIELD(name, 0)
#define FLAG(name) FIELD(name, 1)

#define OF nat_config
static const struct field of_config[] = {
	NUMBER(worker), NUMBER(workers), NUMBER(sessions), NUMBER(sessions_per_host), NUMBER(fragments),
	NUMBER(half_open), NUMBER(held_ports), FLAG(forgetful), NUMBER(unsolicited), FLAG(unique_idents),
	NUMBER(events), NUMBER(event_mask), NUMBER(timeout_ms[TIMEOUT_UDP]),
	NUMBER(timeout_ms[TIMEOUT_PORT_HOLD]), FIELD(policy_count, POLICIES), FIELD(pool_count, POOL),
	FIELD(forward_count, FORWARDS), NUMBER(mtu[SIDE_INSIDE]), NUMBER(mtu[SIDE_OUTSIDE]),
};
#undef OF
#define OF nat_policy
static const struct field of_policy[] = {
	OCTETS(prefix), NUMBER(prefix_len), NUMBER(version), NUMBER(type), OCTETS(v6.match),
	OCTETS(v6.translated), OCTETS(v6.prefixes[0]), OCTETS(v6.prefixes[1]), NUMBER(v6.prefix_count),
	FIELD(v6.eam_count, EAMS), NUMBER(v6.lowest_mtu), FLAG(v6.fixed_tos), FLAG(v6.no_checksum_drops),
	FLAG(v6.blocks_ipsec), FLAG(v6.blocks_ping), FLAG(v6.drops_zero_ids), OCTETS(destination.prefix),
	NUMBER(destination.len), NUMBER(destination.protocol), NUMBER(destination.ports.first),
	NUMBER(destination.ports.last), OCTETS(translated), NUMBER(pool_first), NUMBER(pool_count),
	NUMBER(left), NUMBER(on_address_change), NUMBER(ports.first), NUMBER(ports.last),
	NUMBER(low_ports.first), NUMBER(low_ports.last), NUMBER(behaviour[NAT_CLASS_UDP].mapping),
	NUMBER(behaviour[NAT_CLASS_UDP].filtering), NUMBER(behaviour[NAT_CLASS_TCP].mapping),
	NUMBER(behaviour[NAT_CLASS_TCP].filtering), NUMBER(port_selection), NUMBER(conflict),
	FLAG(parity), FLAG(protocol_independent), NUMBER(block_size), NUMBER(blocks_per_host),
	NUMBER(dynamic_shares), NUMBER(pooling), NUMBER(hairpin), NUMBER(refresh), NUMBER(exhausted),
	NUMBER(unsolicited), FLAG(drop_icmp_errors), NUMBER(helpers), NUMBER(ports_per_host),
	NUMBER(new_per_second), NUMBER(new_burst), NUMBER(sessions_per_mapping), NUMBER(short_ports[0]),
	NUMBER(timeout_ms[TIMEOUT_UDP]), OCTETS(twice.seen), OCTETS(twice.real), NUMBER(twice.len),
};
#undef OF
#define OF nat_forward
static const struct field of_forward[] = {
	NUMBER(protocol), OCTETS(external), OCTETS(internal), NUMBER(first), NUMBER(last),
	NUMBER(internal_first), FLAG(grouped), NUMBER(targets), NUMBER(weight), FLAG(sticky),
	OCTETS(source), OCTETS(external6), OCTETS(internal6),
};
#undef OF
#define OF nat_eam
static const struct field of_eam[] = { OCTETS(v4), NUMBER(len4), OCTETS(v6) };
#undef OF
static const struct field of_address = { 0, sizeof(be32), 0 };
static const struct field of_address6 = { 0, sizeof(struct ip6), 0 };

#define PART(name, count, fields, field_count) \
	{ offsetof(struct plan, name), sizeof(((struct plan *)NULL)->name) / (count), count, fields, field_count }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct part {
	size_t at, stride;
	unsigned count;
	const struct field *fields;
	unsigned field_count;
} parts[] = {
	PART(config, 1, of_config, COUNT(of_config)), PART(policies, POLICIES, of_policy, COUNT(of_policy)),
	PART(forwards, FORWARDS, of_forward, COUNT(of_forward)), PART(eams, EAMS, of_eam, COUNT(of_eam)),
	PART(eams_by6, EAMS, of_eam, COUNT(of_eam)), PART(pool, POOL, &of_address, 1),
	PART(pool6, POOL, &of_address6, 1),
};

static void write_number(uint8_t *at, const struct field *f, uint32_t number)
{
	uint16_t two = (uint16_t)number;
	uint8_t one = (uint8_t)number;
	size_t eight = number > f->most ? FAR_BEYOND : number;

	if (f->most == 1)
		one &= 1;
	memcpy(at, f->len == 1 ? (void *)&one : f->len == 2 ? (void *)&two
		   : f->len == 4 ? (void *)&number : &eight, f->len);
}

static void change(struct plan *p, struct input *in)
{
	const struct part *part = &parts[input_below(in, COUNT(parts))];
	uint8_t *at = (uint8_t *)p + part->at + part->stride * input_below(in, part->count);
	const struct field *f = &part->fields[input_below(in, part->field_count)];
	size_t len = f->len;
	const uint8_t *octets;

	at += f->at;
	if (f->most) {
		write_number(at, f, input_u32(in));
		return;
	}
	octets = input_take(in, &len);
	if (len)
		memcpy(at, octets, len);
}

/* One entry for 10.0.0.0/16, out of four that know their pools; explicit mappings of nothing. */
static void begin(struct plan *p)
{
	static const uint8_t inside[4] = { 10, 0 }, pool[4] = { 192, 0, 2 };

	*p = (struct plan){ .config = nat_config_default(), .now = { 1 << 30 } };
	for (size_t i = 0; i < POLICIES; i++)
		p->policies[i] = (struct nat_policy){
			.prefix = be32_load(inside), .prefix_len = 16, .type = NAT_NAPT44,
			.pool_count = 1, .ports = { 1024, 65535 }, .block_size = 64,
			.blocks_per_host = 1, .v6.eams = p->eams, .v6.eams_by6 = p->eams_by6,
		};
	for (size_t i = 0; i < POOL; i++)
		p->pool[i] = be32_from(load32(pool) + (uint32_t)i);
	p->config.sessions = p->config.sessions_per_host = 32;
	p->config.fragments = 4;
	p->config.policies = p->policies;
	p->config.policy_count = 1;
	p->config.pool = p->pool;
	p->config.pool6 = p->pool6;
	p->config.pool_count = POOL;
	p->config.forwards = p->forwards;
}

/* As the configuration's reader does it. */
static void sort(struct plan *p)
{
	size_t count = p->policies[0].v6.eam_count <= EAMS ? p->policies[0].v6.eam_count : EAMS;
	const char *fault;

	eam_sort4(p->eams, count);
	memcpy(p->eams_by6, p->eams, sizeof(p->eams));
	eam_sort6(p->eams_by6, count);
	fault = eam_fault(&p->policies[0].v6);
	assert(!fault || (!strstr(fault, "not sorted") && !strstr(fault, "same sorted")));
}

static bool is_twice_in_pool(const struct plan *p)
{
	for (size_t i = 0; i < p->config.pool_count; i++)
		for (size_t j = 0; j < i; j++)
			if (be32_equal(p->pool[i], p->pool[j]))
				return true;
	return false;
}

/* RFC 7422 section 2: who had a port follows from the configuration alone. */
static void judge_share(const struct plan *p, be32 inside)
{
	struct nat_share share, back;

	if (!nat_share_of(&p->config, inside, &share) || is_twice_in_pool(p))
		return;
	assert(share.ports.first && share.ports.first <= share.ports.last);
	for (int last = 0; last < 2; last++) {
		be16 port = be16_from(last ? share.ports.last : share.ports.first);

		assert(nat_share_at(&p->config, (struct endpoint){ share.outside, port }, &back));
		assert(back.policy == share.policy && be32_equal(back.inside, inside));
	}
}

/* What there is to be told. */
static void judge_news(struct plan *p)
{
	struct nat_event e;
	struct nat_session s;
	struct pkt syn;

	while (nat_event_next(p->nat, &e))
		assert(*nat_event_name(e.kind) && nat_event_number(e.kind) < 18 && e.at.ms <= p->now.ms);
	for (uint32_t cursor = 0; nat_session_next(p->nat, p->now, &cursor, &s);)
		assert(*tcp_state_name(s.state) && s.idle_ms <= p->now.ms);
	while (nat_rejected_next(p->nat, p->now, &syn))
		assert(syn.ip[0] >> 4 == syn.version && syn.len <= NAT_REJECTED_MOST);
}

static bool is_ready(struct plan *p, struct pkt *view, enum nat_side from)
{
	struct nat_fragment_note note;

	if (!pkt_is_fragment(view) || (view->flags & PKT_PORTS_KNOWN))
		return true;
	return nat_learn(p->nat, p->now, view, from, &note) == FRAGMENT_KNOWN;
}

static void process(struct plan *p, struct nat_job *job)
{
	struct pkt *view = job->p;
	struct anatomy a;

	assert(nat_owner(p->nat, view, job->from) < p->config.workers);
	nat_process(p->nat, p->now, job);
	assert((job->reason == REASON_NONE) == (job->verdict == NAT_FORWARD || job->verdict == NAT_HAIRPIN));
	if (job->reason != REASON_NONE)
		return;
	assert(anatomy_of(&a, view->ip, view->len) && a.len == view->len && header_is_right(view->ip, &a));
	if (view->len <= DATAGRAM_MOST)
		past_add(&p->past, side_other(job->from), view->ip, view->len);
	if (job->verdict == NAT_FORWARD && (job->session != NAT_NO_SESSION || job->kept))
		nat_undo(p->nat, job);
}

static void send(struct plan *p, const struct datagram *d)
{
	uint8_t *buffer = calloc(NAT_HEADROOM + d->len + ROOM_BEHIND, 1);
	struct pkt view;
	struct nat_job job = { .p = &view, .from = d->from, .known_only = d->known_only,
			       .room = (uint32_t)d->len + ROOM_BEHIND };

	assert(buffer);
	memcpy(buffer + NAT_HEADROOM, d->octets, d->len);
	if (pkt_parse(&view, buffer + NAT_HEADROOM, d->len, &d->offload) == REASON_NONE &&
	    is_ready(p, &view, d->from))
		process(p, &job);
	assert(!nat_check(p->nat));
	free(buffer);
}

static void take_turn(struct plan *p, struct input *in)
{
	struct datagram pieces[PIECES_MOST];
	uint64_t step = input_u8(in);
	size_t count;

	p->now.ms += step * step * STEP_MS;
	nat_expire(p->nat, p->now, SIZE_MAX);
	count = traffic_next(&p->past, in, pieces);
	for (size_t i = 0; i < count; i++)
		send(p, &pieces[i]);
	judge_news(p);
}

/* In the end nothing is left. */
static void work(struct plan *p, size_t len, struct input *in)
{
	static const uint8_t seed[32] = "any other would be as good a one";
	void *arena = aligned_alloc(CACHE_LINE, (len + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);

	assert(arena);
	p->nat = nat_init(arena, &p->config, seed);
	for (int turn = 0; turn < TURNS_MOST && input_left(in); turn++)
		take_turn(p, in);
	p->now.ms += TIMEOUT_MOST_S * 2000ull;
	nat_expire(p->nat, p->now, SIZE_MAX);
	assert(!nat_check(p->nat) && !nat_gauges(p->nat).sessions);
	judge_news(p);
	free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	struct plan p;

	begin(&p);
	for (unsigned changes = input_below(&in, CHANGES_MOST); changes; changes--)
		change(&p, &in);
	if (input_u8(&in))
		sort(&p);
	if (nat_config_fault(&p.config))
		return 0;
	for (size_t i = 0; i < p.config.policy_count; i++)
		for (uint32_t host = 0; host < 4; host++)
			judge_share(&p, be32_from(be32_host(p.policies[i].prefix) + host));
	if (nat_size(&p.config) <= ARENA_MOST)
		work(&p, nat_size(&p.config), &in);
	return 0;
}
