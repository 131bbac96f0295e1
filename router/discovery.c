#include "router/discovery.h"

#include <linux/if_arp.h>
#include <netinet/icmp6.h>

#include "nat/checksum.h"
#include "nat/packet.h"

/* ARP about IPv4 on Ethernet: where things lie; an address follows its owner's MAC. */
enum {
	OPERATION = 7, /* the low octet */
	SENDER_MAC = 8,
	SENDER = 14,
	TARGET_MAC = 18,
	TARGET = 24,
	ARP_LEN = 28,
};

/* A solicitation or an advertisement: its target, then options. */
enum {
	V6_LEN = 40,
	HOP_LIMIT = 255, /* it has crossed no router */
	ND_FLAGS = 4,
	ND_TARGET = 8,
	ND_LEN = 24,
	ND_OPTION_LEN = 8, /* of one with a MAC */
	OF_SOURCE = 1, OF_TARGET = 2,
	FLAG_ROUTER = 0x80, FLAG_SOLICITED = 0x40, FLAG_OVERRIDE = 0x20,
};

static const uint8_t everybody[ETH_ALEN] = { 255, 255, 255, 255, 255, 255 }, nobody[ETH_ALEN];
static const uint8_t arp_head[] = { 0, ARPHRD_ETHER, ETH_P_IP >> 8, ETH_P_IP & 0xff, ETH_ALEN, 4, 0 };

static bool is_zero(const uint8_t *octets, size_t len)
{
	while (len && !octets[len - 1])
		len--;
	return !len;
}

/* One host's, and of use beyond it. */
static bool v4_is_host(const uint8_t *a)
{
	return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

static bool v6_is_host(const uint8_t *a)
{
	return a[0] != 0xff && !is_zero(a, 15);
}

static bool mac_is_host(const uint8_t *mac)
{
	return !l2_is_group(mac) && !is_zero(mac, ETH_ALEN);
}

static bool parse_arp(struct discovery *d, const uint8_t *arp, size_t len)
{
	uint8_t operation;

	if (len < ARP_LEN || memcmp(arp, arp_head, sizeof(arp_head)) != 0 ||
	    !mac_is_host(arp + SENDER_MAC))
		return false;
	operation = arp[OPERATION];
	*d = (struct discovery){ .answer = operation == ARPOP_REPLY, .has_mac = true };
	memcpy(d->mac, arp + SENDER_MAC, ETH_ALEN);
	if (operation != ARPOP_REQUEST && operation != ARPOP_REPLY)
		return false;
	if (!v4_is_host(arp + SENDER) && (d->answer || !is_zero(arp + SENDER, 4)))
		return false;
	if (d->answer) {
		d->about = address_v4(arp + SENDER);
		d->solicited = d->override = true;
		return true;
	}
	if (!is_zero(arp + SENDER, 4))
		d->peer = address_v4(arp + SENDER);
	d->about = address_v4(arp + TARGET);
	return v4_is_host(arp + TARGET);
}

static csum_t sum_of(const uint8_t *ip, size_t nd_len)
{
	return csum_add(csum_pseudo(ip + 8, ip + 24, 16, PROTO_ICMPV6, (uint32_t)nd_len),
			csum_of(ip + V6_LEN, nd_len));
}

/* The MAC in the option of a kind, if there is one; false: the options are malformed. */
static bool parse_options(struct discovery *d, const uint8_t *at, size_t len, uint8_t kind)
{
	while (len) {
		size_t size = len < 2 ? 0 : (size_t)at[1] * 8;

		if (!size || size > len)
			return false;
		if (at[0] == kind && size == ND_OPTION_LEN && !d->has_mac) {
			d->has_mac = true;
			memcpy(d->mac, at + 2, ETH_ALEN);
		}
		at += size;
		len -= size;
	}
	return !d->has_mac || mac_is_host(d->mac);
}

/* RFC 4861 section 7.1.1. */
static bool parse_solicitation(struct discovery *d, const uint8_t *ip, size_t len)
{
	const uint8_t *source = ip + 8, *destination = ip + 24, *nd = ip + V6_LEN;

	*d = (struct discovery){ .about = address_v6(nd + ND_TARGET) };
	if (!parse_options(d, nd + ND_LEN, len - ND_LEN, OF_SOURCE))
		return false;
	if (is_zero(source, 16)) {
		struct address group = discovery_group(&d->about);

		return !d->has_mac && memcmp(destination, group.octets, 16) == 0;
	}
	d->peer = address_v6(source);
	return v6_is_host(source);
}

/* RFC 4861 section 7.1.2. */
static bool parse_advertisement(struct discovery *d, const uint8_t *ip, size_t len)
{
	const uint8_t *nd = ip + V6_LEN;
	uint8_t flags = nd[ND_FLAGS];

	*d = (struct discovery){ .answer = true, .about = address_v6(nd + ND_TARGET),
				 .solicited = flags & FLAG_SOLICITED,
				 .override = flags & FLAG_OVERRIDE, .router = flags & FLAG_ROUTER };
	if (d->solicited && ip[24] == 0xff)
		return false;
	return v6_is_host(ip + 8) && parse_options(d, nd + ND_LEN, len - ND_LEN, OF_TARGET);
}

static bool parse_nd(struct discovery *d, const uint8_t *ip, size_t len)
{
	const uint8_t *nd = ip + V6_LEN;
	size_t nd_len;

	/* RFC 6980: not in fragments; nor behind any other extension header, which nobody sends. */
	if (len < V6_LEN + ND_LEN || ip[0] >> 4 != 6 || ip[6] != PROTO_ICMPV6 || ip[7] != HOP_LIMIT)
		return false;
	nd_len = load16(ip + 4);
	if (nd_len < ND_LEN || nd_len > len - V6_LEN || nd[1] != 0 || !v6_is_host(nd + ND_TARGET) ||
	    !csum_is_zero(csum_negate(sum_of(ip, nd_len))))
		return false;
	if (nd[0] == ND_NEIGHBOR_SOLICIT)
		return parse_solicitation(d, ip, nd_len);
	return nd[0] == ND_NEIGHBOR_ADVERT && parse_advertisement(d, ip, nd_len);
}

bool discovery_parse(struct discovery *d, const struct l2 *h, const uint8_t *octets, size_t len)
{
	if (h->type == ETH_P_ARP)
		return parse_arp(d, octets, len);
	return h->type == ETH_P_IPV6 && parse_nd(d, octets, len);
}

static size_t make_arp(uint8_t *arp, const struct discovery *d, struct l2 *to)
{
	const struct address *sender = d->answer ? &d->about : &d->peer;
	const struct address *target = d->answer ? &d->peer : &d->about;

	memset(arp, 0, ARP_LEN);
	memcpy(arp, arp_head, sizeof(arp_head));
	arp[OPERATION] = d->answer ? ARPOP_REPLY : ARPOP_REQUEST;
	memcpy(arp + SENDER_MAC, d->mac, ETH_ALEN);
	memcpy(arp + SENDER, sender->octets, 4);
	memcpy(arp + TARGET, target->octets, 4);
	if (d->answer)
		memcpy(arp + TARGET_MAC, to->to, ETH_ALEN);
	if (l2_same(to->to, nobody))
		memcpy(to->to, everybody, ETH_ALEN);
	to->type = ETH_P_ARP;
	return ARP_LEN;
}

/* Where the message goes: to all hosts, to the group of who may know, or to one. */
static struct address v6_destination(const struct discovery *d, const struct l2 *to)
{
	static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

	if (d->answer)
		return d->peer.version ? d->peer : address_v6(all_nodes);
	return l2_same(to->to, nobody) ? discovery_group(&d->about) : d->about;
}

static void put_option(uint8_t *at, uint8_t kind, const uint8_t *mac)
{
	at[0] = kind;
	at[1] = 1;
	memcpy(at + 2, mac, ETH_ALEN);
}

static size_t make_nd(uint8_t *ip, const struct discovery *d, struct l2 *to)
{
	const struct address *source = d->answer ? &d->about : &d->peer;
	struct address destination = v6_destination(d, to);
	/* RFC 4861 section 4.3: who has no address says no MAC. */
	size_t len = ND_LEN + (source->version ? ND_OPTION_LEN : 0);
	uint8_t *nd = ip + V6_LEN;

	memset(ip, 0, V6_LEN + len);
	ip[0] = 6 << 4;
	store16(ip + 4, (uint16_t)len);
	ip[6] = PROTO_ICMPV6;
	ip[7] = HOP_LIMIT;
	memcpy(ip + 8, source->octets, 16);
	memcpy(ip + 24, destination.octets, 16);
	nd[0] = d->answer ? ND_NEIGHBOR_ADVERT : ND_NEIGHBOR_SOLICIT;
	if (d->answer)
		nd[ND_FLAGS] = (uint8_t)(d->router * FLAG_ROUTER | d->solicited * FLAG_SOLICITED |
					 d->override * FLAG_OVERRIDE);
	memcpy(nd + ND_TARGET, d->about.octets, 16);
	if (source->version)
		put_option(nd + ND_LEN, d->answer ? OF_TARGET : OF_SOURCE, d->mac);
	csum_store(nd + 2, sum_of(ip, len));
	if (l2_same(to->to, nobody))
		discovery_group_mac(&destination, to->to);
	to->type = ETH_P_IPV6;
	return V6_LEN + len;
}

size_t discovery_make(uint8_t octets[static DISCOVERY_MOST], const struct discovery *d, struct l2 *to)
{
	return d->about.version == 4 ? make_arp(octets, d, to) : make_nd(octets, d, to);
}

struct address discovery_link_local(const uint8_t mac[static ETH_ALEN])
{
	struct address a = { .octets = { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe }, .version = 6 };

	memcpy(a.octets + 8, mac, 3);
	memcpy(a.octets + 13, mac + 3, 3);
	a.octets[8] ^= 2;
	return a;
}

struct address discovery_group(const struct address *a)
{
	struct address group = { .octets = { 0xff, 2, [11] = 1, [12] = 0xff }, .version = 6 };

	memcpy(group.octets + 13, a->octets + 13, 3);
	return group;
}

void discovery_group_mac(const struct address *group, uint8_t mac[static ETH_ALEN])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group->octets + 12, 4);
}
