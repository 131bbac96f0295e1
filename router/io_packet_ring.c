/*
 * A ring of TPACKET_V2: slots in a row, each the kernel's or ours. TPACKET_V3 hands over blocks of
 * packets, and one that is not full only after a millisecond, which would be added to every round
 * trip.
 *
 * A slot has room for a packet of a usual MTU. Of a longer one (a super-packet) the kernel puts the
 * beginning into the slot and the whole into the socket's own queue, and says so: the slot keeps
 * its place in the order, and recv() brings it. Slots of 64 KiB would need two copies of it all.
 * When that queue is full, only the beginning is there, and the packet is lost.
 *
 * The kernel (5.6 to 6.18 at least) jams a ring for good at a super-packet that no virtio-net header
 * describes, as of SCTP: it drops the packet, but keeps its slot. A ring that is empty while all
 * that comes is lost is given up: from then on packets come by system call. Its memory is replaced
 * by other, so that whoever receives may look at it at any time.
 */
#include "io_packet_ring.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
	HEADER_LEN = sizeof(struct virtio_net_hdr),
	SLOT_LEN = 2048,
	SLOT_COUNT = 2048, /* a power of two */
	BLOCK_LEN = 64 << 10, /* what the kernel allocates in one piece */
	RING_LEN = SLOT_LEN * SLOT_COUNT,
	AHEAD = 4,
	EMPTY_MOST = 16,
};

struct packet_ring {
	int fd;
	uint8_t *slots;
	uint32_t at;
	uint32_t empty; /* looks in a row that found nothing */
	atomic_bool given_up;
};

static int set_ring(int fd, uint32_t len)
{
	const struct tpacket_req request = {
		.tp_block_size = len ? BLOCK_LEN : 0,
		.tp_block_nr = len / BLOCK_LEN,
		.tp_frame_size = len ? SLOT_LEN : 0,
		.tp_frame_nr = len / SLOT_LEN,
	};

	return setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request));
}

static int map_ring(struct packet_ring *r)
{
	const int version = TPACKET_V2, keep_long = 1;

	if (setsockopt(r->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(r->fd, SOL_PACKET, PACKET_COPY_THRESH, &keep_long, sizeof(keep_long)) < 0 ||
	    set_ring(r->fd, RING_LEN) < 0)
		return -errno;
	r->slots = mmap(NULL, RING_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, 0);
	if (r->slots == MAP_FAILED) {
		int error_number = errno;

		set_ring(r->fd, 0);
		return -error_number;
	}
	return 0;
}

int packet_ring_new(struct packet_ring **out, int fd)
{
	struct packet_ring *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return -ENOMEM;
	r->fd = fd;
	error = map_ring(r);
	if (error)
		free(r);
	else
		*out = r;
	return error;
}

void packet_ring_free(struct packet_ring *r)
{
	if (r)
		munmap(r->slots, RING_LEN);
	free(r);
}

static struct tpacket2_hdr *slot(const struct packet_ring *r, uint32_t ahead)
{
	return (struct tpacket2_hdr *)(void *)(r->slots + (r->at + ahead) % SLOT_COUNT * SLOT_LEN);
}

/* By another thread than the one that receives. */
static bool is_empty(const struct packet_ring *r)
{
	for (uint32_t i = 0; i < SLOT_COUNT; i++) {
		const struct tpacket2_hdr *h = (const void *)(r->slots + i * SLOT_LEN);

		if (__atomic_load_n(&h->tp_status, __ATOMIC_RELAXED) & TP_STATUS_USER)
			return false;
	}
	return true;
}

void packet_ring_rescue(struct packet_ring *r)
{
	if (!packet_ring_works(r) || !is_empty(r))
		return;
	/* The kernel keeps a ring as long as it is mapped. */
	if (mmap(r->slots, RING_LEN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED &&
	    set_ring(r->fd, 0) == 0)
		atomic_store_explicit(&r->given_up, true, memory_order_release);
}

bool packet_ring_works(const struct packet_ring *r)
{
	return !atomic_load_explicit(&r->given_up, memory_order_acquire);
}

static void give_back(struct packet_ring *r, struct tpacket2_hdr *h)
{
	__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	r->at++;
	r->empty = 0;
}

/* A ring does not tell of errors of the socket, and epoll would go on about them. */
static ssize_t nothing(struct packet_ring *r)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (++r->empty % EMPTY_MOST == 0)
		getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error ? -error : -EAGAIN;
}

/* The header and the packet's first octets lie in two lines that another CPU wrote. */
static void prefetch(const struct packet_ring *r)
{
	const uint8_t *at = (const uint8_t *)slot(r, AHEAD);

	__builtin_prefetch(at);
	__builtin_prefetch(at + 64);
}

static ssize_t copy(const struct tpacket2_hdr *h, uint8_t *at, size_t room)
{
	size_t len = HEADER_LEN + h->tp_snaplen, from = h->tp_mac;

	if (len > room || from < HEADER_LEN)
		return -EMSGSIZE;
	memcpy(at, (const uint8_t *)h + from - HEADER_LEN, len);
	return (ssize_t)len;
}

ssize_t packet_ring_next(struct packet_ring *r, uint8_t *at, size_t room, uint64_t *missed)
{
	for (;;) {
		struct tpacket2_hdr *h = slot(r, 0);
		uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
		ssize_t len = -EMSGSIZE;

		if (!(status & TP_STATUS_USER))
			return nothing(r);
		prefetch(r);
		if (status & TP_STATUS_COPY) {
			len = recv(r->fd, at, room, MSG_DONTWAIT);
			/* The device's error comes first; the packet stays where it is. */
			if (len < 0 && errno != EAGAIN && errno != EINVAL)
				return -errno;
		} else if (h->tp_snaplen == h->tp_len) {
			len = copy(h, at, room);
		}
		give_back(r, h);
		if (len >= 0)
			return len;
		++*missed;
	}
}
