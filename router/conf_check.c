/* Keys that the file has and the table has not, the reverse, and sections that are no sections. */
#include "conf_read.h"

#include <string.h>

enum { NAME_MOST = 63 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters to add, drop or replace to make b of a. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_MOST + 1];
	size_t len = strlen(b);

	for (unsigned j = 0; j <= len; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < len; j++) {
			unsigned replaced = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] = least(replaced, least(row[j], row[j + 1]) + 1);
		}
	}
	return row[len];
}

static const struct conf_key *nearest(const char *section, const char *name)
{
	const struct conf_key *k, *best = NULL;
	unsigned best_distance = (unsigned)strlen(name) / 2 + 1;

	for (size_t i = 0; (k = conf_key(i)); i++) {
		if (strcmp(k->section, section))
			continue;
		unsigned d = distance(name, k->name);
		if (d < best_distance) {
			best = k;
			best_distance = d;
		}
	}
	return best;
}

static void list_names(const char *section, struct text *out)
{
	const char *between = "known are ";
	const struct conf_key *k;

	for (size_t i = 0; (k = conf_key(i)); i++)
		if (!strcmp(k->section, section)) {
			text_format(out, "%s%s", between, k->name);
			between = ", ";
		}
}

static void fault_unknown(struct reader *r, const char *section, const config_setting_t *s)
{
	const char *name = config_setting_name(s);
	const struct conf_key *k = strlen(name) <= NAME_MOST ? nearest(section, name) : NULL;
	struct text right = { 0 };

	if (k)
		text_format(&right, "did you mean %s?", k->name);
	else
		list_names(section, &right);
	reader_fault(r, (int)config_setting_source_line(s), "unknown key %s%s%s; %s", name,
		     *section ? " in " : "", section, right.failed ? "" : right.octets);
	text_free(&right);
}

static void check_group(struct reader *r, const char *section, const config_setting_t *group);

static void check_list(struct reader *r, const struct conf_key *k, const char *path,
		       const config_setting_t *list)
{
	config_setting_t *element;

	for (unsigned i = 0; (element = config_setting_get_elem(list, i)); i++)
		if (config_setting_is_group(element))
			check_group(r, path, element);
		else
			reader_fault(r, (int)config_setting_source_line(element),
				     "%s holds something that is no group; a list of groups: "
				     "( { ... }, ... )", path);
	if (config_setting_length(list) < k->least || config_setting_length(list) > k->most)
		reader_fault(r, (int)config_setting_source_line(list),
			     "%s has %d entries; from %lld to %lld",
			     path, config_setting_length(list), (long long)k->least,
			     (long long)k->most);
}

static void check_setting(struct reader *r, const struct conf_key *k, const config_setting_t *s)
{
	int line = (int)config_setting_source_line(s);
	char path[CONF_PATH];

	conf_key_path(k, path);
	if (k->kind == KEY_GROUP && config_setting_is_group(s))
		check_group(r, path, s);
	else if (k->kind == KEY_GROUP)
		reader_fault(r, line, "%s is no group; %s = { ... };", path, k->name);
	if (k->kind == KEY_LIST && config_setting_is_list(s))
		check_list(r, k, path, s);
	else if (k->kind == KEY_LIST)
		reader_fault(r, line, "%s is no list of groups; %s = ( { ... }, ... );", path,
			     k->name);
}

static void check_group(struct reader *r, const char *section, const config_setting_t *group)
{
	config_setting_t *s;

	for (unsigned i = 0; (s = config_setting_get_elem(group, i)); i++) {
		const struct conf_key *k = conf_key_find(section, config_setting_name(s));

		if (k)
			check_setting(r, k, s);
		else
			fault_unknown(r, section, s);
	}
}

void conf_check_keys(struct reader *r)
{
	const struct conf_key *k;

	check_group(r, "", r->root);
	for (size_t i = 0; (k = conf_key(i)); i++)
		if (k->kind == KEY_LIST && !k->normal &&
		    !config_setting_get_member(r->root, k->name))
			reader_fault(r, 0, "%s is missing; %s = ( { ... }, ... );", k->name,
				     k->name);
}
