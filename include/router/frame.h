/*
 * A packet in a buffer, with what is known about it on its way through a worker.
 *
 * Shape    One buffer holds one frame: headroom, then the IP datagram at FRAME_IP. Link-layer
 *          header and virtio-net header lie directly in front of it, so that either end of a
 *          packet's way needs one contiguous read or write.
 * Memory   Buffers belong to the worker that received into them; others may hold one for a while
 *          (hand-off) and give it back. FRAME_ROOM octets each, touched only as far as used.
 * Errors   None.
 */
#ifndef ROUTER_FRAME_H
#define ROUTER_FRAME_H

#include <linux/virtio_net.h>

#include "nat/nat.h"
#include "router/address.h"

enum {
	FRAME_IP = 128,		/* offset of the IP header in a buffer; a cache line boundary */
	FRAME_LEN_MOST = 65535, /* longest IP datagram */
	FRAME_ROOM = FRAME_IP + FRAME_LEN_MOST + 1,
	FRAME_BATCH = 64, /* most frames that one receive call brings */
};

/* What the kernel, which holds a datagram, is told of it at the latest when its frame is released. */
enum frame_pending { PENDING_NOTHING, PENDING_DROP, PENDING_ACCEPT, PENDING_TOLD };

struct frame_verdict {
	uint32_t packet; /* the kernel's number for it */
	int fd;		 /* netlink socket that verdicts go by */
	uint16_t queue;
	uint8_t pending; /* enum frame_pending */
	bool may_return; /* the kernel would forward what is given back */
};

struct frame {
	uint8_t *octets;   /* FRAME_ROOM of them */
	uint32_t len;	   /* of the IP datagram as received; may hide padding until parsed */
	uint16_t ingress;  /* interface it came in by */
	uint16_t egress;   /* interface it leaves by */
	uint16_t hop;	   /* number of the next hop, by the routes of that generation and version */
	uint32_t generation, version;
	uint16_t worker;   /* that owns the buffer */
	bool translate;	   /* goes through the NAT before it is forwarded */
	bool sought;	   /* the job knows what session it belongs to */
	bool recalled;	   /* and that knows where it is going */
	bool routed;	   /* where it is going has been found out */
	bool link_multicast; /* arrived as link-layer broadcast or multicast */
	uint8_t priority; /* of the VLAN tag that it arrived with, 0 to 7; 0: it had none */
	uint8_t refused;  /* by a backend that sorts: why, as enum reason; REASON_NONE: it was not */
	struct pkt p;
	struct nat_job job; /* from: for a hairpinned datagram not the side of ingress */
	struct address source;	 /* as received, by which it is routed; if rules ask for it */
	struct address next_hop; /* on the link it leaves by; where links have neighbours */
	/* As received, and as to be sent; flags and gso_type zero: nothing to be done. Offsets in
	 * it count from the IP header; a backend with a link layer shifts them. */
	struct virtio_net_hdr offload;
	struct frame_verdict verdict; /* of what came by an nfqueue interface */
} __attribute__((aligned(64)));

static inline uint8_t *frame_ip(const struct frame *f)
{
	return f->octets + FRAME_IP;
}

/* What the parser wants to know from the virtio-net header, if there is anything. */
struct pkt_offload frame_offload(const struct frame *f);
static inline bool frame_has_offload(const struct frame *f)
{
	return f->offload.flags || f->offload.gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

/* After the datagram has changed its family: what is to be done to it is done elsewhere in it. */
void frame_follow_family(struct frame *f);

/* Octets that the buffer has from the IP header on. */
static inline uint32_t frame_room(const struct frame *f)
{
	uint32_t room = (uint32_t)(f->octets + FRAME_ROOM - f->p.ip);

	return room < FRAME_LEN_MOST ? room : FRAME_LEN_MOST;
}

/* For backends with link_len octets of link-layer header. load: take over the virtio-net header
 * that lies in front of that at FRAME_IP. store: write it there in front of f->p, and return where
 * it begins. */
void frame_load_offload(struct frame *f, size_t link_len);
uint8_t *frame_store_offload(const struct frame *f, size_t link_len);

#endif
