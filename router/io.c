#include "router/io.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "io_backend.h"

static const struct io_backend *const backends[] = {
	[IO_TUN] = &io_tun,
	[IO_PACKET] = &io_packet,
	[IO_MEM] = &io_mem,
};

_Static_assert(sizeof(backends) / sizeof(backends[0]) == IO_TYPE_COUNT, "a row per type");

int io_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
	    struct io_error *error)
{
	return backends[c->type]->open(io, c, workers, offload, error);
}

void io_close(struct io *io)
{
	if (io)
		io->backend->close(io);
}

int io_descriptor(const struct io *io, uint16_t worker)
{
	return io->backend->descriptor(io, worker);
}

int io_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	return io->backend->recv(io, worker, frames, count);
}

enum reason io_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
		    size_t *sent)
{
	return io->backend->send(io, worker, frames, count, sent);
}

void io_refresh(struct io *io)
{
	io->backend->refresh(io);
}

uint32_t io_mtu(const struct io *io)
{
	return atomic_load_explicit(&io->mtu, memory_order_relaxed);
}

bool io_is_up(const struct io *io)
{
	return atomic_load_explicit(&io->up, memory_order_relaxed);
}

bool io_has_neighbours(const struct io *io)
{
	return io->backend->has_neighbours;
}

bool io_has_offload(const struct io *io)
{
	return io->offload;
}

void io_note(struct io *io, uint32_t mtu, bool up)
{
	atomic_store_explicit(&io->mtu, mtu, memory_order_relaxed);
	atomic_store_explicit(&io->up, up, memory_order_relaxed);
}

int io_refuse(struct io_error *error, int error_number, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return error_number;
}

enum reason io_send_reason(int error_number)
{
	switch (error_number) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return REASON_SEND_FULL;
	case EIO: /* a tun device that is down */
	case EBADFD: /* a tun device that is gone */
	case ENETDOWN:
	case ENXIO:
	case ENODEV:
		return REASON_INTERFACE_DOWN;
	default:
		return REASON_SEND_ERROR;
	}
}
