#include "routes.h"

#include <stdio.h>
#include <stdlib.h>

#include "router/fib.h"

enum { PLACES = 36000 };

/* How many of 10000 prefixes have a length. */
struct share { uint8_t len; uint16_t share; };

static const struct share shares4[] = {
	{ 8, 1 },    { 10, 1 },	   { 11, 1 },	 { 12, 3 },    { 13, 6 },   { 14, 12 },
	{ 15, 20 },  { 16, 140 },  { 17, 85 },	 { 18, 140 },  { 19, 250 }, { 20, 450 },
	{ 21, 520 }, { 22, 1130 }, { 23, 1010 }, { 24, 6191 }, { 28, 10 },  { 32, 30 },
};

static const struct share shares6[] = {
	{ 24, 2 },   { 28, 10 },  { 29, 420 }, { 30, 60 },  { 31, 30 },	 { 32, 1250 },
	{ 33, 170 }, { 34, 130 }, { 35, 60 },  { 36, 500 }, { 37, 30 },	 { 38, 80 },
	{ 39, 40 },  { 40, 850 }, { 42, 100 }, { 44, 900 }, { 45, 60 },	 { 46, 200 },
	{ 47, 258 }, { 48, 4750 }, { 56, 30 }, { 64, 60 },  { 128, 10 },
};

/* First 16 bits that registries give IPv6 prefixes from. */
static const struct { uint16_t first, count; } registries6[] = {
	{ 0x2001, 1 }, { 0x2400, 10 }, { 0x2600, 8 }, { 0x2620, 1 },
	{ 0x2800, 7 }, { 0x2a00, 21 }, { 0x2c0f, 1 },
};

void check(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "fib: %s\n", what);
		exit(1);
	}
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void random_octets(uint64_t *state, uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(random_next(state) >> 32);
}

/* Of places, the low numbers are the crowded ones. */
static size_t random_place(uint64_t *state)
{
	double x = (double)(random_next(state) >> 11) / (double)(1ull << 53);

	return (size_t)(x * x * PLACES);
}

static uint8_t random_len(uint64_t *state, const struct share *shares)
{
	unsigned at = (unsigned)(random_next(state) >> 32) % 10000;

	for (; at >= shares->share; shares++)
		at -= shares->share;
	return shares->len;
}

/* Where prefixes lie: /16 of IPv4, /32 of IPv6. */
static void make_places(uint64_t *state, uint8_t version, uint8_t places[PLACES][4])
{
	for (size_t i = 0; i < PLACES; i++) {
		unsigned r = (unsigned)(random_next(state) >> 32) % 7;

		random_octets(state, places[i], 4);
		if (version == 4)
			places[i][0] = (uint8_t)(1 + places[i][0] % 223);
		else
			store16(places[i], (uint16_t)(registries6[r].first +
						      places[i][0] % registries6[r].count));
	}
}

static struct prefix random_prefix(uint64_t *state, uint8_t version, uint8_t places[PLACES][4])
{
	struct prefix p = { .address.version = version };

	p.len = random_len(state, version == 4 ? shares4 : shares6);
	random_octets(state, p.address.octets, address_len(&p.address));
	memcpy(p.address.octets, places[random_place(state)], version == 4 ? 2 : 4);
	return prefix_masked(p);
}

static size_t prefix_count(const struct fib *f)
{
	struct fib_size s = fib_size(f);

	return s.prefixes4 + s.prefixes6;
}

struct routes routes_make(uint8_t version, size_t count)
{
	uint8_t places[PLACES][4];
	struct routes r = { calloc(count, sizeof(*r.prefixes)), 0, version };
	struct fib *seen = fib_new();
	uint64_t state = 88172645463325252u;

	check(r.prefixes && seen, "out of memory");
	make_places(&state, version, places);
	while (r.count < count) {
		struct prefix p = random_prefix(&state, version, places);

		check(fib_set(seen, &p, 1) == 0, "out of memory");
		fib_reclaim(seen);
		r.prefixes[r.count] = p;
		r.count = prefix_count(seen);
	}
	fib_free(seen);
	return r;
}

void routes_free(struct routes *r)
{
	free(r->prefixes);
}

uint16_t routes_hop(size_t prefix)
{
	enum { HOPS = 200 };

	return (uint16_t)(1 + prefix * 7919 % HOPS);
}

/* Anywhere that unicast goes. */
static void random_address(uint64_t *state, uint8_t version, uint8_t octets[16])
{
	random_octets(state, octets, version == 4 ? 4 : 16);
	octets[0] = version == 4 ? (uint8_t)(1 + octets[0] % 223) :
				   (uint8_t)(0x20 | (octets[0] & 0x1f));
}

static void move_into(uint8_t octets[16], const struct prefix *p)
{
	for (unsigned bit = 0; bit < p->len; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8), *at = &octets[bit / 8];

		*at = (uint8_t)((*at & ~mask) | (p->address.octets[bit / 8] & mask));
	}
}

struct queries queries_make(const struct routes *r, bool near)
{
	struct queries q = { calloc(QUERIES, sizeof(*q.net)), calloc(QUERIES, sizeof(*q.host)),
			     calloc(QUERIES, sizeof(*q.octets)), 0 };
	uint64_t state = 4711;

	check(q.net && q.host && q.octets, "out of memory");
	for (size_t i = 0; i < QUERIES; i++) {
		random_address(&state, r->version, q.octets[i]);
		if (near)
			move_into(q.octets[i], &r->prefixes[random_next(&state) % r->count]);
		q.net[i] = be32_load(q.octets[i]);
		q.host[i] = load32(q.octets[i]);
	}
	return q;
}

void queries_free(struct queries *q)
{
	free(q->net);
	free(q->host);
	free(q->octets);
}
