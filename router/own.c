#include "router/own.h"

bool own_address_at(const struct conf *c, size_t interface, size_t at, struct address *a)
{
	const struct conf_interface *i = &c->interfaces[interface];
	size_t own = i->shares_address ? 0 : i->address_count;

	if (at < own) {
		*a = i->addresses[at].address;
		return true;
	}
	if (i->side != SIDE_OUTSIDE || at - own >= c->nat.pool_count)
		return false;
	*a = address_v4((const uint8_t *)&c->nat.pool[at - own]);
	if (!a->octets[0])
		*a = (struct address){ 0 };
	return true;
}

/* An address that stands for an inside host (type one_to_one). */
static bool is_counterpart(const struct conf *c, size_t interface, const struct address *a)
{
	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];
		struct prefix outside = { address_v4((const uint8_t *)&p->translated), p->prefix_len };

		if (p->type == NAT_ONE_TO_ONE && c->interfaces[interface].side == SIDE_OUTSIDE &&
		    prefix_contains(&outside, a))
			return true;
	}
	return false;
}

bool own_has(const struct conf *c, size_t interface, const struct address *a)
{
	struct address ours;

	if (is_counterpart(c, interface, a))
		return true;
	for (size_t i = 0; own_address_at(c, interface, i, &ours); i++)
		if (address_equal(&ours, a))
			return true;
	return false;
}
