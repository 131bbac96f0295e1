/* Lookups beyond the usual: by rules, with links that are down, and among several ways. */
#include "rib_core.h"

static uint32_t load_down(const struct rib *r)
{
	return __atomic_load_n(&r->down, __ATOMIC_ACQUIRE);
}

static bool is_up(const struct rib *r, uint16_t number, uint32_t down)
{
	const struct hop *hop = &r->hops[number];

	if (hop->kind < HOP_GROUP)
		return hop_is_up(hop, down);
	for (uint32_t i = 0; i < hop->group_count; i++)
		if (is_up(r, hop->group[i], down))
			return true;
	return false;
}

/* With an order resolved: a hop or a group. */
static uint16_t first_up(const struct rib *r, uint16_t number, uint32_t down)
{
	while (r->hops[number].kind == HOP_ORDER)
		number = r->hops[number].group[!is_up(r, r->hops[number].group[0], down)];
	return number;
}

/* Routes through links that are down stay in the table, and do not count: the longest prefix whose route
 * is up. One after the other, as few destinations are looked up so, and each only once. */
static uint16_t longest_up(const struct rib *r, const struct fib *fib, const struct address *a,
			   uint32_t down)
{
	for (struct prefix p = { *a, address_bits(a) };; p.len--) {
		uint16_t number = fib_get(fib, &p);

		if (is_up(r, number, down))
			return number;
		if (!p.len)
			return FIB_NONE;
	}
}

/* number: what the table has, whether it is up or not. */
static uint16_t usable(const struct rib *r, const struct fib *fib, const struct address *a,
		       uint16_t number)
{
	uint32_t down = load_down(r);

	return !number || is_up(r, number, down) ? number : longest_up(r, fib, a, down);
}

/* Where rules are as in the kernel, this is what its table "local" has, which comes before them. */
static bool is_ours(enum hop_kind kind)
{
	return kind >= HOP_LOCAL && kind <= HOP_BROADCAST;
}

uint16_t rib_ask(const struct rib *r, const struct address *source, const uint8_t *destination,
		 uint16_t main)
{
	const struct rules *rules = __atomic_load_n(&r->rules, __ATOMIC_ACQUIRE);
	struct address a = source->version == 4 ? address_v4(destination) : address_v6(destination);
	uint16_t number;

	if (is_ours(r->hops[main].kind))
		return main;
	for (size_t i = 0; rules && i < rules->asked; i++) {
		const struct fib *fib = r->tables[rules->at[i].table];

		if (!prefix_contains(&rules->at[i].from, source))
			continue;
		number = a.version == 4 ? fib_lookup4(fib, be32_load(a.octets)) :
					  fib_lookup6(fib, a.octets);
		number = usable(r, fib, &a, number);
		if (number)
			return number;
	}
	return usable(r, r->tables[0], &a, main);
}

/* The highest of weights, each by hash and member alone (RFC 2992 calls it highest random weight). */
static uint32_t weight(uint32_t hash, uint16_t number)
{
	uint64_t w = ((uint64_t)number << 32 | hash) * 0x9e3779b97f4a7c15u;

	return (uint32_t)((w ^ w >> 32) * 0xd6e8feb86659fd93u >> 32);
}

uint16_t rib_choose(const struct rib *r, uint16_t group, uint32_t hash)
{
	uint32_t down = load_down(r);
	uint16_t number = first_up(r, group, down), best;
	const struct hop *hop = &r->hops[number];
	bool all = !is_up(r, number, down);

	if (hop->kind != HOP_GROUP)
		return number;
	best = 0;
	for (uint32_t i = 0; i < hop->group_count; i++) {
		uint16_t member = hop->group[i];

		if (!all && !hop_is_up(&r->hops[member], down))
			continue;
		if (!best || weight(hash, member) > weight(hash, best))
			best = member;
	}
	return best;
}

bool rib_leads_out(const struct rib *r, uint16_t number, uint16_t interface)
{
	const struct hop *hop = &r->hops[first_up(r, number, load_down(r))];

	for (uint32_t i = 0; hop->kind == HOP_GROUP && i < hop->group_count; i++)
		if (r->hops[hop->group[i]].interface == interface)
			return true;
	return hop_is_unicast(hop) && hop->interface == interface;
}
