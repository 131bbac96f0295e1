#include "nat/rfc6052.h"

enum { OCTET_U = 8 };

/* RFC 6052 section 2.2: where the four octets of the IPv4 address lie, per prefix length. */
static const struct { uint8_t len, at[4]; } rows[] = {
	{ 96, { 12, 13, 14, 15 } }, { 64, { 9, 10, 11, 12 } }, { 56, { 7, 9, 10, 11 } },
	{ 48, { 6, 7, 9, 10 } },    { 40, { 5, 6, 7, 9 } },    { 32, { 4, 5, 6, 7 } },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct ip6_prefix well_known = {
	.address = { { 0, 0x64, 0xff, 0x9b } }, .len = 96,
};

struct block { uint32_t first; uint8_t len; };

/* RFC 6890 section 2.2.2: blocks that are not global; and multicast, which is nobody's address. */
static const struct block not_global[] = {
	{ 0x00000000, 8 },  { 0x0a000000, 8 },	{ 0x64400000, 10 }, { 0x7f000000, 8 },
	{ 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 },
	{ 0xc0a80000, 16 }, { 0xc6120000, 15 }, { 0xc6336400, 24 }, { 0xcb007100, 24 },
	{ 0xe0000000, 4 },  { 0xf0000000, 4 },
};

/* RFC 1812 section 5.3.7, RFC 3927 section 2.6.2: what no router sends on from or to. */
static const struct block not_unicast[] = {
	{ 0x00000000, 8 }, { 0x7f000000, 8 }, { 0xa9fe0000, 16 }, { 0xe0000000, 4 },
	{ 0xf0000000, 4 },
};

bool rfc6052_is_legal(const struct ip6_prefix *prefix)
{
	for (int i = 0; i < ROWS; i++)
		if (rows[i].len == prefix->len)
			return prefix->address.octets[OCTET_U] == 0;
	return false;
}

bool rfc6052_is_well_known(const struct ip6_prefix *prefix)
{
	return prefix->len == well_known.len && ip6_equal(&prefix->address, &well_known.address);
}

static const uint8_t *places(const struct ip6_prefix *prefix)
{
	int i = 0;

	while (i + 1 < ROWS && rows[i].len != prefix->len)
		i++;
	return rows[i].at;
}

struct ip6 rfc6052_embed(const struct ip6_prefix *prefix, be32 v4)
{
	const uint8_t *at = places(prefix);
	struct ip6 a = prefix->address;
	uint8_t octets[4];

	/* The prefix that nearly everybody has. */
	if (prefix->len == EMBED_LONGEST) {
		be32_store(a.octets + EMBED_LONGEST / 8, v4);
		return a;
	}
	be32_store(octets, v4);
	for (int i = 0; i < 4; i++)
		a.octets[at[i]] = octets[i];
	return a;
}

be32 rfc6052_extract(const struct ip6_prefix *prefix, const struct ip6 *address)
{
	const uint8_t *at = places(prefix);
	uint8_t octets[4];

	if (prefix->len == EMBED_LONGEST)
		return be32_load(address->octets + EMBED_LONGEST / 8);
	for (int i = 0; i < 4; i++)
		octets[i] = address->octets[at[i]];
	return be32_load(octets);
}

static bool is_in(const struct block *blocks, size_t count, be32 v4)
{
	for (size_t i = 0; i < count; i++)
		if ((be32_host(v4) ^ blocks[i].first) >> (32 - blocks[i].len) == 0)
			return true;
	return false;
}

bool ip4_is_global(be32 v4)
{
	return !is_in(not_global, sizeof(not_global) / sizeof(not_global[0]), v4);
}

bool ip4_is_unicast(be32 v4)
{
	return !is_in(not_unicast, sizeof(not_unicast) / sizeof(not_unicast[0]), v4);
}

bool rfc6052_may_hold(const struct ip6_prefix *prefix, be32 v4)
{
	return ip4_is_unicast(v4) && (!rfc6052_is_well_known(prefix) || ip4_is_global(v4));
}
