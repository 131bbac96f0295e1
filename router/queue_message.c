#include "router/queue_message.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>

enum {
	PACKET_TYPE = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET,
	HEADERS_LEN = NLMSG_HDRLEN + sizeof(struct nfgenmsg),
	ATTRIBUTE_LEN = sizeof(struct nlattr),
};

_Static_assert(QUEUE_VERDICT_LEN == HEADERS_LEN + ATTRIBUTE_LEN +
					    sizeof(struct nfqnl_msg_verdict_hdr),
	       "a verdict is a message of this length");
_Static_assert(QUEUE_ACCEPT_FRONT == QUEUE_VERDICT_LEN + ATTRIBUTE_LEN, "then an attribute");

/* Attributes begin at multiples of four. */
static size_t padded(size_t len)
{
	return (len + NLA_ALIGNTO - 1) & ~(size_t)(NLA_ALIGNTO - 1);
}

static void read_attribute(struct queue_message *m, const struct nlattr *a, const uint8_t *message,
			   bool *named)
{
	uint16_t len = mnl_attr_get_payload_len(a);
	const uint8_t *payload = mnl_attr_get_payload(a);
	uint32_t number;

	switch (mnl_attr_get_type(a)) {
	case NFQA_PACKET_HDR:
		if (len < sizeof(struct nfqnl_msg_packet_hdr))
			break;
		memcpy(&number, payload, sizeof(number));
		m->packet = ntohl(number);
		*named = true;
		break;
	case NFQA_SKB_INFO:
		if (len < sizeof(number))
			break;
		memcpy(&number, payload, sizeof(number));
		m->partial = ntohl(number) & NFQA_SKB_CSUMNOTREADY;
		m->large = ntohl(number) & NFQA_SKB_GSO;
		break;
	case NFQA_PAYLOAD:
		m->offset = (uint32_t)(payload - message);
		m->len = len;
		break;
	default:
		break;
	}
}

static bool read_packet(struct queue_message *m, const uint8_t *message, size_t len)
{
	const uint8_t *at = message + HEADERS_LEN, *end = message + len;
	bool named = false;
	uint16_t queue;

	memcpy(&queue, message + NLMSG_HDRLEN + offsetof(struct nfgenmsg, res_id), sizeof(queue));
	*m = (struct queue_message){ .queue = ntohs(queue) };
	while (at < end) {
		const struct nlattr *a = (const struct nlattr *)(const void *)at;

		if (!mnl_attr_ok(a, (int)(end - at)))
			return false;
		read_attribute(m, a, message, &named);
		at += padded(a->nla_len);
	}
	return named;
}

enum queue_kind queue_parse(struct queue_message *m, const void *octets, size_t len)
{
	const struct nlmsghdr *h = octets;

	if (len < NLMSG_HDRLEN || h->nlmsg_len < NLMSG_HDRLEN || h->nlmsg_len > len)
		return QUEUE_OTHER;
	if (h->nlmsg_type == NLMSG_ERROR)
		return QUEUE_REFUSED;
	if (h->nlmsg_type != PACKET_TYPE || h->nlmsg_len < HEADERS_LEN)
		return QUEUE_OTHER;
	return read_packet(m, octets, h->nlmsg_len) ? QUEUE_PACKET : QUEUE_OTHER;
}

void queue_verdict(void *at, uint16_t queue, uint32_t packet, enum queue_verdict v, bool up_to)
{
	struct nlmsghdr *h = nfq_nlmsg_put(at, up_to ? NFQNL_MSG_VERDICT_BATCH : NFQNL_MSG_VERDICT,
					   queue);

	nfq_nlmsg_verdict_put(h, (int)packet, v == QUEUE_ACCEPT ? NF_ACCEPT : NF_DROP);
}

size_t queue_accept(uint8_t *datagram, size_t len, uint16_t queue, uint32_t packet)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)(datagram - QUEUE_ACCEPT_FRONT);
	const struct nlattr a = { .nla_len = (uint16_t)(ATTRIBUTE_LEN + len),
				  .nla_type = NFQA_PAYLOAD };

	queue_verdict(h, queue, packet, QUEUE_ACCEPT, false);
	memcpy(datagram - ATTRIBUTE_LEN, &a, sizeof(a));
	memset(datagram + len, 0, padded(len) - len);
	h->nlmsg_len = (uint32_t)(QUEUE_ACCEPT_FRONT + padded(len));
	return h->nlmsg_len;
}
