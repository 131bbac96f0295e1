/*
 * Super-datagrams, and those that lack only a checksum, cut up in software and put together again.
 *
 * Input    How; offload metadata; how many octets of payload to add (so that small inputs make
 *          large datagrams); octets. HOW_FIT replaces the metadata by what the octets call for.
 * Demands  What comes out is right, fits the segment size, and its payloads in a row are what
 *          went in.
 */
#include "router/segment.h"

#include "datagram.h"
#include "fuzz.h"

enum { HOW_FIT = 1 << 0, HOW_LINK_MULTICAST = 1 << 1 };
enum { TCP_FIN = 1, TCP_PSH = 8, TCP_CWR = 0x80 };

/* The whole, and how much of it has come out again. */
struct whole {
	const uint8_t *octets;
	struct anatomy a;
	size_t header, gso_size, at;
	unsigned count;
};

/* As a sender leaves it to the device. */
static void fit(struct frame *f)
{
	uint8_t *ip = frame_ip(f);
	struct anatomy a;

	datagram_repair(ip, f->len);
	if (!anatomy_of(&a, ip, f->len) || !a.checksum)
		return;
	store16(ip + a.checksum, pseudo_sum(ip, &a, a.len - a.header));
	f->offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	f->offload.csum_start = (uint16_t)a.header;
	f->offload.csum_offset = (uint16_t)(a.checksum - a.header);
}

/* Statement by statement: the order inside an initializer is the compiler's. */
static uint8_t read_offload(struct frame *f, struct input *in)
{
	uint8_t how = input_u8(in);

	f->offload = (struct virtio_net_hdr){ .flags = input_u8(in) };
	f->offload.gso_type = input_u8(in);
	f->offload.gso_size = input_u16(in);
	f->offload.csum_start = input_u8(in);
	f->offload.csum_offset = input_u8(in);
	return how;
}

static void read_frame(struct frame *f, struct input *in)
{
	uint8_t how = read_offload(f, in);
	size_t more = input_u16(in), len = input_left(in);

	if (more > FRAME_LEN_MOST - len)
		more = FRAME_LEN_MOST - len;
	f->link_multicast = how & HOW_LINK_MULTICAST;
	f->octets = malloc(FRAME_IP + len + more);
	assert(f->octets);
	f->len = (uint32_t)(len + more);
	if (len)
		memcpy(frame_ip(f), in->at, len);
	for (size_t i = len; i < f->len; i++)
		frame_ip(f)[i] = (uint8_t)(i * 7 + i / 251);
	if (how & HOW_FIT)
		fit(f);
}

static void judge_tcp(const struct whole *w, const uint8_t *tcp, bool last)
{
	const uint8_t *was = w->octets + w->a.header;
	uint8_t gone = (uint8_t)((last ? 0 : TCP_FIN | TCP_PSH) | (w->count ? TCP_CWR : 0));

	assert(load32(tcp + 4) == (uint32_t)(load32(was + 4) + w->at));
	assert(tcp[13] == (was[13] & ~gone));
}

static void judge_segment(struct whole *w, const struct frame *f)
{
	const uint8_t *ip = f->octets + FRAME_IP;
	size_t payload = f->len - w->header;
	struct anatomy a;

	assert(anatomy_of(&a, ip, f->len) && a.len == f->len && a.header == w->a.header);
	assert(header_is_right(ip, &a) && transport_is_right(ip, &a));
	assert(a.protocol != PROTO_UDP || load16(ip + a.checksum));
	assert(f->len >= w->header && (!w->gso_size || payload <= w->gso_size));
	assert(w->at + payload <= w->a.len - w->header);
	assert(!f->offload.flags && !f->offload.gso_type);
	assert(!payload || !memcmp(ip + w->header, w->octets + w->header + w->at, payload));
	if (a.version == 4)
		assert(load16(ip + 4) == (uint16_t)(load16(w->octets + 4) + w->count));
	if (a.protocol == PROTO_TCP)
		judge_tcp(w, ip + a.header, w->at + payload == w->a.len - w->header);
	w->at += payload;
	w->count++;
}

static void cut_and_join(struct segmenter *s, const struct frame *f)
{
	struct whole w = { .octets = f->octets + FRAME_IP };
	struct frame out = { .octets = malloc(FRAME_ROOM) };

	assert(out.octets && anatomy_of(&w.a, w.octets, f->len));
	w.header = w.a.header;
	w.header += w.a.protocol == PROTO_TCP ? (w.octets[w.a.header + 12] >> 4) * 4u : 8;
	w.gso_size = f->offload.gso_type ? f->offload.gso_size : 0;
	while (segmenter_next(s, &out)) {
		assert(out.link_multicast == f->link_multicast);
		judge_segment(&w, &out);
	}
	assert(w.count && w.header + w.at == w.a.len);
	free(out.octets);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len < FRAME_LEN_MOST ? len : FRAME_LEN_MOST);
	struct segmenter *s = segmenter_new();
	struct frame f = { 0 };

	assert(s);
	read_frame(&f, &in);
	if (segmenter_take(s, &f))
		cut_and_join(s, &f);
	segmenter_free(s);
	free(f.octets);
	return 0;
}
