#include "gateway.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "nat/mss.h"
#include "restart.h"

/* ROOM: octets behind a datagram that the gateway may use. */
enum { PRINTED_MOST = 20, ROOM = 1024 };

static struct settings *copy(const struct settings *s)
{
	struct settings *own = malloc(sizeof(*own));

	if (!own)
		abort();
	*own = *s;
	settings_finish(own);
	return own;
}

const char *gateway_open(struct gateway *g, const struct settings *s, uint16_t workers)
{
	struct settings *own = copy(s);
	struct nat_config c = own->nat;
	const char *fault;

	*g = (struct gateway){ .settings = own, .mss = s->mss, .last_session = NAT_NO_SESSION,
			       .notes = { .wait_ms = s->nat.timeout_ms[TIMEOUT_UNSOLICITED] },
			       .fragment_ms = s->nat.timeout_ms[TIMEOUT_FRAGMENT] };
	for (size_t i = 0; i < c.policy_count; i++)
		g->helped |= c.policies[i].helpers;
	c.workers = workers;
	fault = nat_config_fault(&c);
	for (uint16_t i = 0; !fault && i < workers; i++) {
		c.worker = i;
		gateway_begin(g, &c);
		g->workers++;
	}
	return fault;
}

void gateway_close(struct gateway *g)
{
	for (size_t i = 0; i < g->held_count; i++)
		free(g->held[i].buffer);
	for (size_t i = 0; i < g->released_count; i++)
		free(g->released[i].buffer);
	for (uint16_t i = 0; i < g->workers; i++)
		gateway_end(g, i);
	free(g->settings);
}

static void put(struct settings *s, uint16_t place, const struct place *now)
{
	s->pool[place] = now->address;
	s->pool6[place] = now->beside;
}

static bool is_at(const struct settings *s, uint16_t place, const struct place *what)
{
	return be32_equal(s->pool[place], what->address) && ip6_equal(&s->pool6[place], &what->beside);
}

/* What the policy has in that place, and where the sessions go that stay. */
static void replace(struct settings *s, struct nat_policy *p, uint16_t place, const struct place *now)
{
	uint16_t spare = (uint16_t)(p->left - 1);

	if (p->on_address_change != NAT_CHANGE_IDLE || !p->left) {
		put(s, place, now);
		return;
	}
	put(s, spare, now);
	p->pool_first = spare;
	p->left = (uint16_t)(place + 1);
}

static void readdress_forwards(struct settings *s, const struct place *was, const struct place *now)
{
	for (size_t i = 0; i < s->nat.forward_count; i++) {
		struct nat_forward *f = &s->forwards[i];

		if (!be32_equal(f->external, was->address) || !ip6_equal(&f->external6, &was->beside))
			continue;
		f->external = now->address;
		f->external6 = now->beside;
	}
}

static bool readdress(struct settings *s, const struct place *was, const struct place *now)
{
	readdress_forwards(s, was, now);
	for (size_t i = 0; i < s->nat.policy_count; i++) {
		struct nat_policy *p = &s->policies[i];

		for (uint16_t k = 0; k < p->pool_count; k++) {
			if (!is_at(s, (uint16_t)(p->pool_first + k), was))
				continue;
			replace(s, p, (uint16_t)(p->pool_first + k), now);
			return true;
		}
	}
	return false;
}

/* What was before is freed: nobody may look at it any more. */
const char *gateway_readdress(struct gateway *g, const struct place *was, const struct place *now)
{
	struct settings *s = copy(g->settings);
	struct nat_config c;
	const char *fault = readdress(s, was, now) ? NULL : "no policy has this address";

	free(g->settings);
	g->settings = s;
	c = s->nat;
	c.workers = g->workers;
	if (!fault)
		fault = nat_config_fault(&c);
	for (uint16_t i = 0; !fault && i < g->workers; i++) {
		c.worker = i;
		nat_configure(g->nats[i], &c);
	}
	return fault;
}

/* A helper's text stays as it is: then only endpoints, and TCP's numbers, come back. */
static bool came_back(const struct gateway *g, const struct pkt *p, const uint8_t *was, size_t len)
{
	size_t numbers = p->protocol == PROTO_TCP ? 12 : 4;

	return (p->len == len && memcmp(p->ip, was, len) == 0) ||
	       (g->helped && memcmp(p->ip + 12, was + 12, 8) == 0 &&
		memcmp(pkt_transport(p), was + p->transport, numbers) == 0);
}

static bool is_redirected(const struct nat_job *job, const uint8_t *was)
{
	const struct pkt *p = job->p;

	if (job->from != SIDE_INSIDE)
		return job->redirected;
	return p->version != was[0] >> 4 ||
	       memcmp(pkt_destination(p), was + (pkt_destination(p) - p->ip), p->version == 4 ? 4 : 16) != 0;
}

/* Undone, the octets are what came in; then they are as before again. */
static bool undoes(const struct gateway *g, const struct nat *n, struct nat_job *job, const uint8_t *was,
		   size_t len)
{
	struct pkt *p = job->p, done = *p;
	uint8_t *now = malloc(p->len);
	bool good;

	if (!now)
		abort();
	memcpy(now, p->ip, p->len);
	good = nat_undo(n, job) && came_back(g, p, was, len);
	*p = done;
	memcpy(p->ip, now, p->len);
	free(now);
	return good;
}

/* What every answer of nat_process() promises about verdict, reason and octets. was: as before. */
static const char *broken_promise(const struct gateway *g, const struct nat *n,
				  const struct nat_job *done, const uint8_t *was, size_t len)
{
	struct nat_job again = *done, *job = &again;
	struct pkt *p = job->p;
	bool refused = job->verdict == NAT_DROP || job->verdict == NAT_UNMATCHED;

	if (refused != (job->reason != REASON_NONE))
		return "a refusal needs a reason, and nothing else has one";
	if (job->redirected != is_redirected(job, was))
		return "the destination is another, or is not, and the job says otherwise";
	if (refused)
		return p->len == len && memcmp(p->ip, was, len) == 0
			       ? NULL : "octets changed although refused";
	if (job->verdict != NAT_FORWARD || (p->flags & PKT_ICMP_ERROR))
		return NULL;
	return undoes(g, n, job, was, len) ? NULL : "nat_undo() does not bring back what came in";
}

/* All doors are to be the same. */
static void enter(const struct gateway *g, struct nat *n, nat_time now, struct nat_job *job)
{
	if (g->workers == 1) {
		nat_process(n, now, job);
	} else if (g->workers == 2) {
		nat_process_batch(n, now, job, 1);
	} else {
		nat_seek(n, &job, 1);
		nat_finish(n, now, &job, 1);
	}
}

/* The worker that all name; where each names itself, which is right where nothing is remembered, each in
 * its turn. One that is none: they do not agree. */
static uint16_t owner_of(struct gateway *g, const struct pkt *p, enum nat_side from)
{
	uint16_t first = nat_owner(g->nats[0], p, from), same = 0, self = 0;

	for (uint16_t i = 0; i < g->workers; i++) {
		uint16_t owner = nat_owner(g->nats[i], p, from);

		same = (uint16_t)(same + (owner == first));
		self = (uint16_t)(self + (owner == i));
	}
	if (same == g->workers)
		return first;
	if (self != g->workers)
		return g->workers;
	return (uint16_t)(g->turn++ % g->workers);
}

/* One worker's part, with its promises checked. */
static const char *process(struct gateway *g, nat_time now, struct nat_job *job)
{
	uint16_t owner = owner_of(g, job->p, job->from);
	size_t len = job->p->len;
	uint8_t *was;
	const char *fault;

	if (owner >= g->workers)
		return "the owner is no worker, or workers do not agree about it";
	was = malloc(len);
	if (!was)
		abort();
	memcpy(was, job->p->ip, len);
	enter(g, g->nats[owner], now, job);
	fault = broken_promise(g, g->nats[owner], job, was, len);
	free(was);
	if (job->from == SIDE_OUTSIDE && job->reason != REASON_NONE)
		notes_refused(&g->notes, now, job->p);
	if (job->verdict == NAT_FORWARD && job->session != NAT_NO_SESSION) {
		g->last_worker = owner;
		g->last_session = job->session;
	}
	return fault;
}

/* From the NAT on, with ports known; hairpinned datagrams twice. */
static struct passage translate(struct gateway *g, nat_time now, struct pkt *p, enum nat_side from,
				uint8_t *buffer)
{
	const uint8_t *end = p->ip + p->len + ROOM;
	struct nat_job job = { .p = p, .from = from, .room = (uint32_t)(end - p->ip) };
	struct passage way = { .to = side_other(from), .buffer = buffer };

	way.fault = process(g, now, &job);
	if (!way.fault && job.verdict == NAT_HAIRPIN) {
		job = (struct nat_job){ .p = p, .from = SIDE_OUTSIDE, .hairpinned = true,
					.room = (uint32_t)(end - p->ip) };
		way.to = SIDE_INSIDE;
		way.fault = process(g, now, &job);
		if (job.verdict == NAT_HAIRPIN)
			way.fault = "hairpinned twice";
	}
	if (job.verdict == NAT_FORWARD && g->mss)
		mss_clamp(p, g->mss);
	way.verdict = job.verdict;
	way.reason = job.reason;
	way.answer = job.answer;
	way.octets = p->ip;
	way.len = p->len;
	/* As the router goes by it. */
	if (p->version == 6 && !(p->flags & PKT_DONT_FRAGMENT) && p->len > job.piece)
		way.piece = job.piece;
	way.ident = be16_host(p->ident);
	return way;
}

static void drop_held(struct gateway *g, size_t at)
{
	g->held_count--;
	memmove(&g->held[at], &g->held[at + 1], (g->held_count - at) * sizeof(g->held[0]));
}

static bool is_held_for(const struct held *h, uint16_t worker, uint32_t datagram)
{
	return h->worker == worker && h->datagram == datagram;
}

static void let_go(struct gateway *g, nat_time now, struct held *h, const struct pkt *known)
{
	if (h->gone)
		return;
	pkt_follow(&h->p, known);
	h->way = translate(g, now, &h->p, h->from, h->buffer);
	h->gone = true;
}

/* The first of the fragments that are held opens what the others need. */
static void release_first(struct gateway *g, nat_time now, const struct pkt *known, uint16_t worker,
			  uint32_t datagram)
{
	for (size_t i = 0; i < g->held_count; i++)
		if (is_held_for(&g->held[i], worker, datagram) &&
		    (g->held[i].p.flags & PKT_FRAGMENT_FIRST))
			let_go(g, now, &g->held[i], known);
}

static void release(struct gateway *g, nat_time now, const struct pkt *known, uint16_t worker,
		    uint32_t datagram)
{
	for (size_t i = 0; i < g->held_count;) {
		if (!is_held_for(&g->held[i], worker, datagram)) {
			i++;
			continue;
		}
		let_go(g, now, &g->held[i], known);
		g->released[g->released_count++] = g->held[i].way;
		drop_held(g, i);
	}
}

static struct passage pass_fragment(struct gateway *g, nat_time now, struct pkt *p,
				    enum nat_side from, uint8_t *buffer)
{
	uint16_t worker = owner_of(g, p, from) % g->workers;
	struct nat_fragment_note note;
	enum nat_fragment learned = nat_learn(g->nats[worker], now, p, from, &note);
	struct passage way = { .verdict = NAT_DROP, .buffer = buffer, .reason = note.reason };
	/* The ports inside, for those that are released: translation changes the view's. */
	struct pkt known = *p;

	if (learned == FRAGMENT_KNOWN) {
		if (note.release)
			release_first(g, now, &known, worker, note.datagram);
		way = translate(g, now, p, from, buffer);
		if (note.release)
			release(g, now, &known, worker, note.datagram);
	} else if (learned == FRAGMENT_HOLD && g->held_count == HELD_FRAGMENTS_MOST) {
		way.fault = "a story has at most 16 fragments held";
	} else if (learned == FRAGMENT_HOLD) {
		way.held = true;
		way.buffer = NULL;
		g->held[g->held_count++] = (struct held){
			*p, buffer, from, worker, note.datagram, now, false, { 0 },
		};
	}
	return way;
}

/* The datagram lies in memory of just its size, with the room that the library is told of, so that the
 * sanitizer sees a step beyond it. */
struct passage gateway_pass(struct gateway *g, nat_time now, enum nat_side from,
			    const uint8_t *octets, size_t len)
{
	uint8_t *buffer = malloc(NAT_HEADROOM + len + ROOM);
	enum reason r;
	struct pkt p;

	if (!buffer)
		abort();
	memcpy(buffer + NAT_HEADROOM, octets, len);
	r = pkt_parse(&p, buffer + NAT_HEADROOM, len, NULL);
	if (r != REASON_NONE)
		return (struct passage){ .verdict = NAT_DROP, .reason = r, .buffer = buffer };
	if (pkt_is_fragment(&p))
		return pass_fragment(g, now, &p, from, buffer);
	return translate(g, now, &p, from, buffer);
}

bool gateway_next_released(struct gateway *g, struct passage *way)
{
	if (!g->released_count)
		return false;
	*way = g->released[0];
	g->released_count--;
	memmove(g->released, g->released + 1, g->released_count * sizeof(g->released[0]));
	return true;
}

static const char *hear(struct gateway *g, nat_time now)
{
	const char *fault = NULL;

	for (uint16_t i = 0; !fault && i < g->workers; i++)
		fault = notes_fetch(&g->notes, now, g->nats[i]);
	notes_settle(&g->notes, now);
	return fault;
}

const char *gateway_expire(struct gateway *g, nat_time now)
{
	while (g->held_count && now.ms - g->held[0].since.ms >= g->fragment_ms) {
		free(g->held[0].buffer);
		drop_held(g, 0);
	}
	for (uint16_t i = 0; i < g->workers; i++)
		nat_expire(g->nats[i], now, g->settings->visits);
	return hear(g, now);
}

static const char *check_listings(const struct nat *n, nat_time now)
{
	struct nat_gauges gauges = nat_gauges(n);
	struct nat_session session;
	struct nat_mapping mapping;
	uint32_t cursor = 0, sessions = 0, mappings = 0, used = 0;

	while (nat_session_next(n, now, &cursor, &session))
		sessions++;
	for (cursor = 0; nat_mapping_next(n, &cursor, &mapping); mappings++)
		used += mapping.sessions;
	if (sessions != gauges.sessions || mappings != gauges.mappings)
		return "listing and gauges disagree";
	if (used != sessions)
		return "mappings count other sessions than there are";
	return NULL;
}

const char *gateway_check(struct gateway *g, nat_time now)
{
	const char *fault = hear(g, now);
	struct nat_gauges sum = gateway_gauges(g);

	for (uint16_t i = 0; !fault && i < g->workers; i++) {
		fault = nat_check(g->nats[i]);
		if (!fault)
			fault = check_listings(g->nats[i], now);
	}
	return fault ? fault : notes_check(&g->notes, &sum);
}

struct nat_gauges gateway_gauges(const struct gateway *g)
{
	struct nat_gauges sum = { 0 };

	for (uint16_t i = 0; i < g->workers; i++) {
		struct nat_gauges one = nat_gauges(g->nats[i]);

		sum.sessions += one.sessions;
		sum.mappings += one.mappings;
		sum.hosts += one.hosts;
		sum.held_ports += one.held_ports;
		sum.sessions_lost += one.sessions_lost;
		sum.sessions_moved += one.sessions_moved;
		sum.sessions_kept += one.sessions_kept;
		for (int proto = 0; proto < 5; proto++)
			sum.ports[proto] += one.ports[proto];
	}
	return sum;
}

bool gateway_state(const struct gateway *g, nat_time now, enum tcp_state *state)
{
	struct nat_session s;
	uint32_t cursor = 0;

	if (g->last_session == NAT_NO_SESSION)
		return false;
	while (nat_session_next(g->nats[g->last_worker], now, &cursor, &s)) {
		*state = s.state;
		if (s.id == g->last_session)
			return true;
	}
	return false;
}

static void print_endpoint(FILE *out, const struct nat_endpoint *e)
{
	char text[INET6_ADDRSTRLEN];

	if (e->is_v6)
		inet_ntop(AF_INET6, &e->address6, text, sizeof(text));
	else
		inet_ntop(AF_INET, &e->address, text, sizeof(text));
	fprintf(out, e->is_v6 ? " [%s]:%u" : " %s:%u", text, be16_host(e->port));
}

void gateway_print(const struct gateway *g, nat_time now, FILE *out)
{
	struct nat_session s;
	int left = PRINTED_MOST;

	for (uint16_t i = 0; i < g->workers; i++)
		for (uint32_t cursor = 0; left && nat_session_next(g->nats[i], now, &cursor, &s); left--) {
			fprintf(out, "  worker %u: protocol %u", i, s.protocol);
			print_endpoint(out, &s.inside);
			print_endpoint(out, &s.outside);
			print_endpoint(out, &s.remote);
			fprintf(out, " %s idle %u ms, ends in %u ms\n", tcp_state_name(s.state),
				s.idle_ms, s.expires_ms);
		}
}
