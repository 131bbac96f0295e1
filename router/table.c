#include "router/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "router/text.h"

struct table {
	const char *columns;
	size_t count; /* of columns */
	size_t cells;
	struct text text; /* cell after cell, each ended by a zero */
	size_t widths[];  /* per column */
};

struct table *table_new(const char *columns)
{
	size_t count = strlen(columns);
	struct table *t = calloc(1, sizeof(*t) + count * sizeof(t->widths[0]));

	if (t == NULL)
		return NULL;
	t->columns = columns;
	t->count = count;
	return t;
}

void table_free(struct table *t)
{
	if (t == NULL)
		return;
	text_free(&t->text);
	free(t);
}

/* Characters of UTF-8: octets that do not continue one. */
static size_t width_of(const char *cell)
{
	size_t width = 0;

	for (; *cell != '\0'; cell++)
		width += (*cell & 0xc0) != 0x80;
	return width;
}

void table_add(struct table *t, const char *cell)
{
	size_t *width = &t->widths[t->cells++ % t->count];
	size_t own = width_of(cell);

	if (own > *width)
		*width = own;
	text_add(&t->text, cell, strlen(cell) + 1);
}

static void print_cell(const struct table *t, size_t column, const char *cell, FILE *out)
{
	int gap = (int)(t->widths[column] - width_of(cell));
	bool last = column + 1 == t->count;

	if (t->columns[column] == 'r')
		fprintf(out, "%*s%s", gap, "", cell);
	else
		fprintf(out, "%s%*s", cell, last ? 0 : gap, "");
	fputs(last ? "\n" : "  ", out);
}

int table_print(const struct table *t, FILE *out)
{
	const char *cell = t->text.octets;

	if (t->text.failed)
		return -ENOMEM;
	for (size_t i = 0; i < t->cells; i++) {
		print_cell(t, i % t->count, cell, out);
		cell += strlen(cell) + 1;
	}
	return ferror(out) ? -EIO : 0;
}

const char *short_count(uint64_t count, char text[static SHORT_TEXT])
{
	static const char units[] = "kMGTPE";
	size_t unit = 0;

	if (count < 1000) {
		snprintf(text, SHORT_TEXT, "%u", (unsigned)count);
		return text;
	}
	for (; count >= 1000000; unit++)
		count /= 1000;
	unsigned whole = (unsigned)count / 1000, tenths = (unsigned)count % 1000 / 100;
	if (whole < 10)
		snprintf(text, SHORT_TEXT, "%u.%u%c", whole, tenths, units[unit]);
	else
		snprintf(text, SHORT_TEXT, "%u%c", whole, units[unit]);
	return text;
}

const char *short_duration(uint64_t ms, char text[static SHORT_TEXT])
{
	uint64_t s = ms / 1000;
	unsigned seconds = (unsigned)(s % 60), minutes = (unsigned)(s / 60 % 60);
	unsigned hours = (unsigned)(s / 3600 % 24);

	if (s < 60)
		snprintf(text, SHORT_TEXT, "%us", seconds);
	else if (s < 3600)
		snprintf(text, SHORT_TEXT, "%um%02us", minutes, seconds);
	else if (s < 86400)
		snprintf(text, SHORT_TEXT, "%uh%02um", hours, minutes);
	else
		snprintf(text, SHORT_TEXT, "%llud%02uh", (unsigned long long)s / 86400, hours);
	return text;
}
