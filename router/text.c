#include "router/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 256 };

/* Room for len more octets and a zero. */
static bool text_grow(struct text *t, size_t len)
{
	size_t room = t->room > 0 ? t->room : ROOM_FIRST;

	if (t->failed)
		return false;
	while (room - t->len <= len)
		room *= 2;
	if (room == t->room)
		return true;
	char *octets = realloc(t->octets, room);
	if (octets == NULL) {
		t->failed = true;
		return false;
	}
	t->octets = octets;
	t->room = room;
	return true;
}

void text_add(struct text *t, const char *octets, size_t len)
{
	if (!text_grow(t, len))
		return;
	memcpy(t->octets + t->len, octets, len);
	t->len += len;
	t->octets[t->len] = '\0';
}

void text_format(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || !text_grow(t, (size_t)len)) {
		t->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(t->octets + t->len, (size_t)len + 1, format, args);
	va_end(args);
	t->len += (size_t)len;
}

void text_clear(struct text *t)
{
	t->len = 0;
	t->failed = false;
}

void text_free(struct text *t)
{
	free(t->octets);
	*t = (struct text){ 0 };
}
