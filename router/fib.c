/*
 * Theory of operation
 *
 * A table is one trie that reads an address six bits at a time. A node stands at a place in the
 * address; its bitmaps say which prefixes of 1 … 6 further bits exist, and under which of the 64
 * values there is more below. Hops and kids lie beside the bitmaps, only those that exist, and
 * counting ones finds them. Where at most sixteen prefixes lie below a place, however far apart,
 * they are kept as a list in place of a node for each. So the trie that is searched is also the
 * store of exact prefixes: nothing is kept twice, and what covers a prefix that goes away is simply
 * the next match.
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
 * change of a shorter prefix changes the trie at top, which only the writer reads, and then the hop
 * of each slot under it, one store each. The cover of a root may change in place: a reader
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

enum { SLOT_BITS = 18, SLOTS = 1 << SLOT_BITS, BATCH = 32 };

struct table {
	uint32_t *slots;
	struct fib_store store;
	uint32_t top;
	size_t count;
};

struct fib {
	struct table v4, v6;
	bool counts_ones; /* the processor does */
};

/* Each lookup is compiled twice: with the processor's instruction that counts ones, and without.
 * (target_clones would do, but neither clang 14 nor ThreadSanitizer gets on with it.) */
#ifdef __x86_64__
#define COUNTS_ONES __attribute__((target("popcnt")))
#define counts_ones() __builtin_cpu_supports("popcnt")
#else
#define COUNTS_ONES
#define counts_ones() true
#endif
#define INLINE static inline __attribute__((always_inline))

static int table_open(struct table *t)
{
	t->slots = calloc(SLOTS, sizeof(*t->slots));
	return t->slots ? store_open(&t->store) : -ENOMEM;
}

static void table_close(struct table *t)
{
	store_close(&t->store);
	free(t->slots);
}

struct fib *fib_new(void)
{
	struct fib *f = calloc(1, sizeof(*f));

	if (f)
		f->counts_ones = counts_ones();
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
	table_close(&f->v4);
	table_close(&f->v6);
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

/* Do the first bits, 1 … 64 of them, agree? */
INLINE bool agree(uint64_t a, uint64_t b, unsigned len)
{
	return !((a ^ b) >> (64 - len));
}

/* For each five bits: the bits of shorter that stand for what an address matches. */
#define SHORTER(v) (1ull << (32 | (v)) | 1ull << (16 | (v) >> 1) | 1ull << (8 | (v) >> 2) | \
		    1ull << (4 | (v) >> 3) | 1ull << (2 | (v) >> 4) | 1)
#define SHORTER_4(v) SHORTER(v), SHORTER((v) + 1), SHORTER((v) + 2), SHORTER((v) + 3)

static const uint64_t shorter_of[KIDS_MOST / 2] = {
	SHORTER_4(0),  SHORTER_4(4),  SHORTER_4(8),  SHORTER_4(12),
	SHORTER_4(16), SHORTER_4(20), SHORTER_4(24), SHORTER_4(28),
};

/* Hop of the longest prefix in a node that matches; its cover if none does. Without branches:
 * they would be taken at random, and a processor that guessed wrong waits for memory again. */
INLINE uint16_t node_longest(const struct fib_node *n, unsigned slot)
{
	uint64_t full = -(n->full >> slot & 1); /* all ones if a full one matches */
	unsigned longest = 63u ^ (unsigned)__builtin_clzll(n->shorter & shorter_of[slot / 2]);
	unsigned at = ones(n->shorter & (bits_below(longest) | full)) +
		      ones(n->full & bits_below(slot) & full);

	return __atomic_load_n(&n->hops[at], __ATOMIC_ACQUIRE);
}

INLINE uint16_t wide_longest(const uint64_t *word, unsigned count, uint64_t high, uint64_t low)
{
	for (const uint64_t *end = word + 2 * count; word < end; word += 2) {
		unsigned len = list_len(word[1]);

		if (len <= 64 ? agree(high, word[0], len) :
				high == word[0] && agree(low, word[1], len - 64))
			return (uint16_t)word[1];
	}
	return FIB_NONE;
}

/* From the end, so that the last match is the longest; without branches, as above. */
INLINE uint16_t list_longest(const uint64_t *words, uint32_t ref, uint64_t high, uint64_t low)
{
	const uint64_t *word = words + (ref & REF_WORD);
	uint64_t found = FIB_NONE;

	if (ref & REF_WIDE)
		return wide_longest(word, list_count(ref), high, low);
	for (unsigned i = list_count(ref); i-- > 0;)
		found = agree(high, word[i], list_len(word[i])) ? word[i] : found;
	return (uint16_t)found;
}

/* high and low are what remains of the address where the trie begins. */
INLINE uint16_t trie_longest(const uint64_t *words, uint32_t ref, uint64_t high, uint64_t low)
{
	uint16_t hop = FIB_NONE, longer;

	if (!(ref & REF_BLOCK))
		return (uint16_t)ref;
	for (;;) {
		const struct fib_node *n = node_at(words, ref);
		unsigned slot = (unsigned)(high >> (64 - STRIDE));

		longer = ref & REF_LIST ? list_longest(words, ref, high, low) :
					  node_longest(n, slot);
		hop = longer ? longer : hop;
		if (ref & REF_LIST || !(n->kids >> slot & 1))
			return hop;
		ref = node_kid(n, slot);
		high = high << STRIDE | low >> (64 - STRIDE);
		low <<= STRIDE;
	}
}

/* Give every slot under a prefix the hop that the trie at top has for it. */
static void paint(struct table *t, const struct fib_entry *e)
{
	size_t first = slot_index(e->key);

	for (size_t i = first; i < first + (SLOTS >> e->len); i++) {
		uint64_t high = (uint64_t)i << (64 - SLOT_BITS);
		uint16_t hop = trie_longest(t->store.words, t->top, high, 0);

		trie_set_cover(&t->store, &t->slots[i], hop);
	}
}

/* The trie a prefix belongs to; the prefix becomes what it is there. */
static uint32_t *root_of(struct table *t, struct fib_entry *e)
{
	uint32_t *root = &t->slots[slot_index(e->key)];

	if (e->len <= SLOT_BITS)
		return &t->top;
	e->key <<= SLOT_BITS;
	e->len -= SLOT_BITS;
	return root;
}

static uint16_t table_get(struct table *t, struct fib_entry e)
{
	uint32_t root = *root_of(t, &e);

	return e.len ? trie_get(&t->store, root, e) : trie_cover(&t->store, root);
}

/* A hop of 0 takes the prefix, which is there, away. */
static void table_put(struct table *t, const struct fib_entry *e)
{
	struct fib_entry at = *e;
	uint32_t *root = root_of(t, &at), now;

	if (!at.len) {
		trie_set_cover(&t->store, root, at.hop);
	} else {
		now = at.hop ? trie_set(&t->store, *root, &at) : trie_remove(&t->store, *root, &at);
		__atomic_store_n(root, now, __ATOMIC_RELEASE);
	}
	if (root == &t->top)
		paint(t, e);
}

static int change(struct fib *f, const struct prefix *p, uint16_t hop)
{
	struct table *t = p->address.version == 4 ? &f->v4 : &f->v6;
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

int fib_set(struct fib *f, const struct prefix *p, uint16_t hop)
{
	assert(hop != FIB_NONE);
	return change(f, p, hop);
}

int fib_remove(struct fib *f, const struct prefix *p)
{
	return change(f, p, FIB_NONE);
}

INLINE uint32_t load_slot(const struct table *t, uint64_t high)
{
	return __atomic_load_n(&t->slots[high >> (64 - SLOT_BITS)], __ATOMIC_ACQUIRE);
}

INLINE uint16_t below_slot(const struct table *t, uint32_t ref, uint64_t high, uint64_t low)
{
	return trie_longest(t->store.words, ref, high << SLOT_BITS | low >> (64 - SLOT_BITS),
			    low << SLOT_BITS);
}

static uint64_t high_of(be32 address)
{
	return (uint64_t)be32_host(address) << 32;
}

/* First all slots, then all roots are on their way before the first of them is needed. */
INLINE void lookup_some(const struct table *t, const be32 *addresses, uint16_t *hops, size_t count)
{
	uint32_t refs[BATCH];

	for (size_t i = 0; i < count; i++)
		__builtin_prefetch(&t->slots[high_of(addresses[i]) >> (64 - SLOT_BITS)]);
	for (size_t i = 0; i < count; i++) {
		refs[i] = load_slot(t, high_of(addresses[i]));
		__builtin_prefetch(node_at(t->store.words, refs[i]));
	}
	for (size_t i = 0; i < count; i++)
		hops[i] = below_slot(t, refs[i], high_of(addresses[i]), 0);
}

INLINE void lookup_all(const struct table *t, const be32 *addresses, uint16_t *hops, size_t count)
{
	for (size_t i = 0; i < count; i += BATCH)
		lookup_some(t, addresses + i, hops + i, count - i < BATCH ? count - i : BATCH);
}

COUNTS_ONES static uint16_t lookup_fast(const struct table *t, uint64_t high, uint64_t low)
{
	return below_slot(t, load_slot(t, high), high, low);
}

static uint16_t lookup_plain(const struct table *t, uint64_t high, uint64_t low)
{
	return below_slot(t, load_slot(t, high), high, low);
}

COUNTS_ONES static void batch_fast(const struct table *t, const be32 *addresses, uint16_t *hops,
				   size_t count)
{
	lookup_all(t, addresses, hops, count);
}

uint16_t fib_lookup4(const struct fib *f, be32 address)
{
	uint64_t high = high_of(address);

	return f->counts_ones ? lookup_fast(&f->v4, high, 0) : lookup_plain(&f->v4, high, 0);
}

uint16_t fib_lookup6(const struct fib *f, const uint8_t address[static 16])
{
	fib_key key = key_load(address);
	uint64_t high = (uint64_t)(key >> 64), low = (uint64_t)key;

	return f->counts_ones ? lookup_fast(&f->v6, high, low) : lookup_plain(&f->v6, high, low);
}

void fib_lookup4_batch(const struct fib *f, const be32 *addresses, uint16_t *hops, size_t count)
{
	if (f->counts_ones)
		batch_fast(&f->v4, addresses, hops, count);
	else
		lookup_all(&f->v4, addresses, hops, count);
}

void fib_prefetch4(const struct fib *f, be32 address)
{
	__builtin_prefetch(&f->v4.slots[high_of(address) >> (64 - SLOT_BITS)]);
}

size_t fib_reclaim(struct fib *f)
{
	return store_reclaim(&f->v4.store) + store_reclaim(&f->v6.store);
}

static size_t table_octets(const struct table *t)
{
	return SLOTS * sizeof(*t->slots) + store_octets(&t->store);
}

struct fib_size fib_size(const struct fib *f)
{
	return (struct fib_size){ f->v4.count, f->v6.count, table_octets(&f->v4),
				  table_octets(&f->v6) };
}

/* The first prefix longer than a slot that is not before *at and begins before slot end. */
static bool next_below(const struct table *t, size_t end, struct fib_entry *at)
{
	for (size_t i = slot_index(at->key); i < end; i++) {
		struct fib_entry stem = { (fib_key)i << (128 - SLOT_BITS), SLOT_BITS, 0 };

		if (trie_next(&t->store, t->slots[i], stem, at))
			return true;
	}
	return false;
}

static bool table_next(const struct table *t, struct fib_entry *at)
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
