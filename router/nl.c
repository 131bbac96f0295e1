#include "router/nl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

enum { NL_ROOM = 32768 };

struct nl {
	struct mnl_socket *socket;
	uint32_t sequence;
	_Alignas(struct nlmsghdr) char room[NL_ROOM]; /* the request, then what answers it */
};

int nl_open(struct nl **nl)
{
	struct nl *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!n->socket)
		goto failed;
	if (mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		goto failed;
	*nl = n;
	return 0;
failed:
	r = -errno;
	nl_close(n);
	return r;
}

void nl_close(struct nl *nl)
{
	if (nl && nl->socket)
		mnl_socket_close(nl->socket);
	free(nl);
}

int nl_netns(const char *netns)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s%s", strchr(netns, '/') ? "" : "/run/netns/", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int nl_open_in(struct nl **nl, const char *netns)
{
	int there, here, r;

	there = nl_netns(netns);
	if (there < 0)
		return there;
	here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (here < 0 || setns(there, CLONE_NEWNET) < 0) {
		r = -errno;
		goto close;
	}
	r = nl_open(nl);
	if (setns(here, CLONE_NEWNET) < 0 && r == 0) {
		r = -errno;
		nl_close(*nl);
	}
close:
	if (here >= 0)
		close(here);
	close(there);
	return r;
}

static struct nlmsghdr *request(struct nl *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(nl->room);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++nl->sequence;
	return h;
}

/* What the kernel says next, in nl->room: octets, or a negative errno. */
static int answer(struct nl *nl)
{
	ssize_t len = mnl_socket_recvfrom(nl->socket, nl->room, sizeof(nl->room));

	return len < 0 ? -errno : (int)len;
}

static int error_of(const struct nlmsghdr *h)
{
	return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
}

/* Send a request that is answered by one message: by what it asks for, or, with NLM_F_ACK, by its
 * acknowledgement. That message is in nl->room afterwards. */
static int ask(struct nl *nl, const struct nlmsghdr *h)
{
	const struct nlmsghdr *got = (const struct nlmsghdr *)nl->room;
	int len;

	if (mnl_socket_sendto(nl->socket, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		len = answer(nl);
		if (len < 0)
			return len;
	} while (!mnl_nlmsg_ok(got, len) || got->nlmsg_seq != nl->sequence);
	return got->nlmsg_type == NLMSG_ERROR ? error_of(got) : 0;
}

/* Payload of an attribute behind body_len octets of body; NULL if it is not there or has fewer
 * than len octets. */
static const void *find(const struct nlmsghdr *h, unsigned int body_len, uint16_t type, size_t len)
{
	const struct nlattr *a = mnl_nlmsg_get_payload_offset(h, body_len);
	const char *end = mnl_nlmsg_get_payload_tail(h);

	for (; mnl_attr_ok(a, (int)(end - (const char *)a)); a = mnl_attr_next(a)) {
		if (mnl_attr_get_type(a) == type)
			return mnl_attr_get_payload_len(a) < len ? NULL : mnl_attr_get_payload(a);
	}
	return NULL;
}

static uint8_t family(const struct address *a)
{
	return a->version == 4 ? AF_INET : AF_INET6;
}

static void put_address(struct nlmsghdr *h, uint16_t type, const struct address *a)
{
	mnl_attr_put(h, type, address_len(a), a->octets);
}

/* What kind of link it was made as comes first in what is nested. */
static bool is_bridge(const struct nlmsghdr *h)
{
	static const char kind[] = "bridge";
	const struct nlattr *a = find(h, sizeof(struct ifinfomsg), IFLA_LINKINFO,
				      sizeof(*a) + sizeof(kind));

	return a && mnl_attr_get_type(a) == IFLA_INFO_KIND &&
	       mnl_attr_get_payload_len(a) == sizeof(kind) &&
	       memcmp(mnl_attr_get_payload(a), kind, sizeof(kind)) == 0;
}

int nl_link(struct nl *nl, const char *name, struct nl_link *out)
{
	struct nlmsghdr *h = request(nl, RTM_GETLINK, 0);
	const struct ifinfomsg *link;
	const uint32_t *mtu;
	const uint8_t *mac;
	int r;

	mnl_nlmsg_put_extra_header(h, sizeof(*link));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	r = ask(nl, h);
	if (r < 0)
		return r;
	h = (struct nlmsghdr *)nl->room;
	link = mnl_nlmsg_get_payload(h);
	*out = (struct nl_link){
		.index = (uint32_t)link->ifi_index,
		.up = link->ifi_flags & IFF_UP,
		.carrier = link->ifi_flags & IFF_LOWER_UP,
		.ethernet = link->ifi_type == ARPHRD_ETHER,
	};
	mtu = find(h, sizeof(*link), IFLA_MTU, sizeof(*mtu));
	if (mtu)
		out->mtu = *mtu;
	mac = find(h, sizeof(*link), IFLA_ADDRESS, sizeof(out->mac));
	if (mac)
		memcpy(out->mac, mac, sizeof(out->mac));
	out->bridge = is_bridge(h);
	return 0;
}

static struct nlmsghdr *link_change(struct nl *nl, uint32_t index, unsigned int flags)
{
	struct nlmsghdr *h = request(nl, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));

	link->ifi_index = (int)index;
	link->ifi_flags = link->ifi_change = flags;
	return h;
}

int nl_link_up(struct nl *nl, uint32_t index, uint32_t mtu)
{
	struct nlmsghdr *h = link_change(nl, index, IFF_UP);

	if (mtu)
		mnl_attr_put_u32(h, IFLA_MTU, mtu);
	return ask(nl, h);
}

int nl_link_move(struct nl *nl, uint32_t index, int netns)
{
	struct nlmsghdr *h = link_change(nl, index, 0);

	mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)netns);
	return ask(nl, h);
}

int nl_address_add(struct nl *nl, uint32_t index, const struct prefix *p)
{
	struct nlmsghdr *h = request(nl, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	body->ifa_family = family(&p->address);
	body->ifa_prefixlen = p->len;
	body->ifa_index = index;
	put_address(h, IFA_LOCAL, &p->address);
	put_address(h, IFA_ADDRESS, &p->address);
	return ask(nl, h);
}

int nl_route_add(struct nl *nl, uint32_t index, const struct prefix *p, const struct address *via)
{
	struct nlmsghdr *h = request(nl, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof(*route));
	struct prefix to = prefix_masked(*p);

	route->rtm_family = family(&p->address);
	route->rtm_dst_len = p->len;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_type = RTN_UNICAST;
	route->rtm_scope = via->version ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	put_address(h, RTA_DST, &to.address);
	if (via->version)
		put_address(h, RTA_GATEWAY, via);
	mnl_attr_put_u32(h, RTA_OIF, index);
	return ask(nl, h);
}

/* Whether a message of a dump is an address of the link that others than the link can speak to; of
 * link 0, which stands for all, any address. */
static bool address_read(const struct nlmsghdr *h, uint32_t index, struct prefix *out)
{
	const struct ifaddrmsg *body = mnl_nlmsg_get_payload(h);
	bool v4 = body->ifa_family == AF_INET;
	const uint8_t *octets = find(h, sizeof(*body), v4 ? IFA_LOCAL : IFA_ADDRESS, v4 ? 4 : 16);

	if (h->nlmsg_type != RTM_NEWADDR || !octets ||
	    (index && (body->ifa_index != index || body->ifa_scope >= RT_SCOPE_LINK)))
		return false;
	*out = (struct prefix){ v4 ? address_v4(octets) : address_v6(octets), body->ifa_prefixlen };
	return true;
}

int nl_addresses(struct nl *nl, uint32_t index, struct prefix *out, size_t room)
{
	struct nlmsghdr *h = request(nl, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));
	size_t found = 0;

	body->ifa_family = AF_UNSPEC;
	if (mnl_socket_sendto(nl->socket, h, h->nlmsg_len) < 0)
		return -errno;
	for (;;) { /* to the end, or the rest would answer the next request */
		int len = answer(nl);

		if (len < 0)
			return len;
		for (h = (struct nlmsghdr *)nl->room; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return (int)found;
			if (h->nlmsg_type == NLMSG_ERROR)
				return error_of(h);
			if (found < room && address_read(h, index, &out[found]))
				found++;
		}
	}
}

bool nl_is_local(struct nl *nl, const struct address *a)
{
	struct nlmsghdr *h = request(nl, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof(*route));

	route->rtm_family = family(a);
	route->rtm_dst_len = address_bits(a);
	put_address(h, RTA_DST, a);
	if (ask(nl, h) < 0)
		return false;
	route = mnl_nlmsg_get_payload((const struct nlmsghdr *)nl->room);
	return route->rtm_type == RTN_LOCAL;
}

static struct nlmsghdr *neighbour(struct nlmsghdr *h, uint32_t index, const struct address *a,
				  uint8_t flags)
{
	struct ndmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	body->ndm_family = family(a);
	body->ndm_ifindex = (int)index;
	body->ndm_flags = flags;
	put_address(h, NDA_DST, a);
	return h;
}

int nl_neighbour(struct nl *nl, uint32_t index, const struct address *a, uint8_t mac[static 6])
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)nl->room;
	const struct ndmsg *body;
	const void *found;
	int r = ask(nl, neighbour(request(nl, RTM_GETNEIGH, 0), index, a, 0));

	if (r < 0)
		return r;
	/* It is told only while the kernel would use it itself. */
	found = find(h, sizeof(*body), NDA_LLADDR, 6);
	if (!found)
		return -ENOENT;
	memcpy(mac, found, 6);
	body = mnl_nlmsg_get_payload(h);
	return (body->ndm_state & (NUD_PERMANENT | NUD_NOARP)) != 0;
}

int nl_neighbour_use(struct nl *nl, uint32_t index, const struct address *a)
{
	struct nlmsghdr *h = request(nl, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE);

	return ask(nl, neighbour(h, index, a, NTF_USE));
}
