/* The list of faults, and memory that is either there or noted as missing. */
#include "conf_read.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void reader_fault(struct reader *r, int line, const char *format, ...)
{
	struct conf_fault *faults = realloc(r->faults, (r->fault_count + 1) * sizeof(*faults));
	va_list args;
	char *text;

	if (!faults) {
		r->no_memory = true;
		return;
	}
	r->faults = faults;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		r->no_memory = true;
		return;
	}
	r->faults[r->fault_count++] = (struct conf_fault){ line, text };
}

/* A line each, whatever the file has put into a text: control characters become blanks. */
static void print(FILE *out, const char *file, const struct conf_fault *f)
{
	fprintf(out, "%s:%d: ", file, f->line);
	for (const char *c = f->text; *c; c++)
		fputc((unsigned char)*c < ' ' || *c == 127 ? ' ' : *c, out);
	fputc('\n', out);
}

/* Lines are few and mostly in order: insertion keeps faults of one line as they were found. */
static void sort(struct conf_fault *faults, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct conf_fault f = faults[i];
		size_t at = i;

		for (; at > 0 && faults[at - 1].line > f.line; at--)
			faults[at] = faults[at - 1];
		faults[at] = f;
	}
}

void reader_report(const struct reader *r, FILE *out)
{
	sort(r->faults, r->fault_count);
	for (size_t i = 0; i < r->fault_count; i++)
		print(out, r->conf->file, &r->faults[i]);
	if (r->no_memory)
		fprintf(out, "%s:0: no memory to read it; free some\n", r->conf->file);
}

void *reader_array(struct reader *r, size_t count, size_t size)
{
	void *array = calloc(count ? count : 1, size);

	if (!array)
		r->no_memory = true;
	return array;
}

char *reader_copy(struct reader *r, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		r->no_memory = true;
	return copy;
}
