/*
 * A small cache in front of the kernel's table. Every second an address that is in use is looked
 * up again, and the kernel is told so: it confirms what has grown old, as it would if it had sent
 * the datagrams itself. What the kernel tells of a neighbour that has changed or failed makes it
 * be looked up again at once, with the few that share its set.
 *
 * Someone inside who scans a large network makes every datagram ask for another address. So there
 * is a budget of questions per tick of the clock. Beyond it what is known stays valid, and what is
 * not stays unknown.
 */
#include "neigh.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "nat/bytes.h"
#include "router/nl.h"

enum {
	WAYS = 4,
	KNOWN_MS = 1000, /* how long an answer is good */
	UNKNOWN_MS = 10, /* how long its absence is */
	BUDGET = 32,
};

struct entry {
	struct address address; /* version 0: free */
	uint8_t mac[6];
	bool known;
	uint32_t heard; /* news there had been when it was looked up */
	uint64_t until_ms;
};

struct neigh {
	struct nl *nl;
	const struct neigh_news *news;
	uint32_t index;
	uint64_t tick_ms;
	unsigned int budget; /* questions left in this tick */
	struct entry entries[NEIGH_SETS][WAYS];
};

int neigh_new(struct neigh **n, uint32_t index, const struct neigh_news *news)
{
	int r;

	*n = calloc(1, sizeof(**n));
	if (!*n)
		return -ENOMEM;
	(*n)->index = index;
	(*n)->news = news;
	r = nl_open(&(*n)->nl);
	if (r < 0) {
		free(*n);
		*n = NULL;
	}
	return r;
}

void neigh_free(struct neigh *n)
{
	if (n)
		nl_close(n->nl);
	free(n);
}

/* Hosts of a link differ in their last octets. */
static size_t set_of(const struct address *a)
{
	const uint8_t *end = a->octets + address_len(a);

	return (end[-1] ^ end[-2] * 7u ^ end[-3] * 31u) % NEIGH_SETS;
}

void neigh_hear(struct neigh_news *n, const struct address *a)
{
	atomic_fetch_add_explicit(&n->of[set_of(a)], 1, memory_order_release);
}

/* The entry of an address, or the one to be given up for it. */
static struct entry *entry_of(struct entry *set, const struct address *a)
{
	struct entry *oldest = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (address_equal(&set[i].address, a))
			return &set[i];
		if (set[i].until_ms < oldest->until_ms)
			oldest = &set[i];
	}
	return oldest;
}

static bool may_ask(struct neigh *n, uint64_t now_ms)
{
	if (n->tick_ms != now_ms) {
		n->tick_ms = now_ms;
		n->budget = BUDGET;
	}
	if (!n->budget)
		return false;
	n->budget--;
	return true;
}

static uint32_t heard(const struct neigh *n, const struct address *a)
{
	return atomic_load_explicit(&n->news->of[set_of(a)], memory_order_acquire);
}

static void look_up(struct neigh *n, struct entry *e, const struct address *a, uint64_t now_ms)
{
	int r;

	if (!may_ask(n, now_ms))
		return;
	e->address = *a;
	e->heard = heard(n, a);
	r = nl_neighbour(n->nl, n->index, a, e->mac);
	e->known = r >= 0;
	e->until_ms = now_ms + (e->known ? KNOWN_MS : UNKNOWN_MS);
	if (r != 1)
		nl_neighbour_use(n->nl, n->index, a);
}

const uint8_t *neigh_find(struct neigh *n, const struct address *a, uint64_t now_ms)
{
	struct entry *e = entry_of(n->entries[set_of(a)], a);

	if (!address_equal(&e->address, a) || e->until_ms <= now_ms || e->heard != heard(n, a))
		look_up(n, e, a, now_ms);
	return e->known && address_equal(&e->address, a) ? e->mac : NULL;
}
