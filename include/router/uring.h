/*
 * Datagrams read from, or written to, one descriptor: a batch with one system call (io_uring(7)).
 *
 * Sources  Linux 6.1 and later; older ones leave more to other threads than is good here.
 * Shape    A ring belongs to one descriptor, which must not block, and to the first thread that uses
 *          it. When a call returns, nothing is under way.
 * Memory   uring_new() to uring_free(), which takes NULL.
 * Errors   uring_new(): a negative errno where the kernel has no such rings, or lets us have none.
 *          A ring that fails later is given up: its calls do nothing from then on.
 */
#ifndef ROUTER_URING_H
#define ROUTER_URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uring;

enum { URING_MOST = 64 }; /* parts of one batch */

struct uring_part {
	void *at;
	uint32_t len;
	int32_t done; /* octets, or a negative errno; -ECANCELED: not tried */
};

/* fd: has nothing to be read yet. */
int uring_new(struct uring **out, int fd);
void uring_free(struct uring *u);

/* Whether it has not been given up. */
bool uring_works(const struct uring *u);

/* Each part takes one datagram. Where one comes meanwhile, a part may hold it that stands behind one
 * that found nothing. */
void uring_read(struct uring *u, struct uring_part *parts, size_t count);

/* One datagram each, in order, until one cannot be written. Returns how many were. */
size_t uring_write(struct uring *u, struct uring_part *parts, size_t count);

#endif
