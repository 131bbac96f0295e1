#include "router/io.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "io_backend.h"

static const struct io_backend *const backends[] = {
	[IO_TUN] = &io_tun,
	[IO_TAP] = &io_tap,
	[IO_PACKET] = &io_packet,
	[IO_XDP] = &io_xdp,
	[IO_NFQUEUE] = &io_nfqueue,
	[IO_RAW] = &io_raw,
	[IO_MEM] = &io_mem,
};

_Static_assert(sizeof(backends) / sizeof(backends[0]) == IO_TYPE_COUNT, "a row per type");

int io_open(struct io **io, const struct conf_interface *c, uint16_t workers, bool offload,
	    struct io_error *error)
{
	int r = backends[c->type]->open(io, c, workers, offload, error);

	if (r == 0 && c->xdp_error)
		io_set_remark(*io, "%s: no AF_XDP (%s); as type packet instead", c->device,
			      strerror(c->xdp_error));
	return r;
}

int io_follow(struct io *io, const struct conf *c, size_t interface, struct io_error *error)
{
	return io->backend->follow ? io->backend->follow(io, c, interface, error) : 0;
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

bool io_settles(const struct io *io)
{
	return io->backend->settle;
}

void io_settle(struct io *io, uint16_t worker, struct frame *f)
{
	io->backend->settle(io, worker, f);
}

void io_flush(struct io *io, uint16_t worker)
{
	io->backend->flush(io, worker);
}

bool io_can_steer(const struct io *io)
{
	return io->backend->steer;
}

int io_steer(struct io *io, int program)
{
	return io->backend->steer(io, program);
}

bool io_refresh(struct io *io)
{
	return io->backend->refresh(io);
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

bool io_sorts(const struct io *io)
{
	return io->backend->sorts;
}

unsigned io_takes(const struct io *io)
{
	return io->takes;
}

const char *io_takes_name(unsigned takes)
{
	return takes & IO_USO ? "tcp+udp" : takes & IO_TSO ? "tcp" : takes ? "checksum" : "off";
}

bool io_kernel_has_uso(void)
{
	struct utsname name;
	unsigned major, minor;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 2);
}

void io_take(struct io *io, unsigned takes, const char *device)
{
	io->takes = (uint8_t)takes;
	if (!(takes & IO_USO))
		io_set_remark(io, "%s: no UDP super-packets before Linux 6.2; cut here", device);
}

void io_take_what_is_known(struct io *io, const char *device)
{
	io_take(io, IO_CHECKSUM | IO_TSO | (io_kernel_has_uso() ? IO_USO : 0), device);
}

uint64_t io_missed(const struct io *io)
{
	return atomic_load_explicit(&io->missed, memory_order_relaxed);
}

const struct queue_host *io_host(const struct io *io)
{
	return io->backend->host ? io->backend->host(io) : NULL;
}

const char *io_remark(const struct io *io)
{
	return io->remark;
}

void io_note(struct io *io, uint32_t mtu, bool up)
{
	atomic_store_explicit(&io->mtu, mtu, memory_order_relaxed);
	atomic_store_explicit(&io->up, up, memory_order_relaxed);
}

void io_miss(struct io *io, uint64_t count)
{
	atomic_fetch_add_explicit(&io->missed, count, memory_order_relaxed);
}

void io_set_remark(struct io *io, const char *format, ...)
{
	size_t len = strlen(io->remark);
	va_list arguments;

	if (len)
		len += (size_t)snprintf(io->remark + len, sizeof(io->remark) - len, "; ");
	va_start(arguments, format);
	if (len < sizeof(io->remark))
		vsnprintf(io->remark + len, sizeof(io->remark) - len, format, arguments);
	va_end(arguments);
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
	case EMSGSIZE: /* the MTU has become smaller */
		return REASON_TOO_BIG;
	default:
		return REASON_SEND_ERROR;
	}
}
