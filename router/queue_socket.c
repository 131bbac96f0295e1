#include "queue_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libnetfilter_queue/libnetfilter_queue.h>

#include "router/queue_message.h"

enum {
	RECV_BUFFER = 32 << 20,
	SEND_BUFFER = 4 << 20,
	ANSWER_LEN = 8192,
	LIST_ROOM = 16 << 10,
};

/* What has come already gets the verdict that nobody else would give it any more. */
static void refuse_packet(struct mnl_socket *socket, uint16_t queue, const void *message, size_t len)
{
	uint32_t verdict[QUEUE_VERDICT_LEN / sizeof(uint32_t)];
	struct queue_message m;

	if (queue_parse(&m, message, len) != QUEUE_PACKET)
		return;
	queue_verdict(verdict, queue, m.packet, QUEUE_DROP, false);
	mnl_socket_sendto(socket, verdict, sizeof(verdict));
}

/* Send a request; its acknowledgement is an errno. */
static int configure(struct mnl_socket *socket, struct nlmsghdr *h, uint16_t queue)
{
	uint32_t room[ANSWER_LEN / sizeof(uint32_t)];
	const struct nlmsghdr *got = (const struct nlmsghdr *)room;

	h->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(socket, h, h->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t len = mnl_socket_recvfrom(socket, room, sizeof(room));

		if (len < 0 && errno != ENOSPC)
			return -errno;
		if (len >= (ssize_t)sizeof(*got) && got->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(got))->error;
		if (len > 0)
			refuse_packet(socket, queue, room, (size_t)len);
	}
}

static void put_flags(struct nlmsghdr *h, uint32_t flags, uint32_t mask)
{
	mnl_attr_put_u32(h, NFQA_CFG_FLAGS, htobe32(flags));
	mnl_attr_put_u32(h, NFQA_CFG_MASK, htobe32(mask));
}

int queue_bind(struct mnl_socket *s, uint16_t queue, uint32_t length, bool fail_open)
{
	uint32_t room[ANSWER_LEN / sizeof(uint32_t)];
	struct nlmsghdr *h = nfq_nlmsg_put((char *)room, NFQNL_MSG_CONFIG, queue);

	nfq_nlmsg_cfg_put_cmd(h, AF_INET, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(h, NFQNL_COPY_PACKET, QUEUE_PAYLOAD_MOST);
	nfq_nlmsg_cfg_put_qmaxlen(h, length);
	put_flags(h, fail_open ? NFQA_CFG_F_FAIL_OPEN : 0, NFQA_CFG_F_FAIL_OPEN);
	return configure(s, h, queue);
}

void queue_keep_whole(struct mnl_socket *s, uint16_t queue, bool whole)
{
	uint32_t room[ANSWER_LEN / sizeof(uint32_t)];
	struct nlmsghdr *h = nfq_nlmsg_put((char *)room, NFQNL_MSG_CONFIG, queue);

	put_flags(h, whole ? NFQA_CFG_F_GSO : 0, NFQA_CFG_F_GSO);
	mnl_socket_sendto(s, h, h->nlmsg_len);
}

struct mnl_socket *queue_socket_open(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	const int on = 1, receive = RECV_BUFFER, send = SEND_BUFFER;
	int fd;

	if (!s)
		return NULL;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(s);
		return NULL;
	}
	fd = mnl_socket_get_fd(s);
	/* What is lost is in the kernel's list. */
	mnl_socket_setsockopt(s, NETLINK_NO_ENOBUFS, (void *)(uintptr_t)&on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
	return s;
}

/* What the kernel lists about a queue, see nfnetlink_queue.c there; false: there is none. */
struct listed { unsigned int number, owner, dropped, user_dropped; };

static bool next_listed(const char **at, struct listed *l)
{
	int len = 0;

	if (sscanf(*at, "%u %u %*u %*u %*u %u %u %*u %*d %n", &l->number, &l->owner, &l->dropped,
		   &l->user_dropped, &len) != 4 || !len)
		return false;
	*at += len;
	return true;
}

/* list: -1 if it could not be opened, which is no list. */
static void read_list(int list, char *text, size_t room)
{
	ssize_t len = list < 0 ? 0 : pread(list, text, room - 1, 0);

	text[len < 0 ? 0 : len] = '\0';
}

int queue_list_open(void)
{
	int fd = open("/proc/self/net/netfilter/nfnetlink_queue", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool queue_list_find(int list, uint16_t queue, unsigned int *owner)
{
	char text[LIST_ROOM];
	const char *at = text;
	struct listed l;

	read_list(list, text, sizeof(text));
	while (next_listed(&at, &l))
		if (l.number == queue) {
			*owner = l.owner;
			return true;
		}
	return false;
}

uint64_t queue_list_dropped(int list, uint16_t first, uint16_t count)
{
	char text[LIST_ROOM];
	const char *at = text;
	struct listed l;
	uint64_t dropped = 0;

	read_list(list, text, sizeof(text));
	while (next_listed(&at, &l))
		if (l.number >= first && l.number < (uint32_t)first + count)
			dropped += l.dropped + l.user_dropped;
	return dropped;
}
