/* Values of a group of the file, held against the table of keys. */
#include "conf_read.h"

#include <stdlib.h>
#include <string.h>

struct section section_of(struct reader *r, const char *path)
{
	struct section s = { .r = r, .path = path, .group = r->root };

	if (*path)
		s.group = config_setting_get_member(r->root, path);
	if (s.group && !config_setting_is_group(s.group))
		s.group = NULL;
	if (s.group)
		s.line = (int)config_setting_source_line(s.group);
	return s;
}

static config_setting_t *list_of(const struct reader *r, const char *path)
{
	config_setting_t *list = config_setting_get_member(r->root, path);

	return list && config_setting_is_list(list) ? list : NULL;
}

struct section section_below(const struct section *s, const char *path)
{
	struct section below = *s;

	below.path = path;
	below.group = s->group ? config_setting_get_member(s->group, path + strlen(s->path) + 1)
			       : NULL;
	if (below.group && !config_setting_is_group(below.group))
		below.group = NULL;
	if (below.group)
		below.line = (int)config_setting_source_line(below.group);
	return below;
}

bool section_below_next(const struct section *s, const char *path, size_t *i, struct section *below)
{
	config_setting_t *list = s->group ? config_setting_get_member(s->group,
								      path + strlen(s->path) + 1)
					  : NULL, *group;

	while (list && config_setting_is_list(list) &&
	       (group = config_setting_get_elem(list, (unsigned)*i))) {
		++*i;
		if (!config_setting_is_group(group))
			continue;
		*below = (struct section){ s->r, path, group,
					   (int)config_setting_source_line(group), NULL };
		return true;
	}
	return false;
}

size_t section_count(const struct reader *r, const char *path)
{
	config_setting_t *list = list_of(r, path);

	return list ? (size_t)config_setting_length(list) : 0;
}

bool section_next(struct reader *r, const char *path, size_t *i, struct section *s)
{
	config_setting_t *list = list_of(r, path), *group;

	while (list && (group = config_setting_get_elem(list, (unsigned)*i))) {
		++*i;
		if (!config_setting_is_group(group))
			continue;
		*s = (struct section){ r, path, group, (int)config_setting_source_line(group), NULL };
		return true;
	}
	return false;
}

static config_setting_t *member(const struct section *s, const char *name)
{
	return s->group ? config_setting_get_member(s->group, name) : NULL;
}

bool section_has(const struct section *s, const char *name)
{
	return member(s, name) != NULL;
}

bool section_says(const struct section *s, const char *name)
{
	return section_has(s, name) ||
	       conf_preset_value(s->preset, conf_key_find(s->path, name));
}

int section_line(const struct section *s, const char *name)
{
	config_setting_t *value = member(s, name);

	return value ? (int)config_setting_source_line(value) : s->line;
}

static const char *type_name(const config_setting_t *value)
{
	switch (config_setting_type(value)) {
	case CONFIG_TYPE_GROUP: return "a group";
	case CONFIG_TYPE_INT: return "a number";
	case CONFIG_TYPE_INT64: return "a number";
	case CONFIG_TYPE_FLOAT: return "a fraction";
	case CONFIG_TYPE_STRING: return "a text";
	case CONFIG_TYPE_BOOL: return "a truth value";
	case CONFIG_TYPE_ARRAY: return "an array";
	default: return "a list";
	}
}

/* "PATH what; what the key expects". */
static void fault(const struct section *s, const struct conf_key *k, int line, const char *what)
{
	struct text expected = { 0 };

	conf_key_expect(k, &expected);
	reader_fault(s->r, line, "%s%s%s %s; %s", k->section, *k->section ? "." : "", k->name, what,
		     expected.failed ? "" : expected.octets);
	text_free(&expected);
}

static void fault_type(const struct section *s, const struct conf_key *k,
		       const config_setting_t *value)
{
	char what[64];

	snprintf(what, sizeof(what), "is %s", type_name(value));
	fault(s, k, (int)config_setting_source_line(value), what);
}

/* The value of a key if the file has one; a fault if it must have one and has not. */
static config_setting_t *value_of(const struct section *s, const struct conf_key *k)
{
	config_setting_t *value = member(s, k->name);

	if (!value && !k->normal)
		fault(s, k, s->line, "is missing");
	return value;
}

/* What counts where the file says nothing; NULL: it must say something. */
static const char *normal_of(const struct section *s, const struct conf_key *k)
{
	const char *preset = conf_preset_value(s->preset, k);

	return preset ? preset : k->normal;
}

static int64_t normal_number(const struct section *s, const struct conf_key *k)
{
	const char *normal = normal_of(s, k);

	return normal && *normal ? strtoll(normal, NULL, 10) : WORD_NONE;
}

static const struct conf_word *word_find(const struct conf_key *k, const char *text)
{
	for (const struct conf_word *w = k->words; w->text; w++)
		if (!strcmp(w->text, text))
			return w;
	return NULL;
}

static int normal_word(const struct section *s, const struct conf_key *k)
{
	const char *normal = normal_of(s, k);
	const struct conf_word *w = normal ? word_find(k, normal) : NULL;

	return w ? w->value : WORD_NONE;
}

static int word(const struct section *s, const struct conf_key *k, const config_setting_t *value)
{
	const char *text = config_setting_get_string(value);
	const struct conf_word *w = word_find(k, text);
	char what[128];

	if (w && w->value != WORD_LATER)
		return w->value;
	snprintf(what, sizeof(what), "= \"%.64s\" is %s", text,
		 w ? "not in this version" : "unknown");
	fault(s, k, (int)config_setting_source_line(value), what);
	return normal_word(s, k);
}

/* False after a fault. */
static bool number(const struct section *s, const struct conf_key *k,
		   const config_setting_t *value, int64_t *found)
{
	int type = config_setting_type(value);
	char what[64];

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		fault_type(s, k, value);
		return false;
	}
	*found = config_setting_get_int64(value);
	if (*found >= k->least && *found <= k->most)
		return true;
	snprintf(what, sizeof(what), "= %lld is out of range", (long long)*found);
	fault(s, k, (int)config_setting_source_line(value), what);
	return false;
}

int64_t section_number(const struct section *s, const char *name)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *value = value_of(s, k);
	int64_t found;

	if (!value)
		return normal_number(s, k);
	if (k->words && config_setting_type(value) == CONFIG_TYPE_STRING)
		return word(s, k, value);
	return number(s, k, value, &found) ? found : normal_number(s, k);
}

bool section_bool(const struct section *s, const char *name)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *value = value_of(s, k);

	if (value && config_setting_type(value) == CONFIG_TYPE_BOOL)
		return config_setting_get_bool(value);
	if (value)
		fault_type(s, k, value);
	return !strcmp(normal_of(s, k), "true");
}

int section_word(const struct section *s, const char *name)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *value = value_of(s, k);

	if (value && config_setting_type(value) == CONFIG_TYPE_STRING)
		return word(s, k, value);
	if (value)
		fault_type(s, k, value);
	return normal_word(s, k);
}

struct item section_text(const struct section *s, const char *name)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *value = value_of(s, k);
	struct item normal = { normal_of(s, k), section_line(s, name) };
	char what[64];

	if (!normal.text)
		normal.text = "";
	if (!value)
		return normal;
	if (config_setting_type(value) != CONFIG_TYPE_STRING) {
		fault_type(s, k, value);
		return normal;
	}
	const char *text = config_setting_get_string(value);
	int64_t len = (int64_t)strlen(text);
	if (len >= k->least && len <= k->most)
		return (struct item){ text, normal.line };
	snprintf(what, sizeof(what), "is %lld octets long", (long long)len);
	fault(s, k, normal.line, what);
	return normal;
}

/* The array, if it is one; a list holds values just as well. */
static config_setting_t *array_of(const struct section *s, const char *name)
{
	config_setting_t *value = member(s, name);

	return value && (config_setting_is_array(value) || config_setting_is_list(value)) ? value
											  : NULL;
}

/* A single text stands for itself, where that may be. */
static bool is_alone(const struct conf_key *k, const config_setting_t *value)
{
	return k->kind == KEY_TEXT_OR_TEXTS && value &&
	       config_setting_type(value) == CONFIG_TYPE_STRING;
}

static bool is_word_instead(const struct conf_key *k, const config_setting_t *value)
{
	return k->kind == KEY_NUMBERS && k->words && value &&
	       config_setting_type(value) == CONFIG_TYPE_STRING;
}

/* How many values of a type an array has; a fault for it and for each that is of another. */
static size_t array_check(const struct section *s, const char *name, int type)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *value = value_of(s, k), *array = array_of(s, name), *element;

	if (is_alone(k, value))
		return 1;
	if (is_word_instead(k, value))
		return 0;
	if (value && !array)
		fault_type(s, k, value);
	if (!array)
		return 0;
	for (unsigned i = 0; (element = config_setting_get_elem(array, i)); i++)
		if (config_setting_type(element) != type)
			fault_type(s, k, element);
	return (size_t)config_setting_length(array);
}

size_t section_texts(const struct section *s, const char *name)
{
	return array_check(s, name, CONFIG_TYPE_STRING);
}

bool section_text_next(const struct section *s, const char *name, size_t *i, struct item *item)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *value = member(s, name), *array = array_of(s, name), *element;

	if (is_alone(k, value) && !*i) {
		++*i;
		*item = (struct item){ config_setting_get_string(value), section_line(s, name) };
		return true;
	}
	while (array && (element = config_setting_get_elem(array, (unsigned)*i))) {
		++*i;
		item->text = config_setting_get_string(element);
		item->line = (int)config_setting_source_line(element);
		if (item->text)
			return true;
	}
	return false;
}

int section_words(const struct section *s, const char *name)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *array = array_of(s, name), *element;
	int bits = 0, value;

	section_texts(s, name);
	for (unsigned i = 0; array && (element = config_setting_get_elem(array, i)); i++) {
		value = config_setting_get_string(element) ? word(s, k, element) : WORD_NONE;
		if (value != WORD_NONE)
			bits |= value;
	}
	return bits;
}

int section_instead(const struct section *s, const char *name)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *value = member(s, name);

	return is_word_instead(k, value) ? word(s, k, value) : WORD_NONE;
}

size_t section_numbers(const struct section *s, const char *name)
{
	return array_check(s, name, CONFIG_TYPE_INT);
}

bool section_number_next(const struct section *s, const char *name, size_t *i, int64_t *found)
{
	const struct conf_key *k = conf_key_find(s->path, name);
	config_setting_t *array = array_of(s, name), *element;

	while (array && (element = config_setting_get_elem(array, (unsigned)*i))) {
		++*i;
		if (config_setting_type(element) == CONFIG_TYPE_INT && number(s, k, element, found))
			return true;
	}
	return false;
}
