#include "queue_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

enum { ROOM = 1024, REVISION = 3, ANSWER_ROOM = 8192, ALIGNMENT = 8 };

static struct nlmsghdr *put_message(char *at, uint16_t type, uint16_t flags, uint8_t family,
				    uint16_t subsystem)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	struct nfgenmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	body->nfgen_family = family;
	body->version = NFNETLINK_V0;
	body->res_id = htons(subsystem);
	return h;
}

static void put_target(struct nlmsghdr *h, const struct queue_target *t)
{
	const struct xt_NFQ_info_v3 queues = {
		.queuenum = t->first,
		.queues_total = t->count,
		.flags = t->bypass ? NFQ_FLAG_BYPASS : 0,
	};
	_Alignas(ALIGNMENT) uint8_t padded[(sizeof(queues) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT] = {
		0
	};
	struct nlattr *list = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS);
	struct nlattr *element = mnl_attr_nest_start(h, NFTA_LIST_ELEM), *target;

	memcpy(padded, &queues, sizeof(queues));
	mnl_attr_put_strz(h, NFTA_EXPR_NAME, "target");
	target = mnl_attr_nest_start(h, NFTA_EXPR_DATA);
	mnl_attr_put_strz(h, NFTA_TARGET_NAME, "NFQUEUE");
	mnl_attr_put_u32(h, NFTA_TARGET_REV, htonl(REVISION));
	mnl_attr_put(h, NFTA_TARGET_INFO, sizeof(padded), padded);
	mnl_attr_nest_end(h, target);
	mnl_attr_nest_end(h, element);
	mnl_attr_nest_end(h, list);
}

/* A transaction of one rule; returns its length. */
static size_t put_transaction(char *room, const struct queue_target *t)
{
	struct nlmsghdr *begin, *rule, *end;

	begin = put_message(room, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	rule = put_message(room + begin->nlmsg_len, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE,
			   NLM_F_CREATE | NLM_F_ACK, NFPROTO_INET, 0);
	mnl_attr_put_strz(rule, NFTA_RULE_TABLE, t->table);
	mnl_attr_put_strz(rule, NFTA_RULE_CHAIN, t->chain);
	put_target(rule, t);
	end = put_message((char *)rule + rule->nlmsg_len, NFNL_MSG_BATCH_END, 0, AF_UNSPEC,
			  NFNL_SUBSYS_NFTABLES);
	return begin->nlmsg_len + rule->nlmsg_len + end->nlmsg_len;
}

static int transact(struct mnl_socket *s, const void *messages, size_t len)
{
	_Alignas(struct nlmsghdr) char room[ANSWER_ROOM];
	const struct nlmsghdr *got = (const struct nlmsghdr *)room;

	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(s, messages, len) < 0)
		return -errno;
	/* The first that comes decides: the acknowledgement, or what is wrong. */
	do
		if (mnl_socket_recvfrom(s, room, sizeof(room)) < 0)
			return -errno;
	while (got->nlmsg_type != NLMSG_ERROR);
	return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(got))->error;
}

int queue_target_insert(const struct queue_target *t)
{
	_Alignas(struct nlmsghdr) char room[ROOM];
	size_t len = put_transaction(room, t);
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int r;

	if (!s)
		return -errno;
	r = transact(s, room, len);
	mnl_socket_close(s);
	return r;
}
