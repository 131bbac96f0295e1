/*
 * What the kernel says about its links, addresses, neighbours, routes and rules: all there is at
 * first, then every change.
 *
 * Sources  rtnetlink(7); RFC 3549.
 * Shape    News are values, read one by one from messages that are not trusted: what is unknown,
 *          truncated or not for us is passed over and counted.
 * Memory   monitor_open() to monitor_close(). One thread.
 * Errors   Negative errno. Lost messages (ENOBUFS) are none: what was lost is asked for again, and
 *          NEWS_BEGIN and NEWS_END enclose a list that replaces what was known of that subject.
 */
#ifndef ROUTER_MONITOR_H
#define ROUTER_MONITOR_H

#include <net/if.h>

#include "router/conf.h"
#include "router/rib.h"

enum news_subject { ABOUT_LINK, ABOUT_ADDRESS, ABOUT_NEIGHBOUR, ABOUT_ROUTE, ABOUT_RULE, ABOUT_COUNT };

/* BEGIN, END: a whole list of a subject comes between them, as IS. */
enum news_kind { NEWS_IS, NEWS_GONE, NEWS_BEGIN, NEWS_END };

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

/* One way of a route; link 0: none. */
struct news_way { uint32_t link; struct address via; };

struct news_route {
	struct prefix prefix;
	enum route_kind kind;
	uint32_t table, metric;
	uint8_t protocol; /* RTPROT_BIRD and the like */
	uint32_t way_count; /* what is beyond HOP_GROUP_MOST is left out */
	struct news_way ways[HOP_GROUP_MOST];
};

/* Look up in a table what comes from a prefix. */
struct news_rule { uint32_t priority, table; struct prefix from; };

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

/* Read one netlink message of len octets. False: it is none of these. */
bool news_parse(struct news *n, const void *message, size_t len);

struct monitor;

/* subjects: 1 << enum news_subject. In the namespace of the calling thread. */
int monitor_open(struct monitor **m, unsigned subjects);
void monitor_close(struct monitor *m);

int monitor_descriptor(const struct monitor *m);

/* Tell what there is to tell now, at most some thousands of news; true if there is more. */
bool monitor_read(struct monitor *m, void (*tell)(void *to, const struct news *n), void *to);

/* What came in vain: messages of unknown type or truncated; lists asked for again. */
struct monitor_counters { uint64_t ignored, lost; };
struct monitor_counters monitor_counters(const struct monitor *m);

#endif
