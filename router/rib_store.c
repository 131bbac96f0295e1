/* The destinations that a rib knows, and how one is found by its prefix. */
#include "rib_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"

enum { CHAINS_LEAST = 1024, DESTINATIONS_LEAST = 64 };

_Static_assert(sizeof(struct prefix) == 18, "a prefix is compared and hashed as octets");
_Static_assert(sizeof(struct destination) == 32, "there may be millions");

int store_init(struct routes *r)
{
	r->used = 1;
	r->chain_count = CHAINS_LEAST;
	r->chains = calloc(CHAINS_LEAST, sizeof(*r->chains));
	return r->chains ? 0 : -ENOMEM;
}

void store_end(struct routes *r)
{
	for (uint32_t i = 1; i < r->used; i++)
		if (r->all[i].count > 1)
			free(r->all[i].many);
	free(r->all);
	free(r->chains);
}

/* Routes come from the operator, not from packets: no key is needed. */
static uint32_t *chain_of(const struct routes *r, uint8_t table, const struct prefix *p)
{
	uint64_t words[2], hash;

	memcpy(words, p->address.octets, sizeof(words));
	hash = mix(mix(((uint64_t)table << 8 | p->len) ^ words[0]) ^ words[1]);
	return &r->chains[hash & (r->chain_count - 1)];
}

static bool is_of(const struct destination *d, uint8_t table, const struct prefix *p)
{
	return d->table == table && memcmp(&d->prefix, p, sizeof(*p)) == 0;
}

uint32_t store_find(const struct routes *r, uint8_t table, const struct prefix *p)
{
	uint32_t i = *chain_of(r, table, p);

	while (i && !is_of(&r->all[i], table, p))
		i = r->all[i].next;
	return i;
}

/* Twice as many chains, if there is memory for them; they only make it faster. */
static void lengthen(struct routes *r)
{
	uint32_t count = 2 * r->chain_count;
	uint32_t *chains = calloc(count, sizeof(*chains));

	if (!chains)
		return;
	free(r->chains);
	r->chains = chains;
	r->chain_count = count;
	for (uint32_t i = 1; i < r->used; i++) {
		uint32_t *chain = chain_of(r, r->all[i].table, &r->all[i].prefix);

		if (!r->all[i].count)
			continue;
		r->all[i].next = *chain;
		*chain = i;
	}
}

/* A destination that is free; 0: no memory. */
static uint32_t take(struct routes *r)
{
	uint32_t i = r->free, most = r->most ? 2 * r->most : DESTINATIONS_LEAST;
	struct destination *all;

	if (i) {
		r->free = r->all[i].next;
		return i;
	}
	if (r->used >= r->most) {
		all = realloc(r->all, most * sizeof(*all));
		if (!all)
			return 0;
		r->all = all;
		r->most = most;
	}
	return r->used++;
}

uint32_t store_make(struct routes *r, uint8_t table, const struct prefix *p)
{
	uint32_t i, *chain;

	if (r->count >= r->chain_count)
		lengthen(r);
	i = take(r);
	if (!i)
		return 0;
	chain = chain_of(r, table, p);
	r->all[i] = (struct destination){ .prefix = *p, .table = table, .next = *chain };
	*chain = i;
	r->count++;
	return i;
}

/* Its prefix stays, so that a listing that has come this far can go on. */
void store_drop_empty(struct routes *r, uint32_t i)
{
	struct destination *d = &r->all[i];
	uint32_t *at = chain_of(r, d->table, &d->prefix);

	if (d->count)
		return;
	while (*at != i)
		at = &r->all[*at].next;
	*at = d->next;
	d->next = r->free;
	r->free = i;
	r->count--;
}
