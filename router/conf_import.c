/* The list import_routes: tables of the kernel's, by number, or by name as ip(8) knows them. */
#include "conf_read.h"

#include <ctype.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "router/rib.h"

#define NAMES "/etc/iproute2/rt_tables"

enum { TABLES_MOST = RIB_TABLES - 1 }; /* besides main */

/* A number in any base of C's, and nothing behind it. */
static bool number_read(const char *text, uint32_t *number)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 0);
	*number = (uint32_t)value;
	return !errno && !*end && value <= UINT32_MAX;
}

/* A line is a number and a name; what follows # does not count. */
static bool line_names(char *line, const char *name, uint32_t *number)
{
	char *rest, *word;

	line[strcspn(line, "#\n")] = '\0';
	word = strtok_r(line, " \t", &rest);
	if (!word || !number_read(word, number))
		return false;
	word = strtok_r(NULL, " \t", &rest);
	return word && !strcmp(word, name);
}

static bool name_read(const char *name, uint32_t *number)
{
	static const struct { const char *name; uint32_t number; } usual[] = {
		{ "default", RT_TABLE_DEFAULT }, { "main", RT_TABLE_MAIN },
		{ "local", RT_TABLE_LOCAL },
	};
	char line[256];
	bool found = false;
	FILE *file;

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (!strcmp(usual[i].name, name)) {
			*number = usual[i].number;
			return true;
		}
	file = fopen(NAMES, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = line_names(line, name, number);
	if (file)
		fclose(file);
	return found;
}

static bool table_read(struct reader *r, struct item item, uint32_t *table)
{
	if (!number_read(item.text, table) && !name_read(item.text, table)) {
		reader_fault(r, item.line,
			     "import_routes: there is no table \"%s\" in " NAMES "; name it there, or "
			     "give its number", item.text);
		return false;
	}
	if (*table == RT_TABLE_LOCAL || *table == RT_TABLE_UNSPEC) {
		reader_fault(r, item.line,
			     "import_routes: table %s has the kernel's own addresses, or none; leave "
			     "it out", item.text);
		return false;
	}
	return true;
}

static bool is_known(const struct conf *c, uint32_t table)
{
	for (size_t i = 0; i < c->import_table_count; i++)
		if (c->import_tables[i] == table)
			return true;
	return false;
}

void conf_read_import(struct reader *r)
{
	struct section s = section_of(r, "");
	struct conf *c = r->conf;
	struct item item;
	uint32_t table;

	c->import_tables = reader_array(r, section_texts(&s, "import_routes"), sizeof(table));
	for (size_t i = 0; c->import_tables && section_text_next(&s, "import_routes", &i, &item);)
		if (table_read(r, item, &table) && !is_known(c, table))
			c->import_tables[c->import_table_count++] = table;
	if (c->import_table_count > TABLES_MOST)
		reader_fault(r, section_line(&s, "import_routes"),
			     "import_routes has %zu tables; at most %d", c->import_table_count,
			     TABLES_MOST);
}
