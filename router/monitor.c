/*
 * Two sockets: one hears of changes, the other asks for lists.
 *
 * The kernel makes up a list piece by piece, and changes go on meanwhile. Were both to come by one
 * socket, a piece made before a change could follow the news of it. So news of changes wait in
 * their socket until a list is complete. Read afterwards, some are older than what the list said;
 * but they end where it did.
 *
 * While routes of IPv6 come and go, the kernel loses its place in a list of them, passes over some, and
 * does not say so. A third socket rings at every change; nothing else is read from it.
 *
 * After a loss, what waits is thrown away before lists are asked for: news of before the loss would
 * otherwise undo what the lists say.
 */
#include "router/monitor.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

enum {
	EVENTS_ROOM = 64 << 20, /* of the socket; some 50 000 changes */
	ROOM = 65536,		/* a piece of a list has 32 KiB */
	BELL_ROOM = 4096,
	TURN = 4096, /* messages until others have their turn */
};

/* What to ask for. One that goes on is a part of the list before it. */
static const struct list {
	enum news_subject subject;
	uint16_t type;
	uint8_t family;
	uint8_t body_len;
	bool goes_on;
} lists[] = {
	{ ABOUT_LINK, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), false },
	{ ABOUT_ADDRESS, RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), false },
	{ ABOUT_NEIGHBOUR, RTM_GETNEIGH, AF_UNSPEC, sizeof(struct ndmsg), false },
	{ ABOUT_RULE, RTM_GETRULE, AF_INET, sizeof(struct fib_rule_hdr), false },
	{ ABOUT_RULE, RTM_GETRULE, AF_INET6, sizeof(struct fib_rule_hdr), true },
	{ ABOUT_ROUTE, RTM_GETROUTE, AF_INET, sizeof(struct rtmsg), false },
	{ ABOUT_ROUTE, RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg), false },
};

enum { LISTS = sizeof(lists) / sizeof(lists[0]), LIST_NONE = LISTS };

/* Who tells of changes. */
static const struct { enum news_subject subject; int group; } groups[] = {
	{ ABOUT_LINK, RTNLGRP_LINK },
	{ ABOUT_ADDRESS, RTNLGRP_IPV4_IFADDR }, { ABOUT_ADDRESS, RTNLGRP_IPV6_IFADDR },
	{ ABOUT_NEIGHBOUR, RTNLGRP_NEIGH },
	{ ABOUT_ROUTE, RTNLGRP_IPV4_ROUTE }, { ABOUT_ROUTE, RTNLGRP_IPV6_ROUTE },
	{ ABOUT_ROUTE, RTNLGRP_NEXTHOP },
	{ ABOUT_RULE, RTNLGRP_IPV4_RULE }, { ABOUT_RULE, RTNLGRP_IPV6_RULE },
};

struct monitor {
	struct mnl_socket *events, *lists, *bell; /* bell: NULL without routes */
	int epoll;
	unsigned subjects; /* those of interest */
	unsigned due;	   /* lists to be asked for, by number */
	size_t list;	   /* that is coming */
	bool interrupted;	/* that one is not whole */
	bool losing;		/* what has come by events is to be thrown away */
	uint32_t sequence;
	unsigned turn;	/* messages in this one */
	struct monitor_counters counters;
	const struct nlmsghdr *at; /* the next message in room */
	int left;		   /* octets */
	_Alignas(struct nlmsghdr) char room[ROOM];
};

static struct mnl_socket *socket_open(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	const int on = 1;

	if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(s);
		return NULL;
	}
	/* Lists without what is no route: those made for one destination. From Linux 4.20 on. */
	if (s)
		setsockopt(mnl_socket_get_fd(s), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
			   sizeof(on));
	return s;
}

static int subscribe(struct monitor *m)
{
	int fd = mnl_socket_get_fd(m->events), room = EVENTS_ROOM;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i].group;

		if (m->subjects & 1u << groups[i].subject &&
		    mnl_socket_setsockopt(m->events, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0 &&
		    group != RTNLGRP_NEXTHOP) /* from Linux 5.3 on */
			return -errno;
	}
	return 0;
}

static int watch(const struct monitor *m, const struct mnl_socket *s)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(m->epoll, EPOLL_CTL_ADD, mnl_socket_get_fd(s), &e) < 0 ? -errno : 0;
}

static int bell_open(struct monitor *m)
{
	int room = BELL_ROOM, group = RTNLGRP_IPV6_ROUTE, fd;

	if (!(m->subjects & 1u << ABOUT_ROUTE))
		return 0;
	m->bell = socket_open();
	if (!m->bell)
		return -errno;
	fd = mnl_socket_get_fd(m->bell);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0 ||
	    mnl_socket_setsockopt(m->bell, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	return 0;
}

/* Whether it has rung since it was asked last. It has room for a few messages. */
static bool bell_rang(const struct monitor *m)
{
	char octet;
	bool rang = false;

	while (recv(mnl_socket_get_fd(m->bell), &octet, 1, MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		rang = true;
	return rang;
}

int monitor_open(struct monitor **out, unsigned subjects)
{
	struct monitor *m = calloc(1, sizeof(*m));
	int r = 0;

	if (!m)
		return -ENOMEM;
	m->subjects = subjects;
	monitor_again(m, subjects);
	m->list = LIST_NONE;
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	m->events = socket_open();
	m->lists = m->events ? socket_open() : NULL;
	if (m->epoll < 0 || !m->lists)
		r = -errno;
	if (!r)
		r = subscribe(m);
	if (!r)
		r = bell_open(m);
	if (!r)
		r = watch(m, m->events);
	if (!r)
		r = watch(m, m->lists);
	if (r)
		monitor_close(m);
	else
		*out = m;
	return r;
}

void monitor_close(struct monitor *m)
{
	if (!m)
		return;
	if (m->events)
		mnl_socket_close(m->events);
	if (m->lists)
		mnl_socket_close(m->lists);
	if (m->bell)
		mnl_socket_close(m->bell);
	if (m->epoll >= 0)
		close(m->epoll);
	free(m);
}

int monitor_descriptor(const struct monitor *m)
{
	return m->epoll;
}

void monitor_again(struct monitor *m, unsigned subjects)
{
	for (size_t i = 0; i < LISTS; i++)
		if (m->subjects & subjects & 1u << lists[i].subject && !lists[i].goes_on)
			m->due |= 1u << i;
}

bool monitor_is_listing(const struct monitor *m)
{
	return m->due || m->list != LIST_NONE || m->losing;
}

struct monitor_counters monitor_counters(const struct monitor *m)
{
	return m->counters;
}

static bool is_of_routes6(size_t list)
{
	return lists[list].type == RTM_GETROUTE && lists[list].family == AF_INET6;
}

static bool list_ask(struct monitor *m, size_t list)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(m->room);

	h->nlmsg_type = lists[list].type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++m->sequence;
	/* The family is the first octet of each. */
	*(uint8_t *)mnl_nlmsg_put_extra_header(h, lists[list].body_len) = lists[list].family;
	if (lists[list].type == RTM_GETLINK)
		mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	m->interrupted = false;
	if (is_of_routes6(list))
		bell_rang(m);
	m->list = mnl_socket_sendto(m->lists, h, h->nlmsg_len) < 0 ? LIST_NONE : list;
	return m->list == list;
}

static struct news news_of_list(size_t list, enum news_kind kind)
{
	struct news n = { .subject = lists[list].subject, .kind = kind };

	if (lists[list].type == RTM_GETROUTE)
		n.route.prefix.address.version = lists[list].family == AF_INET ? 4 : 6;
	return n;
}

/* What cannot be asked for now remains due. */
static bool list_begin(struct monitor *m, struct news *n)
{
	size_t list = 0;

	while (!(m->due & 1u << list))
		list++;
	if (!list_ask(m, list))
		return false;
	m->due &= ~(1u << list);
	*n = news_of_list(list, NEWS_BEGIN);
	return true;
}

/* A family that the kernel does not have is an empty list. */
static bool is_whole(const struct monitor *m, int error)
{
	return !m->interrupted && (!error || error == -EOPNOTSUPP || error == -EAFNOSUPPORT);
}

/* A list, or one of those that it is made of, has come to its end: whether that is news. */
static bool list_end(struct monitor *m, struct news *n, int error)
{
	size_t list = m->list, first = list;
	bool last = list + 1 == LISTS || !lists[list + 1].goes_on;

	while (lists[first].goes_on)
		first--;
	m->list = LIST_NONE;
	if (!is_whole(m, error) || (!last && !list_ask(m, list + 1))) {
		m->due |= 1u << first;
		return false;
	}
	if (last)
		*n = news_of_list(list, is_of_routes6(list) && bell_rang(m) ? NEWS_STOP : NEWS_END);
	return last;
}

/* The error that ends a list, or 0; messages without room for one do not come from the kernel. */
static int error_of(const struct nlmsghdr *h)
{
	int32_t error = 0;

	if (mnl_nlmsg_get_payload_len(h) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(h), sizeof(error));
	return error;
}

/* Routes of IPv4 end without a word with their next hop, where that is an object of its own. */
static bool is_about_next_hops(const struct nlmsghdr *h)
{
	return h->nlmsg_type == RTM_NEWNEXTHOP || h->nlmsg_type == RTM_DELNEXTHOP;
}

static bool message_read(struct monitor *m, const struct nlmsghdr *h, struct news *n)
{
	int r;

	if (m->list != LIST_NONE) {
		if (h->nlmsg_seq != m->sequence)
			return false;
		m->interrupted |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return list_end(m, n, error_of(h));
	}
	if (is_about_next_hops(h)) {
		*n = (struct news){ .subject = ABOUT_ROUTE, .kind = NEWS_DOUBT };
		return h->nlmsg_type == RTM_DELNEXTHOP;
	}
	r = news_parse(n, h, h->nlmsg_len);
	m->counters.ignored += r < 0;
	return r > 0;
}

/* The next message in the room that is news. */
static bool room_next(struct monitor *m, struct news *n)
{
	while (mnl_nlmsg_ok(m->at, m->left)) {
		const struct nlmsghdr *h = m->at;

		m->at = mnl_nlmsg_next(h, &m->left);
		m->turn++;
		if (message_read(m, h, n))
			return true;
	}
	m->counters.ignored += m->left > 0;
	m->left = 0;
	return false;
}

static void lose(struct monitor *m)
{
	m->counters.lost++;
	m->losing = true;
	monitor_again(m, m->subjects);
}

/* More messages into the room: false, if there are none. */
static bool room_fill(struct monitor *m)
{
	struct mnl_socket *from = m->list == LIST_NONE ? m->events : m->lists;
	ssize_t len = mnl_socket_recvfrom(from, m->room, sizeof(m->room));

	m->at = (const struct nlmsghdr *)m->room;
	m->left = len > 0 && !m->losing ? (int)len : 0;
	if (len >= 0) {
		m->turn += m->losing;
		return true;
	}
	if (errno == ENOBUFS && from == m->events)
		lose(m);
	else if (errno == ENOSPC) /* longer than any the kernel sends */
		m->counters.ignored++;
	else {
		m->losing = false;
		return false;
	}
	return true;
}

bool monitor_next(struct monitor *m, struct news *n)
{
	for (;;) {
		if (m->left && room_next(m, n))
			return true;
		if (m->turn >= TURN)
			break;
		if (m->list == LIST_NONE && !m->losing && m->due)
			return list_begin(m, n);
		if (!room_fill(m) && (m->list != LIST_NONE || !m->due))
			break;
	}
	m->turn = 0;
	return false;
}
