/*
 * Prefixes and addresses to look up, made up: with the lengths of the public routing tables and,
 * like those, many prefixes in few places. The same count gives the same ones.
 *
 * Memory   routes_make(), queries_make() to routes_free(), queries_free().
 * Errors   Out of memory ends the program.
 */
#ifndef BENCH_FIB_ROUTES_H
#define BENCH_FIB_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nat/bytes.h"
#include "router/address.h"

enum { QUERIES = 1 << 20 };

/* Prefixes that differ, in no order. */
struct routes { struct prefix *prefixes; size_t count; uint8_t version; };

struct routes routes_make(uint8_t version, size_t count);
void routes_free(struct routes *r);
uint16_t routes_hop(size_t prefix);

/* What is looked up, in the form that each takes it in. zero is 0, but the compiler does not know:
 * what is multiplied by it makes a lookup wait for the one before. */
struct queries {
	be32 *net;
	uint32_t *host;
	uint8_t (*octets)[16];
	volatile uint16_t zero;
};

/* near: in prefixes of the table; else anywhere. */
struct queries queries_make(const struct routes *r, bool near);
void queries_free(struct queries *q);

uint64_t random_next(uint64_t *state);
void check(bool good, const char *what);

#endif
