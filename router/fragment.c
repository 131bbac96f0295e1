/*
 * Fragmentation of IPv4 (RFC 791 section 3.2, RFC 1812 section 4.2.2.7), and of IPv6 that was IPv4 and
 * may be fragmented (RFC 7915 section 4.1): as few pieces as fit, the largest first, in order; later
 * pieces carry only the options that say so.
 */
#include "nat/checksum.h"

#include "worker_core.h"

enum { V4_HEADER = 20, HEADER_MOST = 60, MORE = 0x2000, OFFSET_MASK = 0x1fff };
enum { V6_HEADER = 40, V6_NEXT = 6, V6_FRAGMENT = 44, V6_FRAGMENT_HEADER = 8, V6_PIECE = 48,
       V6_IDENT = 4 };

/* The datagram to be cut, and what each piece begins with. */
struct cutter {
	const struct frame *whole;
	const uint8_t *payload;
	uint32_t payload_len;
	bool more;		     /* the whole is itself not the last fragment */
	uint8_t header[HEADER_MOST]; /* of later pieces; the first of IPv4 has the whole's */
	uint32_t header_len, first_len;
};

/* Options with the top bit set are copied (RFC 791 section 3.1); padded to whole words. */
static uint32_t copy_options(uint8_t *to, const uint8_t *ip, uint32_t header)
{
	uint32_t len = 0, at = V4_HEADER;

	while (at < header && ip[at]) {
		uint32_t size = ip[at] == 1 ? 1 : ip[at + 1];

		if (ip[at] & 0x80) {
			memcpy(to + len, ip + at, size);
			len += size;
		}
		at += size;
	}
	while (len % 4)
		to[len++] = 0;
	return len;
}

/* What was translated has no headers between but its fragment header, if it was a fragment; the
 * identification is that of IPv4, behind zeros. */
static struct cutter cutter_of_six(const struct frame *whole)
{
	const struct pkt *p = &whole->p;
	struct cutter c = {
		.whole = whole,
		.payload = pkt_transport(p),
		.payload_len = p->len - p->transport,
		.more = pkt_has_more(p),
		.header_len = V6_PIECE,
		.first_len = V6_PIECE,
	};
	uint8_t *fragment = c.header + V6_HEADER;

	memcpy(c.header, p->ip, V6_HEADER);
	c.header[V6_NEXT] = V6_FRAGMENT;
	fragment[0] = p->fragment ? p->ip[p->fragment] : p->protocol;
	if (p->fragment)
		memcpy(fragment + V6_IDENT, p->ip + p->fragment + V6_IDENT, 4);
	else
		be16_store(fragment + V6_IDENT + 2, p->ident);
	return c;
}

static struct cutter cutter_of(const struct frame *whole)
{
	const struct pkt *p = &whole->p;
	struct cutter c = {
		.whole = whole,
		.payload = pkt_transport(p),
		.payload_len = p->len - p->transport,
		.more = load16(p->ip + 6) & MORE,
		.first_len = p->transport,
	};

	memcpy(c.header, p->ip, V4_HEADER);
	c.header_len = V4_HEADER + copy_options(c.header + V4_HEADER, p->ip, p->transport);
	c.header[0] = (uint8_t)(0x40 | c.header_len / 4);
	return c;
}

/* Length, offset and flags of a piece, and its header's checksum. */
static void finish(uint8_t *ip, uint32_t len, uint32_t offset, bool more)
{
	if (ip[0] >> 4 == 6) {
		store16(ip + 4, (uint16_t)(len - V6_HEADER));
		store16(ip + V6_HEADER + 2, (uint16_t)(offset | more));
		return;
	}
	store16(ip + 2, (uint16_t)len);
	store16(ip + 6, (uint16_t)((offset / 8 & OFFSET_MASK) | (more ? MORE : 0)));
	store16(ip + 10, 0);
	csum_store(ip + 10, csum_of(ip, (size_t)(ip[0] & 15) * 4));
}

/* A partial checksum covers all pieces: it is completed first. */
static void complete(struct frame *f)
{
	struct pkt *p = &f->p;

	if (!(p->flags & PKT_PARTIAL))
		return;
	pkt_complete(p);
	p->flags &= (uint16_t)~PKT_PARTIAL;
	f->offload = (struct virtio_net_hdr){ 0 };
}

/* The piece that begins at an offset of the payload, as a frame of its own with at most mtu octets;
 * *len: payload octets in it. NULL if there is no frame to spare. */
static struct frame *make_piece(struct worker *w, const struct cutter *c, uint32_t at, uint32_t mtu,
				uint32_t *len)
{
	const struct pkt *p = &c->whole->p;
	uint32_t header = at ? c->header_len : c->first_len;
	uint32_t left = c->payload_len - at, room = mtu - header;
	struct frame *f = frame_take(w);
	uint8_t *ip;

	if (!f)
		return NULL;
	*len = left <= room ? left : room & ~7u;
	ip = frame_ip(f);
	memcpy(ip, at || p->version == 6 ? c->header : p->ip, header);
	memcpy(ip + header, c->payload + at, *len);
	finish(ip, header + *len, p->fragment_offset + at, c->more || *len < left);
	f->ingress = c->whole->ingress;
	f->egress = c->whole->egress;
	f->priority = c->whole->priority;
	f->p = (struct pkt){ .ip = ip, .len = header + *len, .version = p->version,
			     .transport = (uint16_t)header, .protocol = p->protocol,
			     .flags = PKT_FRAGMENT_LATER };
	return f;
}

/* A plain datagram, in pieces; takes the frame. */
static void send_pieces(struct worker *w, struct frame *f, const struct hop *hop, uint32_t mtu)
{
	struct cutter c = f->p.version == 4 ? cutter_of(f) : cutter_of_six(f);
	uint32_t len;

	complete(f);
	for (uint32_t at = 0; at < c.payload_len; at += len) {
		struct frame *piece = make_piece(w, &c, at, mtu, &len);

		bump(&w->counters.pieces, at > 0);
		if (!piece) {
			frame_drop(w, f, REASON_SEND_FULL);
			return;
		}
		forward_one(w, piece, hop);
	}
	frame_release(w, f);
}

/* What waits to be sent holds frames, too. */
static struct frame *take_or_flush(struct worker *w)
{
	struct frame *f = frame_take(w);

	if (f)
		return f;
	forward_flush(w);
	return frame_take(w);
}

static void send_segment(struct worker *w, struct frame *segment, const struct hop *hop, uint32_t mtu)
{
	if (segment->p.len > mtu)
		send_pieces(w, segment, hop, mtu);
	else
		forward_one(w, segment, hop);
}

/* What it was lies in its own octets, not in those of the whole, which will be somebody else's. */
static void follow_before(struct frame *segment, const struct frame *whole)
{
	struct pkt *was = &segment->job.before.view;

	if (!segment->job.kept)
		return;
	was->ip = segment->p.ip + (was->ip - whole->p.ip);
	was->len = was->transport + segment->p.len - segment->p.transport;
	was->gso_size = 0;
	was->flags &= (uint16_t)~PKT_PARTIAL;
}

/* What a super-packet stands for is not fragmented as a whole, but segment by segment. */
static void send_segments(struct worker *w, struct frame *f, const struct hop *hop, uint32_t mtu)
{
	struct frame *segment;
	uint16_t number = 0;
	size_t made = 0;

	f->len = f->p.len;
	if (!segmenter_view(w->segmenter, f)) {
		frame_drop(w, f, REASON_OFFLOAD);
		return;
	}
	while ((segment = take_or_flush(w)) && segmenter_next(w->segmenter, segment)) {
		bump(&w->counters.pieces, made++ > 0);
		segment->ingress = f->ingress;
		segment->egress = f->egress;
		segment->priority = f->priority;
		/* What is told of it later is told of what came in. */
		segment->job = f->job;
		segment->job.p = &segment->p;
		if (pkt_parse(&segment->p, frame_ip(segment), segment->len, NULL) != REASON_NONE) {
			frame_drop(w, segment, REASON_OFFLOAD);
			continue;
		}
		follow_before(segment, f);
		/* As if it had come alone: RFC 7915 section 4.1. */
		segment->p.ident = be16_from((uint16_t)(be16_host(f->p.ident) + number++));
		send_segment(w, segment, hop, mtu);
	}
	if (segment) {
		frame_release(w, segment);
	} else {
		bump(&w->counters.reasons[REASON_SEND_FULL], 1);
		bump(&w->counters.pieces, made > 0);
	}
	frame_release(w, f);
}

void fragment_send(struct worker *w, struct frame *f, const struct hop *hop, uint32_t mtu)
{
	if (mtu < HEADER_MOST + 8)
		frame_drop(w, f, REASON_TOO_BIG);
	else if (f->p.gso_size)
		send_segments(w, f, hop, mtu);
	else
		send_pieces(w, f, hop, mtu);
}

void fragment_finish(struct worker *w, struct frame *f, const struct hop *hop)
{
	if (f->p.gso_size) {
		send_segments(w, f, hop, UINT32_MAX);
		return;
	}
	complete(f);
	forward_one(w, f, hop);
}
