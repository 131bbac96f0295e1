#include "core.h"

static bool is_same(const struct ip6_prefix *a, const struct ip6_prefix *b)
{
	return a->len == b->len && ip6_equal(&a->address, &b->address);
}

static bool is_used(const struct prefix_slot *s)
{
	return s->current || s->sessions;
}

bool prefix_of(const struct nat *n, const struct ip6 *address, uint16_t *slot)
{
	uint16_t old = PREFIX_NONE;

	for (uint16_t i = 0; i < n->prefixes.high; i++) {
		const struct prefix_slot *s = &n->prefixes.slots[i];

		if (!is_used(s) || !ip6_prefix_has(&s->prefix, address))
			continue;
		*slot = i;
		if (s->current)
			return true;
		old = i;
	}
	return old != PREFIX_NONE;
}

bool prefixes_have(const struct nat_policy6 *p, const struct ip6 *address)
{
	for (uint8_t i = 0; i < p->prefix_count; i++)
		if (ip6_prefix_has(&p->prefixes[i], address))
			return true;
	return false;
}

bool prefix_leads(const struct nat *n, const struct ip6 *host, const struct ip6 *address, uint16_t *slot)
{
	const struct nat_policy *p;

	if (!prefix_of(n, address, slot))
		return false;
	if (!n->prefixes.slots[*slot].current)
		return true;
	p = policy_of6(&n->config, host, true);
	return p && prefixes_have(&p->v6, address);
}

static uint16_t find(const struct nat *n, const struct ip6_prefix *prefix)
{
	for (uint16_t i = 0; i < n->prefixes.high; i++)
		if (is_used(&n->prefixes.slots[i]) && is_same(&n->prefixes.slots[i].prefix, prefix))
			return i;
	return PREFIX_NONE;
}

uint16_t prefix_first(const struct nat *n, const struct nat_policy *p)
{
	return find(n, &p->v6.prefixes[0]);
}

static void place(struct nat *n, const struct ip6_prefix *prefix)
{
	uint16_t at = find(n, prefix);

	for (uint16_t i = 0; at == PREFIX_NONE && i < PREFIX_SLOTS; i++)
		if (!is_used(&n->prefixes.slots[i]))
			at = i;
	if (at == PREFIX_NONE)
		return;
	n->prefixes.slots[at].prefix = *prefix;
	n->prefixes.slots[at].current = true;
	if (at >= n->prefixes.high)
		n->prefixes.high = (uint16_t)(at + 1);
}

static bool is_wanted(const struct nat_config *c, const struct ip6_prefix *prefix)
{
	for (size_t i = 0; i < c->policy_count; i++)
		for (uint8_t k = 0; c->policies[i].type == NAT_NAT64 &&
				    k < c->policies[i].v6.prefix_count; k++)
			if (is_same(&c->policies[i].v6.prefixes[k], prefix))
				return true;
	return false;
}

/* Places of what is not wanted any more are free before anybody needs one. */
void prefixes_configure(struct nat *n)
{
	const struct nat_config *c = &n->config;
	struct prefixes *all = &n->prefixes;

	for (uint16_t i = 0; i < all->high; i++)
		all->slots[i].current = is_wanted(c, &all->slots[i].prefix);
	for (size_t i = 0; i < c->policy_count; i++)
		for (uint8_t k = 0; c->policies[i].type == NAT_NAT64 &&
				    k < c->policies[i].v6.prefix_count; k++)
			place(n, &c->policies[i].v6.prefixes[k]);
}
