/*
 * Virtual reassembly under chance: whole datagrams in any order, and fragments that nobody would
 * send, against a model that counts octets.
 */
#include "fragments.h"

/* xorshift64 of Marsaglia: the same run every time. */
static uint32_t chance(uint64_t *state, uint32_t most)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state >> 32) * most >> 32);
}

/* 24 pieces never lie in more than twelve stretches apart. */
enum { PIECES_MOST = 24, BATCH = 20, BATCHES = 150, OPEN_PORT = 5000 };
enum { LONGEST = DATAGRAM_MOST - HEADER };

#define HOST 0x0a00000a
#define REMOTE 0xcb007109
#define OUTSIDE 0xc6336402

/* A datagram on its way: what it says, how it was cut, and what has left of it. */
struct trip {
	struct ends ends;
	uint32_t len; /* of the payload */
	uint8_t payload[DATAGRAM_MOST];
	struct piece cut[PIECES_MOST];
	size_t count;
	size_t lost; /* which piece never comes; count: none */
	uint8_t out[HEADER + DATAGRAM_MOST];
	uint8_t come[DATAGRAM_MOST];
	size_t passed;
};

/* A piece that waits for the first of its datagram. */
struct waiting {
	uint32_t datagram;
	struct trip *trip;
	size_t piece;
};

struct journey {
	struct net *net;
	uint64_t luck;
	struct trip trips[BATCH];
	struct waiting waiting[BATCH * PIECES_MOST];
	size_t waiting_count;
};

static size_t transport_len(const struct ends *e)
{
	return e->protocol == PROTO_TCP ? 20 : 8;
}

static size_t sum_at(const struct ends *e)
{
	return e->protocol == PROTO_TCP ? 16 : e->protocol == PROTO_UDP ? 6 : 2;
}

/* Of a transport and its pseudo-header. */
static uint16_t transport_sum(const uint8_t *ip, uint32_t len)
{
	static uint8_t octets[12 + DATAGRAM_MOST];
	size_t at = ip[9] == PROTO_ICMP ? 0 : 12;

	memset(octets, 0, 12);
	memcpy(octets, ip + 12, at ? 8 : 0);
	octets[9] = at ? ip[9] : 0;
	store16(octets + 10, (uint16_t)(at ? len : 0));
	memcpy(octets + at, ip + HEADER, len);
	return octets_sum(octets, at + len);
}

static void write_payload(struct journey *j, struct trip *t)
{
	uint8_t ip[HEADER + DATAGRAM_MOST];

	for (uint32_t i = 0; i < t->len; i++)
		t->payload[i] = (uint8_t)chance(&j->luck, 256);
	/* The transport header as a piece has it. */
	piece_write(ip, &t->ends, (struct piece){ 0, (uint32_t)transport_len(&t->ends), false });
	memcpy(t->payload, ip + HEADER, transport_len(&t->ends));
	if (t->ends.protocol == PROTO_UDP)
		store16(t->payload + 4, (uint16_t)t->len);
	memcpy(ip + HEADER, t->payload, t->len);
	store16(t->payload + sum_at(&t->ends), (uint16_t)~transport_sum(ip, t->len));
}

/* Cuts at multiples of eight, none of which parts the transport header. */
static void cut(struct journey *j, struct trip *t)
{
	uint32_t units = (t->len - 1) / 8, least = t->ends.protocol == PROTO_TCP ? 3 : 1;
	uint32_t at = 0, wanted = 2 + chance(&j->luck, PIECES_MOST - 1);

	t->count = 0;
	while (t->count + 1 < wanted) {
		uint32_t from = at ? at + 1 : least, room = units < from ? 0 : units - from + 1;
		uint32_t next = from + chance(&j->luck, room / (wanted - (uint32_t)t->count) + 1);

		if (!room)
			break;
		t->cut[t->count++] = (struct piece){ at * 8, next * 8, false };
		at = next;
	}
	t->cut[t->count++] = (struct piece){ at * 8, t->len, true };
	for (size_t i = t->count; i-- > 1;) {
		size_t k = chance(&j->luck, (uint32_t)i + 1);
		struct piece x = t->cut[i];

		t->cut[i] = t->cut[k];
		t->cut[k] = x;
	}
}

/* One in four is the answer to a host that open_up() spoke for. Others may share an identification,
 * because no two are of one host. */
static void depart(struct journey *j, uint32_t number, uint32_t batch)
{
	static const uint8_t protocols[] = { PROTO_UDP, PROTO_TCP, PROTO_ICMP };
	struct trip *t = &j->trips[number];
	uint32_t serial = batch * BATCH + number;

	memset(t, 0, sizeof(*t));
	t->ends = (struct ends){ HOST + number, REMOTE, { (uint16_t)(20000 + serial), 53 },
				 protocols[number % 3], 8, 7, SIDE_INSIDE };
	if (number % 4 == 3)
		t->ends = (struct ends){ REMOTE, OUTSIDE,
					 { 53, (uint16_t)(OPEN_PORT + number - 3) }, PROTO_UDP, 0,
					 (uint16_t)serial, SIDE_OUTSIDE };
	else if (batch % 2)
		t->ends.id = (uint16_t)chance(&j->luck, 65536);
	t->len = 100 + chance(&j->luck, chance(&j->luck, 16) ? 5000 : LONGEST - 100 + 1);
	write_payload(j, t);
	cut(j, t);
	t->lost = chance(&j->luck, 4) ? t->count : chance(&j->luck, (uint32_t)t->count);
}

/* Through the NAT, and to whoever puts it together: every octet once. */
static void arrive(struct journey *j, struct trip *t, struct pkt *p)
{
	struct nat_job job = { .p = p, .from = t->ends.from };
	size_t at = p->fragment_offset, len = p->len - HEADER, twice = 0;

	nat_process(j->net->nat, j->net->now, &job);
	assert_int_equal(job.verdict, NAT_FORWARD);
	assert_int_equal(octets_sum(p->ip, HEADER), 0xffff);
	for (size_t i = 0; i < len; i++)
		twice += t->come[at + i]++;
	assert_int_equal(twice, 0);
	memcpy(t->out, p->ip, HEADER);
	memcpy(t->out + HEADER + at, p->ip + HEADER, len);
	t->passed++;
}

static size_t view(const struct trip *t, size_t piece, struct pkt *p, uint8_t *octets)
{
	struct piece x = t->cut[piece];
	size_t len = piece_write(octets, &t->ends, x);

	memcpy(octets + HEADER, t->payload + x.at, x.end - x.at);
	assert_int_equal(pkt_parse(p, octets, len, NULL), REASON_NONE);
	return len;
}

static void release(struct journey *j, const struct pkt *first, uint32_t datagram)
{
	size_t kept = 0;
	uint8_t octets[HEADER + DATAGRAM_MOST];

	for (size_t i = 0; i < j->waiting_count; i++) {
		struct waiting w = j->waiting[i];
		struct pkt p;

		if (w.datagram != datagram) {
			j->waiting[kept++] = w;
			continue;
		}
		view(w.trip, w.piece, &p, octets);
		pkt_follow(&p, first);
		arrive(j, w.trip, &p);
	}
	j->waiting_count = kept;
}

static void come(struct journey *j, struct trip *t, size_t piece)
{
	uint8_t octets[HEADER + DATAGRAM_MOST];
	struct nat_fragment_note note;
	struct pkt p, first;

	view(t, piece, &p, octets);
	switch (nat_learn(j->net->nat, j->net->now, &p, t->ends.from, &note)) {
	case FRAGMENT_KNOWN:
		first = p;
		arrive(j, t, &p);
		if (note.release)
			release(j, &first, note.datagram);
		break;
	case FRAGMENT_HOLD:
		j->waiting[j->waiting_count++] = (struct waiting){ note.datagram, t, piece };
		break;
	case FRAGMENT_DROP:
		fail_msg("%s", reason_name(note.reason));
	}
}

/* Once more what has come, unless that was the last of it. */
static void come_again(struct journey *j, struct trip *t, size_t piece)
{
	uint8_t octets[HEADER + DATAGRAM_MOST];
	struct nat_fragment_note note;
	struct pkt p;

	view(t, piece, &p, octets);
	assert_int_equal(nat_learn(j->net->nat, j->net->now, &p, t->ends.from, &note),
			 FRAGMENT_DROP);
	assert_int_equal(note.reason, REASON_FRAGMENT_OVERLAP);
}

static bool first_is_lost(const struct trip *t)
{
	return t->lost < t->count && !t->cut[t->lost].at;
}

static void judge(const struct trip *t)
{
	size_t header = transport_len(&t->ends), missing = t->lost < t->count, wrong = 0;

	if (first_is_lost(t)) {
		assert_int_equal(t->passed, 0);
		return;
	}
	assert_int_equal(t->passed, t->count - missing);
	if (missing)
		return;
	for (uint32_t i = 0; i < DATAGRAM_MOST; i++)
		wrong += t->come[i] != (i < t->len);
	assert_int_equal(wrong, 0);
	assert_memory_equal(t->out + HEADER + header, t->payload + header, t->len - header);
	assert_int_equal(transport_sum(t->out, t->len), 0xffff);
}

/* Pieces of many datagrams in between one another. */
static void travel(struct journey *j)
{
	size_t next[BATCH] = { 0 }, left = BATCH, waiting = 0;

	while (left) {
		size_t i = chance(&j->luck, BATCH), which = next[i];
		struct trip *t = &j->trips[i];

		if (which == t->count)
			continue;
		if (which != t->lost)
			come(j, t, which);
		if (++next[i] == t->count)
			left--;
		else if (which != t->lost && !chance(&j->luck, 4))
			come_again(j, t, which);
	}
	for (size_t i = 0; i < BATCH; i++) {
		judge(&j->trips[i]);
		waiting += first_is_lost(&j->trips[i]) ? j->trips[i].count - 1 : 0;
	}
	assert_int_equal(j->waiting_count, waiting);
	j->waiting_count = 0;
}

static void open_up(struct net *t)
{
	for (uint32_t i = 0; i < BATCH; i += 4) {
		struct ends e = { HOST + i, REMOTE, { (uint16_t)(OPEN_PORT + i), 53 },
				  PROTO_UDP, 0, 0, SIDE_INSIDE };
		uint8_t octets[HEADER + 4000] = { 0 };
		struct pkt p;
		struct nat_job job = { .p = &p, .from = SIDE_INSIDE };
		size_t len = piece_write(octets, &e, (struct piece){ 0, 4000, true });

		assert_int_equal(pkt_parse(&p, octets, len, NULL), REASON_NONE);
		nat_process(t->nat, t->now, &job);
		assert_int_equal(job.verdict, NAT_FORWARD);
	}
}

/* Three thousand datagrams; no more records than there are datagrams at once. */
static void complete_sets_pass_once(void **state)
{
	struct journey *j = calloc(1, sizeof(*j));

	(void)state;
	assert_non_null(j);
	j->net = net_new(BATCH, 1);
	j->luck = 88172645463325252;
	for (uint32_t batch = 0; batch < BATCHES; batch++) {
		open_up(j->net);
		for (uint32_t i = 0; i < BATCH; i++)
			depart(j, i, batch);
		travel(j);
		later(j->net, FRAGMENT_MS);
		assert_null(nat_check(j->net->nat));
	}
	net_free(j->net);
	free(j);
}

enum { UNITS = 40, STRANGERS = 7, ROOM = 5, STRETCHES = 12, STEPS = 300000 };

/* What should be known of a datagram: which units of eight octets have come. */
struct model {
	bool open, known;
	enum reason dead;
	uint64_t begun;
	size_t order; /* of beginning */
	uint32_t name, end; /* end 0: not known */
	uint8_t come[UNITS + 1];
};

static uint32_t come_between(const struct model *m, uint32_t begin, uint32_t end)
{
	uint32_t count = 0;

	for (uint32_t i = begin; i < end; i++)
		count += m->come[i];
	return count;
}

static uint32_t stretches(const struct model *m)
{
	uint32_t count = m->come[0];

	for (uint32_t i = 1; i <= UNITS; i++)
		count += m->come[i] && !m->come[i - 1];
	return count;
}

static bool is_contradiction(const struct model *m, uint32_t begin, uint32_t end, bool last)
{
	return come_between(m, begin, end) || (m->end && (last || end > m->end)) ||
	       (last && come_between(m, end, UNITS + 1));
}

static enum reason model_place(struct model *m, uint32_t begin, uint32_t end, bool last)
{
	if (m->dead != REASON_NONE)
		return m->dead;
	if (come_between(m, begin, end) == end - begin)
		return REASON_FRAGMENT_OVERLAP;
	if (is_contradiction(m, begin, end, last))
		return m->dead = REASON_FRAGMENT_OVERLAP;
	memset(m->come + begin, 1, end - begin);
	if (stretches(m) > STRETCHES) {
		memset(m->come + begin, 0, end - begin);
		return REASON_FRAGMENT_LIMIT;
	}
	m->end = last ? end : m->end;
	return REASON_NONE;
}

static size_t latest(const struct model *all)
{
	size_t order = 0;

	for (size_t i = 0; i < STRANGERS; i++)
		order = all[i].order > order ? all[i].order : order;
	return order;
}

/* Who began first, if that was a second ago. */
static bool gives_way(struct model *all, nat_time now)
{
	struct model *old = NULL;

	for (size_t i = 0; i < STRANGERS; i++)
		if (all[i].open && (!old || all[i].order < old->order))
			old = &all[i];
	if (now.ms - old->begun < 1000)
		return false;
	old->open = false;
	return true;
}

static bool model_finds_room(struct model *all, struct model *m, nat_time now)
{
	size_t open = 0;

	for (size_t i = 0; i < STRANGERS; i++) {
		all[i].open = all[i].open && now.ms - all[i].begun < FRAGMENT_MS;
		open += all[i].open;
	}
	if (!m->open && open == ROOM && gives_way(all, now))
		open--;
	if (!m->open && open < ROOM)
		*m = (struct model){ .open = true, .begun = now.ms, .order = latest(all) + 1 };
	return m->open;
}

/* What the library should say; *reason: of FRAGMENT_DROP. */
static enum nat_fragment model_learn(struct model *m, struct piece x, bool portless,
				     enum reason *reason)
{
	*reason = model_place(m, x.at / 8, (x.end + 7) / 8, x.last);
	if (*reason == REASON_NONE && !x.at && portless)
		*reason = m->dead = REASON_FRAGMENT;
	if (*reason != REASON_NONE)
		return FRAGMENT_DROP;
	m->known |= !x.at;
	if (!m->known)
		return FRAGMENT_HOLD;
	if (m->end && come_between(m, 0, m->end) == m->end)
		m->open = false;
	return FRAGMENT_KNOWN;
}

/* Mostly short, mostly not the last; now and then as long as can be. Or apart: of one unit, between
 * which there is room for another. */
static struct piece any_piece(uint64_t *luck, bool apart)
{
	uint32_t at = chance(luck, UNITS), units = 1;
	struct piece x;

	if (!apart)
		units += chance(luck, chance(luck, 6) ? 3 : UNITS);
	else if (chance(luck, 16))
		at &= ~1u;
	x.at = at * 8;
	x.end = (at + units < UNITS ? at + units : UNITS) * 8;
	x.last = at && !chance(luck, apart ? 64 : 8);
	x.end -= x.last ? chance(luck, 8) : 0;
	return x;
}

static void nobody_would_send_this(void **state)
{
	struct net *t = net_new(ROOM, 1);
	struct model all[STRANGERS] = { 0 };
	size_t seen[3] = { 0 }, reasons[REASON_COUNT] = { 0 };
	uint64_t luck = 362436069;

	(void)state;
	for (size_t step = 0; step < STEPS; step++) {
		size_t i = chance(&luck, STRANGERS);
		bool portless = i == 0;
		struct ends e = { HOST, REMOTE, { (uint16_t)(5000 + i), 53 },
				  portless ? PROTO_AH : PROTO_UDP, 0, (uint16_t)i, SIDE_INSIDE };
		struct piece x = any_piece(&luck, i % 2);
		enum reason reason = REASON_FRAGMENT_LIMIT;
		enum nat_fragment is = FRAGMENT_DROP;
		struct shown s = show(t, &e, x);

		if (model_finds_room(all, &all[i], t->now)) {
			all[i].name = all[i].name ? all[i].name : s.note.datagram;
			is = model_learn(&all[i], x, portless, &reason);
		}
		seen[is]++;
		reasons[is == FRAGMENT_DROP ? reason : REASON_NONE]++;
		if (s.is != is || (is == FRAGMENT_DROP && s.note.reason != reason))
			fail_msg("step %zu: %d %s, not %d %s", step, s.is,
				 reason_name(s.note.reason), is, reason_name(reason));
		if (is == FRAGMENT_KNOWN)
			assert_int_equal(be16_host(s.p.ports[0]), 5000 + i);
		if (step % 16 == 0)
			assert_null(nat_check(t->nat));
		if (is != FRAGMENT_DROP)
			assert_int_equal(s.note.datagram, all[i].name);
		t->now.ms += chance(&luck, 4) ? 0 : chance(&luck, 600);
	}
	for (size_t k = 0; k < 3; k++)
		assert_true(seen[k] > STEPS / 1000);
	assert_true(reasons[REASON_FRAGMENT] && reasons[REASON_FRAGMENT_OVERLAP] &&
		    reasons[REASON_FRAGMENT_LIMIT]);
	net_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complete_sets_pass_once),
		cmocka_unit_test(nobody_would_send_this),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
