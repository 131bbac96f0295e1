/* Addresses and prefixes from text, for tests of routes. */
#ifndef TEST_ROUTE_RIG_H
#define TEST_ROUTE_RIG_H

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "router/address.h"

static inline struct address address(const char *text)
{
	struct address a;

	assert_true(address_parse(&a, text));
	return a;
}

static inline struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(&p, text));
	return p;
}

#endif
