#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nat/checksum.h"
#include "router/segment.h"

enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_CWR = 0x80 };
enum { SEQUENCE = 0xfffffc00, IDENTIFICATION = 0xfffe }; /* both wrap in between */

struct super {
	uint8_t version, protocol;
	uint16_t payload_len, gso_size;
	uint16_t segments; /* expected */
};

static struct frame new_frame(void)
{
	struct frame f = { .octets = calloc(1, FRAME_ROOM) };

	assert_non_null(f.octets);
	return f;
}

static size_t ip_len(const struct super *s)
{
	return s->version == 4 ? 20 : 40;
}

static size_t headers_len(const struct super *s)
{
	return ip_len(s) + (s->protocol == PROTO_TCP ? 32 : 8);
}

static uint8_t payload_octet(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static void put_ip(const struct super *s, uint8_t *ip, size_t len)
{
	if (s->version == 6) {
		ip[0] = 0x60;
		store16(ip + 4, (uint16_t)(len - 40));
		ip[6] = s->protocol;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
		return;
	}
	ip[0] = 0x45;
	store16(ip + 2, (uint16_t)len);
	store16(ip + 4, IDENTIFICATION);
	ip[8] = 64;
	ip[9] = s->protocol;
	store32(ip + 12, 0x0a000001);
	store32(ip + 16, 0x0a000002);
	csum_store(ip + 10, csum_of(ip, 20));
}

/* As a kernel hands it over: the checksum field holds the pseudo-header's sum. */
static void put_transport(const struct super *s, uint8_t *ip, size_t len)
{
	uint8_t *at = ip + ip_len(s);
	size_t address_len = s->version == 4 ? 4 : 16;
	uint8_t *source = ip + (s->version == 4 ? 12 : 8);
	csum_t pseudo = csum_pseudo(source, source + address_len, address_len, s->protocol,
				    (uint32_t)(len - ip_len(s)));

	store16(at, 1000);
	store16(at + 2, 2000);
	if (s->protocol == PROTO_TCP) {
		store32(at + 4, SEQUENCE);
		at[12] = 8 << 4;
		at[13] = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR;
		memset(at + 20, 1, 12); /* options: no-operation */
		csum_patch_partial(at + 16, pseudo);
	} else {
		store16(at + 4, (uint16_t)(len - ip_len(s)));
		csum_patch_partial(at + 6, pseudo);
	}
}

static void build(const struct super *s, struct frame *f)
{
	uint8_t *ip = frame_ip(f);
	size_t len = headers_len(s) + s->payload_len;

	memset(ip, 0, headers_len(s));
	put_ip(s, ip, len);
	put_transport(s, ip, len);
	for (size_t i = 0; i < s->payload_len; i++)
		ip[headers_len(s) + i] = payload_octet(i);
	f->len = (uint32_t)len;
	f->link_multicast = false;
	f->offload = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = s->gso_size ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE,
		.gso_size = s->gso_size,
		.csum_start = (uint16_t)ip_len(s),
		.csum_offset = s->protocol == PROTO_TCP ? 16 : 6,
	};
}

static void check_tcp(const uint8_t *tcp, size_t before, bool first, bool last)
{
	uint8_t flags = TCP_ACK;

	if (first)
		flags |= TCP_CWR;
	if (last)
		flags |= TCP_PSH | TCP_FIN;
	assert_int_equal(load32(tcp + 4), (uint32_t)(SEQUENCE + before));
	assert_int_equal(tcp[13], flags);
}

/* Check the segment of that number; returns how many payload octets it carried. */
static size_t check_segment(const struct super *s, struct frame *f, uint16_t number, size_t before)
{
	size_t payload_len;

	assert_int_equal(pkt_parse(&f->p, frame_ip(f), f->len, NULL), REASON_NONE);
	assert_int_equal(f->p.len, f->len);
	assert_true(f->p.checksum != 0);
	assert_true(pkt_checksum_valid(&f->p));
	assert_int_equal(f->offload.flags, 0);
	assert_int_equal(f->offload.gso_type, 0);
	if (s->version == 4)
		assert_int_equal(load16(f->p.ip + 4), (uint16_t)(IDENTIFICATION + number));
	payload_len = f->len - headers_len(s);
	assert_true(!s->gso_size || payload_len <= s->gso_size);
	if (s->protocol == PROTO_TCP)
		check_tcp(pkt_transport(&f->p), before, number == 0,
			  before + payload_len == s->payload_len);
	else
		assert_int_equal(load16(pkt_transport(&f->p) + 4), payload_len + 8);
	for (size_t i = 0; i < payload_len; i++)
		assert_int_equal(f->p.ip[headers_len(s) + i], payload_octet(before + i));
	return payload_len;
}

static void cuts_and_completes(void **state)
{
	static const struct super supers[] = {
		{ 4, PROTO_TCP, 5000, 1448, 4 },
		{ 4, PROTO_TCP, 2896, 1448, 2 },
		{ 4, PROTO_TCP, 65483, 1448, 46 },
		{ 4, PROTO_TCP, 1001, 1, 1001 },
		{ 6, PROTO_TCP, 5000, 1428, 4 },
		{ 4, PROTO_UDP, 5000, 1200, 5 },
		{ 6, PROTO_UDP, 2401, 1200, 3 },
		{ 4, PROTO_UDP, 2001, 667, 3 },
		{ 6, PROTO_TCP, 2001, 667, 3 },
		/* Only a checksum to complete. */
		{ 4, PROTO_TCP, 0, 0, 1 },
		{ 4, PROTO_TCP, 1448, 0, 1 },
		{ 4, PROTO_UDP, 33, 0, 1 },
		{ 6, PROTO_UDP, 33, 0, 1 },
	};
	struct segmenter *s = segmenter_new();
	struct frame f = new_frame();

	(void)state;
	assert_non_null(s);
	for (size_t i = 0; i < sizeof(supers) / sizeof(supers[0]); i++) {
		size_t before = 0;
		uint16_t number = 0;

		build(&supers[i], &f);
		assert_true(segmenter_take(s, &f));
		while (segmenter_next(s, &f))
			before += check_segment(&supers[i], &f, number++, before);
		assert_int_equal(before, supers[i].payload_len);
		assert_int_equal(number, supers[i].segments);
	}
	free(f.octets);
	segmenter_free(s);
}

/* What is cut lies elsewhere and stays as it was. */
static void cuts_without_a_copy(void **state)
{
	static const struct super tcp = { 6, PROTO_TCP, 5001, 1428, 4 };
	struct segmenter *s = segmenter_new();
	struct frame f = new_frame(), out = new_frame(), was = new_frame();
	size_t before = 0;
	uint16_t number = 0;

	(void)state;
	build(&tcp, &f);
	f.p.ip = frame_ip(&f);
	memcpy(was.octets, f.octets, FRAME_ROOM);
	assert_true(segmenter_view(s, &f));
	while (segmenter_next(s, &out))
		before += check_segment(&tcp, &out, number++, before);
	assert_int_equal(before, tcp.payload_len);
	assert_int_equal(number, tcp.segments);
	assert_memory_equal(was.octets, f.octets, FRAME_ROOM);
	f.len -= 1;
	assert_false(segmenter_view(s, &f));
	free(f.octets);
	free(out.octets);
	free(was.octets);
	segmenter_free(s);
}

/* RFC 768: a sum of zero is sent as all ones, because zero says that there is none. */
static void never_sends_a_udp_checksum_of_zero(void **state)
{
	static const struct super small = { 4, PROTO_UDP, 2, 0, 1 };
	struct segmenter *s = segmenter_new();
	struct frame f = new_frame();
	uint8_t *udp = frame_ip(&f) + 20;
	csum_t sum;

	(void)state;
	build(&small, &f);
	/* Choose the payload that brings the sum to ffff. */
	store16(udp + 8, 0);
	sum = csum_of(udp, 10);
	csum_store(udp + 8, sum);
	assert_true(segmenter_take(s, &f));
	assert_true(segmenter_next(s, &f));
	assert_int_equal(load16(udp + 6), 0xffff);
	assert_int_equal(pkt_parse(&f.p, frame_ip(&f), f.len, NULL), REASON_NONE);
	assert_true(pkt_checksum_valid(&f.p));
	free(f.octets);
	segmenter_free(s);
}

static void leaves_the_rest_alone(void **state)
{
	static const struct super tcp = { 4, PROTO_TCP, 3000, 1448, 3 };
	struct segmenter *s = segmenter_new();
	struct frame f = new_frame();

	(void)state;
	assert_false(segmenter_next(s, &f));
	build(&tcp, &f);
	f.offload = (struct virtio_net_hdr){ 0 };
	assert_false(segmenter_take(s, &f)); /* nothing to be done */
	build(&tcp, &f);
	f.offload.csum_start += 2;
	assert_false(segmenter_take(s, &f)); /* header that lies */
	build(&tcp, &f);
	f.len -= 100;
	assert_false(segmenter_take(s, &f)); /* cut off */
	assert_false(segmenter_next(s, &f));
	free(f.octets);
	segmenter_free(s);
}

static void keeps_what_the_link_said(void **state)
{
	static const struct super udp = { 4, PROTO_UDP, 100, 50, 2 };
	struct segmenter *s = segmenter_new();
	struct frame f = new_frame();

	(void)state;
	build(&udp, &f);
	f.link_multicast = true;
	assert_true(segmenter_take(s, &f));
	f.link_multicast = false;
	assert_true(segmenter_next(s, &f));
	assert_true(f.link_multicast);
	free(f.octets);
	segmenter_free(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_and_completes),
		cmocka_unit_test(cuts_without_a_copy),
		cmocka_unit_test(never_sends_a_udp_checksum_of_zero),
		cmocka_unit_test(leaves_the_rest_alone),
		cmocka_unit_test(keeps_what_the_link_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
