#include "wheel.h"

/* previous of the first record of a slot names the slot, marked by this bit. */
enum { IS_SLOT = 1u << 31 };

void wheel_init(struct wheel *w, uint32_t *slots, void *links, size_t stride)
{
	*w = (struct wheel){ .slots = slots, .links = links, .stride = stride };
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		slots[i] = WHEEL_NONE;
}

static struct wheel_link *link_of(const struct wheel *w, uint32_t record)
{
	return (struct wheel_link *)(void *)(w->links + record * w->stride);
}

void wheel_put(struct wheel *w, uint32_t record, int64_t deadline_ms)
{
	uint64_t tick = deadline_ms <= 0 ? 0 : ((uint64_t)deadline_ms + WHEEL_TICK_MS - 1) /
					       WHEEL_TICK_MS;
	struct wheel_link *link = link_of(w, record);
	uint32_t slot;

	if (tick < w->tick)
		tick = w->tick;
	if (tick >= w->tick + WHEEL_SLOTS)
		tick = w->tick + WHEEL_SLOTS - 1;
	slot = (uint32_t)(tick % WHEEL_SLOTS);
	*link = (struct wheel_link){ .next = w->slots[slot], .previous = slot | IS_SLOT };
	if (link->next != WHEEL_NONE)
		link_of(w, link->next)->previous = record;
	w->slots[slot] = record;
}

void wheel_take(struct wheel *w, uint32_t record)
{
	struct wheel_link *link = link_of(w, record);

	if (link->previous & IS_SLOT)
		w->slots[link->previous & ~IS_SLOT] = link->next;
	else
		link_of(w, link->previous)->next = link->next;
	if (link->next != WHEEL_NONE)
		link_of(w, link->next)->previous = link->previous;
}

uint32_t wheel_after(const struct wheel *w, uint32_t record)
{
	return link_of(w, record)->next;
}

uint32_t wheel_due(struct wheel *w, uint64_t now_ms)
{
	uint64_t now = now_ms / WHEEL_TICK_MS;
	uint32_t record;

	/* After a long pause one turn sees every slot. */
	if (now >= w->tick + WHEEL_SLOTS)
		w->tick = now - WHEEL_SLOTS + 1;
	for (; w->tick <= now; w->tick++) {
		record = w->slots[w->tick % WHEEL_SLOTS];
		if (record != WHEEL_NONE) {
			wheel_take(w, record);
			return record;
		}
	}
	return WHEEL_NONE;
}
