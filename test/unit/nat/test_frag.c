/*
 * Virtual reassembly (RFC 4787 REQ-14, requirement 8200-R8), fragment by fragment.
 *
 * Sources  RFC 791 section 3.2, RFC 5722 section 4, RFC 1858.
 */
#include "fragments.h"

#define HOST 0x0a00000a
#define REMOTE 0xcb007109
#define OUTSIDE 0xc6336402

static const struct ends usual = { HOST, REMOTE, { 5000, 53 }, PROTO_UDP, 0, 7, SIDE_INSIDE };

static int set_up(void **state)
{
	*state = net_new(64, 1);
	return 0;
}

static int tear_down(void **state)
{
	net_free(*state);
	return 0;
}

/* k: known, h: to be held, o: overlap, l: limit, f: no first fragment that could be used, i: of an
 * ICMP error. */
static char letter(const struct shown *s)
{
	if (s->is != FRAGMENT_DROP)
		return s->is == FRAGMENT_KNOWN ? 'k' : 'h';
	switch (s->note.reason) {
	case REASON_FRAGMENT_OVERLAP: return 'o';
	case REASON_FRAGMENT_LIMIT: return 'l';
	case REASON_FRAGMENT: return 'f';
	case REASON_ICMP_FRAGMENT: return 'i';
	default: return '?';
	}
}

static char tell(struct net *t, const struct ends *e, uint32_t at, uint32_t end, bool last)
{
	struct shown s = show(t, e, (struct piece){ at, end, last });

	return letter(&s);
}

/* Pieces in the order they come: octets, whether that is the last, and what becomes of it. */
static const struct {
	const char *what;
	struct { struct piece x; char is; } part[6];
} stories[] = {
	{ "in order",
	  { { { 0, 8, 0 }, 'k' }, { { 8, 24, 0 }, 'k' }, { { 24, 25, 1 }, 'k' } } },
	{ "backwards",
	  { { { 24, 25, 1 }, 'h' }, { { 8, 24, 0 }, 'h' }, { { 0, 8, 0 }, 'k' } } },
	{ "from the middle",
	  { { { 8, 24, 0 }, 'h' }, { { 0, 8, 0 }, 'k' }, { { 24, 25, 1 }, 'k' } } },
	{ "as long as can be",
	  { { { 65512, 65515, 1 }, 'h' }, { { 0, 65512, 0 }, 'k' }, { { 0, 8, 0 }, 'k' } } },
	{ "repeated",
	  { { { 0, 16, 0 }, 'k' }, { { 0, 16, 0 }, 'o' }, { { 8, 16, 0 }, 'o' },
	    { { 0, 8, 0 }, 'o' }, { { 16, 20, 1 }, 'k' } } },
	{ "repeated in vain",
	  { { { 16, 20, 1 }, 'h' }, { { 16, 20, 1 }, 'o' }, { { 0, 8, 0 }, 'k' },
	    { { 0, 8, 0 }, 'o' }, { { 16, 20, 1 }, 'o' }, { { 8, 16, 0 }, 'k' } } },
	{ "again after its end",
	  { { { 0, 8, 0 }, 'k' }, { { 8, 9, 1 }, 'k' }, { { 8, 9, 1 }, 'h' },
	    { { 0, 8, 0 }, 'k' }, { { 8, 16, 0 }, 'h' } } },
	{ "eight octets over the begin",
	  { { { 8, 24, 0 }, 'h' }, { { 0, 16, 0 }, 'o' }, { { 0, 8, 0 }, 'o' },
	    { { 24, 30, 1 }, 'o' } } },
	{ "eight octets over the end",
	  { { { 0, 16, 0 }, 'k' }, { { 8, 24, 0 }, 'o' }, { { 16, 24, 0 }, 'o' },
	    { { 24, 30, 1 }, 'o' } } },
	{ "around",
	  { { { 0, 8, 0 }, 'k' }, { { 16, 24, 0 }, 'k' }, { { 8, 32, 0 }, 'o' },
	    { { 8, 16, 0 }, 'o' } } },
	{ "around from the begin",
	  { { { 8, 16, 0 }, 'h' }, { { 0, 24, 0 }, 'o' }, { { 0, 8, 0 }, 'o' } } },
	{ "over two",
	  { { { 0, 16, 0 }, 'k' }, { { 24, 40, 0 }, 'k' }, { { 8, 32, 0 }, 'o' },
	    { { 16, 24, 0 }, 'o' } } },
	{ "over what was joined",
	  { { { 0, 8, 0 }, 'k' }, { { 16, 24, 0 }, 'k' }, { { 8, 16, 0 }, 'k' },
	    { { 0, 24, 0 }, 'o' }, { { 8, 24, 0 }, 'o' }, { { 24, 30, 1 }, 'k' } } },
	{ "two ends",
	  { { { 8, 12, 1 }, 'h' }, { { 16, 20, 1 }, 'o' }, { { 0, 8, 0 }, 'o' } } },
	{ "two ends, the far one first",
	  { { { 16, 20, 1 }, 'h' }, { { 8, 12, 1 }, 'o' }, { { 0, 8, 0 }, 'o' } } },
	{ "behind the end",
	  { { { 8, 12, 1 }, 'h' }, { { 16, 24, 0 }, 'o' }, { { 0, 8, 0 }, 'o' } } },
	{ "behind the end, which comes later",
	  { { { 16, 24, 0 }, 'h' }, { { 8, 12, 1 }, 'o' }, { { 0, 8, 0 }, 'o' } } },
	{ "over the end",
	  { { { 8, 12, 1 }, 'h' }, { { 8, 24, 0 }, 'o' }, { { 0, 8, 0 }, 'o' } } },
	{ "the end is full",
	  { { { 8, 12, 1 }, 'h' }, { { 8, 16, 0 }, 'o' }, { { 0, 8, 0 }, 'k' } } },
};

static void tell_all(struct net *t, size_t story, const struct ends *e)
{
	for (size_t i = 0; i < 6 && stories[story].part[i].is; i++) {
		struct piece x = stories[story].part[i].x;
		struct shown s = show(t, e, x);

		if (letter(&s) != stories[story].part[i].is)
			fail_msg("%s: part %zu is %c", stories[story].what, i, letter(&s));
		if (s.is == FRAGMENT_KNOWN)
			assert_int_equal(s.note.release, !x.at);
	}
}

static void stories_end_well(void **state)
{
	struct ends e = usual;

	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++, e.id++)
		tell_all(*state, i, &e);
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++, e.id++) {
		e.from = SIDE_OUTSIDE;
		tell_all(*state, i, &e);
	}
}

/* The first fragment's ports, or the identifier twice, are those of all. */
static void all_have_the_ports_of_the_first(void **state)
{
	static const struct ends ends[] = {
		{ HOST, REMOTE, { 5000, 53 }, PROTO_UDP, 0, 1, SIDE_INSIDE },
		{ REMOTE, OUTSIDE, { 53, 5000 }, PROTO_UDP, 0, 1, SIDE_OUTSIDE },
		{ HOST, REMOTE, { 5000, 80 }, PROTO_TCP, 0, 1, SIDE_INSIDE },
		{ REMOTE, OUTSIDE, { 80, 5000 }, PROTO_TCP, 0, 1, SIDE_OUTSIDE },
		{ HOST, REMOTE, { 700, 700 }, PROTO_ICMP, 8, 1, SIDE_INSIDE },
		{ HOST, REMOTE, { 701, 701 }, PROTO_ICMP, 13, 2, SIDE_INSIDE },
		{ REMOTE, OUTSIDE, { 700, 700 }, PROTO_ICMP, 0, 1, SIDE_OUTSIDE },
		{ REMOTE, OUTSIDE, { 701, 701 }, PROTO_ICMP, 14, 2, SIDE_OUTSIDE },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		for (uint32_t at = 0; at < 72; at += 24) {
			struct piece x = { at, at + 24, at == 48 };
			struct shown s = show(*state, &ends[i], x);

			assert_int_equal(s.is, FRAGMENT_KNOWN);
			assert_true(s.p.flags & PKT_PORTS_KNOWN);
			assert_int_equal(be16_host(s.p.ports[0]), ends[i].ports[0]);
			assert_int_equal(be16_host(s.p.ports[1]), ends[i].ports[1]);
		}
}

/* A datagram is what RFC 791 section 3.2 says it is, and a side. */
static void datagrams_are_told_apart(void **state)
{
	struct ends e[7];

	for (size_t i = 0; i < 7; i++)
		e[i] = usual;
	e[1].source++;
	e[2].destination++;
	e[3].protocol = PROTO_TCP;
	e[4].id++;
	e[5].from = SIDE_OUTSIDE;
	e[6].id ^= 0xff00;
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(tell(*state, &e[i], 24, 48, false), 'h');
	for (size_t i = 0; i < 7; i++) {
		e[i].ports[0] = (uint16_t)(6000 + i);
		assert_int_equal(tell(*state, &e[i], 0, 24, false), 'k');
	}
	for (size_t i = 0; i < 7; i++) {
		struct shown s = show(*state, &e[i], (struct piece){ 48, 50, true });

		assert_int_equal(be16_host(s.p.ports[0]), 6000 + i);
	}
}

/* Those held for a datagram are told from those held for any other, before or after. */
static void datagrams_have_names(void **state)
{
	struct ends e = usual;
	uint32_t names[100];

	for (size_t i = 0; i < 100; i++, e.id = (uint16_t)(e.id + i % 3)) {
		struct shown s = show(*state, &e, (struct piece){ 8, 16, false });

		assert_int_equal(s.is, FRAGMENT_HOLD);
		names[i] = s.note.datagram;
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(names[k], names[i]);
		s = show(*state, &e, (struct piece){ 16, 20, true });
		assert_int_equal(s.note.datagram, names[i]);
		s = show(*state, &e, (struct piece){ 0, 8, false });
		assert_true(s.is == FRAGMENT_KNOWN && s.note.release);
		assert_int_equal(s.note.datagram, names[i]);
	}
}

static void time_is_over_at_the_millisecond(void **state)
{
	static const uint32_t times[] = { FRAGMENT_MS, 2000, 60000 };
	struct net *t = *state;
	struct ends e = usual;

	for (size_t i = 0; i < 3; i++) {
		t->config.timeout_ms[TIMEOUT_FRAGMENT] = times[i];
		nat_configure(t->nat, &t->config);
		e.id = (uint16_t)i;
		assert_int_equal(tell(t, &e, 8, 16, false), 'h');
		later(t, times[i] - 1);
		/* What comes does not prolong it. */
		assert_int_equal(tell(t, &e, 0, 8, false), 'k');
		assert_int_equal(tell(t, &e, 16, 24, false), 'k');
		later(t, 1);
		assert_int_equal(tell(t, &e, 24, 30, true), 'h');
		assert_int_equal(tell(t, &e, 8, 16, false), 'h');
	}
}

/* Also those that overlaps ended. */
static void the_oldest_end_first(void **state)
{
	struct net *t = *state;
	struct ends e = usual;

	for (e.id = 0; e.id < 60; e.id++) {
		assert_int_equal(tell(t, &e, 8, 24, false), 'h');
		if (e.id % 3 == 0)
			assert_int_equal(tell(t, &e, 0, 16, false), 'o');
		if (e.id % 3 == 1) {
			assert_int_equal(tell(t, &e, 0, 8, false), 'k');
			assert_int_equal(tell(t, &e, 24, 30, true), 'k');
		}
		later(t, 100);
	}
	later(t, FRAGMENT_MS - 60 * 100 - 1);
	for (e.id = 0; e.id < 60; e.id++) {
		assert_int_equal(tell(t, &e, 8, 16, false), e.id % 3 == 1 ? 'h' : 'o');
		later(t, 1);
		assert_int_equal(tell(t, &e, 8, 16, false), e.id % 3 == 1 ? 'o' : 'h');
		later(t, 99);
	}
}

static void the_limit_is_shared(void **state)
{
	(void)state;
	for (uint16_t workers = 1; workers <= 4; workers++) {
		struct net *t = net_new(10, workers);
		uint16_t share = (uint16_t)((10 + workers - 1) / workers);
		struct ends e = usual;

		for (e.id = 0; e.id < 100; e.id++) {
			bool first = e.id % 2 == 0;
			char is = tell(t, &e, first ? 0 : 8, 16, false);

			assert_int_equal(is, e.id >= share ? 'l' : first ? 'k' : 'h');
		}
		/* Complete: room for one. */
		e.id = 0;
		assert_int_equal(tell(t, &e, 16, 20, true), 'k');
		assert_int_equal(tell(t, &e, 0, 8, false), 'k');
		e.id = 200;
		assert_int_equal(tell(t, &e, 0, 8, false), 'l');
		later(t, FRAGMENT_MS);
		for (e.id = 0; e.id < 100; e.id++)
			assert_int_equal(tell(t, &e, 0, 8, false), e.id < share ? 'k' : 'l');
		net_free(t);
	}
}

/* Twelve stretches apart from one another, and no more until some of them meet. */
static void stretches_are_few(void **state)
{
	struct net *t = *state;
	struct ends e = usual;

	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(tell(t, &e, 16 * i, 16 * i + 8, false), 'k');
	assert_int_equal(tell(t, &e, 16 * 12, 16 * 12 + 8, false), 'l');
	assert_int_equal(tell(t, &e, 16 * 12, 16 * 12 + 4, true), 'l');
	assert_int_equal(tell(t, &e, 8, 16, false), 'k');
	/* What was refused has not come, nor is it the end. */
	assert_int_equal(tell(t, &e, 16 * 12, 16 * 12 + 8, false), 'k');
	assert_int_equal(tell(t, &e, 16 * 13, 16 * 13 + 4, true), 'l');
	for (uint32_t i = 1; i < 12; i++)
		assert_int_equal(tell(t, &e, 16 * i + 8, 16 * i + 16, false), 'k');
	assert_int_equal(tell(t, &e, 16 * 12 + 8, 16 * 12 + 16, false), 'k');
	assert_int_equal(tell(t, &e, 16 * 13, 16 * 13 + 4, true), 'k');
	assert_int_equal(tell(t, &e, 16 * 13, 16 * 13 + 4, true), 'h');
}

/* Nor when it is the first fragment that finds no room. */
static void the_first_is_one_too_many(void **state)
{
	struct ends e = usual;

	for (uint32_t i = 1; i <= 12; i++)
		assert_int_equal(tell(*state, &e, 16 * i, 16 * i + 8, false), 'h');
	assert_int_equal(tell(*state, &e, 0, 8, false), 'l');
	assert_int_equal(tell(*state, &e, 8, 16, false), 'h');
	assert_int_equal(tell(*state, &e, 0, 8, false), 'k');
}

/* RFC 5508 section 3.1: what has neither ports nor an identifier of its own, in any order. */
static void without_ports_nothing_passes(void **state)
{
	static const struct ends ends[] = {
		{ HOST, REMOTE, { 0, 0 }, PROTO_ICMP, 3, 1, SIDE_INSIDE },
		{ HOST, REMOTE, { 0, 0 }, PROTO_ICMP, 0, 2, SIDE_INSIDE },
		{ HOST, REMOTE, { 0, 0 }, PROTO_ICMP, 5, 3, SIDE_INSIDE },
		{ HOST, REMOTE, { 0, 0 }, PROTO_AH, 0, 4, SIDE_INSIDE },
		{ REMOTE, OUTSIDE, { 0, 0 }, PROTO_ICMP, 11, 1, SIDE_OUTSIDE },
		{ REMOTE, OUTSIDE, { 0, 0 }, PROTO_ICMP, 8, 2, SIDE_OUTSIDE },
		{ REMOTE, OUTSIDE, { 0, 0 }, PROTO_AH, 0, 4, SIDE_OUTSIDE },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct ends e = ends[i];
		char why = e.protocol == PROTO_ICMP && (e.type == 3 || e.type == 11) ? 'i' : 'f';

		assert_int_equal(tell(*state, &e, 0, 64, false), why);
		assert_int_equal(tell(*state, &e, 64, 128, false), why);
		assert_int_equal(tell(*state, &e, 128, 130, true), why);
		e.id = (uint16_t)(e.id + 100);
		assert_int_equal(tell(*state, &e, 64, 128, false), 'h');
		assert_int_equal(tell(*state, &e, 0, 64, false), why);
		assert_int_equal(tell(*state, &e, 128, 130, true), why);
	}
}

/* Where nothing is translated nothing is noted: not even that there are too many. */
static void untranslated_is_not_noted(void **state)
{
	struct net *t = net_new_of(NOTHING_TRANSLATED, 1, 1);
	struct ends out = { 0x0a090001, REMOTE, { 5000, 53 }, PROTO_UDP, 0, 7, SIDE_INSIDE };
	struct ends in = { REMOTE, 0x0a090001, { 53, 5000 }, 47, 0, 7, SIDE_OUTSIDE };

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		out.id = in.id = (uint16_t)(i / 2);
		assert_int_equal(tell(t, &out, i % 7 * 8, 64, i % 7 && i % 3), 'k');
		assert_int_equal(tell(t, &in, i % 7 * 8, 64, i % 7 && i % 3), 'k');
	}
	net_free(t);
}

/* Requirement 2827-V21: where something is, or was before a reload, a host that is not translated
 * may have sessions of any worker, so what its fragments are of must be known. */
static void untranslated_may_have_sessions(void **state)
{
	static const struct ends ends[] = {
		{ 0x0a090001, REMOTE, { 5000, 53 }, PROTO_UDP, 0, 7, SIDE_INSIDE },
		{ REMOTE, 0x0a090001, { 53, 5000 }, PROTO_TCP, 0, 7, SIDE_OUTSIDE },
		{ 0x0a090001, REMOTE, { 0, 0 }, 47, 0, 8, SIDE_INSIDE },
		{ REMOTE, 0x0a090001, { 7, 7 }, PROTO_ICMP, 8, 9, SIDE_OUTSIDE },
		{ 0x0a090001, REMOTE, { 7, 7 }, PROTO_ICMP, 0, 9, SIDE_INSIDE },
	};
	struct net *t = *state;

	for (int reload = 0; reload < 2; reload++) {
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			struct ends e = ends[i];

			e.id = (uint16_t)(e.id + 100 * reload);
			assert_int_equal(tell(t, &e, 64, 128, false), 'h');
			assert_int_equal(tell(t, &e, 0, 64, false), 'k');
			assert_int_equal(tell(t, &e, 56, 72, true), 'o');
			assert_int_equal(tell(t, &e, 128, 130, true), 'k');
		}
		t->config.policy_count = 1;
		nat_configure(t->nat, &t->config);
	}
}

/* What has no ports is taken for no session's: identifier 0 has one. */
static void no_ports_are_not_zero(void **state)
{
	struct net *t = *state;
	struct ends query = { 0x0a090001, REMOTE, { 0, 0 }, PROTO_ICMP, 8, 1, SIDE_INSIDE };
	struct ends answer = { 0x0a090001, REMOTE, { 0, 0 }, PROTO_ICMP, 0, 2, SIDE_INSIDE };
	struct nat_job job = { .from = SIDE_INSIDE };
	uint8_t octets[HEADER + 64];
	struct nat_fragment_note note;
	struct pkt p;

	t->policies[0] = t->policies[1];
	t->policies[0].prefix = be32_of(0x0a090000);
	nat_configure(t->nat, &t->config);
	assert_int_equal(pkt_parse(&p, octets, piece_write(octets, &query, (struct piece){ 0, 8, true }),
				   NULL), REASON_NONE);
	job.p = &p;
	nat_process(t->nat, t->now, &job);
	assert_true(job.verdict == NAT_FORWARD && job.session != NAT_NO_SESSION);
	t->policies[0].type = NAT_NONE;
	nat_configure(t->nat, &t->config);
	assert_int_equal(tell(t, &answer, 0, 64, false), 'k');
	assert_int_equal(pkt_parse(&p, octets, piece_write(octets, &answer, (struct piece){ 64, 128, true }),
				   NULL), REASON_NONE);
	assert_int_equal(nat_learn(t->nat, t->now, &p, SIDE_INSIDE, &note), FRAGMENT_KNOWN);
	nat_process(t->nat, t->now, &job);
	assert_true(job.verdict == NAT_FORWARD && job.session == NAT_NO_SESSION);
}

/* All fragments of a datagram go to one worker; with their ports known, to that of the session. */
static void fragments_have_one_owner(void **state)
{
	struct net *t = net_new(64, 4);
	size_t seen[4] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		struct ends e = usual;
		struct shown first, later_one;
		uint16_t owner;

		e.ports[0] = (uint16_t)(5000 + i);
		e.destination += i / 4;
		first = show(t, &e, (struct piece){ 0, 64, false });
		assert_int_equal(nat_owner(t->nat, &first.p, e.from), e.ports[0] / 2 % 4);
		first.p.flags &= (uint16_t)~PKT_PORTS_KNOWN;
		owner = nat_owner(t->nat, &first.p, e.from);
		assert_in_range(owner, 0, 3);
		later_one = show(t, &e, (struct piece){ 64, 70, true });
		assert_int_equal(nat_owner(t->nat, &later_one.p, e.from), e.ports[0] / 2 % 4);
		later_one.p.flags &= (uint16_t)~PKT_PORTS_KNOWN;
		assert_int_equal(nat_owner(t->nat, &later_one.p, e.from), owner);
		seen[owner]++;
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(seen[i] > 0);
	net_free(t);
}

/* A later fragment on which an ICMP error must be written can be taken back. */
static void later_fragments_are_restored(void **state)
{
	struct net *t = *state;
	uint8_t octets[2][HEADER + 64];
	struct nat_fragment_note note;

	for (size_t i = 0; i < 2; i++) {
		uint8_t was[HEADER + 64];
		struct piece x = { (uint32_t)i * 64, (uint32_t)i * 64 + 64, i };
		struct pkt p;
		struct nat_job job = { .p = &p, .from = SIDE_INSIDE };

		memset(octets[i], 0, sizeof(octets[i]));
		piece_write(octets[i], &usual, x);
		memcpy(was, octets[i], sizeof(was));
		assert_int_equal(pkt_parse(&p, octets[i], sizeof(was), NULL), REASON_NONE);
		assert_int_equal(nat_learn(t->nat, t->now, &p, SIDE_INSIDE, &note), FRAGMENT_KNOWN);
		nat_process(t->nat, t->now, &job);
		assert_int_equal(job.verdict, NAT_FORWARD);
		assert_memory_not_equal(octets[i], was, sizeof(was));
		assert_int_equal(octets_sum(octets[i], HEADER), 0xffff);
		nat_undo(t->nat, &job);
		assert_memory_equal(octets[i], was, sizeof(was));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(stories_end_well),
		TEST(all_have_the_ports_of_the_first),
		TEST(datagrams_are_told_apart),
		TEST(datagrams_have_names),
		TEST(time_is_over_at_the_millisecond),
		TEST(the_oldest_end_first),
		cmocka_unit_test(the_limit_is_shared),
		TEST(stretches_are_few),
		TEST(the_first_is_one_too_many),
		TEST(without_ports_nothing_passes),
		cmocka_unit_test(untranslated_is_not_noted),
		TEST(untranslated_may_have_sessions),
		TEST(no_ports_are_not_zero),
		cmocka_unit_test(fragments_have_one_owner),
		TEST(later_fragments_are_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
