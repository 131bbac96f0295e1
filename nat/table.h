/*
 * Index from tuples to records, at about eight octets per key.
 *
 * Shape    Records lie in an array of the caller's and begin with their keys: one struct tuple or
 *          several. A value names a key: record × keys + which of them. The table holds tags and
 *          values only and looks into the records to compare.
 * Memory   Sized once, by table_size(). Lookups write nothing.
 * Errors   table_insert() returns false when no place can be made, which the sizing makes rarer
 *          than any hardware fault.
 */
#ifndef NAT_TABLE_H
#define NAT_TABLE_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "hash.h"

enum { TABLE_SLOTS = 10 };
enum { TABLE_NONE = UINT32_MAX };

/* A cache line. A slot is empty if its tag is zero. The highest bit of a value says that it is
 * stored in its second bucket; spilled counts the entries that this bucket sent to theirs. */
struct bucket {
	uint16_t tags[TABLE_SLOTS];
	uint16_t spilled;
	uint16_t unused;
	uint32_t values[TABLE_SLOTS];
};

_Static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");

struct table {
	struct bucket *buckets;
	uint32_t bucket_count;
	uint32_t keys;	 /* per record */
	uint32_t stride; /* octets per record */
	const uint8_t *records;
};

/* Octets for the buckets of a table that holds so many keys at the most. */
size_t table_size(uint32_t keys_most);

/* t: keys, stride and records are set already. buckets: table_size() octets, zeroed, aligned to
 * 64. */
void table_init(struct table *t, struct bucket *buckets, uint32_t keys_most);

bool table_insert(struct table *t, uint64_t hash, uint32_t value);

/* The value must have been inserted with this hash. */
void table_remove(struct table *t, uint64_t hash, uint32_t value);

static inline uint16_t table_tag(uint64_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 48);

	return tag ? tag : 1;
}

/* Spread 32 bits over the buckets without a division. */
static inline uint32_t table_spread(const struct table *t, uint32_t bits)
{
	return (uint32_t)(((uint64_t)bits * t->bucket_count) >> 32);
}

static inline uint32_t table_first(const struct table *t, uint64_t hash)
{
	return table_spread(t, (uint32_t)hash);
}

/* The other bucket of an entry; its own inverse, so the hash is not needed to move entries. */
static inline uint32_t table_other(const struct table *t, uint32_t bucket, uint16_t tag)
{
	uint32_t sum = table_spread(t, tag * 0x9e3779b1u);

	return sum >= bucket ? sum - bucket : sum + t->bucket_count - bucket;
}

/* Bit i: slot i holds the tag. */
static inline uint32_t bucket_match(const struct bucket *b, uint16_t tag)
{
#ifdef __SSE2__
	const __m128i want = _mm_set1_epi16((short)tag);
	const __m128i *line = (const __m128i *)(const void *)b;
	__m128i low = _mm_cmpeq_epi16(_mm_load_si128(line), want);
	__m128i high = _mm_cmpeq_epi16(_mm_load_si128(line + 1), want);

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) &
	       ((1u << TABLE_SLOTS) - 1);
#else
	uint32_t match = 0;

	for (int i = 0; i < TABLE_SLOTS; i++)
		match |= (uint32_t)(b->tags[i] == tag) << i;
	return match;
#endif
}

enum { TABLE_DISPLACED = 1u << 31 };

static inline const struct tuple *table_key(const struct table *t, uint32_t value)
{
	uint32_t record = t->keys == 2 ? value >> 1 : value;
	uint32_t which = t->keys == 2 ? value & 1 : 0;

	return (const struct tuple *)(const void *)(t->records + (size_t)record * t->stride) + which;
}

static inline uint32_t bucket_find(const struct table *t, uint32_t bucket, uint16_t tag,
				   const struct tuple *key)
{
	const struct bucket *b = &t->buckets[bucket];

	for (uint32_t match = bucket_match(b, tag); match; match &= match - 1) {
		uint32_t value = b->values[__builtin_ctz(match)] & ~TABLE_DISPLACED;

		if (tuple_equal(table_key(t, value), key))
			return value;
	}
	return TABLE_NONE;
}

/* The value whose key equals key, or TABLE_NONE. */
static inline uint32_t table_find(const struct table *t, uint64_t hash, const struct tuple *key)
{
	uint16_t tag = table_tag(hash);
	uint32_t first = table_first(t, hash);
	uint32_t value = bucket_find(t, first, tag, key);

	if (value == TABLE_NONE && t->buckets[first].spilled)
		value = bucket_find(t, table_other(t, first, tag), tag, key);
	return value;
}

/* Steps ahead of table_find(), so that the misses of many overlap: fetch the first bucket; then tell a
 * record worth fetching. If there is none, but the key may be in its second bucket: fetch that, and
 * look there. */
static inline void table_prefetch(const struct table *t, uint64_t hash)
{
	__builtin_prefetch(&t->buckets[table_first(t, hash)]);
}

static inline uint32_t bucket_guess(const struct bucket *b, uint16_t tag)
{
	uint32_t match = bucket_match(b, tag);

	return match ? b->values[__builtin_ctz(match)] & ~TABLE_DISPLACED : TABLE_NONE;
}

static inline uint32_t table_guess(const struct table *t, uint64_t hash)
{
	return bucket_guess(&t->buckets[table_first(t, hash)], table_tag(hash));
}

static inline const struct bucket *table_second(const struct table *t, uint64_t hash)
{
	uint32_t first = table_first(t, hash);

	return t->buckets[first].spilled ? &t->buckets[table_other(t, first, table_tag(hash))] : NULL;
}

#endif
