#include "words.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void words_fault(struct words *w, const char *format, ...)
{
	va_list arguments;

	if (w->fault[0])
		return;
	va_start(arguments, format);
	vsnprintf(w->fault, sizeof(w->fault), format, arguments);
	va_end(arguments);
}

/* Where the word ends that begins at at: a blank, or the second quotation mark. */
static char *word_end(struct words *w, char *at)
{
	char *end;

	if (*at != '"')
		return at + strcspn(at, " \t");
	end = strchr(at + 1, '"');
	if (end)
		return end + 1;
	words_fault(w, "quotation mark without a second one");
	return at + strlen(at);
}

static void split(struct words *w)
{
	char *at = w->text;

	w->count = w->at = 0;
	w->text[strcspn(w->text, "\n")] = '\0';
	for (;;) {
		at += strspn(at, " \t");
		if (!*at || *at == '#')
			return;
		if (w->count == WORDS_MOST) {
			words_fault(w, "more than %d words", WORDS_MOST);
			return;
		}
		w->word[w->count++] = at;
		at = word_end(w, at);
		if (!*at)
			return;
		*at++ = '\0';
	}
}

bool words_line(struct words *w)
{
	while (fgets(w->text, sizeof(w->text), w->file)) {
		w->line++;
		if (!strchr(w->text, '\n') && !feof(w->file))
			words_fault(w, "line of more than %d octets", LINE_MOST - 2);
		split(w);
		if (w->count || w->fault[0])
			return true;
	}
	return false;
}

const char *words_peek(const struct words *w)
{
	return w->at < w->count ? w->word[w->at] : "";
}

const char *words_next(struct words *w)
{
	if (w->at < w->count)
		return w->word[w->at++];
	words_fault(w, "the line ends too early");
	return "";
}

bool words_take(struct words *w, const char *word)
{
	if (strcmp(words_peek(w), word) != 0)
		return false;
	w->at++;
	return true;
}

uint32_t words_number_of(struct words *w, const char *text, uint32_t most)
{
	char *end;
	unsigned long long number = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);

	if (*text < '0' || *text > '9' || *end)
		words_fault(w, "\"%s\" is not a number", text);
	else if (number > most)
		words_fault(w, "%s is more than %u", text, most);
	else
		return (uint32_t)number;
	return 0;
}

uint32_t words_number(struct words *w, uint32_t most)
{
	return words_number_of(w, words_next(w), most);
}

uint32_t words_ms(struct words *w)
{
	static const struct { const char *unit; uint32_t ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	};
	const char *text = words_next(w);
	char *unit;
	unsigned long number = strtoul(text, &unit, 10);

	for (size_t i = 0; unit != text && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].unit) == 0 && number <= UINT32_MAX / units[i].ms)
			return (uint32_t)number * units[i].ms;
	words_fault(w, "\"%s\" is not a time such as 119s, 250ms, 4m or 2h", text);
	return 0;
}

unsigned words_choice(struct words *w, const char *const *list)
{
	const char *word = words_next(w);

	for (unsigned i = 0; list[i]; i++)
		if (strcmp(word, list[i]) == 0)
			return i;
	words_fault(w, "\"%s\" is not known here; \"%s\" would be", word, list[0]);
	return 0;
}

uint32_t words_address_of(struct words *w, const char *text)
{
	struct in_addr a = { 0 };

	if (inet_pton(AF_INET, text, &a) != 1)
		words_fault(w, "\"%s\" is not an IPv4 address", text);
	return ntohl(a.s_addr);
}

struct number words_address6_of(struct words *w, const char *text)
{
	uint32_t words[4] = { 0 };

	if (inet_pton(AF_INET6, text, words) != 1)
		words_fault(w, "\"%s\" is not an IPv6 address", text);
	return (struct number){ { ntohl(words[0]), ntohl(words[1]), ntohl(words[2]) }, ntohl(words[3]) };
}

static uint8_t name_place(struct words *w, const char *name)
{
	struct names *n = &w->names;

	for (uint8_t i = 0; i < n->count; i++)
		if (strcmp(n->name[i], name) == 0)
			return i;
	if (n->count == VARIABLES_MOST || strlen(name) >= NAME_MOST || !*name) {
		words_fault(w, "variable \"$%s\" is one too many, or its name too long", name);
		return 0;
	}
	strcpy(n->name[n->count], name);
	return n->count++;
}

/* What stands before the variable, or alone. */
static void read_constant(struct words *w, struct value *v, const char *text, uint32_t most)
{
	v->is6 = strchr(text, ':') != NULL;
	if (v->is6)
		v->number = words_address6_of(w, text);
	else
		v->number.low = strchr(text, '.') ? words_address_of(w, text)
						  : words_number_of(w, text, most);
}

struct value words_value_of(struct words *w, char *text, uint32_t most)
{
	struct value v = { 0 };
	char *variable = strchr(text, '$');

	if (variable) {
		v.variable = (uint8_t)(name_place(w, variable + 1) + 1);
		if (variable == text)
			return v;
		if (variable[-1] != '+') {
			words_fault(w, "\"%s\" is neither NUMBER, $NAME nor NUMBER+$NAME", text);
			return v;
		}
		variable[-1] = '\0';
	}
	read_constant(w, &v, text, most);
	return v;
}

bool value_of(const struct value *v, const struct variables *vars, struct number *out)
{
	const struct number *more;

	*out = v->number;
	if (!v->variable)
		return true;
	more = &vars->value[v->variable - 1];
	out->low += more->low;
	for (int i = 0; i < 3; i++)
		out->high[i] += more->high[i];
	return vars->bound[v->variable - 1];
}
