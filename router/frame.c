#include "router/frame.h"

enum { HEADER_LEN = sizeof(struct virtio_net_hdr) };

struct pkt_offload frame_offload(const struct frame *f)
{
	const struct virtio_net_hdr *h = &f->offload;
	struct pkt_offload o = { 0 };

	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		o.partial = true;
		o.checksum_start = h->csum_start;
		o.checksum_offset = h->csum_offset;
	}
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		o.gso_size = h->gso_size;
	return o;
}

void frame_load_offload(struct frame *f, size_t link_len)
{
	struct virtio_net_hdr *h = &f->offload;

	memcpy(h, frame_ip(f) - link_len - HEADER_LEN, HEADER_LEN);
	/* Others than this flag are hints, which end here. */
	h->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (!h->flags && h->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		*h = (struct virtio_net_hdr){ 0 };
		return;
	}
	h->csum_start = (uint16_t)(h->csum_start - link_len);
	/* How much to keep in one piece: may be zero, which is no length. */
	if (h->hdr_len)
		h->hdr_len = (uint16_t)(h->hdr_len - link_len);
}

void frame_follow_family(struct frame *f)
{
	struct virtio_net_hdr *h = &f->offload;
	uint8_t ecn = h->gso_type & VIRTIO_NET_HDR_GSO_ECN;

	if (h->hdr_len)
		h->hdr_len = (uint16_t)(h->hdr_len - h->csum_start + f->p.transport);
	h->csum_start = h->flags ? f->p.transport : 0;
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		h->gso_type = ecn | (f->p.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
						       : VIRTIO_NET_HDR_GSO_TCPV6);
	}
}

uint8_t *frame_store_offload(const struct frame *f, size_t link_len)
{
	struct virtio_net_hdr h = f->offload;
	uint8_t *at = f->p.ip - link_len - HEADER_LEN;

	if (h.flags || h.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		h.csum_start = (uint16_t)(h.csum_start + link_len);
		if (h.hdr_len)
			h.hdr_len = (uint16_t)(h.hdr_len + link_len);
	}
	memcpy(at, &h, HEADER_LEN);
	return at;
}
