/*
 * Messages of the kernel's queues, and the verdicts that answer them.
 *
 * Input    How: whether the rest is a message as it is, or what follows in two octets its type and the
 *          queue, and then attributes: type, length in two octets, and as many octets.
 * Demands  What is read as a packet lies within the message, and is the same when it is read again;
 *          nothing else is read. A verdict names the packet, and one with a datagram holds that.
 */
#include <linux/netlink.h>

#include "router/queue_message.h"

#include "fuzz.h"

enum { MESSAGE_MOST = 4096, HEADERS = 20, ATTRIBUTE = 4, PACKET_TYPE = 0x0300, PAYLOAD = 10 };

static size_t align(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void store(uint8_t *at, const void *value, size_t len)
{
	memcpy(at, value, len);
}

/* In the kernel's own order of octets. */
static size_t build(uint8_t *message, struct input *in)
{
	uint16_t type = input_u16(in);
	uint32_t len = HEADERS;

	memset(message, 0, MESSAGE_MOST);
	store(message + 4, &type, sizeof(type));
	message[18] = input_u8(in);
	while (input_left(in) && len < MESSAGE_MOST) {
		uint16_t kind = input_u8(in), claimed = input_u16(in);
		size_t payload = claimed;
		const uint8_t *octets = input_take(in, &payload);
		uint16_t whole = (uint16_t)(ATTRIBUTE + claimed);

		if (len + align(ATTRIBUTE + payload) > MESSAGE_MOST)
			break;
		store(message + len, &whole, sizeof(whole));
		store(message + len + 2, &kind, sizeof(kind));
		memcpy(message + len + ATTRIBUTE, octets, payload);
		len += (uint32_t)align(ATTRIBUTE + payload);
	}
	store(message, &len, sizeof(len));
	return len;
}

static void judge_verdicts(const struct queue_message *m, const uint8_t *datagram)
{
	uint32_t plain[QUEUE_VERDICT_LEN / sizeof(uint32_t)];
	struct queue_message again;
	uint8_t *whole = malloc(QUEUE_ACCEPT_FRONT + align(m->len));
	uint16_t claimed;
	size_t len;

	assert(whole);
	queue_verdict(plain, m->queue, m->packet, QUEUE_DROP, m->large);
	assert(queue_parse(&again, plain, sizeof(plain)) == QUEUE_OTHER);
	memcpy(whole + QUEUE_ACCEPT_FRONT, datagram, m->len);
	len = queue_accept(whole + QUEUE_ACCEPT_FRONT, m->len, m->queue, m->packet);
	assert(len == QUEUE_ACCEPT_FRONT + align(m->len));
	assert(memcmp(whole + QUEUE_ACCEPT_FRONT, datagram, m->len) == 0);
	memcpy(&claimed, whole + QUEUE_VERDICT_LEN, sizeof(claimed));
	assert(claimed == ATTRIBUTE + m->len && whole[QUEUE_VERDICT_LEN + 2] == PAYLOAD);
	free(whole);
}

static void judge(const uint8_t *message, size_t len)
{
	struct queue_message m, again;
	uint16_t type;

	if (queue_parse(&m, message, len) != QUEUE_PACKET)
		return;
	memcpy(&type, message + 4, sizeof(type));
	assert(len >= HEADERS && type == PACKET_TYPE);
	assert(m.len <= QUEUE_PAYLOAD_MOST && m.offset + m.len <= len);
	assert(m.offset >= HEADERS + ATTRIBUTE || (!m.offset && !m.len));
	assert(queue_parse(&again, message, len) == QUEUE_PACKET);
	assert(again.packet == m.packet && again.queue == m.queue && again.offset == m.offset &&
	       again.len == m.len && again.partial == m.partial && again.large == m.large);
	judge_verdicts(&m, message + m.offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	uint8_t built[MESSAGE_MOST], *message;
	size_t message_len;

	if (input_u8(&in) & 1) {
		message_len = build(built, &in);
		message = copy_exactly(built, message_len);
	} else {
		message_len = input_left(&in);
		message = copy_exactly(in.at, message_len);
	}
	judge(message, message_len);
	free(message);
	return 0;
}
