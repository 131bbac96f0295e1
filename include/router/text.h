/*
 * A text that grows.
 *
 * Shape    All zero is an empty text. octets[len] is always zero once something was added.
 * Memory   The text owns its octets; text_free() leaves it empty.
 * Errors   Sticky: after one failed allocation the text is marked failed and grows no more, so
 *          that a writer checks once, at the end.
 */
#ifndef ROUTER_TEXT_H
#define ROUTER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *octets;
	size_t len, room;
	bool failed;
};

/* Append octets, or what printf would write. */
void text_add(struct text *t, const char *octets, size_t len);
void text_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Empty it and keep the room; empty it and give the room back. */
void text_clear(struct text *t);
void text_free(struct text *t);

#endif
