/*
 * A batch of datagrams to be joined, for tests of that.
 *
 * Shape    Segments are numbered in a run of segments of SIZE octets each; identifications and
 *          sequence numbers wrap. What differs is changed by the test.
 */
#ifndef COALESCE_RIG_H
#define COALESCE_RIG_H

#include "packets.h"

#include "nat/checksum.h"
#include "router/coalesce.h"
#include "router/io.h"
#include "router/segment.h"

enum { SIZE = 1001, SEQUENCE = 0x7ffff000, PSH = 8, URG = 32, ECE = 64, CWR = 128 };
enum { EVERYTHING = IO_CHECKSUM | IO_TSO | IO_USO };

static const char *const v4 = "10.0.0.10:5000 > 203.0.113.9:80";
static const char *const v6 = "[2001:db8::1]:5000 > [2001:db8::2]:80";

/* A batch, and what was put into it. */
struct bench {
	struct frame frame[FRAME_BATCH];
	struct frame *frames[FRAME_BATCH];
	uint8_t into[FRAME_BATCH];
	size_t count, kept;
};

static inline void clear(struct bench *b)
{
	b->count = b->kept = 0;
	for (size_t i = 0; i < FRAME_BATCH; i++)
		b->frame[i].offload = (struct virtio_net_hdr){ 0 };
}

static inline int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	for (size_t i = 0; i < FRAME_BATCH; i++) {
		b->frame[i].octets = calloc(1, FRAME_ROOM);
		assert_non_null(b->frame[i].octets);
	}
	*state = b;
	return 0;
}

static inline int tear_down(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < FRAME_BATCH; i++)
		free(b->frame[i].octets);
	free(b);
	return 0;
}

static inline void parse(struct frame *f)
{
	struct pkt_offload o = frame_offload(f);

	assert_int_equal(pkt_parse(&f->p, frame_ip(f), f->len, &o), REASON_NONE);
}

static inline struct frame *put(struct bench *b, const struct packet *p)
{
	struct frame *f = &b->frame[b->count];

	assert_true(b->count < FRAME_BATCH);
	memcpy(frame_ip(f), p->octets, p->len);
	f->len = (uint32_t)p->len;
	f->offload = (struct virtio_net_hdr){ 0 };
	parse(f);
	b->frames[b->count++] = f;
	return f;
}

/* Returns how many are left to be sent. */
static inline size_t joined(struct bench *b, unsigned takes)
{
	b->kept = coalesce(b->frames, b->count, takes, b->into);
	assert_true(b->kept <= b->count);
	return b->kept;
}

static inline struct packet with_ident(struct packet p, uint16_t ident)
{
	if (packet_is_v4(p.octets))
		store16(p.octets + 4, ident);
	packet_seal_header(p.octets);
	return p;
}

static inline struct packet with_tcp_options(struct packet p, uint8_t filling)
{
	uint8_t *t = packet_transport(&p);
	size_t at = packet_header(p.octets);

	memmove(t + 32, t + 20, p.len - at - 20);
	memset(t + 20, filling, 12);
	t[12] = 8 << 4;
	p.len += 12;
	store16(p.octets + (packet_is_v4(p.octets) ? 2 : 4),
		(uint16_t)(p.len - (packet_is_v4(p.octets) ? 0 : 40)));
	packet_seal(&p);
	return p;
}

/* The segment of that number in a run of segments of SIZE octets; the sequence number wraps. */
static inline struct packet segment(const char *way, unsigned number, uint8_t flags, size_t len)
{
	struct packet p = tcp(way, flags, 2u * SEQUENCE + number * SIZE, 77, len);

	return with_ident(with_tcp_options(p, 1), (uint16_t)(0xfffe + number));
}

static inline struct packet datagram(const char *way, unsigned number, size_t len)
{
	return with_ident(udp(way, len), (uint16_t)(0xfffe + number));
}

static inline void put_run(struct bench *b, const char *way, unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++) {
		struct packet p = segment(way, i, ACK, SIZE);

		put(b, &p);
	}
}

/* Cut it again: the datagrams must be these. Identifications are not compared if they mean
 * nothing. */
static inline void assert_cut(const struct frame *f, const struct packet *expected, size_t count,
		       bool idents)
{
	struct segmenter *s = segmenter_new();
	struct frame out = { .octets = calloc(1, FRAME_ROOM) };

	assert_true(segmenter_view(s, f));
	for (size_t i = 0; i < count; i++) {
		struct packet was = expected[i];

		assert_true(segmenter_next(s, &out));
		assert_int_equal(out.len, was.len);
		if (!idents)
			was = with_ident(was, load16(frame_ip(&out) + 4));
		assert_memory_equal(frame_ip(&out), was.octets, was.len);
	}
	assert_false(segmenter_next(s, &out));
	segmenter_free(s);
	free(out.octets);
}

/* What a device is told agrees with the octets. */
static inline void assert_super(const struct frame *f, uint8_t gso_type, uint16_t gso_size)
{
	struct frame copy = *f;
	uint8_t field[2] = { 0 };
	bool is_v4 = packet_is_v4(frame_ip(f));
	size_t address_len = is_v4 ? 4 : 16;

	assert_int_equal(f->offload.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(f->offload.gso_type, gso_type);
	assert_int_equal(f->offload.gso_size, gso_size);
	assert_int_equal(f->len, f->p.len);
	parse(&copy);
	assert_int_equal(copy.p.flags, f->p.flags);
	assert_int_equal(copy.p.len, f->p.len);
	assert_int_equal(copy.p.gso_size, gso_size);
	assert_int_equal(copy.p.checksum, f->p.checksum);
	assert_int_equal(f->offload.hdr_len, f->p.transport + (f->p.protocol == PROTO_TCP ?
			 (pkt_transport(&f->p)[12] >> 4) * 4 : 8));
	csum_patch_partial(field, csum_pseudo(pkt_source(&f->p), pkt_destination(&f->p),
					      address_len, f->p.protocol,
					      f->p.len - f->p.transport));
	assert_memory_equal(f->p.ip + f->p.checksum, field, 2);
}

/* How the second of two segments, or the first, is made one that stays alone. */
struct change {
	const char *name, *way;
	size_t at; /* octet of the datagram, or of the transport from 100 on */
	uint8_t by; /* added */
	bool of_first, unsealed;
};

static inline void change(struct packet *p, const struct change *c)
{
	if (c->at >= 100)
		packet_transport(p)[c->at - 100] = (uint8_t)(packet_transport(p)[c->at - 100] + c->by);
	else
		p->octets[c->at] = (uint8_t)(p->octets[c->at] + c->by);
	if (!c->unsealed)
		packet_seal(p);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
