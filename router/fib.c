/*
 * Theory of operation
 *
 * A table is one trie that reads an address six bits at a time. A node stands at a place in the
 * address; its bitmaps say which prefixes of 1 … 6 further bits exist, and under which of the 64
 * values there is more below. Hops and kids lie beside the bitmaps, only those that exist, and
 * counting ones finds them; a node of up to 24 hops is one cache line. Where at most sixteen
 * prefixes lie below a place, however far apart, they are kept as a list in place of a node for
 * each. So the trie that is searched is also the store of exact prefixes: nothing is kept twice,
 * and what covers a prefix that goes away is simply the next match.
 *
 * Readers skip the first three levels. They enter at slots[], which has a ref for each value of the
 * first 18 bits: the hop itself, or the root of what is known below, whose cover is that hop. Few
 * IPv4 prefixes are longer than 24 bits, so most lookups read a slot and one node.
 *
 *     top ──> prefixes of 1 … 18 bits; its cover is the route to everything
 *                  │ painted into
 *     slots[2^18]  │ hop │ hop │ ref │ hop │ …
 *                                 └─> root: cover, prefixes of 19 … 24 bits
 *                                        └─> kids: 25 … 30 bits, or a list of all below …
 *
 * A change below a slot copies the nodes on its way, and one release store to the slot publishes
 * the new root: whoever has read the slot holds one version of all below it until he is done. A
 * change of a shorter prefix changes the trie at top in the same way, and then the hop of each slot
 * under it, one store each. The cover of a root may change in place: a reader
 * takes it only if nothing in his version matched, so that his answer was right either when he
 * read the slot or, if the cover is newer, when he read the cover. (A root that is retired
 * keeps the cover it had at its end.)
 *
 * What a change replaced is noted as retired; fib_reclaim() puts it on lists of free blocks by
 * size. Room for the largest change is made sure of before it begins; then nothing can fail.
 */
#include "router/fib.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fib_trie.h"

static int table_open(struct fib_table *t)
{
	int error = store_open(&t->store, SLOTS * sizeof(*t->slots));

	t->slots = (void *)t->store.words;
	return error;
}

struct fib *fib_new(void)
{
	struct fib *f = calloc(1, sizeof(*f));

	if (f)
		f->fast = lookup_can_be_fast();
	if (f && (table_open(&f->v4) || table_open(&f->v6))) {
		fib_free(f);
		return NULL;
	}
	return f;
}

void fib_free(struct fib *f)
{
	if (!f)
		return;
	store_close(&f->v4.store);
	store_close(&f->v6.store);
	free(f);
}

static size_t slot_index(fib_key key)
{
	return (size_t)(key >> (128 - SLOT_BITS));
}

static fib_key key_load(const uint8_t octets[static 16])
{
	return (fib_key)((uint64_t)load32(octets) << 32 | load32(octets + 4)) << 64 |
	       ((uint64_t)load32(octets + 8) << 32 | load32(octets + 12));
}

static struct fib_entry entry_of(const struct prefix *p, uint16_t hop)
{
	fib_key outside = p->len < 128 ? ~(fib_key)0 >> p->len : 0;

	return (struct fib_entry){ key_load(p->address.octets) & ~outside, p->len, hop };
}

static struct prefix prefix_of(const struct fib_entry *e, uint8_t version)
{
	struct prefix p = { .address.version = version, .len = (uint8_t)e->len };

	for (int i = 0; i < 4; i++)
		store32(p.address.octets + 4 * i, (uint32_t)(e->key >> (96 - 32 * i)));
	return p;
}

/* Give every slot under a prefix the hop that the trie at top has for it. */
static void paint(struct fib_table *t, const struct fib_entry *e)
{
	enum { SOME = 1 << STRIDE };
	size_t first = slot_index(e->key), end = first + (SLOTS >> e->len);
	uint16_t hops[SOME];

	for (; first < end; first += SOME) {
		size_t count = end - first < SOME ? end - first : SOME;

		slots_longest(t, first, count, hops);
		for (size_t i = 0; i < count; i++)
			trie_set_cover(&t->store, &t->slots[first + i], hops[i]);
	}
}

/* The slot whose trie a prefix belongs to, SLOTS: the one at top; the prefix becomes what it is
 * there. */
static size_t place_of(struct fib_entry *e)
{
	size_t slot = slot_index(e->key);

	if (e->len <= SLOT_BITS)
		return SLOTS;
	e->key <<= SLOT_BITS;
	e->len -= SLOT_BITS;
	return slot;
}

static uint16_t table_get(const struct fib_table *t, struct fib_entry e)
{
	size_t place = place_of(&e);
	const uint32_t *at = place == SLOTS ? &t->top : &t->slots[place];
	uint32_t root = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	return e.len ? trie_get(&t->store, root, e) : trie_cover(&t->store, root);
}

/* A hop of 0 takes the prefix, which is there, away. */
static void table_put(struct fib_table *t, const struct fib_entry *e)
{
	struct fib_entry at = *e;
	size_t place = place_of(&at);
	uint32_t *root = place == SLOTS ? &t->top : &t->slots[place], now;

	if (!at.len) {
		trie_set_cover(&t->store, root, at.hop);
	} else {
		now = at.hop ? trie_set(&t->store, *root, &at) : trie_remove(&t->store, *root, &at);
		__atomic_store_n(root, now, __ATOMIC_RELEASE);
	}
	if (place == SLOTS)
		paint(t, e);
}

static int change(struct fib *f, const struct prefix *p, uint16_t hop)
{
	struct fib_table *t = p->address.version == 4 ? &f->v4 : &f->v6;
	struct fib_entry e = entry_of(p, hop);
	uint16_t was = table_get(t, e);

	assert(p->len <= address_bits(&p->address));
	if (was == hop)
		return 0;
	if (store_reserve(&t->store))
		return -ENOMEM;
	table_put(t, &e);
	t->count += !was;
	t->count -= !hop;
	return 0;
}

uint16_t fib_get(const struct fib *f, const struct prefix *p)
{
	const struct fib_table *t = p->address.version == 4 ? &f->v4 : &f->v6;

	return table_get(t, entry_of(p, FIB_NONE));
}

int fib_set(struct fib *f, const struct prefix *p, uint16_t hop)
{
	assert(hop != FIB_NONE);
	return change(f, p, hop);
}

int fib_remove(struct fib *f, const struct prefix *p)
{
	return change(f, p, FIB_NONE);
}

size_t fib_reclaim(struct fib *f)
{
	return store_reclaim(&f->v4.store) + store_reclaim(&f->v6.store);
}

struct fib_size fib_size(const struct fib *f)
{
	return (struct fib_size){ f->v4.count, f->v6.count, store_octets(&f->v4.store),
				  store_octets(&f->v6.store) };
}

/* The first prefix longer than a slot that is not before *at and begins before slot end. */
static bool next_below(const struct fib_table *t, size_t end, struct fib_entry *at)
{
	for (size_t i = slot_index(at->key); i < end; i++) {
		struct fib_entry stem = { (fib_key)i << (128 - SLOT_BITS), SLOT_BITS, 0 };

		if (trie_next(&t->store, t->slots[i], stem, at))
			return true;
	}
	return false;
}

static bool table_next(const struct fib_table *t, struct fib_entry *at)
{
	struct fib_entry start = { 0, 0, trie_cover(&t->store, t->top) }, in_top = *at;
	bool found = true;

	if (start.hop && !entry_before(&start, at))
		in_top = start;
	else
		found = trie_next(&t->store, t->top, start, &in_top);
	if (next_below(t, found ? slot_index(in_top.key) : SLOTS, at))
		return true;
	*at = in_top;
	return found;
}

bool fib_next(const struct fib *f, struct fib_cursor *cursor, struct prefix *p, uint16_t *hop)
{
	uint8_t version = cursor->at.address.version == 6 ? 6 : 4;
	struct fib_entry at = { 0, 0, 0 };

	if (cursor->started) {
		at = entry_of(&cursor->at, 0);
		at.len++;
	}
	if (version == 4 && !table_next(&f->v4, &at)) {
		version = 6;
		at = (struct fib_entry){ 0, 0, 0 };
	}
	if (version == 6 && !table_next(&f->v6, &at))
		return false;
	*p = prefix_of(&at, version);
	*hop = at.hop;
	*cursor = (struct fib_cursor){ *p, true };
	return true;
}
