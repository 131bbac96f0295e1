#include "fib_trie.h"

#include <string.h>

/* A node being changed, with room for all it could hold. */
struct draft {
	uint32_t refs[KIDS_MOST];     /* the last of them is the first kid's */
	uint64_t kids;
	uint64_t shorter, full; /* from here on as in a node */
	uint16_t hops[HOPS_MOST];
};

enum { HEADER = offsetof(struct draft, shorter) };

_Static_assert(offsetof(struct draft, hops) - HEADER == offsetof(struct fib_node, hops), "a node");

static void draft_empty(struct draft *d, uint16_t cover)
{
	d->shorter = 1;
	d->full = d->kids = 0;
	d->hops[0] = cover;
}

static void draft_open(const struct fib_store *s, struct draft *d, uint32_t ref)
{
	const uint8_t *n = (const void *)node_at(s->words, ref);
	size_t before = block_before(s->words, ref);

	d->kids = 0;
	memcpy((uint8_t *)d + HEADER - before, n - before, before + block_after(s->words, ref));
}

static size_t hop_count(const struct draft *d)
{
	return ones(d->shorter) + ones(d->full);
}

/* Put into the store; nobody can reach it yet. */
static uint32_t draft_close(struct fib_store *s, const struct draft *d)
{
	size_t before = kids_octets(d->kids);
	size_t after = offsetof(struct fib_node, hops) + hop_count(d) * sizeof(d->hops[0]);
	uint32_t word = store_take(s, before, after);

	memcpy((uint8_t *)(s->words + word) - before, (const uint8_t *)d + HEADER - before,
	       before + after);
	return REF_BLOCK | (before ? REF_KIDS : 0) | (after > LINE ? REF_LONG : 0) | word;
}

/* A prefix within a node by its number: is it there, and which of hops[] is, or would be, its. */
static unsigned number_of(fib_key key, unsigned len)
{
	return 1u << len | (unsigned)(key >> (128 - len));
}

static bool has(uint64_t shorter, uint64_t full, unsigned number)
{
	return (number < 64 ? shorter >> number : full >> (number - 64)) & 1;
}

static unsigned hop_at(uint64_t shorter, uint64_t full, unsigned number)
{
	if (number < 64)
		return ones(shorter & bits_below(number));
	return ones(shorter) + ones(full & bits_below(number - 64));
}

static void draft_flip(struct draft *d, unsigned number)
{
	*(number < 64 ? &d->shorter : &d->full) ^= (uint64_t)1 << number % 64;
}

static void draft_set(struct draft *d, unsigned number, uint16_t hop)
{
	uint16_t *at = d->hops + hop_at(d->shorter, d->full, number), *end = d->hops + hop_count(d);

	if (!has(d->shorter, d->full, number)) {
		memmove(at + 1, at, (size_t)(end - at) * sizeof(*at));
		draft_flip(d, number);
	}
	*at = hop;
}

static void draft_clear(struct draft *d, unsigned number)
{
	uint16_t *at = d->hops + hop_at(d->shorter, d->full, number), *end = d->hops + hop_count(d);

	memmove(at, at + 1, (size_t)(end - at - 1) * sizeof(*at));
	draft_flip(d, number);
}

static bool draft_has_kid(const struct draft *d, unsigned slot)
{
	return d->kids >> slot & 1;
}

static uint32_t draft_kid(const struct draft *d, unsigned slot)
{
	return d->refs[KIDS_MOST - 1 - ones(d->kids & bits_below(slot))];
}

/* Make ref the kid at a slot; 0: none. */
static void draft_link(struct draft *d, unsigned slot, uint32_t ref)
{
	uint32_t *first = d->refs + KIDS_MOST - ones(d->kids);
	uint32_t *at = d->refs + KIDS_MOST - 1 - ones(d->kids & bits_below(slot));

	if (ref && !draft_has_kid(d, slot))
		memmove(first - 1, first, (size_t)(at + 1 - first) * sizeof(*at));
	if (!ref && draft_has_kid(d, slot))
		memmove(first + 1, first, (size_t)(at - first) * sizeof(*at));
	d->kids &= ~((uint64_t)1 << slot);
	if (ref) {
		d->kids |= (uint64_t)1 << slot;
		*at = ref;
	}
}

/* As seen from one level further down, or up. */
static struct fib_entry entry_down(const struct fib_entry *e)
{
	return (struct fib_entry){ e->key << STRIDE, e->len - STRIDE, e->hop };
}

static struct fib_entry entry_up(const struct fib_entry *e, unsigned slot)
{
	fib_key key = (fib_key)slot << (128 - STRIDE) | e->key >> STRIDE;

	return (struct fib_entry){ key, e->len + STRIDE, e->hop };
}

static uint32_t spread(struct fib_store *s, const struct fib_entries *l);

/* What lies under one slot of a list that becomes a node. */
static uint32_t spread_slot(struct fib_store *s, const struct fib_entries *l, unsigned slot)
{
	struct fib_entries part = { .count = 0 };

	for (unsigned i = 0; i < l->count; i++)
		if (l->at[i].len > STRIDE && slot_of(l->at[i].key) == slot)
			part.at[part.count++] = entry_down(&l->at[i]);
	return spread(s, &part);
}

/* A list; a node if it is too long for one. */
static uint32_t spread(struct fib_store *s, const struct fib_entries *l)
{
	struct draft d;

	if (l->count <= LIST_MOST)
		return entries_close(s, l);
	draft_empty(&d, 0);
	for (unsigned i = 0; i < l->count; i++) {
		const struct fib_entry *e = &l->at[i];
		unsigned slot = slot_of(e->key);

		if (e->len <= STRIDE)
			draft_set(&d, number_of(e->key, e->len), e->hop);
		else if (!draft_has_kid(&d, slot))
			draft_link(&d, slot, spread_slot(s, l, slot));
	}
	return draft_close(s, &d);
}

static uint32_t kid_set(struct fib_store *s, uint32_t ref, const struct fib_entry *e);

static void draft_put(struct fib_store *s, struct draft *d, const struct fib_entry *e)
{
	unsigned slot = slot_of(e->key);
	struct fib_entry below;

	if (e->len <= STRIDE) {
		draft_set(d, number_of(e->key, e->len), e->hop);
	} else {
		below = entry_down(e);
		draft_link(d, slot,
			   kid_set(s, draft_has_kid(d, slot) ? draft_kid(d, slot) : 0, &below));
	}
}

static uint32_t kid_set(struct fib_store *s, uint32_t ref, const struct fib_entry *e)
{
	struct fib_entries l = { .count = 0 };
	struct draft d;

	if (ref)
		store_retire(s, ref);
	if (ref && !(ref & REF_LIST)) {
		draft_open(s, &d, ref);
		draft_put(s, &d, e);
		return draft_close(s, &d);
	}
	if (ref)
		entries_open(s, &l, ref);
	entries_set(&l, e);
	return spread(s, &l);
}

uint32_t trie_set(struct fib_store *s, uint32_t root, const struct fib_entry *e)
{
	struct draft d;

	if (root & REF_BLOCK) {
		draft_open(s, &d, root);
		store_retire(s, root);
	} else {
		draft_empty(&d, (uint16_t)root);
	}
	draft_put(s, &d, e);
	return draft_close(s, &d);
}

/* A short list is not made a node before it is twice as long, so that a flapping prefix does not
 * rebuild it each time. */
static bool is_sparse(const struct draft *d)
{
	size_t count = hop_count(d) - 1, kids = ones(d->kids);

	for (size_t i = KIDS_MOST - kids; i < KIDS_MOST; i++) {
		if (!(d->refs[i] & REF_LIST))
			return false;
		count += list_count(d->refs[i]);
	}
	return count <= LIST_MOST / 2;
}

/* All prefixes of a sparse node; its lists are given up. */
static void gather(struct fib_store *s, const struct draft *d, struct fib_entries *l)
{
	struct fib_entries below;

	l->count = 0;
	for (unsigned len = 1; len <= STRIDE; len++)
		for (unsigned value = 0; value < 1u << len; value++) {
			unsigned number = 1u << len | value;
			struct fib_entry e = { (fib_key)value << (128 - len), len, 0 };

			if (has(d->shorter, d->full, number)) {
				e.hop = d->hops[hop_at(d->shorter, d->full, number)];
				entries_set(l, &e);
			}
		}
	for (unsigned slot = 0; slot < KIDS_MOST; slot++) {
		if (!draft_has_kid(d, slot))
			continue;
		entries_open(s, &below, draft_kid(d, slot));
		store_retire(s, draft_kid(d, slot));
		for (unsigned i = 0; i < below.count; i++) {
			struct fib_entry e = entry_up(&below.at[i], slot);

			entries_set(l, &e);
		}
	}
}

static uint32_t kid_remove(struct fib_store *s, uint32_t ref, const struct fib_entry *e);

static void draft_drop(struct fib_store *s, struct draft *d, const struct fib_entry *e)
{
	unsigned slot = slot_of(e->key);
	struct fib_entry below;

	if (e->len <= STRIDE) {
		draft_clear(d, number_of(e->key, e->len));
	} else {
		below = entry_down(e);
		draft_link(d, slot, kid_remove(s, draft_kid(d, slot), &below));
	}
}

static uint32_t kid_remove(struct fib_store *s, uint32_t ref, const struct fib_entry *e)
{
	struct fib_entries l;
	struct draft d;

	store_retire(s, ref);
	if (ref & REF_LIST) {
		entries_open(s, &l, ref);
		entries_remove(&l, e);
	} else {
		draft_open(s, &d, ref);
		draft_drop(s, &d, e);
		if (!is_sparse(&d))
			return draft_close(s, &d);
		gather(s, &d, &l);
	}
	return l.count ? entries_close(s, &l) : 0;
}

uint32_t trie_remove(struct fib_store *s, uint32_t root, const struct fib_entry *e)
{
	struct draft d;

	draft_open(s, &d, root);
	store_retire(s, root);
	draft_drop(s, &d, e);
	return hop_count(&d) == 1 && !d.kids ? d.hops[0] : draft_close(s, &d);
}

static uint16_t list_get(const struct fib_store *s, uint32_t ref, const struct fib_entry *e)
{
	struct fib_entries l;

	entries_open(s, &l, ref);
	for (unsigned i = 0; i < l.count; i++)
		if (l.at[i].key == e->key && l.at[i].len == e->len)
			return l.at[i].hop;
	return 0;
}

uint16_t trie_get(const struct fib_store *s, uint32_t ref, struct fib_entry e)
{
	const struct fib_node *n = node_at(s->words, ref);
	unsigned number;

	if (!(ref & REF_BLOCK))
		return 0;
	while (e.len > STRIDE) {
		if (!(node_kids(n, ref) >> slot_of(e.key) & 1))
			return 0;
		ref = node_kid(n, slot_of(e.key));
		e = entry_down(&e);
		if (ref & REF_LIST)
			return list_get(s, ref, &e);
		n = node_at(s->words, ref);
	}
	number = number_of(e.key, e.len);
	return has(n->shorter, n->full, number) ? n->hops[hop_at(n->shorter, n->full, number)] : 0;
}

uint16_t trie_cover(const struct fib_store *s, uint32_t root)
{
	if (!(root & REF_BLOCK))
		return (uint16_t)root;
	return __atomic_load_n(&node_at(s->words, root)->hops[0], __ATOMIC_ACQUIRE);
}

void trie_set_cover(struct fib_store *s, uint32_t *root, uint16_t hop)
{
	struct fib_node *n = (void *)(s->words + (*root & REF_WORD));

	if (*root & REF_BLOCK)
		__atomic_store_n(&n->hops[0], hop, __ATOMIC_RELEASE);
	else
		__atomic_store_n(root, hop, __ATOMIC_RELEASE);
}

/* What a place knows, seen from the beginning of the address. */
static struct fib_entry entry_at(const struct fib_entry *stem, const struct fib_entry *e)
{
	return (struct fib_entry){ stem->key | e->key >> stem->len, stem->len + e->len, e->hop };
}

static bool next_in_list(const struct fib_store *s, uint32_t ref, const struct fib_entry *stem,
			 struct fib_entry *at)
{
	struct fib_entries l;
	struct fib_entry best;
	bool found = false;

	entries_open(s, &l, ref);
	for (unsigned i = 0; i < l.count; i++) {
		struct fib_entry e = entry_at(stem, &l.at[i]);

		if (!entry_before(&e, at) && (!found || entry_before(&e, &best))) {
			best = e;
			found = true;
		}
	}
	if (found)
		*at = best;
	return found;
}

/* Among the prefixes of a node that begin with a slot. */
static bool next_in_slot(const struct fib_node *n, unsigned slot, const struct fib_entry *stem,
			 struct fib_entry *at)
{
	for (unsigned len = 1; len <= STRIDE; len++) {
		unsigned number = 1u << len | slot >> (STRIDE - len);
		struct fib_entry e = { stem->key, stem->len + len, 0 };

		if (slot & (KIDS_MOST - 1) >> len || !has(n->shorter, n->full, number) ||
		    entry_before(&e, at))
			continue;
		*at = e;
		at->hop = n->hops[hop_at(n->shorter, n->full, number)];
		return true;
	}
	return false;
}

/* The slot below a place where a search from a key on begins; KIDS_MOST: behind all. */
static unsigned slot_from(const struct fib_entry *stem, fib_key key)
{
	if (key <= stem->key)
		return 0;
	if (stem->len && (key ^ stem->key) >> (128 - stem->len))
		return KIDS_MOST;
	return slot_of(key << stem->len);
}

bool trie_next(const struct fib_store *s, uint32_t ref, struct fib_entry stem,
	       struct fib_entry *at)
{
	const struct fib_node *n = node_at(s->words, ref);

	if (!(ref & REF_BLOCK))
		return false;
	if (ref & REF_LIST)
		return next_in_list(s, ref, &stem, at);
	for (unsigned slot = slot_from(&stem, at->key); slot < KIDS_MOST; slot++) {
		struct fib_entry here = stem;

		here.key |= (fib_key)slot << (128 - STRIDE) >> stem.len;
		if (next_in_slot(n, slot, &here, at))
			return true;
		here.len += STRIDE;
		if (node_kids(n, ref) >> slot & 1 && trie_next(s, node_kid(n, slot), here, at))
			return true;
	}
	return false;
}
