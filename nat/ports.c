/*
 * A worker's ports are pairs 2k and 2k + 1 with k mod workers = worker. They are numbered densely:
 * slot 2j + parity is port 2 (j × workers + worker) + parity, so that a search runs over words of
 * bits that are all this worker's, and parity is a mask.
 */
#include "ports.h"

enum { WORD_BITS = 64, PAIRS = 32768 };

static uint32_t words_for(uint16_t workers)
{
	uint32_t pairs = (PAIRS + workers - 1u) / workers;

	return (pairs * 2 + WORD_BITS - 1) / WORD_BITS;
}

size_t ports_size(size_t pool_count, uint16_t workers)
{
	return pool_count * PORTS_PROTOCOLS * words_for(workers) * sizeof(uint64_t);
}

uint32_t ports_rests(const struct nat_config *c)
{
	return nat_config_part(c, c->held_ports);
}

void ports_init(struct ports *p, uint64_t *bits, struct port_rest *rests,
		const struct nat_config *c)
{
	*p = (struct ports){
		.bits = bits,
		.rests = rests,
		.rests_most = ports_rests(c),
		.words = words_for(c->workers),
		.worker = c->worker,
		.workers = c->workers,
	};
}

static uint64_t *row(const struct ports *p, uint16_t address, enum ports_protocol o)
{
	return p->bits + ((size_t)address * PORTS_PROTOCOLS + o) * p->words;
}

static uint32_t slot_of(const struct ports *p, uint16_t port)
{
	return (port >> 1) / p->workers * 2u + (port & 1);
}

static uint32_t port_of(const struct ports *p, uint32_t slot)
{
	return ((slot >> 1) * p->workers + p->worker) * 2 + (slot & 1);
}

/* Lowest slot whose port is at or above port. */
static uint32_t slot_from(const struct ports *p, uint32_t port)
{
	uint32_t pair = port >> 1;
	uint32_t j = pair > p->worker ? (pair - p->worker + p->workers - 1u) / p->workers : 0;
	uint32_t slot = j * 2;

	return port_of(p, slot) < port ? slot + 1 : slot;
}

bool ports_is_own(const struct ports *p, uint16_t port)
{
	return (port >> 1) % p->workers == p->worker;
}

bool ports_is_taken(const struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port)
{
	uint32_t slot = slot_of(p, port);

	return row(p, address, o)[slot / WORD_BITS] >> slot % WORD_BITS & 1;
}

bool ports_is_free(const struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port)
{
	return ports_is_own(p, port) && !ports_is_taken(p, address, o, port);
}

const uint64_t *ports_word(const struct ports *p, uint16_t address, enum ports_protocol o,
			   uint16_t port)
{
	return &row(p, address, o)[slot_of(p, port) / WORD_BITS];
}

/* First slot of [begin, end), of one parity if wanted, whose bit is clear in both. */
static int64_t find_clear(const uint64_t *const bits[2], uint32_t begin, uint32_t end, int parity)
{
	static const uint64_t masks[] = { ~0ull, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa };
	uint64_t wanted = masks[parity + 1];

	for (uint32_t at = begin; at < end;) {
		uint64_t taken = bits[0][at / WORD_BITS] | bits[1][at / WORD_BITS];
		uint64_t free = ~taken & wanted & ~0ull << at % WORD_BITS;

		if (free) {
			uint32_t slot = at / WORD_BITS * WORD_BITS + (uint32_t)__builtin_ctzll(free);

			return slot < end ? (int64_t)slot : -1;
		}
		at = (at / WORD_BITS + 1) * WORD_BITS;
	}
	return -1;
}

int ports_find(const struct ports *p, const struct ports_wish *w)
{
	enum ports_protocol other = w->other ? ports_protocol(w->other) : w->protocol;
	const uint64_t *const bits[2] = { row(p, w->address, w->protocol), row(p, w->address, other) };
	uint32_t begin = slot_from(p, w->range.first);
	uint32_t end = slot_from(p, w->range.last + 1u);
	uint32_t middle = slot_from(p, w->start);
	int64_t slot;

	if (middle < begin || middle > end)
		middle = begin;
	slot = find_clear(bits, middle, end, w->parity);
	if (slot < 0)
		slot = find_clear(bits, begin, middle, w->parity);
	return slot < 0 ? PORT_NONE : (int)port_of(p, (uint32_t)slot);
}

static void flip(struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port)
{
	uint32_t slot = slot_of(p, port);

	row(p, address, o)[slot / WORD_BITS] ^= 1ull << slot % WORD_BITS;
}

void ports_take(struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port)
{
	flip(p, address, o, port);
	p->used[o]++;
}

void ports_give(struct ports *p, uint16_t address, enum ports_protocol o, uint16_t port)
{
	flip(p, address, o, port);
	p->used[o]--;
}

static void wake_first(struct ports *p)
{
	struct port_ref ref = p->rests[p->rests_first].ref;

	flip(p, ref.address, ref.protocol, ref.port);
	p->rests_first = wrap_at(p->rests_first, 1, p->rests_most);
	p->rests_count--;
}

uint32_t ports_rest(struct ports *p, struct port_ref ref, uint64_t until_ms)
{
	uint32_t at;

	if (!p->rests_most) {
		ports_give(p, ref.address, ref.protocol, ref.port);
		return SLAB_NONE;
	}
	if (p->rests_count == p->rests_most)
		wake_first(p);
	at = wrap_at(p->rests_first, p->rests_count++, p->rests_most);
	p->rests[at] = (struct port_rest){ until_ms, ref };
	p->used[ref.protocol]--;
	return at;
}

void ports_wake(struct ports *p, uint64_t now_ms)
{
	while (p->rests_count && p->rests[p->rests_first].until_ms <= now_ms)
		wake_first(p);
}
