/*
 * Every key has two buckets. The first is given by the hash, the second by the first and the tag:
 * other(b) = spread(tag) - b, modulo the number of buckets, so that an entry can be moved between
 * its two buckets knowing nothing but its tag. An entry goes to the first bucket; if that is full,
 * to the second; if both are, an entry of either is moved to its own other bucket to make room.
 * With ten slots a bucket and four of five filled at the most, nine in ten keys are found with
 * one cache line, and a second is read only where something was spilled.
 */
#include "table.h"

enum { LOAD_PARTS = 5, LOAD_FULL = 4, SEARCH_DEPTH = 3 };

static uint32_t buckets_for(uint32_t keys_most)
{
	uint64_t slots = (uint64_t)keys_most * LOAD_PARTS / LOAD_FULL;

	return (uint32_t)(slots / TABLE_SLOTS + 2);
}

size_t table_size(uint32_t keys_most)
{
	return (size_t)buckets_for(keys_most) * sizeof(struct bucket);
}

void table_init(struct table *t, struct bucket *buckets, uint32_t keys_most)
{
	t->buckets = buckets;
	t->bucket_count = buckets_for(keys_most);
}

static void put(struct table *t, uint32_t bucket, int slot, uint16_t tag, uint32_t value)
{
	t->buckets[bucket].tags[slot] = tag;
	t->buckets[bucket].values[slot] = value;
}

/* Slot that is empty, or -1. */
static int free_slot(const struct table *t, uint32_t bucket)
{
	uint32_t match = bucket_match(&t->buckets[bucket], 0);

	return match ? __builtin_ctz(match) : -1;
}

/* Move an entry to a free slot of its other bucket. */
static void move(struct table *t, uint32_t from, int slot, uint32_t to, int free)
{
	struct bucket *b = &t->buckets[from];
	uint32_t value = b->values[slot];

	if (value & TABLE_DISPLACED)
		t->buckets[to].spilled--;
	else
		b->spilled++;
	put(t, to, free, b->tags[slot], value ^ TABLE_DISPLACED);
	b->tags[slot] = 0;
}

/* Empty a slot of a full bucket: by one move if possible, else by making room further on. */
static int make_room(struct table *t, uint32_t bucket, int depth)
{
	for (int slot = 0; slot < TABLE_SLOTS; slot++) {
		uint16_t tag = t->buckets[bucket].tags[slot];
		uint32_t to = table_other(t, bucket, tag);
		int free = free_slot(t, to);

		if (free < 0 && depth && to != bucket)
			free = make_room(t, to, depth - 1);
		/* Making room elsewhere may have moved entries out of here, or in. */
		if (free_slot(t, bucket) >= 0)
			return free_slot(t, bucket);
		if (free >= 0 && t->buckets[bucket].tags[slot] == tag) {
			move(t, bucket, slot, to, free);
			return slot;
		}
	}
	return -1;
}

static int any_room(struct table *t, uint32_t bucket)
{
	int slot = free_slot(t, bucket);

	for (int depth = 0; slot < 0 && depth < SEARCH_DEPTH; depth++)
		slot = make_room(t, bucket, depth);
	return slot;
}

bool table_insert(struct table *t, uint64_t hash, uint32_t value)
{
	uint16_t tag = table_tag(hash);
	uint32_t first = table_first(t, hash);
	uint32_t other = table_other(t, first, tag);
	int slot = free_slot(t, first);

	if (slot >= 0) {
		put(t, first, slot, tag, value);
		return true;
	}
	slot = other == first ? -1 : free_slot(t, other);
	if (slot >= 0) {
		put(t, other, slot, tag, value | TABLE_DISPLACED);
		t->buckets[first].spilled++;
		return true;
	}
	slot = any_room(t, first);
	if (slot >= 0)
		put(t, first, slot, tag, value);
	return slot >= 0;
}

static bool remove_from(struct table *t, uint32_t bucket, uint16_t tag, uint32_t value)
{
	struct bucket *b = &t->buckets[bucket];

	for (uint32_t match = bucket_match(b, tag); match; match &= match - 1) {
		int slot = __builtin_ctz(match);

		if (b->values[slot] == value) {
			b->tags[slot] = 0;
			return true;
		}
	}
	return false;
}

void table_remove(struct table *t, uint64_t hash, uint32_t value)
{
	uint16_t tag = table_tag(hash);
	uint32_t first = table_first(t, hash);

	if (remove_from(t, first, tag, value))
		return;
	if (remove_from(t, table_other(t, first, tag), tag, value | TABLE_DISPLACED))
		t->buckets[first].spilled--;
}
