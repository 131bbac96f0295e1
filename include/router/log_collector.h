/*
 * One receiver of the log.
 *
 * Sources  RFC 5426 (syslog over UDP), RFC 7011 section 10.3 (IPFIX over UDP).
 * Shape    A socket and an address that is looked up with every message, so that a collector which
 *          ends and comes back, a new socket at an old path included, needs no care.
 * Memory   collector_open() to collector_close().
 * Errors   A negative errno from collector_open(). A message that is not taken is lost.
 */
#ifndef ROUTER_LOG_COLLECTOR_H
#define ROUTER_LOG_COLLECTOR_H

#include <sys/socket.h>

#include "router/conf.h"

/* How long one message may wait for a collector that took the one before. */
enum { COLLECTOR_PATIENCE_MS = 100 };

struct collector {
	enum conf_collector_kind kind;
	int fd;
	bool stalled; /* took not even the last one: wait no more until it does */
	socklen_t len;
	struct sockaddr_storage to;
};

int collector_open(struct collector *k, const struct conf_collector *c);
void collector_close(struct collector *k);

/* Whether it was taken. */
bool collector_send(struct collector *k, const void *octets, size_t len);

#endif
