#include "fib_trie.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Address space is reserved at once and made usable piece by piece: what readers hold never moves,
 * and 32 bits name a block. */
enum {
	WORDS_MOST = 1 << 25, /* 256 MiB, some thirty times a full table */
	WORDS_STEP = 1 << 15,
	UNIT = 2,	   /* sizes are multiples of so many words, so that blocks fit again */
	CHANGE_BLOCKS = 64, /* made or given up by one change: three per level of IPv6 */
	CHANGE_WORDS = CHANGE_BLOCKS * BLOCK_WORDS_MOST,
};

int store_open(struct fib_store *s)
{
	void *words = mmap(NULL, WORDS_MOST * sizeof(uint64_t), PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (words == MAP_FAILED)
		return -ENOMEM;
	/* No block lies at word 0, which ends lists. */
	*s = (struct fib_store){ .words = words, .used = UNIT, .most = WORDS_MOST };
	return 0;
}

void store_close(struct fib_store *s)
{
	if (s->words)
		munmap(s->words, s->most * sizeof(uint64_t));
	free(s->retired);
}

static int reserve_retired(struct fib_store *s)
{
	size_t most = 2 * s->retired_most + CHANGE_BLOCKS;
	uint32_t *retired;

	if (s->retired_count + CHANGE_BLOCKS <= s->retired_most)
		return 0;
	retired = realloc(s->retired, most * sizeof(*retired));
	if (!retired)
		return -ENOMEM;
	s->retired = retired;
	s->retired_most = most;
	return 0;
}

static int reserve_words(struct fib_store *s)
{
	if (s->used + CHANGE_WORDS <= s->ready)
		return 0;
	if (s->ready + WORDS_STEP > s->most ||
	    mprotect(s->words + s->ready, WORDS_STEP * sizeof(uint64_t), PROT_READ | PROT_WRITE))
		return -ENOMEM;
	s->ready += WORDS_STEP;
	return 0;
}

int store_reserve(struct fib_store *s)
{
	int error = reserve_retired(s);

	return error ? error : reserve_words(s);
}

static size_t words_of(size_t octets)
{
	return (octets + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

static size_t block_words(size_t before, size_t after)
{
	return (words_of(before) + words_of(after) + UNIT - 1) / UNIT * UNIT;
}

uint32_t store_take(struct fib_store *s, size_t before, size_t after)
{
	size_t words = block_words(before, after), block = s->free[words];

	if (block) {
		s->free[words] = (uint32_t)s->words[block];
	} else {
		block = s->used;
		s->used += words;
		assert(s->used <= s->ready);
	}
	return (uint32_t)(block + words_of(before));
}

void store_retire(struct fib_store *s, uint32_t ref)
{
	assert(s->retired_count < s->retired_most);
	s->retired[s->retired_count++] = ref;
}

static size_t give_back(struct fib_store *s, uint32_t ref)
{
	size_t before = block_before(s->words, ref);
	size_t words = block_words(before, block_after(s->words, ref));
	size_t block = (ref & REF_WORD) - words_of(before);

	s->words[block] = s->free[words];
	s->free[words] = (uint32_t)block;
	return words * sizeof(uint64_t);
}

size_t store_reclaim(struct fib_store *s)
{
	size_t octets = 0;

	for (size_t i = 0; i < s->retired_count; i++)
		octets += give_back(s, s->retired[i]);
	s->retired_count = 0;
	return octets;
}

size_t store_octets(const struct fib_store *s)
{
	return s->used * sizeof(uint64_t) + s->retired_most * sizeof(*s->retired);
}
