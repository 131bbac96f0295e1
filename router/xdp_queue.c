#include "xdp_queue.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <xdp/xsk.h>

/* A ring holds more than all chunks of its kind: the kernel may hand one on before it shows that it
 * has taken it. So there is always room. */
enum {
	CHUNKS = 2048, /* of each half */
	RING = 2 * CHUNKS,
	BUFFER_LEN = 8 << 20, /* of the socket: more than all chunks for sending can be in flight */
	TRIES = 8,
};

struct xdp_queue {
	struct xsk_ring_cons rx, completion;
	struct xsk_ring_prod fill, tx;
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	int fd;
	uint8_t *area;
	size_t area_len;
	uint32_t in_line;
	size_t spare_count;
	uint64_t spare[CHUNKS]; /* chunks to send from; the one used last is the next */
};

static int make_area(struct xdp_queue *q, bool sends)
{
	const struct xsk_umem_config c = {
		.fill_size = RING,
		.comp_size = RING,
		.frame_size = XDP_CHUNK,
	};
	void *area;

	q->area_len = (sends ? 2 : 1) * (size_t)CHUNKS * XDP_CHUNK;
	area = mmap(NULL, q->area_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return -errno;
	q->area = area;
	return xsk_umem__create(&q->umem, area, q->area_len, &q->fill, &q->completion, &c);
}

static int make_socket(struct xdp_queue *q, const char *device, uint32_t number, bool zero_copy,
		       bool sends)
{
	const struct xsk_socket_config c = {
		.rx_size = RING,
		.tx_size = sends ? RING : 0,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_USE_NEED_WAKEUP | (zero_copy ? XDP_ZEROCOPY : XDP_COPY),
	};
	const int len = BUFFER_LEN;
	int r = xsk_socket__create(&q->socket, device, number, q->umem, &q->rx,
				   sends ? &q->tx : NULL, &c);

	if (r < 0)
		return r;
	q->fd = xsk_socket__fd(q->socket);
	setsockopt(q->fd, SOL_SOCKET, SO_SNDBUFFORCE, &len, sizeof(len));
	return 0;
}

/* The first half of the area to the kernel, the second one to us. */
static void share_out(struct xdp_queue *q, bool sends)
{
	uint32_t at = 0;

	xsk_ring_prod__reserve(&q->fill, CHUNKS, &at);
	for (uint32_t i = 0; i < CHUNKS; i++)
		*xsk_ring_prod__fill_addr(&q->fill, at + i) = (uint64_t)i * XDP_CHUNK;
	xsk_ring_prod__submit(&q->fill, CHUNKS);
	while (sends && q->spare_count < CHUNKS) {
		q->spare[q->spare_count] = (CHUNKS + q->spare_count) * XDP_CHUNK;
		q->spare_count++;
	}
}

int xdp_queue_new(struct xdp_queue **out, const char *device, uint32_t number, bool zero_copy,
		  bool sends)
{
	struct xdp_queue *q = calloc(1, sizeof(*q));
	int r = q ? make_area(q, sends) : -ENOMEM;

	if (r == 0)
		r = make_socket(q, device, number, zero_copy, sends);
	if (r < 0) {
		xdp_queue_free(q);
		return r;
	}
	share_out(q, sends);
	*out = q;
	return 0;
}

void xdp_queue_free(struct xdp_queue *q)
{
	if (!q)
		return;
	xsk_socket__delete(q->socket);
	xsk_umem__delete(q->umem);
	if (q->area)
		munmap(q->area, q->area_len);
	free(q);
}

int xdp_queue_descriptor(const struct xdp_queue *q)
{
	return q->fd;
}

static void load(struct frame *f, const uint8_t *ethernet, uint32_t len)
{
	f->len = len - ETH_HLEN;
	f->link_multicast = false;
	f->offload = (struct virtio_net_hdr){ 0 };
	memcpy(frame_ip(f), ethernet + ETH_HLEN, f->len);
}

/* A chunk goes back to the kernel as soon as it is copied. */
size_t xdp_queue_recv(struct xdp_queue *q, struct frame **frames, size_t count)
{
	uint32_t from = 0, to = 0;

	count = xsk_ring_cons__peek(&q->rx, (uint32_t)count, &from);
	if (count) {
		xsk_ring_prod__reserve(&q->fill, (uint32_t)count, &to);
		for (uint32_t i = 0; i < count; i++) {
			const struct xdp_desc *d = xsk_ring_cons__rx_desc(&q->rx, from + i);

			load(frames[i], q->area + d->addr, d->len);
			*xsk_ring_prod__fill_addr(&q->fill, to + i) = d->addr;
		}
		xsk_ring_prod__submit(&q->fill, (uint32_t)count);
		xsk_ring_cons__release(&q->rx, (uint32_t)count);
	}
	if (xsk_ring_prod__needs_wakeup(&q->fill))
		recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	return count;
}

void xdp_queue_reap(struct xdp_queue *q)
{
	uint32_t at = 0, count = xsk_ring_cons__peek(&q->completion, CHUNKS, &at);

	for (uint32_t i = 0; i < count; i++)
		q->spare[q->spare_count++] = *xsk_ring_cons__comp_addr(&q->completion, at + i) &
					     ~(uint64_t)(XDP_CHUNK - 1);
	xsk_ring_cons__release(&q->completion, count);
}

uint8_t *xdp_queue_chunk(const struct xdp_queue *q)
{
	return q->spare_count ? q->area + q->spare[q->spare_count - 1] : NULL;
}

void xdp_queue_put(struct xdp_queue *q, const uint8_t *at, size_t len)
{
	uint32_t entry = 0;

	q->spare_count--;
	xsk_ring_prod__reserve(&q->tx, 1, &entry);
	*xsk_ring_prod__tx_desc(&q->tx, entry) = (struct xdp_desc){
		.addr = (uint64_t)(at - q->area),
		.len = (uint32_t)len,
	};
	q->in_line++;
}

static uint32_t taken(const struct xdp_queue *q)
{
	return __atomic_load_n(q->tx.consumer, __ATOMIC_ACQUIRE);
}

/* A call takes only some of what is in line, or none while the device is busy: again, as long as
 * that helps. What remains goes with the next batch. */
void xdp_queue_flush(struct xdp_queue *q)
{
	uint32_t was = taken(q);
	int tries = 0;

	xsk_ring_prod__submit(&q->tx, q->in_line);
	q->in_line = 0;
	while (xsk_ring_prod__needs_wakeup(&q->tx) && tries < TRIES &&
	       sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno == EAGAIN) {
		uint32_t now = taken(q);

		tries = now == was ? tries + 1 : 0;
		was = now;
	}
}
