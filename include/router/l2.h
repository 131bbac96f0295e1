/*
 * Ethernet headers: addresses, VLAN tags, type.
 *
 * Sources  IEEE 802.3 clause 3, IEEE 802.1Q clause 9 (tags; two of them: a service tag, then a
 *          customer's), RFC 2464 section 7 (addresses of IPv6 groups).
 * Shape    A header is a value. Numbers are in host order.
 * Promise  What l2_parse() has taken has len octets in front of what type names.
 * Errors   l2_parse() returns false: fewer octets than the header needs, or more tags than L2_TAGS.
 */
#ifndef ROUTER_L2_H
#define ROUTER_L2_H

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { L2_TAGS = 2, L2_TAG_LEN = 4, L2_LEN_MOST = ETH_HLEN + L2_TAGS * L2_TAG_LEN };

/* Tags from the outside in. protocol: ETH_P_8021Q or ETH_P_8021AD. */
struct l2_tags {
	uint8_t count;
	uint8_t priority; /* of the outer one, 0 to 7 */
	struct { uint16_t protocol, vlan; } tag[L2_TAGS];
};

struct l2 {
	uint8_t to[ETH_ALEN], from[ETH_ALEN];
	struct l2_tags tags;
	uint16_t type;
	uint8_t len;
};

bool l2_parse(struct l2 *h, const uint8_t *octets, size_t len);

/* Write a header; returns its length. Every tag gets the priority. */
size_t l2_write(const struct l2 *h, uint8_t octets[static L2_LEN_MOST]);

/* Octets of a header with these tags. */
static inline size_t l2_len(const struct l2_tags *tags)
{
	return ETH_HLEN + (size_t)tags->count * L2_TAG_LEN;
}

/* A frame with VLAN 0 belongs to none: its tag holds a priority only. */
static inline bool l2_is_untagged(const struct l2_tags *t)
{
	return !t->count || (t->count == 1 && t->tag[0].vlan == 0);
}

/* The same VLANs, whatever the priority. */
bool l2_same_vlan(const struct l2_tags *a, const struct l2_tags *b);

static inline bool l2_is_group(const uint8_t mac[static ETH_ALEN])
{
	return mac[0] & 1;
}

static inline bool l2_same(const uint8_t *mac, const uint8_t *other)
{
	return memcmp(mac, other, ETH_ALEN) == 0;
}

#endif
