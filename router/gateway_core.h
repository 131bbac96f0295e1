/*
 * What a gateway asks of the host and of a configuration before it starts. Private to router/.
 */
#ifndef ROUTER_GATEWAY_CORE_H
#define ROUTER_GATEWAY_CORE_H

#include "router/gateway.h"

/* Fill in what the file leaves to the devices: addresses of `packet` interfaces that share the
 * kernel's, and pools that are an interface's address. */
int gateway_learn(struct conf *c, struct io_error *error);

/* -EINVAL if now differs from was in something that only a restart can change. */
int gateway_same_shape(const struct conf *was, const struct conf *now, struct io_error *error);

#endif
