#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/frame.h"

enum { HEADER_LEN = sizeof(struct virtio_net_hdr), ETHERNET_LEN = 14 };

static struct frame new_frame(void)
{
	struct frame f = { .octets = calloc(1, FRAME_ROOM) };

	assert_non_null(f.octets);
	f.p.ip = frame_ip(&f);
	return f;
}

/* Let a virtio-net header arrive in front of link_len octets of link-layer header. */
static void arrive(struct frame *f, const struct virtio_net_hdr *h, size_t link_len)
{
	memcpy(frame_ip(f) - link_len - HEADER_LEN, h, HEADER_LEN);
	frame_load_offload(f, link_len);
}

static void says_nothing_of_an_ordinary_datagram(void **state)
{
	struct frame f = { 0 };
	struct pkt_offload o = frame_offload(&f);

	(void)state;
	assert_false(o.partial);
	assert_int_equal(o.checksum_start, 0);
	assert_int_equal(o.gso_size, 0);
}

static void tells_the_parser_of_checksum_and_segments(void **state)
{
	struct frame f = { .offload = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.gso_size = 1448,
					.csum_start = 20,
					.csum_offset = 16 } };
	struct pkt_offload o = frame_offload(&f);

	(void)state;
	assert_true(o.partial);
	assert_int_equal(o.checksum_start, 20);
	assert_int_equal(o.checksum_offset, 16);
	assert_int_equal(o.gso_size, 1448);
}

static void ignores_a_segment_size_without_a_type(void **state)
{
	struct frame f = { .offload = { .gso_size = 1448 } };

	(void)state;
	assert_int_equal(frame_offload(&f).gso_size, 0);
}

/* What a link-layer header in front does to the offsets, there and back. */
static void counts_offsets_from_the_ip_header(void **state)
{
	static const size_t link_lens[] = { 0, ETHERNET_LEN };
	struct frame f = new_frame();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint16_t link_len = (uint16_t)link_lens[i];
		struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					    .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
					    .hdr_len = (uint16_t)(link_len + 60),
					    .gso_size = 1428,
					    .csum_start = (uint16_t)(link_len + 40),
					    .csum_offset = 16 };
		const uint8_t *at;

		arrive(&f, &h, link_len);
		assert_int_equal(f.offload.csum_start, 40);
		assert_int_equal(f.offload.hdr_len, 60);
		assert_int_equal(f.offload.gso_size, 1428);
		memset(f.octets, 0, FRAME_IP);
		at = frame_store_offload(&f, link_len);
		assert_ptr_equal(at, frame_ip(&f) - link_len - HEADER_LEN);
		assert_memory_equal(at, &h, HEADER_LEN);
	}
	free(f.octets);
}

/* A kernel leaves hdr_len zero unless there are segments, and refuses one that is too large. */
static void keeps_an_absent_header_length(void **state)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .csum_start = ETHERNET_LEN + 20,
				    .csum_offset = 6 };
	struct frame f = new_frame();

	(void)state;
	arrive(&f, &h, ETHERNET_LEN);
	assert_int_equal(f.offload.hdr_len, 0);
	assert_memory_equal(frame_store_offload(&f, ETHERNET_LEN), &h, HEADER_LEN);
	free(f.octets);
}

static void forgets_hints(void **state)
{
	static const struct virtio_net_hdr nothing;
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_DATA_VALID, .hdr_len = 54 };
	struct frame f = new_frame();

	(void)state;
	arrive(&f, &h, ETHERNET_LEN);
	assert_memory_equal(&f.offload, &nothing, HEADER_LEN);
	assert_memory_equal(frame_store_offload(&f, ETHERNET_LEN), &nothing, HEADER_LEN);
	free(f.octets);
}

/* Translation may move the IP header; what precedes it moves too. */
static void stores_in_front_of_the_view(void **state)
{
	struct frame f = new_frame();

	(void)state;
	f.p.ip += 20;
	assert_ptr_equal(frame_store_offload(&f, 0), frame_ip(&f) + 20 - HEADER_LEN);
	free(f.octets);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_nothing_of_an_ordinary_datagram),
		cmocka_unit_test(tells_the_parser_of_checksum_and_segments),
		cmocka_unit_test(ignores_a_segment_size_without_a_type),
		cmocka_unit_test(counts_offsets_from_the_ip_header),
		cmocka_unit_test(keeps_an_absent_header_length),
		cmocka_unit_test(forgets_hints),
		cmocka_unit_test(stores_in_front_of_the_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
