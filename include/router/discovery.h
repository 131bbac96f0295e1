/*
 * How neighbours on Ethernet find each other: ARP for IPv4, neighbour discovery for IPv6, as one
 * kind of message.
 *
 * Sources  RFC 826, RFC 5227 (probes and announcements); RFC 4861 sections 4.3, 4.4, 7.1 (what is
 *          valid) and 7.2, RFC 4862 section 5.4 (duplicates), RFC 6980 (no fragments).
 * Shape    A question asks for the link-layer address of `about`, in the name of `peer`; without
 *          peer it is a probe: whoever asks has no address yet. An answer says that `about` has
 *          the address mac, to peer or, without, to all. A question of peer's about itself is an
 *          announcement, which ARP has instead of answers to all.
 * Promise  What discovery_parse() takes is well-formed to its last octet, and about and peer are
 *          addresses that one host may have.
 * Errors   discovery_parse() returns false; nobody is told.
 */
#ifndef ROUTER_DISCOVERY_H
#define ROUTER_DISCOVERY_H

#include "router/address.h"
#include "router/l2.h"

enum { DISCOVERY_MOST = 72 }; /* octets that discovery_make() writes at the most */

struct discovery {
	bool answer;
	bool solicited, override, router; /* of answers; ARP knows neither: all set but router */
	bool has_mac;
	struct address about, peer;
	uint8_t mac[ETH_ALEN]; /* of about in an answer, of peer in a question */
};

/* Read what follows an Ethernet header h, len octets with the padding. */
bool discovery_parse(struct discovery *d, const struct l2 *h, const uint8_t *octets, size_t len);

/* Write a message of ours; returns its length. to->to is where it is to be sent: everybody who may know
 * if it was zero; to->type is set. */
size_t discovery_make(uint8_t octets[static DISCOVERY_MOST], const struct discovery *d, struct l2 *to);

/* The link-local address that a device has by its MAC (RFC 4291 appendix A). */
struct address discovery_link_local(const uint8_t mac[static ETH_ALEN]);

/* The group in which an IPv6 address is asked for (RFC 4291 section 2.7.1), and the MAC of a group. */
struct address discovery_group(const struct address *a);
void discovery_group_mac(const struct address *group, uint8_t mac[static ETH_ALEN]);

#endif
