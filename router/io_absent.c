/* Backend absent: what stands for an interface while its device is not there. */
#include <errno.h>
#include <stdlib.h>

#include "io_backend.h"

/* Nothing is too long for it, so that what is to leave by it ends for the right reason. */
enum { ABSENT_MTU = FRAME_LEN_MOST };

static void absent_close(struct io *io)
{
	free(io);
}

static int absent_descriptor(const struct io *io, uint16_t worker)
{
	(void)io, (void)worker;
	return -1;
}

static int absent_recv(struct io *io, uint16_t worker, struct frame **frames, size_t count)
{
	(void)io, (void)worker, (void)frames, (void)count;
	return 0;
}

static enum reason absent_send(struct io *io, uint16_t worker, struct frame **frames, size_t count,
			       size_t *sent)
{
	(void)io, (void)worker, (void)frames, (void)count;
	*sent = 0;
	return REASON_INTERFACE_DOWN;
}

static bool absent_refresh(struct io *io)
{
	(void)io;
	return false;
}

static const struct io_backend absent = {
	.close = absent_close,
	.descriptor = absent_descriptor,
	.recv = absent_recv,
	.send = absent_send,
	.refresh = absent_refresh,
};

int io_open_absent(struct io **io, uint16_t workers)
{
	*io = calloc(1, sizeof(**io));
	if (!*io)
		return -ENOMEM;
	(*io)->backend = &absent;
	(*io)->workers = workers;
	io_note(*io, ABSENT_MTU, false);
	return 0;
}

bool io_is_absent(const struct io *io)
{
	return io->backend == &absent;
}
