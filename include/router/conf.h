/*
 * The configuration file as values: what it says, checked, not yet what it does.
 *
 * Sources  libconfig's grammar; router.conf(5). Every key stands in one table (conf_keys.c).
 * Shape    Strings are owned by the struct conf; lists are counted arrays.
 * Memory   conf_read() allocates, conf_free() frees all of it.
 * Errors   Every fault of the file is listed as "FILE:LINE: what; what would be right". A struct
 *          conf exists only if there was none.
 */
#ifndef ROUTER_CONF_H
#define ROUTER_CONF_H

#include <net/if.h>
#include <stdio.h>

#include "nat/config.h"
#include "nat/extension.h"
#include "router/address.h"

enum io_type { IO_TUN, IO_TAP, IO_PACKET, IO_XDP, IO_NFQUEUE, IO_RAW, IO_MEM, IO_TYPE_COUNT };

/* By what a source must be reached, to be believed. */
enum reverse_path { REVERSE_BY_SIDE, REVERSE_STRICT, REVERSE_LOOSE, REVERSE_OFF };

/* The best that an xdp interface tries; what follows is what it falls back to. */
enum xdp_mode { XDP_ZERO_COPY_MODE, XDP_NATIVE_MODE, XDP_GENERIC_MODE };

struct conf_interface {
	char name[IFNAMSIZ];   /* ours: how the rest of the file and listings call it */
	char device[IFNAMSIZ]; /* the kernel's; the same as name if not given */
	enum io_type type;
	enum nat_side side;
	enum reverse_path reverse_path;
	struct prefix *addresses; /* the router's own on this link */
	size_t address_count;
	bool shares_address; /* packet, nfqueue: the kernel's own, filled in at start */
	uint32_t mtu; /* 0: the device's */
	uint16_t queues; /* 0: one per worker */
	bool icmp_errors; /* the router sends some by it */
	bool offload;
	bool coalesce; /* what is sent by it, if that takes super-packets */
	bool steering; /* that of the whole file */
	bool rings; /* packet: receive through memory shared with the kernel */
	bool bypass_qdisc; /* packet: send past the device's queueing discipline */
	enum xdp_mode xdp_mode;
	int xdp_error; /* why it was made a packet interface at start, an errno; 0: it was not */
	bool queue_given;
	uint16_t queue; /* nfqueue: number of its first one */
	uint32_t queue_length; /* nfqueue: datagrams that wait in one of them at most */
	bool fail_open; /* nfqueue: what cannot be queued passes as it is */
	bool whole; /* nfqueue: super-packets need not be cut, because all interfaces give them back */
	uint32_t mark; /* nfqueue, raw: of what is sent by raw sockets; 0: none */
	bool io_uring; /* tun: several packets with one system call */
	uint8_t mac[6]; /* tap: ours; zero until gateway_learn(), if not given */
	uint16_t vlan[2]; /* tap: its tags, from the outside in */
	uint8_t vlan_count;
	bool vlan_keep; /* tap: those that no other interface takes, and the same back */
	int8_t vlan_priority; /* of what it sends with a tag; below 0: as it came in */
	bool is_branch; /* tap: the device is that of interface trunk, which stands before it */
	uint16_t trunk; /* otherwise itself */
	char *netns; /* tun: named namespace or path the kernel's end lives in; NULL: ours */
	struct prefix *host_addresses; /* tun: for the kernel's end */
	size_t host_address_count;
	struct prefix *host_routes; /* tun: put into the kernel's table, through this device */
	size_t host_route_count;
	int line;
};

/* Types that share the kernel's addresses where they are given none of their own. */
static inline bool conf_may_share(const struct conf_interface *i)
{
	return i->type == IO_PACKET || i->type == IO_NFQUEUE;
}

/* A device that is left to the kernel, with what belongs to it. */
static inline bool conf_is_kernels(const struct conf_interface *i)
{
	return i->type == IO_NFQUEUE || i->type == IO_RAW;
}

/* A device with link-layer addresses that the kernel has, too. */
static inline bool conf_is_ethernet(const struct conf_interface *i)
{
	return i->type == IO_PACKET || i->type == IO_XDP;
}

/* Where pool addresses that nobody has are asked for, and answered by the gateway. */
static inline bool conf_is_asked(const struct conf_interface *i)
{
	return conf_is_ethernet(i) || i->type == IO_NFQUEUE;
}

enum route_kind { ROUTE_UNICAST, ROUTE_BLACKHOLE, ROUTE_UNREACHABLE, ROUTE_PROHIBIT };

struct conf_route {
	struct prefix prefix;
	enum route_kind kind;
	size_t interface; /* index; for unicast */
	struct address via; /* version 0: the destination itself is on the link */
	uint32_t metric; /* the least wins; several with one metric share (ECMP) */
	struct prefix from; /* sources that it is for; version 0: all */
	uint8_t table; /* of those with the same from, counted from 1; 0: for all */
	int line;
};

struct conf_nat {
	char *name;
	/* For "interface:wan0": index of the interface whose address is the one address of the slice,
	 * and whose network is the match, or what the match is translated to; SIZE_MAX: none. Where the
	 * kernel gives the address, pool[] holds 0.0.0.0 there as long as there is none, and there is a
	 * place for another; the match is then an address that nobody has. The version of the address
	 * is that of the entry's outside or inside. */
	size_t pool_interface, match_interface, prefix_interface;
	int line;
};

/* What a rewrite rule asks of a datagram, all of it; then what it changes. */
enum { RULE_IN = 1 << 0, RULE_OUT = 1 << 1, RULE_SYN = 1 << 2 };
enum { RULE_MSS_KEEP = 0, RULE_MSS_CLAMP = 1 }; /* above: that many octets */
struct conf_rule {
	uint8_t match; /* RULE_IN or RULE_OUT, perhaps RULE_SYN */
	size_t interface;
	uint8_t protocol; /* 0: any */
	uint16_t mss;
	int16_t dscp; /* -1: keep */
	int16_t ttl;  /* -1: keep */
	int line;
};

enum { CONF_DELEGATED_MOST = 64 };

/* What of IPv6 is let through, and what has been delegated to us. */
struct conf_ipv6 {
	struct headers denied_headers; /* extension headers that are not forwarded */
	bool denies_headers;	       /* there are some */
	struct headers denied_icmp;    /* types of ICMPv6, beside those that belong to their link */
	bool obeys_options; /* hop-by-hop options that are not known are acted on as they say */
	bool documentation; /* such addresses are forwarded */
	bool unique_local;  /* such addresses cross between the sides */
	struct prefix delegated[CONF_DELEGATED_MOST]; /* what no route covers of them leads nowhere */
	size_t delegated_count;
};

enum conf_collector_kind { COLLECTOR_SYSLOG, COLLECTOR_IPFIX };

struct conf_collector {
	enum conf_collector_kind kind;
	char path[108]; /* UNIX datagram socket; "": UDP */
	struct address address;
	uint16_t port;
};

/* Which events are kept is in nat.event_mask. */
struct conf_log {
	struct conf_collector *collectors;
	size_t collector_count;
	bool destinations;
	uint32_t per_second;
};

enum { CONF_STATE_FILE_MOST = 200 };

struct conf {
	char *file;
	uint16_t workers; /* already resolved: at least 1 */
	char *control; /* path of the control socket; NULL: none */
	char *state_file; /* what sessions outlive the gateway by; NULL: nothing */
	int state_line;
	char *user, *group; /* to become after start; NULL: stay who we are, and the user's own */
	bool seccomp; /* forbid all system calls but those on a list */
	bool steering; /* the kernel is told which worker owns what */
	uint32_t poll_us; /* how long a worker without work looks for some before it sleeps */
	uint32_t error_rate; /* ICMP errors of ours in a second, and at once, to one destination */
	bool virtual_clock;
	uint64_t seed; /* 0: from the kernel */
	struct conf_interface *interfaces;
	size_t interface_count;
	struct conf_route *routes;
	size_t route_count;
	uint32_t *import_tables; /* of the kernel, whose routes are ours as well */
	size_t import_table_count;
	struct conf_nat *nats; /* beside policies, one each */
	struct nat_policy *policies;
	size_t nat_count;
	be32 *pool;
	struct ip6 *pool6; /* as many; NULL: no address is IPv6 */
	struct address *places; /* that the running NATs have ports for: who each place of the pool
				 * belongs to, whether it is there or not; NULL: who is there */
	struct nat_eam *eams, *eams_by6; /* of all entries, one after the other */
	size_t eam_count;
	struct nat_forward *forwards;
	size_t *forward_interfaces; /* of each: whose address external is; SIZE_MAX: it is in the file */
	struct conf_rule *rules;
	size_t rule_count;
	struct conf_log log;
	struct conf_ipv6 ipv6;
	struct nat_config nat; /* its arrays are policies, pool and forwards from above */
};

/* Read and check a file, and list its faults on faults. NULL if there were any. */
struct conf *conf_read(const char *file, FILE *faults);

/* Nobody's: it stands for the address that an interface will have, or its network. */
be32 conf_unknown_address(size_t interface);
struct ip6 conf_unknown_address6(size_t interface);

/* The first address of an interface of an IP version, of IPv6 the first that is not link-local; or
 * NULL. */
const struct prefix *conf_first(const struct conf_interface *i, uint8_t version);

static inline const struct prefix *conf_first_v4(const struct conf_interface *i)
{
	return conf_first(i, 4);
}

/* The version of an interface's address that leads to hosts of a version: NAT66 goes before NAT64. */
uint8_t conf_external_version(const struct conf *c, bool v6_internal, size_t interface);

/* What is in a place of the pool; of version 0: nothing. And the other way. */
struct address conf_pool_address(const struct conf *c, size_t place);
void conf_pool_put(struct conf *c, size_t place, const struct address *a);

/* The IP version of an entry's inside hosts, and of its pool. */
static inline uint8_t conf_inside_version(const struct nat_policy *p)
{
	return p->version == 6 ? 6 : 4;
}

static inline uint8_t conf_pool_version(const struct nat_policy *p)
{
	return p->type == NAT_NAPT66 ? 6 : 4;
}

/* Entries whose hosts share addresses of a pool, by ports. */
static inline bool conf_has_ports(const struct nat_policy *p)
{
	return p->type == NAT_NAPT44 || p->type == NAT_NAPT66 || p->type == NAT_NAT64;
}

/* An IPv6 prefix of the NAT, as one of either version. */
static inline struct prefix conf_prefix6(const struct ip6_prefix *p)
{
	return (struct prefix){ address_v6(p->address.octets), p->len };
}

/* All of it once more; NULL: no memory. */
struct conf *conf_clone(const struct conf *c);

void conf_free(struct conf *c);

/* router.conf(5), in roff, from the table of keys. */
void conf_manual(FILE *out);

#endif
