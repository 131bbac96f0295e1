#include "fib_trie.h"

#include <string.h>

_Static_assert(LIST_MOST == 1 << (29 - REF_COUNT_AT), "a ref has room for the length");
_Static_assert(2 * LIST_MOST <= BLOCK_LINES_MOST * LINE_WORDS, "a list is a block");

void entries_open(const struct fib_store *s, struct fib_entries *l, uint32_t ref)
{
	const uint64_t *word = s->words + (ref & REF_WORD);

	l->count = list_count(ref);
	for (struct fib_entry *e = l->at; e < l->at + l->count; e++) {
		fib_key high = ref & REF_WIDE ? (fib_key)*word++ << 64 : 0;
		fib_key rest = (fib_key)(*word >> (64 - LIST_BITS)) << (128 - LIST_BITS);

		e->key = ref & REF_WIDE ? high | rest >> 64 : rest;
		e->len = list_len(*word);
		e->hop = (uint16_t)*word++;
	}
}

static uint64_t word_of(uint64_t key, const struct fib_entry *e)
{
	return (key & ~(~(uint64_t)0 >> LIST_BITS)) | (uint64_t)e->len << LIST_LEN_AT | e->hop;
}

uint32_t entries_close(struct fib_store *s, const struct fib_entries *l)
{
	bool wide = l->at[0].len > LIST_BITS;
	uint32_t ref = store_take(s, 0, sizeof(uint64_t) * l->count * (wide ? 2 : 1));
	uint64_t *word = s->words + ref;

	for (const struct fib_entry *e = l->at; e < l->at + l->count; e++) {
		if (wide)
			*word++ = (uint64_t)(e->key >> 64);
		*word++ = word_of((uint64_t)(wide ? e->key : e->key >> 64), e);
	}
	return REF_BLOCK | REF_LIST | (wide ? REF_WIDE : 0) | (l->count - 1) << REF_COUNT_AT | ref;
}

/* Where a prefix is or, the longest first, belongs. */
static unsigned entries_find(const struct fib_entries *l, const struct fib_entry *e, bool *found)
{
	unsigned i = 0;

	while (i < l->count && l->at[i].len > e->len)
		i++;
	while (i < l->count && l->at[i].len == e->len && l->at[i].key != e->key)
		i++;
	*found = i < l->count && l->at[i].len == e->len;
	return i;
}

void entries_set(struct fib_entries *l, const struct fib_entry *e)
{
	bool found;
	unsigned i = entries_find(l, e, &found);

	if (!found)
		memmove(l->at + i + 1, l->at + i, (l->count++ - i) * sizeof(*e));
	l->at[i] = *e;
}

void entries_remove(struct fib_entries *l, const struct fib_entry *e)
{
	bool found;
	unsigned i = entries_find(l, e, &found);

	if (found)
		memmove(l->at + i, l->at + i + 1, (--l->count - i) * sizeof(*e));
}
