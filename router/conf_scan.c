/*
 * What libconfig 1.5 would get wrong, found before it sees the text.
 *
 * It cuts integers above 2147483647 to 32 bits without a word, takes an unterminated comment for
 * the end of the file, blames an unterminated text on the last line, and exits the whole process
 * when an @include names a folder. It also notes the line of a text in an array only after
 * looking at the token behind it, so a ',' or ']' on a later line is pulled up to its text.
 */
#include "conf_read.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n\f\v"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static int line_of(const char *text, const char *at)
{
	int line = 1;

	while ((text = memchr(text, '\n', (size_t)(at - text)))) {
		line++;
		text++;
	}
	return line;
}

/* End of the comment that begins here; here itself if none does, or if it has no end. */
static char *past_comment(char *at)
{
	if (at[0] == '#' || (at[0] == '/' && at[1] == '/'))
		return at + strcspn(at, "\n");
	if (at[0] == '/' && at[1] == '*') {
		char *end = strstr(at + 2, "*/");

		return end ? end + 2 : at;
	}
	return at;
}

static char *past_blank(char *at)
{
	char *end = at;

	do {
		at = end + strspn(end, BLANKS);
		end = past_comment(at);
	} while (end != at);
	return at;
}

/* Behind the closing quote, or NULL. */
static char *past_text(char *at)
{
	for (at++; *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
		if (!*at)
			return NULL;
	}
	return at + 1;
}

static void pull_up(char *end)
{
	char *next = past_blank(end), mark = *next;

	if (!mark || !strchr(",])", mark))
		return;
	memmove(end + 1, end, (size_t)(next - end));
	*end = mark;
}

static char *past_number(struct reader *r, const char *text, char *at)
{
	size_t len = strspn(at, DIGITS LETTERS ".");
	bool wide, hexadecimal = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
	char *end;

	errno = 0;
	unsigned long long value = strtoull(at, &end, hexadecimal ? 16 : 10);
	wide = *end == 'L';
	if (*end == '.' || (!hexadecimal && (*end == 'e' || *end == 'E')))
		return at + len; /* a fraction: not one of our types, refused there */
	if (errno || value > (wide ? (unsigned long long)INT64_MAX : INT_MAX))
		reader_fault(r, line_of(text, at), "number %.*s is too big; %s", (int)len, at,
			     !wide && !errno && value <= INT64_MAX
				     ? "above 2147483647 it needs the suffix L"
				     : "at most 9223372036854775807L");
	return at + len;
}

bool conf_scan(struct reader *r, char *text)
{
	for (char *at = past_blank(text); *at; at = past_blank(at)) {
		char *begin = at;

		if (*at == '"') {
			at = past_text(at);
			if (at)
				pull_up(at);
		} else if (isdigit((unsigned char)*at)) {
			at = past_number(r, text, at);
		} else if (strchr(LETTERS "*", *at)) {
			at += strspn(at, LETTERS DIGITS "*_-");
		} else {
			at++;
		}
		if (*begin == '@')
			reader_fault(
				r, line_of(text, begin),
				"@include is not in this version; put everything into one file");
		if (!at || (begin[0] == '/' && begin[1] == '*')) {
			reader_fault(r, line_of(text, begin), "%s without an end; add %s",
				     at ? "comment" : "text", at ? "*/" : "\"");
			break;
		}
	}
	return r->fault_count == 0;
}
