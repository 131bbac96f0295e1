/*
 * The tries behind the forwarding table and the memory they live in; private to fib*.c. The theory
 * of operation is at the head of fib.c.
 *
 * Shape    A trie is one number, a ref: the hop itself where nothing longer is known, else where
 *          its root node lies. A node holds the prefixes that are 1 … 6 bits longer than the place
 *          it stands at; a prefix of n bits and value v is number 2^n + v in it. Where there are
 *          few prefixes below a place, a list holds them all.
 * Order    A key is an address, or what remains of it at a place, with its first bit as the most
 *          significant one. Keys of prefixes have zeros behind their length.
 * Memory   Nodes and lists are words of a store, where those of at most 64 octets lie in one cache
 *          line. They do not change once they can be reached, but for the cover of a root.
 * Errors   store_reserve() is all that can fail: after it, one change finds room.
 */
#ifndef ROUTER_FIB_TRIE_H
#define ROUTER_FIB_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 fib_key;

enum { STRIDE = 6, KIDS_MOST = 64, HOPS_MOST = 1 + 62 + 64, LIST_MOST = 16 };

/* A ref of a block: where it lies, and whether it goes on behind its first line; for a list how
 * long it is, less one, and whether it is a wide one; for a node whether it has kids. A list of
 * more than eight is a long block by itself. */
#define REF_BLOCK 0x80000000u
#define REF_LIST  0x40000000u
#define REF_WIDE  0x20000000u
#define REF_KIDS  REF_WIDE
#define REF_LONG  0x10000000u
#define REF_WORD  0x01ffffffu
enum { REF_COUNT_AT = 25 };

/* A node that has kids has a word before it: the values of six bits under which there is more.
 * Before that lies a ref for each kid, that of the first one last. */
struct fib_node {
	uint64_t shorter; /* prefixes number 2 … 63; bit 0: the cover, which every node has */
	uint64_t full;	  /* prefixes number 64 … 127 */
	uint16_t hops[];  /* one for each bit of shorter, then of full; only roots have a cover */
};

/* A list begins with its longest prefix. Each is one word: the first 40 bits of its key, its length
 * in 8, its hop in 16. In a wide list a word with the first 64 bits of the key stands before it,
 * and its 40 bits are those that follow: kids of roots stand at bit 24 at least, and 24 + 64 + 40
 * are the 128 of an address. */
enum { LIST_BITS = 40, LIST_LEN_AT = 16 };

enum {
	LINE = 64,
	LINE_WORDS = LINE / 8,
	KIDS_OCTETS_MOST = 8 + 4 * KIDS_MOST,
	NODE_OCTETS_MOST = offsetof(struct fib_node, hops) + 2 * HOPS_MOST,
	BLOCK_LINES_MOST = (KIDS_OCTETS_MOST + LINE - 1) / LINE + (NODE_OCTETS_MOST + LINE - 1) / LINE,
	HALVES_MOST = 2 * BLOCK_LINES_MOST,
};

struct fib_store {
	uint64_t *words;
	size_t used, ready, most;		/* words handed out so far, usable, reserved */
	uint32_t free[HALVES_MOST + 1];		/* lists of free blocks by size; 0 ends one */
	uint32_t *retired;
	size_t retired_count, retired_most;
};

/* The first octets are the caller's; they are zero. */
int store_open(struct fib_store *s, size_t octets);
void store_close(struct fib_store *s);
int store_reserve(struct fib_store *s);
size_t store_reclaim(struct fib_store *s);
size_t store_octets(const struct fib_store *s);

/* Words for a block with so many octets before the word that is returned and so many from it on. */
uint32_t store_take(struct fib_store *s, size_t before, size_t after);
void store_retire(struct fib_store *s, uint32_t ref);

/* A prefix below some place, and its hop. */
struct fib_entry { fib_key key; unsigned len; uint16_t hop; };

/* In order of a listing: by key, then by length. */
static inline bool entry_before(const struct fib_entry *a, const struct fib_entry *b)
{
	return a->key != b->key ? a->key < b->key : a->len < b->len;
}

/* Return what the trie becomes; what it was stays whole for its readers. len is at least 1, and
 * what is removed is there. */
uint32_t trie_set(struct fib_store *s, uint32_t root, const struct fib_entry *e);
uint32_t trie_remove(struct fib_store *s, uint32_t root, const struct fib_entry *e);

/* The hop of exactly this prefix, or 0. */
uint16_t trie_get(const struct fib_store *s, uint32_t root, struct fib_entry e);

/* Make *at the first prefix below a place that is not before it. The place is key and len of stem;
 * *at is seen from the beginning of the address. */
bool trie_next(const struct fib_store *s, uint32_t ref, struct fib_entry stem,
	       struct fib_entry *at);

/* What the trie says where it knows nothing longer. Setting it is one store. */
uint16_t trie_cover(const struct fib_store *s, uint32_t root);
void trie_set_cover(struct fib_store *s, uint32_t *root, uint16_t hop);

/* A list being changed; it may be one too long before it is closed. */
struct fib_entries {
	unsigned count;
	struct fib_entry at[LIST_MOST + 1];
};

void entries_open(const struct fib_store *s, struct fib_entries *l, uint32_t ref);
uint32_t entries_close(struct fib_store *s, const struct fib_entries *l);
void entries_set(struct fib_entries *l, const struct fib_entry *e);
void entries_remove(struct fib_entries *l, const struct fib_entry *e);

/* All prefixes of one version. */
enum { SLOT_BITS = 18, SLOTS = 1 << SLOT_BITS };

struct fib_table {
	uint32_t *slots; /* first in the store */
	struct fib_store store;
	uint32_t top;
	size_t count;
};

struct fib {
	struct fib_table v4, v6;
	bool fast; /* the processor has all that lookups can use */
};

bool lookup_can_be_fast(void);

/* The hops that the trie at top has for some slots, at most 64, the first of which has at least so
 * many zeros at its end. */
void slots_longest(const struct fib_table *t, size_t first, size_t count, uint16_t *hops);

static inline __attribute__((always_inline)) unsigned ones(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

static inline uint64_t bits_below(unsigned bit)
{
	return ((uint64_t)1 << bit) - 1;
}

static inline unsigned slot_of(fib_key key)
{
	return (unsigned)(key >> (128 - STRIDE));
}

static inline const struct fib_node *node_at(const uint64_t *words, uint32_t ref)
{
	return (const void *)(words + (ref & REF_WORD));
}

static inline unsigned list_count(uint32_t ref)
{
	return (ref >> REF_COUNT_AT & (LIST_MOST - 1)) + 1;
}

static inline uint8_t list_len(uint64_t word)
{
	return (uint8_t)(word >> LIST_LEN_AT);
}

/* Without a branch: few nodes have kids, and nothing says which. */
static inline uint64_t node_kids(const struct fib_node *n, uint32_t ref)
{
	uint64_t has = ref / REF_KIDS & 1;

	return *((const uint64_t *)n - has) & -has;
}

/* It has this kid. */
static inline __attribute__((always_inline)) uint32_t node_kid(const struct fib_node *n,
								unsigned slot)
{
	const uint64_t *kids = (const uint64_t *)n - 1;

	return *((const uint32_t *)kids - 1 - ones(*kids & bits_below(slot)));
}

static inline size_t kids_octets(uint64_t kids)
{
	return kids ? sizeof(kids) + sizeof(uint32_t) * ones(kids) : 0;
}

/* Octets of a block before the word that its ref names, and from it on. */
static inline size_t block_before(const uint64_t *words, uint32_t ref)
{
	return ref & REF_LIST ? 0 : kids_octets(node_kids(node_at(words, ref), ref));
}

static inline size_t block_after(const uint64_t *words, uint32_t ref)
{
	const struct fib_node *n = node_at(words, ref);

	if (ref & REF_LIST)
		return sizeof(uint64_t) * list_count(ref) * (ref & REF_WIDE ? 2 : 1);
	return offsetof(struct fib_node, hops) +
	       sizeof(n->hops[0]) * (ones(n->shorter) + ones(n->full));
}

#endif
