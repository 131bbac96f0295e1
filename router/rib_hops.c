#include "rib_hops.h"

#include <errno.h>
#include <stdlib.h>

enum { NUMBERS = FIB_HOP_MOST + 1, LINE = 64 };

_Static_assert(sizeof(struct hop) == LINE, "a packet reads one cache line of its hop");

int hops_open(struct hops *h)
{
	*h = (struct hops){
		.all = aligned_alloc(LINE, NUMBERS * sizeof(*h->all)),
		.uses = calloc(NUMBERS, sizeof(*h->uses)),
		.chains = calloc(HOP_CHAINS, sizeof(*h->chains)),
		.used = 1,
	};
	if (!h->all || !h->uses || !h->chains)
		return -ENOMEM;
	h->all[0] = (struct hop){ .kind = HOP_NONE };
	return 0;
}

void hops_close(struct hops *h)
{
	free(h->all);
	free(h->uses);
	free(h->chains);
}

struct hop hop_plain(const struct hop *hop)
{
	struct hop plain = { .kind = hop->kind };

	switch (hop->kind) {
	case HOP_VIA:
		plain.via = hop->via;
		plain.interface = hop->interface;
		break;
	case HOP_LINK:
	case HOP_LOCAL:
	case HOP_POOL_LOCAL:
	case HOP_BROADCAST:
		plain.interface = hop->interface;
		break;
	case HOP_GROUP:
	case HOP_ORDER:
		plain.group_count = hop->group_count;
		memcpy(plain.group, hop->group, hop->group_count * sizeof(hop->group[0]));
		break;
	case HOP_NONE:
	case HOP_POOL:
	case HOP_BLACKHOLE:
	case HOP_UNREACHABLE:
	case HOP_PROHIBIT:
		break;
	}
	return plain;
}

bool hop_equal(const struct hop *a, const struct hop *b)
{
	return a->kind == b->kind && a->interface == b->interface &&
	       a->group_count == b->group_count &&
	       memcmp(a->group, b->group, a->group_count * sizeof(a->group[0])) == 0 &&
	       address_equal(&a->via, &b->via);
}

static uint16_t *chain_of(struct hops *h, const struct hop *hop)
{
	uint32_t hash = hash_octets(hop->kind, &hop->interface, sizeof(hop->interface));

	hash = hash_octets(hash, hop->group, hop->group_count * sizeof(hop->group[0]));
	hash = hash_octets(hash, hop->via.octets, sizeof(hop->via.octets));
	return &h->chains[hash % HOP_CHAINS];
}

/* A number that nobody uses; 0: there is none. */
static uint16_t number_new(struct hops *h)
{
	uint16_t number = h->free;

	if (number)
		h->free = h->uses[number].next;
	else if (h->used < NUMBERS)
		number = (uint16_t)h->used++;
	return number;
}

int hops_take(struct hops *h, const struct hop *hop)
{
	uint16_t *chain = chain_of(h, hop), number = *chain;

	while (number && !hop_equal(&h->all[number], hop))
		number = h->uses[number].next;
	if (!number) {
		number = number_new(h);
		if (!number)
			return -ENOSPC;
		h->all[number] = *hop;
		h->uses[number].next = *chain;
		*chain = number;
		for (uint16_t i = 0; i < hop->group_count; i++)
			hops_hold(h, hop->group[i]);
	}
	hops_hold(h, number);
	return number;
}

void hops_hold(struct hops *h, uint16_t number)
{
	h->uses[number].count++;
}

void hops_drop(struct hops *h, uint16_t number)
{
	struct hop_use *use = &h->uses[number];

	if (--use->count || use->idle)
		return;
	use->idle = h->idle ? h->idle : number;
	h->idle = number;
}

static void release(struct hops *h, uint16_t number)
{
	struct hop *hop = &h->all[number];
	uint16_t *at = chain_of(h, hop);

	while (*at != number)
		at = &h->uses[*at].next;
	*at = h->uses[number].next;
	for (uint16_t i = 0; i < hop->group_count; i++)
		hops_drop(h, hop->group[i]);
	*hop = (struct hop){ .kind = HOP_NONE };
	h->uses[number].next = h->free;
	h->free = number;
}

/* Members of a group that is released may follow: they have no other reader than it had. */
void hops_reclaim(struct hops *h)
{
	while (h->idle) {
		uint16_t number = h->idle;
		struct hop_use *use = &h->uses[number];

		h->idle = use->idle == number ? 0 : use->idle;
		use->idle = 0;
		if (!use->count)
			release(h, number);
	}
}
