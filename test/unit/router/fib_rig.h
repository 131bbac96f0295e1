/* A forwarding table filled and asked by text. */
#ifndef TEST_FIB_RIG_H
#define TEST_FIB_RIG_H

#include "route_rig.h"
#include "router/fib.h"

static inline void set(struct fib *f, const char *text, uint16_t hop)
{
	struct prefix p = prefix(text);

	assert_int_equal(fib_set(f, &p, hop), 0);
}

static inline void drop(struct fib *f, const char *text)
{
	struct prefix p = prefix(text);

	assert_int_equal(fib_remove(f, &p), 0);
}

static inline uint16_t lookup_address(const struct fib *f, const struct address *a)
{
	return a->version == 4 ? fib_lookup4(f, be32_load(a->octets)) : fib_lookup6(f, a->octets);
}

#endif
