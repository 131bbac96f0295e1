/*
 * What a NAT shall do: plain values, no behaviour.
 *
 * Sources  RFC 4787 (mapping, filtering, pooling, hairpinning, refresh), RFC 5382, RFC 5508,
 *          RFC 7857 (timers); the defaults of nat_config_default() are theirs.
 * Memory   Arrays belong to the caller and stay unchanged while a NAT uses them. Several NATs
 *          (one per worker) share one configuration and differ in nothing but their number.
 * Order    Addresses are network order; ports in ranges are host order, both ends included,
 *          as operators write them.
 * Errors   nat_config_fault() names the first contradiction, or NULL.
 */
#ifndef NAT_CONFIG_H
#define NAT_CONFIG_H

#include "nat/tuple.h"

/* A class of sessions that share a timeout: id, configuration key, default and least value in
 * seconds, source. */
#define TIMEOUT_LIST(X) \
	X(UDP, "udp", 300, 120, "RFC 4787 REQ-5") \
	X(TCP_OPENING, "tcp_opening", 240, 240, "RFC 5382 REQ-5, RFC 7857 section 2.1") \
	X(TCP_ESTABLISHED, "tcp_established", 7440, 7440, "RFC 5382 REQ-5") \
	X(TCP_CLOSING, "tcp_closing", 240, 240, "RFC 5382 REQ-5, RFC 7857 section 2.1") \
	X(ICMP, "icmp", 60, 60, "RFC 5508 REQ-2") \
	X(FRAGMENT, "fragment", 30, 2, "RFC 791, RFC 6146 section 4")

#define TIMEOUT_ENUM(id, key, normal, least, source) TIMEOUT_##id,
enum nat_timeout { TIMEOUT_LIST(TIMEOUT_ENUM) TIMEOUT_COUNT };
#undef TIMEOUT_ENUM

enum { TIMEOUT_MOST_S = 864000 }; /* ten days: session clocks are 32-bit milliseconds */

enum nat_type { NAT_NONE, NAT_NAPT44 };

/* How far something depends on the remote endpoint (RFC 4787 sections 4.1 and 5). */
enum nat_dependence { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT, NAT_ADDRESS_PORT_DEPENDENT };

enum nat_port_selection { NAT_PORT_PRESERVE, NAT_PORT_RANDOM, NAT_PORT_SEQUENTIAL };
enum nat_pooling { NAT_POOLING_PAIRED, NAT_POOLING_ARBITRARY };
enum nat_hairpin { NAT_HAIRPIN_EXTERNAL, NAT_HAIRPIN_OFF };
enum nat_refresh { NAT_REFRESH_OUTBOUND, NAT_REFRESH_INBOUND, NAT_REFRESH_BOTH };

struct port_range { uint16_t first, last; }; /* none if last is 0 */

/* One nat entry: how one inside prefix is translated. */
struct nat_policy {
	be32 prefix;
	uint8_t prefix_len;
	enum nat_type type;
	uint16_t pool_first, pool_count; /* slice of nat_config.pool */
	struct port_range ports;
	struct port_range low_ports; /* for source ports below 1024; none: taken from ports */
	enum nat_dependence mapping, filtering;
	enum nat_port_selection port_selection;
	enum nat_pooling pooling;
	enum nat_hairpin hairpin;
	enum nat_refresh refresh;
	bool parity; /* RFC 4787 REQ-4, when a port must be changed */
};

/* A static forward: external ports first … last are the inside ports internal_first … */
struct nat_forward {
	uint8_t protocol; /* TCP or UDP */
	be32 external, internal;
	uint16_t first, last, internal_first;
};

struct nat_config {
	uint16_t worker, workers; /* which of how many this one is */
	uint32_t sessions;	  /* most at once, all workers together */
	uint32_t sessions_per_host;
	uint32_t fragments; /* fragmented datagrams at once, all workers together */
	uint32_t timeout_ms[TIMEOUT_COUNT];
	const struct nat_policy *policies; /* first match wins */
	size_t policy_count;
	const be32 *pool; /* outside addresses, each once */
	size_t pool_count;
	const struct nat_forward *forwards;
	size_t forward_count;
};

enum { NAT_POOL_MOST = 4096, NAT_WORKERS_MOST = 64, NAT_FORWARDS_MOST = 4096 };

/* One worker, the RFCs' timers, 262144 sessions, no policy. */
struct nat_config nat_config_default(void);

/* NULL, or what is wrong; static text. */
const char *nat_config_fault(const struct nat_config *c);

#endif
