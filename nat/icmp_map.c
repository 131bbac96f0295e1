#include "icmp_map.h"

#include "family_header.h"

/* RFC 7915 section 4.2. Types and codes that are not here have no counterpart: timestamps, address
 * masks and information are obsolete, router discovery and IGMP are for one link only, and so on. */
static const struct icmp_row from_v4[] = {
	{ 8, 0, 255, 128, ICMP_SAME, ICMP_KEPT }, /* echo request */
	{ 0, 0, 255, 129, ICMP_SAME, ICMP_KEPT },
	{ 3, 0, 1, 1, 0, ICMP_UNUSED }, /* network, host unreachable: no route */
	{ 3, 2, 2, 4, 1, ICMP_PROTOCOL }, /* protocol unreachable: next header not recognized */
	{ 3, 3, 3, 1, 4, ICMP_UNUSED }, /* port unreachable */
	{ 3, 4, 4, 2, 0, ICMP_MTU },
	{ 3, 5, 8, 1, 0, ICMP_UNUSED }, /* source route failed, network and host unknown, isolated */
	{ 3, 9, 10, 1, 1, ICMP_UNUSED }, /* prohibited */
	{ 3, 11, 12, 1, 0, ICMP_UNUSED }, /* not for this type of service */
	{ 3, 13, 13, 1, 1, ICMP_UNUSED }, /* prohibited */
	{ 3, 15, 15, 1, 1, ICMP_UNUSED }, /* precedence cutoff */
	{ 11, 0, 255, 3, ICMP_SAME, ICMP_UNUSED }, /* time exceeded */
	{ 12, 0, 0, 4, 0, ICMP_POINTER },
	{ 12, 2, 2, 4, 0, ICMP_POINTER }, /* bad length */
};

/* RFC 7915 section 5.2. Neighbour and multicast listener discovery are for one link only. */
static const struct icmp_row from_v6[] = {
	{ 128, 0, 255, 8, ICMP_SAME, ICMP_KEPT },
	{ 129, 0, 255, 0, ICMP_SAME, ICMP_KEPT },
	{ 1, 0, 0, 3, 1, ICMP_UNUSED }, /* no route: host unreachable */
	{ 1, 1, 1, 3, 10, ICMP_UNUSED }, /* prohibited: host prohibited */
	{ 1, 2, 3, 3, 1, ICMP_UNUSED }, /* beyond scope, address unreachable */
	{ 1, 4, 4, 3, 3, ICMP_UNUSED }, /* port unreachable */
	{ 2, 0, 255, 3, 4, ICMP_MTU }, /* senders say 0, receivers do not look (RFC 4443 section 3.2) */
	{ 3, 0, 255, 11, ICMP_SAME, ICMP_UNUSED }, /* time exceeded */
	{ 4, 0, 0, 12, 0, ICMP_POINTER },
	{ 4, 1, 1, 3, 2, ICMP_UNUSED }, /* next header not recognized: protocol unreachable */
};

enum {
	V4_ROWS = sizeof(from_v4) / sizeof(from_v4[0]),
	V6_ROWS = sizeof(from_v6) / sizeof(from_v6[0]),
};

const struct icmp_row *icmp_map(const uint8_t icmp[static 2], uint8_t version)
{
	const struct icmp_row *row = version == 4 ? from_v4 : from_v6;
	const struct icmp_row *end = row + (version == 4 ? V4_ROWS : V6_ROWS);

	for (; row < end; row++)
		if (row->type == icmp[0] && row->first <= icmp[1] && icmp[1] <= row->last)
			return row;
	return NULL;
}

void icmp_map_apply(uint8_t icmp[static 2], const struct icmp_row *row)
{
	icmp[0] = row->to_type;
	if (row->to_code != ICMP_SAME)
		icmp[1] = (uint8_t)row->to_code;
}

/* RFC 7915 figures 3 and 6: the octet in one header that means what an octet in the other does. */
enum { NOWHERE = 0xff };
static const uint8_t pointer_from_v4[FAMILY_V4] = {
	0, 1, 4, 4, NOWHERE, NOWHERE, NOWHERE, NOWHERE, 7, 6, NOWHERE, NOWHERE,
	8, 8, 8, 8, 24, 24, 24, 24,
};
static const uint8_t pointer_from_v6[FAMILY_V6] = {
	0, 1, NOWHERE, NOWHERE, 2, 2, 9, 8,
	12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
	16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
};

bool icmp_map_pointer(uint32_t *pointer, uint8_t version)
{
	if (*pointer >= (version == 4 ? FAMILY_V4 : FAMILY_V6))
		return false;
	*pointer = version == 4 ? pointer_from_v4[*pointer] : pointer_from_v6[*pointer];
	return *pointer != NOWHERE;
}

/* RFC 4884 sections 4.1 to 4.5. */
uint8_t icmp_length_at(uint8_t type, uint8_t version)
{
	if (version == 4)
		return type == 3 || type == 11 || type == 12 ? 5 : 0;
	return type == 1 || type == 3 ? 4 : 0;
}

static uint32_t least(uint32_t mtu, uint32_t limit)
{
	return mtu < limit ? mtu : limit;
}

/* RFC 1191 section 7.1, but those that are too small for IPv6. */
static uint32_t plateau_below(uint32_t total)
{
	static const uint16_t plateaus[] = { 65535, 32000, 17914, 8166, 4352, 2002, 1492 };

	for (size_t i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < total)
			return plateaus[i];
	return FAMILY_MTU_LEAST;
}

uint32_t icmp_mtu6(uint32_t mtu4, uint32_t total, const struct family_rules *r)
{
	const uint32_t longer = FAMILY_V6 - FAMILY_V4;
	uint32_t mtu = mtu4 ? mtu4 + longer : plateau_below(total);

	if (r->mtu6)
		mtu = least(mtu, r->mtu6);
	if (r->mtu4)
		mtu = least(mtu, r->mtu4 + longer);
	return mtu < FAMILY_MTU_LEAST ? FAMILY_MTU_LEAST : mtu;
}

/* No link of IPv6 has less than its least MTU, so an error that says so says that. */
static uint32_t at_least(uint32_t mtu6)
{
	return mtu6 < FAMILY_MTU_LEAST ? FAMILY_MTU_LEAST : mtu6;
}

uint32_t icmp_mtu4(uint32_t mtu6, bool has_fragment, const struct family_rules *r)
{
	const uint32_t longer = FAMILY_V6 - FAMILY_V4 + (has_fragment ? FAMILY_FRAGMENT : 0);
	uint32_t mtu = least(at_least(mtu6) - longer, UINT16_MAX);

	if (r->mtu4)
		mtu = least(mtu, r->mtu4);
	if (r->mtu6)
		mtu = least(mtu, at_least(r->mtu6) - longer);
	return mtu;
}
