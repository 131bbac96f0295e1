#include "router/l2.h"

#include "nat/bytes.h"

enum { PRIORITY_SHIFT = 13, VLAN_MASK = 0xfff };

static bool is_tag(uint16_t type)
{
	return type == ETH_P_8021Q || type == ETH_P_8021AD;
}

bool l2_parse(struct l2 *h, const uint8_t *octets, size_t len)
{
	size_t at = ETH_HLEN;

	if (len < ETH_HLEN)
		return false;
	memcpy(h->to, octets, ETH_ALEN);
	memcpy(h->from, octets + ETH_ALEN, ETH_ALEN);
	h->type = load16(octets + 2 * ETH_ALEN);
	h->tags = (struct l2_tags){ 0 };
	while (is_tag(h->type)) {
		uint8_t n = h->tags.count++;
		uint16_t control;

		if (n == L2_TAGS || len < at + L2_TAG_LEN)
			return false;
		control = load16(octets + at);
		if (!n)
			h->tags.priority = (uint8_t)(control >> PRIORITY_SHIFT);
		h->tags.tag[n].protocol = h->type;
		h->tags.tag[n].vlan = control & VLAN_MASK;
		h->type = load16(octets + at + 2);
		at += L2_TAG_LEN;
	}
	h->len = (uint8_t)at;
	return true;
}

size_t l2_write(const struct l2 *h, uint8_t octets[static L2_LEN_MOST])
{
	uint8_t *at = octets + 2 * ETH_ALEN;

	memcpy(octets, h->to, ETH_ALEN);
	memcpy(octets + ETH_ALEN, h->from, ETH_ALEN);
	for (uint8_t i = 0; i < h->tags.count; i++, at += L2_TAG_LEN) {
		store16(at, h->tags.tag[i].protocol);
		store16(at + 2, (uint16_t)(h->tags.priority << PRIORITY_SHIFT | h->tags.tag[i].vlan));
	}
	store16(at, h->type);
	return (size_t)(at + 2 - octets);
}

bool l2_same_vlan(const struct l2_tags *a, const struct l2_tags *b)
{
	if (a->count != b->count)
		return false;
	for (uint8_t i = 0; i < a->count; i++)
		if (a->tag[i].protocol != b->tag[i].protocol || a->tag[i].vlan != b->tag[i].vlan)
			return false;
	return true;
}
