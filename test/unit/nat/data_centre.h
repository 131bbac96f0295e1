/*
 * A NAT between the servers of a data centre, which have IPv6 only, and IPv4 (RFC 7755).
 */
#ifndef UNIT_DATA_CENTRE_H
#define UNIT_DATA_CENTRE_H

#include "crossed.h"

#define HOST_A "2001:db8:a::1"
#define HOST_B "2001:db8:a::2"
#define NOBODY "2001:db8:a::99"
#define A4 "198.51.100.1"
#define B4 "198.51.100.2"
#define FAR4 "203.0.113.10"
#define FAR6 "2001:db8:64::cb00:710a"
#define STAND_IN "192.0.2.100"
#define UDP "1388 0035 0010 0000 0102030405060708"
#define TTL_OUT4 "0b00 0000 00000000"
#define TTL_OUT6 "0300 0000 00000000"

enum { UDP_NUMBER = 17, ICMP4 = 1, ICMP6 = 58 };

/* Servers inside that have IPv4 addresses by explicit mapping. */
static inline void data_centre(struct world *w)
{
	*w = (struct world){ .pool = { v4_of(STAND_IN) } };
	w->policies[0] = (struct nat_policy){
		.version = 6, .type = NAT_SIIT, .pool_count = 1,
		.v6 = { .match = prefix6_of("2001:db8:a::/64"),
			.prefixes = { prefix6_of("2001:db8:64::/96"), prefix6_of("2001:db8:65::/96") },
			.prefix_count = 2 },
	};
	world_has_eam(w, A4, 32, HOST_A "/128");
	world_has_eam(w, B4, 32, HOST_B "/128");
}

#endif
