/* What one rib takes over from another. */
#include "rib_core.h"

/* The table of a name that another rib has under a number; main is main. */
static int same_table(struct rib *now, const struct rib *was, uint8_t table)
{
	return table ? rib_table(now, rib_table_name(was, table)) : 0;
}

static int inherit_rules(struct rib *now, const struct rib *was)
{
	int table = 0;

	for (size_t i = 0; table >= 0 && rib_rule(was, i); i++) {
		struct rule rule = *rib_rule(was, i);

		if (rule.origin != ORIGIN_KERNEL)
			continue;
		table = same_table(now, was, rule.table);
		rule.table = (uint8_t)table;
		if (table >= 0)
			table = rib_rule_add(now, &rule);
	}
	return table < 0 ? table : 0;
}

static int inherit_routes(struct routes *now, const struct routes *was, const struct destination *d)
{
	const struct candidate *c = candidates_of(d);
	int error = 0;

	for (unsigned i = 0; !error && i < d->count; i++) {
		struct route route = { d->prefix, was->hops.all[c[i].hop], c[i].metric, c[i].origin,
				       0 };
		int table;

		if (route.origin != ORIGIN_KERNEL)
			continue;
		table = same_table(&now->rib, &was->rib, d->table);
		route.table = (uint8_t)table;
		error = table < 0 ? table : routes_add(now, &route, c[i].doubted);
	}
	return error;
}

int rib_inherit(struct rib *rib, const struct rib *from)
{
	struct routes *now = (struct routes *)rib;
	const struct routes *was = (const struct routes *)from;
	int error = 0;

	for (uint16_t i = 0; i < RIB_INTERFACES; i++)
		rib_link(rib, i, !(from->down >> i & 1));
	for (uint32_t i = 1; !error && i < was->used; i++)
		error = inherit_routes(now, was, &was->all[i]);
	return error ? error : inherit_rules(rib, from);
}
