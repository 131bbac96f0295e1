#include "router/fib.h"

#include "fib_trie.h"

/* Each lookup is compiled twice: with instructions that count ones and handle bits, and without.
 * (target_clones would do, but neither clang 14 nor ThreadSanitizer gets on with it.) */
#ifdef __x86_64__
#define FAST __attribute__((target("popcnt,lzcnt,bmi,bmi2")))
#define CAN_BE_FAST (__builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi2"))
#else
#define FAST
#define CAN_BE_FAST true
#endif
#define INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))

/* Under way at once; what is known of an address of IPv6 takes more room. */
enum { BATCH4 = 64, BATCH6 = 32 };

bool lookup_can_be_fast(void)
{
	return CAN_BE_FAST;
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
	uint64_t before = UINT64_MAX / 2 >> __builtin_clzll(n->shorter & shorter_of[slot / 2]);
	unsigned at = ones(n->shorter & (before | full)) + ones(n->full & bits_below(slot) & full);

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

/* A lookup under way: the block it has come to, what remains of the address there, and the hop of
 * the longest prefix so far. */
struct walk { uint64_t high, low; uint32_t ref; uint16_t hop, number; };

/* From a node to a kid; false: there is none. */
INLINE bool go_down(const uint64_t *words, struct walk *w)
{
	const struct fib_node *n = node_at(words, w->ref);
	unsigned slot = (unsigned)(w->high >> (64 - STRIDE));

	if (!(node_kids(n, w->ref) >> slot & 1))
		return false;
	w->ref = node_kid(n, slot);
	w->high = w->high << STRIDE | w->low >> (64 - STRIDE);
	w->low <<= STRIDE;
	return true;
}

/* Look into a block and go down; false: that was the last. */
INLINE bool step(const uint64_t *words, struct walk *w)
{
	uint16_t longer = w->ref & REF_LIST ? list_longest(words, w->ref, w->high, w->low) :
					      node_longest(node_at(words, w->ref),
							   (unsigned)(w->high >> (64 - STRIDE)));

	w->hop = longer ? longer : w->hop;
	return !(w->ref & REF_LIST) && go_down(words, w);
}

INLINE uint16_t walk(const uint64_t *words, struct walk w)
{
	while (step(words, &w)) {
	}
	return w.hop;
}

FAST APART uint16_t walk_fast(const uint64_t *words, struct walk w)
{
	return walk(words, w);
}

APART uint16_t walk_plain(const uint64_t *words, struct walk w)
{
	return walk(words, w);
}

/* The first line of a block, and the next if it is likely to be needed. */
INLINE void fetch(const uint64_t *words, uint32_t ref)
{
	const uint64_t *first = words + (ref & REF_WORD);

	__builtin_prefetch(first);
	__builtin_prefetch(first + LINE_WORDS * (ref / REF_LONG & 1));
}

/* The same and, instead, the line before, where the kids of a node are. */
INLINE void fetch_kids(const uint64_t *words, uint32_t ref)
{
	const uint64_t *first = words + (ref & REF_WORD);

	__builtin_prefetch(first);
	__builtin_prefetch(first + LINE_WORDS * (ref / REF_LONG & 1) -
			   LINE_WORDS * (ref / REF_KIDS & 1));
}

INLINE uint32_t load_slot(const struct fib_table *t, uint64_t high)
{
	return __atomic_load_n(&t->slots[high >> (64 - SLOT_BITS)], __ATOMIC_ACQUIRE);
}

INLINE void fetch_slot(const struct fib_table *t, uint64_t high)
{
	__builtin_prefetch(&t->slots[high >> (64 - SLOT_BITS)]);
}

/* Slots that share all but the last bits share the way to there. The roots below them are on their
 * way then, for their covers to be set. */
INLINE void longest_of(const struct fib_table *t, size_t first, size_t count, uint16_t *hops)
{
	const uint64_t *words = t->store.words;
	struct walk all = { .high = (uint64_t)first << (64 - SLOT_BITS), .ref = t->top,
			    .hop = t->top & REF_BLOCK ? FIB_NONE : (uint16_t)t->top };
	bool more = t->top & REF_BLOCK;
	unsigned bit = 64 - SLOT_BITS;

	for (; more && bit < 64 - STRIDE && !(all.ref & REF_LIST); bit += STRIDE)
		more = step(words, &all);
	for (size_t i = 0; i < count; i++) {
		struct walk one = all;

		__builtin_prefetch(node_at(words, t->slots[first + i]));
		one.high |= (uint64_t)i << bit;
		hops[i] = more ? walk(words, one) : all.hop;
	}
}

FAST static void longest_fast(const struct fib_table *t, size_t first, size_t count, uint16_t *hops)
{
	longest_of(t, first, count, hops);
}

void slots_longest(const struct fib_table *t, size_t first, size_t count, uint16_t *hops)
{
	if (lookup_can_be_fast())
		longest_fast(t, first, count, hops);
	else
		longest_of(t, first, count, hops);
}

/* At the root below a slot. */
INLINE void walk_from(struct walk *w, uint32_t ref, uint64_t high, uint64_t low)
{
	w->high = high << SLOT_BITS | low >> (64 - SLOT_BITS);
	w->low = low << SLOT_BITS;
	w->ref = ref;
	w->hop = FIB_NONE;
}

/* A root is a node, and few have anything below an address: then a function of its own begins anew,
 * so that this one stays short. */
INLINE uint16_t below_slot(const struct fib_table *t, struct walk w, bool fast)
{
	const struct fib_node *n = node_at(t->store.words, w.ref);
	unsigned slot = (unsigned)(w.high >> (64 - STRIDE));

	if (node_kids(n, w.ref) >> slot & 1)
		return fast ? walk_fast(t->store.words, w) : walk_plain(t->store.words, w);
	return node_longest(n, slot);
}

INLINE uint16_t lookup(const struct fib_table *t, uint64_t high, uint64_t low, bool fast)
{
	uint32_t ref = load_slot(t, high);
	struct walk w;

	if (!(ref & REF_BLOCK))
		return (uint16_t)ref;
	walk_from(&w, ref, high, low);
	return below_slot(t, w, fast);
}

INLINE uint64_t bits_of(const uint8_t octets[static 8])
{
	return (uint64_t)load32(octets) << 32 | load32(octets + 4);
}

INLINE uint64_t high_of(be32 address)
{
	return (uint64_t)be32_host(address) << 32;
}

FAST APART uint16_t lookup_fast(const struct fib_table *t, uint64_t high, uint64_t low)
{
	return lookup(t, high, low, true);
}

APART uint16_t lookup_plain(const struct fib_table *t, uint64_t high, uint64_t low)
{
	return lookup(t, high, low, false);
}

uint16_t fib_lookup4(const struct fib *f, be32 address)
{
	uint64_t high = high_of(address);

	return f->fast ? lookup_fast(&f->v4, high, 0) : lookup_plain(&f->v4, high, 0);
}

uint16_t fib_lookup6(const struct fib *f, const uint8_t address[static 16])
{
	uint64_t high = bits_of(address), low = bits_of(address + 8);

	return f->fast ? lookup_fast(&f->v6, high, low) : lookup_plain(&f->v6, high, low);
}

/* First all slots, then all roots are on their way before the first of them is needed. Whether
 * there is a root cannot be guessed, so that must not be a branch. Roots that have kids are few:
 * these addresses are looked up once more. */
INLINE void batch4(const struct fib_table *t, const be32 *addresses, uint16_t *restrict hops,
		   size_t count, bool fast)
{
	const uint64_t *words = t->store.words;
	struct { uint32_t ref, address; } roots[BATCH4];
	uint16_t numbers[BATCH4], deep[BATCH4];
	size_t root_count = 0, deep_count = 0;

	for (size_t i = 0; i < count; i++)
		fetch_slot(t, high_of(addresses[i]));
	for (size_t i = 0; i < count; i++) {
		uint32_t address = be32_host(addresses[i]);
		uint32_t ref = load_slot(t, (uint64_t)address << 32);

		hops[i] = (uint16_t)ref;
		roots[root_count].ref = ref;
		roots[root_count].address = address;
		numbers[root_count] = (uint16_t)i;
		root_count += ref / REF_BLOCK;
		deep[deep_count] = (uint16_t)i;
		deep_count += ref / REF_KIDS & 1;
		fetch(words, ref);
	}
	for (size_t i = 0; i < root_count; i++)
		hops[numbers[i]] = node_longest(node_at(words, roots[i].ref),
						roots[i].address << SLOT_BITS >> (32 - STRIDE));
	for (size_t i = 0; i < deep_count; i++)
		hops[deep[i]] = lookup(t, high_of(addresses[deep[i]]), 0, fast);
}

FAST static void batch4_fast(const struct fib_table *t, const be32 *addresses, uint16_t *hops,
			     size_t count)
{
	batch4(t, addresses, hops, count, true);
}

void fib_lookup4_batch(const struct fib *f, const be32 *addresses, uint16_t *hops, size_t count)
{
	for (size_t i = 0; i < count; i += BATCH4) {
		size_t some = count - i < BATCH4 ? count - i : BATCH4;

		if (f->fast)
			batch4_fast(&f->v4, addresses + i, hops + i, some);
		else
			batch4(&f->v4, addresses + i, hops + i, some, false);
	}
}

/* One level after the other: what is needed at the next is on its way. */
INLINE void walk_all(const uint64_t *words, struct walk *walks, size_t count, uint16_t *hops)
{
	while (count) {
		size_t on = 0;

		for (size_t i = 0; i < count; i++) {
			struct walk w = walks[i];

			if (step(words, &w)) {
				fetch_kids(words, w.ref);
				walks[on++] = w;
			} else {
				hops[w.number] = w.hop;
			}
		}
		count = on;
	}
}

INLINE void batch6(const struct fib_table *t, const uint8_t (*addresses)[16], uint16_t *hops,
		   size_t count)
{
	struct walk walks[BATCH6];
	size_t on = 0;

	for (size_t i = 0; i < count; i++)
		fetch_slot(t, bits_of(addresses[i]));
	for (size_t i = 0; i < count; i++) {
		uint64_t high = bits_of(addresses[i]), low = bits_of(addresses[i] + 8);
		uint32_t ref = load_slot(t, high);

		hops[i] = (uint16_t)ref;
		walk_from(&walks[on], ref, high, low);
		walks[on].number = (uint16_t)i;
		on += ref / REF_BLOCK;
		fetch_kids(t->store.words, ref);
	}
	walk_all(t->store.words, walks, on, hops);
}

FAST static void batch6_fast(const struct fib_table *t, const uint8_t (*addresses)[16],
			     uint16_t *hops, size_t count)
{
	batch6(t, addresses, hops, count);
}

void fib_lookup6_batch(const struct fib *f, const uint8_t (*addresses)[16], uint16_t *hops,
		       size_t count)
{
	for (size_t i = 0; i < count; i += BATCH6) {
		size_t some = count - i < BATCH6 ? count - i : BATCH6;

		if (f->fast)
			batch6_fast(&f->v6, addresses + i, hops + i, some);
		else
			batch6(&f->v6, addresses + i, hops + i, some);
	}
}

void fib_prefetch4(const struct fib *f, be32 address)
{
	fetch_slot(&f->v4, high_of(address));
}
