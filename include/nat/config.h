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

#include "nat/ip6.h"
#include "nat/tuple.h"

/* A class of sessions that share a timeout: id, configuration key, default and least value in
 * seconds, source. */
#define TIMEOUT_LIST(X) \
	X(UDP, "udp", 300, 120, "RFC 4787 REQ-5") \
	X(TCP_OPENING, "tcp_opening", 240, 240, "RFC 5382 REQ-5, RFC 7857 section 2.1") \
	X(TCP_ESTABLISHED, "tcp_established", 7440, 7440, "RFC 5382 REQ-5") \
	X(TCP_CLOSING, "tcp_closing", 240, 240, "RFC 5382 REQ-5, RFC 7857 section 2.1") \
	X(ICMP, "icmp", 60, 60, "RFC 5508 REQ-2") \
	X(UDP_SHORT, "udp_short", 300, 1, "RFC 4787 REQ-5a") \
	X(DCCP_TRANSITORY, "dccp_transitory", 240, 240, "RFC 5597 REQ-5") \
	X(DCCP_ESTABLISHED, "dccp_established", 7440, 7440, "RFC 5597 REQ-5") \
	X(SCTP_TRANSITORY, "sctp_transitory", 240, 240, "RFC 6092 REC-40") \
	X(SCTP_ESTABLISHED, "sctp_established", 7440, 7440, "RFC 6092 REC-40") \
	X(GRE, "gre", 300, 120, "RFC 6092 REC-12") \
	X(ESP, "esp", 300, 120, "RFC 6092 REC-12, RFC 3948 section 4") \
	X(OTHER, "other", 300, 120, "RFC 6092 REC-12") \
	X(EXPECTED, "expected", 300, 1, "RFC 959: a data connection that a helper announced") \
	X(EXPECTED_REPLY, "expected_reply", 60, 1, "RFC 1350 section 4") \
	X(FRAGMENT, "fragment", 30, 2, "RFC 791, RFC 6146 section 4") \
	X(UNSOLICITED, "unsolicited_syn", 6, 6, "RFC 5382 REQ-4") \
	X(PORT_HOLD, "port_hold", 120, 1, "RFC 6888 REQ-8")

/* The classes of sessions come first; the last three are not of sessions. */
#define TIMEOUT_ENUM(id, key, normal, least, source) TIMEOUT_##id,
enum nat_timeout { TIMEOUT_LIST(TIMEOUT_ENUM) TIMEOUT_COUNT };
#undef TIMEOUT_ENUM

enum { TIMEOUT_MOST_S = 864000 }; /* ten days: session clocks are 32-bit milliseconds */

/* NAPT66 and ONE_TO_ONE with sessions, like NAPT44; FIREWALL: sessions, but nothing is translated (RFC
 * 6092); NAT64 (RFC 6146); without sessions NPTV6 (RFC 6296) and SIIT (RFC 7915). */
enum nat_type {
	NAT_NONE, NAT_NAPT44, NAT_ONE_TO_ONE, NAT_NAPT66, NAT_FIREWALL, NAT_NAT64, NAT_NPTV6, NAT_SIIT,
};

static inline bool nat_type_is_stateless(enum nat_type t)
{
	return t == NAT_NPTV6 || t == NAT_SIIT;
}

/* Mappings get ports of the entry's pool. */
static inline bool nat_type_has_pool(enum nat_type t)
{
	return t == NAT_NAPT44 || t == NAT_NAPT66 || t == NAT_NAT64;
}

/* Where an IPv4 address is expected: not that, but the IPv6 address beside it. 240.0.0.0 */
enum { NAT_V6_BESIDE = 0xf0000000u };
static inline be32 nat_v6_beside(void)
{
	return be32_from(NAT_V6_BESIDE);
}

static inline bool nat_is_v6_beside(be32 a)
{
	return be32_equal(a, nat_v6_beside());
}

/* RFC 7757: these IPv4 addresses are those IPv6 addresses; bits behind the prefixes are copied, so
 * that the IPv6 one has at least as many. */
struct nat_eam {
	be32 v4;
	uint8_t len4;
	struct ip6_prefix v6;
};

/* How far something depends on the remote endpoint (RFC 4787 sections 4.1 and 5). */
enum nat_dependence { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT, NAT_ADDRESS_PORT_DEPENDENT };

/* Protocols that a behaviour can be chosen for: those that open connections (TCP, DCCP, SCTP; RFC
 * 5382 REQ-3, RFC 5597 REQ-3), and the rest. */
enum nat_class { NAT_CLASS_UDP, NAT_CLASS_TCP, NAT_CLASS_COUNT };

/* Which outside port. PRESERVE: that of the inside if it is free, else as nat_conflict says;
 * PARITY: unpredictable, even or odd as inside; CONTIGUOUS: the same, and the neighbour of a pair
 * gets the neighbour (RFC 4787 section 4.2.3); BLOCK: out of blocks that belong to one host
 * (RFC 6888 REQ-14); DETERMINISTIC: out of a range that follows from the inside address
 * (RFC 7422). */
enum nat_port_selection {
	NAT_PORT_PRESERVE, NAT_PORT_RANDOM, NAT_PORT_SEQUENTIAL, NAT_PORT_PARITY,
	NAT_PORT_CONTIGUOUS, NAT_PORT_BLOCK, NAT_PORT_DETERMINISTIC,
};
/* What becomes of a port that should be preserved and is taken. */
enum nat_conflict { NAT_CONFLICT_RANDOM, NAT_CONFLICT_SEQUENTIAL, NAT_CONFLICT_REFUSE };
/* SOFT: paired, but another address of the pool when that one is full (RFC 7857 section 4). */
enum nat_pooling { NAT_POOLING_PAIRED, NAT_POOLING_ARBITRARY, NAT_POOLING_SOFT };
enum nat_hairpin { NAT_HAIRPIN_EXTERNAL, NAT_HAIRPIN_INTERNAL, NAT_HAIRPIN_OFF };
enum nat_refresh { NAT_REFRESH_OUTBOUND, NAT_REFRESH_INBOUND, NAT_REFRESH_BOTH };
/* What a host is told that gets no port: host unreachable (RFC 6888 REQ-11), administratively
 * prohibited (RFC 5508 REQ-8), nothing; or ports are shared between sessions to different remote
 * endpoints (RFC 7857 section 3). */
enum nat_exhausted {
	NAT_EXHAUSTED_UNREACHABLE, NAT_EXHAUSTED_PROHIBITED, NAT_EXHAUSTED_SILENT,
	NAT_EXHAUSTED_OVERLOAD,
};
/* RFC 5382 REQ-4: an unsolicited SYN is answered by port unreachable when its time is over, or
 * never. */
enum nat_unsolicited { NAT_UNSOLICITED_REJECT, NAT_UNSOLICITED_SILENT };
/* What becomes of sessions when a place of the pool gets another address: they end; they keep theirs,
 * as long as that has a place (nat_policy.left), and end where it has none; they move to the new one,
 * with their ports. */
enum nat_address_change { NAT_CHANGE_END, NAT_CHANGE_IDLE, NAT_CHANGE_MOVE };
/* Helpers of a policy, bits (RFC 4787 REQ-10: all off). */
enum { NAT_HELPER_FTP = 1 << 0, NAT_HELPER_TFTP = 1 << 1, NAT_HELPER_PPTP = 1 << 2 };

enum { NAT_SHORT_PORTS_MOST = 8 };
enum { NAT_BLOCK_LEAST = 16, NAT_BLOCK_MOST = 4096 };

struct port_range { uint16_t first, last; }; /* none if last is 0 */

struct nat_behaviour { enum nat_dependence mapping, filtering; };

enum { NAT_PREFIXES_MOST = 8, NAT_EAMS_MOST = 4096 };

/* What an entry of IPv6 has beside the rest. */
struct nat_policy6 {
	struct ip6_prefix match; /* inside; prefix and prefix_len of the entry say nothing then */
	struct ip6_prefix translated; /* ONE_TO_ONE, NPTV6: outside; zeros: not known yet */
	/* NAT64, SIIT: what IPv4 addresses are embedded in (RFC 6052); the first is that of datagrams
	 * which nobody asked for. */
	struct ip6_prefix prefixes[NAT_PREFIXES_MOST];
	uint8_t prefix_count;
	/* SIIT: explicit mappings, of which the longest prefix counts; twice, as eam_sort4() and as
	 * eam_sort6() of nat/eam.h leave them. */
	const struct nat_eam *eams, *eams_by6;
	size_t eam_count;
	uint16_t lowest_mtu; /* NAT64, SIIT: IPv4 that may be fragmented is cut into IPv6 of at most
			      * so many octets; 0: 1280 */
	bool fixed_tos; /* NAT64, SIIT: the traffic class is not copied (RFC 7915 section 4.1) */
	bool no_checksum_drops; /* the same: UDP without a checksum is dropped (RFC 7915 section 4.5) */
	bool blocks_ipsec; /* FIREWALL: AH, ESP, IKE and HIP need a session (against RFC 6092 REC-21 to
			    * REC-26) */
	bool blocks_ping; /* the same: so do echo requests from outside (against RFC 4890 section 4.3.1) */
	bool drops_zero_ids; /* NPTV6: the letter of RFC 6296 section 3.7, not its erratum 8757 */
};

/* One nat entry: how one inside prefix is translated. */
struct nat_policy {
	be32 prefix;
	uint8_t prefix_len;
	uint8_t version; /* of inside hosts: 6, or 4 (0 is 4) */
	enum nat_type type;
	struct nat_policy6 v6;
	/* NAT_NONE only: what is left alone is bound for here (RFC 6888 REQ-6). */
	struct { be32 prefix; uint8_t len; uint8_t protocol; struct port_range ports; } destination;
	be32 translated; /* NAT_ONE_TO_ONE: the outside prefix, of the same length */
	uint16_t pool_first, pool_count; /* slice of nat_config.pool; SIIT: sources of errors from
					  * routers that have no IPv4 address (RFC 6791) */
	uint16_t left; /* plus one: a place outside the slice, of one address, with the address that was
			* there before it: it keeps its sessions and gets no new ones; 0: none */
	enum nat_address_change on_address_change;
	struct port_range ports;
	struct port_range low_ports; /* for source ports below 1024; none: taken from ports */
	struct nat_behaviour behaviour[NAT_CLASS_COUNT];
	enum nat_port_selection port_selection;
	enum nat_conflict conflict;
	bool parity; /* RFC 4787 REQ-4, when a port must be changed */
	bool protocol_independent; /* TCP and UDP of an inside endpoint share the outside one, and what
				    * strangers may use (RFC 7857 sections 5 and 6) */
	uint16_t block_size, blocks_per_host; /* BLOCK; also DETERMINISTIC's dynamic part */
	uint16_t dynamic_shares; /* DETERMINISTIC: shares of the ports that are no host's own (D) */
	enum nat_pooling pooling;
	enum nat_hairpin hairpin;
	enum nat_refresh refresh;
	enum nat_exhausted exhausted;
	enum nat_unsolicited unsolicited;
	bool drop_icmp_errors;
	uint8_t helpers; /* NAT_HELPER_* */
	/* Limits of one inside host, all workers together: outside ports and identifiers, sessions it
	 * opens in a second and at once (RFC 6888 REQ-4); 0: none. */
	uint32_t ports_per_host, new_per_second, new_burst;
	uint32_t sessions_per_mapping; /* beyond which the outside opens no more (RFC 6888 REQ-5); 0: no
					* limit */
	uint16_t short_ports[NAT_SHORT_PORTS_MOST]; /* remote UDP ports of TIMEOUT_UDP_SHORT; 0 ends */
	uint32_t timeout_ms[TIMEOUT_COUNT]; /* 0: as nat_config says */
	/* Twice NAT: what inside hosts know as the prefix seen is the prefix real outside. */
	struct { be32 seen, real; uint8_t len; } twice; /* none if len is 0 */
};

/* A static forward: external ports first … last are the inside ports internal_first … For
 * protocols without ports first is 0 and last 65535. */
struct nat_forward {
	uint8_t protocol;
	be32 external, internal; /* external 0: not known yet; the forward is not there */
	uint16_t first, last, internal_first;
	/* Several targets: rows in a row with one external range, as many as the first of them
	 * says; each remote endpoint (or address, if sticky) leads to one, by weight. What targets
	 * open themselves is not the forward's matter. */
	bool grouped;	  /* one of several */
	uint16_t targets; /* of the first of them: how many */
	uint16_t weight;
	bool sticky;
	be32 source; /* twice NAT: what the inside sees instead of the remote address; 0: that */
	struct ip6 external6, internal6; /* where external or internal is nat_v6_beside() */
};

struct nat_config {
	uint16_t worker, workers; /* which of how many this one is */
	uint32_t sessions;	  /* most at once, all workers together */
	uint32_t sessions_per_host;
	uint32_t fragments; /* fragmented datagrams at once, all workers together */
	uint32_t half_open; /* TCP sessions begun outside and not answered; 0: a quarter of sessions */
	uint32_t held_ports; /* ports at once in TIMEOUT_PORT_HOLD; the oldest gives way */
	bool forgetful; /* mappings were lost when the NAT began: for TIMEOUT_PORT_HOLD, ports that
			 * old peers still send to rest (RFC 6888 REQ-8) */
	uint32_t unsolicited; /* SYNs at once in TIMEOUT_UNSOLICITED, or by chance as few as half of that;
			       * what is more is dropped */
	bool unique_idents; /* RFC 7857 section 10: what may be fragmented leaves with identifications
			     * of the NAT's; a quoted datagram keeps those */
	uint32_t events; /* room for events not fetched yet; 0: none are kept */
	uint32_t event_mask; /* 1 << enum nat_event_kind: which */
	uint32_t timeout_ms[TIMEOUT_COUNT];
	const struct nat_policy *policies; /* first match wins */
	size_t policy_count;
	const be32 *pool; /* outside addresses, each once; 0: one that was taken away, or that is not
			   * known yet */
	const struct ip6 *pool6; /* as many, for where pool[i] is nat_v6_beside(); NULL: nowhere */
	size_t pool_count;
	uint16_t mtu[SIDE_COUNT]; /* of the links on a side, the least; 0: unknown */
	const struct nat_forward *forwards;
	size_t forward_count;
};

enum { NAT_POLICIES_MOST = 1024, NAT_POOL_MOST = 4096, NAT_WORKERS_MOST = 64, NAT_FORWARDS_MOST = 4096 };

/* A worker's part of what is for all together, rounded up. */
static inline uint32_t nat_config_part(const struct nat_config *c, uint32_t whole)
{
	return (whole + c->workers - 1) / c->workers;
}

static inline enum nat_class nat_class_of(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_DCCP || protocol == PROTO_SCTP
		       ? NAT_CLASS_TCP : NAT_CLASS_UDP;
}

/* One worker, the RFCs' timers, 262144 sessions, no policy. */
struct nat_config nat_config_default(void);

/* Plans of ports: how many hosts a policy's prefix has (but for its network and broadcast address),
 * how many ports DETERMINISTIC gives each of them (RFC 7422 section 2; 0: too few addresses),
 * how many whole blocks lie in its ports, of each address, at multiples of the block size. */
uint32_t nat_policy_hosts(const struct nat_policy *p);
uint32_t nat_policy_share(const struct nat_policy *p);
uint32_t nat_policy_blocks(const struct nat_policy *p);

/* NULL, or what is wrong; static text. */
const char *nat_config_fault(const struct nat_config *c);

#endif
