/*
 * A story's lines as words, and the first thing that is wrong with them.
 *
 * Shape    Reading is a straight column of calls: after the first fault all of them return
 *          something harmless, and whoever reads the line looks at fault once, at its end.
 * Memory   Words point into the line and last until the next words_line().
 * Errors   fault, empty as long as there is none; it belongs to line.
 */
#ifndef SCENARIO_WORDS_H
#define SCENARIO_WORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { VARIABLES_MOST = 32, NAME_MOST = 16, WORDS_MOST = 96, LINE_MOST = 8192 };

/* A number or an address, in host order; only IPv6 addresses are more than low. */
struct number {
	uint32_t high[3], low;
};

/* A number plus a variable if there is one: 5000, $p, 5000+$i. */
struct value {
	struct number number;
	uint8_t variable; /* its place in names plus one; 0: none */
	bool is6;	  /* written as an IPv6 address */
};

struct names {
	uint8_t count;
	char name[VARIABLES_MOST][NAME_MOST];
};

/* What variables hold while a story is played. */
struct variables {
	bool bound[VARIABLES_MOST];
	struct number value[VARIABLES_MOST];
};

struct words {
	FILE *file;
	int line;
	int count, at;
	char *word[WORDS_MOST];
	char text[LINE_MOST];
	char fault[256];
	struct names names;
};

/* Go to the next line that has words; false at the end of the file. */
bool words_line(struct words *w);

/* The next word, "" behind the last; words_next() also goes past it, and must find one. */
const char *words_peek(const struct words *w);
const char *words_next(struct words *w);

/* Go past the next word if it is this one. */
bool words_take(struct words *w, const char *word);

/* Note what is wrong, if nothing was before. */
void words_fault(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next word as a number up to most (decimal, or hexadecimal with 0x), as milliseconds (5s, 20ms,
 * 2m, 1h), or as its place in a list that ends with NULL. */
uint32_t words_number(struct words *w, uint32_t most);
uint32_t words_ms(struct words *w);
unsigned words_choice(struct words *w, const char *const *list);

/* The same for text that is only a part of a word. */
uint32_t words_number_of(struct words *w, const char *text, uint32_t most);
uint32_t words_address_of(struct words *w, const char *text);
struct number words_address6_of(struct words *w, const char *text);
struct value words_value_of(struct words *w, char *text, uint32_t most);

/* What a value is. False if its variable is not bound. Of IPv6
 * addresses each 32 bits are added by themselves. */
bool value_of(const struct value *v, const struct variables *vars, struct number *out);

#endif
