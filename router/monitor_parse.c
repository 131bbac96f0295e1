/* One message of rtnetlink's as news. Its octets are not trusted: each attribute must fit. */
#include "router/monitor.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <libmnl/libmnl.h>

/* More than any of rtnetlink's numbers of attributes that are read here. */
enum { ATTRIBUTES = 64, NUD_USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE |
				     NUD_PERMANENT | NUD_NOARP };

/* Attributes by number; the last of a number counts, as for the kernel. */
struct attributes { const struct nlattr *of[ATTRIBUTES]; };

/* False: octets are left that are none. */
static bool attributes_read(struct attributes *all, const void *from, const void *end)
{
	const struct nlattr *a = from;

	*all = (struct attributes){ { NULL } };
	for (; mnl_attr_ok(a, (int)((const char *)end - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) < ATTRIBUTES)
			all->of[mnl_attr_get_type(a)] = a;
	return (const char *)a >= (const char *)end;
}

/* The body of a message, of which len octets must be there, and the attributes behind it; NULL: it is
 * truncated. What libmnl calls its tail may lie behind its end. */
static const void *body_read(struct attributes *all, const struct nlmsghdr *h, size_t len)
{
	if (mnl_nlmsg_get_payload_len(h) < len ||
	    !attributes_read(all, mnl_nlmsg_get_payload_offset(h, len),
			     (const char *)h + h->nlmsg_len))
		return NULL;
	return mnl_nlmsg_get_payload(h);
}

static const void *octets_of(const struct attributes *all, int number, size_t len)
{
	const struct nlattr *a = all->of[number];

	return a && mnl_attr_get_payload_len(a) >= len ? mnl_attr_get_payload(a) : NULL;
}

/* An attribute that need not be there; false: it is, and truncated. */
static bool number_read(const struct attributes *all, int number, uint32_t *to)
{
	const void *octets = octets_of(all, number, sizeof(*to));

	if (octets)
		memcpy(to, octets, sizeof(*to));
	return octets || !all->of[number];
}

static bool is_ip(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

static struct address address_make(uint8_t family, const void *octets)
{
	return family == AF_INET ? address_v4(octets) : address_v6(octets);
}

static size_t family_len(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static bool address_read(const struct attributes *all, int number, uint8_t family,
			 struct address *to)
{
	const void *octets = octets_of(all, number, family_len(family));

	if (octets)
		*to = address_make(family, octets);
	return octets || !all->of[number];
}

/* A prefix whose attribute may be left out if it has no bits. */
static bool prefix_read(const struct attributes *all, int number, uint8_t family, uint8_t len,
			struct prefix *to)
{
	static const uint8_t zeros[16];

	*to = (struct prefix){ address_make(family, zeros), len };
	if (len > address_bits(&to->address) || (len && !all->of[number]) ||
	    !address_read(all, number, family, &to->address))
		return false;
	*to = prefix_masked(*to);
	return true;
}

static int link_parse(struct news *n, const struct nlmsghdr *h)
{
	struct attributes all;
	const struct ifinfomsg *body = body_read(&all, h, sizeof(*body));
	const struct nlattr *name = body ? all.of[IFLA_IFNAME] : NULL;
	struct news_link *link = &n->link;

	if (!body || !name || mnl_attr_get_payload_len(name) > sizeof(link->name) ||
	    !number_read(&all, IFLA_MTU, &link->mtu) ||
	    mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0)
		return -EBADMSG;
	link->index = (uint32_t)body->ifi_index;
	link->up = body->ifi_flags & IFF_UP;
	link->carrier = body->ifi_flags & IFF_LOWER_UP;
	strcpy(link->name, mnl_attr_get_str(name));
	/* Others than AF_UNSPEC tell of ports of a bridge and the like. */
	return body->ifi_family == AF_UNSPEC;
}

static int address_parse_message(struct news *n, const struct nlmsghdr *h)
{
	struct attributes all;
	const struct ifaddrmsg *body = body_read(&all, h, sizeof(*body));

	if (!body)
		return -EBADMSG;
	if (!is_ip(body->ifa_family))
		return 0;
	n->address.index = body->ifa_index;
	/* On a link of two hosts IFA_ADDRESS is the other one. */
	if (!address_read(&all, IFA_ADDRESS, body->ifa_family, &n->address.prefix.address) ||
	    !address_read(&all, IFA_LOCAL, body->ifa_family, &n->address.prefix.address) ||
	    !n->address.prefix.address.version ||
	    body->ifa_prefixlen > address_bits(&n->address.prefix.address))
		return -EBADMSG;
	n->address.prefix.len = body->ifa_prefixlen;
	return 1;
}

static int neighbour_parse(struct news *n, const struct nlmsghdr *h)
{
	struct attributes all;
	const struct ndmsg *body = body_read(&all, h, sizeof(*body));
	struct news_neighbour *neighbour = &n->neighbour;
	const void *mac;

	if (!body)
		return -EBADMSG;
	if (!is_ip(body->ndm_family))
		return 0;
	neighbour->index = (uint32_t)body->ndm_ifindex;
	if (!address_read(&all, NDA_DST, body->ndm_family, &neighbour->address) ||
	    !neighbour->address.version)
		return -EBADMSG;
	mac = octets_of(&all, NDA_LLADDR, sizeof(neighbour->mac));
	neighbour->known = mac && body->ndm_state & NUD_USABLE;
	if (mac)
		memcpy(neighbour->mac, mac, sizeof(neighbour->mac));
	return 1;
}

/* The next router, of either version: RFC 8950 has IPv4 routes via IPv6 ones. */
static bool via_read(const struct attributes *all, uint8_t family, struct address *via)
{
	const struct nlattr *a = all->of[RTA_VIA];
	const struct rtvia *other = octets_of(all, RTA_VIA, sizeof(*other));

	if (!address_read(all, RTA_GATEWAY, family, via))
		return false;
	if (!a)
		return true;
	if (!other || (is_ip((uint8_t)other->rtvia_family) &&
		       mnl_attr_get_payload_len(a) <
			       sizeof(*other) + family_len((uint8_t)other->rtvia_family)))
		return false;
	if (is_ip((uint8_t)other->rtvia_family))
		*via = address_make((uint8_t)other->rtvia_family, other->rtvia_addr);
	return true;
}

/* A way through a tunnel of the kernel's (RTA_ENCAP) is none for us. */
static bool way_read(const struct attributes *all, uint8_t family, struct news_way *way)
{
	if (!via_read(all, family, &way->via))
		return false;
	if (all->of[RTA_ENCAP])
		way->link = 0;
	return true;
}

static void way_add(struct news_route *route, const struct news_way *way)
{
	if (route->way_count < HOP_GROUP_MOST)
		route->ways[route->way_count++] = *way;
}

static bool multipath_read(const struct nlattr *a, uint8_t family, struct news_route *route)
{
	const char *at = mnl_attr_get_payload(a), *end = at + mnl_attr_get_payload_len(a);

	while (at < end) {
		const struct rtnexthop *next = (const struct rtnexthop *)(const void *)at;
		size_t left = (size_t)(end - at);
		struct news_way way = { .link = 0 };
		struct attributes all;

		if (left < sizeof(*next) || next->rtnh_len < sizeof(*next) ||
		    next->rtnh_len > left ||
		    !attributes_read(&all, next + 1, at + next->rtnh_len))
			return false;
		way.link = (uint32_t)next->rtnh_ifindex;
		way.dead = next->rtnh_flags & RTNH_F_DEAD;
		if (!way_read(&all, family, &way))
			return false;
		way_add(route, &way);
		at += MNL_ALIGN(next->rtnh_len);
	}
	return true;
}

static bool ways_read(const struct attributes *all, const struct rtmsg *body,
		      struct news_route *route)
{
	struct news_way way = { .dead = body->rtm_flags & RTNH_F_DEAD };

	if (all->of[RTA_MULTIPATH])
		return multipath_read(all->of[RTA_MULTIPATH], body->rtm_family, route);
	if (!number_read(all, RTA_OIF, &way.link) || !way_read(all, body->rtm_family, &way))
		return false;
	if (all->of[RTA_OIF])
		way_add(route, &way);
	return true;
}

/* False: a kind that is none for us, as the kernel's own addresses. */
static bool kind_of(uint8_t type, enum route_kind *kind)
{
	static const struct { uint8_t type; enum route_kind kind; } kinds[] = {
		{ RTN_UNICAST, ROUTE_UNICAST }, { RTN_BLACKHOLE, ROUTE_BLACKHOLE },
		{ RTN_UNREACHABLE, ROUTE_UNREACHABLE }, { RTN_PROHIBIT, ROUTE_PROHIBIT },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].type == type) {
			*kind = kinds[i].kind;
			return true;
		}
	return false;
}

/* As the kernel's own flags tell. */
static enum news_place place_of(uint16_t flags)
{
	if (flags & NLM_F_REPLACE)
		return ROUTE_INSTEAD;
	if (!(flags & NLM_F_CREATE) || flags & NLM_F_APPEND)
		return ROUTE_LAST;
	return flags & NLM_F_EXCL ? ROUTE_ALONE : ROUTE_FIRST;
}

/* Routes by type of service or by source are left out, as are those that the kernel has made of
 * others for one destination. */
static bool concerns_us(const struct rtmsg *body)
{
	return is_ip(body->rtm_family) && !body->rtm_tos && !body->rtm_src_len &&
	       !(body->rtm_flags & RTM_F_CLONED);
}

static int route_parse(struct news *n, const struct nlmsghdr *h)
{
	struct attributes all;
	const struct rtmsg *body = body_read(&all, h, sizeof(*body));
	struct news_route *route = &n->route;

	if (!body)
		return -EBADMSG;
	if (!concerns_us(body) || !kind_of(body->rtm_type, &route->kind))
		return 0;
	route->protocol = body->rtm_protocol;
	route->table = body->rtm_table;
	route->place = place_of(h->nlmsg_flags);
	if (!prefix_read(&all, RTA_DST, body->rtm_family, body->rtm_dst_len, &route->prefix) ||
	    !number_read(&all, RTA_TABLE, &route->table) ||
	    !number_read(&all, RTA_PRIORITY, &route->metric))
		return -EBADMSG;
	if (route->kind == ROUTE_UNICAST && !ways_read(&all, body, route))
		return -EBADMSG;
	return 1;
}

/* What else a rule may go by, be it what we do not know yet. Not to suppress anything is said by -1. */
static bool goes_by_more(const struct fib_rule_hdr *body, const struct attributes *all)
{
	static const bool is_known[ATTRIBUTES] = {
		[FRA_SRC] = true, [FRA_PRIORITY] = true, [FRA_TABLE] = true, [FRA_PROTOCOL] = true,
		[FRA_SUPPRESS_PREFIXLEN] = true, [FRA_SUPPRESS_IFGROUP] = true, [FRA_PAD] = true,
	};
	uint32_t prefix = UINT32_MAX, group = UINT32_MAX;

	for (size_t i = 0; i < ATTRIBUTES; i++)
		if (all->of[i] && !is_known[i])
			return true;
	number_read(all, FRA_SUPPRESS_PREFIXLEN, &prefix);
	number_read(all, FRA_SUPPRESS_IFGROUP, &group);
	return body->dst_len || body->tos || body->flags & FIB_RULE_INVERT ||
	       prefix != UINT32_MAX || group != UINT32_MAX;
}

static int rule_parse(struct news *n, const struct nlmsghdr *h)
{
	struct attributes all;
	const struct fib_rule_hdr *body = body_read(&all, h, sizeof(*body));
	struct news_rule *rule = &n->rule;

	if (!body)
		return -EBADMSG;
	if (!is_ip(body->family) || body->action != FR_ACT_TO_TBL)
		return 0;
	rule->table = body->table;
	rule->partial = goes_by_more(body, &all);
	if (!number_read(&all, FRA_PRIORITY, &rule->priority) ||
	    !number_read(&all, FRA_TABLE, &rule->table) ||
	    !prefix_read(&all, FRA_SRC, body->family, body->src_len, &rule->from))
		return -EBADMSG;
	return 1;
}

static const struct message {
	uint16_t type;
	enum news_subject subject;
	enum news_kind kind;
	int (*parse)(struct news *n, const struct nlmsghdr *h);
} messages[] = {
	{ RTM_NEWLINK, ABOUT_LINK, NEWS_IS, link_parse },
	{ RTM_DELLINK, ABOUT_LINK, NEWS_GONE, link_parse },
	{ RTM_NEWADDR, ABOUT_ADDRESS, NEWS_IS, address_parse_message },
	{ RTM_DELADDR, ABOUT_ADDRESS, NEWS_GONE, address_parse_message },
	{ RTM_NEWNEIGH, ABOUT_NEIGHBOUR, NEWS_IS, neighbour_parse },
	{ RTM_DELNEIGH, ABOUT_NEIGHBOUR, NEWS_GONE, neighbour_parse },
	{ RTM_NEWROUTE, ABOUT_ROUTE, NEWS_IS, route_parse },
	{ RTM_DELROUTE, ABOUT_ROUTE, NEWS_GONE, route_parse },
	{ RTM_NEWRULE, ABOUT_RULE, NEWS_IS, rule_parse },
	{ RTM_DELRULE, ABOUT_RULE, NEWS_GONE, rule_parse },
};

int news_parse(struct news *n, const void *message, size_t len)
{
	const struct nlmsghdr *h = message;

	if (len > INT32_MAX || !mnl_nlmsg_ok(h, (int)len))
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].type != h->nlmsg_type)
			continue;
		*n = (struct news){ .subject = messages[i].subject, .kind = messages[i].kind };
		return messages[i].parse(n, h);
	}
	return -EBADMSG;
}
