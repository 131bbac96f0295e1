#include "play.h"
#include "restart.h"

#include <stdlib.h>
#include <string.h>

#include "gateway.h"

struct play {
	const struct story *story;
	const char *file;
	bool restarts;
	FILE *why;
	struct gateway gateway;
	struct variables vars;
	nat_time now;
	uint8_t octets[DATAGRAM_MOST]; /* scratch: a datagram as described */
};

static bool fail(struct play *p, int line, const char *what)
{
	fprintf(p->why, "%s:%d: %s\n", p->file, line, what);
	return false;
}

static void print_octets(FILE *out, const char *name, const uint8_t *octets, size_t len)
{
	fprintf(out, "  %s\n", name);
	for (size_t i = 0; i < len && i < 128; i++)
		fprintf(out, "%s%02x%s", i % 16 ? " " : "    ", octets[i],
			i % 16 == 15 || i + 1 == len ? "\n" : "");
	if (len > 128)
		fprintf(out, "    and %zu more\n", len - 128);
}

static void print_message(FILE *out, const char *name, const uint8_t *octets, size_t len)
{
	fprintf(out, "  %s ", name);
	message_print(out, octets, len);
	fputc('\n', out);
}

static void print_drop(FILE *out, const char *name, enum reason r, enum nat_answer a)
{
	static const char *const answers[] = {
		[NAT_ANSWER_REASON] = "", [NAT_ANSWER_PROHIBITED] = " prohibited",
		[NAT_ANSWER_SILENT] = " silent", [NAT_ANSWER_PROTOCOL] = " protocol",
	};

	fprintf(out, "  %s drop %s%s\n", name, reason_name(r), answers[a]);
}

/* What came of a datagram, whatever it was. */
static void print_passage(struct play *p, const struct passage *way)
{
	if (way->held)
		fprintf(p->why, "  came     held\n");
	else if (way->verdict == NAT_DROP)
		print_drop(p->why, "came    ", way->reason, way->answer);
	else if (way->verdict == NAT_UNMATCHED)
		fprintf(p->why, "  came     unmatched\n");
	else
		print_message(p->why, way->to == SIDE_OUTSIDE ? "came     out>" : "came     <in",
			      way->octets, way->len);
}

/* p->octets and len are what was expected. */
static bool compare(struct play *p, const struct step *s, const struct passage *way, size_t len)
{
	const uint8_t *octets = way->octets;
	size_t at = 0;

	while (at < len && at < way->len && octets[at] == p->octets[at])
		at++;
	if (at == len && at == way->len)
		return true;
	fail(p, s->outcome_line, "the octets differ");
	print_message(p->why, "expected", p->octets, len);
	print_message(p->why, "came    ", octets, way->len);
	fprintf(p->why, "  they differ first at octet %zu\n", at);
	print_octets(p->why, "expected", p->octets, len);
	print_octets(p->why, "came", octets, way->len);
	return false;
}

/* What the router is told to cut it into, and with which identification. */
static bool judge_pieces(struct play *p, const struct step *s, const struct passage *way)
{
	const struct datagram *d = &s->awaited.outer;
	struct number ident;

	if (way->piece != d->pieces) {
		fail(p, s->outcome_line, "other pieces");
		fprintf(p->why, "  expected %u\n  came     %u\n", d->pieces, way->piece);
		return false;
	}
	if (!d->pieces || (value_of(&d->field[IPID], &p->vars, &ident) && ident.low == way->ident))
		return true;
	return fail(p, s->outcome_line, "pieces with another identification");
}

static bool judge_arrival(struct play *p, const struct step *s, const struct passage *way)
{
	struct message awaited = s->awaited;
	size_t len;

	message_bind(&awaited, way->octets, way->len, &p->vars);
	message_adopt(&awaited, way->octets, way->len);
	len = message_build(p->octets, &awaited, &p->vars);
	if (!len)
		return fail(p, s->outcome_line, "a variable is not bound");
	return compare(p, s, way, len) && judge_pieces(p, s, way);
}

static enum outcome outcome_of(const struct passage *way)
{
	if (way->held)
		return IS_HELD;
	if (way->verdict == NAT_FORWARD)
		return COMES_OUT;
	return way->verdict == NAT_UNMATCHED ? IS_UNMATCHED : IS_DROPPED;
}

static bool judge(struct play *p, const struct step *s, const struct passage *way)
{
	static const char *const expected[] = {
		[COMES_OUT] = "expected to come out", [IS_DROPPED] = "expected to be dropped",
		[IS_UNMATCHED] = "expected to be unmatched", [IS_HELD] = "expected to be held",
	};
	enum outcome came = outcome_of(way);

	if (way->fault)
		return fail(p, s->line, way->fault);
	if (came == s->outcome && came == COMES_OUT && way->to == s->to)
		return judge_arrival(p, s, way);
	if (came == s->outcome && came == IS_DROPPED && way->reason == s->reason &&
	    way->answer == s->answer)
		return true;
	if (came == s->outcome && (came == IS_UNMATCHED || came == IS_HELD))
		return true;
	fail(p, s->outcome_line, expected[s->outcome]);
	if (s->outcome == COMES_OUT)
		fprintf(p->why, "  expected %s\n", s->to == SIDE_OUTSIDE ? "out>" : "<in");
	if (s->outcome == IS_DROPPED)
		print_drop(p->why, "expected", s->reason, s->answer);
	print_passage(p, way);
	return false;
}

static bool play_pass(struct play *p, const struct step *s)
{
	size_t len = message_build(p->octets, &s->sent, &p->vars);
	struct passage way;
	bool good;

	if (p->gateway.released_count)
		return fail(p, s->line, "before this one, a datagram that was held has come");
	if (!len)
		return fail(p, s->line, "a variable is not bound");
	way = gateway_pass(&p->gateway, p->now, s->from, p->octets, len);
	good = judge(p, s, &way);
	free(way.buffer);
	return good;
}

static bool play_released(struct play *p, const struct step *s)
{
	struct passage way;
	bool good;

	if (!gateway_next_released(&p->gateway, &way))
		return fail(p, s->line, "nothing that was held has come");
	good = judge(p, s, &way);
	free(way.buffer);
	return good;
}

static bool play_number(struct play *p, const struct step *s, uint32_t came)
{
	struct number expected;

	if (!value_of(&s->a, &p->vars, &expected))
		return fail(p, s->line, "a variable is not bound");
	if (came == expected.low)
		return true;
	fail(p, s->line, "another number");
	fprintf(p->why, "  expected %u\n  came     %u\n", expected.low, came);
	return false;
}

static bool play_gauge(struct play *p, const struct step *s)
{
	struct nat_gauges g = gateway_gauges(&p->gateway);
	const uint32_t counts[] = {
		[GAUGE_SESSIONS] = g.sessions, [GAUGE_MAPPINGS] = g.mappings,
		[GAUGE_HOSTS] = g.hosts,       [GAUGE_TCP] = g.ports[0],
		[GAUGE_UDP] = g.ports[1],      [GAUGE_ICMP] = g.ports[2],
		[GAUGE_UDPLITE] = g.ports[3],  [GAUGE_DCCP] = g.ports[4],
		[GAUGE_HELD_PORTS] = g.held_ports, [GAUGE_LOST] = (uint32_t)g.sessions_lost,
		[GAUGE_MOVED] = (uint32_t)g.sessions_moved, [GAUGE_KEPT] = g.sessions_kept,
	};

	return play_number(p, s, counts[s->gauge]);
}

static bool play_rejected(struct play *p, const struct step *s)
{
	uint32_t came = p->gateway.notes.rejected;

	p->gateway.notes.rejected = 0;
	return play_number(p, s, came);
}

static bool play_address(struct play *p, const struct step *s)
{
	const char *fault;
	struct place was, now;
	struct number a, b;

	if (!value_of(&s->a, &p->vars, &a) || !value_of(&s->b, &p->vars, &b))
		return fail(p, s->line, "a variable is not bound");
	was = settings_place(&a, s->a.is6);
	now = settings_place(&b, s->b.is6);
	fault = gateway_readdress(&p->gateway, &was, &now);
	return fault ? fail(p, s->line, fault) : true;
}

static bool play_state(struct play *p, const struct step *s)
{
	enum tcp_state state;

	if (!gateway_state(&p->gateway, p->now, &state))
		return fail(p, s->line, "the session has ended");
	if (state == s->state)
		return true;
	fail(p, s->line, "another state");
	fprintf(p->why, "  expected %s\n  came     %s\n", tcp_state_name(s->state),
		tcp_state_name(state));
	return false;
}

static bool holds(enum relation r, const struct number *a, const struct number *b)
{
	bool same = memcmp(a, b, sizeof(*a)) == 0;

	switch (r) {
	case EQUAL:
		return same;
	case UNEQUAL:
		return !same;
	case BELOW:
		return a->low < b->low;
	case NOT_BELOW:
		return a->low >= b->low;
	case EVEN:
		return a->low % 2 == 0;
	default:
		return a->low % 2 == 1;
	}
}

static bool play_expect(struct play *p, const struct step *s)
{
	struct number a, b;

	if (!value_of(&s->a, &p->vars, &a) || !value_of(&s->b, &p->vars, &b))
		return fail(p, s->line, "a variable is not bound");
	if (holds(s->relation, &a, &b))
		return true;
	fail(p, s->line, "does not hold");
	fprintf(p->why, "  came     %u (%#x) on the left", a.low, a.low);
	fprintf(p->why, s->relation < EVEN ? ", %u (%#x) on the right\n" : "\n", b.low, b.low);
	return false;
}

static bool pass_time(struct play *p, const struct step *s)
{
	uint64_t ms = s->ms + (s->relative ? p->now.ms : 0);
	const char *fault;

	if (ms < p->now.ms)
		return fail(p, s->line, "time runs backwards");
	p->now.ms = ms;
	fault = gateway_expire(&p->gateway, p->now);
	if (fault)
		return fail(p, s->line, fault);
	if (p->gateway.notes.rejected && s->kind != STEP_REJECTED)
		return fail(p, s->line, "a SYN is rejected now");
	return true;
}

static bool play_steps(struct play *p, size_t begin, size_t end);

/* What a round binds is forgotten at its end. */
static bool play_for(struct play *p, const struct step *s, size_t body)
{
	struct variables before = p->vars;
	bool good = true;

	for (uint32_t i = s->first; good && i <= s->last; i++) {
		p->vars = before;
		p->vars.bound[s->a.variable - 1] = true;
		p->vars.value[s->a.variable - 1] = (struct number){ .low = i };
		good = play_steps(p, body, s->end);
		if (!good)
			fprintf(p->why, "  in the round $%s = %u\n",
				p->story->names.name[s->a.variable - 1], i);
	}
	p->vars = before;
	return good;
}

static bool play_step(struct play *p, size_t at)
{
	const struct step *s = &p->story->steps[at];

	switch (s->kind) {
	case STEP_PASS:
		return play_pass(p, s);
	case STEP_RELEASED:
		return play_released(p, s);
	case STEP_GAUGE:
		return play_gauge(p, s);
	case STEP_REJECTED:
		return play_rejected(p, s);
	case STEP_EVENTS:
		return play_number(p, s, p->gateway.notes.events[s->event]);
	case STEP_STATE:
		return play_state(p, s);
	case STEP_ADDRESS:
		return play_address(p, s);
	case STEP_RESTART:
		gateway_restart(&p->gateway, p->now, !s->killed);
		return true;
	case STEP_EXPECT:
		return play_expect(p, s);
	case STEP_FOR:
		return play_for(p, s, at + 1);
	default:
		return true;
	}
}

static bool play_steps(struct play *p, size_t begin, size_t end)
{
	const char *fault;

	for (size_t at = begin; at < end; at++) {
		const struct step *s = &p->story->steps[at];

		if (!pass_time(p, s))
			return false;
		if (p->restarts && s->kind == STEP_PASS)
			gateway_restart(&p->gateway, p->now, true);
		if (!play_step(p, at))
			return false;
		fault = gateway_check(&p->gateway, p->now);
		if (fault)
			return fail(p, s->line, fault);
		if (s->kind == STEP_FOR)
			at = s->end;
	}
	return true;
}

bool story_play(const struct story *s, const char *file, const struct performance *how, FILE *why)
{
	struct play p = { .story = s, .file = file, .restarts = how->restarts, .why = why };
	const char *fault = gateway_open(&p.gateway, &s->settings, how->workers);
	bool good = false;

	if (fault)
		fprintf(why, "%s: conf: %s\n", file, fault);
	else
		good = play_steps(&p, 0, s->step_count);
	if (good && p.gateway.released_count)
		good = fail(&p, s->steps[s->step_count - 1].line, "more that was held has come");
	if (!good && !fault) {
		fprintf(why, "  at %llu ms, sessions (inside, outside, remote):\n",
			(unsigned long long)p.now.ms);
		gateway_print(&p.gateway, p.now, why);
	}
	gateway_close(&p.gateway);
	return good;
}
