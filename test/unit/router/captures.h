/*
 * Captures under construction, in either byte order.
 *
 * Shape    A struct image is a file so far. A block of pcapng is what was added since some place, which
 *          end_block() gives a head and an end.
 */
#ifndef CAPTURES_H
#define CAPTURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nat/bytes.h"
#include "router/pcap.h"

enum { ROOM = 4096, FILE_HEADER = 24, RECORD_HEADER = 16, BLOCK = 12 };

/* A file under construction, in one byte order. */
struct image {
	uint8_t octets[ROOM];
	size_t len;
	bool big;
};

static inline void add16(struct image *f, uint16_t v)
{
	store16(f->octets + f->len, f->big ? v : __builtin_bswap16(v));
	f->len += 2;
}

static inline void add32(struct image *f, uint32_t v)
{
	store32(f->octets + f->len, f->big ? v : __builtin_bswap32(v));
	f->len += 4;
}

static inline void add64(struct image *f, uint64_t v)
{
	add32(f, (uint32_t)(f->big ? v >> 32 : v));
	add32(f, (uint32_t)(f->big ? v : v >> 32));
}

static inline void add(struct image *f, const void *octets, size_t len)
{
	memcpy(f->octets + f->len, octets, len);
	f->len += len;
}

static inline struct image classic(bool big, uint32_t magic, uint32_t link)
{
	struct image f = { .big = big };

	add32(&f, magic);
	add16(&f, 2);
	add16(&f, 4);
	add64(&f, 0);
	add32(&f, 65535);
	add32(&f, link);
	return f;
}

static inline void add_record(struct image *f, uint32_t s, uint32_t parts, const char *text, uint32_t wire_len)
{
	add32(f, s);
	add32(f, parts);
	add32(f, (uint32_t)strlen(text));
	add32(f, wire_len);
	add(f, text, strlen(text));
}

/* What was added from body on becomes a block. */
static inline void end_block(struct image *f, size_t body, uint32_t type)
{
	struct image head = { .big = f->big };
	uint32_t len;

	f->len = body + ((f->len - body + 3) & ~(size_t)3);
	len = (uint32_t)(f->len - body) + BLOCK;
	memmove(f->octets + body + 8, f->octets + body, f->len - body);
	add32(&head, type);
	add32(&head, len);
	memcpy(f->octets + body, head.octets, 8);
	f->len += 8;
	add32(f, len);
}

static inline void add_section(struct image *f, bool big)
{
	size_t body = f->len;

	f->big = big;
	add32(f, 0x1a2b3c4d);
	add16(f, 1);
	add16(f, 0);
	add64(f, UINT64_MAX);
	end_block(f, body, 0x0a0d0d0a);
}

struct option { uint16_t code, len; uint64_t value; };

static inline void add_option(struct image *f, struct option o)
{
	add16(f, o.code);
	add16(f, o.len);
	if (o.len == 8) {
		add64(f, o.value);
	} else if (o.len == 4) {
		add32(f, (uint32_t)o.value);
	} else {
		memset(f->octets + f->len, 0, 4);
		f->octets[f->len] = (uint8_t)o.value;
		f->len += (o.len + 3u) & ~3u;
	}
}

static inline void add_interface(struct image *f, uint16_t link, uint32_t len_most, struct option a, struct option b)
{
	size_t body = f->len;

	add16(f, link);
	add16(f, 0);
	add32(f, len_most);
	if (a.code)
		add_option(f, a);
	if (b.code)
		add_option(f, b);
	end_block(f, body, 1);
}

#define NO_OPTION ((struct option){ 0 })

static inline void add_packet(struct image *f, uint32_t interface, uint64_t stamp, const char *text, struct option o)
{
	size_t body = f->len, len = strlen(text);

	add32(f, interface);
	add32(f, (uint32_t)(stamp >> 32));
	add32(f, (uint32_t)stamp);
	add32(f, (uint32_t)len);
	add32(f, (uint32_t)len);
	memset(f->octets + f->len, 0, len + 4);
	memcpy(f->octets + f->len, text, len);
	f->len += (len + 3) & ~(size_t)3;
	if (o.code)
		add_option(f, o);
	end_block(f, body, 6);
}

#endif
