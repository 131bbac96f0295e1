/*
 * The small world of IPv6 that traffic_six.c and nats_six.c share.
 *
 * Order    Octets as in datagrams.
 * Errors   None.
 */
#ifndef FUZZ_SIX_H
#define FUZZ_SIX_H

#include <stdint.h>

#define SIX(a, b, c, y, z) { (a) >> 8, (a) & 255, (b) >> 8, (b) & 255, (c) >> 8, (c) & 255, \
			     (y) >> 8, (y) & 255, 0, 0, 0, 0, 0, 0, (z) >> 8, (z) & 255 }

/* Behind NAT64 and a firewall (2001:db8:1), NAPT66 (fd00:2), basic NAT (fd00:3), NPTv6 (fd00:4),
 * exempt (2001:db8:5), a server of SIIT (2001:db8:a); outside; outside addresses of ours. */
static const uint8_t six_hosts[][16] = {
	SIX(0x2001, 0xdb8, 1, 0, 2), SIX(0x2001, 0xdb8, 1, 0, 3), SIX(0xfd00, 2, 0, 0, 2),
	SIX(0xfd00, 2, 0, 0, 3), SIX(0xfd00, 3, 0, 0, 2), SIX(0xfd00, 4, 0, 1, 2),
	SIX(0xfd00, 4, 0, 0xffff, 2), SIX(0x2001, 0xdb8, 5, 0, 2), SIX(0x2001, 0xdb8, 0xa, 0, 1),
	SIX(0x2001, 0xdb8, 0xf, 0, 1), SIX(0x2001, 0xdb8, 0xf, 0, 2),
	SIX(0x2001, 0xdb8, 9, 0, 1), SIX(0x2001, 0xdb8, 9, 0, 2), SIX(0x2001, 0xdb8, 3, 0, 2),
	SIX(0x2001, 0xdb8, 4, 1, 2), SIX(0x2001, 0xdb8, 0xcafe, 0x46, 2),
};

/* NAT64's, SIIT's last; and at which octet each of the four of IPv4 lies. */
static const struct { uint8_t address[16], len, at[4]; } six_prefixes[] = {
	{ SIX(0x2001, 0xdb8, 0x64, 0, 0), 96, { 12, 13, 14, 15 } },
	{ SIX(0x64, 0xff9b, 0, 0, 0), 96, { 12, 13, 14, 15 } },
	{ SIX(0x2001, 0xdb8, 0x6400, 0, 0), 40, { 5, 6, 7, 9 } },
	{ SIX(0x2001, 0xdb8, 0x46, 0, 0), 96, { 12, 13, 14, 15 } },
};

enum { SIX_HOSTS = sizeof(six_hosts) / sizeof(six_hosts[0]), SIX_PREFIXES = 4 };

#endif
