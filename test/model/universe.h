/*
 * The few hosts and ports that random traffic is about: so few that they meet often.
 *
 * Order    Host order.
 * Errors   None.
 */
#ifndef MODEL_UNIVERSE_H
#define MODEL_UNIVERSE_H

#include "address.h"

#define ADDRESS(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* The first four and the last two groups of an IPv6 address. */
#define SIX(a, b, c, d, y, z) \
	(((ip_number)((uint64_t)(a) << 48 | (uint64_t)(b) << 32 | (uint64_t)(c) << 16 | (d)) << 64) | \
	 (ip_number)((uint64_t)(y) << 16 | (z)))

/* Two prefixes that are translated, one that is exempt (10.0.9), one that has outside addresses of its
 * own (10.0.2), one that no policy knows; one that only inside hosts know (100.64.0). */
static const uint32_t inside_hosts[] = {
	ADDRESS(10, 0, 0, 2), ADDRESS(10, 0, 0, 3), ADDRESS(10, 0, 0, 4), ADDRESS(10, 0, 0, 5),
	ADDRESS(10, 0, 0, 2), ADDRESS(10, 0, 0, 3), ADDRESS(10, 0, 1, 2), ADDRESS(10, 0, 1, 3),
	ADDRESS(10, 0, 1, 2), ADDRESS(10, 0, 9, 2), ADDRESS(172, 16, 0, 2), ADDRESS(10, 0, 2, 2),
	ADDRESS(10, 0, 2, 3),
};

/* Three at a time: those of the first row in the beginning, and for each that below after a change. */
static const uint32_t pool_addresses[] = {
	ADDRESS(192, 0, 2, 1), ADDRESS(192, 0, 2, 2), ADDRESS(192, 0, 2, 3),
	ADDRESS(192, 0, 2, 11), ADDRESS(192, 0, 2, 12), ADDRESS(192, 0, 2, 13),
};

/* Of 10.0.2. */
static const uint32_t basic_addresses[] = {
	ADDRESS(203, 0, 113, 66), ADDRESS(203, 0, 113, 67), ADDRESS(203, 0, 113, 130),
};

/* Known inside only: twice NAT makes them 198.51.100. */
static const uint32_t seen_hosts[] = { ADDRESS(100, 64, 0, 1), ADDRESS(100, 64, 0, 2) };

static const uint32_t remote_hosts[] = {
	ADDRESS(198, 51, 100, 1), ADDRESS(198, 51, 100, 2), ADDRESS(203, 0, 113, 7),
	ADDRESS(198, 51, 100, 1), ADDRESS(203, 0, 113, 200),
};

/* The same of IPv6: behind a firewall and NAT64 (2001:db8:1), NAPT66 and NAT64 (fd00:2), basic NAT
 * (fd00:3), NPTv6 (fd00:4), exempt (2001:db8:5), of no entry (2001:db8:6). */
static const ip_number six_hosts[] = {
	SIX(0x2001, 0xdb8, 1, 0, 0, 2), SIX(0x2001, 0xdb8, 1, 0, 0, 3), SIX(0x2001, 0xdb8, 1, 0, 0, 4),
	SIX(0xfd00, 2, 0, 0, 0, 2), SIX(0xfd00, 2, 0, 0, 0, 3), SIX(0xfd00, 2, 0, 0, 0, 4),
	SIX(0xfd00, 3, 0, 0, 0, 2), SIX(0xfd00, 3, 0, 0, 0, 3),
	SIX(0xfd00, 4, 0, 1, 0, 2), SIX(0xfd00, 4, 0, 0xffff, 0, 2),
	SIX(0x2001, 0xdb8, 5, 0, 0, 2), SIX(0x2001, 0xdb8, 6, 0, 0, 2),
};

/* Two at a time, in the same way. */
static const ip_number six_pool[] = {
	SIX(0x2001, 0xdb8, 9, 0, 0, 1), SIX(0x2001, 0xdb8, 9, 0, 0, 2),
	SIX(0x2001, 0xdb8, 9, 0, 0, 0x11), SIX(0x2001, 0xdb8, 9, 0, 0, 0x12),
};

/* Of fd00:3 and fd00:4. */
static const ip_number six_basic[] = {
	SIX(0x2001, 0xdb8, 3, 0, 0, 2), SIX(0x2001, 0xdb8, 3, 0, 0, 3),
	SIX(0x2001, 0xdb8, 3, 0x100, 0, 2), SIX(0x2001, 0xdb8, 4, 1, 0, 2),
	SIX(0x2001, 0xdb8, 4, 0xffff, 0, 2),
};

static const ip_number six_remotes[] = {
	SIX(0x2001, 0xdb8, 0xf, 0, 0, 1), SIX(0x2001, 0xdb8, 0xf, 0, 0, 2),
	SIX(0x2620, 0, 0, 7, 0xffff, 0xfffe),
};

/* What NAT64 must not have to do with, and what the well-known prefix may hold. */
static const uint32_t odd_remotes[] = {
	ADDRESS(127, 0, 0, 1), ADDRESS(224, 0, 0, 9), ADDRESS(0, 0, 0, 7), ADDRESS(240, 0, 0, 1),
	ADDRESS(255, 255, 255, 255), ADDRESS(169, 254, 0, 9), ADDRESS(10, 9, 9, 9), ADDRESS(8, 8, 8, 8), ADDRESS(8, 8, 8, 8),
	ADDRESS(8, 8, 8, 8),
};

/* The entries' prefixes: the first of them are of 2001:db8:1, the others of fd00:2. */
static const struct { ip_number address; uint8_t len; } six_prefixes[] = {
	{ SIX(0x2001, 0xdb8, 0x64, 0, 0, 0), 96 }, { SIX(0x64, 0xff9b, 0, 0, 0, 0), 96 },
	{ SIX(0x2001, 0xdb9, 0, 0, 0, 0), 32 }, { SIX(0x2001, 0xdb8, 0x6400, 0, 0, 0), 40 },
	{ SIX(0x2001, 0xdb8, 0x6564, 0, 0, 0), 48 }, { SIX(0x2001, 0xdb8, 0x66, 0x6400, 0, 0), 56 },
	{ SIX(0x2001, 0xdb8, 0x67, 0x64, 0, 0), 64 },
};

/* SIIT: servers of IPv6 (2001:db8:a) with explicit mappings, and applications of IPv4 (10.46) behind
 * their own. The last of each have none. */
static const ip_number siit_hosts[] = {
	SIX(0x2001, 0xdb8, 0xa, 0, 0, 1), SIX(0x2001, 0xdb8, 0xa, 0, 0, 0x11),
	SIX(0x2001, 0xdb8, 0xa, 0, 0, 0x12), SIX(0x2001, 0xdb8, 0xa, 0, 0xc, 0x507),
	SIX(0x2001, 0xdb8, 0xa, 0, 0, 0x99), SIX(0x2001, 0xdb8, 0xa, 0, 0, 0x77),
	ADDRESS(10, 46, 0, 2), ADDRESS(10, 46, 0, 3), ADDRESS(10, 46, 1, 1),
};

static const ip_number siit_outsides[] = {
	ADDRESS(198, 18, 0, 1), ADDRESS(198, 18, 0, 17), ADDRESS(198, 18, 0, 18),
	ADDRESS(198, 18, 1, 5), ADDRESS(198, 18, 2, 9),
	SIX(0x2001, 0xdb8, 0xcafe, 0x46, 0, 2), SIX(0x2001, 0xdb8, 0xcafe, 0x46, 0, 3),
	SIX(0x2001, 0xdb8, 0xcafe, 0x46, 0, 0x103),
};

/* In both entries' prefix. */
static const struct ip6_prefix siit_prefix = { { { 0x20, 1, 0xd, 0xb8, 0, 0x46 } }, 96 };

enum { SIX_PREFIXES_OF_FIRST = 4, SIX_PREFIXES = 7 };

static const uint16_t inside_ports[] = {
	0, 22, 80, 443, 500, 501, 1023, 1024, 5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 40000,
	65535,
};

static const uint16_t outside_ports[] = {
	22, 53, 80, 443, 500, 501, 1024, 5000, 5001, 5002, 5003, 8080, 8081, 40000, 65535,
};

static const uint16_t remote_ports[] = { 53, 80, 443, 6000, 6001 };

#endif
