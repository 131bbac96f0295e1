/*
 * Tables for people: aligned columns, and numbers short enough to read.
 *
 * Shape    The first row is a row like all others. Columns are told by letters: "llr" is two
 *          aligned to the left and one to the right.
 * Memory   table_new() to table_free(). Cells are copied; the letters stay the caller's.
 * Errors   table_print() returns -ENOMEM if a cell could not be kept, -EIO if out refused.
 */
#ifndef ROUTER_TABLE_H
#define ROUTER_TABLE_H

#include <stdint.h>
#include <stdio.h>

struct table;

struct table *table_new(const char *columns);
void table_free(struct table *t);

/* Add the next cell; rows follow from the number of columns. */
void table_add(struct table *t, const char *cell);

int table_print(const struct table *t, FILE *out);

/* Both return text, for use in an argument list. Digits beyond those shown are cut off. */
enum { SHORT_TEXT = 24 };

/* 999, 1.2k, 12k, 3.4M: powers of 1000. */
const char *short_count(uint64_t count, char text[static SHORT_TEXT]);

/* 12s, 4m12s, 2h04m, 3d05h. */
const char *short_duration(uint64_t ms, char text[static SHORT_TEXT]);

#endif
