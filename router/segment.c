#include "router/segment.h"

#include <stdlib.h>

#include "nat/checksum.h"

enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

struct segmenter {
	struct pkt p;	   /* of from */
	size_t header_len; /* IP and transport; they stand in front of every segment */
	size_t chunk;	   /* payload octets of a segment */
	size_t at;	   /* payload octets given out already */
	uint16_t count;	   /* segments given out already */
	bool more;
	bool link_multicast;
	const uint8_t *from; /* the super-datagram */
	uint8_t octets[FRAME_LEN_MOST];
};

struct segmenter *segmenter_new(void)
{
	return calloc(1, sizeof(struct segmenter));
}

void segmenter_free(struct segmenter *s)
{
	free(s);
}

static bool view(struct segmenter *s, const struct frame *f, uint8_t *ip)
{
	const struct pkt_offload o = frame_offload(f);
	const uint8_t *transport;

	if (!o.partial || pkt_parse(&s->p, ip, f->len, &o) != REASON_NONE)
		return false;
	s->from = s->p.ip;
	transport = pkt_transport(&s->p);
	s->header_len = s->p.transport + (s->p.protocol == PROTO_TCP ? (transport[12] >> 4) * 4u : 8);
	s->chunk = s->p.gso_size ? s->p.gso_size : s->p.len - s->header_len;
	s->at = 0;
	s->count = 0;
	s->more = true;
	s->link_multicast = f->link_multicast;
	return true;
}

/* It may have another header by now, which begins elsewhere. */
bool segmenter_view(struct segmenter *s, const struct frame *f)
{
	return view(s, f, f->p.ip);
}

bool segmenter_take(struct segmenter *s, const struct frame *f)
{
	if (f->len > sizeof(s->octets) || !view(s, f, frame_ip(f)))
		return false;
	memcpy(s->octets, s->from, f->len);
	s->from = s->p.ip = s->octets;
	return true;
}

static void finish_ip(const struct segmenter *s, uint8_t *ip, size_t len)
{
	if (s->p.version == 6) {
		store16(ip + 4, (uint16_t)(len - 40));
		return;
	}
	store16(ip + 2, (uint16_t)len);
	store16(ip + 4, (uint16_t)(load16(ip + 4) + s->count));
	store16(ip + 10, 0);
	csum_store(ip + 10, csum_of(ip, s->p.transport));
}

static void finish_tcp(const struct segmenter *s, uint8_t *tcp, bool last)
{
	store32(tcp + 4, load32(tcp + 4) + (uint32_t)s->at);
	if (!last)
		tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	if (s->count)
		tcp[13] &= (uint8_t)~TCP_CWR;
}

static void finish_checksum(const struct segmenter *s, uint8_t *ip, size_t len)
{
	size_t address_len = s->p.version == 4 ? 4 : 16;
	uint8_t *field = ip + s->p.checksum;
	uint8_t *source = ip + (pkt_source(&s->p) - s->p.ip);
	csum_t sum = csum_pseudo(source, source + address_len, address_len, s->p.protocol,
				 (uint32_t)(len - s->p.transport));

	store16(field, 0);
	sum = csum_add(sum, csum_of(ip + s->p.transport, len - s->p.transport));
	if (s->p.protocol == PROTO_UDP)
		csum_store_udp(field, sum);
	else
		csum_store(field, sum);
}

bool segmenter_next(struct segmenter *s, struct frame *f)
{
	size_t rest = s->p.len - s->header_len - s->at;
	size_t chunk = rest < s->chunk ? rest : s->chunk;
	size_t len = s->header_len + chunk;
	uint8_t *ip = frame_ip(f);

	if (!s->more)
		return false;
	s->more = chunk < rest;
	memcpy(ip, s->from, s->header_len);
	memcpy(ip + s->header_len, s->from + s->header_len + s->at, chunk);
	finish_ip(s, ip, len);
	if (s->p.protocol == PROTO_TCP)
		finish_tcp(s, ip + s->p.transport, !s->more);
	else if (s->p.gso_size)
		store16(ip + s->p.transport + 4, (uint16_t)(len - s->p.transport));
	finish_checksum(s, ip, len);
	s->at += chunk;
	s->count++;
	f->len = (uint32_t)len;
	f->link_multicast = s->link_multicast;
	f->offload = (struct virtio_net_hdr){ 0 };
	return true;
}
