/*
 * A batch of datagrams on its way to a device that takes super-packets: joined, and cut again.
 *
 * Input    What the device takes; then turns, each a recipe for a datagram: which ends, what
 *          kind, changes to single octets, and how much payload.
 * Demands  Of what goes between the same ends, the octets come out again, in order; only
 *          identifications change, and only where DF is set. What is joined is as a sender leaves
 *          it to a device that takes it. What is not joined is not touched.
 */
#include "router/coalesce.h"
#include "router/io.h"
#include "router/segment.h"

#include "datagram.h"
#include "fuzz.h"

enum { OCTETS_MOST = 2304, SUPER_MOST = 8, DATAGRAMS_MOST = FRAME_BATCH * SUPER_MOST, ENDS = 4 };
enum { TCP_FIN = 1, TCP_PSH = 8, TCP_ACK = 16, TCP_CWR = 128 };
/* Bits of a recipe. */
enum { AS_UDP = 1 << 0, AS_V6 = 1 << 1, AS_DF = 1 << 2, AS_PARTIAL = 1 << 3, AS_SUPER = 1 << 4,
       AS_LAST = 1 << 5, AS_CHANGED = 1 << 6, AS_WRONG = 1 << 7 };

struct datagram {
	size_t len;
	uint8_t octets[OCTETS_MOST];
};

struct list {
	size_t count;
	struct datagram at[DATAGRAMS_MOST];
};

struct bench {
	struct frame frame[FRAME_BATCH], was[FRAME_BATCH], *frames[FRAME_BATCH];
	uint8_t into[FRAME_BATCH];
	size_t count, kept;
	unsigned takes;
	uint32_t sequence[ENDS * 4];
	uint16_t ident[ENDS * 4];
	struct segmenter *segmenter;
	struct list before, after;
};

static uint8_t *put_ip(uint8_t *ip, uint8_t how, uint8_t ends, uint16_t ident)
{
	memset(ip, 0, 80);
	if (how & AS_V6) {
		ip[0] = 0x60;
		ip[6] = how & AS_UDP ? PROTO_UDP : PROTO_TCP;
		ip[7] = 64;
		ip[23] = ip[39] = (uint8_t)(1 + ends / 2);
		return ip + 40;
	}
	ip[0] = 0x45;
	store16(ip + 4, ident);
	ip[6] = how & AS_DF ? 0x40 : 0;
	ip[8] = 64;
	ip[9] = how & AS_UDP ? PROTO_UDP : PROTO_TCP;
	store32(ip + 12, 0x0a000001u + ends / 2);
	store32(ip + 16, 0x0a000101);
	return ip + 20;
}

/* Returns the length of the header. */
static size_t put_transport(uint8_t *at, uint8_t how, uint8_t ends, uint32_t sequence)
{
	store16(at, (uint16_t)(1000 + ends % 2));
	store16(at + 2, 80);
	if (how & AS_UDP)
		return 8;
	store32(at + 4, sequence);
	store32(at + 8, 77);
	at[12] = 8 << 4;
	at[13] = TCP_ACK;
	memset(at + 20, 1, 12);
	if (how & AS_LAST)
		at[13] |= TCP_PSH | TCP_FIN;
	return 32;
}

static void leave_to_device(struct frame *f, uint16_t size)
{
	uint8_t *ip = frame_ip(f);
	struct anatomy a;

	assert(anatomy_of(&a, ip, f->len) && a.checksum);
	store16(ip + a.checksum, pseudo_sum(ip, &a, a.len - a.header));
	f->offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	f->offload.csum_start = (uint16_t)a.header;
	f->offload.csum_offset = (uint16_t)(a.checksum - a.header);
	if (!size)
		return;
	f->offload.gso_type = a.protocol == PROTO_UDP ? 5
			      : a.version == 4	      ? VIRTIO_NET_HDR_GSO_TCPV4
						      : VIRTIO_NET_HDR_GSO_TCPV6;
	f->offload.gso_size = size;
}

/* One octet of headers takes another value; checksums follow. */
static void change(struct frame *f, struct input *in)
{
	uint8_t at = input_u8(in), to = input_u8(in);

	if (at < f->len && at)
		frame_ip(f)[at] = to;
}

static void cook(struct bench *b, struct frame *f, struct input *in)
{
	uint8_t how = input_u8(in), ends = input_below(in, ENDS), *ip = frame_ip(f), *transport;
	uint8_t flow = (uint8_t)(ends * 4 + (how & 3)), size = input_u8(in);
	size_t segments = how & AS_SUPER ? 2 + size % (SUPER_MOST - 1u) : 1;
	size_t payload = segments * size - (how & AS_LAST && size ? size / 2u : 0);

	transport = put_ip(ip, how, ends, b->ident[flow]);
	f->len = (uint32_t)(put_transport(transport, how, ends, b->sequence[flow]) +
			    (size_t)(transport - ip) + payload);
	for (size_t i = 0; i < payload; i++)
		ip[f->len - payload + i] = (uint8_t)(b->sequence[flow] + i * 7);
	b->sequence[flow] += (uint32_t)payload;
	b->ident[flow] = (uint16_t)(b->ident[flow] + segments);
	f->offload = (struct virtio_net_hdr){ 0 };
	if (how & AS_CHANGED)
		change(f, in);
	datagram_repair(ip, f->len);
	if (how & AS_WRONG)
		ip[f->len - 1] ^= 1;
}

/* Supers and partial checksums only of what a device would bring so. */
static bool read_frame(struct bench *b, struct input *in)
{
	struct frame *f = &b->frame[b->count];
	uint8_t how = *in->at;
	struct pkt_offload o;
	uint8_t size = input_left(in) > 2 ? in->at[2] : 0;

	cook(b, f, in);
	if ((how & (AS_SUPER | AS_PARTIAL)) && !(how & (AS_CHANGED | AS_WRONG)) && size)
		leave_to_device(f, how & AS_SUPER ? size : 0);
	o = frame_offload(f);
	return pkt_parse(&f->p, frame_ip(f), f->len, &o) == REASON_NONE;
}

static void note(struct list *l, const uint8_t *octets, size_t len)
{
	struct datagram *d = &l->at[l->count++];

	assert(l->count <= DATAGRAMS_MOST && len <= OCTETS_MOST);
	memcpy(d->octets, octets, len);
	d->len = len;
}

/* As datagrams on a wire. */
static void note_cut(struct bench *b, struct list *l, const struct frame *f)
{
	static uint8_t octets[FRAME_ROOM];
	struct frame out = { .octets = octets };

	if (!f->offload.flags) {
		note(l, f->p.ip, f->p.len);
		return;
	}
	assert(segmenter_view(b->segmenter, f));
	while (segmenter_next(b->segmenter, &out))
		note(l, frame_ip(&out), out.len);
}

static bool same_ends(const struct datagram *a, const struct datagram *b)
{
	struct anatomy x, y;

	if (!anatomy_of(&x, a->octets, a->len) || !anatomy_of(&y, b->octets, b->len) ||
	    x.version != y.version || x.protocol != y.protocol)
		return false;
	if (memcmp(a->octets + (x.version == 4 ? 12 : 8), b->octets + (x.version == 4 ? 12 : 8),
		   x.version == 4 ? 8 : 32))
		return false;
	return x.later || y.later || x.header + 4 > a->len || y.header + 4 > b->len ||
	       !memcmp(a->octets + x.header, b->octets + y.header, 4);
}

static bool same(const struct datagram *a, const struct datagram *b)
{
	struct datagram c = *a;
	struct anatomy x;

	if (a->len != b->len)
		return false;
	if (anatomy_of(&x, a->octets, a->len) && x.version == 4 && (a->octets[6] & 0x40)) {
		memcpy(c.octets + 4, b->octets + 4, 2);
		memcpy(c.octets + 10, b->octets + 10, 2);
		assert(header_is_right(b->octets, &x));
	}
	return !memcmp(c.octets, b->octets, c.len);
}

/* Each comes out once, behind all that went in before it between the same ends. */
static void judge(struct bench *b)
{
	static bool gone[DATAGRAMS_MOST];

	memset(gone, 0, sizeof(gone));
	assert(b->before.count == b->after.count);
	for (size_t i = 0; i < b->after.count; i++) {
		const struct datagram *d = &b->after.at[i];
		size_t first = 0;

		while (first < b->before.count &&
		       (gone[first] || !same_ends(&b->before.at[first], d)))
			first++;
		assert(first < b->before.count && same(&b->before.at[first], d));
		gone[first] = true;
	}
}

static void judge_offload(const struct bench *b, const struct frame *f)
{
	struct frame copy = *f;
	struct pkt_offload o = frame_offload(f);
	unsigned kind = f->p.protocol == PROTO_TCP ? IO_TSO : IO_USO;
	bool tcp = f->p.protocol == PROTO_TCP, cwr = tcp && (pkt_transport(&f->p)[13] & TCP_CWR);

	if (f->p.len == b->was[f - b->frame].p.len)
		return;
	assert((b->takes & kind) && f->len == f->p.len && o.gso_size == f->p.gso_size);
	assert(pkt_parse(&copy.p, frame_ip(&copy), copy.len, &o) == REASON_NONE);
	assert(copy.p.flags == f->p.flags && copy.p.checksum == f->p.checksum);
	assert(f->offload.hdr_len == f->p.transport + (tcp ? (pkt_transport(&f->p)[12] >> 4) * 4 : 8));
	assert(!!(f->offload.gso_type & VIRTIO_NET_HDR_GSO_ECN) == cwr);
}

static void judge_frames(struct bench *b)
{
	size_t octets = 0, were = 0;

	for (size_t i = 0; i < b->count; i++) {
		octets += b->frames[i]->p.len;
		were += b->was[i].p.len;
		assert(i < b->kept || b->into[i] < b->kept);
	}
	assert(octets == were);
	for (size_t i = 0; i < b->kept; i++) {
		assert(!i || b->frames[i] > b->frames[i - 1]);
		judge_offload(b, b->frames[i]);
	}
}

static struct bench *new_bench(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert(b);
	b->segmenter = segmenter_new();
	assert(b->segmenter);
	for (size_t i = 0; i < FRAME_BATCH; i++) {
		b->frame[i].octets = malloc(FRAME_ROOM);
		assert(b->frame[i].octets);
	}
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct bench *b;
	struct input in = input_of(octets, len);

	if (!b)
		b = new_bench();
	b->count = b->before.count = b->after.count = 0;
	memset(b->sequence, 0xff, sizeof(b->sequence));
	memset(b->ident, 0xff, sizeof(b->ident));
	b->takes = input_u8(&in) & (IO_CHECKSUM | IO_TSO | IO_USO);
	while (input_left(&in) && b->count < FRAME_BATCH) {
		if (!read_frame(b, &in))
			continue;
		b->was[b->count] = b->frame[b->count];
		b->frames[b->count] = &b->frame[b->count];
		note_cut(b, &b->before, &b->frame[b->count++]);
	}
	b->kept = coalesce(b->frames, b->count, b->takes, b->into);
	judge_frames(b);
	for (size_t i = 0; i < b->kept; i++)
		note_cut(b, &b->after, b->frames[i]);
	judge(b);
	return 0;
}
