/*
 * Large stretches of memory for tables that are read at random.
 *
 * Memory   Zero, at a boundary of LARGE_PAGE, in pages of that size where the kernel has them: a miss
 *          of the address translation costs as much as one of the cache. Takes room only as it is
 *          touched.
 * Errors   NULL: no memory.
 */
#ifndef ROUTER_LARGE_H
#define ROUTER_LARGE_H

#include <stddef.h>

enum { LARGE_PAGE = 2 << 20 };

void *large_new(size_t len);

/* The same len; NULL is taken. */
void large_free(void *at, size_t len);

#endif
