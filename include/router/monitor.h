/*
 * What the kernel says about its links, addresses, neighbours, routes and rules: all there is at
 * first, then every change.
 *
 * Sources  rtnetlink(7); RFC 3549.
 * Shape    News are values, read one by one from messages that are not trusted: what is unknown
 *          or truncated is passed over and counted.
 * Memory   monitor_open() to monitor_close(). One thread.
 * Order    Lists come in the order of enum news_subject.
 * Promise  Between NEWS_BEGIN and NEWS_END of a subject comes a whole list of it, and nothing else:
 *          it replaces what was known. Of routes there is one for each IP version. A list that the
 *          kernel knows to have been disturbed begins once more, without an end of the first. News of
 *          changes come in their order; right after a list some may be older than it, and follow the
 *          way to what it said.
 * Errors   Negative errno. Lost messages (ENOBUFS) are none: what was lost is asked for again.
 */
#ifndef ROUTER_MONITOR_H
#define ROUTER_MONITOR_H

#include <net/if.h>

#include "router/conf.h"
#include "router/rib.h"

enum news_subject { ABOUT_LINK, ABOUT_ADDRESS, ABOUT_NEIGHBOUR, ABOUT_RULE, ABOUT_ROUTE, ABOUT_COUNT };

/* STOP: the end of a list that may lack some, though whatever is in it is there.
 * DOUBT: others than those that news have named may have gone with something else; monitor_again()
 * tells, in a moment, when it is done. */
enum news_kind { NEWS_IS, NEWS_GONE, NEWS_BEGIN, NEWS_END, NEWS_STOP, NEWS_DOUBT };

struct news_link {
	uint32_t index, mtu;
	char name[IFNAMSIZ];
	bool up, carrier;
};

struct news_address { uint32_t index; struct prefix prefix; };

struct news_neighbour {
	uint32_t index;
	struct address address;
	bool known; /* mac is valid */
	uint8_t mac[6];
};

/* One way of a route. Dead: the kernel keeps it, but does not use it. */
struct news_way {
	uint32_t link; /* 0: none that we could use */
	struct address via; /* version 0: the destination itself is on the link */
	bool dead;
};

/* Where the kernel has put a route among those that are equal in table, prefix and metric. Of IPv4 it
 * uses the first; IPv6 routes share, and news may tell of some of their ways only, but for
 * ROUTE_INSTEAD: that of all. In a list they come in their order, as ROUTE_LAST. */
enum news_place { ROUTE_LAST, ROUTE_FIRST, ROUTE_INSTEAD, ROUTE_ALONE };

struct news_route {
	struct prefix prefix;
	enum route_kind kind;
	enum news_place place;
	uint32_t table, metric;
	uint8_t protocol; /* RTPROT_BIRD and the like */
	uint32_t way_count; /* what is beyond HOP_GROUP_MOST is left out */
	struct news_way ways[HOP_GROUP_MOST];
};

/* Look up in a table what comes from a prefix. Partial: of that, what the kernel chooses by a mark or
 * anything else that we do not know. */
struct news_rule {
	uint32_t priority, table;
	struct prefix from;
	bool partial;
};

/* Of a list of routes only route.prefix.address.version is told. */
struct news {
	enum news_subject subject;
	enum news_kind kind;
	union {
		struct news_link link;
		struct news_address address;
		struct news_neighbour neighbour;
		struct news_route route;
		struct news_rule rule;
	};
};

/* Read one netlink message of len octets, aligned for its header. 1: it is news. 0: it is nothing
 * that concerns a router, such as a route by type of service or the kernel's own addresses as
 * routes. -EBADMSG: unknown, or truncated. */
int news_parse(struct news *n, const void *message, size_t len);

struct monitor;

/* subjects: 1 << enum news_subject. In the namespace of the calling thread. */
int monitor_open(struct monitor **m, unsigned subjects);
void monitor_close(struct monitor *m);

/* Readable when there are news. */
int monitor_descriptor(const struct monitor *m);

/* The next news. False: none now, or enough for one turn (some thousands; the descriptor stays
 * readable). Never waits. */
bool monitor_next(struct monitor *m, struct news *n);

/* Ask for lists again: some changes the kernel does not tell, such as IPv4 routes that end with
 * their link or with the address that they are sent from. */
void monitor_again(struct monitor *m, unsigned subjects);

/* Whether a list is to come, or has not come to its end. */
bool monitor_is_listing(const struct monitor *m);

/* Messages of unknown type or truncated, and how often some were lost. */
struct monitor_counters { uint64_t ignored, lost; };
struct monitor_counters monitor_counters(const struct monitor *m);

#endif
