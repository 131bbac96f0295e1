/* The tables of a rib, the rules that name them, and what changes leave behind. */
#include "rib_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int table_make(struct routes *r, uint32_t name)
{
	uint32_t table = r->rib.table_count;

	if (table == RIB_TABLES)
		return -ENOSPC;
	r->rib.tables[table] = fib_new();
	if (!r->rib.tables[table])
		return -ENOMEM;
	r->names[table] = name;
	r->rib.table_count++;
	return (int)table;
}

struct rib *rib_new(void)
{
	struct routes *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->rib.version = 1;
	if (store_init(r) || hops_open(&r->hops) || table_make(r, 0) < 0) {
		rib_free(&r->rib);
		return NULL;
	}
	r->rib.hops = r->hops.all;
	return &r->rib;
}

static void rules_free(struct rules *rules)
{
	while (rules) {
		struct rules *next = rules->retired;

		free(rules);
		rules = next;
	}
}

void rib_free(struct rib *rib)
{
	struct routes *r = (struct routes *)rib;

	if (!r)
		return;
	store_end(r);
	hops_close(&r->hops);
	rules_free(r->rules);
	rules_free(r->retired);
	for (uint32_t i = 0; i < r->rib.table_count; i++)
		fib_free(r->rib.tables[i]);
	free(r);
}

int rib_table(struct rib *rib, uint32_t name)
{
	struct routes *r = (struct routes *)rib;

	for (uint32_t i = 1; name && i < r->rib.table_count; i++)
		if (r->names[i] == name)
			return (int)i;
	return table_make(r, name);
}

uint32_t rib_table_name(const struct rib *rib, uint8_t table)
{
	return ((const struct routes *)rib)->names[table];
}

static bool rule_equal(const struct rule *a, const struct rule *b)
{
	return a->priority == b->priority && a->origin == b->origin && a->table == b->table &&
	       prefix_equal(&a->from, &b->from);
}

static bool rule_before(const struct rule *a, const struct rule *b)
{
	return a->origin != b->origin ? a->origin < b->origin : a->priority < b->priority;
}

/* The place of a rule; the end: there is none. */
static size_t rule_find(const struct rules *rules, const struct rule *rule)
{
	size_t at = 0;

	while (rules && at < rules->count && !rule_equal(&rules->at[at], rule))
		at++;
	return at;
}

/* In place of what there was, which readers may still hold. */
static void publish(struct routes *r, struct rules *rules)
{
	if (r->rules) {
		r->rules->retired = r->retired;
		r->retired = r->rules;
	}
	r->rules = rules;
	rules->asked = rules->count;
	while (rules->asked && rules->at[rules->asked - 1].table == 0)
		rules->asked--;
	__atomic_store_n(&r->rib.rules, rules->asked ? rules : NULL, __ATOMIC_RELEASE);
	rib_changed(&r->rib);
}

static struct rules *rules_new(size_t count)
{
	struct rules *rules = malloc(sizeof(*rules) + count * sizeof(rules->at[0]));

	if (rules)
		*rules = (struct rules){ .count = count };
	return rules;
}

static bool is_valid(const struct routes *r, const struct rule *rule)
{
	const struct address *a = &rule->from.address;

	return rule->table < r->rib.table_count && (a->version == 4 || a->version == 6) &&
	       rule->from.len <= address_bits(a);
}

int rib_rule_add(struct rib *rib, const struct rule *rule)
{
	struct routes *r = (struct routes *)rib;
	size_t count = r->rules ? r->rules->count : 0, at = count;
	struct rule it = *rule;
	struct rules *rules;

	it.from = prefix_masked(it.from);
	if (!is_valid(r, rule))
		return -EINVAL;
	if (rule_find(r->rules, &it) < count)
		return 0;
	if (count == RULES_MOST)
		return -ENOSPC;
	rules = rules_new(count + 1);
	if (!rules)
		return -ENOMEM;
	while (at > 0 && rule_before(&it, &r->rules->at[at - 1]))
		at--;
	for (size_t i = 0; i < count; i++)
		rules->at[i + (i >= at)] = r->rules->at[i];
	rules->at[at] = it;
	publish(r, rules);
	return 0;
}

int rib_rule_remove(struct rib *rib, const struct rule *rule)
{
	struct routes *r = (struct routes *)rib;
	size_t count = r->rules ? r->rules->count : 0, at;
	struct rule it = *rule;
	struct rules *rules;

	it.from = prefix_masked(it.from);
	at = rule_find(r->rules, &it);
	if (at == count)
		return -ENOENT;
	rules = rules_new(count - 1);
	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < count - 1; i++)
		rules->at[i] = r->rules->at[i + (i >= at)];
	publish(r, rules);
	return 0;
}

const struct rule *rib_rule(const struct rib *rib, size_t i)
{
	const struct routes *r = (const struct routes *)rib;

	return r->rules && i < r->rules->count ? &r->rules->at[i] : NULL;
}

void rib_link(struct rib *r, uint16_t interface, bool up)
{
	uint32_t bit = 1u << interface, down = up ? r->down & ~bit : r->down | bit;

	if (down == r->down)
		return;
	__atomic_store_n(&r->down, down, __ATOMIC_RELEASE);
	rib_changed(r);
}

void rib_reclaim(struct rib *rib)
{
	struct routes *r = (struct routes *)rib;

	for (uint32_t i = 0; i < r->rib.table_count; i++)
		fib_reclaim(r->rib.tables[i]);
	hops_reclaim(&r->hops);
	rules_free(r->retired);
	r->retired = NULL;
}
