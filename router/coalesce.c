/*
 * A datagram is looked for in a small table by the ends it goes between. Mostly there is nothing,
 * and that is all that is done about it: a run costs only where there is one. The table holds the
 * last datagram of each pair of ends, which the next may join, so that order needs no other care;
 * what has no ends that could be told in passing (fragments, options) ends every run.
 */
#include "router/coalesce.h"

#include "nat/checksum.h"
#include "router/io.h"

/* Since Linux 6.2; headers may be older than the kernel. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

enum { SLOTS = 256, SEGMENTS_MOST = 64 };

/* To copy more octets costs more than to send them by themselves. */
enum { MORE_MOST = 9 << 10 };

enum { V4_HEADER = 20, V6_HEADER = 40, UDP_HEADER = 8 };
enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10,
       TCP_URG = 0x20, TCP_CWR = 0x80 };

_Static_assert(FRAME_BATCH < UINT8_MAX, "numbers of frames fit an octet");

struct batch {
	struct frame **frames;
	unsigned takes;
	/* Number + 1 of the last frame that has a key, in the first place that was free from where
	 * the key belongs; there is always one, and none becomes free again. */
	uint8_t last[SLOTS + FRAME_BATCH];
	bool sound[FRAME_BATCH];    /* by number: the checksum was found to be right */
	uint64_t keys[FRAME_BATCH]; /* by number */
	csum_t ends[FRAME_BATCH];   /* of those that are sound: the pseudo-header's sum, without length */
	size_t looked, run_end; /* frames below looked are no obstacle from run_end on */
	size_t joined_count;
	struct joined { struct frame *frame; uint8_t into; } joined[FRAME_BATCH];
};

/* Ports and the eight octets in front, which are both IPv4 addresses or half of IPv6's destination,
 * mixed. A later fragment has no ports, but its buffer has octets. */
static uint64_t key_of(const struct pkt *p)
{
	const uint8_t *ports = pkt_transport(p);
	uint64_t addresses;
	uint32_t both;

	memcpy(&addresses, ports - sizeof(addresses), sizeof(addresses));
	memcpy(&both, ports, sizeof(both));
	return (addresses + both * 0xff51afd7ed558ccd) * 0x9e3779b97f4a7c15;
}

static bool same_ends(const struct pkt *a, const struct pkt *b)
{
	return a->version == b->version && a->protocol == b->protocol &&
	       !memcmp(pkt_transport(a), pkt_transport(b), 4) &&
	       !memcmp(pkt_source(a), pkt_source(b), a->version == 4 ? 8 : 32);
}

static bool is_plain(const struct pkt *p)
{
	return !pkt_is_fragment(p) && p->transport == (p->version == 4 ? V4_HEADER : V6_HEADER);
}

/* Whether all frames from number first to number last can be told apart by their ends. */
static bool all_plain(struct batch *b, size_t first, size_t last)
{
	for (; b->looked <= last; b->looked++)
		if (b->frames[b->looked] && !is_plain(&b->frames[b->looked]->p))
			b->run_end = b->looked + 1;
	return first >= b->run_end;
}

static uint32_t header_len(const struct pkt *p)
{
	if (p->protocol == PROTO_UDP)
		return p->transport + (uint32_t)UDP_HEADER;
	return p->transport + (uint32_t)(pkt_transport(p)[12] >> 4) * 4;
}

static bool same_ip(const struct pkt *a, const struct pkt *b, uint32_t segments)
{
	if (*pkt_ttl(a) != *pkt_ttl(b))
		return false;
	if (a->version == 6)
		return load32(a->ip) == load32(b->ip);
	return load16(a->ip) == load16(b->ip) && load16(a->ip + 6) == load16(b->ip + 6) &&
	       ((a->flags & PKT_DONT_FRAGMENT) ||
		(uint16_t)(load16(a->ip + 4) + segments) == load16(b->ip + 4));
}

static bool tcp_goes_on(const struct pkt *a, const struct pkt *b, uint32_t payload)
{
	const uint8_t *was = pkt_transport(a), *now = pkt_transport(b);
	const uint8_t last_only = TCP_FIN | TCP_PSH, never = TCP_SYN | TCP_RST | TCP_URG;

	if ((was[13] & (last_only | never | TCP_ACK)) != TCP_ACK || (now[13] & TCP_CWR) ||
	    ((was[13] ^ now[13]) & ~(last_only | TCP_CWR)))
		return false;
	/* Acknowledgement and offset; window; urgent pointer and options. */
	return load32(was + 4) + payload == load32(now + 4) && !memcmp(was + 8, now + 8, 5) &&
	       !memcmp(was + 14, now + 14, 2) &&
	       !memcmp(was + 18, now + 18, header_len(a) - a->transport - 18);
}

static bool udp_is_whole(const struct pkt *p)
{
	return p->checksum && load16(pkt_transport(p) + 4) == p->len - p->transport;
}

/* ends: sum of the pseudo-header without the length. */
static csum_t pseudo_sum(const struct pkt *p, csum_t ends)
{
	return csum_add(ends, (csum_t){ be16_from((uint16_t)(p->len - p->transport)).raw });
}

static bool is_sound(const struct pkt *p, csum_t ends)
{
	csum_t pseudo = pseudo_sum(p, ends), field;

	if (!(p->flags & PKT_PARTIAL))
		return csum_add(pseudo, csum_of(pkt_transport(p), p->len - p->transport)).raw ==
		       0xffff;
	memcpy(&field.raw, p->ip + p->checksum, sizeof(field.raw));
	return csum_is_zero(csum_sub(field, pseudo));
}

static bool is_first_sound(struct batch *b, size_t number)
{
	const struct pkt *p = &b->frames[number]->p;

	if (b->sound[number])
		return true;
	b->ends[number] = csum_pseudo(pkt_source(p), pkt_destination(p), p->version == 4 ? 4 : 16,
				      p->protocol, 0);
	b->sound[number] = is_sound(p, b->ends[number]);
	return b->sound[number];
}

/* Whether b, with the same ends and as plain, is what comes behind a. */
static bool goes_on(const struct pkt *a, const struct pkt *b)
{
	uint32_t header = header_len(a), payload, more, size;

	if (header_len(b) != header || b->len == header || a->len == header)
		return false;
	payload = a->len - header;
	more = b->len - header;
	size = a->gso_size ? a->gso_size : payload;
	if (payload % size || (b->gso_size ? b->gso_size != size : more > size))
		return false;
	if (more > MORE_MOST || a->len + more > FRAME_LEN_MOST ||
	    payload + more > SEGMENTS_MOST * size)
		return false;
	if (!same_ip(a, b, payload / size))
		return false;
	if (a->protocol == PROTO_UDP)
		return udp_is_whole(a) && udp_is_whole(b);
	return tcp_goes_on(a, b, payload);
}

/* Length and checksums of the super-datagram, and what the device is to know. */
static void finish(struct frame *f, csum_t ends)
{
	struct pkt *p = &f->p;
	bool tcp = p->protocol == PROTO_TCP;
	uint8_t *transport = pkt_transport(p);

	if (p->version == 4) {
		store16(p->ip + 2, (uint16_t)p->len);
		store16(p->ip + 10, 0);
		csum_store(p->ip + 10, csum_of(p->ip, V4_HEADER));
	} else {
		store16(p->ip + 4, (uint16_t)(p->len - V6_HEADER));
	}
	store16(p->ip + p->checksum, 0);
	csum_patch_partial(p->ip + p->checksum, pseudo_sum(p, ends));
	p->flags |= PKT_PARTIAL;
	f->len = p->len;
	f->offload = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = !tcp	      ? VIRTIO_NET_HDR_GSO_UDP_L4
			    : p->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
					      : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = (uint16_t)header_len(p),
		.gso_size = p->gso_size,
		.csum_start = p->transport,
		.csum_offset = (uint16_t)(p->checksum - p->transport),
	};
	if (tcp && (transport[13] & TCP_CWR))
		f->offload.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
}

static void append(struct frame *f, struct frame *next)
{
	struct pkt *p = &f->p;
	uint32_t header = header_len(p), more = next->p.len - header;

	if (!p->gso_size)
		p->gso_size = (uint16_t)(p->len - header);
	memcpy(p->ip + p->len, next->p.ip + header, more);
	p->len += more;
	if (p->protocol == PROTO_TCP)
		pkt_transport(p)[13] |= pkt_transport(&next->p)[13];
	else
		store16(pkt_transport(p) + 4, (uint16_t)(p->len - p->transport));
	f->len = 0; /* to be finished */
	next->p.len = header;
}

static bool is_taken(const struct pkt *p, unsigned takes)
{
	return (p->protocol == PROTO_TCP && (takes & IO_TSO)) ||
	       (p->protocol == PROTO_UDP && (takes & IO_USO));
}

/* Frame number i has the same key as the last one in slot, and may become part of that. */
static void __attribute__((noinline)) join(struct batch *b, size_t i, uint8_t *slot)
{
	size_t number = *slot - 1u;
	struct frame *next = b->frames[i], *f = b->frames[number];

	*slot = (uint8_t)(i + 1);
	if (!is_taken(&next->p, b->takes) || !same_ends(&f->p, &next->p) ||
	    !all_plain(b, number, i) || !goes_on(&f->p, &next->p) ||
	    !is_first_sound(b, number) || !is_sound(&next->p, b->ends[number]))
		return;
	*slot = (uint8_t)(number + 1);
	append(f, next);
	b->joined[b->joined_count++] = (struct joined){ next, (uint8_t)number };
	b->frames[i] = NULL;
}

/* Close the ranks, those that were joined behind. */
static size_t arrange(struct batch *b, size_t count, uint8_t *into)
{
	uint8_t place[FRAME_BATCH];
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		place[i] = (uint8_t)kept;
		if (b->frames[i])
			b->frames[kept++] = b->frames[i];
	}
	for (size_t i = 0; i < b->joined_count; i++) {
		const struct joined *j = &b->joined[i];
		struct frame *f = b->frames[place[j->into]];

		if (!f->len)
			finish(f, b->ends[j->into]);
		b->frames[kept + i] = j->frame;
		into[kept + i] = place[j->into];
	}
	return kept;
}

size_t coalesce(struct frame **frames, size_t count, unsigned takes, uint8_t into[FRAME_BATCH])
{
	struct batch b;

	b.frames = frames;
	b.takes = takes;
	b.looked = b.run_end = b.joined_count = 0;
	memset(b.last, 0, sizeof(b.last));
	memset(b.sound, 0, sizeof(b.sound));
	for (size_t i = 0; i < count; i++) {
		uint64_t key = b.keys[i] = key_of(&frames[i]->p);
		uint8_t *slot = &b.last[key >> 56];

		while (*slot && b.keys[*slot - 1] != key)
			slot++;
		if (*slot)
			join(&b, i, slot);
		else
			*slot = (uint8_t)(i + 1);
	}
	return b.joined_count ? arrange(&b, count, into) : count;
}
