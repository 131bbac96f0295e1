/*
 * What must not stay behind in the host, however the gateway ends: a process of its own waits for
 * that end, and undoes what is left to undo.
 *
 * Shape    The control socket, the range of ports from which the kernel chooses, what nfqueue
 *          interfaces ask of the host, and what holds for a while only. Guards and devices go with the
 *          process that made them and need nobody.
 * Order    undo_begin() while there is one thread, and before priv_drop(): the process stays who
 *          started the gateway, because a directory like /run lets nobody else remove files.
 * Memory   undo_begin() to undo_end(), which takes NULL.
 * Promise  What others have changed since is left alone. The gateway can ask for nothing else.
 * Errors   A negative errno, and one line.
 */
#ifndef ROUTER_UNDO_H
#define ROUTER_UNDO_H

#include "guard_ports.h"
#include "queue_host.h"

struct undo;

int undo_begin(struct undo **u, struct io_error *error);

/* Remove this socket. What is said first counts. */
void undo_socket(const struct undo *u, const char *path);

/* Put back the range of ports, where it is what the gateway has made it. What is said last counts. */
void undo_ports(const struct undo *u, const struct host_ports *ports);

/* Put back what was changed for an interface, by number; what is said last counts. */
void undo_host(const struct undo *u, size_t interface, const struct queue_host *host);

/* Put an end to what holds between one gateway and the next (guard_hold.h). What is said last counts. */
void undo_hold(const struct undo *u, uint32_t number);

/* Have it done, and wait for that. */
void undo_end(struct undo *u);

#endif
