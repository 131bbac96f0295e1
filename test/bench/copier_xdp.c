/*
 * The yardstick for AF_XDP: copier_xdp DEVICE DEVICE. Frames that come from one device go out by the
 * other, without being looked at or copied: both sockets share one memory.
 *
 * Shape    One thread, a batch of each direction in turn; asleep in poll() when both are empty. What
 *          cannot be queued waits in the ring that it came by, and is lost there, as for a gateway.
 * Limits   Only queue 0 of each device. A kernel that leaves checksums to its device sends frames
 *          here that nobody completes: it must be told not to.
 * Errors   Exit 1 with one line when a device cannot be opened, 2 on wrong usage.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

enum { BATCH = 32, TRIES = 8, RING = 2048, FRAME = XSK_UMEM__DEFAULT_FRAME_SIZE, PORTS = 2 };

struct port {
	struct xsk_socket *socket;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons done, rx;
	int fd;
};

static int fail(const char *what, int error)
{
	fprintf(stderr, "copier_xdp: %s: %s\n", what, strerror(error < 0 ? -error : errno));
	return 1;
}

/* RING frames for each port, beginning at the first of its own. */
static void give(struct port *p, uint64_t first)
{
	uint32_t at = 0;

	xsk_ring_prod__reserve(&p->fill, RING, &at);
	for (uint32_t i = 0; i < RING; i++)
		*xsk_ring_prod__fill_addr(&p->fill, at + i) = (first + i) * FRAME;
	xsk_ring_prod__submit(&p->fill, RING);
}

static int open_port(struct port *p, const char *device, struct xsk_umem *memory)
{
	const struct xsk_socket_config how = {
		.rx_size = RING, .tx_size = RING, .bind_flags = XDP_USE_NEED_WAKEUP,
	};
	int error = xsk_socket__create_shared(&p->socket, device, 0, memory, &p->rx, &p->tx, &p->fill,
					      &p->done, &how);

	if (!error)
		p->fd = xsk_socket__fd(p->socket);
	return error;
}

static int open_ports(struct port ports[static PORTS], char *const *devices)
{
	const struct xsk_umem_config how = { .fill_size = RING, .comp_size = RING, .frame_size = FRAME };
	size_t octets = (size_t)PORTS * RING * FRAME;
	void *memory = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xsk_umem *umem;
	int error;

	if (memory == MAP_FAILED)
		return fail("memory", 0);
	error = xsk_umem__create(&umem, memory, octets, &ports[0].fill, &ports[0].done, &how);
	if (error)
		return fail("memory", error);
	for (int i = 0; i < PORTS; i++) {
		error = open_port(&ports[i], devices[i], umem);
		if (error)
			return fail(devices[i], error);
		give(&ports[i], (uint64_t)i * RING);
	}
	return 0;
}

/* Frames that were sent may receive again, on the port that they had come by. */
static void reuse(struct port *sent, struct port *received)
{
	uint32_t done = 0, to = 0, count = xsk_ring_cons__peek(&sent->done, RING, &done);

	xsk_ring_prod__reserve(&received->fill, count, &to);
	for (uint32_t i = 0; i < count; i++)
		*xsk_ring_prod__fill_addr(&received->fill, to + i) =
			*xsk_ring_cons__comp_addr(&sent->done, done + i) / FRAME * FRAME;
	xsk_ring_prod__submit(&received->fill, count);
	xsk_ring_cons__release(&sent->done, count);
	if (count && xsk_ring_prod__needs_wakeup(&received->fill))
		recvfrom(received->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

/* In copy mode it is the call that sends, some of the ring each time. */
static void push(const struct port *p)
{
	for (int i = 0; i < TRIES; i++)
		if (sendto(p->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0 || errno != EAGAIN)
			return;
}

/* One batch; whether there was something. */
static bool copy(struct port *from, struct port *to)
{
	uint32_t in = 0, out = 0, count;

	reuse(to, from);
	count = xsk_ring_cons__peek(&from->rx, xsk_prod_nb_free(&to->tx, BATCH) < BATCH ? 0 : BATCH, &in);
	if (!count)
		return false;
	xsk_ring_prod__reserve(&to->tx, count, &out);
	for (uint32_t i = 0; i < count; i++)
		*xsk_ring_prod__tx_desc(&to->tx, out + i) = *xsk_ring_cons__rx_desc(&from->rx, in + i);
	xsk_ring_prod__submit(&to->tx, count);
	xsk_ring_cons__release(&from->rx, count);
	push(to);
	return true;
}

static void run(struct port ports[static PORTS])
{
	struct pollfd ready[PORTS] = { { ports[0].fd, POLLIN, 0 }, { ports[1].fd, POLLIN, 0 } };

	for (;;) {
		bool there = copy(&ports[0], &ports[1]), back = copy(&ports[1], &ports[0]);

		if (!there && !back)
			poll(ready, PORTS, -1);
	}
}

int main(int argc, char **argv)
{
	struct port ports[PORTS] = { 0 };

	if (argc != 1 + PORTS) {
		fputs("usage: copier_xdp DEVICE DEVICE\n", stderr);
		return 2;
	}
	if (open_ports(ports, argv + 1))
		return 1;
	run(ports);
}
