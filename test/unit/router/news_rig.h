/*
 * Messages of rtnetlink's as the kernel sends them, and lists of what a monitor tells.
 *
 * Everything here asserts.
 */
#ifndef TEST_NEWS_RIG_H
#define TEST_NEWS_RIG_H

#include "netns.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "router/monitor.h"

struct message {
	_Alignas(struct nlmsghdr) char octets[4096];
	struct nlmsghdr *h;
};

static inline void *message_begin(struct message *m, uint16_t type, uint16_t flags, size_t body_len)
{
	memset(m, 0, sizeof(*m));
	m->h = mnl_nlmsg_put_header(m->octets);
	m->h->nlmsg_type = type;
	m->h->nlmsg_flags = flags;
	return mnl_nlmsg_put_extra_header(m->h, body_len);
}

static inline void put_text_address(struct nlmsghdr *h, uint16_t type, const char *text)
{
	struct address a = address_of(text);

	mnl_attr_put(h, type, address_len(&a), a.octets);
}

/* A unicast route in the main table; ways are to be added. */
static inline struct rtmsg *route_message(struct message *m, uint16_t type, const char *prefix)
{
	struct rtmsg *body = message_begin(m, type, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
	struct prefix p = prefix_of(prefix);

	body->rtm_family = p.address.version == 4 ? AF_INET : AF_INET6;
	body->rtm_dst_len = p.len;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_type = RTN_UNICAST;
	body->rtm_protocol = RTPROT_BIRD;
	if (p.len)
		mnl_attr_put(m->h, RTA_DST, address_len(&p.address), p.address.octets);
	return body;
}

static inline void put_way(struct nlmsghdr *h, uint32_t link, const char *via)
{
	if (via)
		put_text_address(h, RTA_GATEWAY, via);
	mnl_attr_put_u32(h, RTA_OIF, link);
}

static inline void put_via6(struct nlmsghdr *h, const char *via)
{
	uint16_t octets[9] = { AF_INET6 };
	struct address a = address_of(via);

	memcpy(&octets[1], a.octets, 16);
	mnl_attr_put(h, RTA_VIA, sizeof(octets), octets);
}

/* One of several; between mnl_attr_nest_start(RTA_MULTIPATH) and its end. */
static inline void put_hop(struct nlmsghdr *h, uint32_t link, const char *via, uint8_t flags)
{
	struct rtnexthop *next = mnl_nlmsg_get_payload_tail(h);

	*next = (struct rtnexthop){ .rtnh_ifindex = (int)link, .rtnh_flags = flags };
	h->nlmsg_len += (uint32_t)sizeof(*next);
	if (via)
		put_text_address(h, RTA_GATEWAY, via);
	next->rtnh_len = (uint16_t)((char *)mnl_nlmsg_get_payload_tail(h) - (char *)next);
}

static inline int parse(struct news *n, const struct message *m)
{
	return news_parse(n, m->octets, m->h->nlmsg_len);
}

/* Wait for news, in a thread of their own; false: nothing for a good while. */
static inline bool news_next(struct monitor *m, struct news *n)
{
	struct pollfd p = { .fd = monitor_descriptor(m), .events = POLLIN };

	while (!monitor_next(m, n))
		if (!monitor_is_listing(m) && poll(&p, 1, 3000) <= 0)
			return false;
	return true;
}

/* What comes until the end of the list of IPv6 routes, which is the last one. */
static inline size_t news_until_end(struct monitor *m, struct news *all, size_t room)
{
	size_t count = 0;

	for (;;) {
		struct news n;

		assert_true(news_next(m, &n));
		if (count < room)
			all[count++] = n;
		if ((n.kind == NEWS_END || n.kind == NEWS_STOP) && n.subject == ABOUT_ROUTE &&
		    n.route.prefix.address.version == 6)
			return count;
	}
}

#endif
