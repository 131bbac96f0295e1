/*
 * The few hosts and ports that random traffic is about: so few that they meet often.
 *
 * Order    Host order.
 * Errors   None.
 */
#ifndef MODEL_UNIVERSE_H
#define MODEL_UNIVERSE_H

#include <stdint.h>

#define ADDRESS(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

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

static const uint16_t inside_ports[] = {
	0, 22, 80, 443, 500, 501, 1023, 1024, 5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 40000,
	65535,
};

static const uint16_t outside_ports[] = {
	22, 53, 80, 443, 500, 501, 1024, 5000, 5001, 5002, 5003, 8080, 8081, 40000, 65535,
};

static const uint16_t remote_ports[] = { 53, 80, 443, 6000, 6001 };

#endif
