/* Messages of the kernel's queues, and whose queues are which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "router/conf.h"
#include "router/queue_message.h"
#include "router/queue_rules.h"

enum { ROOM = 512, QUEUE = 7, PACKET = 41 };

static const uint8_t datagram[] = { 0x45, 1, 2, 3, 4, 5, 6 };

/* What comes: the parts that a test asks for. */
static struct nlmsghdr *begin(void *room, uint16_t type)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(room);
	struct nfgenmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	body->res_id = htons(QUEUE);
	return h;
}

static void put_number(struct nlmsghdr *h)
{
	const struct nfqnl_msg_packet_hdr number = { .packet_id = htonl(PACKET) };

	mnl_attr_put(h, NFQA_PACKET_HDR, sizeof(number), &number);
}

static void a_packet_is_read_where_it_lies(void **state)
{
	uint32_t room[ROOM] = { 0 };
	struct nlmsghdr *h = begin(room, NFQNL_MSG_PACKET);
	struct queue_message m;

	(void)state;
	put_number(h);
	mnl_attr_put_u32(h, NFQA_SKB_INFO, htonl(NFQA_SKB_GSO | NFQA_SKB_CSUMNOTREADY));
	mnl_attr_put_u32(h, NFQA_MARK, 1);
	mnl_attr_put(h, NFQA_PAYLOAD, sizeof(datagram), datagram);
	assert_int_equal(queue_parse(&m, room, h->nlmsg_len), QUEUE_PACKET);
	assert_int_equal(m.queue, QUEUE);
	assert_int_equal(m.packet, PACKET);
	assert_true(m.partial && m.large);
	assert_int_equal(m.len, sizeof(datagram));
	assert_memory_equal((uint8_t *)room + m.offset, datagram, sizeof(datagram));
}

static void a_packet_without_datagram_has_a_number(void **state)
{
	uint32_t room[ROOM] = { 0 };
	struct nlmsghdr *h = begin(room, NFQNL_MSG_PACKET);
	struct queue_message m;

	(void)state;
	put_number(h);
	assert_int_equal(queue_parse(&m, room, h->nlmsg_len), QUEUE_PACKET);
	assert_int_equal(m.packet, PACKET);
	assert_int_equal(m.len, 0);
	assert_false(m.partial || m.large);
}

static void what_is_cut_off_is_nothing(void **state)
{
	uint32_t room[ROOM] = { 0 };
	struct nlmsghdr *h = begin(room, NFQNL_MSG_PACKET);
	struct queue_message m;
	uint32_t whole;

	(void)state;
	put_number(h);
	mnl_attr_put(h, NFQA_PAYLOAD, sizeof(datagram), datagram);
	whole = h->nlmsg_len;
	for (uint32_t len = 0; len < whole; len++)
		assert_int_equal(queue_parse(&m, room, len), QUEUE_OTHER);
	for (h->nlmsg_len = 0; h->nlmsg_len < NLMSG_HDRLEN + sizeof(struct nfgenmsg); h->nlmsg_len++)
		assert_int_equal(queue_parse(&m, room, whole), QUEUE_OTHER);
	h->nlmsg_len = UINT32_C(1) << 31 | whole;
	assert_int_equal(queue_parse(&m, room, whole), QUEUE_OTHER);
}

static void what_is_of_another_type_is_nothing(void **state)
{
	uint32_t room[ROOM] = { 0 };
	struct nlmsghdr *h = begin(room, NFQNL_MSG_VERDICT);
	struct queue_message m;

	(void)state;
	put_number(h);
	assert_int_equal(queue_parse(&m, room, h->nlmsg_len), QUEUE_OTHER);
	h->nlmsg_type = NLMSG_ERROR;
	assert_int_equal(queue_parse(&m, room, h->nlmsg_len), QUEUE_REFUSED);
	h = begin(room, NFQNL_MSG_PACKET);
	assert_int_equal(queue_parse(&m, room, h->nlmsg_len), QUEUE_OTHER);
}

static uint32_t verdict_in(const struct nlmsghdr *h, uint32_t *packet)
{
	const struct nlattr *a = mnl_nlmsg_get_payload_offset(h, sizeof(struct nfgenmsg));
	const struct nfqnl_msg_verdict_hdr *v = mnl_attr_get_payload(a);

	assert_int_equal(mnl_attr_get_type(a), NFQA_VERDICT_HDR);
	*packet = ntohl(v->id);
	return ntohl(v->verdict);
}

static void a_verdict_names_its_packet(void **state)
{
	uint32_t room[QUEUE_VERDICT_LEN / sizeof(uint32_t)] = { 0 }, packet;
	const struct nlmsghdr *h = (const struct nlmsghdr *)room;
	const struct nfgenmsg *body = mnl_nlmsg_get_payload(h);

	(void)state;
	queue_verdict(room, QUEUE, PACKET, QUEUE_DROP, false);
	assert_int_equal(h->nlmsg_type, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT);
	assert_int_equal(h->nlmsg_len, QUEUE_VERDICT_LEN);
	assert_int_equal(verdict_in(h, &packet), 0);
	assert_int_equal(packet, PACKET);
	assert_int_equal(ntohs(body->res_id), QUEUE);
	queue_verdict(room, QUEUE, PACKET, QUEUE_ACCEPT, true);
	assert_int_equal(h->nlmsg_type, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH);
	assert_int_equal(verdict_in(h, &packet), 1);
}

static void what_is_given_back_holds_its_datagram(void **state)
{
	uint32_t room[ROOM];
	uint8_t *at = (uint8_t *)room + QUEUE_ACCEPT_FRONT;
	const struct nlmsghdr *h = (const struct nlmsghdr *)room;
	const struct nlattr *a;
	uint32_t packet;
	size_t len;

	(void)state;
	memset(room, 0xff, sizeof(room));
	memcpy(at, datagram, sizeof(datagram));
	len = queue_accept(at, sizeof(datagram), QUEUE, PACKET);
	assert_int_equal(h->nlmsg_len, len);
	assert_int_equal(h->nlmsg_len, QUEUE_ACCEPT_FRONT + sizeof(datagram) + 1);
	assert_int_equal(at[sizeof(datagram)], 0);
	assert_int_equal(at[sizeof(datagram) + 1], 0xff);
	assert_int_equal(verdict_in(h, &packet), 1);
	a = (const struct nlattr *)(const void *)((const uint8_t *)room + QUEUE_VERDICT_LEN);
	assert_int_equal(mnl_attr_get_type(a), NFQA_PAYLOAD);
	assert_int_equal(mnl_attr_get_payload_len(a), sizeof(datagram));
	assert_memory_equal(mnl_attr_get_payload(a), datagram, sizeof(datagram));
}

/* dial.conf has one worker, and interfaces of other types, so that nothing comes whole. */
static void queues_follow_each_other(void **state)
{
	struct conf *c = conf_read("test/unit/router/conf/dial.conf", stderr);
	const struct conf_interface *n;

	(void)state;
	assert_non_null(c);
	n = c->interfaces + 6;
	assert_int_equal(n[0].queue, 0);
	assert_int_equal(n[0].queue_length, 1024);
	assert_false(n[0].fail_open || n[0].whole);
	assert_int_equal(n[1].queue, 1);
	assert_int_equal(n[1].queue_length, 4096);
	assert_true(n[1].fail_open);
	assert_int_equal(n[1].mark, 7);
	assert_int_equal(n[2].queue, 65535);
	assert_int_equal(n[3].type, IO_RAW);
	assert_string_equal(n[3].device, "");
	assert_int_equal(n[3].mark, 8);
	assert_string_equal(n[4].device, "eth4");
	conf_free(c);
}

static void tcp_has_queues_of_its_own_where_all_is_queued(void **state)
{
	const struct conf_interface few = { .queues = 2 }, usual = { 0 }, whole = { .whole = true };

	(void)state;
	assert_int_equal(queue_count(&few, 3), 2);
	assert_int_equal(queue_count(&few, 1), 1);
	assert_int_equal(queue_count(&usual, 3), 3);
	assert_int_equal(queue_count(&whole, 3), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_read_where_it_lies),
		cmocka_unit_test(a_packet_without_datagram_has_a_number),
		cmocka_unit_test(what_is_cut_off_is_nothing),
		cmocka_unit_test(what_is_of_another_type_is_nothing),
		cmocka_unit_test(a_verdict_names_its_packet),
		cmocka_unit_test(what_is_given_back_holds_its_datagram),
		cmocka_unit_test(queues_follow_each_other),
		cmocka_unit_test(tcp_has_queues_of_its_own_where_all_is_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
