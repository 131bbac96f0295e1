/*
 * Ethernet frames of an enemy's making, and what a table of neighbours learns of them.
 *
 * Input    One step after the other: what (a frame; somebody wants a neighbour; time goes by), then
 *          a frame's length, how it is treated and its octets; which neighbour; how long.
 *          HOW_REPAIR puts right what checksums there are, which chance would be long to find.
 * Demands  A header that was read can be written again, and a message too, and both say the same. No
 *          neighbour has a group's address. Nobody is asked more often than there is time for, and
 *          what is to be asked was wanted or said by somebody.
 */
#include "router/neighbours.h"

#include "datagram.h"
#include "fuzz.h"

enum { FRAME, WANT, TIME, STEPS };
enum { HOW_REPAIR = 1, HOW_OURS = 2 };
enum { INTERFACES = 2, QUESTION_MS = 1000, HEADERS_MOST = 64 };

struct place {
	struct neighbours *table;
	nat_time now;
	size_t named; /* neighbours that may be known, and so be asked for */
	size_t asked;
};

static void judge_header(const struct l2 *h, size_t len)
{
	uint8_t octets[L2_LEN_MOST];
	struct l2 again;

	assert(h->len <= len && h->len == l2_len(&h->tags));
	assert(l2_write(h, octets) == h->len && l2_parse(&again, octets, h->len));
	assert(l2_same(h->to, again.to) && l2_same(h->from, again.from) && h->type == again.type);
	assert(l2_same_vlan(&h->tags, &again.tags));
	assert(!h->tags.count || h->tags.priority == again.tags.priority);
}

/* As we would say it ourselves. */
static void judge_message(const struct discovery *d, const struct l2 *from)
{
	uint8_t octets[DISCOVERY_MOST];
	struct discovery again, ours = *d;
	struct l2 h = { 0 };
	size_t len;

	assert(d->about.version == 4 || d->about.version == 6);
	assert(!d->has_mac || !l2_is_group(d->mac));
	if (!d->has_mac) {
		ours.has_mac = true;
		memset(ours.mac, 2, sizeof(ours.mac));
	}
	if (d->answer && d->solicited)
		memcpy(h.to, from->from, sizeof(h.to));
	len = discovery_make(octets, &ours, &h);
	assert(len <= sizeof(octets));
	/* An answer of ours goes to whom it is for, which the parser does not tell. */
	if (d->answer)
		return;
	assert(discovery_parse(&again, &h, octets, len));
	assert(!again.answer && address_equal(&again.about, &d->about) &&
	       address_equal(&again.peer, &d->peer));
}

static void read_frame(struct place *p, struct input *in)
{
	uint8_t how = input_u8(in);
	size_t len = input_u8(in);
	const uint8_t *at = input_take(in, &len);
	uint8_t *octets = copy_exactly(at, len);
	struct discovery d;
	struct l2 h;

	if (l2_parse(&h, octets, len)) {
		judge_header(&h, len);
		if (how & HOW_REPAIR)
			datagram_repair(octets + h.len, len - h.len);
		if (discovery_parse(&d, &h, octets + h.len, len - h.len)) {
			struct heard heard = { (uint16_t)(how / 4 % INTERFACES), how & HOW_OURS, &d,
					       &h.tags };

			judge_message(&d, &h);
			neighbours_hear(p->table, &heard, p->now);
			p->named++;
		}
	}
	free(octets);
}

static struct address read_address(struct input *in)
{
	uint8_t which = input_u8(in);

	if (which & 1)
		return address_v4((const uint8_t[]){ 10, 0, 0, which });
	return address_v6((const uint8_t[16]){ 0xfd, [15] = which });
}

static void want(struct place *p, struct input *in)
{
	struct address a = read_address(in);
	const struct neighbour *n;

	neighbours_want(p->table, 0, &a, p->now);
	n = neighbours_find(p->table, 0, &a);
	assert(!n || (address_equal(&n->address, &a) && n->interface == 0));
	assert(!n || !n->known || !l2_is_group(n->mac));
	p->named++;
}

static void go_by(struct place *p, struct input *in)
{
	struct neighbours_question q;
	size_t count = 0;

	p->now.ms += input_u16(in);
	for (size_t cursor = 0; neighbours_ask(p->table, &cursor, p->now, &q); count++)
		assert(q.about.version && q.interface < INTERFACES && !(q.known && l2_is_group(q.mac)));
	p->asked += count;
	assert(count <= p->named);
	assert(p->asked <= p->named * 3);
	/* Nothing has become due in no time. */
	for (size_t cursor = 0; neighbours_ask(p->table, &cursor, p->now, &q);)
		assert(false);
	neighbours_reclaim(p->table);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static const uint8_t key[8];
	struct input in = input_of(octets, len);
	struct place p = { .table = neighbours_new(key) };

	assert(p.table);
	while (input_left(&in))
		switch (input_below(&in, STEPS)) {
		case FRAME: read_frame(&p, &in); break;
		case WANT: want(&p, &in); break;
		default: go_by(&p, &in); break;
		}
	neighbours_free(p.table);
	return 0;
}
