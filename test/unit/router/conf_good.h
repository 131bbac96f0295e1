/*
 * Configurations that must be good, and how their values look.
 *
 * Memory   conf_free() what is returned.
 * Errors   Fails the test.
 */
#ifndef TEST_CONF_GOOD_H
#define TEST_CONF_GOOD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "router/conf.h"

/* Read a file that must be good. */
static inline struct conf *good(const char *file)
{
	char *faults;
	size_t len;
	FILE *out = open_memstream(&faults, &len);
	struct conf *c = conf_read(file, out);

	fclose(out);
	assert_string_equal(faults, "");
	assert_non_null(c);
	free(faults);
	return c;
}

/* The same for a text. */
static inline struct conf *good_text(const char *text)
{
	int fd = memfd_create("conf", 0);
	char path[64];

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct conf *c = good(path);
	close(fd);
	return c;
}

static inline void assert_prefix(const struct prefix *p, const char *expected)
{
	char text[PREFIX_TEXT];

	assert_string_equal(prefix_format(p, text), expected);
}

static inline void assert_address(be32 a, const char *expected)
{
	uint8_t octets[4];
	char text[ADDRESS_TEXT];

	be32_store(octets, a);
	struct address address = address_v4(octets);
	assert_string_equal(address_format(&address, text), expected);
}

static inline void assert_range(struct port_range r, uint16_t first, uint16_t last)
{
	assert_int_equal(r.first, first);
	assert_int_equal(r.last, last);
}

/* A file as text, to be freed. */
static inline char *contents(const char *file)
{
	FILE *in = fopen(file, "re");
	char *text = calloc(1, 1 << 17);

	assert_non_null(in);
	assert_non_null(text);
	assert_in_range(fread(text, 1, 1 << 17, in), 1, (1 << 17) - 1);
	fclose(in);
	return text;
}

/* router.conf(5) as it would be written now, to be freed. */
static inline char *manual(void)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	conf_manual(out);
	fclose(out);
	return text;
}

static inline bool has_word(const char *text, const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || !strchr(letters, at[-1])) && !strchr(letters, at[len]))
			return true;
	return false;
}

/* The manual lists every key as ".B name", in sections ".SH name = ...": the next one after *page. */
static inline bool manual_key(char **page, char name[static 64])
{
	for (char *line; (line = strsep(page, "\n"));) {
		if (sscanf(line, ".B %63[a-z0-9_]%*c", name) != 1 &&
		    sscanf(line, ".SH %63[a-z0-9]", name) != 1)
			continue;
		if (strncmp(line, ".B router check", 15) &&
		    strncmp(*page, "Not in this version", 19))
			return true;
	}
	return false;
}

#endif
