/*
 * What a service manager is told: the protocol of sd_notify(3), without its library.
 *
 * Shape    Lines of NAME=VALUE in a datagram to the UNIX socket that NOTIFY_SOCKET names.
 * Memory   notify_open() to notify_close(); NULL where nobody asks, which all functions take.
 * Errors   None: a manager that does not listen is none.
 */
#ifndef ROUTER_NOTIFY_H
#define ROUTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify;

/* Takes what it reads out of the environment. */
struct notify *notify_open(void);
void notify_close(struct notify *n);

/* Lines, with their newlines between them. */
void notify_say(const struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Say that the configuration is read again, as of now; READY=1 says that this is over. */
void notify_reloading(const struct notify *n);

/* Milliseconds between two signs of life that it wants at the most; 0: it wants none. */
uint64_t notify_patience_ms(const struct notify *n);

#endif
