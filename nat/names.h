/*
 * Names for IPv6 addresses. Private to nat/.
 *
 * Shape    Records of the NAT hold addresses of 32 bits. An IPv4 address stands for itself; one of
 *          240.0.0.0/4, which no datagram that is translated can have (RFC 1112 section 4), is the
 *          name of an IPv6 address, of this worker's. 0: nobody.
 * Memory   A name lasts as long as somebody holds it, and at least until the call of the NAT that
 *          is under way is over: names_sweep() ends it after that.
 * Errors   A name that is 0: there is none, or no room for one more.
 */
#ifndef NAT_NAMES_H
#define NAT_NAMES_H

#include "nat/session.h"
#include "slab.h"
#include "table.h"

struct nat;

struct name {
	struct tuple key; /* the sixteen octets; only compared */
	uint32_t holders;
	bool listed; /* among those that nobody holds */
	uint32_t next; /* of those that nobody holds; slab's, if free */
} __attribute__((aligned(32)));

_Static_assert(sizeof(struct name) == 32, "a name lies in one cache line");

struct names {
	struct name *all;
	struct slab slab;
	struct table by;
	uint32_t unheld; /* first of those that nobody holds, or SLAB_NONE */
};

enum { NAME_FIRST = 0xf0000001u };

static inline bool is_name(be32 a)
{
	return (*(const uint8_t *)&a & 0xf0) == 0xf0;
}

static inline uint32_t name_number(be32 name)
{
	return be32_host(name) - NAME_FIRST;
}

be32 name_find(const struct nat *n, const struct ip6 *address);
be32 name_find_by(const struct nat *n, uint64_t hash, const struct ip6 *address);
uint64_t name_hash(const struct nat *n, const struct ip6 *address);
be32 name_take(struct nat *n, const struct ip6 *address);
void name_hold(struct nat *n, be32 name);
void name_release(struct nat *n, be32 name);
void names_sweep(struct nat *n);

/* What a name stands for: valid as long as the name. */
static inline const struct ip6 *names_at(const struct names *s, be32 name)
{
	return (const struct ip6 *)(const void *)&s->all[name_number(name)].key;
}

/* An endpoint of a record, for people to read. */
struct nat_endpoint name_endpoint(const struct nat *n, struct endpoint e);

/* As nat_check(). */
const char *names_check(const struct nat *n);

/* Of an address: sixty-four bits that are the same for all workers. */
uint64_t name_word(const struct nat *n, be32 address);
uint64_t ip6_word(const struct nat *n, const struct ip6 *address);

#endif
