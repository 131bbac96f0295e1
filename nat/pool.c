/* Outside addresses by number, and which of them have planned ports. */
#include "core.h"

static uint8_t slot_bits(const struct nat_config *c)
{
	uint8_t bits = 1;

	while ((size_t)1 << bits < 2 * c->pool_count)
		bits++;
	return bits;
}

size_t pool_slots(const struct nat_config *c)
{
	return (size_t)1 << slot_bits(c);
}

/* Neighbours come to lie far apart. */
static uint32_t slot_of(const struct nat *n, be32 address)
{
	return (be32_host(address) * 0x9e3779b1u) >> n->pool.shift;
}

static uint32_t slot_after(const struct nat *n, uint32_t slot)
{
	return (slot + 1) & (UINT32_MAX >> n->pool.shift);
}

static void index_addresses(struct nat *n)
{
	const struct nat_config *c = &n->config;

	n->pool.shift = (uint8_t)(32 - slot_bits(c));
	memset(n->pool.slots, 0, pool_slots(c) * sizeof(uint16_t));
	for (size_t i = 0; i < c->pool_count; i++) {
		uint32_t slot = slot_of(n, n->pool.now[i]);

		if (!n->pool.now[i].raw)
			continue;
		while (n->pool.slots[slot])
			slot = slot_after(n, slot);
		n->pool.slots[slot] = (uint16_t)(i + 1);
	}
}

static uint64_t digest(const struct nat *n, uint64_t h, const struct nat_policy *p)
{
	const uint64_t words[] = {
		p->prefix.raw, p->prefix_len, p->ports.first, p->ports.last, p->dynamic_shares,
		p->block_size, p->blocks_per_host, p->ports_per_host, p->pool_count,
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		h = hash_words(&n->hash, h, words[i]);
	for (uint32_t i = 0; i < p->pool_count; i++)
		h = hash_words(&n->hash, h, n->config.pool[p->pool_first + i].raw);
	return h;
}

/* The address that the configuration gives a place. */
static be32 address_at(struct nat *n, size_t i)
{
	const struct nat_config *c = &n->config;

	return nat_is_v6_beside(c->pool[i]) ? name_take(n, &c->pool6[i]) : c->pool[i];
}

static void note_changes(struct nat *n)
{
	for (size_t i = 0; i < n->config.pool_count; i++) {
		be32 now = address_at(n, i);

		if (be32_equal(n->pool.now[i], now))
			continue;
		name_release(n, n->pool.before[i]);
		name_hold(n, now);
		n->pool.before[i] = n->pool.now[i];
		n->pool.now[i] = now;
		n->pool.changed = true;
	}
}

void pool_forget(struct nat *n)
{
	for (size_t i = 0; n->pool.changed && i < n->config.pool_count; i++) {
		name_release(n, n->pool.before[i]);
		n->pool.before[i] = (be32){ 0 };
	}
	n->pool.changed = false;
}

static bool leaves_any(const struct nat_config *c)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].left)
			return true;
	return false;
}

void pool_configure(struct nat *n)
{
	uint64_t h = 0;

	note_changes(n);
	index_addresses(n);
	n->pool.left = leaves_any(&n->config);
	n->pool.planned = false;
	for (size_t i = 0; i < n->config.pool_count; i++)
		n->pool.policies[i] = NO_POLICY;
	for (size_t i = 0; i < n->config.policy_count; i++) {
		const struct nat_policy *p = &n->config.policies[i];

		if (!nat_policy_is_planned(p))
			continue;
		n->pool.planned = true;
		for (uint32_t k = 0; k < p->pool_count; k++)
			n->pool.policies[p->pool_first + k] = (uint16_t)i;
		if (p->left)
			n->pool.policies[p->left - 1] = (uint16_t)i;
		if (p->port_selection == NAT_PORT_DETERMINISTIC)
			h = digest(n, h, p);
	}
	if (h != n->plans_digest)
		n->plans_due_ms = 0;
	n->plans_digest = h;
}

bool pool_has(const struct nat *n, be32 address, uint16_t *index)
{
	uint32_t slot = slot_of(n, address);

	for (; n->pool.slots[slot]; slot = slot_after(n, slot)) {
		*index = (uint16_t)(n->pool.slots[slot] - 1);
		if (be32_equal(n->pool.now[*index], address))
			return true;
	}
	return false;
}

const struct nat_policy *planned_at(const struct nat *n, uint16_t index)
{
	uint16_t policy = n->pool.policies[index];

	return policy == NO_POLICY ? NULL : &n->config.policies[policy];
}

const struct nat_policy *planned_of(const struct nat *n, be32 inside, be32 far)
{
	const struct nat_policy *p = n->pool.planned ? policy_of(n, inside, far) : NULL;

	return p && nat_policy_is_planned(p) ? p : NULL;
}

/* Addresses in a row from the first on. */
static uint16_t run_of(const struct nat_config *c, uint16_t first, uint16_t most)
{
	uint16_t count = 1;

	while (count < most &&
	       be32_host(c->pool[first + count]) == be32_host(c->pool[first]) + count)
		count++;
	return count;
}

static void note_plan(struct nat *n, const struct nat_policy *p)
{
	struct nat_event e = {
		.kind = EVENT_PLAN,
		.inside.address = p->prefix,
		.block = p->ports,
		.plan = { .inside_len = p->prefix_len, .dynamic_shares = p->dynamic_shares,
			  .ports_most = nat_ports_most(p) },
	};

	for (uint16_t at = 0; at < p->pool_count; at = (uint16_t)(at + e.plan.addresses)) {
		e.outside.address = n->pool.now[p->pool_first + at];
		e.plan.addresses = run_of(&n->config, (uint16_t)(p->pool_first + at),
					  (uint16_t)(p->pool_count - at));
		if (e.outside.address.raw)
			event_note(n, e);
	}
}

/* RFC 7422 section 4: at once when they change, and once a day. One worker speaks for all. */
void plans_note(struct nat *n)
{
	enum { DAY_MS = 86400000 };

	if (n->config.worker != 0 || !n->pool.planned || n->now.ms < n->plans_due_ms)
		return;
	for (size_t i = 0; i < n->config.policy_count; i++) {
		const struct nat_policy *p = &n->config.policies[i];

		if (nat_policy_is_planned(p) && p->port_selection == NAT_PORT_DETERMINISTIC)
			note_plan(n, p);
	}
	n->plans_due_ms = n->now.ms + DAY_MS;
}
