/* Tables of the kernel's and the rules that name them, in ours. */
#include "import_core.h"

#include <linux/rtnetlink.h>
#include <string.h>

bool import_wants(const struct import *i, uint32_t table)
{
	for (size_t n = 0; n < i->table_count; n++)
		if (i->tables[n] == table)
			return true;
	return false;
}

static bool is_named(const struct import *i, uint32_t table)
{
	for (size_t n = 0; n < i->rule_count; n++)
		if (i->rules[n].table == table)
			return true;
	return false;
}

int import_table(const struct import *i, struct rib *rib, uint32_t table)
{
	return table == RT_TABLE_MAIN || !is_named(i, table) ? 0 : rib_table(rib, table);
}

static bool rule_equal(const struct news_rule *a, const struct news_rule *b)
{
	return a->priority == b->priority && a->table == b->table && a->partial == b->partial &&
	       prefix_equal(&a->from, &b->from);
}

static size_t rule_find(const struct import *i, const struct news_rule *rule)
{
	size_t at = 0;

	while (at < i->rule_count && !rule_equal(&i->rules[at], rule))
		at++;
	return at;
}

/* What the rib should have for a rule of the kernel's; false: nothing. */
static bool rule_make(const struct import *i, struct rib *rib, const struct news_rule *from,
		      struct rule *to)
{
	int table;

	if (from->partial || !(from->table == RT_TABLE_MAIN || import_wants(i, from->table)))
		return false;
	table = import_table(i, rib, from->table);
	*to = (struct rule){ .from = from->from, .priority = from->priority,
			     .origin = ORIGIN_KERNEL, .table = (uint8_t)table };
	return table >= 0;
}

static bool rule_is_meant(const struct import *i, struct rib *rib, const struct rule *rule)
{
	struct rule other;

	for (size_t n = 0; n < i->rule_count; n++)
		if (rule_make(i, rib, &i->rules[n], &other) && other.table == rule->table &&
		    other.priority == rule->priority && prefix_equal(&other.from, &rule->from))
			return true;
	return false;
}

/* Make the rules of the rib what those of the kernel are. */
static void rules_apply(struct import *i, struct rib *rib)
{
	const struct rule *is;
	struct rule rule;

	for (size_t n = 0; n < i->rule_count; n++)
		if (rule_make(i, rib, &i->rules[n], &rule))
			i->counters.failed += rib_rule_add(rib, &rule) < 0;
	for (size_t n = 0; (is = rib_rule(rib, n));) {
		rule = *is;
		if (rule.origin != ORIGIN_KERNEL || rule_is_meant(i, rib, &rule) ||
		    rib_rule_remove(rib, &rule) < 0)
			n++;
	}
	i->counters.changes++;
}

static uint32_t named_now(const struct import *i)
{
	uint32_t named = 0;

	for (size_t n = 0; n < i->table_count; n++)
		named |= (uint32_t)is_named(i, i->tables[n]) << n;
	return named;
}

static void hear_rule(struct import *i, const struct news *n)
{
	size_t at = rule_find(i, &n->rule);

	if (n->kind == NEWS_IS && at == RULES_MOST)
		i->counters.failed++;
	else if (n->kind == NEWS_IS && at == i->rule_count)
		i->rules[i->rule_count++] = n->rule;
	else if (n->kind == NEWS_GONE && at < i->rule_count)
		memmove(&i->rules[at], &i->rules[at + 1],
			(--i->rule_count - at) * sizeof(i->rules[0]));
}

bool import_hear_rule(struct import *i, struct rib *rib, const struct news *n)
{
	uint32_t was = i->named;

	if (n->kind == NEWS_BEGIN) {
		i->rule_count = 0;
		i->rules_listed = false;
	} else if (n->kind == NEWS_END) {
		i->rules_listed = true;
	} else {
		hear_rule(i, n);
	}
	if (!i->rules_listed)
		return false;
	i->named = named_now(i);
	rules_apply(i, rib);
	return i->named != was;
}

void import_forget_rules(struct import *i, struct rib *rib)
{
	i->rule_count = 0;
	i->named = 0;
	i->rules_listed = false;
	rules_apply(i, rib);
}
