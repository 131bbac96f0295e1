#include "fib_trie.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Address space is reserved at once and made usable piece by piece: what readers hold never moves,
 * and 32 bits name a block. A piece is a huge page, if the kernel has one. */
enum {
	PIECE = 2 << 20,
	PIECE_WORDS = PIECE / 8,
	WORDS_MOST = 1 << 25, /* 256 MiB, some thirty times a full table */
	CHANGE_BLOCKS = 64,   /* made or given up by one change: three per level of IPv6 */
	HALF = LINE / 2,
	HALF_WORDS = HALF / 8,
	CHANGE_WORDS = CHANGE_BLOCKS * (HALVES_MOST + 1) * HALF_WORDS,
};

/* Zeroed memory that begins with a piece, and cannot be used yet; or NULL. */
static void *reserve(size_t octets)
{
	size_t all = octets + PIECE;
	uint8_t *at = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t skip = -(uintptr_t)at % PIECE;

	if (at == MAP_FAILED)
		return NULL;
	if (skip)
		munmap(at, skip);
	munmap(at + skip + octets, PIECE - skip);
	/* Small pages do as well, though not as fast. */
	(void)madvise(at + skip, octets, MADV_HUGEPAGE);
	return at + skip;
}

static int make_ready(struct fib_store *s)
{
	if (s->ready + PIECE_WORDS > s->most ||
	    mprotect(s->words + s->ready, PIECE, PROT_READ | PROT_WRITE))
		return -ENOMEM;
	s->ready += PIECE_WORDS;
	return 0;
}

int store_open(struct fib_store *s, size_t octets)
{
	*s = (struct fib_store){ .words = reserve(WORDS_MOST * sizeof(uint64_t)),
				 .used = octets / sizeof(uint64_t), .most = WORDS_MOST };
	assert(octets % LINE == 0 && octets <= PIECE);
	return s->words ? make_ready(s) : -ENOMEM;
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
	return s->used + CHANGE_WORDS <= s->ready ? 0 : make_ready(s);
}

int store_reserve(struct fib_store *s)
{
	int error = reserve_retired(s);

	return error ? error : reserve_words(s);
}

static size_t lines_of(size_t octets)
{
	return (octets + LINE - 1) / LINE;
}

/* A block takes half a line or whole ones. What its ref names begins with a line then. */
static size_t halves_of(size_t before, size_t after)
{
	return !before && after <= HALF ? 1 : 2 * (lines_of(before) + lines_of(after));
}

static void give(struct fib_store *s, size_t block, size_t halves)
{
	s->words[block] = s->free[halves];
	s->free[halves] = (uint32_t)block;
}

/* From what was never used. */
static size_t take_new(struct fib_store *s, size_t halves)
{
	size_t block;

	if (halves > 1 && s->used % LINE_WORDS) {
		give(s, s->used, 1);
		s->used += HALF_WORDS;
	}
	block = s->used;
	s->used += halves * HALF_WORDS;
	assert(s->used <= s->ready);
	return block;
}

uint32_t store_take(struct fib_store *s, size_t before, size_t after)
{
	size_t halves = halves_of(before, after), block = s->free[halves];

	if (block)
		s->free[halves] = (uint32_t)s->words[block];
	else
		block = take_new(s, halves);
	return (uint32_t)(block + lines_of(before) * LINE_WORDS);
}

void store_retire(struct fib_store *s, uint32_t ref)
{
	assert(s->retired_count < s->retired_most);
	s->retired[s->retired_count++] = ref;
}

static size_t give_back(struct fib_store *s, uint32_t ref)
{
	size_t before = block_before(s->words, ref);
	size_t halves = halves_of(before, block_after(s->words, ref));

	give(s, (ref & REF_WORD) - lines_of(before) * LINE_WORDS, halves);
	return halves * HALF;
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
	return s->ready * sizeof(uint64_t) + s->retired_most * sizeof(*s->retired);
}
