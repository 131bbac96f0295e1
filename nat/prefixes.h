/*
 * The prefixes that NAT64 entries embed IPv4 addresses in, by number. Private to nat/.
 *
 * Shape    A prefix keeps its number as long as sessions were opened by it, whatever the configuration
 *          says since. The tag of an inside key tells the number.
 * Errors   A configuration with more than there is room for, while old sessions hold others: what finds
 *          no place is not translated by, until a later configuration.
 */
#ifndef NAT_PREFIXES_H
#define NAT_PREFIXES_H

#include "nat/ip6.h"
#include "nat/rfc6052.h"
#include "nat/tuple.h"

struct nat;
struct nat_policy;
struct nat_policy6;
struct session;

/* Tags are like no others: of a slot, and of mappings, whatever the prefix. */
enum { PREFIX_SLOTS = 64, PREFIX_NONE = UINT16_MAX, PREFIX_TAG = 0x6400, MAPPING_TO_V4 = 0x64ff };

struct prefix_slot {
	struct ip6_prefix prefix;
	uint32_t sessions;
	bool current; /* some entry has it */
};

struct prefixes {
	struct prefix_slot slots[PREFIX_SLOTS];
	uint16_t high; /* slots from here on were never used */
};

static inline be16 prefix_tag(uint16_t slot)
{
	return be16_from((uint16_t)(PREFIX_TAG + slot));
}

static inline uint16_t prefix_slot_of_tag(be16 tag)
{
	return (uint16_t)(be16_host(tag) - PREFIX_TAG);
}

/* The slot of the prefix that an address lies in. leads: for this inside host, whose entry has it; or had
 * it, and now nobody has. */
bool prefix_of(const struct nat *n, const struct ip6 *address, uint16_t *slot);
bool prefix_leads(const struct nat *n, const struct ip6 *host, const struct ip6 *address, uint16_t *slot);

/* Whether an address lies in one of an entry's. */
bool prefixes_have(const struct nat_policy6 *p, const struct ip6 *address);

/* The slot of an entry's first prefix, which what nobody asked for gets; PREFIX_NONE: it has no place. */
uint16_t prefix_first(const struct nat *n, const struct nat_policy *p);

void prefixes_configure(struct nat *n);

#endif
