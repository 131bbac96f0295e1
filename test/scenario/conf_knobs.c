/* Knobs that are one number or one word out of a list, and where they are kept. */
#include "conf.h"

#include <string.h>

static const char *const selections[] = {
	[NAT_PORT_PRESERVE] = "preserve", [NAT_PORT_RANDOM] = "random",
	[NAT_PORT_SEQUENTIAL] = "sequential", [NAT_PORT_PARITY] = "parity",
	[NAT_PORT_CONTIGUOUS] = "contiguous", [NAT_PORT_BLOCK] = "block",
	[NAT_PORT_DETERMINISTIC] = "deterministic", NULL,
};
static const char *const conflicts[] = {
	[NAT_CONFLICT_RANDOM] = "random", [NAT_CONFLICT_SEQUENTIAL] = "sequential",
	[NAT_CONFLICT_REFUSE] = "refuse", NULL,
};
static const char *const poolings[] = {
	[NAT_POOLING_PAIRED] = "paired", [NAT_POOLING_ARBITRARY] = "arbitrary",
	[NAT_POOLING_SOFT] = "soft", NULL,
};
static const char *const hairpins[] = {
	[NAT_HAIRPIN_EXTERNAL] = "external-source", [NAT_HAIRPIN_INTERNAL] = "internal-source",
	[NAT_HAIRPIN_OFF] = "off", NULL,
};
static const char *const refreshes[] = {
	[NAT_REFRESH_OUTBOUND] = "outbound", [NAT_REFRESH_INBOUND] = "inbound",
	[NAT_REFRESH_BOTH] = "both", NULL,
};
static const char *const exhaustions[] = {
	[NAT_EXHAUSTED_UNREACHABLE] = "unreachable", [NAT_EXHAUSTED_PROHIBITED] = "prohibited",
	[NAT_EXHAUSTED_SILENT] = "silent", [NAT_EXHAUSTED_OVERLOAD] = "overload", NULL,
};
static const char *const unsolicited[] = {
	[NAT_UNSOLICITED_REJECT] = "reject", [NAT_UNSOLICITED_SILENT] = "silent", NULL,
};
static const char *const changes[] = {
	[NAT_CHANGE_END] = "end", [NAT_CHANGE_IDLE] = "idle", [NAT_CHANGE_MOVE] = "move", NULL,
};
static const char *const switches[] = { "off", "on", NULL };
static const char *const negative[] = { "on", "off", NULL }; /* what is kept says the opposite */
static const char *const unsummed[] = { "compute", "drop", NULL };
static const char *const zeros[] = { "translate", "drop", NULL };
static const char *const errors[] = { "pass", "drop", NULL };

enum whose { OF_POLICY, OF_ALL, OF_STORY };

struct knob {
	const char *word;
	enum whose whose;
	size_t at, size;
	const char *const *list; /* NULL: a number */
};

#define MEMBER(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define POLICY(member) OF_POLICY, MEMBER(nat_policy, member)
#define ALL(member) OF_ALL, MEMBER(nat_config, member)

static const struct knob knobs[] = {
	{ "port_selection", POLICY(port_selection), selections },
	{ "on_conflict", POLICY(conflict), conflicts },
	{ "parity", POLICY(parity), switches },
	{ "protocol_independent", POLICY(protocol_independent), switches },
	{ "pooling", POLICY(pooling), poolings },
	{ "hairpin", POLICY(hairpin), hairpins },
	{ "refresh", POLICY(refresh), refreshes },
	{ "on_exhaustion", POLICY(exhausted), exhaustions },
	{ "unsolicited_syn", POLICY(unsolicited), unsolicited },
	{ "icmp_errors", POLICY(drop_icmp_errors), errors },
	{ "on_address_change", POLICY(on_address_change), changes },
	{ "ports_per_host", POLICY(ports_per_host), NULL },
	{ "new_per_second", POLICY(new_per_second), NULL },
	{ "new_burst", POLICY(new_burst), NULL },
	{ "sessions_per_mapping", POLICY(sessions_per_mapping), NULL },
	{ "block_size", POLICY(block_size), NULL },
	{ "blocks_per_host", POLICY(blocks_per_host), NULL },
	{ "dynamic_shares", POLICY(dynamic_shares), NULL },
	{ "lowest_mtu", POLICY(v6.lowest_mtu), NULL },
	{ "copy_tos", POLICY(v6.fixed_tos), negative },
	{ "udp_zero_checksum", POLICY(v6.no_checksum_drops), unsummed },
	{ "ipsec", POLICY(v6.blocks_ipsec), negative },
	{ "ping", POLICY(v6.blocks_ping), negative },
	{ "all_zeros", POLICY(v6.drops_zero_ids), zeros },
	{ "mtu_inside", ALL(mtu[SIDE_INSIDE]), NULL },
	{ "mtu_outside", ALL(mtu[SIDE_OUTSIDE]), NULL },
	{ "sessions", ALL(sessions), NULL },
	{ "sessions_per_host", ALL(sessions_per_host), NULL },
	{ "fragments", ALL(fragments), NULL },
	{ "half_open", ALL(half_open), NULL },
	{ "held_ports", ALL(held_ports), NULL },
	{ "unsolicited", ALL(unsolicited), NULL },
	{ "visits", OF_STORY, MEMBER(settings, visits), NULL },
	{ "mss", OF_STORY, MEMBER(settings, mss), NULL },
};

enum { NUMBER_MOST = 65536 };

static void store(void *at, size_t size, uint32_t number)
{
	const uint8_t octet = (uint8_t)number;
	const uint16_t half = (uint16_t)number;

	if (size == sizeof(octet))
		memcpy(at, &octet, size);
	else if (size == sizeof(half))
		memcpy(at, &half, size);
	else
		memcpy(at, &number, sizeof(number));
}

static void read_value(struct words *w, struct settings *s, const struct knob *k)
{
	uint8_t *const bases[] = {
		[OF_POLICY] = (uint8_t *)settings_policy(s),
		[OF_ALL] = (uint8_t *)&s->nat,
		[OF_STORY] = (uint8_t *)s,
	};
	uint32_t most = k->size == sizeof(uint16_t) ? UINT16_MAX : NUMBER_MOST;

	store(bases[k->whose] + k->at, k->size,
	      k->list ? words_choice(w, k->list) : words_number(w, most));
}

bool settings_read_knob(struct words *w, struct settings *s)
{
	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		if (!words_take(w, knobs[i].word))
			continue;
		read_value(w, s, &knobs[i]);
		return true;
	}
	return false;
}
